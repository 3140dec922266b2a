"""YAML of HyperPyYAML's form, built without running code that it brings: of
all objects it may name those of one list, and nothing else.

Authors
 * The dispatch-sb contributors, 2026
"""

import copy
import functools
import math
import os
import pydoc
import re
from collections.abc import Collection
from typing import Any

import ruamel.yaml
import yaml
from hyperpyyaml import load_hyperpyyaml
from hyperpyyaml.core import parse_arithmetic
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from dispatch_sb.models.interface import no_larger_than


def _names(**modules: str) -> frozenset[str]:
    """Dotted names; two underscores in a keyword are a dot."""
    return frozenset(
        f"{module.replace('__', '.')}.{name}"
        for module, names in modules.items()
        for name in names.split()
    )


# What computes, and neither reads, writes, loads nor calls anything else. Each
# name is an object by itself: what can be reached through it is not on a list.
NETWORKS = _names(
    torch="hamming_window hann_window",
    torch__nn="""AvgPool1d AvgPool2d BatchNorm1d BatchNorm2d Conv1d Conv2d
        ConvTranspose1d ConvTranspose2d Dropout Dropout1d Dropout2d ELU GELU
        GLU GRU GroupNorm Hardtanh Identity InstanceNorm1d InstanceNorm2d LSTM
        LayerNorm LeakyReLU Linear Mish ModuleDict ModuleList MultiheadAttention
        PReLU ReLU ReLU6 SELU Sequential SiLU Sigmoid Softmax Softplus Tanh
        TransformerEncoder TransformerEncoderLayer Upsample""",
    torchaudio__transforms="""InverseSpectrogram MelScale MelSpectrogram
        Resample Spectrogram""",
    speechbrain__dataio__preprocess="AudioNormalizer",
    speechbrain__lobes__models__EnhanceResnet="EnhanceResnet",
    speechbrain__lobes__models__MetricGAN="""EnhancementGenerator
        MetricDiscriminator""",
    speechbrain__lobes__models__MetricGAN_U="""EnhancementGenerator
        MetricDiscriminator""",
    speechbrain__lobes__models__conv_tasnet="Decoder Encoder MaskNet",
    speechbrain__lobes__models__dual_path="""DPTNetBlock Decoder
        Dual_Path_Model Encoder FastTransformerBlock IdentityBlock
        PytorchTransformerBlock SBConformerEncoderBlock SBRNNBlock
        SBTransformerBlock SepformerWrapper""",
    speechbrain__lobes__models__segan_model="Discriminator Generator",
    speechbrain__lobes__models__transformer__TransformerSE="CNNTransformerSE",
    speechbrain__lobes__models__resepformer="""MemLSTM
        ResourceEfficientSeparator SBTransformerBlock_wnormandskip SegLSTM""",
    speechbrain__nnet__CNN="""Conv1d Conv2d ConvTranspose1d
        DepthwiseSeparableConv1d DepthwiseSeparableConv2d SincConv""",
    speechbrain__nnet__RNN="GRU LSTM LiGRU RNN",
    speechbrain__nnet__activations="Softmax Swish",
    speechbrain__nnet__containers="""ConnectBlocks LengthsCapableSequential
        ModuleList Sequential""",
    speechbrain__nnet__dropout="Dropout2d",
    speechbrain__nnet__linear="Linear",
    speechbrain__nnet__normalization="""BatchNorm1d BatchNorm2d GroupNorm
        InstanceNorm1d InstanceNorm2d LayerNorm""",
    speechbrain__processing__features="ISTFT STFT spectral_magnitude",
    speechbrain__processing__signal_processing="resynthesize",
    dispatch_sb__models="""ConvTasNet ConvTasNet.from_size DCCRN DCCRN.from_size
        FastEnhancer FastEnhancer.from_size WaveformModel build_model""",
    dispatch_sb__models__conv_tasnet="ConvTasNet",
    dispatch_sb__models__dccrn="DCCRN",
    dispatch_sb__models__fast_enhancer="FastEnhancer",
)
# A stranger sets no seed here: these are allowed, and do nothing.
SEEDS = ("!apply:torch.manual_seed", "!apply:speechbrain.utils.seed_everything")
# What a pretrained folder names besides: where its weights go, and how they
# are loaded; not from where.
HOOK = "dispatch_sb.models.interface.load_weights"
FOLDER = NETWORKS | _names(
    dispatch_sb__models__interface="load_weights",
    speechbrain__utils__parameter_transfer="Pretrainer",
)
# What the student and the loss of a run are made of.
RUN = NETWORKS | _names(
    dispatch_sb__losses="""ComplexL2 CompressedMagnitude DFKD DistillationLoss
        LogMagnitude MagnitudeL1 MagnitudeL2 MultiResolutionSTFT
        OutputDistillation PositiveGap RandomShare SISDRLoss SoftGap TopGap
        TopPositiveGap WaveformL1""",
    dispatch_sb__training__recipe_files="choose",
)

