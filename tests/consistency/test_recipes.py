"""Every recipe is listed, loads, and has the keys that code uses: no others.

Authors
 * The dispatch-sb contributors, 2026
"""

import csv
import dataclasses
import re
import shlex

import pytest
from project import RECIPE, ROOT, found, label, python_files
from ruamel.yaml import YAML
from speechbrain.core import RunOptions

from dispatch_sb.training.recipe_files import compose, load_recipe, plain_values
from dispatch_sb.training.settings_check import CHECKS

TABLE = ROOT / "tests" / "recipes" / "VoiceBank.csv"
RUN_OPTIONS = {field.name for field in dataclasses.fields(RunOptions)}
# What other files complete is no recipe by itself.
RECIPES = [
    path
    for path in found("recipes/VoiceBank/hparams", "*.yaml")
    if not path.stem.startswith("study") and "!PLACEHOLDER" not in compose(path)
]
# The table of checks names every key, whether anything uses it or not.
CODE = "".join(
    path.read_text(encoding="utf-8")
    for path in [RECIPE / "train.py", *python_files("dispatch_sb/training")]
    if path.name != "settings_check.py"
)
NEEDED = set(re.findall(r'hparams\["(\w+)"\]', CODE))
NEEDED |= set(re.findall(r"self\.hparams\.(\w+)", CODE))
# Keys whose only job is done while the file is loaded.
AT_LOADING = {"__set_seed"}


def keys_of(recipe):
    """Keys of a recipe file, those of the files that it extends included."""
    return list(YAML().load(compose(recipe)))


def test_the_table_lists_every_recipe_once():
    """What it names exists: files, and options to try."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    listed = [row["Hparam_file"] for row in rows]
    assert sorted(listed) == [label(path) for path in RECIPES]
    for row in rows:
        files = [row[name] for name in row if name.endswith("_file")]
        assert [name for name in files if not (ROOT / name).is_file()] == []
        flags = shlex.split(row["test_debug_flags"])
        tried = {flag[2:].split("=")[0] for flag in flags}
        known = RUN_OPTIONS | set(keys_of(ROOT / row["Hparam_file"]))
        assert tried <= known and row["test_debug_checks"]


@pytest.mark.parametrize("recipe", RECIPES, ids=label)
def test_recipes_load(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(RECIPE)
    hparams, _ = load_recipe(recipe, {"output_folder": str(tmp_path)})
    assert hparams["output_folder"] == str(tmp_path)


@pytest.mark.parametrize("recipe", RECIPES, ids=label)
def test_recipes_have_the_keys_that_code_uses(recipe):
    """All that it cannot do without, and none that nothing uses."""
    keys = set(keys_of(recipe))
    script = (RECIPE / "train.py").read_text(encoding="utf-8")
    assert set(re.findall(r'hparams\["(\w+)"\]', script)) <= keys
    inside = re.findall(r"<(\w+)(?:\[[^>]*)?>", compose(recipe))
    used = {*re.findall(r'"(\w+)"', CODE), *NEEDED, *inside}
    assert keys - used - RUN_OPTIONS - AT_LOADING == set()


def test_keys_that_the_package_uses_exist_in_some_recipe():
    every = {key for recipe in RECIPES for key in keys_of(recipe)}
    assert NEEDED - every - RUN_OPTIONS == set()


@pytest.mark.parametrize("recipe", RECIPES, ids=label)
def test_every_number_of_a_recipe_has_a_check(recipe):
    numbers = {
        re.sub(r"\.(mini|full)$", "", key)
        for key, value in plain_values(compose(recipe)).items()
        for item in (value if isinstance(value, (list, tuple)) else [value])
        if isinstance(item, (int, float)) and not key.startswith("wer.")
    }
    assert {"lr", "schedule.warmup", "opt_class.betas"} <= numbers
    assert numbers - set(CHECKS) == set()
