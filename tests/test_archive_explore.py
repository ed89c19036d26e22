"""An archive in the explorer: from a month at a glance down to the sound, through its server and in a browser."""

import json
import os
import re
import time
from dataclasses import replace
from io import BytesIO
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
import pytest
import soundfile

pytest.importorskip("xarray")
pytest.importorskip("zarr")

from browser import wait_text
from month import LENGTH, PAUSE, SR, TONE, make_month, names, sound

from spectral_hyperresolution import cli
from spectral_hyperresolution.archive.lookup import open_archive
from spectral_hyperresolution.archive.run import archive
from spectral_hyperresolution.archive.view import view as archive_view
from spectral_hyperresolution.explore import server as serving
from spectral_hyperresolution.explore import timeline
from spectral_hyperresolution.explore.passes import unrecorded
from spectral_hyperresolution.explore.stretch import Stretch, alone, heard, walk
from spectral_hyperresolution.explore.timeline import (
    recorders,
    stored_frames,
    stored_level,
    stretches,
    timelines,
    told,
)
from spectral_hyperresolution.explore.window import View, compute
from spectral_hyperresolution.recording import Sound

HOUR, DAY = 3600, 86400
BAND = dict(f0=60, f1=1000)


@pytest.fixture(scope="module")
def month(tmp_path_factory): return make_month(tmp_path_factory.mktemp("month"))


@pytest.fixture(scope="module")
def line(month):
    found, = timelines(month)
    return found


@pytest.fixture(scope="module")
def server(month):
    running = serving.Server(timelines(month))
    running.warmed.result(120)
    yield running
    running.stop()


def decoded(message):
    "Description and levels of a frame."
    n = int.from_bytes(message[:4], "little")
    about = json.loads(message[4:4 + n])
    level = np.frombuffer(message[4 + n:], "<u2")
    return about, level.reshape(about["rows"], -1) if "rows" in about else None


def ask(server, path, **given):
    "What the server answers; its error's text where it refuses."
    try:
        with urlopen(f"{server.address}{path}?{urlencode(given)}&token={server.token}", timeout=60) as found:
            return found.read()
    except HTTPError as error: return error.code, json.loads(error.read())["error"]


def seen(line, t0, t1, width=600, **more):
    return View(t0, t1, **(BAND | dict(width=width, height=200) | more)).check(line)


def kinds(line, view): return [decoded(message)[0]["kind"] for message in walk(line, view)]


def tape(folder, name, x, sr=SR):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, np.asarray(x).T, sr, subtype="FLOAT")


def small(folder, **how):
    "The axes of an archive of what is in a folder."
    archive([folder / "tapes"], folder / "store", workers=1, **(dict(hop=1, fmin=60) | how))
    return timelines(folder / "store")


# ---------- one axis

@pytest.mark.slow
def test_a_month_lies_on_one_axis_in_utc(line):
    about = told(line)
    assert about["zero"] == np.datetime64("2024-05-01", "s").astype(int) and about["recorders"] == ["pond", "wood"]
    assert line.duration == pytest.approx(741 * HOUR + LENGTH, abs=1e-3)
    assert len(line.begins) == len(names()) == 1000 and "1000 recordings, 3.33 h" in line.about
    begins = [a for a, _ in about["stretches"]]
    assert not [t for t in begins if PAUSE[0] <= t / HOUR < PAUSE[-1]] and HOUR * 299 in begins


@pytest.mark.slow
@pytest.mark.parametrize("t0, t1", [(0, 741 * HOUR), (3 * DAY, 20 * DAY), (3 * DAY, 6 * DAY), (3 * DAY, 4 * DAY),
                                    (3 * DAY, 3 * DAY + 3 * HOUR), (3 * DAY - 5, 3 * DAY + 20), (13 * DAY, 14 * DAY)])
