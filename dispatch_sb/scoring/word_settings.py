"""The `wer` block of a recipe: which recogniser, and what a word is.

Authors
 * The dispatch-sb contributors, 2026
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dispatch_sb.scoring.wording import WordNormaliser


@dataclass(frozen=True)
class WordErrorSettings:
    """The ``wer`` block of a recipe.

    Arguments
    ---------
    source : str
        Folder or hub id of a SpeechBrain ``EncoderDecoderASR``. Its YAML is
        executed: name only what you trust.
    revision : str, optional
        Commit, tag or branch of a hub id.
    savedir : str, optional
        Where downloads go; the hub's own cache if None.
    batch_size : int
        Utterances that are recognised together. Padding can change a word
        with some recognisers; 1 pads nothing.
    normalise : WordNormaliser
        Cuts texts into comparable words.
    overrides : Mapping
        Values that replace those of the recogniser's YAML, such as a smaller
        beam.

    Raises
    ------
    ValueError
        If a value cannot be used.
    """

    source: str
    revision: str | None = None
    savedir: str | None = None
    batch_size: int = 8
    normalise: WordNormaliser = WordNormaliser()
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if not self.source or not isinstance(self.source, str):
            raise ValueError(
                f"wer: source is {self.source!r}: give the folder or the hub "
                "id of a SpeechBrain EncoderDecoderASR."
            )
        if not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise ValueError(
                f"wer: batch_size is {self.batch_size!r}: give 1 or more."
            )

    def describe(self) -> dict:
        """What decides the scores, as plain values for ``scores.json``."""
        plain = asdict(self)
        del plain["savedir"]
        return {**plain, "normalisation": plain.pop("normalise")}


def word_error_settings(wer: Mapping | str | None) -> WordErrorSettings | None:
    """Reads the ``wer`` block of a recipe.

    Arguments
    ---------
    wer : Mapping, str or None
        The arguments of `WordErrorSettings`, with those of `WordNormaliser`
        as its ``normalise``; the source alone, or nothing.

    Returns
    -------
    WordErrorSettings or None
        None without a source: no word error rate is wanted.

    Raises
    ------
    ValueError
        If there is an unknown key, or a value cannot be used.

    Example
    -------
    >>> word_error_settings("speechbrain/asr-crdnn-rnnlm-librispeech").source
    'speechbrain/asr-crdnn-rnnlm-librispeech'
    >>> word_error_settings({"sauce": "a"})
    Traceback (most recent call last):
    ValueError: wer has no key 'sauce': it takes source, revision, savedir,
    batch_size, normalise, overrides.
    """
    if not wer:
        return None
    if isinstance(wer, str):
        wer = {"source": wer}
    _check_keys("wer", wer, WordErrorSettings)
    given = {key: value for key, value in wer.items() if value is not None}
    if "source" not in given:
        return None
    rules = given.get("normalise", {})
    _check_keys("wer: normalise", rules, WordNormaliser)
    return WordErrorSettings(**{**given, "normalise": WordNormaliser(**rules)})


def _check_keys(name: str, block: Mapping, kind: type) -> None:
    """Refuses what a dataclass cannot be made of."""
    if not isinstance(block, Mapping):
        raise ValueError(f"{name} is {block!r}: give a block of keys.")
    known = [item.name for item in fields(kind)]
    for key in block:
        if key not in known:
            raise ValueError(
                f"{name} has no key {key!r}: it takes {', '.join(known)}."
            )
