"""The mixin gives an existing Brain distillation, and changes nothing else."""

import copy
import logging

import pytest
import torch
from distilling_brains import (
    LOSS,
    LoggingBrain,
    MyBrain,
    Network,
    PlainBrain,
    batches,
    hyperparameters,
    make,
    pairs_of,
    same,
    speech,
    weights,
)

from dispatch_sb.losses import (
    DistillationLoss,
    MagnitudeL2,
    OutputDistillation,
    TopGap,
    WaveformL1,
)
from dispatch_sb.pretrained import FrozenTeacher
from dispatch_sb.pretrained.teacher import CleanTeacher, Teacher
from dispatch_sb.training.distillation_mixin import DistillationMixin
from dispatch_sb.training.schedules import Linear


def test_the_line_is_worth_weight_times_loss():
    brain, (enhanced, noisy, clean) = make(), speech()
    value = brain.distillation(enhanced, noisy, clean)
    taught = brain.modules.teacher(noisy.data)
    assert value.equal(0.5 * LOSS(enhanced, taught, *clean))
    assert not value.equal(0.5 * LOSS(enhanced, taught, clean.data))
    (gradient,) = torch.autograd.grad(value, enhanced)
    assert gradient.isfinite().all() and gradient.any()
    for given in ({"lens": clean.lengths}, {}):
        bare = brain.distillation(enhanced, noisy.data, clean.data, **given)
        assert bare.equal(value) == bool(given)


@pytest.mark.parametrize("place", ["hparams", "modules"])
def test_a_fit_leaves_the_teacher_as_it_was(place):
    teacher = Network()
    before = copy.deepcopy(teacher.state_dict())
    hparams = hyperparameters(teacher=teacher)
    modules = {"teacher": hparams.pop("teacher")} if place == "modules" else {}
    brain = make(hparams=hparams, modules=modules)
    student = weights(brain)
    brain.fit(range(2), batches(), batches())
    assert same(teacher.state_dict(), before)
    assert not any(module.training for module in teacher.modules())
    frozen = brain.modules.teacher
    assert isinstance(frozen, FrozenTeacher)
    groups = brain.optimizer.param_groups
    optimized = {id(p) for group in groups for p in group["params"]}
    assert optimized == {id(p) for p in brain.modules.student.parameters()}
    assert not same(weights(brain), student)
    again = make(hparams=hyperparameters(teacher=frozen))
    assert again.modules.teacher is frozen


def test_weight_zero_is_the_plain_brain():
    plain = make(PlainBrain, hparams={})
    plain.fit(range(2), batches(), batches())
    idle = hyperparameters(distillation_weight=0)
    for hparams in (idle, {"distillation_weight": 0}):
        brain = make(hparams=hparams)
        brain.fit(range(2), batches(), batches())
        assert same(weights(brain), weights(plain))
    assert idle["teacher"].calls == 0
    distilled = make()
    distilled.fit(range(2), batches(), batches())
    assert not same(weights(distilled), weights(plain))


class SharingBrain(MyBrain):
    """Hands its own loss over, and says how far it is."""

    def compute_objectives(self, predictions, batch, stage):
        loss = PlainBrain.compute_objectives(self, predictions, batch, stage)
        noisy, clean = pairs_of(batch)
        self.distillation_progress = 0.5
        return loss + self.distillation(
            predictions, noisy, clean, supervised=loss
        )

    def on_stage_end(self, stage, stage_loss, epoch=None):
        self.summary = self.distillation_summary()


def shared(share=0.25):
    """A Brain with a share instead of a weight."""
    changes = {"distillation_weight": None, "distillation_share": share}
    return make(SharingBrain, hyperparameters(**changes))


@pytest.mark.parametrize("share", [0.25, Linear(0.0, 0.5)])
def test_a_share_of_the_gradient(share):
    brain, batch = shared(share), next(iter(batches()))
    enhanced = batch["noisy"].clone().requires_grad_()
    total = brain.compute_objectives(enhanced, batch, None)
    plain = PlainBrain.compute_objectives(brain, enhanced, batch, None)
    whole, own = (
        torch.autograd.grad(loss, enhanced)[0] for loss in (total, plain)
    )
    added = (whole - own).norm()
    assert added / (added + own.norm()) == pytest.approx(0.25, abs=1e-5)
    terms = brain.distillation_summary()
    value = terms["effective_weight"] * terms["distillation"]
    assert value == pytest.approx((total - plain).item(), rel=1e-4)


def test_a_share_is_reported_alone_where_there_is_no_gradient():
    brain, (enhanced, *pairs) = shared(), speech()
    brain.fit(range(1), batches(), batches())
    assert "effective_weight" not in brain.summary
    assert brain.summary["distillation"] > 0
    assert not brain.distillation(enhanced.detach(), *pairs)
    with pytest.raises(ValueError, match="supervised"):
        brain.distillation(enhanced, *pairs)


