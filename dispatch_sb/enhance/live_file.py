"""A file in the place of the microphone: live enhancement that can be
repeated, as fast as it was spoken or as fast as it goes.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from dispatch_sb.data.files import atomic_path
from dispatch_sb.data.formats import choose_layout
from dispatch_sb.enhance.live_enhancer import LiveEnhancer
from dispatch_sb.enhance.rates import resampler
from dispatch_sb.enhance.sound_files import (
    create_audio,
    open_audio,
    read_blocks,
    write_block,
)


def live_from_file(
    live: LiveEnhancer,
    source: str | os.PathLike,
    target: str | os.PathLike | None = None,
    paced: bool = True,
    update: Callable[[], None] = lambda: None,
) -> None:
    """Feeds a file to a live enhancer; Ctrl-C ends it early.

    The channels become their mean, at the model's rate, as from a microphone.
    A block counts as dropped if it is not ready when the next but one begins:
    a sound card would have played a gap.

    Arguments
    ---------
    live : LiveEnhancer
        Its figures are filled.
    source : str or os.PathLike
        Any format that libsndfile reads.
    target : str or os.PathLike, optional
        Receives what would be heard, without the delay: one channel, aligned
        with the source.
    paced : bool
        Whether a block arrives when it would in reality; else at once.
    update : callable
        Called after each block.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no audio, or damaged.
    """
    with open_audio(source) as file, recording(target, live) as record:
        start, number = time.perf_counter(), 0
        with contextlib.suppress(KeyboardInterrupt):
            for block, samples in _microphone_blocks(file, live):
                number += 1
                arrival = start + number * live.figures.block_seconds
                if paced:
                    time.sleep(max(arrival - time.perf_counter(), 0))
                record(live(block), samples)
                late = time.perf_counter() - arrival
                live.figures.dropped += (
                    paced and late > live.figures.block_seconds
                )
                update()
        record(live.finish(), 0)


@contextlib.contextmanager
def recording(
    target: str | os.PathLike | None, live: LiveEnhancer
) -> Iterator[Callable[[np.ndarray, int], None]]:
    """Gives a function that writes what a live enhancer made, without its
    delay and as long as what it was given.

    Arguments
    ---------
    target : str or os.PathLike or None
        The file; None: nothing is written.
    live : LiveEnhancer
        Whose output it is.

    Yields
    ------
    callable
        Takes a block that was made, and the number of samples that it was
        made of.
    """
    if target is None:
        yield lambda block, samples: None
        return
    target = Path(target)
    layout = choose_layout("WAV", "PCM_16", target.suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    lead, missing = live.delay, 0
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(atomic_path(target))
        output = stack.enter_context(
            create_audio(path, layout, live.sample_rate, 1)
        )

        def record(block, samples):
            nonlocal lead, missing
            missing += samples
            dropped = min(lead, len(block))
            lead -= dropped
            kept = block[dropped:][:missing]
            missing -= len(kept)
            write_block(output, kept[:, None])

        yield record


def _microphone_blocks(
    file: soundfile.SoundFile, live: LiveEnhancer
) -> Iterator[tuple[np.ndarray, int]]:
    """Blocks of the live enhancer's length, one channel at its rate; and how
    many samples of each are the file's (the last one is filled with zeros)."""
    into = resampler(file.samplerate, live.sample_rate, 1)
    pending = np.zeros(0, dtype=np.float32)
    for block in read_blocks(file):
        mono = into(block.mean(axis=1, keepdims=True))[:, 0]
        pending = np.concatenate([pending, mono])
        while len(pending) >= live.block:
            yield pending[: live.block], live.block
            pending = pending[live.block :]
    rest = into(np.zeros((0, 1), dtype=np.float32), last=True)[:, 0]
    pending = np.concatenate([pending, rest])
    for begin in range(0, len(pending), live.block):
        block = pending[begin : begin + live.block]
        yield np.pad(block, (0, live.block - len(block))), len(block)
