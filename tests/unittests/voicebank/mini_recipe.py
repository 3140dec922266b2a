"""The mini corpus' modules, and small packages to build it of without apt.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import sys
import tarfile
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 16000
# Recipes are scripts, no package: they find each other by their folder.
sys.path.insert(0, str(Path(__file__).parents[3] / "recipes" / "VoiceBank"))
import mini_packages  # noqa: E402
import mini_sounds  # noqa: E402
import mini_voicebank  # noqa: E402

sys.path.pop(0)

__all__ = ["mini_packages", "mini_sounds", "mini_voicebank"]


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
    sounds = folder / f"usr/share/asterisk/sounds/{language}_XX_f_Ann"
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
    sounds = folder / mini_packages.GAME_FOLDER / "default/sounds"
    for made in (keys, sounds):
        made.mkdir(parents=True)
    for key in range(4):
        for state in (0, 1):
            click = 0.3 * rng.standard_normal(4410)
            soundfile.write(keys / f"0{key}-{state}.wav", click, 44100)
    noises = mini_sounds.TRAIN_NOISES | mini_sounds.TEST_NOISES
    for wanted, *_ in noises.values():
        for name in wanted.replace("*", "9").split() if "_" in wanted else ():
            sound = 0.1 * rng.standard_normal(22050)
            soundfile.write(sounds / f"{name}.ogg", sound, 44100)


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
