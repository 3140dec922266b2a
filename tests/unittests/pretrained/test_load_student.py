"""`load_student` runs nothing that came with a model, and gives its output
bit for bit.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import dispatch_sb
from dispatch_sb import load_student
from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load_teacher, save

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def model():
    torch.manual_seed(0)
    return FastEnhancer(
        channels=8, depth=1, blocks=1, block_channels=4, block_bins=4, heads=2
    ).eval()


@pytest.fixture
def folder(model, tmp_path):
    return save(model, tmp_path / "tiny", "# Tiny")


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(2, 8000, generator=generator)


def same(loaded, model, noisy):
    """Whether two models answer bit for bit alike."""
    with torch.no_grad():
        return loaded(noisy).equal(model(noisy))


def test_the_output_is_the_models_own(folder, model, noisy):
    loaded = load_student(folder)
    assert same(loaded, model, noisy)
    assert not loaded.training
    assert loaded.sample_rate == 16000 and loaded.latency == 512


def test_two_files_are_enough(folder, model, noisy, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "two").mkdir(exist_ok=True)
        shutil.copy(folder / name, tmp_path / "two")
    assert same(load_student(tmp_path / "two", device="cpu"), model, noisy)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_yaml_and_pickles_of_the_folder_do_not_run(folder, model, noisy):
    yaml, pickled = folder / "yaml ran", folder / "pickle ran"
    attack = pickle.dumps({"weight": Payload(str(pickled))})
    pickle.loads(attack)  # it does run, if anyone lets it
    pickled.rmdir()
    (folder / "hyperparams.yaml").write_text(
        f"trap: !apply:os.system [\"mkdir '{yaml}'\"]\n"
    )
    for name in ("enhance_model.ckpt", "pytorch_model.bin"):
        (folder / name).write_bytes(attack)
    assert same(load_student(folder), model, noisy)
    (folder / "model.safetensors").write_bytes(attack)
    with pytest.raises(ValueError, match="no safetensors file"):
        load_student(folder)
    assert not yaml.exists() and not pickled.exists()


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "torch.nn.Linear",
        "dispatch_sb.models.nn.Linear",
        "dispatch_sb.models.interface.load_weights",
        "dispatch_sb.pretrained.loading.load",
        None,
    ],
)
def test_other_classes_are_refused(folder, path):
    config = {"model": {"class": path, "arguments": {"command": "true"}}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="is not a model of dispatch_sb.mod"):
        load_student(folder)


@pytest.mark.parametrize(
    "arguments",
    [{"colour": "red"}, {"channels": "8"}, {"channels": -1}, ["a"], None],
)
def test_arguments_that_no_model_takes_are_refused(folder, arguments):
    described = {"class": "dispatch_sb.models.FastEnhancer"}
    config = {"model": {**described, "arguments": arguments}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="does not take these arguments"):
        load_student(folder)


@pytest.mark.parametrize("text", ["{", "[1]", '{"model": 3}', '{"a": 1}'])
def test_a_config_of_something_else_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match="config.json"):
        load_student(folder)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_damaged_weights_are_refused(folder, damage):
    path = folder / "model.safetensors"
    content = path.read_bytes()
    changed = {
        "truncated": content[:-1],
        "empty": b"",
        "text": b"version https://git-lfs.github.com/spec/v1\n",
    }
    path.write_bytes(changed[damage])
    with pytest.raises(ValueError, match="model.safetensors is damaged or"):
        load_student(folder)


def test_weights_of_another_model_are_listed(folder):
    path = folder / "model.safetensors"
    state = load_file(path)
    lost, reshaped = list(state)[:2]
    state["surplus"] = state.pop(lost)
    state[reshaped] = torch.zeros(3, 3)
    save_file(state, path)
    with pytest.raises(ValueError) as raised:
        load_student(folder)
    for words in (f"missing keys: {lost}", "unexpected keys: surplus"):
        assert words in str(raised.value)
    assert f"{reshaped} is [3, 3] instead of" in str(raised.value)


def test_a_folder_of_before_says_how_to_get_the_file(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="export the model again"):
        load_student(folder)


def test_speechbrains_folders_are_left_to_the_teachers(folder):
    config = {"speechbrain_interface": "WaveformEnhancement"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="load_teacher"):
        load_student(folder)


def test_a_mistyped_folder_is_named():
    with pytest.raises(FileNotFoundError, match="no folder no/such/model"):
        load_student("no/such/model")


def test_a_hub_model_is_read_from_the_cache_at_its_commit(
    folder, model, noisy, tmp_path
):
    snapshots = tmp_path / "hub" / "models--lab--tiny" / "snapshots"
    snapshots.mkdir(parents=True)
    shutil.copytree(folder, snapshots / COMMIT)
    loaded = load_student("lab/tiny", COMMIT, savedir=tmp_path / "hub")
    assert same(loaded, model, noisy)


def test_the_random_state_stays_as_it_was(folder):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_student(folder)
    assert torch.rand(3).equal(expected)


def test_the_package_fetches_it_when_asked():
    assert dispatch_sb.load_student is load_student
    with pytest.raises(AttributeError, match="no attribute 'load_studnet'"):
        dispatch_sb.load_studnet  # noqa: B018


def test_teachers_prefer_safetensors_and_know_older_folders(folder, noisy):
    expected = load_teacher(folder)(noisy)
    checkpoint = (folder / "enhance_model.ckpt").read_bytes()
    (folder / "enhance_model.ckpt").write_bytes(b"")
    assert load_teacher(folder)(noisy).equal(expected)
    (folder / "enhance_model.ckpt").write_bytes(checkpoint)
    (folder / "model.safetensors").unlink()
    assert load_teacher(folder)(noisy).equal(expected)


def test_the_file_is_readable_by_everyone_and_by_other_programs(folder):
    path = folder / "model.safetensors"
    assert path.stat().st_mode & 0o777 == 0o644
    state = torch.load(folder / "enhance_model.ckpt")
    tensors = load_file(path)
    assert set(tensors) == set(state)
    assert all(tensors[key].equal(state[key]) for key in state)
