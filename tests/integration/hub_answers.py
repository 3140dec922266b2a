"""Requests and answers of the loopback hub, apart from sockets.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
from dataclasses import dataclass, field

from hub_state import User


@dataclass
class Request:
    """What a client asked, as far as a route needs it.

    Arguments
    ---------
    hub : HubServer
        Whom it was asked of.
    match : re.Match
        Of the route's pattern on the path.
    body : bytes
        What came with it.
    user : User, optional
        Whose token came with it.
    """

    hub: object
    match: object
    body: bytes
    user: User | None

    def json(self) -> dict:
        """The body as JSON."""
        return json.loads(self.body or b"{}")


@dataclass
class Answer:
    """Status, content and headers."""

    status: int = 200
    content: bytes = b""
    headers: dict = field(default_factory=dict)


def as_json(value, status: int = 200) -> Answer:
    """An answer that holds JSON."""
    content = json.dumps(value).encode()
    return Answer(status, content, {"Content-Type": "application/json"})


def refused(status: int, message: str, code: str = "", **headers) -> Answer:
    """An error as the hub words it: in the body and in two headers."""
    answer = as_json({"error": message}, status)
    answer.headers["X-Error-Message"] = message
    if code:
        answer.headers["X-Error-Code"] = code
    answer.headers.update(headers)
    return answer


def no_repository(user: User | None) -> Answer:
    """Nothing there, or nothing that one may see: the hub tells no more."""
    return refused(404 if user else 401, "Repository not found", "RepoNotFound")


def forbidden(namespace: str) -> Answer:
    """No right to write there, which includes that there is no such place."""
    return refused(
        403,
        "You don't have the rights to create a model under the namespace "
        f'"{namespace}"',
    )
