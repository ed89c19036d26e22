"""Print a hash of what each engine computes, so that a change of code which should change no result can be seen to change none.

    python benchmarks/fingerprints.py > before.txt
    … change the code …
    python benchmarks/fingerprints.py --against before.txt

Hashes differ between machines (FFTs round differently), so none are stored. One thread is enough: the engines' sums are in a fixed order.
"""

import argparse
import hashlib
import sys
from importlib import import_module

import numpy as np


def find(name, *modules):
    for module in modules:
        try: return getattr(import_module(f"spectral_hyperresolution.{module}"), name)
        except (ImportError, AttributeError): pass
    raise ImportError(f"{name} is in none of {modules}")


def sha(*arrays):
    digest = hashlib.sha256()
    for a in arrays:
        if hasattr(a, "detach"): a = a.detach().cpu().numpy()
        if hasattr(a, "toarray"): a = a.toarray()
        a = np.ascontiguousarray(a)
        digest.update(str((a.shape, a.dtype.str)).encode())
        digest.update(a.tobytes())
    return digest.hexdigest()[:16]


fixture_names = find("fixture_names", "style", "house", "workshop", "engine.checks", "testing")
fixture = find("fixture", "style", "house", "workshop", "engine.checks", "testing")
arguments = find("arguments", "style", "house", "workshop", "engine.checks", "testing")
Plan = find("Plan", "engine.plan", "plan")
reassign = find("reassign", "engine.gate", "engine.reassign", "linear_reassignment")
open_cells = find("open_cells", "engine.gate", "linear_reassignment")
literal_loop = find("literal_loop", "engine.definition", "linear_reassignment")
published = find("high_resolution_spectrogram", "linear_reassignment")
published_sparse = find("high_resolution_spectrogram_sparse", "linear_reassignment")


def plan_of(case): return Plan(len(case["x"]), *arguments(case)[1:])