LARGEST = 100_000  # characters of a YAML: the published ones have 2,000
BRACKETS = 1000  # nested, the parser would take minutes for more
PARTS = 10_000  # of a YAML in which every reference is written out
SHORT = 1000  # characters of a text that stands in others
HEAVIEST = 1 << 29  # bytes of parameters: the published ones take 0.1 GB
REFERRING = ("!ref", "!copy")
STANDARD = "tag:yaml.org,2002:"
PLAIN = {"bool", "float", "int", "map", "null", "seq", "str", "timestamp"}
REFERENCE = re.compile(r"<([\w -]+(?:\[[\w -]+\])*)>")
ARITHMETIC = re.compile(r"[\d.eE+\-*/%() ]{1,80}")
TUPLE = re.compile(r"^\(.*\)$")
REMEDY = (
    "if you trust who wrote it, allow it with trust_remote_code=True, on the "
    "command line --trust_remote_code"
)


def build_allowed(
    text: str, allowed: Collection[str] | None, where: str | os.PathLike
) -> dict[str, Any]:
    """Builds what a YAML describes, as ``load_hyperpyyaml`` does, of allowed
    objects only; nothing is built before all of it is checked.

    ``!new:``, ``!name:`` and ``!apply:`` of an allowed name, ``!ref`` and
    ``!copy`` of a key, arithmetic on numbers, and tuples are understood.

    Arguments
    ---------
    text : str
        The YAML.
    allowed : collection of str or None
        Dotted names, each of one object, such as ``NETWORKS``. None: whatever
        the YAML names, which is trusted.
    where : str or path
        The file, for the message.

    Returns
    -------
    dict
        What its keys stand for, but those that begin with ``__``.

    Raises
    ------
    ValueError
        If it names anything else, or cannot be built.

    Example
    -------
    >>> text = "n: 6\\nlayer: !new:torch.nn.Linear [!ref <n> // 2 + 1, 2]"
    >>> build_allowed(text, NETWORKS, "a.yaml")["layer"]
    Linear(in_features=4, out_features=2, bias=True)
    >>> build_allowed("a: !apply:os.system [ls]", NETWORKS, "a.yaml")
    Traceback (most recent call last):
    ...
    ValueError: a.yaml, line 1: !apply:os.system is not on the list ...
    """
    try:
        if allowed is None:
            return load_hyperpyyaml(text)
        check_length(text)
        builder = _Builder(text, allowed, where)
        root = builder.root
        if not isinstance(root, MappingNode):
            raise ValueError("it holds no keys")
        if builder.size(root) > PARTS:
            raise ValueError(f"it has more than {PARTS} parts, written out")
        # HyperPyYAML builds and drops these.
        root.value = [
            pair for pair in root.value if not pair[0].value.startswith("__")
        ]
        with no_larger_than(HEAVIEST):
            return dict(builder.construct_document(root))
    except _Refused as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # parsers and networks raise anything
        words = " ".join(str(error).split())[:500]
        raise ValueError(
            f"{where} does not load ({type(error).__name__}: {words}): check "
            "it, and that the installed packages have what it names"
        ) from error


def check_length(text: str) -> None:
    """Refuses a YAML for which a parser would take minutes.

    Arguments
    ---------
    text : str
        The YAML.

    Raises
    ------
    ValueError
        If it is too long, or has too many brackets.
    """
    if len(text) > LARGEST or len(re.findall(r"[\[{]", text)) > BRACKETS:
        raise ValueError(
            f"it has more than {LARGEST} characters or {BRACKETS} brackets"
        )


class _Refused(Exception):
    """Something that is not allowed."""


def _reason_against(node, allowed: Collection[str]) -> str | None:
    """Why a node is not allowed, None if it is."""
    tag = str(node.tag)
    strange = f"{tag:.200} is not on the list"
    kind, colon, name = tag.partition(":")
    if tag in SEEDS:
        return None
    if kind in ("!new", "!name", "!apply") and colon:
        known = name in allowed and (
            name != HOOK or (kind == "!name" and not node.value)
        )
        return None if known else f"{strange} of what is built"
    if tag.removeprefix(STANDARD) in PLAIN and tag.startswith(STANDARD):
        return None
    if tag in ("!ref", "!copy", "!tuple") and isinstance(node, ScalarNode):
        left = "" if tag == "!tuple" else REFERENCE.sub("", node.value)
        if "<" in left or ">" in left:
            return f"{tag} {node.value:.80} is more than a reference to a key"
        return None
    return f"{strange} of tags"


