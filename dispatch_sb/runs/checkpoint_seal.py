"""A seal on a checkpoint: hashes of all its files, in its own CKPT.yaml, by
which any damage is noticed before something is loaded.

Authors
 * The dispatch-sb contributors, 2026
"""

import errno
import hashlib
import os
import re
from pathlib import Path

import yaml

from dispatch_sb.data.files import flush, sha256_of

MANIFEST = "CKPT.yaml"  # SpeechBrain's name
SEAL = "# Sealed: the lines below have the SHA-256 "
SUMS = "sha256"  # key of the manifest: hashes by file name
HASH = re.compile(rb"[0-9a-f]{32}")  # half of one
WRITTEN = {"end-of-epoch", "unixtime"}  # keys that SpeechBrain writes


def seal(folder: str | os.PathLike) -> None:
    """Seals a checkpoint that is complete, and sees to it that all of it is
    on the disk.

    Arguments
    ---------
    folder : str or path
        Of the checkpoint; its CKPT.yaml is written anew, last.
    """
    folder = Path(folder)
    manifest = folder / MANIFEST
    files = [path for path in folder.iterdir() if path != manifest]
    meta = yaml.safe_load(manifest.read_text("utf-8"))
    meta[SUMS] = {path.name: sha256_of(path) for path in sorted(files)}
    content = yaml.safe_dump(meta).encode()
    manifest.write_bytes(_head(content) + b"\n" + content)
    for path in (*files, manifest, folder):
        flush(path)


def damage_of(folder: str | os.PathLike) -> str | None:
    """What is wrong with a checkpoint.

    Arguments
    ---------
    folder : str or path
        Of the checkpoint. Of one without a seal, which an earlier version has
        written, only what is missing or empty is noticed.

    Returns
    -------
    str or None
        A clause that names the file.

    Example
    -------
    >>> folder = getfixture("tmp_path")
    >>> damage_of(folder)
    'CKPT.yaml is missing'
    >>> _ = (folder / "net.ckpt").write_text("weights")
    >>> _ = (folder / "CKPT.yaml").write_text("pesq: 2.0")
    >>> seal(folder)
    >>> damage_of(folder)
    >>> _ = (folder / "net.ckpt").write_text("weightz")
    >>> damage_of(folder)
    'net.ckpt is not what was saved (7 bytes)'
    """
    folder = Path(folder)
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return f"{MANIFEST} is missing"
    content = manifest.read_bytes()
    head, _, rest = content.partition(b"\n")
    if not head.startswith(SEAL.encode()):
        return _damage_without_seal(folder, content)
    if head != _head(rest):
        return f"{MANIFEST} is not what was saved"
    for name, expected in yaml.safe_load(rest)[SUMS].items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        try:
            found = sha256_of(path)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return f"{name} cannot be read ({error.strerror})"
        if found != expected:
            size = path.stat().st_size
            return f"{name} is not what was saved ({size} bytes)"
    return None


def damaged(folder: str | os.PathLike) -> dict[Path, str]:
    """What is wrong with the checkpoints of a run.

    Arguments
    ---------
    folder : str or path
        Of all checkpoints.

    Returns
    -------
    dict
        A clause for each that is damaged, see `damage_of`.
    """
    paths = filter(Path.is_dir, sorted(Path(folder).glob("CKPT*")))
    found = {path: damage_of(path) for path in paths}
    return {path: damage for path, damage in found.items() if damage}


def _damage_without_seal(folder: Path, content: bytes) -> str | None:
    """See `damage_of`; what holds hashes had a seal."""
    empty = [path for path in folder.iterdir() if not path.stat().st_size]
    if empty:
        return f"{min(empty).name} is empty"
    if HASH.search(content):
        return f"{MANIFEST} is not what was saved"
    try:
        whole = WRITTEN <= yaml.safe_load(content).keys()
    except Exception:  # the parser's, and what its types raise
        whole = False
    return None if whole else f"{MANIFEST} cannot be read"


def _head(content: bytes) -> bytes:
    """The first line of a sealed manifest."""
    return f"{SEAL}{hashlib.sha256(content).hexdigest()}".encode()
