"""Long sounds: how far a picture with few points is from the full one, and what it takes.

    python benchmarks/long.py [RECORDING] [--seconds 20] [--hop 108000] [--bins 100] [--fmin 94]
    python benchmarks/long.py [RECORDING] --draw 1     # hours: what `hyperres draw` takes, with its memory

A stretch of the recording is computed both ways with the cells that an hour at 48 kHz has in `hyperres draw`
(1600 × 800); with another hop, with the cells of another length. Without a recording: noise, a hum and calls. With
--draw the sound is repeated for so many hours, in a file of 16 bits, and drawn by the command at its defaults."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from spectral_hyperresolution.engine import coarse
from spectral_hyperresolution.engine.running import _cores
from spectral_hyperresolution.parts import Part, part_plan
from spectral_hyperresolution.pieces import picture
from spectral_hyperresolution.recording import Sound

COMMAND = "import sys; from spectral_hyperresolution.cli import main; sys.exit(main())"


def made(seconds, sr=48000):
    t = np.arange(int(seconds * sr)) / sr
    calls = np.sin(2 * np.pi * (3000 * t + 300 * np.sin(2 * np.pi * 3 * t))) * (np.sin(2 * np.pi * t / 3.7) > 0.8)
    noise = np.random.default_rng(0).standard_normal(len(t))
    return Sound((0.03 * noise + 0.1 * np.sin(2 * np.pi * 310 * t) + 0.3 * calls).astype(np.float32), sr)


def draw(sound, seconds, hours):
    "Time and memory of the command, for a file of so many hours."
    length, wanted = min(sound.frames, int(seconds * sound.sr)), round(hours * 3600 * sound.sr)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.w64")
        with sound, soundfile.SoundFile(path, "w", int(sound.sr), sound.channels, "PCM_16") as file:
            while (at := file.tell()) < wanted:                # little at a time: a process inherits its parent's peak
                file.write(sound.cut(at % length, min(2**20, length - at % length, wanted - at)).T)
        begun = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", COMMAND, "draw", path, "-o", path.with_suffix(".png"),
                                    "--quiet", "--yes"], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        print(f"{hours:g} h at {sound.sr:g} Hz: {time.perf_counter() - begun:.1f} s, "
              f"{used.ru_utime + used.ru_stime:.1f} s of a core, {used.ru_maxrss / 1024:.0f} MB, exit status "
              f"{os.waitstatus_to_exitcode(status)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recording", nargs="?")
    for name, default in (("seconds", 20.0), ("hop", 108000), ("bins", 100), ("fmin", 94.0)):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--draw", type=float, metavar="HOURS")
    args = parser.parse_args()
    sound = Sound(args.recording) if args.recording else made(args.seconds)
    if args.draw:
        draw(sound, args.seconds, args.draw)
        return
    part = Part(sound, 0, min(sound.frames, int(args.seconds * sound.sr)))
    for q in (1.4, 2.8, 5.6, "auto"):
        plan, took = part_plan(part, q, args.fmin, sound.sr / 2, args.bins, args.hop), []
        for how in (dict(tolerance=0.05), dict(points=coarse.enough), dict(points=coarse.enough)):
            begun = time.process_time()
            S = picture(part, plan, q, threads=_cores(), **how)
            took.append((S.energy, time.process_time() - begun))
        (full, slow), (few, fast) = took[0], took[-1]
        print(f"q {q}: L1 {np.abs(few - full).sum() / full.sum():.4f}, {slow:.2f} s of a core in full, {fast:.2f} s "
              f"with few points", flush=True)


if __name__ == "__main__": main()
