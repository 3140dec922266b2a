"""Odd sound files are read, whole and at their level, from a path and from a
pipe; what is damaged is refused by its name.

Authors
 * The dispatch-sb contributors, 2026
"""

import io

import numpy as np
import pytest
import soundfile
from odd_sounds import LENGTH, RATE, READ, REFUSED, TONE
from torch import nn

from dispatch_sb.data import probe, read_audio
from dispatch_sb.data.audio import read_channels
from dispatch_sb.enhance import ChunkedEnhancer
from dispatch_sb.enhance.one_file import enhance_file

AS_IT_IS = ChunkedEnhancer(nn.Identity())
OWN_SIGNAL = "dc silence square denormal huge nan inf one none".split()
COARSE = "ima ms gsm g721 u8 ulaw alaw a.ogg a.opus vbr.mp3 id3.mp3".split()


@pytest.mark.parametrize("name", READ)
def test_what_is_odd_is_read(tmp_path, name):
    content, holds = READ[name], (LENGTH, RATE, 1)
    content, holds = content if isinstance(content, tuple) else (content, holds)
    path = tmp_path / name
    path.write_bytes(content)
    assert probe(path) == holds
    samples, _ = read_channels(path)
    part, _ = read_channels(path, start=holds[0] // 2)
    assert np.array_equal(part, samples[holds[0] // 2 :], equal_nan=True)
    coarse = any(name.startswith(begin) for begin in COARSE)
    if path.stem not in OWN_SIGNAL:
        gap = np.abs(samples[:LENGTH] - TONE[:, None])
        if coarse:
            assert gap.mean() < 0.05
        else:
            assert gap.max() < (2**-11 if name == "b.svx" else 2**-14)
    finite = np.nan_to_num(samples, posinf=0)
    # Without a name, libsndfile does not always know an MP3.
    pipes = [] if name.endswith("mp3") else [io.BytesIO(content)]
    for source in (path, *pipes):
        made = io.BytesIO()
        enhance_file(AS_IT_IS, source, made, "wav")
        made.seek(0)
        heard, rate = soundfile.read(made, always_2d=True)
        assert (*heard.shape, rate) == (holds[0], holds[2], holds[1])
        if rate == RATE and path.stem != "huge":
            assert np.abs(heard - finite).max(initial=0) < (
                0.1 if coarse else 0.01
            )


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_damaged_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(REFUSED[name])
    with pytest.raises(ValueError, match=name):
        read_audio(path, None)


def test_a_name_of_another_encoding_is_named(tmp_path):
    path = tmp_path / "caf\udce9.wav"
    path.write_bytes(READ["list.wav"])
    with pytest.raises(ValueError, match="caf.*UTF-8"):
        probe(path)
