"""The tool that finds a browser for the demo page's tests."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "find_browser.py"


@pytest.fixture
def tool():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("find_browser", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Writes a script that alone is on the path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROME", raising=False)

    def write(name, *lines):
        (tmp_path / name).write_text("\n".join(["#!/bin/sh", *lines, ""]))
        (tmp_path / name).chmod(0o755)
        return str(tmp_path / name)

    return write


def test_the_named_browser_comes_before_others(tool, program, tmp_path):
    path = {"PATH": str(tmp_path)}
    other, named = program("google-chrome"), program("mine")
    assert tool.find(path) == other
    assert tool.find({**path, "CHROME": named}) == named
    with pytest.raises(tool.BrowserError, match="CHROME=/no/such"):
        tool.find({**path, "CHROME": "/no/such"})


def test_without_a_browser_the_remedy_is_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "apt install chromium" in done.stderr
    assert done.stderr.count("\n") == 1


def test_root_on_debian_gets_a_browser(
    tool, program, tmp_path, monkeypatch, capsys
):
    chromium, log = tmp_path / "chromium", tmp_path / "log"
    program(
        "apt-get",
        f'echo "$@" >> {log}',
        f'if [ "$1" = install ]; then echo > {chromium}; '
        f"/bin/chmod 755 {chromium}; fi",
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tool.main()
    assert capsys.readouterr().out == f"{chromium}\n"
    update, install = log.read_text().splitlines()
    assert update.startswith("update") and install.endswith(" chromium")


def test_an_install_that_fails_says_why(tool, program):
    program("apt-get", "echo no network >&2", "exit 100")
    with pytest.raises(tool.BrowserError, match="no network.*Remedy"):
        tool.install()
