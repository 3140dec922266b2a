"""`dispatch-sb doctor`: checks an installation; if asked, makes torchaudio
importable beside a CPU torch.

SpeechBrain imports torchaudio, whose wheels hold libraries that need CUDA.
Beside a CPU build of torch they fail to load; without them torchaudio runs
in its own mode for missing extensions, which is all that is needed here.

Authors
 * The dispatch-sb contributors, 2026
"""

import importlib.metadata
import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

from dispatch_sb.commands.command import described

REINSTALL = "Remedy: pip install --force-reinstall --no-deps torchaudio==2.11.0"


def import_failure(name: str) -> str | None:
    """Imports a package in a fresh Python.

    Arguments
    ---------
    name : str
        Name of the package.

    Returns
    -------
    str or None
        Last line of the error, or None if the import works.

    Example
    -------
    >>> import_failure("json") is None
    True
    """
    result = subprocess.run(
        [sys.executable, "-c", f"import {name}"], capture_output=True, text=True
    )
    if result.returncode == 0:
        return None
    lines = result.stderr.strip().splitlines() or ["unknown error"]
    return lines[-1]


def torchaudio_libraries() -> list[Path]:
    """Finds the compiled libraries inside torchaudio, without importing it.

    Returns
    -------
    list of Path
        Empty if torchaudio holds none.

    Raises
    ------
    RuntimeError
        If torchaudio is not installed, or not in this virtual environment.
    """
    spec = importlib.util.find_spec("torchaudio")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "torchaudio is not installed. "
            "Remedy: pip install torchaudio==2.11.0"
        )
    folder = Path(next(iter(spec.submodule_search_locations)))
    in_venv = sys.prefix != sys.base_prefix
    if in_venv and not folder.is_relative_to(sys.prefix):
        raise RuntimeError(
            f"{folder} belongs to another environment and is left alone. "
            f"{REINSTALL}"
        )
    return sorted((folder / "lib").glob("*.so"))


def check_torchaudio(cuda_version: str | None, fix: bool = False) -> str:
    """Finds out whether torchaudio imports; removes, if asked, libraries of it
    that cannot work here.

    Nothing is ever touched unless torch is built without CUDA and torchaudio
    fails to import.

    Arguments
    ---------
    cuda_version : str or None
        ``torch.version.cuda``.
    fix : bool
        Whether to repair what can be repaired.

    Returns
    -------
    str
        What was found and done, one sentence.

    Raises
    ------
    RuntimeError
        If torchaudio fails to import, and is not or cannot be repaired; names
        the remedy.
    """
    failure = import_failure("torchaudio")
    if failure is None:
        return "torchaudio imports."
    libraries = torchaudio_libraries() if cuda_version is None else []
    names = ", ".join(library.name for library in libraries)
    if libraries and not fix:
        raise RuntimeError(
            f"torchaudio does not import beside this torch: {failure} Remedy: "
            "dispatch-sb doctor --fix, which removes the libraries that need "
            f"CUDA ({names}) from {libraries[0].parent}."
        )
    for library in libraries:
        library.unlink()
    still = import_failure("torchaudio") if libraries else failure
    if still is not None:
        raise RuntimeError(
            f"torchaudio does not import beside this torch: {still} {REINSTALL}"
        )
    return (
        f"torchaudio failed to import beside a CPU torch ({failure}); removed "
        f"its CUDA-only libraries {names} from {libraries[0].parent}. It "
        "imports now; only rnnt_loss and forced_align are lost."
    )


def diagnose(fix: bool = False) -> str:
    """Reports on Python, torch, torchaudio and SpeechBrain.

    Arguments
    ---------
    fix : bool
        Whether to repair torchaudio if it needs it; otherwise nothing is
        changed.

    Returns
    -------
    str
        The report, several lines.

    Raises
    ------
    RuntimeError
        If something is missing or does not work; names the remedy.
    """
    import torch

    build = torch.version.cuda
    lines = [
        f"Python {platform.python_version()}",
        f"torch {torch.__version__}, "
        + (f"CUDA {build}" if build else "built without CUDA")
        + (", GPU found" if torch.cuda.is_available() else ", no GPU"),
        check_torchaudio(build, fix),
    ]
    failure = import_failure("speechbrain")
    if failure is not None:
        raise RuntimeError(
            f"speechbrain does not import: {failure} "
            "Remedy: pip install speechbrain==1.1.2"
        )
    lines.append(
        f"speechbrain {importlib.metadata.version('speechbrain')} imports."
    )
    return "\n".join(lines)


COMMAND = described("doctor", diagnose)
