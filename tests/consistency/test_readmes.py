"""What the READMEs and the pages of the docs name exists: links, files,
commands, options. The pages' blocks are run in tests/docs, and their links
looked at where they are built.

Authors
 * The dispatch-sb contributors, 2026
"""

import importlib.util
import itertools
import re
import shlex
import shutil
from pathlib import Path

import pytest
from project import ROOT, documents, found, label, python_files, readmes
from test_recipes import RUN_OPTIONS, keys_of

from dispatch_sb.cli import build_parser

FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```\s*$", re.M | re.S)
LINK = re.compile(
    r"\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)|(?:src|href)=\"([^\"]+)\""
)
NAMED_FILE = re.compile(
    r"`([\w./-]+\.(?:py|ya?ml|md|json|jsonl|csv|txt|wav|html|ckpt|toml|png|svg))`"
)
SHELLS = {"", "bash", "sh", "shell", "console"}
COMMANDS = build_parser()._subparsers._group_actions[0].choices
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MADE = set(re.findall(r"^(\w[\w-]*)(?::| \?=)", MAKEFILE, re.M))
TRAIN = "cd recipes/VoiceBank && python train.py hparams/dispatch.yaml"


def prose(readme):
    """A README without its fenced blocks."""
    return FENCE.sub("", readme.read_text(encoding="utf-8"))


def commands(readme):
    """The words of every command, and the folder that it is typed in. The
    shell of a page of the docs stays in its folder from block to block."""
    spans = re.findall(
        r"`((?:make|python3?|dispatch-sb) \S[^`\n]*)`", prose(readme)
    )
    blocks = FENCE.findall(readme.read_text(encoding="utf-8"))
    shells = [body for _, name, body in blocks if name in SHELLS]
    folder = ROOT
    for block in [*shells, *spans]:
        stays = readme.parent == ROOT / "docs" and block not in spans
        folder = folder if stays else ROOT
        for line in block.replace("\\\n", " ").splitlines():
            for words in typed(line.removeprefix("$ ")):
                if words[0] == "cd":
                    folder = (folder / words[1]).resolve()
                else:
                    yield words, folder


def typed(line):
    """The words of every command of a shell line, without its variables."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        return []  # output or prose, as a lone apostrophe shows
    ends = [-1, *(n for n, w in enumerate(words) if re.match("[;&|]", w)), None]
    parts = [words[a + 1 : b] for a, b in zip(ends, ends[1:])]
    set_first = re.compile(r"[A-Z_]+=")
    parts = [[*itertools.dropwhile(set_first.match, part)] for part in parts]
    return [part for part in parts if part]


def unknown(words, folder, readme):
    """What a command names that does not exist."""
    program, rest = Path(words[0]).name, words[1:]
    options = {word.split("=")[0] for word in rest if word.startswith("--")}
    if not folder.is_dir():
        return {str(folder)}
    if program == "make":
        return {word.split("=")[0] for word in rest if word[0] != "-"} - MADE
    if program == "dispatch-sb" and rest and rest[0][0] != "-":
        if rest[0] not in COMMANDS:
            return {rest[0]}
        return options - set(COMMANDS[rest[0]]._option_string_actions)
    if re.fullmatch(r"python[\d.]*|torchrun", program):
        return unknown_to_python(rest, folder, readme)
    return set()


def unknown_to_python(words, folder, readme):
    """Missing scripts, modules and recipe files; options they do not know."""
    if "-m" in words:
        module = words[words.index("-m") + 1]
        return set() if importlib.util.find_spec(module) else {module}
    named = [word for word in words if word.endswith((".py", ".yaml"))]
    files = {name: folder / name for name in named[:2]}
    for name, path in files.items():
        files[name] = path if path.is_file() else readme.parent / name
    missing = {name for name, path in files.items() if not path.is_file()}
    if missing or not files:
        return missing
    script, *recipes = files.values()
    known = set(re.findall(r'"(--[\w-]+)"', script.read_text("utf-8")))
    for recipe in recipes:
        known |= {f"--{key}" for key in RUN_OPTIONS | set(keys_of(recipe))}
    given = {w.split("=")[0] for w in words[words.index(named[0]) :]}
    return {w for w in given if w.startswith("--")} - known - {"--help"}


@pytest.mark.parametrize("readme", documents(), ids=label)
def test_commands_work(readme):
    assert [(x, y) for x, y in commands(readme) if unknown(x, y, readme)] == []


@pytest.mark.parametrize(
    "line, named",
    [
        ("make setup PYTHON=python3.12 && make test", set()),
        ("make nonsense COLOUR=red", {"nonsense", "COLOUR"}),
        ("dispatch-sb profile --size T", set()),
        ("dispatch-sb profile --weight T", {"--weight"}),
        ("dispatch-sb sing", {"sing"}),
        ("cd recipes/Nowhere && make test", {f"{ROOT}/recipes/Nowhere"}),
        ("python nothing.py", {"nothing.py"}),
        ("python -m dispatch_sb.nothing", {"dispatch_sb.nothing"}),
        (f"{TRAIN} --device cuda --seed=1", set()),
        (f"{TRAIN} --sneed 1", {"--sneed"}),
    ],
)
def test_wrong_commands_are_found(tmp_path, line, named):
    readme = tmp_path / "README.md"
    readme.write_text(f"Type:\n\n```bash\n{line}\n```\n", encoding="utf-8")
    wrong = [unknown(*command, readme) for command in commands(readme)]
    assert set().union(*wrong) == named


@pytest.mark.parametrize("readme", readmes(), ids=label)
def test_links_lead_somewhere(readme):
    broken = []
    text = re.sub(r"`[^`\n]*`", "", prose(readme))
    for link in map("".join, LINK.findall(text)):
        name, _, anchor = link.partition("#")
        target = readme.parent / name if name else readme
        if re.match(r"^(https?|mailto|data):", link):
            continue
        if not target.exists() or anchor and anchor not in anchors(target):
            broken.append(link)
    assert broken == []


def anchors(readme):
    """What the headings of a README can be linked to as."""
    heads = re.findall(r"^#+ +(.+?)\s*$", prose(readme), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {head.replace(" ", "-") for head in plain}


@pytest.mark.parametrize("readme", documents(), ids=label)
def test_named_files_exist_or_are_written_by_the_code(readme):
    files = python_files("dispatch_sb", "recipes")
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    missing = [
        name
        for name in NAMED_FILE.findall(prose(readme))
        if not (readme.parent / name).exists()
        and not any(
            str(x).endswith(f"/{name}") for x in found(".", Path(name).name)
        )
        and Path(name).name not in code
    ]
    assert missing == []


@pytest.mark.parametrize("readme", documents(), ids=label)
def test_no_blank_is_left_to_fill_in(readme):
    plain = re.sub(r"`[^`\n]*`", "", prose(readme))
    assert re.findall(r"\b[A-Z]{2,}_[A-Z_]+\b", plain) == []


@pytest.mark.parametrize("readme", readmes(), ids=label)
def test_python_blocks_run(readme, tmp_path, monkeypatch):
    """Fragments of a class parse; a model's card runs in a copy of it."""
    if (readme.parent / "config.json").is_file():
        shutil.copytree(readme.parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for _, language, block in FENCE.findall(readme.read_text(encoding="utf-8")):
        if language in ("python", "py"):
            code = compile(block, str(readme), "exec")
            if "self." not in block:
                exec(code, {})
