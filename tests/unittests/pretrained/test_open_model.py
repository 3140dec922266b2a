"""One call opens a run, a model folder, a SpeechBrain folder or a hub id.

Authors
 * The dispatch-sb contributors, 2026
"""

import json

import pytest
import torch
from finished_run import TINY, write_run

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import save
from dispatch_sb.pretrained import load
from dispatch_sb.runs.run import Run


@pytest.fixture
def model():
    torch.manual_seed(1)
    return FastEnhancer(**TINY, sample_rate=8000).eval()


@pytest.fixture
def folder(model, tmp_path):
    return save(model, tmp_path / "tiny", "# Tiny")


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(2, 8000, generator=generator)


@torch.no_grad()
def test_a_run_is_its_best_student(tmp_path, noisy):
    run = write_run(tmp_path)
    opened = load(run, device="cpu")
    assert opened(noisy).equal(Run.open(run).student(noisy))
    assert (opened.sample_rate, opened.hop, opened.latency) == (16000, 256, 512)
    assert not opened.training


@torch.no_grad()
def test_a_model_folder_with_or_without_safetensors(folder, model, noisy):
    (folder / "hyperparams.yaml").write_text("trap: !apply:os.abort []\n")
    assert load(folder)(noisy).equal(model(noisy))
    (folder / "model.safetensors").unlink()
    opened = load(str(folder))
    assert opened(noisy).equal(model(noisy))
    assert opened.sample_rate == 8000


@torch.no_grad()
def test_a_speechbrain_folder_answers_at_its_own_rate(folder, model, noisy):
    config = {"speechbrain_interface": "WaveformEnhancement"}
    (folder / "config.json").write_text(json.dumps(config))
    opened = load(folder)
    assert opened(noisy).equal(model(noisy))
    assert opened.sample_rate == 8000


def test_errors_speak_of_a_model(folder):
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match=f"Model {folder}: .*safetensors"):
        load(folder)
    (folder / "config.json").unlink()
    (folder / "hyperparams.yaml").unlink()
    with pytest.raises(FileNotFoundError, match="is no pretrained folder"):
        load(folder)
