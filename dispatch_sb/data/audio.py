"""Audio files in and out: one channel of float32 samples; damage is an error
that names file and remedy, and what we write is complete or not there.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import os
import re
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import soundfile
import soxr

from dispatch_sb.data.files import atomic_path
from dispatch_sb.data.files import sha256_of as sha256_of
from dispatch_sb.data.formats import PLAIN

UNKNOWN_SIZE = 0xFFFFFFFF  # written by programs that stream a WAV
UNKNOWN_LENGTH = 1 << 62  # libsndfile's answer to headers without a length
# Others cannot seek, or seek to elsewhere (MP3).
SEEKABLE = (*PLAIN, "ALAW", "ULAW", "VORBIS", "OPUS")
RATES = range(1000, 1_000_001)  # in Hz; all others are damage
BLOCK = 1 << 16  # samples that are decoded at a time to count them
# What libsndfile notes of files that end early, and of what follows an end.
SHORTER = re.compile(
    r"^ *(?:data|SSND|Data Size|riff) *: (\d+) \(should be (\d+)\)",
    re.MULTILINE,
)
NO_END = "without an End-Of-Stream flag"
MORE = "Junk after the last page"
BITS = {"PCM_16": 16, "PCM_24": 24}
CONVERT_REMEDY = (
    'convert the folder once with: python -c "from dispatch_sb.data import '
    "convert_folder; convert_folder('{folder}', 'NEW_FOLDER', {rate})\""
)


class AudioInfo(NamedTuple):
    """A file's header: samples per channel, rate in Hz, channels."""

    samples: int
    sample_rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """The duration in seconds."""
        return self.samples / self.sample_rate


class StoredFile(NamedTuple):
    """A file's content under its name, which is read where a path is taken.

    Arguments
    ---------
    name : str
        Stands in messages.
    content : bytes
        The whole file.

    Example
    -------
    >>> import soundfile
    >>> content = io.BytesIO()
    >>> soundfile.write(content, np.zeros(8), 16000, format="FLAC")
    >>> probe(StoredFile("a.tar/1.flac", content.getvalue())).samples
    8
    """

    name: str
    content: bytes

    def __fspath__(self) -> str:
        return self.name

    def __str__(self) -> str:
        return self.name


def probe(path: str | os.PathLike) -> AudioInfo:
    """Reads the header of an audio file, and checks that the file is as
    long as its header promises (the samples themselves are not read).

    Arguments
    ---------
    path : str or os.PathLike
        Any format that libsndfile reads: WAV, FLAC, Ogg, ….

    Returns
    -------
    AudioInfo
        Samples, sample rate and channels.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is empty, no audio, or truncated.

    Example
    -------
    >>> path = getfixture("tmp_path") / "one_second.wav"
    >>> write_audio(path, np.zeros(16000))
    >>> probe(path)
    AudioInfo(samples=16000, sample_rate=16000, channels=1)
    """
    with open_sound(path) as file:
        return AudioInfo(file.frames, file.samplerate, file.channels)


def read_audio(
    path: str | os.PathLike, sample_rate: int | None = 16000
) -> np.ndarray:
    """Reads a whole file of one channel.

    Arguments
    ---------
    path : str or os.PathLike
        Any format that libsndfile reads.
    sample_rate : int or None
        The rate in Hz that the file must have; None takes any.

    Returns
    -------
    np.ndarray
        float32 samples `[samples]`; integer formats are scaled to [-1, 1).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read completely, has another sample rate, or more
        channels than one.

    Example
    -------
    >>> path = getfixture("tmp_path") / "tone.wav"
    >>> write_audio(path, np.full(8, 0.25))
    >>> read_audio(path)[:2]
    array([0.25, 0.25], dtype=float32)
    """
    samples, info = read_channels(path)
    check_format(path, info, sample_rate)
    return samples[:, 0]


