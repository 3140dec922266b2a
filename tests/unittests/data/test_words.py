"""Transcripts in the forms in which corpora have them."""

import json

import pytest

from dispatch_sb.data.words import read_words

WORDS = {"p232_001": "Please call Stella.", "p232_002": "It's a bell"}


def test_words_are_found_by_the_name_of_the_audio(tmp_path):
    folder, mapping = tmp_path / "txt", tmp_path / "words.json"
    lines = tmp_path / "a.trans.txt"
    folder.mkdir()
    for key, text in WORDS.items():
        (folder / f"{key}.txt").write_text(text.replace(" ", "\n ") + "\n")
    (folder / "._p232_001.txt").write_text("left by an archive")
    mapping.write_text(json.dumps({f"{k}.wav": v for k, v in WORDS.items()}))
    lines.write_text("".join(f"{k}\t{v}\n\n" for k, v in WORDS.items()))
    for source in (folder, mapping, lines):
        assert read_words(source) == WORDS


@pytest.mark.parametrize(
    "content, name",
    [
        (None, "words.txt"),
        ("", "words.txt"),
        ("{", "words.json"),
        ("[]", "words.json"),
    ],
)
def test_what_has_no_transcripts_is_refused(tmp_path, content, name):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    error = FileNotFoundError if content is None else ValueError
    with pytest.raises(error, match=str(path)):
        read_words(path)
