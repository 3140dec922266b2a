"""What a run's ``hyperparams.yaml`` says, read without executing it; and
single parts of it, built.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ruamel.yaml
from ruamel.yaml.constructor import DuplicateKeyError

from dispatch_sb.runs.allow_list import PARTS, RUN, build_allowed, check_length

CHOICE = "!apply:dispatch_sb.training.recipe_files.choose"
# Where the modules that recipes of earlier versions name are today.
MOVED = {
    "dispatch_sb.checkpoints.": "dispatch_sb.training.checkpoints.",
    "dispatch_sb.config.": "dispatch_sb.training.recipe_files.",
    "dispatch_sb.loggers.": "dispatch_sb.training.loggers.",
    "dispatch_sb.schedules.": "dispatch_sb.training.schedules.",
    "dispatch_sb.teachers.": "dispatch_sb.pretrained.",
}
TUPLE = "!tuple"  # HyperPyYAML's mark, once it is loaded, of a text "(1, 2)"


@dataclass(frozen=True)
class Settings:
    """A run's recipe.

    Arguments
    ---------
    text : str
        The ``hyperparams.yaml``.

    Example
    -------
    >>> Settings("seed: 1\\nloss: !new:os.system [ls]").plain
    {'seed': 1}
    """

    text: str

    @cached_property
    def tree(self) -> Mapping[str, Any]:
        """The recipe, parsed; tags such as ``!new:`` are kept, not executed."""
        text = self.text
        for old, new in MOVED.items():
            text = text.replace(old, new)
        return parse_yaml(text, "hyperparams.yaml")

    @property
    def plain(self) -> dict[str, Any]:
        """The keys whose values are written out: numbers, texts, lists."""
        return {
            key: value
            for key, value in self.tree.items()
            if tag_of(value) is None and not isinstance(value, Mapping)
        }

    def build(self, key: str, trust_remote_code: bool = False) -> Any:
        """Constructs one part of the recipe, and nothing else.

        Arguments
        ---------
        key : str
            Such as ``student``.
        trust_remote_code : bool
            Whether it may be of any code, not of what
            `dispatch_sb.runs.allow_list` lists.

        Returns
        -------
        any
            What the YAML describes.

        Raises
        ------
        ValueError
            If it names what is not on the list, or cannot be built.
        """
        if key not in self.tree:
            raise ValueError(f"hyperparams.yaml has no {key}: give another")
        text = io.StringIO()
        ruamel.yaml.YAML().dump({key: self.tree[key]}, text)
        allowed = None if trust_remote_code else RUN
        where = f"{key} in hyperparams.yaml"
        return build_allowed(text.getvalue(), allowed, where)[key]


def parse_yaml(text: str | bytes, name: str) -> Mapping[str, Any]:
    """Parses keys and values; tags are kept, not executed.

    Arguments
    ---------
    text : str or bytes
        YAML.
    name : str
        Of the file, or of what else it is, for messages.

    Returns
    -------
    Mapping
        As ruamel.yaml gives it; nothing for an empty text.

    Raises
    ------
    ValueError
        If it is no YAML, or holds no keys.

    Example
    -------
    >>> parse_yaml("- 3", "a.yaml")
    Traceback (most recent call last):
    ...
    ValueError: a.yaml holds no keys and values ('[3]'): write ...
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8")
        check_length(text)
        tree = ruamel.yaml.YAML().load(text)
        if _size(tree, {}) > PARTS:
            raise ValueError(f"it has more than {PARTS} parts, written out")
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1
        raise ValueError(f"{name}, line {line}: {error.problem}.") from error
    except Exception as error:  # ruamel.yaml's, and what its types raise
        raise ValueError(f"{name} is not YAML: {error}") from error
    if not isinstance(tree, Mapping | None):
        raise ValueError(
            f"{name} holds no keys and values ({str(tree)[:80]!r}): write "
            "`key: value`, and options as --key value."
        )
    return tree or {}


def _size(node: Any, known: dict[int, float]) -> float:
    """How many parts a tree has where its aliases are written out."""
    if id(node) not in known:
        known[id(node)] = math.inf  # of what holds itself
        parts = node.values() if isinstance(node, Mapping) else ()
        parts = node if isinstance(node, list) else parts
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def tag_of(node: Any) -> str | None:
    """The YAML tag that is written at a node.

    Arguments
    ---------
    node : any
        A part of ``Settings.tree``.

    Returns
    -------
    str or None
        Such as ``"!new:torch.nn.Linear"``.

    Example
    -------
    >>> tag_of(ruamel.yaml.YAML().load("!name:torch.relu"))
    '!name:torch.relu'
    """
    tag = getattr(getattr(node, "tag", None), "value", None)
    return None if tag == TUPLE else tag


def scalar(node: Any) -> Any:
    """A value without tags, as it is written.

    Arguments
    ---------
    node : any
        A number, a text, or a tuple such as ``(10, 40)``.

    Returns
    -------
    any
        The same; a tuple as its text.

    Example
    -------
    >>> scalar(0.5)
    0.5
    """
    return str(node.value) if hasattr(node, "value") else node


def in_words(node: Any) -> str:
    """A part of a recipe in the form of a Python expression.

    Arguments
    ---------
    node : any
        A part of ``Settings.tree``.

    Returns
    -------
    str
        Classes without their packages, arguments by name.

    Example
    -------
    >>> text = "!new:a.Loss\\nhost: !new:b.DFKD\\n  beta: 0.5\\n"
    >>> in_words(ruamel.yaml.YAML().load(text))
    'Loss(host=DFKD(beta=0.5))'
    """
    tag = tag_of(node)
    given = {}
    if tag == CHOICE:
        own = ("name", "among")
        given = {key: x for key, x in node.items() if key not in own}
        node = node["among"][node["name"]]
        tag = tag_of(node)
    if tag is None and isinstance(node, list):
        return str([scalar(item) for item in node])
    if tag is None:
        return str(scalar(node))
    name = tag.rpartition(":")[2].rpartition(".")[2]
    if isinstance(node, list):
        arguments = [in_words(item) for item in node]
    else:
        named = {**(node if isinstance(node, Mapping) else {}), **given}
        arguments = [f"{key}={in_words(named[key])}" for key in named]
    return f"{name}({', '.join(arguments)})"
