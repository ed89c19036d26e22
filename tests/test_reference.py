"""The engines against the authors' own results, and against the literal loop where there are none."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from scipy.io import loadmat

from spectral_hyperresolution import reassigned_spectrogram, testing
from spectral_hyperresolution.engine.definition import difference, literal_loop
from spectral_hyperresolution.engine.gate import open_cells
from spectral_hyperresolution.engine.parity import exact_whole
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.published import (
    high_resolution_spectrogram,
    high_resolution_spectrogram_sparse,
)
from spectral_hyperresolution.engine.reassign import reassign

CASES = [
    "click_train",
    "dolphin_like",
    "prime_length",
    "short_odd",
    "single_scan",
    "tone_click_sweep",
    "whistle_stereo",
    "white_noise",
]
FULL = dict(q=2, tdeci=450, over=20, noct=12, minf=4e-3, maxf=0.45)
published = pytest.mark.parametrize(
    "function", [high_resolution_spectrogram, high_resolution_spectrogram_sparse], ids=["dense", "sparse"]
)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def same(actual, expected, rtol=1e-13):
    "Equal to `rtol` of the largest cell, and lit in the same cells."
    assert expected.any(), "an empty reference proves nothing"
    testing.check_close(actual, expected, rtol=rtol)
    assert np.array_equal(actual > 0, expected > 0)


def plan_of(case):
    return Plan(len(case["x"]), *testing.arguments(case)[1:])


def test_all_cases_are_here(reference_cases):
    assert sorted(reference_cases) == CASES


# ---- the reference cases


@published
@pytest.mark.parametrize("name", CASES)
def test_published_function(function, name, reference_cases):
    case = reference_cases[name]
    result = function(*testing.arguments(case))
    if function is high_resolution_spectrogram_sparse:
        assert sparse.issparse(result)
        result = result.toarray()
    same(result, case["result"])


@pytest.mark.slow
@dtypes
@pytest.mark.parametrize("name", CASES)
def test_fast_mode_converges(dtype, name, reference_cases):
    "The error is below the tolerance and falls with it; a denser sparse grid converges to the same picture."
    case = reference_cases[name]
    plan = plan_of(case)
    exact, exact_counts = reassign(case["x"], plan, mode="parity", silence=False)
    tolerances = 0.1, 0.01, 0.001
    pictures = [reassign(case["x"].astype(dtype), plan, tolerance=t, silence=False) for t in tolerances]
    off = np.array([difference(energy, exact) for energy, _ in pictures])
    assert (off <= np.maximum(tolerances, 0.005)).all() and off[2] <= max(off[0], 1e-4), off
    assert abs(pictures[1][0].sum() / exact.sum() - 1) < 5e-3
    assert difference(pictures[1][1], exact_counts) < 0.03
    sparse_grid = [difference(reassign(case["x"].astype(dtype), plan, density=d)[0], exact) for d in (1.25, 10)]
    assert sparse_grid[1] <= max(sparse_grid[0], 1e-6) and sparse_grid[1] < 0.01, sparse_grid


# ---- more of the same kind, judged by the literal loop


def noise(n, channels=1, seed=0):
    return np.random.default_rng(seed).standard_normal((n, channels))


def tones(n):
    t = np.arange(n)
    return np.sin(0.3 * t + 20 * np.sin(t / 400)) + 0.3 * np.sin(1.1 * t) + 5.0 * (t % 701 == 350)


def click(n):
    return 1.0 * (np.arange(n) == n // 3)


@published
@pytest.mark.parametrize(
    "x, numbers",
    [
        (noise(501), (0.4, 7, 3, 10, 0.02, 0.45)),
        (noise(1009, seed=1), (12, 20, 2, 36, 0.03, 0.4)),
        (noise(2000, channels=2, seed=2), (2, 10, 1, 24, 0.01, 0.5)),
        (noise(3, seed=3), (1, 1, 2, 12, 0.1, 0.5)),
        (tones(4093), (6, 33, 5, 12, 0.005, 0.5)),
        (tones(6000) + 1e-4 * noise(6000)[:, 0], (1.7, 1, 1, 1, 0.11, 0.37)),
        (np.stack([tones(3001), noise(3001)[:, 0]], axis=1), (4, 3001, 3, 17, 0.02, 0.499)),
        (tones(2500) * 1e-9, (2, 4000, 4, 12, 0.02, 0.45)),
        (click(1021) + 1e-9 * noise(1021)[:, 0], (0.5, 9, 6, 12, 0.05, 0.45)),
        (click(1024) + 1e-9 * noise(1024)[:, 0], (8, 16, 3, 24, 0.01, 0.2)),
    ],
    ids=[
        "odd",
        "prime, q 12",
        "two channels, over 1, maxf 0.5",
        "three samples",
        "prime, maxf 0.5",
        "every sample, few bins",
        "one instant",
        "one instant, quiet",
        "click",
        "click, q 8",
    ],
)
def test_literal_loop(function, x, numbers):
    plan = Plan(len(x), *numbers)
    energy, counts = literal_loop(x, plan)
    result = function(x, *numbers)
    same(
        result.toarray() if sparse.issparse(result) else result, np.where(open_cells(counts, plan, "global"), energy, 0)
    )


@pytest.mark.parametrize("n, numbers", [(1021, (0.5, 9, 6, 12, 0.05, 0.45)), (1024, (8, 16, 3, 24, 0.107, 0.4))])
def test_a_click_in_nothing(n, numbers):
    "Around it there are only rounding errors, different in every FFT, and f_ins = minf is a tie: so judge the rest."
    plan, row = Plan(n, *numbers), (n // 3 + 1) // numbers[1]
    energy, expected = reassign(click(n), plan, mode="parity", silence=False)[0], literal_loop(click(n), plan)[0]
    testing.check_close(energy[:, :-1], expected[:, :-1], rtol=1e-13)
    assert energy[row].sum() > 1e10 * np.delete(energy, row, axis=0).sum()
    for function in high_resolution_spectrogram, high_resolution_spectrogram_sparse:
        assert np.isfinite(function(click(n), *numbers).sum())


@pytest.mark.parametrize(
    "n, numbers",
    [
        (exact_whole + 1, (2, 300, 1, 5, 0.004, 0.5)),
        (70001, (0.4, 77, 1, 4, 0.01, 0.45)),
        (98304, (12, 512, 1, 12, 0.02, 0.4)),
    ],
)
def test_literal_loop_on_blocks(n, numbers):
    "Long signals are cut into blocks: the same to rounding, point by point."
    x = np.stack([tones(n), np.zeros(n)], axis=1) + 0.01 * noise(n, channels=2)
    plan = Plan(n, *numbers)
    energy, counts = literal_loop(x, plan)
    actual, counted = reassign(x, plan, mode="parity", silence=False)
    testing.check_close(actual, energy, rtol=1e-13)
    assert np.array_equal(counted, counts)


@published
def test_silence_is_empty(function):
    result = function(np.zeros((1500, 2)), 2, 10, 2, 12, 0.01, 0.45)
    assert result.shape == (150, 67) and not result.sum()


# ---- the authors' recording


@pytest.fixture(scope="module")
def full(reference_folder):
    "The authors' dolphin and the result of their program."
    path = reference_folder / "matlab_dolphin.mat"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the folder of references")
    case = loadmat(path)
    return case["x"], case["result"].toarray()


@pytest.mark.slow
def test_full_case_in_parity_mode(full):
    x, expected = full
    same(high_resolution_spectrogram(x, **FULL), expected)


@pytest.mark.slow
@dtypes
def test_full_case_in_fast_mode(dtype, full):
    "The front door, given the authors' parameters, draws their grid upside down."
    x, expected = full
    sr = 192000
    S = reassigned_spectrogram(
        x.T.astype(dtype),
        sr,
        q=FULL["q"],
        fmin=FULL["minf"] * sr,
        fmax=FULL["maxf"] * sr,
        hop_length=FULL["tdeci"],
        bins_per_octave=FULL["noct"],
        oversampling=FULL["over"],
        gate="global",
        boundary="wrap",
        pool=True,
    )
    scale = S.plan.energy_scale / sr
    picture = S.energy.T[:, ::-1] / scale
    assert picture.shape == expected.shape
    assert difference(picture, expected) < 0.01 and abs(picture.sum() / expected.sum() - 1) < 1e-3
    octaves = np.arange(-len(S.frequencies) + 1, 1) / FULL["noct"]
    testing.check_close(S.frequencies, FULL["maxf"] * sr * 2.0**octaves)
    plan = Plan(len(x), **FULL)
    energy, counts = reassign(x.astype(dtype), plan, silence=False)
    assert np.array_equal(np.where(open_cells(counts, plan, "global"), energy, 0) * scale, S.energy.T[:, ::-1])


MEMORY = """
import sys
from scipy.io import loadmat
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.engine.plan import Plan
x = loadmat(sys.argv[1])["x"].astype(sys.argv[2])
assert reassign(x, Plan(len(x), 2, 450, 20, 12, 4e-3, 0.45))[0].any()
try:  # this process alone; getrusage counts what its parent held as well
    print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024)
except OSError:
    import resource
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no way to ask for a process's largest memory")
@dtypes
def test_full_case_takes_little_memory(dtype, full, reference_folder):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, reference_folder / "matlab_dolphin.mat", np.dtype(dtype).name],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 700e6
