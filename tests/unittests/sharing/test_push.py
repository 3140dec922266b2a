"""What is no whole model, or has no name, is not pushed; nobody is asked.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
import torch

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.sharing import model_card
from dispatch_sb.sharing.upload import Push, check_export

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
    return save(FastEnhancer(**SMALL), tmp_path / "model", card)


def test_what_is_missing_is_told_at_once(folder):
    needed = sorted(path.name for path in folder.iterdir())
    assert len(needed) == 5
    check_export(folder)
    (folder / needed.pop()).write_bytes(b"")
    for name in needed:
        (folder / name).unlink()
    with pytest.raises(FileNotFoundError) as error:
        check_export(folder)
    assert all(name in str(error.value) for name in needed)


@pytest.mark.parametrize(
    "file, old, new, told",
    [
        ("README.md", "license: apache", "licence: apache", "license"),
        ("README.md", "model-index:", "index:", "model-index"),
        ("README.md", "license: apache", "license: [", "README.md"),
        ("README.md", "results:", "outcome:", "README.md"),
        ("README.md", "---\n", "\n", "README.md"),
        ("config.json", "{", "[", "config.json"),
        ("config.json", '"model"', '"network"', "config.json"),
        ("config.json", "FastEnhancer", "nn", "dispatch_sb.models.nn"),
        ("config.json", '"channels": 8', '"channels": 4', "model.safetensors"),
    ],
)
def test_a_folder_that_is_spoilt(folder, file, old, new, told):
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=told):
        check_export(folder)


def test_two_files_with_different_weights(folder):
    state = FastEnhancer(**SMALL).state_dict()
    torch.save(state, folder / "enhance_model.ckpt")
    with pytest.raises(ValueError, match="enhance_model.ckpt"):
        check_export(folder)


def test_weights_that_were_cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="model.safetensors"):
        check_export(folder)


@pytest.mark.parametrize("name", ["lab/a", "Lab-1/a.b_c", "l/" + "a" * 96])
def test_names_of_the_hub(folder, name):
    assert name in Push(folder, name, tag="v1.0").dry_run()


@pytest.mark.parametrize(
    "name", ["", "a", "a/b/c", "lab/", "/a", "lab/-a", "lab/a..b", "la b/a"]
)
def test_names_that_the_hub_refuses(folder, name):
    with pytest.raises(ValueError) as error:
        Push(folder, name).dry_run()
    assert repr(name) in str(error.value)


@pytest.mark.parametrize("tag", ["", "a b", "-1", "v1.", "a..b", "a" * 40])
def test_tags_that_git_refuses_or_that_look_like_commits(folder, tag):
    with pytest.raises(ValueError) as error:
        Push(folder, "lab/a", tag=tag).dry_run()
    assert repr(tag) in str(error.value)
