"""`dispatch-sb export`: a run becomes a model folder.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("training", help="output_folder of a training")
    parser.add_argument("folder", help="the model folder to write")
    parser.add_argument(
        "--card",
        help="YAML file with what the run does not know: data (folder, name "
        "and licence each) unless the recipe knows them; "
        "also description, name, licence, command, example",
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
        help="scores.json of a test set; default: the run's own",
    )


def _export(arguments: argparse.Namespace) -> str:
    from dispatch_sb.sharing.release import export_run, read_scores

    folder = export_run(
        arguments.training,
        arguments.folder,
        _read_card(arguments.card) if arguments.card else None,
        read_scores(arguments.scores or []),
        arguments.example,
    )
    return (
        f"{folder} is ready: read its README.md before you share it.\n"
        f'In Python: dispatch_sb.load_student("{folder}")'
    )


def _read_card(path: str):
    """What a person wrote for the card."""
    from pathlib import Path

    import yaml

    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML ({error}).") from error


COMMAND = Command(
    "export",
    "make a model folder, with its card, of a finished run",
    _export_arguments,
    _export,
    examples="""\
  dispatch-sb export results/dispatch/1986 my-model
  dispatch-sb export results/dispatch/1986 my-model --card card.yaml""",
)
