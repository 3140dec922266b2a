"""What counts as a word, how errors become a rate with an interval, and which
mistakes in a recipe's `wer` block are named."""

import json

import numpy as np
import pytest
from ruamel.yaml import YAML

from dispatch_sb.scoring import format_table, summarise
from dispatch_sb.scoring.word_errors import word_error_rates
from dispatch_sb.scoring.word_settings import word_error_settings
from dispatch_sb.scoring.wording import WordNormaliser
from dispatch_sb.training.recipe_files import compose


@pytest.mark.parametrize(
    "written, expected",
    [
        ("Please call Stella.", "PLEASE CALL STELLA"),
        ("It\u2019s  the \u2018boys\u2019 \u2014 aunt", "IT'S THE BOYS AUNT"),
        ("'Don\u2019t,' she said, 'tis", "DON'T SHE SAID TIS"),
        ("a well-known, long\u2010lost X-ray", "A WELL KNOWN LONG LOST X RAY"),
        ("Caf\u00e9, cafe\u0301", "CAF\u00c9 CAF\u00c9"),
        ("3.5 % - of 10", "3 5 OF 10"),
        ("...", ""),
    ],
)
def test_writing_makes_no_difference(written, expected):
    """Case, punctuation, quotation marks and dashes are no words."""
    normalise = WordNormaliser()
    for text in (written, written.lower(), expected):
        assert normalise(text) == expected.split()


@pytest.mark.parametrize(
    "choice, expected",
    [
        ({"case": "lower"}, "mr o'hara co operates"),
        ({"case": "keep"}, "Mr O'Hara co operates"),
        ({"apostrophes": "remove"}, "MR OHARA CO OPERATES"),
        ({"hyphens": "join"}, "MR O'HARA COOPERATES"),
        ({"hyphens": "keep"}, "MR O'HARA CO-OPERATES"),
        ({"punctuation": "keep"}, "MR. O'HARA CO OPERATES!"),
        ({"replace": {"mr": None, "Operates": "does it"}}, "O'HARA CO DOES IT"),
    ],
)
def test_every_rule_can_be_chosen(choice, expected):
    words = WordNormaliser(**choice)("Mr. O'Hara co-operates!")
    assert words == expected.split()


def test_the_difference_is_paired():
    """What both get wrong cancels."""
    rng = np.random.default_rng(1)
    words = {str(key): ["A"] * int(rng.integers(5, 15)) for key in range(30)}
    errors = {key: int(rng.integers(5)) for key in words}
    fewer = {key: max(count - 1, 0) for key, count in errors.items()}
    rates = word_error_rates({"noisy": errors, "student": fewer}, words)
    noisy, student = rates["noisy"]["wer"], rates["student"]["wer"]
    change = rates["differences"]["student - noisy"]["wer"]
    assert change["mean"] == pytest.approx(student["mean"] - noisy["mean"])
    assert change["ci95"][0] < change["mean"] < change["ci95"][1] < 0
    assert np.ptp(change["ci95"]) < np.ptp(student["ci95"])


def test_failures_are_counted_and_in_no_sum():
    words = {"a": ["A", "B"], "b": ["A", "B"]}
    errors = {
        "noisy": {"a": 2, "b": 0},
        "student": {"a": 1, "b": {"error": "?"}},
    }
    rates = word_error_rates(errors, words)
    expected = {"mean": 50.0, "ci95": [None, None], "n": 1, "failed": 1}
    assert rates["student"]["wer"] == expected
    assert rates["differences"]["student - noisy"]["wer"]["mean"] == -50.0
    # A third file has no words, and so no rate.
    rates["files"]["c"] = {"noisy": {"pesq": 1.0}, "student": {"pesq": 1.0}}
    assert summarise(rates["files"], ("wer",))["student"]["wer"] == expected
    assert "1 of 2 (?: b)" in format_table(rates)


def test_the_recipe_shows_every_key_with_its_default(request):
    """Its block with a source is the same as the source alone."""
    recipes = request.config.rootpath / "recipes" / "VoiceBank" / "hparams"
    block = YAML().load(compose(recipes / "dispatch.yaml"))["wer"]
    assert word_error_settings(block) is word_error_settings(None) is None
    settings = word_error_settings({**block, "source": "a/b"})
    assert settings == word_error_settings("a/b")
    assert set(block) == set(vars(settings))
    about = settings.describe()
    assert json.loads(json.dumps(about)) == about
    assert about["normalisation"]["replace"] == {}


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"sauce": "a/b"}, "sauce"),
        ({"source": "a/b", "batch_size": 0}, "batch_size"),
        ({"source": 3}, "source"),
        ({"source": "a/b", "normalise": {"case": "title"}}, "case.*title"),
        ({"source": "a/b", "normalise": {"replace": {"a b": "c"}}}, "a b"),
        ({"source": "a/b", "normalise": 7}, "normalise.* 7"),
        (3, "wer.* 3"),
    ],
)
def test_mistakes_are_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        word_error_settings(wrong)
