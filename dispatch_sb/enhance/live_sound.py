"""Where live sound comes from and goes to: a microphone and a loudspeaker,
through PortAudio, or a file in the place of the microphone.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import os
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import soundfile

from dispatch_sb.data.audio import open_sound
from dispatch_sb.data.formats import choose_layout
from dispatch_sb.enhance.live_enhancer import LiveEnhancer
from dispatch_sb.enhance.sound_files import (
    audio_writer,
    read_blocks,
    resampled,
)

UPDATE_SECONDS = 0.1


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
        If it is no audio, or damaged, or the target is the source.
    """
    if target and os.path.realpath(target) == os.path.realpath(source):
        raise ValueError(f"{target} is the input: write to another file.")
    with open_sound(source) as file, _recording(target, live) as record:
        arrival = time.perf_counter()
        with contextlib.suppress(KeyboardInterrupt):
            for block in _microphone_blocks(file, live):
                arrival += live.block_seconds
                if paced:
                    time.sleep(max(arrival - time.perf_counter(), 0))
                record(live(block))
                late = time.perf_counter() - arrival
                live.dropped += paced and late > live.block_seconds
                update()


def _microphone_blocks(
    file: soundfile.SoundFile, live: LiveEnhancer
) -> Iterator[np.ndarray]:
    """A file as the live enhancer's blocks, one channel at its rate; the last
    may be shorter."""
    mono = (block.mean(axis=1, keepdims=True) for block in read_blocks(file))
    pending = np.zeros(0, dtype=np.float32)
    for block in resampled(mono, file.samplerate, live.sample_rate, 1):
        pending = np.concatenate([pending, block[:, 0]])
        while len(pending) >= live.block:
            yield pending[: live.block]
            pending = pending[live.block :]
    if len(pending):
        yield pending


@contextlib.contextmanager
def _recording(
    target: str | os.PathLike | None, live: LiveEnhancer
) -> Iterator[Callable[[np.ndarray], None]]:
    """What takes the blocks that a live enhancer makes, and at the end its
    rest, and writes them without the delay."""
    if target is None:
        yield lambda block: None
        return
    layout = choose_layout("WAV", "PCM_16", Path(target).suffix)
    lead = live.delay
    with audio_writer(target, layout, live.sample_rate, 1) as write:

        def record(block):
            nonlocal lead
            write(block[lead:, None])
            lead = max(lead - len(block), 0)

        yield record
        record(live.finish())


def import_sounddevice() -> ModuleType:
    """Imports sounddevice, which needs the library PortAudio.

    Returns
    -------
    module
        sounddevice.

    Raises
    ------
    ImportError
        If either is not there.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise ImportError(
            'live sound needs sounddevice: pip install "dispatch-sb[live]".'
        ) from error
    except OSError as error:
        raise ImportError(
            "live sound needs the library PortAudio: install it (Debian, "
            "Ubuntu: apt install libportaudio2; Fedora: dnf install "
            "portaudio; macOS: brew install portaudio), or use --input FILE."
        ) from error
    return sounddevice


def live_from_microphone(
    live: LiveEnhancer,
    microphone: int | str | None = None,
    loudspeaker: int | str | None = None,
    target: str | os.PathLike | None = None,
    seconds: float | None = None,
    update: Callable[[], None] = lambda: None,
) -> tuple[float, float]:
    """Enhances what the microphone hears until Ctrl-C.

    A block counts as dropped if PortAudio says that samples were lost before
    it, or that it came too late.

    Arguments
    ---------
    live : LiveEnhancer
        Called in PortAudio's thread; its figures are filled.
    microphone, loudspeaker : int or str, optional
        Number, or part of the name, of a device; default: the system's.
    target : str or os.PathLike, optional
        Receives what is heard, without the delay.
    seconds : float, optional
        Ends it after so long.
    update : callable
        Called ten times a second.

    Returns
    -------
    tuple of (float, float)
        Latencies of input and output in seconds, as PortAudio reports them.

    Raises
    ------
    ImportError
        If sounddevice or PortAudio is missing.
    RuntimeError
        If the devices do not work.
    """
    sounddevice = import_sounddevice()
    made: queue.SimpleQueue = queue.SimpleQueue()
    problems = []

    def callback(incoming, outgoing, frames, times, status):
        try:
            live.dropped += bool(status)  # samples lost before or after it
            block = live(incoming[:, 0])
            outgoing[:, 0] = block
            made.put(block)
        except Exception as error:  # PortAudio's thread would only print it
            problems.append(error)
            raise sounddevice.CallbackAbort from error

    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    with _recording(target, live) as record:
        try:
            stream = sounddevice.Stream(
                samplerate=live.sample_rate,
                blocksize=live.block,
                device=(microphone, loudspeaker),
                channels=1,
                dtype="float32",
                latency="low",
                callback=callback,
            )
            with stream, contextlib.suppress(KeyboardInterrupt):
                while time.monotonic() < end and stream.active:
                    time.sleep(UPDATE_SECONDS)
                    _drain(made, record)
                    update()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise RuntimeError(
                f"the sound devices do not work at {live.sample_rate} Hz with "
                f"one channel ({error}): `dispatch-sb live --list-devices` "
                "shows the others."
            ) from error
        _drain(made, record)
    if problems:
        raise RuntimeError(f"the enhancement failed: {problems[0]}")
    return stream.latency


def _drain(made: queue.SimpleQueue, record) -> None:
    """Records the blocks that wait: never done in PortAudio's thread."""
    while not made.empty():
        record(made.get())
