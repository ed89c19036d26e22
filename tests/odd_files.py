"""Sound files as recorders, pipes, crashes and full disks leave them, made by a few lines each: no recording is stored.

`ODD` names a maker for each; a maker writes a file into a folder and returns its path, the samples (channels, N) of the
whole sound, and the fault that `audio.info` is to name ("" where the sound is whole)."""

import struct

import numpy as np
import soundfile

SR = 8000
X = np.round(np.stack([np.sin(np.arange(4 * SR) * 0.3), np.sin(np.arange(4 * SR) ** 1.3 * 0.02)]) * 20000).astype("<i2")
SAMPLES = X / 32768.0
ODD = {}


def odd(make):
    "Register a maker under its own name."
    ODD[make.__name__.replace("_", " ")] = make
    return make


def write(folder, ending, x=SAMPLES, sr=SR, **how):
    path = folder / f"odd.{ending}"
    soundfile.write(path, x.T, sr, **how)
    return path


def wave(data, announced=None, riff=None, before=b"", after=b"", head=b"RIFF", order="<", sr=SR, channels=2):
    "A WAV file of 16 bits, chunk by chunk."
    announced = len(data) if announced is None else announced
    fmt = b"fmt " + struct.pack(order + "IHHIIHH", 16, 1, channels, sr, sr * 2 * channels, 2 * channels, 16)
    body = b"WAVE" + fmt + before + b"data" + struct.pack(order + "I", announced) + data + after
    return head + struct.pack(order + "I", len(body) if riff is None else riff) + body


