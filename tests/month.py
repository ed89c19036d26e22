"""A month of two recorders: a thousand recordings, which are one file under a thousand names, and their archive."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from spectral_hyperresolution.archive.layout import Recording, closing_objects, pack, piece_objects, shape_of
from spectral_hyperresolution.archive.lookup import open_archive, read_columns
from spectral_hyperresolution.archive.place import Place
from spectral_hyperresolution.archive.run import archive
from spectral_hyperresolution.archive.table import row_of, write_table

SR, LENGTH, TONE = 2000, 12, 500.0
PAUSE = range(300, 342)                 # hours that the pond's recorder misses


def sound():
    "Twelve seconds: quiet noise, and a tone from the fourth second to the sixth."
    t = np.arange(SR * LENGTH) / SR
    x = 0.002 * np.random.default_rng(0).standard_normal(len(t))
    return x + 0.1 * np.sin(2 * np.pi * TONE * t) * ((t >= 4) & (t < 6))


def names():
    "Folder, and beginning in seconds after the first of May 2024: the pond each hour, the wood five seconds later."
    return [*(("pond", 3600 * k) for k in range(742) if k not in PAUSE), *(("wood", 3600 * k + 5) for k in range(300))]


def make_month(folder):
    "Write the files, and the archive of them; returns its path."
    folder = Path(folder)
    (folder / "one").mkdir()
    soundfile.write(folder / "one" / "20240501_000000.wav", sound(), SR)
    how = dict(hop=1, fmin=60, workers=1)
    archive([folder / "one"], folder / "first", **how)
    book = open_archive(folder / "first")
    row, settings = book.rows[0], book.settings
    energy = read_columns(book)[0].energy[None]
    first = Recording(row.file, row.path, row.size, row.modified, row.rate, 1, row.frames, "WAV", start="?")
    shape, store, rows, spectra = shape_of(settings, first), Place(folder / "may"), [], {}
    objects = piece_objects(first, settings, shape, 0, energy, None)
    for name in ("pond", "wood"): (folder / name).mkdir()
    for name, after in names():
        when = np.datetime64("2024-05-01T00:00:00") + np.timedelta64(after, "s")
        stem = str(when).replace("-", "").replace(":", "").replace("T", "_")
        os.symlink(row.path, folder / name / f"{stem}.wav")
        own = replace(first, name=f"{name}/{stem}.wav", path=str(folder / name / f"{stem}.wav"), start=f"{when}+00:00")
        if not rows:
            about = replace(first, start=own.start)
            objects |= dict(closing_objects(about, settings, shape, "0", energy.sum(1)))
        for key, value in objects.items(): store.put(key.replace(first.id, own.id), value)
        rows.append(row_of(own, "done", "", dict(source_sha256="0")))
        spectra[own.name] = pack(energy.sum((0, 1)))
    write_table(store, settings, rows, spectra)
    return folder / "may"
