"""Networks of SpeechBrain's recipes, built of the list of what is allowed.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
from hyperpyyaml import load_hyperpyyaml

from dispatch_sb.runs.allow_list import NETWORKS, build_allowed

# Networks of SpeechBrain's recipes (commit 9c826ef) for Voicebank, WHAM!,
# WHAMR! and DNS, smaller: what they name and how.
LOBES = "speechbrain.lobes.models"
RECIPES = {
    "DPRNN": f"""
part: !new:{LOBES}.dual_path.SBRNNBlock
    {{num_layers: 1, input_size: 8, hidden_channels: 8, bidirectional: True}}
net: !new:{LOBES}.dual_path.Dual_Path_Model
    {{num_spks: 1, in_channels: 8, out_channels: 8, num_layers: 2, K: 50,
    intra_model: !copy <part>, inter_model: !ref <part>, norm: ln,
    linear_layer_after_inter_intra: True, skip_around_intra: True}}
""",
    "Conv-TasNet": f"""
net: !new:{LOBES}.conv_tasnet.MaskNet
    {{N: 8, B: 8, H: 16, P: 3, X: 2, R: 1, C: 1, norm_type: gLN, causal: False,
    mask_nonlinear: relu}}
""",
    "transformer": f"""
width: 16
net: !new:{LOBES}.transformer.TransformerSE.CNNTransformerSE
    d_model: !ref <width> // 4
    output_size: 9
    output_activation: !name:torch.nn.Sigmoid
    activation: !name:torch.nn.LeakyReLU {{negative_slope: 0.01}}
    num_layers: 1
    d_ffn: 8
    nhead: 2
    causal: False
    custom_emb_module: !new:speechbrain.nnet.containers.Sequential
        input_shape: [null, null, 9]
        conv: !name:speechbrain.nnet.CNN.Conv1d
            {{out_channels: !ref <width> // 4, kernel_size: 3}}
        norm: !name:speechbrain.nnet.normalization.LayerNorm
        act: !new:torch.nn.LeakyReLU {{negative_slope: 0.01}}
""",
    "convolutions and BLSTM": """
kernel: (9,9)
net: !new:speechbrain.nnet.containers.Sequential
    input_shape: [null, null, 9]
    conv: !name:speechbrain.nnet.CNN.Conv2d
        {out_channels: 4, kernel_size: !ref <kernel>}
    norm: !new:speechbrain.nnet.normalization.BatchNorm2d {input_size: 4}
    lstm: !name:speechbrain.nnet.RNN.LSTM {hidden_size: 4, bidirectional: True}
    linear: !name:speechbrain.nnet.linear.Linear {n_neurons: 9, bias: True}
    act: !new:torch.nn.Sigmoid
""",
    "waveforms": """
net: !new:speechbrain.nnet.containers.Sequential
    input_shape: [null, null, 1]
    norm: !new:speechbrain.nnet.normalization.InstanceNorm1d
        {input_size: 1, track_running_stats: False, affine: True}
    conv: !name:speechbrain.nnet.CNN.Conv1d {out_channels: 4, kernel_size: 55}
""",
    "SEGAN": f"""
net: !new:{LOBES}.segan_model.Generator
    {{kernel_size: 5, latent_vae: False, z_prob: True}}
""",
    "MetricGAN-U": f"net: !new:{LOBES}.MetricGAN_U.EnhancementGenerator",
    "RE-SepFormer": f"""
part: !new:{LOBES}.resepformer.SBTransformerBlock_wnormandskip
    {{num_layers: 1, d_model: 8, nhead: 2, d_ffn: 16}}
net: !new:{LOBES}.resepformer.ResourceEfficientSeparator
    {{input_dim: 8, causal: False, num_spk: 1, layer: 1, segment_size: 10,
    mem_type: av, seg_model: !ref <part>, mem_model: !copy <part>}}
""",
}


@pytest.mark.parametrize("name", RECIPES)
def test_published_networks_are_what_hyperpyyaml_makes_of_them(name):
    built = build_allowed(RECIPES[name], NETWORKS, "a.yaml")
    expected = load_hyperpyyaml(RECIPES[name])
    assert built.keys() == expected.keys()
    assert str(built["net"]) == str(expected["net"])
    states = [part["net"].state_dict() for part in (built, expected)]
    shapes = [{k: v.shape for k, v in state.items()} for state in states]
    assert shapes[0] and shapes[0] == shapes[1]


DOUBLED = [f"a{n}: !ref <a{n - 1}><a{n - 1}>" for n in range(1, 40)]
ALIASES = [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 8)]


def test_what_would_grow_without_end_is_refused_and_what_is_shared_is_not():
    doubled = "\n".join(["a0: lol", *DOUBLED])
    with pytest.raises(ValueError, match="characters"):
        build_allowed(doubled, NETWORKS, "a.yaml")
    shared = build_allowed("\n".join(["a0: &a0 [x]", *ALIASES]), (), "a.yaml")
    assert shared["a7"][0] is shared["a6"]
    copied = build_allowed("a: [1]\nb: !copy <a>", (), "a.yaml")
    assert copied["a"] == copied["b"] and copied["a"] is not copied["b"]
