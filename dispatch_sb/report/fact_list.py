"""What a run tells about itself: names and values.

Authors
 * The dispatch-sb contributors, 2026
"""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

HEADING = ("method", "seed", "teacher_source", "teacher_revision")
HEADING += ("teacher_commit", "parameters", "date")
LONGEST = 48  # letters in the heading


def heading_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    """The facts that belong on top: who, from whom, how, when.

    Arguments
    ---------
    facts : mapping
        What scores.json tells beside the scores.

    Returns
    -------
    dict
        Short values under short names.

    Example
    -------
    >>> heading_facts(
    ...     {"seed": 1, "python": "3.11", "sha256": {"student": "ab"}}
    ... )
    {'seed': '1'}
    """
    told = flatten({key: facts[key] for key in HEADING if key in facts})
    return {
        name: _short(_moment(value) if name == "date" else value)
        for name, value in told
    }


def flatten(
    facts: Mapping[str, Any], above: str = ""
) -> Iterable[tuple[str, str]]:
    """Nested names and values, one after the other.

    Arguments
    ---------
    facts : mapping
        Dictionaries, lists and plain values.
    above : str
        The name of what holds them.

    Yields
    ------
    tuple of str
        A readable name and its value.

    Example
    -------
    >>> list(flatten({"parameters": {"student": 22451}}))
    [('parameters, student', '22,451')]
    """
    for key, value in facts.items():
        name = str(key).replace("_", " ")
        name = f"{above}, {name}" if above else name
        if isinstance(value, Mapping):
            yield from flatten(value, name)
        elif isinstance(value, list | tuple):
            yield name, ", ".join(map(str, value))
        elif isinstance(value, int | float) and "seed" not in name:
            whole = float(value).is_integer()
            yield name, f"{value:,.0f}" if whole else f"{value:g}"
        else:
            yield name, str(value)


def _short(value: str) -> str:
    """The end of a long value, such as a path, where its name is."""
    return value if len(value) <= LONGEST else f"…{value[1 - LONGEST :]}"


def _moment(date: str) -> str:
    """An ISO date and time for readers; anything else as it is."""
    try:
        moment = datetime.datetime.fromisoformat(date)
    except ValueError:
        return date
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".strip()
