"""A small world in which what the pages say is true: the repository's recipe
and examples with settings for seconds, tiny recordings, a finished run.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
import shutil

import numpy as np
from pages import checked
from programs import ROOT, finish
from tiny_corpus import SPEAKERS, TEST_PITCH, imitated_speech, write_pairs

from dispatch_sb.data import write_audio

RATE = 16000
TINY = {  # values of hparams/baseline.yaml on anything but the mini corpus
    "number_of_epochs": "1",
    "batch_size": "2",
    "num_workers": "0",
    "pesq_every": "1",
}
PLAIN = {"workers": "1", "mixtures_per_epoch": "4", "own_pairs": "1"}
TRAINED = ["train.py", "hparams/dispatch.yaml", "--data_folder"]


def build_world(folder, environment):
    """Lays everything out."""
    recipe = folder / "recipes" / "VoiceBank"
    shutil.copytree(
        ROOT / "recipes" / "VoiceBank",
        recipe,
        ignore=shutil.ignore_patterns("results", "data", "__pycache__"),
    )
    shutil.copytree(ROOT / "examples", folder / "examples")
    for path in (recipe / "hparams").glob("*.yaml"):
        path.write_text(hurried(path.read_text("utf-8")), encoding="utf-8")
    write_corpus(recipe / "data" / "VoiceBank")
    write_recordings(recipe)
    checked(finish([*TRAINED, "data/VoiceBank"], recipe, environment))
    run = recipe / "results" / "dispatch" / "1986"
    shutil.copytree(run, recipe / "results" / "quickstart")
    return folder


def hurried(text):
    """A recipe whose long trainings take a second."""
    for key, value in TINY.items():
        block = rf"(^{key}: !apply:.*\n(?:.*\n){{2}} +full: )\S+"
        text = re.sub(block, rf"\g<1>{value}", text, flags=re.M)
        text = re.sub(rf"^{key}: \d+$", f"{key}: {value}", text, flags=re.M)
    for key, value in PLAIN.items():
        text = re.sub(rf"^{key}: \w+", f"{key}: {value}", text, flags=re.M)
    return text


def write_corpus(folder):
    """Two files each to train with, to validate with and to test on."""
    *valid, train = SPEAKERS.items()
    write_pairs(folder, "trainset_28spk", dict(valid), count=1)
    write_pairs(folder, "trainset_28spk", dict([train]), count=2)
    write_pairs(folder, "testset", {"p232": TEST_PITCH}, count=2)


def write_recordings(recipe):
    """What somebody may have: speech of three people, noise, noisy files."""
    rng = np.random.default_rng(0)
    for name, pitch in SPEAKERS.items():
        speech = imitated_speech(pitch, rng)
        noisy = speech + 0.02 * rng.standard_normal(len(speech))
        for folder, sound in (("speech", speech), ("noise", noisy - speech)):
            target = recipe / "data" / folder / name / "a.wav"
            target.parent.mkdir(parents=True)
            write_audio(target, sound.astype(np.float32), RATE, "PCM_16")
        for target in (
            recipe / "recordings" / f"{name}.wav",
            recipe / "noisy.wav",
            recipe.parents[1] / "noisy.wav",
        ):
            target.parent.mkdir(exist_ok=True)
            write_audio(target, noisy.astype(np.float32), RATE, "PCM_16")
