"""A matplotlib figure without global state, and its two ways out: an SVG
that takes its colours from the page around it, and a PNG file.

Authors
 * The dispatch-sb contributors, 2026
"""

import base64
import functools
import html
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_sb.data.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#1d2733"
SOFT = "#5b6776"
LINE = "#d9dee4"
SERIES = ("#0e7c86", "#b5651d", "#6a5acd", "#4f7f32", "#b03a5b", "#3b6fb6")
SYSTEM_COLOURS = {
    "noisy": "#8b95a1",
    "student": SERIES[0],
    "teacher": SERIES[1],
    "clean": SERIES[3],
}

TEACHER_COLOURS = (SERIES[1], SERIES[2], SERIES[4], SERIES[5])  # of several

# Colours of a figure that a page may change, for example to dark ones.
CSS_VARIABLES = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    SYSTEM_COLOURS["noisy"]: "var(--noisy)",
    **{colour: f"var(--series-{n})" for n, colour in enumerate(SERIES, 1)},
}

# Parts of matplotlib's SVG that a page has no use for.
UNWANTED = re.compile(
    r"<metadata>.*?</metadata>|<style .*?</style>|<!--.*?-->|(?<=>)\s+(?=<)",
    re.DOTALL,
)

STYLE = {
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.facecolor": "none",
    "axes.labelcolor": SOFT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.facecolor": "none",
    "figure.dpi": 72,
    "grid.color": LINE,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "xtick.color": SOFT,
    "xtick.labelsize": 9.5,
    "ytick.color": SOFT,
    "ytick.labelsize": 9.5,
}


def system_colour(name: str) -> str:
    """The colour of a system in all pictures.

    Arguments
    ---------
    name : str
        noisy, student, teacher or clean; or teacher_1, teacher_2 and so on.

    Returns
    -------
    str
        Hexadecimal. That of the fifth teacher is that of the first.

    Example
    -------
    >>> system_colour("teacher_1") == system_colour("teacher_5")
    True
    """
    if name in SYSTEM_COLOURS:
        return SYSTEM_COLOURS[name]
    number = int(name.rpartition("_")[2])
    return TEACHER_COLOURS[(number - 1) % len(TEACHER_COLOURS)]


def styled(draw: Callable) -> Callable:
    """Makes a drawing function use the report's style, whatever style the
    user has set, and checks that matplotlib is there.

    Arguments
    ---------
    draw : callable
        A function that makes, changes or saves a figure.

    Returns
    -------
    callable
        The same function. It raises an ImportError that names the remedy
        where matplotlib is missing.
    """

    @functools.wraps(draw)
    def wrapped(*arguments, **options):
        try:
            from matplotlib import style
        except ImportError as error:
            raise ImportError(
                "The report's pictures need matplotlib, which is not "
                'installed: pip install "dispatch-sb[report]"'
            ) from error
        with style.context(["default", STYLE]):
            return draw(*arguments, **options)

    return wrapped


@styled
def new_figure(width: float = 5.0, height: float = 2.7) -> "Figure":
    """An empty figure that no window and no pyplot knows of.

    Arguments
    ---------
    width : float
        In inches of 72 points. A page shows figures of 5 inches in two
        columns, on a phone in one, with readable letters in both.
    height : float
        In inches.

    Returns
    -------
    matplotlib.figure.Figure
        Its parts are placed so that labels do not overlap.

    Example
    -------
    >>> new_figure(5.0, 2.5).get_size_inches().tolist()
    [5.0, 2.5]
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


@styled
def to_svg(figure: "Figure", name: str, alt: str) -> str:
    """A figure as an `<svg>` element to stand inside an HTML page.

    Nothing in it refers to another file; colours of the palette become CSS
    variables, letters take the page's font, images shrink to a palette.

    Arguments
    ---------
    figure : matplotlib.figure.Figure
        What to draw.
    name : str
        Unique within the page: begins every identifier of the element.
    alt : str
        What the picture shows, for readers who do not see it.

    Returns
    -------
    str
        The element; the same figure gives the same string.

    Example
    -------
    >>> to_svg(new_figure(), "empty", "Nothing")[:35]
    '<svg role="img" aria-label="Nothing'
    """
    import matplotlib

    stream = io.StringIO()
    unstamped = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(stream, format="svg", metadata=unstamped, dpi=216)
    drawing = stream.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    view = re.search(r'viewBox="[^"]*"', drawing).group()
    body = UNWANTED.sub("", drawing[drawing.index(">") + 1 :])
    body = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r"data:image/png;base64,([^\"]+)", _smaller_image, body)
    for colour, variable in CSS_VARIABLES.items():
        body = body.replace(colour, variable)
    label = html.escape(alt, quote=True)
    return f'<svg role="img" aria-label="{label}" {view}>{body.strip()}'


@styled
def save_png(figure: "Figure", path: str | os.PathLike, dpi: int = 160) -> Path:
    """Writes a figure as a PNG file on white, for example for a README.

    Arguments
    ---------
    figure : matplotlib.figure.Figure
        What to draw.
    path : str or os.PathLike
        The file.
    dpi : int
        Pixels per inch.

    Returns
    -------
    pathlib.Path
        The file.

    Example
    -------
    >>> path = save_png(new_figure(), getfixture("tmp_path") / "empty.png")
    >>> path.read_bytes()[1:4]
    b'PNG'
    """
    path = Path(path)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=dpi, facecolor="white")
    return path


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as an address that needs no file.

    Arguments
    ---------
    kind : str
        The media type, for example "image/png".
    content : bytes
        The file's content.

    Returns
    -------
    str
        A data URI.

    Example
    -------
    >>> data_uri("text/plain", b"hi")
    'data:text/plain;base64,aGk='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _smaller_image(match: re.Match) -> str:
    """An embedded PNG with a palette of 256 colours: a third of the size."""
    from PIL import Image  # matplotlib depends on it

    content = base64.b64decode(match.group(1))
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    opaque = image.getextrema()[3][0] == 255
    stream = io.BytesIO()
    image = image.convert("RGB") if opaque else image
    image.quantize(256).save(stream, "PNG", optimize=True)
    smaller = min(stream.getvalue(), content, key=len)
    return data_uri("image/png", smaller)