def engines():
    for name in fixture_names():
        case, plan = fixture(name), plan_of(fixture(name))
        x = case["x"]
        if plan.n_samples < 6000: yield f"literal {name}", literal_loop(x, plan)
        yield f"published {name}", [published(*arguments(case)), published_sparse(*arguments(case))]
        yield f"parity {name}", reassign(x, plan, mode="parity")
        for dtype in (np.float32, np.float64):
            for boundary in ("wrap", "zero", "reflect"):
                yield f"fast {name} {dtype.__name__} {boundary}", reassign(x.astype(dtype), plan, boundary=boundary)
        yield f"fast {name} dense", reassign(x, plan, density=7.0, silence=False)
        energy, counts = reassign(x, plan)
        yield f"gate {name}", [open_cells(counts, plan, gate) for gate in ("local", "global", None)]
    noise = np.random.default_rng(5).standard_normal((40_000, 2))
    for values in ((2.0, 32, 4, 24, 0.01, 0.4), (0.25, 7, 9, 5, 0.002, 0.5), (30.0, 128, 3, 96, 0.005, 0.45), (4, 1, 1, 12, 0.1, 0.5, 0.3), (1, 500, 0.5, 48, 0.01, 0.4)):
        plan = Plan(40_000, *values)
        for dtype in (np.float32, np.float64): yield f"fast noise {values} {dtype.__name__}", reassign(noise.astype(dtype), plan)
        yield f"window {values}", reassign(noise, plan, window=(plan.n_times // 3, plan.n_times // 2, 2, plan.n_bins // 2), boundary="zero")
    long = np.random.default_rng(6).standard_normal(90_001)
    yield "parity blocks", reassign(long, Plan(90_001, 2, 100, 2, 12, 0.01, 0.45), mode="parity")
    plan = Plan(90_001, 2, 100, 2, 12, 0.01, 0.45)
    yield "axes", [plan.scan_frequencies, plan.scan_sigma_f, plan.bin_frequencies, plan.bin_edges, plan.time_edges, plan.times]


def front_door():
    call = find("reassigned_spectrogram", "spectrogram")
    signals = sounds()
    pair = np.stack([signals.bird_song(1.0, 22050), signals.bird_song(1.0, 22050, seed=2)])
    for kw in ({}, dict(q=6, fmin=900, fmax=9000, bins_per_octave=96), dict(pool=True), dict(gate="global", boundary="wrap"), dict(dtype="float32"),
               dict(mode="parity", boundary="wrap", hop_length=300, bins_per_octave=12, oversampling=3)):
        S = call(pair, 22050, **kw)
        yield f"front door {kw}", [S.energy, S.counts, S.frequencies, S.times, S.time_edges, S.frequency_edges, S.db()]
    yield "front door int16", [call(np.round(pair * 30000).astype(np.int16), 22050).energy]


class sounds:
    def __getattr__(self, name): return find(name, "theory.signals", "theory.voices", "theory.animals", "theory.sounds", "theory.organs", "signals")


def theory():
    gabor_transform, gabor_reassign = find("gabor_transform", "theory.gabor", "gabor"), find("reassign", "theory.gabor", "gabor")
    histogram = find("reassigned_histogram", "theory.histogram", "histogram")
    s = sounds()
    for name, made in dict(dolphin_like=(1.0,), bird_song=(1.0,), whale_like=(3.0,), harmonic_voice=(1.0,), machine_hum=(1.0,), sung_line=(1.0,),
                           syrinx_song=(0.5,), white_noise=(500, 3, True), tone=(64, 0.3), click=(64, 9), sweep=(64, 0.01), gaussian_sweep=(64, 0.01, 1, 30, 9)).items():
        yield f"signal {name}", [getattr(s, name)(*made)]
    x = s.white_noise(256, 3, True)
    omegas = np.linspace(-1, 7, 50)
    chi, eta = gabor_transform(x, omegas, 5.0)
    yield "gabor", [chi, eta, *gabor_reassign(chi, eta, np.arange(256), omegas, 5.0), *gabor_transform(x, omegas, 5.0, [3.3, 9.1], order=3)]
    edges = np.linspace(0, 256, 65), np.linspace(0, 6.28, 41)
    for method in ("nearest", "bilinear"): yield f"histogram {method}", [histogram(x, 6.0, *edges, grid=(512, 300), method=method)]


def paper():
    s = sounds()
    find_zeros, froth, winding = (find(n, "theory.zeros", "theory.froth", "theory.sparsity", "zeros") for n in ("find_zeros", "froth", "winding"))
    noise = s.white_noise(128, 1)
    yield "zeros", find_zeros(noise, 4.5)
    yield "winding", [winding(noise, 4.5, np.linspace(0, 100, 81), np.linspace(0, 3, 31))]
    for kw in ({}, dict(density=2), dict(method="bilinear", carried=False)): yield f"froth {kw}", [froth(noise, **kw)]
    detection = find("detection", "theory.detection", "theory.zeros", "theory.sparsity", "zeros")
    yield "detection", detection([0.3, 0.5], 3, 5, 128)
    complex_spectrogram, complex_histogram = (find(n, "theory.phase", "phase") for n in ("complex_spectrogram", "complex_histogram"))
    Bank = find("Bank", "theory.phase", "phase", "theory.bank")
    sound = s.harmonic_voice(0.2)
    for kw in ({}, dict(q=6), dict(sigma_t=0.004), dict(sigma_t=0.004, second_order=False, hop_length=4, boundary="wrap")):
        yield f"complex spectrogram {kw}", [complex_spectrogram(sound, 16000, **kw).complex]
    bank = Bank.uniform(len(sound), 30.0, 80)
    for kw in (dict(hop=4), dict(centre=False, linear=False)): yield f"complex histogram {kw}", [complex_histogram(sound, bank, **kw)]
    analyse = find("analyse", "theory.resynthesis", "resynthesis", "phase")
    near_contour, in_box = (find(n, "theory.resynthesis", "theory.regions", "resynthesis", "phase") for n in ("near_contour", "in_box"))
    for kw in ({}, dict(sigma_t=0.004)):
        A = analyse(sound, 16000, **kw)
        box = A.select(in_box((0.05, 0.1), (200, 2000)))
        strip = A.select(near_contour([0.0, 0.2], [500, 900], 100))
        yield f"sources {kw}", [A.chi, A.t, A.f, A.synthesise(), box, A.synthesise(box), A.synthesise(strip)]
    consensus, footprint = (find(n, "consensus", "theory.consensus") for n in ("consensus", "footprint"))
    C = consensus(s.bird_song(0.6, 22050), 22050, tolerance=1, agree=2)
    yield "consensus", [C.energy, C.counts, C.support, footprint(C.pictures[0], floor=-40)]
    uniform, stable, arrivals = (find(n, "theory.consensus", "theory.drift", "consensus") for n in ("consensus_histogram", "stable_histogram", "arrivals"))
    edges = np.linspace(0, 128, 65), np.linspace(0, 3, 41)
    yield "consensus histogram", uniform(noise, [3, 4, 5], *edges, grid=(256, 128))
    yield "stable histogram", [stable(noise, [3, 4, 5], *edges, grid=(256, 128), across=True), *arrivals(noise, 4.0, *edges, grid=(256, 128), most=0.5)]


def torch_engine():
    import torch
    torch.set_num_threads(1)
    modules = ("pytorch.engine", "pytorch.published", "linear_reassignment_pytorch")
    reassign_, opened, open_name = (find(n, *modules, "pytorch.gate", "pytorch.layer") for n in ("reassign", "open_cells", "high_resolution_spectrogram"))
    vectorized = find("high_resolution_spectrogram", "linear_reassignment_pytorch_vectorized")
    Layer = find("LinearReassignment", "pytorch.layer", "linear_reassignment_pytorch")
    for name in ("tone_click_sweep", "whistle_stereo", "short_odd", "click_train"):
        case, plan = fixture(name), plan_of(fixture(name))
        x = torch.from_numpy(case["x"])
        yield f"torch published {name}", [open_name(*arguments(case)), vectorized(*arguments(case), chunks=3)]
        for dtype in (torch.float32, torch.float64):
            for compiled in (True, False): yield f"torch fast {name} {dtype} {compiled}", reassign_(x.to(dtype), plan, compiled=compiled, boundary="zero")
            yield f"torch soft {name} {dtype}", reassign_(x.to(dtype), plan, soft=0.5)
        yield f"torch parity soft {name}", reassign_(x, plan, "parity", soft=True)
        yield f"torch gate {name}", [opened(reassign_(x, plan)[1], plan, gate) for gate in ("local", "global")]
    plan = Plan(600, 1, 20, 2, 6, 0.05, 0.4)
    z = torch.from_numpy(np.random.default_rng(2).standard_normal(600)).requires_grad_()
    for mode in ("fast", "parity"):
        energy = reassign_(z, plan, mode, soft=True)[0]
        yield f"torch gradient {mode}", torch.autograd.grad((energy * torch.arange(energy.numel(), dtype=torch.float64).reshape(energy.shape)).sum(), z)
    batch = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 3, 8000))).float()
    for kw in ({}, dict(q=4, gate=None, bins_per_octave=24), dict(soft=True), dict(gate="global", boundary="wrap", mode="parity", hop_length=400, bins_per_octave=12)):
        layer = Layer(16000, **kw)
        yield f"layer {kw}", [layer(batch), layer.frequencies]


