"""What any host with any rule must do, whatever its formula."""

import pytest
import torch
from cases import HOSTS, RULES, loss_of, signals

from dispatch_sb.losses import DFKD, DistillationLoss, MagnitudeL2, TopGap

every_host = pytest.mark.parametrize("host", HOSTS)
every_rule = pytest.mark.parametrize("rule", RULES)


@every_host
@every_rule
def test_zero_for_the_teacher_itself(host, rule):
    student, teacher, clean = signals()
    student = teacher.clone().requires_grad_()
    value = loss_of(host, rule)(student, teacher, clean)
    value.backward()
    assert 0 <= value.item() < 1e-6
    if host != "MagnitudeL1":  # whose slope is the sign of any rounding error
        assert student.grad.abs().max() < 1e-4


@every_host
@every_rule
def test_only_the_student_gets_gradient(host, rule):
    student, teacher, clean = (x.requires_grad_() for x in signals())
    value, detail = loss_of(host, rule)(
        student, teacher, clean, return_detail=True
    )
    value.backward()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None and clean.grad is None
    for band in detail.values():
        assert not any(tensor.requires_grad for tensor in band.values())


@every_host
@every_rule
def test_each_utterance_is_on_its_own(host, rule):
    student, teacher, clean = signals()
    loss = loss_of(host, rule)
    together = loss(student, teacher, clean, reduction="batch")
    order = torch.tensor([2, 0, 1])
    turned = loss(
        student[order], teacher[order], clean[order], reduction="batch"
    )
    alone = [
        loss(student[i : i + 1], teacher[i : i + 1], clean[i : i + 1])
        for i in range(3)
    ]
    torch.testing.assert_close(turned, together[order])
    torch.testing.assert_close(torch.stack(alone), together)
    mean = loss(student, teacher, clean)
    torch.testing.assert_close(mean, together.mean())


@every_host
def test_the_gradient_is_right(host):
    torch.manual_seed(0)
    student, teacher, clean = torch.randn(3, 2, 300, dtype=torch.float64)
    student.requires_grad_()
    sizes = [min(size, 9) for size in HOSTS[host].patch_bins]
    small = type(HOSTS[host])(
        patch_bins=sizes,
        band_edges_hz=HOSTS[host].band_edges_hz,
        patch_frames=HOSTS[host].patch_frames,
    )
    loss = DistillationLoss(small, TopGap(0.7), n_fft=32, hop=16)
    assert torch.autograd.gradcheck(
        lambda x: loss(x, teacher, clean), student, fast_mode=True
    )


@every_host
def test_keeping_everything_is_conventional_distillation(host):
    values = [
        DistillationLoss(HOSTS[host], rule)(*signals(), reduction="batch")
        for rule in (None, TopGap(1.0))
    ]
    torch.testing.assert_close(*values)


@every_host
def test_more_ratio_selects_more(host):
    maps = []
    for ratio in (0.05, 0.3, 0.31, 0.8, 1.0):
        loss = DistillationLoss(HOSTS[host], TopGap(ratio))
        _, detail = loss(*signals(), return_detail=True)
        bands = list(detail.values())
        maps.append([b["selected"] for b in bands])
        quotas = torch.stack(
            [ratio * b["candidate"].sum((1, 2)) for b in bands]
        )
        counts = torch.stack([b["selected"].sum((1, 2)) for b in bands])
        assert torch.equal(counts, quotas.floor().clamp(min=1))
    for fewer, more in zip(maps, maps[1:]):
        assert all((a <= b).all() for a, b in zip(fewer, more))


def test_level():
    student, teacher, clean = signals()
    louder = [8.0 * x for x in (student, teacher, clean)]
    l2, cosine = MagnitudeL2(), DFKD(beta=1.0)
    for host, factor in ((l2, 64.0), (cosine, 1.0)):
        loss = DistillationLoss(host, TopGap(0.8))
        torch.testing.assert_close(
            loss(*louder), factor * loss(student, teacher, clean)
        )


@every_host
@pytest.mark.parametrize("factor", [0.001, 30.0])
def test_normalized_level_does_not_matter(host, factor):
    student, teacher, clean = signals()
    loss = loss_of(host, "top", normalize_level=True)
    scale = torch.tensor([[1.0], [factor], [1.0]])
    scaled = (scale * x for x in (student, teacher, clean))
    torch.testing.assert_close(
        loss(*scaled, reduction="batch"),
        loss(student, teacher, clean, reduction="batch"),
        rtol=1e-4,
        atol=1e-6,
    )


def test_details_tell_where_the_teacher_is_better():
    student, teacher, clean = signals(batch=2)
    teacher, student = clean.clone(), clean.clone()
    time = torch.arange(clean.shape[1]) / 16000
    student[:, :3000] += 0.1 * torch.sin(2 * torch.pi * 5000 * time[:3000])
    teacher[:, 3600:] *= 1.01
    loss = loss_of("MagnitudeL2", "positive")
    value, detail = loss(student, teacher, clean, return_detail=True)
    assert list(detail) == ["all"]
    band = detail["all"]
    patch = 5000 // (20 * 31.25)
    assert band["gap"].shape == (2, 51, 13)
    assert band["edges_hz"].shape == (14,)
    edges = band["edges_hz"].tolist()
    assert edges[0] == 0 and edges[-1] == 8000
    assert edges[int(patch)] < 5000 < edges[int(patch) + 1]
    assert band["selected"][:, 2:20, int(patch)].all()
    assert not band["selected"][:, 30:].any()
    assert band["candidate"].all()
    share = band["selected"].mean(dim=(1, 2))
    torch.testing.assert_close(band["selected_share"], share)
    gap = band["gap"].mean(dim=(1, 2))
    torch.testing.assert_close(band["mean_gap"], gap)


def test_names_and_shapes_of_bands():
    _, detail = loss_of("DFKD", "top")(*signals(), return_detail=True)
    assert list(detail) == ["low", "high"]
    assert detail["low"]["selected"].shape == (3, 51, 26)
    assert detail["high"]["candidate"].shape == (3, 51, 7)
    assert not detail["low"]["candidate"].all()
    inside = detail["low"]["selected"] <= detail["low"]["candidate"]
    assert inside.all()
    _, detail = loss_of("three bands", "top")(*signals(), return_detail=True)
    assert list(detail) == ["band0", "band1", "band2"]
    edges = [b["edges_hz"] for b in detail.values()]
    assert edges[0][-1] == edges[1][0] and edges[1][-1] == edges[2][0]
    _, detail = loss_of("several frames", "top")(*signals(), return_detail=True)
    assert detail["high"]["gap"].shape == (3, 13, 7)


def test_a_student_that_beats_the_teacher_has_nothing_to_learn():
    student, teacher, clean = signals()
    student = clean.clone().requires_grad_()
    value = loss_of("MagnitudeL2", "positive")(student, teacher, clean)
    value.backward()
    assert value.item() == 0
    assert torch.equal(student.grad, torch.zeros_like(student))


def test_errors_name_the_argument():
    student, teacher, clean = signals()
    loss = loss_of("DFKD", "top")
    with pytest.raises(ValueError, match="6399"):
        loss(student, teacher[:, :-1], clean)
    with pytest.raises(ValueError, match=r"\(6400,\)"):
        loss(student[0], teacher[0], clean[0])
    with pytest.raises(ValueError, match="reduction"):
        loss(student, teacher, clean, reduction="sum")
    with pytest.raises(ValueError, match="200"):
        loss(student[:, :200], teacher[:, :200], clean[:, :200])
    with pytest.raises(ValueError, match="lens"):
        loss(student, teacher, clean, lens=torch.ones(2))
