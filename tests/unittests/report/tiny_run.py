"""A small finished run: three test files, scores, a training log.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dispatch_sb.data import located_manifest, write_audio
from dispatch_sb.scoring import summarise

RATE = 16000
SECONDS = 0.6
NOISE = {
    **{"data/clean": 0, "data/noisy": 1},
    **{"run/enhanced/student": 0.5, "run/enhanced/teacher": 0.2},
}
PESQ = {"a": (1.5, 2.5, 3.0), "b": (1.2, 1.1, 2.0), "c": (1.4, 1.9, 2.5)}


def voiced(seconds: float, pitch: float) -> np.ndarray:
    """Harmonics that come and go, as vowels do."""
    time = np.arange(int(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 20))
    return (0.1 * tones * np.sin(np.pi * time / seconds) ** 2).astype("float32")


def make_run(
    folder: Path,
    names: dict | None = None,
    seconds: float = SECONDS,
    metrics: tuple = ("pesq",),
) -> Path:
    """Writes a run's folder, all but the training log, and returns it; the
    test files lie beside it, in ``data``."""
    generator = np.random.default_rng(0)
    files, manifest = {}, {}
    for place, (name, pesq) in enumerate((names or PESQ).items()):
        clean = voiced(seconds, 120 + 30 * place)
        noise = 0.05 * generator.standard_normal(len(clean))
        for kind, share in NOISE.items():
            path = folder / kind / f"{name}.wav"
            write_audio(path, clean + share * noise)
        manifest[name] = {
            **{"length": seconds, "speaker": "s"},
            "clean_wav": f"{{data_root}}/clean/{name}.wav",
            "noisy_wav": f"{{data_root}}/noisy/{name}.wav",
        }
        files[name] = {
            system: dict.fromkeys(metrics, value)
            for system, value in zip(("noisy", "student", "teacher"), pesq)
        }
    scores = summarise(files, metrics)
    scores.update(method="DFKD with MSSP", seed=1234, versions={"torch": "2"})
    run = folder / "run"
    (run / "manifests").mkdir()
    (run / "manifests" / "test.json").write_text(json.dumps(manifest))
    (run / "scores.json").write_text(json.dumps(scores))
    (run / "hyperparams.yaml").write_text("seed: 1234\n")
    return run


def files_of(run: Path) -> dict:
    """The run's test files, as `build_report` takes them."""
    return located_manifest(
        run.parent / "run" / "manifests" / "test.json", run.parent / "data"
    )


def write_log(run: Path) -> None:
    """Adds a training log of three epochs to a run."""
    log = "".join(json.dumps(epoch(n)) + "\n" for n in (1, 2, 3))
    (run / "training.jsonl").write_text(log)


def epoch(number: int) -> dict:
    """A line of training.jsonl."""
    train = {"loss": 1 / number, "supervised": 0.5 / number}
    train |= {"distillation": 0.1, "selected_share_low": 0.8}
    train |= {"selected_share_high": 0.79, "mean_gap_low": 0.1 / number}
    valid = {"loss": 1.1 / number}
    if number % 2:
        valid |= {"pesq": 1.5 + 0.1 * number, "si_sdr": 7.0}
    return {"epoch": number, "step": 9 * number, "train": train, "valid": valid}


@contextmanager
def change_scores(run: Path):
    """What scores.json holds, to be changed."""
    path = run / "scores.json"
    scores = json.loads(path.read_text())
    yield scores
    path.write_text(json.dumps(scores))
