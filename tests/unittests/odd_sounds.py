"""Sound files, byte by byte: some odd, which have to be read, and some that
nobody can read, made as other programs and other suites' tests have them.

Authors
 * The dispatch-sb contributors, 2026
"""

import io
import struct

import numpy as np
import soundfile

RATE, LENGTH = 16000, 8001
TONE = (0.3 * np.sin(np.arange(LENGTH) / 9)).astype(np.float32)
PCM = np.rint(TONE * 32767).astype("<i2").tobytes()
UNKNOWN = b"\xff" * 4
# What follows the size of an extensible format: PCM.
EXTENSIBLE = bytes.fromhex("0100000000001000800000aa00389b71")


def made(form, subtype="PCM_16", signal=TONE, rate=RATE, endian=None):
    """As libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, signal, rate, subtype, endian, form)
    return file.getvalue()


def coded(form, subtype):
    """The tone in blocks, the last of which may be filled up; what it holds."""
    content = made(form, subtype)
    return content, (soundfile.info(io.BytesIO(content)).frames, RATE, 1)


def chunk(name, body):
    """One of RIFF's, padded to an even size."""
    size = struct.pack("<I", len(body))
    return name + size + body + b"\0" * (len(body) % 2)


def fmt(tag=1, channels=1, rate=RATE, bits=16, size=None, more=b""):
    """What a WAV is made of."""
    size = channels * bits // 8 if size is None else size
    speed = rate * size % 2**32
    head = struct.pack("<HHIIHH", tag, channels, rate, speed, size, bits)
    return chunk(b"fmt ", head + more)


def riff(*chunks, size=None):
    """A WAV of chunks."""
    body = b"WAVE" + b"".join(chunks)
    size = len(body) if size is None else size
    return b"RIFF" + struct.pack("<I", size) + body


def streamed(size):
    """A WAV whose writer never knew its length."""
    return riff(fmt(), b"data" + size + PCM, size=0)


def wide(bits):
    """The tone as integers of more bytes than samples have in memory."""
    whole = np.rint(TONE.astype(np.float64) * 2 ** (bits - 1)).astype("<i8")
    return whole.view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()


def flac(total):
    """FLAC whose header promises so many samples; 0: nobody knows."""
    content = bytearray(made("FLAC"))
    place = slice(18, 26)  # rate, channels, bits, then 36 bits of length
    value = int.from_bytes(content[place], "big") >> 36 << 36 | total
    content[place] = value.to_bytes(8, "big")
    return bytes(content)


FMT, DATA, FLAC = fmt(), chunk(b"data", PCM), made("FLAC")
WHOLE = riff(FMT, DATA)
LONG = chunk(b"ds64", struct.pack("<QQQI", 16074, len(PCM), LENGTH, 0))
RF64 = b"RF64" + UNKNOWN + b"WAVE" + LONG + FMT + b"data" + UNKNOWN + PCM
ID3 = b"ID3\x04\0\0\0\0\1\0" + bytes(128)
OGG, MP3 = made("OGG", "VORBIS"), made("MP3", "MPEG_LAYER_III")
AU = made("AU")
SPOILT = np.where(np.arange(LENGTH) % 1000 == 5, np.nan, TONE)


def extensible(bits, held):
    """A WAV that says how many of its bits hold something."""
    more = struct.pack("<HHI", 22, held, 4) + EXTENSIBLE
    head = fmt(0xFFFE, bits=bits, more=more)
    return riff(head, chunk(b"data", wide(bits)))


