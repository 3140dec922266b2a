"""What a push would do, said without doing it.

Authors
 * The dispatch-sb contributors, 2026
"""

from huggingface_hub import constants, get_token

from dispatch_sb.publish.push import Push
from dispatch_sb.publish.push_hub import (
    Remote,
    api_with,
    check_account,
    why_not_online,
)
from dispatch_sb.publish.push_plan import Plan, format_plan


def dry_run(push: Push) -> str:
    """Says what a push would do; changes nothing.

    Arguments
    ---------
    push : Push
        What would go where.

    Returns
    -------
    str
        The files with sizes, what would be created or changed, and what could
        not be checked.

    Raises
    ------
    ValueError, OSError
        As ``push_folder``, as far as it can be known without writing.
    """
    push.check()
    unchecked, remote = "", Remote()
    plan = Plan(push.contents(), tuple(push.contents()))
    token, why = get_token(), why_not_online()
    if why:
        unchecked = (
            f"({constants.ENDPOINT} {why}): whether {push.name} is free and "
            "this account may write there"
        )
    else:
        api = api_with(token or False)
        if token:
            check_account(api, push.name)
        else:
            unchecked = (
                "(there is no token): whether this account may write there, "
                f"and whether {push.name} is a private model"
            )
        remote, plan = push.look(api)
        # Without a token, a model that is not seen may still be there.
        if token or remote.head is not None:
            push.check_allowed(remote, plan)
    does = _what_it_does(push, remote, known=not why)
    lines = [does, format_plan(plan), "Dry run: nothing was sent."]
    if unchecked:
        lines.append(f"Not checked {unchecked}.")
    return "\n".join(lines)


def _what_it_does(push: Push, remote: Remote, known: bool) -> str:
    """Headline of a dry run."""
    where = f"{push.name} on {constants.ENDPOINT}"
    tag = f", tag {push.tag}" if push.tag else ""
    if remote.head is not None:
        seen = "private" if remote.private else "public"
        new = "" if remote.has_branch else "the new branch "
        return f"Would commit to {new}{push.branch} of {where} ({seen}){tag}:"
    if push.update:
        return f"Would commit to {push.branch} of {where}, if it exists{tag}:"
    seen = "public" if push.public else "private"
    free = "" if known else ", if that is free"
    return f"Would create {where} ({seen}){free}{tag}:"
