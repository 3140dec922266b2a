"""Set-up: what it refuses, keeps, and skips, without installing anything.

Authors
 * The dispatch-sb contributors, 2026
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "setup_env.py"


@pytest.fixture
def setup_env():
    """The script as a module of its own."""
    spec = importlib.util.spec_from_file_location("setup_env", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def commands(setup_env, monkeypatch):
    """Records commands instead of running them; facts are made up."""
    recorded = []

    def record(command, remedy, **options):
        recorded.append(([str(part) for part in command], options))

    monkeypatch.setattr(setup_env, "run", record)
    return recorded


def about(**changes):
    """What an environment with everything in place tells."""
    facts = {
        "python": "3.11",
        "pip": True,
        "torch": "2.13.0+cpu",
        "pesq": None,
        "compiler": True,
        "headers": True,
    }
    return {**facts, **changes}


def environment(folder, *options):
    """A real virtual environment, made in a moment."""
    command = [sys.executable, "-m", "venv", "--without-pip", *options, folder]
    subprocess.run([str(part) for part in command], check=True)
    return folder / "bin" / "python"


def pretend_installed(python, name, version):
    """Gives an environment the metadata of a package."""
    (site,) = python.parent.parent.glob("lib/python3.*/site-packages")
    metadata = site / f"{name}-{version}.dist-info"
    metadata.mkdir()
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (metadata / "METADATA").write_text(text)


def test_other_pythons_are_refused_with_the_remedy(setup_env):
    for version in ((3, 9, 18), (2, 7, 18), (3, 14, 0)):
        with pytest.raises(setup_env.SetupError, match="make setup PYTHON="):
            setup_env.check_python(version)
    for minor in (10, 11, 12, 13):
        setup_env.check_python((3, minor, 1))


def test_versions_are_compared_as_numbers(setup_env):
    for older in ("2.9.1", "2.10.0+cu128"):
        assert setup_env.is_older(older, "2.11")
    for other in ("2.11.0", "2.13.0+cpu", "3.0"):
        assert not setup_env.is_older(other, "2.11")


def test_an_environment_tells_its_torch_and_its_pip(setup_env, tmp_path):
    python = environment(tmp_path / "venv")
    found = setup_env.facts(python)
    assert found["torch"] is None and found["pip"] is False
    assert found["python"] == "{}.{}".format(*sys.version_info)
    pretend_installed(python, "torch", "2.12.0+cu130")
    assert setup_env.facts(python)["torch"] == "2.12.0+cu130"


def test_a_torch_that_is_there_is_kept(setup_env, commands, tmp_path):
    python = environment(tmp_path / "venv")
    setup_env.install(python, "dev", "torch==2.13.0", about(), {"CPATH": "x"})
    ((command, options),) = commands
    constraint = Path(command[command.index("-c") + 1])
    assert constraint.read_text() == "torch==2.13.0+cpu\n"
    assert command[-2:] == ["--editable", f"{setup_env.ROOT}[dev]"]
    assert options["env"]["CPATH"] == "x"
    commands.clear()
    old = about(torch="2.7.1")  # refused, not replaced
    with pytest.raises(setup_env.SetupError, match="2.7.1"):
        setup_env.install(python, "dev", "torch", old, {})
    assert commands == []


def test_torch_comes_first_where_there_is_none(
    setup_env, commands, tmp_path, monkeypatch
):
    monkeypatch.setattr(setup_env, "facts", lambda python: about())
    python = environment(tmp_path / "venv")
    wanted = "torch==2.13.0 --index-url https://example.org"
    setup_env.install(python, "dev", wanted, about(torch=None), {})
    first, second = (command for command, _ in commands)
    assert first[-3:] == wanted.split()
    assert "--editable" in second


@pytest.mark.parametrize("torch, shared", [("2.11.0", True), ("2.7.1", False)])
def test_a_torch_of_the_base_python_is_shared_if_it_can_serve(
    setup_env, commands, monkeypatch, tmp_path, torch, shared
):
    monkeypatch.setattr(setup_env, "facts", lambda python: about(torch=torch))
    setup_env.make_venv(tmp_path / "venv")
    ((command, _),) = commands
    assert ("--system-site-packages" in command) is shared


def test_what_is_missing_is_named_with_the_remedy(
    setup_env, monkeypatch, tmp_path
):
    python = environment(tmp_path / "venv")
    missing = about(compiler=False)
    assert setup_env.c_headers(tmp_path, {**missing, "pesq": "0.0.4"}) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(setup_env.SetupError, match="apt install python3-venv"):
        setup_env.add_pip(tmp_path / "venv", python)
    with pytest.raises(setup_env.SetupError, match="apt install gcc"):
        setup_env.c_headers(tmp_path, missing)
    command = [sys.executable, "-c", "import sys; sys.exit('no luck')"]
    with pytest.raises(setup_env.SetupError, match="(?s)no luck.*Try again"):
        setup_env.run(command, "Try again.", capture_output=True)


def test_headers_from_debian_are_handed_to_the_compiler(
    setup_env, monkeypatch, tmp_path
):
    taken = []
    monkeypatch.setattr(
        setup_env, "debian_package", lambda name, folder: taken.append(name)
    )
    variables = setup_env.c_headers(tmp_path, about(headers=False))
    assert taken == ["libpython3.11-dev"]
    first, second = variables["CPATH"].split(":")
    assert first == f"{second}/python3.11" and second.startswith(str(tmp_path))


def test_only_what_is_asked_for_and_missing_is_installed(
    setup_env, commands, tmp_path, monkeypatch
):
    environment(tmp_path / "venv")
    monkeypatch.setattr(setup_env, "facts", lambda python: about())
    # The last is part of everything.
    for extras in ("report", "report", "dev", "report,tensorboard"):
        setup_env.set_up(tmp_path / "venv", "torch==2.13.0", extras)
    words = [" ".join(command) for command, _ in commands]
    installed = [line[line.index("[") :] for line in words if " -q" in line]
    assert installed == ["[report]", "[dev]"]
    assert sum("doctor --fix" in line for line in words) == 2


def test_a_moved_or_changed_project_is_set_up_again(setup_env, tmp_path):
    first = setup_env.fingerprint(tmp_path / "a", "dev")
    assert first == setup_env.fingerprint(tmp_path / "a", "dev")
    assert first != setup_env.fingerprint(tmp_path / "b", "dev")
    assert first != setup_env.fingerprint(tmp_path / "a", "tests")


def test_a_set_up_that_fails_leaves_no_mark(setup_env, monkeypatch, tmp_path):
    environment(tmp_path / "venv")
    monkeypatch.setattr(setup_env, "facts", lambda p: about(torch="2.7.1"))
    with pytest.raises(setup_env.SetupError):
        setup_env.set_up(tmp_path / "venv", "torch", "dev")
    assert not list((tmp_path / "venv").glob("*.txt"))


def test_the_script_ends_with_one_sentence(tmp_path):
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "--venv", str(tmp_path / "venv")],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path), "CC": "nothing", "PIP_NO_INDEX": "1"},
    )
    assert result.returncode == 1
    assert "apt install" in result.stderr
    assert "Traceback" not in result.stderr
