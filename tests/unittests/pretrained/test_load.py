"""Whatever holds a model becomes it, bit for bit; what came with it does not
run, and what is damaged is named.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import pickle
import shutil

import pytest
import torch
from finished_run import TINY, write_run
from safetensors.torch import load_file, save_file

import dispatch_sb
from dispatch_sb.data import write_audio
from dispatch_sb.models import FastEnhancer, interface
from dispatch_sb.pretrained import load, load_student, load_teacher, save
from dispatch_sb.runs.run import Run

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SAFE, CHECKPOINT = "model.safetensors", "enhance_model.ckpt"
OURS = "dispatch_sb.models.FastEnhancer"


@pytest.fixture
def model():
    torch.manual_seed(0)
    return FastEnhancer(**TINY).eval()


@pytest.fixture
def folder(model, tmp_path):
    return save(model, tmp_path / "tiny", "# Tiny")


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(2, 8000, generator=generator)


@torch.no_grad()
def same(loaded, model, noisy):
    """Whether two models answer bit for bit alike."""
    return loaded(noisy).equal(model(noisy))


def described(**arguments):
    """A config.json of one of our networks."""
    return {"model": {"class": OURS, "arguments": {**TINY, **arguments}}}


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("loader", [load, load_teacher, load_student])
def test_the_model_is_itself_and_nothing_beside_it_runs(
    folder, model, noisy, loader
):
    ran = folder / "yaml ran", folder / "pickle ran"
    attack = pickle.dumps({"weight": Payload(str(ran[1]))})
    pickle.loads(attack)  # it does run, if anyone lets it
    ran[1].rmdir()
    trap = f"trap: !apply:os.mkdir ['{ran[0]}']\n"
    (folder / "hyperparams.yaml").write_text(trap)
    (folder / CHECKPOINT).write_bytes(attack)
    loaded = loader(folder)
    assert same(loaded, model, noisy) and not loaded.training
    assert loaded.sample_rate == 16000
    (folder / SAFE).write_bytes(attack)
    with pytest.raises(ValueError, match=SAFE):
        loader(folder)
    assert not any(path.exists() for path in ran)


@pytest.mark.parametrize("loader", [load, load_teacher])
def test_folders_without_safetensors_still_load(folder, model, noisy, loader):
    (folder / SAFE).unlink()
    assert same(loader(str(folder)), model, noisy)
    with pytest.raises(FileNotFoundError, match=SAFE):
        load_student(folder)


def test_the_two_files_of_a_student_are_enough(folder, model, noisy, tmp_path):
    snapshots = tmp_path / "hub" / "models--lab--tiny" / "snapshots" / COMMIT
    snapshots.mkdir(parents=True)
    for name in ("config.json", SAFE):
        shutil.copy(folder / name, snapshots)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    loaded = load_student("lab/tiny", COMMIT, savedir=tmp_path / "hub")
    assert torch.rand(3).equal(expected)  # the global random state stays
    assert same(loaded, model, noisy)


@pytest.mark.parametrize(
    "config, named",
    [
        ({"model": {"class": "os.system"}}, "os.system"),
        ({"model": {"class": "torch.nn.Linear"}}, "torch.nn.Linear"),
        ({"model": {"class": "dispatch_sb.models.nn.Linear"}}, "nn.Linear"),
        ({"model": {"class": "dispatch_sb.models.interface.os.system"}}, "os."),
        ({"model": {"class": "dispatch_sb.models.interface.Conv1d"}}, "not a"),
        (
            {"model": {"class": "dispatch_sb.models.interface.load_weights"}},
            "load_weights",
        ),
        ({"model": {"class": "dispatch_sb.models_of_others.Net"}}, "others"),
        ({"model": {"class": "dispatch_sb.models.NoSuchModel"}}, "NoSuchModel"),
        ({"model": {"class": "dispatch_sb.pretrained.loading.load"}}, "load"),
        ({"model": {"arguments": {}}}, "None"),
        ({"model": {"class": OURS, "arguments": {"colour": "red"}}}, "colour"),
        ({"model": {"class": OURS, "arguments": {"channels": -1}}}, OURS),
        (described(depth=1e9), "depth"),
        (described(depth=8000), "bytes of parameters"),
        (described(n_fft=10000), "n_fft"),
        (described(sample_rate=0), "sample_rate"),
        (described(hop=1), "hop"),
        (described(channels=10**9), "as arguments, at channels"),
        ({"model": {"class": OURS, "arguments": ["a"]}}, OURS),
        ({"model": 3}, "config.json"),
        ({"speechbrain_interface": "WaveformEnhancement"}, "load_teacher"),
        ([1], "config.json"),
        ("{", "config.json"),
    ],
)
def test_what_describes_no_model_of_ours_is_refused(
    folder, monkeypatch, config, named
):
    # A name that a module of ours merely imports is not ours.
    monkeypatch.setattr(interface, "Conv1d", torch.nn.Conv1d, raising=False)
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match=named):
        load_student(folder)


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "missing"])
@pytest.mark.parametrize("name", [SAFE, CHECKPOINT])
def test_damaged_weights_are_named(folder, name, damage):
    (folder / ({SAFE, CHECKPOINT} - {name}).pop()).unlink()
    content = (folder / name).read_bytes()
    changed = {"truncated": content[:-200], "empty": b"", "text": b"<html>"}
    if damage == "missing":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(changed[damage])
    error = FileNotFoundError if damage == "missing" else ValueError
    with pytest.raises(error, match=f"{folder}.*{CHECKPOINT}|{folder}.*{name}"):
        load(folder)


def test_weights_of_another_model_are_listed(folder):
    state = load_file(folder / SAFE)
    lost, reshaped = list(state)[:2]
    state["surplus"] = state.pop(lost)
    state[reshaped] = torch.zeros(3, 3)
    save_file(state, folder / SAFE)
    with pytest.raises(ValueError) as raised:
        load(folder)
    for named in (lost, "surplus", reshaped, "[3, 3]"):
        assert named in str(raised.value)


@pytest.mark.parametrize("loader", [load, load_teacher])
def test_a_run_is_its_best_student(tmp_path, noisy, loader):
    run = write_run(tmp_path)
    assert same(loader(run), Run.open(run).student, noisy)


def test_models_of_another_rate_keep_it_and_teachers_are_asked(tmp_path):
    model = FastEnhancer(**TINY, sample_rate=8000).eval()
    folder = save(model, tmp_path / "narrow", "# 8 kHz")
    noisy = 0.1 * torch.ones(1, 8000)
    assert load(folder).sample_rate == 8000
    (folder / "config.json").unlink()  # now a folder of SpeechBrain's
    opened = load(folder)
    assert opened.sample_rate == 8000 and same(opened, model, noisy)
    with pytest.raises(ValueError, match="8000.*16000"):
        load_teacher(folder)
    assert load_teacher(folder, resample=True)(noisy).shape == noisy.shape


def test_clean_speech_and_recordings_are_what_they_are(tmp_path, noisy):
    write_audio(tmp_path / "recorded" / "a.wav", noisy[0])
    for source in ("clean", tmp_path / "recorded"):
        for opened in (load(source), load_teacher(source, delay=0)):
            assert not opened.live and opened.origin["source"] == str(source)
            with pytest.raises(RuntimeError):
                opened(noisy)


def test_a_teacher_is_where_it_is_wanted_and_says_where_it_came_from(folder):
    teacher = load_teacher(folder, device="meta")
    assert {p.device.type for p in teacher.parameters()} == {"meta"}
    assert teacher.origin == {"source": str(folder), "revision": None}


@pytest.mark.parametrize("loader", [load, load_teacher, load_student])
def test_what_is_not_there_is_named(tmp_path, loader):
    (tmp_path / "notes.txt").touch()
    for source in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=str(source)):
            loader(source)


def test_the_package_fetches_load_student_when_asked():
    assert dispatch_sb.load_student is load_student
    with pytest.raises(AttributeError, match="load_studnet"):
        dispatch_sb.load_studnet  # noqa: B018
