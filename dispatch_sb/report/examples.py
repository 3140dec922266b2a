"""The few test files that a report shows: chosen by rank, so that nobody
can pick the pretty ones, cut to one length, and packed as FLAC.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile

from dispatch_sb.data.audio import probe, read_audio
from dispatch_sb.report.canvas import data_uri

ORDER = ("noisy", "student", "teacher", "clean")


@dataclass
class Example:
    """A test file with everything that can be shown of it.

    Arguments
    ---------
    name : str
        Its id in the manifest.
    rank : str
        Why it was chosen: "best", "median", "worst", ….
    signals : dict
        Whole waveforms `[samples]` of those of noisy, student, teacher and
        clean that could be read; all have the same length.
    sample_rate : int
        In Hz.
    missing : list of str
        Sentences about what could not be read.
    """

    name: str
    rank: str
    signals: dict[str, np.ndarray] = field(default_factory=dict)
    sample_rate: int = 16000
    missing: list[str] = field(default_factory=list)


def choose(gain: Mapping[str, float], count: int = 3) -> dict[str, str]:
    """Chooses files at equal steps of rank, from the best to the worst.

    Arguments
    ---------
    gain : mapping
        From `gains`.
    count : int
        How many files; one means the median.

    Returns
    -------
    dict
        The rank of each chosen file in words, best first.

    Example
    -------
    >>> choose({"a": 0.1, "b": 0.5, "c": 0.3, "d": 0.2, "e": 0.4})
    {'b': 'best', 'c': 'median', 'a': 'worst'}
    """
    ranked = sorted(gain, key=lambda name: (-gain[name], name))
    count = min(count, len(ranked))
    last, steps = len(ranked) - 1, max(count - 1, 1)
    if count == 1 and last > 0:
        places = [last // 2]
    else:
        places = [step * last // steps for step in range(count)]
    words = {last // 2: "median", last: "worst", 0: "best"}
    return {
        ranked[place]: words.get(place, f"{place + 1} of {len(ranked)}")
        for place in places
    }


def read_example(
    name: str,
    rank: str,
    entry: Mapping[str, Any],
    enhanced: Mapping[str, str | os.PathLike],
) -> Example:
    """Reads all versions of one test file.

    Arguments
    ---------
    name : str
        Its id.
    rank : str
        Why it was chosen.
    entry : mapping
        ``noisy_wav`` and ``clean_wav``; empty if it is not in the manifest.
    enhanced : mapping
        The file of each system's enhanced speech.

    Returns
    -------
    Example
        What cannot be read is named in `missing`.
    """
    example = Example(name, rank)
    paths = {
        system: entry[f"{system}_wav"]
        for system in ("noisy", "clean")
        if f"{system}_wav" in entry
    }
    paths.update(enhanced)
    if not entry:
        example.missing.append("noisy and clean: not in the test manifest")
    signals, rates = {}, {}
    for system in (name for name in ORDER if name in paths):
        try:
            rates[system] = probe(paths[system]).sample_rate
            signal = read_audio(paths[system], rates.get("noisy"))
            if not np.isfinite(signal).all():
                raise ValueError(f"{paths[system]} holds NaN or infinity.")
            signals[system] = signal
        except (OSError, ValueError) as error:
            example.missing.append(f"{system}: {error}")
    length = min((len(signal) for signal in signals.values()), default=0)
    example.signals = {k: v[:length] for k, v in signals.items() if length}
    example.sample_rate = next(iter(rates.values()), 16000)
    return example


def common_gain(signals: Mapping[str, np.ndarray]) -> float:
    """The factor by which an example's signals fit into 16 bits.

    Arguments
    ---------
    signals : mapping
        Waveforms `[samples]`.

    Returns
    -------
    float
        1 unless one of them exceeds full scale.

    Example
    -------
    >>> common_gain({"noisy": np.array([0.5]), "student": np.array([2.0])})
    0.499
    """
    peaks = [np.abs(s).max(initial=0.0) for s in signals.values()]
    peak = float(max(peaks, default=0.0))
    return 0.998 / peak if peak > 0.9999 else 1.0


def flac_uri(signal: np.ndarray, sample_rate: int) -> str:
    """A waveform as a data URI that browsers play: FLAC, 16 bits, so that
    what one hears is what the network made and not what a codec did.

    Arguments
    ---------
    signal : np.ndarray
        Samples `[samples]` between -1 and 1.
    sample_rate : int
        In Hz.

    Returns
    -------
    str
        The address for an `<audio>` element.

    Example
    -------
    >>> flac_uri(np.zeros(160), 16000)[:23]
    'data:audio/flac;base64,'
    """
    stream = io.BytesIO()
    soundfile.write(stream, signal, sample_rate, "PCM_16", format="FLAC")
    return data_uri("audio/flac", stream.getvalue())
