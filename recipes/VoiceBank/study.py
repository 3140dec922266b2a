#!/usr/bin/env python3
"""Runs a study: methods times strengths times seeds, each a training of its
own, scored on test sets that chose nothing; and says what came out.

Examples
--------
Make the mixtures, record the teacher, and run every cell, two at a time:
    python study.py hparams/study.yaml
The same on a GPU, one at a time:
    python study.py hparams/study.yaml --device cuda --jobs 1
Only the training, many beside each other on one GPU; then what is left:
    python study.py train hparams/study.yaml --device cuda --jobs 12
    python study.py hparams/study.yaml
Where it stands, while it runs (--watch: again and again):
    python study.py status hparams/study.yaml
Tables, figures and RESULTS.md from the cells that are finished:
    python study.py results hparams/study.yaml
Only the mixtures and the recordings:
    python study.py prepare hparams/study.yaml
A study that was interrupted, in any way, goes on with the same command. Any
key of the file may be given anew: --corpus /data/mine --seeds '[1, 2]'

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import ruamel.yaml
from ruamel.yaml.error import YAMLError
from safetensors.torch import save_file

from dispatch_sb.data.files import atomic_path
from dispatch_sb.data.manifest import write_single_manifest
from dispatch_sb.data.mixing import write_mixtures
from dispatch_sb.runs.run import Run
from dispatch_sb.scoring import score_systems
from dispatch_sb.scoring.evaluation import evaluate_folders
from dispatch_sb.study.cells import (
    MAIN,
    VALIDATION,
    read_cells,
    validation_mean,
)
from dispatch_sb.study.queue import claimed, is_claimed, run_cells
from dispatch_sb.study.results import write_results
from dispatch_sb.study.study_plan import Cell, Plan
from dispatch_sb.training.recipe_files import load_recipe

HERE = Path(__file__).resolve().parent
NICE = 10


class Study:
    """A study's file and folders.

    Arguments
    ---------
    path : str
        The study's YAML file.
    overrides : dict
        Keys that replace those of the file.
    """

    def __init__(self, path: str, overrides: dict):
        self.path, self.overrides = path, overrides
        self.settings, _ = load_recipe(path, overrides)
        self.plan = Plan(self.settings)
        self.folder = Path(self.settings["folder"])
        self.published = Path(self.settings["published"])
        self.pool = Path(self.settings["pool"])
        self.recordings = self.pool / "teacher"
        self.references = self.published / "references.json"
        self.scores_cache = self.folder / "scores.jsonl"
        self._read: dict[str, dict] = {}

    @property
    def pairs(self) -> dict[str, dict[str, Path]]:
        """Clean and noisy folder of every part and test set."""
        parts = {
            name: {kind: self.pool / name / kind for kind in ("clean", "noisy")}
            for name in self.settings["parts"]
        }
        return {**parts, **self.settings["tests"]}

    @property
    def tests(self) -> list[str]:
        """Names of the sets that students are scored on."""
        return [name for name in self.pairs if name != "train"]

    def run_folder(self, cell: Cell) -> Path:
        """Where a cell trains."""
        return self.folder / cell.name

    def finished(self) -> dict[str, dict]:
        """What the finished cells left, by name. A finished cell of the sweep
        stands for that of the main part which would be the same run."""
        folder = self.published / "cells"
        if {path.stem for path in folder.glob("*.json")} != self._read.keys():
            self._read = {cell["cell"]: cell for cell in read_cells(folder)}
        finished = dict(self._read)
        for cell in self.plan.main(validation(finished)):
            if cell.twin in finished:
                own = {"cell": cell.name, "stage": MAIN, "hours": 0}
                finished[cell.name] = {**finished[cell.twin], **own}
        return finished

    def cells(self) -> list[Cell]:
        """All cells that are known by now, in the order of their runs."""
        return self.plan.cells(validation(self.finished()))

    def unfinished(self) -> list[Cell]:
        """Those of the cells that are still to be run."""
        finished = self.finished()
        return [cell for cell in self.cells() if cell.name not in finished]

    def untrained(self) -> list[Cell]:
        """Those of the cells that are still to be trained."""
        return [
            cell
            for cell in self.unfinished()
            if len(Run(self.run_folder(cell)).epochs)
            < cell.options["number_of_epochs"]
        ]


def validation(finished: dict[str, dict]) -> dict[str, float]:
    """What finished cells scored on validation speakers.

    Arguments
    ---------
    finished : dict
        Cells by name.

    Returns
    -------
    dict
        Mean PESQ by name.
    """
    return {name: validation_mean([cell]) for name, cell in finished.items()}


def prepare(study: Study, options: argparse.Namespace) -> None:
    """Writes the mixtures and their lists, and records the teacher.

    Arguments
    ---------
    study : Study
        What is there already is kept.
    options : argparse.Namespace
        ``jobs``: files that are recorded at a time.
    """
    snr_db = tuple(map(float, study.settings["mixing_snr_db"]))
    for name, part in study.settings["parts"].items():
        folder = study.pool / name
        speech, noise = folder / "speech.json", folder / "noise.json"
        write_single_manifest(part["speech"], speech, speakers=part["speakers"])
        write_single_manifest(part["noise"], noise)
        write_mixtures(
            speech,
            noise,
            *study.pairs[name].values(),
            snr_db=snr_db,
            seed=0,
            count=part["mixtures"],
            segment_seconds=part["seconds"],
        )
    for name, pair in study.pairs.items():
        record_teacher(study, Path(pair["noisy"]), name, options.jobs)
    if not study.references.is_file():
        write_json(study.references, score_references(study))


def record_teacher(study: Study, noisy: Path, name: str, jobs: int) -> None:
    """Runs the teacher over a folder, unless all of it is recorded.

    Arguments
    ---------
    study : Study
        Names the teacher, and holds the recordings.
    noisy : pathlib.Path
        Its input.
    name : str
        Of the part or test set.
    jobs : int
        Files at a time.
    """
    folder = study.recordings / name
    there = {path.stem for path in folder.glob("*.*")}
    if not all(path.stem in there for path in noisy.glob("*.wav")):
        words = [sys.executable, "-m", "dispatch_sb.cli", "record"]
        words += [study.settings["teacher_source"], str(noisy), str(folder)]
        subprocess.run([*words, "--workers", str(jobs)], check=True)


def score_references(study: Study) -> dict:
    """Scores noisy and teacher's speech, once for the whole study.

    Arguments
    ---------
    study : Study
        The study.

    Returns
    -------
    dict
        ``{"noisy" | "teacher": {set: {utterance: {metric: score}}}}``.
    """
    references = {"noisy": {}, "teacher": {}}
    for name in study.tests:
        pair = study.pairs[name]
        recorded = {p.stem: p for p in (study.recordings / name).iterdir()}
        items = [
            {
                "id": clean.stem,
                "clean": clean,
                "systems": {
                    "noisy": Path(pair["noisy"]) / clean.name,
                    "teacher": recorded[clean.stem],
                },
            }
            for clean in sorted(Path(pair["clean"]).glob("*.wav"))
        ]
        metrics = tuple(study.settings["metrics"])
        scores = score_systems(
            items, metrics=metrics, journal=study.scores_cache
        )
        for system, found in references.items():
            files = scores["files"].items()
            found[name] = {key: row[system] for key, row in files}
    return references


def run(study: Study, options: argparse.Namespace) -> int:
    """Runs all cells that are not finished.

    Arguments
    ---------
    study : Study
        The study.
    options : argparse.Namespace
        ``jobs``: cells at a time; ``device``: where they train.

    Returns
    -------
    int
        Exit status: 0 if every cell is finished.
    """
    words = [sys.executable, str(HERE / "study.py"), "cell", study.path]
    if shutil.which("nice"):
        words = ["nice", "-n", str(NICE), *words]
    more = [f"--{k}={json.dumps(v)}" for k, v in study.overrides.items()]
    more += ["--device", options.device]
    status = _run_each(
        study,
        study.unfinished,
        lambda cell: [*words, "--name", cell.name, *more],
        options,
    )
    print(table(study))
    return status


def train(study: Study, options: argparse.Namespace) -> int:
    """Trains all cells that are not trained, and scores none.

    Arguments
    ---------
    study : Study
        The study.
    options : argparse.Namespace
        As for `run`.

    Returns
    -------
    int
        Exit status: 0 if every cell is trained.
    """

    def command(cell):
        return [*train_command(study, cell, options.device), "--score", "False"]

    return _run_each(study, study.untrained, command, options)


def _run_each(study, left, command, options) -> int:
    """Prepares, and gives each cell's command; says which of them failed."""
    prepare(study, options)
    failed = run_cells(
        left,
        command,
        lambda cell: study.run_folder(cell) / "cell.log",
        options.jobs,
        lambda text: print(f"{time.strftime('%H:%M:%S')} {text}", flush=True),
    )
    if failed:
        print(f"Failed: {', '.join(failed)}; the same command tries again.")
    return 1 if failed else 0


