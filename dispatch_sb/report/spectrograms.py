"""Spectrograms that can be compared: one colour scale, labelled axes.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from dispatch_sb.report.canvas import new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_FFT = 512  # samples of a frame, its window and its transform
HOP = 128  # samples from one frame to the next
DYNAMIC_RANGE = 70.0  # dB from the darkest to the brightest colour
QUIETEST = -120.0  # dB: what digital silence is shown as


def spectrogram(signal: np.ndarray) -> np.ndarray:
    """Levels of a centred short-time Fourier transform (Hann window).

    Arguments
    ---------
    signal : np.ndarray
        Waveform `[samples]`, full scale 1.

    Returns
    -------
    np.ndarray
        `[257, 1 + samples // 128]` in dB; a sine of full scale
        has 0 dB, nothing has less than -120 dB.

    Example
    -------
    >>> tone = np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000))
    >>> levels = spectrogram(tone)
    >>> levels.shape, bool(abs(levels[32, 60]) < 0.01)
    ((257, 126), True)
    """
    window = torch.hann_window(N_FFT, dtype=torch.float64)
    frames = torch.stft(
        torch.as_tensor(signal, dtype=torch.float64),
        N_FFT,
        HOP,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )
    magnitude = frames.abs() * 2 / window.sum()
    return 20 * magnitude.clamp(min=10 ** (QUIETEST / 20)).log10().numpy()


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
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure = new_figure(4.6, 0.7)
    axes = figure.add_subplot()
    bar = figure.colorbar(
        ScalarMappable(Normalize(*levels), "magma"),
        axes,
        orientation="horizontal",
        label="level (dB, a sine of full scale has 0 dB)",
    )
    bar.outline.set_visible(False)
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
    half_bin = sample_rate / N_FFT / 2000
    half_frame = HOP / 2 / sample_rate
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
