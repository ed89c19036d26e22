"""Archives of recordings: the same bytes however they are computed, nothing lost, one file's trouble its own."""

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.figure import Figure

from spectral_hyperresolution import cli, reassigned_spectrogram, testing

xarray = pytest.importorskip("xarray")
zarr = pytest.importorskip("zarr")
distributed = pytest.importorskip("distributed")

from spectral_hyperresolution.archive import clock, fetch, job, lookup, place, run, settings, view, work  # noqa: E402
from spectral_hyperresolution.archive.layout import pack, unpack  # noqa: E402
from spectral_hyperresolution.archive.place import Place, StoreError  # noqa: E402

SR = 4000
HOW = dict(hop=0.1, fmin=50, piece=6.4, q=2)
NAMES = "A_20240503_211500", "B_20240503_221500", "C_20240504_001500"


def sound(seconds, seed, sr=SR):
    rng, t = np.random.default_rng(seed), np.arange(round(seconds * sr)) / sr
    tone = 0.2 * np.sin(2 * np.pi * (300 * t + 40 * np.sin(2 * np.pi * 0.7 * t)))
    return (0.02 * rng.standard_normal(len(t)) + tone).astype(np.float32)


@pytest.fixture
def tapes(tmp_path):
    "A folder with three recordings, of which the first has five pieces."
    (folder := tmp_path / "tapes").mkdir()
    for seconds, (seed, name) in zip((30.05, 5, 8), enumerate(NAMES), strict=True):
        soundfile.write(folder / f"{name}.wav", sound(seconds, seed), SR)
    return folder


def content(store):
    "Every file of a store and a digest of its bytes."
    return {path.relative_to(store).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(Path(store).rglob("*")) if path.is_file()}


def make(tapes, store, **more):
    return run.archive(tapes, store, **HOW | dict(workers=1) | more)


def outcomes(result):
    return {row.file.rsplit("/", 1)[-1][0]: row.outcome for row in result.rows}


# ---- what is stored


def test_plain_xarray_opens_it(tapes, tmp_path, recwarn):
    make(tapes, store := tmp_path / "store", counts=True)
    table = xarray.open_zarr(store)
    assert table.outcome.values.tolist() == ["done"] * 3 and table.file.values[0] == f"tapes/{NAMES[0]}.wav"
    first = xarray.open_zarr(store, group=str(table.group.values[0]))
    assert first.energy.dims == ("channel", "time", "frequency") and first.counts.shape == first.energy.shape
    assert first.time.values[0] == np.datetime64("2024-05-03T21:15:00") + np.timedelta64(49750, "us")
    assert float(first.effort.sum()) == pytest.approx(30.05) and float(first.effort[-1]) == pytest.approx(0.05)
    assert first.attrs["source_sha256"] == hashlib.sha256((tapes / f"{NAMES[0]}.wav").read_bytes()).hexdigest()
    assert json.loads(first.attrs["settings"])["hop"] == 0.1
    for level, factor in (("x8", 8), ("x64", 64)):
        longer = xarray.open_zarr(store, group=table.group.values[0].replace("recordings", f"levels/{level}"))
        assert float(longer.effort.sum()) == pytest.approx(30.05)
        short = unpacked(first)[0, :factor].sum(0)
        assert np.abs(unpacked(longer)[0, 0] / short - 1).max() < 0.02
    tree = xarray.open_datatree(store, engine="zarr")
    assert len(tree["recordings"].children) == len(tree["levels/x8"].children) == 3
    assert not [w for w in recwarn if "zarr" in str(w.message).lower()]


def unpacked(dataset):
    return 10 ** (dataset.energy.values / 10)


def test_cells_are_those_of_the_picture_of_the_whole(tapes, tmp_path):
    make(tapes, store := tmp_path / "store")
    x, sr = soundfile.read(tapes / f"{NAMES[0]}.wav", dtype="float32")
    whole = reassigned_spectrogram(x, sr, q=2, fmin=50 * (1 + 1e-9), fmax=2000, hop_length=400, tolerance=0.01)
    kept = xarray.open_zarr(store, group=str(xarray.open_zarr(store).group.values[0]))
    stored = unpacked(kept)[0].T
    assert stored.shape == whole.energy.shape
    assert np.allclose(kept.frequency, whole.frequencies, rtol=1e-9)
    assert np.abs(stored - whole.energy).sum() < 0.05 * whole.energy.sum()
    assert np.allclose((kept.time.values - np.datetime64("2024-05-03T21:15:00")) / np.timedelta64(1, "s"), whole.times,
                       atol=1e-6)


