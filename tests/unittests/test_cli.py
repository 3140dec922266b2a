"""The command `dispatch-sb`: its sub-commands, and how failures look.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import inspect

import pytest

import dispatch_sb
from dispatch_sb import cli
from dispatch_sb.data.own_speech import mix_folders
from dispatch_sb.enhance.jobs import enhance_jobs
from dispatch_sb.enhance.record_teacher import record_folder
from dispatch_sb.models.costs import profile_model
from dispatch_sb.scoring.evaluation import evaluate_folders


@pytest.mark.parametrize(
    "argv, status",
    [
        (["--version"], 0),
        (["--help"], 0),
        *(([command.name, "--help"], 0) for command in cli.COMMANDS),
        ([], 2),
    ],
)
def test_help_and_wrong_usage(argv, status, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(argv)
    assert stop.value.code == status
    told = capsys.readouterr()
    shown = " ".join((told.err if status else told.out).split())
    if argv == ["--version"]:
        assert shown == dispatch_sb.__version__
        return
    assert "usage: dispatch-sb" in shown
    for command in cli.COMMANDS:
        if argv == ["--help"]:
            assert command.name in shown and command.summary in shown
        elif argv == [command.name, "--help"]:
            assert f"examples: dispatch-sb {command.name}" in shown


IN_PYTHON = {
    "enhance": enhance_jobs,
    "record": record_folder,
    "evaluate": evaluate_folders,
    "mix": mix_folders,
    "profile": profile_model,
}


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda x: x.name)
def test_a_command_takes_the_arguments_of_the_table(command):
    """By their names, and with the defaults that they have in Python."""
    parser = argparse.ArgumentParser(add_help=False)
    command.add_arguments(parser)
    table = {action.dest: action.default for action in parser._actions}
    inspect.signature(command.run).bind(**table)
    function = IN_PYTHON.get(command.name, command.run)
    for name, one in inspect.signature(function).parameters.items():
        if name in table and one.default is not one.empty:
            same = [*one.default] if name == "snr_db" else one.default
            assert table[name] == same, name


def test_profile_shows_one_size_or_all(capsys, monkeypatch):
    argv = ["profile", "--seconds", "0.5", "--runs", "1"]
    assert cli.main([*argv, "--size", "T"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("FastEnhancer-T")
    assert "22 K" in lines[1] and lines[2] == ""

    from dispatch_sb.models import costs
    from dispatch_sb.models.families import FAMILIES, SIZES

    def quick(model, name, seconds, runs):
        return costs.Profile(name, 1, 1.0, 1.0, 1.0, 1.0)

    monkeypatch.setattr(costs, "profile_model", quick)
    assert cli.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split("  ")[0] for line in lines[1:15]]
    known = [f"{name}-{s}" for name, _, all in FAMILIES.values() for s in all]
    assert names == known
    assert {name.rsplit("-", 1)[1] for name in known} == {*SIZES}
