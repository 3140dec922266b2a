"""The loss never waits for the device, and is computed in full precision."""

import ast
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from cases import HOSTS, RULES, loss_of, signals
from torch.utils._python_dispatch import TorchDispatchMode

import dispatch_sb.losses
from dispatch_sb.losses import (
    EnhancementLoss,
    MultiResolutionSTFT,
    SISDRLoss,
    WaveformL1,
    official,
)

SOURCES = sorted(Path(dispatch_sb.losses.__file__).parent.glob("*.py"))
LOSSES = {
    **{
        f"{host}, {rule}": loss_of(host, rule, normalize_level=True)
        for host in HOSTS
        for rule in RULES
    },
    "official l2": official.l2(),
    "official dfkd": official.dfkd(),
}
TERMS = {
    "supervised": lambda s, t, y, lens: EnhancementLoss()(s, y, lens)[0],
    "waveform": lambda s, t, y, lens: WaveformL1()(s, t, lens),
    "SI-SDR": lambda s, t, y, lens: SISDRLoss()(s, t, lens),
    "resolutions": lambda s, t, y, lens: MultiResolutionSTFT()(s, t, lens),
}
DEVICES = ["meta"] + ["cuda"] * torch.cuda.is_available()


class NoTransfers(TorchDispatchMode):
    """Raises where a value goes to the device, or comes back from it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        if name in ("_local_scalar_dense", "lift_fresh", "nonzero", "equal"):
            raise RuntimeError(f"{name} waits for the device")
        if name == "_to_copy" and kwargs.get("device", args[0].device) != (
            args[0].device
        ):
            raise RuntimeError("a copy between devices waits")
        return func(*args, **kwargs)


@contextmanager
def nothing_waits(device):
    """Raises if anything waits for the device. The device "meta" stands in
    for one that is not there: its tensors hold no values to wait for."""
    if device == "cuda":
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
    else:
        with NoTransfers():
            yield


def run(loss, device, with_lens):
    """Forward with details and backward of a loss or term."""
    student, teacher, clean = torch.rand(3, 2, 4000, device=device)
    lens = torch.rand(2, device=device) if with_lens else None
    student.requires_grad_()
    if isinstance(loss, dispatch_sb.losses.DistillationLoss):
        value, _ = loss(student, teacher, clean, lens, return_detail=True)
    elif isinstance(loss, torch.nn.Module):
        value = loss(student, teacher, clean)
    else:
        value = loss(student, teacher, clean, lens)
    value.backward()
    return student.grad


@pytest.mark.parametrize("where", DEVICES)
@pytest.mark.parametrize("with_lens", [False, True])
@pytest.mark.parametrize("name", [*LOSSES, *TERMS])
def test_nothing_waits_for_the_device(name, with_lens, where):
    loss = {**LOSSES, **TERMS}[name]
    with nothing_waits(where):
        gradient = run(loss, where, with_lens)
    assert gradient.shape == (2, 4000)
    assert gradient.device.type == where


@pytest.mark.parametrize("where", DEVICES)
@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0.5],
        lambda x: x.nonzero(),
        lambda x: bool(x.any()),
        lambda x: x + torch.ones(2).to(x.device),
        lambda x: x.cpu(),
    ],
)
def test_the_check_sees_what_waits(wait, where):
    with pytest.raises(RuntimeError):
        with nothing_waits(where):
            wait(torch.rand(2, 2, device=where))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_sources_hold_no_call_that_waits(path):
    waiting = {
        *("item", "tolist", "numpy", "cpu", "cuda", "nonzero", "argwhere"),
        *("masked_select", "unique", "bincount", "equal", "allclose"),
        *("synchronize", "repeat_interleave", "tensor", "as_tensor"),
    }
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert not waiting & {getattr(call, "attr", "") for call in calls}
    builtin = {getattr(call, "id", "") for call in calls}
    assert not builtin & {"bool", "int", "float"}


@pytest.mark.parametrize("name", [*LOSSES, *TERMS])
def test_full_precision_under_autocast(name):
    loss = {**LOSSES, **TERMS}[name]
    torch.manual_seed(0)
    model = torch.nn.Conv1d(1, 1, 5, padding=2)
    student, teacher, clean = signals()
    rest = () if "official" in name else (torch.tensor([1.0, 0.5, 0.8]),)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        student = model(student[:, None])[:, 0]
        assert student.dtype == torch.bfloat16
        value = loss(student, teacher, clean, *rest)
    assert value.dtype == torch.float32
    outside = loss(student.detach().float(), teacher, clean, *rest)
    assert torch.equal(value, outside)
    value.backward()
    assert model.weight.grad.isfinite().all() and model.weight.grad.any()
