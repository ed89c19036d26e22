"""The torch engine on a graphics card: against the CPU, with gradients, compiled, recorded, in a stream, in its memory.

    pytest -m "slow or not slow" -n 0 tests/test_cuda.py

Where there is no CUDA device, nothing of it can be tried.
"""

import copy

import numpy as np
import pytest

from spectral_hyperresolution import audio
from spectral_hyperresolution.engine import reassign as numpy_engine
from spectral_hyperresolution.engine.definition import difference
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.slices import join
from spectral_hyperresolution.stream import ReassignedStream
from spectral_hyperresolution.testing import arguments, fixture, fixture_names, recordings_folder

torch = pytest.importorskip("torch")

from spectral_hyperresolution.pytorch import engine, kernel  # noqa: E402
from spectral_hyperresolution.pytorch.front_end import ReassignedFrontEnd  # noqa: E402
from spectral_hyperresolution.pytorch.layer import LinearReassignment  # noqa: E402
from spectral_hyperresolution.pytorch.loss import ReassignedLoss  # noqa: E402
from spectral_hyperresolution.pytorch.stream import TorchStream  # noqa: E402

CARD = "cuda"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:soft=False"),
              pytest.mark.skipif(not torch.cuda.is_available(),
                                 reason="no CUDA device: nothing is tested on a graphics card here")]


