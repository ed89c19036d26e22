"""A part of a recording is a cut of the picture of all of it: its sound on either side, its times, its name."""

from datetime import UTC, datetime
from inspect import signature

import numpy as np
import pytest
import soundfile

from spectral_hyperresolution import audio, reassigned_spectrogram
from spectral_hyperresolution import pieces as pieces_module
from spectral_hyperresolution.cli import main
from spectral_hyperresolution.engine import coarse
from spectral_hyperresolution.files.times import parse, spoken
from spectral_hyperresolution.options import parser
from spectral_hyperresolution.ordinary import beside
from spectral_hyperresolution.parts import Part, part_plan
from spectral_hyperresolution.pieces import picture
from spectral_hyperresolution.recording import Sound, _Stream
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram
from spectral_hyperresolution.targets import part_name

SR = 16000
rng = np.random.default_rng(3)
noise = (0.1 * rng.standard_normal((2, 3 * SR))).astype(np.float32)
SETTINGS = dict(fmin=200, fmax=7000, bins_per_octave=12, hop_length=160)
SMALL = ["--width", "100", "--height", "64", "--quiet"]


def part_of(x, first, n, channel=None): return Part(Sound(x, SR), first, n, channel)


def made(part, q, **how):
    return picture(part, part_plan(part, q, **SETTINGS), q, **how)


def l1(a, b): return np.abs(a - b).sum() / b.sum()


# ---- a cut of the whole


