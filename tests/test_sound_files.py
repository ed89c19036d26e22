"""Sound files as they come: every format and rate, parts of them, and files that are broken."""

import struct

import numpy as np
import pytest
import soundfile

from spectral_hyperresolution import audio, testing
from spectral_hyperresolution.audio import SoundError

# ending, encoding, and how far a sample may be from what was written
FORMATS = {
    "WAV 16": ("wav", "PCM_16", 2**-15),
    "WAV 24": ("wav", "PCM_24", 2**-23),
    "WAV 32": ("wav", "PCM_32", 2**-23),
    "WAV float": ("wav", "FLOAT", 2**-24),
    "WAV double": ("wav", "DOUBLE", 2**-24),
    "WAV 8": ("wav", "PCM_U8", 2**-7),
    "FLAC 16": ("flac", "PCM_16", 2**-15),
    "FLAC 24": ("flac", "PCM_24", 2**-23),
    "OGG": ("ogg", "VORBIS", 0.1),
    "AIFF 16": ("aiff", "PCM_16", 2**-15),
    "AIFF 24": ("aif", "PCM_24", 2**-23),
}
RATES = 8000, 44100, 96000, 192000, 384000
formats = pytest.mark.parametrize("kind", FORMATS)
containers = pytest.mark.parametrize("kind", ["WAV 16", "WAV float", "FLAC 16", "OGG", "AIFF 16"])


def samples(sr, channels=2, seconds=0.25):
    "A tone of its own in each channel, faded in and out, (channels, N)."
    t = np.arange(int(seconds * sr)) / sr
    return np.stack(
        [0.7 * np.sin(2 * np.pi * 500 * (c + 1) * t) * np.sin(np.pi * t / seconds) for c in range(channels)]
    )


def write(folder, kind, x, sr):
    ending, encoding, _ = FORMATS[kind]
    path = folder / f"some sound.{ending}"
    soundfile.write(path, x.T, sr, subtype=encoding, format=kind.split()[0])
    return path


def refused(call, *args, says, error=SoundError, **kw):
    "One line that names the file, or the value, and the reason."
    with pytest.raises(error) as caught:
        call(*args, **kw)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    for text in [says] if isinstance(says, str) else says:
        assert text in message
    return message


def broken(path, says=("",), unknown_until_read=False):
    "Neither `read` nor `info` takes the file, unless only reading can tell."
    refused(audio.read, path, says=[path.name, *says])
    if not unknown_until_read:
        refused(audio.info, path, says=[path.name, *says])


# ---- whole files


@pytest.mark.parametrize("sr", RATES)
@formats
def test_formats_and_rates(kind, sr, tmp_path):
    if kind == "OGG" and sr > 192000:
        pytest.skip("Vorbis ends at 200 kHz")
    x = samples(sr)
    path = write(tmp_path, kind, x, sr)
    about, (y, rate) = audio.info(path), audio.read(path)
    assert (about.sr, about.channels, about.frames, about.path) == (sr, 2, x.shape[1], path)
    assert about.duration == pytest.approx(0.25) and about.format.startswith(kind.split()[0])
    assert rate == sr and y.dtype == np.float32 and y.flags.c_contiguous
    testing.check_close(y, x, rtol=0, atol=FORMATS[kind][2])


@pytest.mark.parametrize("channels", [1, 2, 5])
@containers
def test_channels(kind, channels, tmp_path):
    x = samples(16000, channels)
    path = write(tmp_path, kind, x, 16000)
    whole, _ = audio.read(path)
    assert whole.shape == x.shape
    for c in range(channels):
        one, _ = audio.read(path, channel=c + 1)
        assert np.array_equal(one, whole[c : c + 1]) and one.any()
    for wrong in 0, -1, channels + 1, 1.5, "1":
        refused(
            audio.read, path, channel=wrong, error=ValueError, says=f"channel={wrong!r} is not one of 1 … {channels}"
        )


def test_full_scale(tmp_path):
    soundfile.write(tmp_path / "loud.wav", np.array([-32768, 32767, 0], np.int16), 8000)
    assert audio.read(tmp_path / "loud.wav")[0].tolist() == [[-1.0, 32767 / 32768, 0.0]]


def test_a_path_as_text_and_an_ending_that_lies(tmp_path):
    x = samples(8000, 1)
    write(tmp_path, "FLAC 24", x, 8000).rename(tmp_path / "son gé.wav")
    y, sr = audio.read(str(tmp_path / "son gé.wav"))
    testing.check_close(y, x, rtol=0, atol=2**-23)
    assert sr == 8000 and audio.info(str(tmp_path / "son gé.wav")).format.startswith("FLAC")


@pytest.mark.parametrize("n", [1, 999, 1000])
@formats
def test_odd_lengths(kind, n, tmp_path):
    "An odd number of bytes is padded in the file."
    x = samples(1000, 1, 1.0)[:, :n] + 0.1
    path = write(tmp_path, kind, x, 8000)
    assert audio.read(path)[0].shape == (1, n) and audio.info(path).frames == n


def test_one_frame(tmp_path):
    y, _ = audio.read(write(tmp_path, "WAV 16", np.array([[0.5]]), 8000))
    assert y.tolist() == [[0.5]]


# ---- parts


