"""`dispatch-sb live`: a model between microphone and loudspeaker.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import sys
import time

from dispatch_sb.commands.command import Command
from dispatch_sb.commands.model_option import add_model_arguments, model_loader


def _live_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    parser.add_argument(
        "--input",
        metavar="FILE",
        help="a file in the place of the microphone; nothing is played",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="receives the enhanced sound"
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="with --input: as fast as it goes, instead of in real time",
    )
    parser.add_argument(
        "--block-ms",
        type=float,
        help="milliseconds of a block; default: the model's hop. Longer "
        "blocks are safer and later",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        help="end the microphone after so long; default: Ctrl-C",
    )
    for name in ("microphone", "loudspeaker"):
        parser.add_argument(
            f"--{name}", help="number or name; default: the system's"
        )
    parser.add_argument(
        "--list-devices", action="store_true", help="show microphones and all"
    )


def _live(arguments: argparse.Namespace) -> str:
    from dispatch_sb.commands.interrupts import terminated_like_interrupted
    from dispatch_sb.enhance.enhancer import StreamingEnhancer
    from dispatch_sb.enhance.live_enhancer import LiveEnhancer, one_thread
    from dispatch_sb.enhance.live_file import live_from_file
    from dispatch_sb.enhance.sound_card import (
        import_sounddevice,
        live_from_microphone,
    )

    if arguments.list_devices:
        return str(import_sounddevice().query_devices())
    load = model_loader(arguments)
    if not arguments.input:
        import_sounddevice()  # better now than after a download
    with one_thread(), terminated_like_interrupted():
        enhancer = StreamingEnhancer(load())
        live = LiveEnhancer(enhancer, _block(arguments, enhancer))
        line = _LiveLine(live.figures)
        if arguments.input:
            live_from_file(
                live,
                arguments.input,
                arguments.output,
                not arguments.fast,
                line.update,
            )
            card = ""
        else:
            sys.stderr.write("Use headphones. Ctrl-C ends it.\n")
            latencies = live_from_microphone(
                live,
                _device(arguments.microphone),
                _device(arguments.loudspeaker),
                arguments.output,
                arguments.seconds,
                line.update,
            )
            card = f"\nThe sound card adds {1000 * sum(latencies):.1f} ms."
        line.end()
    return live.figures.report(live.latency, live.block, live.sample_rate) + (
        card
    )


def _block(arguments, enhancer) -> int | None:
    """Samples in a block, None for the default."""
    if arguments.block_ms is None:
        return None
    return round(arguments.block_ms * enhancer.sample_rate / 1000)


def _device(name: str | None) -> int | str | None:
    """A device's number, or its name."""
    return int(name) if name and name.isdecimal() else name


class _LiveLine:
    """One line on standard error that is written again and again; in a log,
    one every five seconds."""

    def __init__(self, figures):
        self.figures = figures
        self.terminal = sys.stderr.isatty()
        self.every = 0.1 if self.terminal else 5.0
        self.last = time.monotonic()

    def update(self) -> None:
        """Writes the line if it is time."""
        now = time.monotonic()
        if now - self.last < self.every:
            return
        self.last = now
        begin, end = ("\r", "\x1b[K") if self.terminal else ("", "\n")
        sys.stderr.write(f"{begin}{self.figures.line()}{end}")
        sys.stderr.flush()

    def end(self) -> None:
        """Leaves the line standing."""
        if self.terminal:
            sys.stderr.write("\n")


COMMAND = Command(
    "live",
    "clean what the microphone hears, now",
    _live_arguments,
    _live,
    examples="""\
  dispatch-sb live --model my-model
  dispatch-sb live --model my-model --output call.wav --block-ms 32
  dispatch-sb live --model my-model --input noisy.wav --output clean.wav
  dispatch-sb live --list-devices""",
)
