"""Measure the stored numbers of the chapters on noise (nbs/data/noise.json), and print them as JSON.

    python benchmarks/noise.py
    python benchmarks/noise.py --full --workers 2 > nbs/data/noise.json

The first is a small sample, in seconds; the second is what the chapters store, in minutes.
"""

import argparse
import json
import sys

import numpy as np

from spectral_hyperresolution.theory.detection import detected, detection, rates
from spectral_hyperresolution.theory.froth import choices, sparsity


def measure(full=False, workers=2):
    "Entropies, laws, choices and detection (Gardner & Magnasco 2006, Figs. 3 and 4), ready for JSON."
    sizes, realisations, few = ((128, 256, 512, 1024, 2048, 4096), 51, 24) if full else ((64, 128), 4, 2)
    result = {"sizes": sizes, "realisations": realisations, "choice_realisations": few}

    def brief(values, digits): return [[float(f"{v:.{digits}g}") for v in row] for row in values]

    for method in ("nearest", "bilinear"):
        run = sparsity(sizes, realisations, workers=workers, method=method)
        spread = run["entropy"].std(axis=1, ddof=1) / np.sqrt(realisations)
        result[method] = {"mean": brief(run["entropy"].mean(axis=1), 5), "error": brief(spread, 3)}
        result[method]["law"] = brief(run["law"][-1], 3)
    runs = {name: sparsity(sizes[:4], few, workers=workers, **options) for name, options in choices.items()}
    result["choices"] = {name: brief([run["entropy"][:, :, 1].mean(axis=1)], 5)[0] for name, run in runs.items()}
    amplitudes, trials, noise_trials = (0.4,), 20, 60
    if full: amplitudes, trials, noise_trials = np.round(np.arange(0.1, 0.75, 0.05), 2), 1000, 4000
    noise, tones = detection(amplitudes, trials, noise_trials, workers=workers)
    result["detection"] = {"amplitudes": list(map(float, amplitudes)), "trials": trials, "noise_trials": noise_trials,
                           "found": [detected(noise, tones, rate).tolist() for rate in rates]}
    return result


def main(argv=None):
    parser = argparse.ArgumentParser(description="Measure the numbers of the chapters on noise.")
    parser.add_argument("--full", action="store_true", help="all that the chapters store, in minutes; else a sample")
    parser.add_argument("--workers", type=int, default=2, help="threads (default: 2)")
    arguments = parser.parse_args(argv)
    if arguments.workers < 1: parser.error(f"--workers {arguments.workers} is not a whole number >= 1")
    print(json.dumps(measure(arguments.full, arguments.workers)))
    return 0


if __name__ == "__main__": sys.exit(main())
