"""Which format an enhanced file is written in, beside that of its source.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import os
from pathlib import Path
from typing import NamedTuple

import soundfile

# What folders are searched for. libsndfile reads more, if named one by one.
SUFFIXES = tuple(
    ".aif .aifc .aiff .au .caf .flac .mp2 .mp3 .oga .ogg .opus .rf64 .snd "
    ".sph .voc .w64 .wav .wave".split()
)
FORMATS = {
    "aif": "AIFF",
    "aifc": "AIFF",
    "oga": "OGG",
    "opus": "OGG",
    "snd": "AU",
    "sph": "NIST",
    "wave": "WAV",
}
PLAIN = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
FLOATS = ("FLOAT", "DOUBLE", "PCM_32")


class Layout(NamedTuple):
    """How a file is written: libsndfile's names, and the file's suffix.

    Arguments
    ---------
    format : str
        Such as ``"WAV"``.
    subtype : str
        Such as ``"PCM_24"``.
    suffix : str
        Such as ``".wav"``; empty: the suffix of the source.
    """

    format: str
    subtype: str
    suffix: str


def choose_layout(
    source_format: str, subtype: str, wanted: str | None = None
) -> Layout:
    """How the enhanced version of a file is written.

    The same as the source if nothing else is wanted; WAV if libsndfile can
    read but not write that. In another format, a subtype that is not
    compressed is kept if there is such a one, and float samples become 24 bits
    rather than 16.

    Arguments
    ---------
    source_format, subtype : str
        Of the source, as `soundfile` names them.
    wanted : str, optional
        A format or file suffix, such as ``"flac"``.

    Returns
    -------
    Layout
        Format, subtype and suffix.

    Raises
    ------
    ValueError
        If libsndfile does not write the wanted format.

    Example
    -------
    >>> choose_layout("WAV", "FLOAT", "flac")
    Layout(format='FLAC', subtype='PCM_24', suffix='.flac')
    >>> choose_layout("MP3", "MPEG_LAYER_III")
    Layout(format='MP3', subtype='MPEG_LAYER_III', suffix='')
    """
    suffix = f".{wanted.lower().lstrip('.')}" if wanted else ""
    name = format_of(suffix) if wanted else source_format
    if wanted == "opus" or suffix == ".opus":
        return Layout("OGG", "OPUS", suffix)
    if name == "WAV" and source_format == "WAVEX":
        name = source_format
    choices = [subtype] if subtype in PLAIN or name == source_format else []
    if wanted:
        choices += ["PCM_24"] if subtype in FLOATS else []
        choices.append(soundfile.default_subtype(name))
    for choice in choices:
        if choice and _is_writable(name, choice):
            return Layout(name, choice, suffix)
    return Layout("WAV", "PCM_16", ".wav")


def _is_writable(name: str, subtype: str) -> bool:
    """Whether libsndfile writes it: its table also lists what it only reads,
    and layers I and II of MPEG would silently become layer III."""
    if subtype in ("MPEG_LAYER_I", "MPEG_LAYER_II"):
        return False
    try:
        soundfile.SoundFile(
            io.BytesIO(), "w", 16000, 1, subtype, format=name
        ).close()
    except (soundfile.SoundFileError, ValueError):
        return False
    return True


def format_of(suffix: str) -> str:
    """libsndfile's format of a file suffix.

    Arguments
    ---------
    suffix : str
        Such as ``".aif"``.

    Returns
    -------
    str
        Such as ``"AIFF"``.

    Raises
    ------
    ValueError
        If it is none that can be written.

    Example
    -------
    >>> format_of(".oga")
    'OGG'
    """
    name = suffix.lower().lstrip(".")
    name = FORMATS.get(name, name.upper())
    if name == "RAW" or name not in soundfile.available_formats():
        raise ValueError(
            f"{suffix.lstrip('.') or 'no suffix'} is no audio format that "
            "can be written: take wav, flac, ogg, opus, mp3, aiff, w64, …."
        )
    return name


def is_audio_name(path: str | os.PathLike) -> bool:
    """Whether a file's name says that it is audio.

    Arguments
    ---------
    path : str or os.PathLike
        The file.

    Returns
    -------
    bool
        True for a known suffix.

    Example
    -------
    >>> is_audio_name("a.FLAC"), is_audio_name("folder.d/a")
    (True, False)
    """
    return Path(path).suffix.lower() in SUFFIXES
