"""Recipe files: one YAML per method that holds only its differences.

A HyperPyYAML file may begin with ``extends: other.yaml``; it is then laid
over that file, key by key.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import difflib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ruamel.yaml
from hyperpyyaml import load_hyperpyyaml, resolve_references
from speechbrain.utils.run_opts import RunOptions

from dispatch_sb.data.value_checks import TEXT
from dispatch_sb.runs.settings import parse_yaml, tag_of
from dispatch_sb.training.settings_check import find_problems

MINI = "mini"
# Blocks that are one value: the taps of one network are not those of another.
WHOLE = ("taps",)
REFERENCE = re.compile(r"<[^>]*>")  # as HyperPyYAML writes them
TUPLE = re.compile(r"\(.*\)")  # as HyperPyYAML writes tuples


def compose(path: str | Path) -> str:
    """Reads a recipe file with everything that it extends.

    Arguments
    ---------
    path : str or Path
        A HyperPyYAML file; ``extends`` in it is relative to its folder.

    Returns
    -------
    str
        One HyperPyYAML document without ``extends``.

    Raises
    ------
    FileNotFoundError
        If the file, or a file that it extends, does not exist.
    ValueError
        If a file is not YAML, or files extend each other in a circle.
    """
    return _written(_tree_of(Path(path), []))


def _tree_of(path: Path, below: list) -> Mapping:
    """Parses ``path`` over its base; ``below`` are the files that need it."""
    if path.resolve() in below:
        chain = " -> ".join(str(file) for file in [*below, path])
        raise ValueError(f"Recipe files extend each other in a circle: {chain}")
    if not path.is_file():
        needed = f" (extended by {below[-1]})" if below else ""
        raise FileNotFoundError(f"There is no recipe file {path}{needed}.")
    tree = parse_yaml(path.read_bytes(), str(path))
    base_name = tree.pop("extends", None)
    if base_name is None:
        return tree
    if wrong := TEXT(base_name):
        raise ValueError(f"{path}: extends is {base_name!r}: give {wrong}.")
    base = _tree_of(path.parent / base_name, [*below, path.resolve()])
    _lay_over(base, tree)
    return base


def _written(tree: Mapping) -> str:
    """The YAML of a tree."""
    text = io.StringIO()
    ruamel.yaml.YAML().dump(tree, text)
    return text.getvalue()


def _lay_over(base: dict, over: Mapping) -> None:
    """Merges plain mappings key by key; anything with a tag replaces, and so
    does a block that is one value."""
    for key, value in over.items():
        plain = isinstance(value, Mapping) and tag_of(value) is None
        plain = plain and key not in WHOLE
        if plain and isinstance(base.get(key), Mapping):
            _lay_over(base[key], value)
        else:
            base[key] = value


def load_recipe(
    path: str | Path,
    overrides: str | Mapping | None = None,
    run_options: Mapping | None = None,
) -> tuple[dict, str]:
    """Builds everything that a recipe file describes, once all its settings
    are checked (see `dispatch_sb.training.settings_check`).

    Arguments
    ---------
    path : str or Path
        A recipe file. Its objects are constructed: only load files that you
        trust, as HyperPyYAML can run any code.
    overrides : str or Mapping, optional
        Values that replace those of the file, as a mapping or as YAML.
    run_options : Mapping, optional
        SpeechBrain's run options that were given beside them; they are
        checked too.

    Returns
    -------
    dict
        The hyperparameters, objects constructed.
    str
        The resolved YAML, complete in itself, for the run's folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file or the overrides are not YAML. Otherwise it lists, one a
        line, every key that the recipe does not have, with the nearest that
        it has, and every value that is not allowed.
    """
    if isinstance(overrides, str):
        overrides = parse_yaml(overrides, "The command line")
    overrides = overrides or {}
    tree = _tree_of(Path(path), [])
    problems = [_unknown(x, tree, path) for x in overrides if x not in tree]
    with _said_of(path):
        _lay_over(tree, overrides)
        text = _written(tree)
        resolved = resolve_references(text).getvalue()
        settings = {**plain_values(resolved), **(run_options or {})}
        problems += find_problems(settings)
    _refuse(problems)
    with _said_of(path):
        hparams = load_hyperpyyaml(text)
        problems += find_problems(hparams)  # what functions of it returned
    _refuse(problems)
    return Recipe(hparams), resolved


class Recipe(dict):
    """Hyperparameters by key; one that is not there is named.

    Example
    -------
    >>> Recipe(seed=1)["lr"]
    Traceback (most recent call last):
    ...
    ValueError: The recipe file has no key 'lr', which is needed.
    """

    def __missing__(self, key):
        raise ValueError(
            f"The recipe file has no key {key!r}, which is needed."
        )


@contextlib.contextmanager
def _said_of(path) -> Iterator[None]:
    """Says of whatever goes wrong within in which file it stands; what is
    missing on this machine is named by itself."""
    try:
        yield
    except OSError:
        raise
    except ImportError as error:
        raise ImportError(f"{path}: {error}") from error
    except Exception as error:  # a recipe can name any code
        told = "; ".join(map(str, error.args)) or type(error).__name__
        raise ValueError(f"{path} cannot be built: {told}") from error


def _unknown(key: str, known: Mapping, path) -> str:
    """A sentence about a key that a recipe does not have."""
    near = difflib.get_close_matches(str(key), known, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return f"{path} has no key '{key}'{hint}."


def _refuse(problems: list[str]) -> None:
    """Raises ValueError if there are problems, with all of them."""
    if problems:
        raise ValueError("\n".join(problems))


def quoted_paths(words: Sequence[str]) -> list[str]:
    """Paths on a command line as YAML's text, so that every character in
    them stands for itself.

    Arguments
    ---------
    words : sequence of str
        A command line. What begins with ``/``, ``./`` or ``../`` is a path;
        the first word, the recipe file, stays.

    Returns
    -------
    list of str
        For `speechbrain.parse_arguments`.

    Raises
    ------
    ValueError
        If a word is nobody's value, or HyperPyYAML would take a part of a path
        for a reference.

    Example
    -------
    >>> quoted_paths(["a.yaml", "--data_folder", "/a #1", "--x=./b", "--y=c"])
    ['a.yaml', '--data_folder', '"/a #1"', '--x="./b"', '--y=c']
    """
    quoted, wanted = list(words[:1]), False
    for word in words[1:]:
        option, equals, value = "", "", word
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            flag = getattr(RunOptions, option[2:], None) is False
            wanted = not equals and not flag
        elif not wanted:  # SpeechBrain would append it to the last value
            raise ValueError(
                f"{word} is no option's value: give RECIPE.yaml --key value, a "
                "value with blanks in quotes."
            )
        else:
            wanted = quoted[-1].endswith("_module_keys")
        if value.startswith(("/", "./", "../")):
            if found := REFERENCE.search(value):
                raise ValueError(
                    f"{value}: HyperPyYAML takes {found[0]} for a reference to "
                    "a key. Rename that folder, or give it by a symbolic link."
                )
            # Of SpeechBrain's parser: it would take = for a blank.
            value = json.dumps(value, ensure_ascii=False).replace("=", "\\x3d")
        quoted.append(f"{option}{equals}{value}")
    return quoted


def plain_values(resolved: str) -> dict[str, Any]:
    """The values of a recipe, before any of its objects is built.

    Arguments
    ---------
    resolved : str
        The resolved YAML.

    Returns
    -------
    dict
        Values by key, those inside blocks by their path; an object in place
        of what has a tag.

    Example
    -------
    >>> text = "loss: !new:a.Loss\\n  beta: 0.5\\n  patch_bins: (10, 40)\\n"
    >>> values = plain_values(text)
    >>> values["loss.beta"], values["loss.patch_bins"], type(values["loss"])
    (0.5, (10, 40), <class 'object'>)
    """
    values: dict[str, Any] = {}
    _collect("", ruamel.yaml.YAML().load(resolved), values)
    return values


def _collect(above: str, block: Mapping, values: dict) -> None:
    """Adds what is inside a block to the values by path."""
    for key, node in block.items():
        values[f"{above}{key}"] = _plain(node)
        if isinstance(node, Mapping):
            _collect(f"{above}{key}.", node, values)


def _plain(node: Any) -> Any:
    """A node's value; of an object that is yet to be built, an object."""
    written = getattr(node, "value", node)
    if isinstance(written, str) and TUPLE.fullmatch(written):
        return tuple(ruamel.yaml.YAML().load(f"[{written[1:-1]}]"))
    if tag_of(node) is not None:
        return object()
    if isinstance(node, Mapping):
        return {str(key): _plain(child) for key, child in node.items()}
    if isinstance(node, list):
        return [_plain(child) for child in node]
    return node


