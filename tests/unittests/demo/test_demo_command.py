"""The command's errors, and the tool that finds a browser for the tests."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from demo_signals import tiny_models

from dispatch_sb.cli import main
from dispatch_sb.demo.gradio_page import build_page

SCRIPT = Path(__file__).resolve().parents[3] / "tools" / "find_browser.py"


def test_a_student_that_is_not_there_is_one_sentence(capsys):
    assert main(["demo", "--student", "no/such/model"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("dispatch-sb demo: There is no folder no/such")


def test_without_gradio_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ImportError, match=r"dispatch-sb\[demo\]"):
        build_page(tiny_models())


@pytest.fixture
def tool():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("find_browser", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def program(folder, name):
    """An executable file."""
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_named_browser_comes_before_others(tool, tmp_path):
    other = program(tmp_path, "google-chrome")
    named = program(tmp_path, "mine")
    path = {"PATH": str(tmp_path)}
    assert tool.find(path) == other
    assert tool.find({**path, "CHROME": named}) == named
    with pytest.raises(tool.BrowserError, match="CHROME=/no/such"):
        tool.find({**path, "CHROME": "/no/such"})


def test_without_a_browser_the_remedy_is_one_line(tmp_path):
    environment = {"PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "sudo apt install chromium" in done.stderr
    assert done.stderr.count("\n") == 1


def test_root_on_debian_gets_a_browser(tool, tmp_path, monkeypatch, capsys):
    log = tmp_path / "log"
    apt = tmp_path / "apt-get"
    apt.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n'
        f'if [ "$1" = install ]; then echo > {tmp_path}/chromium; '
        f"/bin/chmod 755 {tmp_path}/chromium; fi\n"
    )
    apt.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROME", raising=False)
    tool.main()
    assert capsys.readouterr().out == f"{tmp_path}/chromium\n"
    update, install = log.read_text().splitlines()
    assert update.startswith("update") and install.endswith(" chromium")


def test_an_install_that_fails_says_why(tool, tmp_path, monkeypatch):
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho no network >&2\nexit 100\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(tool.BrowserError, match="no network.*Remedy"):
        tool.install()
