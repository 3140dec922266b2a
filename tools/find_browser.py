"""Finds a Chromium for the tests of the demo page, and prints its path.

Needs nothing but the standard library. As root on Debian or Ubuntu it
installs one that is missing; elsewhere it says in one line how to get one,
and its exit status is 1.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import shutil
import subprocess
import sys

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
REMEDY = (
    "There is no Chromium, so the tests of the demo page are left out. "
    "Remedy: sudo apt install chromium, or CHROME=/path/to/chrome make test"
)


class BrowserError(RuntimeError):
    """Why there is no browser, with the remedy."""


def find(environment):
    """The path of a Chromium or Chrome that is there, or None.

    Arguments
    ---------
    environment : mapping
        CHROME names one, PATH is searched for others.
    """
    named = environment.get("CHROME")
    if named:
        path = shutil.which(named, path=environment.get("PATH"))
        if path is None:
            raise BrowserError(f"CHROME={named} is no program.")
        return path
    for name in (*NAMES, MAC):
        path = shutil.which(name, path=environment.get("PATH"))
        if path is not None:
            return path
    return None


def can_install():
    """Whether this is root on a system with apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install():
    """Installs Debian's chromium; fresh machines have no package lists."""
    sys.stderr.write("[browser] Installing chromium (about a minute).\n")
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    package = ["install", "-y", "-qq", "--no-install-recommends", "chromium"]
    for words in (["update", "-qq"], package):
        done = subprocess.run(
            ["apt-get", *words], env=quiet, capture_output=True, text=True
        )
    if done.returncode:
        raise BrowserError(
            f"apt-get could not install chromium: {done.stderr.strip()[-300:]} "
            f"{REMEDY}"
        )


def main():
    """Prints the path, or the remedy."""
    try:
        path = find(os.environ)
        if path is None and can_install():
            install()
            path = find(os.environ)
        if path is None:
            raise BrowserError(REMEDY)
    except BrowserError as error:
        sys.exit(f"[browser] {error}")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
