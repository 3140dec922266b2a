"""A model folder becomes a model on the hub, by one commit.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, constants

from dispatch_sb.publish.card import card_on_hub
from dispatch_sb.publish.push_checks import (
    check_model_folder,
    check_name,
    check_reference,
    files_to_push,
)
from dispatch_sb.publish.push_hub import (
    Remote,
    check_account,
    explained,
    find_remote,
    open_hub,
)
from dispatch_sb.publish.push_plan import Plan, check_allowed, compare

PUSHED = """\
{url} ({visibility})
commit {commit}{tag}: {what}

As a teacher:
  --teacher_source {name} --teacher_revision {commit}
In Python:
  import dispatch_sb
  enhance = dispatch_sb.load_student("{name}", revision="{commit}")"""


@dataclass(frozen=True)
class Push:
    """A folder and where it is to go.

    Arguments
    ---------
    folder : str or os.PathLike
        A model folder as ``dispatch-sb export`` writes it.
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
        What is committed to; another than ``main`` only with ``update``.

    Example
    -------
    >>> Push("my-model", "lab/small", public=True).check()
    Traceback (most recent call last):
    ...
    FileNotFoundError: There is no folder my-model: ...
    """

    folder: str | os.PathLike
    name: str
    public: bool = False
    update: bool = False
    message: str | None = None
    tag: str | None = None
    branch: str = "main"

    def check(self) -> None:
        """Raises, before any server is asked, if this cannot be pushed."""
        check_name(self.name)
        check_reference(self.branch, "branch")
        if self.tag is not None:
            check_reference(self.tag, "tag")
        if self.update and self.public:
            raise ValueError(
                "--public is for new models: an existing one is made public "
                f"at {constants.ENDPOINT}/{self.name}/settings."
            )
        if self.branch != "main" and not self.update:
            raise ValueError(
                f"A new model begins with its branch main, not {self.branch}: "
                "push it first, then use --update for other branches."
            )
        check_model_folder(self.folder)

    def contents(self) -> dict[str, Path | bytes]:
        """What the hub is to hold: the folder's files by name, the card with
        the model's name in its code."""
        files = files_to_push(self.folder)
        card = files["README.md"].read_text(encoding="utf-8")
        return {**files, "README.md": card_on_hub(card, self.name).encode()}

    def look(self, api: HfApi) -> tuple[Remote, Plan]:
        """What the hub has, and what a commit would change there."""
        remote = find_remote(api, self.name, self.branch, self.tag is not None)
        return remote, compare(self.contents(), remote)

    def check_allowed(self, remote: Remote, plan: Plan) -> None:
        """Raises if this would do there what was not asked for.

        Arguments
        ---------
        remote : Remote
            What the hub has.
        plan : Plan
            What would change.
        """
        check_allowed(
            self.name, remote, plan, self.public, self.update, self.tag
        )


@dataclass(frozen=True)
class Pushed:
    """Where a model is now.

    Arguments
    ---------
    name : str
        ``USER/NAME``.
    commit : str
        What to pin.
    url : str
        Its page.
    private : bool
        Whether only its owners see it.
    files : tuple of str
        What the commit holds; none if all was there already.
    tag : str, optional
        Name of the commit.
    """

    name: str
    commit: str
    url: str
    private: bool
    files: tuple[str, ...]
    tag: str | None = None


def push_folder(push: Push) -> Pushed:
    """Uploads a model folder: large files first, then all by one commit.

    An interrupted push has committed nothing. Done again, it goes on: large
    files that arrived are not sent a second time.

    Arguments
    ---------
    push : Push
        What goes where.

    Returns
    -------
    Pushed
        The commit and its address.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        If the folder, the name, the tag or ``update`` do not fit what is
        there.
    PermissionError
        If the token is missing, wrong or may not write there.
    ConnectionError
        If the hub cannot be reached or the connection breaks.
    """
    push.check()
    api = open_hub()
    check_account(api, push.name)
    remote, plan = push.look(api)
    push.check_allowed(remote, plan)
    private = remote.private
    with explained(push.name):
        if remote.head is None:
            private = not push.public
            api.create_repo(push.name, private=private)
        if not remote.has_branch:
            api.create_branch(push.name, branch=push.branch)
        commit = remote.head
        if plan.to_commit:
            commit = _commit(api, push, plan, remote)
        if push.tag is not None and push.tag not in remote.tags:
            api.create_tag(push.name, tag=push.tag, revision=commit)
    url = f"{constants.ENDPOINT}/{push.name}"
    return Pushed(push.name, commit, url, private, plan.to_commit, push.tag)


def _commit(api: HfApi, push: Push, plan: Plan, remote: Remote) -> str:
    """Uploads and commits what is new or changed."""
    title = f"Upload {Path(push.folder).resolve().name} with dispatch-sb"
    info = api.create_commit(
        push.name,
        [CommitOperationAdd(name, plan.files[name]) for name in plan.to_commit],
        commit_message=push.message or title,
        revision=push.branch,
        # Fails if somebody else committed since we compared.
        parent_commit=remote.head,
    )
    return info.oid


def format_pushed(pushed: Pushed) -> str:
    """Says where a model is, and how others use it.

    Arguments
    ---------
    pushed : Pushed
        From ``push_folder``.

    Returns
    -------
    str
        With the lines to copy.
    """
    files = ", ".join(pushed.files)
    return PUSHED.format(
        name=pushed.name,
        commit=pushed.commit,
        url=pushed.url,
        visibility="private" if pushed.private else "public",
        tag=f", tag {pushed.tag}" if pushed.tag else "",
        what=files or "all files were there already",
    )