def explorer():
    s = sounds()
    modules = ("explore.window", "explorer", "explore.sound", "explore.recording", "explore.view")
    Sound, View, compute, window_plan = (find(n, *modules) for n in ("Sound", "View", "compute", "window_plan"))
    sound = Sound(np.stack([s.dolphin_like(2.0, 48000), s.dolphin_like(2.0, 48000, seed=3)]), 48000)
    for box in (dict(t0=0.2, t1=0.3, f0=3000, f1=20000), dict(t0=0.0, t1=1.9, f0=100, f1=24000, q=(6.0,), channel=2), dict(t0=1.0, t1=1.001, f0=9000, f1=9500, q=(40.0,))):
        view = View(**box, width=400, height=200)
        W = compute(sound, view)
        plan, first, cells = window_plan(view.check(sound), sound.sr, view.q[0])
        yield f"explorer {box}", [W.energy, W.counts, W.level(), W.times, W.frequencies, [first, *cells, plan.n_samples]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", help="a file that an earlier run printed; exit status 1 where anything differs")
    args = parser.parse_args()
    before = dict(line.rstrip("\n").rsplit("\t", 1) for line in open(args.against, encoding="utf-8")) if args.against else None
    found, differ = 0, []
    for part in (engines, front_door, theory, paper, torch_engine, explorer):
        for name, arrays in part():
            found += 1
            digest = sha(*arrays)
            if before is None: print(name, digest, sep="\t", flush=True)
            elif before.pop(name, None) != digest: differ.append(name)
    if before is None: return 0
    for name in differ: print("differs:", name)
    for name in before: print("gone:", name)
    print(f"{found} results, {len(differ)} differ, {len(before)} gone")
    return 1 if differ or before else 0


if __name__ == "__main__": sys.exit(main())
