"""How the pages and the docstrings become a site: `make docs`.

Everything is local: no fonts, scripts or inventories come from elsewhere.

Authors
 * The dispatch-sb contributors, 2026
"""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]

from dispatch_sb import __version__  # noqa: E402

project = "dispatch-sb"
author = "The dispatch-sb contributors"
copyright = "2026, the dispatch-sb contributors"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "myst_parser",
    "api_pages",
    "mathml",
    "references",
]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

# Markdown
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Docstrings: "Arguments" is what SpeechBrain calls its parameters, and single
# backticks are code that may be a name of ours.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings say it in words
autodoc_inherit_docstrings = False  # torch.nn.Module says nothing of ours
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries = False  # the pages have headings, and build twice as fast

# Looks
html_theme = "furo"
html_title = "dispatch-sb"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b6b74",
        "color-brand-content": "#0b6b74",
        "color-brand-visited": "#0b6b74",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5cc8d1",
        "color-brand-content": "#5cc8d1",
        "color-brand-visited": "#5cc8d1",
    },
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
