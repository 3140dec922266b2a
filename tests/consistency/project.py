"""What the consistency tests look at: this project's own files.

Authors
 * The dispatch-sb contributors, 2026
"""

import ast
import functools
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = (
    "benchmarks",
    "dispatch_sb",
    "docs",
    "examples",
    "recipes",
    "tests",
    "tools",
)
WRITTEN_BY_RUNS = {
    ".venv",
    ".git",
    ".pytest_cache",
    "_build",
    "data",
    "results",
}
RECIPE = ROOT / "recipes" / "VoiceBank"


def found(folder, pattern):
    """Files of the project below a folder, sorted, without what runs wrote."""
    top = ROOT / folder
    return sorted(
        path
        for path in top.rglob(pattern)
        if not is_written(path.relative_to(ROOT))
    )


def is_written(path):
    """Whether a relative path is an output; `dispatch_sb/data` is not."""
    parts = path.parts
    room = parts[:2] == ("dispatch_sb", "data") or parts[0] == "tests"
    hidden = WRITTEN_BY_RUNS - ({"data"} if room else set())
    return bool(hidden & set(parts)) or ".egg-info" in str(path)


def python_files(*folders):
    """All Python files below the given folders, or of the whole project."""
    files = [path for top in folders or CODE for path in found(top, "*.py")]
    return files if folders else [*files, ROOT / "conftest.py"]


def readmes():
    """All README.md files of the project, less the cards of models that
    somebody exported into its folders."""
    return [
        path
        for path in found(".", "README.md")
        if not (path.parent / "config.json").is_file()
        or path.parent.parent == RECIPE / "pretrained"
    ]


def documents():
    """All READMEs, and the pages of the docs."""
    return [*readmes(), *found("docs", "*.md")]


@functools.cache
def tree_of(path):
    """Syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_name(path):
    """Dotted name of a file: dispatch_sb/losses/bands.py -> a.b.c."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    """Dotted names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def label(path):
    """Name of a file in test reports."""
    return str(path.relative_to(ROOT))
