"""Word error rate: of every hundred words spoken, how many were recognised
wrongly, missed or made up; with bootstrap intervals. Pure functions.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dispatch_sb.scoring.pair import is_score
from dispatch_sb.scoring.summary import COMPARED

METRIC = "wer"


def align_words(
    references: Mapping[str, Sequence[str]],
    transcripts: Mapping[str, Sequence[str]],
) -> list[dict[str, Any]]:
    """Compares transcripts with what was said, by SpeechBrain's edit distance.

    Arguments
    ---------
    references : Mapping
        The words of each utterance, by id; at least one word each.
    transcripts : Mapping
        The recognised words of some of these utterances, by id.

    Returns
    -------
    list of dict
        One for each transcript, as ``speechbrain.utils.edit_distance.
        wer_details_for_batch`` returns them: ``key``, ``num_edits``,
        ``num_ref_tokens``, ``insertions``, ``deletions``, ``substitutions``,
        ``alignment``, and more.

    Example
    -------
    >>> (details,) = align_words({"a": ["ONE", "TWO"]}, {"a": ["TWO"]})
    >>> details["deletions"], details["num_ref_tokens"]
    (1, 2)
    """
    # Here, as it imports torch: scoring processes must start quickly.
    from speechbrain.utils.edit_distance import wer_details_for_batch

    return wer_details_for_batch(
        list(transcripts),
        [references[key] for key in transcripts],
        list(transcripts.values()),
        compute_alignments=True,
    )


def corpus_wer(
    errors: Sequence[int],
    words: Sequence[int],
    resamples: int = 2000,
    seed: int = 0,
) -> dict:
    """Errors of all utterances over words of all utterances, in percent.

    That is not the mean over utterances, in which a short one would weigh as
    much as a long one. The 95 % interval is a percentile bootstrap over
    utterances, errors and words drawn together (Bisani and Ney, "Bootstrap
    estimates for confidence intervals in ASR performance evaluation", ICASSP
    2004). With the differences of two systems' errors it is the difference of
    their word error rates, paired by utterance, as in the same paper.

    Arguments
    ---------
    errors : sequence of int
        Of each utterance: substituted, missing and extra words.
    words : sequence of int
        Of each utterance: words that were said, at least one.
    resamples : int
        Number of bootstrap samples.
    seed : int
        Seed of the resampling.

    Returns
    -------
    dict
        "mean" in percent, "ci95" ([low, high]) and "n", the number of
        utterances. The mean is None without utterances, the interval
        [None, None] with fewer than two.

    Example
    -------
    >>> corpus_wer([1, 1], [1, 9])["mean"]
    20.0
    >>> corpus_wer([], [])
    {'mean': None, 'ci95': [None, None], 'n': 0}
    """
    errors, words = np.asarray(errors), np.asarray(words)
    n = errors.size
    mean = float(100 * errors.sum() / words.sum()) if n else None
    if n < 2:
        return {"mean": mean, "ci95": [None, None], "n": n}
    generator = np.random.default_rng(seed)
    rates = np.empty(resamples)
    for index in range(resamples):
        chosen = generator.integers(n, size=n)
        rates[index] = 100 * errors[chosen].sum() / words[chosen].sum()
    low, high = np.percentile(rates, [2.5, 97.5])
    return {"mean": mean, "ci95": [float(low), float(high)], "n": n}


def count_errors(
    references: Mapping[str, Sequence[str]],
    transcripts: Mapping[str, Sequence[str] | dict[str, str]],
) -> dict[str, dict]:
    """Errors and words of each utterance.

    Arguments
    ---------
    references : Mapping
        The words of each utterance, by id; at least one word each.
    transcripts : Mapping
        By id, the recognised words, or ``{"error": reason}``.

    Returns
    -------
    dict
        By id, ``{"errors": count, "words": count}``, or the error.

    Example
    -------
    >>> count_errors({"a": ["ONE", "TWO"]}, {"a": ["ONE", "TOO", "TWO"]})
    {'a': {'errors': 1, 'words': 2}}
    """
    recognised = {k: v for k, v in transcripts.items() if is_score(v)}
    counts = {
        details["key"]: {
            "errors": details["num_edits"],
            "words": details["num_ref_tokens"],
        }
        for details in align_words(references, recognised)
    }
    return {key: counts.get(key, transcripts[key]) for key in transcripts}


def summarise_words(
    counts: Mapping[str, dict], resamples: int = 2000, seed: int = 0
) -> dict:
    """The word error rate of one system.

    Arguments
    ---------
    counts : Mapping
        From `count_errors`.
    resamples : int
        Bootstrap samples.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        As `corpus_wer` returns it, and "failed": utterances whose
        transcription failed, which are in no sum.

    Example
    -------
    >>> counts = {"a": {"errors": 1, "words": 4}, "b": {"error": "silent"}}
    >>> scores = summarise_words(counts)
    >>> scores["mean"], scores["n"], scores["failed"]
    (25.0, 1, 1)
    """
    scored = [count for count in counts.values() if "words" in count]
    summary = corpus_wer(
        [count["errors"] for count in scored],
        [count["words"] for count in scored],
        resamples,
        seed,
    )
    return {**summary, "failed": len(counts) - len(scored)}


def add_word_errors(
    scores: Mapping[str, Any],
    counts: Mapping[str, Mapping[str, dict]],
    flavour: str,
    resamples: int = 2000,
    seed: int = 0,
) -> dict:
    """Puts word error rates beside the other metrics.

    Arguments
    ---------
    scores : Mapping
        From `dispatch_sb.scoring.score_systems`; not changed.
    counts : Mapping
        By system, what `count_errors` returned. Utterances without words are
        in none of them, and get no value.
    flavour : str
        Which recogniser it was, in one line.
    resamples : int
        Bootstrap samples.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        The scores, with "wer" in percent for each system, difference and
        file, and a line about it in "flavours".
    """
    bootstrap = {"resamples": resamples, "seed": seed}
    added = dict(scores)
    added["files"] = {
        key: {
            system: {**values, **_of_file(counts.get(system, {}).get(key))}
            for system, values in row.items()
        }
        for key, row in scores["files"].items()
    }
    for system, of_system in counts.items():
        summary = summarise_words(of_system, **bootstrap)
        added[system] = {**scores[system], METRIC: summary}
    added["differences"] = {**scores.get("differences", {})}
    for one, other in COMPARED:
        name = f"{one} - {other}"
        if name in added["differences"]:
            change = _difference(counts[one], counts[other], bootstrap)
            column = {**added["differences"][name], METRIC: change}
            added["differences"][name] = column
    added["flavours"] = {**scores["flavours"], METRIC: flavour}
    return added


def _of_file(count: dict | None) -> dict:
    """The value of one file: none, a rate in percent, or an error."""
    if count is None:
        return {}
    if "words" not in count:
        return {METRIC: count}
    return {METRIC: 100 * count["errors"] / count["words"]}


def _difference(ones: Mapping, others: Mapping, bootstrap: dict) -> dict:
    """Difference of two rates on the utterances that both have."""
    pairs = [
        (ones[key], others[key])
        for key in ones
        if "words" in ones[key] and "words" in others.get(key, {})
    ]
    errors = [one["errors"] - other["errors"] for one, other in pairs]
    return corpus_wer(errors, [one["words"] for one, _ in pairs], **bootstrap)
