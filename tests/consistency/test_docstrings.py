"""Every public name tells what it is, takes and gives.

Authors
 * The dispatch-sb contributors, 2026
"""

import ast
import re

import pytest
from project import label, python_files, tree_of

DOCUMENTED = python_files("dispatch_sb", "recipes")
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def public(nodes):
    """Functions and classes among syntax nodes that others may use."""
    return [
        node
        for node in nodes
        if isinstance(node, (*FUNCTION, ast.ClassDef))
        and not node.name.startswith("_")
    ]


def parameters(function):
    """Names of what a function takes, less those that say nothing."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [star for star in (given.vararg, given.kwarg) if star]
    plain = {"self", "cls", "args", "kwargs"}
    return [a.arg for a in every if a.arg not in plain]


def returns_something(function):
    """Whether the annotation promises a value."""
    annotation = function.returns
    return annotation is not None and ast.unparse(annotation) != "None"


def missing_names(names, docstring):
    """Which names have no entry under `Arguments`."""
    _, _, section = docstring.partition("Arguments\n---------\n")
    return [
        name
        for name in names
        if not re.search(rf"^\s*[\w*, ]*\b{name}\b[\w*, ]* :", section, re.M)
    ]


def problems_of_function(function, where, is_method):
    """What is missing in the docstring of a function."""
    text = ast.get_docstring(function)
    if not text:
        return [f"{where}: no docstring"]
    names = parameters(function)
    if is_method and len(names) < 2:
        return []  # one sentence says all about one argument
    problems = [f"{where}: {n}" for n in missing_names(names, text)]
    section = re.search(r"^(Returns|Yields)\n-{6,7}$", text, re.MULTILINE)
    if not is_method and returns_something(function) and not section:
        problems.append(f"{where}: Returns")
    return problems


def problems_of_class(node, where):
    """What is missing in the docstrings of a class and its methods."""
    text = ast.get_docstring(node)
    if not text:
        return [f"{where}: no docstring"]
    problems = []
    for method in node.body:
        if not isinstance(method, FUNCTION):
            continue
        if method.name == "__init__":
            names = missing_names(parameters(method), text)
            problems += [f"{where}: {name}" for name in names]
        elif not method.name.startswith("_"):
            below = f"{where}.{method.name}"
            problems += problems_of_function(method, below, is_method=True)
    return problems


@pytest.mark.parametrize("path", DOCUMENTED, ids=label)
def test_public_names_are_documented(path):
    problems = []
    for node in public(tree_of(path).body):
        if isinstance(node, ast.ClassDef):
            problems += problems_of_class(node, node.name)
        else:
            problems += problems_of_function(node, node.name, is_method=False)
    assert problems == []


@pytest.mark.parametrize("path", python_files(), ids=label)
def test_modules_say_what_they_are(path):
    text = ast.get_docstring(tree_of(path)) or ""
    assert text, "no docstring"
    if "tests" not in path.parts:
        assert text.endswith(
            "Authors\n * The dispatch-sb contributors, 2026"
        ), "the docstring ends otherwise"


def test_a_missing_entry_is_found():
    source = '''
def shout(word, times):
    """Repeats a word.

    Arguments
    ---------
    word : str
        The word.
    """
'''
    function = ast.parse(source).body[0]
    assert problems_of_function(function, "shout", False) == ["shout: times"]
