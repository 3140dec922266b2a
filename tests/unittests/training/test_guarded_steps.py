"""A step survives a lack of memory; a loss or gradient that is no number ends
the training with a file that shows it again; loaders die with a sentence."""

import copy
import functools
import multiprocessing
import os
import resource
import signal
import time

import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedData
from torch import nn

from dispatch_sb.data.audio_store import Batch
from dispatch_sb.losses import (
    DFKD,
    DistillationLoss,
    EnhancementLoss,
    OutputDistillation,
    TopGap,
    WaveformL1,
)
from dispatch_sb.losses.features import (
    CrossLayerSimilarity,
    Hint,
    SimilarityPreserving,
)
from dispatch_sb.pretrained.frozen import FrozenTeacher
from dispatch_sb.training import guarded_steps
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.feature_distillation import FeatureDistillation
from dispatch_sb.training.portions import TrainingStopped, is_out_of_memory
from dispatch_sb.training.replay import repeat_step
from dispatch_sb.training.schedules import WarmupCosine

ROWS, SAMPLES = 7, 4000
CPU = "[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes"
ERRORS = {
    "gpu": torch.OutOfMemoryError("CUDA out of memory."),
    "cpu": RuntimeError(CPU),
    "python": MemoryError(),
}


class Network(nn.Module):
    """Enhances so many utterances at once, in memory that it has not."""

    def __init__(self, most=ROWS, norm=False, error=ERRORS["gpu"]):
        super().__init__()
        middle = nn.BatchNorm1d(3) if norm else nn.Identity()
        self.first = nn.Conv1d(1, 3, 9, padding=4)
        self.layers = nn.Sequential(
            middle, nn.Dropout(0.0), nn.Tanh(), nn.Conv1d(3, 1, 9, padding=4)
        )
        self.most, self.error, self.failures = most, error, 0

    def forward(self, noisy):
        result = noisy + self.layers(self.first(noisy[:, None]))[:, 0]
        if len(noisy) > self.most:
            self.failures += 1
            raise self.error
        return result


def batch_of(rows=ROWS, samples=SAMPLES, seed=0):
    """Utterances of unequal length and level."""
    generator = torch.Generator().manual_seed(seed)
    clean, noise = torch.randn(2, rows, samples, generator=generator)
    clean *= 0.1 * torch.logspace(-1, 0, rows)[:, None]
    lens = torch.linspace(1, 0.6, rows)
    signals = {"noisy_sig": clean + 0.03 * noise, "clean_sig": clean}
    padded = {k: PaddedData(x, lens.clone()) for k, x in signals.items()}
    return Batch(id=[f"u{n}" for n in range(rows)], **padded)


def brain_of(student, loss=None, folder=None, optimizer=None, **hparams):
    """Ready for its first step."""
    torch.manual_seed(3)
    modules = {"student": student}
    if loss is not None:
        modules["teacher"] = Network()
        hparams["distillation_loss"] = loss
        hparams.setdefault("distillation_share", 0.8)
    brain = DistillationBrain(
        modules,
        optimizer or functools.partial(torch.optim.SGD, lr=0.01),
        {
            "enhancement_loss": EnhancementLoss(),
            "schedule": WarmupCosine(lr=0.01),
            "number_of_epochs": 10,
            "workers": 1,
            "output_folder": folder,
            **hparams,
        },
        {"device": "cpu", "noprogressbar": True},
    )
    brain.on_fit_start()
    brain.steps_per_epoch = 2
    return brain


class Data:
    """Enough of a dataset for a Brain."""

    def set_epoch(self, epoch):
        pass


def begin(brain, epoch=9):
    """An epoch."""
    brain.train_data = Data()
    brain.on_stage_start(sb.Stage.TRAIN, epoch)
    brain.modules.train()
    return brain


def steps(brain, count=2):
    """Losses and averages of some steps."""
    begin(brain)
    losses = []
    for brain.step in range(1, count + 1):
        losses.append(brain.fit_batch(batch_of(seed=brain.step)))
    terms = {**brain.averages.sums, **brain.distillation_averages.sums}
    return torch.stack(losses), {k: float(x) for k, x in terms.items()}


def weights(brain):
    return copy.deepcopy(brain.modules.student.state_dict())


def student(**kwargs):
    torch.manual_seed(1)
    return Network(**kwargs)


LOSSES = {
    "supervised": None,
    "dispatch": DistillationLoss(DFKD(), TopGap(0.8)),
    "output": OutputDistillation(WaveformL1()),
}


