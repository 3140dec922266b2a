"""The hub as a push sees it: who asks, what is there already, and every
refusal in one sentence with its remedy.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from dispatch_sb.teachers.network import is_reachable

GO_ON = "repeat the command, it goes on where it stopped"


@dataclass(frozen=True)
class Remote:
    """What the hub has of a model at the head of a branch.

    Arguments
    ---------
    head : str, optional
        Commit of the branch; None if there is no such model.
    private : bool
        Whether only its owners see it.
    has_branch : bool
        Whether the branch is there; if not, ``head`` is that of ``main``.
    files : dict
        File name to content hash: SHA-256 of large files, else git's SHA-1.
    tags : dict
        Tag to commit.
    """

    head: str | None = None
    private: bool = True
    has_branch: bool = True
    files: dict = field(default_factory=dict)
    tags: dict = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is a model to which nothing was committed yet."""
        return self.head is not None and not self.files.keys() - {
            ".gitattributes"
        }


def why_not_online() -> str | None:
    """Says why the hub cannot be asked.

    Returns
    -------
    str or None
        Half a sentence; None if the hub can be reached.
    """
    if constants.HF_HUB_OFFLINE:
        return "must not be asked (HF_HUB_OFFLINE is set)"
    if not is_reachable(constants.ENDPOINT):
        return "cannot be reached"
    return None


def open_hub() -> HfApi:
    """The hub's client with the user's token.

    Returns
    -------
    huggingface_hub.HfApi
        Of ``HF_ENDPOINT``, with the token of ``HF_TOKEN`` or else that of
        ``hf auth login``.

    Raises
    ------
    PermissionError
        If there is no token.
    ConnectionError
        If the hub cannot be reached.
    """
    token = get_token()
    if not token:
        raise PermissionError(
            "There is no token: run `hf auth login`, or set HF_TOKEN, with a "
            f"token that may write, from {constants.ENDPOINT}/settings/tokens."
        )
    why = why_not_online()
    if why:
        raise ConnectionError(
            f"{constants.ENDPOINT} {why}: nothing was sent; repeat the command "
            "once there is a network."
        )
    return api_with(token)


def api_with(token: str | bool) -> HfApi:
    """The hub's client.

    Arguments
    ---------
    token : str or bool
        False for none.

    Returns
    -------
    huggingface_hub.HfApi
        Of ``HF_ENDPOINT``.
    """
    return HfApi(token=token, library_name="dispatch-sb")


def check_account(api: HfApi, name: str) -> None:
    """Raises if the token cannot be meant for a model.

    Arguments
    ---------
    api : huggingface_hub.HfApi
        With a token.
    name : str
        ``USER/NAME``.

    Raises
    ------
    PermissionError
        If the hub does not know the token, the token may only read, or the
        name is neither the user's nor one of the user's organisations'.
    """
    with explained(name):
        account = api.whoami()
    user, owner = account["name"], name.partition("/")[0]
    role = account.get("auth", {}).get("accessToken", {}).get("role")
    if role == "read":
        raise PermissionError(
            f"The token of {user} may only read: {_remedy()} with one that may "
            f"write, from {constants.ENDPOINT}/settings/tokens."
        )
    groups = [group["name"] for group in account.get("orgs") or []]
    known = owner in (user, *groups)
    # A fine-grained token need not list the organisations that it may use.
    if not known and role == "write":
        also = f" and {', '.join(groups)}" if groups else ""
        raise PermissionError(
            f"{user} cannot write to {owner}: this account has {user}{also}. "
            f"Push to {user}/{name.partition('/')[2]}, or have an organisation "
            f"{owner} admit you."
        )


def find_remote(
    api: HfApi, name: str, branch: str = "main", tags: bool = False
) -> Remote:
    """Asks what the hub has of a model.

    Arguments
    ---------
    api : huggingface_hub.HfApi
        With a token or without.
    name : str
        ``USER/NAME``.
    branch : str
        Whose files are listed.
    tags : bool
        Whether the tags are asked for too.

    Returns
    -------
    Remote
        Without ``head`` if there is no such model, or none that one may see.
    """
    has_branch = True
    with explained(name):
        try:
            info = api.model_info(name, revision=branch, files_metadata=True)
        except RevisionNotFoundError:
            has_branch = False
            info = api.model_info(name, files_metadata=True)
        except RepositoryNotFoundError:
            return Remote()
        refs = api.list_repo_refs(name).tags if tags else []
    return Remote(
        info.sha,
        bool(info.private),
        has_branch,
        {
            file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id
            for file in info.siblings or []
        },
        {tag.name: tag.target_commit for tag in refs},
    )


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turns the client's errors into one sentence with the remedy.

    Arguments
    ---------
    name : str
        ``USER/NAME`` of the model that is asked about.

    Yields
    ------
    None
        Around calls of the client only: it also takes plain OSError and
        RuntimeError for the client's.
    """
    try:
        yield
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        cause: BaseException | None = error
        # Errors of uploads are wrapped by the threads that did them.
        while cause and not isinstance(cause, HfHubHTTPError):
            cause = cause.__cause__
        if cause is not None:
            raise _refusal(name, cause) from error
        why = " ".join(str(error.__cause__ or error).split())
        if isinstance(error, ValueError):
            raise ValueError(f"{name} was not pushed: {why}") from error
        raise ConnectionError(
            f"The connection to {constants.ENDPOINT} broke ({why}): {GO_ON}."
        ) from error


def _refusal(name: str, error: HfHubHTTPError) -> Exception:
    """What an answer of the hub means."""
    hub, status = constants.ENDPOINT, error.response.status_code
    said = " ".join((error.server_message or "").split())
    said = f" ({said})" if said else ""
    if isinstance(error, RepositoryNotFoundError):
        return FileNotFoundError(
            f"{hub} has no {name} that this token may write to: check the name "
            f"and the token's rights at {hub}/settings/tokens."
        )
    if status == 401:
        return PermissionError(
            f"{hub} does not accept the token{said}: {_remedy()} with one from "
            f"{hub}/settings/tokens."
        )
    if status == 403:
        owner = name.partition("/")[0]
        return PermissionError(
            f"The token may not write to {name}{said}: check that "
            f"{owner} is you or an organisation of yours, and give the token "
            f"the right to write there at {hub}/settings/tokens."
        )
    if status == 409:
        return FileExistsError(taken(name))
    if status == 412:
        return RuntimeError(
            f"{name} was changed by somebody else meanwhile, nothing was "
            "committed: repeat the command."
        )
    if status in (400, 413, 422):
        return ValueError(
            f"{hub} refuses {name} with status {status}{said}: mend the folder."
        )
    return ConnectionError(f"{hub} answered {status}{said}: {GO_ON} later.")


def _remedy() -> str:
    """Where the token comes from is where a better one has to go."""
    if os.environ.get("HF_TOKEN"):
        return "set HF_TOKEN again,"
    return "run `hf auth login` again,"


def taken(name: str) -> str:
    """The sentence for a name that is not free.

    Arguments
    ---------
    name : str
        ``USER/NAME``.

    Returns
    -------
    str
        With the remedy.
    """
    return (
        f"{name} exists on {constants.ENDPOINT} with other files: add --update "
        "to commit onto it, or choose another name."
    )
