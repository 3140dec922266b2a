"""Options that all tests share.

Authors
 * The dispatch-sb contributors, 2026
"""

import os

from hypothesis import HealthCheck, Phase, settings

collect_ignore = ["setup.py"]
# They hold no tests, and as test modules their equal names would clash.
collect_ignore_glob = ["*/conftest.py"]


# The same examples every time; thousands, others every time, with
# `--hypothesis-profile long`, which does not look for the shortest one.
COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
settings.register_profile("suite", derandomize=True, max_examples=40, **COMMON)
settings.register_profile(
    "long", max_examples=3000, phases=[Phase.generate], **COMMON
)
settings.load_profile("suite")


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
