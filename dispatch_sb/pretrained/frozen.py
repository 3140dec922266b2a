"""A teacher that never trains: whatever its surroundings do, it runs in
evaluation mode, without gradient, and answers sample for sample.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
import math

import torch
from torch import nn
from torch.nn import functional as F

from dispatch_sb.pretrained.teacher import Teacher

logger = logging.getLogger(__name__)

LONGEST_DELAY = 10**6  # samples; anything longer is a mistake
LOW_PRECISION_DEVICES = {"cuda"}
MOST_TAPS = 1 << 22  # of a resampler; from 16 to 11.025 kHz, 3e5


class FrozenTeacher(Teacher):
    """Wraps any enhancement network as a teacher for distillation.

    ``Brain.fit`` calls ``modules.train()`` after ``on_stage_start``, so a bare
    teacher in ``Brain.modules`` would update its BatchNorm statistics and
    apply its dropout. Here ``train(mode)`` always means evaluation mode, the
    parameters do not require gradient (leave them out of the optimizer with
    ``[p for p in modules.parameters() if p.requires_grad]``), and the forward
    pass runs without autograd, and in float32: surrounding autocast is left
    but for bfloat16 on a GPU, where the model alone runs in it, too. A model
    that cannot is warned of once, and runs in float32 from then on.

    Arguments
    ---------
    model : torch.nn.Module
        Maps noisy waveforms [batch, samples] to enhanced ones, or to a tuple
        whose first element they are. [batch, 1, samples] and
        [batch, samples, 1] are accepted as outputs too. If it has an attribute
        ``sample_rate`` (Hz), that must equal the argument, or ``resample``
        must be set.
    sample_rate : int
        Rate of the waveforms given to ``forward``, in Hz.
    delay : int
        Samples (at ``sample_rate``) by which the model's output lags behind
        its input; removed from the output. See ``estimate_delay``.
    match_level : bool
        Scale each output to the level of its input by the least-squares gain.
        For models that normalise the level of what they return.
    resample : bool
        Whether to convert to the model's own rate and back.

    Raises
    ------
    ValueError
        If the rates differ and ``resample`` was not asked for, or if the delay
        is not a non-negative integer.

    Example
    -------
    >>> teacher = FrozenTeacher(nn.Sequential(nn.Dropout(0.5)))
    >>> noisy = torch.ones(2, 100)
    >>> teacher.train()(noisy).equal(noisy)
    True
    """

    def __init__(
        self,
        model: nn.Module,
        sample_rate: int = 16000,
        delay: int = 0,
        match_level: bool = False,
        resample: bool = False,
    ):
        super().__init__(sample_rate)
        if not isinstance(delay, int) or not 0 <= delay <= LONGEST_DELAY:
            raise ValueError(
                f"delay must be 0 to {LONGEST_DELAY} samples, got {delay!r}"
            )
        self.delay = delay
        self.match_level = match_level
        self.low_precision = True  # as far as is known
        self.model = model
        self.recommended_keep = getattr(model, "recommended_keep", None)
        model_rate = getattr(model, "sample_rate", sample_rate)
        if model_rate != sample_rate and not resample:
            raise ValueError(
                f"The teacher works at {model_rate} Hz but the data are at "
                f"{sample_rate} Hz: choose a teacher of {sample_rate} Hz, or "
                "pass resample=True to convert to its rate and back."
            )
        self.to_model_rate = _resampler(sample_rate, model_rate)
        self.from_model_rate = _resampler(model_rate, sample_rate)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "FrozenTeacher":
        """Stays in evaluation mode, whatever is asked."""
        return super().train(False)

    def requires_grad_(self, requires_grad: bool = True) -> "FrozenTeacher":
        """Keeps the parameters without gradient, whatever is asked."""
        return super().requires_grad_(False)

    @torch.no_grad()
    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """Enhances a batch.

        Arguments
        ---------
        noisy : torch.Tensor
            Waveforms [batch, samples] at ``sample_rate``.

        Returns
        -------
        torch.Tensor
            Float32 [batch, samples]: as long as the input, without delay and
            without gradient.
        """
        if noisy.dim() != 2:
            raise ValueError(
                "A teacher takes waveforms [batch, samples], got shape "
                f"{list(noisy.shape)}"
            )
        if self.model.training:  # someone reached past the wrapper
            self.eval()
        low = self.low_precision and _in_bfloat16(noisy.device.type)
        with torch.autocast(noisy.device.type, enabled=False):
            noisy = noisy.detach().float()
            # Zeros at the end, so that the delayed tail comes out as well.
            enhanced = self._run(F.pad(noisy, (0, self.delay)), low)
            enhanced = enhanced.float()[:, self.delay :]
            enhanced = fit_length(enhanced, noisy.shape[1])
            if self.match_level:
                enhanced = match_gain(enhanced, noisy)
        return enhanced

    def _run(self, noisy: torch.Tensor, low: bool) -> torch.Tensor:
        """The model at its own rate, [batch, samples] in and out."""
        given = self.to_model_rate(noisy)
        answer = self._low_precision_answer(given) if low else None
        if answer is None:
            answer = self.model(given)
        enhanced = as_waveforms(answer).float()
        if enhanced.shape[0] != noisy.shape[0]:
            raise ValueError(
                f"The teacher was given {noisy.shape[0]} waveforms and "
                f"returned {enhanced.shape[0]}"
            )
        return self.from_model_rate(enhanced)

    def _low_precision_answer(self, noisy: torch.Tensor):
        """What the model returns under autocast; None if it cannot."""
        try:
            with torch.autocast(noisy.device.type, dtype=torch.bfloat16):
                return self.model(noisy)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self.low_precision = False
            logger.warning(
                "The teacher runs in float32, not in bfloat16, in which it "
                "fails: %s",
                str(error).partition("\n")[0],
            )
        return None


def _in_bfloat16(kind: str) -> bool:
    """Whether a device of this kind has autocast to bfloat16 on now, and the
    teacher should follow: on a CPU it would be slower."""
    return (
        kind in LOW_PRECISION_DEVICES
        and torch.is_autocast_enabled(kind)
        and torch.get_autocast_dtype(kind) == torch.bfloat16
    )


def as_waveforms(output) -> torch.Tensor:
    """Takes the waveforms out of what an enhancement network returns.

    Arguments
    ---------
    output : torch.Tensor or sequence
        [batch, samples], [batch, 1, samples] or [batch, samples, 1], or a
        sequence that begins with such a tensor.

    Returns
    -------
    torch.Tensor
        [batch, samples].

    Example
    -------
    >>> as_waveforms((torch.zeros(3, 1, 50), None)).shape
    torch.Size([3, 50])
    """
    if isinstance(output, (tuple, list)):
        output = output[0]
    if not isinstance(output, torch.Tensor) or output.is_complex():
        raise ValueError(
            "A teacher must return waveforms [batch, samples], got "
            f"{getattr(output, 'dtype', type(output).__name__)}"
        )
    if output.dim() == 3 and 1 in output.shape[1:]:
        output = output.squeeze(1 if output.shape[1] == 1 else 2)
    if output.dim() != 2:
        raise ValueError(
            "A teacher must return waveforms [batch, samples], got shape "
            f"{list(output.shape)}: wrap the model so that it returns the "
            "enhanced speech alone."
        )
    return output


def fit_length(signal: torch.Tensor, samples: int) -> torch.Tensor:
    """Cuts or zero-pads at the end to a number of samples.

    Arguments
    ---------
    signal : torch.Tensor
        [..., any length].
    samples : int
        The length wanted.

    Returns
    -------
    torch.Tensor
        [..., samples].

    Example
    -------
    >>> fit_length(torch.ones(1, 3), 5)
    tensor([[1., 1., 1., 0., 0.]])
    """
    signal = signal[..., :samples]
    return F.pad(signal, (0, samples - signal.shape[-1]))


def match_gain(enhanced: torch.Tensor, noisy: torch.Tensor) -> torch.Tensor:
    """Scales a signal to its level inside another: g = <e, n> / <e, e>.

    The least-squares gain of ``enhanced`` against ``noisy``. The noise that
    was removed hardly correlates with the speech, so the gain restores the
    level of the speech in the input after a peak normalisation.

    Arguments
    ---------
    enhanced : torch.Tensor
        [batch, samples], at any level.
    noisy : torch.Tensor
        [batch, samples], what the enhancement was given.

    Returns
    -------
    torch.Tensor
        [batch, samples]; a silent ``enhanced`` stays as it is.

    Example
    -------
    >>> noisy = torch.tensor([[0.1, -0.2, 0.1]])
    >>> torch.allclose(match_gain(5 * noisy, noisy), noisy)
    True
    """
    energy = enhanced.square().sum(dim=-1, keepdim=True)
    product = (enhanced * noisy).sum(dim=-1, keepdim=True)
    gain = product / energy
    # A gain ≤ 0 says that nothing of the input is left: no level to restore.
    usable = (energy > 0) & (gain > 0) & torch.isfinite(gain)
    return enhanced * torch.where(usable, gain, torch.ones_like(gain))


def _resampler(from_rate: int, to_rate: int) -> nn.Module:
    """A module that resamples, its kernel kept out of checkpoints."""
    if from_rate == to_rate:
        return nn.Identity()
    if from_rate * to_rate // math.gcd(from_rate, to_rate) ** 2 > MOST_TAPS:
        raise ValueError(
            f"{from_rate} Hz cannot be converted to {to_rate} Hz with a filter "
            "of usual length: choose a teacher of another rate."
        )
    from torchaudio.transforms import Resample  # slow import, rarely needed

    resampler = Resample(from_rate, to_rate)
    kernel = resampler.kernel
    del resampler.kernel
    resampler.register_buffer("kernel", kernel, persistent=False)
    return resampler
