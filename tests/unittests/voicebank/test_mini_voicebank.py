"""The mini corpus: packages become pairs in VoiceBank's layout, no split
shares speech or noise with another, every build and every archive of one
gives the same bytes."""

import tarfile
from collections import Counter
from unittest.mock import Mock

import mini_recipe
import numpy as np
import pytest
from mini_recipe import (
    check_corpus,
    contents,
    damaged,
    mini_noise,
    mini_packages,
    mini_speech,
    mini_voicebank,
    syllables,
)

from dispatch_sb.data import read_audio
from dispatch_sb.data.levels import rms

# Mean square of all clean and all noisy test files, made of Debian 12's
# packages: other samples have others, a processor's last bit does not.
ENERGIES = {"clean": 5.892521e-03, "noisy": 7.224392e-03}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Small unpacked packages."""
    return mini_recipe.write_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture
def small(monkeypatch):
    """Settings for a corpus of a minute."""
    minutes = {
        "en": {"train": 0.3, "train babble": 0.1, "test babble": 0.1},
        "es": {"train": 0.3, "train babble": 0.1, "test babble": 0.1},
        "fr": {"train": 0.3, "train babble": 0.1},
        "it": {"train": 0.2, "test babble": 0.1},
        "ru": {"test": 9.0},
    }
    monkeypatch.setattr(mini_speech, "MINUTES", minutes)
    monkeypatch.setattr(mini_speech, "TEST_UTTERANCES", 8)
    monkeypatch.setattr(mini_noise, "SECONDS", {"train": 7, "test": 6})


@pytest.fixture
def fetched(monkeypatch, packages, small):
    """Replaces apt; holds how often packages were asked for."""
    fetched = Mock(return_value=packages)
    monkeypatch.setattr(mini_voicebank, "get_packages", fetched)
    return fetched


@pytest.fixture
def archive(fetched, tmp_path):
    """A corpus as `--pack` writes it; its folder stays beside it."""
    folder = mini_voicebank.prepare_mini(tmp_path / "packed")
    (folder / "notes.txt").write_text("mine")
    mini_voicebank.pack(folder, tmp_path / "mini.tar.gz")
    (folder / "notes.txt").unlink()
    return tmp_path / "mini.tar.gz"


def test_prompts_are_decoded_and_sorted_out(packages):
    package = packages["asterisk-core-sounds-fr-g722"]
    prompts = mini_speech.read_prompts(package, "fr")
    assert [p.name for p in prompts] == [f"fr/vm-{i:02d}" for i in range(30)]
    assert prompts[10].seconds == pytest.approx(2.05, abs=0.01)
    assert rms(prompts[10].signal) == pytest.approx(0.1, rel=0.1)


def test_a_small_corpus_has_all_that_was_asked(packages, small, tmp_path):
    mini_voicebank.build_corpus(packages, tmp_path)
    record = check_corpus(tmp_path)
    assert len(record["test"]) == 8
    assert {e["snr_db"] for e in record["train"].values()} == {0, 5, 10, 15}
    assert {e["snr_db"] for e in record["test"].values()} <= {
        2.5,
        7.5,
        12.5,
        17.5,
    }
    copied = list((tmp_path / "licences").rglob("*copyright"))
    assert len(copied) == len(mini_packages.PACKAGES)
    page = (tmp_path / "LICENCES.md").read_text()
    assert all(name in page for name in mini_packages.PACKAGES)
    about = mini_voicebank.describe_mini(tmp_path, ["carlo"])
    said = " ".join(entry["name"] for entry in about["data"])
    assert "Allison Smith" in said and "Carlo Flora" in said
    # Who was not heard in training is not listed, nor what is nobody's.
    assert "Topal" not in said and "generated" not in said
    assert all(entry["licence"] for entry in about["data"])
    assert about["credit"].keys() == record["test"].keys()
    assert all("Topal" in by for by in about["credit"].values())
    about = mini_voicebank.describe_mini(tmp_path, ["carlo"], trains=False)
    uses = {entry["use"] for entry in about["data"]}
    assert uses == {"validation", "noise of validation"}


def test_every_noise_meets_every_snr_as_often(tmp_path):
    rng = np.random.default_rng(0)
    utterances = {
        f"ann_{i:04d}": mini_speech.Prompt(f"en/{i}", syllables(2, rng))
        for i in range(24)
    }
    noises = {
        name: mini_noise.Noise(rng.standard_normal(40000), [])
        for name in ("rain", "wind", "hum")
    }
    record = mini_voicebank.write_split(utterances, noises, "test", tmp_path)
    met = Counter((e["noise"], e["snr_db"]) for e in record.values())
    assert len(met) == 12 and set(met.values()) == {2}


def test_every_build_gives_the_same_bytes(packages, small, tmp_path):
    for name in ("one", "two"):
        mini_voicebank.build_corpus(packages, tmp_path / name)
    first = contents(tmp_path / "one")
    assert len(first) > 50
    assert first == contents(tmp_path / "two")


def test_the_corpus_is_built_once(fetched, tmp_path):
    folder = mini_voicebank.prepare_mini(tmp_path / "mini")
    first = contents(folder)
    assert mini_voicebank.prepare_mini(folder) == folder
    assert contents(folder) == first
    assert fetched.call_count == 1
    assert not list(folder.glob(".building-*"))


def test_an_archive_gives_the_same_bytes(archive, tmp_path):
    folder = mini_voicebank.prepare_mini(tmp_path / "mini", [archive])
    assert contents(folder) == contents(tmp_path / "packed")


@pytest.mark.parametrize(
    "damage", ["cut", "changed", "checksum", "another file", "missing"]
)
def test_a_damaged_archive_is_refused(damage, archive, tmp_path):
    content = damaged(archive.read_bytes()).get(damage)
    archive.unlink()
    if content is not None:
        archive.write_bytes(content)
    with pytest.raises(mini_packages.PackageError, match="mini.tar.gz"):
        mini_voicebank.prepare_mini(tmp_path / "mini", [archive])
    assert not (tmp_path / "mini").exists()


def test_an_archive_of_something_else_is_refused(
    archive, tmp_path, monkeypatch
):
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as other:
        other.add(__file__, "file")
    with pytest.raises(mini_packages.PackageError, match="other.tar.gz"):
        mini_voicebank.prepare_mini(tmp_path / "1", [tmp_path / "other.tar.gz"])
    monkeypatch.setattr(mini_voicebank, "COMPLETE", {"settings": "others"})
    with pytest.raises(mini_packages.PackageError, match="mini.tar.gz"):
        mini_voicebank.prepare_mini(tmp_path / "2", [archive])


def test_other_settings_build_anew_and_spare_foreign_files(
    fetched, tmp_path, monkeypatch
):
    folder = mini_voicebank.prepare_mini(tmp_path)
    before = contents(folder)
    (folder / "notes.txt").write_text("mine")
    monkeypatch.setattr(mini_voicebank, "SEED", 1)
    monkeypatch.setattr(mini_voicebank, "COMPLETE", {"settings": "others"})
    after = contents(mini_voicebank.prepare_mini(folder))
    assert (folder / "notes.txt").read_text() == "mine"
    noisy = [path for path in after if path.parts[0].startswith("noisy")]
    assert noisy and all(after[path] != before.get(path) for path in noisy)


def test_a_half_built_folder_is_rebuilt(fetched, tmp_path, monkeypatch):
    def stop(self, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(tmp_path), "replace", stop)
        mini_voicebank.prepare_mini(tmp_path)
    (tmp_path / ".building-old/corpus").mkdir(parents=True)
    check_corpus(mini_voicebank.prepare_mini(tmp_path))
    assert not list(tmp_path.glob(".building-*"))


def test_a_folder_with_something_else_is_left_alone(fetched, tmp_path):
    path = tmp_path / "clean_testset_wav_16k/p232_001.wav"
    path.parent.mkdir()
    path.write_text("real VoiceBank")
    with pytest.raises(ValueError, match=str(tmp_path)):
        mini_voicebank.prepare_mini(tmp_path)
    assert path.read_text() == "real VoiceBank"


@pytest.mark.slow
def test_the_real_corpus(tmp_path):
    folder = mini_voicebank.prepare_mini(tmp_path / "mini")
    record = check_corpus(folder)
    for kind, energy in ENERGIES.items():
        files = sorted((folder / f"{kind}_testset_wav_16k").glob("*.wav"))
        samples = np.concatenate([read_audio(path) for path in files])
        assert rms(samples) ** 2 == pytest.approx(energy, rel=1e-5)
    assert len(record["test"]) == 64
    minutes = dict.fromkeys(("allison", "june", "carlo", "ivrvoice"), 0.0)
    for split in ("train", "test"):
        for name, entry in record[split].items():
            minutes[name.split("_")[0]] += entry["seconds"] / 60
    assert minutes == pytest.approx(
        {"allison": 22, "june": 18, "carlo": 2.5, "ivrvoice": 3.2}, abs=0.5
    )
    assert set(record["packages"]) == set(mini_packages.PACKAGES)
