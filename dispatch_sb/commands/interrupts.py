"""A polite end: what Ctrl-C cleans up, a `kill` cleans up as well.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Inside the block SIGTERM raises KeyboardInterrupt, as Ctrl-C does.

    Python would otherwise end at once and leave temporary files behind.

    Yields
    ------
    None
        Nothing.

    Example
    -------
    >>> with contextlib.suppress(KeyboardInterrupt):
    ...     with terminated_like_interrupted():
    ...         signal.raise_signal(signal.SIGTERM)
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
