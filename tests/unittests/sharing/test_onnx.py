"""`dispatch-sb onnx`: one file, equal to torch, that says what it is."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from finished_run import write_run

import dispatch_sb
from dispatch_sb.cli import main
from dispatch_sb.data import read_audio
from dispatch_sb.models import DCCRN, ConvTasNet
from dispatch_sb.pretrained import load, load_teacher
from dispatch_sb.sharing import onnx_file
from dispatch_sb.sharing.onnx_runtime import OnnxEnhancer

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "recipes" / "VoiceBank" / "pretrained" / "fastenhancer-b-16k"
SPEECH = read_audio(FOLDER / "example.wav")


@pytest.fixture(scope="module")
def model():
    return load(FOLDER)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The shipped model's file by the command, and what the command says."""
    path = tmp_path_factory.mktemp("onnx") / "b.onnx"
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr(sys.stdout, "write", lines.append)
        assert main(["onnx", str(FOLDER), str(path)]) == 0
    return path, "".join(lines)


def test_a_minute_of_speech_equals_torch(written, model):
    minute = np.tile(SPEECH, 16)[: 60 * 16000]
    level = np.repeat(np.geomspace(0.01, 2, 60), 16000).astype(np.float32)
    difference = onnx_file.largest_difference(
        written[0], model, np.clip(minute * level, -1, 1)
    )
    assert 0 < difference <= 1e-4


def test_what_nobody_hears_is_silence(written):
    """Numbers below the smallest normal one would take twice the time."""
    enhancer, silence = OnnxEnhancer(written[0]), np.zeros(2048, np.float32)
    loud = enhancer(SPEECH[:4096], enhancer.initial_state())[1]
    for level in (1e-39, 1e-15):
        faint = np.full(2048, level, np.float32)
        np.testing.assert_array_equal(
            enhancer(faint, loud)[0], enhancer(silence, loud)[0]
        )


@pytest.mark.parametrize(
    "network",
    [
        lambda: ConvTasNet(32, 8, 16, blocks=2, stacks=2, causal=True),
        lambda: DCCRN((2, 4), 4, n_fft=64, hop=16),
    ],
)
def test_every_causal_network_has_a_file(network):
    """Equal to torch, after silence too, from which a stream begins."""
    torch.manual_seed(0)
    model, speech = network().eval(), SPEECH[:8000].copy()
    speech[3000:5000] = 0
    content = onnx_file.onnx_bytes(model, "a model", "mit")
    assert onnx_file.largest_difference(content, model, speech) < 1e-6


def test_blocks_of_any_size_give_the_same(written):
    enhancer = OnnxEnhancer(written[0])
    whole = enhancer.enhance(SPEECH[:20000])
    assert whole.shape == (20000,) and whole.dtype == np.float32
    state, parts, came = enhancer.initial_state(), [], 0
    for size in [1, 0, 255, 1000, 7, 512, 257, 9000, 8968]:
        block = SPEECH[came : came + size]
        enhancer(-block, state)  # a state can be used twice
        ready, state = enhancer(block, state)
        parts.append(ready)
        came += size
        assert came - sum(map(len, parts)) <= enhancer.latency
    parts.append(enhancer.finish(state))
    assert came == 20000
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_broken_samples_do_not_spoil_the_stream(written):
    broken = SPEECH[:8000].copy()
    broken[[100, 2000]] = np.nan, np.inf
    mended = np.where(np.isfinite(broken), broken, 0)
    enhancer = OnnxEnhancer(written[0])
    np.testing.assert_array_equal(
        enhancer.enhance(broken), enhancer.enhance(mended)
    )
    with pytest.raises(ValueError, match=str(len(SPEECH))):
        enhancer.enhance(SPEECH[None])


