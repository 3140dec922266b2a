"""Spectrograms that can be compared: one colour scale, labelled axes.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dispatch_sb.report.canvas import new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DYNAMIC_RANGE = 70.0  # dB from the darkest to the brightest colour
QUIETEST = -120.0  # dB: what digital silence is shown as


def spectrogram(
    signal: np.ndarray, n_fft: int = 512, hop: int = 128
) -> np.ndarray:
    """Levels of a centred short-time Fourier transform (Hann window).

    Arguments
    ---------
    signal : np.ndarray
        Waveform `[samples]`, full scale 1.
    n_fft : int
        Length of frame, window and transform in samples.
    hop : int
        Samples between two frames.

    Returns
    -------
    np.ndarray
        `[n_fft // 2 + 1, 1 + samples // hop]` in dB; a sine of full scale
        has 0 dB, nothing has less than -120 dB.

    Example
    -------
    >>> tone = np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000))
    >>> levels = spectrogram(tone)
    >>> levels.shape, bool(abs(levels[32, 60]) < 0.01)
    ((257, 126), True)
    """
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    padded = np.pad(np.asarray(signal, dtype=np.float64), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    magnitude = np.abs(np.fft.rfft(frames * window)).T * 2 / window.sum()
    return 20 * np.log10(np.maximum(magnitude, 10 ** (QUIETEST / 20)))


def colour_range(signals: Sequence[np.ndarray]) -> tuple[float, float]:
    """The levels that the darkest and the brightest colour stand for, so
    that several spectrograms can be compared.

    Arguments
    ---------
    signals : sequence of np.ndarray
        All the waveforms `[samples]` that will be shown together.

    Returns
    -------
    tuple of float
        Lowest and highest level in dB, 70 dB apart.

    Example
    -------
    >>> colour_range([np.zeros(600), np.ones(600)])
    (-63.0, 7.0)
    """
    top = max(float(spectrogram(signal).max()) for signal in signals)
    return float(np.ceil(top)) - DYNAMIC_RANGE, float(np.ceil(top))


@styled
def spectrogram_figure(
    signal: np.ndarray,
    sample_rate: int,
    levels: tuple[float, float] | None = None,
    title: str = "",
) -> "Figure":
    """One spectrogram with its axes.

    Arguments
    ---------
    signal : np.ndarray
        Waveform `[samples]`.
    sample_rate : int
        In Hz.
    levels : tuple of float or None
        From `colour_range`; None takes the signal's own.
    title : str
        Stands above the picture.

    Returns
    -------
    matplotlib.figure.Figure
        Time in s to the right, frequency in kHz upwards, level as colour.

    Example
    -------
    >>> figure = spectrogram_figure(np.zeros(16000), 16000)
    >>> [float(end) for end in figure.axes[0].get_ylim()]
    [0.0, 8.0]
    """
    figure = new_figure(4.6, 2.3)
    axes = figure.add_subplot()
    draw_spectrogram(axes, signal, sample_rate, levels)
    axes.set_title(title)
    return figure


@styled
def colour_bar_figure(levels: tuple[float, float]) -> "Figure":
    """The colour scale that several spectrograms share.

    Arguments
    ---------
    levels : tuple of float
        From `colour_range`.

    Returns
    -------
    matplotlib.figure.Figure
        A horizontal strip with its levels in dB.

    Example
    -------
    >>> colour_bar_figure((-64.0, 6.0)).axes[0].get_xlabel()
    'level (dB, a sine of full scale has 0 dB)'
    """
    figure = new_figure(4.6, 0.7)
    axes = figure.add_subplot()
    axes.imshow(
        np.linspace(0, 1, 64)[None],
        aspect="auto",
        cmap="magma",
        interpolation="none",
        extent=(*levels, 0, 1),
    )
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlabel("level (dB, a sine of full scale has 0 dB)")
    return figure


def draw_spectrogram(
    axes: "Axes",
    signal: np.ndarray,
    sample_rate: int,
    levels: tuple[float, float] | None = None,
):
    """Draws a spectrogram into axes; see `spectrogram_figure`.

    Arguments
    ---------
    axes : matplotlib.axes.Axes
        Where to draw.
    signal : np.ndarray
        Waveform `[samples]`.
    sample_rate : int
        In Hz.
    levels : tuple of float or None
        From `colour_range`; None takes the signal's own.

    Returns
    -------
    matplotlib.image.AxesImage
        What was drawn, for a colour bar.
    """
    import matplotlib

    lowest, highest = levels or colour_range([signal])
    picture = spectrogram(signal)
    half_bin = sample_rate / 2 / (len(picture) - 1) / 2 / 1000
    half_frame = 64 / sample_rate
    image = axes.imshow(
        picture,
        aspect="auto",
        origin="lower",
        interpolation="none",
        cmap=matplotlib.colormaps["magma"].resampled(64),
        vmin=lowest,
        vmax=highest,
        extent=(
            -half_frame,
            (2 * picture.shape[1] - 1) * half_frame,
            -half_bin,
            sample_rate / 2000 + half_bin,
        ),
    )
    label_axes(axes, (0.0, len(signal) / sample_rate), sample_rate / 2000)
    return image


def label_axes(axes: "Axes", span: tuple[float, float], top_khz: float) -> None:
    """Limits and labels of a picture over time and frequency.

    Arguments
    ---------
    axes : matplotlib.axes.Axes
        What to label.
    span : tuple of float
        Begin and end in s.
    top_khz : float
        Highest frequency in kHz.
    """
    axes.set_xlim(*span)
    axes.set_ylim(0.0, top_khz)
    axes.set_xlabel("time (s)")
    axes.set_ylabel("frequency (kHz)")
    axes.tick_params(length=3)
