"""Shards: training pairs in tar files of WebDataset's layout, and the index
beside them, which tells what is in them and when one of them is damaged.

Authors
 * The dispatch-sb contributors, 2026
"""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dispatch_sb.data.audio import StoredFile
from dispatch_sb.data.files import map_files
from dispatch_sb.data.manifest import ManifestError
from dispatch_sb.data.urls import (
    BROKEN,
    ShardError,
    import_webdataset,
    opened,
    retried,
    size_of,
    wait_or_give_up,
)
from dispatch_sb.data.value_checks import (
    AT_LEAST_0,
    COUNT,
    FROM_0,
    TEXT,
    block,
    list_of,
    or_null,
    parse_json,
    when,
)

INDEX = "index.json"
VERSION = 1  # of index and shards; raise it when they change
BLOCK = 1 << 20  # bytes
SHOWN = 10  # problems of one kind
SIGNALS = ("noisy", "clean", "teacher")
NAME = r"[^/\0]+\.tar"
TAR = 512  # bytes that a tar file needs for each file in it
FULL = "no more samples than have room in its bytes"
WRITE_AGAIN = "write the shards again with dispatch-sb shard."


ROW = block(
    {
        "name": when(
            lambda name: isinstance(name, str) and re.fullmatch(NAME, name),
            "the name of a tar file beside the index",
        ),
        "samples": COUNT,
        "bytes": COUNT,
        "sha256": TEXT,
    },
    {"seconds": AT_LEAST_0},
)
INDEX_CHECK = block(
    {
        "version": FROM_0,
        "sample_rate": COUNT,
        "signals": when(
            lambda kinds: (
                isinstance(kinds, list)
                and tuple(kinds) in (SIGNALS, SIGNALS[:2])
            ),
            f"some of {', '.join(SIGNALS)}",
        ),
        "teacher": or_null(block({"source": or_null(TEXT)})),
        "manifest_sha256": or_null(TEXT),
        "shards": list_of(
            lambda row: (
                ROW(row)
                or when(
                    lambda row: row["samples"] <= row["bytes"] // TAR, FULL
                )(row)
            ),
            least=0,
        ),
    }
)


class Shard(NamedTuple):
    """One tar file.

    Arguments
    ---------
    url : str
        Where it is.
    samples : int
        Utterances in it.
    bytes : int
        Its size.
    sha256 : str
        Its hash.
    """

    url: str
    samples: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ShardIndex:
    """What a set of shards holds.

    Arguments
    ---------
    url : str
        Of the index itself.
    shards : tuple of Shard
        In the order in which they were written.
    sample_rate : int
        Of all signals, in Hz.
    signals : tuple of str
        ``"noisy"``, ``"clean"`` and, where a teacher's answers are inside,
        ``"teacher"``.
    teacher : dict or None
        Whose answers these are, see `identify_teacher`.
    manifest_sha256 : str
        See `manifest_hash`.
    """

    url: str
    shards: tuple[Shard, ...]
    sample_rate: int
    signals: tuple[str, ...]
    teacher: dict | None
    manifest_sha256: str

    @property
    def samples(self) -> int:
        """Utterances in all shards."""
        return sum(shard.samples for shard in self.shards)

    @property
    def note(self) -> dict[str, str]:
        """What a run's record says of what it was trained on."""
        return {"path": self.url, "sha256": self.manifest_sha256}

    def check(self) -> None:
        """Looks at every shard, as far as its server tells without reading it.

        Raises
        ------
        ManifestError
            Lists shards that are not there, or not as long as they were.
        """
        found = map_files(_problem, self.shards, "Looking at shards")
        problems = [line for line in found if line is not None]
        if problems:
            more = len(problems) - SHOWN
            lines = problems[:SHOWN] + [f"... and {more} more."] * (more > 0)
            raise ManifestError(f"{self.url}: shards cannot be used", lines)


def _problem(shard: Shard) -> str | None:
    """What is wrong with a shard at first sight."""
    try:
        size = retried(size_of, shard.url)
    except ShardError as error:
        return str(error)
    if size in (None, shard.bytes):
        return None
    return (
        f"{shard.url} has {size} bytes and not the {shard.bytes} of its index: "
        "copy it again, or write it again with dispatch-sb shard."
    )


def open_shards(source: str) -> ShardIndex:
    """Reads the index of shards.

    Arguments
    ---------
    source : str
        A folder or its URL; or shards by their names, as a brace pattern
        such as ``http://host/train-{000000..000041}.tar``, the index beside
        them. Anything that `dispatch_sb.data.urls.open_url` opens.

    Returns
    -------
    ShardIndex
        Of the shards that the source names.

    Raises
    ------
    ShardError
        If the index cannot be read, or does not list a shard.
    """
    import_webdataset()
    url, named = _located(source)
    content = read_index(url)
    listed = {row["name"]: row for row in content["shards"]}
    if named is None:
        named = {name: _beside(url, name) for name in listed}
    unknown = [name for name in named if name not in listed]
    if unknown:
        raise ShardError(
            f"{url} does not list {unknown[0]}: correct the pattern, or "
            f"{WRITE_AGAIN}"
        )
    return ShardIndex(
        url,
        tuple(
            Shard(place, *(listed[name][key] for key in Shard._fields[1:]))
            for name, place in named.items()
        ),
        content["sample_rate"],
        tuple(content["signals"]),
        content["teacher"],
        content["manifest_sha256"],
    )


