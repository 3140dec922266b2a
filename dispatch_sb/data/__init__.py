"""Audio files, manifests, and SpeechBrain datasets made of them.

What needs SpeechBrain, which takes a second to import, is fetched when it is
first asked for.

Authors
 * The dispatch-sb contributors, 2026
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from dispatch_sb.data.in_memory import AudioInMemory, keep_in_memory
    from dispatch_sb.data.mixing import DynamicMixture, write_mixtures
    from dispatch_sb.data.pipeline import check_fills_a_batch, pair_dataset

__all__ = [
    "AudioInMemory",
    "AudioInfo",
    "DynamicMixture",
    "ManifestError",
    "check_fills_a_batch",
    "convert_folder",
    "keep_in_memory",
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


LATE = {
    "AudioInMemory": "in_memory",
    "keep_in_memory": "in_memory",
    "DynamicMixture": "mixing",
    "write_mixtures": "mixing",
}


def __getattr__(name: str) -> Any:
    """What is imported only when it is used (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = LATE.get(name, "pipeline")
    return getattr(import_module(f"{__name__}.{module}"), name)
