"""The command `dispatch-sb`: its sub-commands, and how failures look.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest

import dispatch_sb
from dispatch_sb import cli


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for command in cli.COMMANDS:
        assert command.name in shown and command.summary in shown


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.strip() == dispatch_sb.__version__


@pytest.mark.parametrize("argv", [[], ["sing"], ["profile", "--size", "XL"]])
def test_wrong_usage_ends_with_status_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == 2
    assert "usage: dispatch-sb" in capsys.readouterr().err


def test_profile_shows_one_size(capsys):
    argv = ["profile", "--size", "T", "--seconds", "0.5", "--runs", "1"]
    assert cli.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("FastEnhancer-T")
    assert "22 K" in lines[1] and lines[2] == ""


def test_profile_shows_all_sizes_without_arguments(capsys, monkeypatch):
    from dispatch_sb.models import costs

    def quick(model, name, seconds, runs):
        return costs.Profile(name, 1, 1.0, 1.0, 1.0, 1.0)

    monkeypatch.setattr(costs, "profile_model", quick)
    assert cli.main(["profile"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines[1:6]]
    assert names == [f"FastEnhancer-{size}" for size in "TBSML"]


@pytest.mark.parametrize(
    "argv, named",
    [
        (["profile", "/nowhere"], "/nowhere"),
        (["profile", "/nowhere", "--size", "T"], "--size"),
        (["profile", "--size", "T", "--seconds", "0"], "seconds"),
    ],
)
def test_failures_are_one_line_without_traceback(argv, named, capsys):
    assert cli.main(argv) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("dispatch-sb profile: ")
    assert named in shown.err and shown.err.count("\n") == 1
