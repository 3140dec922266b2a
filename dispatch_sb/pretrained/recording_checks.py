"""Whether a folder of recordings fits the data that it is to teach on, sample
by sample: asked before training, and answered with all problems at once.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median_low

import numpy as np

from dispatch_sb.data.audio import probe, read_audio, read_channels, sha256_of
from dispatch_sb.data.checks import SILENCE_PEAK, not_finite
from dispatch_sb.data.files import atomic_path, map_files
from dispatch_sb.data.freshness import digest, is_current, remember, stamps
from dispatch_sb.data.manifest import ManifestError
from dispatch_sb.pretrained.recorded import RecordedTeacher, write_recording

logger = logging.getLogger(__name__)

VERSION = 1  # of the checks; raise it when they change
# Samples by which a recording's length may differ: conversions of the sample
# rate round to whole samples, once or twice each.
LENGTH_TOLERANCE = 16
LAG_FILES = 40  # whose lag is measured
LAG_SECONDS = 0.5  # the largest that is looked for
LAG_EXCERPT = 10.0  # seconds of a file that are looked at
LAG_SPREAD = 8  # samples by which single files may differ from the others
RESEMBLANCE = 0.2  # correlation below which a lag says nothing
FLAT_TOP = 3  # equal samples near full scale that make a clipped peak
SHOWN = 10  # problems of one kind


def check_recordings(
    teacher: RecordedTeacher,
    entries: Mapping[str, dict],
    delay: int | None = None,
    note: str | os.PathLike | None = None,
) -> None:
    """Refuses recordings that do not fit the noisy files.

    Every file is there, was made of this noisy file (where a note tells), is
    as long, has one channel, is not silent and not clipped; and lags by the
    teacher's delay, which is measured on some of the files.

    Arguments
    ---------
    teacher : RecordedTeacher
        The recordings.
    entries : Mapping[str, dict]
        Of a pair manifest by id, see `located_manifest`.
    delay : int, optional
        Replaces the teacher's delay, in samples.
    note : str or os.PathLike, optional
        A file that remembers the answer: while recordings and noisy files
        stay as they are, they are not read again.

    Raises
    ------
    ManifestError
        Lists everything that is wrong.
    """
    if delay is not None:
        teacher.delay = delay
    title = f"The recorded teacher {teacher.folder} does not fit"
    pairs = {
        key: (Path(entry["noisy_wav"]), teacher.find(entry["noisy_wav"]))
        for key, entry in entries.items()
    }
    problems = _missing(teacher, pairs)
    pairs = {key: pair for key, pair in pairs.items() if pair[1]}
    state = digest([VERSION, teacher.delay, teacher.origin, _stamps(pairs)])
    if note is not None and not problems and is_current(Path(note), state):
        return
    examined = map_files(
        lambda key: _examine(teacher, *pairs[key], entries[key]),
        pairs,
        "Checking recordings",
    )
    sound = [key for key, found in zip(pairs, examined) if not found]
    lags = dict(
        map_files(
            lambda key: (key, measure_lag(teacher, *pairs[key])),
            _spread(sound, LAG_FILES),
            "Measuring lags",
        )
    )
    problems += _shortened([line for found in examined for line in found])
    problems += _lag_problems(teacher, pairs, lags)
    if problems:
        raise ManifestError(title, problems)
    if note is not None:
        with atomic_path(note) as temporary:
            temporary.write_text(json.dumps({"lags": lags}, indent=1))
        remember(Path(note), state)


def align_recordings(
    teacher: RecordedTeacher,
    entries: Mapping[str, dict],
    folder: str | os.PathLike,
) -> None:
    """Makes every recording fit its noisy file sample by sample, once.

    A recording of another sample rate, with a delay, or a few samples longer
    or shorter is copied; from then on `recording_of` gives the copy, and a
    segment of it is read as quickly as one of the noisy file.

    Arguments
    ---------
    teacher : RecordedTeacher
        The recordings, which passed `check_recordings`.
    entries : Mapping[str, dict]
        Of a pair manifest by id, see `located_manifest`.
    folder : str or os.PathLike
        Receives the copies; those that are there, and still fit, are kept.
    """
    what = [str(teacher.folder.resolve()), teacher.delay, teacher.sample_rate]
    folder = Path(folder) / digest(what)[:16]

    def align(entry):
        samples = _samples(entry, teacher)
        path = teacher.find(entry["noisy_wav"])
        return path, _aligned(teacher, path, samples, folder)

    paths = map_files(align, entries.values(), "Aligning recordings")
    teacher.aligned.update(paths)


def fit_recordings(
    teacher: RecordedTeacher,
    parts: Mapping[str, Mapping[str, dict]],
    note: str | os.PathLike,
    copies: str | os.PathLike,
) -> list[str]:
    """Checks and aligns the recordings of all parts of the data.

    Arguments
    ---------
    teacher : RecordedTeacher
        The recordings.
    parts : Mapping[str, Mapping[str, dict]]
        Entries of pair manifests, by the parts' names. The first part must be
        recorded completely; another is left out if it is not.
    note : str or os.PathLike
        File that remembers what was checked.
    copies : str or os.PathLike
        Folder for aligned copies, see `align_recordings`.

    Returns
    -------
    list of str
        The parts that are recorded.

    Raises
    ------
    ManifestError
        Lists everything that is wrong.
    """
    fitted, every = [], {}
    for name, entries in parts.items():
        files = [entry["noisy_wav"] for entry in entries.values()]
        missing = sum(teacher.find(file) is None for file in files)
        if missing and fitted:
            logger.info(
                "%d of the %d files of %s are not recorded: no teacher there",
                missing,
                len(files),
                name,
            )
            continue
        fitted.append(name)
        every.update({f"{name}/{key}": entries[key] for key in entries})
    check_recordings(teacher, every, note=note)
    align_recordings(teacher, every, copies)
    return fitted


def measure_lag(
    teacher: RecordedTeacher, noisy_path: Path, path: Path
) -> int | None:
    """By how many samples a recording lags behind its noisy file, its
    teacher's delay removed.

    Arguments
    ---------
    teacher : RecordedTeacher
        Knows delay and sample rate.
    noisy_path : pathlib.Path
        The noisy file.
    path : pathlib.Path
        Its recording.

    Returns
    -------
    int or None
        Negative if it is ahead; None if the two hardly resemble each other.
    """
    samples = round(LAG_EXCERPT * teacher.sample_rate)
    noisy = read_audio(noisy_path, teacher.sample_rate)[:samples]
    recorded = teacher.read(path, len(noisy))
    energy = np.sqrt(np.sum(noisy**2) * np.sum(recorded**2))
    size = 2 * len(noisy)
    spectra = np.fft.rfft(recorded, size), np.fft.rfft(noisy, size)
    correlation = np.fft.irfft(spectra[0] * spectra[1].conj(), size)
    farthest = round(LAG_SECONDS * teacher.sample_rate)
    lags = np.arange(-farthest, farthest + 1)
    lags = lags[np.abs(lags) < len(noisy)]
    best = lags[np.argmax(correlation[lags])]
    return int(best) if correlation[best] > RESEMBLANCE * energy else None


def _samples(entry: Mapping, teacher: RecordedTeacher) -> int:
    """Length of a noisy file, as the manifest tells."""
    return round(entry["length"] * teacher.sample_rate)


def _stamps(pairs: Mapping) -> list:
    """What is known of all files without reading them."""
    return stamps(
        {k: {"noisy": n, "recorded": r} for k, (n, r) in pairs.items()}
    )


def _spread(items: list, count: int) -> list:
    """At most so many items, evenly from first to last."""
    picked = np.linspace(0, len(items) - 1, min(count, len(items)))
    return [items[int(index)] for index in picked]


def _shortened(problems: list[str]) -> list[str]:
    """The first problems, and how many there are besides."""
    more = len(problems) - SHOWN
    return problems[:SHOWN] + [f"... and {more} more."] * (more > 0)


def _missing(teacher: RecordedTeacher, pairs: Mapping) -> list[str]:
    """Noisy files without a recording, and those that share one."""
    if not any(path for _, path in pairs.values()):
        return [
            f"none of the {len(pairs)} noisy files has a recording in "
            f"{teacher.folder}: their names have to be equal."
        ]
    users = Counter(path for _, path in pairs.values() if path)
    problems = [
        f"{noisy} has no recording in {teacher.folder}: record it, or take "
        "the pair out of the data."
        for noisy, path in pairs.values()
        if path is None
    ]
    shared = [
        f"{noisy} and others have one recording, {path}: give it the noisy "
        "files' sub-folders."
        for noisy, path in pairs.values()
        if users[path] > 1
    ]
    return _shortened(problems) + _shortened(shared)


def _examine(teacher, noisy: Path, path: Path, entry: Mapping) -> list[str]:
    """The problems of one recording."""
    try:
        signal, info = read_channels(path)
    except (OSError, ValueError) as error:
        return [str(error)]
    if info.channels != 1:
        return [
            f"{path} has {info.channels} channels: record it with one channel."
        ]
    problems = _stale(teacher, noisy, path, entry) + not_finite(path, signal)
    rate, own = teacher.sample_rate, info.sample_rate
    length, wanted = round(len(signal) * rate / own), _samples(entry, teacher)
    longest = wanted + max(teacher.delay, 0) + LENGTH_TOLERANCE
    if not wanted - LENGTH_TOLERANCE <= length <= longest:
        problems.append(
            f"{path} has {length} samples at {rate} Hz and its noisy file "
            f"{noisy} has {wanted}: record it again without cutting or "
            "joining anything."
        )
    if not problems and np.ptp(signal) < 2 * SILENCE_PEAK:
        problems.append(
            f"{path} is silent: record it again, or take the pair out of the "
            "data."
        )
    if not problems and _clipped(signal[:, 0]):
        problems.append(
            f"{path} is clipped: record it again at a lower level, or as "
            "32-bit float."
        )
    return problems


def _clipped(signal: np.ndarray) -> bool:
    """Whether a peak is flat at full scale."""
    flat = (np.abs(signal[1:]) > 0.99) & (np.diff(signal) == 0)
    run = np.ones(FLAT_TOP - 1)
    return bool(np.any(np.convolve(flat, run, "valid") >= FLAT_TOP - 1))


def _stale(teacher, noisy: Path, path: Path, entry: Mapping) -> list[str]:
    """The problem of a recording that the folder's note does not vouch for."""
    if not teacher.note:
        return []
    name = path.relative_to(teacher.folder).as_posix()
    known = teacher.note["files"].get(name)
    again = "record it again (dispatch-sb record ... --force)."
    if known is None or known["sha256"] != sha256_of(path):
        return [
            f"{path} is not what was recorded in {teacher.folder} (see its "
            f"note): {again}"
        ]
    if (
        entry.get("noisy_sha256", known["noisy_sha256"])
        != known["noisy_sha256"]
    ):
        return [f"{noisy} has changed since {path} was recorded: {again}"]
    return []


