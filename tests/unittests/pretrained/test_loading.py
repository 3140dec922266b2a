"""Pretrained folders become teachers that answer as SpeechBrain would, at the
level of their input; folders that are not whole become clear errors.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging

import pytest
import torch
from pretrained_folders import HYPERPARAMS, SEPARATION, WAVEFORM, write_folder
from speechbrain.inference.enhancement import (
    SpectralMaskEnhancement,
    WaveformEnhancement,
)
from speechbrain.inference.separation import SepformerSeparation
from torch import nn

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load_teacher, save
from dispatch_sb.pretrained.folder import _built as build_own
from dispatch_sb.pretrained.probe import voice_like

TINY = dict(
    channels=8, depth=1, blocks=1, block_channels=4, block_bins=4, heads=2
)


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(0)
    noise = 0.01 * torch.randn(2, 8000, generator=generator)
    return (voice_like(16000)[:8000] + noise) * torch.tensor([[1.0], [0.1]])


@pytest.fixture
def own_folder(tmp_path):
    torch.manual_seed(0)
    return save(FastEnhancer(**TINY), tmp_path / "own", "# Card")


@pytest.fixture
def old_folder(own_folder):
    """As it was written before there was model.safetensors."""
    (own_folder / "model.safetensors").unlink()
    return own_folder


def speechbrain_twin(interface, folder, **options):
    """What SpeechBrain itself makes of the folder."""
    return interface.from_hparams(
        source=str(folder), run_opts={"device": "cpu"}, **options
    )


def test_spectral_mask_equals_speechbrain_but_for_the_level(tmp_path, noisy):
    name = "SpectralMaskEnhancement"
    folder = write_folder(tmp_path, HYPERPARAMS[name], name)
    twin = speechbrain_twin(SpectralMaskEnhancement, folder)
    theirs = twin.enhance_batch(noisy, lengths=torch.ones(2))
    ours = load_teacher(folder)(noisy)
    peaks = ours.abs().amax(dim=1, keepdim=True)
    torch.testing.assert_close(theirs.abs().amax(dim=1), torch.ones(2))
    torch.testing.assert_close(theirs * peaks, ours)
    assert 5 < peaks[0] / peaks[1] < 20  # inputs 20 dB apart
    # The normalisation is switched off, not undone afterwards.
    assert load_teacher(folder, match_level=False)(noisy).equal(ours)


def test_spectral_mask_without_lengths(tmp_path, noisy):
    name = "SpectralMaskEnhancement"
    text = HYPERPARAMS[name].replace(
        "!new:speechbrain.lobes.models.MetricGAN.EnhancementGenerator",
        "!new:torch.nn.Sequential",
    )
    text = text.replace("    num_layers: 1\n", "")
    # An empty network hands its input on: the mask is the log magnitude.
    assert load_teacher(write_folder(tmp_path, text))(noisy).shape == (2, 8000)


def test_waveform_equals_speechbrain_and_gets_its_tail_back(tmp_path, noisy):
    name = "WaveformEnhancement"
    folder = write_folder(tmp_path, HYPERPARAMS[name], name)
    theirs = speechbrain_twin(WaveformEnhancement, folder).enhance_batch(noisy)
    ours = load_teacher(folder).train()(noisy)
    assert theirs.shape[1] < ours.shape[1] == 8000
    assert ours[:, : theirs.shape[1]].equal(theirs)


def test_separation_equals_speechbrain(tmp_path, noisy):
    name = "SepformerSeparation"
    folder = write_folder(tmp_path, HYPERPARAMS[name], name)
    theirs = speechbrain_twin(SepformerSeparation, folder).separate_batch(noisy)
    torch.testing.assert_close(load_teacher(folder)(noisy), theirs[:, :, 0])


@pytest.mark.parametrize("name", sorted(HYPERPARAMS))
def test_the_interface_is_guessed_without_a_config(tmp_path, noisy, name):
    stated = write_folder(tmp_path / "stated", HYPERPARAMS[name], name)
    silent = write_folder(tmp_path / "silent", HYPERPARAMS[name])
    assert load_teacher(silent)(noisy).equal(load_teacher(stated)(noisy))


def test_our_own_models_load_without_executing_the_yaml(own_folder, noisy):
    (own_folder / "hyperparams.yaml").write_text(
        f"trap: !apply:pathlib.Path.touch [{own_folder / 'executed'}]\n"
    )
    torch.manual_seed(0)
    expected = FastEnhancer(**TINY).eval()
    with torch.no_grad():
        assert load_teacher(own_folder)(noisy).equal(expected(noisy))
    assert not (own_folder / "executed").exists()


def test_a_teacher_is_where_it_is_wanted_and_says_where_it_came_from(
    own_folder,
):
    teacher = load_teacher(own_folder, device="meta")
    assert {p.device.type for p in teacher.parameters()} == {"meta"}
    assert teacher.origin == {"source": str(own_folder), "revision": None}


def test_a_network_that_normalises_is_found_out(tmp_path, noisy, caplog):
    class Normalizing(nn.Module):
        def forward(self, noisy):
            return noisy / noisy.abs().amax(1, keepdim=True), None

    nn.Normalizing = Normalizing  # where a YAML can name it
    try:
        text = WAVEFORM.split("enhance_model:")[0] + (
            "enhance_model: !new:torch.nn.Normalizing\n"
            + WAVEFORM[WAVEFORM.index("modules:") :]
        )
        folder = write_folder(tmp_path, text)
        with caplog.at_level(logging.INFO):
            teacher = load_teacher(folder)
        raw = load_teacher(folder, match_level=False)
    finally:
        del nn.Normalizing
    assert str(folder) in caplog.text
    torch.testing.assert_close(teacher(noisy), noisy)
    torch.testing.assert_close(raw(noisy).abs().amax(1), torch.ones(2))


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "torch.nn.Linear",
        "dispatch_sb.models",
        "dispatch_sb.models.nn.Linear",
        "dispatch_sb.models.interface.nn",
        "dispatch_sb.models.interface.load_weights",
        "dispatch_sb.models.interface.os.system",
        "dispatch_sb.models_of_others.Net",
        "dispatch_sb.models.NoSuchModel",
    ],
)
def test_only_our_networks_are_constructed(path):
    with pytest.raises(ValueError, match=path):
        build_own({"class": path, "arguments": {}})


def test_wrong_arguments_are_named():
    path = "dispatch_sb.models.FastEnhancer"
    with pytest.raises(ValueError, match="FastEnhancer.*colour"):
        build_own({"class": path, "arguments": {"colour": "red"}})


@pytest.mark.parametrize("own", [True, False])
def test_weights_that_do_not_fit_are_listed(tmp_path, old_folder, own):
    folder = old_folder
    if not own:
        folder = write_folder(tmp_path / "theirs", WAVEFORM)
    path = folder / "enhance_model.ckpt"
    state = torch.load(path)
    keys = list(state)
    state["surplus.weight"] = state.pop(keys[0])
    state[keys[1]] = torch.zeros(3, 3, 3, 3)
    torch.save(state, path)
    with pytest.raises(ValueError) as raised:
        load_teacher(folder)
    for named in (str(folder), *keys[:2], "surplus.weight", "[3, 3, 3, 3]"):
        assert named in str(raised.value)


@pytest.mark.parametrize(
    "damage", [None, "truncated", "empty", "pickle", "text"]
)
def test_missing_and_damaged_weights_are_named(old_folder, damage):
    path = old_folder / "enhance_model.ckpt"
    content = path.read_bytes()
    changed = {
        "truncated": content[: len(content) // 2],
        "empty": b"",
        "text": b"<html>not found</html>",
    }
    if damage is None:
        path.unlink()
    elif damage == "pickle":
        torch.save({"weight": print}, path)
    else:
        path.write_bytes(changed[damage])
    error = ValueError if damage else FileNotFoundError
    with pytest.raises(error, match="enhance_model.ckpt"):
        load_teacher(old_folder)


@pytest.mark.parametrize(
    "text, interface, named",
    [
        (  # no file holds the weights of this network
            HYPERPARAMS["SepformerSeparation"].replace(
                "        masknet: !ref <masknet>\n", ""
            ),
            None,
            "masknet.*loadables",
        ),
        (SEPARATION.format(speakers=2), None, "2.*num_spks"),
        (WAVEFORM, "SGMSEEnhancement", "SGMSEEnhancement.*WaveformEnh"),
        (WAVEFORM, "SpectralMaskEnhancement", "compute_stft.*resynth"),
        (
            WAVEFORM.replace("enhance_model: !ref", "other: !ref", 1),
            None,
            "other.*speechbrain_interface",
        ),
        (  # the config beats the keys, here wrongly: it wants spectra
            HYPERPARAMS["SpectralMaskEnhancement"],
            "WaveformEnhancement",
            "speechbrain_interface",
        ),
    ],
)
def test_folders_that_make_no_teacher_name_why(
    tmp_path, text, interface, named
):
    with pytest.raises(ValueError, match=named):
        load_teacher(write_folder(tmp_path, text, interface))


@pytest.mark.parametrize(
    "text", ["sample_rate: 16000\n", "a: !new:no.such.Thing\n", ""]
)
def test_other_yaml_is_refused(tmp_path, text):
    (tmp_path / "hyperparams.yaml").write_text(text)
    with pytest.raises(ValueError, match="hyperparams.yaml"):
        load_teacher(tmp_path)


def test_a_broken_config_is_named(own_folder):
    (own_folder / "config.json").write_text("{")
    with pytest.raises(ValueError, match="config.json"):
        load_teacher(own_folder)


def test_a_folder_of_something_else_lists_what_was_expected(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FileNotFoundError, match="hyperparams.yaml.*ckpt.*conf"):
        load_teacher(tmp_path)


def test_a_mistyped_path_is_not_taken_for_a_hub_id(tmp_path):
    with pytest.raises(FileNotFoundError, match="/nowhere"):
        load_teacher(tmp_path / "nowhere")


def test_a_folder_of_another_rate_is_refused_unless_resampled(tmp_path, noisy):
    text = WAVEFORM.replace("16000", "8000")
    folder = write_folder(tmp_path, text)
    with pytest.raises(ValueError, match="8000.*16000.*resample=True"):
        load_teacher(folder)
    assert load_teacher(folder, resample=True)(noisy).shape == noisy.shape
