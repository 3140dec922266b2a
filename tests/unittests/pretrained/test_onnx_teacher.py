"""Foreign ONNX files as teachers: what can be read from them is, what cannot
is asked for, and the output is aligned.

Authors
 * The dispatch-sb contributors, 2026
"""

import copy
import pickle
from pathlib import Path

import onnx.parser
import pytest
import torch

from dispatch_sb.data import read_audio
from dispatch_sb.pretrained import load, load_teacher, onnx_teacher
from dispatch_sb.pretrained.onnx_teacher import OnnxTeacher
from dispatch_sb.runs.provenance import state_hash

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "recipes/VoiceBank/pretrained/fastenhancer-b-16k"
SPEECH = torch.as_tensor(read_audio(SHIPPED / "example.wav"))[None, :24000]
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
WHOLE = """agraph (float[batch, samples] a) => (float[batch, samples] b)
<float half = {0.5}> { b = Mul(a, half) }"""
ENDLESS = """agraph (float[b, n] a) => (float[b, n] d)
<int64 times = {4611686018427387904}, bool more = {1}> { d = Loop
<body = body (int64 i, bool more_in, float[b, n] x)
=> (bool more_out, float[b, n] y)
{ more_out = Identity(more_in) y = Identity(x) }> (times, more, a) }"""
# Gives its input five samples late; `count` grows by one in every run, and
# has the size of `tail`, so that only names tell them apart.
LATE = """agraph (float[1, 160] wav_in, float[1, 5] tail_in,
    float[1, 5] count_in) => (float[1, 160] wav_out, float[1, 5] count_out,
    float[1, 5] tail_out)
<int64[2] sizes = {160, 5}, float one = {1}> {
    joined = Concat<axis = 1>(tail_in, wav_in)
    wav_out, tail_out = Split<axis = 1>(joined, sizes)
    count_out = Add(count_in, one)
}"""
# Neither names nor places tell the states apart, but their sizes do.
SIZED = """agraph (float[1, 160] wav_in, float[1, 5] one, float[1, 6] two) =>
    (float[1, 160] wav_out, float[1, 6] left, float[1, 5] right)
<int64[2] sizes = {160, 5}, float one_more = {1}> {
    joined = Concat<axis = 1>(one, wav_in)
    wav_out, right = Split<axis = 1>(joined, sizes) left = Add(two, one_more)
}"""
# No output is as long as the state.
ODD = """agraph (float[1, 160] wav_in, float[1, 5] tail_in) =>
(float[1, 160] wav_out, float[1, 6] tail_out) <int64[2] sizes = {159, 6}> {
    wav_out = Identity(wav_in) joined = Concat<axis = 1>(tail_in, wav_in)
    rest, tail_out = Split<axis = 1>(joined, sizes)
}"""
WINDOWED = """agraph (float[1, 480] noisy) => (float[1, 160] enhanced)
<int64[2] sizes = {160, 320}> {
    enhanced, rest = Split<axis = 1>(noisy, sizes)
}"""
TWO_AUDIOS = """agraph (float[1, 160] far, float[1, 160] near) =>
(float[1, 160] c, float[1, 160] d) { c = Identity(far) d = Neg(near) }"""
# Every second frame of a stream comes out inverted.
SPECTRAL = """agraph (float[1, 2, 1, 33] spec, float[1] sign) =>
(float[1, 2, 1, 33] spec_out, float[1] next_sign)
<float[1] one = {1}, float[1] two = {2}> {
    even = Sub(one, sign) spec_out = Mul(spec, even)
    next_sign = Sub(two, sign)
}"""


def write(path, text, yaml=None):
    model = onnx.parser.parse_model(HEAD + text)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    if yaml is not None:
        path.with_suffix(".yaml").write_text(yaml, encoding="utf-8")
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def test_a_model_of_whole_waveforms_gets_the_batch(path):
    teacher = load_teacher(write(path, WHOLE))
    noisy = SPEECH.repeat(3, 1)
    assert torch.allclose(teacher(noisy), 0.5 * noisy)
    assert load(path)(noisy).equal(teacher(noisy))
    assert teacher.model.delay == 0


@pytest.mark.parametrize("samples", [1, 160, 1000])
def test_a_stream_is_joined_and_its_delay_removed(path, samples):
    teacher = load_teacher(write(path, LATE))
    assert teacher.model.delay == 5
    assert teacher.model.signature.states == {
        "tail_in": "tail_out",
        "count_in": "count_out",
    }
    noisy = torch.stack([SPEECH[0, :samples], SPEECH[0, 9000 : 9000 + samples]])
    assert teacher(noisy).equal(noisy)
    sized = load_teacher(write(path, SIZED))
    assert sized.model.signature.states == {"one": "right", "two": "left"}
    assert sized(noisy).equal(noisy)


