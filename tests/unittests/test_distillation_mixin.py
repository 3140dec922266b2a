"""The mixin gives an existing Brain distillation, and changes nothing else."""

import copy
import json
import logging
import os
import subprocess
import sys

import pytest
import torch
from distilling_brains import (
    LOSS,
    SAMPLES,
    LoggingBrain,
    Network,
    PlainBrain,
    batches,
    hyperparameters,
    make,
    pairs_of,
    same,
    weights,
)
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from dispatch_sb.distillation_mixin import DistillationMixin
from dispatch_sb.teachers import FrozenTeacher


def test_the_line_is_worth_weight_times_loss():
    brain, batch = make(), next(iter(batches()))
    enhanced = batch["noisy"].clone().requires_grad_()
    value = brain.distillation(enhanced, *pairs_of(batch))
    taught = brain.modules.teacher(batch["noisy"])
    clean, lens = batch["clean"], batch["lens"]
    assert value.equal(0.5 * LOSS(enhanced, taught, clean, lens))
    assert not value.equal(0.5 * LOSS(enhanced, taught, clean))
    (gradient,) = torch.autograd.grad(value, enhanced)
    assert gradient.isfinite().all() and gradient.any()
    for given in ({"lens": lens}, {}):
        bare = brain.distillation(enhanced, batch["noisy"], clean, **given)
        assert bare.equal(value) == bool(given)


@pytest.mark.parametrize("place", ["hparams", "modules", "both"])
def test_a_fit_leaves_the_teacher_as_it_was(place):
    teacher = Network()
    before = copy.deepcopy(teacher.state_dict())
    among = {"teacher": teacher}
    hparams = hyperparameters(**among)
    if place == "modules":
        del hparams["teacher"]
    brain = make(hparams=hparams, modules=None if place == "hparams" else among)
    student = weights(brain)
    brain.fit(range(2), batches(), batches())
    assert same(teacher.state_dict(), before)
    assert not any(module.training for module in teacher.modules())
    assert isinstance(brain.modules.teacher, FrozenTeacher)
    optimized = {
        id(parameter)
        for group in brain.optimizer.param_groups
        for parameter in group["params"]
    }
    assert optimized == {id(p) for p in brain.modules.student.parameters()}
    assert not same(weights(brain), student)


def test_a_frozen_teacher_is_not_wrapped_again():
    teacher = FrozenTeacher(Network())
    brain = make(hparams=hyperparameters(teacher=teacher))
    assert brain.modules.teacher is teacher


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


def test_a_schedule_may_change_the_weight():
    brain, batch = make(), next(iter(batches()))
    values = []
    for weight in (0, 1, 2.0):
        brain.hparams.distillation_weight = weight
        values.append(brain.distillation(batch["noisy"], *pairs_of(batch)))
    assert values[0] == 0 < values[1]
    assert values[2].equal(2 * values[1])


@pytest.mark.parametrize(
    "hparams, words",
    [
        ({}, ["MyBrain", "teacher", "distillation_loss", "_weight: 0"]),
        (hyperparameters(teacher=None), ["lack teacher:"]),
        (hyperparameters(distillation_loss=None), ["lack distillation_loss:"]),
        (
            {"distillation_weight": 1},
            ["lack teacher and distillation_loss:", "YAML"],
        ),
        (hyperparameters(distillation_weight=-1), ["distillation_weight: -1"]),
        (hyperparameters(distillation_weight="x"), ["distillation_weight: x"]),
    ],
)
def test_mistakes_are_found_before_training(hparams, words):
    brain = make(hparams=hparams)
    before = weights(brain)
    for start in (
        lambda: brain.fit(range(1), batches()),
        lambda: brain.evaluate(batches()),
    ):
        with pytest.raises(ValueError) as error:
            start()
        assert all(word in str(error.value) for word in words)
    assert same(weights(brain), before)


