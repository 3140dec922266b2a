"""What the files of a run must hold for others to read them.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from typing import Any

from dispatch_sb.data.value_checks import (
    BLOCK,
    FROM_0,
    NUMBER,
    STRING,
    block,
    block_of,
    either,
    list_of,
    or_null,
)

SYSTEMS = ("noisy", "student", "teacher")
TEACHER = re.compile(r"teacher(_[1-9]\d*)?")  # the one, or one of several
TEXTS = block_of(or_null(STRING))
MEAN = block(
    {},
    {
        "mean": or_null(NUMBER),
        "ci95": list_of(or_null(NUMBER), 2, 2),
        "n": FROM_0,
        "failed": FROM_0,
    },
)
VALUE = either(NUMBER, block({"error": STRING}))
CORPUS = block(
    {},
    {
        "root": or_null(STRING),
        "name": or_null(STRING),
        "test_set": STRING,
        "credit": either(STRING, TEXTS),
        "data": list_of(block({"folder": STRING, "use": STRING}), least=0),
    },
)
# What `Run.note` writes.
RECORD = block(
    {},
    {
        "method": STRING,
        "command": STRING,
        "directory": STRING,
        "corpus": or_null(CORPUS),
        "teacher": or_null(either(TEXTS, list_of(TEXTS, least=0))),
        "manifests": block_of(block({"path": STRING})),
    },
)
# A line of the training log.
EPOCH = block(
    {"epoch": FROM_0}, {"train": BLOCK, "valid": BLOCK, "speed": BLOCK}
)
TABLES = block(
    {},
    {
        "files": block_of(block_of(block_of(VALUE))),
        "differences": block_of(block_of(MEAN)),
        "flavours": TEXTS,
        "versions": TEXTS,
        "weights_sha256": TEXTS,
    },
)


def check_scores(scores: Any) -> str | None:
    """The check of what ``scores.json`` holds.

    Arguments
    ---------
    scores : any
        Its content.

    Returns
    -------
    str or None
        What it should hold, see `dispatch_sb.data.value_checks`.

    Example
    -------
    >>> check_scores({"noisy": {"pesq": {"mean": 2.0}}})
    >>> check_scores({"noisy": {"pesq": 2.0}})
    'at noisy, at pesq, a block of keys and values'
    """
    if wrong := TABLES(scores):
        return wrong
    known = {
        key: value
        for key, value in scores.items()
        if key in SYSTEMS or TEACHER.fullmatch(key)
    }
    return block_of(block_of(MEAN))(known)
