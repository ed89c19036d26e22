"""Measure what the adviser's settings are worth beside the defaults, and what it says of recordings.

    python benchmarks/advice.py --seeds 4                      # a table, in minutes
    python benchmarks/advice.py --out nbs/data/advice.json     # what chapter 203 shows

The truth of the sounds is known. A picture's score combines two shares like an F1 score: that of its energy which lies
near a true line or click, and that of the lines and clicks which are visible in it. Scenes of one component, of
benchmarks/auto.py, are judged as there: the advised Q beside the best of nine fixed Qs. Recordings, whose truth nobody
knows, are read from the folder HYPERRES_RECORDINGS, where there is one.
"""

import argparse
import json
import sys
from pathlib import Path

import auto as scenes
import numpy as np
from scipy.ndimage import maximum_filter

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.advice import advise
from spectral_hyperresolution.audio import read
from spectral_hyperresolution.plot import brightness
from spectral_hyperresolution.testing import recordings_folder
from spectral_hyperresolution.theory import sounds


def sung(curves, n, sr, rng):
    "Curves sung into a sound of n samples, each (times, frequencies), with random loudness."
    x = np.zeros(n)
    for t, hz in curves:
        start, fade = (round(t[0] * sr), np.clip(np.minimum(np.arange(len(t)),
            np.arange(len(t))[::-1]) / (0.1 * len(t)), 0, 1))
        x[start : start + len(t)] += rng.uniform(0.4, 1) * fade * sounds.sing_contour(hz, sr)
    return x


def lines_of(family, d, sr, seed, rng):
    "True courses of the lines of a family: list of (times, frequencies)."
    t = np.arange(round(d * sr)) / sr
    if family in ("whistles", "pod"): return sounds.dolphin_contours(d, sr, seed)
    if family == "stack":
        f0 = (rng.uniform(100, 300) * 2 ** (rng.uniform(-0.5, 0.5) * t / d)
              * (1 + rng.uniform(0, 0.03) * np.sin(2 * np.pi * 5.5 * t)))
        return [(t, k * f0) for k in range(1, int(rng.integers(6, 17)))]
    if family == "machine":
        speed = rng.uniform(20, 48) * (1 - 0.6 * np.exp(-3 * t / d))
        return [(t, k * speed) for k in range(1, 21)]
    if family == "sweeps":
        return [(t, rng.uniform(500, 3000) + (rng.uniform(500, 3000) - 1000) * t / d)
                for _ in range(3)]
    if family == "tones":
        return [(t, np.full(len(t), f)) for f
                in np.cumprod(np.append(rng.uniform(200, 900), rng.uniform(1.04, 1.25, 5)))]
    found, at = [], 0.05
    while at < d - 0.06 and family in ("chirps", "moans"):
        size = min(rng.uniform(0.02, 0.12) if family == "chirps" else rng.uniform(0.8, 2),
                   d - at - 0.01)
        u = np.linspace(0, 1, round(size * sr))
        a, b = (rng.uniform(1500, 8000, 2) if family == "chirps"
                else (rng.uniform(60, 200), rng.uniform(80, 400)))
        hz = (a * (b / a) ** u * (1 if family == "chirps" else 1
                                  + 0.08 * np.sin(2 * np.pi * rng.uniform(1, 3) * u)))
        start = round(at * sr)
        found += [(t[start : start + len(u)], k * hz)
                  for k in ((1,) if family == "chirps" else (1, 2, 3))]
        at += 1.2 * size
    return found

shapes = dict(whistles=(0.4, 64000), pod=(0.4, 64000), clicks=(0.4, 48000), stack=(0.8, 16000),
              chirps=(0.8, 22050),
              moans=(4.0, 2000), machine=(2.0, 8000), sweeps=(0.8, 8000), tones=(0.8, 8000))