def put(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


RAW = X.T.tobytes()
LIST = b"LIST" + struct.pack("<I", 12) + b"INFOISFT\0\0\0\0"


# ---- headers that say less, or nothing
@odd
def header_of_one_second(folder):
    return put(folder, "less.wav", wave(RAW, announced=len(RAW) // 4)), SAMPLES, ""


@odd
def header_of_one_second_and_a_list(folder):
    return put(folder, "less.wav", wave(RAW, announced=len(RAW) // 4, before=LIST)), SAMPLES, ""


def _placeholder(data, riff):
    def make(folder):
        return put(folder, "pipe.wav", wave(RAW, announced=data, riff=riff)), SAMPLES, ""

    return make


for _data, _riff in (
    (0, 0),
    (0, 36),
    (0x7FFFF000, 0x7FFFF024),
    (0x7FFFFFFF, 0x7FFFFFFF),
    (0x80000000, 0x80000024),
    (0xFFFFFFFF, 0xFFFFFFFF),
    (0xFFFFFFDB, 0xFFFFFFFF),
    (0xFFFFFF00, 0xFFFFFFFF),
):
    ODD[f"wave with the length {_data:#x}"] = _placeholder(_data, _riff)


@odd
def pipe_that_begins_with_silence(folder):
    x = np.concatenate([np.zeros((2, SR)), SAMPLES], axis=1)
    raw = bytes(4 * SR) + RAW
    return put(folder, "quiet.wav", wave(raw, announced=0, riff=0)), x, ""


@odd
def wave_of_32_bit_floats_and_no_length(folder):
    raw = SAMPLES.T.astype("<f4").tobytes()
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 3, 2, SR, SR * 8, 8, 32)
    return put(folder, "f.wav", b"RIFF\0\0\0\0WAVE" + fmt + b"data\0\0\0\0" + raw), SAMPLES, ""


@odd
def rifx(folder):
    return put(folder, "big.wav", wave(X.T.astype(">i2").tobytes(), head=b"RIFX", order=">")), SAMPLES, ""


@odd
def rifx_without_a_length(folder):
    raw = X.T.astype(">i2").tobytes()
    return put(folder, "big.wav", wave(raw, announced=0, head=b"RIFX", order=">")), SAMPLES, ""


@odd
def rf64_without_lengths(folder):
    content = bytearray(write(folder, "rf64", format="RF64", subtype="PCM_16").read_bytes())
    at = content.index(b"ds64")
    content[at + 8 : at + 32] = bytes(24)
    return put(folder, "odd.rf64", content), SAMPLES, ""


@odd
def wave64_of_one_second(folder):
    content = bytearray(write(folder, "w64", format="W64", subtype="PCM_16").read_bytes())
    at = content.index(b"data") + 16
    content[at : at + 8] = struct.pack("<Q", 24 + len(RAW) // 4 // 8 * 8)
    return put(folder, "odd.w64", content), SAMPLES, ""


@odd
def aiff_of_one_second(folder):
    content = bytearray(write(folder, "aiff").read_bytes())
    at = content.index(b"SSND") + 4
    content[at : at + 4] = struct.pack(">I", 8 + len(RAW) // 4)
    return put(folder, "odd.aiff", content), SAMPLES, ""


@odd
def little_endian_aiff_without_a_length(folder):
    content = bytearray(write(folder, "aiff", subtype="PCM_16", endian="LITTLE").read_bytes())
    at = content.index(b"SSND") + 4
    content[at : at + 4] = struct.pack(">I", 8)
    return put(folder, "odd.aiff", content), SAMPLES, ""


@odd
def caf_to_the_end(folder):
    content = bytearray(write(folder, "caf", subtype="PCM_16").read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 8] = struct.pack(">q", -1)
    return put(folder, "odd.caf", content), SAMPLES, ""


@odd
def au_of_unknown_length(folder):
    content = bytearray(write(folder, "au", subtype="PCM_16").read_bytes())
    content[8:12] = b"\xff" * 4
    return put(folder, "odd.au", content), SAMPLES, ""


NOISE = 0.3 * np.random.default_rng(5).standard_normal((2, 10 * SR))


def ogg(folder):
    "An Ogg file of some twenty pages, and what it holds."
    content = write(folder, "ogg", NOISE).read_bytes()
    return content, soundfile.read(folder / "odd.ogg")[0].T


def mp3(folder):
    content = write(folder, "mp3", NOISE, sr=48000).read_bytes()
    return content, soundfile.read(folder / "odd.mp3")[0].T


def _flac(folder, total):
    content = bytearray(write(folder, "flac", subtype="PCM_16").read_bytes())
    number = int.from_bytes(content[18:26], "big") >> 36 << 36 | total
    content[18:26] = number.to_bytes(8, "big")
    return put(folder, "odd.flac", content)


@odd
def flac_of_unknown_length(folder):
    return _flac(folder, 0), SAMPLES, ""


@odd
def flac_that_announces_less(folder):
    return _flac(folder, SR), SAMPLES, ""


@odd
def flac_behind_an_id3_tag(folder):
    content = write(folder, "flac", subtype="PCM_16").read_bytes()
    return put(folder, "odd.flac", b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + content), SAMPLES, ""


@odd
def flac_with_a_tag_behind(folder):
    content = write(folder, "flac", subtype="PCM_16").read_bytes()
    return put(folder, "odd.flac", content + b"TAG" + b"x" * 125), SAMPLES, ""


@odd
def two_oggs_in_one(folder):
    content, once = ogg(folder)
    return put(folder, "odd.ogg", content + content), np.concatenate([once, once], axis=1), ""


# ---- headers that are right, and things behind the samples
@odd
def a_list_behind(folder):
    return put(folder, "list.wav", wave(RAW, after=LIST)), SAMPLES, ""


@odd
def a_list_behind_that_is_cut(folder):
    return put(folder, "list.wav", wave(RAW, after=LIST[:-7])), SAMPLES, ""


@odd
def an_unknown_chunk_behind(folder):
    return put(folder, "odd.wav", wave(RAW, after=b"abcd" + struct.pack("<I", 6) + b"sound!")), SAMPLES, ""


@odd
def zeros_behind(folder):
    return put(folder, "zeros.wav", wave(RAW, after=bytes(3000))), SAMPLES, ""


@odd
def a_player_s_tag_behind(folder):
    return put(folder, "tag.wav", wave(RAW, after=b"TAG" + b"artist".ljust(125))), SAMPLES, ""


@odd
def a_byte_behind(folder):
    return put(folder, "byte.wav", wave(RAW, after=b"\n")), SAMPLES, ""


@odd
def an_odd_number_of_bytes(folder):
    raw = (X[0] // 256 + 128).astype(np.uint8)[:-1].tobytes()
    fmt = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, SR, SR, 1, 8)
    content = b"RIFF\0\0\0\0WAVE" + fmt + b"data" + struct.pack("<I", len(raw)) + raw + LIST   # and no byte of padding
    return put(folder, "odd.wav", content), (np.frombuffer(raw, np.uint8) / 128 - 1)[None], ""


@odd
def a_chunk_of_junk_before(folder):
    return put(folder, "junk.wav", wave(RAW, before=b"JUNK" + struct.pack("<I", 400) + b"x" * 400)), SAMPLES, ""


# ---- cut short
@odd
def wave_cut_in_the_middle(folder):
    content = wave(RAW)[: 44 + len(RAW) // 2]
    return put(folder, "cut.wav", content), SAMPLES[:, : 2 * SR], "cut short"


@odd
def aiff_cut_in_the_middle(folder):
    content = write(folder, "aiff").read_bytes()
    start = content.index(b"SSND") + 16
    return put(folder, "cut.aiff", content[: start + len(RAW) // 2]), SAMPLES[:, : 2 * SR], "cut short"


@odd
def flac_cut_in_the_middle(folder):
    content = write(folder, "flac", subtype="PCM_16").read_bytes()
    return put(folder, "cut.flac", content[: len(content) // 2]), SAMPLES, "cut short"


@odd
def flac_cut_between_two_frames(folder):
    from spectral_hyperresolution.files import frames

    content = write(folder, "flac", subtype="PCM_16").read_bytes()
    at = len(content) - 1
    while frames._flac_frame(content, at := content.rfind(b"\xff", 0, at), 4096) is None:
        pass
    return put(folder, "cut.flac", content[:at]), SAMPLES, "cut short"


@odd
def flac_of_unknown_length_that_is_cut(folder):
    content = _flac(folder, 0).read_bytes()
    return put(folder, "cut.flac", content[:-300]), SAMPLES, "cut short"


@odd
def ogg_cut_in_the_middle(folder):
    content, once = ogg(folder)
    return put(folder, "cut.ogg", content[: len(content) // 2]), once, "cut short"


@odd
def mp3_cut_in_the_middle(folder):
    content, once = mp3(folder)
    return put(folder, "cut.mp3", content[: len(content) // 2]), once, "cut short"


# ---- damaged
@odd
def ogg_with_a_flipped_bit(folder):
    content, once = ogg(folder)
    content = bytearray(content)
    content[len(content) // 2] ^= 4
    return put(folder, "flip.ogg", content), once, "damaged"


@odd
def ogg_with_a_page_left_out(folder):
    content, once = ogg(folder)
    pages = content.split(b"OggS")                # the first is what stands before the first page
    half = len(pages) // 2
    return put(folder, "gap.ogg", b"OggS".join(pages[:half] + pages[half + 1 :])), once, "missing"


@odd
def mp3_with_a_hole(folder):
    content, once = mp3(folder)
    half = len(content) // 2
    return put(folder, "gap.mp3", content[:half] + content[half + 1000 :]), once, "damaged"
