"""What is no whole model, or has no name, is not pushed.

Authors
 * The dispatch-sb contributors, 2026
"""

import json

import pytest
import torch

from dispatch_sb.models import FastEnhancer
from dispatch_sb.publish import model_card, write_model_folder
from dispatch_sb.publish.push_checks import (
    check_model_folder,
    check_name,
    check_reference,
    files_to_push,
)

SMALL = dict(
    channels=8, depth=1, blocks=1, block_channels=4, block_bins=4, heads=2
)


@pytest.fixture
def folder(tmp_path):
    """A complete model folder."""
    torch.manual_seed(0)
    pesq = {"mean": 2.5, "ci95": [2.4, 2.6], "n": 35, "failed": 0}
    card = model_card(
        "tiny",
        "A tiny enhancer.",
        data=[{"name": "own recordings", "licence": "CC0-1.0"}],
        scores={"excerpt": {"student": {"pesq": pesq}}},
    )
    return write_model_folder(FastEnhancer(**SMALL), tmp_path / "model", card)


def replace(path, old, new):
    """Changes a text file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_what_export_writes_can_be_pushed(folder):
    check_model_folder(folder)


def test_all_problems_are_told_at_once(folder):
    for name in ("config.json", "model.safetensors", "hyperparams.yaml"):
        (folder / name).unlink()
    (folder / "enhance_model.ckpt").write_bytes(b"")
    (folder / "README.md").write_text("---\ntags: [audio]\n---\n# Tiny\n")
    with pytest.raises(ValueError) as error:
        check_model_folder(folder)
    assert str(error.value) == (
        f"{folder} is no complete model folder: config.json is missing; "
        "model.safetensors is missing; hyperparams.yaml is missing; "
        "enhance_model.ckpt is empty; README.md names no licence (license: in "
        "its head); README.md has no scores (model-index: in its head). Write "
        "it anew with `dispatch-sb export`."
    )


@pytest.mark.parametrize(
    "file, old, new, told",
    [
        ("README.md", "license: apache", "licence: apache", "names no licence"),
        ("README.md", "model-index:", "index:", "has no scores"),
        ("README.md", "license: apache", "license: [", "cannot be read"),
        ("README.md", "results:", "outcome:", "cannot be read"),
        ("README.md", "---\n", "\n", "names no licence"),
        ("config.json", "{", "[", "is not JSON"),
        ("config.json", '"model"', '"network"', "describes no model"),
        ("config.json", "FastEnhancer", "nn", "'dispatch_sb.models.nn' is not"),
        ("config.json", '"channels": 8', '"channels": 4', "does not fit"),
    ],
)
def test_a_folder_that_is_spoilt(folder, file, old, new, told):
    replace(folder / file, old, new)
    with pytest.raises(ValueError, match=told):
        check_model_folder(folder)


def test_two_files_with_different_weights(folder):
    state = FastEnhancer(**SMALL).state_dict()
    torch.save(state, folder / "enhance_model.ckpt")
    told = "model.safetensors and enhance_model.ckpt hold different weights"
    with pytest.raises(ValueError, match=told):
        check_model_folder(folder)


def test_weights_that_were_cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="safetensors is damaged"):
        check_model_folder(folder)


def test_a_speechbrain_folder_is_not_ours_to_push(folder):
    config = {"speechbrain_interface": "WaveformEnhancement"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="no model of dispatch-sb"):
        check_model_folder(folder)


def test_hidden_files_are_not_pushed(folder):
    (folder / ".cache").mkdir()
    (folder / ".cache" / "token").write_text("secret")
    (folder / "scores").mkdir()
    (folder / "scores" / "excerpt.json").write_text("{}")
    files = files_to_push(folder)
    assert list(files) == [
        "README.md",
        "config.json",
        "enhance_model.ckpt",
        "hyperparams.yaml",
        "model.safetensors",
        "scores/excerpt.json",
    ]
    assert files["scores/excerpt.json"].read_text() == "{}"


@pytest.mark.parametrize("name", ["lab/a", "Lab-1/a.b_c", "l/" + "a" * 96])
def test_names_of_the_hub(name):
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "a", "a/b/c", "lab/", "/a", "lab/-a", "lab/a..b", "la b/a"]
)
def test_names_that_the_hub_refuses(name):
    with pytest.raises(ValueError, match="is no hub id"):
        check_name(name)


@pytest.mark.parametrize("tag", ["", "a b", "-1", "v1.", "a..b", "a" * 40])
def test_tags_that_git_refuses_or_that_look_like_commits(tag):
    with pytest.raises(ValueError, match="cannot be a tag"):
        check_reference(tag, "tag")
