"""The parts of a training step with DFKD + DISPatch + MSSP and a recorded
teacher, and its loss curve, as JSON: what `step.py --against` runs with the
package of one commit, then with that of another.

    python benchmarks/step_parts.py --steps 20

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import functools
import json
import statistics
import types

import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch
from step import clock

from dispatch_sb.losses import DFKD, DistillationLoss, EnhancementLoss, TopGap
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained.teacher import CleanTeacher
from dispatch_sb.training.brain import DistillationBrain
from dispatch_sb.training.memory import keep_freed_memory
from dispatch_sb.training.schedules import WarmupCosine

WARM_UP = 2


def trainer(options, distils):
    """A Brain that trains a FastEnhancer-T as the recipe does."""
    torch.manual_seed(0)
    modules = {"student": FastEnhancer.from_size("T")}
    for parameter in modules["student"].parameters():
        parameter.data *= 1 + options.nudge
    if distils:
        modules["teacher"] = CleanTeacher()
    brain = DistillationBrain(
        modules,
        functools.partial(torch.optim.AdamW, lr=3e-3),
        {
            "enhancement_loss": EnhancementLoss(),
            "distillation_loss": DistillationLoss(
                DFKD(patch_bins=(10, 40)), TopGap(0.8)
            ),
            "distillation_share": 0.8,
            "schedule": WarmupCosine(lr=3e-3, warmup=0.5),
            "number_of_epochs": 1,
        },
        {"device": options.device, "noprogressbar": True},
    )
    brain.on_fit_start()
    brain.train_data = types.SimpleNamespace(set_epoch=lambda epoch: None)
    brain.steps_per_epoch = WARM_UP + options.steps
    brain.on_stage_start(sb.Stage.TRAIN, 1)
    brain.modules.train()
    return brain


def batch_of(options, index):
    """Modulated noise, the same for every commit, and a teacher between."""
    draw = torch.Generator().manual_seed(index)
    samples = round(16000 * options.seconds)
    envelope = torch.sin(torch.pi * 1.3 * torch.arange(samples) / 16000) ** 2
    items = []
    for _ in range(options.batch):
        clean, noise = 0.1 * torch.randn(2, samples, generator=draw)
        clean, noise = envelope * clean, 0.3 * noise
        items.append(
            {
                "clean_sig": clean,
                "noisy_sig": clean + noise,
                "teacher_sig": clean + 0.3 * noise,
            }
        )
    return PaddedBatch(items)


def timed(owner, name, parts, device):
    """Makes a method, or a loss, note the seconds that it takes."""
    function = getattr(owner, name)

    def noting(*args, **kwargs):
        begin = clock(device)
        result = function(*args, **kwargs)
        parts[name] = clock(device) - begin
        return result

    setattr(owner, name, noting)


def measure(options):
    """Milliseconds of every part, and the losses."""
    brains = {name: trainer(options, name == "step") for name in ("step", "no")}
    brain, parts, rows, losses = brains["step"], {}, [], []
    for name in ("compute_forward", "distillation", "optimizers_step"):
        timed(brain, name, parts, options.device)
    timed(brain.hparams, "enhancement_loss", parts, options.device)
    timed(brain, "compute_objectives", parts, options.device)
    for index in range(WARM_UP + options.steps):
        batch = batch_of(options, index).to(options.device)
        seconds = {}
        for name, each in brains.items():
            each.step = index + 1
            begin = clock(options.device)
            loss = each.fit_batch(batch)
            seconds[name] = clock(options.device) - begin
            if name == "step":
                losses.append(float(loss))
        named = {
            "step": seconds["step"],
            "forward": parts["compute_forward"],
            "supervised loss": parts["enhancement_loss"],
            "distillation loss": parts["distillation"],
            "optimiser": parts["optimizers_step"],
            "step without teacher": seconds["no"],
        }
        spent = parts["compute_forward"] + parts["compute_objectives"]
        spent += parts["optimizers_step"]
        named["backward"] = seconds["step"] - spent
        rows.append(named)
    middle = {
        name: 1000 * statistics.median(row[name] for row in rows[WARM_UP:])
        for name in rows[0]
    }
    return {"milliseconds": middle, "losses": losses}


def main():
    """Measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--batch", type=int, default=8, help="utterances (default 8)")
    add("--seconds", type=float, default=2.0, help="of each (default 2)")
    add("--steps", type=int, default=10, help="timed (default 10)")
    add("--threads", type=int, default=1, help="CPU threads (default 1)")
    add("--device", default="cpu", help="cpu or cuda (default cpu)")
    add("--nudge", type=float, default=0.0, help="of the weights, relative")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    print(json.dumps(measure(options)))


if __name__ == "__main__":
    main()
