"""The repair of torchaudio, on a package that breaks as torchaudio does.

Authors
 * The dispatch-sb contributors, 2026
"""

import sys

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


def test_only_with_fix_are_libraries_removed_beside_a_cpu_torch(
    fake_torchaudio, monkeypatch, capsys
):
    monkeypatch.setattr("torch.version.cuda", None)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().err
    assert "--fix" in said and all(name in said for name in NAMES)
    assert libraries(fake_torchaudio) == NAMES
    assert main(["doctor", "--fix"]) == 0
    said = capsys.readouterr().out
    assert "OSError" in said and str(fake_torchaudio) in said
    assert all(name in said for name in NAMES)
    assert libraries(fake_torchaudio) == []
    assert (fake_torchaudio / "lib" / "__init__.py").exists()
    again = doctor.check_torchaudio(None, fix=True)
    assert not any(name in again for name in NAMES)


@pytest.mark.parametrize("why", ["cuda", "elsewhere", "no libraries"])
def test_what_cannot_be_repaired_is_left_alone_and_named(
    fake_torchaudio, monkeypatch, why
):
    named = "OSError"
    if why == "elsewhere":
        monkeypatch.setattr(sys, "prefix", f"{fake_torchaudio}/elsewhere")
        monkeypatch.setattr(sys, "base_prefix", "/usr")
        named = str(fake_torchaudio)
    elif why == "no libraries":
        (fake_torchaudio / "__init__.py").write_text("raise ValueError('worm')")
        for path in (fake_torchaudio / "lib").glob("*.so"):
            path.rename(path.with_suffix(".kept"))
        named = "ValueError: worm"
    before = sorted((fake_torchaudio / "lib").iterdir())
    with pytest.raises(RuntimeError, match="pip install.*torchaudio") as error:
        doctor.check_torchaudio("13.0" if why == "cuda" else None, fix=True)
    assert named in str(error.value)
    assert sorted((fake_torchaudio / "lib").iterdir()) == before


def test_a_torchaudio_that_imports_is_left_alone(fake_torchaudio):
    (fake_torchaudio / "__init__.py").write_text("")
    doctor.check_torchaudio(None, fix=True)
    assert libraries(fake_torchaudio) == NAMES


def test_a_missing_torchaudio_is_named(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install torchaudio"):
        doctor.torchaudio_libraries()


def test_the_report_names_what_is_installed():
    first, second, *_, last = doctor.diagnose().splitlines()
    assert first.startswith("Python 3.") and second.startswith("torch 2.")
    assert last.startswith("speechbrain 1.")
