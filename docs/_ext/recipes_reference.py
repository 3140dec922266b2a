"""The reference of the recipe files, from the files: every key, its default
and the comment that stands beside or above it.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from api_pages import public_name
from commands_reference import escaped
from ruamel.yaml import YAML

RECIPES = Path(__file__).resolve().parents[2] / "recipes/VoiceBank/hparams"
TITLE = re.compile(r"^#{5,} (.+?) #{5,}$")
KEY = re.compile(r"^([A-Za-z]\w*):(?: +(.*))?$")
COMMENT = re.compile(r"(?:^|\s+)# (.*)$")
EXAMPLE = re.compile(r"^\w+:$")
BUILT = re.compile(r"^!(?:new|apply|name):([\w.]+)")


@dataclass
class Key:
    """A key of a recipe file.

    Arguments
    ---------
    name : str
        What the file calls it.
    value : str
        What stands behind it in the file, without the comment.
    comment : str
        What the file says about it.
    """

    name: str
    value: str
    comment: str = ""


@dataclass
class Group:
    """Keys that stand together, below one comment.

    Arguments
    ---------
    title : str
        Heading that stands in the file above the group, or nothing.
    comment : str
        What the file says about all of them, as reStructuredText.
    keys : list of Key
        In the order of the file.
    """

    title: str = ""
    comment: str = ""
    keys: list = field(default_factory=list)


def recipes_reference() -> str:
    """A section for every recipe file.

    Returns
    -------
    str
        Markdown.
    """
    files = sorted(RECIPES.glob("*.yaml"))
    trees = {path: YAML().load(path.read_text("utf-8")) for path in files}
    files.sort(key=lambda path: _above(path, trees))
    told: set[str] = set()
    return "\n".join(_section(path, trees[path], told) for path in files)


def groups(text: str) -> list[Group]:
    """Takes a recipe file apart.

    Arguments
    ---------
    text : str
        The file.

    Returns
    -------
    list of Group
        In the order of the file; the file's head is none.
    """
    found, comment, title = [Group()], [], ""
    for line in text.splitlines():
        key = KEY.match(line)
        if heading := TITLE.match(line):
            title, comment = heading[1], []
        elif line.startswith("#"):
            comment.append(line.lstrip("#")[1:])
        elif key:
            if comment or title:
                found.append(_group(title, comment))
                title, comment = "", []
            value, remark = _parted(key[2] or "")
            found[-1].keys.append(Key(key[1], value, remark))
        elif line.startswith(" "):
            found[-1].keys[-1].value += "\n" + _parted(line)[0]
        else:  # a blank line ends a group, and the head of the file
            found.append(Group())
            comment = []
    for group in found:
        group.keys = [key for key in group.keys if key.name != "extends"]
    return [group for group in found if group.keys]


def _above(path: Path, trees: dict) -> int:
    """How many files a recipe file extends, one through the other."""
    base = trees[path].get("extends")
    return 0 if base is None else 1 + _above(path.parent / base, trees)


def _group(title: str, comment: list) -> Group:
    """A group whose comment may begin with a heading, such as "Folders"."""
    if comment and not title and re.fullmatch(r"\w+", comment[0]):
        title, comment = comment[0], comment[1:]
    return Group(title, _as_text(comment))


def _as_text(comment: list) -> str:
    """A comment, in which lines may show YAML, as reStructuredText."""
    yaml = [n for n, line in enumerate(comment) if EXAMPLE.match(line)]
    begin = yaml[0] if yaml else len(comment)
    text = escaped(" ".join(comment[:begin]))
    if not yaml:
        return text
    shown = "\n".join(f"   {line}" for line in comment[begin:])
    return f"{text}\n\n.. code-block:: yaml\n\n{shown}"


def _parted(text: str) -> tuple[str, str]:
    """A value and the comment behind it."""
    comment = COMMENT.search(text)
    return (text[: comment.start()], comment[1]) if comment else (text, "")


def _section(path: Path, tree: dict, told: set) -> str:
    """One recipe file; keys in `told` have been described already."""
    text = path.read_text(encoding="utf-8")
    head = re.findall(r"^# (?!#)(.+)$", text.partition("\n\n")[0], re.MULTILINE)
    lines = [f"## {path.name}\n", " ".join(head[:-1]) + "\n"]
    if "extends" in tree:
        base = tree["extends"]
        lines += [f"Extends {base}: it has all keys of that file, too.\n"]
    for group in groups(text):
        fresh = [key for key in group.keys if key.name not in told]
        again = [key for key in group.keys if key.name in told]
        lines += [f"### {group.title.capitalize()}\n"] if group.title else []
        lines += [f"```{{eval-rst}}\n{group.comment}\n"]
        lines += [_described(key) for key in fresh]
        lines += [_changed(key) for key in again]
        lines += ["```\n"]
        told |= {key.name for key in group.keys}
    return "\n".join(lines)


def _described(key: Key) -> str:
    """A key that can be linked to."""
    short = _short(key.value)
    lines = [f".. confval:: {key.name}"]
    lines += [f"   :default: {short}", ""] if short else [""]
    lines += [f"   {escaped(key.comment)}", ""] if key.comment else []
    lines += [] if short else [f"   {line}".rstrip() for line in _long(key)]
    return "\n".join([*lines, ""])


def _changed(key: Key) -> str:
    """A key of the base file that has another value here."""
    short = _short(key.value)
    lines = [] if short else _long(key)
    return "\n".join(
        [f":confval:`{key.name}` becomes {short or 'this:'}", "", *lines, ""]
    )


def _short(value: str) -> str:
    """A value in one line, or nothing if it needs more."""
    built = BUILT.match(value)
    if built and built[1].endswith(".for_data"):
        mini, full = re.findall(r"^ +(?:mini|full): (.*)$", value, re.MULTILINE)
        return f"``{mini}`` on the mini corpus, ``{full}`` on other data"
    return "" if built or "\n" in value else f"``{value}``"


def _long(key: Key) -> list[str]:
    """A value as it is written, below what it builds."""
    built = BUILT.match(key.value)
    head = f"Builds :py:obj:`{public_name(built[1])}`:" if built else "Set to:"
    lines = [f"   {line}" for line in key.value.strip("\n").splitlines()]
    return [head, "", ".. code-block:: yaml", "", *lines, ""]
