"""What the READMEs and the pages of the docs name exists: links, files,
commands, options, imports. The pages' blocks are run in tests/docs.

Authors
 * The dispatch-sb contributors, 2026
"""

import argparse
import importlib
import re
import shutil
from pathlib import Path

import markdown
import pytest
from project import RECIPE, ROOT, documents, found, label, python_files, readmes
from recipe_keys import RUN_OPTIONS, keys_of

from dispatch_sb.cli import build_parser

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
OPTION = re.compile(r"^--[\w-]+")
# Options that every script has, and those that only wrap another command.
ALWAYS = {"--help", "--debug"}
TRAIN = "cd recipes/VoiceBank && python train.py hparams/dispatch.yaml"


def test_the_project_and_the_recipe_have_readmes():
    assert {ROOT / "README.md", RECIPE / "README.md"} <= set(readmes())


def in_any_folder(name, readme):
    """Files that a name could mean: beside the README, at the root, below."""
    beside = readme.parent / name
    return [p for p in (beside, ROOT / name) if p.exists()] or [
        path
        for path in found(".", Path(name).name)
        if str(path).endswith(f"/{name}")
    ]


def written_by_code(name):
    """Whether the code writes a file of that name."""
    last = Path(name).name
    files = python_files("dispatch_sb", "recipes")
    texts = (path.read_text(encoding="utf-8") for path in files)
    return any(last in text for text in texts)


@pytest.mark.parametrize("readme", documents(), ids=label)
def test_links_lead_somewhere(readme):
    text = readme.read_text(encoding="utf-8")
    broken = []
    for link in markdown.links(text):
        if re.match(r"^(https?|mailto|data):", link):
            continue
        name, _, anchor = link.partition("#")
        target = (readme.parent / name) if name else readme
        if not target.exists():
            broken.append(link)
        elif anchor and anchor not in markdown.anchors(
            target.read_text(encoding="utf-8")
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("readme", documents(), ids=label)
def test_no_blank_is_left_to_fill_in(readme):
    text = markdown.prose(readme.read_text(encoding="utf-8"))
    plain = re.sub(r"`[^`\n]*`", "", text)
    assert re.findall(r"\b[A-Z]{2,}_[A-Z_]+\b", plain) == []


@pytest.mark.parametrize("readme", documents(), ids=label)
def test_named_files_exist_or_are_written_by_the_code(readme):
    names = markdown.named_files(readme.read_text(encoding="utf-8"))
    unknown = [
        name
        for name in names
        if not in_any_folder(name, readme) and not written_by_code(name)
    ]
    assert unknown == []


@pytest.mark.parametrize("readme", documents(), ids=label)
def test_commands_work(readme):
    problems = [
        f"{problem} in `{command.where}`"
        for command in markdown.commands(readme)
        for problem in problems_of(command, readme)
    ]
    assert problems == []


def problems_of(command, readme):
    """What a command names that does not exist."""
    program = Path(command.words[0]).name
    if not command.folder.is_dir():
        return [f"no folder {command.folder}"]
    if program == "make":
        return problems_of_make(command.words[1:])
    if program == "dispatch-sb":
        return problems_of_cli(command.words[1:])
    if re.fullmatch(r"python[\d.]*|torchrun", program):
        return problems_of_python(command, readme)
    return []


def problems_of_make(words):
    """Unknown targets and variables."""
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE))
    return [
        f"make knows no {word}"
        for word in words
        if not word.startswith("-")
        and word.split("=")[0] not in (variables if "=" in word else targets)
    ]


def problems_of_cli(words):
    """Unknown sub-commands, and options that a sub-command does not have."""
    actions = build_parser()._actions
    children = next(
        a.choices for a in actions if isinstance(a, argparse._SubParsersAction)
    )
    if not words or words[0] in {"--help", "--version"}:
        return []
    if words[0] not in children:
        return [f"dispatch-sb knows no {words[0]}"]
    known = children[words[0]]._option_string_actions
    given = [OPTION.match(w).group() for w in words if OPTION.match(w)]
    return [
        f"{words[0]} knows no {name}" for name in given if name not in known
    ]


def problems_of_python(command, readme):
    """Missing scripts, modules and recipe files; options they do not know."""
    words = command.words
    if "-m" in words:
        module = words[words.index("-m") + 1]
        missing = importlib.util.find_spec(module) is None
        return [f"no module {module}"] if missing else []
    scripts = [word for word in words if word.endswith(".py")]
    if not scripts:
        return []
    script = place(scripts[0], command.folder, readme)
    if script is None:
        return [f"no script {scripts[0]}"]
    after = words[words.index(scripts[0]) + 1 :]
    given = {OPTION.match(w).group() for w in after if OPTION.match(w)}
    recipe_files = [word for word in after if word.endswith(".yaml")]
    known = set(re.findall(r'"(--[\w-]+)"', script.read_text("utf-8"))) | ALWAYS
    for name in recipe_files[:1]:
        recipe = place(name, command.folder, readme)
        if recipe is None:
            return [f"no recipe {name}"]
        known |= {f"--{key}" for key in RUN_OPTIONS | set(keys_of(recipe))}
    return [f"{scripts[0]} knows no {name}" for name in sorted(given - known)]


def place(name, folder, readme):
    """The file that a command means, typed where it says or at the README."""
    candidates = (folder / name, readme.parent / name)
    return next((path for path in candidates if path.is_file()), None)


@pytest.mark.parametrize("readme", readmes(), ids=label)
def test_python_blocks_run(readme, tmp_path, monkeypatch):
    """Fragments of a class parse; a model's card runs in a copy of it."""
    if (readme.parent / "config.json").is_file():
        shutil.copytree(readme.parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    text = readme.read_text(encoding="utf-8")
    for block in markdown.blocks(text, "python", "py"):
        code = compile(block, str(readme), "exec")
        if "self." not in block:
            exec(code, {})


@pytest.mark.parametrize(
    "line, named",
    [
        ("make setup PYTHON=python3.12 && make test", None),
        ("make nonsense", "nonsense"),
        ("make setup COLOUR=red", "COLOUR=red"),
        ("dispatch-sb profile --size T", None),
        ("dispatch-sb profile --weight T", "--weight"),
        ("dispatch-sb sing", "sing"),
        ("cd recipes/Nowhere && make test", "recipes/Nowhere"),
        ("python nothing.py", "nothing.py"),
        ("python -m dispatch_sb.nothing", "dispatch_sb.nothing"),
        (f"{TRAIN} --device cuda --seed=1", None),
        (f"{TRAIN} --sneed 1", "--sneed"),
    ],
)
def test_wrong_commands_are_found(tmp_path, line, named):
    readme = tmp_path / "README.md"
    readme.write_text(f"Type:\n\n```bash\n{line}\n```\n", encoding="utf-8")
    problems = [
        found
        for command in markdown.commands(readme)
        for found in problems_of(command, readme)
    ]
    assert len(problems) == bool(named), problems
    assert all(named in problem for problem in problems)


def test_broken_links_and_names_are_found(tmp_path):
    text = "[a](b.md) `c/d.py` ![e](f.png)\n```\n[g](h.md)\n```\n# A b, c!\n"
    assert markdown.links(text) == ["b.md", "f.png"]
    assert markdown.named_files(text) == ["c/d.py"]
    assert markdown.anchors(text) == {"a-b-c"}
