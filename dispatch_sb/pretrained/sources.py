"""Where a model's files come from: a local folder, or the Hugging Face hub at
a pinned revision, through ``huggingface_hub`` and its cache.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import logging
import os
import re
import socket
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import huggingface_hub
from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

logger = logging.getLogger(__name__)

# Finds one file of a model by its name, wherever the model comes from; None if
# the model has no such file.
Finder = Callable[[str], Path | None]

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")
EXPECTED = (
    "a pretrained folder holds hyperparams.yaml, the .ckpt files named by its "
    "pretrainer (such as enhance_model.ckpt) and, best, a config.json with "
    '"speechbrain_interface" or, for our own models, "model"'
)
# Every pretrained model has one of these; the first that is there tells which
# commit a branch stands for. Of our own models no YAML is downloaded for it.
KEYS = ("config.json", "hyperparams.yaml")
# What may help where the hub refuses.
REMEDIES = {
    RevisionNotFoundError: "check the commit, tag or branch",
    GatedRepoError: "accept its conditions on its page and run `hf auth login`",
    RepositoryNotFoundError: "check the spelling, or run `hf auth login` if it "
    "is private",
}


def open_source(
    source: str | os.PathLike,
    revision: str | None = None,
    savedir: str | os.PathLike | None = None,
    kind: str = "model",
    keys: Sequence[str] = KEYS,
) -> tuple[Finder, str | None]:
    """Opens a folder or a model of the hub.

    Arguments
    ---------
    source : str or path
        A local folder, or a hub id such as ``"organisation/name"``.
    revision : str, optional
        Of a hub id: commit, tag or branch.
    savedir : str or path, optional
        Where downloads are kept; by default ``huggingface_hub``'s cache.
    kind : str
        What messages call it.
    keys : sequence of str
        Files of which the model must have at least one.

    Returns
    -------
    callable
        Finds its files by their names, and downloads them where needed.
    str or None
        The commit, if it is on the hub.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or hub id, or nothing pretrained in it.
    ConnectionError
        If the hub cannot be reached and the files are not here yet.

    Example
    -------
    >>> open_source("no/such/folder")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder no/such/folder, ...
    """
    if os.path.isdir(source):
        folder = Path(source)
        if not [*folder.glob("*.yaml"), *folder.glob("config.json")]:
            raise FileNotFoundError(
                f"{folder} is no pretrained folder: {EXPECTED}."
            )

        def find(name: str) -> Path | None:
            return _inside(folder, name)

        return find, None
    if HUB_ID.fullmatch(str(source)) and not os.path.exists(source):
        hub = HubModel(str(source), revision, savedir, kind, keys)
        return hub, hub.commit
    raise FileNotFoundError(
        f"There is no folder {source}, and it is no hub id either "
        '("organisation/name"): check the path.'
    )


def _inside(folder: Path, name: str) -> Path | None:
    """Path of a file of a folder, None if it is not there; no link leads out
    of the folder, but those of the hub's cache into its own blobs."""
    path = folder / name
    if not os.path.isfile(path):  # also where no name can be so long
        return None
    places = [folder.resolve()]
    if places[0].parent.name == "snapshots":
        places.append(places[0].parents[1] / "blobs")
    if not any(path.resolve().is_relative_to(place) for place in places):
        raise ValueError(
            f"{path} leads out of its folder, to {path.resolve()}: put the "
            "file itself there, if it belongs there."
        )
    return path


