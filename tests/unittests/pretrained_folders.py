"""Writes tiny pretrained folders in the format of SpeechBrain's hub models,
one for each enhancement interface.

Authors
 * The dispatch-sb contributors, 2026
"""

import json

import torch
from hyperpyyaml import load_hyperpyyaml

# As speechbrain/metricgan-plus-voicebank, with one layer: `resynth` normalises.
SPECTRAL_MASK = """
sample_rate: 16000
compute_stft: !new:speechbrain.processing.features.STFT
    sample_rate: !ref <sample_rate>
    win_length: 32
    hop_length: 16
    n_fft: 512
    window_fn: !name:torch.hamming_window
compute_istft: !new:speechbrain.processing.features.ISTFT
    sample_rate: !ref <sample_rate>
    win_length: 32
    hop_length: 16
    n_fft: 512
    window_fn: !name:torch.hamming_window
spectral_magnitude: !name:speechbrain.processing.features.spectral_magnitude
    power: 0.5
resynth: !name:speechbrain.processing.signal_processing.resynthesize
    stft: !ref <compute_stft>
    istft: !ref <compute_istft>
enhance_model: !new:speechbrain.lobes.models.MetricGAN.EnhancementGenerator
    num_layers: 1
modules:
    enhance_model: !ref <enhance_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        enhance_model: !ref <enhance_model>
"""

# As speechbrain/mtl-mimic-voicebank: batch norm, dropout, shorter output.
WAVEFORM = """
sample_rate: 16000
enhance_model: !new:speechbrain.lobes.models.EnhanceResnet.EnhanceResnet
    channel_counts: [4]
    dense_count: 1
    dense_nodes: 16
modules:
    enhance_model: !ref <enhance_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        enhance_model: !ref <enhance_model>
"""

# As speechbrain/sepformer-wham16k-enhancement.
SEPARATION = """
sample_rate: 16000
num_spks: {speakers}
encoder: !new:speechbrain.lobes.models.dual_path.Encoder
    kernel_size: 16
    out_channels: 8
block: !new:speechbrain.lobes.models.dual_path.SBTransformerBlock
    num_layers: 1
    d_model: 8
    nhead: 2
    d_ffn: 16
    dropout: 0
    use_positional_encoding: True
    norm_before: True
masknet: !new:speechbrain.lobes.models.dual_path.Dual_Path_Model
    num_spks: !ref <num_spks>
    in_channels: 8
    out_channels: 8
    num_layers: 1
    K: 50
    intra_model: !ref <block>
    inter_model: !ref <block>
    norm: ln
decoder: !new:speechbrain.lobes.models.dual_path.Decoder
    in_channels: 8
    out_channels: 1
    kernel_size: 16
    stride: 8
    bias: False
modules:
    encoder: !ref <encoder>
    decoder: !ref <decoder>
    masknet: !ref <masknet>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        encoder: !ref <encoder>
        decoder: !ref <decoder>
        masknet: !ref <masknet>
"""

HYPERPARAMS = {
    "SpectralMaskEnhancement": SPECTRAL_MASK,
    "WaveformEnhancement": WAVEFORM,
    "SepformerSeparation": SEPARATION.format(speakers=1),
}


def write_folder(folder, hyperparams, interface=None, seed=0):
    """Writes ``hyperparams`` and random weights for what it loads.

    Arguments
    ---------
    folder : pathlib.Path
        Created if needed.
    hyperparams : str
        Content of ``hyperparams.yaml``.
    interface : str, optional
        Goes into ``config.json``; without it there is no such file.
    seed : int
        Of the weights.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hyperparams.yaml").write_text(hyperparams)
    torch.manual_seed(seed)
    pretrainer = load_hyperpyyaml(hyperparams)["pretrainer"]
    for name, module in pretrainer.loadables.items():
        torch.save(module.state_dict(), folder / f"{name}.ckpt")
    if interface is not None:
        config = {"speechbrain_interface": interface}
        (folder / "config.json").write_text(json.dumps(config))
    return folder