def noise(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def apart(ours, theirs):
    "Relative L1, of gradients too."
    ours, theirs = (a.detach().double().cpu() for a in (ours, theirs))
    return ((ours - theirs).abs().sum() / theirs.abs().sum()).item()


def slope(function, x):
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(function(leaf).square().sum(), leaf)[0]


@pytest.fixture
def spied(monkeypatch):
    "Which kernels were launched."
    launched = set()
    from spectral_hyperresolution.pytorch import fast, parity
    for module in (fast, parity):
        for name in ("_fold_fused", "_send_fused", "_send_exact_fused", "_pull_fused", "_unfold_fused"):
            if not (run := getattr(module, name, None)): continue
            def spy(*args, run=run, name=name):
                launched.add(name)
                return run(*args)
            monkeypatch.setattr(module, name, spy)
    return launched


PLANS = {
    "strides": Plan(9000, 4, 64, 10, 24, 0.004, 0.45),
    "folds": Plan(3000, 0.5, 20, 3, 6, 0.02, 0.5),
    "few scans": Plan(5000, 8, 50, 1, 12, 0.01, 0.3),
    "many scans": Plan(300, 1, 40, 80, 384, 0.1, 0.5),    # more in a group than a grid of a kernel has rows
}


@pytest.mark.parametrize("dtype, bound", [(torch.float64, 1e-9), (torch.float32, 3e-3)])
@pytest.mark.parametrize("name", fixture_names())
def test_reference_cases(name, dtype, bound):
    "Also against the authors' results, to rounding error, in the parity mode."
    case = fixture(name)
    plan = Plan(len(case["x"]), *arguments(case)[1:])
    for mode in engine.modes:
        theirs = engine.reassign(case["x"], plan, mode, dtype=dtype)
        for compiled in (True, False):
            ours = engine.reassign(case["x"], plan, mode, dtype=dtype, device=CARD, compiled=compiled)
            assert ours[0].device.type == CARD
            # on the card alone the kernel transforms every departure point: another quadrature, within the tolerance
            near = bound if mode == "parity" or not compiled else 0.01
            assert apart(ours[0], theirs[0]) < near and apart(ours[1], theirs[1]) < max(near, 0.02), (mode, compiled)
    single = engine.high_resolution_spectrogram(*arguments(case), device=CARD, dtype=dtype)
    assert difference(single.double().cpu().numpy(), case["result"]) < (1e-12 if dtype == torch.float64 else 1e-4)


@pytest.mark.parametrize("boundary", numpy_engine.boundaries)
@pytest.mark.parametrize("density", [None, 0.4, 2.5])
@pytest.mark.parametrize("name", ["strides", "folds", "few scans"])
def test_kernel_is_the_plain_steps(name, density, boundary, spied):
    "The same departure points, once by the kernels, once by torch's own operations."
    plan = PLANS[name]
    x = noise(2, plan.n_samples, 2, dtype=torch.float64) * 1e-3
    ours = engine.reassign(x, plan, boundary=boundary, density=density, device=CARD)
    assert spied == {"_fold_fused", "_send_fused"}
    plain = engine.reassign(x, plan, boundary=boundary, density=density, compiled=False)
    bound = 1e-7 if density else 0.01
    assert all(a.sum() > 0 and apart(a, b) < bound for a, b in zip(ours, plain, strict=True))


def test_more_filters_than_a_grid_has_rows(spied):
    "One group has 71 440: the kernels are launched in parts."
    plan, x = PLANS["many scans"], noise(300, dtype=torch.float64)
    for mode in engine.modes:
        ours = engine.reassign(x, plan, mode, device=CARD)
        theirs = map(torch.from_numpy, numpy_engine.reassign(x.numpy(), plan, mode, limit=None))
        assert all(a.sum() > 0 and apart(a, b) < 0.01 for a, b in zip(ours, theirs, strict=True))
    assert spied == {"_fold_fused", "_send_fused", "_send_exact_fused"}


def random_plan(rng):
    n, q = int(rng.integers(400, 6000)), float(2 ** rng.uniform(-1, 4))
    maxf = float(rng.uniform(0.2, 0.5))
    minf = max(maxf / 2 ** rng.uniform(1, 6), 3 * q / n)
    return Plan(n, q, int(rng.integers(1, 200)), int(rng.integers(1, 12)), int(rng.integers(1, 40)), minf, maxf)


@pytest.mark.parametrize("seed", range(12))
def test_random_plans_keep_the_tolerance(seed):
    "Against every sample of every filter, on the CPU in float64."
    rng = np.random.default_rng([1, seed])
    while not (plan := random_plan(rng)).minf < plan.maxf / 2: pass
    boundary, tolerance = str(rng.choice(numpy_engine.boundaries)), float(rng.choice([0.01, 0.1]))
    x = noise(plan.n_samples, dtype=torch.float64, seed=seed)
    exact = engine.reassign(x, plan, boundary=boundary, density=1e9, silence=False)[0]
    for dtype in (torch.float64, torch.float32):
        ours = engine.reassign(x, plan, boundary=boundary, tolerance=tolerance, device=CARD, dtype=dtype, silence=False)
        assert apart(ours[0], exact) < tolerance + (0.01 if dtype == torch.float32 else 0), plan


@pytest.mark.parametrize("mode, density", [("fast", 0.7), ("fast", 2.5), ("fast", None), ("parity", None)])
@pytest.mark.parametrize("soft", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype, bound", [(torch.float64, 1e-7), (torch.float32, 2e-2)])
def test_gradients_are_those_of_the_cpu(mode, density, soft, dtype, bound):
    "Of energy and counts, each cell with a weight of its own."
    plan, x = Plan(800, 4, 64, 4, 12, 0.05, 0.45), noise(2, 800, 1, dtype=dtype)
    weights = noise(2, 2, *plan.shape, dtype=dtype, seed=1)

    def found(device, compiled):
        leaf = x.to(device).requires_grad_()
        energy, counts = engine.reassign(leaf, plan, mode, soft=soft, density=density, compiled=compiled)
        each = (energy, 1e-3 * counts) if soft else (energy,)
        loss = sum((a * w.to(device)).sum() for a, w in zip(each, weights, strict=False))
        return torch.autograd.grad(loss, leaf)[0]

    theirs = found("cpu", mode == "fast")
    assert theirs.abs().sum() > 0
    # without a density the kernel transforms all points that the CPU fills in between: each within the tolerance
    near = 0.1 if mode == "fast" and density is None else bound
    assert apart(found(CARD, True), theirs) < near and apart(found(CARD, False), theirs) < bound


@pytest.mark.parametrize("gain", [1e-15, 1e12])
@pytest.mark.parametrize("soft", [0.0, 1.0])
def test_gains_leave_gradients_alone(gain, soft):
    plan, x = PLANS["few scans"], noise(5000).to(CARD)
    both = [slope(lambda x, g=g: engine.reassign(x * g, plan, soft=soft)[0] / g**2, x) for g in (1.0, gain)]
    assert both[0].abs().sum() > 0 and apart(both[1], both[0]) < 1e-3


def test_second_derivatives():
    layer = LinearReassignment(16000, q=1, fmin=2000, fmax=4000, bins_per_octave=3, oversampling=2, density=1,
                               gate=None, soft=True)
    x, v = noise(60, dtype=torch.float64), noise(60, dtype=torch.float64, seed=1)
    both = []
    for device in ("cpu", CARD):
        leaf = x.to(device).requires_grad_()
        first, = torch.autograd.grad(layer.to(device)(leaf).square().sum(), leaf, create_graph=True)
        both.append(torch.autograd.grad((first * v.to(device)).sum(), leaf)[0])
    assert both[0].abs().sum() > 0 and apart(*both) < 1e-7


def test_deterministic_algorithms_give_one_result():
    plan, x = PLANS["strides"], noise(9000, 2).to(CARD)
    try:
        torch.use_deterministic_algorithms(True)
        first = [engine.reassign(x, plan, mode)[0] for mode in engine.modes]
        hold = torch.empty(int(2e9), dtype=torch.uint8, device=CARD)          # less memory is free
        again = [engine.reassign(x, plan, mode)[0] for mode in engine.modes]
        del hold
        slopes = [slope(lambda x: engine.reassign(x, plan, soft=True)[0], x) for _ in range(2)]
    finally: torch.use_deterministic_algorithms(False)
    assert all((a == b).all() for a, b in zip(first, again, strict=True)) and (slopes[0] == slopes[1]).all()
    assert apart(engine.reassign(x, plan)[0], first[0]) < 0.01


def test_what_is_not_finite_is_seen():
    layer, x = LinearReassignment(16000).to(CARD), noise(3, 4000).to(CARD)
    good = layer(x)
    x[1, 77] = torch.nan
    marked = layer(x, counts=True)[0]
    assert marked[1].isnan().any() and not marked[[0, 2]].isnan().any()
    assert apart(marked[[0, 2]], good[[0, 2]]) < 1e-5
    with torch.autograd.set_detect_anomaly(True), pytest.raises(ValueError, match="sample 77 of sound 1"): layer(x)


@pytest.mark.parametrize("gate", ["local", "global", None])
def test_the_host_does_not_wait(gate):
    "Once the tables are there, a forward pass asks the card for no number."
    layer, x = LinearReassignment(16000, gate=gate).to(CARD), noise(2, 16000).to(CARD)
    expected = layer(x)
    torch.cuda.set_sync_debug_mode("error")
    try: again = layer(x)
    finally: torch.cuda.set_sync_debug_mode("default")
    assert apart(again, expected) < 1e-5


def test_a_graph_records_it():
    layer, x = LinearReassignment(16000).to(CARD), noise(2, 16000).to(CARD)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.no_grad():
        for _ in range(3): layer(x)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.no_grad(), torch.cuda.graph(graph): picture = layer(x)
    for seed in (1, 2):
        x.copy_(noise(2, 16000, seed=seed))
        graph.replay()
        assert picture.sum() > 0 and apart(picture, layer(x)) < 1e-5


def test_a_side_stream():
    layer, x = LinearReassignment(16000).to(CARD), noise(4, 16000).to(CARD)
    expected, side = layer(x), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side): ours = layer(x)
    side.synchronize()
    assert apart(ours, expected) < 1e-5


@pytest.mark.parametrize("how", [dict(soft=True), dict(gate="global", soft=0.5), dict(soft=False),
                                 dict(gate=None, boundary="wrap", mode="parity", soft=True)])
def test_compiled_by_inductor(how):
    torch._dynamo.reset()
    layer = LinearReassignment(16000, q=1, fmin=500, fmax=4000, bins_per_octave=6, oversampling=4, **how).to(CARD)
    model = torch.compile(layer, fullgraph=True)
    for shape in ((2, 2000), (2, 1500), (3, 1777)):
        x = noise(*shape).to(CARD)
        assert apart(model(x), layer(x)) < 1e-5
        if how["soft"]: assert apart(slope(model, x), slope(layer, x)) < 1e-3


@pytest.mark.parametrize("q", [2.0, "auto"])
def test_a_padded_batch(q):
    layer, x = LinearReassignment(16000, q=q, scale="db"), noise(3, 8000)
    x[0] = torch.sin(0.3 * torch.arange(8000))
    lengths = torch.tensor([8000, 300, 4000])
    ours, theirs = copy.deepcopy(layer).to(CARD)(x.to(CARD), lengths), layer(x, lengths)
    assert (ours.cpu() - theirs).abs().mean() < 0.5 and (layer.mask(lengths, 8000) == layer.to(CARD).mask(lengths, 8000)
                                                         .cpu()).all()
    if q == "auto": assert torch.allclose(layer.q_map(x.to(CARD), lengths).cpu(), layer.cpu().q_map(x, lengths))


def test_a_network_trains_in_half_precision():
    "Autocast around it, and gradients through it."
    model = torch.nn.Sequential(LinearReassignment(16000, soft=True, scale="log1p", gain=1e6, bins_per_octave=6),
                                torch.nn.AdaptiveAvgPool2d((16, 8)), torch.nn.Flatten(),
                                torch.nn.Linear(128, 2)).to(CARD)
    n = torch.arange(4000) / 16000
    x = torch.stack([torch.sin(2 * torch.pi * f * n) for f in (500, 900, 2000, 4000)] * 2).to(CARD).requires_grad_()
    y = torch.tensor([0, 0, 1, 1] * 2, device=CARD)
    step, losses = torch.optim.Adam(model.parameters(), 0.05), []
    for _ in range(20):
        step.zero_grad()
        with torch.autocast(CARD, torch.bfloat16): out = model(x)
        loss = torch.nn.functional.cross_entropy(out.float(), y)
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0] and x.grad.isfinite().all() and x.grad.abs().sum() > 0


