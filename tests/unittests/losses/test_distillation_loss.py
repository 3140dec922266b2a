"""The distillation loss: what its details tell, what it is indifferent to,
what it refuses."""

import copy
import pickle

import pytest
import torch
from cases import HOSTS, every_host, signals
from cases import value_and_gradient as both

from dispatch_sb.losses import (
    DFKD,
    ComplexL2,
    DistillationLoss,
    MagnitudeL2,
    PositiveGap,
    TopGap,
)


@every_host
@pytest.mark.parametrize("level_db", [0, -40, -80])
def test_the_teacher_itself_costs_nothing_at_any_level(host, level_db):
    _, teacher, clean = (10 ** (level_db / 20) * x for x in signals())
    teacher[:, 3000:] = 0.0
    loss = DistillationLoss(HOSTS[host])
    value, gradient = both(loss, teacher, teacher, clean)
    assert 0 <= value < 1e-6 and gradient.isfinite().all()
    # The slope of MagnitudeL1 is the sign of any rounding error.
    if level_db == 0 and host != "MagnitudeL1":
        assert gradient.abs().max() < 1e-4


@every_host
def test_normalized_level_does_not_matter(host):
    waveforms = signals()
    loss = DistillationLoss(HOSTS[host], TopGap(0.8), normalize_level=True)
    scale = torch.tensor([[1.0], [0.001], [30.0]])
    torch.testing.assert_close(
        loss(*(scale * x for x in waveforms), reduction="batch"),
        loss(*waveforms, reduction="batch"),
        rtol=1e-4,
        atol=1e-6,
    )


def test_details_tell_where_the_teacher_is_better():
    _, _, clean = signals(batch=2)
    teacher, student = clean.clone(), clean.clone()
    time = torch.arange(3000) / 16000
    student[:, :3000] += 0.1 * torch.sin(2 * torch.pi * 5000 * time)
    teacher[:, 3600:] *= 1.01
    student.requires_grad_()
    loss = DistillationLoss(MagnitudeL2(), PositiveGap())
    _, detail = loss(student, teacher, clean, return_detail=True)
    band = detail["all"]
    assert band["gap"].shape == band["selected"].shape == (2, 51, 13)
    assert not any(value.requires_grad for value in band.values())
    patch = int(5000 // (20 * 31.25))
    edges = band["edges_hz"].tolist()
    assert edges[0] == 0 and edges[-1] == 8000 and len(edges) == 14
    assert edges[patch] < 5000 < edges[patch + 1]
    assert band["selected"][:, 2:20, patch].all()
    assert not band["selected"][:, 30:].any()
    share = band["selected"].mean(dim=(1, 2))
    torch.testing.assert_close(band["selected_share"], share)
    gap = band["gap"].mean(dim=(1, 2))
    torch.testing.assert_close(band["mean_gap"], gap)


def test_bands_have_names_and_meet():
    loss = DistillationLoss(HOSTS["three bands"])
    _, detail = loss(*signals(), return_detail=True)
    assert list(detail) == ["band0", "band1", "band2"]
    low, middle, high = (band["edges_hz"] for band in detail.values())
    assert low[-1] == middle[0] and middle[-1] == high[0]


def test_a_student_that_beats_the_teacher_has_nothing_to_learn():
    _, teacher, clean = signals()
    loss = DistillationLoss(MagnitudeL2(), PositiveGap())
    value, gradient = both(loss, clean, teacher, clean)
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize("floor_db, heard", [(-90.0, True), (-40.0, False)])
def test_the_floor_decides_what_counts_as_a_pause(floor_db, heard):
    """Differences 60 dB below the speech count only above the floor."""
    torch.manual_seed(0)
    teacher = 0.1 * torch.randn(1, 16000)
    teacher[:, 8000:] *= 1e-3
    student = teacher.clone()
    student[:, 8600:] = 1e-4 * torch.randn(1, 7400)
    loss = DistillationLoss(DFKD(beta=1.0, floor_db=floor_db))
    value = loss(student, teacher, teacher)
    assert value > 0.3 if heard else value < 0.05


@pytest.mark.parametrize("edges", [None, (1000,)])
def test_one_host_serves_losses_of_several_rates(edges):
    """Its patches lie where each of them needs them."""
    kinds = [(16000, 512, 128), (8000, 256, 64), (16000, 256, 64)]
    shared = DFKD(band_edges_hz=edges)
    losses = [DistillationLoss(shared, TopGap(0.8), *kind) for kind in kinds]
    for loss, kind in zip(losses, kinds):
        alone = DistillationLoss(DFKD(band_edges_hz=edges), TopGap(0.8), *kind)
        value, detail = loss(*signals(), return_detail=True)
        assert value.equal(alone(*signals()))
        assert detail["high"]["edges_hz"][-1] == kind[0] / 2


@pytest.mark.parametrize(
    "twin", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))]
)
def test_a_loss_can_be_copied_and_stored(twin):
    loss = DistillationLoss(DFKD(), TopGap(0.8), n_fft=256)
    assert twin(loss)(*signals()).equal(loss(*signals()))
    assert loss.state_dict() == {}


@pytest.mark.parametrize(
    "named, change",
    [
        ("6399", lambda s, t, y: (s, t[:, :-1], y)),
        (r"\(6400,\)", lambda s, t, y: (s[0], t[0], y[0])),
        ("256", lambda *signals: [x[:, :256] for x in signals]),
        ("lens", lambda *signals: [*signals, torch.ones(2)]),
        ("reduction", lambda *signals: [*signals, None, "sum"]),
    ],
)
def test_errors_name_the_argument(named, change):
    loss = DistillationLoss(ComplexL2(), TopGap(0.8))
    with pytest.raises(ValueError, match=named):
        loss(*change(*signals()))
