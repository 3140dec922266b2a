"""A floor under suppression: the same in every way in, aligned with the
input, and as high as it was asked for.

Authors
 * The dispatch-sb contributors, 2026
"""

import numpy as np
import onnx
import pytest
import soundfile
import torch
from stream_models import noise, random_model
from torch import nn

from dispatch_sb import cli
from dispatch_sb.enhance import ChunkedEnhancer, NoiseFloor, StreamingEnhancer
from dispatch_sb.models import DCCRN, ConvTasNet
from dispatch_sb.pretrained import load, save
from dispatch_sb.sharing.onnx_file import write_onnx
from dispatch_sb.sharing.onnx_runtime import OnnxEnhancer

RATE = 16000
GAIN = 10 ** (-12 / 20)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with a model and a noisy file of three seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPATCH_SB_MODEL", "model")
    save(random_model(), tmp_path / "model", "# Model")
    soundfile.write("in.wav", noise(3, RATE, 1, band=0.9), RATE, "FLOAT")
    threads = torch.get_num_threads()
    yield soundfile.read("in.wav", dtype="float32")[0]
    torch.set_num_threads(threads)


@torch.no_grad()
def floored(noisy, model=None, gain=GAIN):
    """What is expected of the whole signal, by the formula."""
    enhanced = (model or random_model())(torch.from_numpy(noisy)[None])[0]
    return enhanced.numpy() + gain * (noisy - enhanced.numpy())


@pytest.mark.parametrize("keep", ["-12dB", "-12 dB", "-12", -12, " -12.0db "])
def test_decibels_as_people_write_them(keep):
    assert NoiseFloor(keep).gain == GAIN


def test_blanks_without_end_are_refused_at_once():
    with pytest.raises(ValueError, match="keep") as raised:
        NoiseFloor(200_000 * " " + "x")
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("keep", ["3", "0.1dB", "nan", "-nan", "loud", "dB"])
def test_nonsense_is_refused_before_anything_is_opened(keep, capsys):
    for words in (
        ["enhance", "no.wav", "out.wav", "--model", "no"],
        ["live", "--input", "no.wav", "--model", "no"],
        ["onnx", "no", "no.onnx"],
    ):
        assert cli.main([*words, "--keep", keep]) == 1
        shown = capsys.readouterr().err
        assert "keep" in shown and repr(keep) in shown
        assert shown.count("\n") == 1


def test_noise_that_a_model_removes_stays_at_the_floor():
    class Silence(nn.Module):
        """Removes everything."""

        def forward(self, waveform):
            return 0 * waveform

    enhancer = ChunkedEnhancer(Silence(), RATE, 1.0, 0.3, "-20dB")
    heard = torch.from_numpy(noise(5, RATE, 2).T)
    made = enhancer(heard, enhancer.initial_state(2))
    made = torch.cat([made[0], enhancer.finish(made[1])], dim=1)
    torch.testing.assert_close(made, 0.1 * heard)


def test_a_mask_lowers_no_frequency_below_the_floor():
    mask = torch.rand(257) * torch.exp(1j * torch.pi * (torch.rand(257) - 0.5))
    noisy = torch.randn(257, dtype=torch.complex64)
    made = NoiseFloor(-12)(mask * noisy, noisy)
    assert (made.abs() >= 0.999 * GAIN * noisy.abs()).all()


@pytest.mark.parametrize(
    "model",
    [
        random_model(hop=100),
        DCCRN.from_size("small").eval(),
        ConvTasNet.from_size("small", causal=True).eval(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_stream_mixes_the_same_moments(model):
    noisy = noise(0.5, RATE, 1, band=0.9)[:, 0]
    enhancer = StreamingEnhancer(model, -12)
    state, made = enhancer.initial_state(), []
    for block in torch.from_numpy(noisy)[None].split(333, dim=1):
        ready, state = enhancer(block, state)
        made.append(ready)
    made = torch.cat([*made, enhancer.finish(state)], dim=1)[0].numpy()
    np.testing.assert_allclose(made, floored(noisy, model), atol=1e-5)


def test_a_folder_brings_its_floor_and_the_flag_counts_more(here):
    model = random_model()
    model.recommended_keep = -12.0
    save(model, "shared", "# Model")
    argv = ["enhance", "in.wav", "out.wav", "--overwrite"]
    live = ["live", "--input", "in.wav", "--output", "live.wav", "--fast"]
    for words, gain in (
        ([], 0),
        (["--keep", "-12dB"], GAIN),
        (["--model", "shared"], GAIN),
        (["--model", "shared", "--keep", "-inf"], 0),
    ):
        wanted = floored(here, gain=gain).clip(-1, 1)
        for command in (argv, live):
            assert cli.main([*command, *words]) == 0
            made = soundfile.read(command[-2], dtype="float32")[0]
            np.testing.assert_allclose(made, wanted, atol=2**-14)
    assert np.abs(floored(here) - wanted).max() > 1e-3


def test_an_onnx_file_brings_its_floor_and_the_flag_counts_more(here):
    write_onnx(random_model(), "model.onnx", here, "x", keep="-12 dB")
    proto = onnx.load("model.onnx")
    (said,) = [x for x in proto.metadata_props if x.key == "keep"]
    proto.metadata_props.remove(said)
    onnx.save(proto, "plain.onnx")
    expected = floored(here)
    without = OnnxEnhancer("plain.onnx").enhance(here)
    for small, made in (
        (OnnxEnhancer("model.onnx"), expected),
        (OnnxEnhancer("model.onnx", keep=-np.inf), without),
        (OnnxEnhancer("plain.onnx", keep=-12), expected),
    ):
        np.testing.assert_allclose(small.enhance(here), made, atol=1e-5)
    for words, wanted in ([], expected), (["--keep", "-inf"], without):
        argv = ["enhance", "in.wav", "out.wav", "--model", "model.onnx"]
        assert cli.main([*argv, "--overwrite", *words]) == 0
        made = soundfile.read("out.wav", dtype="float32")[0]
        np.testing.assert_allclose(made, wanted, atol=1e-4)
    # Who learns from it, or scores it, gets the network's own answer.
    answer = load("model.onnx")(torch.from_numpy(here)[None])[0].numpy()
    np.testing.assert_allclose(answer, without, atol=1e-4)
    for keep in (1, np.nan):
        with pytest.raises(ValueError, match=f"keep is {keep}"):
            OnnxEnhancer("model.onnx", keep=keep)