class _Builder(ruamel.yaml.SafeLoader):
    """HyperPyYAML's tags on ruamel's loader of plain data, which constructs no
    other object."""

    def __init__(self, text: str, allowed: Collection[str], where):
        super().__init__(text)
        self.allowed, self.where, self.sizes = allowed, where, {}
        self.root = self.get_single_node()

    def size(self, node) -> float:
        """How many parts there are where aliases and references are written
        out; refuses what is not allowed, also if nothing is built of it."""
        if id(node) in self.sizes:
            return self.sizes[id(node)]
        self.sizes[id(node)] = math.inf  # of what holds itself
        if reason := _reason_against(node, self.allowed):
            raise _Refused(
                f"{self.where}, line {node.start_mark.line + 1}: "
                f"{reason}: {REMEDY}"
            )
        parts = node.value
        if isinstance(node, MappingNode):
            parts = [part for pair in node.value for part in pair]
        elif isinstance(node, ScalarNode):
            whole = node.tag in REFERRING and REFERENCE.fullmatch(node.value)
            parts = [self.find(whole[1])] if whole else []
        self.sizes[id(node)] = 1 + sum(map(self.size, parts))
        return self.sizes[id(node)]

    def construct_object(self, node, deep=True):
        """Whole, before anything is done with it."""
        return super().construct_object(node, deep=True)

    def find(self, path: str):
        """The node of ``key[part]``, through references on the way."""
        node = self.root
        for part in path.replace("]", "").split("["):
            pairs = node.value if isinstance(node, MappingNode) else []
            found = [value for key, value in pairs if key.value == part]
            if not found:
                raise ValueError(f"the reference <{path}> leads nowhere")
            node = found[0]
            while whole := node.tag == "!ref" and REFERENCE.fullmatch(
                node.value
            ):
                node = self.find(whole[1])
        return node

    def filled(self, match: re.Match) -> str:
        """What stands for a reference inside a text."""
        value = self.construct_object(self.find(match[1]), deep=True)
        if value is not None and not isinstance(value, (str, int, float)):
            raise ValueError(f"{match[0]} is no number and no text")
        if len(text := str(value)) > SHORT:
            raise ValueError(f"{match[0]} has {len(text)} characters")
        return text


def _reference(builder: _Builder, node: ScalarNode):
    """What ``!ref`` refers to, or a text with arithmetic."""
    if whole := REFERENCE.fullmatch(node.value):
        return builder.construct_object(builder.find(whole[1]), deep=True)
    text = REFERENCE.sub(builder.filled, node.value)
    if len(text) > LARGEST:
        raise ValueError(f"{node.value:.80} has {len(text)} characters")
    if TUPLE.match(text) and "," in text:
        return _tuple_of(text)
    sums = ARITHMETIC.fullmatch(text) and "**" not in text
    return parse_arithmetic(text) if sums else text


def _copy(builder: _Builder, node: ScalarNode):
    """What ``!copy`` gives: the same, and nothing shared."""
    return copy.deepcopy(_reference(builder, node))


def _tuple_of(text: str) -> tuple:
    """A tuple of plain values."""
    return tuple(yaml.safe_load(f"[{text[1:-1]}]"))


def _object(builder: _Builder, name: str, node) -> Any:
    """What ``!new:`` and ``!apply:`` give."""
    return _partial(builder, name, node)()


def _partial(builder: _Builder, name: str, node) -> Any:
    """What ``!name:`` gives: an allowed object, and its arguments."""
    target = pydoc.locate(name)
    if target is None:
        raise ImportError(f"there is no {name}")
    args, kwargs = [], {}
    if isinstance(node, MappingNode):
        kwargs = builder.construct_mapping(node, deep=True)
    elif isinstance(node, SequenceNode):
        args = builder.construct_sequence(node, deep=True)
    called = args or kwargs
    return functools.partial(target, *args, **kwargs) if called else target


_Builder.add_constructor("!ref", _reference)
_Builder.add_constructor("!copy", _copy)
_Builder.add_constructor("!tuple", lambda builder, node: _tuple_of(node.value))
_Builder.add_implicit_resolver("!tuple", TUPLE, ["("])
for seed in SEEDS:
    _Builder.add_constructor(seed, lambda builder, node: None)
_Builder.add_multi_constructor("!new:", _object)
_Builder.add_multi_constructor("!apply:", _object)
_Builder.add_multi_constructor("!name:", _partial)
