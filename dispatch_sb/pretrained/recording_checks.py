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
from torch import nn

from dispatch_sb.data.audio import (
    probe,
    read_audio,
    read_channels,
    sha256_of,
    write_audio,
)
from dispatch_sb.data.checks import SILENCE_PEAK, not_finite
from dispatch_sb.data.files import atomic_path, map_files
from dispatch_sb.data.freshness import digest, is_current, remember, stamps
from dispatch_sb.data.manifest import ManifestError
from dispatch_sb.data.shards import ShardIndex
from dispatch_sb.pretrained.recorded import RecordedTeacher
from dispatch_sb.pretrained.teacher_group import TeacherGroup
from dispatch_sb.runs.provenance import identify_teacher

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


def fit_recordings(
    teacher: RecordedTeacher,
    parts: Mapping[str, Mapping[str, dict]],
    note: str | os.PathLike,
    copies: str | os.PathLike,
) -> list[str]:
    """Checks the recordings of all parts of the data, and aligns them.

    A recording of another sample rate, with a delay, or a few samples longer
    or shorter is copied, once; from then on `recording_of` gives the copy, and
    a segment of it is read as quickly as one of the noisy file.

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
        Folder for aligned copies; those that are there, and still fit, are
        kept.

    Returns
    -------
    list of str
        The parts that are recorded.

    Raises
    ------
    ManifestError
        Lists everything that is wrong.
    """
    if isinstance(teacher, TeacherGroup):
        note = Path(note)
        fits = [
            fit_recordings(
                one, parts, note.with_stem(f"{note.stem}_{n}"), copies
            )
            for n, one in enumerate(teacher.recorded, start=1)
        ]
        return [part for part in parts if all(part in one for one in fits)]
    every = {}
    fitted: list[str] = []
    for name, entries in parts.items():
        files = [entry["noisy_wav"] for entry in entries.values()]
        missing = sum(teacher.find(file) is None for file in files)
        if missing and fitted:
            logger.info(
                f"{missing} of the {len(files)} files of {name} are not "
                "recorded: no teacher there"
            )
            continue
        fitted.append(name)
        every.update({f"{name}/{key}": entries[key] for key in entries})
    check_recordings(teacher, every, note)
    what = [str(teacher.folder.resolve()), teacher.delay, teacher.sample_rate]
    folder = Path(copies) / digest(what)[:16]

    def align(entry):
        path = teacher.find(entry["noisy_wav"])
        return path, _aligned(teacher, path, _samples(entry, teacher), folder)

    paths = map_files(align, every.values(), "Aligning recordings")
    teacher.aligned.update(paths)
    return fitted


def signals_to_read(
    index: ShardIndex, teacher: nn.Module | None
) -> tuple[str, ...]:
    """Which signals of shards a training with this teacher needs.

    Arguments
    ---------
    index : ShardIndex
        What the shards hold.
    teacher : torch.nn.Module or None
        Whom the student learns from. One that runs is not run where the
        shards hold its answers.

    Returns
    -------
    tuple of str
        With ``"teacher"`` if the answers in the shards are used.

    Raises
    ------
    ValueError
        If the answers in the shards are those of another teacher, or there
        are none and the teacher does not run, or one of several does not.
    """
    plain = tuple(kind for kind in index.signals if kind != "teacher")
    if isinstance(teacher, TeacherGroup):
        if teacher.recorded:
            raise ValueError(
                f"{index.url} holds no answers of several teachers: give "
                "teachers that run, or pairs in place of train_shards."
            )
        return plain
    recorded = isinstance(teacher, RecordedTeacher)
    if teacher is None or not (teacher.live or recorded):
        return plain
    if "teacher" not in index.signals:
        if recorded:
            raise ValueError(
                f"{index.url} holds no answers of a teacher, and the one in "
                f"{teacher.folder} is recorded: write the shards again with "
                "--teacher, or give a teacher_source that runs."
            )
        return plain
    theirs, ours = index.teacher or {}, identify_teacher(teacher, None)
    key = "weights_sha256"
    if None not in (theirs.get(key), ours[key]) and theirs[key] != ours[key]:
        raise ValueError(
            f"{index.url} holds the answers of {theirs['source']}, which has "
            "other weights than teacher_source: give that teacher, or write "
            "the shards again with the answers of this one, or with none."
        )
    return index.signals