@pytest.mark.parametrize("scale", ["log", "linear"])
def test_a_window_of_a_thousand_recordings_is_looked_up_at_once(line, t0, t1, scale):
    "The first frame of any window, read, scaled and encoded, takes less than 0.2 s of a core."
    view, spent = seen(line, t0, t1, 1200, scale=scale), []
    for _ in range(5):
        begun = time.process_time()             # another program may have the cores
        about, level = decoded(next(stored_frames(line, view, lambda: None)))
        spent.append(time.process_time() - begun)
    assert level.shape[1] == 1200 and min(spent) < 0.2, spent
    there = (level != unrecorded).any(axis=0)
    assert (there == (np.array(about["effort"]) > 0)).all() and about["recordings"] == len(line.met(t0, t1))


def test_longer_recordings_follow_in_finer_cells(tmp_path, monkeypatch):
    "A window of more recordings than are opened at once: first one cell for each, then the cells that suit it."
    for k in range(6): tape(tmp_path / "tapes", f"20240501_0000{9 * k:02}.wav", sound()[:8 * SR] * (k + 1))
    line, = small(tmp_path, hop=0.5)
    monkeypatch.setattr(timeline, "at_once", 3)
    view = seen(line, 0, 53, 53)
    frames = [decoded(message) for message in stored_frames(line, view, lambda: None)]
    assert [about.get("finer", False) for about, _ in frames] == [False, True, True]
    assert frames[0][0]["cell"] == 8 and frames[1][0]["cell"] == 0.5
    assert frames[1][0]["t0"] == 0 and frames[1][0]["t1"] == frames[2][0]["t0"] and frames[2][0]["t1"] == 53
    whole, _, _ = stored_level(line, view)
    finer = np.concatenate([level for _, level in frames[1:]], axis=1)[::-1]
    lit = np.isfinite(whole) & (finer > 0) & (finer < unrecorded)
    assert lit.mean() > 0.1 and np.median(np.abs(finer[lit] / 100 - 300 - whole[lit])) < 0.1
    assert (np.isnan(whole[0]) == (finer[0] == unrecorded)).all()


@pytest.mark.slow
def test_cells_are_the_archives_and_gaps_are_gaps(month, line):
    view = seen(line, 3 * DAY, 4 * DAY)
    level, edges, made = stored_level(line, view)
    direct = archive_view(open_archive(month), "2024-05-04", "2024-05-05", width=600)
    with np.errstate(invalid="ignore"):
        assert (np.isnan(level) == (direct.effort == 0)).all() and np.isnan(level[0]).sum() > 500
        lit = np.isfinite(level) & (level > -300)
        np.testing.assert_allclose(level[lit], direct.level.T[lit], atol=1e-9)
    assert lit.sum() > 1000 and made.effort.sum() == pytest.approx(48 * LENGTH, abs=1e-6)
    strongest = np.nan_to_num(level, nan=-999).max(axis=1).argmax()
    assert edges[strongest] <= TONE <= edges[strongest + 1]


@pytest.mark.slow
def test_the_rows_of_an_axis_in_hertz_hold_the_same_energy(line):
    "What lies between two frequencies is the same on both axes."
    log, edges, _ = stored_level(line, seen(line, 3 * DAY, 3 * DAY + HOUR))
    log, edges = log[10:-10], edges[10:-10]
    linear, straight, _ = stored_level(line, seen(line, 3 * DAY, 3 * DAY + HOUR, scale="linear", f0=edges[0],
                                                  f1=edges[-1]))
    def total(level): return np.where(np.isfinite(level), 10 ** (level / 10), 0)[:, ~np.isnan(level[0])].sum()
    assert linear.shape[0] == 200 and total(linear) == pytest.approx(total(log), rel=1e-6)
    assert straight[np.nan_to_num(linear, nan=-999).max(axis=1).argmax()] == pytest.approx(TONE, abs=8)


@pytest.mark.slow
def test_a_window_between_two_rows_and_beyond_them(line):
    "A row that the window only touches is shown; above all rows there is nothing, which is said."
    level, edges, _ = stored_level(line, seen(line, 0, DAY, f0=500.0, f1=500.5))
    assert len(level) == 1 and edges[0] < 500 < 500.5 < edges[1]
    assert stored_level(line, seen(line, 0, DAY, f0=20, f1=30)) is None
    assert kinds(line, seen(line, 0, DAY, f0=20, f1=30)) == ["far"]


# ---------- recorders and channels

