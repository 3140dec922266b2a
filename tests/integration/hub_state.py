"""What a model hub remembers: repositories with their commits, the large
files that arrived, and who may write.

Authors
 * The dispatch-sb contributors, 2026
"""

import hashlib
from dataclasses import dataclass, field

# As the hub's own .gitattributes has it: these are kept beside git.
LARGE = (".ckpt", ".safetensors", ".onnx", ".pt", ".bin")
GITATTRIBUTES = "".join(
    f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE
).encode()


@dataclass
class User:
    """Who a token belongs to.

    Arguments
    ---------
    name : str
        The user.
    role : str
        Of the token: ``write``, ``read`` or ``fineGrained``.
    organisations : tuple of str
        Where the user may write.
    may_write : bool
        Whether a fine-grained token may.
    """

    name: str
    role: str = "write"
    organisations: tuple = ()
    may_write: bool = True

    def writes_to(self, namespace: str) -> bool:
        """Whether this token may change models of a user or organisation."""
        own = namespace in (self.name, *self.organisations)
        return own and self.role != "read" and self.may_write


@dataclass
class Repository:
    """One model: every commit is a whole set of files."""

    private: bool = False
    commits: dict = field(default_factory=dict)  # commit -> name -> content
    titles: dict = field(default_factory=dict)  # commit -> message
    branches: dict = field(default_factory=dict)  # branch -> commit
    tags: dict = field(default_factory=dict)  # tag -> commit
    objects: dict = field(default_factory=dict)  # sha256 -> large content

    def commit(self, files: dict, title: str, branch: str = "main") -> str:
        """Makes files the newest commit of a branch; returns its hash."""
        content = repr(files) + repr(len(self.commits)) + title
        commit = hashlib.sha1(content.encode()).hexdigest()
        self.commits[commit] = dict(files)
        self.titles[commit] = title
        self.branches[branch] = commit
        return commit

    def resolve(self, revision: str) -> str | None:
        """The commit of a branch, tag or commit; None if there is none."""
        commit = self.branches.get(revision) or self.tags.get(revision)
        commit = commit or revision
        return commit if commit in self.commits else None


def is_large(path: str) -> bool:
    """Whether the hub keeps a file beside git."""
    return path.endswith(LARGE)


def sha256(content: bytes) -> str:
    """The name of a large file's content."""
    return hashlib.sha256(content).hexdigest()


def git_hash(content: bytes) -> str:
    """The name that git gives a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def pointer(content: bytes) -> bytes:
    """What git holds in place of a large file."""
    return (
        "version https://git-lfs.github.com/spec/v1\n"
        f"oid sha256:{sha256(content)}\nsize {len(content)}\n"
    ).encode()
