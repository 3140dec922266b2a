"""What the loopback hub answers to those who read.

Authors
 * The dispatch-sb contributors, 2026
"""

import re

from hub_answers import Answer, Request, as_json, no_repository, refused
from hub_state import Repository, git_hash, is_large, pointer, sha256

REPO = r"(?P<repo>[^/]+/[^/]+)"
API = rf"/api/models/{REPO}"


def readable(request: Request) -> Repository | None:
    """The repository that a request names, if its user may see it."""
    name = request.match["repo"]
    repository = request.hub.repositories.get(name)
    if repository is None or not repository.private:
        return repository
    user = request.user
    known = user and name.split("/")[0] in (user.name, *user.organisations)
    return repository if known else None


def at_revision(view):
    """Makes a route of a function that shows one commit's files."""

    def route(request: Request) -> Answer:
        repository = readable(request)
        if repository is None:
            return no_repository(request.user)
        revision = request.match.groupdict().get("rev") or "main"
        commit = repository.resolve(revision)
        if commit is None:
            return refused(404, "Invalid rev id", "RevisionNotFound")
        return view(request, repository, commit, repository.commits[commit])

    return route


@at_revision
def information(request, repository, commit, files) -> Answer:
    """What a model is, with its files."""
    return as_json(
        {
            "id": request.match["repo"],
            "sha": commit,
            "private": repository.private,
            "gated": False,
            "disabled": False,
            "tags": [],
            "siblings": [_sibling(*item) for item in files.items()],
        }
    )


def _sibling(path: str, content: bytes) -> dict:
    """One file in a model's information."""
    entry = _tree_entry(path, content)
    sibling = {"rfilename": path, "size": entry["size"], "blobId": entry["oid"]}
    if "lfs" in entry:
        sibling["lfs"] = {**entry["lfs"], "sha256": entry["lfs"]["oid"]}
    return sibling


@at_revision
def tree(request, repository, commit, files) -> Answer:
    """The list of a commit's files."""
    return as_json([_tree_entry(*item) for item in files.items()])


def _tree_entry(path: str, content: bytes) -> dict:
    """One file of a listing, by git's names."""
    entry = {"type": "file", "path": path, "size": len(content)}
    if not is_large(path):
        return {**entry, "oid": git_hash(content)}
    text = pointer(content)
    return {
        **entry,
        "oid": git_hash(text),
        "lfs": {
            "oid": sha256(content),
            "size": len(content),
            "pointerSize": len(text),
        },
    }


@at_revision
def refs(request, repository, commit, files) -> Answer:
    """Branches and tags."""

    def listed(names: dict, kind: str) -> list:
        return [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": target}
            for name, target in names.items()
        ]

    branches = listed(repository.branches, "heads")
    tags = listed(repository.tags, "tags")
    return as_json({"branches": branches, "converts": [], "tags": tags})


@at_revision
def resolve(request, repository, commit, files) -> Answer:
    """A file's content."""
    path = request.match["file"]
    if path not in files:
        headers = {"X-Repo-Commit": commit}
        return refused(404, "Entry not found", "EntryNotFound", **headers)
    content = files[path]
    name = sha256(content) if is_large(path) else git_hash(content)
    headers = {"ETag": f'"{name}"', "X-Repo-Commit": commit}
    return Answer(200, content, headers)


ROUTES = [
    ("GET", rf"{API}/refs", refs),
    ("GET", rf"{API}/tree/(?P<rev>[^/]+)", tree),
    ("GET", rf"{API}(/revision/(?P<rev>[^/]+))?", information),
    ("GET", rf"/{REPO}/resolve/(?P<rev>[^/]+)/(?P<file>.+)", resolve),
]
ROUTES = [
    (method, re.compile(pattern), route) for method, pattern, route in ROUTES
]