def test_schedules_set_weight_and_ratio():
    loss = DistillationLoss(MagnitudeL2(), TopGap(Linear(1.0, 0.5)))
    changes = {"distillation_loss": loss, "distillation_weight": Linear(0, 2)}
    brain, signals = make(hparams=hyperparameters(**changes)), speech()
    with pytest.raises(ValueError, match="distillation_progress"):
        brain.distillation(*signals)
    brain.distillation_progress = 0.0
    assert brain.distillation(*signals) == 0
    brain.distillation_progress = 0.5
    value = brain.distillation(*signals)
    terms = brain.distillation_summary()
    assert loss.selection.ratio == 0.75
    assert terms["selected_share_all"] == pytest.approx(0.75, abs=0.01)
    assert terms["effective_weight"] == 1.0
    assert terms["distillation"] == pytest.approx(value.item())


def test_gaps_cost_nothing_where_nothing_is_selected():
    """Clean speech that is no number changes nothing without a selection."""
    enhanced, noisy, clean = speech()
    nowhere = torch.full_like(clean.data, torch.nan)
    plain = DistillationLoss(MagnitudeL2())
    for loss in (plain, OutputDistillation(WaveformL1())):
        brain = make(hparams=hyperparameters(distillation_loss=loss))
        taught = brain.modules.teacher(noisy.data)
        expected = 0.5 * loss(enhanced, taught, *clean)
        assert brain.distillation(enhanced, noisy, nowhere).equal(expected)
        assert set(brain.distillation_summary()) == {"distillation"}
    given = {"distillation_loss": plain, "log_details": True}
    brain = make(hparams=hyperparameters(**given))
    brain.distillation(enhanced, noisy, clean)
    assert "mean_gap_all" in brain.distillation_summary()


def test_teachers_that_do_not_run():
    """Clean speech, an answer that is known, and recordings, which training
    needs and validation does not."""
    enhanced, noisy, clean = speech()
    brain = make(hparams=hyperparameters(teacher=CleanTeacher()))
    expected = LOSS(enhanced, clean.data, *clean)
    assert brain.distillation(enhanced, noisy, clean).equal(0.5 * expected)
    brain.fit(range(1), batches(), batches())
    teacher, known = Network(), 0.5 * noisy.data
    brain = make(hparams=hyperparameters(teacher=teacher))
    value = brain.distillation(enhanced, noisy, clean, teacher=known)
    assert value.equal(0.5 * LOSS(enhanced, known, *clean))
    assert teacher.calls == 0
    recorded = Teacher()
    recorded.answer = lambda *_: None
    brain = make(hparams=hyperparameters(teacher=recorded))
    assert brain.distillation(enhanced.detach(), noisy, clean) == 0
    assert brain.distillation_summary() == {}
    with pytest.raises(ValueError, match="teacher_sig"):
        brain.distillation(enhanced, noisy, clean)


@pytest.mark.parametrize(
    "changes, named",
    [
        ({"teacher": None}, "MyBrain.* teacher"),
        ({"distillation_loss": None}, "distillation_loss"),
        ({"distillation_weight": None}, "distillation_weight"),
        ({"distillation_share": 0.2}, "_weight: 0.5.*_share: 0.2"),
        ({"distillation_weight": Linear(0, -1)}, "distillation_weight: -1"),
        ({"distillation_weight": "x"}, "distillation_weight: x"),
        (
            {"distillation_weight": None, "distillation_share": 1.0},
            "distillation_share: 1.0",
        ),
    ],
)
def test_mistakes_are_found_before_training(changes, named):
    brain = make(hparams=hyperparameters(**changes))
    before = weights(brain)
    for start in (brain.fit, lambda epochs, data: brain.evaluate(data)):
        with pytest.raises(ValueError, match=named):
            start(range(1), batches())
    assert same(weights(brain), before)


def test_the_order_of_the_base_classes_matters():
    with pytest.raises(ValueError, match="Wrong.*DistillationMixin"):
        type("Wrong", (PlainBrain, DistillationMixin), {})


@pytest.mark.parametrize("wrong", ["batch", (1, 2, 3)])
def test_what_is_no_pair_is_refused(wrong):
    with pytest.raises(ValueError, match="batch.noisy_sig"):
        make().distillation(torch.zeros(2, 9), wrong, torch.zeros(2, 9))


def test_every_stage_has_terms_of_its_own():
    brain = make(LoggingBrain)
    brain.fit(range(2), batches(3), batches(1))
    brain.evaluate(batches(1))
    names = {"distillation"} | {
        f"{term}_{band}"
        for term in ("selected_share", "mean_gap")
        for band in ("low", "high")
    }
    assert [set(terms) for terms in brain.log] == [names] * 5
    *_, valid, test = brain.log
    assert valid == test != brain.log[2]
    assert 0 < valid["selected_share_high"] <= 0.8


def test_terms_that_nobody_takes_are_logged(caplog):
    with caplog.at_level(
        logging.INFO, "dispatch_sb.training.distillation_mixin"
    ):
        brain = make()
        brain.fit(range(1, 3), batches(), batches())
        brain.evaluate(batches())
        make(LoggingBrain).fit(range(1), batches(), batches())
    lines = [x for x in caplog.messages if x.startswith("Distillation, ")]
    stages = [
        line.split(":")[0].removeprefix("Distillation, ") for line in lines
    ]
    assert stages == [
        *("epoch 1, training", "epoch 1, validation"),
        *("epoch 2, training", "epoch 2, validation", "test"),
    ]
    assert all("selected_share_high: 0." in line for line in lines)
