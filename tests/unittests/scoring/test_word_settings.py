"""The `wer` block of a recipe is read, and mistakes in it are named."""

import json

import pytest
from ruamel.yaml import YAML

from dispatch_sb.scoring.word_errors import reference_words
from dispatch_sb.scoring.word_settings import word_error_settings
from dispatch_sb.training.recipe_files import compose


@pytest.mark.parametrize("nothing", [None, "", {}, {"source": None}])
def test_without_a_source_there_is_no_word_error_rate(nothing):
    assert word_error_settings(nothing) is None


def test_a_source_alone_is_enough():
    """What scores.json keeps of it can be read back as it was."""
    settings = word_error_settings("organisation/name")
    assert settings == word_error_settings({"source": "organisation/name"})
    about = settings.describe()
    assert json.loads(json.dumps(about)) == about


def test_the_recipe_shows_every_key_with_its_default(request):
    """Its block with a source is the same as the source alone."""
    recipes = request.config.rootpath / "recipes" / "VoiceBank" / "hparams"
    block = YAML().load(compose(recipes / "dispatch.yaml"))["wer"]
    assert word_error_settings(block) is None
    settings = word_error_settings({**block, "source": "a/b"})
    assert settings.describe() == word_error_settings("a/b").describe()
    assert set(block) == set(vars(settings))


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"sauce": "a/b"}, "sauce"),
        ({"source": "a/b", "batch_size": 0}, "batch_size"),
        ({"source": 3}, "source"),
        ({"source": "a/b", "normalise": {"case": "title"}}, "title"),
        ({"source": "a/b", "normalise": {"cases": "upper"}}, "cases"),
        (3, "wer.* 3"),
    ],
)
def test_mistakes_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        word_error_settings(wrong)


def test_only_utterances_with_words_count():
    entries = {"a": {"words": "Yes."}, "b": {"words": " ... "}, "c": {}}
    normaliser = word_error_settings("a/b").normaliser
    assert reference_words(entries, normaliser) == {"a": ["YES"]}
    del entries["a"]
    with pytest.raises(ValueError, match=" 2 .*--words"):
        reference_words(entries, normaliser)
