"""Audio files with damaged headers or samples, and cut ones."""

import io

import numpy as np
import pytest
import soundfile
from clear_errors import REFUSED, attempt, share
from damages import damaged_bytes
from hypothesis import given
from hypothesis import strategies as st
from sounds import noise

from dispatch_sb.data.audio import StoredFile, open_sound, read_channels
from dispatch_sb.data.checks import check_file
from dispatch_sb.enhance.sound_files import read_blocks

KINDS = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16")]
KINDS += [("OGG", "VORBIS"), ("W64", "PCM_24"), ("AIFF", "PCM_16")]
KINDS += [("WAVEX", "PCM_16"), ("RF64", "PCM_16"), ("CAF", "PCM_16")]
SIGNAL = noise(0.1)
WORST = 5000  # samples of a byte: silence in FLAC


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sound")


def content_of(kind, subtype):
    """The bytes of a file."""
    file = io.BytesIO()
    soundfile.write(file, SIGNAL, 16000, subtype, format=kind)
    return file.getvalue()


FILES = {kind: content_of(*kind) for kind in KINDS}


@share(4)
@given(data=st.data())
def test_a_sound_file(folder, data):
    kind = data.draw(st.sampled_from(KINDS))
    content = data.draw(damaged_bytes(FILES[kind]))
    path = folder / f"damaged.{kind[0].lower()}"
    path.write_bytes(content)
    whole = attempt(lambda: read_channels(path), path)
    stored = StoredFile("a.tar/a.flac", content)
    attempt(lambda: read_channels(stored), stored)
    problems = attempt(lambda: check_file(path).problems)
    assert all(str(path) in problem for problem in problems)
    blocks = attempt(lambda: list(read_blocks(open_sound(path))), path, "it is")
    if whole is REFUSED:
        return
    samples, info = whole
    assert samples.shape == (info.samples, info.channels)
    assert samples.size < WORST * len(content)
    if blocks is not REFUSED:
        joined = np.concatenate([samples[:0], *blocks])
        assert np.array_equal(joined, samples, equal_nan=True)
    if kind[0] == "FLAC" and info == (len(SIGNAL), 16000, 1):
        right, _ = read_channels(StoredFile("whole", FILES[kind]))
        assert np.array_equal(samples, right)