def test_the_file_says_what_it_is(written):
    enhancer = OnnxEnhancer(written[0])
    assert (enhancer.sample_rate, enhancer.hop) == (16000, 256)
    assert enhancer.latency == 512
    about = enhancer.metadata
    assert about["licence"] == "apache-2.0" and "B" in about["model_name"]
    assert about["dispatch_sb_version"] == dispatch_sb.__version__
    assert about["weights"] == "float32"
    states = json.loads(about["states"])
    proto = onnx.load(written[0])
    inputs = {x.name: shape_of(x) for x in proto.graph.input}
    assert inputs == {"samples": [1, 256], **states}
    outputs = {x.name: shape_of(x) for x in proto.graph.output}
    expected = {f"next_{name}": shape for name, shape in states.items()}
    assert outputs == {"enhanced": [1, 256], **expected}


def shape_of(value):
    """The fixed shape of an input or output."""
    return [axis.dim_value for axis in value.type.tensor_type.shape.dim]


def test_the_file_needs_nothing_else(written):
    proto = onnx.load(written[0], load_external_data=False)
    onnx.checker.check_model(proto, full_check=True)
    assert {opset.domain for opset in proto.opset_import} == {""}
    assert all(node.domain == "" for node in proto.graph.node)
    assert not any(t.external_data for t in proto.graph.initializer)
    assert str(ROOT).encode() not in written[0].read_bytes()  # nobody's paths
    onnx_bytes = f"{written[0].stat().st_size:,} bytes"
    assert str(written[0]) in written[1] and onnx_bytes in written[1]


def test_the_helper_needs_numpy_and_onnxruntime_alone(written):
    """The helper's file, copied elsewhere, where nothing of ours is."""
    helper = ROOT / "dispatch_sb" / "sharing" / "onnx_runtime.py"
    code = f"""
import runpy, sys
for name in ("torch", "dispatch_sb", "onnx", "soundfile", "scipy"):
    sys.modules[name] = None
import numpy
enhancer = runpy.run_path({str(helper)!r})["OnnxEnhancer"]({str(written[0])!r})
print(enhancer.enhance(numpy.ones(1000)).shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout == "(1000,)\n", done.stderr


def test_a_file_that_differs_is_removed(written, model, tmp_path, monkeypatch):
    proto = onnx.load(written[0])
    for tensor in proto.graph.initializer:
        if tensor.name == "synthesis":
            values = onnx.numpy_helper.to_array(tensor) * np.float32(1.01)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, "synthesis"))
    wrong = proto.SerializeToString()
    monkeypatch.setattr(onnx_file, "onnx_bytes", lambda *_: wrong)
    with pytest.raises(RuntimeError, match="x.onnx"):
        onnx_file.write_onnx(model, tmp_path / "x.onnx", SPEECH, "x")
    assert not list(tmp_path.iterdir())


def test_a_run_is_checked_on_its_own_test_file(tmp_path, capsys):
    folder, output = write_run(tmp_path), tmp_path / "student.onnx"
    assert main(["onnx", str(folder), str(output)]) == 0
    assert output.is_file() and "eve_0003.wav" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "corpus")
    assert main(["onnx", str(folder), str(tmp_path / "again.onnx")]) == 1
    assert "--audio" in capsys.readouterr().err


@pytest.mark.parametrize("speech", [np.zeros(9), SPEECH])
def test_without_speech_or_stream_there_is_no_file(tmp_path, speech):
    with pytest.raises(ValueError, match="Linear" if any(speech) else "speech"):
        onnx_file.write_onnx(
            torch.nn.Linear(1, 1), tmp_path / "x.onnx", speech, "x"
        )
    assert not list(tmp_path.iterdir())


def test_without_the_extra_packages(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main(["onnx", str(FOLDER), str(tmp_path / "b.onnx")]) == 1
    assert "dispatch-sb[onnx]" in capsys.readouterr().err


@pytest.mark.parametrize("opened", [load_teacher, load])
def test_the_file_is_a_teacher_equal_to_the_model(written, model, opened):
    noisy = torch.as_tensor(np.stack([SPEECH, SPEECH[::-1]]))
    with torch.no_grad():
        difference = opened(written[0])(noisy) - model(noisy)
    assert difference.abs().max() < 1e-5
