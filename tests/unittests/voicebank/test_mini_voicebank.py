"""The mini corpus: packages become pairs in VoiceBank's layout, no split
shares speech or noise with another, every build and every archive of one
gives the same bytes."""

import json
import tarfile
from collections import Counter
from unittest.mock import Mock

import mini_recipe
import numpy as np
import pytest
import soundfile
from mini_recipe import (
    RATE,
    damaged,
    mini_packages,
    mini_sounds,
    mini_voicebank,
    syllables,
)

from dispatch_sb.data import read_audio, sha256_of
from dispatch_sb.data.levels import active_rms, rms

MINUTES = {"train": 0.3, "test": 9.0}  # of speech; 0.1 of each babble
# Mean square of all clean and all noisy test files, made of Debian 12's
# packages: other samples have others, a processor's last bit does not.
ENERGIES = {"clean": 5.892521e-03, "noisy": 7.224392e-03}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Small unpacked packages."""
    return mini_recipe.write_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture
def fetched(monkeypatch, packages):
    """Settings for a corpus of a minute; holds how often its packages, which
    are at hand, were asked for."""
    for language, (speaker, minutes) in list(mini_sounds.SPEAKERS.items()):
        small = {part: MINUTES.get(part, 0.1) for part in minutes}
        monkeypatch.setitem(mini_sounds.SPEAKERS, language, (speaker, small))
    monkeypatch.setattr(mini_sounds, "TEST_UTTERANCES", 8)
    monkeypatch.setattr(mini_sounds, "NOISE_SECONDS", {"train": 7, "test": 6})
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


def contents(folder):
    """The hash of every file of a corpus."""
    return {
        path.relative_to(folder): sha256_of(path)
        for path in folder.rglob("*")
        if path.is_file()
    }


def check_corpus(folder):
    """Holds of every mini corpus, small or real; returns its record."""
    record = json.loads((folder / "sources.json").read_text())
    kinds = mini_voicebank.CLEAN, mini_voicebank.NOISY
    speakers, used = {}, {}
    for split in ("train", "test"):
        folders = [folder / names[split] for names in kinds]
        files = [{path.stem for path in f.iterdir()} for f in folders]
        assert files[0] == files[1] == set(record[split])
        for name, entry in record[split].items():
            check_pair(*(f / f"{name}.wav" for f in folders), entry)
        log = (folder / mini_voicebank.LOGS[split]).read_text().splitlines()
        assert len(log) == len(record[split])
        speakers[split] = {name.split("_")[0] for name in record[split]}
        used[split] = {
            *(p for entry in record[split].values() for p in entry["prompts"]),
            *(s for noise in record["noise"][split].values() for s in noise),
        }
    noises = {path.stem for path in (folder / "noise_trainset_16k").iterdir()}
    assert noises == set(record["noise"]["train"])
    assert speakers["train"] == {"allison", "june", "carlo"}
    assert speakers["test"] == {"ivrvoice"}
    assert not used["train"] & used["test"]
    for split in ("train", "test"):  # the test speaker is in no noise
        noises = record["noise"][split].values()
        assert not [s for noise in noises for s in noise if s.startswith("ru/")]
    return record


def check_pair(clean_path, noisy_path, entry):
    """The pair's format, length, peak and SNR are as the record says."""
    clean, noisy = read_audio(clean_path), read_audio(noisy_path)
    assert soundfile.info(clean_path).subtype == "PCM_16"
    assert len(clean) == len(noisy)
    assert len(clean) / RATE == pytest.approx(entry["seconds"], abs=0.001)
    assert 2 <= len(clean) / RATE <= 5
    assert max(np.abs(clean).max(), np.abs(noisy).max()) < 0.991
    snr_db = 20 * np.log10(active_rms(clean) / rms(noisy - clean))
    assert snr_db == pytest.approx(entry["snr_db"], abs=0.05)


