"""The example in plain PyTorch as a user runs it: it learns, and what is ours
in it is little. The other example has a file of its own."""

import copy
import doctest
import re
import sys

import pytest
import torch
from example_scripts import MASK, PLAIN, RECIPE, load, numbers, run, same
from tiny_corpus import write_tiny_corpus

from dispatch_sb.pretrained import load_teacher

OURS = re.compile(r" *# >>> dispatch-sb\n(.*?) *# <<< dispatch-sb\n", re.S)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The tiny corpus."""
    return write_tiny_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(autouse=True)
def recipe(monkeypatch):
    """The recipe's modules can be imported, and its example's paths hold."""
    monkeypatch.syspath_prepend(str(RECIPE))
    monkeypatch.chdir(MASK)


def quick(corpus, *options):
    """Options of a training of seconds."""
    noisy, clean = (
        str(corpus / f"{kind}_trainset_28spk_wav_16k")
        for kind in ("noisy", "clean")
    )
    words = ["--noisy", noisy, "--clean", clean, "--held-out", "p287"]
    words += ["--batch", "2", "--seconds", "1", "--lr", "0.005"]
    return [*words, *map(str, options)]


def weights_of(module, monkeypatch, output, arguments):
    """The student that a script's `main` trains."""
    words = ["plain.py", *arguments, "--output", str(output)]
    monkeypatch.setattr(sys, "argv", words)
    module.main()
    return torch.load(output)


def test_at_most_ten_lines_are_ours():
    text = PLAIN.read_text(encoding="utf-8")
    ours = [x for part in OURS.findall(text) for x in part.splitlines() if x]
    assert 0 < len(ours) <= 10
    assert not any(line.strip().startswith("#") for line in ours)
    rest = re.sub(r'""".*?"""', "", OURS.sub("", text), flags=re.S)
    for word in ("dispatch_sb", "load_teacher", "DistillationLoss"):
        assert word not in rest


def test_any_model_is_distilled(corpus):
    printed = run(PLAIN, *quick(corpus, "--epochs", 4))
    assert "8 pairs to train with, 4 to validate with." in printed
    history = numbers(printed, "Training loss:")
    assert len(history) == 4 and history[-1] < 0.9 * history[0]
    first, last = numbers(printed, "Validation loss:")
    assert last < first
    assert len(numbers(printed, "Validation SI-SDR:")) == 3


def test_without_our_lines_it_is_weight_zero(corpus, tmp_path, monkeypatch):
    stripped = tmp_path / "plain.py"
    stripped.write_text(OURS.sub("", PLAIN.read_text(encoding="utf-8")))
    ours = load(PLAIN)
    students = [
        weights_of(
            module,
            monkeypatch,
            tmp_path / f"{number}.pt",
            quick(corpus, "--epochs", 1, "--weight", weight),
        )
        for number, (module, weight) in enumerate(
            [(load(stripped), 0.3), (ours, 0), (ours, 0.3), (ours, 0.3)]
        )
    ]
    alone, unweighted, distilled, again = students
    assert same(unweighted, alone)
    assert not same(distilled, alone)
    assert same(distilled, again)  # the seed decides everything


def test_its_teacher_stays_as_it_was(corpus, monkeypatch):
    example = load(PLAIN)
    options = example.parser().parse_args(quick(corpus, "--epochs", 1))
    teacher = load_teacher(options.teacher)
    before = copy.deepcopy(teacher.state_dict())
    monkeypatch.setattr(example, "load_teacher", lambda *a, **k: teacher)
    pairs, _ = example.find_pairs(options.noisy, options.clean, "p287")
    student = example.MaskStudent()
    first = copy.deepcopy(student.state_dict())
    example.train(student, pairs, options)
    assert same(teacher.state_dict(), before)
    assert not same(student.state_dict(), first)


def test_its_help_and_its_mistakes(corpus, monkeypatch, tmp_path):
    example = load(PLAIN)
    assert doctest.testmod(example).failed == 0
    assert "python examples/plain_pytorch.py --weight 0" in (
        example.parser().format_help()
    )
    for words, message in [
        (["--clean", str(tmp_path)], "2"),
        (["--clean", str(tmp_path), "--noisy", str(tmp_path)], "0 pairs"),
    ]:
        monkeypatch.setattr(sys, "argv", ["plain.py", *words])
        with pytest.raises(SystemExit, match=message):
            example.main()


def test_without_folders_it_takes_the_mini_corpus(monkeypatch):
    example = load(PLAIN)
    import mini_voicebank

    monkeypatch.setattr(mini_voicebank, "prepare_mini", lambda folder: folder)
    noisy, clean, held_out = example.mini_corpus()
    assert noisy.parent == clean.parent == RECIPE / "data" / "mini_voicebank"
    assert noisy.name == "noisy_trainset_28spk_wav_16k"
    assert held_out == "carlo_"
