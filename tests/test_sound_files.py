"""Sound files as they come: every format and rate, parts of them, and files that are broken."""

import os
import struct
from itertools import product

import numpy as np
import pytest
import soundfile
from odd_files import LIST, ODD, RAW, SAMPLES, SR, put, wave

from spectral_hyperresolution import audio, testing
from spectral_hyperresolution.audio import SoundError
from spectral_hyperresolution.files import frames
from spectral_hyperresolution.files.chunks import find_samples

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
    "`read` refuses the file, and `info` does too or says what is wrong, unless only reading can tell."
    refused(audio.read, path, says=[path.name, *says])
    if unknown_until_read:
        return
    try:
        about = audio.info(path)
    except SoundError:
        refused(audio.info, path, says=[path.name, *says])
    else:
        assert about.fault and about.frames > 0


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


# ---- odd files: the length is what the file holds


@pytest.mark.parametrize("name", ODD)
def test_the_whole_sound_or_a_fault(name, tmp_path):
    "An odd file is read to its real end, or refused; salvaging gives a part that is right."
    path, x, fault = ODD[name](tmp_path)
    about = audio.info(path)
    assert fault in about.fault and bool(fault) == bool(about.fault)
    near = 2e-3 if path.suffix in (".ogg", ".mp3") else 2**-15
    if not fault:
        y, sr = audio.read(path)
        assert about.frames == x.shape[1] and y.shape == x.shape and sr == about.sr
        testing.check_close(y, x, rtol=0, atol=near)
        part, _ = audio.read(path, start=3.9 * 8000 / sr, duration=0.05)
        testing.check_close(part, x[:, 31200:31600], rtol=0, atol=near)
        return
    refused(audio.read, path, says=[path.name, fault])
    y, _ = audio.read(path, salvage=True)
    assert 0.2 * x.shape[1] < y.shape[1] <= about.frames
    n = int(0.3 * x.shape[1])                       # before the fault
    testing.check_close(y[:, :n], x[:, :n], rtol=0, atol=near)


def test_a_wave_past_four_gibibytes(tmp_path):
    "Its 32 bits have wrapped; between the header and the last samples the file has a hole."
    path, length = tmp_path / "long.wav", 2**32 + 8 * SR
    tail = (SAMPLES.T * 32768).astype("<i2").tobytes()
    with open(path, "wb") as file:
        file.write(wave(b"", announced=length % 2**32))
        file.seek(44 + length - len(tail))
        file.write(tail + LIST)
    about = audio.info(path)
    assert (about.frames, about.announced, about.fault) == (length // 4, 2 * SR, "")
    last, _ = audio.read(path, start=length / 4 / SR - 4)
    testing.check_close(last, SAMPLES, rtol=0, atol=2**-15)


def mpeg_headers():
    "The header of every frame that MPEG audio knows: version, layer, bitrate and sampling rate."
    for version, layer, bits, rate in product((3, 2, 0), (3, 2, 1), range(1, 15), range(3)):
        if version == 0 and layer != 1: continue     # version 2.5 is of layer III alone
        yield (0x7FF << 21 | version << 19 | layer << 17 | 1 << 16 | bits << 12 | rate << 10).to_bytes(4, "big")


def test_every_kind_of_mpeg_frame(tmp_path):
    "Silence, every other frame padded: libsndfile guesses how many there are from the first, and is often wrong."
    path, wrong = tmp_path / "a.mp3", 0
    for head in mpeg_headers():
        padded = bytes([*head[:2], head[2] | 2, head[3]])
        (length, samples, side), (longer, *_) = (frames._mp3_frame(h) for h in (head, padded))
        both = head + bytes(length - 4), padded + bytes(longer - 4)
        for pair in both, both[::-1]:
            path.write_bytes(20 * b"".join(pair))
            wrong += soundfile.info(path).frames != 40 * samples
            about, (x, _) = audio.info(path), audio.read(path)
            missing = 40 * samples - x.shape[1]      # a decoder's delay, of layer III alone
            assert about.frames == x.shape[1] and (0 <= missing < samples if side else missing == 0), head.hex()
            assert not about.fault and not x.any()
    assert wrong > 50


def test_what_a_wave_of_64_bits_announces(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, SAMPLES.T, SR, format="RF64", subtype="PCM_16")
    with open(path, "rb") as file: found = find_samples(file)
    assert found.announced == found.length == 2 * SAMPLES.size


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_an_mp3_that_announces_nothing(mode, tmp_path):
    "A decoder's guess from the first frame may be a third of the truth."
    rng = np.random.default_rng(0)
    quiet = 1e-4 * rng.standard_normal((1, 96000))
    x = np.concatenate([quiet, 0.5 * rng.standard_normal((1, 96000))], axis=1)
    soundfile.write(tmp_path / "a.mp3", x.T, 48000, bitrate_mode=mode, compression_level=0.5)
    whole, _ = audio.read(tmp_path / "a.mp3")
    content = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "bare.mp3").write_bytes(content[content.index(b"\xff\xfb", 4) :])
    about, (bare, _) = audio.info(tmp_path / "bare.mp3"), audio.read(tmp_path / "bare.mp3")
    assert about.announced == -1 and about.frames == bare.shape[1]
    assert whole.shape[1] == 192000 and 0 <= bare.shape[1] - 192000 < 3 * 1152
    # without the announcing frame the decoder's delay of 576 samples is left in
    lag = np.argmax(np.correlate(bare[0, 150000:153000], whole[0, 150000:151000], "valid"))
    testing.check_close(bare[0, lag : lag + 190000], whole[0, :190000], rtol=0, atol=2e-3)


