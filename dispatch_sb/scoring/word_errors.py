"""Word error rates of a test set: the noisy and the enhanced speech of every
system, and the clean speech beside them, through one recogniser.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from speechbrain.utils.metric_stats import ErrorRateStats

from dispatch_sb.data import read_manifest
from dispatch_sb.data.files import atomic_path
from dispatch_sb.scoring import transcription
from dispatch_sb.scoring.pair import is_score
from dispatch_sb.scoring.scoreboard import summarise, systems_of
from dispatch_sb.scoring.word_settings import word_error_settings
from dispatch_sb.scoring.wording import WordNormaliser

logger = logging.getLogger(__name__)

CLEAN = "clean"
SUSPICIOUS = 50.0  # % of the clean speech's words
PROBE = np.random.default_rng(0).normal(0, 0.01, 16000).astype(np.float32)


def reference_words(
    entries: Mapping[str, Mapping], normaliser: WordNormaliser
) -> dict[str, list[str]]:
    """The words of each utterance that has some.

    Arguments
    ---------
    entries : Mapping
        Of a pair manifest by id.
    normaliser : WordNormaliser
        Cuts texts into words.

    Returns
    -------
    dict
        By id.

    Raises
    ------
    ValueError
        If not one utterance has words.

    Example
    -------
    >>> entries = {"a": {"words": "Hello, Ann."}, "b": {}}
    >>> reference_words(entries, WordNormaliser())
    {'a': ['HELLO', 'ANN']}
    """
    texts = {key: entry.get("words") or "" for key, entry in entries.items()}
    words = {key: normaliser(text) for key, text in texts.items()}
    words = {key: value for key, value in words.items() if value}
    if not words:
        raise ValueError(
            f"wer is set, but none of the {len(entries)} test utterances has "
            "words: give transcripts (the recipe finds VoiceBank-DEMAND's in "
            "its folder testset_txt, `evaluate` takes --words), or no wer."
        )
    return words


def check_word_errors(wer: Mapping | str | None, manifest: str | Path) -> None:
    """Finds out before a training whether its word error rate can be scored.

    Nothing happens without a ``wer`` block. Otherwise the recogniser is
    loaded, on the CPU, and tried; random numbers stay what they are.

    Arguments
    ---------
    wer : Mapping, str or None
        See `word_error_settings`.
    manifest : str or Path
        Of the test set.

    Raises
    ------
    ValueError
        If the block is wrong, no test utterance has words, or the recogniser
        cannot be used.
    FileNotFoundError
        If there is no such recogniser or manifest.
    ConnectionError
        If the hub is needed and cannot be reached.
    """
    settings = word_error_settings(wer)
    if settings is None:
        return
    reference_words(read_manifest(manifest), settings.normalise)
    recogniser = transcription.load_recogniser(settings)
    try:
        recogniser.transcribe([PROBE])
    except Exception as error:  # a foreign network raises anything
        raise ValueError(
            f"The recogniser {settings.source} cannot transcribe "
            f"({type(error).__name__}: {error})."
        ) from error


def score_words(
    scores: Mapping[str, Any],
    entries: Mapping[str, Mapping],
    folder: str | Path,
    wer: Mapping | str | None,
    device: str = "cpu",
) -> dict:
    """Adds the word error rate of every system to its scores, where a
    recogniser is given.

    Arguments
    ---------
    scores : Mapping
        From `dispatch_sb.scoring.evaluation.score_models`; not changed.
    entries : Mapping
        Of the pair manifest by id, located.
    folder : str or Path
        Holds ``enhanced/<system>/<id>.wav``; receives ``transcripts.jsonl``,
        from which an interrupted scoring goes on, and ``wer/<system>.txt``
        with all alignments, as SpeechBrain writes them.
    wer : Mapping, str or None
        Which recogniser, and what a word is, see `word_error_settings`.
    device : str
        Where it runs.

    Returns
    -------
    dict
        The scores, with "wer" in percent for each system, difference and file
        that has words, and a line about it in "flavours". Its own "wer" tells
        about the recogniser, the normalisation, the "clean" speech, and how
        many utterances have no words.
    """
    settings = word_error_settings(wer)
    if settings is None:
        return dict(scores)
    folder, words = Path(folder), reference_words(entries, settings.normalise)
    recogniser = transcription.load_recogniser(settings, device)
    errors = {}
    for system in (CLEAN, *systems_of(scores["files"])):
        texts = transcription.transcribe_files(
            recogniser,
            {key: _file(folder, entries[key], key, system) for key in words},
            folder / "transcripts.jsonl",
            system,
        )
        heard = {
            key: settings.normalise(text) if is_score(text) else text
            for key, text in texts.items()
        }
        alignments = folder / "wer" / f"{system}.txt"
        errors[system] = count_errors(words, heard, alignments)
    clean = word_error_rates({CLEAN: errors.pop(CLEAN)}, words)[CLEAN]["wer"]
    rates = word_error_rates(errors, words)
    _warn_of_nonsense(clean, settings.source)
    about = {
        **settings.describe(),
        **recogniser.origin,
        "clean": clean,
        "utterances": len(words),
        "without_words": len(entries) - len(words),
        "words": sum(map(len, words.values())),
    }
    rates["flavours"] = {"wer": _line(about)}
    return {**_merged(scores, rates), "wer": about}


def count_errors(
    words: Mapping[str, list[str]],
    heard: Mapping[str, list[str] | dict],
    alignments: str | Path | None = None,
) -> dict[str, int | dict]:
    """Counts substituted, missing and extra words, as SpeechBrain does.

    Arguments
    ---------
    words : Mapping
        The words of each utterance, by id; at least one word each.
    heard : Mapping
        By id, the recognised words, or ``{"error": reason}``.
    alignments : str or Path, optional
        Receives a summary and every utterance, word by word.

    Returns
    -------
    dict
        By id, the number of errors, or the error.

    Example
    -------
    >>> count_errors({"a": ["ONE", "TWO"]}, {"a": ["ONE", "TOO", "TWO"]})
    {'a': 1}
    """
    recognised = {key: value for key, value in heard.items() if is_score(value)}
    stats = ErrorRateStats()
    said = [words[key] for key in recognised]
    stats.append(list(recognised), list(recognised.values()), said)
    if recognised and alignments is not None:
        Path(alignments).parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(alignments) as path:
            with open(path, "w", encoding="utf-8") as file:
                stats.write_stats(file)
    return {**heard, **{row["key"]: row["num_edits"] for row in stats.scores}}


def word_error_rates(
    errors: Mapping[str, Mapping[str, int | dict]],
    words: Mapping[str, list[str]],
) -> dict:
    """Errors of all utterances over words of all utterances, in percent.

    That is not the mean over utterances, in which a short one would weigh as
    much as a long one.

    Arguments
    ---------
    errors : Mapping
        By system, what `count_errors` returned.
    words : Mapping
        The words of each utterance, by id.

    Returns
    -------
    dict
        As `dispatch_sb.scoring.summarise` returns it, with one metric, "wer".

    Example
    -------
    >>> words = {"a": ["NO"], "b": "I DO NOT KNOW THAT ONE AT ALL SIR".split()}
    >>> rates = word_error_rates({"noisy": {"a": 1, "b": 1}}, words)
    >>> rates["noisy"]["wer"]["mean"], rates["files"]["a"]["noisy"]["wer"]
    (20.0, 100.0)
    """
    sizes = {key: len(value) for key, value in words.items()}
    files = {
        key: {
            system: {
                "wer": 100 * found[key] if is_score(found[key]) else found[key]
            }
            for system, found in errors.items()
        }
        for key in words
    }
    rates = summarise(files, ("wer",), weights=sizes)
    for key, row in files.items():
        for value in row.values():
            if is_score(value["wer"]):
                value["wer"] /= sizes[key]
    return rates


def _merged(scores: Mapping, more: Mapping) -> dict:
    """Both, down to the last mapping; neither is changed."""
    shared = {
        key: _merged(scores[key], value)
        for key, value in more.items()
        if isinstance(scores.get(key), Mapping)
    }
    return {**scores, **more, **shared}


def _file(folder: Path, entry: Mapping, key: str, system: str) -> str:
    """Where a system's speech is."""
    if system in (CLEAN, "noisy"):
        return entry[f"{system}_wav"]
    return str(folder / "enhanced" / system / f"{key}.wav")


def _line(about: Mapping) -> str:
    """What readers of the tables must know."""
    revision = f" at {about['revision'][:7]}" if about["revision"] else ""
    clean = about["clean"]["mean"]
    reached = "no score" if clean is None else f"{clean:.1f} %"
    left_out = about["without_words"]
    return (
        "WER: errors per words said, over all utterances, lower is better "
        f"({about['source']}{revision}; clean speech: {reached}; "
        f"{about['utterances']} utterances with {about['words']} words"
        + (f", {left_out} without words left out)" if left_out else ")")
    )


def _warn_of_nonsense(clean: Mapping, source: str) -> None:
    """Says so if the recogniser does not even understand clean speech."""
    if clean["mean"] is None or clean["mean"] > SUSPICIOUS:
        logger.warning(
            "The recogniser %s gets %s %% of the clean speech's words wrong: "
            "is it for this language, and does `normalise` fit its way of "
            "writing? Compare wer/clean.txt.",
            source,
            "all" if clean["mean"] is None else round(clean["mean"], 1),
        )
