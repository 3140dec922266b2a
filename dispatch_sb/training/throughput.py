"""How fast an epoch of training was, and what kept it from being faster.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import platform
import sys
import time
from collections.abc import Mapping

import torch
from speechbrain.dataio.batch import PaddedData

# Shares of the time: to wait less for data, or for the device, is no remedy
# below them.
DATA_BOUNDS, DEVICE_BOUNDS = 0.25, 0.1
SECONDS_BETWEEN_LOOKS = 1.0  # at the GPU's utilisation


class EpochClock:
    """Measures an epoch on the host, without making it wait for the device.

    The time is split in three: waiting for the next batch; waiting for the
    device, at the end of a step, where SpeechBrain reads the loss; and the
    rest, in which the host does its own part, on a CPU all of the step.

    Arguments
    ---------
    device : str or torch.device
        Where training takes place.
    sample_rate : int
        Of the audio, in Hz.
    processes : int
        How many train at once, with batches of one size.

    Example
    -------
    >>> clock = EpochClock("cpu")
    >>> signal = PaddedData(torch.zeros(2, 16000), torch.ones(2))
    >>> for _ in range(3):
    ...     clock.arrived(signal)
    ...     clock.queued()
    ...     clock.stepped()
    >>> found = clock.summary()
    >>> round(found["hours_per_minute"] * found["seconds"] * 60)
    6
    """

    def __init__(
        self,
        device: str | torch.device,
        sample_rate: int = 16000,
        processes: int = 1,
    ):
        self.device = torch.device(device)
        self.sample_rate = sample_rate
        self.processes = processes
        self.samples: float | torch.Tensor = 0.0
        self.data = self.device_wait = 0.0
        self.busy: list[float] = []
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self.cpu = time.process_time()
        self.begin = self.last = self.looked = time.perf_counter()

    def arrived(self, signal: PaddedData) -> None:
        """A batch has been fetched.

        Arguments
        ---------
        signal : PaddedData
            Its waveforms and their relative lengths.
        """
        self.data += time.perf_counter() - self.last
        self.samples += signal.lengths.sum() * signal.data.shape[1]

    def queued(self) -> None:
        """The host has done its part of a step; until `stepped` it waits."""
        self.last = time.perf_counter()

    def stepped(self) -> None:
        """A step is done."""
        now = time.perf_counter()
        self.device_wait += now - self.last
        self.last = now
        if now - self.looked > SECONDS_BETWEEN_LOOKS:
            self.looked = now
            self.busy += utilisation(self.device)

    def summary(self) -> dict:
        """What was found, at the end of the epoch.

        Returns
        -------
        dict
            ``seconds``; ``hours_per_minute``, audio of all processes;
            ``data``, ``compute`` and ``host``, shares of the time;
            ``bounded_by``, one of these; ``peak_gib``, allocated on the GPU,
            or taken by the process so far; ``machine``, in words; ``cpus``,
            how many the process kept busy; ``gpu``, the share of the time in
            which the GPU did anything, where it is known.
        """
        seconds = time.perf_counter() - self.begin
        shares = {"data": self.data / seconds}
        if self.device.type == "cuda":
            shares["compute"] = self.device_wait / seconds
            shares["host"] = 1 - sum(shares.values())
        else:
            shares["compute"] = 1 - shares["data"]
        audio = float(self.samples) * self.processes / self.sample_rate
        found = {
            "seconds": seconds,
            "hours_per_minute": audio / 60 / seconds,
            **shares,
            "bounded_by": bound(shares),
            "machine": machine(self.device),
            "cpus": (time.process_time() - self.cpu) / seconds,
        }
        peak = peak_bytes(self.device)
        if peak is not None:
            found["peak_gib"] = peak / 2**30
        if self.busy:
            found["gpu"] = sum(self.busy) / len(self.busy)
        return found


def machine(device: torch.device) -> str:
    """What trains.

    Arguments
    ---------
    device : torch.device
        Any device.

    Returns
    -------
    str
        A few words.

    Example
    -------
    >>> machine(torch.device("cpu")).endswith(", cpu")
    True
    """
    kind = str(device)
    if device.type == "cuda":
        kind = torch.cuda.get_device_name(device)
    return f"{platform.machine()}, {os.cpu_count()} CPUs, {kind}"


def bound(shares: Mapping[str, float]) -> str:
    """What an epoch was bounded by.

    Arguments
    ---------
    shares : mapping
        Of the time: "data", "compute" and, on a GPU, "host".

    Returns
    -------
    str
        "data", if a quarter of the time was spent on waiting for it. Else on a
        GPU "compute", if the host waited for a tenth of the rest, since the
        GPU was then never idle for long, and "host" if not.

    Example
    -------
    >>> bound({"data": 0.1, "compute": 0.2, "host": 0.7})
    'compute'
    """
    if shares["data"] >= DATA_BOUNDS:
        return "data"
    waits = shares["compute"] >= DEVICE_BOUNDS * (1 - shares["data"])
    return "compute" if waits else "host"


def sentence(epoch: int, speed: Mapping) -> str:
    """The line at the end of an epoch.

    Arguments
    ---------
    epoch : int
        Its number.
    speed : mapping
        From `EpochClock.summary`.

    Returns
    -------
    str

    Example
    -------
    >>> speed = {"seconds": 60.0, "hours_per_minute": 2.0, "data": 0.1}
    >>> speed |= {"compute": 0.9, "bounded_by": "compute", "cpus": 1.0}
    >>> sentence(3, speed)
    'Epoch 3: 60.0 s of training, 2.00 hours of audio per minute, bounded by
    compute (data 10 %, compute 90 %); 1.0 CPUs busy'
    """
    parts = ", ".join(
        f"{name} {100 * speed[name]:.0f} %"
        for name in ("data", "compute", "host")
        if name in speed
    )
    told = (
        f"Epoch {epoch}: {speed['seconds']:.1f} s of training, "
        f"{speed['hours_per_minute']:.2f} hours of audio per minute, bounded "
        f"by {speed['bounded_by']} ({parts}); {speed['cpus']:.1f} CPUs busy"
    )
    if "gpu" in speed:
        told += f", GPU busy {100 * speed['gpu']:.0f} % of the time"
    if "peak_gib" in speed:
        told += f", at most {speed['peak_gib']:.2f} GiB of memory"
    return told


def utilisation(device: torch.device) -> list[float]:
    """Share of the last moment in which a GPU did anything.

    Arguments
    ---------
    device : torch.device
        Any device.

    Returns
    -------
    list of float
        One number from 0 to 1; none where it cannot be asked for: on a CPU,
        without nvidia-ml-py, or on a part of a GPU.

    Example
    -------
    >>> utilisation(torch.device("cpu"))
    []
    """
    if device.type != "cuda":
        return []
    try:
        from pynvml import NVMLError
    except ImportError:
        return []
    try:
        return [torch.cuda.utilization(device) / 100]
    except (NVMLError, RuntimeError):
        return []


def peak_bytes(device: torch.device) -> int | None:
    """The most memory that was taken.

    Arguments
    ---------
    device : torch.device
        A GPU: allocated there by torch since the statistics were reset. A CPU:
        resident in this process since it began.

    Returns
    -------
    int or None
        Bytes; None where the system does not tell.

    Example
    -------
    >>> peak_bytes(torch.device("cpu")) is None or "a number"
    'a number'
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
