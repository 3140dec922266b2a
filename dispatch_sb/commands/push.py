"""`dispatch-sb push`: a model folder becomes a model on the hub.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command


def _push_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", help="a model folder, see dispatch-sb export")
    parser.add_argument("name", metavar="USER/NAME", help="its id on the hub")
    parser.add_argument(
        "--public",
        action="store_true",
        help="a new model is visible to all; without this, to its owners only",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="the model exists: commit onto it; files that only the hub has "
        "are kept",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="list what would be sent; ask nobody",
    )
    parser.add_argument("--message", help="of the commit")
    parser.add_argument("--tag", help="names the commit, such as v1.0")
    parser.add_argument(
        "--revision",
        metavar="BRANCH",
        default="main",
        help="the branch to commit to, made if it is not there",
    )


def _push(arguments: argparse.Namespace) -> str:
    from dispatch_sb.sharing.upload import Push

    push = Push(
        arguments.folder,
        arguments.name,
        public=arguments.public,
        update=arguments.update,
        message=arguments.message,
        tag=arguments.tag,
        branch=arguments.revision,
    )
    return push.dry_run() if arguments.dry_run else push.send()


COMMAND = Command(
    "push",
    "put a model folder on the Hugging Face hub",
    _push_arguments,
    _push,
    examples="""\
  dispatch-sb push my-model USER/small --dry-run
  dispatch-sb push my-model USER/small --tag v1.0
  dispatch-sb push my-model USER/small --update --message "Longer training"

the token comes from HF_TOKEN or `hf auth login`; an interrupted push goes on
when the command is repeated""",
)
