"""Recipe files: composition, overrides, choices by data."""

import pytest

from dispatch_sb.training.recipe_files import load_recipe

BASE = """
size: 1
loader: {batch_size: 4, shuffle: True}
model: !new:collections.Counter
    a: !ref <size>
"""


@pytest.fixture
def recipe(tmp_path):
    """Writes a base file and a method file; gives the method's path."""
    (tmp_path / "base.yaml").write_text(BASE)

    def write(text):
        path = tmp_path / "method.yaml"
        path.write_text("extends: base.yaml\n" + text)
        return path

    return write


def test_a_method_holds_only_its_differences(recipe):
    """Plain mappings merge key by key; what refers to them sees it."""
    hparams, _ = load_recipe(recipe("loader: {batch_size: 8}\nsize: 3"))
    assert hparams["loader"] == {"batch_size": 8, "shuffle": True}
    assert hparams["model"] == {"a": 3}


def test_taps_are_replaced_as_one_value(recipe):
    """Those of one network mean nothing to another."""
    path = recipe("taps: {a: b}\nmodel: !new:collections.Counter {b: 2}")
    assert load_recipe(path, "taps: {c: d}")[0]["taps"] == {"c": "d"}


def test_another_object_replaces_with_its_arguments(recipe):
    """Arguments of one class never leak into another, wherever it stands."""
    path = recipe("model: !new:collections.OrderedDict\n    b: 2")
    assert load_recipe(path)[0]["model"] == {"b": 2}
    option = "model: !new:collections.OrderedDict {c: !ref <size>}"
    assert load_recipe(path, option)[0]["model"] == {"c": 1}
    assert load_recipe(path, "model: {c: 4}")[0]["model"] == {"b": 2, "c": 4}


def test_overrides_win_and_the_resolved_text_is_complete(recipe, tmp_path):
    """What a run's folder keeps can be loaded without the other files."""
    hparams, resolved = load_recipe(recipe("size: 3"), "size: 5")
    copy = tmp_path / "elsewhere.yaml"
    copy.write_text(resolved)
    again, _ = load_recipe(copy, {"size": 7})
    assert hparams["model"] == {"a": 5} == again["model"]
    assert "size: 5" in resolved and "extends" not in resolved


def test_all_unknown_keys_are_named_with_the_nearest(recipe):
    """A typing error costs seconds, not a training."""
    with pytest.raises(ValueError, match="(?s)'sise'.*'size'.*'zzz'"):
        load_recipe(recipe("size: 3"), {"sise": 5, "zzz": 1})
