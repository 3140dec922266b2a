"""The walls of the house: who may import whom, how long a function may be.

Authors
 * The dispatch-sb contributors, 2026
"""

import ast
import re
import sys
from graphlib import TopologicalSorter

import pytest
from project import ROOT, imports_of, label, module_name, python_files, tree_of

LONGEST_FUNCTION = 50
# A room imports those before it; losses and models none.
ROOMS = [
    "processes",
    "losses",
    "models",
    "data",
    "runs",
    "pretrained",
    "enhance",
    "scoring",
    "report",
    "training",
    "study",
    "sharing",
    "demo",
    "commands",
    "cli",
]
NETWORK = {"requests", "urllib", "http", "socket", "huggingface_hub", "httpx"}
NETWORK_ROOMS = {"pretrained", "sharing", "data"}
PACKAGE = python_files("dispatch_sb")


def room_of(name):
    """Room of a dotted name: dispatch_sb.losses.bands -> losses."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def foreign(path):
    """Packages that a file imports, less ours and the standard library."""
    tops = {name.split(".")[0] for name in imports_of(path)}
    return tops - set(sys.stdlib_module_names) - {"dispatch_sb"}


def own_imports(path):
    """Modules of dispatch_sb that a file imports."""
    known = {module_name(file) for file in PACKAGE}
    names = set()
    for name in imports_of(path):
        if name.split(".")[0] == "dispatch_sb":
            names.add(name if name in known else name.rpartition(".")[0])
    return names - {"dispatch_sb"}


@pytest.mark.parametrize("room", ["losses", "models"])
def test_losses_and_models_need_torch_alone(room):
    for path in python_files(f"dispatch_sb/{room}"):
        counter = {"ptflops"} if path.name == "costs.py" else set()
        assert foreign(path) <= {"torch"} | counter, path
        assert {room_of(name) for name in own_imports(path)} <= {room}, path


def test_every_room_has_its_place():
    assert {room_of(module_name(path)) for path in PACKAGE} - {""} == {*ROOMS}


@pytest.mark.parametrize("path", PACKAGE, ids=label)
def test_imports_run_downhill(path):
    room = room_of(module_name(path))
    below = {room, *ROOMS[: ROOMS.index(room)]} if room else {*ROOMS}
    assert {room_of(name) for name in own_imports(path)} <= below


def test_no_imports_run_in_circles():
    graph = {
        module_name(path): own_imports(path) - {module_name(path)}
        for path in PACKAGE
        if path.name != "__init__.py"
    }
    assert list(TopologicalSorter(graph).static_order())


def test_the_brain_opens_no_file():
    path = ROOT / "dispatch_sb" / "training" / "brain.py"
    tops = {name.split(".")[0] for name in imports_of(path)}
    assert not tops & {"os", "io", "json", "pathlib", "shutil", "soundfile"}
    assert "data" not in {room_of(name) for name in own_imports(path)}
    calls = [n.func for n in ast.walk(tree_of(path)) if isinstance(n, ast.Call)]
    names = {getattr(call, "id", getattr(call, "attr", "")) for call in calls}
    forbidden = {"open", "read_text", "write_text", "read_bytes"}
    assert not names & (forbidden | {"write_bytes", "mkdir", "save", "load"})


@pytest.mark.parametrize("path", PACKAGE, ids=label)
def test_only_three_rooms_touch_the_network(path):
    tops = {name.split(".")[0] for name in imports_of(path)}
    speaks = tops & NETWORK | {
        name for name in imports_of(path) if "utils.fetching" in name
    }
    assert not speaks or room_of(module_name(path)) in NETWORK_ROOMS


LOUD = {"", "cli", "commands", "training"}
QUIET = [p for p in PACKAGE if room_of(module_name(p)) not in LOUD]


@pytest.mark.parametrize("path", QUIET, ids=label)
def test_rooms_neither_print_nor_assert(path):
    nodes = list(ast.walk(tree_of(path)))
    calls = [n.func for n in nodes if isinstance(n, ast.Call)]
    assert "print" not in {getattr(call, "id", "") for call in calls}
    assert not [n.lineno for n in nodes if isinstance(n, ast.Assert)]


@pytest.mark.parametrize("path", python_files(), ids=label)
def test_functions_are_short(path):
    long = {
        node.name: length
        for node in ast.walk(tree_of(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := code_lines(node)) > LONGEST_FUNCTION
    }
    assert long == {}


def code_lines(function):
    """Lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", python_files(), ids=label)
def test_nothing_is_put_off(path):
    # Written in pieces, so that this file does not contain the words.
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    text = path.read_text(encoding="utf-8")
    assert re.findall(rf"\b({'|'.join(words)})\b", text) == []
    marks = ("sk" + "ip", "skip" + "if", "x" + "fail", "importor" + "skip")
    calls = rf"\b(?:pytest|mark|unittest)\.({'|'.join(marks)})\b"
    assert re.findall(calls, text) == []
