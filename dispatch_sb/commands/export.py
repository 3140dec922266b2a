"""`dispatch-sb export`: a run becomes a model folder.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from dispatch_sb.commands.command import Command
from dispatch_sb.commands.keep_option import add_keep_argument
from dispatch_sb.commands.model_option import add_trust_argument


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("training", help="output_folder of a training")
    parser.add_argument("folder", help="the model folder to write")
    parser.add_argument(
        "--card",
        help="YAML file with what the run does not know: data (folder, name "
        "and licence each) unless the recipe knows them; "
        "also name, description, limits and licence of the model",
    )
    parser.add_argument(
        "--example",
        metavar="FILE",
        help="noisy audio to try the model on; default: the run's median "
        "test utterance",
    )
    parser.add_argument(
        "--scores",
        metavar="NAME=PATH",
        action="append",
        default=[],
        help="scores.json of a test set; default: the run's own",
    )
    add_keep_argument(parser)
    add_trust_argument(parser)


def _export(arguments: argparse.Namespace) -> str:
    import yaml

    from dispatch_sb.sharing.release import export_run

    folder = export_run(
        arguments.training,
        arguments.folder,
        _read(arguments.card, yaml.safe_load) if arguments.card else None,
        dict(map(_read_scores, arguments.scores)),
        arguments.example,
        arguments.keep,
        arguments.trust_remote_code,
    )
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


COMMAND = Command(
    "export",
    "make a model folder, with its card, of a finished run",
    _export_arguments,
    _export,
    examples="""\
  dispatch-sb export results/dispatch/1986 my-model
  dispatch-sb export results/dispatch/1986 my-model --card card.yaml""",
)
