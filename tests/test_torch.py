"""The torch engine where a chapter would take too long, or needs a process of its own."""

import copy
import io
import json
import os
import re
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from spectral_hyperresolution.engine import parity as numpy_parity
from spectral_hyperresolution.engine import reassign as numpy_engine
from spectral_hyperresolution.engine import running
from spectral_hyperresolution.engine.definition import difference
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.testing import arguments, check_close, fixture, fixture_names

torch = pytest.importorskip("torch")

from torch._dynamo.testing import CompileCounterWithBackend  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from spectral_hyperresolution import linear_reassignment_pytorch_vectorized as vectorized  # noqa: E402
from spectral_hyperresolution.pytorch import engine, fast, parity  # noqa: E402
from spectral_hyperresolution.pytorch.layer import LinearReassignment  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
@pytest.mark.parametrize("name", fixture_names())
def test_the_vectorized_name_is_matlabs(name):
    case = fixture(name)
    answer = vectorized.high_resolution_spectrogram(*arguments(case), chunks=40).numpy()
    check_close(answer, case["result"], rtol=1e-13)
    assert ((answer > 0) == (case["result"] > 0)).all()
    single = vectorized.high_resolution_spectrogram(*arguments(case), dtype=torch.float32)
    assert single.dtype == torch.float32 and difference(single.double().numpy(), case["result"]) < 1e-4


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


@pytest.mark.slow
@pytest.mark.parametrize("density", [None, 0.4, 1, 2.5])
@pytest.mark.parametrize("name", PLANS)
def test_the_fast_mode_sends_the_same_points(name, density):
    plan = PLANS[name]
    x = np.random.default_rng(1).standard_normal((plan.n_samples, 2)) * 1e-3
    for boundary in numpy_engine.boundaries:
        ours = engine.reassign(x, plan, boundary=boundary, density=density, compiled=False)
        theirs = numpy_engine.reassign(x, plan, boundary=boundary, density=density)
        assert difference(ours[0].numpy(), theirs[0]) < 1e-7
        assert difference(ours[1].numpy(), theirs[1]) < 1e-6


@pytest.mark.slow
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
from spectral_hyperresolution.pytorch import fast
from spectral_hyperresolution.pytorch.steps import _signal
plan = Plan(600, 1, 32, 2, 3, 0.05, 0.4)
x = np.random.default_rng(3).standard_normal((2, 600, 1))
for dtype, bound in ((torch.float64, 1e-9), (torch.float32, 1e-3)):
    signal, _ = _signal(x, plan, None, dtype)
    for density, soft in ((None, 0.0), (2.5, 0.0), (2.5, 0.4)):
        sound = fast._with_half_steps(signal.flatten(0, 1), plan, "wrap", 0.01, density, True)
        assert (sound.shape[1] > 600) == (density is None)
        tables, both = fast._tables, []
        for fused in (False, True):
            # every point transformed, as the kernel needs it, for the plain steps as well
            fast._tables = lambda plan, tolerance, density, filled, *on: tables(plan, tolerance, density, False, *on)
            jobs = fast._fast_work(sound, torch.arange(2), plan, "wrap", 0.01, density, True, soft, fused, 10**8)
            both.append(_in_order(jobs, 2 * plan.n_times * plan.n_bins, signal))
        fast._tables = tables
        for a, b in zip(*both):
            assert a.sum() > 0 and (a - b).abs().sum() <= bound * a.sum(), (dtype, (a - b).abs().sum() / a.sum())
for dtype, bound in ((torch.float64, 1e-9), (torch.float32, 1e-3)):
    signal, both = _signal(x, plan, None, dtype)[0], []
    for fused in (False, True):
        how = "parity", "wrap", 0.01, None, True, 0.0, 10**8, 7
        jobs = fast._work(signal.flatten(0, 1), signal.shape[1], plan, *how, fused=fused)
        both.append(_in_order(jobs, 2 * plan.n_times * plan.n_bins, signal))
    for a, b in zip(*both):
        assert a.sum() > 0 and (a - b).abs().sum() <= bound * a.sum(), (dtype, (a - b).abs().sum() / a.sum())
