"""A causal short-time Fourier transform and its inverse.

Frames end, rather than centre, on the newest samples, so that the same
transform can later be computed hop by hop on a stream.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch import nn
from torch.nn import functional


class CausalSTFT(nn.Module):
    """STFT whose frame ``t`` holds the samples up to ``(t + 1) * hop``.

    The waveform is preceded by ``n_fft - hop`` zeros. Every sample is covered
    by all the frames that can cover it, so the inverse divides by one period
    of the summed squared window and reconstructs the waveform exactly.

    Arguments
    ---------
    n_fft : int
        Length of frame, window and transform in samples.
    hop : int
        Samples between two frames, at most half of ``n_fft``.

    Raises
    ------
    ValueError
        If ``hop`` is not between 1 and ``n_fft / 2``.

    Example
    -------
    >>> stft = CausalSTFT(n_fft=512, hop=160)
    >>> waveform = torch.randn(2, 4000)
    >>> spectrum = stft(waveform)
    >>> spectrum.shape, spectrum.dtype
    (torch.Size([2, 257, 28]), torch.complex64)
    >>> torch.allclose(stft.inverse(spectrum, 4000), waveform, atol=1e-5)
    True
    """

    def __init__(self, n_fft: int = 512, hop: int = 256):
        super().__init__()
        if not 1 <= hop <= n_fft // 2:
            raise ValueError(
                f"hop must be between 1 and n_fft / 2 = {n_fft // 2}, "
                f"got {hop}."
            )
        self.n_fft = n_fft
        self.hop = hop
        window = torch.hann_window(n_fft)
        blocks = functional.pad(window**2, (0, -n_fft % hop)).view(-1, hop)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("envelope", blocks.sum(dim=0), persistent=False)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """Analyses waveforms.

        Arguments
        ---------
        waveform : torch.Tensor
            ``[batch, samples]``, float32.

        Returns
        -------
        torch.Tensor
            Complex spectra ``[batch, n_fft // 2 + 1, frames]``.
        """
        samples = waveform.shape[-1]
        before = self.n_fft - self.hop
        frames = (before + samples - 1) // self.hop + 1
        after = (frames - 1) * self.hop + self.hop - samples
        return self.analyse(functional.pad(waveform, (before, after)))

    def analyse(self, waveform: torch.Tensor) -> torch.Tensor:
        """Spectra of the whole frames in a waveform, nothing added to it.

        Arguments
        ---------
        waveform : torch.Tensor
            ``[batch, (frames - 1) * hop + n_fft]``, float32.

        Returns
        -------
        torch.Tensor
            Complex spectra ``[batch, n_fft // 2 + 1, frames]``.
        """
        return torch.stft(
            waveform,
            n_fft=self.n_fft,
            hop_length=self.hop,
            window=self.window,
            center=False,
            return_complex=True,
        )

    def inverse(self, spectrum: torch.Tensor, samples: int) -> torch.Tensor:
        """Synthesises waveforms by weighted overlap-add.

        Arguments
        ---------
        spectrum : torch.Tensor
            ``[batch, n_fft // 2 + 1, frames]``, complex.
        samples : int
            Length of the waveform that was analysed.

        Returns
        -------
        torch.Tensor
            ``[batch, samples]``, float32.
        """
        waveform = self.overlap_add(spectrum)
        total = waveform.shape[-1]
        repeats = total // self.hop + 1
        waveform = waveform / self.envelope.repeat(repeats)[:total]
        before = self.n_fft - self.hop
        return waveform[:, before : before + samples]

    def overlap_add(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Sums windowed frames, not yet divided by ``envelope``.

        Arguments
        ---------
        spectrum : torch.Tensor
            ``[batch, n_fft // 2 + 1, frames]``, complex.

        Returns
        -------
        torch.Tensor
            ``[batch, (frames - 1) * hop + n_fft]``, float32.
        """
        frames = torch.fft.irfft(spectrum, n=self.n_fft, dim=1)
        frames = frames * self.window[:, None]
        total = (spectrum.shape[-1] - 1) * self.hop + self.n_fft
        return functional.fold(
            frames, (1, total), (1, self.n_fft), stride=(1, self.hop)
        ).flatten(1)
