"""The torch engine where a chapter would take too long, or needs a process of its own."""

import copy
import io
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest

from spectral_hyperresolution.engine import parity as numpy_parity
from spectral_hyperresolution.engine import reassign as numpy_engine
from spectral_hyperresolution.engine.definition import difference
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.testing import arguments, check_close, fixture, fixture_names

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from spectral_hyperresolution import linear_reassignment_pytorch_vectorized as vectorized  # noqa: E402
from spectral_hyperresolution.pytorch import engine  # noqa: E402
from spectral_hyperresolution.pytorch.layer import LinearReassignment  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", fixture_names())
def test_the_vectorized_name_is_matlabs(name):
    case = fixture(name)
    answer = vectorized.high_resolution_spectrogram(*arguments(case), chunks=40).numpy()
    check_close(answer, case["result"], rtol=1e-13)
    assert ((answer > 0) == (case["result"] > 0)).all()


def test_parity_in_blocks():
    "A signal longer than the parity mode transforms whole."
    rng = np.random.default_rng(0)
    plan = Plan(70_001, 2, 200, 1, 3, 0.02, 0.45)
    assert any(length for _, _, length, _ in numpy_parity._exact_units(plan))
    x = rng.standard_normal(plan.n_samples)
    for ours, theirs in zip(engine.reassign(x, plan, mode="parity"), numpy_engine.reassign(x, plan, mode="parity"),
                            strict=True):
        check_close(ours, theirs, rtol=1e-12)


PLANS = {
    "strides": Plan(9000, 4, 64, 10, 24, 0.004, 0.45),
    "folds": Plan(3000, 0.5, 20, 3, 6, 0.02, 0.5),     # bands wider than the inverse FFT
    "few scans": Plan(5000, 8, 50, 1, 12, 0.01, 0.3),  # no interpolation
}


@pytest.mark.parametrize("density", [0.4, 1, 2.5])
@pytest.mark.parametrize("name", PLANS)
def test_the_fast_mode_sends_the_same_points(name, density):
    plan = PLANS[name]
    x = np.random.default_rng(1).standard_normal((plan.n_samples, 2)) * 1e-3
    for boundary in numpy_engine.boundaries:
        ours = engine.reassign(x, plan, boundary=boundary, density=density, compiled=False)
        theirs = numpy_engine.reassign(x, plan, boundary=boundary, density=density)
        assert difference(ours[0].numpy(), theirs[0]) < 1e-7
        assert difference(ours[1].numpy(), theirs[1]) < 1e-6


@pytest.mark.parametrize("gain", [1e-30, 1.0, 1e15])
def test_gain_changes_nothing(gain):
    "Powers beyond float32's range don't lose points: blocks are scaled by powers of two."
    plan = PLANS["strides"]
    x = np.random.default_rng(2).standard_normal(plan.n_samples).astype(np.float32)
    plain, scaled = (engine.reassign(torch.from_numpy(x * np.float32(g)), plan, compiled=False)[1] for g in (1, gain))
    assert plain.sum() > 0
    assert difference(scaled.numpy(), plain.numpy()) < 1e-3


KERNEL = """
import numpy as np, torch
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.pytorch.engine import _in_order
from spectral_hyperresolution.pytorch.fast import _fast_work
from spectral_hyperresolution.pytorch.steps import _signal
plan = Plan(600, 1, 32, 2, 3, 0.05, 0.4)
x = np.random.default_rng(3).standard_normal((2, 600, 1))
for dtype, bound in ((torch.float64, 1e-9), (torch.float32, 1e-3)):
    signal, _ = _signal(x, plan, None, dtype)
    both = []
    for fused in (False, True):
        jobs = _fast_work(signal.flatten(0, 1), torch.arange(2), plan, "wrap", 2.5, True, 0.0, fused, 10**8)
        both.append(_in_order(jobs, 2 * plan.n_times * plan.n_bins, signal))
    for a, b in zip(*both):
        assert a.sum() > 0 and (a - b).abs().sum() <= bound * a.sum(), (dtype, (a - b).abs().sum() / a.sum())
print("agrees")
"""