def test_the_order_of_the_base_classes_matters():
    with pytest.raises(ValueError, match="Wrong: DistillationMixin must stand"):
        type("Wrong", (PlainBrain, DistillationMixin), {})


@pytest.mark.parametrize("wrong", ["batch", {"noisy": 1}, (1, 2, 3)])
def test_what_is_no_pair_is_refused(wrong):
    brain = make()
    enhanced = torch.zeros(2, SAMPLES)
    with pytest.raises(ValueError, match="batch.noisy_sig"):
        brain.distillation(enhanced, wrong, enhanced)
    with pytest.raises(ValueError, match="of one shape"):
        brain.distillation(enhanced[:, 1:], enhanced, enhanced)


def test_full_precision_under_autocast():
    brain, batch = make(), next(iter(batches()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        enhanced = nn.functional.conv1d(
            batch["noisy"][:, None], torch.full((1, 1, 1), 0.7)
        )[:, 0]
        assert enhanced.dtype == torch.bfloat16
        value = brain.distillation(enhanced, *pairs_of(batch))
    assert value.dtype == torch.float32
    assert value.equal(brain.distillation(enhanced, *pairs_of(batch)))


class NoWaiting(TorchDispatchMode):
    """Raises where a value is read by the host."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in ("_local_scalar_dense", "nonzero", "equal"):
            raise RuntimeError(f"{name} waits for the device")
        return func(*args, **(kwargs or {}))


def test_nothing_waits_for_the_device():
    brain, batch = make(), next(iter(batches()))
    pairs = list(pairs_of(batch))
    with NoWaiting():
        brain.distillation(batch["noisy"].requires_grad_(), *pairs).backward()
        with pytest.raises(RuntimeError, match="waits"):
            brain.distillation_summary()  # the one that is meant to
    assert brain.distillation_averages.steps == 1


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
    brain.modules.eval()
    (batch,) = batches(1)
    with torch.no_grad():
        value = brain.distillation(
            brain.modules.student(batch["noisy"]), *pairs_of(batch)
        )
    assert valid["distillation"] == pytest.approx(float(value) / 0.5)


def test_terms_that_nobody_takes_are_logged(caplog):
    with caplog.at_level(logging.INFO, "dispatch_sb.distillation_mixin"):
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


DISTRIBUTED = """
import json, sys, torch, speechbrain as sb
sys.path.insert(0, {folder!r})
from distilling_brains import MyBrain, batches, hyperparameters
from torch import nn
options = {{"device": "cpu", "distributed_backend": "gloo"}}
sb.utils.distributed.ddp_init_group(options)
rank = torch.distributed.get_rank()
torch.manual_seed(rank)
convolution = nn.Conv1d(1, 1, 9, padding=4)
brain = MyBrain(
    {{"student": nn.Sequential(nn.Unflatten(1, (1, 4000)), convolution)}},
    lambda parameters: torch.optim.SGD(parameters, lr=1.0),
    hyperparameters(),
    options,
)
brain.compute_forward = lambda batch, stage: (
    brain.modules.student(batch["noisy"])[:, 0]
)
items = list(batches(4))[rank::2]
brain.fit(range(1), torch.utils.data.DataLoader(items, batch_size=None))
kinds = [type(module).__name__ for module in brain.modules.values()]
total = convolution.weight.double().sum().item()
with open(f"{{sys.argv[1]}}/{{rank}}.json", "w") as file:
    json.dump([kinds, total], file)
"""


@pytest.mark.slow
def test_processes_share_the_student_and_not_the_teacher(tmp_path):
    """Two processes with other data and other first weights end alike."""
    script = tmp_path / "distributed.py"
    script.write_text(DISTRIBUTED.format(folder=os.path.dirname(__file__)))
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*words, "--nproc_per_node=2", str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (
        json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)
    )
    assert first == second
    assert first[0] == ["DistributedDataParallel", "FrozenTeacher"]
