"""Print a hash of what each engine computes: a change of code that should change no result can be shown to change none.

    python benchmarks/fingerprints.py > before.txt
    … change the code …
    python benchmarks/fingerprints.py --against before.txt

Hashes differ between processors, whose compilers and FFTs round differently, so none are stored.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np

from spectral_hyperresolution.consensus import consensus, footprint
from spectral_hyperresolution.engine.definition import literal_loop
from spectral_hyperresolution.engine.gate import open_cells
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.published import (
    high_resolution_spectrogram,
    high_resolution_spectrogram_sparse,
)
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.explore.window import Sound, View, compute, window_plan
from spectral_hyperresolution.spectrogram import reassigned_spectrogram
from spectral_hyperresolution.testing import arguments, fixture, fixture_names
from spectral_hyperresolution.theory import gabor, organs, signals, sounds
from spectral_hyperresolution.theory.bank import Bank
from spectral_hyperresolution.theory.consensus import consensus_histogram, energy_and_density
from spectral_hyperresolution.theory.detection import detection
from spectral_hyperresolution.theory.drift import stable_histogram, steady
from spectral_hyperresolution.theory.froth import froth
from spectral_hyperresolution.theory.histogram import reassigned_histogram
from spectral_hyperresolution.theory.phase import complex_histogram, complex_spectrogram
from spectral_hyperresolution.theory.regions import in_box, near_contour
from spectral_hyperresolution.theory.resynthesis import analyse
from spectral_hyperresolution.theory.zeros import find_zeros, winding


def sha(*arrays):
    digest = hashlib.sha256()
    for a in arrays:
        if hasattr(a, "detach"):
            a = a.detach().cpu().numpy()
        if hasattr(a, "toarray"):
            a = a.toarray()
        a = np.ascontiguousarray(a)
        digest.update(str((a.shape, a.dtype.str)).encode())
        digest.update(a.tobytes())
    return digest.hexdigest()[:16]


def plan_of(case):
    return Plan(len(case["x"]), *arguments(case)[1:])


def engines():
    for name in fixture_names():
        case, plan = fixture(name), plan_of(fixture(name))
        x = case["x"]
        if plan.n_samples < 6000:
            yield f"literal {name}", literal_loop(x, plan)
        yield (
            f"published {name}",
            [
                high_resolution_spectrogram(*arguments(case)),
                high_resolution_spectrogram_sparse(*arguments(case)),
            ],
        )
        yield f"parity {name}", reassign(x, plan, mode="parity")
        for dtype in (np.float32, np.float64):
            for boundary in ("wrap", "zero", "reflect"):
                yield (
                    f"fast {name} {dtype.__name__} {boundary}",
                    reassign(x.astype(dtype), plan, boundary=boundary),
                )
        yield f"fast {name} dense", reassign(x, plan, density=7.0, silence=False)
        counts = reassign(x, plan)[1]
        yield f"gate {name}", [open_cells(counts, plan, gate) for gate in ("local", "global", None)]
    noise = np.random.default_rng(5).standard_normal((40_000, 2))
    for values in (
        (2.0, 32, 4, 24, 0.01, 0.4),
        (0.25, 7, 9, 5, 0.002, 0.5),
        (30.0, 128, 3, 96, 0.005, 0.45),
        (4, 1, 1, 12, 0.1, 0.5, 0.3),
        (1, 500, 0.5, 48, 0.01, 0.4),
    ):
        plan = Plan(40_000, *values)
        for dtype in (np.float32, np.float64):
            yield f"fast noise {values} {dtype.__name__}", reassign(noise.astype(dtype), plan)
        yield (
            f"window {values}",
            reassign(
                noise,
                plan,
                window=(plan.n_times // 3, plan.n_times // 2, 2, plan.n_bins // 2),
                boundary="zero",
            ),
        )
    long = np.random.default_rng(6).standard_normal(90_001)
    yield "parity blocks", reassign(long, Plan(90_001, 2, 100, 2, 12, 0.01, 0.45), mode="parity")
    plan = Plan(90_001, 2, 100, 2, 12, 0.01, 0.45)
    yield (
        "axes",
        [
            plan.scan_frequencies,
            plan.scan_sigma_f,
            plan.bin_frequencies,
            plan.bin_edges,
            plan.time_edges,
            plan.times,
        ],
    )


def front_door():
    pair = np.stack([sounds.bird_song(1.0, 22050), sounds.bird_song(1.0, 22050, seed=2)])
    for kw in (
        {},
        dict(q=6, fmin=900, fmax=9000, bins_per_octave=96),
        dict(pool=True),
        dict(gate="global", boundary="wrap"),
        dict(dtype="float32"),
        dict(mode="parity", boundary="wrap", hop_length=300, bins_per_octave=12, oversampling=3),
    ):
        S = reassigned_spectrogram(pair, 22050, **kw)
        yield (
            f"front door {kw}",
            [S.energy, S.counts, S.frequencies, S.times, S.time_edges, S.frequency_edges, S.db()],
        )
    yield (
        "front door int16",
        [reassigned_spectrogram(np.round(pair * 30000).astype(np.int16), 22050).energy],
    )


def theory():
    for make, made in (
        (sounds.dolphin_like, (1.0,)),
        (sounds.bird_song, (1.0,)),
        (sounds.whale_like, (3.0,)),
        (sounds.harmonic_voice, (1.0,)),
        (sounds.machine_hum, (1.0,)),
        (organs.sung_line, (1.0,)),
        (organs.syrinx_song, (0.5,)),
        (signals.white_noise, (500, 3, True)),
        (signals.tone, (64, 0.3)),
        (signals.click, (64, 9)),
        (signals.sweep, (64, 0.01)),
        (signals.gaussian_sweep, (64, 0.01, 1, 30, 9)),
    ):
        yield f"signal {make.__name__}", [make(*made)]
    x = signals.white_noise(256, 3, True)
    omegas = np.linspace(-1, 7, 50)
    chi, eta = gabor.gabor_transform(x, omegas, 5.0)
    yield (
        "gabor",
        [
            chi,
            eta,
            *gabor.reassign(chi, eta, np.arange(256), omegas, 5.0),
            *gabor.gabor_transform(x, omegas, 5.0, [3.3, 9.1], order=3),
        ],
    )
    edges = np.linspace(0, 256, 65), np.linspace(0, 6.28, 41)
    for method in ("nearest", "bilinear"):
        yield (
            f"histogram {method}",
            [reassigned_histogram(x, 6.0, *edges, grid=(512, 300), method=method)],
        )


def paper():
    noise = signals.white_noise(128, 1)
    yield "zeros", find_zeros(noise, 4.5)
    yield "winding", [winding(noise, 4.5, np.linspace(0, 100, 81), np.linspace(0, 3, 31))]
    for kw in ({}, dict(density=2), dict(method="bilinear", carried=False)):
        yield f"froth {kw}", [froth(noise, **kw)]
    yield "detection", detection([0.3, 0.5], 3, 5, 128)
    sound = sounds.harmonic_voice(0.2)
    for kw in (
        {},
        dict(q=6),
        dict(sigma_t=0.004),
        dict(sigma_t=0.004, second_order=False, hop_length=4, boundary="wrap"),
    ):
        yield f"complex spectrogram {kw}", [complex_spectrogram(sound, 16000, **kw).complex]
    bank = Bank.uniform(len(sound), 30.0, 80)
    for kw in (dict(hop=4), dict(centre=False, linear=False)):
        yield f"complex histogram {kw}", [complex_histogram(sound, bank, **kw)]
    for kw in ({}, dict(sigma_t=0.004)):
        A = analyse(sound, 16000, **kw)
        box = A.select(in_box((0.05, 0.1), (200, 2000)))
        strip = A.select(near_contour([0.0, 0.2], [500, 900], 100))
        yield (
            f"sources {kw}",
            [A.chi, A.t, A.f, A.synthesise(), box, A.synthesise(box), A.synthesise(strip)],
        )
    C = consensus(sounds.bird_song(0.6, 22050), 22050, tolerance=1, agree=2)
    yield "consensus", [C.energy, C.counts, C.support, footprint(C.pictures[0], floor=-40)]
    edges = np.linspace(0, 128, 65), np.linspace(0, 3, 41)
    yield "consensus histogram", consensus_histogram(noise, [3, 4, 5], *edges, grid=(256, 128))
    yield (
        "stable histogram",
        [
            stable_histogram(noise, [3, 4, 5], *edges, grid=(256, 128), across=True),
            *energy_and_density(noise, 4.0, *edges, grid=(256, 128), keep=steady(0.5), order=3),
        ],
    )


def torch_engine():
    import torch

    from spectral_hyperresolution.linear_reassignment_pytorch_vectorized import (
        high_resolution_spectrogram as vectorized,
    )
    from spectral_hyperresolution.pytorch import engine
    from spectral_hyperresolution.pytorch.layer import LinearReassignment

    torch.set_num_threads(1)
    for name in ("tone_click_sweep", "whistle_stereo", "short_odd", "click_train"):
        case, plan = fixture(name), plan_of(fixture(name))
        x = torch.from_numpy(case["x"])
        yield (
            f"torch published {name}",
            [
                engine.high_resolution_spectrogram(*arguments(case)),
                vectorized(*arguments(case), chunks=3),
            ],
        )
        for dtype in (torch.float32, torch.float64):
            for compiled in (True, False):
                yield (
                    f"torch fast {name} {dtype} {compiled}",
                    engine.reassign(x.to(dtype), plan, compiled=compiled, boundary="zero"),
                )
            yield f"torch soft {name} {dtype}", engine.reassign(x.to(dtype), plan, soft=0.5)
        yield f"torch parity soft {name}", engine.reassign(x, plan, "parity", soft=True)
        yield (
            f"torch gate {name}",
            [
                engine.open_cells(engine.reassign(x, plan)[1], plan, gate)
                for gate in ("local", "global")
            ],
        )
    plan = Plan(600, 1, 20, 2, 6, 0.05, 0.4)
    z = torch.from_numpy(np.random.default_rng(2).standard_normal(600)).requires_grad_()
    for mode in ("fast", "parity"):
        energy = engine.reassign(z, plan, mode, soft=True)[0]
        yield (
            f"torch gradient {mode}",
            torch.autograd.grad(
                (
                    energy * torch.arange(energy.numel(), dtype=torch.float64).reshape(energy.shape)
                ).sum(),
                z,
            ),
        )
    batch = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, 8000))).float()
    for kw in (
        {},
        dict(q=4, gate=None, bins_per_octave=24),
        dict(soft=True),
        dict(gate="global", boundary="wrap", mode="parity", hop_length=400, bins_per_octave=12),
    ):
        layer = LinearReassignment(16000, **kw)
        yield f"layer {kw}", [layer(batch), layer.frequencies]


def explorer():
    sound = Sound(
        np.stack([sounds.dolphin_like(2.0, 48000), sounds.dolphin_like(2.0, 48000, seed=3)]), 48000
    )
    for box in (
        dict(t0=0.2, t1=0.3, f0=3000, f1=20000),
        dict(t0=0.0, t1=1.9, f0=100, f1=24000, q=(6.0,), channel=2),
        dict(t0=1.0, t1=1.001, f0=9000, f1=9500, q=(40.0,)),
    ):
        view = View(**box, width=400, height=200)
        W = compute(sound, view)
        plan, first, cells = window_plan(view.check(sound), sound.sr, view.q[0])
        yield (
            f"explorer {box}",
            [
                W.energy,
                W.counts,
                W.level(),
                W.times,
                W.frequencies,
                [first, *cells, plan.n_samples],
            ],
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--against", help="a file that an earlier run printed; exit status 1 where anything differs"
    )
    args = parser.parse_args()
    before = None
    if args.against:
        lines = Path(args.against).read_text(encoding="utf-8").splitlines()
        before = dict(line.rsplit("\t", 1) for line in lines)
    found, differ = 0, []
    for part in (engines, front_door, theory, paper, torch_engine, explorer):
        for name, arrays in part():
            found += 1
            digest = sha(*arrays)
            if before is None:
                print(name, digest, sep="\t", flush=True)
            elif before.pop(name, None) != digest:
                differ.append(name)
    if before is None:
        return 0
    for name in differ:
        print("differs:", name)
    for name in before:
        print("gone:", name)
    print(f"{found} results, {len(differ)} differ, {len(before)} gone")
    return 1 if differ or before else 0


if __name__ == "__main__":
    sys.exit(main())
