"""What a run knows about its student, in the words of a model card.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import yaml
from torch import nn

from dispatch_sb.models.interface import can_stream
from dispatch_sb.runs.run import Run
from dispatch_sb.runs.settings import in_words

UNPINNED = "newest revision of that day"
HUB_PAGE = "https://huggingface.co"
ABSOLUTE = re.compile(r"(?<![\w.~/:-])/[^\s'\",\[\]]+")
LONGEST = 72  # letters on one line
SOURCES = {
    "FastEnhancer": "network: FastEnhancer, arXiv 2509.21867",
    "DFKD": "distance: DFKD, arXiv 2502.04711",
    "Gap": "choice of patches: DISPatch, arXiv 2509.15922",
}


def facts_of_run(run: Run) -> dict:
    """Everything of a card that no person has to write.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    dict
        Arguments of ``model_card``, all but data, licence and scores.
    """
    student = run.student
    return {
        "description": describe_student(run),
        "method": describe_method(run),
        "teacher": describe_teacher(run),
        "versions": _versions(run.scores),
        "command": training_command(run),
        "sample_rate": student.sample_rate,
        "latency_ms": latency_ms(student),
    }


def training_command(run: Run) -> str:
    """The command that trained a run, for others to give.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    str
        As it was given, in lines. Folders outside the recipe are shortened to
        ``/data/<name>``: where somebody's files lie is nobody's business.

    Example
    -------
    >>> run = Run(getfixture("tmp_path"))
    >>> run.note(command="python train.py a.yaml --data_folder /home/ann/talk")
    >>> training_command(run)
    'python train.py a.yaml --data_folder /data/talk'
    """
    command = ABSOLUTE.sub(
        lambda path: f"/data/{PurePosixPath(path[0]).name}",
        run.record["command"],
    )
    short = len(command) <= LONGEST
    return command if short else re.sub(r" (?=--\w)", " \\\n    ", command)


def describe_student(run: Run) -> str:
    """What a model is, in a sentence or two.

    Arguments
    ---------
    run : Run
        Its run.

    Returns
    -------
    str
        Markdown.
    """
    student = run.student
    size = sum(parameter.numel() for parameter in student.parameters())
    causal = "causal " if can_stream(student) else ""
    latency = latency_ms(student)
    behind = "" if latency is None else f", {latency:g} ms algorithmic latency"
    return (
        f"A {causal}speech enhancement model ({type(student).__name__}, "
        f"{size:,} parameters): noisy waveform in, enhanced waveform out, at "
        f"{student.sample_rate} Hz{behind}. Trained with dispatch-sb, method "
        f"`{run.record['method']}`."
    )


def latency_ms(student: nn.Module) -> float | None:
    """The algorithmic latency of a model that can stream.

    Arguments
    ---------
    student : torch.nn.Module
        Any of ours.

    Returns
    -------
    float or None
        In milliseconds; None for a model that needs the whole waveform.

    Example
    -------
    >>> latency_ms(nn.Identity()) is None
    True
    """
    if not can_stream(student):
        return None
    return 1000 * student.latency / student.sample_rate


def describe_method(run: Run) -> str:
    """How a student was trained, from the classes in its recipe.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    str
        Markdown, with the papers where the method is known.
    """
    tree = run.settings.tree
    lines = [f"Method `{run.record['method']}`."]
    if "enhancement_loss" in tree:
        loss = in_words(tree["enhancement_loss"])
        lines.append(f"Against clean speech: `{loss}`.")
    if "distillation_loss" in tree:
        loss = in_words(tree["distillation_loss"])
        lines.append(f"Against its teacher: `{loss}`, {_weight(tree)}.")
    text = " ".join([type(run.student).__name__, *lines])
    papers = [paper for name, paper in SOURCES.items() if name in text]
    if papers:
        lines.append(f"Sources: {'; '.join(papers)}.")
    return "\n".join(lines)


def _weight(tree: Mapping) -> str:
    """How much distillation counted."""
    share = tree.get("distillation_share")
    if share is not None:
        return f"gradient share {in_words(share)}"
    return f"weight {in_words(tree.get('distillation_weight'))}"


def describe_teacher(run: Run) -> str:
    """Whom a student learned from.

    Arguments
    ---------
    run : Run
        The run.

    Returns
    -------
    str
        Markdown with source, revision and the hash of the weights; empty
        without a teacher.
    """
    if run.teacher is None:
        return ""
    source = run.teacher["source"]
    if source == "clean":
        return "Teacher: none; a control that copies the clean speech itself."
    commit = run.teacher["commit"] or run.teacher["revision"]
    known = [f"revision `{commit}`" if commit else UNPINNED]
    folder = None if source is None else run.locate(source)
    if folder is not None:
        head = _card_head(folder / "README.md")
        title = (head.get("model-index") or [{}])[0].get("name", "")
        name = f"{title} (`{folder.name}`)" if title else f"`{folder.name}`"
        known = [f"licence {head['license']}"] if "license" in head else []
    elif source is None:
        name, known = f"`{in_words(run.settings.tree.get('teacher'))}`", []
    elif os.path.isabs(source) or "/" not in source:  # no hub id
        name, known = f"`{Path(source).name}`", []
    else:
        name = f"[{source}]({HUB_PAGE}/{source})"
    sha256 = run.teacher["weights_sha256"]
    known += [f"weights SHA-256 `{sha256}`"] if sha256 else []
    return f"Teacher: {', '.join([name, *known])}."


def _versions(scores: Mapping) -> str:
    """When and with what the run was made."""
    versions = scores.get("versions", {})
    names = [f"{n} {versions[n]}" for n in versions if n != "numpy"]
    date = str(scores.get("date", ""))[:10]
    return f"Scored on {date} with {', '.join(names)}." if names else ""


def _card_head(readme: Path) -> dict:
    """The front matter of a model card; empty if there is none."""
    if not readme.is_file():
        return {}
    parts = readme.read_text(encoding="utf-8").split("---\n", 2)
    head = yaml.safe_load(parts[1]) if len(parts) == 3 else None
    return head if isinstance(head, dict) else {}