@pytest.mark.slow
def test_one_recorder_or_all(line):
    pond, wood = line.only(0), line.only(1)
    assert (len(pond.begins), len(wood.begins)) == (700, 300) and line.only(None) is line
    moment = 3 * DAY + 15                         # when only the wood's recorder hears
    assert [len(each.met(moment, moment + 1)) for each in (line, pond, wood)] == [1, 0, 1]
    assert np.isnan(stored_level(pond, seen(pond, moment, moment + 2))[0]).all()
    assert not np.isnan(stored_level(wood, seen(wood, moment, moment + 2))[0]).any()
    stretch = Stretch(wood, seen(wood, 3 * DAY, 3 * DAY + 20))
    np.testing.assert_allclose(stretch.cut(stretch.first(stretch.rows[0]), SR * LENGTH)[0], sound(), atol=1e-4)


@pytest.mark.slow
def test_recorders_are_told_by_device_then_folder_then_overlap(line):
    row = line.book.rows[0]
    def rows(*given): return [replace(row, file=file, device=device) for file, device in given]
    def found(rows, *begins): return recorders(rows, {k: round(t * 1e6) for k, t in enumerate(begins)})
    days = rows(("d1/a.wav", "AM 7"), ("d2/b.wav", "AM 7"))
    assert found(days, 0, 60) == {"AM 7": [0, 1]}                      # one device with a folder a day
    assert found(days, 0, 5) == {"AM 7, d1": [0], "AM 7, d2": [1]}     # a kind of device, not one of them
    assert found(rows(("x/a.wav", ""), ("x/b.wav", "")), 0, 5) == {"x": [0], "x, 2": [1]}
    assert found(rows(("x/a.wav", ""), ("x/b.wav", "")), 0, LENGTH - 1) == {"x": [0, 1]}      # a clock's error


def test_recorders_that_overlap_are_the_mean_of_their_power(tmp_path):
    "At the level of sound as in the store's cells: also where only one of them records, and in stereo."
    left, right, alone_ = (sound() * g for g in (1, 0.5, 0.3))
    tape(tmp_path / "tapes" / "a", "20240501_000000.wav", left)
    tape(tmp_path / "tapes" / "b", "20240501_000004.wav", [right, alone_])
    line, = small(tmp_path)
    assert len(line.recorders) == 2
    view = seen(line, 1, LENGTH + 3)
    stretch = Stretch(line, view)
    x = stretch.cut(0, SR * (LENGTH + 4))
    assert stretch.together and x.shape == (3, SR * (LENGTH + 4))
    n = 4 * SR
    np.testing.assert_allclose(x[0, :n], left[:n], atol=1e-4)                       # one records
    np.testing.assert_allclose(x[0, n:SR * LENGTH], left[n:] / np.sqrt(2), atol=1e-4)
    np.testing.assert_allclose(x[1:, n:SR * LENGTH], np.stack([right, alone_])[:, :-n] / np.sqrt(2), atol=1e-4)
    np.testing.assert_allclose(x[1:, SR * LENGTH:], np.stack([right, alone_])[:, -n:], atol=1e-4)
    assert not x[1:, :n].any() and not x[0, SR * LENGTH:].any()
    np.testing.assert_allclose(stretch.cut(0, SR * LENGTH, 1)[0], left, atol=1e-4)   # one channel: the first recorder
    said = [decoded(m)[0] for m in walk(line, seen(line, 5, 8, 400))]
    assert next(a for a in said if a["kind"] == "near")["why"] == "where recorders overlap, the mean of their power"
    said = [decoded(m)[0] for m in walk(line, seen(line, 5, 8, 400, channel=1))]
    assert next(a for a in said if a["kind"] == "near")["why"] == "where recorders overlap, tapes/a"
    assert not Stretch(line, seen(line, 1, 3)).together                              # nor are they in this window


