"""Every public name tells what it is, takes and gives.

Authors
 * The dispatch-sb contributors, 2026
"""

import ast
import re

from project import label, python_files, tree_of

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
# Arguments that say nothing.
UNTOLD = {"self", "cls", "args", "kwargs"}


def problems_of(node, above=""):
    """What a function or class, and what is in it, does not tell."""
    where = f"{above}{node.name}"
    text = ast.get_docstring(node)
    if not text:
        return [f"{where}: no docstring"]
    if isinstance(node, ast.ClassDef):
        found = []
        for method in node.body:
            if getattr(method, "name", "_").startswith("_"):
                if getattr(method, "name", "") == "__init__":
                    found += untold(method, text, where)
            elif isinstance(method, FUNCTION):
                found += problems_of(method, f"{where}.")
        return found
    if above and len(parameters(node)) < 2:
        return []  # one sentence says all about one argument
    found = untold(node, text, where)
    gives = ast.unparse(node.returns) if node.returns else "None"
    section = re.search(r"^(Returns|Yields)\n-{6,7}$", text, re.MULTILINE)
    if not above and gives != "None" and not section:
        found.append(f"{where}: Returns")
    return found


def parameters(function):
    """Names of what a function takes."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [star for star in (given.vararg, given.kwarg) if star]
    return [a.arg for a in every if a.arg not in UNTOLD]


def untold(function, docstring, where):
    """Arguments without an entry under `Arguments`."""
    _, _, section = docstring.partition("Arguments\n---------\n")
    return [
        f"{where}: {name}"
        for name in parameters(function)
        if not re.search(rf"^\s*[\w*, ]*\b{name}\b[\w*, ]* :", section, re.M)
    ]


def public(tree):
    """Functions and classes of a module that others may use."""
    kinds = (*FUNCTION, ast.ClassDef)
    nodes = [node for node in tree.body if isinstance(node, kinds)]
    return [node for node in nodes if not node.name.startswith("_")]


def test_public_names_are_documented():
    wrong = {
        f"{label(path)}, {problem}"
        for path in python_files("dispatch_sb", "recipes")
        for node in public(tree_of(path))
        for problem in problems_of(node)
    }
    assert wrong == set()


def test_modules_say_what_they_are():
    ending = "Authors\n * The dispatch-sb contributors, 2026"
    silent = []
    for path in python_files():
        text = ast.get_docstring(tree_of(path)) or ""
        if not text or not (text.endswith(ending) or "tests" in path.parts):
            silent.append(label(path))
    assert silent == []


def test_a_missing_entry_is_found():
    section = "Shouts.\n\nArguments\n---------\nword : str\n    The word."
    source = f"def shout(word, times):\n    '''{section}'''"
    function = ast.parse(re.sub(r"\n(?=.)", "\n    ", source)).body[0]
    assert problems_of(function) == ["shout: times"]
