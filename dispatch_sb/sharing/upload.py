"""A model folder becomes a model on the Hugging Face hub, by one commit.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants, errors
from huggingface_hub.utils import validate_repo_id
from huggingface_hub.utils.sha import git_hash
from tqdm import tqdm

from dispatch_sb.models.interface import load_weights, state_hash
from dispatch_sb.pretrained.folder import FILES
from dispatch_sb.pretrained.student import load_student
from dispatch_sb.sharing.card import card_on_hub, read_head

HUB = constants.ENDPOINT
PUSHED = """\
{hub}/{name} ({seen})
commit {commit}{tag}: {what}

As a teacher:
  --teacher_source {name} --teacher_revision {commit}
In Python:
  import dispatch_sb
  enhance = dispatch_sb.load_student("{name}", revision="{commit}")"""
TOKEN = (
    "run `hf auth login`, or set HF_TOKEN, with one that may write, from "
    f"{HUB}/settings/tokens."
)
GO_ON = "repeat the command, it goes on where it stopped."
EXPORT = "write it anew with `dispatch-sb export`."
HIDDEN = re.compile(r"(^|/)(\.|__)")  # files that stay here
# Git's rules, less slashes; what looks like a commit would be taken for one.
TAG = r"(?![0-9a-f]{40}$)[A-Za-z0-9](?:[\w-]|\.(?=\w))*"


@dataclass(frozen=True)
class Push:
    """A folder and where it is to go.

    Hidden files stay here, and on the hub the card's code loads the model by
    its name. What is there already is not made public, its tags do not move,
    and files that the folder lacks are kept.

    Arguments
    ---------
    folder : str or os.PathLike
        As ``dispatch-sb export`` writes it.
    name : str
        ``USER/NAME`` on the hub.
    public : bool
        Whether a new model is visible to all.
    update : bool
        Whether the model exists and gets a new commit.
    message : str, optional
        Of the commit.
    tag : str, optional
        A name for the commit, such as ``v1.0``.
    branch : str
        What is committed to; begun at ``main`` if it is not there.

    Example
    -------
    >>> Push("my-model", "lab/small", tag="v1.0").dry_run()
    Traceback (most recent call last):
    ...
    FileNotFoundError: my-model is no exported model, it lacks ...
    """

    folder: str | os.PathLike
    name: str
    public: bool = False
    update: bool = False
    message: str | None = None
    tag: str | None = None
    branch: str = "main"

    def dry_run(self) -> str:
        """Lists what would be sent; asks nobody.

        Returns
        -------
        str
            The files with their sizes.

        Raises
        ------
        FileNotFoundError, ValueError
            If the folder is no exported model, or a name cannot be one.
        """
        files, size = self._files(), partial(tqdm.format_sizeof, suffix="B")
        total = size(sum(map(len, files.values())))
        goal = "update" if self.update else f"create {_seen(not self.public)}"
        return "\n".join(
            [
                f"Would {goal} {HUB}/{self.name}:",
                *(f"{size(len(files[n])):>10}  {n}" for n in files),
                f"{len(files)} files, {total}. Dry run: nothing was sent, the "
                "hub was not asked.",
            ]
        )

    def send(self) -> str:
        """Uploads large files first, then commits all of the folder at once.

        An interrupted push goes on when it is done again: what arrived is not
        sent a second time.

        Returns
        -------
        str
            Where the model is, its commit, and the lines that load it.

        Raises
        ------
        FileNotFoundError, FileExistsError, ValueError
            If the folder is no exported model, or the name, the tag or
            ``update`` do not fit what is there.
        PermissionError
            If the token is missing, wrong or may not write there.
        ConnectionError
            If the hub cannot be reached, fails, or was changed meanwhile.
        """
        files = self._files()
        api = HfApi(token=True, library_name="dispatch-sb")
        with _explained(self.name):
            model, tags = _look(api, self.name, self.branch)
        changed = self._changes(files, model, tags)
        with _explained(self.name):
            commit = self._commit(api, model, {n: files[n] for n in changed})
            if self.tag is not None and self.tag not in tags:
                api.create_tag(self.name, tag=self.tag, revision=commit)
        return PUSHED.format(
            hub=HUB,
            name=self.name,
            seen=_seen(model.private if model else not self.public),
            commit=commit,
            tag=f", tag {self.tag}" if self.tag else "",
            what=", ".join(changed) or "all files were there already",
        )

    def _files(self) -> dict[str, bytes]:
        """What the hub is to hold, if all is in order here."""
        if self.name.count("/") != 1:
            raise ValueError(f"{self.name!r} is no hub id: write USER/NAME.")
        validate_repo_id(self.name)
        if self.tag is not None and not re.fullmatch(TAG, self.tag, re.ASCII):
            raise ValueError(
                f"{self.tag!r} cannot be a tag: use letters, digits, '-', '_' "
                "and '.', such as v1.0."
            )
        check_export(self.folder)
        found = sorted(Path(self.folder).rglob("*"))
        paths = {x.relative_to(self.folder).as_posix(): x for x in found}
        files = {
            name: path.read_bytes()
            for name, path in paths.items()
            if path.is_file() and not HIDDEN.search(name)
        }
        card = card_on_hub(files["README.md"].decode(), self.name)
        return {**files, "README.md": card.encode()}

    def _changes(self, files, model, tags) -> list[str]:
        """Names of files that differ; raises if they are not to be sent."""
        if model is None:
            if self.update:
                raise FileNotFoundError(
                    f"There is no {self.name} on {HUB}, or this token does not "
                    "see it: leave out --update to create it."
                )
            return list(files)
        there = {
            file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id
            for file in model.siblings or []
        }
        changed = [
            name
            for name, content in files.items()
            if there.get(name)
            not in (sha256(content).hexdigest(), git_hash(content))
        ]
        same = {".gitattributes", *files} - {*changed}
        # An interrupted push has left nothing but what is the same.
        if there.keys() - same and not self.update:
            raise FileExistsError(
                f"{self.name} exists on {HUB} with other files: add --update "
                "to commit onto it, or choose another name."
            )
        if model.private == self.public and (self.public or not self.update):
            raise ValueError(
                f"{self.name} exists and is {_seen(model.private)}: "
                f"{'leave out' if self.public else 'add'} --public, or change "
                f"it at {HUB}/{self.name}/settings."
            )
        if self.tag in tags and (changed or tags[self.tag] != model.sha):
            raise FileExistsError(
                f"{self.name} has a tag {self.tag} already, at commit "
                f"{tags[self.tag]}: choose another, a tag does not move."
            )
        return changed

    def _commit(self, api: HfApi, model, changed: dict[str, bytes]) -> str:
        """Makes what is not there; returns the commit that holds the files."""
        if model is None:
            api.create_repo(self.name, private=not self.public)
        if self.branch != "main":
            api.create_branch(self.name, branch=self.branch, exist_ok=True)
        if not changed:
            return model.sha
        title = f"Upload {Path(self.folder).resolve().name} with dispatch-sb"
        # Not `upload_folder`, which may make several commits of one folder.
        return api.create_commit(
            self.name,
            [CommitOperationAdd(*file) for file in changed.items()],
            commit_message=self.message or title,
            revision=self.branch,
            # Fails if somebody else has committed since we looked.
            parent_commit=model.sha if model else None,
        ).oid


def check_export(folder: str | os.PathLike) -> None:
    """Raises if a folder is no exported model that says what it is.

    Arguments
    ---------
    folder : str or os.PathLike
        As ``dispatch-sb export`` writes it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or a file is missing or empty.
    ValueError
        If its weights do not fit its description, its two files of weights
        differ, or its card lacks licence or scores.

    Example
    -------
    >>> check_export(getfixture("tmp_path"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...is no exported model, it lacks hyperparams.yaml, ...
    """
    folder = Path(folder)
    needed = [folder / name for name in FILES if name != "example.wav"]
    lacks = [p.name for p in needed if not (p.is_file() and p.stat().st_size)]
    if lacks:
        raise FileNotFoundError(
            f"{folder} is no exported model, it lacks {', '.join(lacks)}: "
            f"{EXPORT}"
        )
    model = load_student(folder)
    weights = state_hash(model)
    load_weights(model, folder / "enhance_model.ckpt")
    if state_hash(model) != weights:
        raise ValueError(
            f"The weights in {folder}/enhance_model.ckpt are not those in its "
            f"model.safetensors: {EXPORT}"
        )
    head = read_head(folder / "README.md")
    if not (head.license and head.eval_results):
        raise ValueError(
            f"The head of {folder}/README.md cannot be read, or lacks license "
            f"or model-index (the scores): {EXPORT}"
        )


def _seen(private: bool) -> str:
    """Who sees a model."""
    return "private" if private else "public"


def _look(api: HfApi, name: str, branch: str) -> tuple:
    """What the hub has at a branch, or else at main, and its tags' commits."""
    # Later requests have no time limit; this one finds out if there is a hub.
    limit = constants.HF_HUB_ETAG_TIMEOUT
    look = partial(api.model_info, name, files_metadata=True, timeout=limit)
    try:
        model = look(revision=branch)
    except errors.RevisionNotFoundError:
        model = look()
    except errors.RepositoryNotFoundError:
        return None, {}
    tags = api.list_repo_refs(name).tags
    return model, {tag.name: tag.target_commit for tag in tags}


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns the client's errors into one sentence with the remedy, by the
    hub's answer if there was one."""
    try:
        yield
    except errors.LocalTokenNotFoundError as error:
        raise PermissionError(f"There is no token: {TOKEN}") from error
    except (errors.HTTPError, OSError, RuntimeError) as error:
        answer: BaseException | None = error
        # Errors of uploads are wrapped by the threads that did them.
        while answer and not isinstance(answer, errors.HfHubHTTPError):
            answer = answer.__cause__
        if answer is None:
            why = f"The connection to {HUB} broke ({error.__cause__ or error})"
            raise ConnectionError(f"{why}: {GO_ON}") from error
        status = answer.response.status_code
        said = " ".join((answer.server_message or "no reason given").split())
        why = f"{HUB} answered {status} for {name} ({said})"
        if status in (401, 403, 404):
            why = f"{why}: this token will not do, {TOKEN}"
            raise PermissionError(why) from error
        raise ConnectionError(
            f"{why}: mend what it says, or {GO_ON}"
        ) from error
