"""Models from strangers: what is published loads, and nothing that came with
an attack runs.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import os
import pickle
import shutil
import zipfile

import onnx.parser
import pytest
import torch
from finished_run import write_run
from onnx.external_data_helper import set_external_data
from pretrained_folders import WAVEFORM, write_folder

from dispatch_sb.cli import build_parser
from dispatch_sb.demo.gradio_page import header_html
from dispatch_sb.demo.models import Models
from dispatch_sb.pretrained import load, load_teacher
from dispatch_sb.report.render import render
from dispatch_sb.runs.allow_list import FOLDER, RUN, build_allowed
from dispatch_sb.runs.run import Run
from dispatch_sb.sharing.facts import facts_of_run

WEIGHTS = "enhance_model.ckpt"
PRETRAINER = """
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables: {{{}}}
    paths: {{{}}}
"""
# The forms in which SpeechBrain publishes, with their objects, made small.
METRICGAN = """
__set_seed: !apply:speechbrain.utils.seed_everything [1]
seed: !apply:torch.manual_seed [1]
sample_rate: 16000
n_fft: 512
window_fn: !name:torch.hamming_window
compute_stft: &stft !new:speechbrain.processing.features.STFT
    {sample_rate: !ref <sample_rate> , win_length: 32, hop_length: 16,
     n_fft: !ref <n_fft> , window_fn: !ref <window_fn> }
compute_istft: !new:speechbrain.processing.features.ISTFT
    {sample_rate: !ref <sample_rate> , win_length: 32, hop_length: 16,
     window_fn: !ref <window_fn> }
spectral_magnitude: !name:speechbrain.processing.features.spectral_magnitude
    power: 0.5
resynth: !name:speechbrain.processing.signal_processing.resynthesize
    stft: *stft
    istft: !ref <compute_istft>
models:
    generator: !new:speechbrain.lobes.models.MetricGAN.EnhancementGenerator
        input_size: !ref <n_fft> // 2 + 1
        hidden_size: 200
        num_layers: 1
modules:
    enhance_model: !ref <models[generator]>
""" + PRETRAINER.format(
    "enhance_model: !ref '<modules[enhance_model]>'",
    "enhance_model: speechbrain/metricgan-plus-voicebank/enhance_model.ckpt",
)
MIMIC = """
sample_rate: 16000
enhance_model: !new:speechbrain.lobes.models.EnhanceResnet.EnhanceResnet
    n_fft: 512
    channel_counts: [4]
    normalization: !name:speechbrain.nnet.normalization.BatchNorm2d
    activation: !new:torch.nn.GELU
    dense_count: 1
    dense_nodes: 16
    mask_weight: 0.99
modules: {enhance_model: !ref <enhance_model> }
""" + PRETRAINER.format("enhance_model: !ref <enhance_model> ", "")
SEPFORMER = """
sample_rate: 16000
num_spks: 1
N_encoder_out: 8
kernel_size: 16
Encoder: !new:speechbrain.lobes.models.dual_path.Encoder
    {kernel_size: !ref <kernel_size> , out_channels: !ref <N_encoder_out> }
SBtfintra: &block !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
    {num_layers: 1, d_model: 8, nhead: 2, d_ffn: 16, dropout: 0,
     use_positional_encoding: true, norm_before: true}
SBtfinter: *block
MaskNet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
    {num_spks: !ref <num_spks> , in_channels: 8, out_channels: 8,
     num_layers: 1, K: 50, intra_model: !ref <SBtfintra> , norm: ln,
     inter_model: !ref <SBtfinter> , linear_layer_after_inter_intra: false,
     skip_around_intra: true}
