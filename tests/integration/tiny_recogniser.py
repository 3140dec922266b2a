"""A recogniser of five words that compares sounds with each vowel's spectrum,
written as the folder of a SpeechBrain ``EncoderDecoderASR``.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

import numpy as np
import torch
from spoken_words import VOWELS, say

YAML = """
encoder: !new:tiny_recogniser.Bands
decoder: !new:tiny_recogniser.Nearest
tokenizer: !new:tiny_recogniser.Words
modules:
    encoder: !ref <encoder>
    decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        asr: !ref <decoder>
    paths:
        asr: nobody/asr-of-five-words/asr.ckpt
"""
FRAME, BINS, BANDS = 512, 128, 32  # 32 ms; up to 4 kHz; of 125 Hz


class Bands(torch.nn.Module):
    """Power of waveforms [batch, samples] in bands: [batch, frames, bands]."""

    def forward(self, waves, lengths):
        frames = waves.unfold(1, FRAME, FRAME) * torch.hann_window(FRAME)
        power = torch.fft.rfft(frames).abs().square()[..., :BINS]
        return power.unflatten(-1, (BANDS, -1)).sum(-1)


class Nearest(torch.nn.Module):
    """Each sound between pauses is the vowel whose bands are most alike."""

    def __init__(self):
        super().__init__()
        self.register_buffer("vowels", torch.zeros(len(VOWELS), BANDS))

    def forward(self, batch, lengths):
        heard = [[self.vowel(s) for s in self.sounds(x)] for x in batch]
        return heard, None, None, None

    def sounds(self, bands):
        """Bands of each run of loud frames."""
        loud = bands.sum(-1) > 0.05 * bands.sum(-1).max()
        ends = torch.nonzero(loud.diff()).flatten() + 1
        for piece in bands.tensor_split(ends):
            if piece.sum(-1).max() > 0.05 * bands.sum(-1).max():
                yield piece.sum(0)

    def vowel(self, sound):
        """Number of the most similar one."""
        alike = torch.cosine_similarity(self.vowels.sqrt(), sound.sqrt(), -1)
        return int(alike.argmax())


class Words:
    """Numbers of vowels as text."""

    def decode_ids(self, numbers):
        return " ".join(list(VOWELS)[number] for number in numbers).upper()


def write_recogniser(folder: Path) -> Path:
    """Learns every vowel from some voices.

    Arguments
    ---------
    folder : Path
        Receives ``hyperparams.yaml`` and ``asr.ckpt``.

    Returns
    -------
    Path
        The same folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hyperparams.yaml").write_text(YAML)
    rng, decoder = np.random.default_rng(2), Nearest()
    for number, word in enumerate(VOWELS):
        for pitch in (105, 120, 135, 155):
            wave = torch.from_numpy(say([word], pitch, rng))[None]
            decoder.vowels[number] += Bands()(wave, None)[0].sum(0)
    torch.save(decoder.state_dict(), folder / "asr.ckpt")
    return folder
