"""What any reader may do with a damaged file: refuse it in one clear sentence,
or read it. In one place, what a clear sentence is.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import signal
from pathlib import Path

import pytest
from hypothesis import settings
from speechbrain.utils.importutils import LazyModule

# Hypothesis asks every module where it lies; SpeechBrain's lazy ones would
# import something that is not installed, to answer.
LazyModule.__file__ = None

with contextlib.suppress(ImportError):  # not on Windows
    import resource

# What the command lines turn into a sentence: `dispatch_sb.cli.main` and the
# recipe's `SETUP_ERRORS`. Anything else is a traceback.
CLEAR = (ValueError, OSError, RuntimeError, ImportError)
# Their subclasses that only a mistake in the program raises.
MISTAKES = (RecursionError, NotImplementedError)
SECONDS = 30  # that reading one small file may take, on a busy machine
ROOM = 4 << 30  # bytes of address space that it may ask for
LONGEST = 6000  # letters

REFUSED = object()


def attempt(action, *names):
    """What an action returns, or `REFUSED` if it fails in a clear sentence
    that holds one of the names; anything else fails the test."""
    try:
        with _limited():
            return action()
    except CLEAR as error:
        text = str(error)
        assert not isinstance(error, MISTAKES), repr(error)
        assert "Traceback" not in text and len(text) < LONGEST, text[:2000]
        named = [str(name) for name in names if str(name)]
        assert any(name in text for name in named), (
            f"{type(error).__name__} names none of {named[:9]}: {text}"
        )
        return REFUSED


@contextlib.contextmanager
def _limited():
    """Neither long nor with much memory: a header that claims 2**60 bytes has
    to be refused before they are asked for."""

    def too_long(*_):
        pytest.fail(f"It takes longer than {SECONDS} s.")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    limits = _allow(ROOM)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        if limits:
            resource.setrlimit(resource.RLIMIT_AS, limits)


def _allow(room):
    """Limits the address space to what is in use and so much more; what the
    limits were, None where the system does not tell (only Linux does)."""
    used = Path("/proc/self/statm")
    if not used.exists():
        return None
    pages = int(used.read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + room
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    return before


def share(part):
    """Settings of a test that takes this part of a profile's examples."""
    return settings(max_examples=max(1, round(settings().max_examples * part)))
