"""Pairs written into shards: tar files of WebDataset's layout, each whole or
not there, and an index when all of them are.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import hashlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile
from filelock import FileLock
from tqdm import tqdm

from dispatch_sb.data.audio import BITS, StoredFile, check_format, probe
from dispatch_sb.data.disk import naming, writable_folder
from dispatch_sb.data.files import atomic_path, sha256_of
from dispatch_sb.data.freshness import digest, stamps
from dispatch_sb.data.segments import random_generator
from dispatch_sb.data.shards import INDEX, ROW, SIGNALS, VERSION, read_index
from dispatch_sb.data.urls import import_webdataset
from dispatch_sb.data.value_checks import parse_json

JOURNAL = ".shards.jsonl"  # shards that are done, while others are not
LEAST_SHARE = 0.3  # of the files' bytes, once they are compressed
CHUNK = 64  # files that are packed side by side


def write_shards(
    entries: Mapping[str, Mapping],
    output: str | os.PathLike,
    megabytes: float = 500,
    name: str = "train",
    manifest_sha256: str | None = None,
    teacher: Mapping | None = None,
) -> tuple[dict, int]:
    """Writes pairs into shards, in an order drawn once.

    Nothing is lost: what is 16 or 24 bits becomes FLAC of as many, anything
    else stays as it is. The same arguments give the same bytes. An interrupted
    work goes on with the shard that was not finished.

    Arguments
    ---------
    entries : mapping
        A pair manifest's, see `located_manifest`; with ``teacher_wav`` in
        each or in none, and ``teacher_made_of`` where that is a copy.
    output : str or os.PathLike
        Folder that receives ``<name>-000000.tar``, … and ``index.json``.
    megabytes : float
        The size at which the next shard begins, 1 or more.
    name : str
        Begins the shards' names.
    manifest_sha256 : str, optional
        Kept in the index.
    teacher : mapping, optional
        Kept in the index: whose answers ``teacher_wav`` are.

    Returns
    -------
    tuple of dict and int
        What the index holds, and how many shards were there already.

    Raises
    ------
    ValueError
        If there are shards of other data in the folder, or a file is not what
        the manifest says.
    """
    if not megabytes >= 1:
        raise ValueError(f"The size is {megabytes} MB: give 1 or more.")
    output = writable_folder(output)
    lock = FileLock(output / ".lock")  # let go where the function ends
    lock.acquire()
    state = _state(entries, [megabytes, name, manifest_sha256, teacher])
    rows = _known(output, state)
    packing = _Packing(entries)
    needs = LEAST_SHARE * packing.bytes - sum(row["bytes"] for row in rows)
    writable_folder(output, needs)
    work = tqdm(total=len(entries), desc="Writing shards", disable=None)
    done = kept = 0
    with work as bar, open(output / JOURNAL, "a", encoding="utf-8") as journal:
        for row in rows:
            if _is_whole(output / row["name"], row):
                kept += 1
                bar.update(row["samples"])
            else:
                part = packing.samples(done, done + row["samples"])
                row.update(_write_one(output / row["name"], part, bar))
            done += row["samples"]
        left = packing.samples(done)
        while done < len(entries):
            path = output / f"{name}-{len(rows):06d}.tar"
            rows.append(_write_one(path, left, bar, 1e6 * megabytes))
            done += rows[-1]["samples"]
            with naming(output / JOURNAL):
                journal.write(json.dumps(rows[-1]) + "\n")
                journal.flush()
    index = {
        "version": VERSION,
        "state": state,
        "sample_rate": packing.sample_rate,
        "signals": packing.kinds,
        "manifest_sha256": manifest_sha256,
        "teacher": None if teacher is None else dict(teacher),
        "shards": rows,
    }
    with atomic_path(output / INDEX) as temporary:
        temporary.write_text(json.dumps(index, indent=1) + "\n")
    (output / JOURNAL).unlink()
    return index, kept


def _state(entries: Mapping, settings: list) -> str:
    """A digest of all that decides the shards."""
    sources = {
        key: {
            kind: Path(entry.get(f"{kind}_made_of", path)).absolute()
            for kind in SIGNALS
            if (path := entry.get(f"{kind}_wav")) is not None
        }
        for key, entry in entries.items()
    }
    return digest([VERSION, settings, stamps(sources)])


def _known(output: Path, state: str) -> list[dict]:
    """What was written of these shards before; begins a journal of them."""
    path, journal = output / INDEX, output / JOURNAL
    if path.is_file():
        index = read_index(str(path))
        if index.get("state") == state:
            return index["shards"]
        raise ValueError(
            f"{output} holds shards of other data or settings: choose another "
            "folder, or delete it."
        )
    known = []
    if journal.is_file():
        # A killed process may have left half a line.
        lines = journal.read_text("utf-8", "replace").split("\n")[:-1]
        known = list(_whole_lines(lines))
    if known[:1] != [{"state": state}]:
        known = [{"state": state}]
    with atomic_path(journal) as temporary:
        temporary.write_text("".join(f"{json.dumps(x)}\n" for x in known))
    return known[1:]


def _whole_lines(lines: list[str]) -> Iterator[dict]:
    """What a journal holds, as far as nothing in it is damaged."""
    for number, line in enumerate(lines):
        try:
            entry = parse_json(line)
        except ValueError:
            return
        if number and ROW(entry):
            return
        yield entry


def _is_whole(path: Path, row: Mapping) -> bool:
    """Whether a shard is there, as long as it was."""
    return path.is_file() and path.stat().st_size == row["bytes"]


def _write_one(
    path: Path, samples: Iterator[dict], bar: tqdm, limit: float = math.inf
) -> dict:
    """Writes a shard of so many bytes; what the index says of it."""
    count, seconds = 0, 0.0
    with atomic_path(path) as temporary:
        with open(temporary, "wb") as file:
            writer = import_webdataset().TarWriter(file, mtime=0, encoder=False)
            with contextlib.closing(writer):
                for sample in samples:
                    seconds += json.loads(sample["json"])["length"]
                    writer.write(sample)
                    count += 1
                    bar.update()
                    if writer.tarstream.offset >= limit:
                        break
        size, sha256 = temporary.stat().st_size, sha256_of(temporary)
    return {
        "name": path.name,
        "samples": count,
        "seconds": round(seconds, 3),
        "bytes": size,
        "sha256": sha256,
    }


class _Packing:
    """Entries of a manifest as samples of webdataset, in the shards' order."""

    def __init__(self, entries: Mapping[str, Mapping]):
        keys = sorted(entries)
        # Speakers are mixed, so that a small buffer is enough in training.
        order = random_generator(0, 0, "shards").permutation(len(keys))
        self._row = [(keys[number], entries[keys[number]]) for number in order]
        first = self._row[0][1]
        self.kinds = [kind for kind in SIGNALS if f"{kind}_wav" in first]
        self.sample_rate = probe(first["noisy_wav"]).sample_rate
        self.bytes = sum(
            os.path.getsize(entry[f"{kind}_wav"])
            for entry in entries.values()
            for kind in self.kinds
        )

    def samples(self, start: int, stop: int | None = None) -> Iterator[dict]:
        """Samples, packed in threads a few ahead of the writer."""
        row = list(enumerate(self._row))[start:stop]
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
            for place in range(0, len(row), CHUNK):
                yield from pool.map(self._sample, row[place : place + CHUNK])

    def _sample(self, numbered: tuple) -> dict:
        """One sample: an own number as its key, since ids may hold dots."""
        number, (key, entry) = numbered
        about = {
            name: value
            for name, value in entry.items()
            if not name.endswith(("wav", "sha256", "made_of"))
        }
        sample = {"__key__": f"{number:08d}"}
        sample["json"] = json.dumps({"id": key, **about}).encode()
        lengths = {round(entry["length"] * self.sample_rate)}
        for kind in self.kinds:
            path = Path(entry[f"{kind}_wav"])
            content = path.read_bytes()
            _check_hash(path, content, entry.get(f"{kind}_sha256"))
            info = probe(StoredFile(str(path), content))
            check_format(path, info, self.sample_rate)
            lengths.add(info.samples)
            suffix, content = _compressed(path.suffix.lower(), content)
            sample[f"{kind}{suffix}"] = content
        if len(lengths) > 1:
            raise ValueError(
                f"{path}, its partners and the manifest have "
                f"{sorted(lengths)} samples: cut them to one length."
            )
        return sample


def _check_hash(path: Path, content: bytes, sha256: str | None) -> None:
    """Raises ValueError unless a file is what its manifest says."""
    if sha256 not in (None, hashlib.sha256(content).hexdigest()):
        raise ValueError(
            f"{path} has changed since the manifest was written: prepare the "
            "data again, or copy the file again."
        )


def _compressed(suffix: str, content: bytes) -> tuple[str, bytes]:
    """A file as FLAC, if that holds every bit of it; else as it is."""
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        if file.format == "FLAC" or file.subtype not in BITS:
            return suffix, content
        samples, rate = file.read(dtype="int32"), file.samplerate
        kind = file.subtype
    flac = io.BytesIO()
    soundfile.write(flac, samples, rate, kind, format="FLAC")
    return ".flac", flac.getvalue()
