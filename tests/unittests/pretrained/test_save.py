"""A written folder holds the model, whole, for us and for SpeechBrain.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os

import pytest
import torch
from finished_run import TINY
from safetensors.torch import load_file
from speechbrain.inference.enhancement import WaveformEnhancement
from torch import nn

from dispatch_sb.data.audio import read_audio
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import folder as folder_module
from dispatch_sb.pretrained import load, save


@pytest.fixture
def model():
    torch.manual_seed(0)
    return FastEnhancer(**TINY).eval()


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(2, 8000, generator=generator)


@torch.no_grad()
def same(loaded, model, noisy):
    """Whether two models answer bit for bit alike."""
    return loaded(noisy).equal(model(noisy))


def speechbrain(path):
    """What SpeechBrain makes of the folder."""
    return WaveformEnhancement.from_hparams(
        source=str(path), run_opts={"device": "cpu"}
    )


def test_the_layout_is_complete_and_readable_by_everyone(
    model, noisy, tmp_path
):
    path = save(model, tmp_path / "tiny", "# Card", noisy[0])
    assert sorted(os.listdir(path)) == sorted(folder_module.FILES)
    assert json.loads((path / "config.json").read_text()) == {
        "speechbrain_interface": "WaveformEnhancement",
        "model": {
            "class": "dispatch_sb.models.FastEnhancer",
            "arguments": model.config,
        },
    }
    assert (path / "README.md").read_text() == "# Card"
    example = torch.from_numpy(read_audio(path / "example.wav"))
    torch.testing.assert_close(example, noisy[0], rtol=0, atol=2**-15)
    state, tensors = (
        torch.load(path / "enhance_model.ckpt"),
        load_file(path / "model.safetensors"),
    )
    assert set(tensors) == set(state) == set(model.state_dict())
    assert all(tensors[key].equal(state[key]) for key in state)
    assert {file.stat().st_mode & 0o444 for file in path.iterdir()} == {0o444}


@pytest.mark.parametrize("rate", [16000, 8000])
def test_speechbrain_loads_it_bit_for_bit(noisy, tmp_path, rate):
    model = FastEnhancer(**TINY, sample_rate=rate).eval()
    path = save(model, tmp_path / "tiny", "# Card", noisy[0])
    loaded = speechbrain(path)
    assert same(loaded.enhance_batch, model, noisy)
    example = read_audio(path / "example.wav", rate)[None]
    with torch.no_grad():
        expected = model(torch.from_numpy(example))[0]
    assert loaded.enhance_file(str(path / "example.wav")).equal(expected)


def test_speechbrain_loads_it_strictly(model, tmp_path):
    path = save(model, tmp_path / "tiny", "# Card")
    state = torch.load(path / "enhance_model.ckpt")
    lost = list(state)[0]
    del state[lost]
    torch.save(state, path / "enhance_model.ckpt")
    with pytest.raises(ValueError, match=lost):
        speechbrain(path)


def test_a_folder_is_replaced_and_other_files_stay(model, noisy, tmp_path):
    path = save(model, tmp_path / "tiny", "# Old", noisy[0])
    (path / "notes").mkdir()
    (path / "notes" / "README.md").write_text("because")
    torch.manual_seed(1)
    other = FastEnhancer(**TINY).eval()
    save(other, path, "# New")
    assert (path / "README.md").read_text() == "# New"
    assert (path / "notes" / "README.md").read_text() == "because"
    assert not (path / "example.wav").exists()  # it belonged to the old one
    assert same(load(path), other, noisy)
    assert os.listdir(tmp_path) == ["tiny"]


@pytest.mark.parametrize("step", ["writing", "first move", "second move"])
def test_an_interruption_leaves_the_old_folder_whole(
    model, noisy, tmp_path, monkeypatch, step
):
    path = save(model, tmp_path / "tiny", "# Old")
    replace, left = os.replace, {"first move": 0, "second move": 1}.get(step)

    def fail(*arguments):
        nonlocal left
        if left == 0 or left is None:
            left = -1
            raise OSError(28, "No space left on device")
        left -= 1
        replace(*arguments)

    broken = (torch, "save") if step == "writing" else (os, "replace")
    monkeypatch.setattr(*broken, fail)
    with pytest.raises(OSError, match="No space"):
        save(FastEnhancer(**TINY), path, "# New")
    assert (path / "README.md").read_text() == "# Old"
    assert same(load(path), model, noisy)
    assert os.listdir(tmp_path) == ["tiny"]


def test_models_that_nobody_could_load_again_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Linear"):
        save(nn.Linear(2, 2), tmp_path / "tiny", "# Card")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("moves", [0, 1])
def test_what_a_killed_save_has_left_is_put_right(
    model, tmp_path, monkeypatch, moves
):
    """Killed before it moves the old folder, or before it moves the new one
    there: other files are still kept, nothing is left beside."""
    path = save(model, tmp_path / "tiny", "# Old")
    (path / "notes").write_text("because")
    replace, left = os.replace, [0] * moves

    def die(*arguments):
        left.pop() if left else os._exit(9)
        replace(*arguments)

    process = os.fork()
    if not process:
        try:
            monkeypatch.setattr(os, "replace", die)
            save(model, path, "# Killed")
        finally:
            os._exit(1)
    os.waitpid(process, 0)
    assert len(os.listdir(tmp_path)) == 2 - moves
    save(model, path, "# New")
    assert os.listdir(tmp_path) == ["tiny"]
    assert (path / "README.md").read_text() == "# New"
    assert (path / "notes").read_text() == "because"
