"""Which format an enhanced file has.

Authors
 * The dispatch-sb contributors, 2026
"""

import pytest

from dispatch_sb.data.formats import choose_layout, format_of


@pytest.mark.parametrize(
    "source, wanted, expected",
    [
        (("WAV", "PCM_24"), "flac", ("FLAC", "PCM_24", ".flac")),
        (("WAV", "DOUBLE"), "flac", ("FLAC", "PCM_24", ".flac")),
        (("MP3", "MPEG_LAYER_III"), ".wav", ("WAV", "PCM_16", ".wav")),
        (("FLAC", "PCM_16"), "mp3", ("MP3", "MPEG_LAYER_III", ".mp3")),
        (("FLAC", "PCM_16"), "OPUS", ("OGG", "OPUS", ".opus")),
        (("WAVEX", "FLOAT"), "wav", ("WAVEX", "FLOAT", ".wav")),
        (("MP3", "MPEG_LAYER_II"), None, ("WAV", "PCM_16", ".wav")),
        (("OGG", "OPUS"), None, ("OGG", "OPUS", "")),
    ],
)
def test_layout(source, wanted, expected):
    assert choose_layout(*source, wanted) == expected


def test_unknown_formats_are_named():
    for wanted in ("m4a", "raw", ""):
        with pytest.raises(ValueError, match=f"^{wanted}"):
            format_of(wanted)
