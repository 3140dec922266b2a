"""What is no whole model, or has no name, is not pushed; nobody is asked.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
import torch
from finished_run import TINY, write_run

from dispatch_sb.models import FastEnhancer
from dispatch_sb.sharing.release import export_run
from dispatch_sb.sharing.upload import Push, check_export


@pytest.fixture
def folder(tmp_path):
    """A complete model folder."""
    return export_run(write_run(tmp_path), tmp_path / "model")


def test_what_is_missing_is_told_at_once(folder):
    check_export(folder)
    (folder / "example.wav").unlink()  # need not be there
    needed = sorted(path.name for path in folder.iterdir())
    (folder / needed[0]).write_bytes(b"")
    for name in needed[1:]:
        (folder / name).unlink()
    with pytest.raises(FileNotFoundError) as error:
        check_export(folder)
    assert all(name in str(error.value) for name in needed)


@pytest.mark.parametrize(
    "file, old, new",
    [
        ("README.md", "license: apache", "licence: apache"),
        ("README.md", "model-index:", "index:"),
        ("README.md", "results:", "outcome:"),
        ("config.json", '"channels": 8', '"channels": 4'),
    ],
)
def test_a_folder_that_is_spoilt(folder, file, old, new):
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=folder.name):
        check_export(folder)


def test_two_files_with_different_weights(folder):
    state = FastEnhancer(**TINY).state_dict()
    torch.save(state, folder / "enhance_model.ckpt")
    with pytest.raises(ValueError, match="enhance_model.ckpt"):
        check_export(folder)


@pytest.mark.parametrize("name", ["lab/a", "Lab-1/a.b_c", "l/" + "a" * 96])
def test_names_of_the_hub(folder, name):
    assert name in Push(folder, name, tag="v1.0").dry_run()
