"""Whatever makes the host wait for the device raises an error. A device that
is not there is stood in for by the CPU, or by "meta", whose tensors hold no
values to wait for.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
WAITING = {
    aten._local_scalar_dense,
    aten.nonzero,
    aten.masked_select,
    aten.equal,
    aten.unique_dim,
    aten._unique2,
}


class Watching(TorchDispatchMode):
    """Refuses what waits for a GPU: values read, shapes that depend on them,
    copies from and to it."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs, kind = kwargs or {}, function.overloadpacket
        waits = kind in WAITING
        if kind in (aten.index, aten.index_put_):
            waits = any(
                t is not None and t.dtype == torch.bool for t in args[1]
            )
        if kind is aten._to_copy:
            waits = kwargs.get("device", args[0].device) != args[0].device
        if waits:
            raise RuntimeError(f"{function} waits for the device")
        return function(*args, **kwargs)


@contextlib.contextmanager
def watched(device):
    """Nothing within may wait."""
    if device != "cuda":
        with Watching():
            yield
        return
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")
