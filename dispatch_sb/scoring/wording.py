"""Transcripts made comparable: what counts as a word, and when two words are
the same.

Authors
 * The dispatch-sb contributors, 2026
"""

import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

CHOICES = {
    "case": ("upper", "lower", "keep"),
    "apostrophes": ("keep", "remove"),
    "hyphens": ("space", "join", "keep"),
    "punctuation": ("remove", "keep"),
}
# Typographic and makeshift apostrophes; hyphens, which are no dashes.
APOSTROPHES = re.compile("[\u2018\u2019\u02bc\u0060\u00b4]")
HYPHENS = re.compile("[\u2010\u2011]")
BETWEEN = r"(?<=[^\W_]){}(?=[^\W_])"  # only inside a word


@dataclass(frozen=True)
class WordNormaliser:
    """Cuts a text into words, written in one way.

    By default as recognisers trained on LibriSpeech write: upper case, no
    punctuation, apostrophes inside words, no hyphens. VoiceBank's sentences
    ("Ask her to bring these things with her from the store.") become the same.
    Numbers and British spelling stay as they are: see ``replace``.

    Arguments
    ---------
    case : str
        ``upper``, ``lower`` or ``keep``.
    apostrophes : str
        Inside words: ``keep`` (DON'T) or ``remove`` (DONT). Those around words
        are quotation marks, which is punctuation.
    hyphens : str
        Inside words: ``space`` (WELL KNOWN), ``join`` (WELLKNOWN) or ``keep``.
    punctuation : str
        ``remove`` (everything but letters, digits and the above ends a word)
        or ``keep``.
    replace : Mapping[str, str]
        Words that are replaced at the end, by none, one or several, for
        instance ``{COLOUR: COLOR, MR: MISTER}``; written in any way.

    Raises
    ------
    ValueError
        If a choice does not exist, or ``replace`` replaces what is no word.

    Example
    -------
    >>> normalise = WordNormaliser()
    >>> normalise("\u2018Well-known,\u2019 she said; I don\u2019t agree.")
    ['WELL', 'KNOWN', 'SHE', 'SAID', 'I', "DON'T", 'AGREE']
    >>> WordNormaliser(hyphens="join", replace={"Mr": "Mister"})("Mr. X-Ray")
    ['MISTER', 'XRAY']
    """

    case: str = "upper"
    apostrophes: str = "keep"
    hyphens: str = "space"
    punctuation: str = "remove"
    replace: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"normalise: {name} is {getattr(self, name)!r}: choose "
                    f"among {', '.join(choices)}."
                )
        for word in self.replace:
            if len(self._split(str(word))) != 1:
                raise ValueError(
                    f"normalise: replace has {str(word)!r}, which is not one "
                    "word: words are replaced one by one."
                )

    def __call__(self, text: str) -> list[str]:
        """Cuts a text into words.

        Arguments
        ---------
        text : str
            A sentence, as written or as recognised.

        Returns
        -------
        list of str
            Its words.
        """
        return [
            word
            for written in self._split(text)
            for word in self._replacements.get(written, [written])
        ]

    @functools.cached_property
    def _replacements(self) -> dict[str, list[str]]:
        """Words by the word that they replace."""
        return {
            self._split(str(word))[0]: self._split(str(other or ""))
            for word, other in self.replace.items()
        }

    def _split(self, text: str) -> list[str]:
        """The words before any is replaced."""
        text = HYPHENS.sub("-", APOSTROPHES.sub("'", text))
        text = unicodedata.normalize("NFKC", text)
        if self.case != "keep":
            text = text.upper() if self.case == "upper" else text.lower()
        if self.apostrophes == "remove":
            text = re.sub(BETWEEN.format("'"), "", text)
        if self.hyphens != "keep":
            joint = " " if self.hyphens == "space" else ""
            text = re.sub(BETWEEN.format("-"), joint, text)
        if self.punctuation == "remove":
            text = _without_punctuation(text)
        return text.split()


def _without_punctuation(text: str) -> str:
    """Spaces in the place of all but letters, marks, digits and what joins
    them."""
    inside = {m.start() for m in re.finditer(BETWEEN.format("['-]"), text)}
    return "".join(
        letter
        if unicodedata.category(letter)[0] in "LMN" or place in inside
        else " "
        for place, letter in enumerate(text)
    )
