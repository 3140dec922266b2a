"""A stream gives what the whole waveform gives, however it is cut.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

import pytest
import torch
from stream_models import random_model

from dispatch_sb.data import read_audio
from dispatch_sb.enhance import StreamingEnhancer
from dispatch_sb.pretrained import load_teacher

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "VoiceBank"
PRETRAINED = RECIPE / "pretrained" / "fastenhancer-b-16k"
RATE = 16000


def stream(enhancer, waveform, sizes):
    """All output of a stream that arrives in blocks of the given sizes."""
    state = enhancer.initial_state(waveform.shape[0])
    outputs = []
    for block in waveform.split(sizes, dim=1):
        enhanced, state = enhancer(block, state)
        outputs.append(enhanced)
    return torch.cat([*outputs, enhancer.finish(state)], dim=1)


def test_a_minute_of_speech_equals_offline():
    """The shipped network on real noisy speech."""
    pretrained = load_teacher(str(PRETRAINED)).model
    speech = torch.from_numpy(read_audio(PRETRAINED / "example.wav"))
    minute = speech.repeat(60 * RATE // len(speech) + 1)[None, : 60 * RATE]
    with torch.no_grad():
        expected = pretrained(minute)
    enhanced = stream(StreamingEnhancer(pretrained), minute, 1600)
    assert enhanced.shape == expected.shape
    assert (enhanced - expected).abs().max() < 1e-4
    assert (enhanced - minute).abs().max() > 0.1  # it did enhance


@pytest.mark.parametrize("hop", [256, 160, 100])
@pytest.mark.parametrize("seed", range(4))
def test_any_cut_into_blocks_gives_the_same(hop, seed):
    model = random_model(hop=hop)
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.randint(0, 1200, (30,), generator=generator).tolist()
    waveform = torch.randn(2, sum(sizes), generator=generator) * 0.1
    with torch.no_grad():
        expected = model(waveform)
    enhanced = stream(StreamingEnhancer(model), waveform, sizes)
    assert (enhanced - expected).abs().max() < 1e-5


@pytest.mark.parametrize("samples", [0, 1, 255, 256, 257, 511, 512, 513])
def test_short_streams_come_out_whole(samples):
    model = random_model()
    waveform = torch.randn(1, samples)
    enhanced = stream(StreamingEnhancer(model), waveform, max(samples, 1))
    assert enhanced.shape == waveform.shape
    if samples:
        assert (enhanced - model(waveform)).abs().max() < 1e-5


@pytest.mark.parametrize("hop", [256, 160, 100])
def test_no_sample_waits_longer_than_the_latency(hop):
    enhancer = StreamingEnhancer(random_model(hop=hop))
    state, waits = enhancer.initial_state(), []
    for _ in range(2000):
        _, state = enhancer(torch.zeros(1, 1), state)
        waits.append(state.pending)
    assert max(waits) == enhancer.latency - 1  # complete with the next sample


def test_a_state_can_be_kept_and_used_again():
    enhancer = StreamingEnhancer(random_model())
    blocks = torch.randn(3, 1, 1000)
    _, kept = enhancer(blocks[0], enhancer.initial_state())
    first, _ = enhancer(blocks[1], kept)
    enhancer(blocks[2], kept)
    again, _ = enhancer(blocks[1], kept)
    assert torch.equal(first, again)


def test_a_damaged_block_spoils_nothing_after_it():
    model = random_model()
    waveform = torch.randn(1, 16000) * 0.1
    clean = waveform.clone()
    waveform[:, 3000:3010] = float("nan")
    waveform[:, 3010] = float("inf")
    clean[:, 3000:3011] = 0
    enhancer = StreamingEnhancer(model)
    heard, expected = (stream(enhancer, x, 700) for x in (waveform, clean))
    assert torch.equal(heard, expected)


def test_the_model_itself_stays_as_it_is():
    model = random_model().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    stream(StreamingEnhancer(model), torch.randn(1, 4000), 500)
    assert model.training
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_wrong_blocks_and_models_are_refused():
    enhancer = StreamingEnhancer(random_model())
    with pytest.raises(ValueError, match=r"\[2, 100\]"):
        enhancer(torch.zeros(2, 100), enhancer.initial_state())
    with pytest.raises(ValueError, match=r"\[100\]"):
        enhancer(torch.zeros(100), enhancer.initial_state())
    with pytest.raises(ValueError, match="Linear"):
        StreamingEnhancer(torch.nn.Linear(2, 2))
