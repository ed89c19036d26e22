"""The fast mode's error is within its tolerance, judged by a brute force that shares no code with the engine.

It sends every sample of every filter, by plain FFTs of the whole sound, in float64. Tones carry noise 60 dB below them
and clicks lie between samples: where a point is exactly on the edge between two cells, rounding decides in any
program.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from numba import njit

from spectral_hyperresolution import testing
from spectral_hyperresolution.engine.gate import open_cells
from spectral_hyperresolution.engine.plan import Plan, default_plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.engine.steps import Frame, _cells

KINDS = ("noise", "pink", "tone", "sweep", "clicks", "tones", "wobble", "lowest tone", "highest tone", "recording")


def brute(x, p, boundary, soft=0.0):
    """Energy and counts before the gate, (n_times, n_bins), highest frequency first: the authors' program. With `soft`,
    a reassigned point's share of a neighbouring cell rises from 0 to 1 over that many cells about their common edge."""
    N, n_filters = len(x), int(np.ceil(np.ceil(p.noct * np.log2(p.maxf / p.minf) + 1) * p.over))
    linear = getattr(p, "rows", 0)                  # so many cells of one height, or cells of one ratio
    rows, columns = int(np.ceil(N / p.tdeci)), linear or int(np.ceil(p.noct * np.log2(p.maxf / p.minf) + 1))
    beyond = 0 if boundary == "wrap" else max(min(int(9 * p.q / p.minf) + 2, 8 * N),
                                             2**14 if p.maxf * (1 + 1.5 / p.q) > 0.5 else 0)
    x = np.pad(np.asarray(x, float), beyond, mode="symmetric" if boundary == "reflect" else "constant")
    # a kind length, where silence or mirrored sound may follow
    M = len(x) if boundary == "wrap" else next(m for m in range(len(x), 2 * len(x)) if smooth(m))
    X, nu = np.fft.fft(x, M), np.arange(M) / M
    nu[nu > 0.5] -= 1
    energy, counts = np.zeros(rows * columns), np.zeros(rows * columns)
    for j in range(n_filters):
        f0 = p.minf * 2 ** (j / (p.over * p.noct))
        width = f0 / (2 * np.pi * p.q)
        u = (nu - f0) / width
        band = np.exp(-(u**2) / 2) * X
        chi, eta = (np.fft.ifft(b)[beyond:beyond + N] for b in (band, -u * band))
        with np.errstate(all="ignore"):
            m = eta / chi
            t, f = np.arange(1, N + 1) + m.imag / (2 * np.pi * width), f0 - width * m.real
            lands = (np.abs(m) < p.lint) & (f > p.minf) & (f < p.maxf) & (t >= 1) & (t < N)
            row, column = t / p.tdeci, 0.5 - p.noct * np.log2(f / p.maxf)
            if linear: column = (p.maxf - f) / (p.maxf - p.minf) * linear
        power = np.abs(chi[lands]) ** 2
        for r, share_r in shares(row[lands], rows, soft):
            for c, share_c in shares(column[lands], columns, soft):
                cell, share = (r * columns + c).astype(int), share_r * share_c
                energy += np.bincount(cell, power * share, rows * columns)
                counts += np.bincount(cell, share, rows * columns)
    return energy.reshape(rows, columns), counts.reshape(rows, columns)


def shares(place, size, soft):
    "The cells that share reassigned points at `place` (cell n from n to n + 1), and how much each receives."
    if not soft: return [(np.floor(place), np.ones(len(place)))]
    edge = np.round(place)
    above = np.clip(0.5 + (place - edge) / soft, 0, 1)
    return [(np.clip(edge - 1, 0, size - 1), 1 - above), (np.clip(edge, 0, size - 1), above)]


def smooth(m):
    for prime in (2, 3, 5):
        while m % prime == 0: m //= prime
    return m == 1


