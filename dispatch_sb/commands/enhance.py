"""`dispatch-sb enhance`: a model cleans audio files.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command, Unfinished
from dispatch_sb.commands.model_option import add_model_arguments, model_loader


def _enhance_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs",
        metavar="IN",
        nargs="+",
        help="file, folder (searched recursively), quoted glob pattern, or - "
        "for standard input; any rate, number of channels and format that "
        "libsndfile reads",
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        help="file (one input, and a suffix such as .wav), folder (structure "
        "kept), or - for standard output",
    )
    add_model_arguments(parser)
    parser.add_argument(
        "--format",
        help="wav, flac, ogg, opus, mp3, …; default: that of OUT's suffix, "
        "or of each input (WAV if it can be read but not written)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="make outputs again that exist; default: they are kept, so that "
        "the same command goes on after an interruption",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes of one thread each; default: 1, with torch's threads",
    )
    parser.add_argument(
        "--chunk-seconds",
        type=float,
        default=30.0,
        help="models that are not causal (SpeechBrain's) get chunks of so "
        "many seconds (30), faded into each other",
    )
    parser.add_argument(
        "--overlap-seconds",
        type=float,
        default=2.0,
        help="of two such chunks (2)",
    )


def _enhance(arguments: argparse.Namespace) -> str:
    from dispatch_sb.commands.interrupts import terminated_like_interrupted
    from dispatch_sb.enhance.jobs import enhance_jobs
    from dispatch_sb.enhance.outcomes import summarise
    from dispatch_sb.enhance.pipes import PIPE
    from dispatch_sb.enhance.plan import plan_jobs

    load = model_loader(arguments)
    lengths = arguments.chunk_seconds, arguments.overlap_seconds
    with terminated_like_interrupted():
        if PIPE in arguments.inputs or arguments.output == PIPE:
            return _enhance_pipe(arguments, load, lengths)
        plan = plan_jobs(
            arguments.inputs,
            arguments.output,
            arguments.format,
            arguments.overwrite,
        )
        outcomes = []
        if plan.jobs:
            outcomes = enhance_jobs(
                load, plan.jobs, arguments.workers, None, *lengths
            )
    text, failed = summarise(plan, outcomes)
    if failed:
        raise Unfinished(text)
    return text


def _enhance_pipe(arguments, load, lengths) -> str:
    """From standard input, to standard output, or both."""
    import sys
    from pathlib import Path

    from tqdm import tqdm

    from dispatch_sb.enhance.chunked import enhancer_of
    from dispatch_sb.enhance.pipes import PIPE, check_pipe, enhance_pipe

    source, target = check_pipe(arguments.inputs, arguments.output)
    if target != PIPE and Path(target).exists() and not arguments.overwrite:
        return f"{target} exists and was kept (--overwrite replaces it)."
    source = sys.stdin.buffer if source == PIPE else source
    stream = sys.stdout.buffer if target == PIPE else target
    if hasattr(source, "isatty") and source.isatty():
        raise ValueError("standard input is a terminal: pipe audio into it.")
    if hasattr(stream, "isatty") and stream.isatty():
        raise ValueError("standard output is a terminal: redirect it.")
    enhancer = enhancer_of(load(), *lengths)
    with tqdm(unit="s", desc="Enhancing", disable=None) as bar:
        enhance_pipe(enhancer, source, stream, arguments.format, bar.update)
    return "" if target == PIPE else f"{target} is written."


COMMAND = Command(
    "enhance",
    "clean audio files with a model",
    _enhance_arguments,
    _enhance,
    examples="""\
  dispatch-sb enhance noisy.wav clean.wav --model results/quickstart
  dispatch-sb enhance recordings/ cleaned/ --model USER/NAME --workers 4
  dispatch-sb enhance 'talks/**/*.mp3' cleaned/ --model my-model --format flac
  ffmpeg -i talk.m4a -f wav - | dispatch-sb enhance - clean.wav --model my-model

exit status: 0 if every file is enhanced or was there before; 1 if some could
not be (they are listed, the others are done); 2 for a wrong command line;
130 after Ctrl-C""",
)