class HubModel:
    """Finds files of one commit of a model on the hub, downloading them once.

    Arguments
    ---------
    name : str
        Hub id, ``"organisation/name"``.
    revision : str, optional
        Commit, tag or branch; resolved to a commit once, here.
    savedir : str or path, optional
        Cache folder.
    kind : str
        What messages call it.
    keys : sequence of str
        Files of which the model must have at least one.
    """

    def __init__(self, name: str, revision: str | None, savedir, kind, keys):
        self.name = name
        self.savedir = savedir
        self.kind = kind
        if revision is not None and COMMIT.fullmatch(revision):
            self.commit = revision
        else:
            self.commit = self._resolve(revision, keys)

    def __call__(self, file: str) -> Path | None:
        """Path of a file at the commit, None if the model has no such file."""
        return self._find(file, self.commit)

    @cached_property
    def online(self) -> bool:
        """Whether the hub may be asked and answers."""
        return not constants.HF_HUB_OFFLINE and answers(constants.ENDPOINT)

    def _resolve(self, revision: str | None, keys: Sequence[str]) -> str:
        """The commit that a revision stands for today."""
        found = (self._find(key, revision or "main") for key in keys)
        path = next((path for path in found if path is not None), None)
        if path is None:
            raise FileNotFoundError(
                f"{self.kind.capitalize()} {self.name}: "
                f"{' and '.join(keys)} missing on the hub: {EXPECTED}."
            )
        commit = path.parent.name  # the cache's layout: snapshots/<commit>/
        if revision is None:
            logger.warning(
                f"No revision was given for the {self.kind} {self.name}: using "
                f"{commit}. Pin it with revision: {commit}"
            )
        if not self.online:
            logger.warning(
                f"{constants.ENDPOINT} cannot be reached: using the copy of "
                f"{self.name} that was downloaded before"
            )
        return commit

    def _find(self, file: str, revision: str) -> Path | None:
        """Path of a file: from the cache if it cannot be stale, else asked."""
        if COMMIT.fullmatch(revision) or not self.online:
            cached = huggingface_hub.try_to_load_from_cache(
                self.name, file, cache_dir=self.savedir, revision=revision
            )
            if cached is huggingface_hub._CACHED_NO_EXIST:
                return None
            if cached is not None:
                return Path(cached)
        why = "cannot be reached"
        if constants.HF_HUB_OFFLINE:
            why = "must not be asked (HF_HUB_OFFLINE is set)"
        try:
            if self.online:
                return Path(
                    hf_hub_download(
                        self.name,
                        file,
                        revision=revision,
                        cache_dir=self.savedir,
                    )
                )
        except LocalEntryNotFoundError as error:
            why = f"did not answer ({error.__cause__ or error})"
        except EntryNotFoundError:
            return None
        except HfHubHTTPError as error:
            if type(error) in REMEDIES:
                raise FileNotFoundError(
                    f"There is no access to {self.name} (revision {revision}) "
                    f"on {constants.ENDPOINT}: {REMEDIES[type(error)]}."
                ) from error
            why = f"did not give {file} ({error})"
        raise ConnectionError(
            f"The {self.kind} {self.name} is not on this machine and "
            f"{constants.ENDPOINT} {why}: connect to the network once, or "
            "copy its files here and give their folder as the source."
        )


@contextlib.contextmanager
def naming(source: str | os.PathLike) -> Iterator[None]:
    """Says of what is wrong with files whose they are.

    Arguments
    ---------
    source : str or path
        The folder or hub id.

    Yields
    ------
    None
        Its files are read within.

    Raises
    ------
    FileNotFoundError, ValueError
        As within, after the name.

    Example
    -------
    >>> with naming("lab/big"):
    ...     raise ValueError("config.json is not JSON")
    Traceback (most recent call last):
    ...
    ValueError: Model lab/big: config.json is not JSON
    """
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"Model {source}: {error}") from error
    except ValueError as error:
        raise ValueError(f"Model {source}: {error}") from error


def answers(url: str) -> bool:
    """Whether a server accepts connections: ``huggingface_hub`` itself retries
    for half a minute.

    Arguments
    ---------
    url : str
        Such as ``https://huggingface.co``. Each of its addresses is given a
        second, or ``HF_HUB_ETAG_TIMEOUT`` where that is set.

    Returns
    -------
    bool
        Also True behind a proxy, of which only a request can tell.

    Example
    -------
    >>> answers("http://127.0.0.1:1")
    False
    """
    parts, proxies = urlsplit(url), urllib.request.getproxies()
    proxied = proxies.get(parts.scheme) or proxies.get("all")
    if proxied and not urllib.request.proxy_bypass(parts.hostname):
        return True
    port = parts.port or (80 if parts.scheme == "http" else 443)
    timeout = float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or 1)
    try:
        socket.create_connection((parts.hostname, port), timeout).close()
    except OSError:
        return False
    return True