def test_encodings_that_are_only_read_through(tmp_path):
    "They can't be sought: what comes before a part is read and dropped."
    for ending, how in (("wav", dict(subtype="GSM610")), ("au", dict(subtype="G721_32"))):
        path = tmp_path / f"slow.{ending}"
        soundfile.write(path, SAMPLES[0], SR, **how)
        whole, _ = audio.read(path)
        part, _ = audio.read(path, start=1.5, duration=0.5)
        assert 0 <= whole.shape[1] - 4 * SR < 400
        assert np.array_equal(part, whole[:, 12000:16000])


def test_samples_without_a_header(tmp_path):
    for encoding, order, kind in (("PCM_16", "little", "<i2"), ("PCM_16", "big", ">i2"), ("FLOAT", "little", "<f4")):
        scale = 32768 if encoding == "PCM_16" else 1
        content = b"12345" + (SAMPLES.T * scale).astype(kind).tobytes()
        (tmp_path / "a.raw").write_bytes(content)
        raw = audio.RawFormat(SR, 2, encoding, order, 5)
        y, sr = audio.read(tmp_path / "a.raw", raw=raw, start=1.0)
        assert sr == SR
        testing.check_close(y, SAMPLES[:, SR:], rtol=0, atol=2**-15)
        (tmp_path / "a.raw").write_bytes(content[:-1])
        refused(audio.read, tmp_path / "a.raw", raw=raw, says="not whole frames of")
    for wrong, says in (
        (dict(sr=0), "raw.sr=0"),
        (dict(encoding="PCM_17"), "raw.encoding='PCM_17' is not one of PCM_S8"),
        (dict(order="<"), "raw.order='<'"),
        (dict(skip=-1), "raw.skip=-1"),
        (dict(channels=1.5), "raw.channels=1.5"),
    ):
        raw = audio.RawFormat(**{"sr": 8000, **wrong})
        refused(audio.read, tmp_path / "a.raw", raw=raw, error=ValueError, says=says)


@pytest.mark.parametrize(
    "content, says",
    [
        (b"\0\0\0\x20ftypM4A " + bytes(500), "MPEG-4"),
        (b"wvpk" + bytes(500), "WavPack"),
        (b"\x1aE\xdf\xa3" + bytes(500), "WebM"),
        (b"PK\3\4" + bytes(500), "zip"),
        (b"\xff\xf1" + bytes(500), "AAC"),
    ],
)
def test_other_kinds_are_named(content, says, tmp_path):
    (tmp_path / "song.wav").write_bytes(content)
    refused(audio.read, tmp_path / "song.wav", says=["song.wav", says, "convert it"])


def test_no_file_but_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    refused(audio.read, tmp_path / "pipe.wav", says="is a pipe or a device")


# ---- who recorded it, when and how fast


def with_chunks(folder, *chunks, name="a.wav"):
    after = b"".join(n + struct.pack("<I", len(c)) + c + b"\0" * (len(c) % 2) for n, c in chunks)
    return put(folder, name, wave(RAW, after=after))


def test_time_expansion(tmp_path):
    path = with_chunks(tmp_path, (b"guan", b"GUANO|Version: 1.0\nTE: 10\n"))
    about = audio.info(path)
    assert (about.sr, about.time_expansion, about.duration) == (80000, 10, 0.4)
    x, sr = audio.read(path, start=0.1, duration=0.1)
    assert sr == 80000
    testing.check_close(x, SAMPLES[:, 8000:16000], rtol=0, atol=2**-15)
    assert audio.read(path, time_expansion=1)[1] == 8000
    plain = with_chunks(tmp_path, name="b.wav")
    assert audio.info(plain, time_expansion=10).sr == 80000 and audio.info(plain).sr == 8000
    assert audio.info(plain, time_expansion=0.5).sr == 4000
    for wrong in 0, -1, np.nan, "10":
        refused(audio.info, plain, time_expansion=wrong, error=ValueError, says=f"time_expansion={wrong!r}")


