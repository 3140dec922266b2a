"""A page for every room of the package, and on it every public name once:
first what the room exports, then the modules with what else is in them.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

PACKAGE = "dispatch_sb"
# Tables that are data, not something to call.
UNTOLD = ("COMMAND", "COMMANDS")


def write_api_pages(app) -> None:
    """Writes the pages into `api/` before Sphinx looks for pages.

    Arguments
    ---------
    app : sphinx.application.Sphinx
        The build.
    """
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    modules = _modules()
    homes = _homes(modules)
    rooms = [name for name in modules if name.count(".") == 1]
    pages = {f"{name}.rst": _page(name, modules, homes) for name in rooms}
    for stale in set(folder.glob("*.rst")) - {folder / name for name in pages}:
        stale.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def public_name(name: str) -> str:
    """The name under which the pages tell about a function or class.

    Arguments
    ---------
    name : str
        Any dotted name that it can be had by.

    Returns
    -------
    str
        The name that one imports it by.
    """
    home = _homes(_modules()).get(name, name.rpartition(".")[0])
    return f"{home}.{name.rpartition('.')[2]}"


@functools.cache
def _modules() -> dict[str, ModuleType]:
    """All modules of the package by name, the package itself first."""
    root = importlib.import_module(PACKAGE)
    found = pkgutil.walk_packages(root.__path__, f"{PACKAGE}.")
    names = [PACKAGE, *sorted(module.name for module in found)]
    public = [name for name in names if "._" not in name]
    return {name: importlib.import_module(name) for name in public}


def _homes(modules: dict[str, ModuleType]) -> dict[str, str]:
    """For what is defined in one module and exported by another: the name
    where it is defined, and the package that exports it."""
    homes = {}
    for package, module in modules.items():
        for name in getattr(module, "__all__", ()):
            home = getattr(getattr(module, name), "__module__", package)
            if home != package:
                homes.setdefault(f"{home}.{name}", package)
    return homes


def _page(room: str, modules: dict, homes: dict) -> str:
    """The page of a room with all its modules."""
    parts = _titled(room, "=")
    parts += [_about(room, homes)]
    told = [name for name, package in homes.items() if package == room]
    parts += [
        _exported(room, name, modules) for name in sorted(told, key=_last)
    ]
    for name in modules:
        if name.startswith(f"{room}."):
            parts += _titled(name, "-")
            parts += [_about(name, homes)]
    return "\n".join(parts)


def _titled(text: str, line: str) -> list[str]:
    """A heading."""
    return [text, line * len(text), ""]


def _about(name: str, homes: dict) -> str:
    """The module's own docstring and members."""
    elsewhere = [_last(n) for n in homes if n.rpartition(".")[0] == name]
    return (
        f".. automodule:: {name}\n   :members:\n   :show-inheritance:\n"
        f"   :ignore-module-all:\n"
        f"   :exclude-members: {', '.join([*elsewhere, *UNTOLD])}\n"
    )


def _exported(package: str, full: str, modules: dict) -> str:
    """A function or class that a package exports."""
    name = _last(full)
    kind = "class" if isinstance(_get(modules, full), type) else "function"
    members = "   :members:\n   :show-inheritance:\n" if kind == "class" else ""
    heading = "\n".join(_titled(name, "-"))
    return f"{heading}\n.. auto{kind}:: {package}.{name}\n{members}"


def _get(modules: dict, full: str):
    """The object of a dotted name."""
    return getattr(modules[full.rpartition(".")[0]], _last(full))


def _last(name: str) -> str:
    """What stands behind the last dot."""
    return name.rpartition(".")[2]


def tidy_docstring(app, what, name, obj, options, lines: list) -> None:
    """Leaves the authors at a module's end to the code, and takes upright
    strokes for what they are here: signs of absolute values.

    Arguments
    ---------
    app : sphinx.application.Sphinx
        The build.
    what : str
        "module", "class", ….
    name : str
        Its dotted name.
    obj : object
        What is told about.
    options : object
        Those of the directive.
    lines : list of str
        The docstring; changed.
    """
    if what == "module" and "Authors" in lines:
        del lines[lines.index("Authors") :]
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = line.split("`")
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[number] = "`".join(parts)


def add_room_names(app, doctree) -> None:
    """Makes everything on a room's page reachable under the room's name too:
    that is what the links back from the source code use.

    Arguments
    ---------
    app : sphinx.application.Sphinx
        The build.
    doctree : docutils.nodes.document
        A page; changed.
    """
    from sphinx.addnodes import desc_signature

    for signature in doctree.findall(desc_signature):
        module = signature.get("module") or ""
        room = ".".join(module.split(".")[:2])
        name = f"{room}.{signature.get('fullname')}"
        if room.startswith(f"{PACKAGE}.") and name not in doctree.ids:
            signature["ids"].append(name)
            doctree.ids[name] = signature


def setup(app) -> dict:
    """Tells Sphinx about the pages.

    Arguments
    ---------
    app : sphinx.application.Sphinx
        The build.

    Returns
    -------
    dict
        What Sphinx wants to know about an extension.
    """
    app.connect("builder-inited", write_api_pages)
    app.connect("doctree-read", add_room_names)
    app.connect("autodoc-process-docstring", tidy_docstring, 400)
    return {"version": "1", "parallel_read_safe": True}
