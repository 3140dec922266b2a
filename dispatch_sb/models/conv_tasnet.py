"""Conv-TasNet: a mask on a learned filterbank, from stacks of dilated
convolutions.

Source: "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for
Speech Separation" (arXiv 1809.07454). The network between the filterbanks is
SpeechBrain's (``speechbrain.lobes.models.conv_tasnet.MaskNet``), which has no
skip branches: 3.4 M parameters where the paper has 5.1 M.

If it is causal, its convolutions reach back once, as in the paper; the lobe's
own forward pass pads them twice: their newest frame is half a reach old.

Authors
 * The dispatch-sb contributors, 2026
"""

import math

import torch
from torch import nn
from torch.nn import functional

from dispatch_sb.models.interface import MaskingModel
from dispatch_sb.models.step import Step

TINY = 1e-8  # added to the variance of a frame, as in SpeechBrain


class ConvTasNet(MaskingModel):
    """Noisy waveform in, enhanced waveform of the same shape out.

    Arguments
    ---------
    filters : int
        Filters of the filterbank.
    channels : int
        Channels between the blocks.
    hidden : int
        Channels inside a block.
    blocks : int
        Blocks of a stack; the dilation doubles from one to the next.
    stacks : int
        Stacks, one after the other.
    kernel : int
        Frames of a convolution in a block, odd.
    length : int
        Samples of a filter, even; frames overlap by half of it.
    causal : bool
        Whether to look at no later frame, so that it can stream; frames are
        then normalised one by one instead of over the utterance.
    sample_rate : int
        Rate in Hz of the waveforms it is trained for.

    Raises
    ------
    ValueError
        If ``kernel`` is even or ``length`` odd.

    Example
    -------
    >>> model = ConvTasNet.from_size("small").eval()
    >>> model(torch.randn(2, 4000)).shape
    torch.Size([2, 4000])
    """

    # A fifth, and a sixteenth, of the published parameters.
    SIZES = {
        "published": (512, 128, 512, 8, 3),
        "medium": (256, 64, 224, 7, 3),
        "small": (128, 48, 128, 7, 2),
    }

    def __init__(
        self,
        filters: int = 512,
        channels: int = 128,
        hidden: int = 512,
        blocks: int = 8,
        stacks: int = 3,
        kernel: int = 3,
        length: int = 16,
        causal: bool = False,
        sample_rate: int = 16000,
    ):
        super().__init__(locals())
        if kernel % 2 == 0 or length % 2:
            raise ValueError(
                f"kernel={kernel} must be odd and length={length} even."
            )
        self.stft = LearnedFilterbank(filters, length)
        sizes = (filters, channels, hidden, kernel, blocks, stacks)
        self.masknet = _mask_network(sizes, causal)
        self.hop = length // 2 if causal else None
        self.latency = length if causal else None  # None: it cannot stream

    @property
    def taps(self) -> dict[str, tuple[str, str]]:
        """Where features can be read: what every block adds, see
        `dispatch_sb.models.taps.Taps`."""
        blocks = self.masknet.temporal_conv_net.named_children()
        inside = "masknet.temporal_conv_net.{}.layers.DSconv.conv_1"
        return {
            f"blocks.{number}": (inside.format(name), "btc")
            for number, (name, _) in enumerate(blocks)
        }

    def _blocks(self) -> list:
        """First and depthwise convolution, and what follows each, of every
        block."""
        blocks = []
        for block in self.masknet.temporal_conv_net.children():
            enter, act, norm, separable = block.layers.children()
            depthwise, _, *after = separable.children()  # _ cuts an end
            blocks.append((enter, act, norm, depthwise.conv, after))
        return blocks

    def initial_state(self, batch: int) -> torch.Tensor:
        """Memory before the first frame.

        Arguments
        ---------
        batch : int
            Number of waveforms.

        Returns
        -------
        torch.Tensor
            Zeros ``[batch, values]``: what the convolutions still reach; no
            values if the network is not causal.
        """
        shapes = self._memory_shapes() if self.config["causal"] else []
        values = sum(map(math.prod, shapes))
        return self.stft.envelope.new_zeros(batch, values)

    def _memory_shapes(self) -> list[tuple[int, int]]:
        """Frames and channels that every block remembers."""
        return [
            ((conv.kernel_size[0] - 1) * conv.dilation[0], conv.in_channels)
            for _, _, _, conv, _ in self._blocks()
        ]

    def enhance_spectrum(
        self, spectrum: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Masks frames of the filterbank: one by one or many at once, or all
        that there are, if the network is not causal.

        Arguments
        ---------
        spectrum : torch.Tensor
            ``[batch, filters, frames]``, from ``stft``.
        state : torch.Tensor
            What `initial_state` or the previous call returned.

        Returns
        -------
        torch.Tensor
            Masked frames, of the same shape.
        torch.Tensor
            The memory after the last frame.
        """
        if not self.config["causal"]:
            mask = self.masknet(spectrum)[0]
            return spectrum * mask.to(spectrum.dtype), state
        shapes = self._memory_shapes()
        sizes = [math.prod(shape) for shape in shapes]
        net, after = self.masknet, []
        frames = spectrum.transpose(1, 2)
        x = net.bottleneck_conv1x1(_normalise(frames, net.layer_norm))
        memory = zip(self._blocks(), shapes, state.split(sizes, dim=1))
        for (enter, act, norm, conv, rest), shape, past in memory:
            y = _normalise(act(enter(x)), norm)
            past = past.unflatten(1, shape).to(y.dtype)
            y = torch.cat([past, y], dim=1)
            after.append(y[:, y.shape[1] - shape[0] :].flatten(1))
            y = functional.conv1d(
                y.transpose(1, 2),
                conv.weight,
                dilation=conv.dilation,
                groups=conv.groups,
            ).transpose(1, 2)
            act, norm, leave = rest
            x = x + leave(_normalise(act(y), norm))
        mask = net.mask_conv1x1(x).relu().transpose(1, 2)
        return spectrum * mask.to(spectrum.dtype), torch.cat(after, dim=1)

    def forward(
        self, noisy: torch.Tensor, lens: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Enhances waveforms.

        Arguments
        ---------
        noisy : torch.Tensor
            ``[batch, samples]``, at ``sample_rate``.
        lens : torch.Tensor, optional
            Length of each waveform relative to ``samples``, ``[batch]``: a
            network that is not causal sees what lies beyond an end, unless it
            is told.

        Returns
        -------
        torch.Tensor
            ``[batch, samples]``, float32.
        """
        if lens is not None and not self.config["causal"]:
            ends = (lens * noisy.shape[1]).round().long().tolist()
            if any(end < noisy.shape[1] for end in ends):
                rows = [
                    functional.pad(self(row[None, :end]), (0, len(row) - end))
                    for row, end in zip(noisy, ends)
                ]
                return torch.cat(rows)
        return super().forward(noisy)

    def step(self) -> Step:
        """Sixteen frames of a copy, for deployment; of a causal network. One
        is half a millisecond.

        Returns
        -------
        Step
        """
        return Step(self, frames=16)


class LearnedFilterbank(nn.Module):
    """Filters that are trained, in the place of a short-time Fourier
    transform and its inverse; see `dispatch_sb.models.spectrum.CausalSTFT`.

    Arguments
    ---------
    filters : int
        How many.
    length : int
        Samples of each, even; frames overlap by half of it.

    Example
    -------
    >>> filterbank = LearnedFilterbank(64, 16)
    >>> frames = filterbank(torch.randn(2, 1001))
    >>> frames.shape, filterbank.inverse(frames, 1001).shape
    (torch.Size([2, 64, 127]), torch.Size([2, 1001]))
    """

    def __init__(self, filters: int, length: int):
        super().__init__()
        self.n_fft, self.hop = length, length // 2
        self.analysis = nn.Conv1d(1, filters, length, self.hop, bias=False)
        self.synthesis = nn.ConvTranspose1d(
            filters, 1, length, self.hop, bias=False
        )
        # Overlapping frames are added as they are.
        self.register_buffer("envelope", torch.ones(self.hop), False)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """``[batch, samples]`` to ``[batch, filters, frames]``."""
        # Two frames cover every sample, the last one too.
        after = -waveform.shape[-1] % self.hop + self.hop
        return self.analyse(functional.pad(waveform, (self.hop, after)))

    def analyse(self, waveform: torch.Tensor) -> torch.Tensor:
        """Of whole frames, ``[batch, (frames + 1) * hop]``, nothing added."""
        return self.analysis(waveform.unsqueeze(1)).relu()

    def overlap_add(self, spectrum: torch.Tensor) -> torch.Tensor:
        """``[batch, filters, frames]`` to ``[batch, (frames + 1) * hop]``."""
        return self.synthesis(spectrum).squeeze(1)

    def inverse(self, spectrum: torch.Tensor, samples: int) -> torch.Tensor:
        """Back to waveforms.

        Arguments
        ---------
        spectrum : torch.Tensor
            ``[batch, filters, frames]``.
        samples : int
            Length of the waveform that was analysed.

        Returns
        -------
        torch.Tensor
            ``[batch, samples]``.
        """
        return self.overlap_add(spectrum)[:, self.hop : self.hop + samples]


def _mask_network(sizes: tuple, causal: bool) -> nn.Module:
    """SpeechBrain's network, which takes seconds to import."""
    from speechbrain.lobes.models.conv_tasnet import MaskNet
    from speechbrain.nnet.CNN import Conv1d

    norm = "cLN" if causal else "gLN"
    network = MaskNet(*sizes, C=1, norm_type=norm, causal=causal)
    for module in network.modules():
        if isinstance(module, Conv1d):
            # By default frames are mirrored, which needs long utterances.
            module.padding_mode = "constant"
    return network


def _normalise(frames: torch.Tensor, norm: nn.Module) -> torch.Tensor:
    """Normalises ``[batch, frames, channels]`` frame by frame, with the
    lobe's parameters: in its own formula, exporters drop the small constant
    that keeps silence from becoming 0 / 0."""
    return functional.layer_norm(
        frames,
        frames.shape[-1:],
        norm.gamma.flatten(),
        norm.beta.flatten(),
        TINY,
    )
