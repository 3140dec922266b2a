"""`dispatch-sb live`: a model between microphone and loudspeaker.

Authors
 * The dispatch-sb contributors, 2026
"""

import math
import sys

from dispatch_sb.commands.command import described
from dispatch_sb.commands.model_option import model_loader


def _live(source, target, fast, block_ms, list_devices, keep, **options) -> str:
    from dispatch_sb.enhance import NoiseFloor, live_sound

    NoiseFloor(keep)  # what is wrong with it, now
    if list_devices:
        return str(live_sound.import_sounddevice().query_devices())
    load = model_loader(options)
    if not source:
        live_sound.import_sounddevice()  # better now than after a download

    import torch
    from tqdm import tqdm

    from dispatch_sb.enhance.enhancer import StreamingEnhancer
    from dispatch_sb.enhance.live_enhancer import LiveEnhancer

    torch.set_num_threads(1)  # blocks are too small for more
    enhancer = StreamingEnhancer(load(), keep)
    block = None
    if block_ms is not None:
        if not 0 < block_ms < math.inf:
            raise ValueError(
                f"--block-ms is {block_ms}: give a number above 0."
            )
        block = round(block_ms * enhancer.sample_rate / 1000)
    live = LiveEnhancer(enhancer, block)
    sys.stderr.write(_first_line(source, enhancer.sample_rate))
    seconds = 0.1 if sys.stderr.isatty() else 5.0  # between two lines
    with tqdm(bar_format="{desc}", mininterval=seconds, miniters=1) as line:

        def update():
            line.set_description_str(live.line(), refresh=False)
            line.update()

        if source:
            live_sound.live_from_file(live, source, target, not fast, update)
            return live.report()
        for name in ("microphone", "loudspeaker"):
            if (options[name] or "").isdecimal():  # else it is a device's name
                options[name] = int(options[name])
        latencies = live_sound.live_from_microphone(
            live, target=target, update=update, **options
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


COMMAND = described("live", _live)
