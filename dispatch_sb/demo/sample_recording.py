"""The recording that a page offers to somebody who has none at hand.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from pathlib import Path
from typing import NamedTuple

import dispatch_sb
from dispatch_sb.data.files import sha256_of
from dispatch_sb.runs.run import Run, is_run
from dispatch_sb.sharing.example import median_example

# In a checkout; the last resort.
BUILT_IN = Path("recipes/VoiceBank/pretrained/fastenhancer-b-16k/example.wav")


class Example(NamedTuple):
    """A recording to begin with: its file, the clean version's file if there
    is one, and a phrase about where it comes from."""

    noisy: Path
    clean: Path | None
    about: str


def find_example(*sources: str | os.PathLike | None) -> Example | None:
    """Looks for a recording that belongs to the models.

    Arguments
    ---------
    *sources : str, os.PathLike or None
        Folders of runs and models, and hub ids, the student's first.

    Returns
    -------
    Example or None
        The test file of a run whose gain is the median, with its clean
        version; otherwise a model folder's example.wav; otherwise that of the
        pretrained teacher beside this package; None if there is none.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> _ = (folder / "example.wav").write_bytes(b"")
    >>> find_example("organisation/model", folder).noisy.name
    'example.wav'
    """
    folders = [Path(name) for name in sources if name and os.path.isdir(name)]
    for folder in filter(is_run, folders):
        if (found := _pair_of_run(Run.open(folder))) is not None:
            return found
    package = Path(dispatch_sb.__file__).resolve().parents[1]
    for path in [*(f / "example.wav" for f in folders), package / BUILT_IN]:
        if path.is_file():
            return Example(path.resolve(), None, f"that of {path.parent.name}.")
    return None


def _pair_of_run(run: Run) -> Example | None:
    """A run's median test utterance, noisy and clean; None where manifest or
    audio are not there any more."""
    try:
        name, noisy = median_example(run)
        entry = run.test_files[name]
        clean = Path(entry["clean_wav"])
        found = [sha256_of(noisy), sha256_of(clean)]
    except (OSError, ValueError, LookupError, StopIteration):
        return None  # the page does without
    # Another corpus may have come to lie in the same place.
    if found != [entry["noisy_sha256"], entry["clean_sha256"]]:
        return None
    about = f"test file {name} of the run, the median by its gain."
    return Example(noisy.resolve(), clean.resolve(), about)
