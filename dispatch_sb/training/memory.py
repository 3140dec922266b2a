"""Freed memory stays with the process, for steps that need as much again.

Authors
 * The dispatch-sb contributors, 2026
"""

import ctypes

# Options of glibc's mallopt, see mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
# An advice of madvise(2), the size of a large page, and of what gets them.
MADV_HUGEPAGE, LARGE_PAGE, LARGE_PAGES = 14, 2**21, 2**30 - 2**26


def keep_freed_memory() -> bool:
    """Asks the C library to keep what is freed.

    glibc returns large tensors to the system when they are freed, and takes
    them again page by page: a tenth of a training step on a CPU. And the
    first gigabyte is asked for in large pages, whose addresses a processor
    finds quicker: as much again. Elsewhere nothing happens.

    Returns
    -------
    bool
        Whether the C library has agreed.

    Example
    -------
    >>> keep_freed_memory() in (True, False)
    True
    """
    library = ctypes.CDLL(None)
    mallopt = getattr(library, "mallopt", None)
    if mallopt is None:
        return False
    options = {
        M_MMAP_THRESHOLD: 2**30,
        M_TRIM_THRESHOLD: 2**31 - 1,
        M_TOP_PAD: 2**26,
    }
    agreed = all([mallopt(name, value) for name, value in options.items()])
    if agreed:
        _ask_for_large_pages(library)
    return agreed


def _ask_for_large_pages(library) -> None:
    """Extends the heap, untouched, and gives it back with that advice."""
    library.malloc.restype = ctypes.c_void_p
    start = library.malloc(ctypes.c_size_t(LARGE_PAGES))
    if start is None:
        return
    first = -(-start // LARGE_PAGE) * LARGE_PAGE
    size = LARGE_PAGES - LARGE_PAGE
    library.madvise(
        ctypes.c_void_p(first), ctypes.c_size_t(size), MADV_HUGEPAGE
    )
    library.free(ctypes.c_void_p(start))
