"""Transcripts: what is said in the files of a corpus.

Authors
 * The dispatch-sb contributors, 2026
"""

import os
import re
from pathlib import Path

from dispatch_sb.data.files import AUDIO_SUFFIXES
from dispatch_sb.data.value_checks import STRING, block_of, read_json


def read_words(source: str | os.PathLike) -> dict[str, str]:
    """Reads what is said, by the names of the audio files.

    Arguments
    ---------
    source : str or os.PathLike
        A folder with a text file for each audio file, of the same name but
        for the suffix (``p232_001.txt``, as VoiceBank-DEMAND has them); a
        ``.json`` file that maps names to texts; or a text file with a name
        and its words on each line (as Kaldi's ``text`` and LibriSpeech's
        ``.trans.txt``).

    Returns
    -------
    dict of str
        One line of text by name, without suffix.

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If there are no transcripts in it.

    Example
    -------
    >>> path = getfixture("tmp_path") / "text"
    >>> _ = path.write_text("ann_01 hello there\\nann_02.wav good bye\\n")
    >>> read_words(path)
    {'ann_01': 'hello there', 'ann_02': 'good bye'}
    """
    source = Path(source)
    if source.is_dir():
        words = {
            path.stem: path.read_text("utf-8-sig", "replace")
            for path in sorted(source.glob("[!.]*.txt"))
        }
    elif source.is_file():
        words = _read_file(source)
    else:
        raise FileNotFoundError(
            f"There are no transcripts {source}: give a folder of text files, "
            "a JSON file, or a file with a name and its words on each line."
        )
    words = {key: " ".join(text.split()) for key, text in words.items()}
    words = {key: text for key, text in words.items() if text}
    if not words:
        raise ValueError(
            f"{source} has no transcripts: it needs .txt files, or a name and "
            "its words on each line."
        )
    return words


def _read_file(path: Path) -> dict[str, str]:
    """Texts by name, of JSON or of lines that begin with the name."""
    text = path.read_text("utf-8-sig", "replace")
    if path.suffix.lower() == ".json":
        words = read_json(path, block_of(STRING), "map names to texts.")
    else:
        parts = [line.split(maxsplit=1) for line in text.splitlines()]
        words = dict(part for part in parts if len(part) == 2)
    ends = re.compile(rf"({'|'.join(map(re.escape, AUDIO_SUFFIXES))})$", re.I)
    return {ends.sub("", Path(key).name): words[key] for key in words}