def sound(kind, p, rng):
    N, n = p.n_samples, np.arange(p.n_samples)
    octaves = np.log2(p.maxf / p.minf)
    if kind == "noise": return rng.standard_normal(N)
    if kind == "recording":
        case = testing.fixture("dolphin_like")["x"][:, 0]
        begin = rng.integers(0, max(1, len(case) - N))
        return np.resize(case[begin:], N) + 1e-3 * case.std() * rng.standard_normal(N)
    if kind == "pink":
        X = np.fft.rfft(rng.standard_normal(N))
        return np.fft.irfft(X / np.sqrt(np.maximum(np.arange(len(X)), 1)), N)
    if kind == "clicks":
        nu = np.fft.rfftfreq(N)
        at = np.append(rng.uniform(3, N - 4, max(60, N // 500)), [3.3, N - 5.4])
        x = np.fft.irfft(sum(rng.choice([-1, 1]) * np.exp(-2j * np.pi * nu * a) for a in at), N)
    else:
        f = {"tone": p.minf * 2 ** (octaves * rng.uniform(0.05, 0.95)), "lowest tone": p.minf * (1 + 0.2 / p.noct),
             "highest tone": p.maxf * (1 - 0.2 / p.noct), "sweep": 1.05 * p.minf * (0.92 * p.maxf / p.minf) ** (n / N),
             "tones": p.minf * 2 ** (octaves * np.linspace(0.04, 0.97, 7)[:, None]),
             "wobble": p.minf * 2 ** (octaves * (0.5 + 0.45 * np.sin(2 * np.pi * n / N * max(1, N // 4000))))}[kind]
        f = np.broadcast_to(f, (len(f) if np.ndim(f) == 2 else 1, N))
        x = np.cos(2 * np.pi * np.cumsum(f, axis=1) + np.arange(len(f))[:, None]).sum(0)
    return x + 1e-3 * x.std() * rng.standard_normal(N)


def random_plan(rng):
    "q 0.25 … 32, hop 1 … 4096, 12 … 384 bins an octave, oversampling 1 … 40, both edges of the band."
    while True:
        q, noct, hop = 2 ** rng.uniform(-2, 5), round(12 * 2 ** rng.uniform(0, 5)), round(4096 ** rng.uniform(0, 1))
        maxf = rng.choice([0.45, 0.5, rng.uniform(0.05, 0.5)])
        minf = maxf / 2 ** rng.uniform(0.3, 6)
        n = int(max(2000, 4 * q / minf, 3 * hop, rng.uniform(2000, 9000)))
        p = Plan(n, q, hop, round(40 ** rng.uniform(0, 1)), noct, minf, maxf)
        overlap = p.over * p.noct >= 2 * np.pi * q * np.log(2)          # at least one filter in each sigma_f
        if overlap and p.n_scans * n < 3e6 and p.n_times * p.n_bins < 2e6: return p


def error(energy, exact): return np.abs(energy - exact).sum() / exact.sum()


@pytest.mark.parametrize("seed", range(30))
def test_the_error_is_within_the_tolerance(seed):
    rng = np.random.default_rng([5, seed])
    p, kind, boundary = random_plan(rng), KINDS[seed % len(KINDS)], str(rng.choice(["wrap", "zero", "reflect"]))
    x = sound(kind, p, rng)
    exact, exact_counts = brute(x, p, boundary)
    assert exact.sum() > 0
    found = {t: reassign(x, p, boundary=boundary, tolerance=t, silence=False) for t in (0.01, 0.1)}
    # a wide filter that is cut off where the band ends rings on and on: neither judge nor engine has all of it
    rings = 0.02 if p.q < 0.5 and p.maxf > 0.49 else 0
    for tolerance, (energy, _) in found.items(): assert error(energy, exact) <= tolerance + rings, (p, kind, boundary)
    single, _ = reassign(x.astype(np.float32), p, boundary=boundary, silence=False)
    assert error(single, exact) <= 0.01 + rings, (p, kind, boundary)
    assert abs(found[0.01][1].sum() / exact_counts.sum() - 1) < 0.01


@pytest.mark.parametrize("q", [pytest.param(0.5, marks=pytest.mark.slow), 2, pytest.param(8, marks=pytest.mark.slow)])
@pytest.mark.parametrize("more", [{}, dict(hop_length=4), dict(hop_length=1), dict(bins_per_octave=192)], ids=str)
@pytest.mark.parametrize("kind", ["noise", "clicks", "lowest tone"])
def test_the_error_at_the_defaults(q, more, kind):
    "The defaults of the front door at 8 kHz, and finer cells."
    p = default_plan(2000, 8000, q, **more)
    x = sound(kind, p, np.random.default_rng(2))
    assert error(reassign(x, p, silence=False)[0], brute(x, p, "wrap")[0]) <= 0.01


@pytest.mark.slow
def test_the_gates_decide_as_on_the_full_grid():
    "The share of lit cells that the local gate decides otherwise: at most 1 % over sounds of all kinds."
    lit = wrong = 0
    for seed, kind in enumerate(KINDS):
        rng = np.random.default_rng([8, seed])
        p = default_plan(3000, 8000, float(rng.choice([0.5, 2, 8])))
        x = sound(kind, p, rng) + 0.01 * rng.standard_normal(p.n_samples)
        _, exact_counts = brute(x, p, "wrap")
        _, counts = reassign(x, p, silence=False)
        wanted = open_cells(exact_counts, p, "local")
        assert wanted.any()
        lit, wrong = lit + wanted.sum(), wrong + (open_cells(counts, p, "local") != wanted).sum()
    assert wrong <= 0.01 * lit, (wrong, lit)


def test_the_judge_agrees_with_the_authors():
    for name in ("short_odd", "tone_click_sweep", "white_noise"):
        case = testing.fixture(name)
        p = SimpleNamespace(**{k: case[k] for k in ("q", "tdeci", "over", "noct", "minf", "maxf")}, lint=0.5)
        energy = counts = 0
        for channel in case["x"].T:
            e, c = brute(channel, p, "wrap")
            energy, counts = energy + e, counts + c
        picture = np.where(counts >= np.sqrt(counts.max()), energy, 0)
        assert error(picture, case["result"]) < 1e-12 and ((picture > 0) == (case["result"] > 0)).all()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["borrowed", "plain", "as the kernel"])
@pytest.mark.parametrize("seed", range(10))
def test_torch_keeps_the_same_bound(seed, way, monkeypatch):
    "Compiled loops with soft edges, torch's own steps, and the departure points that the kernel is given."
    torch = pytest.importorskip("torch")
    from spectral_hyperresolution.pytorch import engine, fast
    if way == "as the kernel":
        tables = fast._tables
        monkeypatch.setattr(fast, "_tables", lambda plan, tolerance, density, filled, *on:
                            tables(plan, tolerance, density, False, *on))
    rng = np.random.default_rng([6, seed])
    p = next(p for p in iter(lambda: random_plan(rng), None) if p.n_scans * p.n_samples < 1e6)
    kind, boundary, soft = KINDS[seed], str(rng.choice(["wrap", "zero", "reflect"])), float(rng.choice([0, 0.3, 1]))
    x = sound(kind, p, rng)
    exact, exact_counts = brute(x, p, boundary, soft)
    how = dict(boundary=boundary, soft=soft, silence=False, compiled=way == "borrowed")
    rings = 0.02 if p.q < 0.5 and p.maxf > 0.49 else 0
    for tolerance in (0.01, 0.1):
        energy, _ = (a.numpy() for a in engine.reassign(x, p, tolerance=tolerance, **how))
        assert error(energy, exact) <= tolerance + rings, (p, kind, boundary, soft)
    assert abs(engine.reassign(x, p, **how)[1].sum().item() / exact_counts.sum() - 1) < 0.01
    single, _ = engine.reassign(torch.from_numpy(x.astype(np.float32)), p, **how)
    assert error(single.double().numpy(), exact) <= 0.02 + rings, (p, kind, boundary, soft)


def test_points_beside_an_edge():
    "A point a hundred-thousandth of a sample before a row's end is in that row, however far from a tile's beginning."
    real, hop, n, rng = np.float32, 3, 4096, np.random.default_rng(0)
    power, late = rng.uniform(0.5, 2, n).astype(real), rng.choice([-1, 1], n) * rng.uniform(1e-5, 2e-5, n)
    frame = Frame(per_lint=real(2), lint2=real(0.25), near2=real(0.26), least=real(0), weight=1.0, stride=real(1),
                  per_hop=real(1 / hop), hop=real(hop), first_time=real(0), end_time=real(1e6), end=real(1e6),
                  top=real(-1), bottom=real(100), left=real(0), columns=1, eps=real(0.1), noct=real(12), log_bins=False,
                  poly=np.zeros(8, real), rise=real(0), half=real(0.5), one=real(1))
    number, cell = np.arange(10, 10 + n).astype(real), np.empty(n, np.int32)
    cells(np.zeros(n, real), (late * power / 2).astype(real), power, number, real(0), real(0.1), real(2), frame,
          np.int32(2**30), np.empty(n, real), cell)
    assert (cell == np.floor((number.astype(float) + late) / hop)).all() and (number % hop == 0).sum() > 1000


@njit
def cells(*arguments): _cells(*arguments)
