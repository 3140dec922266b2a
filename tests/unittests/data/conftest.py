"""The folders that most tests of manifests begin with.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest
from sounds import write_pair


@pytest.fixture
def root(tmp_path):
    """Two speakers, three pairs."""
    for seed, name in enumerate(("ann_1.wav", "ann_2.wav", "bob_1.wav")):
        write_pair(tmp_path, name, 0.5 + 0.1 * seed, seed)
    return tmp_path
