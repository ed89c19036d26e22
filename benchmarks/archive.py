"""Archives: bytes and error of packed energies on real recordings, seconds of sound per second, memory of a worker.

python benchmarks/archive.py [--folder DIR]      DIR as HYPERRES_RECORDINGS: with forest/ and marine/
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from numcodecs import Zstd

from spectral_hyperresolution.archive.layout import lowest, pack, step
from spectral_hyperresolution.archive.run import archive
from spectral_hyperresolution.archive.settings import Settings, plan_of
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=os.environ.get("HYPERRES_RECORDINGS"))
    folder = parser.parse_args().folder
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
