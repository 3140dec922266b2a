"""Pages that are partly written by the code: a comment such as
`<!-- reference: recipes -->` in a page becomes what the code says.

Authors
 * The dispatch-sb contributors, 2026
"""

import re

from commands_reference import commands_reference
from recipes_reference import recipes_reference
from scores_reference import scores_reference, streaming_reference

REFERENCES = {
    "commands": commands_reference,
    "recipes": recipes_reference,
    "scores": scores_reference,
    "streaming": streaming_reference,
}
PLACE = re.compile(r"^<!-- reference: (\w+) -->$", re.MULTILINE)


def fill_in(app, name: str, source: list) -> None:
    """Replaces the comments of a page when Sphinx reads it.

    Arguments
    ---------
    app : sphinx.application.Sphinx
        The build.
    name : str
        The page.
    source : list of str
        Its text, as the only item; changed.
    """
    source[0] = PLACE.sub(lambda place: REFERENCES[place[1]](), source[0])


def setup(app) -> dict:
    """Tells Sphinx about the references.

    Arguments
    ---------
    app : sphinx.application.Sphinx
        The build.

    Returns
    -------
    dict
        What Sphinx wants to know about an extension.
    """
    app.connect("source-read", fill_in)
    return {"version": "1", "parallel_read_safe": True}
