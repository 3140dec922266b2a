"""Hands a command line over to `warm_server.py` and waits for its end.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import socket
import sys


def main():
    """Sends words, folder, environment and streams; exits as the program."""
    request = {
        "words": sys.argv[2:],
        "folder": os.getcwd(),
        "environment": dict(os.environ),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sys.argv[1])
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        answer = connection.recv(16)
    sys.exit(int(answer or b"1"))


if __name__ == "__main__":
    main()
