"""The loss against the clean speech, with or without a teacher beside it.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch.nn import functional

from dispatch_sb.losses.lengths import (
    frame_counts,
    mean_inside,
    sample_counts,
)
from dispatch_sb.losses.precision import full_precision, without_autocast
from dispatch_sb.losses.spectra import Spectrum, to_spectrum


class EnhancementLoss(torch.nn.Module):
    """Weighted sum of three distances from enhanced to clean speech: squared
    distance of the compressed magnitudes |X|^power, of the compressed complex
    spectra |X|^power e^(j phase), and absolute distance of the waveforms.

    The spectra are taken from the waveform, so they are always consistent.
    Everything is computed in float32 (float64 if given float64), under
    autocast too. Each utterance's terms are means over its own length, and
    all utterances weigh the same.

    Arguments
    ---------
    magnitude : float
        Weight of the compressed magnitudes.
    complex : float
        Weight of the compressed complex spectra.
    waveform : float
        Weight of the waveforms.
    power : float
        Compression, in (0, 1].
    n_fft : int
        Window and transform length in samples.
    hop : int
        Samples between frames.

    Raises
    ------
    ValueError
        If a weight is negative or the power is out of range.

    Example
    -------
    >>> _ = torch.manual_seed(0)
    >>> clean = 0.1 * torch.randn(2, 16000)
    >>> total, terms = EnhancementLoss()(0.5 * clean, clean)
    >>> total.shape, sorted(terms)
    (torch.Size([]), ['complex', 'magnitude', 'waveform'])
    """

    # Without it the slope of the compression at zero would be infinite; about
    # the magnitude of 16-bit rounding noise.
    FLOOR = 1e-4

    def __init__(
        self,
        magnitude: float = 0.3,
        complex: float = 0.2,
        waveform: float = 0.2,
        power: float = 0.3,
        n_fft: int = 512,
        hop: int = 128,
    ):
        super().__init__()
        self.weights = {
            "magnitude": magnitude,
            "complex": complex,
            "waveform": waveform,
        }
        if min(self.weights.values()) < 0:
            raise ValueError(
                f"The weights {self.weights} must not be negative."
            )
        if not 0 < power <= 1:
            raise ValueError(
                f"power={power} must be above 0 and at most 1, such as 0.3."
            )
        self.power = power
        self.n_fft = n_fft
        self.hop = hop

    def forward(
        self,
        enhanced: torch.Tensor,
        clean: torch.Tensor,
        lens: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss.

        Arguments
        ---------
        enhanced : torch.Tensor
            The model's output, `[batch, samples]`; it alone gets gradient.
        clean : torch.Tensor
            The clean speech, `[batch, samples]`.
        lens : torch.Tensor, optional
            Length of each utterance relative to `samples`, `[batch]`. What
            lies beyond it changes nothing.

        Returns
        -------
        torch.Tensor
            Weighted sum, scalar.
        dict of torch.Tensor
            Every term before its weight, scalar, without gradient.

        Raises
        ------
        ValueError
            If the shapes differ.
        """
        with without_autocast(enhanced):
            enhanced, clean = full_precision(enhanced, clean)
            terms = self._terms(enhanced, clean, lens)
        total = sum(self.weights[name] * term for name, term in terms.items())
        return total, {name: term.detach() for name, term in terms.items()}

    def _terms(self, enhanced, clean, lens):
        """The three distances, scalars."""
        samples = sample_counts(lens, enhanced)
        frames = frame_counts(samples, self.hop)
        estimate = to_spectrum(enhanced, samples, self.n_fft, self.hop)
        with torch.no_grad():
            target = to_spectrum(clean, samples, self.n_fft, self.hop)
            target = self._compress(target)
        magnitude, parts = self._distances(self._compress(estimate), target)
        difference = (enhanced - clean.detach()).abs()
        return {
            "magnitude": mean_inside(magnitude, frames).mean(),
            "complex": mean_inside(parts, frames).mean(),
            "waveform": mean_inside(difference, samples).mean(),
        }

    @staticmethod
    def _distances(estimate, target):
        """Squared distances of magnitudes and of spectra, means over bins,
        `[batch, frames]`."""
        # As (a - b)^2, with a gradient in one pass over memory, not three.
        real, imaginary, magnitude = (
            functional.mse_loss(a, b, reduction="none").sum(2) / a.shape[2]
            for a, b in zip(estimate, target)
        )
        return magnitude, real + imaginary

    def _compress(self, spectrum: Spectrum) -> tuple[torch.Tensor, ...]:
        """Real part, imaginary part and magnitude."""
        magnitude = spectrum.magnitude + self.FLOOR
        # On a CPU, a logarithm and an exponential are quicker than `pow`.
        gain = (magnitude.log() * (self.power - 1)).exp()
        real, imaginary = spectrum.real * gain, spectrum.imaginary * gain
        return real, imaginary, magnitude * gain
