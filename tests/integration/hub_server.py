"""A model hub on 127.0.0.1 that speaks enough of the Hugging Face protocol
for the real client to download from it.

Authors
 * The dispatch-sb contributors, 2026
"""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RESOLVE = re.compile(
    r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<file>.+)"
)
API = re.compile(
    r"/api/models/(?P<repo>[^/]+/[^/]+)"
    r"/(?P<what>revision|tree)/(?P<rev>[^/?]+)"
)


class HubServer:
    """Serves published folders until it is stopped; can be started again.

    Example
    -------
    >>> hub = HubServer()
    >>> hub.start()
    >>> hub.endpoint.startswith("http://127.0.0.1:")
    True
    >>> hub.stop()
    """

    def __init__(self):
        self.commits = {}  # repo -> commit -> file name -> content
        self.branches = {}  # repo -> branch or tag -> commit
        self.requests = []  # "METHOD path" of every request
        self.port = 0

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
        content = repr(files) + repr(len(self.commits.get(repo, {})))
        commit = hashlib.sha1(content.encode()).hexdigest()
        self.commits.setdefault(repo, {})[commit] = files
        self.branches.setdefault(repo, {})[branch] = commit
        return commit

    def start(self) -> None:
        """Listens, after a first start on the same port as before."""
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on."""
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers the client's HEAD and GET requests."""

    hub: HubServer

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        self.hub.requests.append(f"{self.command} {self.path}")
        match = RESOLVE.fullmatch(self.path) or API.match(self.path)
        if match is None or match["repo"] not in self.hub.commits:
            return self._error(401, "RepoNotFound")
        repo, revision = match["repo"], match["rev"]
        commit = self.hub.branches[repo].get(revision, revision)
        files = self.hub.commits[repo].get(commit)
        if files is None:
            return self._error(404, "RevisionNotFound")
        if match.re is API:
            listing = self._listing(match["what"], repo, commit, files)
            return self._send(json.dumps(listing).encode(), {})
        if match["file"] not in files:
            return self._error(404, "EntryNotFound", commit)
        content = files[match["file"]]
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        self._send(content, {"ETag": etag, "X-Repo-Commit": commit})

    @staticmethod
    def _listing(what, repo, commit, files):
        """The JSON of the two API calls."""
        if what == "revision":
            siblings = [{"rfilename": name} for name in files]
            return {"id": repo, "sha": commit, "siblings": siblings}
        return [
            {"type": "file", "path": name, "size": len(content), "oid": "0"}
            for name, content in files.items()
        ]

    def _send(self, content: bytes, headers: dict, status: int = 200):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _error(self, status: int, code: str, commit: str = ""):
        headers = {"X-Error-Code": code, "X-Error-Message": code}
        if commit:
            headers["X-Repo-Commit"] = commit
        self._send(b"", headers, status)

    def log_message(self, *arguments):
        """Keeps the test's output clean."""
