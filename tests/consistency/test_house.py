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


def offenders(files, problem):
    """What is wrong with files, by name; those without fault are left out."""
    found = {label(path): problem(path) for path in files}
    return {name: wrong for name, wrong in found.items() if wrong}


def calls(path):
    """Names of the functions and methods that a file calls."""
    nodes = [n.func for n in ast.walk(tree_of(path)) if isinstance(n, ast.Call)]
    return {getattr(n, "id", getattr(n, "attr", "")) for n in nodes}


# A counter of operations, and the network of a peer.
MORE_THAN_TORCH = {
    "costs.py": {"ptflops"},
    "conv_tasnet.py": {"speechbrain"},
}


@pytest.mark.parametrize("room", ["losses", "models"])
def test_losses_and_models_need_torch_alone(room):
    def others(path):
        needed = MORE_THAN_TORCH.get(path.name, set())
        rooms = {room_of(name) for name in own_imports(path)}
        return (foreign(path) - {"torch"} - needed) | (rooms - {room})

    assert offenders(python_files(f"dispatch_sb/{room}"), others) == {}


def test_imports_run_downhill():
    def uphill(path):
        room = room_of(module_name(path))
        below = {room, *ROOMS[: ROOMS.index(room)]} if room else {*ROOMS}
        return {room_of(name) for name in own_imports(path)} - below

    assert {room_of(module_name(path)) for path in PACKAGE} - {""} == {*ROOMS}
    assert offenders(PACKAGE, uphill) == {}


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
    forbidden = {"open", "read_text", "write_text", "read_bytes"}
    forbidden |= {"write_bytes", "mkdir", "save", "load"}
    assert not calls(path) & forbidden


def test_only_three_rooms_touch_the_network():
    files = [p for p in PACKAGE if room_of(module_name(p)) not in NETWORK_ROOMS]

    def speaks(path):
        names = imports_of(path)
        return {n for n in names if n.split(".")[0] in NETWORK} | {
            n for n in names if "utils.fetching" in n
        }

    assert offenders(files, speaks) == {}


def test_rooms_neither_print_nor_assert():
    loud = {"", "cli", "commands", "training"}
    quiet = [p for p in PACKAGE if room_of(module_name(p)) not in loud]

    def heard(path):
        nodes = ast.walk(tree_of(path))
        lines = [n.lineno for n in nodes if isinstance(n, ast.Assert)]
        return lines + ["print"] * ("print" in calls(path))

    assert offenders(quiet, heard) == {}


def test_functions_are_short():
    def too_long(path):
        nodes = ast.walk(tree_of(path))
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        functions = [n for n in nodes if isinstance(n, kinds)]
        return [n.name for n in functions if code_lines(n) > LONGEST_FUNCTION]

    assert offenders(python_files(), too_long) == {}


def code_lines(function):
    """Lines of a function without its docstring."""
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_nothing_is_put_off():
    # Written in pieces, so that this file does not contain the words.
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    marks = ("sk" + "ip", "skip" + "if", "x" + "fail", "importor" + "skip")
    pattern = rf"\b(?:{'|'.join(words)})\b"
    pattern += rf"|\b(?:pytest|mark|unittest)\.(?:{'|'.join(marks)})\b"

    def postponed(path):
        return re.findall(pattern, path.read_text(encoding="utf-8"))

    assert offenders(python_files(), postponed) == {}
