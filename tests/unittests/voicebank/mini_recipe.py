"""The mini corpus' modules, small packages to build it of without apt, and
what holds of every mini corpus.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import json
import sys
import tarfile
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from dispatch_sb.data import read_audio, sha256_of
from dispatch_sb.data.levels import active_rms, rms

RECIPE = Path(__file__).parents[3] / "recipes" / "VoiceBank"
RATE = 16000
LANGUAGES = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
TRAIN = "clean_trainset_28spk_wav_16k", "noisy_trainset_28spk_wav_16k"
TEST = "clean_testset_wav_16k", "noisy_testset_wav_16k"

# Recipes are scripts, no package: they find each other by their folder.
sys.path.insert(0, str(RECIPE))
import mini_noise  # noqa: E402
import mini_packages  # noqa: E402
import mini_speech  # noqa: E402
import mini_voicebank  # noqa: E402

sys.path.remove(str(RECIPE))

__all__ = [
    "mini_noise",
    "mini_packages",
    "mini_speech",
    "mini_voicebank",
]


def syllables(seconds, rng):
    """Noise that comes and goes four times a second, as speech does."""
    time = np.arange(int(seconds * RATE)) / RATE
    envelope = np.maximum(np.sin(2 * np.pi * 2 * time), 0)
    return 0.2 * envelope * rng.standard_normal(len(time))


def write_g722(path, signal):
    """Encodes a signal as the packages have it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.clip(32767 * signal, -32768, 32767).astype(np.int16)
    with av.open(str(path), "w", format="g722") as container:
        stream = container.add_stream("g722", rate=RATE)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def write_speech(folder, language, rng):
    """A package of 30 prompts, and of files that are no speech."""
    sounds = folder / "usr/share/asterisk/sounds" / LANGUAGES[language]
    for index in range(30):
        signal = syllables(1.05 + 0.1 * index, rng)
        write_g722(sounds / f"vm-{index:02d}.g722", signal)
    for name in ("silence/1", "beep", "ascending-2tone", "tt-monkeys"):
        write_g722(sounds / f"{name}.g722", syllables(1.5, rng))
    write_g722(sounds / "digits/1.g722", syllables(0.7, rng))
    (sounds / "is.g722").touch()


def write_recordings(folder, rng):
    """A keyboard of four keys, and all recordings that noises ask for."""
    keys = folder / "usr/share/buckle/wav"
    keys.mkdir(parents=True)
    for key in range(4):
        for state in (0, 1):
            click = 0.3 * rng.standard_normal(4410)
            soundfile.write(keys / f"0{key}-{state}.wav", click, 44100)
    noises = [n for s in mini_noise.NOISES.values() for n in s.values()]
    recordings = [
        n for _, wanted in noises if "/" in str(wanted) for n in wanted
    ]
    for recording in recordings:
        mod, name = recording.replace("*", "9").split("/")
        path = folder / mini_packages.GAME_FOLDER / mod / f"sounds/{name}.ogg"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(22050), 44100)


def write_packages(root):
    """Writes small unpacked packages, complete as far as the corpus goes."""
    rng = np.random.default_rng(0)
    for language, name in mini_packages.SPEECH_PACKAGES.items():
        write_speech(root / name, language, rng)
    for name in (mini_packages.KEYBOARD_PACKAGE, mini_packages.GAME_PACKAGE):
        write_recordings(root / name, rng)
    for name in mini_packages.PACKAGES:
        document = root / name / "usr/share/doc" / name / "copyright"
        document.parent.mkdir(parents=True)
        document.write_text("CC BY")
    return {
        name: mini_packages.Package(name, "1.0", "0" * 64, root / name)
        for name in mini_packages.PACKAGES
    }


def write_debs(root):
    """Writes the same packages as .deb files; returns their folder."""
    folder = root / "debs"
    folder.mkdir()
    for name, package in write_packages(root / "trees").items():
        write_deb(folder / f"{name}_1%3a2.0_all.deb", package.folder)
    return folder


def write_deb(path, tree):
    """A Debian package: an archive of ar's, with one of tar's in it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz", preset=0) as tar:
        tar.add(tree, ".")
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd"}
    content = b"!<arch>\n"
    for name, part in (members | {"data.tar.xz": data.getvalue()}).items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(part):<10}`\n"
        content += header.encode() + part + b"\n" * (len(part) % 2)
    path.write_bytes(content)


def damaged(content):
    """What may become of a file's content, by the name of the damage."""
    middle = len(content) // 2
    flipped = bytes([content[middle] ^ 1])
    return {
        "cut": content[:middle],
        "changed": content[:middle] + flipped + content[middle + 1 :],
        "checksum": content[:-8] + bytes([content[-8] ^ 1]) + content[-7:],
        "another file": b"<html>not found</html>",
        "emptied": b"",
    }


def contents(folder):
    """The hash of every file of a corpus."""
    return {
        path.relative_to(folder): sha256_of(path)
        for path in folder.rglob("*")
        if path.is_file()
    }


def check_corpus(folder, tolerance_db=0.05):
    """Holds of every mini corpus, small or real; returns its record."""
    record = json.loads((folder / "sources.json").read_text())
    for split, names in (("train", TRAIN), ("test", TEST)):
        files = [{p.stem for p in (folder / n).iterdir()} for n in names]
        assert files[0] == files[1] == set(record[split])
        for name, entry in record[split].items():
            paths = [folder / part / f"{name}.wav" for part in names]
            check_pair(*paths, entry, tolerance_db)
        log = (folder / mini_voicebank.LOGS[split]).read_text().splitlines()
        assert len(log) == len(record[split])
    noises = {p.stem for p in (folder / "noise_trainset_16k").iterdir()}
    assert noises == set(record["noise"]["train"])
    check_disjoint(record)
    return record


def check_pair(clean_path, noisy_path, entry, tolerance_db):
    """The pair's format, length, peak and SNR are as the record says."""
    clean, noisy = read_audio(clean_path), read_audio(noisy_path)
    assert soundfile.info(clean_path).subtype == "PCM_16"
    assert len(clean) == len(noisy)
    assert len(clean) / RATE == pytest.approx(entry["seconds"], abs=0.001)
    assert 2 <= len(clean) / RATE <= 5
    assert max(np.abs(clean).max(), np.abs(noisy).max()) < 0.991
    snr_db = 20 * np.log10(active_rms(clean) / rms(noisy - clean))
    assert snr_db == pytest.approx(entry["snr_db"], abs=tolerance_db)


def check_disjoint(record):
    """No prompt and no recording serves two purposes."""
    speakers = {
        split: {name.split("_")[0] for name in record[split]}
        for split in ("train", "test")
    }
    assert speakers["train"] == {"allison", "june", "carlo"}
    assert speakers["test"] == {"ivrvoice"}
    purposes = []
    for split in ("train", "test"):
        entries = record[split].values()
        purposes.append({p for e in entries for p in e["prompts"]})
        noises = record["noise"][split].values()
        purposes.append({source for noise in noises for source in noise})
        languages = {s.split("/")[0] for s in purposes[-1] if "/" in s}
        assert languages and "ru" not in languages
    for index, purpose in enumerate(purposes):
        for other in purposes[index + 1 :]:
            assert not purpose & other
