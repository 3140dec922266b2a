"""`dispatch-sb push`: a model folder becomes a model on the hub.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.commands.command import described


def _push(dry_run: bool, **options) -> str:
    from dispatch_sb.sharing.upload import Push

    push = Push(**options)
    return push.dry_run() if dry_run else push.send()


COMMAND = described("push", _push)
