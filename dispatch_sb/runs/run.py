"""A run's folder: what was trained, how it went, what it scored. Nothing else
reads these files; sound, pages and checkpoints are written where they are made.

Authors
 * The dispatch-sb contributors, 2026
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from dispatch_sb.data import located_manifest, manifest_hash
from dispatch_sb.data.files import atomic_path
from dispatch_sb.data.value_checks import parse_json, read_json
from dispatch_sb.models.interface import load_weights, state_hash
from dispatch_sb.runs.checkpoint_seal import damaged
from dispatch_sb.runs.run_checks import (
    EPOCH,
    RECORD,
    SYSTEMS,
    TEACHER,
    check_scores,
)
from dispatch_sb.runs.settings import Settings, in_words

PARTS = ("train", "valid", "test")
# The key of an epoch under which stands what no two trainings share.
SPEED = "speed"
# Keys of a recipe that stay while a training goes on.
LASTING = "method seed lr student enhancement_loss distillation_loss".split()
LASTING += ["distillation_weight", "distillation_share"]
# Keys of scores.json that hold scores; all others describe the run.
TABLES = (*SYSTEMS, "files", "flavours", "differences", "wer_settings")


@dataclass(frozen=True)
class Run:
    """The ``output_folder`` of a training; what it reads, it reads once.

    Scores and training log are read patiently: a part that is absent or
    damaged is empty, and a sentence in `missing`.

    Arguments
    ---------
    folder : pathlib.Path
        The folder; use `Run.open`, which says what is wrong with it.
    trust_remote_code : bool
        Whether student and loss may be built of any code that the recipe
        names, not of ours, SpeechBrain's and torch's networks alone.

    Example
    -------
    >>> Run.open("no/such/run")
    Traceback (most recent call last):
    ...
    FileNotFoundError: no/such/run is no run: ...
    >>> run = Run(getfixture("tmp_path"))
    >>> len(run.missing), run.systems, run.epochs
    (3, [], [])
    """

    folder: Path
    trust_remote_code: bool = False

    @classmethod
    def open(
        cls, folder: str | os.PathLike, trust_remote_code: bool = False
    ) -> Run:
        """Opens a run, finished or not.

        Arguments
        ---------
        folder : str or path
            The ``output_folder`` of a training.
        trust_remote_code : bool
            See `Run`.

        Returns
        -------
        Run

        Raises
        ------
        FileNotFoundError
            If it holds no recipe.
        """
        run = cls(Path(folder), trust_remote_code)
        if not run.recipe.is_file():
            raise FileNotFoundError(
                f"{folder} is no run: it has no {run.recipe.name}. Give the "
                "output_folder of a training."
            )
        return run

    @cached_property
    def record(self) -> dict[str, Any]:
        """What ``run.json`` holds, see `note`; empty in a run that was made
        before there was such a file."""
        path = self.folder / "run.json"
        remedy = "give the training's command again with --test_only, and it "
        remedy += "is written anew."
        return read_json(path, RECORD, remedy) if path.is_file() else {}

    def note(self, **facts: Any) -> None:
        """Writes into ``run.json``, whole or not at all; what stands there
        under other names stays.

        Arguments
        ---------
        **facts : JSON-able
            ``method``, ``seed``, ``date``, ``versions``; ``command``, and the
            ``directory`` where it was given.
            ``corpus``: ``root``, ``name`` (None where only a person knows),
            ``test_set``, ``data`` (a list of ``folder``, ``use``, ``name``,
            ``licence`` and ``url``; without a licence where only a person
            knows it), ``credit`` (whose the test files are: a text, or one
            for each).
            ``teacher``: see `dispatch_sb.runs.provenance.identify_teacher`,
            with its ``licence`` if its card tells it; a list of several; or
            None.
            ``manifests``: ``path`` and ``sha256`` of each part.

        Example
        -------
        >>> run = Run(getfixture("tmp_path"))
        >>> run.note(method="dispatch", seed=1)
        >>> run.note(seed=2)
        >>> Run(run.folder).record
        {'method': 'dispatch', 'seed': 2}
        """
        try:
            noted = {**self.record, **facts}
        except ValueError:
            noted = facts
        text = json.dumps(noted, indent=2, ensure_ascii=False)
        self._write("run.json", text + "\n")

    def _write(self, name: str, text: str) -> None:
        """Writes a file, whole or not at all; what was read is forgotten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
        for read in ("record", "settings", "_log", "_scored"):
            vars(self).pop(read, None)

    @property
    def recipe(self) -> Path:
        """The file that holds the recipe, resolved."""
        return self.folder / "hyperparams.yaml"

    @property
    def log(self) -> Path:
        """The file that receives a line at the end of every epoch."""
        return self.folder / "training.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The folder of what training keeps of the student."""
        return self.folder / "save"

    @cached_property
    def settings(self) -> Settings:
        """The recipe, not executed; empty if there is none."""
        if not self.recipe.is_file():
            return Settings("")
        return Settings(self.recipe.read_text("utf-8", "replace"))

    def write_settings(self, text: str) -> None:
        """Writes the recipe.

        Arguments
        ---------
        text : str
            YAML, resolved: what is written is what was run.

        Raises
        ------
        ValueError
            If there are checkpoints of something else.

        Example
        -------
        >>> run = Run(getfixture("tmp_path"))
        >>> run.write_settings("seed: 1")
        >>> (run.checkpoints / "CKPT+1").mkdir(parents=True)
        >>> run.write_settings("seed: 2")
        Traceback (most recent call last):
        ...
        ValueError: ... holds a training whose seed is 1, and not 2: ...
        """
        before, now = {}, Settings(text).tree
        if any(self.checkpoints.glob("CKPT*")):
            with contextlib.suppress(ValueError):  # damaged, and written anew
                before = self.settings.tree
        for key in (key for key in LASTING if key in before and key in now):
            was, is_now = in_words(before[key]), in_words(now[key])
            if was != is_now:
                raise ValueError(
                    f"{self.folder} holds a training whose {key} is {was}, and "
                    f"not {is_now}: give another --output_folder, or delete it."
                )
        self._write(self.recipe.name, text)

    def write_epoch(self, epoch: Mapping[str, Any]) -> None:
        """Adds an epoch to the log, in place of an earlier attempt at it and
        of those that followed.

        Arguments
        ---------
        epoch : mapping
            ``epoch``, its number; ``train`` and ``valid``, numbers by name;
            ``speed``, see `speeds`; and anything else.

        Example
        -------
        >>> run = Run(getfixture("tmp_path"))
        >>> for number in (1, 2, 3, 2):
        ...     run.write_epoch({"epoch": number, "train": {}, "valid": {}})
        >>> [epoch["epoch"] for epoch in run.epochs]
        [1, 2]
        """
        before = [e for e in self._log[0] if e["epoch"] < epoch["epoch"]]
        lines = [json.dumps(entry) + "\n" for entry in (*before, epoch)]
        self._write(self.log.name, "".join(lines))

    @cached_property
    def _log(self) -> tuple[list[dict], list[str]]:
        """The epochs, a repeated one once; and what is wrong with the log."""
        name = self.log.name
        if not self.log.is_file():
            return [], [f"Training: there is no {name}."]
        epochs, damaged = {}, 0
        for line in self.log.read_text("utf-8", "replace").splitlines():
            try:
                entry = parse_json(line, finite=False)
            except ValueError:
                entry = None
            if EPOCH(entry):
                damaged += bool(line.strip())
            else:
                epochs[entry["epoch"]] = entry
        wrong = [f"Training: {damaged} damaged lines of {name} left out."]
        none = [f"Training: {name} holds no epoch."]
        problems = wrong * bool(damaged) + none * (not epochs)
        return [epochs[number] for number in sorted(epochs)], problems

    @cached_property
    def _scored(self) -> tuple[dict, list[str]]:
        """The scores, and what is wrong with them."""
        path = self.folder / "scores.json"
        if not path.is_file():
            return {}, [
                f"Scores: there is no {path.name}, the run was not evaluated."
            ]
        try:
            scores = read_json(path, check_scores, "evaluate again.")
        except ValueError as error:
            short = str(error).replace(str(path), path.name)
            return {}, [f"Scores: {short}"]
        absent = "Teacher: it has no scores, as in a run without distillation."
        taught = any(map(TEACHER.fullmatch, scores))
        return scores, [] if taught else [absent]

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """One entry per finished epoch, as in ``training.jsonl`` but for its
        speed; of an epoch that was begun again, the last."""
        return [
            {key: value for key, value in entry.items() if key != SPEED}
            for entry in self._log[0]
        ]

    @property
    def speeds(self) -> list[dict[str, Any]]:
        """How fast each of the epochs was, see
        `dispatch_sb.training.throughput.EpochClock`; empty where nobody
        measured."""
        return [entry.get(SPEED, {}) for entry in self._log[0]]

    @property
    def scores(self) -> dict[str, Any]:
        """What ``scores.json`` holds; empty before the run is scored."""
        return self._scored[0]

    @property
    def missing(self) -> list[str]:
        """Sentences about what is not there."""
        found = [*self._scored[1], *self._log[1]]
        if not self.recipe.is_file():
            found.append(f"Settings: there is no {self.recipe.name}.")
        return found

    @property
    def systems(self) -> list[str]:
        """Those of noisy, student and teacher that have scores; of several
        teachers each, "teacher_1" and so on."""
        teachers = filter(TEACHER.fullmatch, self.scores)
        names = (*SYSTEMS[:2], *teachers)
        return [name for name in names if self.scores.get(name)]

    @property
    def scored_teachers(self) -> list[str]:
        """Those of the systems that are teachers."""
        return [name for name in self.systems if TEACHER.fullmatch(name)]

    @property
    def files(self) -> dict[str, dict]:
        """The scores of every file."""
        return self.scores.get("files") or {}

    @property
    def facts(self) -> dict[str, Any]:
        """Who was scored, and from whom it learned."""
        beside = {
            key: value
            for key, value in self.scores.items()
            if key not in TABLES and not TEACHER.fullmatch(key)
        }
        several = len(self.teachers) > 1
        told = {
            f"teacher_{number}" if several else "teacher": {
                key: value for key, value in one.items() if value is not None
            }
            for number, one in enumerate(self.teachers, start=1)
        }
        facts = {**told, **beside}
        return {key: value for key, value in facts.items() if value is not None}

    def write_scores(self, scores: dict, about: Mapping) -> None:
        """Writes ``scores.json``, whole or not at all.

        Arguments
        ---------
        scores : dict
            From `dispatch_sb.scoring.score_systems`.
        about : mapping
            What decided them: seed, hashes, versions.
        """
        twice = sorted(scores.keys() & about.keys())
        if twice:
            raise ValueError(f"{', '.join(twice)}: both a score and a fact.")
        text = json.dumps({**scores, **about}, indent=1, allow_nan=False)
        self._write("scores.json", text + "\n")

    def enhanced(self, name: str) -> dict[str, Path]:
        """A test file's enhanced versions, those that the run should hold.

        Arguments
        ---------
        name : str
            Its id in the test manifest.

        Returns
        -------
        dict
            Paths by system: "student", and the teachers that were scored.
        """
        systems = [s for s in self.systems or SYSTEMS if s != "noisy"]
        folder = self.folder / "enhanced"
        return {system: folder / system / f"{name}.wav" for system in systems}

    @property
    def best(self) -> dict[str, Any] | None:
        """The epoch that validation chose: the one with the highest PESQ
        (the last of equals); None before PESQ was computed."""
        epochs = reversed(self.epochs)
        scored = [e for e in epochs if "pesq" in e.get("valid", {})]
        return max(scored, key=lambda e: e["valid"]["pesq"], default=None)

    @cached_property
    def student(self) -> nn.Module:
        """The student of the best epoch, in evaluation mode, on the CPU.

        Nothing else is constructed, not even the teacher.
        """
        from speechbrain.utils.checkpoints import Checkpointer

        saved = self.checkpoints
        for path, damage in damaged(saved).items():  # it may be the best
            raise ValueError(
                f"The checkpoint {path} is damaged: {damage}. Give the "
                "command of the training again: it goes on from the one "
                "before."
            )
        try:
            checkpoint = Checkpointer(saved).find_checkpoint(max_key="pesq")
        except Exception as error:  # the parser's, and of scores that are none
            words = " ".join(str(error).split())[:300]
            raise ValueError(
                f"A CKPT.yaml in {saved} is damaged ({words}): remove the "
                "folder that it lies in."
            ) from error
        if checkpoint is None:
            raise FileNotFoundError(
                f"{saved} holds no checkpoint that was validated by PESQ: "
                "train to the end, or at least for pesq_every epochs."
            )
        student = self.settings.build("student", self.trust_remote_code)
        if not isinstance(student, nn.Module):
            raise ValueError(f"{self.recipe}: its student is no network.")
        load_weights(student, checkpoint.path / "student.ckpt")
        return student.eval()

    def distillation_loss(self) -> nn.Module | None:
        """Builds the loss that the student learned from its teacher with.

        Returns
        -------
        torch.nn.Module or None
            None without distillation, or where the loss knows no patches.
        """
        tree = self.settings.tree.get("distillation_loss", {})
        if "host" not in tree:
            return None
        return self.settings.build("distillation_loss", self.trust_remote_code)

    def manifest(self, part: str) -> Path:
        """Where a list of the run's files lies.

        Arguments
        ---------
        part : str
            "train", "valid" or "test".

        Returns
        -------
        pathlib.Path
            It may not exist: where mixtures are trained on, nothing is listed.
        """
        inside = self.folder / "manifests" / f"{part}.json"
        noted = self.record.get("manifests", {}).get(part)
        if noted is None or inside.is_file():
            return inside
        return self.locate(noted["path"]) or inside

    @property
    def data_root(self) -> Path | None:
        """What ``{data_root}`` in the run's manifests stands for, as it was
        noted; the folder may be gone."""
        root = self.corpus.get("root")
        return root and (self.locate(root) or Path(root))

    @property
    def test_files(self) -> dict[str, dict[str, Any]]:
        """What the test manifest says of each file, by id, with the paths of
        clean and noisy file as they are here."""
        return located_manifest(self.manifest("test"), self.data_root)

    def locate(self, name: str | os.PathLike) -> Path | None:
        """A path that was given to the training, relative to where that was
        started; or, in a tree that has moved, to here or a folder above the
        run's.

        Arguments
        ---------
        name : str or path
            The path.

        Returns
        -------
        pathlib.Path or None
            None if it is not found.
        """
        started = Path(self.record.get("directory", ""))
        for base in (started, Path.cwd(), *self.folder.resolve().parents):
            if (base / name).exists():
                return base / name
        return None

    @property
    def corpus(self) -> dict[str, Any]:
        """What is noted of the data; empty in a run without ``run.json``."""
        return self.record.get("corpus") or {}

    @property
    def teacher(self) -> dict[str, Any] | None:
        """What is noted of the teacher; None without one, or with several."""
        return self.teachers[0] if len(self.teachers) == 1 else None

    @property
    def teachers(self) -> list[dict[str, Any]]:
        """What is noted of each teacher."""
        noted = self.record.get("teacher") or []
        return noted if isinstance(noted, list) else [noted]

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the best student's weights, and the hashes of the
        manifests that the run has, by part."""
        paths = {part: self.manifest(part) for part in PARTS}
        found = {
            f"{part}_manifest": manifest_hash(path)
            for part, path in paths.items()
            if path.is_file()
        }
        return {"student": state_hash(self.student), **found}


def is_run(folder: str | os.PathLike) -> bool:
    """Whether a path is the ``output_folder`` of a training.

    Arguments
    ---------
    folder : str or path
        Any path, or a hub id.

    Returns
    -------
    bool
        True if it holds a recipe and checkpoints.

    Example
    -------
    >>> is_run("organisation/name")
    False
    """
    run = Run(Path(folder))
    return run.recipe.is_file() and run.checkpoints.is_dir()