def test_the_kernel_does_what_the_plain_steps_do():
    "Run by Triton's interpreter, on the CPU."
    pytest.importorskip("triton", reason="Triton is not installed: the kernel is not tested here")
    done = subprocess.run([sys.executable, "-c", KERNEL], capture_output=True, text=True,
                          env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}, timeout=300)
    assert done.stdout.strip() == "agrees", done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: nothing is tested on a graphics card here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cuda_agrees_with_the_cpu(dtype):
    for name in fixture_names():
        case = fixture(name)
        plan = Plan(len(case["x"]), *arguments(case)[1:])
        for mode in engine.modes:
            ours = engine.reassign(case["x"], plan, mode, dtype=dtype, device="cuda")[0]
            assert ours.is_cuda
            theirs = engine.reassign(case["x"], plan, mode, dtype=dtype)[0]
            bound = 1e-9 if dtype == torch.float64 else 3e-3
            assert difference(ours.cpu().numpy(), theirs.numpy()) < bound
            plain = engine.reassign(case["x"], plan, mode, dtype=dtype, device="cuda", compiled=False)[0]
            assert difference(plain.cpu().numpy(), theirs.numpy()) < bound


class Held(TorchDispatchMode):
    "Counts the bytes of all tensors made under it that are alive, and their peak."

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.known = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in (out if isinstance(out, tuple | list) else (out,)):
            if not isinstance(tensor, torch.Tensor): continue
            storage = tensor.untyped_storage()
            key = storage._cdata
            if key in self.known: continue
            self.known.add(key)
            size = storage.nbytes()
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.free, key, size)
        return out

    def free(self, key, size):
        self.known.discard(key)
        self.now -= size


@pytest.mark.parametrize("mode", engine.modes)
def test_memory_stays_within_its_bound(mode):
    plan = Plan(20000, 2, 100, 8, 12, 0.01, 0.45)
    x = torch.randn(20000, generator=torch.Generator().manual_seed(0))
    peaks = []
    for bound in (3e7, 1.2e8):
        engine.reassign(x, plan, mode, compiled=False)             # the tables are kept apart
        with Held() as held: engine.reassign(x, plan, mode, max_memory=bound, compiled=False)
        peaks.append(held.peak)
        assert held.peak < bound
    assert peaks[0] < peaks[1]


def test_nothing_is_lent_that_torch_follows():
    "Gradients, forward gradients and soft edges go through torch's own steps; the borrowed loop knows nothing of them."
    plan = Plan(600, 1, 32, 2, 3, 0.05, 0.4)
    x = torch.randn(600, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    energy = lambda x: engine.reassign(x, plan, soft=False)[0].sum()
    slope, = torch.autograd.grad(energy(leaf := x.clone().requires_grad_()), leaf)
    with torch.autograd.forward_ad.dual_level():
        forward = torch.autograd.forward_ad.unpack_dual(energy(torch.autograd.forward_ad.make_dual(x, x))).tangent
    check_close(forward, (slope * x).sum(), rtol=1e-9)
    check_close(forward, 2 * energy(x), rtol=1e-6)  # energy is of the second degree


def test_state_and_copies():
    layer = LinearReassignment(16000, q=2, fmin=300, bins_per_octave=12)
    kept = io.BytesIO()
    torch.save(layer.state_dict(), kept)
    kept.seek(0)
    other = LinearReassignment(16000, q=2, fmin=300, bins_per_octave=12, max_memory=1e7)
    other.load_state_dict(torch.load(kept, weights_only=True))
    x = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    assert layer(x).sum() > 0
    assert (copy.deepcopy(layer)(x) == layer(x)).all()
    assert {name for name, _ in layer.named_buffers()} == {"frequencies", "threshold"}
    assert all(b.is_meta for b in copy.deepcopy(layer).to("meta").buffers())
