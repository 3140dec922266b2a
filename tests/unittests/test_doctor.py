"""The repair of torchaudio, on a package that breaks as torchaudio does.

Authors
 * The dispatch-sb contributors, 2026
"""

import sys
from pathlib import Path

import pytest

from dispatch_sb.cli import main
from dispatch_sb.commands import doctor

NAMES = ["_torchaudio.abi3.so", "libtorchaudio.abi3.so"]
BREAKS = """
from pathlib import Path
libraries = list((Path(__file__).parent / "lib").glob("*.so"))
if libraries:
    raise OSError(f"Could not load this library: {libraries[0]}")
"""


@pytest.fixture
def fake_torchaudio(tmp_path, monkeypatch):
    """A package that fails to import as long as it holds libraries."""
    package = tmp_path / "torchaudio"
    (package / "lib").mkdir(parents=True)
    (package / "__init__.py").write_text(BREAKS)
    (package / "lib" / "__init__.py").write_text("")
    for name in NAMES:
        (package / "lib" / name).write_bytes(b"\x7fELF")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "torchaudio", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return package


def libraries(package):
    """Names of the libraries that are left."""
    return sorted(path.name for path in (package / "lib").glob("*.so"))


def test_beside_a_cpu_torch_the_libraries_are_removed(fake_torchaudio):
    said = doctor.check_torchaudio(None, fix=True)
    assert libraries(fake_torchaudio) == []
    assert all(name in said for name in NAMES)
    assert "OSError" in said and str(fake_torchaudio) in said
    assert (fake_torchaudio / "lib" / "__init__.py").exists()
    again = doctor.check_torchaudio(None, fix=True)
    assert not any(name in again for name in NAMES)


def test_unasked_nothing_is_removed(fake_torchaudio):
    """The remedy is named, and what it would remove."""
    with pytest.raises(RuntimeError, match="doctor --fix") as error:
        doctor.check_torchaudio(cuda_version=None)
    assert all(name in str(error.value) for name in NAMES)
    assert libraries(fake_torchaudio) == NAMES


def test_the_command_repairs_only_with_fix(
    fake_torchaudio, monkeypatch, capsys
):
    monkeypatch.setattr("torch.version.cuda", None)
    assert main(["doctor"]) == 1
    assert libraries(fake_torchaudio) == NAMES
    assert "--fix" in capsys.readouterr().err
    assert main(["doctor", "--fix"]) == 0
    assert libraries(fake_torchaudio) == []


def test_beside_a_cuda_torch_nothing_is_removed(fake_torchaudio):
    with pytest.raises(RuntimeError, match="pip install.*torchaudio"):
        doctor.check_torchaudio("13.0", fix=True)
    assert libraries(fake_torchaudio) == NAMES


def test_a_torchaudio_that_imports_is_left_alone(fake_torchaudio):
    (fake_torchaudio / "__init__.py").write_text("")
    doctor.check_torchaudio(None, fix=True)
    assert libraries(fake_torchaudio) == NAMES


def test_another_failure_is_named_and_nothing_is_removed(fake_torchaudio):
    for path in (fake_torchaudio / "lib").glob("*.so"):
        path.unlink()
    (fake_torchaudio / "__init__.py").write_text("raise ValueError('worm')")
    with pytest.raises(RuntimeError, match="ValueError: worm"):
        doctor.check_torchaudio(None, fix=True)


def test_a_torchaudio_of_another_environment_is_left_alone(
    fake_torchaudio, monkeypatch
):
    monkeypatch.setattr(sys, "prefix", str(Path(fake_torchaudio, "elsewhere")))
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    with pytest.raises(RuntimeError, match=str(fake_torchaudio)):
        doctor.check_torchaudio(None, fix=True)
    assert libraries(fake_torchaudio) == NAMES


def test_a_missing_torchaudio_is_named(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install torchaudio"):
        doctor.torchaudio_libraries()


def test_the_report_names_what_is_installed():
    report = doctor.diagnose().splitlines()
    assert report[0].startswith("Python 3.")
    assert report[1].startswith("torch 2.")
    assert report[-1].startswith("speechbrain 1.")