def test_loss_and_front_end():
    for build, ours in ((lambda: ReassignedLoss(16000, fmin=200), lambda m, x, y: m(x, y)),
                        (lambda: ReassignedFrontEnd(16000, qs=(1, 4), mix=True, soft=True),
                         lambda m, x, y: m(x)[..., :9].square().mean())):
        model, found = build(), []
        for device in ("cpu", CARD):
            leaf = noise(2, 4000).to(device).requires_grad_()
            value = ours(model.to(device), leaf, noise(2, 4000, seed=1).to(device))
            found.append((value, torch.autograd.grad(value, leaf)[0]))
        assert apart(found[0][0][None], found[1][0][None]) < 1e-2 and apart(found[0][1], found[1][1]) < 0.1


@pytest.mark.parametrize("how", [dict(q=2), dict(q=8, bins_per_octave=24, hop_length=64), dict(boundary="reflect")])
def test_streams(how):
    x = noise(30000, 2).numpy()
    joined = []
    for make in (ReassignedStream, TorchStream):
        stream = make(16000, fmin=100, fmax=7900, **how)
        parts = [*map(stream.push, np.array_split(x.T, [5, 3000, 3001, 20000], -1)), stream.close()]
        joined.append(join([p for p in parts if p is not None]))
    assert joined[1].energy.shape == joined[0].energy.shape
    assert difference(joined[1].energy, joined[0].energy) < 0.01


