"""Find a chirp's rate from a wrong start by gradient descent, with two losses, and print how often it is found.

    python benchmarks/recovery.py
    python benchmarks/recovery.py --write nbs/data/recovery.json
    python benchmarks/recovery.py --seeds 10 --steps 40

The chirp begins at 300 Hz and ends, 0.1 s later, somewhere from 0.5 octaves below to 2 octaves above; the end is the
one unknown. The aim has an unknown phase, and in the second case as much noise as chirp. Each loss is tried with
two step sizes of Adam, which fall to zero along a half cosine. "Found" is an end
within a hundredth of an octave. Seconds are of processor time, forward and backward, for one step of one sound.
"""

import argparse
import json
import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from time import process_time

import torch

from spectral_hyperresolution.pytorch.loss import ReassignedLoss

SR, SECONDS, START = 4000, 0.1, 300.0
RATES = 0.04, 0.12
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # sounds (…, time), twice: a number for each


def chirp(
    octaves: torch.Tensor,            # from its first to its last frequency, (sounds,)
    phase: torch.Tensor | float = 0,  # at the beginning, (sounds, 1) [rad]
) -> torch.Tensor:                    # (sounds, time)
    "Chirps whose frequency is linear in time."
    t = torch.arange(round(SR * SECONDS)) / SR
    rate = START * (2**octaves[:, None] - 1) / SECONDS
    return torch.sin(2 * math.pi * (START * t + rate * t**2 / 2) + phase)


def log_stft(x: torch.Tensor, y: torch.Tensor, sizes: tuple[int, ...] = (256, 128, 64)) -> torch.Tensor:
    "Spectral convergence and the L1 difference of log magnitudes, averaged over three windows (Yamamoto et al. 2020)."
    total = torch.zeros(len(x))
    for size in sizes:
        spectrum = [torch.stft(s, size, size // 4, window=torch.hann_window(size), return_complex=True) for s in (x, y)]
        ours, theirs = ((s.real**2 + s.imag**2).clamp(1e-7).sqrt() for s in spectrum)
        total = total + ((theirs - ours).square().sum((1, 2)) / theirs.square().sum((1, 2))).sqrt()
        total = total + (theirs.log() - ours.log()).abs().mean((1, 2))
    return total / len(sizes)


def descend(loss: Loss, aim: torch.Tensor, start: torch.Tensor, rate: float, steps: int) -> torch.Tensor:
    "The octaves where Adam ends, sound by sound."
    octaves = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([octaves], rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(chirp(octaves), aim).sum().backward()
        optimiser.step()
        falling.step()
    return octaves.detach()


def run(name: str, noise: float, rate: float, seeds: int, steps: int) -> dict:
    "One loss on all chirps with one step size."
    torch.set_num_threads(1)
    draw = torch.stack([torch.rand(3, generator=torch.Generator().manual_seed(seed)) for seed in range(seeds)], 1)
    right, start, phase = 2.5 * draw[0] - 0.5, 2.5 * draw[1] - 0.5, 2 * math.pi * draw[2]
    aim = chirp(right, phase[:, None])
    hiss = [torch.randn(aim.shape[1], generator=torch.Generator().manual_seed(seed)) for seed in range(seeds)]
    aim = aim + noise * aim.square().mean().sqrt() * torch.stack(hiss)
    reassigned = ReassignedLoss(SR, q=(1, 3), fmin=150, fmax=1600, bins_per_octave=8, hop_length=20, oversampling=1,
                                density=1.25, reduction="none")
    begin = process_time()
    error = (descend(dict(LOSSES, ReassignedLoss=reassigned)[name], aim, start, rate, steps) - right).abs()
    seconds = (process_time() - begin) / steps / seeds
    return dict(loss=name, noise=noise, rate=rate, found=int((error < 0.01).sum()), near=int((error < 0.1).sum()),
                median=float(error.median()), seconds=seconds, seeds=seeds, steps=steps)


LOSSES: dict[str, Loss | None] = {"ReassignedLoss": None, "log STFT": log_stft}  # the first has tables


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="chirps")
    parser.add_argument("--steps", type=int, default=40, help="steps of Adam")
    parser.add_argument("--write", help="file for the rows, JSON")
    given = parser.parse_args()
    cases = list(product(LOSSES, (0.0, 1.0), RATES, [given.seeds], [given.steps]))
    with ProcessPoolExecutor() as pool: rows = list(pool.map(run, *zip(*cases, strict=True)))
    print("| loss | noise / chirp | step size | found | within 0.1 octaves | median error [octaves] | ms a step |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        print(f"| {row['loss']} | {row['noise']:g} | {row['rate']:g} | {row['found']} of {row['seeds']} "
              f"| {row['near']} | {row['median']:.1g} | {1e3 * row['seconds']:.2g} |")
    if given.write:
        with open(given.write, "w", encoding="utf-8") as file: json.dump(rows, file, indent=1)
