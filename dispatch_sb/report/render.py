"""Fills the templates that lie beside the code: whatever a template shows is
escaped, unless the template itself says that it is safe.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools

import jinja2

from dispatch_sb.report.numbers import shown


def render(template: str, **values) -> str:
    """Fills a template.

    Arguments
    ---------
    template : str
        Its path inside `dispatch_sb`.
    **values : any
        What its names stand for.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    jinja2.UndefinedError
        If a name of the template has no value.

    Example
    -------
    >>> part = {"facts": [("note", "<b>")], "settings": ""}
    >>> print(render("report/details.html", part=part))
    <dl class="list">
      <div><dt>Note</dt><dd>&lt;b&gt;</dd></div>
    </dl>
    """
    return _environment().get_template(template).render(values)


@functools.cache
def _environment() -> jinja2.Environment:
    """Loads the package's templates."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dispatch_sb", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    return environment
