"""A tiny corpus in VoiceBank-DEMAND's layout, made in a second.

Speech is imitated by syllables of harmonics, which PESQ accepts.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

import numpy as np

from dispatch_sb.data import write_audio

RATE = 16000
SECONDS = 2.0
SPEAKERS = {"p226": 110.0, "p287": 160.0, "p300": 220.0}
TEST_SPEAKER, TEST_PITCH = "p232", 130.0


def imitated_speech(pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Syllables of a gliding harmonic tone with pauses, float32.

    Arguments
    ---------
    pitch : float
        Mean fundamental frequency in Hz.
    rng : numpy.random.Generator
        Decides everything else.

    Returns
    -------
    numpy.ndarray
        ``[32000]``, peak below 0.5.
    """
    time = np.arange(int(SECONDS * RATE)) / RATE
    glide = 1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time)
    phase = 2 * np.pi * np.cumsum(pitch * glide) / RATE
    harmonics = np.arange(1, 20)[:, None]
    strength = rng.uniform(0.2, 1.0, (19, 1)) / harmonics
    voice = (strength * np.sin(harmonics * phase)).sum(axis=0)
    syllables = np.sin(2 * np.pi * rng.uniform(1.5, 3) * time).clip(0)
    return (0.3 * voice * syllables / np.abs(voice).max()).astype(np.float32)


def write_pairs(folder: Path, part: str, speakers: dict, count: int) -> None:
    """Writes clean and noisy files of one part.

    Arguments
    ---------
    folder : Path
        Root of the corpus.
    part : str
        ``trainset_28spk`` or ``testset``.
    speakers : dict
        Pitch by name.
    count : int
        Utterances of each speaker.
    """
    for speaker, pitch in speakers.items():
        for number in range(count):
            rng = np.random.default_rng([int(pitch), number])
            clean = imitated_speech(pitch, rng)
            noise = rng.standard_normal(len(clean)).astype(np.float32)
            for kind, signal in (
                ("clean", clean),
                ("noisy", clean + 0.02 * noise),
            ):
                path = folder / f"{kind}_{part}_wav_16k"
                path.mkdir(parents=True, exist_ok=True)
                name = f"{speaker}_{number:03d}.wav"
                write_audio(path / name, signal, RATE, "PCM_16")


def write_tiny_corpus(folder: Path) -> Path:
    """Writes three training speakers and one test speaker.

    Arguments
    ---------
    folder : Path
        Root of the corpus.

    Returns
    -------
    Path
        The same folder.
    """
    write_pairs(folder, "trainset_28spk", SPEAKERS, count=4)
    write_pairs(folder, "testset", {TEST_SPEAKER: TEST_PITCH}, count=3)
    return folder