@pytest.mark.parametrize("mode", engine.modes)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("compiled", [True, False])
def test_memory_keeps_its_bound(mode, soft, compiled):
    if not compiled and mode == "fast": pytest.skip("takes minutes")
    plan, x = Plan(100_000, 2, 100, 8, 12, 0.01, 0.45), noise(100_000).to(CARD)
    bound, leaf = 200_000_000, x.clone().requires_grad_(soft)
    run = lambda: engine.reassign(leaf, plan, mode, soft=soft, max_memory=bound, compiled=compiled)[0].sum()
    (run().backward() if soft else run())                           # the tables are kept apart
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    (run().backward() if soft else run())
    pictures = 8 * 8 * plan.n_times * plan.n_bins
    assert 0 < torch.cuda.max_memory_allocated() - before < 1.2 * bound + pictures


def test_ten_million_samples():
    "Indices beyond 2³¹ would show here."
    plan = Plan(22200 * 450, 2, 450, 20, 12, 4e-3, 0.45)
    x = torch.cat([torch.zeros(11100 * 450), noise(11100 * 450)]).to(CARD)
    energy = engine.reassign(x, plan, boundary="zero")[0]
    assert energy[:11000].sum() < 1e-12 * energy.sum()              # what is left is rounding error of single points
    tail = engine.reassign(x[-450_000:], Plan(450_000, *engine._numbers(plan)), boundary="zero")[0]
    assert apart(energy[-900:], tail[-900:]) < 0.02


@pytest.mark.parametrize("name", ["Humpback_Whale", "Narwhal", "Striped_Dolphin", "Sperm_Whale"])
def test_real_recordings(name):
    folder = recordings_folder()
    if folder is None: pytest.skip("HYPERRES_RECORDINGS names no folder")
    x, sr = audio.read(folder / "marine" / f"{name}.wav", channel=1)
    x = torch.from_numpy(x[0, :2 * int(sr)])
    layer = LinearReassignment(sr, gate=None)
    theirs, ours = layer(x), layer.to(CARD)(x.to(CARD))
    assert theirs.sum() > 0 and apart(ours, theirs) < 0.02
    layer = LinearReassignment(sr)
    theirs, ours = layer(x, counts=True), layer.to(CARD)(x.to(CARD), counts=True)
    assert ((ours[0] > 0).cpu() != (theirs[0] > 0)).sum() < 0.02 * (theirs[0] > 0).sum()


def test_where_kernels_take_part(spied):
    plan, x = PLANS["few scans"], noise(5000).to(CARD)
    runs = lambda **how: (spied.clear(), slope(lambda x: engine.reassign(x, plan, **how)[0], x), set(spied))[2]
    back = {"_fold_fused", "_send_fused", "_pull_fused", "_unfold_fused"}
    assert kernel._fused(x) and runs() == runs(soft=0.5) == back
    assert not runs(compiled=False) and not runs(mode="parity") and not runs(mode="parity", soft=1.0)
    engine.reassign(x, plan, "parity")
    assert spied == {"_send_exact_fused"}