Decoder: !new:speechbrain.lobes.models.dual_path.Decoder
    {in_channels: 8, out_channels: 1, kernel_size: !ref <kernel_size> ,
     stride: !ref <kernel_size> // 2, bias: false}
modules:
    encoder: !ref <Encoder>
    decoder: !ref <Decoder>
    masknet: !ref <MaskNet>
""" + PRETRAINER.format(
    "encoder: !ref <Encoder> , decoder: !ref <Decoder> , "
    "masknet: !ref <MaskNet> ",
    "masknet: /network/results/../save/masknet.ckpt",
)


@pytest.mark.parametrize("text", [METRICGAN, MIMIC, SEPFORMER])
def test_what_speechbrain_publishes_loads(tmp_path, text):
    folder = write_folder(tmp_path, text)
    torch.manual_seed(7)
    listed = load(folder)
    seeds = torch.get_rng_state()
    torch.manual_seed(7)
    executed = load(folder, trust_remote_code=True)
    noisy = 0.1 * torch.randn(1, 4000)
    assert listed(noisy).equal(executed(noisy))
    torch.manual_seed(8)
    load(folder)
    assert not torch.get_rng_state().equal(seeds)  # it sets none


def test_what_is_built_is_what_hyperpyyaml_builds():
    text = """
        a: {b: 1e-3, c: [2, x]}
        d: !ref <a>
        e: !ref <d[b]> * 2
        f: (<a>, 3)
        g: !ref (<d[b]>, 3)
        h: !ref <e>/x/<d[b]>
    """
    built = build_allowed(text, FOLDER, "a.yaml")
    assert built["d"] is built["a"]
    assert [built[key] for key in "efgh"] == [
        *(0.002, ("<a>", 3), (0.001, 3), "0.002/x/0.001")
    ]


HOOK = "    custom_hooks: {enhance_model: !name:torch.nn.Identity }"
CONDITION = "    conditions: {enhance_model: !name:torch.nn.Linear }"
TARGET = """        x: 3
    paths: {x: enhance_model.ckpt}
    custom_hooks: {x: !name:dispatch_sb.models.interface.load_weights }"""


@pytest.mark.parametrize(
    "old, new, named",
    [
        ("rate: 16000", "rate: 1000000000000", "sample_rate"),
        ("rate: 16000", "rate: [fast]", "sample_rate"),
        ("rate: 16000", "rate: 16000.5", "sample_rate"),
        ("modules:\n    enhance_model: !ref", "modules: 3\nx: !ref", "modules"),
        (
            "modules:\n    enhance_model: !ref <enhance_model>",
            "modules:\n    enhance_model: 3",
            "enhance_model",
        ),
        ("pretrainer: !new:", "other: !new:", "pretrainer"),
        ("", HOOK, "custom hook"),
        ("", CONDITION, "condition"),
        ("", TARGET, "'x', a int"),
        ("", f"    paths: {{enhance_model: {'a' * 300}}}", "is missing"),
        ("\n", "# caf\udce9\nx: *y\n", "hyperparams.yaml"),
        ("", "    conditions: {enhance_model: false}", "no file holds"),
    ],
)
def test_parts_that_would_be_random_or_nothing_are_named(
    folder, old, new, named
):
    text = WAVEFORM.replace(old, new, 1) if old else WAVEFORM + new
    (folder / "hyperparams.yaml").write_bytes(os.fsencode(text))
    with pytest.raises((ValueError, FileNotFoundError), match=named):
        load(folder)


def test_a_teacher_of_an_odd_rate_is_not_converted(folder):
    text = WAVEFORM.replace("rate: 16000", "rate: 99991")
    (folder / "hyperparams.yaml").write_text(text)
    with pytest.raises(ValueError, match="99991 Hz"):
        load_teacher(folder, resample=True)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("good"), WAVEFORM)


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "model")


@pytest.fixture
def canary(tmp_path):
    """A folder that an attack makes if it runs."""
    yield tmp_path / "canary"
    assert not (tmp_path / "canary").exists()


CALL = "[{canary}]"
LOAD = "dispatch_sb.models.interface.load_weights"
LAUGHS = [f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]" for n in range(40)]
REFERENCES = [f"a{n + 1}: [!ref <a{n}>, !copy <a{n}>]" for n in range(40)]
YAMLS = {
    "x: !apply:os.mkdir " + CALL: "!apply:os.mkdir",
    "__x: !apply:os.mkdir " + CALL: "!apply:os.mkdir",
    "x: !new:subprocess.Popen [[mkdir, {canary}]]": "subprocess.Popen",
    "x: !<!apply:os.mkdir> " + CALL: "os.mkdir",
    "x: !apply%3Aos.mkdir " + CALL: "os.mkdir",
    "? !apply:os.mkdir [{canary}]\n: 1": "os.mkdir",
    "x: !!python/object/apply:os.mkdir " + CALL: "python/object",
    # HyperPyYAML itself loads what stands in parentheses with yaml.Loader.
    "x: (!!python/object/apply:os.mkdir [{canary}])": "python/object",
    "x: '!!python/object/apply:os.mkdir [{canary}]'\ny: !ref (<x>,)": "python",
    "x: !applyref:os.mkdir " + CALL: "!applyref:os.mkdir",
    "x: !include:/etc/hosts": "!include:/etc/hosts",
    "x: !PLACEHOLDER": "!PLACEHOLDER",
    "x: !copy <sample_rate.real>": "!copy",
    "x: !module:os": "!module:os",
    "x: !name:torch.nn.modules.module.warnings.sys.modules": "sys.modules",
    "x: !new:torch.nn.Linear.forward.__globals__": "__globals__",
    "x: !new:speechbrain.utils.parameter_transfer.pathlib.Path": "pathlib",
    "x: !apply:torch.load [{canary}]": "torch.load",
    "x: !apply:torch.hub.load [{canary}]": "torch.hub.load",
    "x: !ref <sample_rate.__class__.__base__>": "__class__",
    "x: !ref <sample_rate>.__class__ <y.z>": "y.z",
    "x: !ref <y>\ny: !ref <x>": "does not load",
    "x: !new:torch.nn.Linear [1000000000000, 1000000]": "does not load",
    "x: !new:torch.nn.Linear [20000, 20000]": "bytes of parameters",
    f"x: !apply:{LOAD} [!ref <enhance_model>, {{canary}}]": LOAD,
    f"x: !name:{LOAD} {{{{path: {{canary}}}}}}": LOAD,
    "a0: &a0 [1]\n" + "\n".join(LAUGHS): "parts",
    "a0: [1]\n" + "\n".join(REFERENCES): "parts",
    f"x: !ref <{50_000 * 'x'}": "more than a reference",
    "x: &a [1, 2]\ny: &b [*a, *a]\nz: !ref 1<y>": "<y>",
    "x: &a {{b: 1}}\ny: {{<<: *a}}": "merge",
    "---\nx: 1": "does not load",
    "sample_rate: 8000": "sample_rate",
    "x: " + 1001 * "[": "brackets",
    "x: " + 100_001 * "x": "characters",
}


@pytest.mark.parametrize("line", YAMLS, ids=range(len(YAMLS)))
def test_yaml_that_names_anything_else_is_refused(folder, canary, line):
    text = f"{WAVEFORM}\n{line.format(canary=canary)}\n"
    (folder / "hyperparams.yaml").write_text(text)
    with pytest.raises(ValueError) as raised:
        load(folder)
    message = str(raised.value)
    assert "hyperparams.yaml" in message and YAMLS[line] in message
    assert "\n" not in message and len(message) < 1000


def test_it_runs_if_it_is_trusted_and_only_then(folder, tmp_path):
    made = tmp_path / "made"
    text = f"{WAVEFORM}\nx: !apply:os.mkdir [{made}]\n"
    (folder / "hyperparams.yaml").write_text(text)
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        load_teacher([folder, folder])
    assert not made.exists()
    load_teacher(folder, trust_remote_code=True)
    assert made.is_dir()


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def link(path, target):
    path.unlink()
    path.symlink_to(target)


def changed(path, change):
    state = torch.load(path)
    key = next(key for key in state if state[key].is_floating_point())
    state[key] = change(state[key])
    torch.save(state, path)


def bomb(path):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/bomb", bytes(1 << 25))


def shared_tuples():
    """A pickle whose key has 2**60 parts."""
    doubled = [b"h%ch%c\x86q%c" % (n, n, n + 1) for n in range(60)]
    return b"\x80\x02](K\x01\x85q\x00%be}h\x3cK\x01s." % b"".join(doubled)


def zipped(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)


def many_disks(path):
    content = path.read_bytes()
    end = content.rindex(b"PK\x05\x06")
    disks = b"PK\x06\x07" + bytes(12) + b"\x03\0\0\0"
    path.write_bytes(content[:end] + disks + content[end:])


def path_out(folder):
    text = WAVEFORM + "    paths: {enhance_model: ../stolen.ckpt}\n"
    (folder / "hyperparams.yaml").write_text(text)
    shutil.move(folder / WEIGHTS, folder.parent / "stolen.ckpt")


def stolen(folder):
    shutil.move(folder / WEIGHTS, folder.parent / "stolen.ckpt")
    (folder / WEIGHTS).symlink_to("../stolen.ckpt")


FILES = {
    "raw pickle": lambda folder, canary: (folder / WEIGHTS).write_bytes(
        pickle.dumps({"weight": Payload(canary)})
    ),
    "zipped pickle": lambda folder, canary: torch.save(
        {"weight": Payload(canary)}, folder / WEIGHTS
    ),
    "bomb": lambda folder, _: bomb(folder / WEIGHTS),
    "nan": lambda folder, _: changed(
        folder / WEIGHTS, lambda x: x * float("nan")
    ),
    "inf": lambda folder, _: changed(
        folder / WEIGHTS, lambda x: x.half() + 9e9
    ),
    "complex": lambda folder, _: changed(
        folder / WEIGHTS, lambda x: x.to(torch.complex64)
    ),
    "integers": lambda folder, _: changed(folder / WEIGHTS, torch.Tensor.int),
    "meta": lambda folder, _: changed(folder / WEIGHTS, lambda x: x.to("meta")),
    "sparse": lambda folder, _: changed(
        folder / WEIGHTS, torch.Tensor.to_sparse
    ),
    "huge view": lambda folder, _: changed(
        folder / WEIGHTS, lambda x: x.flatten()[:1].expand(1 << 40)
    ),
    "numbered": lambda folder, _: torch.save(
        {1: torch.zeros(1)}, folder / WEIGHTS
    ),
    "nested": lambda folder, _: changed(
        folder / WEIGHTS, lambda x: torch.nested.nested_tensor([x])
    ),
    "codec": lambda folder, _: zipped(
        folder / WEIGHTS, pickle.dumps({"weight": b"\xe9"}, 2)
    ),
    "shared tuples": lambda folder, _: zipped(
        folder / WEIGHTS, shared_tuples()
    ),
    "many disks": lambda folder, _: many_disks(folder / WEIGHTS),
    "path": lambda folder, _: path_out(folder),
    "link": lambda folder, _: stolen(folder),
    "link to a YAML": lambda folder, _: link(
        folder / "hyperparams.yaml", "/etc/hosts"
    ),
}


@pytest.mark.parametrize("attack", FILES)
def test_weights_and_links_of_an_attack_are_refused(folder, canary, attack):
    FILES[attack](folder, canary)
    with pytest.raises((ValueError, FileNotFoundError)) as raised:
        load(folder)
    assert WEIGHTS in str(raised.value) or "yaml" in str(raised.value)
    assert ("unpacks" in str(raised.value)) == (attack == "bomb")


def test_links_of_the_hubs_cache_are_followed(good, tmp_path):
    snapshot = tmp_path / "models--lab--net" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--lab--net" / "blobs").mkdir()
    for path in good.iterdir():
        blob = f"models--lab--net/blobs/{path.name}-hash"
        shutil.copy(path, tmp_path / blob)
        (snapshot / path.name).symlink_to(f"../../blobs/{path.name}-hash")
    assert load(snapshot).sample_rate == 16000


def test_a_run_is_built_by_the_list_too(tmp_path, canary):
    run = write_run(tmp_path)
    recipe = run / "hyperparams.yaml"
    saved = next(run.glob("save/*/student.ckpt"))
    attack = pickle.dumps({"weight": Payload(canary)})
    (saved.parent / "extra.ckpt").write_bytes(attack)
    text = recipe.read_text()
    trap = f"x: !apply:os.mkdir [{canary}]\n"
    recipe.write_text(text + trap)
    load(run)  # of the student alone
    call = f"!apply:os.mkdir [{canary}]\n"
    recipe.write_text(f"student: {call}distillation_loss: {{host: {call}}}")
    for build in (lambda: load(run), Run.open(run).distillation_loss):
        with pytest.raises(ValueError, match="os.mkdir"):
            build()
    assert not canary.exists()
    for other, named in (
        ("seed: 1", "student"),
        ("student: 3", "student"),
        ("student: !new:torch.nn.Identity", "does not fit"),
        (1001 * "[", "brackets"),
        ("a0: &a0 [1]\n" + "\n".join(LAUGHS), "parts"),
    ):
        recipe.write_text(other)
        with pytest.raises(ValueError, match=named):
            load(run)
    recipe.write_text(text)
    for name, content in (
        ("student.ckpt", attack),
        ("CKPT.yaml", b"pesq: !!python/name:os.system"),
    ):
        (saved.parent / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            load(run)


@pytest.mark.parametrize("place", ["inside", "../out", "absolute", "link"])
def test_an_onnx_file_reads_nothing_outside_its_folder(tmp_path, place):
    graph = """<ir_version: 8, opset_import: ["" : 17]>
    g (float[batch, samples] a) => (float[batch, samples] b)
    <float[1] half = {0.5}> { b = Mul(a, half) }"""
    model = onnx.parser.parse_model(graph)
    half = model.graph.initializer[0]
    (tmp_path / "model").mkdir()
    half.raw_data = half.raw_data or torch.tensor([0.5]).numpy().tobytes()
    half.ClearField("float_data")
    names = {"absolute": str(tmp_path / "out"), "link": "link"}
    set_external_data(half, names.get(place, place), 0, 4)
    content = half.raw_data
    half.ClearField("raw_data")
    (tmp_path / "out").write_bytes(content)
    (tmp_path / "model" / "inside").write_bytes(content)
    (tmp_path / "model" / "link").symlink_to("../out")
    path = tmp_path / "model" / "model.onnx"
    path.write_bytes(model.SerializeToString())
    if place == "inside":
        noisy = 0.1 * torch.ones(1, 800)
        assert load(path)(noisy).equal(0.5 * noisy)
    else:
        with pytest.raises(ValueError, match="model.onnx"):
            load(path)


EVIL = "<script>alert(1)</script>\n\n```python\nimport os\n```\n{{ 7 * 7 }}"


def test_words_of_a_stranger_stay_words(tmp_path):
    teacher = tmp_path / "teacher"
    teacher.mkdir()
    head = json.dumps({"license": EVIL, "model_name": EVIL})
    (teacher / "README.md").write_text(f"---\n{head}\n---\n")
    run = Run(write_run(tmp_path, teacher=str(teacher), commit=None))
    card = "\n".join(facts_of_run(run)["training"])
    models = Models({"student": torch.nn.Identity()}, 16000, None)
    models.sources["student"] = EVIL
    details = {"facts": [("teacher_source", EVIL)], "settings": EVIL}
    page = header_html(models) + render("report/details.html", part=details)
    for text in (card, page):
        assert "<script" not in text and "49" not in text
    assert "```" not in card


def test_every_name_on_the_list_is_there():
    import pydoc

    for name in FOLDER | RUN:
        found = pydoc.locate(name)
        assert callable(found) and not isinstance(found, type(os)), name


def test_commands_do_not_trust_unless_told():
    words = ["enhance", "in", "out"]
    assert build_parser().parse_args(words).trust_remote_code is False
