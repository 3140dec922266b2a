"""Where a teacher comes from: a local folder, or the Hugging Face hub at a
pinned revision, through ``huggingface_hub`` and its cache.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import re
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
from torch import nn

from dispatch_sb.teachers.frozen import FrozenTeacher
from dispatch_sb.teachers.loading import EXPECTED, Finder, load_model
from dispatch_sb.teachers.network import is_reachable
from dispatch_sb.teachers.probe import forgets_level

logger = get_logger(__name__)

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
COMMIT = re.compile(r"[0-9a-f]{40}")


def load_teacher(
    source: str | os.PathLike,
    revision: str | None = None,
    savedir: str | os.PathLike | None = None,
    device: str | None = None,
    sample_rate: int = 16000,
    resample: bool = False,
    delay: int = 0,
    match_level: bool | None = None,
) -> FrozenTeacher:
    """Loads a pretrained enhancement network as a frozen teacher.

    A folder of SpeechBrain's format executes its ``hyperparams.yaml``, which
    may run any code: load only what you trust, and pin the revision. Our own
    models execute nothing.

    Arguments
    ---------
    source : str or path
        A local folder, or a hub id such as
        ``"speechbrain/metricgan-plus-voicebank"``.
    revision : str, optional
        Of a hub id: the commit (best: nothing changes under you, and a
        downloaded teacher needs no network), a tag or a branch. Without it the
        newest commit is taken and named in a warning.
    savedir : str or path, optional
        Where downloads are kept, by source and commit; by default
        ``huggingface_hub``'s cache.
    device : str, optional
        Where to put the teacher, such as ``"cuda"``.
    sample_rate : int
        Of the data, in Hz.
    resample : bool
        Whether a teacher of another rate is resampled rather than refused.
    delay : int
        Samples by which the teacher's output lags behind its input.
    match_level : bool, optional
        Whether the level of the input is restored by a least-squares gain. By
        default it is measured whether the teacher needs that.

    Returns
    -------
    FrozenTeacher
        Waveforms [batch, samples] in and out. Its ``origin`` says where it
        came from: ``{"source": ..., "revision": commit or None}``.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or hub id, or files are missing from it.
    ConnectionError
        If the hub cannot be reached and the files are not there yet.
    ValueError
        If the folder cannot be used, or the sample rate is another.

    Example
    -------
    >>> load_teacher("no/such/folder")
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder no/such/folder, ...
    """
    find, commit = _open(source, revision, savedir)
    model = load_model(find, str(source))
    normalises = _try_out(model, sample_rate, source)
    if match_level is None:
        match_level = normalises
        if normalises:
            logger.info("Teacher %s normalises its level: undone", source)
    teacher = FrozenTeacher(
        model,
        sample_rate=sample_rate,
        delay=delay,
        match_level=match_level,
        resample=resample,
    )
    teacher.origin = {"source": str(source), "revision": commit}
    return teacher if device is None else teacher.to(device)


def _try_out(model: nn.Module, sample_rate: int, source) -> bool:
    """Runs the model once, so that what cannot run fails here; returns
    whether it forgets the level of its input."""
    try:
        return forgets_level(model, getattr(model, "sample_rate", sample_rate))
    except Exception as error:  # a foreign network raises anything
        raise ValueError(
            f"Teacher {source} cannot enhance a waveform "
            f"({type(error).__name__}: {error}): check that the "
            "speechbrain_interface in its config.json is the right one."
        ) from error


def _open(source, revision, savedir) -> tuple[Finder, str | None]:
    """The finder of a source's files, and the commit if it is on the hub."""
    if os.path.isdir(source):
        folder = Path(source)
        known = list(folder.glob("*.yaml")) + list(folder.glob("config.json"))
        if not known:
            raise FileNotFoundError(
                f"{folder} is no pretrained folder: {EXPECTED}."
            )
        return LocalFolder(folder), None
    if HUB_ID.fullmatch(str(source)):
        hub = HubModel(str(source), revision, savedir)
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
    """

    def __init__(self, name: str, revision: str | None, savedir):
        self.name = name
        self.savedir = savedir
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
        path = self._fetch("hyperparams.yaml", revision or "main")
        if path is None:
            raise FileNotFoundError(
                f"Teacher {self.name}: hyperparams.yaml is missing on the "
                f"hub: {EXPECTED}."
            )
        commit = path.parent.name  # the cache's layout: snapshots/<commit>/
        if revision is None:
            logger.warning(
                "No revision was given for the teacher %s: using %s. Pin it "
                "with revision: %s",
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
            f"The teacher {self.name} is not on this machine and "
            f"{constants.ENDPOINT} {why}: connect to the network once, or "
            "copy its files here and give their folder as the source."
        )
