"""What a push would change: the folder's files beside those of the hub.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.utils.sha import git_hash, sha_fileobj
from tqdm import tqdm

from dispatch_sb.publish.push_hub import Remote, taken


@dataclass(frozen=True)
class Plan:
    """What one commit would do.

    Arguments
    ---------
    files : dict
        Name to path here, or to content, all of them.
    new : tuple of str
        Names that the hub does not have.
    changed : tuple of str
        Names whose content is another there.
    kept : tuple of str
        Names that only the hub has; a push leaves them.
    """

    files: Mapping[str, Path | bytes]
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def to_commit(self) -> tuple[str, ...]:
        """Names that a commit would hold, none if all is there."""
        return tuple(sorted({*self.new, *self.changed}))

    @property
    def size(self) -> int:
        """Bytes of what a commit would hold."""
        return sum(_length(self.files[name]) for name in self.to_commit)


def compare(files: Mapping[str, Path | bytes], remote: Remote) -> Plan:
    """Sorts a folder's files by what the hub has of them.

    Arguments
    ---------
    files : Mapping
        Name to path here, or to content.
    remote : Remote
        What the hub has.

    Returns
    -------
    Plan
        Every file in its place.

    Example
    -------
    >>> path = getfixture("tmp_path") / "README.md"
    >>> path.write_text("# Small") > 0
    True
    >>> remote = Remote("0" * 40, files={"README.md": "1", "old.wav": "2"})
    >>> plan = compare({"README.md": path, "new.wav": path}, remote)
    >>> plan.new, plan.changed, plan.kept
    (('new.wav',), ('README.md',), ('old.wav',))
    """
    there = remote.files
    return Plan(
        files,
        tuple(name for name in files if name not in there),
        tuple(
            name
            for name, content in files.items()
            if name in there and not _is_same(content, there[name])
        ),
        tuple(sorted(there.keys() - files.keys() - {".gitattributes"})),
    )


def _length(content: Path | bytes) -> int:
    """Bytes of a file or of a content."""
    if isinstance(content, bytes):
        return len(content)
    return content.stat().st_size


def _is_same(content: Path | bytes, content_hash: str | None) -> bool:
    """Whether a file has a content, by the kind of hash that is given."""
    known = isinstance(content, bytes)
    with io.BytesIO(content) if known else open(content, "rb") as stream:
        if len(content_hash or "") == 64:
            return sha_fileobj(stream).hex() == content_hash
        return git_hash(stream.read()) == content_hash


def check_allowed(
    name: str,
    remote: Remote,
    plan: Plan,
    public: bool = False,
    update: bool = False,
    tag: str | None = None,
) -> None:
    """Raises if a push would do what was not asked for.

    A model that holds nothing yet, or exactly the folder's files, is what an
    interrupted push leaves: it goes on.

    Arguments
    ---------
    name : str
        ``USER/NAME``.
    remote : Remote
        What the hub has.
    plan : Plan
        What the push would change.
    public : bool
        Whether a new model was asked to be public.
    update : bool
        Whether an existing model may be changed.
    tag : str, optional
        For the commit.

    Raises
    ------
    FileNotFoundError
        If there is nothing to update.
    FileExistsError
        If the name or the tag is taken.
    ValueError
        If an interrupted push was public and this one is not, or the reverse.
    """
    if remote.head is None:
        if update:
            raise FileNotFoundError(
                f"There is no {name} on {constants.ENDPOINT} to update, or "
                "this token does not see it: leave out --update to create it."
            )
        return
    finished = not plan.to_commit and not plan.kept
    if not update and not remote.is_empty and not finished:
        raise FileExistsError(taken(name))
    if not update and remote.private == public:
        there = "private" if remote.private else "public"
        remedy = "leave out --public" if public else "add --public"
        raise ValueError(
            f"{name} exists and is {there}: {remedy}, or change it at "
            f"{constants.ENDPOINT}/{name}/settings."
        )
    if tag in remote.tags and (
        plan.to_commit or remote.tags[tag] != remote.head
    ):
        raise FileExistsError(
            f"{name} has a tag {tag} already, at commit {remote.tags[tag]}: "
            "choose another, a tag that moves is of no use."
        )


def format_plan(plan: Plan) -> str:
    """Lists what a commit would do, one file a line.

    Arguments
    ---------
    plan : Plan
        What the push would change.

    Returns
    -------
    str
        The lines, with sizes.
    """
    lines = []
    for name, content in plan.files.items():
        what = "unchanged"
        if name in plan.new:
            what = "new"
        elif name in plan.changed:
            what = "changed"
        lines.append(f"  {what:<10}{_size(_length(content)):>9}  {name}")
    lines += [f"  {'kept':<10}{'':>9}  {name}" for name in plan.kept]
    count = len(plan.to_commit)
    files = "1 file" if count == 1 else f"{count} files"
    return "\n".join([*lines, f"{files} to commit, {_size(plan.size)}."])


def _size(count: int) -> str:
    """Bytes for people."""
    return f"{tqdm.format_sizeof(count, divisor=1000)}B"
