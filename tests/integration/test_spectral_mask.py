"""The SpeechBrain example as a user runs it: it learns, and the difference to
the plain recipe is what its README shows."""

import copy
import re

import pytest
import torch
from example_scripts import MASK, RECIPE, load, numbers, run, same
from hyperpyyaml import load_hyperpyyaml
from tiny_corpus import write_tiny_corpus

from dispatch_sb.data import read_audio
from dispatch_sb.pretrained import load_teacher
from dispatch_sb.scoring.intrusive import si_sdr


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The tiny corpus."""
    return write_tiny_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(autouse=True)
def recipe(monkeypatch):
    """The recipe's modules can be imported, and its example's paths hold."""
    monkeypatch.syspath_prepend(str(RECIPE))
    monkeypatch.chdir(MASK)


def settings(corpus, output, **changes):
    """Overrides for a training of seconds."""
    return {
        "data_folder": str(corpus),
        "valid_speakers": ["p287"],
        "output_folder": str(output),
        "batch_size": 2,
        "lr": 0.01,
        **changes,
    }


def hparams_of(folder, overrides):
    """The recipe in a folder, loaded."""
    text = (folder / "train.yaml").read_text(encoding="utf-8")
    return load_hyperpyyaml(text, overrides)


def fitted(script, hparams):
    """A Brain after `fit`."""
    script.prepare_data(hparams)
    datasets = script.make_datasets(hparams)
    brain = script.MaskBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts={"device": "cpu", "noprogressbar": True},
        checkpointer=hparams["checkpointer"],
    )
    loader = hparams["dataloader_options"]
    brain.fit(
        hparams["epoch_counter"],
        datasets["train"],
        datasets["valid"],
        train_loader_kwargs=loader,
        valid_loader_kwargs=loader,
    )
    return brain


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
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def mask_run(corpus, tmp_path_factory):
    """A run's folder and what it printed."""
    output = tmp_path_factory.mktemp("mask") / "run"
    words = ["train.py", "train.yaml", "--device", "cpu"]
    given = settings(corpus, output, number_of_epochs=3)
    for key, value in given.items():
        value = "[p287]" if key == "valid_speakers" else value
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


def test_the_readme_shows_all_that_was_added(corpus, tmp_path):
    """Without the lines of its diff, the recipe is plain SpeechBrain, and
    trains the student of weight 0; the teacher stays as it was."""
    plain = plain_recipe(tmp_path / "plain")
    for name in ("train.py", "train.yaml"):
        assert "istill" not in re.sub(
            r'^""".*?"""', "", (plain / name).read_text(), flags=re.S | re.M
        )
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
        hparams = hparams_of(folder, given)
        hparams.update(changes)
        brain = fitted(script, hparams)
        students.append(copy.deepcopy(brain.modules.model.state_dict()))
    alone, unweighted, distilled = students
    assert same(unweighted, alone)
    assert not same(distilled, alone)
    assert same(teacher.state_dict(), before)
