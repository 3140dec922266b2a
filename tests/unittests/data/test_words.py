"""Transcripts in the forms in which corpora have them."""

import json

import pytest

from dispatch_sb.data.words import read_words

WORDS = {"p232_001": "Please call Stella.", "p232_002": "It's a bell"}


def folder(path):
    path.mkdir()
    for key, text in WORDS.items():
        (path / f"{key}.txt").write_text(text.replace(" ", "\n ") + "\n")
    (path / "._p232_001.txt").write_text("left by an archive")


def json_file(path):
    path.write_text(json.dumps({f"{k}.wav": v for k, v in WORDS.items()}))


def lines(path):
    path.write_text("".join(f"{k}\t{v}\n\n" for k, v in WORDS.items()))


@pytest.mark.parametrize(
    "write, name",
    [(folder, "txt"), (json_file, "words.json"), (lines, "a.trans.txt")],
)
def test_words_are_found_by_the_name_of_the_audio(tmp_path, write, name):
    write(tmp_path / name)
    assert read_words(tmp_path / name) == WORDS


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
