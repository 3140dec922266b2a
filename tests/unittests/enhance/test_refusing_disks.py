"""A disk that takes no more, folders that cannot be written, files that go
missing, and names of every kind."""

import contextlib
import errno
import json
import os
import resource
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from teacher_data import write_pairs, write_teacher
from torch.nn import Identity, Linear
from torch.utils.data import DataLoader

from dispatch_sb.cli import main
from dispatch_sb.data import pair_dataset, read_audio, write_audio
from dispatch_sb.data.disk import DataError, in_words
from dispatch_sb.scoring import evaluation
from dispatch_sb.scoring.journal import ScoreJournal
from dispatch_sb.training.checkpoints import AtomicCheckpointer

MOST = 70_000  # bytes of a file; more than a folder is tried with
NASTY = "- \"q\" 'a' $HOME {x}{{y}} %d%s #1: <b>&amp; [a]*?!=\n`ls`;~ é🎤שלום"
NASTY += unicodedata.normalize("NFD", "é")


@contextlib.contextmanager
def full():
    """Files that grow are refused, as by a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Speech and noise of five seconds, a teacher and its folder."""
    folder = tmp_path_factory.mktemp("data")
    write_pairs(folder, {"ann_1": 80000, "bob_1": 80001})
    write_teacher(folder / "teacher")
    return folder


def commands(data, out):
    """Command lines that write into a folder."""
    clean, noisy, teacher = (data / x for x in ("clean", "noisy", "teacher"))
    return {
        "mix": ("mix", clean, noisy, out, "--hours", "0.001"),
        "record": ("record", teacher, noisy, out),
        "shard": ("shard", data, "--output", out),
        "enhance": ("enhance", noisy, out, "--model", teacher),
        "flac": ("enhance", noisy, out, "--model", teacher, "--format", "flac"),
    }


def sounds(folder):
    """What a command has made, less what names folders or times."""
    paths = [p for p in folder.rglob("*") if p.suffix in (".flac", ".tar")]
    return {p.relative_to(folder): p.read_bytes() for p in paths}


@pytest.mark.parametrize("name", commands(Path(), Path()))
def test_a_full_disk_costs_one_sentence(data, tmp_path, capsys, name):
    """And nothing else: with room, the command ends as if nothing had been."""
    words, whole = (
        [str(word) for word in commands(data, tmp_path / place)[name]]
        for place in ("out", "whole")
    )
    with full():
        assert main(words) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "out") in said and "same command" in said
    assert said.count("\n") == 1 and "Traceback" not in said
    left = [p for p in tmp_path.rglob("*") if p.name.endswith(".partial")]
    assert left == []
    assert main(words) == main(whole) == 0
    assert sounds(tmp_path / "out") == sounds(tmp_path / "whole")


def test_a_checkpoint_that_does_not_fit_leaves_the_last(tmp_path):
    kept = {"net": Linear(200, 100)}
    checkpointer = AtomicCheckpointer(tmp_path, kept)
    before = checkpointer.save_checkpoint().path
    with full(), pytest.raises(OSError, match=str(tmp_path)) as error:
        checkpointer.save_checkpoint()
    assert error.value.errno == errno.EFBIG
    assert [*tmp_path.iterdir()] == [before]
    assert checkpointer.save_checkpoint().path != before


def test_a_line_of_scores_is_whole_or_not_there(tmp_path):
    journal = ScoreJournal(tmp_path / "scores.jsonl")
    journal.add("a", {"pesq": 1.0})
    before = journal.path.read_bytes()
    with full(), pytest.raises(OSError, match="scores.jsonl"):
        journal.add("b" * MOST, {"pesq": 2.0})
    assert journal.path.read_bytes() == before


@pytest.mark.parametrize("name", ["mix", "record", "shard", "enhance"])
def test_a_folder_that_is_none_is_found_first(data, tmp_path, capsys, name):
    place = tmp_path / "file"
    place.touch()
    words = commands(data, place / "out")[name]
    assert main([str(word) for word in words]) == 1
    said = capsys.readouterr().err
    assert str(place) in said and said.count("\n") == 1


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:1000]),
        lambda path: write_audio(path, np.ones(900), subtype="PCM_16"),
    ],
    ids=["gone", "cut", "shorter"],
)
def test_a_file_that_changes_is_named(tmp_path, workers, harm):
    """With its utterance, in one sentence, also where a worker reads it."""
    write_pairs(tmp_path, {"ann_1": 4000})
    pairs = pair_dataset(tmp_path / "pairs.json", tmp_path, 0.1)
    for kind in ("clean", "noisy"):
        harm(tmp_path / kind / "ann_1.wav")
    with pytest.raises(DataError) as error:
        next(iter(DataLoader(pairs, num_workers=workers)))
    said = in_words(error.value)
    assert said.startswith("ann_1: ") and "noisy/ann_1.wav" in said
    assert "\n" not in said and "same command" in said


def test_scoring_goes_on_without_a_file(tmp_path, caplog):
    """It is named, and an older output of it is not taken for its own."""
    entries, model = write_pairs(tmp_path, {"a": 4000, "b": 4000}), Identity()
    made = evaluation.enhance_entries(model, entries, tmp_path / "out")
    (tmp_path / "noisy" / "a.wav").unlink()
    assert made == evaluation.enhance_entries(model, entries, tmp_path / "out")
    assert not made["a"].exists() and made["b"].exists()
    assert "a.wav does not exist" in caplog.text


def test_names_may_hold_anything(data, tmp_path):
    """Through all commands that read and write sound, as long as a name may
    be; the ids in manifests too."""
    top = tmp_path / NASTY
    longest = 255 - len(os.fsencode(f"ann_{NASTY}.wav"))
    for kind in ("clean", "noisy"):
        for number, path in enumerate(sorted((data / kind).iterdir())):
            name = f"ann_{NASTY}{'x' * (longest - number)}.wav"
            write_audio(top / kind / name, read_audio(path), subtype="PCM_16")
    made = {name: top / f"{name}{NASTY}" for name in commands(data, top)}
    teacher = data / "teacher"
    for words in (
        ("mix", top / "clean", top / "noisy", made["mix"], "--hours", "0.001"),
        ("record", teacher, top / "noisy", made["record"]),
        ("record", teacher, made["mix"] / "noisy", made["enhance"]),
        ("shard", top, "--output", made["shard"], "--teacher", made["record"]),
        ("enhance", top / "noisy", made["flac"], "--model", teacher),
    ):
        assert main([str(word) for word in words]) == 0
    assert len(sounds(made["mix"])) == 2 * len(sounds(made["enhance"]))
    assert {p.name for p in made["flac"].iterdir()} == {
        p.name for p in (top / "noisy").iterdir()
    }
    index = json.loads((made["shard"] / "index.json").read_text())
    assert sum(row["samples"] for row in index["shards"]) == 2