def _lag_problems(teacher, pairs: Mapping, lags: Mapping) -> list[str]:
    """The lag that all recordings have, and those that have another one."""
    known = {key: lag for key, lag in lags.items() if lag is not None}
    if not known:
        return []
    common = median_low(known.values())
    problems = []
    if common:
        place = "behind" if common > 0 else "ahead of"
        problems.append(
            f"the recordings are {abs(common)} samples {place} the noisy "
            f"files (measured on {len(known)} of them): set teacher_delay: "
            f"{teacher.delay + common}"
        )
    others = [
        f"{pairs[key][1]} lags by {lag} samples behind its noisy file, most "
        f"others by {common}: record it again."
        for key, lag in known.items()
        if abs(lag - common) > LAG_SPREAD
    ]
    return problems + _shortened(others)


def _aligned(teacher, path: Path, samples: int, folder: Path) -> Path:
    """A file of so many samples without delay: the recording or its copy."""
    info = probe(path)
    own = (samples, teacher.sample_rate, 1)
    if info == own and teacher.delay == 0:
        return path
    name = folder / path.relative_to(teacher.folder).with_suffix("")
    modified = path.stat().st_mtime_ns
    for copy in (name.with_name(name.name + end) for end in (".flac", ".wav")):
        if copy.is_file() and copy.stat().st_mtime_ns == modified:
            if probe(copy) == own:
                return copy
    signal = teacher.read(path, samples)
    copy = write_recording(name, signal, teacher.sample_rate)
    os.utime(copy, ns=(modified, modified))
    return copy
