"""What lies beyond an utterance's end changes nothing; silence does no harm."""

import pytest
import torch
from cases import HOSTS, RULES, loss_of, pad, signals

from dispatch_sb.losses import (
    DFKD,
    DistillationLoss,
    EnhancementLoss,
    MultiResolutionSTFT,
    SISDRLoss,
    WaveformL1,
)

every_host = pytest.mark.parametrize("host", HOSTS)
every_rule = pytest.mark.parametrize("rule", RULES)
TERMS = [EnhancementLoss(), WaveformL1(), SISDRLoss(), MultiResolutionSTFT()]
every_term = pytest.mark.parametrize(
    "term", TERMS, ids=lambda term: type(term).__name__
)


def scalar(value):
    """The loss, of losses that return terms as well."""
    return value[0] if isinstance(value, tuple) else value


@every_host
@every_rule
@pytest.mark.parametrize("beyond", [0.0, float("nan")])
def test_padding_changes_nothing(host, rule, beyond):
    student, teacher, clean = signals(samples=5000)
    loss = loss_of(host, rule, normalize_level=True)
    student.requires_grad_()
    value = loss(student, teacher, clean)
    value.backward()
    padded = [pad(x.detach(), 5111, beyond) for x in (student, teacher, clean)]
    padded[0].requires_grad_()
    lens = torch.full((3,), 5000 / 10111)
    longer, detail = loss(*padded, lens, return_detail=True)
    longer.backward()
    torch.testing.assert_close(longer, value, rtol=1e-5, atol=0)
    error = (padded[0].grad - pad(student.grad, 5111)).norm()
    assert error < 1e-3 * student.grad.norm()
    for band in detail.values():
        beyond_end = 5000 // 128 + 1
        rows = HOSTS[host].patch_frames
        assert not band["candidate"][:, -(-beyond_end // rows) :].any()


@every_host
def test_full_lengths_are_no_lengths(host):
    values = [
        loss_of(host, "top")(*signals(), lens) for lens in (None, torch.ones(3))
    ]
    torch.testing.assert_close(*values)


def test_utterances_of_different_lengths_are_as_if_alone():
    student, teacher, clean = signals()
    loss = loss_of("DFKD", "top")
    lens = torch.tensor([1.0, 0.25, 0.6])
    together = loss(student, teacher, clean, lens, reduction="batch")
    for row, length in enumerate((6400, 1600, 3840)):
        one = (x[row : row + 1, :length] for x in (student, teacher, clean))
        torch.testing.assert_close(loss(*one), together[row])


@every_host
@every_rule
def test_an_empty_utterance_is_worth_nothing(host, rule):
    student, teacher, clean = signals()
    student.requires_grad_()
    lens = torch.tensor([1.0, 0.0, 0.5])
    value = loss_of(host, rule)(student, teacher, clean, lens, "batch")
    value.sum().backward()
    assert value[1] == 0 and (value[[0, 2]] > 0).all()
    assert student.grad.isfinite().all() and not student.grad[1].any()


@every_host
@every_rule
@pytest.mark.parametrize("silent", ["all", "student", "teacher", "clean"])
def test_digital_silence(host, rule, silent):
    student, teacher, clean = signals(samples=2000)
    names = ("student", "teacher", "clean")
    student, teacher, clean = (
        torch.zeros_like(x) if silent in ("all", name) else x
        for name, x in zip(names, (student, teacher, clean))
    )
    student.requires_grad_()
    value = loss_of(host, rule)(student, teacher, clean)
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all()
    if silent == "all":
        assert value.item() == 0


@every_host
@every_rule
@pytest.mark.parametrize("level_db", [0, -40, -80])
def test_a_silent_part_costs_nothing_at_any_level(host, rule, level_db):
    _, teacher, clean = (10 ** (level_db / 20) * x for x in signals())
    teacher[:, 3000:] = 0.0
    student = teacher.clone().requires_grad_()
    value = loss_of(host, rule)(student, teacher, clean)
    value.backward()
    assert 0 <= value.item() < 1e-6
    assert student.grad.isfinite().all()


@every_term
def test_terms_ignore_what_lies_beyond_the_end(term):
    student, _, clean = signals()
    lens = torch.tensor([1.0, 0.5, 0.75])
    value = scalar(term(student, clean, lens))
    rows = zip(student, clean, (6400, 3200, 4800))
    alone = [scalar(term(s[None, :n], c[None, :n])) for s, c, n in rows]
    torch.testing.assert_close(value, torch.stack(alone).mean())
    garbage = pad(student, 77, float("nan")), pad(clean, 77, float("nan"))
    longer = scalar(term(*garbage, lens * 6400 / 6477))
    torch.testing.assert_close(longer, value)


@every_term
@pytest.mark.parametrize("silent", [(0, 0), (0, 1), (1, 0)])
def test_terms_survive_silence(term, silent):
    student, _, clean = signals()
    student, clean = student * silent[0], clean * silent[1]
    student.requires_grad_()
    value = scalar(term(student, clean))
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all()


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
    assert bool(value > 0.3) == heard
    assert bool(value < 0.05) != heard


@pytest.mark.parametrize("floor_db", [-200.0, 1.0, float("nan")])
def test_an_impossible_floor_is_refused(floor_db):
    """At construction, with the range."""
    with pytest.raises(ValueError, match="floor_db"):
        DFKD(floor_db=floor_db)
