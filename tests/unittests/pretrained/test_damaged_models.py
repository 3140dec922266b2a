"""Folders of models and ONNX files, damaged and invented."""

import json
import shutil
import struct

import onnx.parser
import pytest
import torch
from clear_errors import REFUSED, attempt, share
from damages import SIZES, damaged_bytes, damaged_json, damaged_tree
from finished_run import TINY
from hypothesis import given
from hypothesis import strategies as st

from dispatch_sb.models import FastEnhancer
from dispatch_sb.pretrained import load, save
from dispatch_sb.pretrained.onnx_teacher import OnnxTeacher
from dispatch_sb.sharing.onnx_runtime import OnnxEnhancer

SAFE = "model.safetensors"
DTYPES = ["I32", "U32", "F64", "F16", "U8", "I64", "X", 3]
GRAPH = """<ir_version: 8, opset_import: ["" : 17]>
agraph (float[1, 4] samples, float[1, 4] history) =>
(float[1, 4] enhanced, float[1, 4] next_history) <float half = {0.5}> {
    enhanced = Mul(history, half) next_history = Identity(samples)
}"""
META = {"sample_rate": "16000", "hop": "4", "latency": "8"}
META |= {"states": '{"history": [1, 4]}', "keep": "-12"}
YAML = {"audio_input": "samples", "audio_output": "enhanced", "hop": 4}
YAML |= {"states": {"history": "next_history"}, "sample_rate": 16000}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder of a tiny model."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "whole"
    return save(FastEnhancer(**TINY), folder, "# Tiny")


def damaged(whole, name, content):
    """A copy of the folder with another file of that name."""
    folder = whole.with_name("damaged")
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def split(content):
    """Header and data of a safetensors file."""
    (size,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + size]), content[8 + size :]


@st.composite
def damaged_safetensors(draw, content):
    """One whose header lies: about names, types, shapes, places or itself."""
    header, rest = split(content)
    names = sorted(header.keys() - {"__metadata__"})
    name, other = draw(st.tuples(*[st.sampled_from(names)] * 2))
    kind = draw(
        st.sampled_from(["dtype", "dtype", "shape", "place", "swap", "tree"])
    )
    if kind == "dtype":
        header[name]["dtype"] = draw(st.sampled_from(DTYPES))
    elif kind == "shape":
        sizes = st.sampled_from([*SIZES, -1, 2**128])
        header[name]["shape"] = draw(st.lists(sizes, max_size=4))
    elif kind == "place":
        place = st.sampled_from([*SIZES, *header[name]["data_offsets"]])
        header[name]["data_offsets"] = draw(st.lists(place, max_size=3))
    elif kind == "swap":
        header[name], header[other] = header[other], header[name]
    else:
        header = draw(damaged_tree(header))
    text = json.dumps(header).encode()
    if draw(st.integers(0, 9)) == 9:  # a name that stands twice
        text = text.replace(b"{", b'{"%s": 1, ' % name.encode(), 1)
    size = len(text)
    if draw(st.integers(0, 9)) == 9:
        size = draw(st.sampled_from(SIZES))
    return struct.pack("<Q", size) + text + rest


@share(2)
@given(data=st.data())
def test_weights_are_those_of_the_model_or_refused(whole, data):
    content = (whole / SAFE).read_bytes()
    kinds = damaged_safetensors(content) | damaged_bytes(content)
    content = data.draw(kinds)
    folder = damaged(whole, SAFE, content)
    model = attempt(lambda: load(folder), folder)
    if model is REFUSED:
        return
    # No hash: other data, and equal tensors that change places, go unnoticed;
    # a model of other names, types and shapes does not.
    header, rest = split(content)
    right, _ = split((whole / SAFE).read_bytes())
    for name, tensor in model.state_dict().items():
        begin, end = header[name]["data_offsets"]
        assert header[name]["dtype"] == right[name]["dtype"]
        assert header[name]["shape"] == right[name]["shape"]
        assert tensor.numpy().tobytes() == rest[begin:end]


@share(1)
@given(data=st.data())
def test_a_description_is_that_of_the_weights_or_refused(whole, data):
    good = json.loads((whole / "config.json").read_text())
    # A folder without our "model" is one of SpeechBrain's.
    content = data.draw(damaged_json(good) | deep(good["model"]))
    folder = damaged(whole, "config.json", content)

    def run():
        return load(folder)(torch.zeros(1, 1000))

    enhanced = attempt(run, folder)
    assert enhanced is REFUSED or enhanced.shape == (1, 1000)


def deep(model):
    """Only what is said of the model, damaged."""
    return damaged_tree(model, most=3).map(
        lambda said: json.dumps({"model": said}).encode()
    )


@st.composite
def onnx_files(draw):
    """An ONNX file, its metadata or its bytes damaged."""
    meta = dict(META)
    if draw(st.booleans()):
        meta = draw(damaged_tree(META))
    proto = onnx.parser.parse_model(GRAPH)
    for key, value in meta.items() if isinstance(meta, dict) else ():
        key, text = (
            str(x).encode("utf-8", "replace").decode() for x in (key, value)
        )
        proto.metadata_props.add(key=key, value=text)
    content = proto.SerializeToString()
    damaged = draw(st.integers(0, 3)) > 0
    return draw(damaged_bytes(content)) if damaged else content


@share(1)
@given(data=st.data())
def test_an_onnx_file_runs_or_is_refused(whole, data):
    path = whole.with_name("damaged.onnx")
    beside = path.with_suffix(".yaml")
    beside.unlink(missing_ok=True)
    content = data.draw(onnx_files())
    path.write_bytes(content)
    if data.draw(st.booleans()):
        beside.write_bytes(data.draw(damaged_json(YAML)))
    noisy = torch.ones(2, 10)
    for enhance in (
        lambda: OnnxTeacher(path)(noisy),
        lambda: torch.as_tensor(OnnxEnhancer(path).enhance(noisy[0].numpy())),
    ):
        enhanced = attempt(enhance, path, beside)
        if enhanced is not REFUSED:
            assert enhanced.shape[-1] == noisy.shape[-1]
