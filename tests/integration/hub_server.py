"""A model hub on 127.0.0.1 that speaks enough of the Hugging Face protocol
for the real client to create, upload, commit, tag, list and download.

Authors
 * The dispatch-sb contributors, 2026
"""

import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import hub_reading
import hub_writing
from hub_answers import Answer, Request, refused
from hub_state import Repository

ROUTES = hub_reading.ROUTES + hub_writing.ROUTES


@dataclass
class Fault:
    """What goes wrong, and how often.

    Arguments
    ---------
    request : str
        Beginning of the ``METHOD path`` that it happens to.
    status : int, optional
        Answered instead; 0 to answer nothing and close the connection; None
        to do what was asked, only later.
    read : int, optional
        So many bytes of the body are read before that; all by default.
    hold : threading.Event, optional
        What to wait for when so much has been read.
    times : int
        How often.
    """

    request: str
    status: int | None = 0
    read: int | None = None
    hold: threading.Event | None = None
    times: int = 1


@dataclass
class HubServer:
    """Serves repositories until it is stopped; can be started again.

    Example
    -------
    >>> hub = HubServer()
    >>> hub.start()
    >>> hub.endpoint.startswith("http://127.0.0.1:")
    True
    >>> hub.stop()
    """

    repositories: dict = field(default_factory=dict)  # name -> Repository
    users: dict = field(default_factory=dict)  # token -> User
    faults: list = field(default_factory=list)  # what is going to go wrong
    requests: list = field(default_factory=list)  # "METHOD path" of each
    journal: list = field(default_factory=list)  # the same with the outcome
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

    def take_fault(self, line: str) -> Fault | None:
        """What is to go wrong with a request, if anything."""
        for fault in self.faults:
            if fault.times > 0 and line.startswith(fault.request):
                fault.times -= 1
                return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    """Turns what comes over the socket into requests for the routes."""

    hub: HubServer

    def do_GET(self):
        line = f"{self.command} {self.path}"
        self.hub.requests.append(line)
        fault = self.hub.take_fault(line)
        body = self._body(fault and fault.read)
        if fault and fault.hold:
            fault.hold.wait(60)
        sent = f"{line} [{len(body)} bytes]" if body else line
        if fault and fault.status == 0:
            self.hub.journal.append(f"{sent} -> connection cut")
            self.close_connection = True
            return
        if fault and fault.status:
            answer = refused(fault.status, "Out of order")
        else:
            answer = self._route(body)
        got = len(answer.content)
        self.hub.journal.append(f"{sent} -> {answer.status} [{got} bytes]")
        self._send(answer)

    do_HEAD = do_POST = do_PUT = do_GET

    def _route(self, body: bytes) -> Answer:
        """Finds the route of a path and asks it."""
        path = unquote(urlsplit(self.path).path)
        method = "GET" if self.command == "HEAD" else self.command
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        user = self.hub.users.get(token)
        if token and user is None:
            return refused(401, "Invalid credentials in Authorization header")
        for wanted, pattern, route in ROUTES:
            match = pattern.fullmatch(path)
            if match and wanted == method:
                return route(Request(self.hub, match, body, user))
        return refused(404, "No such page")

    def _body(self, limit: int | None) -> bytes:
        """What came with the request, or the beginning of it."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)[:limit]
        size = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(size if limit is None else min(limit, size))

    def _send(self, answer: Answer):
        """Writes an answer; one that nobody waits for is dropped."""
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *arguments):
        """Keeps the test's output clean."""
