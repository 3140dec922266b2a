"""What counts as a word, and how errors become a rate with an interval."""

import numpy as np
import pytest

from dispatch_sb.scoring import ALL, format_table, score_systems
from dispatch_sb.scoring.catalogue import CATALOGUE, check_metrics
from dispatch_sb.scoring.wer import (
    add_word_errors,
    corpus_wer,
    count_errors,
    summarise_words,
)
from dispatch_sb.scoring.wording import WordNormaliser


@pytest.mark.parametrize(
    "written, recognised",
    [
        ("Please call Stella.", "PLEASE CALL STELLA"),
        ("Six spoons of fresh snow peas, five thick slabs", None),
        ("It\u2019s  the \u2018boys\u2019 choice \u2014 isn't it?", None),
        ("a well-known, long\u2010lost X-ray", "A WELL KNOWN LONG LOST X RAY"),
        ("Caf\u00e9, cafe\u0301", "CAF\u00c9 CAF\u00c9"),
        ("3.5 % - of 10", "3 5 OF 10"),
        ("...", ""),
    ],
)
def test_writing_makes_no_difference(written, recognised):
    """Case, punctuation, quotation marks and dashes are no words."""
    normalise = WordNormaliser()
    words = normalise(written)
    if recognised is not None:
        assert " ".join(words) == recognised
    assert normalise(" ".join(words)) == words
    assert normalise(written.lower()) == words


def test_apostrophes_stay_inside_words_alone():
    words = WordNormaliser()("'Don\u2019t,' said the boys' aunt, 'tis late")
    assert words == "DON'T SAID THE BOYS AUNT TIS LATE".split()


@pytest.mark.parametrize(
    "choice, expected",
    [
        ({"case": "lower"}, "mr o'hara co operates"),
        ({"case": "keep"}, "Mr O'Hara co operates"),
        ({"apostrophes": "remove"}, "MR OHARA CO OPERATES"),
        ({"hyphens": "join"}, "MR O'HARA COOPERATES"),
        ({"hyphens": "keep"}, "MR O'HARA CO-OPERATES"),
        ({"punctuation": "keep"}, "MR. O'HARA CO OPERATES!"),
        ({"replace": {"mr": "Mister"}}, "MISTER O'HARA CO OPERATES"),
        ({"replace": {"Operates": "does it"}}, "MR O'HARA CO DOES IT"),
        ({"replace": {"mr": None}}, "O'HARA CO OPERATES"),
    ],
)
def test_every_rule_can_be_chosen(choice, expected):
    words = WordNormaliser(**choice)("Mr. O'Hara co-operates!")
    assert words == expected.split()


@pytest.mark.parametrize(
    "choice", [{"case": "title"}, {"replace": {"two words": "one"}}]
)
def test_impossible_rules_are_refused(choice):
    with pytest.raises(ValueError, match=f"normalise: {next(iter(choice))}"):
        WordNormaliser(**choice)


def test_every_kind_of_error_counts_once():
    said = {key: ["A", "B", "C", "D"] for key in "same sub gone more".split()}
    heard = {
        "same": ["A", "B", "C", "D"],
        "sub": ["A", "X", "C", "D"],
        "gone": ["B", "D"],
        "more": ["A", "B", "Y", "C", "D", "Z", "Z"],
    }
    counts = count_errors(said, heard)
    assert [counts[key]["errors"] for key in said] == [0, 1, 2, 3]
    assert all(count["words"] == 4 for count in counts.values())


def test_long_utterances_weigh_more_than_short_ones():
    """9 errors in 10 utterances of 1 word, none in one of 90 words."""
    errors, words = [1] * 9 + [0, 0], [1] * 10 + [90]
    assert corpus_wer(errors, words)["mean"] == pytest.approx(9.0)


def test_the_interval_covers_the_truth():
    """In about 95 of 100 corpora drawn from a known error rate of 20 %."""
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(100):
        words = rng.integers(3, 12, size=60)
        found = corpus_wer(rng.binomial(words, 0.2), words, 200, trial)
        low, high = found["ci95"]
        assert low < found["mean"] < high
        inside += low <= 20 <= high
    assert 86 <= inside <= 100


def test_the_same_errors_differ_by_nothing():
    """The difference is paired: what both get wrong cancels."""
    rng = np.random.default_rng(1)
    counts = {
        str(key): {"errors": int(rng.integers(9)), "words": 9}
        for key in range(30)
    }
    better = {
        key: {**count, "errors": max(count["errors"] - 1, 0)}
        for key, count in counts.items()
    }
    scores = add_word_errors(
        scores_of(counts), {"noisy": counts, "student": better}, "WER: …"
    )
    change = scores["differences"]["student - noisy"]["wer"]
    assert -100 / 9 <= change["ci95"][0] <= change["mean"]
    assert change["mean"] <= change["ci95"][1] < 0
    wide = scores["student"]["wer"]["ci95"]
    assert change["ci95"][1] - change["ci95"][0] < wide[1] - wide[0]
    assert change["mean"] == pytest.approx(
        scores["student"]["wer"]["mean"] - scores["noisy"]["wer"]["mean"]
    )


def scores_of(keys):
    """Scores of two systems without word errors."""
    one = {"mean": 1.0, "ci95": [1.0, 1.0], "n": 1, "failed": 0}
    row = {"noisy": {"pesq": 1.0}, "student": {"pesq": 1.0}}
    return {
        "noisy": {"pesq": one},
        "student": {"pesq": one},
        "differences": {"student - noisy": {"pesq": one}},
        "files": {key: row for key in keys},
        "flavours": {"pesq": "PESQ-WB: …"},
    }


def test_failures_are_counted_and_in_no_sum():
    counts = {"a": {"errors": 1, "words": 2}, "b": {"error": "stereo"}}
    known = scores_of("abc")
    noisy = {"a": {"errors": 2, "words": 2}, "b": {"errors": 0, "words": 2}}
    scores = add_word_errors(
        known, {"noisy": noisy, "student": counts}, "WER: …"
    )
    expected = {"mean": 50.0, "ci95": [None, None], "n": 1, "failed": 1}
    assert scores["student"]["wer"] == expected
    assert summarise_words({"b": {"error": "?"}})["mean"] is None
    # Only "a" has both; "c" has no words.
    assert scores["differences"]["student - noisy"]["wer"]["mean"] == -50.0
    assert scores["files"]["a"]["student"] == {"pesq": 1.0, "wer": 50.0}
    assert scores["files"]["c"]["student"] == {"pesq": 1.0}
    table = format_table(scores)
    assert "1 of 2" in table and "stereo" in table
    assert "50.0 [?, ?]*" in table
    assert known == scores_of("abc")


def test_it_is_no_metric_of_a_pair_of_signals():
    """Signals alone have no words; other metrics are as without it."""
    assert "wer" in CATALOGUE and "wer" not in ALL
    assert not CATALOGUE["wer"].higher_is_better
    assert all(CATALOGUE[name].higher_is_better for name in ALL)
    with pytest.raises(ValueError, match="wer"):
        check_metrics(("wer",))
    items = [{"id": "a", "clean": "a.wav", "systems": {"wer": "b.wav"}}]
    with pytest.raises(ValueError, match="wer"):
        score_systems(items)
