"""What stands on the page before anything was heard, as HTML.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

from torch import nn

from dispatch_sb.demo.example import Example
from dispatch_sb.demo.models import Models
from dispatch_sb.demo.recording import LONGEST
from dispatch_sb.report.facts import escape


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
    rows = "".join(
        f"<div><dt>{name.capitalize()}</dt><dd>{escape(_short(source))} "
        f"<small>{_size(models.networks[name])}</small></dd></div>"
        for name, source in models.sources.items()
    )
    versus = " and its teacher" if models.teacher is not None else ""
    return (
        '<div class="ds"><h1>Hear the student</h1>'
        f'<p class="lede">Drop or record up to {LONGEST:g} s of noisy speech '
        f"and compare it with what the student{versus} make"
        f"{'' if versus else 's'} of it.</p>"
        '<p class="note">Recordings stay on the computer that serves this '
        "page, and are deleted within two hours or when it stops.</p>"
        f"<dl>{rows}</dl></div>"
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
    return (
        '<div class="ds"><p class="note">With the same recording without '
        f"noise, sample for sample, the page adds scores{more}.</p></div>"
    )


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
    about = escape(example.about)
    return f'<div class="ds"><p class="note">The example: {about}</p></div>'


def _short(source: str) -> str:
    """A folder's last name, a hub id as it is."""
    return Path(source).resolve().name if Path(source).exists() else source


def _size(network: nn.Module) -> str:
    """Parameters, in words."""
    count = sum(p.numel() for p in network.parameters())
    if count >= 1e6:
        return f"{count / 1e6:.1f} million parameters"
    return f"{count / 1e3:.0f} thousand parameters"
