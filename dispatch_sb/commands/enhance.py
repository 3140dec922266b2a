"""`dispatch-sb enhance`: a model cleans audio files.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import os
import sys

from dispatch_sb.commands.command import Command, Unfinished
from dispatch_sb.commands.keep_option import add_keep_argument
from dispatch_sb.commands.model_option import add_model_arguments, model_loader

PIPE = "-"


def _enhance_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "inputs",
        metavar="IN",
        nargs="+",
        help="file, folder (searched recursively), quoted glob pattern, or - "
        "for standard input; any rate, number of channels and format that "
        "libsndfile reads",
    )
    add(
        "output",
        metavar="OUT",
        help="file (one input, and a suffix such as .wav), folder (structure "
        "kept), or - for standard output",
    )
    add_model_arguments(parser)
    add_keep_argument(parser, "as the model recommends")
    add(
        "--format",
        help="wav, flac, ogg, opus, mp3, …; default: that of OUT's suffix, "
        "or of each input (WAV if it can be read but not written)",
    )
    add(
        "--overwrite",
        action="store_true",
        help="make outputs again that exist; default: they are kept, so that "
        "the same command goes on after an interruption",
    )
    add(
        "--workers",
        type=int,
        default=1,
        help="processes of one thread each; default: 1, with torch's threads",
    )
    add(
        "--chunk-seconds",
        type=float,
        default=30.0,
        help="models that are not causal (SpeechBrain's) get chunks of so "
        "many seconds (30), faded into each other",
    )
    add(
        "--overlap-seconds",
        type=float,
        default=2.0,
        help="of two such chunks (2)",
    )


def _enhance(arguments: argparse.Namespace) -> str:
    from dispatch_sb.enhance.jobs import enhance_jobs, plan_jobs, summarise
    from dispatch_sb.enhance.noise_floor import NoiseFloor

    NoiseFloor(arguments.keep)  # what is wrong with it, now
    inputs, output = arguments.inputs, arguments.output
    wanted, overwrite = arguments.format, arguments.overwrite
    load = model_loader(arguments)
    lengths = arguments.chunk_seconds, arguments.overlap_seconds
    settings = *lengths, arguments.keep
    if PIPE in inputs or output == PIPE:
        return _enhance_pipe(inputs, output, wanted, overwrite, load, settings)
    plan, outcomes = plan_jobs(inputs, output, wanted, overwrite), {}
    if plan.jobs:
        outcomes = enhance_jobs(load, plan.jobs, arguments.workers, *settings)
    text, failed = summarise(plan, outcomes)
    if failed:
        raise Unfinished(text)
    return text


def _enhance_pipe(inputs, output, wanted, overwrite, load, settings) -> str:
    """From standard input, to standard output, or both."""
    from tqdm import tqdm

    from dispatch_sb.data.formats import is_audio_name
    from dispatch_sb.enhance.chunked import enhancer_of
    from dispatch_sb.enhance.jobs import notes_of
    from dispatch_sb.enhance.one_file import enhance_file

    if len(inputs) > 1 or os.path.isdir(inputs[0]):
        raise ValueError(
            "a pipe carries one file: give one input and one output, "
            "or a folder to write to."
        )
    if output != PIPE:
        if os.path.isdir(output) or not is_audio_name(output):
            raise ValueError(
                f"{output} is no audio file's name: what comes from standard "
                "input needs one, such as enhanced.wav."
            )
        if os.path.exists(output) and not overwrite:
            return f"{output} exists and was kept (--overwrite replaces it)."
    source = sys.stdin.buffer if inputs[0] == PIPE else inputs[0]
    target = sys.stdout.buffer if output == PIPE else output
    for stream in (source, target):
        if hasattr(stream, "isatty") and stream.isatty():
            raise ValueError(f"{stream.name} is a terminal: pipe audio there.")
    enhancer = enhancer_of(load(), *settings)
    with tqdm(unit="s", desc="Enhancing", disable=None) as bar:
        outcome = enhance_file(enhancer, source, target, wanted, bar.update)
    name = "standard input" if inputs[0] == PIPE else inputs[0]
    notes = notes_of({name: outcome})
    if output != PIPE:
        return "\n".join([f"{output} is written.", *notes])
    sys.stderr.writelines(f"{note}\n" for note in notes)
    return ""


COMMAND = Command(
    "enhance",
    "clean audio files with a model",
    _enhance_arguments,
    _enhance,
    examples="""\
  dispatch-sb enhance noisy.wav clean.wav --model results/quickstart
  dispatch-sb enhance recordings/ cleaned/ --model USER/NAME --workers 4
  dispatch-sb enhance talk.wav softer.wav --model my-model --keep -12dB
  dispatch-sb enhance 'talks/**/*.mp3' cleaned/ --model my-model --format flac
  ffmpeg -i talk.m4a -f wav - | dispatch-sb enhance - clean.wav --model my-model

exit status: 0 if every file is enhanced or was there before; 1 if some could
not be (they are listed, the others are done); 2 for a wrong command line;
130 after Ctrl-C""",
)
