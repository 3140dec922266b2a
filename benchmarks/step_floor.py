"""What the parts of a training step take, beside the least that their
operations could take on this machine: their bytes at the speed of a copy, or
their arithmetic at that of a large matrix product, whichever is longer.

What lies between is overhead: of calls, of small sizes, of kernels that are
not at their best. To go below the least, operations must be left out, or
fused by a compiler. The step is that of `step_parts.py`, on one CPU thread.

    python benchmarks/step_floor.py

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import collections
import time
from contextlib import contextmanager

import torch
from step_parts import WARM_UP, batch_of, trainer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from dispatch_sb.training.memory import keep_freed_memory

KINDS = {
    "convolution": ("convolution",),
    "batch norm": ("batch_norm",),
    "SiLU": ("silu",),
    "matrix product": ("mm", "bmm", "addmm", "baddbmm"),
    "Fourier transform": ("fft",),
}


def kind_of(name):
    """Which of the kinds an operation of this name is."""
    for kind, parts in KINDS.items():
        if any(part in name for part in parts):
            return kind
    return "other"


class Account(TorchDispatchMode):
    """Adds up calls, seconds, and least seconds, by stage and kind."""

    def __init__(self, bytes_per_second, flops_per_second):
        super().__init__()
        self.speeds = bytes_per_second, flops_per_second
        self.rows = collections.defaultdict(lambda: [0, 0.0, 0.0])
        self.stage = "other"

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        begin = time.process_time()
        result = func(*args, **kwargs)
        seconds = time.process_time() - begin
        packet = func.overloadpacket
        row = self.rows[self.stage, kind_of(packet.__name__)]
        for index, value in enumerate((1, seconds, 0.0)):
            row[index] += value
        if not func.is_view:
            flops = 0
            if packet in flop_registry:
                flops = flop_registry[packet](*args, **kwargs, out_val=result)
            given = [args, kwargs, result]
            row[2] += max(
                size_of(given) / self.speeds[0], flops / self.speeds[1]
            )
        return result

    @contextmanager
    def during(self, stage):
        """What happens inside is of this stage."""
        self.stage, before = stage, self.stage
        yield
        self.stage = before


def size_of(values):
    """Bytes of all different tensors among some values."""
    tensors = [x for x in tree_leaves(values) if isinstance(x, torch.Tensor)]
    sizes = {x.data_ptr(): x.numel() * x.element_size() for x in tensors}
    return sum(sizes.values())


def machine_speeds():
    """Bytes that a copy moves, and operations of a product, per second."""
    tensors = [torch.ones(2**21) for _ in range(40)]  # beyond most caches
    wide = torch.ones(768, 768)
    best = [0.0, 0.0]
    for _ in range(5):
        begin = time.process_time()
        for source, target in zip(tensors[::2], tensors[1::2]):
            target.copy_(source)
        middle = time.process_time()
        for _ in range(10):
            wide @ wide
        end = time.process_time()
        moved = sum(x.numel() * x.element_size() for x in tensors)
        flops = 10 * 2 * len(wide) ** 3
        best[0] = max(best[0], moved / (middle - begin))
        best[1] = max(best[1], flops / (end - middle))
    return best


def staged(account, owner, name, stage):
    """Puts all that a method does to the account of a stage."""
    method = getattr(owner, name)

    def noting(*args, **kwargs):
        with account.during(stage):
            return method(*args, **kwargs)

    setattr(owner, name, noting)


def measure(options):
    """The account of all steps after the first."""
    account = Account(*machine_speeds())
    brain = trainer(options, True)
    staged(account, brain, "fit_batch", "network, backward")
    staged(account, brain, "compute_forward", "network, forward")
    staged(account, brain, "distillation", "distillation, and losses' backward")
    staged(account, brain, "optimizers_step", "optimiser")
    staged(account, brain.hparams, "enhancement_loss", "supervised loss")
    for index in range(WARM_UP + options.steps):
        batch = batch_of(options, index)
        brain.step = index + 1
        if index == WARM_UP:
            account.rows.clear()
        with account:
            brain.fit_batch(batch)
    return account


def print_account(account, options):
    """One line for each stage and kind that takes a hundredth or more."""
    print(
        f"FastEnhancer-T, DFKD + DISPatch + MSSP, batch {options.batch} x "
        f"{options.seconds:g} s, one thread, torch {torch.__version__}; a copy "
        f"moves {account.speeds[0] / 1e9:.1f} GB/s, a product makes "
        f"{account.speeds[1] / 1e9:.0f} GFLOP/s"
    )
    print(f"{'':54s}{'calls':>7s}{'ms':>8s}{'least':>8s}")
    totals = collections.defaultdict(lambda: [0, 0.0, 0.0])
    for (stage, kind), row in account.rows.items():
        for key in ((stage, kind), (stage, "all"), ("step", "all")):
            totals[key] = [a + b for a, b in zip(totals[key], row)]
    step = totals["step", "all"][1]
    rows = sorted(totals.items(), key=lambda row: -row[1][1])
    rows.sort(key=lambda row: (row[0][0], row[0][1] != "all"))
    for (stage, kind), (calls, seconds, least) in rows:
        if seconds >= 0.01 * step:
            name = stage if kind == "all" else f"  {kind}"
            calls, spent, floor = (
                x / options.steps for x in (calls, 1e3 * seconds, 1e3 * least)
            )
            print(f"{name:54s}{calls:7.0f}{spent:8.1f}{floor:8.1f}")


def main():
    """Measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--batch", type=int, default=8, help="utterances (default 8)")
    add("--seconds", type=float, default=2.0, help="of each (default 2)")
    add("--steps", type=int, default=8, help="counted (default 8)")
    options = parser.parse_args()
    options.threads, options.device, options.nudge = 1, "cpu", 0.0
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    print_account(measure(options), options)


if __name__ == "__main__":
    main()
