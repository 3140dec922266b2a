"""Every recipe is listed, loads, and has the keys that code uses: no others.

Authors
 * The dispatch-sb contributors, 2026
"""

import shlex

import pytest
from project import RECIPE, ROOT, found, label, python_files
from recipe_keys import (
    RUN_OPTIONS,
    keys_of,
    known_to,
    needed_by,
    rows,
    used_inside,
)

from dispatch_sb.training.recipe_files import compose, load_recipe, plain_values
from dispatch_sb.training.settings_check import CHECKS

# What other files complete is no recipe by itself.
RECIPES = [
    path
    for path in found("recipes/VoiceBank/hparams", "*.yaml")
    if path.stem != "study" and "!PLACEHOLDER" not in compose(path)
]
# The table of checks names every key, whether anything uses it or not.
CODE = [
    p
    for p in python_files("dispatch_sb")
    if p.parent.name in ("training", "dispatch_sb")
    and p.name != "settings_check.py"
]
COLUMNS = [
    "Task",
    "Dataset",
    "Script_file",
    "Hparam_file",
    "Data_prep_file",
    "Readme_file",
    "Result_url",
    "HF_repo",
    "test_debug_flags",
    "test_debug_checks",
]
# Keys whose only job is done while the file is loaded.
AT_LOADING = {"__set_seed"}


def script_of(recipe):
    """The script that the table names for a recipe file."""
    (row,) = (row for row in rows() if ROOT / row["Hparam_file"] == recipe)
    return ROOT / row["Script_file"]


def test_every_recipe_is_listed_once():
    listed = [row["Hparam_file"] for row in rows()]
    assert sorted(listed) == [label(path) for path in RECIPES]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["Hparam_file"])
def test_the_table_names_files_that_exist(row):
    assert list(row) == COLUMNS
    files = [row[name] for name in COLUMNS if name.endswith("_file")]
    assert [name for name in files if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["Hparam_file"])
def test_the_table_tries_options_that_exist(row):
    known = RUN_OPTIONS | set(keys_of(ROOT / row["Hparam_file"]))
    flags = shlex.split(row["test_debug_flags"])
    names = [f[2:].split("=")[0] for f in flags if f.startswith("--")]
    assert [name for name in names if name not in known] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=label)
def test_recipes_load(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(RECIPE)
    folders = {"output_folder": str(tmp_path)}
    hparams, resolved = load_recipe(recipe, folders)
    assert hparams["output_folder"] == str(tmp_path)
    assert "extends" not in resolved


@pytest.mark.parametrize("recipe", RECIPES, ids=label)
def test_recipes_have_the_keys_that_their_script_needs(recipe):
    missing = needed_by(script_of(recipe)) - set(keys_of(recipe))
    assert missing == set()


def test_keys_that_the_package_uses_exist_in_some_recipe():
    every = {key for recipe in RECIPES for key in keys_of(recipe)}
    assert needed_by(*CODE) - every - RUN_OPTIONS == set()


@pytest.mark.parametrize("recipe", RECIPES, ids=label)
def test_recipes_have_no_keys_that_nothing_uses(recipe):
    used = known_to(script_of(recipe), *CODE) | used_inside(recipe)
    unused = set(keys_of(recipe)) - used - RUN_OPTIONS - AT_LOADING
    assert unused == set()


@pytest.mark.parametrize("recipe", RECIPES, ids=label)
def test_every_number_of_a_recipe_has_a_check(recipe):
    values = plain_values(compose(recipe))
    numbers = {
        key
        for key, value in values.items()
        for item in (value if isinstance(value, (list, tuple)) else [value])
        if isinstance(item, (int, float))
    }
    assert {"lr", "schedule.warmup", "opt_class.betas"} <= numbers
    unchecked = numbers - set(CHECKS)
    assert {k for k in unchecked if not k.startswith("wer.")} == set()
