"""The command `dispatch-sb` and its sub-commands.

Each sub-command is one entry of `COMMANDS`: what it takes, and a function
from the parsed arguments to the text that is shown.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dispatch_sb import __version__


@dataclass(frozen=True)
class Command:
    """One sub-command.

    Arguments
    ---------
    name : str
        What the user types.
    summary : str
        One line of help.
    add_arguments : callable
        Adds the sub-command's arguments to its parser.
    run : callable
        Takes the parsed arguments, returns the text to show. It imports what
        it needs itself, so that `dispatch-sb --help` stays quick.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], str]


def _profile_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        help="folder of a pretrained model (with config.json); without it, "
        "the sizes of FastEnhancer",
    )
    parser.add_argument(
        "--size",
        choices=["T", "B", "S", "M", "L"],
        help="one size of FastEnhancer only",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        help="length of the signal that the speed is measured on (10)",
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=5,
        help="the real-time factor is the median of so many runs (5)",
    )


def _profile(arguments: argparse.Namespace) -> str:
    from dispatch_sb.models import FastEnhancer, profile
    from dispatch_sb.models.profile_table import format_profiles

    if arguments.folder and arguments.size:
        raise ValueError("Give a folder or --size, not both.")
    if arguments.folder:
        models = {arguments.folder: profile.model_of_folder(arguments.folder)}
    else:
        sizes = arguments.size or "TBSML"
        models = {
            f"FastEnhancer-{size}": FastEnhancer.from_size(size)
            for size in sizes
        }
    profiles = [
        profile.profile_model(model, name, arguments.seconds, arguments.runs)
        for name, model in models.items()
    ]
    return format_profiles(profiles)


def _doctor(arguments: argparse.Namespace) -> str:
    from dispatch_sb import doctor

    return doctor.diagnose()


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a model's folder, or its hub id")
    parser.add_argument("--revision", help="of a hub id: commit, tag or branch")
    parser.add_argument("--clean", required=True, help="folder of clean speech")
    parser.add_argument(
        "--noisy", required=True, help="folder of the same files with noise"
    )
    parser.add_argument(
        "--output", required=True, help="receives scores.json and enhanced/"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument(
        "--workers", type=int, help="processes that score; default: all CPUs"
    )


def _evaluate(arguments: argparse.Namespace) -> str:
    from dispatch_sb.evaluation import evaluate_folders
    from dispatch_sb.metrics import format_table

    scores = evaluate_folders(
        arguments.model,
        arguments.clean,
        arguments.noisy,
        arguments.output,
        revision=arguments.revision,
        device=arguments.device,
        workers=arguments.workers,
    )
    return format_table(scores)


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


COMMANDS = (
    Command(
        "evaluate",
        "score a model on folders of clean and noisy files",
        _evaluate_arguments,
        _evaluate,
    ),
    Command(
        "export",
        "make a model folder, with its card, of a finished run",
        _export_arguments,
        _export,
    ),
    Command(
        "profile",
        "parameters, MACs per second and speed of models",
        _profile_arguments,
        _profile,
    ),
    Command(
        "doctor",
        "check the installation; repair torchaudio beside a CPU torch",
        lambda parser: None,
        _doctor,
    ),
)


def build_parser() -> argparse.ArgumentParser:
    """Builds the parser of the command line.

    Returns
    -------
    argparse.ArgumentParser
        With one sub-parser for each entry of `COMMANDS`.

    Example
    -------
    >>> build_parser().parse_args(["profile", "--size", "T"]).size
    'T'
    """
    parser = argparse.ArgumentParser(
        prog="dispatch-sb",
        description="Selective knowledge distillation for speech enhancement.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        child = commands.add_parser(
            command.name, help=command.summary, description=command.summary
        )
        command.add_arguments(child)
        child.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one sub-command and writes its text to standard output.

    Arguments
    ---------
    argv : sequence of str, optional
        The words after `dispatch-sb`; default: those of this process.

    Returns
    -------
    int
        Exit status: 0, or 1 if the sub-command failed for a reason that it
        could name; the reason is then on standard error.
    """
    arguments = build_parser().parse_args(argv)
    try:
        text = arguments.run(arguments)
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        sys.stderr.write(f"dispatch-sb {arguments.command}: {error}\n")
        return 1
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
