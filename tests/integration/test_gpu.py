"""What only a GPU can show; collected where torch sees one.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools

import numpy as np
import pytest
import soundfile
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch

from dispatch_sb.cli import main
from dispatch_sb.losses import DFKD, DistillationLoss, EnhancementLoss, TopGap
from dispatch_sb.models import build_model
from dispatch_sb.pretrained import FrozenTeacher, save
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.schedules import WarmupCosine

STEPS = 6


def utterances(count=4, samples=16000, seed=0):
    """Items of a batch: modulated noise, and more noise over it."""
    draw = np.random.default_rng(seed)
    swell = np.sin(np.pi * 1.3 * np.arange(samples) / 16000) ** 2
    items = []
    for _ in range(count):
        clean = 0.1 * swell * draw.standard_normal(samples)
        noisy = clean + 0.03 * draw.standard_normal(samples)
        pair = {"clean_sig": clean, "noisy_sig": noisy}
        items.append(
            {name: torch.from_numpy(x).float() for name, x in pair.items()}
        )
    return items


def trainer(device, precision="fp32", **weight):
    """A Brain with a small student and a frozen teacher."""
    torch.manual_seed(0)
    student = build_model("fastenhancer", "T")
    teacher = FrozenTeacher(build_model("fastenhancer", "T"))
    brain = DistillationBrain(
        {"student": student, "teacher": teacher},
        functools.partial(torch.optim.AdamW, lr=1e-3),
        {
            "enhancement_loss": EnhancementLoss(),
            "distillation_loss": DistillationLoss(
                DFKD(patch_bins=(10, 40)), TopGap(0.8)
            ),
            **(weight or {"distillation_weight": 0.1}),
            "schedule": WarmupCosine(lr=1e-3),
            "number_of_epochs": 1,
        },
        {"device": device, "precision": precision, "noprogressbar": True},
    )
    brain.on_fit_start()
    brain.steps_per_epoch, brain.step = STEPS, 1
    brain.train_data = type("Data", (), {"set_epoch": lambda self, epoch: 0})()
    brain.on_stage_start(sb.Stage.TRAIN, 1)
    brain.modules.train()
    return brain


def losses(brain):
    """The loss of every step, on two batches in turn."""
    found = []
    batches = [utterances(seed=seed) for seed in (0, 1)]
    for step in range(1, STEPS + 1):
        brain.step = step
        batch = PaddedBatch(batches[step % 2])
        found.append(float(brain.fit_batch(batch)))
    return np.array(found)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    "weight", [{"distillation_weight": 0.1}, {"distillation_share": 0.5}]
)
def test_training_takes_the_same_course_as_on_a_cpu(
    precision, weight, monkeypatch
):
    for backend in (torch.backends.cudnn, torch.backends.cuda.matmul):
        monkeypatch.setattr(backend, "allow_tf32", False)
    expected = losses(trainer("cpu", **weight))
    found = losses(trainer("cuda", precision, **weight))
    rounding = 1e-3 if precision == "fp32" else 0.05
    np.testing.assert_allclose(found, expected, rtol=rounding)
    assert found[-1] < found[0]


@pytest.mark.parametrize(
    "weight", [{"distillation_weight": 0.1}, {"distillation_share": 0.5}]
)
def test_forward_and_losses_do_not_wait_for_the_device(weight):
    brain = trainer("cuda", **weight)
    batch = PaddedBatch(utterances()).to("cuda")
    brain.fit_batch(batch)  # plans and windows are made once
    torch.cuda.set_sync_debug_mode("error")
    try:
        enhanced = brain.compute_forward(batch, sb.Stage.TRAIN)
        loss = brain.compute_objectives(enhanced, batch, sb.Stage.TRAIN)
        loss.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_teacher_stays_as_it_was():
    brain = trainer("cuda", "bf16")
    before = {
        name: value.clone()
        for name, value in brain.modules.teacher.state_dict().items()
    }
    losses(brain)
    assert not brain.modules.teacher.training
    for name, value in brain.modules.teacher.state_dict().items():
        assert value.is_cuda and value.equal(before[name]), name


def test_enhance_gives_the_same_on_both_devices(tmp_path):
    save(build_model("fastenhancer", "T").eval(), tmp_path / "model", "A card.")
    noisy = utterances(1)[0]["noisy_sig"].numpy()
    soundfile.write(tmp_path / "noisy.wav", noisy, 16000)
    found = {}
    for device in ("cpu", "cuda"):
        target = tmp_path / f"{device}.wav"
        words = ["enhance", str(tmp_path / "noisy.wav"), str(target)]
        words += ["--model", str(tmp_path / "model"), "--device", device]
        assert main(words) in (0, None)
        found[device], _ = soundfile.read(target)
    np.testing.assert_allclose(found["cuda"], found["cpu"], atol=2e-3)
