"""Audio files, manifests, and SpeechBrain datasets made of them.

Authors
 * The dispatch-sb contributors, 2026
"""

from dispatch_sb.data.audio import (
    AudioInfo,
    probe,
    read_audio,
    resample,
    sha256_of,
    write_audio,
)
from dispatch_sb.data.convert import convert_folder
from dispatch_sb.data.manifest import (
    ManifestError,
    located_manifest,
    manifest_hash,
    read_manifest,
    write_pair_manifest,
    write_single_manifest,
)
from dispatch_sb.data.matching import speaker_of
from dispatch_sb.data.mixing import DynamicMixture, write_mixtures
from dispatch_sb.data.pipeline import check_fills_a_batch, pair_dataset

__all__ = [
    "AudioInfo",
    "DynamicMixture",
    "ManifestError",
    "check_fills_a_batch",
    "convert_folder",
    "located_manifest",
    "manifest_hash",
    "pair_dataset",
    "probe",
    "read_audio",
    "read_manifest",
    "resample",
    "sha256_of",
    "speaker_of",
    "write_audio",
    "write_mixtures",
    "write_pair_manifest",
    "write_single_manifest",
]