def trial(family, seed):
    """A sound of a family, its rate, its lines, and its clicks as (instant, lowest, highest
    frequency)."""
    rng, (d, sr) = np.random.default_rng([seed, list(shapes).index(family)]), shapes[family]
    curves, clicks, n = lines_of(family, d, sr, seed, rng), [], round(d * sr)
    x = sung(curves, n, sr, rng)
    if family in ("pod", "clicks", "machine"):
        at = (0.03 + np.cumsum(rng.uniform(0.006, 0.03) * rng.uniform(0.8, 1.2, 300)
                               * (12 if family == "machine" else 1)))
        at, hz = at[at < d - 0.01], rng.uniform(0.2, 0.3) * sr
        x += sounds.pulses(n, sr, at, hz, 1.1 / sr, rng.uniform(1, 3))
        clicks = [(a, hz - 0.1 * sr, hz + 0.1 * sr) for a in at]
    noise = 10 ** (-rng.uniform(5, 40) / 20) * np.sqrt(np.mean(x**2))
    return x + noise * rng.standard_normal(n), sr, curves, clicks


def truth_cells(S, curves, clicks, octave=1 / 48, seconds=0.0025):
    "Cells whose centre is near a line or a click."
    near, f = np.zeros(S.shape, bool), np.log2(S.frequencies)
    for t, hz in curves:
        first, last = np.searchsorted(t, S.times - seconds), np.searchsorted(t, S.times + seconds)
        for c in np.flatnonzero(last > first):
            part = np.log2(hz[first[c] : last[c]])
            near[(f >= part.min() - octave) & (f <= part.max() + octave), c] = True
    for at, low, high in clicks:
        near[np.ix_((S.frequencies > low) & (S.frequencies < high),
                    np.abs(S.times - at) <= seconds)] = True
    return near

def score(S, curves, clicks, octave=1 / 48, seconds=0.0025):
    """Harmonic mean of the share of energy near the truth and the share of the truth that is
    visible."""
    precision = S.energy[truth_cells(S, curves, clicks)].sum() / S.energy.sum()
    steps = [np.arange(t[0] + 0.01, t[-1] - 0.01, 0.002) for t, _ in curves]
    t = np.concatenate([*steps, *(np.full(40, at) for at, *_ in clicks)])
    hz = np.concatenate([*(np.interp(s, *c) for s, c in zip(steps, curves, strict=True)),
                         *(np.geomspace(*b, 40) for _, *b in clicks)])
    size = [2 * int(v) + 1 for v in (octave * S.plan.noct, seconds * S.sr / S.plan.tdeci)]
    visible = maximum_filter(brightness(S.energy) > 0.3, size)
    row, col = np.searchsorted(S.frequency_edges, hz) - 1, np.searchsorted(S.time_edges, t) - 1
    inside = (row >= 0) & (row < S.shape[0]) & (col >= 0) & (col < S.shape[1])
    recall = visible[row[inside], col[inside]].sum() / len(t)
    return 2 * precision * recall / max(precision + recall, 1e-9)


ways = ("defaults", "q = 5.6", "advised q alone", "advised")


def judged(family, seed):
    "Scores of a sound in the order of `ways`, and the best single q."
    x, sr, curves, clicks = trial(family, seed)
    found = advise(x, sr)
    grid = {k: v for k, v in found.settings.items() if k != "q"}
    ask = ({}, dict(q=5.6), dict(q=found.q), dict(q=found.q) | grid)
    return [score(reassigned_spectrogram(x, sr, **each), curves, clicks) for each in ask], found.q


def single(kind, seed=1000, snr=20):
    """The best of nine fixed Qs for a scene of one component, its score, the best single q advised, its score, that of
    q="auto", and whether "auto" is advised."""
    x, components = scenes.scene((kind,), seed, snr)
    x, found = x.astype("f4"), advise(x, scenes.sr)
    made = {q: reassigned_spectrogram(x, scenes.sr, q=q, **scenes.settings) for q in (*scenes.qs, found.q, "auto")}
    m = scenes.masks(made[2.0], components)
    scored = {q: scenes.scores(S.energy, m)[0] for q, S in made.items()}
    best = max(scenes.qs, key=scored.get)
    return dict(kind=kind.__name__, best=best, highest=round(scored[best], 4), q=found.q,
                score=round(scored[found.q], 4), auto=round(scored["auto"], 4), asks_auto=found.settings["q"] == "auto")


