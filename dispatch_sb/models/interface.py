"""How a model meets SpeechBrain's pretrained interfaces: the shape of its
forward pass, weights that load strictly, and the hash that they are known by.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import hashlib
import os
import pickletools
import re
import threading
import zipfile
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.modules import module as hooks

SLACK = 1 << 24  # bytes that a file of weights may have besides
SHOWN = 10  # keys of one kind
LEAST = 1 << 15  # bytes that every parameter counts: modules take some, too
PICKLE = 1 << 20  # bytes: some 100 for each tensor
# What the pickle of a file of weights names.
DENSE = re.compile(
    r"collections OrderedDict|torch \w+Storage"
    r"|torch\._utils _rebuild_(tensor_v2|parameter)"
)
REAL = {torch.float16, torch.bfloat16, torch.float32, torch.float64}


class WaveformModel(nn.Module):
    """SpeechBrain's form of an ``enhance_model``: (waveforms, features) out.

    Arguments
    ---------
    model : torch.nn.Module
        Maps waveforms [batch, samples] to waveforms [batch, samples].

    Example
    -------
    >>> enhanced, features = WaveformModel(nn.Identity())(torch.zeros(2, 100))
    >>> enhanced.shape
    torch.Size([2, 100])
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, noisy: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Enhances a batch.

        Arguments
        ---------
        noisy : torch.Tensor
            [batch, samples].

        Returns
        -------
        tuple of (torch.Tensor, None)
            The enhanced waveforms [batch, samples], and no features.
        """
        return self.model(noisy), None


class MaskingModel(nn.Module):
    """What all our networks share: they mask the frames of a transform.

    Subclasses have ``hop``, ``latency``, ``stft``, ``initial_state``,
    ``enhance_spectrum`` and ``step``; in ``SIZES`` their first arguments by
    name, in ``TAPS`` their lists of modules and the axes of what these give.

    Arguments
    ---------
    given : dict
        The arguments of the subclass's constructor, its ``locals()``: they
        become ``config``. One is ``sample_rate``.
    """

    SIZES: dict[str, tuple] = {}
    TAPS: dict[str, str] = {}

    def __init__(self, given: dict):
        super().__init__()
        besides = ("self", "__class__")
        self.config = {k: x for k, x in given.items() if k not in besides}
        self.sample_rate = given["sample_rate"]

    @property
    def taps(self) -> dict[str, tuple[str, str]]:
        """Where features can be read, see `dispatch_sb.models.taps.Taps`."""
        return {
            f"{part}.{number}": (f"{part}.{number}", axes)
            for part, axes in self.TAPS.items()
            for number in range(len(getattr(self, part)))
        }

    @classmethod
    def from_size(cls, size: str, **changes) -> "MaskingModel":
        """Builds one of the sizes, with random weights.

        Arguments
        ---------
        size : str
            A key of ``SIZES``.
        **changes : object
            Other arguments of the constructor.

        Returns
        -------
        MaskingModel

        Raises
        ------
        ValueError
            If there is no such size.
        """
        if size not in cls.SIZES:
            raise ValueError(
                f"{cls.__name__} has the sizes {', '.join(cls.SIZES)}; got "
                f"{size!r}."
            )
        return cls(*cls.SIZES[size], **changes)

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """Enhances waveforms.

        Arguments
        ---------
        noisy : torch.Tensor
            ``[batch, samples]``, at ``sample_rate``.

        Returns
        -------
        torch.Tensor
            ``[batch, samples]``, float32.
        """
        with torch.autocast(noisy.device.type, enabled=False):
            spectrum = self.stft(noisy.float())
        state = self.initial_state(noisy.shape[0])
        enhanced, _ = self.enhance_spectrum(spectrum, state)
        with torch.autocast(noisy.device.type, enabled=False):
            return self.stft.inverse(enhanced, noisy.shape[-1])

    def fused(self) -> "MaskingModel":
        """What is deployed: a copy in eval mode, with less work if that can
        be had.

        Returns
        -------
        MaskingModel
            With the same output.
        """
        copy = type(self)(**self.config)
        copy.load_state_dict(self.state_dict())
        return copy.to(self.stft.envelope.device).eval()


def can_stream(model: nn.Module) -> bool:
    """Whether a model can enhance sound that is still arriving.

    Arguments
    ---------
    model : torch.nn.Module
        Any.

    Returns
    -------
    bool
        True of models that state a ``latency`` in samples. They have ``hop``,
        ``stft``, ``enhance_spectrum``, ``initial_state`` and ``fused``, as
        ``FastEnhancer`` has them, and ``step()``, a
        `dispatch_sb.models.step.Step`.

    Example
    -------
    >>> can_stream(nn.Identity())
    False
    """
    return getattr(model, "latency", None) is not None


def load_weights(model: nn.Module, path: str | os.PathLike) -> None:
    """Loads a state dict, all of it or nothing.

    Also a ``custom_hooks`` entry for SpeechBrain's ``Pretrainer``, whose own
    loading only warns of missing keys.

    Arguments
    ---------
    model : torch.nn.Module
        Receives the weights, on whatever device it is.
    path : str or path
        File written by ``torch.save(model.state_dict(), path)``. Only tensors
        are read from it; pickled code is refused.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no state dict, or not one of this model: the message lists
        the missing and unexpected keys and the tensors of another shape or
        type.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> torch.save(nn.Linear(2, 2).state_dict(), folder / "weights.ckpt")
    >>> load_weights(nn.Linear(2, 3), folder / "weights.ckpt")
    Traceback (most recent call last):
    ...
    ValueError: ...weights.ckpt does not fit Linear: ...
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"{path} does not exist: download or export the model again."
        )
    try:
        _check_archive(model, path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise nearly anything
        known = isinstance(error, (ValueError, zipfile.BadZipFile))
        reason = error if known else type(error).__name__
        raise ValueError(
            f"{path} is damaged or holds more than tensors ({reason}): "
            "download or export it again."
        ) from error
    load_state(model, state, path)


def load_state(model: nn.Module, state, path: str | os.PathLike) -> None:
    """Gives a model the tensors of a file, all of them or none.

    Arguments
    ---------
    model : torch.nn.Module
        Receives the weights, on whatever device it is.
    state : dict
        Tensors by name.
    path : str or path
        Where they were read from, for the message.

    Raises
    ------
    ValueError
        If they are not those of this model, see ``load_weights``.

    Example
    -------
    >>> load_state(nn.Linear(2, 3), {}, "model.safetensors")
    Traceback (most recent call last):
    ...
    ValueError: model.safetensors does not fit Linear: missing keys: ...
    """
    problems = _differences(model, state)
    if problems:
        raise ValueError(
            f"{path} does not fit {type(model).__name__}: "
            + "; ".join(problems)
            + ". Check that the weights belong to this configuration."
        )
    state = {key: state[key] for key in state}  # less attributes of its own
    broken = [
        key
        for key, x in state.items()
        if not torch.isfinite(x if x.is_complex() else x.float()).all()
    ]
    if broken:
        raise ValueError(
            f"{path} holds NaN or infinity in {', '.join(broken)}: download or "
            "export it again, or train it again."
        )
    model.load_state_dict(state)


def _check_archive(model: nn.Module, path: str | os.PathLike) -> None:
    """Refuses what torch.load would take long or much memory for, or tensors
    that are not dense: what a file of weights is, is an archive of them."""
    tensors = model.state_dict().values()
    limit = 8 * sum(t.nbytes for t in tensors) + SLACK
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        unpacked = sum(part.file_size for part in parts)
        if unpacked > limit:
            raise ValueError(
                f"it unpacks to {unpacked:,} bytes, of {limit:,} at most that "
                f"fit {type(model).__name__}"
            )
        for part in parts:
            if part.filename.lower().endswith(".pkl"):
                _check_pickle(archive.read(part))


def _check_pickle(content: bytes) -> None:
    """Refuses what no state dict holds: other objects, and tuples that stand
    in several places, which take for ever as keys."""
    if len(content) > PICKLE:
        raise ValueError(f"it names {len(content):,} bytes of tensors")
    tuples, last = set(), ""
    for code, value, _ in pickletools.genops(content):
        if "GLOBAL" in code.name and not DENSE.fullmatch(str(value)):
            raise ValueError(f"{value!r:.80}")
        if "PUT" in code.name and "TUPLE" in last:
            tuples.add(value)
        if "GET" in code.name and value in tuples:
            raise ValueError("a tuple in several places")
        last = code.name


@contextlib.contextmanager
def no_larger_than(most: int) -> Iterator[None]:
    """Stops a network that is built within and grows too large.

    Arguments
    ---------
    most : int
        Bytes of its parameters, each of which counts ``LEAST`` at least.

    Yields
    ------
    None
        Networks are built within, by this thread.

    Raises
    ------
    ValueError
        Before what is too large is filled.
    """
    seen, held, thread = set(), 0, threading.get_ident()

    def count(_, __, part):
        nonlocal held
        if part is None or threading.get_ident() != thread:
            return
        copied = isinstance(part, nn.Module)  # registers nothing by itself
        for one in part.parameters() if copied else [part]:
            held += 0 if id(one) in seen else max(one.nbytes, LEAST)
            seen.add(id(one))
        if held > most:
            raise ValueError(
                f"the network has more than {most:,} bytes of parameters"
            )

    counting = [
        hooks.register_module_parameter_registration_hook(count),
        hooks.register_module_module_registration_hook(count),
    ]
    try:
        yield
    finally:
        for one in counting:
            one.remove()


def _differences(model: nn.Module, state) -> list[str]:
    """What keeps a state dict from being exactly the model's, in words."""
    if not isinstance(state, dict):
        return [f"it holds a {type(state).__name__}, not a state dict"]
    own = model.state_dict()
    found = {
        "missing keys": [key for key in own if key not in state],
        "unexpected keys": [str(key) for key in state if key not in own],
        "others": [
            f"{key} is {_form(state[key])} instead of {_form(own[key])}"
            for key in own
            if key in state and _form(state[key]) != _form(own[key])
        ],
    }
    return [f"{what}: {_listed(keys)}" for what, keys in found.items() if keys]


def _listed(keys: list[str]) -> str:
    """Keys with commas between, not hundreds of them."""
    more = f", and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(f"{ascii(key)[1:-1]:.200}" for key in keys[:SHOWN]) + more


def _form(value) -> str:
    """Contents of a tensor, whatever its precision, and its shape; the type of
    anything else."""
    if not isinstance(value, torch.Tensor):
        return f"a {type(value).__name__}"
    kind = "real" if value.dtype in REAL else value.dtype
    return f"{kind} {list(value.shape)}"


def state_hash(model: nn.Module) -> str:
    """Identifies a model by the values of its parameters and buffers.

    Arguments
    ---------
    model : torch.nn.Module
        Any model.

    Returns
    -------
    str
        SHA-256, hexadecimal.

    Example
    -------
    >>> state_hash(nn.Identity())[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
