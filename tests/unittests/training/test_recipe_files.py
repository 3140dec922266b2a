"""Recipe files: composition, overrides, choices by data."""

import pytest

from dispatch_sb.training.recipe_files import compose, load_recipe

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
    """Plain mappings merge key by key; the rest of the base stays."""
    hparams, _ = load_recipe(recipe("loader: {batch_size: 8}"))
    assert hparams["loader"] == {"batch_size": 8, "shuffle": True}
    assert hparams["model"] == {"a": 1}


def test_references_of_the_base_see_the_method(recipe):
    """A value is resolved after the files are laid over each other."""
    hparams, _ = load_recipe(recipe("size: 3"))
    assert hparams["model"] == {"a": 3}


def test_another_object_replaces_with_its_arguments(recipe):
    """Arguments of one class never leak into another."""
    path = recipe("model: !new:collections.OrderedDict\n    b: 2")
    hparams, _ = load_recipe(path)
    assert hparams["model"] == {"b": 2}


def test_overrides_win(recipe):
    """The command line is stronger than both files."""
    hparams, resolved = load_recipe(recipe("size: 3"), "size: 5")
    assert hparams["model"] == {"a": 5}
    assert "size: 5" in resolved and "extends" not in resolved


def test_the_resolved_text_is_complete_in_itself(recipe, tmp_path):
    """What a run's folder keeps can be loaded without the other files."""
    _, resolved = load_recipe(recipe("size: 3"), {"size": 7})
    copy = tmp_path / "elsewhere.yaml"
    copy.write_text(resolved)
    hparams, _ = load_recipe(copy)
    assert hparams["model"] == {"a": 7}


def test_all_unknown_keys_are_named_with_the_nearest(recipe):
    """A typing error costs seconds, not a training."""
    with pytest.raises(ValueError, match="(?s)'sise'.*'size'.*'zzz'"):
        load_recipe(recipe("size: 3"), {"sise": 5, "zzz": 1})


def test_a_missing_base_names_who_needs_it(tmp_path):
    """The error says which file extends what is not there."""
    path = tmp_path / "a.yaml"
    path.write_text("extends: b.yaml\n")
    with pytest.raises(FileNotFoundError, match="b.yaml.*a.yaml"):
        compose(path)


def test_a_circle_is_refused(tmp_path):
    """Two files that extend each other never end otherwise."""
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(ValueError, match="a.yaml.*b.yaml"):
        compose(tmp_path / "a.yaml")
