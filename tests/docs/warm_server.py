"""A Python that has imported the heavy libraries already, and forks itself for
every program that the shell blocks of a page start.

It listens at the Unix socket that its first argument names. Programs, folder,
environment and standard streams are the caller's; see `warm_client.py`.

Authors
 * The dispatch-sb contributors, 2026
"""

import atexit
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from pathlib import Path

PRELOADED = (
    "dispatch_sb.scoring.evaluation",
    "dispatch_sb.training.brain",
    "dispatch_sb.report",
    "dispatch_sb.cli",
    "matplotlib.figure",
    "onnxruntime",
)


def serve(path):
    """Waits for requests for ever."""
    for name in PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if os.fork() == 0:
            listener.close()
            keep(connection, json.loads(message), streams)
        for number in (connection.detach(), *streams):
            os.close(number)


def keep(connection, request, streams):
    """Runs a program in a child and tells the caller how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        connection.close()
        become(request, streams)
    for number in streams:
        os.close(number)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(str(status if status >= 0 else 128 - status).encode())
    os._exit(0)


def become(request, streams):
    """Takes over the caller's streams, folder, environment and words."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    status = 1
    try:
        status = run(request["words"])
    except SystemExit as stop:
        status = stop.code
        if isinstance(status, str):
            sys.stderr.write(status + "\n")
            status = 1
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 0)


def run(words):
    """What `dispatch-sb` or `python` would do."""
    program, *rest = words
    if Path(program).name == "dispatch-sb":
        from dispatch_sb.cli import main

        sys.argv = words
        return main(rest)
    if rest[0] == "-m":
        sys.argv = rest[1:]
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = rest
        sys.path.insert(0, str(Path(rest[0]).resolve().parent))
        runpy.run_path(rest[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
