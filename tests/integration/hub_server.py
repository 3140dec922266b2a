"""A model hub on 127.0.0.1 that speaks enough of the Hugging Face protocol
for the real client to create, upload, commit, tag, list and download.

Authors
 * The dispatch-sb contributors, 2026
"""

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

# As the hub's own .gitattributes has it: these are kept beside git.
LARGE = (".ckpt", ".safetensors", ".onnx", ".pt", ".bin")
GITATTRIBUTES = "".join(
    f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE
).encode()
WRITE, READ = "hf_write", "hf_read"  # tokens


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

    def resolve(self, revision: str) -> str:
        """The commit of a branch, tag or commit."""
        commit = self.branches.get(revision) or self.tags.get(revision)
        if (commit or revision) not in self.commits:
            raise Refused(404, "Invalid rev id", "RevisionNotFound")
        return commit or revision


@dataclass
class Fault:
    """What goes wrong once with a request whose ``METHOD path`` begins so: only
    ``read`` bytes of the body are read, ``hold`` (an event) is waited for, and
    then ``status`` is answered; 0 closes the connection, None does what was
    asked."""

    request: str
    status: int | None = 0
    read: int | None = None
    hold: threading.Event | None = None


class Refused(Exception):
    """An error as the hub words it: in the body and in headers."""

    def __init__(self, status: int, message: str, code: str = "", **headers):
        self.status, self.message = status, message
        self.headers = {"X-Error-Message": message, **headers}
        self.headers |= {"X-Error-Code": code} if code else {}


