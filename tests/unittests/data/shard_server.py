"""Shards of a few pairs, and a server on 127.0.0.1 that fails when told to.

Authors
 * The dispatch-sb contributors, 2026
"""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from sounds import write_manifest, write_pair

from dispatch_sb.data import located_manifest
from dispatch_sb.data.shard_loader import ShardLoader
from dispatch_sb.data.shard_writing import write_shards

PAIRS = 24


def write_pairs(root):
    """Pairs of 0.8 to 1.2 s, their clean files once more as a teacher's
    answers; their entries."""
    for number in range(PAIRS):
        name = f"s{number % 4}_{number:02d}.wav"
        write_pair(root, name, 0.8 + 0.1 * (number % 5), seed=number)
    write_manifest(root)
    return entries_of(root)


def entries_of(root):
    """The entries of what `write_pairs` wrote."""
    entries = located_manifest(root / "all.json", root)
    for entry in entries.values():
        entry["teacher_wav"] = entry["clean_wav"]
    return entries


def shard(root, output, **options):
    """Three shards of a megabyte, two full ones and one that is not."""
    return write_shards(entries_of(root), output, megabytes=1, **options)


class Server(ThreadingHTTPServer):
    """Serves a folder; ``faults`` holds (method, name, what) that happen once
    each: a status, or after how many bytes the connection ends."""

    def __init__(self, folder):
        handler = partial(Handler, directory=str(folder))
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.faults, self.asked = [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(SimpleHTTPRequestHandler):
    """Answers, or fails as its server says."""

    def do_GET(self):
        self.answer(super().do_GET)

    def do_HEAD(self):
        self.answer(super().do_HEAD)

    def answer(self, do):
        """Answers, unless a fault is due."""
        asked = (self.command, self.path[1:])
        self.server.asked.append(asked)
        due = [x for x in self.server.faults if x[:2] == asked]
        if due:
            self.server.faults.remove(due[0])
        self.limit = due[0][2] if due and due[0][2] > 999 else None
        if due and self.limit is None:
            self.send_error(due[0][2])
        else:
            do()

    def copyfile(self, source, target):
        """Sends the file, or its beginning."""
        if self.limit is None:
            super().copyfile(source, target)
        else:
            target.write(source.read(self.limit))

    def log_message(self, *words):
        """Says nothing."""


def load(index, epoch=1, **options):
    """A loader of an epoch, batches of two half seconds."""
    given = {"batch_size": 2, "segment_seconds": 0.5, "seed": 3, **options}
    loader = ShardLoader(index, **given)
    loader.set_epoch(epoch)
    return loader


def ids(loader):
    """What is in its batches."""
    return [tuple(batch.id) for batch in loader]