def test_the_yaml_says_what_the_file_leaves_open(path):
    windowed = load_teacher(write(path, WINDOWED, "hop: 160\n"))
    assert windowed.model.delay == 320
    assert windowed(SPEECH).equal(SPEECH)
    late = load_teacher(write(path, LATE, "delay: 0\n"))
    assert late(SPEECH)[:, 5:].equal(SPEECH[:, :-5])
    yaml = "audio_input: near\naudio_output: d\nstates: {far: c}\n"
    named = load_teacher(write(path, TWO_AUDIOS, yaml))
    assert named(SPEECH).equal(-SPEECH)


def test_a_model_of_spectra_gets_frames_and_keeps_its_state(path):
    yaml = (
        "spectral: {n_fft: 64, hop: 64, window: rectangular, "
        "layout: [batch, parts, frames, bins]}\ndelay: 0\n"
    )
    noisy = SPEECH[:, :640].repeat(2, 1)
    answer = load_teacher(write(path, SPECTRAL, yaml))(noisy)
    # Frame k covers 64 samples around 64 k; the odd ones are inverted.
    signs = torch.tensor([1.0, -1.0]).repeat(6).repeat_interleave(64)[32:672]
    assert torch.allclose(answer, noisy * signs, atol=1e-6)


def test_spectra_give_the_waveform_back(path):
    text = "agraph (float[1, 65, n, 2] a) => (float[1, 65, n, 2] b)"
    text += " { b = Identity(a) }"
    yaml = "spectral: {n_fft: 128, hop: 64, window: sqrt_hann}\n"
    teacher = load_teacher(write(path, text, yaml))
    for noisy in (SPEECH, SPEECH[:, :20]):
        assert torch.allclose(teacher(noisy), noisy, atol=1e-5)


@pytest.mark.parametrize(
    "text, yaml, needle",
    [
        (TWO_AUDIOS, None, "audio_input"),
        (WINDOWED, None, "hop"),
        (WHOLE, "hop: big\n", "hop"),
        (WHOLE, "hops: 3\n", "hops"),
        (WHOLE, "- 3\n", "keys"),
        (WHOLE, "audio_input: wave\n", "wave"),
        (LATE, "hop: 80\n", "80"),
        (LATE, "window: 80\n", "80"),
        (LATE, "states: {tail_in: tail_out}\n", "count_in"),
        (LATE, "spectral: {n_fft: 64, hop: 32}\n", "wav_in"),
        (SPECTRAL, None, "spectral"),
        (SPECTRAL, "spectral: {n_fft: 64}\n", "hop"),
        (SPECTRAL, "spectral: {n_fft: 64, hop: 32, window: kaiser}", "window"),
        (SPECTRAL, "spectral: {n_fft: 64, hop: 32, layout: [bins]}", "layout"),
        (ODD, None, "tail"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(path, text, yaml, needle):
    write(path, text, yaml)
    with pytest.raises(ValueError) as caught:
        load_teacher(path)
    assert needle in str(caught.value) and str(path.parent) in str(caught.value)


def test_a_loop_without_end_is_stopped(path, monkeypatch):
    monkeypatch.setattr(onnx_teacher, "LONGEST", 0.2)
    write(path, ENDLESS)
    with pytest.raises(ValueError, match="does not run"):
        OnnxTeacher(path)


def test_a_model_that_answers_nan_is_refused(path):
    write(path, "agraph (float[b, n] a) => (float[b, n] c) {c = Div(a, a)}")
    with pytest.raises(ValueError, match="NaN"):
        load_teacher(path)


@pytest.mark.parametrize("loader", [load, load_teacher])
def test_damaged_and_missing_files_are_named(path, loader):
    with pytest.raises(FileNotFoundError, match="model.onnx"):
        loader(path)
    write(path, WHOLE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="model.onnx"):
        loader(path)


def test_another_rate_is_refused_or_converted(path):
    write(path, WHOLE, "sample_rate: 48000\n")
    with pytest.raises(ValueError, match="48000"):
        load_teacher(path)
    teacher = load_teacher(path, resample=True)
    error = teacher(SPEECH) - 0.5 * SPEECH
    assert error.norm() < 0.1 * SPEECH.norm()


def test_copies_answer_the_same_and_other_files_are_others(path, tmp_path):
    teacher = load_teacher(write(path, LATE))
    for other in (pickle.loads(pickle.dumps(teacher)), copy.deepcopy(teacher)):
        assert other(SPEECH).equal(teacher(SPEECH))
        assert state_hash(other) == state_hash(teacher)
    second = OnnxTeacher(write(tmp_path / "second.onnx", WHOLE))
    assert state_hash(second) != state_hash(teacher.model)