@dataclass
class HubServer:
    """Serves repositories until it is stopped; can be started again. The users
    of its tokens are members of "lab" and "team"."""

    repositories: dict = field(default_factory=dict)  # name -> Repository
    faults: list = field(default_factory=list)  # what is going to go wrong
    requests: list = field(default_factory=list)  # "METHOD path" of each
    port: int = 0

    @property
    def endpoint(self) -> str:
        """What ``HF_ENDPOINT`` has to be."""
        return f"http://127.0.0.1:{self.port}"

    def publish(self, repo: str, folder: Path, branch: str = "main") -> str:
        """Makes a folder's files the newest commit of a branch."""
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file()
        }
        repository = self.repositories.setdefault(repo, Repository())
        return repository.commit(files, "published", branch)

    def start(self) -> None:
        """Listens, after a first start on the same port as before."""
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        serve = partial(self.server.serve_forever, poll_interval=0.05)
        threading.Thread(target=serve, daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on."""
        self.server.shutdown()
        self.server.server_close()

    def open(self, name: str, token: str, write: bool = False) -> Repository:
        """A repository, if one may see it (the hub tells no more) or write."""
        found = self.repositories.get(name)
        if found is None or (found.private and not token):
            status = 404 if token else 401
            raise Refused(status, "Repository not found", "RepoNotFound")
        if write:
            may_write(name.split("/")[0], token)
        return found


def may_write(namespace: str, token: str) -> None:
    """Refuses who may not write there; so does a place that there is not."""
    if token != WRITE or namespace not in ("lab", "team"):
        message = "You don't have the rights to create a model under the"
        raise Refused(403, f'{message} namespace "{namespace}"')


def is_large(path: str) -> bool:
    """Whether the hub keeps a file beside git."""
    return path.endswith(LARGE)


def sha256(content: bytes) -> str:
    """The name of a large file's content."""
    return hashlib.sha256(content).hexdigest()


def oid(path: str, content: bytes) -> str:
    """What the hub calls a file's content; of other files git's own name."""
    if is_large(path):
        return sha256(content)
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def listed(path: str, content: bytes) -> dict:
    """One file, in the words of both kinds of listing."""
    name, size = oid(path, content), len(content)
    entry = {"type": "file", "path": path, "rfilename": path, "size": size}
    entry |= {"oid": name, "blobId": name}
    if is_large(path):
        large = {"oid": name, "sha256": name, "size": size, "pointerSize": 130}
        entry["lfs"] = large
    return entry


def information(hub, token, body, repo, rev=None):
    """What a model is, with its files."""
    repository = hub.open(repo, token)
    commit = repository.resolve(rev or "main")
    files = [listed(*item) for item in repository.commits[commit].items()]
    about = {"id": repo, "sha": commit, "private": repository.private}
    return {**about, "gated": False, "tags": [], "siblings": files}


def tree(hub, token, body, repo, rev):
    """The list of a commit's files."""
    return information(hub, token, body, repo, rev)["siblings"]


def refs(hub, token, body, repo):
    """Tags; nobody asks for the branches."""
    tags = [
        {"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit}
        for name, commit in hub.open(repo, token).tags.items()
    ]
    return {"branches": [], "converts": [], "tags": tags}


def resolve(hub, token, body, repo, rev, file):
    """A file's content."""
    repository = hub.open(repo, token)
    commit = repository.resolve(rev)
    headers, files = {"X-Repo-Commit": commit}, repository.commits[commit]
    if file not in files:
        raise Refused(404, "Entry not found", "EntryNotFound", **headers)
    return files[file], {**headers, "ETag": f'"{oid(file, files[file])}"'}


def create(hub, token, body):
    """A new repository, which holds nothing but its .gitattributes."""
    asked = json.loads(body)
    namespace = asked.get("organization") or "lab"
    may_write(namespace, token)
    name = f"{namespace}/{asked['name']}"
    if name in hub.repositories:
        raise Refused(409, "You already created this model repo")
    private = asked.get("private", asked.get("visibility") == "private")
    hub.repositories[name] = Repository(private=private)
    files = {".gitattributes": GITATTRIBUTES}
    hub.repositories[name].commit(files, "initial commit")
    return {"url": f"{hub.endpoint}/{name}", "name": name}


def validate_card(hub, token, body):
    """Whether a card has a head."""
    assert json.loads(body)["content"].startswith("---\n")
    return {"errors": [], "warnings": []}


def preupload(hub, token, body, repo, rev):
    """Which files come with the commit, and which before it."""
    hub.open(repo, token, write=True).resolve(rev)
    kinds = {True: "lfs", False: "regular"}
    paths = [file["path"] for file in json.loads(body)["files"]]
    answer = [{"path": p, "uploadMode": kinds[is_large(p)]} for p in paths]
    return {"files": [{**file, "shouldIgnore": False} for file in answer]}


def batch(hub, token, body, repo):
    """Where large files go; those that are there get no address."""
    repository, objects = hub.open(repo, token, write=True), []
    for entry in json.loads(body)["objects"]:
        entry = {"oid": entry["oid"], "size": entry["size"]}
        if entry["oid"] not in repository.objects:
            upload = {"href": f"{hub.endpoint}/lfs/{repo}/{entry['oid']}"}
            entry["actions"] = {"upload": upload}
        objects.append(entry)
    return {"transfer": "basic", "objects": objects}


def store(hub, token, body, repo, oid):
    """Takes a large file. The address is the permission, as on the hub."""
    if sha256(body) != oid:
        raise Refused(400, "The content is not what was announced")
    hub.repositories[repo].objects[oid] = body
    return {}


def commit(hub, token, body, repo, rev):
    """All changes at once, or none."""
    repository = hub.open(repo, token, write=True)
    head = repository.resolve(rev)
    files, title = dict(repository.commits[head]), ""
    for key, value in map(dict.values, map(json.loads, body.splitlines())):
        if key == "header":
            title = value["summary"]
            if value.get("parentCommit", head) != head:
                raise Refused(412, "A commit has happened since")
        elif key == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif key == "lfsFile" and value["oid"] in repository.objects:
            files[value["path"]] = repository.objects[value["oid"]]
        else:
            raise Refused(400, f"Cannot commit {value}")
    made = repository.commit(files, title, rev)
    url = f"{hub.endpoint}/{repo}/commit/{made}"
    return {"success": True, "commitUrl": url, "commitOid": made}


def tag(hub, token, body, repo, rev):
    """A name for a commit."""
    repository, name = (
        hub.open(repo, token, write=True),
        json.loads(body)["tag"],
    )
    if name in repository.tags:
        raise Refused(409, "Tag reference exists already")
    repository.tags[name] = repository.resolve(rev)
    return {}


def branch(hub, token, body, repo, rev):
    """A new branch, which begins at main."""
    repository = hub.open(repo, token, write=True)
    repository.branches.setdefault(rev, repository.resolve("main"))
    return {}


REPO, REV = r"(?P<repo>[^/]+/[^/]+)", r"(?P<rev>[^/]+)"
API = rf"/api/models/{REPO}"
ROUTES = {
    rf"GET {API}/refs": refs,
    rf"GET {API}/tree/{REV}": tree,
    rf"GET {API}(/revision/{REV})?": information,
    rf"GET /{REPO}/resolve/{REV}/(?P<file>.+)": resolve,
    r"POST /api/repos/create": create,
    r"POST /api/validate-yaml": validate_card,
    rf"POST {API}/preupload/{REV}": preupload,
    rf"POST {API}/commit/{REV}": commit,
    rf"POST {API}/tag/{REV}": tag,
    rf"POST {API}/branch/{REV}": branch,
    rf"POST /{REPO}\.git/info/lfs/objects/batch": batch,
    rf"PUT /lfs/{REPO}/(?P<oid>[0-9a-f]+)": store,
}


class _Handler(BaseHTTPRequestHandler):
    """Turns what comes over the socket into calls of the routes."""

    hub: HubServer

    def do_GET(self):
        line = f"{self.command} {self.path}"
        self.hub.requests.append(line)
        faults = self.hub.faults
        fault = next((f for f in faults if line.startswith(f.request)), None)
        if fault:
            faults.remove(fault)
        body = self._body(fault and fault.read)
        if fault and fault.hold:
            fault.hold.wait(60)
        if fault and fault.status == 0:
            self.close_connection = True
            return
        try:
            if fault and fault.status:
                raise Refused(fault.status, "Out of order")
            self._send(200, *self._answer(body))
        except Refused as refused:
            content = json.dumps({"error": refused.message}).encode()
            self._send(refused.status, content, refused.headers)

    do_HEAD = do_POST = do_PUT = do_GET

    def _answer(self, body: bytes) -> tuple[bytes, dict]:
        """Content and headers of what a route answers."""
        path = unquote(urlsplit(self.path).path)
        method = "GET" if self.command == "HEAD" else self.command
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in ("", READ, WRITE):
            raise Refused(401, "Invalid credentials in Authorization header")
        for pattern, route in ROUTES.items():
            if match := re.fullmatch(pattern, f"{method} {path}"):
                found = route(self.hub, token, body, **match.groupdict())
                if isinstance(found, tuple):
                    return found
                kind = {"Content-Type": "application/json"}
                return json.dumps(found).encode(), kind
        raise Refused(404, "No such page")

    def _body(self, limit: int | None) -> bytes:
        """What came with the request, or the beginning of it."""
        size = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(size if limit is None else min(limit, size))

    def _send(self, status: int, content: bytes, headers: dict):
        """Writes an answer; one that nobody waits for is dropped."""
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *arguments):
        """Keeps the test's output clean."""
