"""Long sounds: how far a picture with few points is from the full one, and what it takes.

    python benchmarks/long.py [RECORDING] [--seconds 20] [--hop 108000] [--bins 100] [--fmin 94]

A stretch of the recording is computed both ways with the cells that an hour at 48 kHz has in `hyperres draw`
(1600 × 800); with another hop, with the cells of another length. Without a recording: noise, a hum and calls."""

import argparse
import time

import numpy as np

from spectral_hyperresolution.engine import coarse
from spectral_hyperresolution.engine.running import _cores
from spectral_hyperresolution.parts import Part, part_plan
from spectral_hyperresolution.pieces import picture
from spectral_hyperresolution.recording import Sound


def made(seconds, sr=48000):
    t = np.arange(int(seconds * sr)) / sr
    calls = np.sin(2 * np.pi * (3000 * t + 300 * np.sin(2 * np.pi * 3 * t))) * (np.sin(2 * np.pi * t / 3.7) > 0.8)
    noise = np.random.default_rng(0).standard_normal(len(t))
    return Sound((0.03 * noise + 0.1 * np.sin(2 * np.pi * 310 * t) + 0.3 * calls).astype(np.float32), sr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recording", nargs="?")
    for name, default in (("seconds", 20.0), ("hop", 108000), ("bins", 100), ("fmin", 94.0)):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    args = parser.parse_args()
    sound = Sound(args.recording) if args.recording else made(args.seconds)
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