def test_the_conventions_are_kept(tapes, tmp_path):
    checker = pytest.importorskip("compliance_checker.runner")
    make(tapes, store := tmp_path / "store", counts=True)
    table = xarray.open_zarr(store)
    checker.CheckSuite.load_all_available_checkers()
    for name, group in (("root", None), ("recording", str(table.group.values[0]))):
        opened = xarray.open_zarr(store, group=group, mask_and_scale=False, decode_times=False).load()
        for variable in opened.variables.values(): variable.encoding = dict(_FillValue=None)
        opened.to_netcdf(path := tmp_path / f"{name}.nc", engine="netcdf4")
        for standard in ("cf:1.11", "acdd:1.3"):
            out = tmp_path / f"{name}-{standard[:4]}.json"
            checker.ComplianceChecker.run_checker(str(path), [standard], 1, "lenient",
                                                  output_filename=str(out), output_format="json")
            told = json.loads(out.read_text())[standard]
            wrong = [(r["name"], r["msgs"]) for r in told["high_priorities"] if r["value"][0] < r["value"][1]]
            if standard == "acdd:1.3":     # it wants a standard name for all; CF has one for few of them
                wrong = [(n, left) for n, told in wrong
                         if (left := [m for m in told if not m.startswith("standard_name")])]
            assert not wrong, (standard, wrong)


def test_packing():
    energy = np.array([0.0, 1e-39, 1e-12, 1.0, 1e10, np.nan])
    code = pack(energy)
    assert code.dtype == np.uint16 and code[0] == 0 and code[-1] == 65535
    assert np.allclose(unpack(code)[1:5], energy[1:5], rtol=0.0012) and unpack(code)[0] == 0


@pytest.mark.parametrize("channel, number", [(None, 1), (2, 1), ("each", 2)])
def test_channels(tmp_path, channel, number):
    soundfile.write(tmp_path / "two.wav", np.stack([sound(7, 1), 0 * sound(7, 2)], 1), SR)
    store = tmp_path / "store"
    run.archive(tmp_path / "two.wav", store, channel=channel, workers=1, **HOW)
    kept = xarray.open_zarr(store, group=str(xarray.open_zarr(store).group.values[0]))
    assert kept.channel.values.tolist() == {None: [0], 2: [2], "each": [1, 2]}[channel]
    heard = unpacked(kept).sum((1, 2)) > 1e-6
    assert heard.tolist() == {None: [True], 2: [False], "each": [True, False]}[channel]
    assert len(kept.channel) == number


def test_rates_share_one_axis(tmp_path):
    (folder := tmp_path / "rates").mkdir()
    for sr in (8000, 4000): soundfile.write(folder / f"{sr}.wav", sound(5, 1, sr), sr)
    run.archive(folder, store := tmp_path / "store", workers=1, **HOW)
    table = xarray.open_zarr(store)
    low, high = (xarray.open_zarr(store, group=g) for g in table.group.values)
    assert len(high.frequency) - len(low.frequency) == 48
    assert np.array_equal(low.frequency, high.frequency[:len(low.frequency)])
    assert np.isnan(table.energy[0, -48:]).all() and not np.isnan(table.energy[1]).any()



def test_what_is_half_written_is_removed_and_nothing_finished_is_walked(tapes, tmp_path, monkeypatch):
    "A run that adds one recording looks at no file of those that are finished."
    make(tapes, store := tmp_path / "store")
    done = [f"{folder}/{row.group.removeprefix('recordings/')}" for row in make(tapes, store).rows
            for folder in ("recordings", "levels/x8", "levels/x64")]
    assert all((store / name).is_dir() for name in done)
    left = [store / name / "zarr.json.0f.partial"
            for name in ("recordings/new-0", "levels/x8/new-0", "progress/new-0", ".")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    soundfile.write(tapes / "D_20240504_003000.wav", sound(3, 9), SR)
    walked, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda at=".": walked.append(at) or scandir(at))
    make(tapes, store)
    assert not [path for path in left if path.exists()]
    assert store in walked or str(store) in walked
    assert not {str(store / name) for name in done} & {str(path) for path in walked}


# ---- the same bytes