# By the file's name: content, and what it holds (samples, rate, channels) if
# that is not the tone's. The comments name other suites with such a file.
READ = {
    "list.wav": riff(chunk(b"LIST", b"INFOISFT\5\0\0\0Lavf\0\0"), FMT, DATA),
    "bext.wav": riff(chunk(b"JUNK", bytes(28)), chunk(b"bext", bytes(602)), FMT)
    + DATA,
    "odd_chunk.wav": riff(FMT, chunk(b"note", b"abc"), DATA),
    "zeros.wav": riff(FMT, chunk(b"LIST", bytes(4000)), DATA),  # libsndfile
    "after.wav": riff(FMT, DATA, chunk(b"LIST", b"INFOIART\4\0\0\0abc\0")),
    "trailing.wav": WHOLE + b"garbage!!" * 5,
    "incomplete.wav": WHOLE + b"LI",  # SciPy
    "riff_0.wav": riff(FMT, DATA, size=0),
    "riff_max.wav": riff(FMT, DATA, size=0xFFFFFFFF),
    "ffmpeg.wav": streamed(UNKNOWN),
    "killed.wav": streamed(bytes(4)),
    "odd_pcm24.wav": riff(fmt(bits=24), b"data" + struct.pack("<I", 24003))
    + wide(24),  # libsndfile: an odd size without padding
    "pcm24.wav": riff(fmt(bits=24), chunk(b"data", wide(24))),
    "bits_12.wav": riff(fmt(bits=12, size=2), DATA),  # SciPy
    "bits_20.wav": riff(fmt(bits=20, size=3), chunk(b"data", wide(24))),
    "wavex.wav": extensible(16, 16),
    "wavex_24_in_32.wav": extensible(32, 24),
    "float.wav": made("WAV", "FLOAT"),
    "double.wav": made("WAV", "DOUBLE"),
    "u8.wav": made("WAV", "PCM_U8"),  # SciPy
    "ulaw.wav": made("WAV", "ULAW"),  # libsndfile, SciPy
    "alaw.wav": made("WAV", "ALAW"),  # libsndfile
    "rifx.wav": made("WAV", endian="BIG"),
    "rifx_float.wav": made("WAV", "FLOAT", endian="BIG"),  # SciPy
    "rf64.wav": RF64,  # SciPy
    **{f"a.{form.lower()}": made(form) for form in "W64 RF64 AIFF CAF".split()},
    **{f"b.{form.lower()}": made(form) for form in "VOC NIST SVX PAF".split()},
    "sowt.aifc": made("AIFF", endian="LITTLE"),
    # libsndfile
    "ima.wav": coded("WAV", "IMA_ADPCM"),
    "ms.wav": coded("WAV", "MS_ADPCM"),
    "gsm.wav": coded("WAV", "GSM610"),
    "g721.au": coded("AU", "G721_32"),
    "dwvw.aiff": made("AIFF", "DWVW_16"),
    "alac.caf": made("CAF", "ALAC_16"),
    "a.au": AU,
    "streamed.au": AU[:8] + UNKNOWN + AU[12:],  # libsndfile
    "unknown.flac": flac(0),  # libsndfile, ffmpeg's pipes
    "id3.flac": ID3 + FLAC,
    "a.ogg": OGG,
    "a.opus": made("OGG", "OPUS"),
    "vbr.mp3": MP3,
    "id3.mp3": ID3 + MP3,
    "stereo.wav": (
        made("WAV", signal=np.stack([TONE] * 2, 1)),
        (LENGTH, RATE, 2),
    ),
    "eight.wav": (
        made("WAV", signal=np.stack([TONE] * 8, 1)),
        (LENGTH, RATE, 8),
    ),
    "one.wav": (made("WAV", signal=TONE[:1]), (1, RATE, 1)),
    "none.wav": (made("WAV", signal=TONE[:0]), (0, RATE, 1)),
    **{
        f"{rate}.wav": (made("WAV", rate=rate), (LENGTH, rate, 1))
        for rate in (8000, 11025, 44100, 48000, 192000)
    },
    "dc.wav": made("WAV", "FLOAT", np.full(LENGTH, 0.5)),
    "silence.wav": made("WAV", signal=0 * TONE),
    "square.wav": made("WAV", signal=np.sign(TONE)),
    "denormal.wav": made("WAV", "FLOAT", 1e-40 * TONE),
    "huge.wav": made("WAV", "FLOAT", 1e30 * TONE),
    "nan.wav": made("WAV", "FLOAT", SPOILT),
    "inf.wav": made("WAV", "FLOAT", np.where(SPOILT == TONE, TONE, np.inf)),
}


REFUSED = {
    "empty.wav": b"",
    "text.wav": b"no sound\n" * 99,
    "page.mp3": b"<html>404 Not Found</html>",
    "riff.wav": b"RIFF",
    "wave.wav": riff(),
    "no_data.wav": riff(FMT),
    "no_fmt.wav": riff(DATA),
    "late_fmt.wav": riff(DATA, FMT),
    "unpadded.wav": riff(FMT, chunk(b"note", b"abc")[:-1], DATA),
    "two.wav": riff(FMT, DATA, DATA),
    "rate_0.wav": riff(fmt(rate=0), DATA),
    "rate_1.wav": riff(fmt(rate=1), DATA),
    "rate_max.wav": riff(fmt(rate=2**31 - 1), DATA),
    "channels_0.wav": riff(fmt(channels=0), DATA),
    "channels_max.wav": riff(fmt(channels=65535, size=2), DATA),
    "bits_0.wav": riff(fmt(bits=0, size=2), DATA),
    "int64.wav": riff(fmt(bits=64), chunk(b"data", wide(64))),  # SciPy
    "codec.wav": riff(fmt(tag=0x1234), DATA),
    "headerless.raw": PCM,
    "cut.wav": WHOLE[:-500],  # SciPy
    "cut_list.wav": riff(chunk(b"LIST", bytes(5)), FMT, DATA)[:-500],
    "cut_rifx.wav": made("WAV", endian="BIG")[:-500],
    "cut_rf64.wav": RF64[:-500],
    **{
        f"cut.{form.lower()}": made(form)[:-500]
        for form in "W64 AIFF AU CAF FLAC".split()
    },
    "more.flac": flac(LENGTH + 999),
    "cut.ogg": made("OGG", "VORBIS", np.tile(TONE, 4))[:-200],  # libsndfile
    "chained.ogg": OGG + made("OGG", "VORBIS"),
    "cut.mp3": made("MP3", "MPEG_LAYER_III", np.tile(TONE, 30))[:-5000],
}
