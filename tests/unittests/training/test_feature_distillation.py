"""Features of any two networks are compared, in training alone, and adapters
between them learn alike in all processes.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import socket

import pytest
import speechbrain as sb
import torch
from distilling_brains import QUIET, MyBrain, batches, same
from pretrained_folders import HYPERPARAMS, write_folder
from torch import nn
from torch.utils.data import DataLoader

from dispatch_sb.losses.features import CrossLayerSimilarity, Hint
from dispatch_sb.models import DCCRN, FastEnhancer
from dispatch_sb.pretrained import FrozenTeacher, TeacherGroup, load_teacher
from dispatch_sb.pretrained.recorded import RecordedTeacher
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.feature_distillation import FeatureDistillation

TAP = "encoder=bct"


class Coder(nn.Module):
    """Waveforms in and out, through frames."""

    def __init__(self, channels):
        super().__init__()
        self.encoder = nn.Conv1d(1, channels, 16, 8, padding=4)
        self.decoder = nn.ConvTranspose1d(channels, 1, 16, 8, padding=4)

    def forward(self, noisy):
        return self.decoder(self.encoder(noisy[:, None]).relu())[:, 0]


class Lazy(Coder):
    """One module of it is never run."""

    def __init__(self):
        super().__init__(5)
        self.idle = nn.Linear(2, 2)


def between(student, teacher, tap=TAP, other=TAP, loss=Hint):
    """A loss on one pair of taps."""
    return FeatureDistillation(student, teacher, {tap: other}, loss)


def brain_of(kind=MyBrain, seed=0, options=QUIET, **changes):
    """A Brain that distils features, and its loss."""
    torch.manual_seed(9)
    teacher = FrozenTeacher(Coder(5))
    torch.manual_seed(seed)
    student = Coder(3)
    loss = between(student, teacher)
    hparams = {"teacher": teacher, "distillation_loss": loss}
    brain = kind(
        {"student": student, "features": loss},
        lambda parameters: torch.optim.SGD(parameters, lr=0.1),
        {**hparams, "distillation_weight": 1.0, **changes},
        options,
    )
    return brain, loss


@pytest.fixture
def metricgan(tmp_path):
    """SpeechBrain's folder, as that of MetricGAN+."""
    kind = "SpectralMaskEnhancement"
    return load_teacher(write_folder(tmp_path / "a", HYPERPARAMS[kind], kind))


@pytest.mark.parametrize("loss", [Hint, CrossLayerSimilarity])
def test_a_network_of_speechbrain_teaches(metricgan, loss):
    """By the names of its modules; its frames are one fewer."""
    torch.manual_seed(0)
    student = FastEnhancer.from_size("T")
    pairs = {"blocks.0": "enhance_model.blstm=btc"}
    pairs["blocks.1"] = "enhance_model.linear1=btc"
    compared = FeatureDistillation(student, metricgan, pairs, loss)
    noisy = 0.1 * torch.randn(2, 16000)
    given = student(noisy), metricgan(noisy), noisy
    compared(*given, torch.tensor([1.0, 0.6])).backward()
    assert all(p.grad is None for p in metricgan.parameters())
    learned = [p for p in student.parameters() if p.grad is not None]
    assert learned and all(p.grad.isfinite().all() for p in learned)


@pytest.mark.parametrize(
    "teacher, other, words",
    [
        (Coder(5), "encoder", "'encoder' of Coder.*=btc"),
        (Coder(5), "coder=bct", "Coder has no tap 'coder=bct'.*encoder"),
        (Coder(5), "encoder=btfc", "tap 'encoder=btfc'.*4.*5, 500"),
        (Lazy(), "idle=bct", "tap 'idle=bct' of Lazy.*not run"),
        (
            DCCRN.from_size("small"),
            "encoder.1",
            "encoder=bct and encoder.1.*hop",
        ),
        (TeacherGroup([Coder(5)] * 2), TAP, "2 teachers.*teacher_source"),
        (nn.Identity(), TAP, "Identity has no tap.*none"),
    ],
)
def test_what_does_not_fit_is_said_before_training(teacher, other, words):
    with pytest.raises(ValueError, match=words):
        between(Coder(3), teacher, other=other)


def test_a_recording_has_no_features(tmp_path):
    teacher = RecordedTeacher.__new__(RecordedTeacher)
    nn.Module.__init__(teacher)
    with pytest.raises(ValueError, match="RecordedTeacher runs no network"):
        between(Coder(3), teacher)


def test_features_are_kept_in_training_alone():
    brain, loss = brain_of()
    kept = []
    stages = []

    class Watching(type(brain)):
        def compute_objectives(self, predictions, batch, stage):
            kept.append(len(loss.student.found))
            stages.append(stage)
            return super().compute_objectives(predictions, batch, stage)

    brain.__class__ = Watching
    brain.fit(range(1), batches(2), batches(2))
    train = sb.Stage.TRAIN
    assert kept == [int(stage == train) for stage in stages]
    assert stages.count(train) == stages.count(sb.Stage.VALID) == 2
    brain.modules.student(torch.randn(1, 4000))
    assert loss.student.found == loss.teacher.found == {}
    with pytest.raises(ValueError, match="evaluation mode"):
        loss(None, None, None)


class SharingBrain(MyBrain):
    """Shares its modules as the recipe's Brain does."""

    def _wrap_distributed(self):
        DistillationBrain._wrap_distributed(self)


def learn(rank, port, folder):
    """One of two processes, with other data and other first weights."""
    world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2}
    world |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in world.items()})
    options = {**QUIET, "distributed_backend": "gloo"}
    sb.utils.distributed.ddp_init_group(options)
    brain, loss = brain_of(SharingBrain, rank, options)
    loader = DataLoader([*batches(4)][rank::2], batch_size=None)
    brain.fit(range(1), loader)
    weights = [brain.hparams.distillation_loss, brain.modules.student.module]
    torch.save([x.state_dict() for x in weights], folder / f"{rank}.pt")


@pytest.mark.slow
def test_processes_share_the_adapters(tmp_path):
    """Two processes end as one with the batches of both."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    torch.multiprocessing.spawn(learn, (port, tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f"{n}.pt") for n in (0, 1))
    brain, loss = brain_of()
    before = {name: x.clone() for name, x in loss.state_dict().items()}
    each = [*batches(4)]
    joined = [
        {name: torch.cat([one[name], other[name]]) for name in one}
        for one, other in zip(each[::2], each[1::2])
    ]
    brain.fit(range(1), DataLoader(joined, batch_size=None))
    alone = [loss.state_dict(), brain.modules.student.state_dict()]
    for ours, theirs, expected in zip(first, second, alone):
        assert same(ours, theirs)
        torch.testing.assert_close(ours, expected)
    moved = (before[name] - value for name, value in first[0].items())
    assert all(change.abs().max() > 1e-4 for change in moved)
