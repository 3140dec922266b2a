"""Recipe files and command lines, damaged and invented."""

import inspect
import logging
import re
from pathlib import Path

import pytest
import yaml
from clear_errors import attempt, share
from damages import damaged_bytes, values
from hypothesis import given
from hypothesis import strategies as st
from speechbrain import parse_arguments

from dispatch_sb.runs.run import Run
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.recipe_files import compose, load_recipe

HPARAMS = Path(__file__).parents[3] / "recipes" / "VoiceBank" / "hparams"
NAMES = ("baseline", "dispatch", "fitnets", "mrstft", "several_teachers")
# What a line may say after its key.
SAYINGS = r"""
null|True|-1|0|3|1e400|.nan|-.inf|99999999999999999999999|1e-320|[]|{}|[[[]]]
{a: {b: 1}}|''|' '|text|[1, two]|(1, 2)|(1|(a, b)|2024-01-01|0x1F|'unclosed|[a
!ref <nope>|!ref <seed|!ref <seed>|!ref <seed>/<seed>|!ref <lr> * 1e9|!ref <>
!new:collections.OrderedDict|!new:no.such.Class|!new:|!new:torch|!name:math.pi
!new:torch.nn.Linear [a]|!new:torch.nn.Linear {no_such: 1}|!apply:math.sqrt [x]
!apply:math.floor [2.5]|!apply:math.sqrt [-1]|!tuple|!odd|!!binary a|{a|@|%|`
&a [*a]|*b|&a {<<: *a}|!PLACEHOLDER|!copy <seed>|!include:x.yaml|"\ud800"
!ref <student>|!!python/object:os.system|!!set {a}|!!float x|!name:torch.relu
"""
SAYINGS = SAYINGS.strip().replace("\n", "|").split("|")
WORD = st.text("!&*:{}[]<>()-?|%@`'\",#=~ \n\tab0.1", max_size=30)


@pytest.fixture(scope="module")
def texts():
    """Whole recipes, their teacher a control that needs no file."""

    class Texts(list):
        """Not shown when an example fails."""

        def __repr__(self):
            return "..."

    texts = {name: compose(HPARAMS / f"{name}.yaml") for name in NAMES}
    old = re.compile(r"^teacher_source:.*(\n +.*|\n-.*)*", re.MULTILINE)
    return Texts(old.sub("teacher_source: clean", x) for x in texts.values())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where relative paths of a recipe begin."""
    inside = tmp_path / "a" / "b" / "c"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    return inside


@st.composite
def damaged_text(draw, text):
    """A recipe with some lines changed, lost or doubled."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(lines) - 1))
        key, colon, _ = lines[place].partition(":")
        kind = draw(st.sampled_from(["say", "say", "say", "lose", "double"]))
        if kind == "say" and colon:
            said = draw(st.sampled_from(SAYINGS) | values().map(flow) | WORD)
            lines[place] = f"{key}: {said}"
        elif kind == "lose":
            lines.pop(place)
        elif kind == "double":
            other = draw(st.integers(0, len(lines)))
            lines.insert(other, lines[place])
        else:
            lines[place] = draw(st.sampled_from([" ", "    ", "- "])) + key
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def keys_of(content):
    """Keys, of which a message has to name one."""
    keys = re.findall(r"(\w{2,}) *:", content.decode("utf-8", "replace"))
    return sorted(set(keys))


def flow(value):
    """A value on one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6)
    return text.removesuffix("...\n").strip()


@share(0.3)
@given(data=st.data())
def test_a_recipe_file(texts, folder, data):
    path = folder / "damaged.yaml"
    text = texts[data.draw(st.integers(0, len(NAMES) - 1))]
    kind = data.draw(st.sampled_from(["lines"] * 6 + ["bytes", "invented"]))
    if kind == "lines":
        content = data.draw(damaged_text(text))
    elif kind == "bytes":
        content = data.draw(damaged_bytes(text.encode()))
    else:
        tree = values() | st.sampled_from([{"extends": x} for x in (3, "", [])])
        content = data.draw(tree.map(flow) | WORD).encode()
    path.write_bytes(content)
    logging.disable()
    try:
        attempt(lambda: load_recipe(path), path, *keys_of(content))
        # A run's folder holds such a file too.
        (folder / "hyperparams.yaml").write_bytes(content)
        run = Run(folder)
        attempt(lambda: run.settings.plain, "hyperparams.yaml")
    finally:
        logging.disable(logging.NOTSET)


def test_keys_that_training_needs_are_named(folder):
    path = folder / "short.yaml"
    path.write_text("seed: 1\n")
    recipe, _ = load_recipe(path)
    source = Path(inspect.getfile(DistillationBrain)).read_text("utf-8")
    used = set(re.findall(r"self\.hparams\.(\w+)", source))
    assert used == set(DistillationBrain.HPARAMS_NEEDED)
    for key in used:
        with pytest.raises(ValueError, match=key):
            _ = recipe[key]


@share(0.3)
@given(data=st.data())
def test_a_command_line(texts, folder, data):
    path = folder / "whole.yaml"
    path.write_text(texts[1])
    keys = keys_of(path.read_bytes())
    more = ["device", "precision", "max_grad_norm", "debug_batches", "no_such"]
    key = st.sampled_from([*keys, *more, "lr.x", "", "seed=1"])
    said = st.sampled_from(SAYINGS) | values().map(flow) | WORD
    given_ = data.draw(st.lists(st.tuples(key, said), min_size=1, max_size=2))
    words = [word for key, said in given_ for word in (f"--{key}", said)]

    def read():
        try:
            _, options, overrides = parse_arguments([str(path), *words])
        except SystemExit:  # argparse said what is wrong
            return None
        chosen = {key: options[key] for key in options.overridden_args}
        return load_recipe(path, overrides, chosen)

    logging.disable()
    try:
        attempt(read, path, "command line", *keys, *more)
    finally:
        logging.disable(logging.NOTSET)
