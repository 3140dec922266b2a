"""What any loss must do, whatever its formula: be blind to padding, neighbours
and precision, survive silence, never wait for the device."""

import pytest
import torch
from cases import HOSTS, LOSSES, every_loss, signals, value_and_gradient
from waiting import watched

from dispatch_sb.losses import (
    DistillationLoss,
    EnhancementLoss,
    MultiResolutionSTFT,
    OutputDistillation,
    TopGap,
    official,
)

PUBLISHED = {"official l2": official.l2(), "official dfkd": official.dfkd()}
WITHOUT_LENS = {**LOSSES, **PUBLISHED}
DEVICES = ["meta"] + ["cuda"] * torch.cuda.is_available()


def small(host):
    """A loss with the host's bands on spectra of few bins."""
    host = type(host)(
        patch_bins=[min(size, 9) for size in host.patch_bins],
        band_edges_hz=host.band_edges_hz,
        patch_frames=host.patch_frames,
    )
    return DistillationLoss(host, TopGap(0.7), n_fft=32, hop=16)


SMALL = {
    **{name: small(host) for name, host in HOSTS.items()},
    "supervised": lambda s, t, y: EnhancementLoss(n_fft=64)(s, y)[0],
    "waveform": LOSSES["waveform"],
    "SI-SDR": LOSSES["SI-SDR"],
    "resolutions": OutputDistillation(MultiResolutionSTFT([64, 100])),
}


@every_loss
@pytest.mark.parametrize("beyond", [0.0, float("nan")])
def test_neither_padding_nor_neighbours_change_anything(loss, beyond):
    """A batch is the mean of its utterances alone, an empty one worth 0."""
    counts, longest = (6400, 1600, 3840, 0), 6511
    waveforms = signals(batch=4)
    padded = [torch.full((4, longest), beyond) for _ in waveforms]
    alone = torch.zeros(4)
    slopes = torch.zeros(4, longest)
    for row, count in enumerate(counts):
        one = [waveform[row : row + 1, :count] for waveform in waveforms]
        for batch, part in zip(padded, one):
            batch[row, :count] = part
        if count:
            alone[row], slopes[row, :count] = value_and_gradient(loss, *one)
    lens = torch.tensor(counts) / longest
    value, gradient = value_and_gradient(loss, *padded, lens)
    torch.testing.assert_close(value, alone.mean(), rtol=1e-5, atol=0)
    for mine, slope in zip(4 * gradient, slopes):
        assert (mine - slope).norm() <= 1e-3 * slope.norm()


@every_loss
@pytest.mark.parametrize("silent", ["all", "student", "teacher", "clean"])
def test_digital_silence(loss, silent):
    names = ("student", "teacher", "clean")
    waveforms = [
        torch.zeros_like(x) if silent in ("all", name) else x
        for name, x in zip(names, signals(samples=2000))
    ]
    value, gradient = value_and_gradient(loss, *waveforms)
    assert value.isfinite() and gradient.isfinite().all()
    assert silent != "all" or value == 0


@every_loss
def test_only_the_student_gets_gradient(loss):
    student, teacher, clean = (x.requires_grad_() for x in signals())
    loss(student, teacher, clean).backward()
    assert student.grad.any()
    assert teacher.grad is None and clean.grad is None


@pytest.mark.parametrize("loss", SMALL.values(), ids=SMALL)
def test_the_gradient_is_right(loss):
    torch.manual_seed(0)
    student, teacher, clean = torch.randn(3, 2, 300, dtype=torch.float64)
    student.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: loss(x, teacher, clean), student, fast_mode=True
    )


@pytest.mark.parametrize("loss", WITHOUT_LENS.values(), ids=WITHOUT_LENS)
def test_full_precision_under_autocast(loss, monkeypatch):
    transform, enabled = torch.fft.rfft, [False]

    def watched(frames):
        enabled.append(torch.is_autocast_enabled("cpu"))
        return transform(frames)

    monkeypatch.setattr(torch.fft, "rfft", watched)
    torch.manual_seed(0)
    model = torch.nn.Conv1d(1, 1, 5, padding=2)
    student, *rest = signals()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        student = model(student[:, None])[:, 0]
        assert student.dtype == torch.bfloat16
        value = loss(student, *rest)
    assert value.dtype == torch.float32 and not any(enabled)
    assert value.equal(loss(student.detach().float(), *rest))
    value.backward()
    assert model.weight.grad.isfinite().all() and model.weight.grad.any()


@pytest.mark.parametrize("where", DEVICES)
@pytest.mark.parametrize("with_lens", [False, True])
@pytest.mark.parametrize("name", WITHOUT_LENS)
def test_nothing_waits_for_the_device(name, with_lens, where):
    loss = WITHOUT_LENS[name]
    with watched(where):
        student, *rest = torch.rand(3, 2, 4000, device=where)
        if with_lens and name not in PUBLISHED:
            rest.append(torch.rand(2, device=where))
        student.requires_grad_()
        if isinstance(loss, DistillationLoss):
            value, _ = loss(student, *rest, return_detail=True)
        else:
            value = loss(student, *rest)
        value.backward()
    assert student.grad.shape == (2, 4000)
    assert student.grad.device.type == where


@pytest.mark.parametrize("where", DEVICES)
@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0.5],
        lambda x: bool(x.any()),
        lambda x: x + torch.ones(2).to(x.device),
        lambda x: x.cpu(),
    ],
)
def test_the_check_sees_what_waits(wait, where):
    with pytest.raises(RuntimeError):
        with watched(where):
            wait(torch.rand(2, 2, device=where))
