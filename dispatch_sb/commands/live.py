"""`dispatch-sb live`: a model between microphone and loudspeaker.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import math
import sys

from dispatch_sb.commands.command import Command
from dispatch_sb.commands.keep_option import add_keep_argument
from dispatch_sb.commands.model_option import add_model_arguments, model_loader


def _device(name: str) -> int | str:
    """A device's number, or its name."""
    return int(name) if name.isdecimal() else name


def _live_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    add_keep_argument(parser, "as the model recommends")
    add = parser.add_argument
    add(
        "--input",
        metavar="FILE",
        help="a file in the place of the microphone; nothing is played",
    )
    add("--output", metavar="FILE", help="receives the enhanced sound")
    add(
        "--fast",
        action="store_true",
        help="with --input: as fast as it goes, instead of in real time",
    )
    add(
        "--block-ms",
        type=float,
        help="milliseconds of a block; default: the model's hop. Longer "
        "blocks are safer and later",
    )
    add(
        "--seconds",
        type=float,
        help="end the microphone after so long; default: Ctrl-C",
    )
    for name in ("--microphone", "--loudspeaker"):
        add(name, type=_device, help="number or name; default: the system's")
    add("--list-devices", action="store_true", help="show microphones and all")


def _live(arguments: argparse.Namespace) -> str:
    from dispatch_sb.enhance import NoiseFloor, live_sound

    NoiseFloor(arguments.keep)  # what is wrong with it, now
    if arguments.list_devices:
        return str(live_sound.import_sounddevice().query_devices())
    load = model_loader(arguments)
    if not arguments.input:
        live_sound.import_sounddevice()  # better now than after a download

    import torch
    from tqdm import tqdm

    from dispatch_sb.enhance.enhancer import StreamingEnhancer
    from dispatch_sb.enhance.live_enhancer import LiveEnhancer

    torch.set_num_threads(1)  # blocks are too small for more
    enhancer = StreamingEnhancer(load(), arguments.keep)
    block = None
    if arguments.block_ms is not None:
        if not 0 < arguments.block_ms < math.inf:
            raise ValueError(
                f"--block-ms is {arguments.block_ms}: give a number above 0."
            )
        block = round(arguments.block_ms * enhancer.sample_rate / 1000)
    live = LiveEnhancer(enhancer, block)
    sys.stderr.write(_first_line(arguments.input, enhancer.sample_rate))
    seconds = 0.1 if sys.stderr.isatty() else 5.0  # between two lines
    with tqdm(bar_format="{desc}", mininterval=seconds, miniters=1) as line:

        def update():
            line.set_description_str(live.line(), refresh=False)
            line.update()

        if arguments.input:
            source, target = arguments.input, arguments.output
            paced = not arguments.fast
            live_sound.live_from_file(live, source, target, paced, update)
            return live.report()
        latencies = live_sound.live_from_microphone(
            live,
            arguments.microphone,
            arguments.loudspeaker,
            arguments.output,
            arguments.seconds,
            update,
        )
    added = 1000 * sum(latencies)
    return f"{live.report()}\nThe sound card adds {added:.1f} ms."


def _first_line(path: str | None, sample_rate: int) -> str:
    """What is to be known before sound flows; may be nothing."""
    from dispatch_sb.data.audio import narrow_band, open_sound

    if not path:
        return "Use headphones. Ctrl-C ends it.\n"
    with open_sound(path) as file:
        words = narrow_band(file.samplerate, sample_rate)
    return words and f"note: {path} is {words}.\n"


COMMAND = Command(
    "live",
    "clean what the microphone hears, now",
    _live_arguments,
    _live,
    examples="""\
  dispatch-sb live --model my-model
  dispatch-sb live --model my-model --keep -12dB
  dispatch-sb live --model my-model --output call.wav --block-ms 32
  dispatch-sb live --model my-model --input noisy.wav --output clean.wav
  dispatch-sb live --list-devices""",
)
