"""A frozen teacher stays as it was loaded and answers sample for sample.

Authors
 * The dispatch-sb contributors, 2026
"""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.functional import pad

from dispatch_sb.pretrained import FrozenTeacher, estimate_delay, frozen
from dispatch_sb.pretrained.probe import voice_like


class NoisyNetwork(nn.Module):
    """Has all that a training could change: batch norm, dropout, weights."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(1, 4, 5, padding=2),
            nn.BatchNorm1d(4),
            nn.Dropout(0.5),
            nn.Conv1d(4, 1, 5, padding=2),
        )

    def forward(self, noisy):
        return self.layers(noisy[:, None])[:, 0]


class Applying(nn.Module):
    """A network that is a function of its input."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


LATE = Applying(lambda noisy: pad(noisy, (37, 0))[:, : noisy.shape[1]])


class At8k(nn.Module):
    """A network that works at 8 kHz and remembers how long its input was."""

    sample_rate = 8000

    def forward(self, noisy):
        self.samples = noisy.shape[1]
        return noisy


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(2, 4000, generator=generator)


def test_no_call_trains_it_or_gives_it_gradient(noisy):
    teacher = FrozenTeacher(NoisyNetwork())
    nn.ModuleDict({"teacher": teacher, "student": NoisyNetwork()}).train()
    teacher.train(True).requires_grad_(True)
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not teacher(noisy.clone().requires_grad_()).requires_grad
    teacher.model.train()  # past the wrapper: noticed at the next answer
    tracked = teacher.model.layers[1].num_batches_tracked.clone()
    assert teacher(noisy).equal(teacher(noisy))
    assert teacher.model.layers[1].num_batches_tracked == tracked


def test_copies_and_pickles_answer_alike(noisy):
    teacher = FrozenTeacher(NoisyNetwork())
    for twin in (copy.deepcopy(teacher), pickle.loads(pickle.dumps(teacher))):
        assert twin.train()(noisy).equal(teacher(noisy))
        assert not any(p.requires_grad for p in twin.parameters())


def test_short_answers_are_padded_at_the_end(noisy):
    # As of networks whose frames do not fill the input.
    answer = FrozenTeacher(Applying(lambda noisy: noisy[:, :-100]))(noisy)
    assert answer.equal(pad(noisy[:, :-100], (0, 100)))


def test_a_known_delay_is_removed_without_losing_the_tail(noisy):
    assert estimate_delay(LATE) == 37
    assert FrozenTeacher(LATE, delay=37)(noisy).equal(noisy)


def test_the_delay_is_measured_in_evaluation_mode_and_leaves_no_trace():
    model = nn.Sequential(LATE, NoisyNetwork()).train()
    model[1].layers[2].eval()
    modes = [module.training for module in model.modules()]
    before = copy.deepcopy(model.state_dict())
    assert estimate_delay(model) == estimate_delay(model)
    assert [module.training for module in model.modules()] == modes
    after = model.state_dict()
    assert all(after[key].equal(before[key]) for key in before)


def test_a_peak_normalisation_is_undone_per_utterance(noisy):
    levels = torch.tensor([[1.0], [0.01]])
    normalizing = Applying(lambda x: x / x.abs().amax(dim=1, keepdim=True))
    answer = FrozenTeacher(normalizing, match_level=True)(levels * noisy)
    torch.testing.assert_close(answer, levels * noisy)


def test_neither_noise_nor_silence_enters_the_gain(noisy):
    speech = voice_like(16000)[None]
    noise = pad(0.5 * noisy[:1], (0, 12000))
    model = Applying(lambda noisy: speech / speech.max())
    answer = FrozenTeacher(model, match_level=True)(speech + noise)
    torch.testing.assert_close(answer, speech, rtol=0.02, atol=0)
    silence = torch.zeros(1, 1000)
    teacher = FrozenTeacher(nn.Identity(), match_level=True)
    assert teacher(silence).equal(silence)


def test_another_rate_is_refused_or_on_request_converted_and_back():
    with pytest.raises(ValueError, match="8000.*16000"):
        FrozenTeacher(At8k())
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(16000) / 16000)[None]
    teacher = FrozenTeacher(At8k(), resample=True)
    answer = teacher(tone)
    assert teacher.model.samples == 8000
    assert list(teacher.state_dict()) == []
    inside = slice(200, -200)
    torch.testing.assert_close(
        answer[:, inside], tone[:, inside], rtol=0, atol=0.01
    )
    nn.ModuleDict({"teacher": teacher}).to("meta")
    assert {b.device.type for b in teacher.buffers()} == {"meta"}


def test_everything_runs_in_float32_under_autocast(noisy):
    teacher = FrozenTeacher(NoisyNetwork())
    plain = teacher(noisy)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert teacher(noisy).equal(plain)
    assert teacher(noisy.double()).dtype == torch.float32


def test_on_a_gpu_the_model_follows_bfloat16(noisy, monkeypatch, caplog):
    """And one that cannot runs in float32, which is said once."""
    monkeypatch.setattr(frozen, "LOW_PRECISION_DEVICES", {"cpu"})
    seen = []

    def answer(signal):
        seen.append((signal @ signal.T).dtype)
        return signal.to(seen[-1])

    def picky(signal):
        if (signal @ signal.T).dtype != torch.float32:
            raise RuntimeError("not implemented for 'BFloat16'")
        return signal

    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = FrozenTeacher(Applying(answer))(noisy)
        teacher = FrozenTeacher(Applying(picky))
        assert teacher(noisy).equal(noisy) and teacher(noisy).equal(noisy)
    assert seen == [torch.bfloat16] and low.dtype == torch.float32
    assert torch.allclose(low, noisy, rtol=0.01)
    assert caplog.text.count("float32") == 1
    with torch.autocast("cpu", dtype=torch.float16):
        FrozenTeacher(Applying(answer))(noisy)
    FrozenTeacher(Applying(answer))(noisy)
    assert seen[1:] == [torch.float32] * 2


@pytest.mark.parametrize("shape", [(2, 1, 4000), (2, 4000, 1)])
def test_channel_dimensions_and_further_outputs_are_dropped(noisy, shape):
    output = (noisy.reshape(shape), "features")
    assert FrozenTeacher(Applying(lambda _: output))(noisy).equal(noisy)


@pytest.mark.parametrize(
    "output, complaint",
    [
        (torch.zeros(2, 2, 4000), r"\[2, 2, 4000\]"),
        (torch.zeros(1, 4000), "2.*1"),
        ({"wav": torch.zeros(2, 4000)}, "dict"),
        (torch.zeros(2, 4000, dtype=torch.complex64), "complex64"),
    ],
)
def test_other_outputs_and_inputs_are_refused(noisy, output, complaint):
    teacher = FrozenTeacher(Applying(lambda _: output))
    with pytest.raises(ValueError, match=complaint):
        teacher(noisy)
    with pytest.raises(ValueError, match=r"\[4000\]"):
        teacher(noisy[0])


@pytest.mark.parametrize("delay", [-1, 0.5])
def test_impossible_delays_are_refused(delay):
    with pytest.raises(ValueError, match="delay"):
        FrozenTeacher(nn.Identity(), delay=delay)