@pytest.mark.parametrize(
    "name, error, most",
    [
        ("supervised", "cpu", 3),
        ("dispatch", "gpu", 4),
        ("dispatch", "python", 1),
        ("output", "gpu", 2),
    ],
)
def test_parts_teach_what_the_batch_does(caplog, name, error, most):
    whole = brain_of(student(), LOSSES[name])
    small = student(most=most, error=ERRORS[error])
    parts = brain_of(small, LOSSES[name])
    expected, found = steps(whole), steps(parts)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=0)
    assert found[1] == pytest.approx(expected[1], rel=1e-3)
    torch.testing.assert_close(
        weights(parts), weights(whole), rtol=1e-4, atol=1e-6
    )
    failed = small.failures
    steps(parts)
    assert small.failures == failed  # it splits such batches at once
    (told,) = [x.getMessage() for x in caplog.records if "Memory" in x.msg]
    assert f"{ROWS} utterances" in told and "--batch_size" in told


@pytest.mark.parametrize("kind", [Hint, CrossLayerSimilarity])
def test_features_of_parts_teach_the_same(kind):
    found = []
    for most in (ROWS, 3):
        torch.manual_seed(0)
        own, teacher = Network(most=most), Network()
        taps = {"first=btf": "first=btf"}
        loss = FeatureDistillation(own, teacher, taps, kind)
        brain = brain_of(
            own, loss, distillation_share=None, distillation_weight=0.5
        )
        brain.modules["teacher"] = FrozenTeacher(teacher)
        steps(brain)
        found.append(weights(brain))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


def test_what_compares_utterances_is_not_split():
    loss = nn.Sequential(SimilarityPreserving())
    brain = begin(brain_of(student(most=4), loss))
    brain.step = 1
    with pytest.raises(TrainingStopped, match="SimilarityPreserving"):
        brain.fit_batch(batch_of())


def test_what_cannot_be_split_stops(monkeypatch):
    """A single utterance; and a batch of one of several processes, which would
    leave the others waiting."""
    brain = begin(brain_of(student(most=0)))
    brain.step = 2
    with pytest.raises(TrainingStopped, match="epoch 9, step 2.*0.2 s"):
        brain.fit_batch(batch_of())
    monkeypatch.setattr(guarded_steps, "process_count", lambda: 2)
    brain = begin(brain_of(student(most=4)))
    with pytest.raises(TrainingStopped, match="--batch_size 3"):
        brain.fit_batch(batch_of())


def test_other_errors_are_not_hidden():
    brain = begin(brain_of(student(most=4, error=RuntimeError("shape"))))
    with pytest.raises(RuntimeError, match="shape"):
        brain.fit_batch(batch_of())


def test_gradients_of_earlier_batches_stay():
    """With several batches to a step, only the one that failed is repeated."""
    found = []
    for most in (ROWS, 3):
        brain = brain_of(student(most=most))
        brain.grad_accumulation_factor = 2
        steps(brain)
        found.append(weights(brain))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


def test_batch_normalisation_in_parts():
    """Statistics run as far as those of a whole batch do."""
    whole, parts = (
        brain_of(student(most=most, norm=True)) for most in (ROWS + 1, 4)
    )
    for brain in (whole, parts):
        begin(brain).step = 1
        brain.fit_batch(batch_of(rows=8))
    own, others = (x.modules.student.layers[0] for x in (whole, parts))
    torch.testing.assert_close(others.running_mean, own.running_mean)
    torch.testing.assert_close(
        others.running_var, own.running_var, rtol=1e-2, atol=0
    )
    assert others.momentum == own.momentum


def test_validation_goes_one_by_one(caplog):
    found = []
    for most in (ROWS, 2):
        brain = brain_of(student(most=most), LOSSES["dispatch"])
        brain.train_data, brain.step = Data(), 0
        brain.on_stage_start(sb.Stage.VALID, 10)
        brain.modules.eval()
        brain.step = 1
        loss = float(brain.evaluate_batch(batch_of(), sb.Stage.VALID))
        brain.evaluate_batch(batch_of(rows=3), sb.Stage.VALID)
        sums = {k: float(x) for k, x in brain.averages.sums.items()}
        found.append({"returned": loss, **sums})
        assert [len(x[0]) for x in brain.pairs][0] == SAMPLES
        assert len(brain.pairs) == ROWS + 3
    assert found[1] == pytest.approx(found[0], rel=1e-4)
    assert len([x for x in caplog.records if "Memory" in x.msg]) == 1


