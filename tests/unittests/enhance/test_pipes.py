"""Audio out of pipes and into them.

Authors
 * The dispatch-sb contributors, 2026
"""

import io

import numpy as np
import pytest
import soundfile
from stream_models import identity_model, noise

from dispatch_sb.data.audio import UNKNOWN_SIZE
from dispatch_sb.enhance.chunked import enhancer_of
from dispatch_sb.enhance.pipes import check_pipe, enhance_pipe

IDENTITY = enhancer_of(identity_model())


def test_pipes_in_and_out_with_a_wrong_length_in_the_header():
    wav, signal = io.BytesIO(), noise(1, 44100, 2, band=0.3)
    soundfile.write(wav, signal, 44100, "PCM_16", format="WAV")
    content = bytearray(wav.getvalue())
    size = content.index(b"data") + 4
    for promised in (UNKNOWN_SIZE, 0x7FFFF000):  # ffmpeg's and sox's
        content[size : size + 4] = promised.to_bytes(4, "little")
        output = io.BytesIO()
        result = enhance_pipe(IDENTITY, io.BytesIO(content), output)
        assert result == (1.0, 0)
        output.seek(0)
        made, rate = soundfile.read(output)
        assert rate == 44100 and np.abs(made - signal).max() < 2e-3


def test_pipe_to_a_file_of_another_format(tmp_path):
    wav = io.BytesIO()
    soundfile.write(wav, noise(1, 8000, 1), 8000, "PCM_16", format="WAV")
    wav.seek(0)
    enhance_pipe(IDENTITY, wav, tmp_path / "out.flac")
    made = soundfile.info(tmp_path / "out.flac")
    assert (made.format, made.frames, made.samplerate) == ("FLAC", 8000, 8000)


def test_no_audio_in_a_pipe_sends_nothing_out():
    output = io.BytesIO()
    with pytest.raises(ValueError, match="standard input"):
        enhance_pipe(IDENTITY, io.BytesIO(b"no sound"), output)
    assert output.getvalue() == b""


@pytest.mark.parametrize(
    "inputs, output, named",
    [
        (["-", "b.wav"], "-", "pipe"),
        (["-"], "lost", "lost"),
        (["."], "-", "pipe"),
    ],
)
def test_wrong_uses_of_a_pipe(inputs, output, named):
    with pytest.raises(ValueError, match=named):
        check_pipe(inputs, output)