def test_channels(tmp_path):
    left, right = sound(), sound() / 10
    tape(tmp_path / "tapes", "20240501_000000.wav", [left, right])
    tape(tmp_path / "tapes", "20240501_010000.wav", left)
    line, = small(tmp_path, channel="each")
    assert line.channels == 2
    def strongest(t0, channel):
        level, _, _ = stored_level(line, seen(line, t0, t0 + 12, 16, channel=channel))
        return None if np.isnan(level).all() else np.nanmax(level)
    assert strongest(0, 1) - strongest(0, 2) == pytest.approx(20, abs=0.1)
    assert strongest(HOUR, 1) == pytest.approx(strongest(0, 1)) and strongest(HOUR, 2) is None
    one, own = alone(line, seen(line, 2, 5, channel=2))
    stretch, near = heard(line, seen(line, 2, 5, channel=2))
    np.testing.assert_array_equal(stretch.cut(0, 9000, 2), one.cut(0, 9000, 2))
    assert stretch.cut(0, 9000).shape == (2, 9000) and near.channel == own.channel == 2


# ---------- the sound

@pytest.mark.slow
def test_the_sound_is_the_recordings(line):
    "A window over a recording equals the same window of its file."
    begin = 3 * DAY
    view = seen(line, begin + 4.5, begin + 5.5, f0=300, f1=900)
    stretch, near = heard(line.only(0), view)
    file, own = alone(line.only(0), view)
    assert (own.t0, own.t1) == (pytest.approx(4.5), pytest.approx(5.5)) and file.name.startswith("pond/20240504_00")
    far, direct = compute(stretch, near), compute(file, own)
    assert far.shape == direct.shape and np.allclose(far.times - begin, direct.times, atol=1e-6)
    assert np.abs(far.energy - direct.energy).sum() < 1e-3 * direct.energy.sum()
    assert abs(far.frequencies[far.energy.sum(axis=1).argmax()] - TONE) < 3


@pytest.mark.slow
def test_a_threshold_of_one_cell_a_pixel(line):
    "Pixels as wide as the archive's cells come from it, narrower ones from the recordings."
    assert kinds(line, seen(line, 0, 600, 600)) == ["stored", "far"]
    near = kinds(line, seen(line, 0, 590, 600))
    assert near[:2] == ["stored", "near"] and {"ordinary", "reassigned"} <= set(near[2:])
    assert kinds(line, seen(line, HOUR / 2, HOUR / 2 + 60)) == ["stored", "gone"]


@pytest.mark.slow
def test_pauses_in_the_sound_are_marked_and_leave_the_background_alone(line):
    pond = line.only(0)
    frames = [decoded(m) for m in walk(pond, seen(pond, 3 * DAY - 40, 3 * DAY + LENGTH + 40, 400))]
    alone_ = [decoded(m) for m in walk(pond, seen(pond, 3 * DAY, 3 * DAY + LENGTH, 400))]
    for kind in ("ordinary", "reassigned"):
        about, level = [f for f in frames if f[0]["kind"] == kind][-1]
        at = np.linspace(about["t0"], about["t1"], level.shape[1], endpoint=False) - 3 * DAY
        cell = (about["t1"] - about["t0"]) / level.shape[1]
        clear = (level == unrecorded).all(axis=0), (level == unrecorded).any(axis=0)
        assert clear[0][(at < -cell) | (at > LENGTH)].all() and not clear[1][(at >= 0) & (at < LENGTH - cell)].any()
    ground = [np.median([f for f in found if f[0].get("last")][-1][0]["background"]) for found in (frames, alone_)]
    assert abs(ground[0] - ground[1]) < 6       # the cells are not of one length


def test_recordings_without_a_gap_are_one_sound(tmp_path):
    "Files that follow one another are computed and played across their seam."
    x = np.sin(2 * np.pi * TONE * np.arange(SR * 24) / SR) * 0.1
    for k in range(2): tape(tmp_path / "tapes", f"20240501_0000{12 * k:02}.wav", x[12 * SR * k:12 * SR * (k + 1)])
    line, = small(tmp_path)
    assert stretches(line) == [(0, 24)]
    stretch, near = heard(line, seen(line, 11, 13, f0=300, f1=900))
    np.testing.assert_array_equal(stretch.cut(0, 24 * SR)[0], x.astype(np.float32))
    picture = compute(stretch, near)
    share = picture.energy[np.abs(picture.frequencies - TONE) < 10].sum() / picture.energy.sum()
    assert share > 0.999                        # a cut would spread over all frequencies


