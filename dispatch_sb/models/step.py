"""One hop of a causal network with its state in the open, for deployment.

Authors
 * The dispatch-sb contributors, 2026
"""

import torch
from torch import nn

from dispatch_sb.models.interface import MaskingModel
from dispatch_sb.models.real_fourier import RealFourier


class Step(nn.Module):
    """Takes one hop of samples and the state, returns both anew.

    The enhanced hop is ``latency - hop`` samples late: it belongs to the
    samples that came that much earlier. Every operation has real numbers and
    a batch of one, as every runtime knows them.

    Arguments
    ---------
    model : MaskingModel
        Trained and causal; it is copied, and fused.
    frames : int
        Frames of its transform that a hop has.
    """

    def __init__(self, model: MaskingModel, frames: int = 1):
        super().__init__()
        self.network = network = model.fused().cpu().requires_grad_(False)
        self.hop = frames * network.hop
        self.past = network.latency - network.hop
        self.latency = self.hop + self.past
        self.sample_rate = network.sample_rate
        self.register_buffer("silence", torch.zeros(1, self.hop))
        self.eval()

    def initial_memory(self) -> torch.Tensor:
        """What the network remembers before the first hop."""
        return self.network.initial_state(1)

    def analyse(self, samples: torch.Tensor) -> torch.Tensor:
        """``[1, latency]`` to what the network takes."""
        return self.network.stft.analyse(samples)

    def enhance(
        self, spectrum: torch.Tensor, memory: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Runs the network.

        Arguments
        ---------
        spectrum : torch.Tensor
            From `analyse`.
        memory : torch.Tensor
            From `initial_memory`, or the previous call.

        Returns
        -------
        tuple of torch.Tensor
            What is enhanced, of the same shape, and the next memory.
        """
        return self.network.enhance_spectrum(spectrum, memory)

    def synthesise(self, spectrum: torch.Tensor) -> torch.Tensor:
        """What the network gave to ``[1, latency]``, to be added up."""
        return self.network.stft.overlap_add(spectrum)

    def initial_state(self) -> dict[str, torch.Tensor]:
        """Names and values of the state before the first hop.

        Returns
        -------
        dict
            Zeros: ``history`` ``[1, latency - hop]``, the samples before the
            hop; ``tail`` of the same shape, what earlier frames add to the
            next hops; ``memory`` of the network.
        """
        zeros = self.silence.new_zeros(1, self.past)
        return {
            "history": zeros,
            "tail": zeros.clone(),
            "memory": self.initial_memory(),
        }

    def forward(
        self,
        samples: torch.Tensor,
        history: torch.Tensor,
        tail: torch.Tensor,
        memory: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Enhances one hop.

        Arguments
        ---------
        samples : torch.Tensor
            ``[1, hop]``.
        history, tail, memory : torch.Tensor
            See `initial_state`; then what the previous call returned.

        Returns
        -------
        tuple of torch.Tensor
            The enhanced hop ``[1, hop]``, and the next history, tail and
            memory.
        """
        frame = torch.cat([history, samples], dim=1)
        enhanced, memory = self.enhance(self.analyse(frame), memory)
        late = self.synthesise(enhanced)
        late = late + torch.cat([tail, self.silence], dim=1)
        hop, tail = late.split([self.hop, self.past], dim=1)
        return hop, frame.split([self.hop, self.past], dim=1)[1], tail, memory


class FourierStep(Step):
    """A step that looks at the spectrum of one frame: real and imaginary part
    ``[1, 2, bins]``, without the highest bin.

    Arguments
    ---------
    model : MaskingModel
        With a `CausalSTFT`; it is copied, and fused.
    """

    def __init__(self, model: MaskingModel):
        super().__init__(model)
        stft = self.network.stft
        envelope = stft.envelope.repeat(self.latency // self.hop + 1)
        self.register_buffer("analysis", stft.window.clone())
        self.register_buffer(
            "synthesis", stft.window / envelope[: self.latency]
        )
        # Times i: from (real, imaginary) part to (-imaginary, real).
        self.register_buffer("quarter_turn", torch.tensor([[0.0, -1], [1, 0]]))
        self.fourier = RealFourier(self.latency)

    def analyse(self, samples: torch.Tensor) -> torch.Tensor:
        """``[1, latency]`` to ``[1, 2, bins]``."""
        return self.fourier(samples * self.analysis)

    def synthesise(self, spectrum: torch.Tensor) -> torch.Tensor:
        """``[1, 2, bins]`` to ``[1, latency]``."""
        return self.fourier.inverse(spectrum) * self.synthesis

    def times(self, mask: torch.Tensor, spectrum: torch.Tensor) -> torch.Tensor:
        """The complex product.

        Arguments
        ---------
        mask, spectrum : torch.Tensor
            Real and imaginary part, ``[1, 2, bins]``.

        Returns
        -------
        torch.Tensor
            Of the same shape.
        """
        real, imaginary = mask.split(1, dim=1)
        return spectrum * real + (self.quarter_turn @ spectrum) * imaginary
