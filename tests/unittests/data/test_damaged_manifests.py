"""Manifests, notes and transcripts, damaged and invented."""

import json
import shutil
from pathlib import Path

import pytest
from clear_errors import REFUSED, attempt, share
from damages import damaged_json
from hypothesis import given
from hypothesis import strategies as st
from sounds import write_manifest, write_pair

from dispatch_sb.data import (
    DynamicMixture,
    manifest_hash,
    pair_dataset,
    write_single_manifest,
)
from dispatch_sb.data.in_memory import bytes_needed
from dispatch_sb.data.words import read_words
from dispatch_sb.pretrained.recorded import RecordedTeacher
from dispatch_sb.pretrained.recording_checks import fit_recordings


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Two pairs, and their manifests."""
    root = tmp_path_factory.mktemp("pairs")
    for number in (1, 2):
        write_pair(root, f"ann_{number}.wav", 0.3, number)
    write_manifest(root)
    write_single_manifest(root / "clean", root / "clean.json", root)
    return root


def texts_of(path):
    """All texts of a manifest: a message may name one of them, a file."""
    try:
        tree = [json.loads(path.read_bytes())]
    except (ValueError, RecursionError):
        return []
    for node in tree:
        inside = node.values() if isinstance(node, dict) else ()
        tree += node if isinstance(node, list) else inside
    texts = [node.strip() for node in tree if isinstance(node, str)]
    root = str(path.parent)
    return [text.replace("{data_root}", root) for text in texts]


@share(1)
@given(data=st.data())
def test_a_manifest_of_pairs(root, data):
    path, good = root / "damaged.json", root / "all.json"
    good = json.loads(good.read_text())
    path.write_bytes(data.draw(damaged_json(good)))

    def read():
        pairs = pair_dataset(path, root, 0.1)
        manifest_hash(path)
        assert bytes_needed(pairs) >= 0
        return list(pairs)

    items = attempt(read, path, *texts_of(path), "/ann_")
    if items is not REFUSED:
        assert all(item["noisy_sig"].shape == (1600,) for item in items)


@share(0.5)
@given(data=st.data())
def test_a_manifest_of_speech_to_mix(root, data):
    path, good = root / "damaged.json", root / "clean.json"
    good = json.loads(good.read_text())
    path.write_bytes(data.draw(damaged_json(good)))

    def read():
        mixture = DynamicMixture(path, path, 0.1, length=2, data_root=root)
        assert bytes_needed(mixture) >= 0
        return list(mixture)

    attempt(read, path, *texts_of(path))


@share(0.5)
@given(data=st.data())
def test_the_note_of_recordings(root, data):
    folder = root / "recorded"
    shutil.copytree(root / "clean", folder, dirs_exist_ok=True)
    entries = json.loads((root / "all.json").read_text())
    for entry in entries.values():
        for key in ("noisy_wav", "clean_wav"):
            entry[key] = entry[key].replace("{data_root}", str(root))
    note = {
        "made_with": {"source": "lab/big", "weights_sha256": "c0ffee"},
        "files": {
            Path(entry["clean_wav"]).name: {
                "sha256": entry["clean_sha256"],
                "noisy_sha256": entry["noisy_sha256"],
            }
            for entry in entries.values()
        },
    }
    (folder / "recording.json").write_bytes(data.draw(damaged_json(note)))

    def read():
        teacher = RecordedTeacher(folder)
        fit_recordings(teacher, {"a": entries}, root / "note", root / "copies")

    attempt(read, folder)


@share(0.3)
@given(data=st.data())
def test_transcripts(root, data):
    path = root / data.draw(st.sampled_from(["words.json", "words.txt"]))
    good = {"ann_1": "hello there", "ann_2.wav": "good bye"}
    path.write_bytes(data.draw(damaged_json(good)))
    attempt(lambda: read_words(path), path)
