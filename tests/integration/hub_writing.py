"""What the loopback hub does for those who write: create, take large files,
commit, tag.

Authors
 * The dispatch-sb contributors, 2026
"""

import base64
import json
import re

from hub_answers import (
    Answer,
    Request,
    as_json,
    forbidden,
    no_repository,
    refused,
)
from hub_reading import API, REPO, readable
from hub_state import (
    GITATTRIBUTES,
    Repository,
    git_hash,
    is_large,
    sha256,
)


def create(request: Request) -> Answer:
    """A new repository, which holds nothing but its .gitattributes."""
    asked = request.json()
    if request.user is None:
        return refused(401, "Invalid credentials in Authorization header")
    namespace = asked.get("organization") or request.user.name
    if not request.user.writes_to(namespace):
        return forbidden(namespace)
    name = f"{namespace}/{asked['name']}"
    if name in request.hub.repositories:
        return refused(409, "You already created this model repo")
    private = asked.get("private", asked.get("visibility") == "private")
    repository = Repository(private=private)
    repository.commit({".gitattributes": GITATTRIBUTES}, "initial commit")
    request.hub.repositories[name] = repository
    return as_json({"url": f"{request.hub.endpoint}/{name}", "name": name})


def writing(change):
    """Makes a route of a function that changes a repository."""

    def route(request: Request) -> Answer:
        repository = readable(request)
        if repository is None:
            return no_repository(request.user)
        namespace = request.match["repo"].split("/")[0]
        if not (request.user and request.user.writes_to(namespace)):
            return forbidden(namespace)
        return change(request, repository)

    return route


def validate_card(request: Request) -> Answer:
    """Whether a card has a head."""
    if request.json()["content"].startswith("---\n"):
        return as_json({"errors": [], "warnings": []})
    return as_json({"errors": [{"message": "no metadata"}]}, 400)


@writing
def preupload(request: Request, repository: Repository) -> Answer:
    """Which files come with the commit, and which before it."""
    files = repository.commits[repository.resolve(request.match["rev"])]

    def mode(path: str) -> dict:
        answer = {"path": path, "shouldIgnore": False}
        answer["uploadMode"] = "lfs" if is_large(path) else "regular"
        if path in files:
            name = sha256 if is_large(path) else git_hash
            answer["oid"] = name(files[path])
        return answer

    return as_json(
        {"files": [mode(f["path"]) for f in request.json()["files"]]}
    )


@writing
def batch(request: Request, repository: Repository) -> Answer:
    """Where large files go; those that are there get no address."""
    name, hub = request.match["repo"], request.hub
    objects = []
    for wanted in request.json()["objects"]:
        entry = {"oid": wanted["oid"], "size": wanted["size"]}
        if wanted["oid"] not in repository.objects:
            verify = f"{hub.endpoint}/{name}.git/info/lfs/verify"
            entry["actions"] = {
                "upload": {"href": f"{hub.endpoint}/lfs/{name}/{entry['oid']}"},
                "verify": {"href": verify},
            }
        objects.append(entry)
    return as_json({"transfer": "basic", "objects": objects})


def store(request: Request) -> Answer:
    """Takes a large file. The address is the permission, as on the hub."""
    repository = request.hub.repositories[request.match["repo"]]
    if sha256(request.body) != request.match["oid"]:
        return refused(400, "The content is not what was announced")
    repository.objects[request.match["oid"]] = request.body
    return Answer(200)


@writing
def verify(request: Request, repository: Repository) -> Answer:
    """Whether a large file arrived whole."""
    asked = request.json()
    content = repository.objects.get(asked["oid"])
    if content is None or len(content) != asked["size"]:
        return refused(404, "Object not found")
    return Answer(200)


@writing
def commit(request: Request, repository: Repository) -> Answer:
    """All changes at once, or none."""
    branch = request.match["rev"]
    lines = [json.loads(line) for line in request.body.splitlines()]
    head = repository.branches.get(branch)
    if head is None:
        return refused(404, "Invalid rev id", "RevisionNotFound")
    files = dict(repository.commits[head])
    title = ""
    for key, value in ((line["key"], line["value"]) for line in lines):
        if key == "header":
            title = value["summary"]
            if value.get("parentCommit", head) != head:
                return refused(412, "A commit has happened since")
        elif key == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile" and value["oid"] in repository.objects:
            files[value["path"]] = repository.objects[value["oid"]]
        else:
            return refused(400, f"Cannot commit {value}")
    made = repository.commit(files, title, branch)
    url = f"{request.hub.endpoint}/{request.match['repo']}/commit/{made}"
    return as_json({"success": True, "commitUrl": url, "commitOid": made})


@writing
def tag(request: Request, repository: Repository) -> Answer:
    """A name for a commit."""
    name = request.json()["tag"]
    if name in repository.tags:
        return refused(409, "Tag reference exists already")
    repository.tags[name] = repository.resolve(request.match["rev"])
    return as_json({})


@writing
def branch(request: Request, repository: Repository) -> Answer:
    """A new branch."""
    name = request.match["rev"]
    if name in repository.branches:
        return refused(409, "Reference already exists")
    start = request.json().get("startingPoint", "main")
    repository.branches[name] = repository.resolve(start)
    return as_json({})


LFS = rf"/{REPO}\.git/info/lfs"
ROUTES = [
    ("POST", r"/api/repos/create", create),
    ("POST", r"/api/validate-yaml", validate_card),
    ("POST", rf"{API}/preupload/(?P<rev>[^/]+)", preupload),
    ("POST", rf"{API}/commit/(?P<rev>[^/]+)", commit),
    ("POST", rf"{API}/tag/(?P<rev>[^/]+)", tag),
    ("POST", rf"{API}/branch/(?P<rev>[^/]+)", branch),
    ("POST", rf"{LFS}/objects/batch", batch),
    ("POST", rf"{LFS}/verify", verify),
    ("PUT", rf"/lfs/{REPO}/(?P<oid>[0-9a-f]+)", store),
]
ROUTES = [
    (method, re.compile(pattern), route) for method, pattern, route in ROUTES
]
