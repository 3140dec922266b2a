"""`dispatch-sb enhance`: a model cleans audio files.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import sys

from dispatch_sb.commands.command import Unfinished, described
from dispatch_sb.commands.model_option import model_loader

PIPE = "-"


def _enhance(inputs, output, format, overwrite, workers, **options) -> str:
    from dispatch_sb.enhance.jobs import enhance_jobs, plan_jobs, summarise
    from dispatch_sb.enhance.noise_floor import NoiseFloor

    NoiseFloor(options["keep"])  # what is wrong with it, now
    load = model_loader(options)
    if PIPE in (*inputs, output):
        return _enhance_pipe(inputs, output, format, overwrite, load, options)
    plan, outcomes = plan_jobs(inputs, output, format, overwrite), {}
    if plan.jobs:
        outcomes = enhance_jobs(load, plan.jobs, workers, **options)
    text, failed = summarise(plan, outcomes)
    if failed:
        raise Unfinished(text)
    return text


def _enhance_pipe(inputs, output, format, overwrite, load, options) -> str:
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
    enhancer = enhancer_of(load(), **options)
    with tqdm(unit="s", desc="Enhancing", disable=None) as bar:
        outcome = enhance_file(enhancer, source, target, format, bar.update)
    name = "standard input" if inputs[0] == PIPE else inputs[0]
    notes = notes_of({name: outcome})
    if output != PIPE:
        return "\n".join([f"{output} is written.", *notes])
    sys.stderr.writelines(f"{note}\n" for note in notes)
    return ""


COMMAND = described("enhance", _enhance)
