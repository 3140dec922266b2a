"""Runs the Python blocks of a page, which come as JSON lines, in one namespace.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import io
import json
import os
import sys
import traceback


def main():
    """Answers every block with what it printed, and its traceback if any."""
    namespace = {"__name__": "__main__"}
    for line in sys.stdin:
        request = json.loads(line)
        os.chdir(request["folder"])
        printed, failure = io.StringIO(), ""
        try:
            with contextlib.redirect_stdout(printed):
                exec(
                    compile(request["code"], request["where"], "exec"),
                    namespace,
                )
        except BaseException:
            failure = traceback.format_exc()
        answer = {"printed": printed.getvalue(), "failure": failure}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