def run_cell(study: Study, options: argparse.Namespace) -> int:
    """Trains one cell, scores it, and writes its result.

    Arguments
    ---------
    study : Study
        The study.
    options : argparse.Namespace
        ``name``: the cell's; ``device``: where it trains.

    Returns
    -------
    int
        Exit status.
    """
    name, device = options.name, options.device
    cell = next((c for c in study.cells() if c.name == name), None)
    if cell is None:
        raise ValueError(f"--name {name}: there is no such cell in the study.")
    with claimed(study.run_folder(cell)) as mine:
        if not mine:
            print(f"{name} is run by another process.")
            return 1
        subprocess.run(train_command(study, cell, device), check=True, cwd=HERE)
        result = gather(study, cell, device)
        weights = result.pop("weights")
        target = study.published / "students" / f"{name}.safetensors"
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as partial:
            save_file(weights, partial)
        write_json(study.published / "cells" / f"{name}.json", result)
    return 0


def train_command(study: Study, cell: Cell, device: str) -> list[str]:
    """The command line of a cell's training, as a person would give it.

    Arguments
    ---------
    study : Study
        The study.
    cell : Cell
        One of its cells.
    device : str
        Where it trains.

    Returns
    -------
    list of str
        Words.
    """
    pool, own = study.pool.resolve(), ("train", VALIDATION)
    test = next(name for name in study.settings["parts"] if name not in own)
    options = {
        "output_folder": str(study.run_folder(cell).resolve()),
        "data_folder": None,
        "train_pairs": str(pool / "train"),
        "valid_pairs": str(pool / VALIDATION),
        "test_pairs": str(pool / test),
        "metrics": list(study.settings["metrics"]),
        "scores_cache": str(study.scores_cache.resolve()),
        "workers": 1,
        "examples": 1,
    }
    method = study.plan.methods[cell.method]
    if method.get("live", False):
        options["teacher_source"] = study.settings["teacher_source"]
    elif method.get("distils", True):
        options["teacher_source"] = str(study.recordings.resolve())
    options |= cell.options
    words = [sys.executable, "train.py", f"hparams/{cell.recipe}"]
    for key, value in options.items():
        words += [f"--{key}", json.dumps(value).strip('"')]
    return [*words, "--device", device, "--noprogressbar"]


