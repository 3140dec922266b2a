"""`--keep`, for commands that enhance or write what enhances.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from collections.abc import Sequence


def joined(words: Sequence[str]) -> list[str]:
    """Ties the value to `--keep`: argparse would take -12dB, which begins
    with a minus and is no bare number, for an option.

    Arguments
    ---------
    words : sequence of str
        A command line.

    Returns
    -------
    list of str
        The same, with both as one word.

    Example
    -------
    >>> joined(["enhance", "a.wav", "--keep", "-12dB", "--overwrite"])
    ['enhance', 'a.wav', '--keep=-12dB', '--overwrite']
    """
    done: list[str] = []
    for word in words:
        if done[-1:] == ["--keep"] and re.match("-[^-]", word):
            word = f"{done.pop()}={word}"
        done.append(word)
    return done
