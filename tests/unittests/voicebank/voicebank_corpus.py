"""A VoiceBank-DEMAND of six utterances, and the recipe's preparation of it.

Authors
 * The dispatch-sb contributors, 2026
"""

import importlib.util
from pathlib import Path

import numpy as np

from dispatch_sb.data import read_manifest, write_audio

RECIPE = Path(__file__).parents[3] / "recipes/VoiceBank/voicebank_prepare.py"
NAMES = {
    "trainset_28spk": ["p226_001", "p226_002", "p227_001", "p228_001"],
    "testset": ["p232_001", "p257_001"],
}
PARTS = ("train", "valid", "test")


def load_recipe():
    """The recipe's module, which is a script of no package."""
    spec = importlib.util.spec_from_file_location("prepare_under_test", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


recipe = load_recipe()


def write_corpus(folder, rate=16000, end="_16k"):
    """Half a second of noise in place of every utterance."""
    generator = np.random.default_rng(0)
    for part, names in NAMES.items():
        for name in names:
            for kind in ("clean", "noisy"):
                signal = 0.1 * generator.standard_normal(rate // 2)
                path = folder / f"{kind}_{part}_wav{end}" / f"{name}.wav"
                write_audio(path, signal, rate, "PCM_16")
    return folder


def prepare(folder, work, valid_speakers=("p226",), **options):
    """Runs the recipe's preparation; returns the three manifests."""
    paths = {f"{part}_json": work / f"{part}.json" for part in PARTS}
    recipe.prepare_voicebank(
        folder, work / "saved", valid_speakers, **paths, **options
    )
    return [read_manifest(path) for path in paths.values()]
