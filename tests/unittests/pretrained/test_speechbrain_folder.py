"""SpeechBrain's folders become models that answer as SpeechBrain would, at the
level of their input; folders that are not whole become clear errors.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
import torch
from pretrained_folders import HYPERPARAMS, SEPARATION, WAVEFORM, write_folder
from speechbrain.inference.enhancement import (
    SpectralMaskEnhancement,
    WaveformEnhancement,
)
from speechbrain.inference.separation import SepformerSeparation
from torch import nn

from dispatch_sb.pretrained import load, load_teacher
from dispatch_sb.pretrained.probe import voice_like

SPECTRAL = HYPERPARAMS["SpectralMaskEnhancement"]


@pytest.fixture
def noisy():
    generator = torch.Generator().manual_seed(0)
    noise = 0.01 * torch.randn(2, 8000, generator=generator)
    return (voice_like(16000)[:8000] + noise) * torch.tensor([[1.0], [0.1]])


def twin(interface, folder):
    """What SpeechBrain itself makes of the folder."""
    return interface.from_hparams(
        source=str(folder), run_opts={"device": "cpu"}
    )


def test_spectral_mask_equals_speechbrain_but_for_the_level(tmp_path, noisy):
    folder = write_folder(tmp_path, SPECTRAL, "SpectralMaskEnhancement")
    theirs = twin(SpectralMaskEnhancement, folder).enhance_batch(
        noisy, lengths=torch.ones(2)
    )
    ours = load_teacher(folder)(noisy)
    peaks = ours.abs().amax(dim=1, keepdim=True)
    torch.testing.assert_close(theirs.abs().amax(dim=1), torch.ones(2))
    torch.testing.assert_close(theirs * peaks, ours)
    assert 5 < peaks[0] / peaks[1] < 20  # inputs 20 dB apart
    # The normalisation is switched off, not undone afterwards.
    assert load_teacher(folder, match_level=False)(noisy).equal(ours)


def test_spectral_mask_without_lengths(tmp_path, noisy):
    text = SPECTRAL.replace(
        "!new:speechbrain.lobes.models.MetricGAN.EnhancementGenerator",
        "!new:torch.nn.Sequential",
    )
    text = text.replace("    num_layers: 1\n", "")
    # An empty network hands its input on: the mask is the log magnitude.
    assert load(write_folder(tmp_path, text))(noisy).shape == (2, 8000)


def test_waveform_equals_speechbrain_and_gets_its_tail_back(tmp_path, noisy):
    folder = write_folder(tmp_path, WAVEFORM, "WaveformEnhancement")
    theirs = twin(WaveformEnhancement, folder).enhance_batch(noisy)
    ours = load_teacher(folder).train()(noisy)
    assert theirs.shape[1] < ours.shape[1] == 8000
    assert ours[:, : theirs.shape[1]].equal(theirs)


def test_separation_equals_speechbrain(tmp_path, noisy):
    name = "SepformerSeparation"
    folder = write_folder(tmp_path, HYPERPARAMS[name], name)
    theirs = twin(SepformerSeparation, folder).separate_batch(noisy)
    torch.testing.assert_close(load(folder)(noisy), theirs[:, :, 0])


@pytest.mark.parametrize("name", sorted(HYPERPARAMS))
def test_the_interface_is_guessed_without_a_config(tmp_path, noisy, name):
    stated = write_folder(tmp_path / "stated", HYPERPARAMS[name], name)
    silent = write_folder(tmp_path / "silent", HYPERPARAMS[name])
    assert load(silent)(noisy).equal(load(stated)(noisy))


@pytest.mark.parametrize("loader", [load, load_teacher])
def test_a_network_that_normalises_is_found_out(
    tmp_path, noisy, monkeypatch, loader
):
    class Normalizing(nn.Module):
        def forward(self, noisy):
            return noisy / noisy.abs().amax(1, keepdim=True), None

    # Where a YAML can name it.
    monkeypatch.setattr(nn, "Normalizing", Normalizing, raising=False)
    head, tail = WAVEFORM.split("enhance_model:")[0], WAVEFORM.index("modules:")
    text = f"{head}enhance_model: !new:torch.nn.Normalizing\n{WAVEFORM[tail:]}"
    folder = write_folder(tmp_path, text)
    with pytest.raises(ValueError, match="Normalizing"):
        loader(folder)
    trusted = {"trust_remote_code": True}
    torch.testing.assert_close(loader(folder, **trusted)(noisy), noisy)
    raw = load_teacher(folder, match_level=False, **trusted)
    torch.testing.assert_close(raw(noisy).abs().amax(1), torch.ones(2))


def test_weights_that_do_not_fit_are_listed(tmp_path):
    folder = write_folder(tmp_path / "theirs", WAVEFORM)
    state = torch.load(folder / "enhance_model.ckpt")
    lost, reshaped = list(state)[:2]
    state["surplus.weight"] = state.pop(lost)
    state[reshaped] = torch.zeros(3, 3, 3, 3)
    torch.save(state, folder / "enhance_model.ckpt")
    with pytest.raises(ValueError) as raised:
        load(folder)
    for named in (
        str(folder),
        lost,
        reshaped,
        "surplus.weight",
        "[3, 3, 3, 3]",
    ):
        assert named in str(raised.value)


@pytest.mark.parametrize(
    "text, interface, named",
    [
        (  # no file holds the weights of this network
            HYPERPARAMS["SepformerSeparation"].replace(
                "        masknet: !ref <masknet>\n", ""
            ),
            None,
            "masknet",
        ),
        (SEPARATION.format(speakers=2), None, "num_spks"),
        (WAVEFORM, "SGMSEEnhancement", "SGMSEEnhancement"),
        (WAVEFORM, "SpectralMaskEnhancement", "compute_stft.*resynth"),
        (
            WAVEFORM.replace("enhance_model: !ref", "other: !ref", 1),
            None,
            "other.*speechbrain_interface",
        ),
        # The config beats the keys, here wrongly: it wants spectra.
        (SPECTRAL, "WaveformEnhancement", "speechbrain_interface"),
    ],
)
def test_folders_that_make_no_model_name_why(tmp_path, text, interface, named):
    with pytest.raises(ValueError, match=named):
        load(write_folder(tmp_path, text, interface))


@pytest.mark.parametrize(
    "text", ["sample_rate: 16000\n", "a: !new:no.such.Thing\n", ""]
)
def test_other_yaml_is_refused(tmp_path, text):
    (tmp_path / "hyperparams.yaml").write_text(text)
    with pytest.raises(ValueError, match="hyperparams.yaml"):
        load(tmp_path)
