"""Measure how well fixed Qs, three colours and q="auto" show sounds whose course is known by formula; print a table.

    python benchmarks/auto.py                          # scenes of the kinds that the rule was tuned on
    python benchmarks/auto.py --set unseen --seeds 4   # kinds and seeds that it was not
    python benchmarks/auto.py --noise                  # white noise alone
    python benchmarks/auto.py --cost [RECORDING …]     # time, relative to one Q
    python benchmarks/auto.py --set unseen --first 1000 --out nbs/data/auto.json    # what chapter 209 shows

The score of a component is the share of the energy in its neighbourhood that lies within one cell of its true
course, at 96 bins an octave and 2 ms. Its neighbourhood: all cells within an eighth of an octave and 10 ms of the
course, but for those that are as near to another component's. The judge knows formulas and cells, nothing of how a Q
is chosen.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.audio import read

sr, seconds, hop, bins = 48000, 1.5, 96, 96
qs = (1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 24.0)
settings = dict(fmin=150.0, bins_per_octave=bins, hop_length=hop)
around = 25, 11      # rows and columns of the neighbourhood of a point of a course


# Components. Each returns the sound and its course: curves (times [s], frequencies [Hz]), instants (time, low, high).

def _envelope(t, begin, end, rise=0.015):
    "1 from begin to end, with ramps of a raised cosine inside."
    return np.sin(np.pi / 2 * np.clip(np.minimum(t - begin, end - t) / rise, 0, 1)) ** 2


def _sung(t, begin, end, course, amplitudes=(1.0,), loud=None):
    "Harmonics of a frequency that follows a formula, course(seconds after begin) [Hz]."
    f = course(np.clip(t, begin, end) - begin)
    phase = 2 * np.pi * np.cumsum(f) / sr
    level = _envelope(t, begin, end) if loud is None else loud
    x = sum(a * np.cos(k * phase + k * k) for k, a in enumerate(amplitudes, 1) if a) * level
    on = slice(int((begin + 0.015) * sr), int((end - 0.015) * sr), 8)
    return x, [(t[on], k * f[on]) for k, a in enumerate(amplitudes, 1) if a], []


def _pulsed(t, instants, low, high, fade=0.1):
    "A band of equal cosines, aligned at each instant, that ends `fade` octaves beside `low` and `high`."
    nu = np.fft.rfftfreq(len(t), 1 / sr)
    edge = np.clip(np.minimum(np.log2(np.maximum(nu, 1) / low), np.log2(high / np.maximum(nu, 1))) / fade + 1, 0, 1)
    X = edge * np.exp(-2j * np.pi * nu * np.asarray(instants)[:, None]).sum(0)
    return np.fft.irfft(X, len(t)), [], [(i, low / 2**fade, high * 2**fade) for i in instants]


def stack(t, a, b, rng):
    f0, depth, rate = rng.uniform(190, 300), rng.uniform(0.015, 0.03), rng.uniform(4, 6)
    return _sung(t, a, b, lambda s: f0 * (1 + depth * np.sin(2 * np.pi * rate * s)), 1 / np.arange(1, 25) ** 0.5)


def whistle(t, a, b, rng):
    f, wide, rate = rng.uniform(8500, 11500), rng.uniform(0.08, 0.2), rng.uniform(1, 3)
    return _sung(t, a, b, lambda s: f * 2 ** (wide * np.sin(2 * np.pi * rate * s)))


def pair(t, a, b, rng):
    f, apart = rng.uniform(5700, 6300), rng.uniform(100, 150)
    one, two = (_sung(t, a, b, lambda s, g=g: g + 0 * s) for g in (f, f + apart))
    return one[0] + rng.uniform(0.7, 1) * two[0], one[1] + two[1], []


def pulses(t, a, b, rng):
    return _pulsed(t, np.arange(a + 0.02, b - 0.02, 0.02) + rng.uniform(0, 0.005), 400, 1600)


def clicks(t, a, b, rng):
    return _pulsed(t, np.arange(a + 0.02, b - 0.02, 0.009) + rng.uniform(0, 0.005), 17500, 20500)


def _sweep(t, begin, long, f0, f1, bend=0.0):
    "One sweep of constant rate (or, bent, faster at its start), with a smooth envelope."
    course = lambda s: f0 + (f1 - f0) * ((s / long) * (1 + bend) - bend * (s / long) ** 2)
    x, _, _ = _sung(t, begin, begin + long, course, loud=_envelope(t, begin, begin + long, long / 5))
    on = slice(int((begin + long / 8) * sr), int((begin + 7 * long / 8) * sr))
    return x, [(t[on], course(t[on] - begin))], []


def _several(parts):
    parts = list(parts)
    return sum(p[0] for p in parts), [c for p in parts for c in p[1]], [i for p in parts for i in p[2]]


def sweeps(t, a, b, rng):
    lows = rng.uniform(2200, 2600), rng.uniform(3800, 4500)
    return _several(_sweep(t, s, 0.03, *(lows if k % 2 else lows[::-1]))
                    for k, s in enumerate(np.arange(a + 0.01, b - 0.04, 0.06)))


def voice(t, a, b, rng):
    f0, fall = rng.uniform(110, 190), rng.uniform(-0.3, 0.3)
    f = f0 * np.arange(1, 25)
    formants = sum(1 / (1 + ((f - c) / w) ** 2) for c, w in ((600, 120), (1250, 150), (2600, 250)))
    return _sung(t, a, b, lambda s: f0 * 2 ** (fall * s / (b - a)), np.sqrt(formants) / np.arange(1, 25) ** 0.3)


def trill(t, a, b, rng):
    f, wide, rate = rng.uniform(3200, 4800), rng.uniform(0.05, 0.12), rng.uniform(18, 30)
    return _sung(t, a, b, lambda s: f * 2 ** (wide * np.sin(2 * np.pi * rate * s)))


def parallel(t, a, b, rng):
    "Two close sweeps: 0.4 s long, side by side."
    f, apart, rise = rng.uniform(4500, 5500), rng.uniform(220, 300), rng.uniform(1000, 2000)
    return _several(_sung(t, a, b, lambda s, d=d: f + d + rise * s) for d in (0, apart))


def am(t, a, b, rng):
    "A tone that waxes and wanes."
    f, rate, deep = rng.uniform(2500, 3500), rng.uniform(5, 15), rng.uniform(0.4, 0.9)
    loud = _envelope(t, a, b) * (1 + deep * np.sin(2 * np.pi * rate * t))
    return _sung(t, a, b, lambda s: f + 0 * s, loud=loud)


# Kinds that no rule was tuned on.

def calls(t, a, b, rng):
    "Short calls, falling by an octave in 6 ms, as of a bat."
    instants = np.arange(a + 0.01, b - 0.02, rng.uniform(0.03, 0.05))
    return _several(_sweep(t, s, 0.006, 15500, 8500, 0.6) for s in instants)


def crossing(t, a, b, rng):
    f, wide = rng.uniform(3500, 4500), rng.uniform(700, 1200)
    return _several(_sung(t, a, b, lambda s, d=d: f + d * wide * (s / (b - a) - 0.5)) for d in (-1, 1))


def knocks(t, a, b, rng):
    "Clicks at irregular instants, over four octaves."
    steps = rng.uniform(0.03, 0.09, 30)
    at = a + 0.03 + np.cumsum(steps)
    return _pulsed(t, at[at < b - 0.03], 800, 12000)


def glide(t, a, b, rng):
    "A gliding stack of 12 harmonics, as a whale's."
    f0, rise = rng.uniform(350, 500), rng.uniform(0.3, 0.6)
    return _sung(t, a, b, lambda s: f0 * 2 ** (rise * np.sin(np.pi * s / (b - a))), 1 / np.arange(1, 13) ** 0.5)


def triplet(t, a, b, rng):
    "Three steady tones, 60 to 90 Hz apart."
    f, apart = rng.uniform(2400, 3200), rng.uniform(60, 90)
    return _several(_sung(t, a, b, lambda s, g=f + k * apart: g + 0 * s) for k in range(3))


def warble(t, a, b, rng):
    f, wide, rate = rng.uniform(6500, 8500), rng.uniform(0.1, 0.2), rng.uniform(8, 14)
    return _sung(t, a, b, lambda s: f * 2 ** (wide * np.abs(2 * (rate * s % 1) - 1)), (1.0,))


def bursts(t, a, b, rng):
    "Pulses 30 a second around 3 kHz."
    return _pulsed(t, np.arange(a + 0.02, b - 0.02, 1 / rng.uniform(28, 40)), 2000, 5000)


tuned = ((stack, whistle, clicks), (pair, pulses, clicks), (sweeps, pulses, whistle), (voice, pair, clicks),
         (trill, pulses, clicks), (parallel, voice, whistle), (am, whistle, clicks), (stack, pair, clicks))
unseen = ((glide, calls), (crossing, pulses, whistle), (knocks,), (triplet, warble), (bursts, glide, clicks),
          (voice, calls), (stack, warble), (triplet, knocks), (crossing, clicks))


def coloured(n, colour, rng):
    "Noise of unit variance: white, or pink above 50 Hz."
    X = np.fft.rfft(rng.standard_normal(n))
    if colour == "pink": X /= np.sqrt(np.maximum(np.fft.rfftfreq(n, 1 / sr), 50))
    x = np.fft.irfft(X, n)
    return x / x.std()


def scene(kinds, seed, snr, colour="pink"):
    """Components one after another in time where their bands overlap, together where not; noise `snr` dB below their
    sum. The sound, and (kind's name, curves, instants) of each."""
    rng = np.random.default_rng([seed, len(kinds), *(ord(c) for k in kinds for c in k.__name__)])
    t, found, x = np.arange(int(seconds * sr)) / sr, [], 0
    half = [(0.08, 0.72), (0.8, 1.42)]
    order = rng.permutation(2)
    for i, kind in enumerate(kinds):
        begin, end = half[order[i % 2]] if i < 2 else (0.08, 1.42)
        sound, curves, instants = kind(t, begin, end, rng)
        x = x + sound / np.sqrt(np.mean(sound**2))
        found.append((kind.__name__, curves, instants))
    return x + coloured(len(t), colour, rng) * x.std() * 10 ** (-snr / 20), found


# The judge.

def cells(picture, curves, instants):
    "The cells whose centre is within one cell of a course, as booleans of the picture's shape."
    lit, bottom = np.zeros(picture.shape, bool), picture.frequencies[0]
    def put(t, f):
        row, column = bins * np.log2(f / bottom), (t * sr - picture.plan.times[0]) / hop
        for i in (np.floor(row).astype(int), np.ceil(row).astype(int)):
            for k in (np.floor(column).astype(int), np.ceil(column).astype(int)):
                ok = (i >= 0) & (i < lit.shape[0]) & (k >= 0) & (k < lit.shape[1])
                lit[i[ok], k[ok]] = True
    for t, f in curves: put(np.asarray(t), np.asarray(f))
    for at, low, high in instants:
        f = low * 2 ** np.arange(0, np.log2(high / low), 0.5 / bins)
        put(np.full(len(f), at), f)
    return lit


def masks(picture, components):
    "(near, neighbourhood) of each component."
    truths = [cells(picture, *c[1:]) for c in components]
    wide = [maximum_filter(t, around) for t in truths]
    claimed = np.sum(wide, axis=0)
    return [(t, w & (claimed == 1)) for t, w in zip(truths, wide, strict=True)]


def scores(energy, found):
    return [float(energy[close & whole].sum() / max(energy[whole].sum(), 1e-300)) for close, whole in found]


def pictures(x):
    "Energies of all methods for a sound, and one picture for the axes."
    fixed = {q: reassigned_spectrogram(x.astype("f4"), sr, q=q, **settings) for q in qs}
    energies = {f"{q:g}": S.energy for q, S in fixed.items()}
    three = [fixed[q].energy / fixed[q].energy.sum() for q in (1.4, 2.8, 5.6)]
    energies["3 colours"] = sum(three)
    energies["auto"] = reassigned_spectrogram(x.astype("f4"), sr, q="auto", **settings).energy
    return energies, fixed[2.0]


def table(scenes, seeds, snrs, colours=("pink",)):
    "{(snr, kind): {method: mean score}}"
    found = {}
    for snr in snrs:
        for colour in colours:
            for kinds in scenes:
                for seed in seeds:
                    x, components = scene(kinds, seed, snr, colour)
                    energies, S = pictures(x)
                    m = masks(S, components)
                    for method, energy in energies.items():
                        for (name, *_), value in zip(components, scores(energy, m), strict=True):
                            found.setdefault((snr, name), {}).setdefault(method, []).append(value)
    return {k: {m: float(np.mean(v)) for m, v in row.items()} for k, row in found.items()}


def show(found):
    "Print one table for each level of noise."
    for snr in sorted({k[0] for k in found}, reverse=True):
        rows = {name: row for (level, name), row in found.items() if level == snr}
        methods = list(next(iter(rows.values())))
        print(f"\n{snr} dB | " + " | ".join(methods) + " | best fixed | auto behind")
        print("|".join(["---"] * (len(methods) + 3)))
        fixed = [f"{q:g}" for q in qs]
        for name, row in rows.items():
            best = max(row[m] for m in fixed)
            print(f"{name} | " + " | ".join(f"{row[m]:.2f}" for m in methods)
                  + f" | {best:.2f} | {best - row['auto']:+.3f}")
        mean = {m: np.mean([row[m] for row in rows.values()]) for m in methods}
        best = np.mean([max(row[m] for m in fixed) for row in rows.values()])
        print("mean | " + " | ".join(f"{mean[m]:.3f}" for m in methods) + f" | {best:.3f} | {best - mean['auto']:+.3f}")
        worst = " | ".join(f"{min(row[m] for row in rows.values()):.2f}" for m in methods)
        print(f"worst | {worst} | |", flush=True)


def runs(lit):
    "Lengths of the runs along time [cells]."
    change = np.diff(lit.astype(int), axis=1, prepend=0, append=0)
    return np.argwhere(change == -1)[:, 1] - np.argwhere(change == 1)[:, 1]


def noise(seeds):
    """White noise alone, at the front door's defaults: runs of cells above their row's mean, the share of the strongest
    hundredth of all cells, and the entropy of the cells' energies (rows at mean 1)."""
    print("seed | q | mean run | 999 of 1000 runs are shorter than | longest | strongest 1 % hold | entropy")
    print("|".join(["---"] * 7))
    for seed in seeds:
        x = np.random.default_rng(seed).standard_normal(2 * sr).astype("f4")
        low = reassigned_spectrogram(x, sr, q=2).plan.minf * sr
        for q in ("auto", *qs[::2]):
            energy = reassigned_spectrogram(x, sr, q=q, fmin=low).energy
            energy /= energy.mean(axis=1, keepdims=True)
            long, top = runs(energy > 1), np.sort(energy.ravel())[-energy.size // 100:].sum() / energy.sum()
            entropy = -(energy * np.log(np.maximum(energy, 1e-30))).mean()
            print(f"{seed} | {q} | {long.mean():.2f} | {np.quantile(long, 0.999):.0f} | {long.max()} | {top:.3f} | "
                  f"{entropy:.2f}", flush=True)


def cost(seeds, recordings=()):
    """Time of q='auto' relative to one Q, at this program's settings and at the front door's defaults, with one thread
    and with two: the least of three of each, taken in turn. Of scenes, or of the first five seconds of recordings."""
    taken = ([(path.stem, *read(path, duration=5.0)) for path in recordings] or
             [(" + ".join(k.__name__ for k in kinds), scene(kinds, seed, 20)[0].astype("f4"), sr)
              for seed in seeds for kinds in tuned])
    ratios = {}
    for sound, x, rate in taken:
        for name, more in (("96 bins, 2 ms", settings | dict(hop_length=rate * hop // sr)), ("defaults", {})):
            said = []
            for threads in (1, 2):
                spent = {"auto": [], 2.0: []}
                for q in ("auto", 2.0) * 3:
                    start = time.perf_counter()
                    reassigned_spectrogram(x, rate, q=q, threads=threads, **more)
                    spent[q].append(time.perf_counter() - start)
                ratio = min(spent["auto"]) / min(spent[2.0])
                ratios.setdefault((name, threads), []).append(ratio)
                said.append(f"{ratio:.2f} with {threads}")
            print(f"{sound}, {name}: {', '.join(said)}", flush=True)
    for (name, threads), found in ratios.items():
        print(f"{name}, {threads} at a time: median {np.median(found):.2f}, largest {max(found):.2f}, "
              f"at most 4 in {sum(r <= 4 for r in found)} of {len(found)}")


def main(argv=None):
    parser = argparse.ArgumentParser(description="Score fixed Qs, three colours and q='auto' on known courses.")
    parser.add_argument("--set", choices=("tuned", "unseen"), default="tuned")
    parser.add_argument("--seeds", type=int, default=1, help="how many realisations of each scene (default: 1)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default: 0)")
    parser.add_argument("--snr", type=float, nargs="+", default=(40, 20, 10), help="levels of noise [dB]")
    parser.add_argument("--colour", nargs="+", choices=("pink", "white"), default=("pink",))
    parser.add_argument("--noise", action="store_true", help="white noise alone, instead")
    parser.add_argument("--out", type=Path, help="keep the scores in a JSON file")
    parser.add_argument("--cost", action="store_true", help="time relative to one Q, instead")
    parser.add_argument("recordings", nargs="*", type=Path, help="with --cost: sounds to take instead of scenes")
    args = parser.parse_args(argv)
    seeds = range(args.first, args.first + args.seeds)
    if args.noise or args.cost:
        noise(seeds) if args.noise else cost(seeds, args.recordings)
        return 0
    start = time.time()
    found = table(tuned if args.set == "tuned" else unseen, seeds, args.snr, args.colour)
    show(found)
    if args.out:
        rows = [dict(snr=snr, kind=kind, scores=row) for (snr, kind), row in found.items()]
        args.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{time.time() - start:.0f} s")
    return 0


if __name__ == "__main__": sys.exit(main())
