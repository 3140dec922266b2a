"""The sentences on the page: what stands there before anything was heard, and
why there is nothing to hear.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

from torch import nn

from dispatch_sb.demo.models import Models
from dispatch_sb.demo.recording import LONGEST
from dispatch_sb.demo.sample_recording import Example
from dispatch_sb.report.render import render


def header_html(models: Models) -> str:
    """What the page is, and which models it holds.

    Arguments
    ---------
    models : Models
        Student, and perhaps teacher.

    Returns
    -------
    str
        HTML.
    """
    return render(
        "demo/header.html",
        longest=LONGEST,
        teacher=models.teacher,
        models=[
            (name, _short(source), _size(models.networks[name]))
            for name, source in models.sources.items()
        ],
    )


def clean_html(models: Models) -> str:
    """What a clean recording is good for.

    Arguments
    ---------
    models : Models
        Student, and perhaps teacher.

    Returns
    -------
    str
        HTML.
    """
    more = ""
    if models.teacher is not None:
        more = " and shows where the teacher knows more"
    text = (
        "With the same recording without noise, sample for sample, the page "
        f"adds scores{more}."
    )
    return render("demo/sentence.html", kind="note", text=text)


def example_html(example: Example) -> str:
    """Where the example comes from.

    Arguments
    ---------
    example : Example
        From `find_example`.

    Returns
    -------
    str
        HTML.
    """
    text = f"The example: {example.about}"
    return render("demo/sentence.html", kind="note", text=text)


def message_html(text: str) -> str:
    """A reason why there is nothing to hear.

    Arguments
    ---------
    text : str
        One sentence.

    Returns
    -------
    str
        HTML that screen readers announce.

    Example
    -------
    >>> message_html("a < b")
    '<div class="ds"><p class="message" role="alert">a &lt; b</p></div>'
    """
    return render("demo/sentence.html", kind="message", text=text)


def _short(source: str) -> str:
    """A folder's last name, a hub id as it is."""
    return Path(source).resolve().name if Path(source).exists() else source


def _size(network: nn.Module) -> str:
    """Parameters, in words."""
    count = sum(p.numel() for p in network.parameters())
    if count >= 1e6:
        return f"{count / 1e6:.1f} million parameters"
    return f"{count / 1e3:.0f} thousand parameters"