def _located(source: str) -> tuple[str, dict | None]:
    """Where the index is; and places of shards by name, if they are named."""
    if ".tar" not in source:
        whole = source.endswith(".json")
        return (source if whole else f"{source.rstrip('/')}/{INDEX}"), None
    from braceexpand import braceexpand

    name = re.compile(r"[^/\s'\"]+\.tar\b")
    places = {}
    for place in braceexpand(source):
        found = name.findall(place)
        places[found[-1] if found else place] = place
    return name.sub(INDEX, place), places


def _beside(url: str, name: str) -> str:
    """Where a shard is whose index is known."""
    folder, slash, _ = url.rpartition("/")
    return f"{folder}{slash}{name}"


def read_index(url: str) -> dict:
    """Reads an index, and checks what it holds.

    Arguments
    ---------
    url : str
        Of the index itself.

    Returns
    -------
    dict
        Its content.

    Raises
    ------
    ShardError
        If it cannot be read, or is damaged.
    """

    def read(url):
        with opened(url) as stream:
            return stream.read()

    try:
        content = parse_json(retried(read, url))
        if wrong := INDEX_CHECK(content):
            raise ValueError(f"it should hold {wrong}")
    except ValueError as error:
        raise ShardError(
            f"{url} is no index of shards ({error}): copy it again, or "
            f"{WRITE_AGAIN}"
        ) from error
    version, rows = content["version"], content["shards"]
    if version != VERSION or not rows:
        what = f"is of version {version}" if rows else "lists no shard"
        raise ShardError(f"{url} {what}: {WRITE_AGAIN}")
    return content


def read_shard(
    shard: Shard, first: int = 0, stop: int | None = None
) -> Iterator[dict[str, bytes]]:
    """Reads samples of a shard, in their order. Where a connection breaks, it
    is opened again and goes on.

    Arguments
    ---------
    shard : Shard
        The shard.
    first, stop : int
        The first sample that is wanted, and the one after the last.

    Yields
    ------
    dict
        Contents by suffix, as webdataset gives them.

    Raises
    ------
    ShardError
        If the shard cannot be read, holds fewer samples than its index says,
        or, once it has been read to its end, has another hash.
    """
    stop = shard.samples if stop is None else stop
    done = first
    for attempt in itertools.count(1):
        try:
            with opened(shard.url) as stream:
                hashed = _Hashed(stream)
                number = -1
                for number, sample in enumerate(_grouped(shard, hashed)):
                    if done <= number < stop:
                        done += 1
                        yield sample
                    if done == stop < shard.samples:
                        return
                if number + 1 != shard.samples:
                    raise EOFError(
                        f"it ends after {number + 1} of {shard.samples} samples"
                    )
                hashed.check(shard)
            return
        except BROKEN as error:
            wait_or_give_up(error, attempt, shard.url)


class _Hashed:
    """A stream that is hashed while it is read."""

    def __init__(self, stream):
        self._stream, self._digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Reads on."""
        block = self._stream.read(size)
        self._digest.update(block)
        return block

    def check(self, shard: Shard) -> None:
        """Raises ShardError unless all of it is what the index says."""
        while self.read(BLOCK):
            pass
        if self._digest.hexdigest() != shard.sha256:
            raise ShardError(
                f"{shard.url} has changed since it was written (its SHA-256 is "
                "not that of its index): copy it again, or write it again "
                "with dispatch-sb shard."
            )


def _grouped(shard: Shard, stream) -> Iterator[dict]:
    """The samples of an open shard."""
    iterators = import_webdataset().tariterators
    files = iterators.tar_file_expander([{"url": shard.url, "stream": stream}])
    return iterators.group_by_keys(files)


def signal_files(
    sample: dict, signals: tuple[str, ...]
) -> tuple[str, list[StoredFile]]:
    """The id of a sample, and the files of its signals.

    Arguments
    ---------
    sample : dict
        From `read_shard`.
    signals : tuple of str
        Which ones.

    Returns
    -------
    tuple of str and list of StoredFile
        In the order of ``signals``.

    Raises
    ------
    ShardError
        If one is missing.
    """
    place = f"{sample['__url__']}: {sample['__key__']}"
    by_kind = {suffix.partition(".")[0]: suffix for suffix in sample}
    missing = [kind for kind in ("json", *signals) if kind not in by_kind]
    if missing:
        raise ShardError(f"{place} has no {missing[0]}: {WRITE_AGAIN}")
    try:
        key = json.loads(sample["json"])["id"]
    except (ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{place}.json is damaged: {WRITE_AGAIN}") from error
    suffixes = [by_kind[kind] for kind in signals]
    return key, [
        StoredFile(f"{place}.{suffix}", sample[suffix]) for suffix in suffixes
    ]
