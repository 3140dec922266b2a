"""A written folder holds the model, whole, for us and for SpeechBrain.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os

import pytest
import torch
from speechbrain.inference.enhancement import WaveformEnhancement
from torch import nn

from dispatch_sb.data.audio import read_audio
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import folder as folder_module
from dispatch_sb.pretrained import load_teacher, save


@pytest.fixture
def model():
    torch.manual_seed(0)
    return FastEnhancer(
        channels=8, depth=1, blocks=1, block_channels=4, block_bins=4, heads=2
    )


@pytest.fixture
def noisy():
    return 0.1 * torch.randn(
        2, 8000, generator=torch.Generator().manual_seed(0)
    )


def enhanced(model, noisy):
    """The model's own answer, in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return model(noisy)


def test_the_layout_is_complete(model, noisy, tmp_path):
    path = save(model, tmp_path / "tiny", "# Card", noisy[0])
    assert sorted(os.listdir(path)) == [
        "README.md",
        "config.json",
        "enhance_model.ckpt",
        "example.wav",
        "hyperparams.yaml",
        "model.safetensors",
    ]
    config = json.loads((path / "config.json").read_text())
    assert config == {
        "speechbrain_interface": "WaveformEnhancement",
        "model": {
            "class": "dispatch_sb.models.FastEnhancer",
            "arguments": model.config,
        },
    }
    assert (path / "README.md").read_text() == "# Card"
    example = torch.from_numpy(read_audio(path / "example.wav"))
    torch.testing.assert_close(example, noisy[0], rtol=0, atol=2**-15)


def test_speechbrain_loads_it_bit_for_bit(model, noisy, tmp_path):
    path = save(model, tmp_path / "tiny", "# Card", noisy[0])
    loaded = WaveformEnhancement.from_hparams(
        source=str(path), run_opts={"device": "cpu"}
    )
    assert loaded.enhance_batch(noisy).equal(enhanced(model, noisy))
    example = torch.from_numpy(read_audio(path / "example.wav"))[None]
    from_file = loaded.enhance_file(str(path / "example.wav"))
    assert from_file.equal(enhanced(model, example)[0])


def test_speechbrain_loads_it_strictly(model, tmp_path):
    path = save(model, tmp_path / "tiny", "# Card")
    state = torch.load(path / "enhance_model.ckpt")
    lost = list(state)[0]
    del state[lost]
    torch.save(state, path / "enhance_model.ckpt")
    with pytest.raises(ValueError, match=f"missing keys: {lost}"):
        WaveformEnhancement.from_hparams(
            source=str(path), run_opts={"device": "cpu"}
        )


def test_load_teacher_loads_it_bit_for_bit(model, noisy, tmp_path):
    path = save(model, tmp_path / "tiny", "# Card")
    assert load_teacher(path)(noisy).equal(enhanced(model, noisy))


def test_another_rate_travels_along(tmp_path, noisy):
    model = FastEnhancer(channels=8, block_channels=4, sample_rate=8000)
    path = save(model, tmp_path / "tiny", "# Card", noisy[0])
    loaded = WaveformEnhancement.from_hparams(
        source=str(path), run_opts={"device": "cpu"}
    )
    assert loaded.audio_normalizer.sample_rate == 8000
    assert len(loaded.enhance_file(str(path / "example.wav"))) == 8000
    with pytest.raises(ValueError, match="8000 Hz"):
        load_teacher(path)


def test_a_folder_is_replaced_and_other_files_stay(model, noisy, tmp_path):
    path = save(model, tmp_path / "tiny", "# Old", noisy[0])
    (path / "notes").mkdir()
    (path / "notes" / "why.txt").write_text("because")
    torch.manual_seed(1)
    other = FastEnhancer(**model.config)
    save(other, path, "# New")
    assert (path / "README.md").read_text() == "# New"
    assert (path / "notes" / "why.txt").read_text() == "because"
    assert not (path / "example.wav").exists()  # it belonged to the old one
    assert load_teacher(path)(noisy).equal(enhanced(other, noisy))
    assert os.listdir(tmp_path) == ["tiny"]


@pytest.mark.parametrize("step", ["_write_files"])
def test_an_interruption_leaves_the_old_folder_whole(
    model, noisy, tmp_path, monkeypatch, step
):
    path = save(model, tmp_path / "tiny", "# Old")
    expected = load_teacher(path)(noisy)
    torch.manual_seed(1)
    monkeypatch.setattr(folder_module, step, _full_disk)
    with pytest.raises(OSError, match="No space"):
        save(FastEnhancer(**model.config), path, "# New")
    assert load_teacher(path)(noisy).equal(expected)
    assert os.listdir(tmp_path) == ["tiny"]


def test_a_failed_move_puts_the_old_folder_back(model, tmp_path, monkeypatch):
    path = save(model, tmp_path / "tiny", "# Old")
    replace, calls = os.replace, []

    def fail_second(source, target):
        calls.append(source)
        if len(calls) == 2:
            _full_disk()
        replace(source, target)

    monkeypatch.setattr(folder_module.os, "replace", fail_second)
    # Without an example nothing else renames a file in between.
    with pytest.raises(OSError, match="No space"):
        save(model, path, "# New")
    assert (path / "README.md").read_text() == "# Old"
    assert os.listdir(tmp_path) == ["tiny"]


def _full_disk(*arguments):
    """Fails as a full disk does."""
    raise OSError(28, "No space left on device")


def test_models_that_nobody_could_load_again_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Linear is not one of dispatch_sb"):
        save(nn.Linear(2, 2), tmp_path / "tiny", "# Card")
    assert os.listdir(tmp_path) == []