def test_recordings_that_are_gone_or_changed(tmp_path):
    for hour in range(3): tape(tmp_path / "tapes", f"20240501_{hour:02}0000.wav", sound())
    line, = small(tmp_path)
    (tmp_path / "tapes" / "20240501_000000.wav").unlink()
    tape(tmp_path / "tapes", "20240501_010000.wav", sound()[:-5])
    for hour, why in ((0, "20240501_000000.wav is not where it was"), (1, "20240501_010000.wav has changed")):
        frames = [decoded(m)[0] for m in walk(line, seen(line, hour * HOUR, hour * HOUR + 12))]
        assert [f["kind"] for f in frames] == ["stored", "gone"] and why in frames[-1]["why"]
    assert "reassigned" in kinds(line, seen(line, 2 * HOUR, 2 * HOUR + 12))
    os.rename(tmp_path / "tapes", tmp_path / "away")
    assert kinds(line, seen(line, 2 * HOUR, 2 * HOUR + 12)) == ["stored", "gone"]
    os.rename(tmp_path / "away", tmp_path / "tapes")              # a disk that is there again
    assert "reassigned" in kinds(line, seen(line, 2 * HOUR, 2 * HOUR + 12))


def test_two_rates(tmp_path):
    "The axis reaches to the highest rate; a recording of a lower one is computed below its half."
    tape(tmp_path / "tapes", "20240501_000000.wav", sound())
    tape(tmp_path / "tapes", "20240501_010000.wav", np.repeat(sound(), 4), 4 * SR)
    line, = small(tmp_path)
    assert line.sr == 4 * SR and line.band[1] == 4000
    _, near = heard(line, seen(line, 0, 6, f1=3500))
    assert near.f1 == SR / 2 and near.height < 200
    with pytest.raises(ValueError, match="ends at 1000 Hz"): heard(line, seen(line, 0, 6, f0=2000, f1=3500))
    assert heard(line, seen(line, HOUR, HOUR + 6, f1=3500))[1].f1 == 3500


def test_recordings_of_unknown_time_follow_one_another(tmp_path):
    tape(tmp_path / "tapes", "b.wav", sound())
    tape(tmp_path / "tapes", "a.wav", -sound()[:6 * SR])
    tape(tmp_path / "tapes", "20240501_000000.wav", sound())
    clocked, others = small(tmp_path)
    assert (clocked.clocked, others.clocked) == (True, False) and "isn't known" in others.about
    assert "UTC" in clocked.about and told(others)["zero"] is None and told(others)["command"] == ""
    assert stretches(others) == [(0, 6), (6, 18)]
    x = Stretch(others, seen(others, 0, 18)).cut(0, 18 * SR)[0]
    np.testing.assert_allclose(x, np.concatenate([-sound()[:6 * SR], sound()]), atol=1e-6)
    level, _, made = stored_level(others, seen(others, 0, 18, 36))
    assert made.recordings == 2 and np.isfinite(level).any(axis=0).all()


def test_recordings_at_an_address():
    "Where recordings and archive are not files of this machine."
    fsspec = pytest.importorskip("fsspec")
    wav = BytesIO()
    soundfile.write(wav, sound(), SR, format="WAV")
    fs = fsspec.filesystem("memory")
    for hour in range(2): fs.pipe_file(f"/explored/tapes/20240501_{hour:02}0000.wav", wav.getvalue())
    archive(["memory://explored/tapes"], "memory://explored/store", workers=1, hop=1, fmin=60)
    line, = timelines("memory://explored/store")
    frames = [decoded(m)[0] for m in walk(line, seen(line, HOUR, HOUR + 5))]
    assert line.name == "store" and frames[-1]["kind"] == "reassigned"
    fs.rm("/explored/tapes", recursive=True)
    assert kinds(line, seen(line, HOUR, HOUR + 5)) == ["stored", "gone"]


# ---------- the server

