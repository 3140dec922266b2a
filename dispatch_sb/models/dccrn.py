"""DCCRN-CL: complex convolutions around a complex recurrent network.

Source: "DCCRN: Deep Complex Convolution Recurrent Network for Phase-Aware
Speech Enhancement" (arXiv 2008.00264), variant CL with mask E. This
implementation is our own. It differs from the published one in three places,
none of which changes the number of parameters: the highest bin of the spectrum
is left out instead of the lowest, frames of 32 ms fill the transform instead
of 25 ms, and the decoder does not wait for later frames (the published one
waits for six), so that the network is causal and can stream.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from dispatch_sb.models.interface import MaskingModel
from dispatch_sb.models.spectrum import CausalSTFT
from dispatch_sb.models.step import FourierStep

KERNEL = (5, 2)  # bins and frames
TINY = 1e-8  # under the root of a mask's power


class DCCRN(MaskingModel):
    """Noisy waveform in, enhanced waveform of the same shape out.

    Arguments
    ---------
    channels : sequence of int
        Complex channels of the encoder's layers, each of which halves the
        number of bins; the decoder mirrors them.
    units : int
        Complex units of the two recurrent layers.
    n_fft : int
        Length of frame, Hann window and transform in samples, a multiple of
        ``2 ** (len(channels) + 1)``.
    hop : int
        Samples between two frames.
    sample_rate : int
        Rate in Hz of the waveforms it is trained for.

    Raises
    ------
    ValueError
        If the bins cannot be halved so often, or ``hop`` is larger than half
        of ``n_fft``.

    Example
    -------
    >>> model = DCCRN.from_size("small").eval()
    >>> model(torch.randn(2, 4000)).shape
    torch.Size([2, 4000])
    """

    # A fifth, and a sixteenth, of the published 3.67 M parameters.
    SIZES = {
        "published": ((16, 32, 64, 128, 128, 128), 128),
        "medium": ((8, 14, 28, 56, 58, 58), 56),
        "small": ((4, 8, 16, 32, 32, 32), 32),
    }

    TAPS = {"encoder": "bccft", "decoder": "bccft"}

    def __init__(
        self,
        channels: Sequence[int] = SIZES["published"][0],
        units: int = SIZES["published"][1],
        n_fft: int = 512,
        hop: int = 100,
        sample_rate: int = 16000,
    ):
        channels = list(channels)
        super().__init__(locals())
        halvings = len(channels)
        if not halvings or n_fft % 2 ** (halvings + 1):
            raise ValueError(
                f"n_fft={n_fft} cannot be halved once for each of channels="
                f"{channels} and once more: use a multiple of "
                f"{2 ** (halvings + 1)}."
            )
        self.hop = hop
        self.latency = n_fft
        self.stft = CausalSTFT(n_fft, hop)
        inputs = [1, *channels[:-1]]
        self.encoder = nn.ModuleList(
            ComplexLayer(few, many) for few, many in zip(inputs, channels)
        )
        self.bins = n_fft // 2 // 2**halvings  # between encoder and decoder
        features = channels[-1] * self.bins
        self.recurrent = nn.ModuleList(
            [ComplexLSTM(features, units), ComplexLSTM(units, units)]
        )
        self.leave_real = nn.Linear(units, features)
        self.leave_imaginary = nn.Linear(units, features)
        self.decoder = nn.ModuleList(
            ComplexLayer(2 * many, few, transposed=True)
            for few, many in zip(inputs[:0:-1], channels[:0:-1])
        )
        last = ComplexLayer(2 * channels[0], 1, transposed=True, last=True)
        self.decoder.append(last)
        self._memory = self._memory_shapes(channels, units)

    def _memory_shapes(self, channels, units) -> list[tuple[int, ...]]:
        """What every layer remembers of an utterance, in order."""
        bins = self.latency // 2
        shapes = []
        for many in [1, *channels[:-1]]:
            shapes.append((2, many, bins))
            bins //= 2
        shapes += [(2, 2, 2, units)] * 2
        for many in channels[::-1]:
            shapes.append((2, 2 * many, bins))
            bins *= 2
        return shapes

    def initial_state(self, batch: int) -> torch.Tensor:
        """Memory before the first frame.

        Arguments
        ---------
        batch : int
            Number of waveforms.

        Returns
        -------
        torch.Tensor
            Zeros ``[batch, values]``: the last frame that every convolution
            saw, and the states of the recurrent layers.
        """
        values = sum(map(math.prod, self._memory))
        return self.leave_real.weight.new_zeros(batch, values)

    def estimate_mask(
        self, planes: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs the network on any number of frames.

        Arguments
        ---------
        planes : torch.Tensor
            Real and imaginary part ``[batch, frames, 2, n_fft // 2]``.
        state : torch.Tensor
            ``[batch, values]``: what `initial_state` or the previous call
            returned.

        Returns
        -------
        torch.Tensor
            Mask, the shape of ``planes``, of magnitudes below one.
        torch.Tensor
            The memory after the last frame.
        """
        sizes = [math.prod(shape) for shape in self._memory]
        memory = [
            part.unflatten(1, shape)
            for part, shape in zip(state.split(sizes, dim=1), self._memory)
        ]
        x = planes.permute(0, 2, 3, 1).unsqueeze(2)  # [B, 2, channels, F, T]
        skips, after = [], []
        for layer in self.encoder:
            x, past = layer(x, memory[len(after)])
            skips.append(x)
            after.append(past)
        x, pasts = self._recur(x, memory[len(after) : len(after) + 2])
        after += pasts
        for layer in self.decoder:
            x = torch.cat([x, skips.pop()], dim=2)
            x, past = layer(x, memory[len(after)])
            after.append(past)
        mask = x.squeeze(2).permute(0, 3, 1, 2)
        power = mask.square().sum(2, keepdim=True)
        size = (power + TINY).sqrt()
        return mask * (size.tanh() / size), torch.cat(
            [past.flatten(1) for past in after], dim=1
        )

    def _recur(self, x, memory):
        """Both recurrent layers, over features of all bins."""
        shape = x.shape  # [B, 2, channels, bins, T]
        x = x.permute(4, 1, 0, 2, 3).flatten(3)  # [T, 2, B, features]
        after = []
        for layer, past in zip(self.recurrent, memory):
            x, past = layer(x, past)
            after.append(past)
        x = torch.stack(
            [self.leave_real(x[:, 0]), self.leave_imaginary(x[:, 1])], dim=1
        )
        x = x.unflatten(3, shape[2:4])
        return x.permute(2, 1, 3, 4, 0), after

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
        planes = torch.view_as_real(spectrum[:, :-1]).permute(0, 2, 3, 1)
        mask, state = self.estimate_mask(planes, state)
        mask = mask.float().permute(0, 3, 1, 2).contiguous()
        enhanced = spectrum[:, :-1] * torch.view_as_complex(mask)
        return functional.pad(enhanced, (0, 0, 0, 1)), state

    def step(self) -> "DCCRNStep":
        """One hop of a copy, for deployment.

        Returns
        -------
        DCCRNStep
        """
        return DCCRNStep(self)


