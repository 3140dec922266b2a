"""`dispatch-sb demo`: a local page to try a student on.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse

from dispatch_sb.commands.command import Command
from dispatch_sb.commands.model_option import add_trust_argument


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--student",
        required=True,
        help="a run's folder (which names the teacher and the loss too), a "
        "model's folder, or a hub id",
    )
    parser.add_argument("--student-revision", help="of a hub id")
    parser.add_argument(
        "--teacher", help="the same for the teacher; default: the run's"
    )
    parser.add_argument("--teacher-revision", help="of a hub id")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; default: 127.0.0.1, this computer alone "
        "(with another one, browsers refuse the microphone without https)",
    )
    parser.add_argument(
        "--port", type=int, help="default: the first free one from 7860"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="do not open a browser"
    )
    add_trust_argument(parser)


def _demo(arguments: argparse.Namespace) -> str:
    if arguments.port is not None and arguments.port not in range(1, 1 << 16):
        raise ValueError(f"no port is {arguments.port}: give 1 to 65535.")
    from dispatch_sb.demo.gradio_page import build_page, serve
    from dispatch_sb.demo.models import open_models
    from dispatch_sb.demo.sample_recording import find_example

    models = open_models(
        arguments.student,
        arguments.teacher,
        arguments.teacher_revision,
        arguments.student_revision,
        arguments.trust_remote_code,
    )
    example = find_example(*models.sources.values())
    page = build_page(models, example)
    browser = not arguments.no_browser
    address = serve(page, arguments.host, arguments.port, browser, example)
    print(f"The page is at {address} (Ctrl+C ends it).", flush=True)
    page.block_thread()
    return "The page is closed."


COMMAND = Command(
    "demo",
    "open a local page: record or drop audio, hear student and teacher",
    _demo_arguments,
    _demo,
    examples="""\
  dispatch-sb demo --student results/quickstart
  dispatch-sb demo --student my-model \\
      --teacher recipes/VoiceBank/pretrained/fastenhancer-b-16k
  dispatch-sb demo --student USER/NAME --port 8000 --no-browser""",
)
