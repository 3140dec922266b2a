"""The examples as a user runs them: they learn, and what is ours in them is
little: without it, they train the student of weight 0."""

import copy
import doctest
import importlib.util
import re
import sys

import pytest
import torch
from hyperpyyaml import load_hyperpyyaml
from programs import RECIPE, ROOT, run

from dispatch_sb.data import read_audio
from dispatch_sb.pretrained import load_teacher
from dispatch_sb.scoring.intrusive import si_sdr

PLAIN = ROOT / "examples" / "plain_pytorch.py"
MASK = ROOT / "examples" / "speechbrain_spectral_mask"
OURS = re.compile(r" *# >>> dispatch-sb\n(.*?) *# <<< dispatch-sb\n", re.S)


@pytest.fixture(autouse=True)
def recipe(monkeypatch):
    """The recipe's modules can be imported, and its example's paths hold."""
    monkeypatch.syspath_prepend(str(RECIPE))
    monkeypatch.chdir(MASK)


def load(path):
    """Imports a script by its path."""
    spec = importlib.util.spec_from_file_location("loaded_example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numbers(text, start):
    """The numbers after some words, to the end of the line."""
    (line,) = re.findall(rf"{re.escape(start)}(.*)$", text, re.M)
    return [float(x) for x in re.findall(r"-?\d+\.\d+(?:e[-+]\d+)?", line)]


def same(first, second):
    """Whether two sets of weights are equal to the last bit."""
    return all(torch.equal(first[key], second[key]) for key in second)


def quick(corpus, *options):
    """Options of a training of seconds with the example in plain PyTorch."""
    noisy, clean = (
        str(corpus / f"{kind}_trainset_28spk_wav_16k")
        for kind in ("noisy", "clean")
    )
    words = ["--noisy", noisy, "--clean", clean, "--held-out", "p287"]
    words += ["--batch", "2", "--seconds", "1", "--lr", "0.005"]
    return [*words, *map(str, options)]


def test_at_most_ten_lines_are_ours():
    text = PLAIN.read_text(encoding="utf-8")
    ours = [x for part in OURS.findall(text) for x in part.splitlines() if x]
    assert 0 < len(ours) <= 10
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
    theirs, ours = load(stripped), load(PLAIN)
    teacher = load_teacher(RECIPE / "pretrained" / "fastenhancer-b-16k")
    before = copy.deepcopy(teacher.state_dict())
    monkeypatch.setattr(ours, "load_teacher", lambda *a, **k: teacher)
    students = []
    for module, weight in [(theirs, 0.3), (ours, 0), (ours, 0.3), (ours, 0.3)]:
        options = quick(corpus, "--epochs", 1, "--weight", weight)
        words = ["plain.py", *options, "--output", str(tmp_path / "a.pt")]
        monkeypatch.setattr(sys, "argv", words)
        module.main()
        students.append(torch.load(tmp_path / "a.pt"))
    alone, unweighted, distilled, again = students
    assert same(unweighted, alone) and not same(distilled, alone)
    assert same(distilled, again)  # the seed decides everything
    assert same(teacher.state_dict(), before)


def test_its_mistakes_and_the_mini_corpus(tmp_path, monkeypatch):
    example = load(PLAIN)
    assert doctest.testmod(example).failed == 0
    clean = ["--clean", str(tmp_path)]
    for words, named in [(clean, "2"), ([*clean, "--noisy", clean[1]], "0 p")]:
        monkeypatch.setattr(sys, "argv", ["plain.py", *words])
        with pytest.raises(SystemExit, match=named):
            example.main()
    import mini_voicebank

    monkeypatch.setattr(mini_voicebank, "prepare_mini", lambda folder: folder)
    noisy, clean, held_out = example.mini_corpus()
    assert noisy.parent == clean.parent == RECIPE / "data" / "mini_voicebank"
    assert noisy.name == "noisy_trainset_28spk_wav_16k"
    assert held_out == "carlo_"


def settings(corpus, output, **changes):
    """Overrides for a training of seconds with the SpeechBrain example."""
    given = {"data_folder": str(corpus), "valid_speakers": ["p287"]}
    given |= {"output_folder": str(output), "batch_size": 2, "lr": 0.01}
    return {**given, **changes}


def hparams_of(folder, overrides):
    """The SpeechBrain recipe in a folder, loaded."""
    text = (folder / "train.yaml").read_text(encoding="utf-8")
    return load_hyperpyyaml(text, overrides)


@pytest.fixture(scope="module")
def mask_run(corpus, tmp_path_factory):
    """A run's folder and what it printed."""
    output = tmp_path_factory.mktemp("mask") / "run"
    words = ["train.py", "train.yaml", "--device", "cpu"]
    given = settings(corpus, output, number_of_epochs=3)
    for key, value in {**given, "valid_speakers": "[p287]"}.items():
        words += [f"--{key}", value]
    return output, run(*words, folder=MASK)


def test_a_speechbrain_recipe_is_distilled(mask_run):
    """The losses fall, on a speaker that is held out too."""
    output, printed = mask_run
    log = (output / "train_log.txt").read_text().splitlines()
    assert len(log) == 4 and "test stoi" in log[-1]
    for name in ("train loss", "valid loss"):
        values = [numbers(line, name)[0] for line in log[:-1]]
        assert values[-1] < 0.9 * values[0]
    pattern = r"epoch \d, validation: distillation: (\S+), selected_share_low"
    terms = [float(x) for x in re.findall(pattern, printed)]
    assert len(terms) == 3 and terms[-1] < 0.9 * terms[0]


def test_its_student_enhances(mask_run, corpus):
    """On the test speaker: better than before training."""
    output, _ = mask_run
    script = load(MASK / "train.py")
    hparams = hparams_of(MASK, {"output_folder": str(output)})
    brain = script.MaskBrain(
        hparams["modules"], hparams=hparams, run_opts={"device": "cpu"}
    )
    before = score(brain, corpus)
    newest = sorted(output.glob("save/CKPT*/model.ckpt"))[-1]
    brain.modules.model.load_state_dict(torch.load(newest))
    assert score(brain, corpus) > before + 1


@torch.no_grad()
def score(brain, corpus):
    """Mean SI-SDR in dB of the test files, as the Brain enhances them."""
    scores = []
    for path in sorted((corpus / "noisy_testset_wav_16k").iterdir()):
        noisy = torch.from_numpy(read_audio(path))[None]
        features = brain.features(noisy)
        enhanced = brain.hparams.resynth(
            torch.expm1(brain.modules.model(features) * features), noisy
        )
        clean = read_audio(corpus / "clean_testset_wav_16k" / path.name)
        scores.append(si_sdr(clean, enhanced[0].numpy(), 16000))
    return sum(scores) / len(scores)


def plain_recipe(folder):
    """Undoes the differences that the README shows, in copies of the files."""
    readme = (MASK / "README.md").read_text(encoding="utf-8")
    folder.mkdir()
    for name, hunks in re.findall(
        r"^```diff\n--- plain/\S+\n\+\+\+ (\S+)\n(.*?)^```", readme, re.M | re.S
    ):
        text = (MASK / name).read_text(encoding="utf-8")
        for hunk in re.split(r"^@@\n", hunks, flags=re.M)[1:]:
            lines = hunk.splitlines(keepends=True)
            new = "".join(x[1:] or "\n" for x in lines if x[0] != "-")
            old = "".join(x[1:] or "\n" for x in lines if x[0] != "+")
            assert text.count(new) == 1, new
            text = text.replace(new, old)
        assert "istill" not in re.sub(r'""".*?"""', "", text, flags=re.S)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_readme_shows_all_that_was_added(corpus, tmp_path):
    """Without the lines of its diff, the recipe is plain SpeechBrain, and
    trains the student of weight 0; the teacher stays as it was."""
    plain = plain_recipe(tmp_path / "plain")
    ours, theirs = load(MASK / "train.py"), load(plain / "train.py")
    teacher = load_teacher(RECIPE / "pretrained" / "fastenhancer-b-16k")
    before = copy.deepcopy(teacher.state_dict())
    students = []
    for script, folder, changes in [
        (theirs, plain, {}),
        (ours, MASK, {"teacher": teacher, "distillation_weight": 0}),
        (ours, MASK, {"teacher": teacher}),
    ]:
        output = tmp_path / f"run{len(students)}"
        given = settings(corpus, output, number_of_epochs=1)
        hparams = {**hparams_of(folder, given), **changes}
        script.prepare_data(hparams)
        datasets = script.make_datasets(hparams)
        brain = script.MaskBrain(
            modules=hparams["modules"],
            opt_class=hparams["opt_class"],
            hparams=hparams,
            run_opts={"device": "cpu", "noprogressbar": True},
        )
        loader = {"train_loader_kwargs": hparams["dataloader_options"]}
        brain.fit(hparams["epoch_counter"], datasets["train"], **loader)
        students.append(copy.deepcopy(brain.modules.model.state_dict()))
    alone, unweighted, distilled = students
    assert same(unweighted, alone) and not same(distilled, alone)
    assert same(teacher.state_dict(), before)
