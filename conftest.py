"""Options that all tests share.

Authors
 * The dispatch-sb contributors, 2026
"""

import os

collect_ignore = ["setup.py"]
# They hold no tests, and as test modules their equal names would clash.
collect_ignore_glob = ["*/conftest.py"]


def pytest_addoption(parser):
    """Adds `--device`, as SpeechBrain's tests have it."""
    parser.addoption("--device", action="store", default="cpu")


def pytest_configure():
    """Nobody cuts the power: tests need not wait for the disk."""
    os.fsync = lambda descriptor: None


def pytest_generate_tests(metafunc):
    """Hands `--device` to every test that has an argument `device`."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", [metafunc.config.option.device])
