"""Print how far the fast mode's error is from its tolerance, over random plans and sounds of every kind.

python benchmarks/tolerance.py
python benchmarks/tolerance.py --seeds 400 --base 11

The judge is that of tests/test_tolerance.py, which shares no code with the engine.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from test_tolerance import KINDS, brute, error, random_plan, sound

from spectral_hyperresolution.engine.reassign import reassign


def measure(seeds=400, base=7, tolerances=(0.01, 0.1)):
    "Print the distribution of error / tolerance, and every case beyond 0.8."
    rows = []
    for seed in range(seeds):
        rng = np.random.default_rng([base, seed])
        p, kind, boundary = random_plan(rng), KINDS[seed % len(KINDS)], str(rng.choice(["wrap", "zero", "reflect"]))
        x = sound(kind, p, rng)
        exact, _ = brute(x, p, boundary)
        for tolerance in tolerances:
            energy, _ = reassign(x, p, boundary=boundary, tolerance=tolerance, silence=False)
            rows.append((error(energy, exact) / tolerance, tolerance, seed, kind, boundary, p))
    ratio = np.array([row[0] for row in rows])
    print(f"{len(ratio)} pictures: error / tolerance has median {np.median(ratio):.2f}, 90 % are below "
          f"{np.quantile(ratio, 0.9):.2f}, {(ratio > 1).sum()} above 1")
    for value, tolerance, seed, kind, boundary, p in sorted(rows, key=lambda row: -row[0]):
        if value < 0.8: break
        print(f"{value:5.2f}  tolerance {tolerance:g}, seed {seed}, {kind}, {boundary}, q={p.q:.2f} hop={p.tdeci} "
              f"bins={p.noct} over={p.over} up to {p.maxf:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=400, help="number of random plans (default: 400)")
    parser.add_argument("--base", type=int, default=7, help="of their seeds (default: 7)")
    measure(**vars(parser.parse_args()))