def choose(name: str, among: Mapping, **arguments: Any) -> Any:
    """Constructs what a name stands for, so that a command line can choose
    among objects that a YAML describes.

    Arguments
    ---------
    name : str
        A key of ``among``.
    among : Mapping
        Names, and what constructs the object of that name (``!name:`` in
        YAML), or None.
    **arguments : object
        Given to whatever is chosen.

    Returns
    -------
    object
        What was constructed, or None where that is chosen.

    Raises
    ------
    ValueError
        If there is no such name: which ones there are.

    Example
    -------
    >>> choose("entries", {"entries": dict}, a=1)
    {'a': 1}
    >>> choose("frames", {"bins": dict, "none": None})
    Traceback (most recent call last):
    ...
    ValueError: There is no 'frames': choose one of bins, none.
    """
    if name not in among:
        known = ", ".join(map(str, among))
        raise ValueError(f"There is no {name!r}: choose one of {known}.")
    make = among[name]
    return None if make is None else make(**arguments)


def for_data(data_folder: str | None, mini: Any, full: Any) -> Any:
    """Chooses a setting by the size of the data.

    Arguments
    ---------
    data_folder : str or None
        ``"mini"`` for the mini corpus, else the path of a full corpus.
    mini : object
        The setting for the mini corpus.
    full : object
        The setting for anything else.

    Returns
    -------
    object
        One of the two.

    Example
    -------
    >>> for_data("mini", mini=10, full=300)
    10
    >>> for_data("/data/VoiceBank", mini=10, full=300)
    300
    """
    return mini if data_folder == MINI else full