def test_the_corpus_has_all_that_was_asked_and_is_built_once(fetched, tmp_path):
    folder = mini_voicebank.prepare_mini(tmp_path / "mini")
    record = check_corpus(folder)
    assert len(record["test"]) == 8
    prompts = {p for e in record["test"].values() for p in e["prompts"]}
    assert all(prompt.startswith("ru/vm-") for prompt in prompts)
    assert {e["snr_db"] for e in record["train"].values()} == {0, 5, 10, 15}
    copied = list((folder / "licences").rglob("*copyright"))
    assert len(copied) == len(mini_packages.PACKAGES)
    page = (folder / "LICENCES.md").read_text()
    assert all(name in page for name in mini_packages.PACKAGES)
    first = contents(folder)
    assert mini_voicebank.prepare_mini(folder) == folder
    assert contents(folder) == first
    assert fetched.call_count == 1
    mini_voicebank.prepare_mini(tmp_path / "again")
    assert contents(tmp_path / "again") == first


def test_a_run_is_told_who_was_heard_and_under_which_licence(archive):
    folder = archive.parent / "packed"
    about = mini_voicebank.describe_mini(folder, ["carlo"])
    said = " ".join(entry["name"] for entry in about["data"])
    assert "Allison Smith" in said and "Carlo Flora" in said
    # Who was not heard in training is not listed, nor what is nobody's.
    assert "Topal" not in said and "generated" not in said
    assert all(entry["licence"] for entry in about["data"])
    assert len(about["credit"]) == 8
    assert all("Topal" in by for by in about["credit"].values())
    about = mini_voicebank.describe_mini(folder, ["carlo"], trains=False)
    uses = {entry["use"] for entry in about["data"]}
    assert uses == {"validation", "noise of validation"}
    assert "ivrvoice" in mini_voicebank.summary(folder)


def test_every_noise_meets_every_snr_as_often(tmp_path):
    rng = np.random.default_rng(0)
    utterances = {
        f"ann_{i:04d}": mini_sounds.Prompt(f"en/{i}", syllables(2, rng))
        for i in range(24)
    }
    noises = {
        name: mini_sounds.Noise(rng.standard_normal(40000), [])
        for name in ("rain", "wind", "hum")
    }
    record = mini_voicebank.write_split(utterances, noises, "test", tmp_path)
    met = Counter((e["noise"], e["snr_db"]) for e in record.values())
    assert len(met) == 12 and set(met.values()) == {2}


def test_an_archive_gives_the_same_bytes(archive, tmp_path):
    folder = mini_voicebank.prepare_mini(tmp_path / "mini", [archive])
    assert contents(folder) == contents(tmp_path / "packed")


@pytest.mark.parametrize(
    "damage",
    ["cut", "changed", "checksum", "another file", "missing", "version"],
)
def test_a_damaged_or_other_archive_is_refused(
    damage, archive, tmp_path, monkeypatch
):
    content = archive.read_bytes()
    archive.unlink()
    if damage == "version":
        monkeypatch.setattr(mini_voicebank, "COMPLETE", "another")
        archive.write_bytes(content)
    elif damage != "missing":
        archive.write_bytes(damaged(content)[damage])
    with pytest.raises(mini_packages.PackageError, match="mini.tar.gz"):
        mini_voicebank.prepare_mini(tmp_path / "mini", [archive])
    assert not (tmp_path / "mini").exists()
    with tarfile.open(archive, "w:gz") as other:
        other.add(__file__, "file")
    with pytest.raises(mini_packages.PackageError, match="mini.tar.gz"):
        mini_voicebank.prepare_mini(tmp_path / "mini", [archive])


def test_another_version_is_built_anew_and_foreign_files_are_spared(
    fetched, tmp_path, monkeypatch
):
    folder = mini_voicebank.prepare_mini(tmp_path)
    before = contents(folder)
    (folder / "notes.txt").write_text("mine")
    monkeypatch.setattr(mini_voicebank, "SEED", 1)
    monkeypatch.setattr(mini_voicebank, "COMPLETE", "another")
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
    minutes = Counter()
    for split in ("train", "test"):
        for name, entry in record[split].items():
            minutes[name.split("_")[0]] += entry["seconds"] / 60
    assert minutes == pytest.approx(
        {"allison": 22, "june": 18, "carlo": 2.5, "ivrvoice": 3.2}, abs=0.5
    )
