"""Saved pictures: damaged, forged, swollen and foreign files are refused by name; a save that is killed loses none."""

import io
import os
import pickle
import re
import signal
import struct
import subprocess
import sys
import time
import warnings
import zipfile
from collections import Counter

import numpy as np
import pytest

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.engine import checks
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.files import saved
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram

SR = 8000
noise = np.random.default_rng(0).standard_normal((2, 1000))
load = ReassignedSpectrogram.load


@pytest.fixture(scope="module")
def picture(): return reassigned_spectrogram(noise, SR, q=2, bins_per_octave=6, hop_length=50, calibration=170.0)


@pytest.fixture
def path(tmp_path, picture):
    picture.save(tmp_path / "kept.npz")
    return tmp_path / "kept.npz"


def inside(path):
    with np.load(path) as kept: return {name: kept[name] for name in kept.files}


def same(a, b):
    return (np.array_equal(a.energy, b.energy) and np.array_equal(a.counts, b.counts) and a.plan == b.plan
            and (a.sr, a.gate, a.calibration) == (b.sr, b.gate, b.calibration))


def says(path, *texts, error=ValueError):
    "Loading raises one line that names the file, and leaves it closed."
    with warnings.catch_warnings(), pytest.raises(error) as caught:
        warnings.simplefilter("error")
        load(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message and len(message) < len(str(path)) + 250
    for text in texts: assert text in message, message
    os.rename(path, path)


# ---- what is read back


@pytest.mark.parametrize("how", [dict(), dict(gate=None), dict(gate="global", calibration=-3), dict(pool=True)])
def test_a_picture_comes_back_as_it_was(how, tmp_path):
    before = reassigned_spectrogram(noise, SR, q=2, bins_per_octave=6, hop_length=50, **how)
    before.save(tmp_path / "a")                             # without an ending: the name is taken as it is
    assert same(load(tmp_path / "a"), before) and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("version", [0, 1])
def test_pictures_of_earlier_versions(version, path, picture):
    "Version 0 kept sums of |chi|² and no calibration; version 1 had no number."
    parts = inside(path)
    del parts["version"]
    if version == 0:
        del parts["calibration"]
        parts["energy"] = parts["energy"] / (picture.plan.energy_scale / SR)
    np.savez_compressed(path, **parts)
    again = load(path)
    np.testing.assert_allclose(again.energy, picture.energy, rtol=1e-12)
    assert again.plan == picture.plan and again.calibration == (None if version == 0 else 170.0)


def test_pictures_of_other_machines_and_layouts(path, picture):
    parts = inside(path)
    np.savez(path, **(parts | dict(energy=np.asfortranarray(parts["energy"].astype(">f8")))))
    assert same(load(path), picture) and load(path).energy.dtype == np.float64


def test_a_later_version_is_refused_by_its_number(path):
    np.savez(path, **(inside(path) | dict(version=7, colour="red")))
    says(path, "version 7", "up to version 4")


# ---- forged parts


def changed(name, change): return lambda parts: parts | {name: change(parts[name])}


def with_number(place, value):
    def change(plan):
        plan = plan.copy()
        plan[place] = value
        return plan
    return changed("plan", change)


forged = {
    "rate below zero": (changed("sr", lambda v: -1.0), "sr=-1.0 is not a finite number > 0"),
    "rate not finite": (changed("sr", lambda v: np.nan), "sr=nan"),
    "several rates": (changed("sr", lambda v: [8000.0, 8000.0]), "sr has shape (2,), not ()"),
    "rate in words": (changed("sr", lambda v: "8000"), "sr is <U4"),
    "complex rate": (changed("sr", lambda v: 8000 + 0j), "sr is complex128"),
    "unknown gate": (changed("gate", lambda v: "loud"), "gate='loud' is not 'local', 'global' or None"),
    "gate a number": (changed("gate", lambda v: 3), "gate is int64"),
    "calibration infinite": (changed("calibration", lambda v: np.inf), "calibration=inf"),
    "version 1.5": (changed("version", lambda v: 1.5), "version is float64"),
    "version -1": (changed("version", lambda v: -1), "version=-1 is not an integer >= 2"),
    "rows missing": (changed("energy", lambda a: a[:, 1:]), "energy has shape"),
    "columns missing": (changed("counts", lambda a: a[..., 1:]), "counts has shape"),
    "one row": (changed("energy", lambda a: a[0, 0]), "energy has shape"),
    "transposed": (changed("energy", lambda a: a.mT if hasattr(a, "mT") else a.swapaxes(1, 2)), "energy has shape"),
    "channels missing": (changed("counts", lambda a: a[:1]), "energy has shape (2, 43, 20), counts (1, 43, 20)"),
    "no channel": (changed("counts", lambda a: a[:0]), "counts has shape (0, "),
    "complex": (changed("energy", lambda a: a + 0j), "energy is complex128"),
    "integers": (changed("counts", lambda a: a.astype(int)), "counts is int64"),
    "objects": (changed("energy", lambda a: a.astype(object)), "energy is object"),
    "NaN": (changed("energy", lambda a: np.where(a == a.max(), np.nan, a)), "energy is nan in cell ("),
    "infinite": (changed("counts", lambda a: np.where(a == a.max(), np.inf, a)), "counts is inf in cell ("),
    "negative": (changed("energy", lambda a: np.where(a == a.max(), -1e-9, a)), "energy is -1e-09 in cell ("),
    "plan too short": (changed("plan", lambda a: a[:-1]), "plan has shape (7,), not (8,)"),
    "plan of integers": (changed("plan", lambda a: a.astype(int)), "plan is int64"),
    "half a sample": (with_number(0, 1000.5), "n_samples=1000.5 is not an integer"),
    "a sound of other length": (with_number(0, 2000.0), "its settings give (…, 43, 40)"),
    "q below zero": (with_number(1, -2.0), "q=-2.0 is not a finite number > 0"),
    "no stride": (with_number(2, 0.0), "tdeci=0.0 is not an integer >= 1"),
    "above half the rate": (with_number(6, 0.6), "maxf=0.6 is not"),
    "NaN in the plan": (with_number(5, np.nan), "minf=nan is not"),
    "more bins": (with_number(4, 1e15), "its settings give"),
    "part missing": (lambda parts: {k: v for k, v in parts.items() if k != "counts"}, "'counts'"),
    "part added": (lambda parts: parts | dict(more=1), "'more'"),
}


@pytest.mark.parametrize("kind", forged)
def test_forged_parts(kind, path):
    forge, text = forged[kind]
    np.savez(path, **forge(inside(path)))
    says(path, "is not a picture kept by save: ", text)


def test_a_picture_that_does_not_fit_is_not_saved(path, picture):
    whole = path.read_bytes()
    for wrong in (dict(energy=picture.energy[:, 1:]), dict(counts=-picture.counts), dict(sr=-1.0), dict(gate="loud"),
                  dict(energy=np.full(picture.shape, np.nan)), dict(plan=3), dict(counts=np.ma.masked_less(
                      picture.counts, 1)), dict(calibration=np.inf), dict(energy="none")):
        parts = {part: getattr(picture, part) for part in saved.Kept._fields} | wrong
        with pytest.raises((ValueError, TypeError)): ReassignedSpectrogram(**parts).save(path)
    assert path.read_bytes() == whole and os.listdir(path.parent) == [path.name]


# ---- other files


def test_other_files(tmp_path, picture):
    class Harm:
        def __reduce__(self): return (os.mkdir, (str(tmp_path / "harm"),))

    other = tmp_path / "other.npz"
    for content in (b"", b"not a picture", pickle.dumps(Harm()), b"PK\x03\x04" + bytes(100), b"\x93NUMPY" + bytes(100)):
        other.write_bytes(content)
        says(other, "is not a picture kept by save")
    np.save(tmp_path / "other.npy", picture.energy)
    says(tmp_path / "other.npy", "is not a picture kept by save")
    np.savez(other, energy=np.array([Harm()], object))
    says(other, "is not a picture kept by save")
    assert not (tmp_path / "harm").exists()
    with zipfile.ZipFile(other, "w") as archive: archive.writestr("notes.txt", "none")
    says(other, "members that are no arrays")
    says(tmp_path, "is not a picture kept by save")
    with pytest.raises(FileNotFoundError): load(tmp_path / "none.npz")


def header(shape, dtype="<f8"):
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def repacked(path, name, content):
    "The file with other bytes for one member."
    with zipfile.ZipFile(path) as archive: members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, kept in members.items(): archive.writestr(member, content if member == name else kept)


def test_what_would_swell_is_refused_before_it_is_unpacked(path, picture):
    "60 MB of zeros in 60 kB, in five disguises: none is unpacked, which would take memory and time."
    import tracemalloc
    zeros = bytes(60_000_000)
    whole = path.read_bytes()
    rows, columns = picture.shape[1:]
    for name, content, text in [
        ("energy.npy", header((7_500_000,)) + zeros, "energy has shape (7500000,)"),
        ("energy.npy", header((2, rows, columns)) + zeros, "its shape (2, 43, 20) another number"),
        ("counts.npy", header((2, rows, 15 * columns)) + bytes(rows * 240 * columns), "counts has shape (2, 43, 300)"),
        ("gate.npy", header((), "<U15000000") + zeros, "gate is <U15000000"),
        ("plan.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 60_000_000) + zeros, "plan has a header"),
    ]:
        path.write_bytes(whole)
        repacked(path, name, content)
        assert path.stat().st_size < 10 * len(whole)
        tracemalloc.start()
        says(path, text)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
        tracemalloc.stop()


def test_a_picture_larger_than_memory_is_refused_before_it_is_unpacked(path, monkeypatch):
    monkeypatch.setattr(checks, "available_memory", lambda: 10_000)
    says(path, "energy of shape (2, 43, 20)", "GB are needed", error=MemoryError)


# ---- damage


def damage(whole, rng):
    "One of six kinds of damage: a bit, an end, a piece, a byte of the directory, two pieces exchanged, a header."
    b = bytearray(whole)
    at, to = (int(n) for n in rng.integers(len(b) - 40, size=2))
    match int(rng.integers(6)):
        case 0: b[at] ^= 1 << int(rng.integers(8))
        case 1: del b[at:]
        case 2: b[at:at + int(rng.integers(1, 64))] = rng.bytes(int(rng.integers(64)))
        case 3: b[-1 - int(rng.integers(700))] = int(rng.integers(256))
        case 4: b[at:at + 32], b[to:to + 32] = b[to:to + 32], b[at:at + 32]
        case 5: b[int(rng.integers(300))] = int(rng.integers(256))
    return bytes(b)


def test_600_damaged_files(path, picture):
    "Each is refused by a ValueError that names it, or damaged where nothing is kept and read as it was."
    whole, rng, found, begin = path.read_bytes(), np.random.default_rng(13), Counter(), time.perf_counter()
    for n in range(600):
        path.write_bytes(damage(whole, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                again = load(path)
        except ValueError as error:
            found["refused"] += 1
            assert str(path) in str(error) and "\n" not in str(error), n
        else:
            found["read"] += 1
            assert same(again, picture), n
    assert found["refused"] > 400 and found["read"] > 10
    print(found, f"{time.perf_counter() - begin:.1f} s")


def test_120_parts_with_damaged_numbers(path, picture):
    "Numbers changed within their arrays, with checksums that are right: refused, or a picture that fits its settings."
    parts, rng, refused = inside(path), np.random.default_rng(14), 0
    for n in range(120):
        name = ("plan", "energy", "counts", "sr")[n % 4]
        raw = bytearray(np.ascontiguousarray(parts[name]).tobytes())
        at = int(rng.integers(len(raw)))
        raw[at:at + 8] = rng.bytes(min(8, len(raw) - at))
        np.savez(path, **(parts | {name: np.frombuffer(raw, parts[name].dtype).reshape(parts[name].shape)}))
        try: again = load(path)
        except ValueError as error:
            refused += 1
            assert str(path) in str(error)
        else:
            assert again.shape[-2:] == again.plan.shape[::-1] and again.sr > 0
            for a in (again.energy, again.counts): assert np.isfinite(a).all() and a.min() >= 0
    assert refused > 30


# ---- writing


def test_a_failed_save_leaves_the_old_file(path, picture, monkeypatch):
    whole = path.read_bytes()

    def full(file, **_):
        file.write(whole[:1000])
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"): picture.save(path)
    assert path.read_bytes() == whole and os.listdir(path.parent) == [path.name]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_a_save_that_is_killed_leaves_the_old_file_or_the_new(path, picture):
    "Killed at moments from the start of a save of some 0.1 s to after its end."
    program = ("import sys, numpy as np\n"
               "from spectral_hyperresolution import ReassignedSpectrogram\n"
               "from spectral_hyperresolution.engine.plan import Plan\n"
               "plan = Plan(200_000, 2, 50, 2, 12, 0.05, 0.4)\n"
               "random = np.random.default_rng(0).random(plan.shape[::-1])\n"
               "S = ReassignedSpectrogram(random, random, plan, 8000.0)\n"
               "while True:\n"
               "    print('begins', flush=True)\n"
               "    S.save(sys.argv[1])\n")
    whole, kinds = path.read_bytes(), Counter()
    for wait in (0.0, 0.01, 0.03, 0.06, 0.1, 0.3):
        path.write_bytes(whole)
        with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        kinds["old" if path.read_bytes() == whole else "new"] += 1
        assert load(path).shape in (picture.shape, Plan(200_000, 2, 50, 2, 12, 0.05, 0.4).shape[::-1])
        for left in path.parent.iterdir():
            assert left == path or re.fullmatch(r"\.kept-\w+\.npz", left.name)
    assert kinds["old"]


def test_a_stream_is_no_file_to_save_to(picture):
    with pytest.raises(TypeError): picture.save(io.BytesIO())
