"""However a signal is cut: a stream gives what the whole waveform gives, and
of chunks one hears no seam.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
import torch
from stream_models import random_model
from torch import nn

from dispatch_sb.enhance import ChunkedEnhancer, StreamingEnhancer, enhancer_of

HOPS = pytest.mark.parametrize("hop", [256, 160, 100])


def run(enhancer, signal, sizes):
    """All output of a signal that arrives in blocks of the given sizes."""
    state, outputs = enhancer.initial_state(len(signal)), []
    for block in signal.split(sizes, dim=1):
        ready, state = enhancer(block, state)
        outputs.append(ready)
    return torch.cat([*outputs, enhancer.finish(state)], dim=1)


@torch.no_grad()
def whole(model, signal):
    """What the model makes of the signal at once."""
    return model(signal)


@HOPS
def test_any_cut_into_blocks_gives_the_same(hop):
    model = random_model(hop=hop)
    enhancer = StreamingEnhancer(model)
    sizes = torch.randint(0, 1200, (60,)).tolist()
    signals = [(torch.randn(2, sum(sizes)) * 0.1, sizes)]
    for samples in (1, 255, 256, 257, 511, 512, 513):
        signals.append((torch.randn(1, samples), samples))
    for signal, sizes in signals:
        made = run(enhancer, signal, sizes)
        torch.testing.assert_close(
            made, whole(model, signal), atol=1e-5, rtol=0
        )
    assert run(enhancer, torch.zeros(1, 0), 1).shape == (1, 0)


@HOPS
def test_no_sample_waits_longer_than_the_latency(hop):
    enhancer = StreamingEnhancer(random_model(hop=hop))
    state, waits = enhancer.initial_state(), []
    for _ in range(2000):
        _, state = enhancer(torch.zeros(1, 1), state)
        waits.append(state.pending)
        # Storages of their own, not views that keep all of the past.
        held = (x.untyped_storage().nbytes() for x in state[:2])
        assert max(held) <= 4 * 512
    assert max(waits) == enhancer.latency - 1  # complete with the next sample


def test_a_state_can_be_kept_and_the_model_stays_as_it_is():
    model = random_model().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    enhancer, blocks = StreamingEnhancer(model), torch.randn(3, 1, 1000)
    _, kept = enhancer(blocks[0], enhancer.initial_state())
    first, _ = enhancer(blocks[1], kept)
    enhancer(blocks[2], kept)
    assert torch.equal(first, enhancer(blocks[1], kept)[0])
    after = model.state_dict()
    assert model.training
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_damaged_block_spoils_nothing_after_it():
    heard = torch.randn(1, 16000) * 0.1
    expected = heard.clone()
    heard[:, 3000:3010], heard[:, 3010] = float("nan"), float("inf")
    expected[:, 3000:3011] = 0
    enhancer = StreamingEnhancer(random_model())
    assert torch.equal(*(run(enhancer, x, 700) for x in (heard, expected)))


class Recorder(nn.Module):
    """Multiplies its input, and remembers how long the pieces were."""

    def __init__(self, louder=False):
        super().__init__()
        self.lengths, self.louder = [], louder

    def forward(self, waveform):
        self.lengths.append(waveform.shape[1])
        return waveform * (len(self.lengths) if self.louder else 0.5)


@pytest.mark.parametrize("block", [777, 5000])
def test_cross_fades_are_inaudible_and_nothing_is_lost(block):
    for samples in (0, 1, 499, 3000, 3001, 4999, 5000, 5001, 7000, 12345):
        model = Recorder()
        enhancer = ChunkedEnhancer(model, 1000, 3.0, 1.0)
        signal = torch.randn(2, samples)
        torch.testing.assert_close(run(enhancer, signal, block), signal / 2)
        assert max(model.lengths, default=0) <= 3000
        if samples > 3000:  # no chunk hears less than half
            assert min(model.lengths) >= 1500


def test_different_chunks_fade_without_a_step():
    enhancer = ChunkedEnhancer(Recorder(louder=True), 1000, 3.0, 1.0)
    made = run(enhancer, torch.ones(1, 9000), 1000)[0]
    assert made[0] == 1 and made[-1] == 4
    # A squared sine over 1000 samples bends by (pi / 1000)^2 / 2 at most.
    assert made.diff().diff().abs().max() < 1e-5


def test_chunks_do_not_pile_up():
    enhancer = ChunkedEnhancer(nn.Identity(), 1000, 3.0, 1.0)
    state = enhancer.initial_state(1)
    for _ in range(100):
        _, state = enhancer(torch.ones(1, 700), state)
        held = state.pending.untyped_storage().nbytes() / 4
        assert held <= 2 * 3000 + 700 and state.tail.shape[1] <= 1000


def test_silent_channels_stay_silent():
    class Normalised(nn.Module):
        """Peak-normalises, so that silence would become NaN."""

        def forward(self, waveform):
            return waveform / waveform.abs().amax(dim=1, keepdim=True)

    enhancer = ChunkedEnhancer(Normalised(), 1000, 3.0, 1.0)
    signal = torch.tensor([[0.0], [0.5]]).expand(2, 4000)
    torch.testing.assert_close(run(enhancer, signal, 1000), signal * 2)
    assert run(enhancer, torch.zeros(1, 4000), 1000).count_nonzero() == 0


def test_the_enhancer_fits_the_model():
    enhancer = enhancer_of(random_model())
    assert isinstance(enhancer, StreamingEnhancer)
    assert isinstance(enhancer_of(nn.Identity()), ChunkedEnhancer)
    for lengths in ((3.0, 1.5), (0.0, 0.0)):
        with pytest.raises(ValueError, match=f"{lengths[1]:g} s"):
            enhancer_of(nn.Identity(), *lengths)
    for block in (torch.zeros(2, 100), torch.zeros(100)):
        with pytest.raises(ValueError, match=str([*block.shape])[1:-1]):
            enhancer(block, enhancer.initial_state())
    with pytest.raises(ValueError, match="Linear"):
        StreamingEnhancer(nn.Linear(2, 2))