def gather(study: Study, cell: Cell, device: str) -> dict:
    """Scores a trained cell on all sets, and collects what it leaves.

    Arguments
    ---------
    study : Study
        The study.
    cell : Cell
        A cell whose training is finished.
    device : str
        Where its student runs.

    Returns
    -------
    dict
        What its result file holds; and ``weights``.
    """
    folder = study.run_folder(cell)
    run = Run.open(folder, trust_remote_code=True)  # of this very recipe
    scores = {}
    for name in study.tests:
        found = evaluate_folders(
            str(folder),
            study.pairs[name]["clean"],
            study.pairs[name]["noisy"],
            folder / "sets" / name,
            device=device,
            workers=1,
            metrics=tuple(study.settings["metrics"]),
            scores_cache=study.scores_cache,
        )
        scores[name] = {k: row["student"] for k, row in found["files"].items()}
    return {
        "cell": cell.name,
        **{x: getattr(cell, x) for x in ("stage", "method", "student", "seed")},
        study.plan.sweep_of(cell.method)["key"]: cell.strength,
        "options": dict(cell.options),
        "recipe": cell.recipe,
        "steps": run.epochs[-1]["step"],
        "best_epoch": run.best["epoch"],
        "validation_curve": [
            {"epoch": epoch["epoch"], **epoch["valid"]} for epoch in run.epochs
        ],
        "scores": scores,
        "hashes": run.hashes,
        "commit": commit(),
        "hours": sum(x.get("seconds", 0) for x in run.speeds) / 3600,
        "machine": ", ".join({x.get("machine", "unknown") for x in run.speeds}),
        "weights": run.student.state_dict(),
    }


