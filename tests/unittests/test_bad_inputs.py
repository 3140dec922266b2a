"""Bad inputs of every kind: each ends with one sentence that names the file,
the key or the value, a status that is not 0, and nothing left behind.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import importlib.util
import json
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx.parser
import pytest
import torch
from clear_errors import attempt, share
from finished_run import TINY, write_run
from hypothesis import given
from hypothesis import strategies as st
from odd_sounds import REFUSED, TONE, made

from dispatch_sb import cli
from dispatch_sb.data import (
    located_manifest,
    write_audio,
    write_pair_manifest,
)
from dispatch_sb.data.shard_writing import write_shards
from dispatch_sb.enhance.record_teacher import record_folder
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load_teacher, save

HERE = Path(__file__).resolve().parent
RECIPE = HERE.parents[1] / "recipes" / "VoiceBank"
ONNX = """<ir_version: 8, opset_import: ["" : 17]>
agraph (float[batch, samples] a) => (float[batch, samples] b)
<float half = {0.5}> { b = Mul(a, half) }"""
PAIRS = """train_pairs: .
valid_pairs: .
test_pairs: .
"""
OWN = f"""extends: {RECIPE}/hparams/METHOD.yaml
output_folder: out
data_folder: null
batch_size: 2
number_of_epochs: 1
"""
TEXTS = {
    "baseline.yaml": OWN.replace("METHOD", "baseline") + PAIRS,
    "dispatch.yaml": OWN.replace("METHOD", "dispatch") + PAIRS,
    "mixed.yaml": OWN.replace("METHOD", "baseline"),
    "study.yaml": """students: [T]
