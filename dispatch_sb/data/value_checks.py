"""What values of YAML and JSON may be, said in one form; and JSON files that
are read only if they hold what they should.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import math
import os
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Takes a plain value; says what to give instead, or None if it may stay.
Check = Callable[[Any], str | None]
DIGITS = 19  # of an integer in JSON: what 64 bits hold


def when(fits: Callable[[Any], bool], allowed: str) -> Check:
    """Makes the check of a condition.

    Arguments
    ---------
    fits : callable
        Takes the value.
    allowed : str
        What values fit.

    Returns
    -------
    callable
        The check.

    Example
    -------
    >>> when(str.isupper, "capitals")("a")
    'capitals'
    """
    return lambda value: None if fits(value) else allowed


def number(interval: str = "(-inf, inf)", whole: bool = False) -> Check:
    """Makes the check of a finite number.

    Arguments
    ---------
    interval : str
        Such as "[0, 1)".
    whole : bool
        Whether it is an integer.

    Returns
    -------
    callable
        The check.

    Example
    -------
    >>> number("[0, 1)")(1), number("[0, 1)")(0)
    ('a number in [0, 1)', None)
    """
    least, most = map(float, interval[1:-1].split(","))
    ends = [least] * (interval[0] == "[") + [most] * (interval[-1] == "]")

    def fits(value: Any) -> bool:
        right = isinstance(value, int if whole else (int, float))
        right = right and not isinstance(value, bool)
        return right and (least < value < most or value in ends)

    return when(fits, f"a {'whole ' * whole}number in {interval}")


def one_of(*choices: str) -> Check:
    """Makes the check of a choice among texts.

    Arguments
    ---------
    *choices : str
        The texts.

    Returns
    -------
    callable
        The check.
    """
    return when(lambda value: value in choices, f"one of {', '.join(choices)}")


def list_of(
    check: Check, least: int = 1, most: float = math.inf, rising: bool = False
) -> Check:
    """Makes the check of a list or tuple.

    Arguments
    ---------
    check : callable
        Of each item.
    least, most : int
        How many items.
    rising : bool
        Whether they are sorted.

    Returns
    -------
    callable
        The check.
    """
    size = f"{least}{' or more' if most > least else ''}"

    def check_all(value: Any) -> str | None:
        listed = isinstance(value, (list, tuple))
        if not listed or not least <= len(value) <= most:
            return f"a list of {size}, such as [a, b]"
        wrong = next(filter(None, map(check, value)), None)
        if wrong:
            return f"a list; in it, {wrong}"
        falls = rising and list(value) != sorted(value)
        return "a list that rises" if falls else None

    return check_all


def or_null(check: Check) -> Check:
    """Makes the check of what may be left unset.

    Arguments
    ---------
    check : callable
        Of what is set.

    Returns
    -------
    callable
        The check.
    """
    return either(when(lambda value: value is None, "null"), check)


def either(first: Check, second: Check) -> Check:
    """Makes the check of what may be of two kinds.

    Arguments
    ---------
    first, second : callable
        Checks of the kinds.

    Returns
    -------
    callable
        The check.
    """

    def check(value: Any) -> str | None:
        wrong = [first(value), second(value)]
        return ", or ".join(wrong) if all(wrong) else None

    return check


def block(
    needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None
) -> Check:
    """Makes the check of a mapping whose keys are known; it may have others.

    Arguments
    ---------
    needed : mapping
        Checks of what must be there, by key.
    optional : mapping, optional
        Checks of what may be there.

    Returns
    -------
    callable
        The check.

    Example
    -------
    >>> block({"length": POSITIVE})({"length": "long"})
    'as length, a number in (0, inf)'
    >>> block({}, {"length": POSITIVE})({})
    """

    def check(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return BLOCK(value)
        for key, inside in {**needed, **(optional or {})}.items():
            if key not in value and key not in needed:
                continue
            wrong = inside(value[key]) if key in value else "a value"
            if wrong:
                return f"as {key}, {wrong}"
        return None

    return check


def block_of(check: Check, least: int = 0) -> Check:
    """Makes the check of a mapping whose values are alike.

    Arguments
    ---------
    check : callable
        Of each value.
    least : int
        How many there must be.

    Returns
    -------
    callable
        The check.

    Example
    -------
    >>> block_of(TEXT)({"a": 3})
    'at a, a text; in quotes, if it looks like a number'
    """

    def check_all(value: Any) -> str | None:
        if not isinstance(value, Mapping) or len(value) < least:
            return f"{BLOCK(0)}{f', {least} or more' * (least > 0)}"
        found = ((key, check(inside)) for key, inside in value.items())
        wrong = next(((key, what) for key, what in found if what), None)
        return wrong and f"at {reprlib.repr(wrong[0])[1:-1]}, {wrong[1]}"

    return check_all


TEXT = when(
    lambda value: isinstance(value, str) and value.strip(),
    "a text; in quotes, if it looks like a number",
)
STRING = when(lambda value: isinstance(value, str), "a text")
FLAG = when(lambda value: isinstance(value, bool), "True or False")
BLOCK = when(
    lambda value: isinstance(value, Mapping), "a block of keys and values"
)
COUNT, FROM_0 = (number(f"[{least}, inf)", whole=True) for least in (1, 0))
POSITIVE, AT_LEAST_0 = number("(0, inf)"), number("[0, inf)")
NUMBER = number()
PATH = when(
    lambda value: not TEXT(value) and "\0" not in value,
    "a text, the path of a file",
)


def read_json(
    path: str | os.PathLike, check: Check = BLOCK, remedy: str = "repair it."
) -> Any:
    """Reads a JSON file.

    Arguments
    ---------
    path : str or os.PathLike
        The file.
    check : callable
        Of what it holds.
    remedy : str
        The end of a sentence about what is wrong.

    Returns
    -------
    object
        The content.

    Raises
    ------
    ValueError
        If it is no JSON, or holds something else.

    Example
    -------
    >>> path = getfixture("tmp_path") / "a.json"
    >>> _ = path.write_text("[3]")
    >>> read_json(path)
    Traceback (most recent call last):
    ...
    ValueError: ...a.json is damaged (it should hold a block of keys ...
    """
    try:
        content = parse_json(Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): {remedy}") from error
    if wrong := check(content):
        raise ValueError(
            f"{path} is damaged (it should hold {wrong}): {remedy}"
        )
    return content


def parse_json(text: str | bytes, finite: bool = True) -> Any:
    """Reads JSON that another program can rely on: no key twice, no number
    that is not finite or wider than 64 bits, no half of a character.

    Arguments
    ---------
    text : str or bytes
        UTF-8.
    finite : bool
        Whether NaN and infinity are refused.

    Returns
    -------
    object
        The content.

    Raises
    ------
    ValueError
        If it is none.

    Example
    -------
    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ValueError: the key 'a' is given twice
    """
    try:
        text = text if isinstance(text, str) else text.decode("utf-8-sig")
        content = json.loads(
            text,
            object_pairs_hook=_once_each,
            parse_constant=_finite if finite else float,
            parse_float=_finite if finite else float,
            parse_int=_not_huge,
        )
        # A surrogate without its other half: no file could have that name.
        if "\\u" in text:
            json.dumps(content, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return content


def _once_each(pairs: list[tuple]) -> dict:
    """A mapping of pairs, unless a key comes twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {reprlib.repr(twice)} is given twice")
    return content


def _finite(text: str) -> float:
    """A number that is finite."""
    if not math.isfinite(value := float(text)):
        raise ValueError(f"it holds the number {text[:DIGITS]}")
    return value


def _not_huge(text: str) -> int:
    """An integer of a usual width."""
    if len(text) > DIGITS + 1:
        raise ValueError(f"it holds the number {text[:DIGITS]}...")
    return int(text)
