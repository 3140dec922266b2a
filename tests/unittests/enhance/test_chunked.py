"""Long signals through models that need the whole waveform.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
import torch
from stream_models import random_model
from torch import nn

from dispatch_sb.enhance import StreamingEnhancer
from dispatch_sb.enhance.chunked import ChunkedEnhancer, enhancer_of

RATE = 1000


class Recorder(nn.Module):
    """Halves its input, and remembers how long the pieces were."""

    def __init__(self):
        super().__init__()
        self.lengths = []

    def forward(self, waveform):
        self.lengths.append(waveform.shape[1])
        return waveform / 2


def run(enhancer, signal, block):
    """All output, for blocks of one size."""
    state, outputs = enhancer.initial_state(len(signal)), []
    for piece in signal.split(block, dim=1):
        ready, state = enhancer(piece, state)
        outputs.append(ready)
    return torch.cat([*outputs, enhancer.finish(state)], dim=1)


@pytest.mark.parametrize("block", [777, 5000])
@pytest.mark.parametrize(
    "samples", [1, 499, 3000, 3001, 4999, 5000, 5001, 7000, 12345]
)
def test_cross_fades_are_inaudible_and_nothing_is_lost(samples, block):
    model = Recorder()
    enhancer = ChunkedEnhancer(model, RATE, 3.0, 1.0)
    signal = torch.randn(
        2, samples, generator=torch.Generator().manual_seed(samples)
    )
    torch.testing.assert_close(run(enhancer, signal, block), signal / 2)
    assert max(model.lengths) <= 3000
    if samples > 3000:  # no chunk hears less than half
        assert min(model.lengths) >= 1500


def test_memory_does_not_grow_with_the_signal():
    enhancer = ChunkedEnhancer(nn.Identity(), RATE, 3.0, 1.0)
    state = enhancer.initial_state(1)
    for _ in range(100):
        _, state = enhancer(torch.ones(1, 700), state)
        # Its own storage, not a view that keeps all of the past.
        held = state.pending.untyped_storage().nbytes() / 4
        assert held <= 2 * 3000 + 700 and state.tail.shape[1] <= 1000


def test_different_chunks_fade_without_a_step():
    class Louder(Recorder):
        """Every chunk is louder than the one before by one."""

        def forward(self, waveform):
            super().forward(waveform)
            return waveform * len(self.lengths)

    enhancer = ChunkedEnhancer(Louder(), RATE, 3.0, 1.0)
    made = run(enhancer, torch.ones(1, 9000), 1000)[0]
    assert made[0] == 1 and made[-1] == 4
    # A squared sine over 1000 samples bends by (pi / 1000)^2 / 2 at most.
    assert made.diff().diff().abs().max() < 1e-5


def test_silent_channels_stay_silent():
    class Normalised(nn.Module):
        """Peak-normalises, so that silence would become NaN."""

        def forward(self, waveform):
            return waveform / waveform.abs().amax(dim=1, keepdim=True)

    enhancer = ChunkedEnhancer(Normalised(), RATE, 3.0, 1.0)
    signal = torch.stack([torch.zeros(4000), torch.full((4000,), 0.5)])
    made = run(enhancer, signal, 1000)
    torch.testing.assert_close(made, signal * 2)
    assert run(enhancer, torch.zeros(1, 4000), 1000).count_nonzero() == 0


def test_the_enhancer_fits_the_model():
    assert isinstance(enhancer_of(random_model()), StreamingEnhancer)
    assert isinstance(enhancer_of(nn.Identity()), ChunkedEnhancer)
    with pytest.raises(ValueError, match="1.5"):
        enhancer_of(nn.Identity(), 3.0, 1.5)
    with pytest.raises(ValueError, match=r"\b0 s"):
        ChunkedEnhancer(nn.Identity(), RATE, 0.0, 0.0)