seeds: [1]
options: {number_of_epochs: 1}
sweep: {key: share, values: [0.5], seed: 1}
methods: {none: {recipe: baseline.yaml, distils: false}}
folder: runs
published: published
pool: pool
parts: {}
tests: {}
""",
}
# Good command lines, in which words are then changed, added or left out.
LINES = """
enhance a.wav out.wav --keep -12 --model model
enhance clean a.wav out --format flac
enhance a.wav out.flac --model a.onnx --chunk-seconds 3 --overlap-seconds 1
live --fast --input a.wav --output out.wav --block-ms 20
mix clean noisy out --hours 0.001 --snr 0 10 --segment 0.5 --seed 3
record model noisy out --delay 1 --device cpu
shard pairs.json --data-root . --output out --teacher recorded --size 1
export run out --keep -12dB --example a.wav --scores test=run/scores.json
push model lab/a --tag v1 --message more --dry-run
profile model --seconds 0.1 --runs 1
"""
ODD = """- . .. nan inf -1 0 1e9 1e400 * [ x=1 --no --help --revision clean
noisy model run recorded shards pairs.json a.wav a.onnx empty no/such lab/a"""
ODD = [*ODD.split(), "", " ", "a b", "x" * 300, "ä\udce4", "two\nlines"]
SOUNDS = {
    "long": made("WAV", "FLOAT", TONE),
    "short": made("WAV", "FLOAT", TONE[:99]),
    "silent": made("WAV", "FLOAT", 0 * TONE[:9600]),
    "not finite": made("WAV", "FLOAT", np.full(9600, np.nan)),
    "8 kHz": made("WAV", "FLOAT", TONE, 8000),
    "stereo": made("WAV", "FLOAT", np.stack([TONE, TONE], 1)),
    "FLAC": made("FLAC"),
}


def table():
    """Command line, what is named, and changes, of each case."""
    sections = (HERE / "bad_inputs.txt").read_text().split("\n[")[1:]
    for section in sections:
        begin, *rows = section.strip("\n").split("\n")
        for row in rows:
            line, named, *changes = row.split(" | ") if row else ["", ""]
            if row:
                yield f"{begin.strip(']')} {line}".strip(), named, changes
    for name in REFUSED:
        yield f"enhance {name} out.wav", name, [f"{name} refused"]


CASES = list(table())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with one of everything, all of it good."""
    top = tmp_path_factory.mktemp("world")
    generator = np.random.default_rng(1)
    for name in ("ann_1", "bob_1", "eve_1"):
        clean = 0.1 * generator.standard_normal(9600)
        noisy = clean + 0.03 * generator.standard_normal(9600)
        write_audio(top / "clean" / f"{name}.wav", clean, subtype="PCM_16")
        write_audio(top / "noisy" / f"{name}.wav", noisy, subtype="PCM_16")
    write_pair_manifest(top / "clean", top / "noisy", top / "pairs.json", top)
    torch.manual_seed(0)
    save(FastEnhancer(**TINY), top / "model", "# Tiny", noisy)
    save(FastEnhancer(**TINY, sample_rate=8000), top / "narrow", "# Tiny")
    load = functools.partial(load_teacher, top / "model")
    record_folder(load, top / "noisy", top / "recorded")
    write_shards(located_manifest(top / "pairs.json", top), top / "shards")
    write_run(top / "trained").rename(top / "run")
    onnx.save(onnx.parser.parse_model(ONNX), top / "a.onnx")
    for name, text in TEXTS.items():
        (top / name).write_text(text)
    (top / "empty").mkdir()
    shutil.copy(top / "noisy" / "ann_1.wav", top / "a.wav")
    return top


def change(text):
    """Does to a file what the table says."""
    name, _, rest = text.partition(" ")
    path, (how, _, what) = Path(name), rest.partition(" ")
    what = what.encode().decode("unicode_escape").encode("latin-1")
    if how == "gone":
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    old = path.read_bytes() if path.is_file() else b""
    before, _, after = what.partition(b" -> ")
    contents = {
        "refused": lambda: REFUSED[name],
        "cut": lambda: old[: len(old) // 2],
        "=": lambda: what,
        "is": lambda: SOUNDS[what.decode()],
        "~": lambda: old.replace(before, after),
        "+": lambda: json.dumps(
            {**json.loads(old), **json.loads(what)}
        ).encode(),
    }
    new = contents[how]()
    assert new != old or not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(new)


@functools.cache
def script(name):
    """A script of the recipe as a module."""
    sys.path.insert(0, str(RECIPE))
    spec = importlib.util.spec_from_file_location(name, RECIPE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.remove(str(RECIPE))
    return module


def run(words):
    """Runs a command line in this process; its status."""
    try:
        if words[:1] in (["train"], ["study"]):
            return script(words[0]).main(words[1:])
        return cli.main(words)
    except SystemExit as stop:
        if isinstance(stop.code, str):  # Python writes it, and ends with 1
            sys.stderr.write(stop.code)
            return 1
        return stop.code


# What Python prints of objects that it could not delete is a traceback too.
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "line, named, changes",
    CASES,
    ids=lambda text: text if isinstance(text, str) else "",
)
def test_a_bad_input(whole, tmp_path, monkeypatch, capfd, line, named, changes):
    here = shutil.copytree(whole, tmp_path / "w")
    monkeypatch.chdir(here)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(  # seconds, and a log that outlives the test
        "speechbrain.create_experiment_directory", lambda folder: None
    )
    if "--model ''" not in line:
        monkeypatch.setenv("DISPATCH_SB_MODEL", "model")
    for text in changes:
        change(text)
    before = set(here.rglob("*"))
    status = run(shlex.split(line))
    told = capfd.readouterr()
    text = f"{line}: {status}\n{told.out}{told.err}"
    assert status in (1, 2) and "Traceback" not in text, text
    assert named in told.out + told.err, text
    left = {
        path.relative_to(here).parts[0]
        for path in set(here.rglob("*")) - before
    }
    assert left <= {"made"} and set(here.rglob("*")) >= before, (text, left)


@pytest.mark.filterwarnings("ignore")
@share(0.5)
@given(data=st.data())
def test_any_command_line(whole, tmp_path, monkeypatch, capfd, data):
    words = data.draw(st.sampled_from(LINES.strip().split("\n"))).split()
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(1, len(words) - 1))
        new = data.draw(st.sampled_from([[], *([odd] for odd in ODD)]))
        words[place : place + data.draw(st.integers(0, 1))] = new
    if words[0] == "push":
        words.append("--dry-run")
    here = Path(tempfile.mkdtemp(dir=tmp_path)) / "w"
    monkeypatch.chdir(shutil.copytree(whole, here))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # nobody listens
    files = [path for path in here.rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    status = attempt(lambda: run(words))
    told = capfd.readouterr()
    text = f"{words}: {status}\n{told.out}{told.err}"
    assert status in (0, 1, 2) and "Traceback" not in text, text
    for path in files * (words[0] != "export"):  # that may replace a model
        assert path.read_bytes() == before[path], (path, text)


def test_there_are_many():
    assert len(CASES) > 250
