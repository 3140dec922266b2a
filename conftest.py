"""Options that all tests share.

Authors
 * The dispatch-sb contributors, 2026
"""

collect_ignore = ["setup.py"]


def pytest_addoption(parser):
    """Adds `--device`, as SpeechBrain's tests have it."""
    parser.addoption("--device", action="store", default="cpu")


def pytest_generate_tests(metafunc):
    """Hands `--device` to every test that has an argument `device`."""
    if "device" in metafunc.fixturenames:
        metafunc.parametrize("device", [metafunc.config.option.device])
