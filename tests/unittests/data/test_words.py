"""Transcripts in the forms in which corpora have them."""

import json

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