@containers
def test_parts(kind, tmp_path):
    sr = 8000
    path = write(tmp_path, kind, samples(sr, seconds=1.0), sr)
    whole, _ = audio.read(path)
    for start, duration, first, last in [
        (0, 0.25, 0, 2000),
        (0.5, None, 4000, 8000),
        (0.125, 0.125, 1000, 2000),
        (0.75, 99, 6000, 8000),
        (0.99995, None, 7999, 8000),
        (0.5, 1e-9, 4000, 4001),
        (np.float32(0.5), np.int64(1), 4000, 8000),
    ]:
        part, rate = audio.read(path, start=start, duration=duration)
        assert rate == sr and part.shape == (2, last - first)
        testing.check_close(part, whole[:, first:last], rtol=0, atol=1e-6)
    both, _ = audio.read(path, 0.25, 0.5, 2)
    testing.check_close(both, whole[1:, 2000:6000], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(start=-0.1), "start=-0.1 s is not within the sound's 0.25 s"),
        (dict(start=0.25), "start=0.25 s is not within the sound's 0.25 s"),
        (dict(start=np.nan), "start=nan s is not"),
        (dict(start=np.inf), "start=inf s is not"),
        (dict(start="0"), "start='0'"),
        (dict(start=None), "start=None"),
        (dict(duration=0), "duration=0 s is not"),
        (dict(duration=-1), "duration=-1 s is not"),
        (dict(duration=np.nan), "duration=nan s is not"),
        (dict(duration="1"), "duration='1'"),
        (dict(duration=np.inf), "duration=inf s is not"),
    ],
    ids=str,
)
def test_parts_that_are_not_there(wrong, says, tmp_path):
    refused(audio.read, write(tmp_path, "WAV 16", samples(8000), 8000), **wrong, error=ValueError, says=says)


# ---- files that are none


@pytest.mark.parametrize("call", [audio.read, audio.info])
def test_no_file(call, tmp_path):
    refused(call, tmp_path / "nothing.wav", says=["nothing.wav", "no such file"])
    refused(call, tmp_path, says=[str(tmp_path), "is a folder"])
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "nothing.wav")
    refused(call, tmp_path / "dangling.wav", says=["dangling.wav", "no such file"])


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "aiff", "raw", "mat", "mp3", "txt", ""])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a",
        b"These are words, not a sound.\n" * 200,
        bytes(5000),
        b"RIFF",
        b"RIFF\0\0\0\0WAVE",
        b"fLaC",
        b"OggS" + bytes(60),
        b"FORM\0\0\0\0AIFF",
    ],
    ids=["empty", "one byte", "text", "zeros", "RIFF", "WAVE", "fLaC", "OggS", "AIFF"],
)
def test_not_a_sound(ending, content, tmp_path):
    path = tmp_path / f"strange.{ending}"
    path.write_bytes(content)
    broken(path, ["the file is empty"] if not content else [])


@pytest.mark.parametrize("kind", ["WAV 16", "FLAC 16", "AIFF 16", "OGG"])
def test_no_samples(kind, tmp_path):
    broken(write(tmp_path, kind, np.zeros((1, 0)), 8000))


@formats
@pytest.mark.parametrize("fraction", [0.97, 0.5, 0.1])
def test_cut_short(kind, fraction, tmp_path):
    "What a full disk or a broken download leaves."
    path = write(
        tmp_path, kind, samples(44100, seconds=1.0) + 0.01 * np.random.default_rng(0).standard_normal((2, 44100)), 44100
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * fraction)])
    broken(path, unknown_until_read="FLAC" in kind)


@formats
@pytest.mark.parametrize("size", [1, 4, 12, 20, 36, 44])
def test_cut_within_the_header(kind, size, tmp_path):
    path = write(tmp_path, kind, samples(44100), 44100)
    path.write_bytes(path.read_bytes()[:size])
    broken(path, unknown_until_read="FLAC" in kind and size > 40)


@pytest.mark.parametrize("kind", ["WAV 16", "WAV float", "AIFF 16", "FLAC 16", "OGG"])
@pytest.mark.parametrize("missing", [1, 7, 100])
def test_cut_by_a_few_bytes(kind, missing, tmp_path):
    path = write(tmp_path, kind, samples(8000), 8000)
    path.write_bytes(path.read_bytes()[:-missing])
    broken(path, unknown_until_read="FLAC" in kind)


def test_a_part_before_the_cut_is_not_trusted(tmp_path):
    path = write(tmp_path, "WAV 16", samples(8000), 8000)
    path.write_bytes(path.read_bytes()[:-1000])
    refused(audio.read, path, 0, 0.01, says=["cut short", "1750 frames"])


def test_a_wave_whose_length_was_never_filled_in(tmp_path):
    "Written to a pipe: both lengths are the largest number; what is there counts."
    x = samples(8000)
    path = write(tmp_path, "WAV 16", x, 8000)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"data") + 4
    raw[4:8] = raw[at : at + 4] = struct.pack("<I", 2**32 - 1)
    path.write_bytes(raw)
    testing.check_close(audio.read(path)[0], x, rtol=0, atol=2**-15)


def test_bytes_after_the_sound(tmp_path):
    "A tag at the end is no reason to refuse."
    x = samples(8000)
    path = write(tmp_path, "WAV 16", x, 8000)
    path.write_bytes(path.read_bytes() + b"LIST\x04\0\0\0INFO")
    testing.check_close(audio.read(path)[0], x, rtol=0, atol=2**-15)


def test_noise_within_a_file(tmp_path):
    "Bytes overwritten in the middle: either an error in one line, or finite samples."
    path = write(tmp_path, "FLAC 16", samples(44100, seconds=1.0), 44100)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 2000] = np.random.default_rng(0).bytes(2000)
    path.write_bytes(raw)
    try:
        x, _ = audio.read(path)
    except SoundError as error:
        assert path.name in str(error) and "\n" not in str(error)
    else:
        assert x.shape == (2, 44100) and np.isfinite(x).all()
