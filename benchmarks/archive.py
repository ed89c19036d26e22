"""Archives: bytes and error of packed energies on real recordings, seconds of sound per second, memory of a worker.

python benchmarks/archive.py [--folder DIR]      DIR as HYPERRES_RECORDINGS: with forest/ and marine/
python benchmarks/archive.py --files 50000       how long look-ups take in a store of so many recordings of ten minutes,
                                                 by five recorders; linked from one, in the folder TMPDIR
"""

import argparse
import os
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from numcodecs import Zstd

from spectral_hyperresolution.archive import lookup
from spectral_hyperresolution.archive.layout import (
    Recording,
    closing_objects,
    lowest,
    pack,
    piece_objects,
    shape_of,
    step,
)
from spectral_hyperresolution.archive.place import Place
from spectral_hyperresolution.archive.run import archive
from spectral_hyperresolution.archive.settings import Settings, plan_of
from spectral_hyperresolution.archive.table import row_of, write_table
from spectral_hyperresolution.explore.stretch import walk
from spectral_hyperresolution.explore.timeline import timelines, told
from spectral_hyperresolution.explore.window import View
from spectral_hyperresolution.parts import Part
from spectral_hyperresolution.pieces import picture
from spectral_hyperresolution.recording import Sound


def packings(energy):
    "Name, bytes a cell after zstd, root mean square and largest error [dB] of ways to keep levels, (columns, rows)."
    lit = energy > 1e-14
    level = np.where(energy > 0, 10 * np.log10(np.where(energy > 0, energy, 1)), lowest)
    top = level.max()
    eight = np.clip(np.rint((level - top + 127) * 2), 0, 254).astype("u1")
    ways = [("uint8, 0.5 dB", eight, lambda c: c / 2 + top - 127),
            ("uint16, 0.01 dB", pack(energy), lambda c: c * step + lowest),
            ("float16", level.astype("f2"), lambda c: c.astype(float))]
    for name, code, back in ways:
        wrong = back(code[lit]) - level[lit]
        size = len(Zstd(5).encode(np.ascontiguousarray(code))) / energy.size
        yield name, size, np.sqrt(np.mean(wrong**2)), np.abs(wrong).max()


def linked(folder, files):
    "A store of so many recordings that share one's objects, of five recorders, one every half hour."
    how, store = Settings(fmax=2000, fmin=50, hop=1, q=2), Place(folder / "store")
    first = Recording("r0/0.wav", "/r0/0.wav", 1, 1, 4000, 1, 4000 * 600, "WAV", start="2024-05-01T00:00:00+00:00")
    shape = shape_of(how, first)
    energy = np.random.default_rng(0).exponential(1e-6, (1, shape.plan.n_times, shape.plan.n_bins))
    made = piece_objects(first, how, shape, 0, energy, None)
    made |= dict(closing_objects(first, how, shape, "0", energy.sum(1)))
    for name, value in made.items(): store.put(name, value)
    rows, spectra = [], {}
    for k in range(files):
        start = np.datetime64("2024-05-01T00:00:00") + np.timedelta64(30 * (k // 5), "m")
        recording = replace(first, name=f"r{k % 5}/{k // 5}.wav", start=f"{start}+00:00")
        for name in made if k else ():
            there = folder / "store" / name.replace(first.id, recording.id)
            there.parent.mkdir(parents=True, exist_ok=True)
            os.link(folder / "store" / name, there)
        rows.append(row_of(recording, "done", "", dict(source_sha256="0")))
        spectra[recording.name] = pack(energy.sum((0, 1)))
    write_table(store, how, rows, spectra)
    return folder / "store"


def many(files):
    "Look-ups in a store of so many recordings."
    def timed(name, call, *args, **how):
        begun, used = time.perf_counter(), time.process_time()
        found = call(*args, **how)
        spent = time.perf_counter() - begun, time.process_time() - used
        print(f"{name:40} {spent[0]:6.2f} s, {spent[1]:6.2f} s of a core", flush=True)
        return found
    with tempfile.TemporaryDirectory() as at:
        store = timed(f"{files} recordings are linked", linked, Path(at), files)
        book = timed("the store is opened", lookup.open_archive, store)
        timed("the first window", lookup.window, book, "2024-05-01", "2024-05-02", columns=500)
        for name, start, end, columns in (("two hours, each cell", "2024-05-10T03:10", "2024-05-10T05:00", None),
                                          ("a day, 2000 columns", "2024-05-10", "2024-05-11", 2000),
                                          ("a month, 2000 columns", "2024-05-01", "2024-06-01", 2000),
                                          ("all of it, 2000 columns", "2024-05-01", "2027-01-01", 2000)):
            timed(name, lookup.window, book, start, end, 100, 1000, columns=columns)
        line, *_ = timed("the explorer opens it", timelines, store)
        timed("what the page is told", told, line)
        view = View(0, line.duration, 50, 2000, width=1200, height=400).check(line)
        timed("the first picture of all of it", lambda: next(walk(line, view)))
        view = View(line.duration - 86400, line.duration, 50, 2000, width=1200, height=400).check(line)
        timed("a day of it", lambda: list(walk(line, view)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=os.environ.get("HYPERRES_RECORDINGS"))
    parser.add_argument("--files", type=int)
    args = parser.parse_args()
    if args.files:
        many(args.files)
        return
    folder = args.folder
    for path in ([*sorted(Path(folder, "forest").iterdir()), *sorted(Path(folder, "marine").glob("*.wav"))[:3]]
                 if folder else []):
        if path.suffix not in (".wav", ".flac"): continue
        with Sound(path) as sound:
            for hop in (0.05, 1):
                how = Settings(fmax=sound.sr / 2, fmin=sound.sr / 512, hop=hop)
                part, plan = Part(sound, 0, sound.frames), plan_of(how, sound.frames, sound.sr)
                energy = picture(part, plan, 4.0, tolerance=0.05,
                                 points=1200 if hop == 1 else None).energy.T
                for name, size, rms, worst in packings(energy):
                    print(f"{path.stem[:24]:24} cells of {hop:4g} s  {name:16} {size:.2f} bytes a cell, "
                          f"error {rms:.4f} dB, at most {worst:.3f} dB", flush=True)
    with tempfile.TemporaryDirectory() as at:
        x = 0.05 * np.random.default_rng(0).standard_normal(300 * 48000)
        soundfile.write(f"{at}/noise.wav", x, 48000)
        archive(f"{at}/noise.wav", f"{at}/first", workers=1, piece=60)
        for seconds in (60, 300):
            begun = time.perf_counter()
            archive(f"{at}/noise.wav", f"{at}/store{seconds}", workers=1, piece=seconds)
            spent, most = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"300 s of noise at 48 kHz, pieces of {seconds} s: {300 / spent:.0f} × real time on one core, "
                  f"at most {most:.0f} MB so far", flush=True)


if __name__ == "__main__": main()