def table(study: Study) -> str:
    """Where the study stands, a line for each cell.

    Arguments
    ---------
    study : Study
        The study.

    Returns
    -------
    str
        Text.
    """
    finished, cells = study.finished(), study.cells()
    epochs = study.settings["options"]["number_of_epochs"]
    lines = [f"{'cell':<44} {'state':<10} {'epochs':>7} {'PESQ (valid)':>13}"]
    for cell in cells:
        folder = study.run_folder(cell)
        state, count, pesq = "waiting", 0, ""
        if cell.name in finished:
            mean = validation_mean([finished[cell.name]])
            state, count, pesq = "finished", epochs, f"{mean:.3f}"
        elif folder.is_dir():
            state = "running" if is_claimed(folder) else state
            count = len(Run(folder).epochs)
        shown = f"{count}/{epochs}"
        lines.append(f"{cell.name:<44} {state:<10} {shown:>7} {pesq:>13}")
    count = sum(cell.name in finished for cell in cells)
    lines.append(f"{count} of {len(cells)} cells known so far are finished.")
    return "\n".join(lines)


def commit() -> str:
    """The commit of this code.

    Returns
    -------
    str
        Marked "dirty" if files differ from it.
    """
    words = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(words, cwd=HERE, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def write_json(path: Path, content: dict) -> None:
    """Writes a file whole or not at all.

    Arguments
    ---------
    path : pathlib.Path
        The file.
    content : dict
        Plain values.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as partial:
        text = json.dumps(content, indent=1, allow_nan=False)
        Path(partial).write_text(text + "\n", encoding="utf-8")


def results(study: Study, options: argparse.Namespace) -> None:
    """Writes what the finished cells say.

    Arguments
    ---------
    study : Study
        The study.
    options : argparse.Namespace
        Not used; there so that all actions are called alike.
    """
    references = {}
    if study.references.is_file():
        references = json.loads(study.references.read_text("utf-8"))
    written = write_results(
        list(study.finished().values()),
        study.settings,
        study.published,
        references,
        [cell.name for cell in study.cells()],
    )
    print("\n".join(str(path) for path in written))


def watch(study: Study, options: argparse.Namespace) -> None:
    """Prints where the study stands, again and again if asked to.

    Arguments
    ---------
    study : Study
        The study.
    options : argparse.Namespace
        ``watch``: seconds between two tables, or None.
    """
    print(table(study))
    while options.watch is not None:
        time.sleep(options.watch)
        print(f"\033[2J\033[H{table(study)}")


ACTIONS = {
    "run": run,
    "train": train,
    "prepare": prepare,
    "status": watch,
    "results": results,
    "cell": run_cell,
}


def parser() -> argparse.ArgumentParser:
    """The command line, but for the keys of the study's file.

    Returns
    -------
    argparse.ArgumentParser
        See the examples of this file.
    """
    made = argparse.ArgumentParser(
        description=__doc__.split("Authors")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("action", choices=ACTIONS, nargs="?", default="run")
    made.add_argument("study", help="the study's YAML file")
    made.add_argument("--jobs", type=int, default=2, help="cells at a time")
    made.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    made.add_argument(
        "--watch", type=float, metavar="SECONDS", help="status, repeatedly"
    )
    made.add_argument("--name", help="of one cell (cell)")
    return made


def parse_overrides(words: list[str]) -> dict:
    """Keys of the study's file that are given anew.

    Arguments
    ---------
    words : list of str
        ``--key value`` pairs, or ``--key=value``.

    Returns
    -------
    dict
        Values as YAML reads them.

    Raises
    ------
    ValueError
        If the words are no such pairs, or a value is not YAML.
    """
    words = [part for word in words for part in word.split("=", 1)]
    names, values = words[::2], words[1::2]
    wrong = [name for name in names if not name.startswith("--")]
    if wrong or len(names) != len(values):
        raise ValueError(f"{' '.join(words)}: options are --key VALUE.")
    yaml = ruamel.yaml.YAML(typ="safe")
    try:
        return {n[2:]: yaml.load(v) for n, v in zip(names, values)}
    except YAMLError as error:
        said = " ".join(str(error).split())
        raise ValueError(f"{' '.join(words)} is not YAML: {said}") from error


def main(words: list[str]) -> int:
    """Runs the command line.

    Arguments
    ---------
    words : list of str
        Those after the program's name.

    Returns
    -------
    int
        Exit status.
    """
    if words and words[0] not in ACTIONS and words[0].endswith(".yaml"):
        words = ["run", *words]
    options, rest = parser().parse_known_args(words)
    try:
        if options.jobs < 1:
            raise ValueError(f"--jobs is {options.jobs}: give 1 or more.")
        study = Study(options.study, parse_overrides(rest))
        return ACTIONS[options.action](study, options) or 0
    except (ValueError, OSError) as error:
        print(f"study.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
