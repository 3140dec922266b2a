"""What a run knows about its student, in the words of a model card.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from dispatch_sb.models.interface import can_stream
from dispatch_sb.runs.run import Run
from dispatch_sb.runs.settings import in_words
from dispatch_sb.sharing.card import read_head

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
        Arguments of ``model_card``, all but name, data, licence and scores.
    """
    student, latency = run.student, None
    on_hub = [one["source"] for one in run.teachers if one.get("commit")]
    if can_stream(student):
        latency = 1000 * student.latency / student.sample_rate
    return {
        "description": _student(run, latency),
        "training": [
            _method(run),
            _teachers(run),
            f"Seed: {run.record['seed']}.",
            _versions(run.scores),
        ],
        "command": training_command(run),
        "base_model": on_hub if len(on_hub) > 1 else next(iter(on_hub), None),
        "sample_rate": student.sample_rate,
        "latency_ms": latency,
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


def _student(run: Run, latency_ms: float | None) -> str:
    """What a model is, in a sentence or two."""
    student = run.student
    size = sum(parameter.numel() for parameter in student.parameters())
    causal = "" if latency_ms is None else "causal "
    behind = causal and f", {latency_ms:g} ms algorithmic latency"
    return (
        f"A {causal}speech enhancement model ({type(student).__name__}, "
        f"{size:,} parameters): noisy waveform in, enhanced waveform out, at "
        f"{student.sample_rate} Hz{behind}. Trained with dispatch-sb, method "
        f"`{run.record['method']}`."
    )


def _method(run: Run) -> str:
    """How it was trained, from the classes in the recipe, with the papers of
    those that have one."""
    tree = run.settings.tree
    lines = [f"Method `{run.record['method']}`."]
    if "enhancement_loss" in tree:
        loss = in_words(tree["enhancement_loss"])
        lines.append(f"Against clean speech: `{loss}`.")
    if "distillation_loss" in tree:
        loss = in_words(tree["distillation_loss"])
        kind, key = "weight", "distillation_weight"
        if tree.get("distillation_share") is not None:
            kind, key = "gradient share", "distillation_share"
        weight = f"{kind} {in_words(tree.get(key))}"
        lines.append(f"Against its teacher: `{loss}`, {weight}.")
    text = " ".join([type(run.student).__name__, *lines])
    papers = [paper for name, paper in SOURCES.items() if name in text]
    if papers:
        lines.append(f"Sources: {'; '.join(papers)}.")
    return "\n".join(lines)


def _teachers(run: Run) -> str:
    """Whom it learned from; empty without a teacher."""
    taught = [f"{_teacher(run, one)}." for one in run.teachers]
    if len(taught) < 2:
        return "".join(f"Teacher: {one}" for one in taught)
    each = [f"Teacher {n}: {one}" for n, one in enumerate(taught, start=1)]
    return "\n".join([f"It had {len(each)} teachers.", *each])


def _teacher(run: Run, teacher: Mapping) -> str:
    """One whom it learned from: source, revision, hash.

    A teacher with a commit is one of the hub; of a folder that is still there,
    the card is asked for its name and licence."""
    source, commit = teacher["source"], teacher["commit"]
    if source == "clean":
        return "none; a control that copies the clean speech itself"
    if source is None:
        known = [f"`{in_words(run.settings.tree.get('teacher'))}`"]
    elif commit:
        known = [f"[{source}]({HUB_PAGE}/{source})", f"revision `{commit}`"]
    else:
        head = read_head((run.locate(source) or Path(source)) / "README.md")
        name, title = Path(source).name, head.model_name
        known = [f"{_plain(title)} (`{name}`)" if title else f"`{name}`"]
        licence = head.license or teacher.get("licence")
        known += [f"licence {_plain(licence)}"] if licence else []
    sha256 = teacher["weights_sha256"]
    known += [f"weights SHA-256 `{sha256}`"] if sha256 else []
    return ", ".join(known)


def _plain(words) -> str:
    """What a stranger's card says, without markup."""
    return re.sub(r"[^\w .,:;()/+-]+", " ", str(words))[:100].strip()


def _versions(scores: Mapping) -> str:
    """When and with what the run was scored."""
    versions = scores.get("versions", {})
    names = [f"{n} {versions[n]}" for n in versions if n != "numpy"]
    date = str(scores.get("date", ""))[:10]
    return f"Scored on {date} with {', '.join(names)}." if names else ""
