"""`dispatch-sb export`: a run becomes a model folder.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
from collections.abc import Callable
from pathlib import Path

from dispatch_sb.commands.command import described


def _export(card: str | None, scores: list[str], **options) -> str:
    import yaml

    from dispatch_sb.sharing.release import export_run

    about = _read(card, yaml.safe_load) if card else None
    given = dict(map(_read_scores, scores))
    folder = export_run(about=about, scores=given, **options)
    return (
        f"{folder} is ready: read its README.md before you share it.\n"
        f'In Python: dispatch_sb.load_student("{folder}")'
    )


def _read_scores(pair: str) -> tuple[str, dict]:
    """Name of a test set, and what its ``scores.json`` holds."""
    name, _, path = pair.partition("=")
    if not (name and path):
        raise ValueError(f"{pair!r} must be NAME=PATH_OF_SCORES_JSON.")
    scores = _read(path, json.loads)
    if not isinstance(scores, dict):
        raise ValueError(f"{path} holds no scores by the name of a system.")
    return name, scores


def _read(path: str, parse: Callable):
    """What a file of YAML or JSON holds."""
    content = Path(path).read_bytes()
    try:
        return parse(content.decode())
    except Exception as error:  # each parser has its own
        raise ValueError(f"{path} cannot be read ({error}).") from error


COMMAND = described("export", _export)