@pytest.mark.slow
def test_two_workers_one_killed(tapes, tmp_path):
    "One of them is killed in the midst; a new one takes its place, and the store is that of one worker."
    soundfile.write(tapes / "D_20240505_000000.wav", sound(60, 9), SR)
    last = make(tapes, one := tmp_path / "one").rows[-1].group
    killed = []

    def progress(done, whole):
        if not killed:
            (half := tmp_path / "two" / last / "energy" / "0.0f.partial").parent.mkdir(
                parents=True, exist_ok=True)
            half.write_bytes(b"half")
            workers = [p for p in children(os.getpid()) if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
            killed.append(workers[-1])
            os.kill(workers[-1], 9)
    make(tapes, two := tmp_path / "two", workers=2, progress=progress)
    assert killed and content(one) == content(two)


def children(pid):
    "Processes below one, from /proc."
    if not Path("/proc/self/task").exists(): pytest.skip("no /proc: no worker is killed here")
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split(): found += [int(child), *children(int(child))]
    return found


def test_a_cluster_at_an_address(tapes, tmp_path):
    make(tapes, here := tmp_path / "here")
    how = dict(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)
    with distributed.LocalCluster(**how) as cluster:
        make(tapes, there := tmp_path / "there", scheduler=cluster.scheduler_address)
        assert cluster.scheduler.transition_counter > 0         # the work was done there
    assert content(here) == content(there)


def test_the_order_of_growth_does_not_matter(tapes, tmp_path):
    "A second run does only the new, and the store is that of one run."
    make(tapes, once := tmp_path / "once", fmax=2000)
    later = tapes / f"{NAMES[1]}.wav"
    later.rename(aside := tmp_path / "aside.wav")
    make(tapes, twice := tmp_path / "twice", fmax=2000)
    aside.rename(later)
    asked = []
    result = run.archive(tapes, twice, workers=1, report=lambda job, takes: asked.append(job) or True)
    assert [r.name for r, _ in asked[0].todo] == [f"tapes/{NAMES[1]}.wav"] and result.computed == 5
    assert content(once) == content(twice)
    assert run.archive(tapes, twice, workers=1).computed == 0 and content(once) == content(twice)


# ---- settings


@pytest.mark.slow
@pytest.mark.parametrize("changed, says", [
    (dict(hop=0.2), "hop=0.2 and not 0.1"), (dict(q=4), "q=4.0 and not 2.0"),
    (dict(fmax=1500), "fmax=1500.0 and not 2000.0"),
    (dict(counts=True), "counts=True and not False"), (dict(gate="none"), "gate=None and not 'local'"),
    (dict(pattern="%Y%m%d_%H%M%S"), "pattern='%Y%m%d_%H%M%S' and not None"),
    (dict(piece=12.8), "piece=12.8 and not 6.4")])
def test_other_settings_are_refused(tapes, tmp_path, changed, says):
    make(tapes, store := tmp_path / "store")
    before = content(store)
    with pytest.raises(ValueError, match=re.escape(says)): make(tapes, store, **changed)
    assert content(store) == before


def test_anew_on_request(tapes, tmp_path):
    make(tapes, store := tmp_path / "store")
    make(tapes, store, hop=0.2, restart=True)
    make(tapes, fresh := tmp_path / "fresh", hop=0.2)
    assert content(store) == content(fresh)


@pytest.mark.parametrize("wrong, says", [
    (dict(hop=0), "hop=0"), (dict(hop=-1), "hop=-1"), (dict(hop=float("nan")), "hop=nan"), (dict(q=0), "q=0"),
    (dict(q="often"), "q='often'"), (dict(fmin=3000), "fmin=3000 Hz is not below fmax=2000 Hz"),
    (dict(bins_per_octave=0), "bins_per_octave=0"), (dict(gate="global"), "gate='global'"),
    (dict(gate="open"), "gate='open'"), (dict(channel=0), "channel=0"), (dict(channel="left"), "channel='left'"),
    (dict(pattern="%H"), "pattern='%H'"), (dict(zone="CET"), "zone='CET'"), (dict(workers=0), "workers=0"),
    (dict(piece=0), "piece=0"), (dict(time_expansion=0), "time_expansion=0"), (dict(oversampling=0), "oversampling=0")])
def test_wrong_values(tapes, tmp_path, wrong, says):
    with pytest.raises(ValueError, match=re.escape(says)) as caught: make(tapes, tmp_path / "store", **wrong)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists() or content(tmp_path / "store") == {}


# ---- one file's trouble


def test_broken_files_cost_themselves(tapes, tmp_path):
    (tapes / "D.wav").write_bytes(b"no sound")
    soundfile.write(tapes / "E.wav", sound(1, 1)[:20], SR)
    whole = (tapes / f"{NAMES[1]}.wav").read_bytes()
    (tapes / "F.wav").write_bytes(whole[:len(whole) // 2])
    noisy = sound(7, 3)
    noisy[20000] = np.nan
    soundfile.write(tapes / "G.wav", noisy, SR, subtype="FLOAT")
    (tapes / "H.wav").write_bytes(b"")
    result = make(tapes, store := tmp_path / "store")
    assert outcomes(result) == dict(A="done", B="done", C="done", D="broken", E="too short", F="broken", G="broken",
                                    H="broken")
    table = xarray.open_zarr(store)
    assert table.outcome.values.tolist() == list(outcomes(result).values())
    lines = (store / "outcomes.csv").read_text().splitlines()
    assert len(lines) == 9 and "not finite" in lines[7] and not (store / "progress").exists()
    assert len(list((store / "recordings").iterdir())) == 4
    for name in "DEFGH": (tapes / f"{name}.wav").unlink()
    make(tapes, clean := tmp_path / "clean")
    good = {n: d for n, d in content(clean).items() if n.startswith(("recordings/", "levels/"))}
    assert good == {n: d for n, d in content(store).items() if n.startswith(("recordings/", "levels/"))}


def test_a_file_that_grows_while_it_is_read(tapes, tmp_path, monkeypatch):
    path, compute = tapes / f"{NAMES[0]}.wav", work.compute

    def growing(place, settings, recording, k):
        if k == 2: path.write_bytes(path.read_bytes() + b"more")
        return compute(place, settings, recording, k)
    monkeypatch.setattr(run, "compute", growing)
    result = make(tapes, store := tmp_path / "store")
    assert outcomes(result) == dict(A="changed", B="done", C="done") and "grew from" in result.rows[0].note
    assert len(list((store / "recordings").iterdir())) == 3 and not (store / "progress").exists()


def test_a_file_that_vanishes_while_it_is_read(tapes, tmp_path, monkeypatch):
    path, compute = tapes / f"{NAMES[0]}.wav", work.compute

    def vanishing(place, settings, recording, k):
        if k == 1: path.unlink(missing_ok=True)
        return compute(place, settings, recording, k)
    monkeypatch.setattr(run, "compute", vanishing)
    assert outcomes(make(tapes, tmp_path / "store")) == dict(A="vanished", B="done", C="done")


def test_a_file_that_changed_since(tapes, tmp_path):
    "It is computed anew, and said once; a copy with another time is the same file."
    make(tapes, store := tmp_path / "store", fmax=2000)
    soundfile.write(tapes / f"{NAMES[1]}.wav", sound(6, 7), SR)
    os.utime(tapes / f"{NAMES[2]}.wav", (1e9, 1e9))
    result = run.archive(tapes, store, workers=1)
    assert outcomes(result) == dict(A="done", B="changed", C="done") and result.computed == 6
    assert outcomes(run.archive(tapes, store, workers=1)) == dict(A="done", B="done", C="done")
    kept = lookup.window(lookup.open_archive(store), files=f"{NAMES[1]}.wav")
    assert float(kept.effort.sum()) == pytest.approx(6)


def test_a_file_that_is_gone(tapes, tmp_path):
    make(tapes, store := tmp_path / "store")
    (tapes / f"{NAMES[1]}.wav").unlink()
    assert outcomes(run.archive(tapes, store, workers=1)) == dict(A="done", B="vanished", C="done")
    assert len(lookup.window(lookup.open_archive(store), files=f"{NAMES[1]}.wav").time) == 50


# ---- the store's trouble


def test_a_full_disk(tapes, tmp_path, monkeypatch):
    "The run ends with one line, and the next goes on as if nothing had been."
    make(tapes, whole := tmp_path / "whole")
    room, write = [9], Path.write_bytes

    def full(path, content):
        if path.name.endswith(".partial") and room[0] == 0:
            write(path, content[:len(content) // 2])
            raise OSError(28, "No space left on device")
        room[0] -= path.name.endswith(".partial")
        return write(path, content)
    monkeypatch.setattr(Path, "write_bytes", full)
    store = tmp_path / "store"
    for more in (9, 5, 13):
        room[0] = more
        with pytest.raises(StoreError, match="No space left on device") as caught: make(tapes, store)
        assert "\n" not in str(caught.value) and not list(store.rglob("*.partial"))
    monkeypatch.undo()
    make(tapes, store)
    assert content(store) == content(whole)


def test_the_power_fails(tapes, tmp_path, monkeypatch):
    "A disk that has only what it was waited for has no marker, and no end of a recording, without what they speak of."
    import json
    import stat
    files, names, replace, fsync = {}, {}, os.replace, os.fsync     # what the disk has: content by inode, and names

    def waited(handle):
        fsync(handle)
        about, path = os.fstat(handle), Path(os.readlink(f"/proc/self/fd/{handle}"))
        if stat.S_ISDIR(about.st_mode):
            names.update({p: p.stat().st_ino for p in list(path.iterdir()) if not p.name.endswith(".partial")})
        else: files[about.st_ino] = path.read_bytes()
    told = []

    def renamed(a, b):
        name = Path(b).relative_to(store).as_posix()
        there = {p.relative_to(store).as_posix(): files.get(n) for p, n in list(names.items())
                 if store in p.parents and (p.is_dir() or n in files)}
        if name.startswith("progress/"): needed = json.loads(Path(a).read_bytes())["objects"]
        elif name.startswith("recordings/") and name.count("/") == 2 and b"source_sha256" in Path(a).read_bytes():
            at = name.rsplit("/", 1)[0]
            needed = {p.relative_to(store).as_posix(): None for p in (store / at).rglob("*")
                      if p.is_file() and p.suffix != ".partial"}
        else: needed = {}
        for key in needed:
            told.append(key)
            if key == name: continue
            for parent in (key, *(p.as_posix() for p in Path(key).parents if p.name)):
                assert parent in there, f"{name} is on the disk before {parent}"
            assert there[key] == (store / key).read_bytes()
        replace(a, b)
    store = tmp_path / "store"
    monkeypatch.setattr(os, "fsync", waited)
    monkeypatch.setattr(os, "replace", renamed)
    make(tapes, store)
    assert len(told) > 30


def test_a_target_that_cannot_be_written(tapes, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("a file")
    assert cli.main(["archive", str(tapes), "-o", str(tmp_path / "file"), "--quiet"]) == 2
    assert cli.main(["archive", str(tapes), "-o", "/proc/self/store", "--quiet"]) == 2
    for line in capsys.readouterr().err.splitlines(): assert line.startswith("hyperres: ") and "can be written" in line
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    assert cli.main(["archive", str(tapes), "-o", str(tmp_path / "full"), "--quiet", "--restart"]) == 2
    assert "no archive of hyperres" in capsys.readouterr().err and (tmp_path / "full" / "thesis.tex").exists()


def test_two_runs(tapes, tmp_path):
    store = tmp_path / "store"
    with place.locked(Place(store)), pytest.raises(StoreError, match="is being written by another run"):
        make(tapes, store)
    make(tapes, store)


def edited(store, change):
    "The attributes of a store's root, changed."
    import json
    about = json.loads((store / "zarr.json").read_text())
    change(about["attributes"])
    (store / "zarr.json").write_text(json.dumps(about))


@pytest.mark.parametrize("change", [
    lambda about: about.update(settings=about["settings"][:-1] + ', "colour": "blue"}', hyperres_version="9.0"),
    lambda about: about.update(hyperres_archive=2, hyperres_version="9.0"),
])
def test_a_store_of_a_newer_version(tapes, tmp_path, capsys, change):
    make(tapes, store := tmp_path / "store")
    edited(store, change)
    known = content(store)
    for what in (["archive", str(tapes), "-o"], ["draw"]):
        assert cli.main([*what, str(store), "--quiet"]) == 2
        assert f"{store} was made by hyperres 9.0, a newer one than this" in capsys.readouterr().err
    assert content(store) == known


@pytest.mark.slow
@pytest.mark.parametrize("root", ["", "{", "[]", "null", '{"attributes": 3}'])
def test_a_damaged_root(tapes, tmp_path, root):
    make(tapes, store := tmp_path / "store")
    (store / "zarr.json").write_text(root)
    for act in (lambda: make(tapes, store), lambda: lookup.open_archive(store)):
        with pytest.raises(StoreError, match=r"zarr\.json is damaged \(") as caught: act()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harm", ["cut", "zeros", "gone"])
def test_a_damaged_chunk_is_named(tapes, tmp_path, capsys, harm):
    make(tapes, store := tmp_path / "store")
    (chunk,) = (store / "recordings").glob("B_*/energy/c/0/0/0")
    if harm == "gone": chunk.unlink()
    else: chunk.write_bytes(chunk.read_bytes()[:99] if harm == "cut" else bytes(300))
    book = lookup.open_archive(store)
    assert np.isfinite(lookup.window(book, files=["tapes/C_20240504_001500.wav"]).energy.values).any()
    with pytest.raises(StoreError, match=r"recordings/B_20240503_221500-\w+/energy is damaged") as caught:
        lookup.window(book)
    assert "\n" not in str(caught.value)


def test_nothing_is_left_where_nothing_came_of_it(tmp_path, capsys):
    assert cli.main(["archive", str(tmp_path / "tapes"), "-o", str(tmp_path / "store"), "--quiet"]) == 2
    assert "tapes: the file is gone)" in capsys.readouterr().err and not (tmp_path / "store").exists()


def test_odd_names(tmp_path):
    (folder := tmp_path / "ta pes").mkdir()
    names = ["%20#?&.wav", "a b\n c ü 日本 \"q\" '.wav", "x_y.wav"]
    for name in names: soundfile.write(folder / name, sound(2, 1), SR, format="WAV")
    for inner in ("x", "y"):
        (folder / inner).mkdir()
        soundfile.write(folder / inner / "y.wav", sound(2, 1), SR)
    os.symlink(folder, folder / "x" / "loop")
    store = folder / "store"                        # inside the folder that is archived
    for _ in range(2):
        result = make(folder, store)
        assert [r.file for r in result.rows] == sorted(f"ta pes/{n}" for n in (*names, "x/y.wav", "y/y.wav"))
        assert {r.outcome for r in result.rows} == {"done"} and len({r.group for r in result.rows}) == 5
        assert all(re.fullmatch(r"recordings/[A-Za-z0-9_-]+", r.group) for r in result.rows)
    import csv
    with open(store / "outcomes.csv", newline="", encoding="utf-8") as file:
        assert [row["file"] for row in csv.DictReader(file)] == [r.file for r in result.rows]
    found = lookup.window(lookup.open_archive(store), files=[f"ta pes/{names[1]}"])
    assert np.isfinite(found.energy.values).any()


# ---- times


def test_times_by_a_pattern(tmp_path):
    soundfile.write(tmp_path / "site_2024-124_21h15.wav", sound(2, 1), SR)
    told = dict(pattern="%Y-%j_%Hh%M", zone="+0200")
    run.archive(tmp_path / "site_2024-124_21h15.wav", tmp_path / "a", workers=1, **told, **HOW)
    assert lookup.open_archive(tmp_path / "a").span[0] == np.datetime64("2024-05-03T19:15")
    result = run.archive(tmp_path / "site_2024-124_21h15.wav", tmp_path / "b", workers=1, **HOW)
    assert result.rows[0].time_known.startswith("unknown") and result.rows[0].outcome == "done"
    kept = lookup.window(lookup.open_archive(tmp_path / "b"), files="site_2024-124_21h15.wav")
    assert kept.time.dtype == float and len(kept.time) == 20


# ---- look-ups


def test_a_pattern_with_letters_that_are_not_directives():
    "Only a letter behind a per cent sign stands for digits."
    for name, pattern in (("pond_20240503-H21.wav", "%Y%m%d-H%H"), ("20240503_d_21h.wav", "%Y%m%d_d_%Hh"),
                          ("Y2024m05d03H21.wav", "Y%Ym%md%dH%H"), ("a%_20240503_21.wav", "%%_%Y%m%d_%H")):
        assert clock.by_pattern(name, pattern) == datetime(2024, 5, 3, 21), pattern
        assert clock.by_pattern(name.replace("21", "2x"), pattern) is None


def test_every_header_of_many_is_read(tmp_path):
    "In the order of the names, however many there are."
    sources = {f"{k:04}.wav": str(tmp_path / f"{k:04}.wav") for k in range(600)}
    rows = list(job.read_heads(sources, {}))
    assert [row.file for row in rows] == list(sources) and {row.outcome for row in rows} == {"vanished"}


def test_a_window(tapes, tmp_path):
    make(tapes, store := tmp_path / "store")
    book = lookup.open_archive(store)
    some = lookup.window(book, "2024-05-03T21:15:20", datetime(2024, 5, 3, 22, 15, 1, tzinfo=UTC), 100, 1000)
    assert len(some.time) == 101 + 10 and float(some.effort.sum()) == pytest.approx(10.05 + 1)
    assert some.frequency[0] >= 100 and some.frequency[-1] <= 1000
    whole = xarray.open_zarr(store, group=str(book.recordings.group.values[0]))
    inside = whole.sel(frequency=slice(100, 1000), time=slice("2024-05-03T21:15:20", None))
    assert np.allclose(unpacked(inside)[0], some.energy[:101]) and np.array_equal(inside.time, some.time[:101])
    assert not len(lookup.window(book, "2025-01-01", "2025-02-01").time)
    for wrong, says in ((dict(start="2025-01-01", end="2024-01-01"), "is not before"), (dict(fmin=1e5), "no row"),
                        (dict(files="x.wav"), "'x.wav' is no recording")):
        with pytest.raises(ValueError, match=says): lookup.window(book, **wrong)
    with pytest.raises(StoreError, match="there is no archive"): lookup.open_archive(tmp_path / "nowhere")


def test_a_view_keeps_energy(tapes, tmp_path):
    make(tapes, store := tmp_path / "store")
    book = lookup.open_archive(store)
    for width in (50, 1600):
        seen = view.view(book, width=width)
        assert seen.effort.sum() == pytest.approx(43.05, abs=1e-4)
        assert seen.energy.sum() == pytest.approx(float(lookup.window(book).energy.sum()), rel=1e-2)


def test_drawn(tapes, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["archive", "tapes", "-o", "store", "--hop", "0.1", "--bins", "24", "-y"]) == 0
    told = re.fullmatch(r"43 s of sound in ([\d.]+) s, ([\d.e+]+) × real time: store",
                        capsys.readouterr().out.splitlines()[-1])
    assert float(told[1]) * float(told[2]) == pytest.approx(43.05, rel=0.06)
    assert cli.main(["draw", "store", "--from", "2024-05-03T21:00", "--to", "2024-05-04T01:00"]) == 0
    assert Path("store.png").stat().st_size > 5000
    ax = view.draw_view(Figure().subplots(), view.view(lookup.open_archive("store"), "2024-05-03", "2024-05-05",
                                                         width=600))
    labels = [label.get_text() for label in ax.get_yticklabels()]
    low, high = (edge / (1000 if ax.get_ylabel() == "frequency [kHz]" else 1) for edge in ax.get_ylim())
    assert sum(low <= float(label) <= high for label in labels) >= 4        # numbers, no powers of ten
    assert cli.main(["draw", "store", "--start", "5"]) == 2
    assert cli.main(["draw", f"tapes/{NAMES[0]}.wav", "--from", "2024-05-03T21:00"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert "start is for sound files" in said[-2] and "--from and --to are for an archive" in said[-1]


def test_dry_run(tapes, tmp_path, capsys):
    store = tmp_path / "store"
    assert cli.main(["archive", str(tapes), "-o", str(store), "--dry-run"]) == 0
    said = capsys.readouterr().out
    for word in ("3 recordings", "43 s of sound", "cells", "B", "on this machine"): assert word in said
    assert not store.exists()


# ---- elsewhere


@pytest.mark.parametrize("system", ["has no such lock", "has a disk that can't lock"])
def test_one_writer_where_the_system_locks_nothing(tmp_path, monkeypatch, system):
    "An object is the lock there: a second run is refused, and nothing is left behind."
    import fcntl
    if system == "has no such lock": monkeypatch.setitem(sys.modules, "fcntl", None)
    else:
        def unable(*_): raise OSError(45, "Operation not supported")
        monkeypatch.setattr(fcntl, "flock", unable)
    here = Place(tmp_path / "store")
    with place.locked(here, 0.05):
        assert here.get("lock") is not None
        with pytest.raises(StoreError, match="is being written by another run"), place.locked(here, 0.05): pass
        assert here.get("lock") is not None, "the refused run leaves it to the other"
    assert here.get("lock") is None
    with place.locked(here, 0.05): pass


def test_in_memory(tapes, tmp_path):
    "A store at an address holds what one in a folder holds, byte for byte."
    import fsspec
    make(tapes, here := tmp_path / "here")
    make(tapes, "memory://archives/night")
    fs = fsspec.filesystem("memory")
    found = {p.removeprefix("/archives/night/"): hashlib.sha256(fs.cat_file(p)).hexdigest()
             for p in fs.find("/archives/night")}
    assert found == content(here)
    book = lookup.open_archive("memory://archives/night")
    assert len(lookup.window(book).time) == 301 + 50 + 80


def test_recordings_at_an_address(tapes, tmp_path):
    import fsspec
    fs = fsspec.filesystem("memory")
    for path in tapes.iterdir(): fs.pipe_file(f"/far/tapes/{path.name}", path.read_bytes())
    result = run.archive("memory://far/tapes", tmp_path / "far", workers=1, **HOW)
    assert set(outcomes(result).values()) == {"done"}
    make(tapes, tmp_path / "near")
    for level in ("energy/c", "total/c"):
        near, far = ({n: d for n, d in content(tmp_path / s).items()
                      if level in n and n.startswith(("recordings", "levels"))} for s in ("near", "far"))
        assert near and near == far


@pytest.fixture
def web(tmp_path):
    """A server of a folder that gives parts of files: its address, the names that it breaks off in the midst of, and
    how many bytes it has sent of each."""
    pytest.importorskip("aiohttp")
    import http.server
    import threading
    from collections import Counter
    broken, sent = set(), Counter()

    class Server(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_): pass

        def do_HEAD(self): self.do_GET()

        def do_GET(self):
            path = tmp_path / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            size, asked = path.stat().st_size, re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first, last = (int(asked[1]), min(size - 1, int(asked[2] or size))) if asked else (0, size - 1)
            self.send_response(206 if asked else 200)
            for name, value in (("Content-Length", last + 1 - first), ("Accept-Ranges", "bytes"),
                                ("Content-Range", f"bytes {first}-{last}/{size}")):
                self.send_header(name, str(value))
            self.end_headers()
            if self.command == "HEAD": return
            content = path.read_bytes()[first:last + 1]
            if path.name in broken and len(content) > 1000:
                content = content[:len(content) // 2]
                self.close_connection = True
            sent[path.name] += len(content)
            self.wfile.write(content)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", broken, sent
    server.shutdown()
    server.server_close()


def test_read_over_http(tapes, tmp_path, web):
    make(tapes, tmp_path / "store")
    book = lookup.open_archive(f"{web[0]}/store")
    assert len(lookup.window(book, fmin=100, fmax=200).time) == 431


def long_sound(folder, format):
    "Ten minutes of a sound, 29 MB, whose first minute is like no other: its path."
    x = np.tile(sound(60, 1, 24000), 10)
    x[:60 * 24000] *= 0.5
    soundfile.write(path := folder / f"20240503_211500.{format.lower()}", x, 24000, format=format, subtype="PCM_16")
    return path


@pytest.mark.parametrize("format", ["WAV", "RF64", "W64"])
def test_a_piece_of_a_long_recording_takes_its_own_bytes(tmp_path, web, format):
    from spectral_hyperresolution.archive.job import find, head
    path, (address, _, sent) = long_sound(tmp_path, format), web
    how, made = settings.Settings(fmax=12000, fmin=100, hop=1, q=2, bins_per_octave=6, piece=64), []
    for where in (str(path), f"{address}/{path.name}"):
        recording, store = head("x/x", *find([where]).values()), Place(tmp_path / f"store{len(made)}")
        assert sent[path.name] < 2.2e6, "of the header"
        assert work.compute(store, how, recording, 4) is None
        made.append({n: d for n, d in content(tmp_path / f"store{len(made)}").items() if "/c/" in n})
    assert made[0] == made[1] and len(made[0]) == 3
    assert 3e6 < sent[path.name] < 9e6 < path.stat().st_size / 3
    with fetch.at_hand(recording.path, recording.size, recording.modified) as copy:
        assert work._checksum(recording, copy) == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sent[path.name] < path.stat().st_size + 100, "nothing is fetched twice"


def test_a_broken_connection_costs_one_file(tapes, tmp_path, web, monkeypatch):
    monkeypatch.setattr(place, "waits", (0.01, 0.01))
    soundfile.write(tapes / "D.flac", sound(5, 3), SR)
    names = [f"{NAMES[0]}.wav", f"{NAMES[1]}.wav", "D.flac"]
    web[1].update(names[1:2])
    result = run.archive([f"{web[0]}/tapes/{n}" for n in names], store := tmp_path / "far", workers=1, fmax=2000, **HOW)
    assert outcomes(result) == dict(A="done", B="broken", D="done")
    row = next(r for r in result.rows if r.outcome == "broken")
    assert f"{NAMES[1]}.wav can't be fetched" in row.note and "\n" not in row.note
    assert row.note in (store / "outcomes.csv").read_text()
    web[1].clear()
    assert set(outcomes(run.archive([f"{web[0]}/tapes/{n}" for n in names], store, workers=1)).values()) == {"done"}


def test_a_lost_connection_is_tried_again(tapes, tmp_path, monkeypatch):
    "Every fifth call to a bucket fails, of those that read and of those that write: nothing is missing."
    from fsspec.implementations.memory import MemoryFileSystem
    monkeypatch.setattr(place, "waits", (0.001, 0.001))
    fs, count, lost, inside = MemoryFileSystem(), [0], [], []
    for path in tapes.iterdir(): fs.pipe_file(f"/lossy/tapes/{path.name}", path.read_bytes())

    class Reset(Exception): "As a library for one kind of address has it; no OSError."

    def failing(name):
        plain = getattr(MemoryFileSystem, name)
        def call(self, *args, **how):
            if inside: return plain(self, *args, **how)         # a part of another call
            count[0] += 1
            if count[0] % 5 == 0:
                lost.append(name)
                raise (Reset, ConnectionResetError, TimeoutError)[len(lost) % 3]("reset by peer")
            inside.append(name)
            try: return plain(self, *args, **how)
            finally: inside.pop()
        return call
    with monkeypatch.context() as patch:
        for name in ("cat_file", "pipe_file", "get_file", "info", "find", "rm"):
            patch.setattr(MemoryFileSystem, name, failing(name))
        result = run.archive("memory://lossy/tapes", "memory://lossy/store", workers=1, **HOW)
    assert set(outcomes(result).values()) == {"done"} and {"cat_file", "pipe_file", "info"} <= set(lost)
    make(tapes, tmp_path / "near")
    far = {p.removeprefix("/lossy/store/"): hashlib.sha256(fs.cat_file(p)).hexdigest() for p in fs.find("/lossy/store")}
    near = content(tmp_path / "near")
    assert far.keys() == near.keys() and all(far[n] == near[n] for n in near if "energy/c" in n or "total/c" in n)


def test_a_bucket_that_takes_nothing_is_told(tapes, monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem
    monkeypatch.setattr(place, "waits", (0.001, 0.001))
    tries = []
    def refuse(self, name, value, **how):
        tries.append(name)
        raise RuntimeError("503\nslow down")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", refuse)
    with pytest.raises(StoreError, match=re.escape("memory://full: nothing can be written there (503 slow down)")):
        Place("memory://full").put("a", b"1")
    assert tries == ["/full/a"] * 3
    tries.clear()
    def forbid(self, name, value, **how):
        tries.append(name)
        raise PermissionError(13, "Access Denied")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", forbid)
    with pytest.raises(StoreError, match="Access Denied"): Place("memory://full").put("a", b"1")
    assert len(tries) == 1, "what is final is not tried again"


# ---- real recordings


@pytest.mark.slow
def test_real_recordings(tmp_path):
    named = os.environ.get("HYPERRES_RECORDINGS")
    folder = Path(named) if named else testing.root().parent / "shared" / "recordings"
    if not (folder / "marine").is_dir(): pytest.skip("no shared/recordings, and HYPERRES_RECORDINGS names no folder")
    result = run.archive(folder / "marine", tmp_path / "store", workers=1, hop=0.5, fmax=8000,
                         bins_per_octave=12, q=2)
    done = [row for row in result.rows if row.outcome == "done"]
    assert len(done) > 0.9 * len(result.rows) > 18
    assert {row.outcome for row in result.rows} <= {"done", "too short", "failed"}
    seconds = sum(row.duration for row in done)
    kept = [xarray.open_zarr(tmp_path / "store", group=row.group).effort.sum() for row in done]
    assert float(sum(kept)) == pytest.approx(seconds)


def test_what_is_missing_is_named():
    code = ("import sys; sys.modules['zarr'] = None\n"
            "from spectral_hyperresolution.archive.layout import Memory\nMemory()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == ("ImportError: an archive needs zarr:  "
                                            "pip install 'spectral_hyperresolution[archive]'")


@pytest.mark.slow
def test_a_thousand_recordings(tmp_path):
    "A store of a thousand, made of one recording's objects: a window of it takes less than 0.2 s of a core."
    book = lookup.open_archive(thousand(tmp_path))
    assert len(book.rows) == 1000
    lookup.window(book, "2024-05-01", "2024-05-02", columns=500)
    for start, end, columns in (("2024-05-10T03:10", "2024-05-10T05:00", None), ("2024-05-01", "2024-06-15", 2000),
                                ("2024-05-10T00:00", "2024-05-11T00:00", 2000)):
        spent = []
        for _ in range(4):
            begun = time.process_time()       # other programs may have the cores
            found = lookup.window(book, start, end, 100, 1000, columns=columns)
            spent.append(time.process_time() - begun)
        assert len(found.time) > 20 and min(spent) < 0.2, (start, end, spent)


def thousand(folder):
    from dataclasses import replace

    from spectral_hyperresolution.archive.layout import Recording, closing_objects, piece_objects, shape_of
    from spectral_hyperresolution.archive.table import row_of, write_table
    how, store = settings.Settings(fmax=2000, fmin=50, hop=1, q=2), Place(folder / "store")
    first = Recording("x/0000.wav", "/x/0000.wav", 1, 1, 4000, 1, 4000 * 600, "WAV", start="2024-05-01T00:00:00+00:00")
    shape = shape_of(how, first)
    energy = np.random.default_rng(0).exponential(1e-6, (1, shape.plan.n_times, shape.plan.n_bins))
    rows, spectra = [], {}
    for k in range(1000):
        start = np.datetime64("2024-05-01T00:00:00") + np.timedelta64(k, "h")
        recording = replace(first, name=f"x/{k:04}.wav", start=f"{start}+00:00")
        if k == 0:
            made = piece_objects(recording, how, shape, 0, energy, None)
            made |= dict(closing_objects(recording, how, shape, "0", energy.sum(1)))
        for name, value in made.items(): store.put(name.replace(first.id, recording.id), value)
        rows.append(row_of(recording, "done", "", dict(source_sha256="0")))
        spectra[recording.name] = pack(energy.sum((0, 1)))
    write_table(store, how, rows, spectra)
    return folder / "store"
