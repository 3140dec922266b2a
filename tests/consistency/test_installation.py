"""What the code needs is what setup.py and the requirements install.

Authors
 * The dispatch-sb contributors, 2026
"""

import ast
import re
import subprocess
import sys

import pytest
from project import RECIPE, ROOT, imports_of, python_files

import dispatch_sb

# Packages that are imported by another name than they are installed by.
INSTALLED_AS = {
    "PIL": "pillow",
    "pynvml": "nvidia-ml-py",
    "ruamel": "ruamel.yaml",
    "yaml": "pyyaml",
}
SETUP = (ROOT / "setup.py").read_text(encoding="utf-8")


def requirements(text):
    """Package names of quoted requirements, in lower case."""
    names = re.findall(r'"([A-Za-z][\w.-]*)[<>=]', text)
    return {name.lower().replace("_", "-") for name in names}


def section(name):
    """The list in setup.py that is assigned to a name."""
    return re.search(rf"^{name} = (\[.*?\])$", SETUP, re.M | re.S).group(1)


def needed(*folders):
    """Packages that the Python files of some folders import."""
    own = {
        path.stem
        for path in python_files("benchmarks", "docs", "recipes", "tests")
    }
    own |= {"dispatch_sb", "setuptools"}
    tops = {
        name.split(".")[0]
        for path in python_files(*folders)
        for name in imports_of(path)
    }
    tops -= own | set(sys.stdlib_module_names)
    return {INSTALLED_AS.get(t, t).lower().replace("_", "-") for t in tops}


def test_the_package_imports_nothing_undeclared():
    extras = (
        "REPORT",
        "ONNX",
        "DEMO",
        "LIVE",
        "DEEPFILTERNET",
        "SHARDS",
        "GPU",
    )
    declared = requirements("".join(map(section, ("INSTALL", *extras))))
    assert needed("dispatch_sb", "recipes") - declared == set()


def test_the_tests_import_nothing_undeclared():
    declared = requirements(SETUP)
    folders = ("tests", "benchmarks", "docs", "examples", "tools")
    assert needed(*folders) - declared == set()


def test_a_recipe_asks_for_versions_as_the_extras_do():
    text = (RECIPE / "extra_requirements.txt").read_text(encoding="utf-8")
    lines = [x for x in text.splitlines() if x and not x.startswith("#")]
    extras = section("REPORT") + section("TENSORBOARD")
    assert lines == re.findall(r'"(.+?)"', extras)


def printed(*command):
    """What a command prints in the project's folder."""
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True
    ).stdout


@pytest.mark.parametrize(
    "room, heavy",
    [
        ("cli", {"torch", "speechbrain", "numpy"}),
        ("losses", {"speechbrain", "torchaudio", "soundfile"}),
        ("models", {"speechbrain", "torchaudio", "soundfile"}),
        ("enhance.jobs", {"speechbrain", "torchaudio", "scipy"}),
        ("enhance.live_sound", {"speechbrain", "torchaudio", "scipy"}),
    ],
)
def test_importing_a_room_loads_nothing_heavy(room, heavy):
    check = f"import sys, dispatch_sb.{room}; print(*sys.modules)"
    loaded = set(printed(sys.executable, "-c", check).split())
    assert f"dispatch_sb.{room}" in loaded and not heavy & loaded


def test_what_lies_beside_the_code_is_installed_with_it():
    data = re.search(r"package_data=(\{.*?\})", SETUP, re.S).group(1)
    patterns = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, names in ast.literal_eval(data).items()
        for pattern in names
    ]
    installed = {path for p in patterns for path in ROOT.glob(p)}
    beside = {
        path
        for path in (ROOT / "dispatch_sb").rglob("*.*")
        if path.suffix not in {".py", ".pyc"}
    }
    assert beside == installed != set()


def test_setup_reads_the_version_of_the_package():
    version = printed(sys.executable, "setup.py", "--version")
    assert version.split() == [dispatch_sb.__version__]


def test_make_alone_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.M).group(1).split()
    lines = printed("make", "--no-print-directory").splitlines()
    assert [line.split()[0] for line in lines] == targets
