"""`dispatch-sb onnx`: a model becomes one ONNX file that streams.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
from pathlib import Path

from dispatch_sb.commands.command import Command
from dispatch_sb.commands.keep_option import add_keep_argument
from dispatch_sb.commands.model_option import add_trust_argument


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
    add_keep_argument(parser, "as the model recommends")
    add_trust_argument(parser)


def _onnx(arguments: argparse.Namespace) -> str:
    from dispatch_sb.data import read_audio
    from dispatch_sb.enhance import NoiseFloor
    from dispatch_sb.pretrained import load
    from dispatch_sb.sharing.onnx_file import card_and_example, write_onnx

    output = _check(arguments.output)
    NoiseFloor(arguments.keep)  # what is wrong with it, now
    model = load(
        arguments.model,
        arguments.revision,
        trust_remote_code=arguments.trust_remote_code,
    )
    card, example = card_and_example(arguments.model, arguments.revision)
    audio = arguments.audio or example
    if audio is None:
        raise ValueError(
            f"No example of {arguments.model} is here: give --audio, a file "
            "of noisy speech that the ONNX file is checked on."
        )
    content, difference = write_onnx(
        model,
        output,
        read_audio(audio, model.sample_rate),
        arguments.name
        or card.model_name
        or Path(arguments.model).resolve().name,
        arguments.licence or card.license or "not stated",
        arguments.keep,
    )
    return (
        f"{output}: {len(content):,} bytes; differs from torch by at most "
        f"{difference:.1e} on {audio}."
    )


def _check(output: str) -> Path:
    """The path of the file; raises if it cannot be written there."""
    path = Path(output)
    if path.suffix != ".onnx" or path.is_dir():
        raise ValueError(f"{path} must be a file and end with .onnx.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} does not exist: make it first."
        )
    return path


COMMAND = Command(
    "onnx",
    "write a model as one ONNX file that enhances hop by hop",
    _onnx_arguments,
    _onnx,
    examples="""\
  dispatch-sb onnx results/dispatch/1986 student.onnx
  dispatch-sb onnx results/dispatch/1986 student.onnx --keep -12dB
  dispatch-sb onnx recipes/VoiceBank/pretrained/fastenhancer-b-16k b.onnx""",
)
