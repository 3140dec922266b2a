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
        required=True,
        help="YAML file with description and data (name and licence each); "
        "also name, licence, command, example",
    )
    parser.add_argument(
        "--scores",
        metavar="NAME=PATH",
        action="append",
        help="scores.json of a test set; default: the run's own",
    )


def _export(arguments: argparse.Namespace) -> str:
    from pathlib import Path

    import yaml

    from dispatch_sb.publish.run import export_run, read_scores

    own = [f"test set of the run={Path(arguments.training) / 'scores.json'}"]
    about = yaml.safe_load(Path(arguments.card).read_text(encoding="utf-8"))
    scores = read_scores(arguments.scores or own)
    folder = export_run(arguments.training, arguments.folder, about, scores)
    return f"{folder} is ready: see its README.md."


COMMAND = Command(
    "export",
    "make a model folder, with its card, of a finished run",
    _export_arguments,
    _export,
    examples="""\
  dispatch-sb export results/dispatch/1986 my-model --card card.yaml""",
)
