"""Where a model's files come from: a local folder, or the Hugging Face hub at
a pinned revision, through ``huggingface_hub`` and its cache.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

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
from speechbrain.utils.logger import get_logger

from dispatch_sb.pretrained.network import is_reachable

logger = get_logger(__name__)

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
# commit a branch stands for.
KEYS = ("hyperparams.yaml", "config.json")


def open_source(
    source: str | os.PathLike,
    revision: str | None = None,
    savedir: str | os.PathLike | None = None,
    kind: str = "teacher",
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
        What messages call it: "teacher" or "model".
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
        known = list(folder.glob("*.yaml")) + list(folder.glob("config.json"))
        if not known:
            raise FileNotFoundError(
                f"{folder} is no pretrained folder: {EXPECTED}."
            )
        return LocalFolder(folder), None
    if HUB_ID.fullmatch(str(source)):
        hub = HubModel(str(source), revision, savedir, kind, keys)
        return hub, hub.commit
    raise FileNotFoundError(
        f"There is no folder {source}, and it is no hub id either "
        '("organisation/name"): check the path.'
    )


class LocalFolder:
    """Finds files in a folder.

    Arguments
    ---------
    folder : pathlib.Path
        Holds the files.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, name: str) -> Path | None:
        """Path of a file, None if it is not there."""
        path = self.folder / name
        return path if path.is_file() else None


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

    def __init__(
        self,
        name: str,
        revision: str | None,
        savedir,
        kind: str = "teacher",
        keys: Sequence[str] = KEYS,
    ):
        self.name = name
        self.savedir = savedir
        self.kind = kind
        self.keys = keys
        self.commit = None
        self._online = None
        self.commit = self._resolve(revision)

    def __call__(self, file: str) -> Path | None:
        """Path of a file at the commit, None if the model has no such file."""
        return self._fetch(file, self.commit)

    def _resolve(self, revision: str | None) -> str:
        """The commit that a revision stands for today."""
        if revision is not None and COMMIT.fullmatch(revision):
            return revision
        found = (self._fetch(key, revision or "main") for key in self.keys)
        path = next((path for path in found if path is not None), None)
        if path is None:
            raise FileNotFoundError(
                f"{self.kind.capitalize()} {self.name}: "
                f"{' and '.join(self.keys)} missing on the hub: {EXPECTED}."
            )
        commit = path.parent.name  # the cache's layout: snapshots/<commit>/
        if revision is None:
            logger.warning(
                "No revision was given for the %s %s: using %s. Pin it "
                "with revision: %s",
                self.kind,
                self.name,
                commit,
                commit,
            )
        if not self._is_online():
            logger.warning(
                "%s cannot be reached: using the copy of %s that was "
                "downloaded before",
                constants.ENDPOINT,
                self.name,
            )
        return commit

    def _fetch(self, file: str, revision: str) -> Path | None:
        """Path of a file: from the cache if it cannot be stale, else asked."""
        if COMMIT.fullmatch(revision) or not self._is_online():
            cached = huggingface_hub.try_to_load_from_cache(
                self.name, file, cache_dir=self.savedir, revision=revision
            )
            if isinstance(cached, str):
                return Path(cached)
            if cached is huggingface_hub._CACHED_NO_EXIST:
                return None
        if not self._is_online():
            raise ConnectionError(self._offline_message())
        return self._download(file, revision)

    def _download(self, file: str, revision: str) -> Path | None:
        """Asks the hub; its errors in one sentence with the remedy."""
        at = f"{self.name} (revision {revision}) on {constants.ENDPOINT}"
        try:
            path = hf_hub_download(
                self.name, file, revision=revision, cache_dir=self.savedir
            )
        except LocalEntryNotFoundError as error:
            why = f"did not answer ({error.__cause__ or error})"
            raise ConnectionError(self._offline_message(why)) from error
        except EntryNotFoundError:
            return None
        except RevisionNotFoundError as error:
            raise FileNotFoundError(
                f"There is no {at}: check the commit, tag or branch."
            ) from error
        except GatedRepoError as error:
            raise PermissionError(
                f"No access to {at}: accept its conditions on its page and "
                "run `hf auth login`."
            ) from error
        except RepositoryNotFoundError as error:
            raise FileNotFoundError(
                f"There is no {at}, nor a local folder of that name: check "
                "the spelling, or run `hf auth login` if it is private."
            ) from error
        except HfHubHTTPError as error:
            why = f"did not give {file} ({error})"
            raise ConnectionError(self._offline_message(why)) from error
        return Path(path)

    def _is_online(self) -> bool:
        """Whether the hub answers; found out at the first need of it."""
        if self._online is None:
            self._online = not constants.HF_HUB_OFFLINE and is_reachable(
                constants.ENDPOINT
            )
        return self._online

    def _offline_message(self, why: str = "cannot be reached") -> str:
        """What happened and what to do, in one sentence."""
        if constants.HF_HUB_OFFLINE:
            why = "must not be asked (HF_HUB_OFFLINE is set)"
        return (
            f"The {self.kind} {self.name} is not on this machine and "
            f"{constants.ENDPOINT} {why}: connect to the network once, or "
            "copy its files here and give their folder as the source."
        )
