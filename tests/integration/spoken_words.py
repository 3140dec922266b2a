"""A language of five words, each a vowel of its own, and a corpus of
sentences in it, in VoiceBank-DEMAND's layout.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

import numpy as np

from dispatch_sb.data import write_audio

RATE = 16000
# First and second formant in Hz.
VOWELS = {
    "heed": (280, 2400),
    "had": (700, 1700),
    "hard": (700, 1100),
    "hoard": (450, 800),
    "who'd": (280, 1300),
}
TEST_FILES = 6
SPEAKERS = {"p226": 110.0, "p287": 150.0, "p232": 130.0}


def say(words: list[str], pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Speaks a sentence.

    Arguments
    ---------
    words : list of str
        Of `VOWELS`.
    pitch : float
        Fundamental frequency in Hz.
    rng : numpy.random.Generator
        Decides durations and inflection.

    Returns
    -------
    numpy.ndarray
        ``[samples]``, float32, peak 0.3.
    """
    pieces = [np.zeros(int(0.06 * RATE))]
    for word in words:
        time = np.arange(int(rng.uniform(0.2, 0.28) * RATE)) / RATE
        glide = pitch * (1 + 0.1 * rng.standard_normal() * time)
        harmonics = np.arange(1, int(4000 / pitch))[:, None]
        gain = sum(
            np.exp(-(((harmonics * pitch - formant) / width) ** 2))
            for formant, width in zip(VOWELS[word], (150, 200))
        )
        phase = 2 * np.pi * harmonics * np.cumsum(glide) / RATE
        vowel = (gain * np.sin(phase)).sum(axis=0)
        vowel *= np.sin(np.pi * np.arange(time.size) / time.size) ** 0.5
        pause = np.zeros(int(rng.uniform(0.05, 0.1) * RATE))
        pieces += [vowel / np.abs(vowel).max(), pause]
    voice = 0.3 * np.concatenate(pieces)
    room = 0.001 * rng.standard_normal(voice.size)  # no pause is quite silent
    return (voice + room).astype(np.float32)


def write_spoken_corpus(folder: Path, snr_db: float = -15.0) -> Path:
    """Writes two training speakers, and a test speaker with transcripts.

    Arguments
    ---------
    folder : Path
        Root of the corpus.
    snr_db : float
        Of the noisy files.

    Returns
    -------
    Path
        The same folder.
    """
    for speaker, pitch in SPEAKERS.items():
        part = "testset" if speaker == "p232" else "trainset_28spk"
        texts = folder / f"{part}_txt"
        texts.mkdir(parents=True, exist_ok=True)
        for number in range(TEST_FILES if part == "testset" else 4):
            rng = np.random.default_rng([7, int(pitch), number])
            words = rng.choice(list(VOWELS), rng.integers(2, 6)).tolist()
            clean = say(words, pitch, rng)
            noise = rng.standard_normal(clean.size).astype(np.float32)
            noise *= np.sqrt(np.mean(clean**2)) * 10 ** (-snr_db / 20)
            name = f"{speaker}_{number:03d}"
            for kind, signal in (("clean", clean), ("noisy", clean + noise)):
                path = folder / f"{kind}_{part}_wav_16k"
                path.mkdir(exist_ok=True)
                write_audio(path / f"{name}.wav", 0.5 * signal, RATE, "PCM_16")
            text = " ".join(words).capitalize() + "."
            (texts / f"{name}.txt").write_text(text.replace("'", "\u2019"))
    return folder
