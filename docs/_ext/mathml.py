"""Formulas as MathML, which browsers draw by themselves: no JavaScript, no
pictures, nothing from elsewhere.

Authors
 * The dispatch-sb contributors, 2026
"""

from math_core import LatexToMathML


def visit_inline(writer, node) -> None:
    """Writes a formula that stands in a sentence.

    Arguments
    ---------
    writer : sphinx.writers.html5.HTML5Translator
        Receives the HTML.
    node : docutils.nodes.math
        The formula, in LaTeX.
    """
    writer.body.append(_mathml(node.astext(), display=False))
    _skip(node)


def visit_block(writer, node) -> None:
    """Writes a formula that has a line of its own.

    Arguments
    ---------
    writer : sphinx.writers.html5.HTML5Translator
        Receives the HTML.
    node : docutils.nodes.math_block
        The formula, in LaTeX.
    """
    formula = _mathml(node.astext(), display=True)
    writer.body.append(f'<div class="formula">{formula}</div>\n')
    _skip(node)


def setup(app) -> dict:
    """Tells Sphinx about the renderer.

    Arguments
    ---------
    app : sphinx.application.Sphinx
        The build.

    Returns
    -------
    dict
        What Sphinx wants to know about an extension.
    """
    app.add_html_math_renderer(
        "mathml", (visit_inline, None), (visit_block, None)
    )
    app.config.html_math_renderer = "mathml"
    return {"version": "1", "parallel_read_safe": True}


def _mathml(latex: str, display: bool) -> str:
    """One formula as a `<math>` element."""
    converter = LatexToMathML()
    return converter.convert_with_local_state(latex, displaystyle=display)


def _skip(node) -> None:
    """The text of the node has been written already."""
    from docutils import nodes

    raise nodes.SkipNode