print("agrees")
"""


@pytest.mark.slow
def test_the_kernels_do_what_the_plain_steps_do():
    "Run by Triton's interpreter, on the CPU."
    pytest.importorskip("triton", reason="Triton is not installed: the kernel is not tested here")
    done = subprocess.run([sys.executable, "-c", KERNEL], capture_output=True, text=True,
                          env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}, timeout=600)
    assert done.stdout.strip() == "agrees", done.stderr


POINTERS = {  # to something other than samples in the signal's precision
    **dict.fromkeys(("runs", "base", "first", "points", "row0", "block", "item", "take"), "*i64"),
    **dict.fromkeys(("energy", "counts", "scale", "unit"), "*fp64"),
}
FRACTIONS = {"lint2", "noct", "turn", "span", "rate", "minf", "maxf", "two_pi", "tdeci", "soft",
             "steep"}  # Triton's default: fp32
NUMBERS = {"_send_kernel": "lint2", "_fold_kernel": "bins", "_exact_kernel": "lint2", "_pull_kernel": "steep",
           "_unfold_kernel": "bins"}  # the first parameter that is one


def compiled(name, real, capability, soft=False):
    "The PTX of a kernel, and the types of its numbers, compiled without a card."
    from triton import compile as compile_kernel
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from spectral_hyperresolution.pytorch import kernel, kernel_gradient
    function, first = getattr(kernel_gradient if "pull" in name or "unfold" in name else kernel, name), NUMBERS[name]
    names = [p.name for p in function.params]
    signature = {n: POINTERS.get(n, f"*{real}") for n in names[:names.index(first)]}
    signature |= {p.name: p.annotation_type or ("fp32" if p.name in FRACTIONS else "i32")
                  for p in function.params[names.index(first):] if not p.is_constexpr}
    fixed = {k: v for k, v in {"SOFT": soft, "BLOCK": kernel._block}.items() if k in names}
    source = ASTSource(function, signature | dict.fromkeys(fixed, "constexpr"), fixed)
    return compile_kernel(source, target=GPUTarget("cuda", capability, 32)).asm["ptx"]


@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.parametrize("name, soft", [("_send_kernel", False), ("_send_kernel", True), ("_fold_kernel", False),
                                        ("_exact_kernel", False), ("_pull_kernel", False), ("_pull_kernel", True),
                                        ("_unfold_kernel", True)])
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
def test_what_a_card_would_run(name, soft, capability):
    "No number reaches it in float32, no addition waits, and float64 is computed in float64."
    pytest.importorskip("triton", reason="Triton is not installed: the kernel is not compiled here")
    for real, other in (("fp64", "f32"), ("fp32", "f64")):
        ptx = compiled(name, real, capability, soft)
        assert f".target sm_{capability}" in ptx
        assert not re.search(r"\.param \.f32", ptx) and not re.search(r"\b(?:membar|fence)\b", ptx)
        atomics = re.findall(r"\b(?:atom|red)\.\S+", ptx)
        assert bool(atomics) == (name != "_fold_kernel") and all(".relaxed." in a for a in atomics)
        wide = re.findall(rf"\b(?:add|sub|mul|fma|div)\.(?:\w+\.)*{other}\b", ptx)
        if real == "fp64" or "fold" in name: assert not wide


@pytest.mark.slow
@pytest.mark.parametrize("boundary", numpy_engine.boundaries)
def test_nothing_waits_for_the_device(boundary):
    "Tensors without numbers: an operation that must read one, or copy one from the host, is found. In the fast mode."
    plan = Plan(3000, 4, 64, 10, 24, 0.01, 0.45)
    how = engine._numbers(plan), "fast", boundary, 0.01, 2.5, True, 0.0, 1e8, None, False
    x = torch.empty(2, 2, plan.n_samples, device="meta")
    engine._compute(x, *how)                                       # builds its tables
    with Transfers() as seen: energy, counts = engine._compute(x, *how)
    assert energy.shape == counts.shape == (2, *plan.shape) and energy.is_meta and not seen.found


class Transfers(TorchDispatchMode):
    "Finds operations that take a tensor from one device to another."
    found = ()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        leaves = [a for a in torch.utils._pytree.tree_leaves((args, kwargs, out)) if isinstance(a, torch.Tensor)]
        if len({a.device.type for a in leaves if a.ndim}) > 1: self.found = (*self.found, str(function))
        return out


def test_pictures_of_what_is_not_finite():
    "On a CPU an error; where the host would have to wait, NaN in the place of that picture, and the error on request."
    plan, x = Plan(600, 1, 20, 2, 6, 0.05, 0.4), sounds(3, 2, 600)
    x[1, 1, 7] = torch.inf
    energy = engine._marked(torch.ones(3, *plan.shape), x)
    assert energy[1].isnan().all() and (energy[[0, 2]] == 1).all()
    how = engine._numbers(plan), "fast", "wrap", 0.01, None, True, 0.0, None, None, False
    with pytest.raises(ValueError, match="first at sample 7 of sound 1"): engine._compute(x, *how)
    with torch.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match=r"item.* on meta"):
        engine._compute(x.to("meta"), *how)                        # which has no numbers to look at


def test_room_is_asked_of_torch(monkeypatch):
    "What torch holds back for itself is free as well."
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 80000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 50000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20000)
    assert fast._work_memory(torch.device("cuda"), None) == 31000 // 2
    assert fast._work_memory(torch.device("cuda"), 77) == 77


def test_blocks_are_those_of_the_numpy_engine():
    x = sounds(2, 23, dtype=torch.float64)
    for boundary in numpy_engine.boundaries:
        for start, length, step, count in ((-9, 13, 5, 7), (-60, 40, 30, 5), (0, 23, 23, 1), (30, 4, 4, 2)):
            blocks, at = parity._blocks(x, start, length, step, count, boundary)
            whole = running._extend(x.numpy(), start, (count - 1) * step + length, boundary)
            for k in range(count):
                assert (blocks[:, k].numpy() == whole[:, k * step:k * step + length]).all()
            padded = torch.nn.functional.pad(x, (1, 0))
            assert (padded[:, at] == blocks).all()


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


@pytest.mark.slow
@pytest.mark.parametrize("mode", engine.modes)
def test_memory_stays_within_its_bound(mode):
    plan = Plan(20000, 2, 100, 8, 12, 0.01, 0.45)
    x = torch.randn(20000, generator=torch.Generator().manual_seed(0))
    peaks = []
    for bound in (3e7, 1.2e8):
        engine.reassign(x, plan, mode, compiled=False)             # the tables are kept apart
        how = engine._numbers(plan), mode, "wrap", 0.01, None, True, 0.0, bound, None, False
        with Held() as held: engine._compute(x[None, None], *how)  # inside the operator
        peaks.append(held.peak)
        assert held.peak < bound
    assert peaks[0] < peaks[1]


@pytest.mark.slow
def test_a_training_step_takes_the_memory_of_one_job():
    "A batch of two seconds: 40 times the memory of its pictures before, by tapes that were all kept."
    row = subprocess.run([sys.executable, ROOT / "benchmarks" / "torch_memory.py", "--here", "--batch", "2"],
                         capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}).stdout
    assert 0 <= float(row.split("|")[3]) < 150


GRADIENTS = [(Plan(2000, 4, 64, 6, 12, 0.02, 0.45), None), (Plan(1200, 0.5, 20, 3, 6, 0.02, 0.5), None),
             (Plan(1500, 8, 50, 1, 12, 0.02, 0.3), 2.5)]


@pytest.mark.slow
@pytest.mark.parametrize("soft", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("plan, density", GRADIENTS, ids=["strides", "folds", "density"])
def test_the_compiled_gradient_is_that_of_torchs_own_steps(plan, density, soft):
    x = 1e-3 * sounds(plan.n_samples, 2, dtype=torch.float64)
    weights = torch.randn(2, *plan.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    slopes = {}
    for boundary in ("wrap", "reflect"):
        for compiled in (True, False):
            leaf = x.clone().requires_grad_()
            energy, counts = engine.reassign(leaf, plan, boundary=boundary, soft=soft, density=density,
                                             compiled=compiled)
            loss = (weights[0] * energy).sum() + (1e-6 * (weights[1] * counts).sum() if soft else 0)
            slopes[compiled], = torch.autograd.grad(loss, leaf)
        apart = (slopes[True] - slopes[False]).abs().sum() / slopes[False].abs().sum()
        assert 0 < apart < 1e-8                                    # two programs, one gradient


@pytest.mark.slow
@pytest.mark.parametrize("soft", [0.0, 1.0])
def test_gains_leave_the_compiled_gradient_alone(soft):
    "Energy is of the second degree in the sound, counts are of degree 0."
    plan, x = PLANS["few scans"], sounds(PLANS["few scans"].n_samples, dtype=torch.float32)
    weights = sounds(2, *plan.shape)
    slopes = []
    for gain in (1.0, 2.0**-40, 2.0**40):
        leaf = (x * gain).requires_grad_()
        energy, counts = engine.reassign(leaf, plan, soft=soft)
        loss = (weights[0] * energy / gain**2).sum() + ((weights[1] * counts).sum() if soft else 0)
        slopes.append(torch.autograd.grad(loss, leaf)[0] * gain)
    assert slopes[0].abs().sum() > 0 and all(torch.equal(slope, slopes[0]) for slope in slopes)


@pytest.mark.slow
@pytest.mark.parametrize("soft", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("maxf", [0.3, 0.5])                        # 0.5: filters are cut off there
def test_gradcheck_through_the_compiled_pass(soft, maxf):
    plan, n = Plan(64, 1, 6, 2, 4, 0.08, maxf), torch.arange(64, dtype=torch.float64)
    x = torch.sin(2 * np.pi * (0.1 * n + 0.0015 * n**2)) + 0.1 * torch.cos(0.7 * n)
    outputs = lambda x: engine.reassign(x, plan, soft=soft)[:2 if soft else 1]
    assert torch.autograd.gradcheck(outputs, x.requires_grad_(), eps=1e-7, atol=1e-4)


def test_what_is_lent_and_what_is_not(monkeypatch):
    "Gradients and soft edges go through the compiled loops, a derivative carried forward through torch's own steps."
    plan, lent = Plan(600, 1, 32, 2, 3, 0.05, 0.4), []
    for name in ("soft_pictures", "engine_reassign", "gradient"):
        loop = getattr(engine, name)
        spy = lambda *args, name=name, loop=loop, **how: lent.append(name) or loop(*args, **how)
        monkeypatch.setattr(engine, name, spy)
    x = sounds(600, dtype=torch.float64)
    for soft, forward in ((0.0, "engine_reassign"), (1.0, "soft_pictures")):
        energy = lambda x, soft=soft: engine.reassign(x, plan, soft=soft)[0].sum()
        slope, = torch.autograd.grad(energy(leaf := x.clone().requires_grad_()), leaf)
        assert lent == [forward, "gradient"]
        lent.clear()
        with torch.autograd.forward_ad.dual_level():
            dual = energy(torch.autograd.forward_ad.make_dual(x, x))
            tangent = torch.autograd.forward_ad.unpack_dual(dual).tangent
        assert not lent
        check_close(tangent, (slope * x).sum(), rtol=1e-9)
        check_close(tangent, 2 * energy(x), rtol=1e-6)              # energy is of the second degree
        lent.clear()


def test_state_and_copies():
    layer = small_layer(q=2)
    kept = io.BytesIO()
    torch.save(layer.state_dict(), kept)
    kept.seek(0)
    other = small_layer(q=2, max_memory=1e7)
    other.load_state_dict(torch.load(kept, weights_only=True))
    x = sounds(4000)
    assert layer(x).sum() > 0
    assert (copy.deepcopy(layer)(x) == layer(x)).all()
    assert {name for name, _ in layer.named_buffers()} == {"frequencies", "threshold"}
    assert all(b.is_meta for b in copy.deepcopy(layer).to("meta").buffers())


def test_tools_accept_the_state():
    "Tensors alone, so that a model's state can be flattened, stored by name, averaged, and loaded without its layer."
    model = torch.nn.Sequential(small_layer(), torch.nn.Linear(3, 3))
    assert all(isinstance(v, torch.Tensor) and v.is_contiguous() for v in model.state_dict().values())
    for how in (dict(), dict(use_buffers=True), dict(multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))):
        mean = torch.optim.swa_utils.AveragedModel(model, **how)
        for _ in range(3): mean.update_parameters(model)
        assert mean.module[0](sounds(700)).sum() > 0
        model.load_state_dict(mean.module.state_dict())
    weights = {name: v for name, v in model.state_dict().items() if name.startswith("1.")}
    with pytest.raises(RuntimeError, match=r"Missing key.*0.frequencies"): model.load_state_dict(weights)
    assert model.load_state_dict(weights, strict=False).missing_keys == ["0.frequencies", "0.threshold"]
    model.load_state_dict({name: v.bfloat16() for name, v in model.state_dict().items()})
    assert (model[0].frequencies == small_layer().frequencies).all()   # loading changes nothing
    with torch.device("meta"): hollow = torch.nn.Sequential(small_layer(), torch.nn.Linear(3, 3))
    hollow.load_state_dict(model.state_dict(), assign=True)
    assert (hollow[0](sounds(700)) == model[0](sounds(700))).all()


@pytest.mark.parametrize("other, says", [
    (dict(sr=22050, fmin=None, fmax=None), "its frequencies, 49 from .* are not 49 from"),  # as many, elsewhere
    (dict(bins_per_octave=12), "its frequencies, 19 from .* are not 37 from"),
    (dict(q=2), "its threshold, 19 from .* are not 19 from"),
])
@pytest.mark.parametrize("strict", [True, False])
def test_a_state_of_other_settings_is_refused(other, says, strict):
    first = small_layer(**{k: None for k in other if k != "sr" and other[k] is None})
    second = LinearReassignment(**(dict(sr=16000, q=1, fmin=500, fmax=4000, bins_per_octave=6, oversampling=4) | other))
    with pytest.raises(RuntimeError, match=says) as caught: second.load_state_dict(first.state_dict(), strict=strict)
    assert str(caught.value).count("\n\t") == 1                        # one complaint


def test_states_of_former_layers():
    "They held their settings, in a dictionary; a setting that came later is not in it."
    layer = small_layer()
    former = layer.state_dict() | {"_extra_state": {k: v for k, v in layer.config.items() if k != "lint"}}
    layer.load_state_dict(former)
    with pytest.raises(RuntimeError, match="boundary='zero', here 'reflect'"):
        small_layer(boundary="reflect").load_state_dict(former)


def test_config():
    for layer in (small_layer(soft=0.5, max_memory=1e7), LinearReassignment(44100, mode="parity", boundary="wrap")):
        again = LinearReassignment.from_config(json.loads(json.dumps(layer.config)))
        assert again.config == layer.config and (again.frequencies == layer.frequencies).all()
        assert all(f"{name}={value!r}" in repr(layer) for name, value in layer.config.items())
    with pytest.raises(ValueError, match=r"config has .*'pitch'.*: not 'sr' and others of"):
        LinearReassignment.from_config({"sr": 16000, "pitch": 1})


def test_soft_shares():
    "A point is divided between two cells within half of `soft` of the edge between them; nothing is lost."
    from spectral_hyperresolution.pytorch.steps import _shares

    at = torch.tensor([3.0, 3.25, 3.5, 3.75, 4.0, 1.1, 6.9])           # cell 1 is from 1 to 2; there are six
    for soft in (1.0, 0.5, 0.1):
        picture = torch.zeros(len(at), 6)
        for cell, share in _shares(at, 6, soft): picture.scatter_add_(1, cell[:, None], share[:, None])
        assert torch.allclose(picture.sum(1), torch.ones(len(at)))
        expected = torch.zeros(len(at), 6)
        for i, x in enumerate(at.tolist()):
            edge = round(x)
            upper = min(max((x - edge) / soft + 0.5, 0), 1)            # of a point so far above an edge
            for cell, part in ((edge - 2, 1 - upper), (edge - 1, upper)):
                expected[i, min(max(cell, 0), 5)] += part
        assert torch.allclose(picture, expected, atol=1e-6)
    (cell, share), = _shares(at, 6, False)
    assert cell.tolist() == [2, 2, 2, 2, 3, 0, 5] and share is None


def test_a_soft_picture_says_where_a_tone_is():
    "Full softness: the centre of a tone's two rows is the tone itself, and the rows add up to the hard one's."
    n = torch.arange(6000)
    for hz in (1000.0, 1030.0, 1060.0, 1100.0):
        tone = torch.sin(2 * torch.pi * hz / 16000 * n.double())
        hard, soft = (small_layer(gate=None, soft=s, q=4, bins_per_octave=12)(tone)[:, 40:-40].sum(1)
                      for s in (False, True))
        layer = small_layer(gate=None, soft=True, q=4, bins_per_octave=12)
        place = (soft * torch.log2(layer.frequencies)).sum() / soft.sum()
        assert abs(float(place) - np.log2(hz)) < 0.003
        assert float(soft.sum() / hard.sum()) == pytest.approx(1, abs=1e-3)
        assert (hard > 1e-3 * hard.sum()).sum() == 1


@pytest.mark.parametrize("mode", engine.modes)
def test_what_is_below_its_own_error_is_left_out(mode):
    "Beside a loud sound there is nothing in silence; without the rule its rounding errors are counted."
    plan = Plan(6000, 2, 100, 4, 12, 0.02, 0.45)
    x = torch.zeros(6000, dtype=torch.float64)
    x[:1500] = sounds(1500, dtype=torch.float64)
    energy, counts = engine.reassign(x, plan, mode, compiled=False)
    _, all_counts = engine.reassign(x, plan, mode, silence=False, compiled=False)
    quiet = slice(30, 45)                                              # further away than the longest wavelet
    assert counts[:10].sum() > 0 and not counts[quiet].any() and not energy[quiet].any()
    assert all_counts[quiet].sum() > 100
    assert not numpy_engine.reassign(x.numpy(), plan, mode)[1][quiet].any()


def sounds(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def small_layer(**kw):
    return LinearReassignment(16000, **(dict(q=1, fmin=500, fmax=4000, bins_per_octave=6, oversampling=4) | kw))


def slope(layer, x):
    leaf = x.clone().requires_grad_()
    picture = layer(leaf)
    return picture.detach(), torch.autograd.grad(picture.square().sum(), leaf)[0]


HOWS = [dict(soft=True), dict(gate="global", soft=0.5), dict(gate=None, boundary="wrap", mode="parity", soft=True)]


@pytest.mark.slow
@pytest.mark.parametrize("how", HOWS, ids=["fast", "global", "parity"])
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_is_eager(backend, how):
    "One graph, forward and backward, for every length; a second and a third where the first shapes were all it knew."
    torch._dynamo.reset()
    layer, counter = small_layer(**how), CompileCounterWithBackend(backend)
    compiled = torch.compile(layer, backend=counter, fullgraph=True)
    for shape, graphs in [((2, 2000), 1), ((2, 1500), 2), ((2, 999), 2), ((3, 1777), 3), ((5, 1200), 3), ((7, 640), 3)]:
        for ours, theirs in zip(slope(compiled, sounds(*shape)), slope(layer, sounds(*shape)), strict=True):
            assert theirs.abs().sum() > 0 and (ours == theirs).all()
        assert counter.frame_count <= graphs
    with torch.no_grad(): assert (compiled(sounds(2, 1500)) == layer(sounds(2, 1500))).all()
    with pytest.raises(ValueError, match="not finite at 1 of 1500 samples, first at sample 7 of sound 1"):
        compiled(sounds(2, 1500).index_put((torch.tensor(1), torch.tensor(7)), torch.tensor(torch.nan)))
    with pytest.raises(Exception, match="shorter than the lowest wavelet"): compiled(sounds(2, 20))


@pytest.mark.parametrize("backend", ["eager", "aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_gradients_are_those_of_finite_differences(backend):
    torch._dynamo.reset()
    layer = small_layer(gate=None, soft=True, density=4)
    compiled = torch.compile(layer, backend=backend, fullgraph=True)
    n = torch.arange(300, dtype=torch.float64)
    x = torch.stack([torch.sin(0.8 * n + 0.0005 * n**2), torch.cos(1.1 * n)]) + 0.01 * sounds(2, 300, dtype=n.dtype)
    weight = sounds(*layer(x).shape, dtype=n.dtype)
    leaf = x.clone().requires_grad_()
    ours, = torch.autograd.grad((compiled(leaf) * weight).sum(), leaf)
    for direction in torch.randn(5, *x.shape, generator=torch.Generator().manual_seed(1), dtype=n.dtype):
        step = 1e-8 * direction                                    # few points cross an edge of the mask in it
        with torch.no_grad(): change = ((compiled(x + step) - compiled(x - step)) * weight).sum() / 2e-8
        check_close((ours * direction).sum(), change, rtol=1e-5)


@pytest.mark.slow
def test_the_function_compiles_too():
    torch._dynamo.reset()
    plan, x = Plan(600, 1, 20, 2, 6, 0.05, 0.4), sounds(2, 600, 2)
    picture = lambda x: engine.reassign(x, plan, soft=0.5)[0]
    for ours, theirs in zip(slope(torch.compile(picture, backend="aot_eager", fullgraph=True), x), slope(picture, x),
                            strict=True):
        assert (ours == theirs).all()


@pytest.mark.parametrize("mode", engine.modes)
def test_operators_keep_torchs_rules(mode):
    "Schemas, shapes without numbers, autograd and graphs, by torch's own check."
    plan = Plan(300, 1, 20, 2, 6, 0.05, 0.4)
    how = engine._numbers(plan), mode, "wrap", 0.01, None, True, 1.0, None, None, False
    x, both = sounds(2, 2, 300, dtype=torch.float64), sounds(2, 2, *plan.shape, dtype=torch.float64)
    torch.library.opcheck(engine._forward, (x.clone().requires_grad_(), *how))
    torch.library.opcheck(engine._backward, (x, *both, *how))
    torch.library.opcheck(engine._backward, (x, both[0], None, *how))
    torch.library.opcheck(engine._twice, (x.cos(), x, *both, *how))


@pytest.mark.slow
def test_what_torch_func_does():
    layer, x = small_layer(soft=True, gate=None), sounds(3, 200, dtype=torch.float64)
    loss = lambda x: layer(x).square().sum()
    picture, expected = slope(layer, x)
    for name, ours in {
        "grad": torch.func.grad(loss)(x),
        "vjp": torch.func.vjp(layer, x)[1](2 * picture)[0],
        "vmap of grad": torch.func.vmap(torch.func.grad(loss))(x),
        "grad of vmap": torch.func.grad(lambda x: torch.func.vmap(layer)(x).square().sum())(x),
        "jacrev": torch.einsum("bft,bftcn->cn", 2 * picture, torch.func.jacrev(layer)(x)),
    }.items():
        assert difference(ours.numpy(), expected.numpy()) < 1e-12, name
    assert (torch.func.vmap(layer)(x) == picture).all()
    v = x.cos()
    check_close(torch.func.jvp(loss, (x,), (v,))[1], (expected * v).sum(), rtol=1e-9)
    leaf = x.clone().requires_grad_()
    first, = torch.autograd.grad(loss(leaf), leaf, create_graph=True)
    second, = torch.autograd.grad((first * v).sum(), leaf, create_graph=True)
    nested = torch.func.grad(lambda x: (torch.func.grad(loss)(x) * v).sum())(x)
    check_close(nested, second.detach(), rtol=1e-9)
    with pytest.raises(NotImplementedError, match="third derivative"): second.sum().backward()
    with pytest.raises(NotImplementedError, match="jvp"): torch.func.hessian(loss)(x)


@pytest.mark.slow
@pytest.mark.parametrize("how", [dict(soft=True), dict(soft=0.5, mode="parity", boundary="wrap"), dict(soft=False)],
                         ids=["fast", "parity", "hard"])
@pytest.mark.filterwarnings("ignore:soft=False")
def test_double_backward(how):
    layer = LinearReassignment(16000, q=1, fmin=2000, fmax=4000, bins_per_octave=3, oversampling=2, density=1,
                               gate=None, **how)
    assert torch.autograd.gradgradcheck(layer, sounds(60, dtype=torch.float64).requires_grad_(), eps=1e-7, atol=1e-3)


@pytest.mark.parametrize("first", ["inference", "jvp", "vmap"])
def test_validation_before_training(first):
    "Tables are kept between calls: those made for the first must be of use to the second."
    layer, x = small_layer(soft=True), sounds(2, 700)
    expected = slope(layer, x)[1]
    fast._tables.cache_clear()
    if first == "inference":
        with torch.inference_mode(): layer(x)
    elif first == "jvp": torch.func.jvp(layer, (x,), (x,))
    else: torch.func.vmap(torch.func.grad(lambda x: layer(x).sum()))(x)
    assert (slope(layer, x)[1] == expected).all()
    tables = fast._tables(Plan(700, *engine._numbers(layer._long)), 0.01, None, True, x.dtype, x.device)
    assert not any(torch._C._functorch.is_functorch_wrapped_tensor(t.take) or t.take.is_inference() for t in tables)


def test_results_do_not_depend_on_memory_and_repeat():
    case = fixture("prime_length")
    plan = Plan(len(case["x"]), *arguments(case)[1:])
    for mode in engine.modes:
        first = engine.reassign(case["x"], plan, mode)
        for max_memory in (1e6, 1e9):
            for a, b in zip(first, engine.reassign(case["x"], plan, mode, max_memory=max_memory,
                                            compiled=False), strict=True):
                check_close(a, b, rtol=1e-9)
        torch.use_deterministic_algorithms(True)
        for a, b in zip(first, engine.reassign(case["x"], plan, mode), strict=True): assert (a == b).all()
        torch.use_deterministic_algorithms(False)
