"""Signals to see and to hear: all versions of a recording on one colour scale
and of one volume, packed as FLAC.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import soundfile

from dispatch_sb.report import spectrograms
from dispatch_sb.report.canvas import data_uri, to_svg


def common_gain(signals: Mapping[str, np.ndarray]) -> float:
    """The factor by which a recording's versions fit into 16 bits.

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
    >>> common_gain({"noisy": np.array([0.5]), "student": np.array([-2.0])})
    0.499
    >>> common_gain({"noisy": np.array([-0.9])})
    1.0
    """
    peak = max(float(np.abs(s).max(initial=0.0)) for s in signals.values())
    return 0.998 / peak if peak > 0.9999 else 1.0


def players(
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    key: str,
    about: Mapping[str, str],
    file: str = "",
) -> dict[str, Any]:
    """Draws and packs versions of one recording.

    Arguments
    ---------
    signals : mapping
        Waveforms `[samples]` by name.
    sample_rate : int
        In Hz.
    key : str
        Unique; begins every identifier.
    about : mapping
        What there is to say of those signals that it names.
    file : str
        What the recording is called, if anything.

    Returns
    -------
    dict
        "cards", one per signal, for the macro `player` of `parts.html`;
        "scale", their colour scale; and "notes", a sentence where they are
        not as loud as the recording.
    """
    levels, gain = (
        spectrograms.colour_range(list(signals.values())),
        common_gain(signals),
    )
    what = f"Spectrogram of {file}" if file else "Spectrogram"
    cards = []
    for name, signal in signals.items():
        alt = f"{what}, {name}, 0 to {len(signal) / sample_rate:.1f} s"
        figure = spectrograms.spectrogram_figure(signal, sample_rate, levels)
        # 16 bits without loss, so that one hears what the network made and
        # not what a codec did.
        flac = io.BytesIO()
        soundfile.write(
            flac, signal * gain, sample_rate, "PCM_16", format="FLAC"
        )
        cards.append(
            {
                "name": name,
                "about": about.get(name, ""),
                "label": f"{file}, {name}" if file else name,
                "picture": to_svg(figure, f"{key}-{name}", alt),
                "sound": data_uri("audio/flac", flac.getvalue()),
            }
        )
    alt = f"Colour scale from {levels[0]:.0f} to {levels[1]:.0f} dB"
    scale = to_svg(spectrograms.colour_bar_figure(levels), f"{key}-scale", alt)
    notes = [
        f"All players are {gain:.2f} times as loud as the recording, so that "
        "none of them clips."
    ]
    return {"cards": cards, "scale": scale, "notes": notes if gain < 1 else []}