def check_recordings(
    teacher: RecordedTeacher,
    entries: Mapping[str, dict],
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
    note : str or os.PathLike, optional
        A file that remembers the answer: while recordings and noisy files
        stay as they are, they are not read again.

    Raises
    ------
    ManifestError
        Lists everything that is wrong.
    """
    pairs = {
        key: {"noisy": Path(wav), "recorded": teacher.find(wav)}
        for key, wav in ((k, e["noisy_wav"]) for k, e in entries.items())
    }
    problems = _unanswered(teacher, pairs)
    pairs = {key: pair for key, pair in pairs.items() if pair["recorded"]}
    state = digest([VERSION, teacher.delay, teacher.origin, stamps(pairs)])
    if note is not None and not problems and is_current(Path(note), state):
        return
    found = map_files(
        lambda key: _examined(teacher, **pairs[key], entry=entries[key]),
        pairs,
        "Checking recordings",
    )
    problems += _shortened([line for lines in found for line in lines])
    sound = [key for key, lines in zip(pairs, found) if not lines]
    picked = np.linspace(0, len(sound) - 1, min(LAG_FILES, len(sound)))
    sound = [sound[int(index)] for index in picked]
    lags = map_files(
        lambda key: _lag(teacher, **pairs[key]), sound, "Measuring lags"
    )
    lags = {pairs[key]["recorded"]: lag for key, lag in zip(sound, lags)}
    problems += _lag_problems(teacher, lags)
    if problems:
        title = f"The recorded teacher {teacher.folder} does not fit"
        raise ManifestError(title, problems)
    if note is not None:
        with atomic_path(note) as temporary:
            lags = {str(path): lag for path, lag in lags.items()}
            temporary.write_text(json.dumps({"lags": lags}, indent=1))
        remember(Path(note), state)


def _samples(entry: Mapping, teacher: RecordedTeacher) -> int:
    """Length of a noisy file, as the manifest tells."""
    return round(entry["length"] * teacher.sample_rate)


def _shortened(problems: list[str]) -> list[str]:
    """The first problems, and how many there are besides."""
    more = len(problems) - SHOWN
    return problems[:SHOWN] + [f"... and {more} more."] * (more > 0)


def _unanswered(teacher: RecordedTeacher, pairs: Mapping) -> list[str]:
    """Noisy files without a recording, and those that share one."""
    uses = {tuple(pair.values()) for pair in pairs.values()}  # in any part
    users = Counter(recorded for _, recorded in uses)
    missing = [
        f"{pair['noisy']} has no recording in {teacher.folder}: record it "
        "under the same name, or take the pair out of the data."
        for pair in pairs.values()
        if pair["recorded"] is None
    ]
    shared = [
        f"{pair['noisy']} and others have one recording, {pair['recorded']}: "
        "give it the noisy files' sub-folders."
        for pair in pairs.values()
        if pair["recorded"] and users[pair["recorded"]] > 1
    ]
    return _shortened(missing) + _shortened(shared)


def _examined(teacher, noisy: Path, recorded: Path, entry) -> list[str]:
    """The problems of one recording, except for its lag."""
    try:
        signal, info = read_channels(recorded)
    except (OSError, ValueError) as error:
        return [str(error)]
    if info.channels != 1:
        return [f"{recorded} has {info.channels} channels: record it with one."]
    problems = _stale(teacher, noisy, recorded, entry)
    problems += not_finite(recorded, signal)
    rate, wanted = teacher.sample_rate, _samples(entry, teacher)
    length = round(len(signal) * rate / info.sample_rate)
    longest = wanted + max(teacher.delay, 0) + LENGTH_TOLERANCE
    if not wanted - LENGTH_TOLERANCE <= length <= longest:
        problems.append(
            f"{recorded} has {length} samples at {rate} Hz and its noisy file "
            f"{noisy} has {wanted}: record it again without cutting or "
            "joining anything."
        )
    if problems:
        return problems
    if np.ptp(signal) < 2 * SILENCE_PEAK:
        return [f"{recorded} is silent: record it again, or drop the pair."]
    flat = (np.abs(signal[1:, 0]) > 0.99) & (np.diff(signal[:, 0]) == 0)
    if np.convolve(flat, np.ones(FLAT_TOP - 1)).max() >= FLAT_TOP - 1:
        return [
            f"{recorded} is clipped: record it again at a lower level, or as "
            "32-bit float."
        ]
    return []


def _stale(teacher, noisy: Path, recorded: Path, entry: Mapping) -> list[str]:
    """The problem of a recording that the folder's note does not vouch for."""
    if not teacher.note:
        return []
    name = recorded.relative_to(teacher.folder).as_posix()
    known = teacher.note["files"].get(name, {})
    again = "record it again (dispatch-sb record ... --force)."
    if known.get("sha256") != sha256_of(recorded):
        return [
            f"{recorded} is not what was recorded in {teacher.folder} (see "
            f"its note): {again}"
        ]
    made_of = known["noisy_sha256"]
    if entry.get("noisy_sha256", made_of) != made_of:
        return [f"{noisy} has changed since {recorded} was recorded: {again}"]
    return []


def _lag(teacher, noisy: Path, recorded: Path) -> int | None:
    """By how many samples a recording lags behind its noisy file, its
    teacher's delay removed; None if the two hardly resemble each other."""
    rate = teacher.sample_rate
    before = read_audio(noisy, rate)[: round(LAG_EXCERPT * rate)]
    after = teacher.read(recorded, len(before))
    energy = np.sqrt(np.sum(before**2) * np.sum(after**2))
    size = 2 * len(before)
    spectra = np.fft.rfft(after, size), np.fft.rfft(before, size)
    correlation = np.fft.irfft(spectra[0] * spectra[1].conj(), size)
    farthest = min(round(LAG_SECONDS * rate), len(before) - 1)
    lags = np.arange(-farthest, farthest + 1)
    best = lags[np.argmax(correlation[lags])]
    return int(best) if correlation[best] > RESEMBLANCE * energy else None


def _lag_problems(teacher, lags: Mapping[Path, int | None]) -> list[str]:
    """The lag that all recordings have, and those that have another one."""
    known = {path: lag for path, lag in lags.items() if lag is not None}
    if not known:
        return []
    common = median_low(known.values())
    others = [
        f"{path} lags by {lag} samples behind its noisy file, most others by "
        f"{common}: record it again."
        for path, lag in known.items()
        if abs(lag - common) > LAG_SPREAD
    ]
    if not common:
        return _shortened(others)
    place = "behind" if common > 0 else "ahead of"
    return [
        f"the recordings are {abs(common)} samples {place} the noisy files "
        f"(measured on {len(known)} of them): set teacher_delay: "
        f"{teacher.delay + common}",
        *_shortened(others),
    ]


def _aligned(teacher, path: Path, samples: int, folder: Path) -> Path:
    """A file of so many samples without delay: the recording or its copy,
    which is as old as the recording that it was made of."""
    own = (samples, teacher.sample_rate, 1)
    if teacher.delay == 0 and probe(path) == own:
        return path
    copy = folder / path.relative_to(teacher.folder).with_suffix(".wav")
    made = path.stat().st_mtime_ns
    there = copy.is_file() and copy.stat().st_mtime_ns == made
    if not there or probe(copy) != own:
        write_audio(copy, teacher.read(path, samples), teacher.sample_rate)
        os.utime(copy, ns=(made, made))
    return copy
