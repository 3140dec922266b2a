#!/usr/bin/env python3
"""Distils a big model into a small one, in PyTorch without any framework.

What dispatch-sb adds to an ordinary training script stands between the lines
`# >>> dispatch-sb` and `# <<< dispatch-sb`. Without them the script still
runs: it is then the training that the student would have had alone.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

# >>> dispatch-sb
from dispatch_sb.losses import DFKD, DistillationLoss, TopGap
from dispatch_sb.pretrained import load_teacher

# <<< dispatch-sb

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "VoiceBank"
RATE = 16000  # Hz
N_FFT, HOP = 512, 256  # samples: 32 ms and 16 ms
EXAMPLES = """examples:
  The mini corpus, two minutes on a CPU:
    python examples/plain_pytorch.py
  Without a teacher, to compare:
    python examples/plain_pytorch.py --weight 0
  Your own pairs of files, of equal names, 16 kHz and mono:
    python examples/plain_pytorch.py --clean /data/clean --noisy /data/noisy
"""


class MaskStudent(nn.Module):
    """A recurrent network that says how much of every bin is speech.

    Any module that maps noisy waveforms `[batch, samples]` to enhanced ones
    can stand in its place.

    Example
    -------
    >>> MaskStudent()(torch.zeros(2, 16000)).shape
    torch.Size([2, 16000])
    """

    def __init__(self, width: int = 48):
        super().__init__()
        bins = N_FFT // 2 + 1
        self.narrow = nn.Linear(bins, width)
        self.memory = nn.GRU(width, width, batch_first=True)
        self.mask = nn.Linear(width, bins)

    def forward(self, noisy: torch.Tensor) -> torch.Tensor:
        """Waveforms `[batch, samples]` in and out."""
        noisy_bins = spectrum(noisy)  # [batch, bins, frames]
        features = noisy_bins.abs().add(1e-4).log().transpose(1, 2)
        hidden, _ = self.memory(self.narrow(features).relu())
        mask = self.mask(hidden).sigmoid().transpose(1, 2)
        window = torch.hann_window(N_FFT, device=noisy.device)
        return torch.istft(
            mask * noisy_bins, N_FFT, HOP, window=window, length=noisy.shape[1]
        )


def spectrum(signal: torch.Tensor) -> torch.Tensor:
    """`[batch, samples]` -> complex `[batch, bins, frames]`."""
    window = torch.hann_window(N_FFT, device=signal.device)
    return torch.stft(signal, N_FFT, HOP, window=window, return_complex=True)


def supervised(enhanced: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """The loss of the student alone: distance of the compressed magnitudes,
    and of the samples, both `[batch, samples]` -> scalar."""
    first, second = (
        spectrum(signal).abs().add(1e-4).pow(0.3)
        for signal in (enhanced, clean)
    )
    return F.mse_loss(first, second) + F.l1_loss(enhanced, clean)


def si_sdr(enhanced: torch.Tensor, clean: torch.Tensor) -> float:
    """Scale-invariant signal-to-distortion ratio of `[samples]` in dB (Le Roux
    et al., 2019)."""
    enhanced, clean = enhanced - enhanced.mean(), clean - clean.mean()
    wanted = clean * (enhanced @ clean) / (clean @ clean)
    error = enhanced - wanted
    return 10 * float(torch.log10((wanted @ wanted) / (error @ error)))


class Segments(Dataset):
    """Random segments of pairs; shorter files are repeated to fill one."""

    def __init__(self, pairs: list, seconds: float, seed: int):
        self.pairs = pairs
        self.samples = int(seconds * RATE)
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        pair = [read(path) for path in self.pairs[index]]
        start = self.rng.integers(max(len(pair[0]) - self.samples, 0) + 1)
        parts = [signal[start : start + self.samples] for signal in pair]
        return [np.resize(part, self.samples) for part in parts]


def read(path: Path) -> np.ndarray:
    """The samples of a file, `[samples]` float32; ValueError if it is not of
    one channel at 16 kHz."""
    signal, rate = soundfile.read(path, dtype="float32")
    if rate != RATE or signal.ndim != 1:
        raise ValueError(f"{path} is not mono at {RATE} Hz: convert it.")
    return signal


def find_pairs(noisy: Path, clean: Path, held_out: str | None) -> tuple:
    """Pairs to train with and pairs to validate with: files whose names begin
    with `held_out`, or else the last tenth by name."""
    names = sorted(listed(noisy) & listed(clean))
    valid = names[-max(len(names) // 10, 1) :]
    if held_out:
        valid = [name for name in names if name.startswith(held_out)]
    train = [name for name in names if name not in valid]
    if not (train and valid):
        raise ValueError(
            f"{noisy} and {clean} hold {len(train)} pairs of equal names to "
            f"train and {len(valid)} to validate with: both are needed."
        )
    return tuple([(noisy / n, clean / n) for n in x] for x in (train, valid))


def listed(folder: Path) -> set[str]:
    """Names of the files in a folder, less hidden ones."""
    return {path.name for path in folder.glob("[!.]*") if path.is_file()}


@torch.no_grad()
def validate(student: nn.Module, pairs: list, device: str) -> tuple:
    """Mean loss, and mean SI-SDR of enhanced and of noisy speech in dB."""
    student.eval()
    rows = []
    for pair in pairs:
        noisy, clean = (torch.from_numpy(read(x)).to(device) for x in pair)
        enhanced = student(noisy[None])
        loss = float(supervised(enhanced, clean[None]))
        rows.append((loss, si_sdr(enhanced[0], clean), si_sdr(noisy, clean)))
    return tuple(np.mean(rows, axis=0))


def train(student: nn.Module, pairs: list, options) -> list[float]:
    """Trains the student; mean loss of every epoch, distillation included."""
    # >>> dispatch-sb
    teacher = load_teacher(options.teacher, device=options.device)
    distillation = DistillationLoss(
        host=DFKD(patch_bins=(10, 40)), selection=TopGap(0.8)
    )
    # <<< dispatch-sb
    optimizer = torch.optim.AdamW(student.parameters(), lr=options.lr)
    loader = DataLoader(
        Segments(pairs, options.seconds, options.seed),
        batch_size=options.batch,
        shuffle=True,
        generator=torch.Generator().manual_seed(options.seed),
    )
    history = []
    for epoch in range(1, options.epochs + 1):
        student.train()
        total = torch.zeros((), device=options.device)
        for batch in tqdm(loader, desc=f"epoch {epoch}"):
            noisy, clean = (signal.to(options.device) for signal in batch)
            enhanced = student(noisy)
            loss = supervised(enhanced, clean)
            # >>> dispatch-sb
            if options.weight > 0:
                taught = distillation(enhanced, teacher(noisy), clean)
                loss = loss + options.weight * taught
            # <<< dispatch-sb
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), 5.0)
            optimizer.step()
            total += loss.detach()
        history.append(float(total) / len(loader))
    return history


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--clean", type=Path, help="folder of clean files (16 kHz, mono)")
    add("--noisy", type=Path, help="folder of noisy files of the same names")
    add("--held-out", help="what names of validation files begin with")
    teacher = str(RECIPE / "pretrained" / "fastenhancer-b-16k")
    add("--teacher", default=teacher, help="a folder or a hub id")
    add("--weight", type=float, default=0.5, help="of the distillation loss")
    add("--epochs", type=int, default=2, help="how often each file is used")
    add("--batch", type=int, default=8, help="segments in a batch")
    add("--seconds", type=float, default=2.0, help="length of a segment")
    add("--lr", type=float, default=2e-3, help="learning rate")
    add("--seed", type=int, default=1986, help="decides everything random")
    add("--device", default="cpu", help="such as cuda")
    add("--valid-files", type=int, default=24, help="how many, at most")
    add("--output", type=Path, help="where to keep the student's weights")
    return made


def mini_corpus() -> tuple:
    """Noisy and clean folder of the mini corpus, made if it is not there, and
    the speaker to hold out."""
    sys.path.insert(0, str(RECIPE))
    from mini_voicebank import CLEAN, NOISY, prepare_mini

    folder = prepare_mini(RECIPE / "data" / "mini_voicebank")
    return folder / NOISY["train"], folder / CLEAN["train"], "carlo_"


def main() -> None:
    """Trains, and says what that brought."""
    options = parser().parse_args()
    if (options.clean is None) != (options.noisy is None):
        parser().error("--clean and --noisy belong together: give both.")
    try:
        folders = (options.noisy, options.clean, None)
        noisy, clean, held_out = folders if options.clean else mini_corpus()
        pairs, valid = find_pairs(noisy, clean, options.held_out or held_out)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    valid = valid[: options.valid_files]
    torch.manual_seed(options.seed)
    student = MaskStudent().to(options.device)
    size = sum(p.numel() for p in student.parameters())
    print(f"{len(pairs)} pairs to train with, {len(valid)} to validate with.")
    print(f"The student has {size:,} parameters.")
    first_loss, first_db, noisy_db = validate(student, valid, options.device)
    history = train(student, pairs, options)
    last_loss, last_db, _ = validate(student, valid, options.device)
    print("Training loss:", " -> ".join(f"{loss:.4f}" for loss in history))
    print(f"Validation loss: {first_loss:.4f} -> {last_loss:.4f}")
    print(f"Validation SI-SDR: {first_db:.2f} -> {last_db:.2f} dB", end="")
    print(f" (noisy: {noisy_db:.2f} dB)")
    if options.output:
        torch.save(student.state_dict(), options.output)


if __name__ == "__main__":
    main()
