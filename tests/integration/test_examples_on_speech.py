"""Both examples on real speech: a part of the mini corpus, as it is made."""

import pytest
from example_scripts import MASK, PLAIN, RECIPE, numbers, run

FILES = {"allison": 16, "june": 16, "carlo": 6, "ivrvoice": 3}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """A few files of each speaker, in the layout of the whole."""
    folder = tmp_path_factory.mktemp("mini")
    whole = RECIPE / "data" / "mini_voicebank"
    run(RECIPE / "mini_voicebank.py", whole)
    for speaker, count in FILES.items():
        for path in sorted(whole.rglob(f"clean_*/{speaker}_*.wav"))[:count]:
            for kind in ("clean", "noisy"):
                parent = path.parent.name.replace("clean", kind)
                (folder / parent).mkdir(exist_ok=True)
                (folder / parent / path.name).symlink_to(
                    whole / parent / path.name
                )
    return folder


def test_the_plain_example_learns_from_speech(part):
    noisy, clean = (
        part / f"{kind}_trainset_28spk_wav_16k" for kind in ("noisy", "clean")
    )
    words = ["--noisy", noisy, "--clean", clean, "--held-out", "carlo"]
    printed = run(PLAIN, *words, "--batch", 4, "--epochs", 6)
    assert "32 pairs to train with, 6 to validate with." in printed
    history = numbers(printed, "Training loss:")
    assert history[-1] < history[0]
    first, last = numbers(printed, "Validation loss:")
    assert last < first


def test_the_spectral_mask_learns_from_speech(part, tmp_path):
    words = ["--data_folder", part, "--output_folder", tmp_path / "run"]
    words += ["--number_of_epochs", 2, "--batch_size", 4, "--lr", 0.005]
    run("train.py", "train.yaml", *words, folder=MASK)
    log = (tmp_path / "run" / "train_log.txt").read_text().splitlines()
    for name in ("train loss", "valid loss"):
        first, last = (numbers(line, name)[0] for line in log[:-1])
        assert last < first
    assert numbers(log[-1], "test stoi")[0] > 0.5