def read_channels(
    path: str | os.PathLike, start: int = 0, count: int | None = None
) -> tuple[np.ndarray, AudioInfo]:
    """Reads a file, or a part of it, of any rate and number of channels.

    Arguments
    ---------
    path : str or os.PathLike
        As for `probe`, which says the errors too.
    start : int
        The first sample that is read.
    count : int or None
        How many samples are read; None reads to the end.

    Returns
    -------
    tuple of np.ndarray and AudioInfo
        float32 samples `[samples, channels]`, and the file's header.
    """
    with open_sound(path) as file:
        info = AudioInfo(file.frames, file.samplerate, file.channels)
        count = info.samples - start if count is None else count
        try:
            if start and file.subtype in SEEKABLE:
                file.seek(start)
            elif start:
                file.read(start, "float32")
            samples = file.read(count, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise _damaged(
                path, f"cannot be read as audio ({error})"
            ) from error
    if len(samples) < count:
        raise _damaged(path, f"ends after {start + len(samples)} samples")
    return samples, info


def check_format(
    path: str | os.PathLike, info: AudioInfo, sample_rate: int | None
) -> None:
    """Raises a ValueError, with the command that converts a folder, unless
    a file has one channel and the wanted sample rate.

    Arguments
    ---------
    path : str or os.PathLike
        The file, for the message.
    info : AudioInfo
        What its header says.
    sample_rate : int or None
        The wanted rate in Hz; None takes any.
    """
    remedy = CONVERT_REMEDY.format(
        folder=Path(path).parent, rate=sample_rate or info.sample_rate
    )
    if info.channels != 1:
        raise ValueError(
            f"{path} has {info.channels} channels instead of one: {remedy}"
        )
    if sample_rate is not None and info.sample_rate != sample_rate:
        narrow = narrow_band(info.sample_rate, sample_rate)
        if narrow:
            remedy = f"no conversion adds it; take other audio, or {remedy}"
        raise ValueError(
            f"{path} has a sample rate of {info.sample_rate} Hz instead of "
            f"{sample_rate} Hz{narrow and ', is '}{narrow}: {remedy}"
        )


def narrow_band(sample_rate: int, wanted: int) -> str:
    """Says what a signal lacks beside those of a higher sample rate.

    Arguments
    ---------
    sample_rate : int
        Of the signal, in Hz.
    wanted : int
        That of a model, in Hz.

    Returns
    -------
    str
        Words for a sentence; none if it lacks nothing.

    Example
    -------
    >>> narrow_band(8000, 16000)
    'narrow band, with nothing above 4 kHz'
    >>> narrow_band(48000, 16000)
    ''
    """
    if sample_rate >= wanted:
        return ""
    return f"narrow band, with nothing above {sample_rate / 2000:g} kHz"


def resample(signal: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Changes the sample rate with soxr at its HQ quality.

    Arguments
    ---------
    signal : np.ndarray
        `[samples]` or `[samples, channels]`.
    from_rate, to_rate : int
        The sample rate that it has, and the one that it gets, in Hz.

    Returns
    -------
    np.ndarray
        float32, round(samples * to_rate / from_rate) samples long.

    Example
    -------
    >>> resample(np.zeros(48000), 48000, 16000).shape
    (16000,)
    """
    signal = np.asarray(signal, dtype=np.float32)
    if from_rate == to_rate:
        return signal
    return soxr.resample(signal, from_rate, to_rate, quality="HQ")


def write_audio(
    path: str | os.PathLike,
    signal: np.ndarray,
    sample_rate: int = 16000,
    subtype: str = "FLOAT",
) -> None:
    """Writes one channel atomically: the file is complete or not there.

    Arguments
    ---------
    path : str or os.PathLike
        The file; its suffix selects the format. Missing folders are made.
    signal : np.ndarray
        Samples `[samples]`, full scale 1.0. Integer formats clip beyond.
    sample_rate : int
        In Hz.
    subtype : str
        "FLOAT", "PCM_16" or "PCM_24" (FLAC holds integers only).

    Raises
    ------
    ValueError
        If the signal has not one dimension, or the format does not hold
        the subtype.

    Example
    -------
    >>> path = getfixture("tmp_path") / "sub" / "silence.flac"
    >>> write_audio(path, np.zeros(16), subtype="PCM_16")
    >>> read_audio(path).shape
    (16,)
    """
    path = Path(path)
    signal = np.asarray(signal, dtype=np.float32)
    if signal.ndim != 1:
        raise ValueError(
            f"{path}: a signal of shape {signal.shape} was given, pass one "
            "channel [samples]."
        )
    audio_format = path.suffix[1:].upper()
    if not soundfile.check_format(audio_format, subtype):
        raise ValueError(
            f"{path}: {audio_format or 'a file without suffix'} cannot hold "
            f"{subtype}, use a .wav file or the subtype PCM_16."
        )
    if subtype in BITS:  # libsndfile would round WAV down, not to nearest
        full = 2.0 ** (BITS[subtype] - 1)
        steps = np.rint(signal * full).clip(-full, full - 1).astype(np.int32)
        signal = steps << (32 - BITS[subtype])
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path, listed=False) as temporary:
        # Into memory: libsndfile does not tell why it could not write a file.
        content = io.BytesIO()
        soundfile.write(
            content, signal, sample_rate, subtype, format=audio_format
        )
        temporary.write_bytes(content.getbuffer())


class Sound(soundfile.SoundFile):
    """A sound file that is read from its beginning on, open for reading.

    Where the header does not say how many samples there are (FLAC that was
    written into a pipe), they are decoded once and counted.

    Arguments
    ---------
    source : str or BinaryIO
        See `open_sound`, which says what is wrong with it.
    """

    frames = 0  # soundfile's property, as far as that is true

    def __init__(self, source: str | BinaryIO):
        super().__init__(source)
        self.frames = super().frames
        if self.frames >= UNKNOWN_LENGTH:
            self.frames = 0
            while taken := len(self.read(BLOCK, "float32", always_2d=True)):
                self.frames += taken
            self.seek(0)

    def seekable(self) -> bool:
        """False: soundfile would seek after each reading, to where some
        files cannot."""
        return False


def open_sound(source: str | os.PathLike | BinaryIO) -> Sound:
    """Opens an audio file, once it is known to be whole.

    Arguments
    ---------
    source : str or os.PathLike or BinaryIO
        A path or a `StoredFile`; or a binary file that can seek, which may be
        shorter than its header promises: programs that write into pipes do
        not know better.

    Returns
    -------
    Sound
        To be closed by the caller.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is empty, no audio, or truncated.
    """
    name, streamed = source, not isinstance(source, (str, os.PathLike))
    if isinstance(source, StoredFile):
        source = io.BytesIO(source.content)
    elif streamed:
        name = "standard input"
    elif not os.path.isfile(source):
        raise FileNotFoundError(
            f"{source} does not exist, or is no regular file: check the path, "
            "or prepare the data again."
        )
    elif not os.path.getsize(source):
        raise _damaged(name, "is an empty file (0 bytes)")
    else:
        source = os.fspath(source)
    try:
        promised, held, place = _wav_data(source)
        if held and not promised:
            opened = open(source, "rb") if isinstance(source, str) else source
            promised, source = held, _Source(opened, place)
        elif not isinstance(source, str):
            source = _Source(source)
        file = Sound(source)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} has a name that is not UTF-8: rename it."
        ) from error
    except TypeError as error:  # soundfile's word for headerless files
        raise ValueError(
            f"{name} has no header that says its rate: convert it to WAV."
        ) from error
    except soundfile.SoundFileError as error:
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise _damaged(name, f"cannot be read as audio ({reason})") from error
    problem = _problem(file, promised, held, streamed)
    if problem:
        file.close()
        raise _damaged(name, problem)
    return file


def _problem(file: Sound, promised: int, held: int, streamed: bool) -> str:
    """Why an open file is not what its header promises; empty if it is."""
    if file.samplerate not in RATES:
        return f"says that its sample rate is {file.samplerate} Hz"
    told = file.extra_info
    noted = SHORTER.search(told)
    if noted and not promised:
        promised, held = map(int, noted.groups())
    if promised > held and not streamed:
        return (
            f"is truncated (its header promises {promised} bytes of samples, "
            f"it holds {held})"
        )
    if NO_END in told:
        return "is truncated (the end of its Ogg stream is missing)"
    if MORE in told:
        return "holds several Ogg streams, which have to be one (ffmpeg -i)"
    return ""


class _Source:
    """A binary file as libsndfile reads it: a damaged header may point before
    its beginning. A WAV that is said to hold no samples, though they follow
    (its writer was killed), says at ``place`` that it does not know."""

    def __init__(self, file: BinaryIO, place: int | None = None):
        self._file, self.tell = file, file.tell
        self._size = range(place, place + 4) if place else ()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves, as far as that is inside."""
        return self._file.seek(offset if whence else max(offset, 0), whence)

    def read(self, count: int = -1) -> bytes:
        """Reads on."""
        start = self.tell()
        content = bytearray(self._file.read(count))
        for place in self._size:
            if 0 <= place - start < len(content):
                content[place - start] = 0xFF
        return bytes(content)


def _wav_data(source: str | BinaryIO) -> tuple[int, int, int]:
    """Bytes of samples that a WAV's header promises, and that it holds; and
    where it promises."""
    # libsndfile silently shortens a truncated WAV, so we look ourselves.
    if not isinstance(source, str):
        found = _data_chunk(source)
        source.seek(0)
        return found
    with open(source, "rb") as file:
        return _data_chunk(file)


def _data_chunk(file: BinaryIO) -> tuple[int, int, int]:
    """What `_wav_data` says of an open file; zeros if it is no WAV."""
    order = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">"}.get(file.read(4))
    if order is None:
        return 0, 0, 0
    total = file.seek(0, os.SEEK_END)
    file.seek(12)
    long = UNKNOWN_SIZE
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack(f"{order}4sI", header)
        start = file.tell()
        if name == b"data":
            size = long if size == UNKNOWN_SIZE else size
            held = total - start
            if size == UNKNOWN_SIZE:
                size = held
            elif not size and _is_chunk(file.read(8), order, held):
                held = 0
            return size, held, start - 4
        if name == b"ds64" and size >= 16:
            long = struct.unpack("<8xQ", file.read(16))[0]
        file.seek(start + size + size % 2)
    return 0, 0, 0


def _is_chunk(header: bytes, order: str, held: int) -> bool:
    """Whether bytes are the header of a chunk rather than samples."""
    if len(header) < 8:
        return True
    name, size = struct.unpack(f"{order}4sI", header)
    return name.isascii() and name.decode().isprintable() and size < held


def _damaged(path, what: str) -> ValueError:
    """The error for a file that is not as it was once written."""
    return ValueError(f"{path} {what}: copy or unpack it again, or delete it.")
