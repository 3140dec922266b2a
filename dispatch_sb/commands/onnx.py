"""`dispatch-sb onnx`: a model becomes one ONNX file that streams.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command


def _onnx_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", help="a run's folder, a model's folder, or a hub id")
    add("output", help="the .onnx file to write")
    add("--revision", help="of a hub id: commit, tag or branch")
    add(
        "--audio",
        help="noisy speech that the file is checked on; default: the model "
        "folder's example.wav, or a test file of the run",
    )
    add("--name", help="of the model; default: as its card says")
    add("--licence", help="of the weights; default: as its card says")
    add(
        "--int8",
        action="store_true",
        help="also write OUTPUT.int8.onnx with weights of 8 bits, unless "
        "that costs more than 0.03 PESQ on the files of --clean and --noisy",
    )
    add("--clean", help="folder of clean speech, for --int8")
    add("--noisy", help="folder of the same files with noise, for --int8")
    add("--workers", type=int, help="processes that score; default: all CPUs")


def _onnx(arguments: argparse.Namespace) -> str:
    from dispatch_sb.data import read_audio
    from dispatch_sb.publish.onnx import needs_onnx, write_onnx
    from dispatch_sb.publish.onnx_source import open_with_card

    output, smaller = _check(arguments)
    needs_onnx()
    source = open_with_card(arguments.model, arguments.revision)
    audio = arguments.audio or source.example
    if audio is None:
        raise ValueError(
            f"No example of {arguments.model} is here: give --audio, a file "
            "of noisy speech that the ONNX file is checked on."
        )
    content, difference = write_onnx(
        source.model,
        output,
        read_audio(audio, source.model.sample_rate),
        arguments.name or source.name,
        arguments.licence or source.licence,
    )
    text = (
        f"{output}: {len(content):,} bytes; differs from torch by at most "
        f"{difference:.1e} on {audio}."
    )
    if arguments.int8:
        text += "\n" + _write_int8(arguments, content, smaller, text)
    return text


def _check(arguments: argparse.Namespace):
    """The paths of both files; raises if an argument is wrong."""
    from pathlib import Path

    output = Path(arguments.output)
    if output.suffix != ".onnx":
        raise ValueError(f"{output} must end with .onnx.")
    if not output.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {output.parent} does not exist: make it first."
        )
    pairs = (arguments.clean, arguments.noisy)
    if arguments.int8 and None in pairs:
        raise ValueError(
            "--int8 needs --clean and --noisy: a file with weights of 8 bits "
            "is only written when its loss in PESQ is known."
        )
    if not arguments.int8 and any(pairs):
        raise ValueError("--clean and --noisy are for --int8: add it.")
    return output, output.with_suffix(".int8.onnx")


def _write_int8(arguments, content: bytes, path, before: str) -> str:
    """What there is to say of the smaller file."""
    from dispatch_sb.publish.onnx_int8 import write_int8

    folders = (arguments.clean, arguments.noisy)
    try:
        loss = write_int8(content, path, *folders, arguments.workers)
    except (ValueError, OSError, RuntimeError) as error:
        raise RuntimeError(f"{error}\n{before}") from error
    return f"{path}: {path.stat().st_size:,} bytes; {loss}."


COMMAND = Command(
    "onnx",
    "write a model as one ONNX file that enhances hop by hop",
    _onnx_arguments,
    _onnx,
    examples="""\
  dispatch-sb onnx results/dispatch/1986 student.onnx
  dispatch-sb onnx recipes/VoiceBank/pretrained/fastenhancer-b-16k b.onnx \\
      --int8 --clean /data/clean --noisy /data/noisy""",
)