@pytest.mark.slow
def test_the_server_tells_shows_and_plays(server):
    sounds = json.loads(ask(server, "about"))["sounds"]
    assert [s["name"] for s in sounds] == ["may"] and sounds[0]["cell"] == 1 and len(sounds[0]["stretches"]) == 700
    window = dict(BAND, t0=3 * DAY + 4, t1=3 * DAY + 6, width=300, height=100)
    x, rate = soundfile.read(BytesIO(ask(server, "sound.wav", **window)))
    assert len(x) / rate == pytest.approx(2, abs=1e-3) and x.shape[1] == 2           # of two recorders
    spectrum = np.abs(np.fft.rfft(x[:, 0]))
    assert np.argmax(spectrum) / 2 == pytest.approx(TONE, abs=1)
    x, rate = soundfile.read(BytesIO(ask(server, "sound.wav", **window | dict(t0=3 * DAY - 4, recorder=0))))
    before = round(3.99 * rate)                                   # what it is resampled by reaches a little further
    assert not np.abs(x[:before]).max() and np.abs(x[8 * rate:]).max() > 0.09
    wood = soundfile.read(BytesIO(ask(server, "sound.wav", **window | dict(recorder=1, t1=3 * DAY + 11))))[0]
    assert len(wood) == len(x) / 10 * 7 and not np.abs(wood[:round(0.99 * rate)]).max() and np.abs(wood).max() > 0.09
    found = ask(server, "data.zip", **window, recorder=0)
    assert found[:2] == b"PK" and b"20240504_000000.wav" in found


@pytest.mark.slow
@pytest.mark.parametrize("path, changes, said", [
    ("picture", dict(recorder=2), "recorder=2 is not one of 0 … 1"),
    ("picture", dict(recorder=-1), "recorder=-1"),
    ("picture", dict(recorder="x"), "recorder='x' is not a number"),
    ("picture", dict(t1=1e9), "t1"),
    ("picture", dict(t0=5, t1=4), "t0"),
    ("sound.wav", dict(t1=3 * DAY + 2 * HOUR), "not <= 300 s"),
    ("sound.wav", dict(t0=HOUR / 2, t1=HOUR / 2 + 5), "nothing was recorded"),
    ("data.zip", dict(t1=3 * DAY + 2 * HOUR), "several recordings"),
    ("data.zip", dict(t0=HOUR / 2, t1=HOUR / 2 + 5), "nothing was recorded"),
])
def test_the_server_refuses(server, path, changes, said):
    status, error = ask(server, path, **dict(BAND, t0=3 * DAY, t1=3 * DAY + 5) | changes)
    assert status == 400 and said in error and "\n" not in error


