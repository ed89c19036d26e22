"""A stream of any cuts gives the picture of the whole sound, bit for bit, and no column late."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from examples import examples, reached
from hypothesis import given
from hypothesis import strategies as st

from spectral_hyperresolution import ReassignedStream, audio, reassigned_slices, reassigned_spectrogram
from spectral_hyperresolution.engine import fast
from spectral_hyperresolution.engine.gate import open_cells
from spectral_hyperresolution.engine.lines import reassign_lines
from spectral_hyperresolution.files.sound import SoundError
from spectral_hyperresolution.slices import join

SR = 8000
quick = dict(q=2, fmin=1300, fmax=2600, bins_per_octave=12, hop_length=40, oversampling=3)


def sound(n, channels=1, seed=0, dtype=np.float32):
    "Noise that comes and goes, a tone, clicks, silence: (channels, n)."
    rng, t = np.random.default_rng(seed), np.arange(n)
    x = np.sin(0.9 * t) * (t % 7000 < 4000) + 0.1 * rng.standard_normal((channels, n)) * (t % 9000 < 6000)
    x[:, seed % max(n, 1) :: 3001] += 3
    return (x * 10.0 ** rng.uniform(-3, 3)).astype(dtype)


def pushed(stream, x, cuts):
    "The slices of a stream that is given `x` in blocks that end at `cuts`."
    found = [stream.push(block) for block in np.split(x, cuts, axis=-1)]
    return [s for s in found if s is not None] + [stream.close()]


def check_same(parts, whole):
    "The joined slices are the picture of the whole sound, with its axes."
    joined = join(parts)
    for name in ("energy", "counts", "times", "time_edges", "frequencies", "frequency_edges"):
        got, wanted = getattr(joined, name), getattr(whole, name)
        assert got.dtype == wanted.dtype and np.array_equal(got, wanted), name
    assert (joined.plan, joined.sr, joined.gate, joined.first) == (whole.plan, whole.sr, whole.gate, 0)
    return bool(whole.energy.any())


# ---- the same picture


@st.composite
def streams(draw):
    "A sound, the parameters of its analysis, and where it is cut."
    long = draw(st.booleans())                  # so that slices come before the end
    how = dict(q=draw(st.sampled_from([0.4, 1.0, 2.0, 5.0])), fmin=draw(st.sampled_from([900.0, 1500.0, 2500.0])),
               fmax=draw(st.sampled_from([None, 2800.0, 2800.0])), bins_per_octave=draw(st.sampled_from([1, 5, 12])),
               hop_length=draw(st.integers(1, 300)), oversampling=draw(st.sampled_from([1, 2, 3])),
               gate=draw(st.sampled_from(["local", None])), boundary=draw(st.sampled_from(["zero", "zero", "reflect"])),
               pool=draw(st.booleans()), lint=draw(st.sampled_from([0.5, 0.5, 0.2, 3.0])),
               dtype=draw(st.sampled_from([None, np.float32, np.float64])), threads=draw(st.integers(1, 2)))
    fineness = draw(st.sampled_from([{}, {}, dict(tolerance=0.05), dict(density=0.5)]))
    if long: n = draw(st.integers(50_000, 80_000) if how["fmax"] is None else st.integers(12_000, 30_000))
    else: n = draw(st.integers(300, 12_000))
    x = n, draw(st.integers(1, 2)), draw(st.integers(0, 99)), draw(st.sampled_from([np.float32, np.float64]))
    cuts = draw(st.lists(st.integers(0, n), max_size=12))
    return x, how | fineness, sorted(cuts + draw(st.sampled_from([[], cuts[:3]])))


@pytest.mark.slow
@examples(60, compared=45, before_the_end=12)
@given(streams())
def test_the_joined_slices_are_the_picture_of_the_whole(case):
    numbers, how, cuts = case
    x = sound(*numbers)
    if len(x) == 1 and not how["pool"]: x = x[0]
    if x.shape[-1] < 2 * how["q"] * SR / how["fmin"]: return
    parts = pushed(ReassignedStream(SR, **how), x, cuts)
    if check_same(parts, reassigned_spectrogram(x, SR, **how)):
        reached("compared", *["before_the_end"] * (len(parts) > 1))


@pytest.mark.parametrize("how", [dict(boundary="reflect", fmax=2000.0), dict(lint=12.0, hop_length=300, q=5)])
def test_an_end_soon_after_a_slice(how):
    "Mirrored far back, or with points that are thrown far beyond the block that sends them."
    how = quick | dict(bins_per_octave=4, oversampling=1) | how
    stream = ReassignedStream(SR, **how)
    x = sound(2 * stream.latency + 9000)[0]
    given = next(n for n in range(0, len(x), 20) if stream.push(x[n:n + 20]) is not None) + 19
    for more in (1, 2, 400, 3000):
        parts = pushed(ReassignedStream(SR, **how), x[:given + more], [given + 1])
        assert check_same(parts, reassigned_spectrogram(x[:given + more], SR, **how)) and len(parts) > 1


# ---- straight pieces


@pytest.mark.parametrize("how", [dict(boundary="reflect", pool=True, gate=None),
                                 *(pytest.param(how, marks=pytest.mark.slow) for how in (
                                     dict(), dict(dtype=np.float64, q=4), dict(delay=0.5, q=5),
                                     dict(lint=0.2, hop_length=7)))])
def test_straight_pieces_of_any_cuts(how):
    "A stream of mode \"lines\" is the same, bit for bit, at any cuts; without a delay it is the engine's on the whole."
    how = quick | dict(mode="lines") | how
    x, rng = sound(40_000, 2, seed=3), np.random.default_rng(7)
    whole = pushed(ReassignedStream(SR, threads=1, **how), x, [])
    for _ in range(2):
        parts = pushed(ReassignedStream(SR, **how), x, np.sort(rng.integers(0, 40_000, 30)))
        assert len(parts) > 2 and check_same(parts, join(whole))
    if "delay" in how: return
    together = join(whole)
    plan, scale = together.plan, together.plan.energy_scale / SR
    for k, channels in enumerate([x] if how.get("pool") else x[:, None]):
        energy, counts = reassign_lines(channels.astype(how.get("dtype", np.float32)), plan,
                                        how.get("boundary", "zero"))
        lit = open_cells(counts, plan, how.get("gate", "local"))
        got, got_counts = (a.reshape(-1, *a.shape[-2:])[k] for a in (together.energy, together.counts))
        assert energy.any() and np.array_equal(got_counts, counts.T[::-1])
        assert np.array_equal(got, np.where(lit, energy, 0).T[::-1] * scale)


@pytest.mark.parametrize("kind, q, bound", [("sweep", 4, 0.02), ("clicks", 4, 0.06), ("clicks", 1, 0.1),
                                            ("mixed", 2, 0.02), *(pytest.param("noise", *more, marks=pytest.mark.slow)
                                              for more in ((4, 0.03), (1, 0.06)))])
def test_straight_pieces_are_near_the_fast_mode(kind, q, bound):
    n = np.arange(30_000)
    x = dict(noise=np.random.default_rng(0).standard_normal(len(n)), clicks=(n % 4001 == 77) * 1.0,
             sweep=np.sin(2 * np.pi * np.cumsum(0.02 + 0.1 * (1 + np.sin(n / 3000)))),
             mixed=np.sin(0.3 * n) + 0.3 * np.sin(0.31 * n) + (n % 5003 == 7) * 20)[kind]
    x = x + 1e-3 * np.random.default_rng(1).standard_normal(len(n))
    how = dict(q=q, bins_per_octave=24, oversampling=2, hop_length=120, gate=None)
    fine = join(pushed(ReassignedStream(48000, tolerance=0.001, **how), x, []))
    lines = join(pushed(ReassignedStream(48000, mode="lines", **how), x, []))
    assert 0 < np.abs(lines.energy - fine.energy).sum() < bound * fine.energy.sum()
    assert np.isclose(lines.energy.sum(), fine.energy.sum(), rtol=0.03)
    assert np.abs(lines.counts - fine.counts).sum() < 0.15 * fine.counts.sum()


def test_straight_pieces_of_a_real_recording():
    x, sr = audio.read(audio.example)
    how = dict(q=4, fmin=20e3, bins_per_octave=36, hop_length=150, oversampling=2)
    fine = join(pushed(ReassignedStream(sr, tolerance=0.001, **how), x, []))
    lines = join(pushed(ReassignedStream(sr, mode="lines", **how), x, []))
    assert 0 < np.abs(lines.energy - fine.energy).sum() < 0.05 * fine.energy.sum()
    assert ((lines.energy > 0) == (fine.energy > 0)).mean() > 0.95


@pytest.mark.parametrize("how, words", [
    (dict(tolerance=0.001), "=0.001: mode='lines' has an error of its own, about 0.03, and takes no tolerance"),
    (dict(density=1.0), "density=1: mode='lines' has an error of its own"),
    (dict(mode="line"), "mode='line' is not one of"),
    (dict(q=0.5), "mode='lines' needs filters with a sigma_t of >= 2 samples, and the highest has 1"),
])
def test_what_straight_pieces_cannot_do(how, words):
    with pytest.raises(ValueError, match=re.escape(words)): ReassignedStream(SR, **dict(mode="lines") | how)


def test_torch_has_no_straight_pieces():
    pytest.importorskip("torch")
    from spectral_hyperresolution.pytorch.stream import TorchStream
    with pytest.raises(ValueError, match=r"mode='lines' is not one of \('fast',\)"): TorchStream(SR, mode="lines")


def test_one_sample_at_a_time():
    x = sound(18_000)[0]
    stream = ReassignedStream(SR, **quick)
    found = []
    for n, sample in enumerate(x):
        if n % 100 == 0: assert stream.push(x[:0]) is None
        found.append(stream.push(sample[None]))
    parts = [s for s in found if s is not None] + [stream.close()]
    assert len(parts) > 3
    assert check_same(parts, reassigned_spectrogram(x, SR, **quick))


def test_a_buffer_that_is_used_again():
    x, buffer = sound(20_000)[0], np.empty(500, np.float32)
    stream, parts = ReassignedStream(SR, **quick), []
    for n in range(0, len(x), 500):
        buffer[:] = x[n:n + 500]
        parts.append(stream.push(buffer))
    buffer[:] = np.nan
    assert check_same([*(s for s in parts if s), stream.close()], reassigned_spectrogram(x, SR, **quick))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32])
def test_pcm(dtype):
    rng = np.random.default_rng(2)
    x = rng.integers(0, 200, (2, 5000)).astype(dtype) * (1 if dtype is np.uint8 else 100)
    assert check_same(pushed(ReassignedStream(SR, **quick), x, [1000, 1001]), reassigned_spectrogram(x, SR, **quick))


def test_leading_axes():
    x = sound(12_000, 6).reshape(2, 3, -1)
    parts = pushed(ReassignedStream(SR, **quick), x, [3, 4, 9000])
    assert parts[0].energy.shape[:2] == (2, 3)
    assert check_same(parts, reassigned_spectrogram(x, SR, **quick))
    assert check_same(pushed(ReassignedStream(SR, pool=True, **quick), x, [5000]),
               reassigned_spectrogram(x, SR, pool=True, **quick))


def test_a_long_sounds_defaults():
    "From one second on, the front door's hop and lowest frequency are the stream's."
    x = sound(8 * SR)[0]
    assert check_same(pushed(ReassignedStream(SR), x, [12345]), reassigned_spectrogram(x, SR, q=2))
    brief = ReassignedStream(SR)
    brief.push(x[:3000])
    assert brief.close().plan.tdeci == 20 != reassigned_spectrogram(x[:3000], SR).plan.tdeci


@pytest.mark.parametrize("n", [0, 1, 2, 3, 39, 40, 41])
def test_hardly_any_sound(n):
    stream = ReassignedStream(SR, **quick)
    stream.push(np.ones(n, np.float32))
    last = stream.close()
    assert last.shape == (len(stream.frequencies), -(-n // 40)) and last.times.shape == last.shape[1:]
    assert last.plan.n_samples == n and join([last]).shape == last.shape


# ---- how late, and with what delay


@pytest.mark.parametrize("how", [{}, dict(fmin=500), dict(q=5), dict(fmax=2000), dict(hop_length=7), dict(lint=3.0),
                                 dict(delay=0.5, fmin=500), dict(density=1.0), dict(bins_per_octave=3, hop_length=900)])
def test_no_column_is_late(how):
    "And some column is about as late as is said."
    stream, late = ReassignedStream(SR, **quick | how), []
    x, hop = sound(3 * stream.latency + 40_000)[0], stream.plan.tdeci
    for n in range(0, len(x), 50):
        given_before = stream.columns
        stream.push(x[n:n + 50])
        # of the first column that has not come, how many samples came after its last
        late.append(stream.n_samples - (stream.columns + 1) * hop)
        if n > 2 * stream.latency: assert stream.columns >= given_before > 0
    assert max(late) < stream.latency
    assert max(late) > 0.75 * stream.latency - hop - 50


@pytest.mark.parametrize("delay, fmin", [(0.3, 1500), (0.5, 500), (1.0, 300), (4.0, 100)])
def test_a_delay_is_kept_and_moves_little(delay, fmin):
    how = dict(q=2, fmin=fmin, bins_per_octave=12, hop_length=20)
    x = sound(30_000, 1, 3, np.float64)[0]
    whole, stream = reassigned_spectrogram(x, SR, **how), ReassignedStream(SR, delay=delay, **how)
    assert stream.latency <= delay * SR < ReassignedStream(SR, **how).latency
    joined = join(pushed(stream, x, range(0, len(x), 200)))
    moved = np.abs(joined.energy - whole.energy).sum() / whole.energy.sum()
    assert joined.shape == whole.shape and 0 < moved < 0.01


def test_an_impossible_delay():
    with pytest.raises(ValueError, match=r"delay=8 samples is shorter than the shortest blocks take, \d+ samples"):
        ReassignedStream(SR, delay=0.001, **quick)


def test_memory_stays_flat():
    "What a stream holds does not grow with the sound."
    stream, held = ReassignedStream(SR, pool=True, **quick), []
    for k in range(60):     # five sixths of a payload: both halves look at the same places in a block
        stream.push(sound(4960, 2, k))
        tape = stream.engines[0].x
        held.append((tape.length - tape.first, tape.room.nbytes, len(stream.engines[0].kept)))
    early, late = np.max(held[:30], axis=0), np.max(held[30:], axis=0)
    assert (late <= early).all() and stream.n_samples == 60 * 4960


# ---- torch


@pytest.mark.parametrize("how, bound", [
    (dict(dtype=np.float64), 1e-9), ({}, 1e-3), (dict(dtype=np.float64, pool=True, boundary="reflect"), 1e-9),
    (dict(dtype=np.float64, density=1.0), 1e-9), (dict(dtype=np.float64, fmax=None, fmin=2500, lint=2.0), 1e-9),
    (dict(dtype=np.float64, delay=0.4, gate=None), 1e-3),
])
def test_torch_computes_the_same_slices(how, bound, monkeypatch):
    "By the plain steps, which run on every device; NumPy's groups have blocks of their own here, as torch's have."
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(fast._Fast, "shared", False)
    from spectral_hyperresolution import TorchStream
    how = quick | dict(bins_per_octave=4, oversampling=2, tolerance=0.1) | how
    stream = TorchStream(SR, device="cpu", **how)
    x = torch.from_numpy(sound(stream.latency + 8000, 1 + how.get("pool", False)))
    parts = pushed_tensors(stream, x)
    whole = reassigned_spectrogram(x, SR, **{name: value for name, value in how.items() if name != "delay"})
    joined = join(parts)
    assert len(parts) > 1 and joined.plan == whole.plan and joined.energy.dtype == whole.energy.dtype
    assert np.abs(joined.energy - whole.energy).sum() <= bound * whole.energy.sum() > 0
    assert np.abs(joined.counts - whole.counts).sum() <= bound * whole.counts.sum() > 0


def pushed_tensors(stream, x):
    "The slices of a stream of tensors."
    found = [stream.push(block) for block in x.split(2500, -1)]
    return [s for s in found if s is not None] + [stream.close()]


def test_a_torch_stream_of_a_short_sound():
    torch = pytest.importorskip("torch")
    from spectral_hyperresolution import TorchStream
    x = torch.from_numpy(sound(3000, dtype=np.float64)[0])
    stream = TorchStream(SR, device="cpu", **quick)
    assert stream.push(x[:1000]) is None and stream.push(x[1000:]) is None
    whole, last = reassigned_spectrogram(x, SR, **quick), stream.close()
    assert np.abs(last.energy - whole.energy).sum() < 1e-9 * whole.energy.sum() and last.plan == whole.plan
    for device in ("nowhere", 1.5, "cuda:99"):
        with pytest.raises(ValueError, match="can't be used"): TorchStream(SR, device=device)


# ---- slices


def test_slices_say_where_they_are():
    start = datetime(2024, 5, 1, 23, 59, 59, tzinfo=timezone(timedelta(hours=2)))
    parts = pushed(ReassignedStream(SR, begun=start, **quick), sound(18_000), [12000])
    assert len(parts) == 3 and [p.first for p in parts] == [0, *np.cumsum([p.shape[-1] * 40 for p in parts])[:-1]]
    assert all(np.isclose(b.times[0] - a.times[-1], 40 / SR) for a, b in pairwise(parts))
    assert parts[1].time_edges[0] == parts[0].time_edges[-1] == (parts[1].first - 1) / SR
    moments = join(parts).moments
    assert moments[0] == np.datetime64("2024-05-01T21:59:59.002375") and (np.diff(moments) > np.timedelta64(0)).all()
    assert parts[2].moments[0] == moments[parts[2].first // 40]
    data = parts[1].to_xarray() if pytest.importorskip("xarray") else None
    assert data.time.values[0] == parts[1].times[0]
    with pytest.raises(ValueError, match="begun=None: the stream was not told"):
        _ = ReassignedStream(SR, **quick).close().moments


def test_a_slice_is_saved_with_its_time(tmp_path):
    first, second = pushed(ReassignedStream(SR, **quick), sound(18_000), [17999])
    for part in (first, second, join([first, second])):
        part.save(tmp_path / "part.npz")
        again = type(first).load(tmp_path / "part.npz")
        np.testing.assert_allclose(again.times, part.times, rtol=1e-12)
        assert again.shape == part.shape and (again.energy == part.energy).all()


def test_only_neighbours_are_joined():
    parts = pushed(ReassignedStream(SR, **quick), sound(30_000), [9000, 18000])
    other = pushed(ReassignedStream(SR, **quick | dict(q=3)), sound(30_000), [9000, 18000])
    pair = pushed(ReassignedStream(SR, **quick), sound(30_000, 2), [9000, 18000])
    for wrong, words in [([], "nothing to join"), (parts[::2], "one ends before sample"),
                         ([parts[1], parts[0]], "do not follow one another"), ([parts[0], parts[0]], "begins with"),
                         ([parts[0], other[1]], "not of one stream: q=2.0, then 3.0"),
                         ([parts[0], pair[1]], "not of one stream: shape")]:
        with pytest.raises(ValueError, match=words): join(wrong)
    with pytest.raises(TypeError, match=r"slices\[1\]=None is not a ReassignedSlice"): join([parts[0], None])


# ---- files and blocks


def test_a_file_of_any_length(tmp_path):
    x = sound(200_000, 2, 5)
    x /= np.abs(x).max() * 1.01
    path = tmp_path / "20240501_120000.wav"
    soundfile.write(path, x.T, SR, subtype="FLOAT")
    parts = list(reassigned_slices(path, **quick))
    assert len(parts) > 2 and parts[0].begun == datetime(2024, 5, 1, 12)
    assert check_same(parts, reassigned_spectrogram(x, SR, **quick))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(SoundError, match="cut short"): reassigned_slices(path)
    with pytest.raises(SoundError, match="no such file"): reassigned_slices(tmp_path / "none.wav")
    with pytest.raises(ValueError, match="sr=8000: a file tells its own rate"): reassigned_slices(path, SR)


def test_any_iterable_of_blocks():
    x = sound(20_000)[0]
    blocks = (x[n:n + 777] for n in range(0, len(x), 777))
    assert check_same(list(reassigned_slices(blocks, SR, **quick)), reassigned_spectrogram(x, SR, **quick))
    assert list(reassigned_slices([], SR)) == [] and list(reassigned_slices([x[:0]], SR)) == []
    for wrong in (x, x.tobytes(), bytearray(8)):
        with pytest.raises(TypeError, match="not blocks"): reassigned_slices(wrong, SR)
    with pytest.raises(TypeError, match="source=7 is neither"): reassigned_slices(7, SR)
    with pytest.raises(ValueError, match="sr=None: blocks don't tell their rate"): reassigned_slices([x])
    with pytest.raises(ValueError, match="raw bytes, not numbers"): list(reassigned_slices([b"1234"], SR))


def test_a_pipe():
    "The samples that another program writes."
    program = "import sys, numpy as np; sys.stdout.buffer.write((1e4 * np.sin(np.arange(20000))).astype('<i2'))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as other:
        blocks = (np.frombuffer(part, "<i2") for part in iter(lambda: other.stdout.read(1000), b""))
        parts = list(reassigned_slices(blocks, SR, **quick))
    assert check_same(parts, reassigned_spectrogram((1e4 * np.sin(np.arange(20000))).astype("<i2"), SR, **quick))


def test_a_recording_that_comes_with_the_package():
    how = dict(q=4, fmin=40e3, hop_length=150, bins_per_octave=24)
    x, sr = audio.read(audio.example)
    assert check_same(list(reassigned_slices(audio.example, **how)), reassigned_spectrogram(x, sr, **how))


# ---- what is refused


@pytest.mark.parametrize("how, words", [
    (dict(q="auto"), "\"auto\" chooses from a survey of the whole sound"), (dict(q="best"), "q='best' is not a number"),
    (dict(gate="global"), "gate='global' compares with the largest counts of the whole sound"),
    (dict(gate="loud"), "gate='loud' is not"), (dict(mode="parity"), "mode='parity' transforms the whole sound"),
    (dict(mode="slow"), "mode='slow' is not one of"), (dict(boundary="wrap"), "boundary='wrap' joins the end"),
    (dict(boundary="open"), "boundary='open' is not one of"), (dict(q=0), "q=0 is not a finite number > 0"),
    (dict(fmin=5000), "fmin=5000 Hz is not below fmax=4000 Hz"), (dict(fmax=4001), "fmax=4001 is not"),
    (dict(hop_length=0), "hop_length=0 is not an integer >= 1"), (dict(oversampling=0), "oversampling=0 is not"),
    (dict(tolerance=0), "tolerance=0 is not"), (dict(density=-1), "density=-1 is not"), (dict(lint=0), "lint=0 is not"),
    (dict(pool=2), "pool=2 is not True or False"), (dict(threads=0), "threads=0 is not an integer >= 1"),
    (dict(calibration="x"), "calibration='x' is not"), (dict(dtype=np.int16), "is not float32 or float64"),
    (dict(delay=0), "delay=0 is not a finite number > 0"), (dict(delay=np.nan), "delay=nan is not"),
])
def test_wrong_parameters(how, words):
    with pytest.raises(ValueError, match=words): ReassignedStream(SR, **how)


@pytest.mark.parametrize("sr", [0, -1, np.nan, np.inf, "8000", None])
def test_wrong_rates(sr):
    with pytest.raises(ValueError, match="sr="): ReassignedStream(sr)


def test_a_start_that_is_no_moment():
    with pytest.raises(TypeError, match="begun='today' is not a datetime"): ReassignedStream(SR, begun="today")
    assert ReassignedStream(SR, begun=datetime.now(UTC)).begun.tzinfo is UTC


def test_blocks_of_a_filter_that_is_too_low():
    with pytest.raises(MemoryError, match="are available"):
        ReassignedStream(48000, fmin=1e-3, fmax=1, q=100, bins_per_octave=4)


def test_a_refused_block_changes_nothing():
    x = sound(20_000, 2)
    bad = x[:, 9000:9100].copy()
    bad[1, 7] = np.nan
    stream = ReassignedStream(SR, **quick)
    parts = [stream.push(x[:, :9000])]
    for block, words in [
        (bad, "x is not finite at 1 of 200 samples, first nan at sample 9007 of channel 1"),
        (bad[1:, 7:].repeat(2, 0), "at sample 9000 of channel 0"),
        (x[0, 9000:9100], r"had \(2, n\): not the same channels"),
        (np.zeros((3, 100)), "not the same channels"), (np.zeros((0, 100)), "samples without channels"),
        (np.float32(1), "not a block"), (None, "is not an array"), ("abc", "is not an array"),
        (np.zeros((2, 5), complex), "x is complex128"), (np.zeros((2, 5), bool), "x is bool"),
        (np.zeros((2, 5), np.int64), "x is int64"), (np.full((2, 5), 1e200), "not within ±1e100"),
        (np.full((2, 5), 1e50), "beyond the range of float32"), (np.ma.masked_equal(np.zeros((2, 5)), 0), "masked"),
        (b"12345678", "raw bytes"), ([[0.0, 1.0], [0.0]], "can't be read as an array"),
    ]:
        with pytest.raises(ValueError, match=words): stream.push(block)
    assert stream.n_samples == 9000
    parts += [stream.push(x[:, 9000:]), stream.close()]
    assert check_same([p for p in parts if p], reassigned_spectrogram(x, SR, **quick))


def test_nothing_after_the_end():
    stream = ReassignedStream(SR, **quick)
    stream.push(np.zeros(10))
    stream.close()
    with pytest.raises(ValueError, match="no push after close"): stream.push(np.zeros(10))
    with pytest.raises(ValueError, match="closed already"): stream.close()


def test_a_first_block_with_its_axes_turned():
    with pytest.raises(ValueError, match="more channels than samples"): ReassignedStream(SR).push(np.zeros((65536, 2)))
    assert ReassignedStream(SR).push(np.zeros((8, 1))) is None


def test_interrupted_and_gone_on(monkeypatch):
    "An interruption while a slice is computed loses nothing that has been pushed."
    from spectral_hyperresolution.engine import live
    x, added, turn = sound(20_000, 2), live._added, iter(range(100))

    def interrupted(*args):
        if next(turn) == 1: raise KeyboardInterrupt
        return added(*args)
    monkeypatch.setattr(live, "_added", interrupted)
    stream = ReassignedStream(SR, **quick)
    with pytest.raises(KeyboardInterrupt): stream.push(x[:, :12000])
    assert (stream.n_samples, stream.columns) == (12000, 0)
    assert check_same([stream.push(x[:, 12000:]), stream.close()], reassigned_spectrogram(x, SR, **quick))
