"""From the microphone to the loudspeaker, through PortAudio.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import os
import queue
import time
from collections.abc import Callable, Iterator
from types import ModuleType

from dispatch_sb.enhance.live_enhancer import LiveEnhancer
from dispatch_sb.enhance.live_file import recording

UPDATE_SECONDS = 0.1


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
        Receives what is heard, see `recording`.
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
            live.figures.dropped += _lost(status)
            block = live(incoming[:, 0])
            outgoing[:, 0] = block
            made.put(block)
        except Exception as error:  # PortAudio's thread would only print it
            problems.append(error)
            raise sounddevice.CallbackAbort from error

    with _explained(sounddevice, live):
        stream = sounddevice.Stream(
            samplerate=live.sample_rate,
            blocksize=live.block,
            device=(microphone, loudspeaker),
            channels=1,
            dtype="float32",
            latency="low",
            callback=callback,
        )
    with recording(target, live) as record:
        with _explained(sounddevice, live), stream:
            with contextlib.suppress(KeyboardInterrupt):
                _wait(stream, problems, made, record, seconds, update)
            latency = stream.latency
        _drain(made, record)
        record(live.finish(), 0)
    if problems:
        raise RuntimeError(f"the enhancement failed: {problems[0]}")
    return latency


@contextlib.contextmanager
def _explained(sounddevice: ModuleType, live: LiveEnhancer) -> Iterator[None]:
    """PortAudio's errors with a remedy; unknown devices are ValueErrors."""
    try:
        yield
    except (sounddevice.PortAudioError, ValueError) as error:
        raise RuntimeError(
            f"the sound devices do not work at {live.sample_rate} Hz with one "
            f"channel ({error}): `dispatch-sb live --list-devices` shows the "
            "others."
        ) from error


def _wait(stream, problems, made, record, seconds, update) -> None:
    """Writes what was made, until the time is over or something is wrong."""
    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    while time.monotonic() < end and not problems and stream.active:
        time.sleep(UPDATE_SECONDS)
        _drain(made, record)
        update()


def _drain(made: queue.SimpleQueue, record) -> None:
    """Writes the blocks that wait: never done in PortAudio's thread."""
    while not made.empty():
        block = made.get()
        record(block, len(block))


def _lost(status) -> bool:
    """Whether PortAudio says that sound was lost; priming is no loss."""
    return bool(
        status.input_overflow
        or status.input_underflow
        or status.output_underflow
        or status.output_overflow
    )