@pytest.mark.parametrize("boundary", ["zero", "reflect", "wrap"])
@pytest.mark.parametrize("q", [2.8, 0.7])
def test_a_part_is_a_cut_of_the_whole(boundary, q):
    "In the middle of the recording and at its ends, also where it is computed in pieces."
    whole = reassigned_spectrogram(noise, SR, q=q, boundary=boundary, pool=True, **SETTINGS)
    for first, n in ((0, 8000), (16000, 8000), (160, 1600), (40000, 8000)):
        cut = whole.energy[:, first // 160:(first + n) // 160]
        # at an end of the recording its first and last columns hold what comes from outside
        inner = slice(1 if first < 3200 else None, -1 if first + n == 48000 else None)
        for most in (2**23, 4000):
            S = made(part_of(noise, first, n), q, boundary=boundary, most=most)
            assert S.shape == cut.shape and S.times[0] == pytest.approx((first + 79) / SR)
            assert l1(S.energy[:, inner], cut[:, inner]) < 0.02
        if q < 1: continue                                             # whose edges are narrow
        alone = reassigned_spectrogram(noise[:, first:first + n], SR, q=q, boundary=boundary, pool=True, **SETTINGS)
        assert l1(alone.energy, cut) > 2 * l1(S.energy[:, inner], cut[:, inner])


@pytest.mark.parametrize("gate", ["local", "global", None])
def test_the_whole_recording_is_the_front_doors_picture(gate):
    for q in (2.8, "auto"):
        whole = reassigned_spectrogram(noise[0], SR, q=q, gate=gate, **SETTINGS)
        S = made(part_of(noise, 0, noise.shape[1], 1), q, gate=gate)
        assert np.array_equal(S.energy, whole.energy) and np.array_equal(S.counts, whole.counts)
        assert S.plan == whole.plan and S.start == 0


@pytest.mark.parametrize("q", [2.8, "auto"])
def test_progress_grows_from_piece_to_piece(q):
    said: list[float] = []
    made(part_of(noise, 0, 48000), q, most=8000, progress=said.append)
    assert 0 <= said[0] < 0.2 and said[-1] == pytest.approx(1, abs=1e-6)
    assert (np.diff(said) >= 0).all() and len(set(said)) > 8


def test_pieces_leave_no_seams():
    "A chirp through the seams at a Q for each neighbourhood: the picture of the pieces is that of the whole."
    t = np.arange(3 * SR) / SR
    chirp = (np.sin(2 * np.pi * (500 * t + 800 * t**2)) * 0.3 + 0.01 * noise[0]).astype(np.float32)
    part = part_of(chirp, 0, len(chirp))
    whole, pieces = made(part, "auto"), made(part, "auto", most=2000)
    assert l1(pieces.energy, whole.energy) < 0.1 and (pieces.q_map == whole.q_map).mean() > 0.8
    columns = np.abs(pieces.energy - whole.energy).sum(0) / whole.energy.sum(0)
    assert columns.max() < 0.5
    assert l1(made(part, 2.8, most=2000).energy, made(part, 2.8).energy) < 0.01


def test_a_part_shorter_than_its_lowest_wavelets_is_drawn():
    "Forty milliseconds of a hum: the row of the hum is lit from edge to edge."
    hum = np.sin(2 * np.pi * 50 * np.arange(3 * SR) / SR).astype(np.float32)
    part = part_of(hum, SR, 640)
    S = picture(part, part_plan(part, 2.8, 25, 7000, 12, 32), 2.8)
    row = np.argmin(np.abs(S.frequencies - 50))
    assert (S.energy.argmax(0) == row).all() and S.energy[row].std() < 0.05 * S.energy[row].mean()
    with pytest.raises(ValueError, match="part of 8 samples is shorter than the lowest wavelet"):
        part_plan(part_of(hum, SR, 8), 2.8, 25, 7000)


def test_one_channel_of_two():
    part = part_of(noise, 5, 9, 2)
    assert part.channels == 1 and np.array_equal(part.cut(5, 9), noise[1:, 5:14])
    assert part_of(noise, 5, 9).channels == 2


def test_pieces_are_far_longer_than_their_margins():
    plan = part_plan(part_of(noise, 0, 3 * SR), 2.8, **SETTINGS)
    found = list(pieces_module._pieces(plan, 2000, 10))
    assert [p.bottom for p in found[:-1]] == [p.top for p in found[1:]] and found[-1].bottom == plan.n_times
    assert len(found) > 1 and min((p.bottom - p.top) * p.hop for p in found[:-1]) > 7 * 2000


@pytest.mark.parametrize("first, length, channel, says", [
    (-1, 5, None, "not within the sound's"), (0, 48001, None, "not within"), (5, 0, None, "not within"),
    (0, 9, 3, "channel=3 is not one of 1 … 2")])
def test_parts_that_are_not_there(first, length, channel, says):
    with pytest.raises(ValueError, match=says): part_of(noise, first, length, channel)


def test_the_ordinary_spectrogram_has_the_same_surroundings_and_times():
    whole = reassigned_spectrogram(noise, SR, q=2.8, pool=True, **SETTINGS)
    part = part_of(noise, 16000, 8000)
    S = made(part, 2.8)
    power, window = beside(part, S)
    np.testing.assert_allclose(power, beside(noise, whole, window)[0][:, 100:150], rtol=1e-3, atol=1e-12)
    later = reassigned_spectrogram(noise, SR, q=2.8, pool=True, start=9.5, **SETTINGS)
    np.testing.assert_allclose(beside(noise, later)[0], beside(noise, whole)[0], rtol=1e-3, atol=1e-12)


# ---- few points for large cells


def sounds_like_a_night(seconds, sr=4000):
    "Noise, a hum, and calls now and then."
    t = np.arange(seconds * sr) / sr
    calls = np.sin(2 * np.pi * (600 * t + 100 * np.sin(2 * np.pi * 3 * t))) * (np.sin(2 * np.pi * t / 7.3) > 0.8)
    noise = np.random.default_rng(1).standard_normal(len(t))
    return Sound((0.05 * noise + 0.1 * np.sin(2 * np.pi * 310 * t) + 0.3 * calls).astype(np.float32), sr)


@pytest.mark.slow
@pytest.mark.parametrize("q", [1.4, 5.6, "auto"])
def test_few_points_tell_what_all_tell(q):
    sound = sounds_like_a_night(120)
    part = Part(sound, 0, sound.frames)
    plan = part_plan(part, q, 40, 1900, 48, 30000)
    full, few = picture(part, plan, q), picture(part, plan, q, points=coarse.enough)
    assert l1(few.energy, full.energy) < 0.05 and l1(few.counts, full.counts) < 0.1
    if q == "auto": assert (few.q_map == full.q_map).mean() > 0.9
    pieces = picture(part, plan, q, points=coarse.enough, threads=2, most=100_000)
    assert l1(pieces.energy, full.energy) < 0.05


@pytest.mark.parametrize("q", [2.8, "auto"])
def test_excerpts_of_columns_tell_what_is_steady(monkeypatch, q):
    "A third of each column is looked at; noise and a hum are the same there as elsewhere."
    t = np.arange(120 * 4000) / 4000
    x = 0.1 * np.random.default_rng(2).standard_normal(len(t)) + 0.2 * np.sin(2 * np.pi * 310 * t)
    sound = Sound(x.astype(np.float32), 4000)
    part = Part(sound, 4000, sound.frames - 4000)
    plan = part_plan(part, q, 80, 1900, 12, 30000)
    full = picture(part, plan, q, points=coarse.enough)
    monkeypatch.setattr(pieces_module, "most_visited", sound.frames / 3)
    seen = []
    cut = Sound.cut
    monkeypatch.setattr(Sound, "cut", lambda *a, **k: seen.append(a[2]) or cut(*a, **k))
    few = picture(part, plan, q, points=coarse.enough)
    assert few.energy.sum() == pytest.approx(full.energy.sum(), rel=0.03) and l1(few.energy, full.energy) < 0.2
    assert few.shape == full.shape and (few.energy > 0).mean() > 0.95
    assert max(seen) < 60_000


def test_a_long_part_is_never_in_memory(monkeypatch):
    sound = sounds_like_a_night(300)
    part = Part(sound, 0, sound.frames)
    seen = []
    cut = Sound.cut
    monkeypatch.setattr(Sound, "cut", lambda *a, **k: seen.append(a[2]) or cut(*a, **k))
    monkeypatch.setattr(pieces_module, "coarse_piece", 100_000)
    picture(part, part_plan(part, 2.8, 200, 1900, 12, 60000), 2.8, points=100.0)
    assert max(seen) < 250_000 < sound.frames and sum(seen) < 2 * sound.frames


def test_few_points_of_silence_and_of_two_channels():
    silent = Part(Sound(np.zeros((2, 400_000), np.float32), 4000), 0, 400_000)
    for q in (2.8, "auto"):
        plan = part_plan(silent, q, 200, 1900, 12, 40_000)
        assert not picture(silent, plan, q, points=200.0).energy.any()
    x = np.random.default_rng(5).standard_normal((2, 400_000)).astype(np.float32)
    both, one = (picture(Part(Sound(x, 4000), 0, 400_000, c), plan, 2.8, points=800.0).energy for c in (None, 2))
    assert both.sum() == pytest.approx(2 * one.sum(), rel=0.02)


# ---- true times of a picture


def test_a_start_is_in_all_times_and_is_kept(tmp_path):
    S = reassigned_spectrogram(noise, SR, start=49.5, **SETTINGS)
    plain = reassigned_spectrogram(noise, SR, **SETTINGS)
    np.testing.assert_allclose(S.times - plain.times, 49.5)
    np.testing.assert_allclose(S.time_edges - plain.time_edges, 49.5)
    S.save(tmp_path / "a.npz")
    again = ReassignedSpectrogram.load(tmp_path / "a.npz")
    assert again.start == 49.5 and np.array_equal(again.times, S.times)
    with np.load(tmp_path / "a.npz") as kept: assert kept["version"] == 3 and kept["start"] == 49.5
    plain.save(tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz") as kept: assert kept["version"] == 2 and "start" not in kept
    assert ReassignedSpectrogram.load(tmp_path / "b.npz").start == 0
    for bad in (np.nan, np.inf, "1"):
        with pytest.raises(ValueError, match="start="): reassigned_spectrogram(noise, SR, start=bad, **SETTINGS)


def test_a_start_is_in_xarrays_coordinate():
    pytest.importorskip("xarray")
    S = reassigned_spectrogram(noise[0], SR, start=49.5, **SETTINGS)
    np.testing.assert_allclose(S.to_xarray().time.values, S.times)


# ---- a recording, piece by piece


@pytest.mark.parametrize("ending, exact", [(".wav", True), (".flac", True), (".ogg", False), (".mp3", False)])
def test_pieces_of_a_file(tmp_path, ending, exact):
    "Onwards, overlapping, far ahead and backwards: always the samples that reading at once gives."
    path = tmp_path / f"a{ending}"
    try: soundfile.write(path, noise.T, SR)
    except (soundfile.SoundFileError, ValueError): pytest.skip(f"this libsndfile writes no {ending}")
    x, _ = audio.read(path)
    with Sound(path) as sound:
        for first, length, channel in ((0, 9000, None), (5000, 9000, None), (14000, 100, None), (40000, 7000, None),
                                       (100, 50, None), (120, 4000, 2), (47000, 2000, 1), (-50, 100, None)):
            wanted = np.zeros((2, length), np.float32)
            a, b = max(0, first), min(first + length, x.shape[1])
            wanted[:, a - first:b - first] = x[:, a:b]
            got = sound.cut(first, length, channel)
            same = wanted if channel is None else wanted[channel - 1:channel]
            assert got.shape == same.shape
            # a lossy decoder that is started elsewhere takes a moment
            assert np.array_equal(got, same) if exact else np.abs(got - same)[:, 2000:].max(initial=0) < 0.2


def test_pieces_that_follow_are_read_once(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.flac", noise.T, SR)
    begun = []
    begin = _Stream.begin
    monkeypatch.setattr(_Stream, "begin", lambda self, frame: begun.append(frame) or begin(self, frame))
    with Sound(tmp_path / "a.flac") as sound:
        for first in range(0, 40000, 5000): sound.cut(first, 8000)
    assert begun == [0]


def test_a_file_that_is_cut_short(tmp_path):
    soundfile.write(tmp_path / "a.flac", noise.T, SR)
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(audio.SoundError, match="cut short"): Sound(tmp_path / "a.flac", whole=True)
    with Sound(tmp_path / "a.flac", salvage=True) as sound:
        left = audio.read(tmp_path / "a.flac", salvage=True)[0]
        assert sound.frames == left.shape[1] and np.array_equal(sound.cut(0, sound.frames), left)


# ---- how times are written


@pytest.mark.parametrize("text, seconds", [
    ("49", 49), ("49.5", 49.5), ("0:49.5", 49.5), ("1:30", 90), ("90:00", 5400), ("1:30:00", 5400),
    ("0:00:00.001", 0.001), ("100:00:00", 360000), (" 1:30 ", 90)])
def test_seconds_minutes_and_hours(text, seconds): assert parse(text) == pytest.approx(seconds, abs=1e-12)


@pytest.mark.parametrize("text", ["1:5", "1:60", "1:60:00", "1:2:3:4", ":30", "1:", "-1:30", "1h", "@", "@25:00", "@12",
                                  "2024-02-30T10:00", "2024-05-03T", "noon", "", "１:３０"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="is not a time: take seconds, m:ss, h:mm:ss"): parse(text)


EVENING = datetime(2024, 5, 3, 21, 0)
GREENWICH = EVENING.replace(tzinfo=UTC)


@pytest.mark.parametrize("text, start, seconds", [
    ("@21:15:30", EVENING, 930), ("@21:15", EVENING, 900), ("@0:30", EVENING, 12600), ("@21:00:00.25", EVENING, 0.25),
    ("2024-05-03T21:15:30", EVENING, 930), ("2024-05-04 00:30", EVENING, 12600),
    ("2024-05-03T21:15:30", GREENWICH, 930), ("@21:15", GREENWICH, 900),
    ("2024-05-03T23:15:30+02:00", GREENWICH, 930), ("@23:15:30+02:00", GREENWICH, 930)])
def test_the_recorders_clock(text, start, seconds): assert parse(text).seconds(start, 20000) == seconds


@pytest.mark.parametrize("text, start, says", [
    ("@20:59", EVENING, "@20:59:00 is not within the recording, 2024-05-03 21:00:00 to 2024-05-03 22:00:00"),
    ("2024-05-02T21:15", EVENING, "is not within the recording"), ("2024-05-03T22:00", EVENING, "is not within"),
    ("@21:15", None, "nothing tells when the recording begins"),
    ("2024-05-03T21:15Z", EVENING, "has a time zone, and the recording")])
def test_clock_times_that_are_not_in_the_recording(text, start, says):
    with pytest.raises(ValueError, match=says): parse(text).seconds(start, 3600)


def test_times_as_they_are_said():
    assert [spoken(t, True) for t in (0, 61.5, 3600, 3599.9999999)] == ["0:00", "1:01.5", "1:00:00", "1:00:00"]
    assert spoken(49.123456, False) == "49.123456 s"
    assert part_name(0.0, None) == "" and part_name(49, 3.5) == "_49s-52.5s" and part_name(49, None) == "_49s-end"
    assert part_name(3600.123456, 1) != part_name(3600.123457, 1)      # %g would name both alike
    assert part_name(parse("@23:59:50"), 20) == "_235950-000010"
    assert part_name(parse("2024-05-03T21:15"), None) == "_2024-05-03T211500-end"


# ---- the command


@pytest.fixture
def night(tmp_path, monkeypatch):
    "Three seconds of noise and a hum, by a recorder that names its files after the moment when they begin."
    monkeypatch.chdir(tmp_path)
    hum = 0.3 * np.sin(2 * np.pi * 100 * np.arange(3 * SR) / SR)
    soundfile.write("20240503_210000.wav", 0.02 * noise[0] + hum, SR)
    return "20240503_210000.wav"


@pytest.fixture
def drawn(monkeypatch):
    "What is drawn: the axes of each figure, when it is saved."
    from spectral_hyperresolution import plot
    found = []
    monkeypatch.setattr(plot, "save_figure", lambda target, figure, source: found.append((target, figure)))
    return found


@pytest.mark.parametrize("start, name", [
    ("1", "_1s-1.5s"), ("0:01", "_1s-1.5s"), ("0:00:01", "_1s-1.5s"), ("@21:00:01", "_210001-210001.5"),
    ("2024-05-03T21:00:01", "_2024-05-03T210001-2024-05-03T210001.5")])
def test_a_part_has_its_times_in_axes_title_and_name(night, drawn, start, name):
    assert main(["draw", night, "--start", start, "--duration", "0.5", "--q", "3", "--compare", *SMALL]) == 0
    (target, figure), = drawn
    assert target.name == f"20240503_210000{name}.png"
    ordinary, shown = figure.axes[:2]
    for ax in (ordinary, shown): np.testing.assert_allclose(ax.get_xlim(), (1, 1.5), atol=0.006)
    assert "   1 s to 1.5 s, from 2024-05-03 21:00:01   Q = 3" in shown.get_title("left")


def test_the_whole_recording_is_named_without_times(night, drawn):
    assert main(["draw", night, "--q", "3", *SMALL]) == 0
    (target, figure), = drawn
    assert target.name == "20240503_210000.png" and " s to " not in figure.axes[0].get_title("left")


def test_no_bright_bars_at_the_edges(night, drawn):
    "A hum and noise look the same at the edges of a part as in its middle."
    assert main(["draw", night, "--start", "1", "--duration", "0.5", "--q", "4", "--fmin", "40", *SMALL]) == 0
    mesh = drawn[0][1].axes[0].collections[0].get_array()
    power = (10 ** (np.asarray(mesh, float) / 10)).sum(0)
    assert max(power[:3].max(), power[-3:].max()) < 1.2 * np.median(power)


@pytest.mark.parametrize("options, says", [
    ("--start 1:5", "'1:5' is not a time: take seconds, m:ss"), ("--duration @21:00", "is a moment and no length"),
    ("--start @20:00", "@20:00:00 is not within the recording"), ("--start 0:10", "start=10.0 s is not within"),
    ("--duration inf", "duration=inf s is not a finite number > 0"), ("--start nan", "start=nan s is not within"),
    ("--start @21:00:01 --duration -1", "duration=-1.0 s is not a finite number > 0")])
def test_times_that_are_refused(night, capsys, options, says):
    from pathlib import Path
    try: status = main(["draw", night, *options.split(), *SMALL])
    except SystemExit as ended: status = ended.code
    said = capsys.readouterr().err.splitlines()
    assert status == 2 and says in said[-1]
    assert [p.name for p in Path().iterdir()] == [night]


def test_clock_times_need_a_clock(night, tmp_path, capsys):
    (tmp_path / night).rename("a.wav")
    assert main(["draw", "a.wav", "--start", "@21:00", *SMALL]) == 2
    assert "a.wav: @21:00:00 is a clock time, and nothing tells when" in capsys.readouterr().err


def test_a_long_sound_is_drawn_with_few_points_unless_all_are_asked_for(night, monkeypatch):
    from spectral_hyperresolution import drawing
    made = []
    monkeypatch.setattr(drawing, "picture", lambda *a, **how: made.append(how["points"]) or picture(*a, **how))
    options = ["draw", night, "--q", "3", "--pixels", *SMALL]
    assert main(options) == 0
    monkeypatch.setattr(drawing, "few_from", 40_000)
    assert main(options) == 0 and main([*options, "--full"]) == 0
    assert made == [None, coarse.enough, None]


def test_the_command_computes_as_the_front_door_does(night, monkeypatch):
    from spectral_hyperresolution import drawing
    made = []
    monkeypatch.setattr(drawing, "picture", lambda *a, **how: made.append(how["tolerance"]) or picture(*a, **how))
    assert main(["draw", night, "--q", "3", "--pixels", *SMALL]) == 0
    assert made == [signature(reassigned_spectrogram).parameters["tolerance"].default] == [0.01]


def test_an_interruption_is_not_taken_for_the_fault_of_one_sound(night, tmp_path):
    from spectral_hyperresolution import drawing
    (tmp_path / "b.wav").write_bytes(b"no sound")
    options = ["draw", "b.wav", night, "--q", "3", "--pixels", *SMALL]
    assert main(options) == 2 and (tmp_path / night).with_suffix(".png").exists()
    (tmp_path / night).with_suffix(".png").unlink()
    with pytest.raises(ValueError, match="not a sound file"):
        drawing.draw(parser().parse_args(options), lambda: True)
    assert not (tmp_path / night).with_suffix(".png").exists()


def test_the_title_says_how_much_was_looked_at(night, drawn, monkeypatch):
    from spectral_hyperresolution import drawing
    monkeypatch.setattr(drawing, "few_from", 40_000)
    monkeypatch.setattr(pieces_module, "most_visited", 12_000)
    assert main(["draw", night, "--q", "3", "--fmin", "200", *SMALL]) == 0
    assert "25% of each column looked at" in drawn[0][1].axes[0].get_title("left")
