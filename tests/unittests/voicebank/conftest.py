"""Where the preparation of VoiceBank-DEMAND reads and writes.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
from voicebank_corpus import write_corpus


@pytest.fixture
def ready(tmp_path):
    """A corpus at 16 kHz."""
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def archive(tmp_path):
    """A corpus at 48 kHz, as it is downloaded."""
    return write_corpus(tmp_path / "corpus", 48000, "")


@pytest.fixture
def work(tmp_path):
    """Where manifests and resampled files go."""
    return tmp_path / "work"
