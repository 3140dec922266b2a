"""What a full disk costs: commands write into a small file system in memory
(tmpfs; root alone can mount one), of less and less room than they need.

    python benchmarks/full_disks.py
    python benchmarks/full_disks.py --commands record train --shares 0.5 0.9

Each has to end with one sentence about the disk, without a traceback or a half
of a file; and, given again once there is room, as one that was never disturbed:
its audio, shards, manifests, scores and training log are compared.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

import programs  # noqa: E402
import torch  # noqa: E402
from tiny_corpus import write_tiny_corpus  # noqa: E402

from dispatch_sb.data import read_audio, sha256_of  # noqa: E402
from dispatch_sb.models import FastEnhancer  # noqa: E402
from dispatch_sb.pretrained import save  # noqa: E402
from dispatch_sb.runs.run import Run  # noqa: E402

ROOM = 100_000  # KiB, for all that a command writes
SAYS = ("disk is full", "are free:")


def commands(base: Path, out: Path) -> dict[str, list]:
    """Command lines that write below a folder, by name."""
    corpus, teacher = base / "corpus", base / "teacher"
    clean, noisy = base / "pairs" / "clean", base / "pairs" / "noisy"
    told = ["--data_folder", corpus, "--valid_speakers", "[p287]"]
    told += ["--metrics", "[si_sdr]", "--teacher_source", teacher]
    told += ["--prepared_folder", base, "--number_of_epochs", 2]
    scored = ["--clean", clean, "--noisy", noisy, "--metrics", "si_sdr"]
    enhance = ["dispatch-sb", "enhance", noisy, out, "--model", teacher]
    model = [base / "run", out, "--card", base / "card.yaml"]
    return {
        "mix": ["dispatch-sb", "mix", clean, noisy, out, "--hours", "0.02"],
        "record": ["dispatch-sb", "record", teacher, noisy, out],
        "shard": ["dispatch-sb", "shard", noisy.parent, "--output", out],
        "enhance": enhance,
        "enhance flac": [*enhance, "--format", "flac", "--workers", 2],
        "evaluate": ["dispatch-sb", "evaluate", teacher, *scored]
        + ["--output", out],
        "train": programs.training("dispatch", out, *told),
        "export": ["dispatch-sb", "export", *model],
    }


def write_inputs(base: Path) -> None:
    """A corpus, a teacher's folder, and a run to export."""
    corpus = write_tiny_corpus(base / "corpus")
    (base / "pairs").mkdir()
    for kind in ("clean", "noisy"):
        place = corpus / f"{kind}_trainset_28spk_wav_16k"
        (base / "pairs" / kind).symlink_to(place)
    torch.manual_seed(1)
    save(FastEnhancer(channels=8), base / "teacher", card="# A teacher\n")
    (base / "card.yaml").write_text("data: [{name: a, licence: CC0}]\n")
    words = commands(base, base / "run")["train"]
    assert programs.finish([*map(str, words)], programs.RECIPE).returncode == 0


@contextlib.contextmanager
def disk(place: Path, kib: int):
    """A file system of so many KiB."""
    words = ["-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)]
    subprocess.run(["mount", *words], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def left(out: Path) -> dict:
    """What a command has made, less times and what names them."""
    found = {}
    for path in out.rglob("*"):
        name = path.relative_to(out).as_posix()
        if path.suffix in (".flac", ".wav"):
            found[name] = read_audio(path, None).tobytes()
        elif path.suffix in (".tar", ".safetensors"):
            found[name] = sha256_of(path)
        elif name == "recording.json":
            found[name] = json.loads(path.read_text())["files"]
    run = Run(out)
    return {**found, "epochs": run.epochs, "scores": run.files}


def used(place: Path) -> int:
    """KiB that files take."""
    return sum(p.stat().st_blocks for p in place.rglob("*")) // 2


def wrong(words: list, place: Path, kib: int, whole: dict) -> str | None:
    """What was wrong on a disk of so many KiB; None if the command fits."""
    with disk(place, kib):
        done = programs.finish(words, programs.RECIPE)
        if done.returncode == 0:
            return None
        printed = done.stdout + done.stderr
        said = [x for x in printed.splitlines() if any(y in x for y in SAYS)]
        print(f"    {kib} KiB: {said[-1] if said else printed[-500:]}")
        found = [f"{len(said)} sentences"] * (len(said) != 1)
        found += [x for x in ("Traceback", "Logging error") if x in printed]
        found += [p.name for p in place.rglob("*.partial")]
        saving = [p.name for p in place.glob("*/save/.saving/*")]
        room = ["mount", "-o", f"remount,size={ROOM}k", str(place)]
        subprocess.run(room, check=True)
        again = programs.finish(words, programs.RECIPE)
        if again.returncode or left(place / "out") != whole:
            found += ["another end", again.stderr[-500:]]
    return ", ".join(found + saving)


def main() -> int:
    """Fills disks; 1 if anything was wrong."""
    names = list(commands(Path(), Path()))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--commands", nargs="+", choices=names, default=names)
    parser.add_argument(
        "--shares",
        nargs="+",
        type=float,
        default=[0.02, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97],
        help="room, as shares of what a command needs",
    )
    asked = parser.parse_args()
    tried, problems = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        base, place = Path(folder), Path(folder, "disk")
        place.mkdir()
        write_inputs(base)
        for name in asked.commands:
            words = [str(x) for x in commands(base, place / "out")[name]]
            with disk(place, ROOM):
                assert programs.finish(words, programs.RECIPE).returncode == 0
                whole, needs = left(place / "out"), used(place)
            print(f"{name}: needs {needs} KiB", flush=True)
            for share in asked.shares:
                found = wrong(words, place, max(int(share * needs), 80), whole)
                tried += found is not None
                problems += bool(found)
                print(
                    f"  {share}: {'fits' if found is None else found or 'good'}"
                )
                sys.stdout.flush()
    print(f"{tried} full disks, {problems} with a problem")
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main())