@pytest.mark.slow
def test_the_command_takes_archives_and_sounds(month, tmp_path, monkeypatch, capsys):
    opened = []
    class Noted(Exception): pass
    def server(sounds, *_):
        opened.append([s.name for s in sounds])
        raise Noted
    monkeypatch.setattr(serving, "Server", server)
    tape(tmp_path, "a.wav", sound())
    with pytest.raises(Noted): cli.main(["explore", str(tmp_path / "a.wav"), str(month)])
    assert opened == [["may", "a.wav"]]
    half = tmp_path / "half"
    half.mkdir()
    about = json.loads((month / "zarr.json").read_text())
    about["attributes"]["complete"] = 0
    (half / "zarr.json").write_text(json.dumps(about))
    assert cli.main(["explore", str(half)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said and all(re.match(r"hyperres: .*half isn't complete", text) for text in said)
    with pytest.raises(Noted): cli.main(["explore", str(half), str(month)])       # one of several
    assert opened[-1] == ["may"] and "half isn't complete" in capsys.readouterr().err


def test_a_recorder_is_for_archives():
    running = serving.Server([Sound(sound(), SR)])
    try: assert ask(running, "picture", **BAND, t0=0, t1=1, recorder=0) == (400, "recorder is for archives")
    finally: running.stop()


# ---------- the page

@pytest.fixture
def visit(new_page, server):
    def open_(place="", **options):
        page = new_page(**dict(viewport=dict(width=1200, height=800)) | options)
        page.set_default_timeout(30_000)
        page.goto(server.url + place)
        done(page)
        return page
    return open_


def done(page): page.wait_for_selector("body[data-stage=done][data-busy='']")


def edges(page):
    "The window's moments [s since the month's beginning], as the page's fields show them."
    since = np.datetime64("2024-05-01")
    return [float((np.datetime64(page.input_value(f"#{name}")) - since) / np.timedelta64(1, "us")) / 1e6
            for name in ("t0", "t1")]


def at(t0, t1, **more):
    return "#" + urlencode(dict(sound=0, t0=t0, t1=t1, f0=60, f1=1000, q=2.8, colours=1) | more)


def pixel(page, x, y):
    "The colour of a place of the picture, in parts of its width and height."
    return page.evaluate("""([x, y]) => {
        const from = document.getElementById("picture"), r = devicePixelRatio, one = document.createElement("canvas");
        const left = 62 * r, top = 6 * r, w = from.width - 72 * r, h = from.height - 40 * r;
        one.width = one.height = 1;
        const g = one.getContext("2d", { willReadFrequently: true });
        g.drawImage(from, Math.floor(left + x * w), Math.floor(top + y * h), 1, 1, 0, 0, 1, 1);
        return [...g.getImageData(0, 0, 1, 1).data].slice(0, 3); }""", [x, y])


GREY = [128, 132, 138]


def test_it_opens_with_the_month(visit):
    page = visit()
    assert edges(page) == [0, pytest.approx(741 * HOUR + LENGTH, abs=60)]
    assert "2024-05-01 00:00:00 to 2024-05-31 21:00:12" in page.inner_text("#facts")
    assert "1000 recordings, 3.33 h of sound" in page.inner_text("#state")
    assert re.search(r"Windows under \S+ min are computed from the recordings", page.inner_text("#state"))
    assert pixel(page, 320 / 741, 0.5) == GREY != pixel(page, 0.0005, 0.5)        # the pond's pause
    page.check("#bridge")
    assert pixel(page, 320 / 741, 0.5) == GREY                                    # which is no short one
    assert all(pixel(page, x, 0.9) != GREY for x in np.linspace(0.01, 0.39, 60))


def test_down_to_the_sound_and_back(visit):
    "With the wheel from a month to a second, and by the browser's back to where it began."
    page = visit()
    box = page.locator("#picture").bounding_box()
    x, y = box["x"] + 62 + (box["width"] - 72) * 72 / 741, box["y"] + 200
    page.mouse.move(x, y)
    page.keyboard.down("Shift")                    # time alone
    for _ in range(18):
        page.mouse.wheel(0, -100)
        page.wait_for_timeout(20)
    page.keyboard.up("Shift")
    page.wait_for_timeout(200)
    done(page)
    t0, t1 = edges(page)
    assert t1 - t0 < 2000 and abs((t0 + t1) / 2 - 3 * DAY) < 3 * HOUR
    page.keyboard.press("n")
    done(page)
    t0, t1 = edges(page)
    begins = t0 + (t1 - t0) / 20
    assert abs(begins - HOUR * round(begins / HOUR)) < 1.5             # as fine as the fields tell it
    page.fill("#t0", "2024-05-04 00:00:04")
    page.fill("#t1", "00:00:04.9")
    page.press("#t1", "Enter")
    done(page)
    assert edges(page) == [3 * DAY + 4, 3 * DAY + 4.9]
    assert "pond/20240504_000000.wav" in page.inner_text("#state") and "Reassigned" in page.inner_text("#state")
    page.evaluate("history.back()")
    page.wait_for_timeout(200)
    done(page)
    assert edges(page) == [pytest.approx(t0, abs=1), pytest.approx(t1, abs=1)]


def test_the_pointer_reads_level_and_moment(visit):
    page = visit(at(3 * DAY + 4, 3 * DAY + 6))
    box = page.locator("#picture").bounding_box()
    y = box["y"] + 6 + (box["height"] - 40) * np.log(1000 / TONE) / np.log(1000 / 60)
    page.mouse.move(box["x"] + 62 + (box["width"] - 72) / 2, y)
    text = page.inner_text("#readout")
    assert text.startswith("2024-05-04 00:00:0") and re.search(r"(49\d|50\d)(\.\d+)? Hz", text)
    page = visit(at(3 * DAY + 20, 3 * DAY + 60))
    page.mouse.move(box["x"] + 400, box["y"] + 100)
    assert "nothing recorded" in page.inner_text("#readout")
    assert "n and p lead" in page.inner_text("#state")
    page.keyboard.press("p")
    done(page)
    assert edges(page)[0] == pytest.approx(3 * DAY - 2, abs=0.01)


def test_a_recorder_is_chosen(visit):
    page = visit(at(3 * DAY + 12.5, 3 * DAY + 16))
    assert "wood/20240504_000005.wav" in page.inner_text("#state")
    page.select_option("#recorder", label="pond")
    page.wait_for_timeout(50)
    done(page)
    assert "nothing was recorded" in page.inner_text("#state") and pixel(page, 0.5, 0.5) == GREY
    assert "recorder=0" in page.evaluate("location.hash")
    page.select_option("#recorder", label="wood")
    page.wait_for_timeout(50)
    done(page)
    assert "wood/20240504_000005.wav" in page.inner_text("#state")
    page = visit(at(3 * DAY + 12.5, 3 * DAY + 16, recorder=0))
    assert page.input_value("#recorder") == "0" and "nothing was recorded" in page.inner_text("#state")


def test_it_plays_and_copies_commands(visit, month):
    page = visit(at(3 * DAY + 4, 3 * DAY + 5, recorder=0))
    page.keyboard.press(" ")
    page.wait_for_selector("body[data-heard]")
    assert float(page.get_attribute("body", "data-heard")) == pytest.approx(1, abs=1e-2)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#command")
    wait_text(page, "#state", "Command copied")
    copied = page.inner_text("#state")
    assert "pond/20240504_000000.wav" in copied and "--start 4.000000 --duration 1.000000" in copied
    page = visit(at(3 * DAY, 4 * DAY))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#command")
    wait_text(page, "#state", "Command copied")
    copied = page.inner_text("#state").removeprefix("Command copied: ")
    assert copied.startswith(f"hyperres draw {month} --from 2024-05-04T00:00:00.000 --to 2024-05-05T00:00:00.000")
    assert cli.main([*copied.split()[1:], "-o", str(month.parent / "copied.png")]) == 0


def ticks_of(page, t0, t1, count):
    return page.evaluate("""([t0, t1, count]) => {
        const { search } = new URL(document.querySelector("script").src);
        return import(`./page/axes.js${search}`).then(axes => axes.timeTicks(t0, t1, count, 1714521600));
    }""", [t0, t1, count])


@pytest.mark.parametrize("t0, t1, labels", [
    (0, 31 * DAY, ["1 May", "16 May"]), (3 * DAY, 6 * DAY, ["4 May", "5 May", "12:00"]),
    (3 * DAY, 3 * DAY + 600, ["4 May", "00:05"]), (3 * DAY + 3, 3 * DAY + 4, ["00:00:03.5"]),
])
def test_the_axis_reads_as_moments(visit, t0, t1, labels):
    page = visit(at(t0, min(t1, 741 * HOUR)))
    texts = [k["text"] for k in ticks_of(page, t0, t1, 10)]
    assert set(labels) <= set(texts) and len(texts) < 25, texts


@pytest.mark.parametrize("t0, t1, ticks", [
    (0, 3 * 366 * DAY, ["Jul 2024", "Jan 2025", "Jul 2025"]), (0, 200 * DAY, ["May 2024", "Jun 2024"]),
    (0, 40 * 366 * DAY, ["Jan 2030", "Jan 2040"]), (0, 60 * DAY, ["1 May", "11 May", "1 Jun"]),
])
def test_years_read_as_months(visit, t0, t1, ticks):
    "Ticks of spans that this archive hasn't: on the first of months, never off it."
    page = visit()
    found = ticks_of(page, t0, t1, 8)
    assert set(ticks) <= {k["text"] for k in found} and 2 <= len(found) <= 17, found
    if t1 > 100 * DAY:
        assert {str(np.datetime64("2024-05-01", "s") + int(k["at"]))[8:] for k in found} == {"01T00:00:00"}


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_phone_does_not_scroll_sideways(visit, width):
    page = visit(viewport=dict(width=width, height=800))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