def in_little_memory(queue):
    """A step whose activations need more than there is, and than what the
    tests before it have left free: gigabytes."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    torch.manual_seed(0)
    wide = nn.Sequential(
        nn.Unflatten(1, (1, -1)),
        nn.Conv1d(1, 64, 9, padding=4),
        nn.Tanh(),
        nn.Conv1d(64, 1, 9, padding=4),
        nn.Flatten(),
    )
    brain = begin(brain_of(wide))
    brain.step = 1
    limit = now + 2**29  # threads reserve much that they do not use
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    loss = brain.fit_batch(batch_of(rows=64, samples=32000))
    queue.put((float(loss), brain.at_once[sb.Stage.TRAIN]))


def test_where_memory_really_ends():
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=in_little_memory, args=(queue,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    loss, at_once = queue.get()
    assert loss > 0 and at_once < 64 * 32000


def test_what_says_that_memory_ran_out():
    assert all(map(is_out_of_memory, ERRORS.values()))
    assert not is_out_of_memory(ValueError("out of memory"))


class Runs(torch.optim.AdamW):
    """Runs out of memory in the middle of its second step, once."""

    steps = 0

    def step(self, closure=None):
        self.steps += 1
        super().step(closure)
        if self.steps == 2:
            raise ERRORS["gpu"]


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("scaled", [False, True])
def test_an_optimizer_without_memory_begins_anew(factor, scaled):
    found = []
    for kind in (torch.optim.AdamW, Runs):
        brain = brain_of(student(), optimizer=kind)
        brain.grad_accumulation_factor = factor
        brain.scaler = torch.amp.GradScaler("cpu", 8.0, enabled=scaled)
        steps(brain, 3 * factor)
        found.append(weights(brain))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


def test_a_step_may_be_left_out(tmp_path):
    """Of it nothing stays, so often as the user has patience."""
    brain = begin(brain_of(student(norm=True), None, tmp_path, adamw))
    brain.skip_nonfinite_grads, brain.nonfinite_count = True, 0
    brain.nonfinite_patience, brain.step = 2, 1
    before, batch = weights(brain), batch_of()
    batch.noisy_sig.data[0, 0] = torch.inf
    for _ in range(2):
        brain.fit_batch(batch)
    torch.testing.assert_close(weights(brain), before, rtol=0, atol=0)
    assert "not finite" in stopped(brain, batch)


def adamw(parameters):
    return torch.optim.AdamW(parameters, lr=0.01)


class Root(nn.Module):
    """Its slope is infinite where it begins."""

    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(1))

    def forward(self, noisy):
        return noisy + self.offset.abs().sqrt()


def stopped(brain, batch):
    """What is said, and the weights before the step."""
    state = copy.deepcopy(brain.optimizer.state_dict()["state"])
    before = weights(brain)
    with pytest.raises(TrainingStopped) as error:
        brain.fit_batch(batch)
    torch.testing.assert_close(weights(brain), before, rtol=0, atol=0)
    now = brain.optimizer.state_dict()["state"]
    torch.testing.assert_close(now, state, rtol=0, atol=0)
    return str(error.value)


@pytest.mark.parametrize("most", [ROWS, 4])
@pytest.mark.parametrize("name", ["supervised", "dispatch"])
def test_a_loss_that_is_no_number_can_be_seen_again(tmp_path, name, most):
    brain = brain_of(
        student(most=most, norm=True), LOSSES[name], tmp_path, adamw, seed=5
    )
    steps(brain)
    brain.step = 3
    batch = batch_of(seed=3)
    batch.noisy_sig.data[5, 0] = torch.inf
    told = stopped(brain, batch)
    (path,) = tmp_path.iterdir()
    assert "epoch 9, step 3" in told and "u5" in told and str(path) in told
    again = brain_of(student(norm=True), LOSSES[name], tmp_path, adamw)
    found = repeat_step(again, path)
    assert "came again" in found and "seed 5" in found and "u5" in found
    assert "noisy_sig" in found and "output is not finite: student." in found
    assert "supervised: nan" in found
    assert ("distillation: nan" in found) == (name == "dispatch")


def test_a_gradient_that_is_no_number(tmp_path):
    brain = begin(brain_of(Root(), folder=tmp_path, optimizer=adamw))
    brain.step = 1
    told = stopped(brain, batch_of())
    assert "norm of the gradient" in told and not brain.optimizer.state
    (path,) = tmp_path.iterdir()
    found = repeat_step(brain_of(Root(), optimizer=adamw), path)
    assert "came again" in found and "student.offset" in found
    with pytest.raises(ValueError, match="others"):
        repeat_step(brain_of(student(), optimizer=adamw), path)
    mended = Root()
    mended.forward = lambda noisy: noisy + mended.offset
    found = repeat_step(brain_of(mended, optimizer=adamw), path)
    assert "did not come again" in found


def test_what_is_no_step_is_refused(tmp_path):
    (tmp_path / "a.pt").write_text("nothing")
    for path in (tmp_path / "a.pt", tmp_path / "b.pt"):
        with pytest.raises(ValueError, match=f"--replay {path}"):
            repeat_step(brain_of(student()), path)


def test_a_repeated_step_is_the_very_step(tmp_path):
    """Dropout included: the loss is the same to the last bit."""
    net = student(norm=True)
    net.layers[1].p = 0.5
    brain = brain_of(net, LOSSES["dispatch"], tmp_path, adamw)
    steps(brain)
    brain.step, batch = 3, batch_of(seed=3)
    brain.skip_nonfinite_grads = True
    wanted = []
    brain._check = lambda loss, *_: wanted.append(loss)
    brain.fit_batch(batch)
    brain.before.restore()
    guarded_steps.save_step(brain, batch, sb.Stage.TRAIN, wanted[0], None)
    other = student(norm=True)
    other.layers[1].p = 0.5
    again = brain_of(other, LOSSES["dispatch"], tmp_path, adamw)
    found = repeat_step(again, next(tmp_path.iterdir()))
    assert f"loss: {float(wanted[0])} (then" in found


def test_validation_that_is_no_number_stops(tmp_path):
    brain = brain_of(student(), folder=tmp_path)
    brain.on_stage_start(sb.Stage.VALID, 10)
    brain.step = 1
    brain.modules.eval()
    batch = batch_of()
    batch.clean_sig.data[:] = torch.nan
    told = stopped_in_validation(brain, batch)
    assert "step 1 of validation" in told
    found = repeat_step(brain_of(student()), next(tmp_path.iterdir()))
    assert "came again" in found


def stopped_in_validation(brain, batch):
    with pytest.raises(TrainingStopped) as error:
        brain.evaluate_batch(batch, sb.Stage.VALID)
    return str(error.value)


class Items(torch.utils.data.Dataset):
    """A dataset; something is done for the third item."""

    def __init__(self, act=lambda: None):
        self.act = act

    def __len__(self):
        return 4

    def set_epoch(self, epoch):
        pass

    def __getitem__(self, index):
        if index == 2:
            self.act()
        clean = torch.zeros(1600)
        return {"id": str(index), "noisy_sig": clean, "clean_sig": clean}


LOADER = {"batch_size": 1, "num_workers": 1, "drop_last": True}


def test_a_killed_loader_ends_the_run_with_a_sentence():
    killed = Items(lambda: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(TrainingStopped, match="--num_workers"):
        brain_of(student()).fit([1], killed, train_loader_kwargs=LOADER)


def test_a_killed_loader_is_known_by_its_connection():
    """Which may be lost before torch is told of the death."""

    def told(*_):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal.")

    def lost():
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        raise ConnectionResetError

    before = signal.signal(signal.SIGALRM, told)
    own = {**LOADER, "num_workers": 0}
    try:
        with pytest.raises(TrainingStopped, match="pid 7"):
            brain_of(student()).fit([1], Items(lost), train_loader_kwargs=own)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_shared_memory_that_is_full_is_not_waited_for(monkeypatch, capfd):
    def full(storage):
        raise RuntimeError("unable to allocate shared memory(shm) for file")

    monkeypatch.setattr(torch.UntypedStorage, "_share_fd_cpu_", full)
    with pytest.raises(TrainingStopped, match="--num_workers.*/dev/shm"):
        brain_of(student()).fit([1], Items(), train_loader_kwargs=LOADER)
    assert "unable to allocate" in capfd.readouterr().err


def test_a_clock_that_jumps_does_not_delay_checkpoints(monkeypatch):
    brain = begin(brain_of(student()))
    brain.checkpointer, brain.ckpt_interval_minutes = object(), 1
    year, real = 365 * 86400, time.time
    started = real()
    for jump in (-year, year):
        monkeypatch.setattr(time, "time", lambda j=jump: real() + j)
        assert not brain._should_save_intra_epoch_ckpt(started, 1)
    monkeypatch.setattr(time, "time", lambda: real() - year)
    brain._saved_at -= 61
    assert brain._should_save_intra_epoch_ckpt(started, 1)
