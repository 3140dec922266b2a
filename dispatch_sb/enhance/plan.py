"""Which files are to be enhanced into which, before any work begins.

Authors
 * The dispatch-sb contributors, 2026
"""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import soundfile

from dispatch_sb.data.files import map_files
from dispatch_sb.data.formats import (
    Layout,
    choose_layout,
    format_of,
    is_audio_name,
)
from dispatch_sb.enhance.sound_files import UNKNOWN_LENGTH, open_audio


class Job(NamedTuple):
    """One file to enhance.

    Arguments
    ---------
    source, target : pathlib.Path
        Read and written.
    layout : Layout
        Format to write.
    seconds : float
        Duration that the header promises; 0 if it promises none.
    fallback : bool
        Whether it becomes WAV because its own format cannot be written.
    """

    source: Path
    target: Path
    layout: Layout
    seconds: float
    fallback: bool = False


class Plan(NamedTuple):
    """What is to be done.

    Arguments
    ---------
    jobs : list of Job
        Files to enhance.
    kept : list of pathlib.Path
        Outputs that exist already.
    problems : dict
        Reasons by source, for files that cannot be read.
    """

    jobs: list[Job]
    kept: list[Path]
    problems: dict[Path, str]


def plan_jobs(
    inputs: Sequence[str | os.PathLike],
    output: str | os.PathLike,
    wanted: str | None = None,
    overwrite: bool = False,
) -> Plan:
    """Finds the inputs, and gives each its output.

    ``output`` is a file if a single file is the input and its suffix is that
    of an audio format. Otherwise it is a folder, in which the structure of a
    folder or of a glob's matches is kept; of several folders each gets one of
    its own name. Files below the output folder are no inputs.

    Arguments
    ---------
    inputs : sequence of str or os.PathLike
        Files, folders (searched recursively) and glob patterns.
    output : str or os.PathLike
        File or folder to write.
    wanted : str, optional
        A format or suffix, such as ``"flac"``; default: as each input has.
    overwrite : bool
        Whether outputs that exist are made again.

    Returns
    -------
    Plan
        Jobs, outputs that stay, and files that cannot be read.

    Raises
    ------
    FileNotFoundError
        If an input does not exist or holds no audio.
    ValueError
        If an output would replace an input or be written twice, or the
        output is no folder where it has to be.
    """
    output = Path(output)
    if wanted is not None:
        format_of(wanted)
    single = _single_file(inputs, output)
    if single is not None:
        if wanted and format_of(wanted) != format_of(output.suffix):
            raise ValueError(
                f"{output} and --format {wanted} contradict each other: give "
                "the file that suffix, or leave --format out."
            )
        names, wanted = {single: output}, wanted or output.suffix
    else:
        names = _names(inputs, output)
        if not output.is_dir() and (output.exists() or is_audio_name(output)):
            raise ValueError(
                f"{output} is a file: several inputs, or a folder, need a "
                "folder to write to."
            )
    return _plan(names, wanted, overwrite, fixed=single is not None)


def _single_file(inputs, output: Path) -> Path | None:
    """The input file, if the output is a file as well."""
    if len(inputs) != 1 or output.is_dir() or not is_audio_name(output):
        return None
    path = Path(inputs[0])
    return path if path.is_file() else None


def _names(inputs, output: Path) -> dict[Path, Path]:
    """The path to write by the path to read, the suffix unchanged."""
    several = len(inputs) > 1
    names = {}
    for item in inputs:
        path = Path(os.path.abspath(item))
        if path.is_dir():
            root = path.parent if several else path
            found = _audio_below(path, output)
        elif path.exists():
            root, found = path.parent, [path]
        else:
            root, found = _matches(os.fspath(item))
        if not found:
            raise FileNotFoundError(
                f"{item} holds no audio file: check the path, and that the "
                "names end in .wav, .flac, .ogg, .mp3, …."
            )
        for file in found:
            names.setdefault(file, output / file.relative_to(root))
    return {_shown(file): target for file, target in names.items()}


def _audio_below(folder: Path, output: Path) -> list[Path]:
    """Audio files below a folder, less hidden ones and earlier outputs."""
    found, goal = [], os.path.realpath(output)
    if os.path.realpath(folder) == goal:
        raise ValueError(
            f"{folder} is the input and the output: write to another folder."
        )
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [
            name
            for name in folders
            if os.path.realpath(os.path.join(parent, name)) != goal
        ]
        found += [
            Path(parent, name)
            for name in names
            if is_audio_name(name) and not name.startswith(".")
        ]
    return sorted(found)


def _matches(pattern: str) -> tuple[Path, list[Path]]:
    """The fixed beginning of a glob pattern, and the audio that it finds."""
    if not glob.has_magic(pattern):
        raise FileNotFoundError(f"{pattern} does not exist: check the path.")
    root = Path(os.path.abspath(pattern))
    while glob.has_magic(str(root)):
        root = root.parent
    found = glob.glob(pattern, recursive=True)
    paths = sorted(Path(os.path.abspath(path)) for path in found)
    return root, [p for p in paths if p.is_file() and is_audio_name(p)]


def _shown(path: Path) -> Path:
    """A path as a user would write it: relative if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _plan(names, wanted, overwrite: bool, fixed: bool) -> Plan:
    """Looks at every header, and sorts the files."""
    looked = map_files(
        lambda path: _look(path, wanted), names, "Looking at the files"
    )
    plan, taken = Plan([], [], {}), {}
    sources = {os.path.realpath(path): path for path in names}
    for (source, target), found in zip(names.items(), looked):
        if isinstance(found, str):
            plan.problems[source] = found
            continue
        layout, seconds = found
        if layout.suffix and not fixed:
            target = target.with_suffix(layout.suffix)
        _check(source, target, sources, taken)
        taken[target] = source
        if target.exists() and not overwrite:
            plan.kept.append(target)
        else:
            fallback = bool(layout.suffix) and wanted is None
            plan.jobs.append(Job(source, target, layout, seconds, fallback))
    return plan


def _look(path: Path, wanted: str | None) -> tuple[Layout, float] | str:
    """How a file is to be written and its duration, or what is wrong."""
    try:
        with open_audio(path) as file:
            layout = choose_layout(file.format, file.subtype, wanted)
            known = file.frames < UNKNOWN_LENGTH
            return layout, file.frames / file.samplerate if known else 0.0
    except (OSError, ValueError, soundfile.SoundFileError) as error:
        return str(error)


def _check(source: Path, target: Path, sources: dict, taken: dict) -> None:
    """Raises if writing a target would destroy something."""
    if target in taken:
        raise ValueError(
            f"{taken[target]} and {source} would both become {target}: "
            "rename one, or enhance them into two folders."
        )
    if os.path.realpath(target) in sources:
        raise ValueError(
            f"{target} is an input itself: write to another folder, the "
            "originals are never replaced."
        )
    if target.is_dir():
        raise ValueError(f"{target} is a folder, not a file: move it away.")
