"""FastEnhancer: a causal complex-mask network, in five sizes.

Convolutions along frequency surround a stack of blocks that alternate a
recurrent network along time with self-attention along frequency. Source:
"FastEnhancer: Speed-Optimized Streaming Neural Speech Enhancement",
arXiv 2509.21867. This implementation is our own; it leaves out the weight
normalisation that the authors train with.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch import nn

from dispatch_sb.models.interface import MaskingModel
from dispatch_sb.models.layers import (
    COMPRESSION,
    MaskHead,
    RecurrentAttentionBlock,
    beside,
    fold_normalisations,
    frequency_filterbank,
    normalised_convolution,
)
from dispatch_sb.models.spectrum import CausalSTFT
from dispatch_sb.models.streaming_step import StreamingStep


class FastEnhancer(MaskingModel):
    """Noisy waveform in, enhanced waveform of the same shape out.

    Arguments
    ---------
    channels : int
        Channels of the convolutions along frequency.
    depth : int
        Convolutions of kernel 3 in the encoder, mirrored in the decoder.
    blocks : int
        Recurrent-attention blocks.
    block_channels : int
        Channels inside these blocks, a multiple of ``heads``.
    block_bins : int
        Frequency bands inside these blocks.
    heads : int
        Attention heads.
    n_fft : int
        Length of frame, Hann window and transform in samples, a multiple of 8.
    hop : int
        Samples between two frames.
    sample_rate : int
        Rate in Hz of the waveforms it is trained for.

    Raises
    ------
    ValueError
        If ``block_channels`` is no multiple of ``heads``, or ``hop`` is larger
        than half of ``n_fft``.

    Example
    -------
    >>> model = FastEnhancer.from_size("T").eval()
    >>> model(torch.randn(2, 16000)).shape
    torch.Size([2, 16000])
    >>> model.latency
    512
    """

    # As published: the first arguments, up to the hop.
    SIZES = {
        "T": (24, 2, 2, 20, 16, 4, 512, 256),
        "B": (48, 2, 3, 36, 24, 4, 512, 256),
        "S": (64, 3, 3, 48, 36, 4, 512, 256),
        "M": (96, 3, 4, 72, 48, 4, 512, 160),
        "L": (128, 4, 5, 96, 64, 4, 512, 100),
    }

    TAPS = {"encoder": "ncf", "blocks": "tbfc", "decoder": "ncf"}

    def __init__(
        self,
        channels: int = 24,
        depth: int = 2,
        blocks: int = 2,
        block_channels: int = 20,
        block_bins: int = 16,
        heads: int = 4,
        n_fft: int = 512,
        hop: int = 256,
        sample_rate: int = 16000,
    ):
        super().__init__(locals())
        self.hop = hop
        self.latency = n_fft
        self.stft = CausalSTFT(n_fft, hop)
        bins = n_fft // 2 // 4  # the highest bin is dropped, the rest strided
        convolution = normalised_convolution
        first = convolution(2, channels, 8, stride=4)
        rest = [convolution(channels, channels, 3) for _ in range(depth)]
        self.encoder = nn.ModuleList([first, *rest])
        reduce, expand = frequency_filterbank(bins, block_bins)
        self.register_buffer("reduce", reduce, persistent=False)
        self.register_buffer("expand", expand, persistent=False)
        # Without activation.
        self.enter = convolution(channels, block_channels, 1)[:2]
        self.blocks = nn.ModuleList(
            RecurrentAttentionBlock(block_channels, heads, positions)
            for positions in [block_bins] + [None] * (blocks - 1)
        )
        self.leave = convolution(block_channels, channels, 1)[:2]
        self.decoder = nn.ModuleList(
            nn.Sequential(
                *convolution(2 * channels, channels, 1),
                *convolution(channels, channels, 3),
            )
            for _ in range(depth)
        )
        self.head = MaskHead(channels)

    def initial_state(self, batch: int) -> torch.Tensor:
        """Memory before the first frame.

        Arguments
        ---------
        batch : int
            Number of waveforms.

        Returns
        -------
        torch.Tensor
            Zeros ``[blocks, batch, block_bins, block_channels]``.
        """
        shape = (len(self.blocks), batch, self.reduce.shape[1])
        return self.reduce.new_zeros(*shape, self.config["block_channels"])

    def estimate_mask(
        self, features: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs the network on any number of frames.

        Arguments
        ---------
        features : torch.Tensor
            Compressed spectra ``[batch, frames, 2, n_fft // 2]``, real and
            imaginary part.
        state : torch.Tensor
            ``[blocks, batch, block_bins, block_channels]``: the memory that
            `initial_state` or the previous call returned.

        Returns
        -------
        torch.Tensor
            Mask, the shape of ``features``, unbounded.
        torch.Tensor
            The memory after the last frame.
        """
        batch, frames = features.shape[:2]
        x = features.flatten(0, 1)  # [batch * frames, 2, bins]
        skips = []
        for layer in self.encoder:
            x = layer(x)
            skips.append(x)
        x = self.enter((self.reduce.T @ x.mT).mT)  # [..., channels, bands]
        x = x.unflatten(0, (batch, frames)).permute(1, 0, 3, 2).contiguous()
        states = []
        for block, memory in zip(self.blocks, state):
            x, memory = block(x, memory)  # [frames, batch, bands, channels]
            states.append(memory)
        x = x.transpose(0, 1).flatten(0, 1)
        x = self.leave((self.expand.T @ x).mT)
        for layer in self.decoder:
            x = layer(beside(x, skips.pop(), self))
        mask = self.head(beside(x, skips.pop(), self))
        return mask.unflatten(0, (batch, frames)), torch.stack(states)

    def enhance_spectrum(
        self, spectrum: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Masks spectra, frame by frame or many frames at once.

        Arguments
        ---------
        spectrum : torch.Tensor
            ``[batch, n_fft // 2 + 1, frames]``, complex.
        state : torch.Tensor
            See `estimate_mask`.

        Returns
        -------
        torch.Tensor
            Enhanced spectra of the same shape; the highest bin is zero.
        torch.Tensor
            The memory after the last frame.
        """
        x = spectrum[:, :-1].mT  # [batch, frames, bins]
        power = x.real.square() + x.imag.square()
        # On a CPU, a logarithm and an exponential are quicker than `pow`.
        gain = (power.clamp(min=1e-10).log() * ((COMPRESSION - 1) / 2)).exp()
        x = x * gain
        # [batch, frames, 2, bins], real and imaginary part, in and out.
        mask, state = self.estimate_mask(torch.view_as_real(x).mT, state)
        mask = mask.float()  # low precision stays inside the network
        masked = x * torch.view_as_complex(mask.mT.contiguous())
        power = masked.real.square() + masked.imag.square()
        enhanced = masked * power.pow((1 / COMPRESSION - 1) / 2)
        enhanced = enhanced.transpose(1, 2)
        return nn.functional.pad(enhanced, (0, 0, 0, 1)), state

    def fused(self) -> "FastEnhancer":
        """Folds every normalisation into the layer before it.

        Returns
        -------
        FastEnhancer
            A copy in eval mode with the same output, fewer parameters and
            less work: what is deployed, and what published counts mean.
        """
        copy = super().fused()
        fold_normalisations(copy)
        return copy

    def step(self) -> StreamingStep:
        """One hop of a fused copy, for deployment.

        Returns
        -------
        StreamingStep
        """
        return StreamingStep(self)