def heard(path, seconds=2.0):
    """What is advised for the first seconds of a recording, and the Q below which q="auto" has a tenth, a half and
    nine tenths of the energy."""
    x, sr = read(path, duration=seconds)
    x = x[np.argmax((x**2).sum(1))]
    advice = advise(x, sr)
    if not advice.settings: return dict(name=path.stem)
    grid = {k: v for k, v in advice.settings.items() if k != "q"}
    auto = reassigned_spectrogram(x, sr, q="auto", **grid)
    order = np.argsort(auto.q_map, None)
    share = np.cumsum(auto.energy.ravel()[order])
    spread = auto.q_map.ravel()[order][np.searchsorted(share, np.array([0.1, 0.5, 0.9]) * share[-1])]
    return dict(name=path.stem, q=advice.q, band=[round(grid[k]) for k in ("fmin", "fmax")],
                asks_auto=advice.settings["q"] == "auto", noise="noise" in advice.reasons["q"],
                limit="that was tried" in advice.reasons["q"], auto=[round(float(v), 2) for v in spread])


def of_families(seeds):
    "Scores of the families with known lines and clicks."
    scores = {}
    for family in shapes:
        for seed in range(100, 100 + seeds):
            found, q = judged(family, seed)
            scores.setdefault(family, []).append([*(round(float(v), 4) for v in found), q])
            print(family, seed, *(f"{v:.2f}" for v in found), f"q = {q:g}", file=sys.stderr, flush=True)
    return scores


def of_scenes():
    "Scenes of one component."
    said = []
    for kind in (scenes.stack, scenes.whistle, scenes.clicks, scenes.pair, scenes.pulses, scenes.sweeps, scenes.voice):
        said.append(single(kind))
        print(said[-1], file=sys.stderr, flush=True)
    return said


def of_recordings():
    "What is said of the recordings."
    folder, said = recordings_folder(), []
    kinds = ("everyday", "forest", "marine") if folder else ()
    for path in sorted(p for kind in kinds for p in (folder / kind).glob("*.*")):
        said.append(heard(path))
        print(said[-1], file=sys.stderr, flush=True)
    return said


def measure(seeds=1, recordings=True):
    "All scores, and what is said of the recordings, ready for JSON."
    return dict(ways=ways, seeds=seeds, scores=of_families(seeds), scenes=of_scenes(),
                recordings=of_recordings() if recordings else [])


def main(argv=None):
    parser = argparse.ArgumentParser(description="Measure what the adviser's settings are worth.")
    parser.add_argument("--seeds", type=int, default=1, help="sounds of each family (default: 1)")
    parser.add_argument("--no-recordings", action="store_true", help="leave the recordings out")
    parser.add_argument("--out", type=Path, help="file to write, JSON")
    arguments = parser.parse_args(argv)
    if arguments.seeds < 1: parser.error(f"--seeds {arguments.seeds} is not a whole number >= 1")
    result = measure(arguments.seeds, not arguments.no_recordings)
    for family, rows in result["scores"].items():
        print(f"{family:10}", *(f"{name} {v:.2f}  " for name, v in zip(ways, np.mean(rows, 0), strict=False)))
    behind = np.array([each["highest"] - each["score"] for each in result["scenes"]])
    print(f"scenes: {(behind <= 0.05).sum()} of {len(behind)} within 0.05 of the best fixed Q, "
          f"worst {behind.max():.3f}")
    if arguments.out: arguments.out.write_text(json.dumps(result, indent=None).replace("], [", "],\n[") + "\n")
    return 0


if __name__ == "__main__": sys.exit(main())