@pytest.mark.parametrize("comment, start, device, gain", [
    ("Recorded at 12:34:56 03/04/2018 by AudioMoth 0123456789ABCDEF at gain setting 2 while battery state was 4.2V",
     "2018-04-03T12:34:56", "AudioMoth 0123456789ABCDEF", "setting 2"),
    ("Recorded at 04:00:00.250 19/05/2020 (UTC+5:30) by AudioMoth 24A04F085F8BE4B6 at low-medium gain while battery "
     "was greater than 4.9V and temperature was 21.5C. Band-pass filter applied with cut-off frequencies of 1.0kHz and "
     "8.0kHz.", "2020-05-19T04:00:00.250000+05:30", "AudioMoth 24A04F085F8BE4B6", "low-medium"),
    ("Recorded at 04:00:00 19/05/2023 (UTC+13) by AudioMoth 24A04F085F8BE4B6 using external microphone at medium gain "
     "while battery was 4.3V.", "2023-05-19T04:00:00+13:00", "AudioMoth 24A04F085F8BE4B6", "medium"),
    ("Recorded at 04:00:00 19/05/2023 (UTC-3:30) during deployment 0123456789ABCDEF at medium gain while battery was "
     "4.3V.", "2023-05-19T04:00:00-03:30", "AudioMoth, deployment 0123456789ABCDEF", "medium"),
])
def test_generations_of_audiomoth(tmp_path, comment, start, device, gain):
    content = comment.encode().ljust(384, b"\0")
    path = with_chunks(tmp_path, (b"LIST", b"INFOICMT" + struct.pack("<I", len(content)) + content), name="moth.wav")
    told = audio.info(path).origin
    assert (told.start.isoformat(), told.start_from, told.device, told.gain) == (start, "AudioMoth", device, gain)


def test_what_recorders_tell(tmp_path):
    moth = b"INFOICMT" + struct.pack("<I", 120) + (
        b"Recorded at 19:17:30 06/04/2018 (UTC-3) by AudioMoth 0FE081F80FE081F0 at gain setting 2 while battery "
        b"state was 4V"
    ).ljust(120, b"\0")
    items = (0, b"\1\0"), (1, b"SM4"), (5, b"2020-01-02 03:04:05")
    wamd = b"".join(struct.pack("<HI", tag, len(value)) + value for tag, value in items)
    guano = b"Timestamp: 2012-03-29T03:58:01+0400\nMake: A\nModel: B"
    bext = bytes(256) + b"MixPre".ljust(32, b"\0") + bytes(32) + b"2019-07-08" + b"09:10:11" + bytes(300)
    cases = (
        ([(b"guan", guano)], "2012-03-29T03:58:01+04:00", "GUANO", "A B"),
        ([(b"LIST", moth)], "2018-04-06T19:17:30-03:00", "AudioMoth", "AudioMoth 0FE081F80FE081F0"),
        ([(b"wamd", wamd)], "2020-01-02T03:04:05", "wamd", "SM4"),
        ([(b"bext", bext)], "2019-07-08T09:10:11", "bext", "MixPre"),
        ([(b"bext", bext), (b"LIST", moth)], "2018-04-06T19:17:30-03:00", "AudioMoth", "AudioMoth 0FE081F80FE081F0"),
        ([], "2021-02-03T04:05:06", "file name", ""),
    )
    for chunks, start, source, device in cases:
        path = with_chunks(tmp_path, *chunks, name="rec_20210203_040506.wav")
        told = audio.info(path).origin
        assert (told.start.isoformat(), told.start_from, told.device) == (start, source, device)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"guan", b"Timestamp: 2023-13-45T99:00:00\nTE: ten\nLoc Position: 900 1\n\xff\xfe"),
        (b"guan", b"TE: -3"),
        (b"guan", b"TE: nan"),
        (b"wamd", b"\5\0\xff\xff\xff\xff2020"),
        (b"bext", b"short"),
        (b"iXML", b"<BWFXML><unclosed>"),
        (b"iXML", b'<!DOCTYPE x [<!ENTITY a "b">]><BWFXML>&a;</BWFXML>'),
        (b"LIST", b"INFOICMT\xff\xff\xff\xffRecorded at 99:99:99 99/99/9999"),
    ],
)
def test_metadata_that_make_no_sense(chunk, tmp_path):
    "The sound is read, nothing is made up."
    path = with_chunks(tmp_path, chunk, name="whale.wav")
    about = audio.info(path)
    assert about.origin.start is None and about.origin.position is None and about.time_expansion == 1
    assert audio.read(path)[0].shape == SAMPLES.shape