class DCCRNStep(FourierStep):
    """One hop of DCCRN, see `dispatch_sb.models.step`.

    Arguments
    ---------
    model : DCCRN
        Trained; it is copied.
    """

    def enhance(
        self, spectrum: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `FourierStep`.

        Arguments
        ---------
        spectrum, memory : torch.Tensor
            See `FourierStep`.
        """
        mask, memory = self.network.estimate_mask(spectrum[None], memory)
        return self.times(mask[0], spectrum), memory


class ComplexLayer(nn.Module):
    """A causal complex convolution, normalised and activated.

    The product of complex numbers becomes one real convolution of twice as
    many channels. Normalisation and activation are those of real channels.

    Arguments
    ---------
    inputs, outputs : int
        Complex channels.
    transposed : bool
        Doubles the number of bins instead of halving it.
    last : bool
        Neither normalises nor activates; begins near a mask of one.

    Example
    -------
    >>> x, past = torch.randn(3, 2, 1, 256, 7), torch.zeros(3, 2, 1, 256)
    >>> output, past = ComplexLayer(1, 16)(x, past)
    >>> output.shape
    torch.Size([3, 2, 16, 128, 7])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        transposed: bool = False,
        last: bool = False,
    ):
        super().__init__()
        kind = nn.ConvTranspose2d if transposed else nn.Conv2d
        self.transposed = transposed
        self.real = kind(inputs, outputs, KERNEL, bias=False)
        self.imaginary = kind(inputs, outputs, KERNEL, bias=False)
        self.bias = nn.Parameter(torch.zeros(2 * outputs))
        self.after = nn.Sequential(nn.BatchNorm2d(2 * outputs), nn.PReLU())
        if last:
            self.after = nn.Identity()
            with torch.no_grad():
                self.bias[:outputs] = 1.0

    def forward(
        self, x: torch.Tensor, past: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs any number of frames.

        Arguments
        ---------
        x : torch.Tensor
            ``[batch, 2, inputs, bins, frames]``, real and imaginary part.
        past : torch.Tensor
            ``[batch, 2, inputs, bins]``: the frame before the first.

        Returns
        -------
        torch.Tensor
            ``[batch, 2, outputs, half or twice as many bins, frames]``.
        torch.Tensor
            The last frame of ``x``.
        """
        past = past.unsqueeze(-1).to(x.dtype)
        joined = torch.cat([past, x], dim=-1).flatten(1, 2)
        real, imaginary = self.real.weight, self.imaginary.weight
        rows = [real, -imaginary], [imaginary, real]
        if self.transposed:
            rows = [real, imaginary], [-imaginary, real]
        weight = torch.cat([torch.cat(row, dim=1) for row in rows])
        given = joined, weight, self.bias, (2, 1), (2, 0)
        if self.transposed:
            y = functional.conv_transpose2d(*given, (1, 0))[..., 1:-1]
        else:
            y = functional.conv2d(*given)
        return self.after(y).unflatten(1, (2, -1)), x[..., -1]


class ComplexLSTM(nn.Module):
    """Two recurrent networks that play the parts of a complex one.

    Arguments
    ---------
    inputs, units : int
        Complex features in and out.

    Example
    -------
    >>> x, memory = torch.randn(7, 2, 3, 20), torch.zeros(3, 2, 2, 2, 8)
    >>> output, memory = ComplexLSTM(20, 8)(x, memory)
    >>> output.shape, memory.shape
    (torch.Size([7, 2, 3, 8]), torch.Size([3, 2, 2, 2, 8]))
    """

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.real = nn.LSTM(inputs, units)
        self.imaginary = nn.LSTM(inputs, units)

    def forward(
        self, x: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs any number of frames.

        Arguments
        ---------
        x : torch.Tensor
            ``[frames, 2, batch, inputs]``, real and imaginary part.
        memory : torch.Tensor
            ``[batch, 2, 2, 2, units]``: of both networks output and cell, for
            both parts.

        Returns
        -------
        torch.Tensor
            ``[frames, 2, batch, units]``.
        torch.Tensor
            Memory after the last frame.
        """
        parts = x.flatten(1, 2)  # both parts side by side, as one batch
        outputs, after = [], []
        for network, past in zip(
            (self.real, self.imaginary), memory.to(x.dtype).unbind(1)
        ):
            hidden = past.permute(1, 2, 0, 3).flatten(1, 2).unsqueeze(1)
            output, states = network(
                parts, (hidden[0].contiguous(), hidden[1].contiguous())
            )
            outputs.append(output.unflatten(1, x.shape[1:3]))
            states = torch.cat(states).unflatten(1, x.shape[1:3])
            after.append(states.permute(2, 0, 1, 3))
        by_real, by_imaginary = outputs
        real = by_real[:, 0] - by_imaginary[:, 1]
        imaginary = by_real[:, 1] + by_imaginary[:, 0]
        return torch.stack([real, imaginary], dim=1), torch.stack(after, dim=1)
