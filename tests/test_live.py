"""The live page's JavaScript against the package: the same modules that the page loads, run by Node."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spectral_hyperresolution import testing
from spectral_hyperresolution.engine.gate import open_cells
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.testing import check_close

LIVE = Path(__file__).resolve().parent.parent / "docs" / "live"
NAMES = ["click_train", "dolphin_like", "prime_length", "short_odd", "single_scan", "tone_click_sweep",
         "whistle_stereo", "white_noise"]
RATE, N = 8000, 2048
WIDE = dict(q=4, tdeci=8, over=1, noct=48, minf=75 / RATE, maxf=1200 / RATE, lint=0.5)
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js is on the PATH")


def node(script, told):
    "Run a script that has the engine as E, the worker's `move` and what it is told; the JSON that it returns."
    program = f"""const {{readFileSync}} = require('fs'), folder = {json.dumps(f"{LIVE}/")}
        const E = require(folder + 'engine.js')(require(folder + 'fft.js')), told = JSON.parse(readFileSync(0, 'utf8'))
        const code = readFileSync(folder + 'worker.js', 'utf8'), answers = []
        new Function('E', 'postMessage', code)(E, answer => answers.push(answer))
        const ask = data => {{ onmessage({{data}}); return answers.pop() }}
        const answer = (() => {{ {script} }})()
        process.stdout.write(JSON.stringify(answer, (k, v) => ArrayBuffer.isView(v) ? Array.from(v) : v))"""
    done = subprocess.run(["node", "-e", program], input=json.dumps(told), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def move(s, plan=WIDE, **more):
    "What the worker answers to one move."
    answer = node("return ask(told)", dict(figure="f", id=1, s=dict(n=N) | s, plan=plan, **more))
    assert "wrong" not in answer, answer
    return answer


def transforms(x, plan):
    "χ and η of every scan, (scans, samples), by NumPy."
    f = np.fft.fftfreq(len(x))
    f[f == -0.5] = 0.5
    u = (f - plan.scan_frequencies[:, None]) / plan.scan_sigma_f[:, None]
    gX = np.exp(-(u**2) / 2) * np.fft.fft(x)
    return np.fft.ifft(gX), np.fft.ifft(-u * gX)


def told(x, plan):
    "A sound and a plan as the engine takes them."
    given = {name: getattr(plan, name) for name in WIDE}
    return dict(x=x.reshape(len(x), -1).T.tolist(), plan=dict(n=len(x)) | given)


def test_every_case_is_tried():
    assert testing.fixture_names() == NAMES


@needs_node
@pytest.mark.parametrize("name", NAMES)
def test_the_page_computes_what_the_parity_mode_does(name):
    x, *numbers = testing.arguments(case := testing.fixture(name))
    plan = Plan(len(x), *numbers)
    script = "const P = E.plan(told.plan), H = E.histogram(told.x, P); return {...H, gated: E.gate(H, P)}"
    got = node(script, told(x, plan))
    energy, counts, gated = (np.reshape(got[key], plan.shape) for key in ("energy", "counts", "gated"))
    parity, parity_counts = reassign(x, plan, mode="parity")
    assert np.array_equal(counts, parity_counts) and np.array_equal(energy > 0, parity > 0)
    check_close(energy[parity > 0] / parity[parity > 0], 1, rtol=1e-6)
    assert np.array_equal(gated > 0, case["result"] > 0)
    check_close(gated[gated > 0] / case["result"][gated > 0], 1, rtol=1e-6)


def test_the_engine_is_short_and_names_its_formulas():
    text = (LIVE / "engine.js").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    assert set(re.findall(r"Eq\. \d", text)) == {"Eq. 1", "Eq. 4", "Eq. 5", "Eq. 6"}
    assert "MIT License" in (LIVE / "fft.js").read_text(encoding="utf-8")


@needs_node
def test_the_pages_sounds():
    t = np.arange(N) / RATE
    fade = np.sin(np.pi / 2 * np.minimum(1, np.minimum(t, 0.256 - t) / 0.01)) ** 2
    during = np.clip(t - 0.11, 0, 0.13)
    whistle = np.sin(np.pi * during / 0.13) ** 2 * np.cos(2 * np.pi * (350 * during + 1500 * during**2))
    calls = 0.4 * fade * np.cos(400 * np.pi * t) + 6 * (np.arange(N) == 640) + whistle
    check_close(move(dict(kind="calls"))["x"], calls, rtol=1e-12)
    pair = np.cos(2 * np.pi * 470 * t) + np.cos(2 * np.pi * 530 * t)
    check_close(move(dict(kind="tones", apart=60))["x"], pair, rtol=1e-12)
    song = np.cos(2 * np.pi * 703.125 * t + 32 * np.sin(2 * np.pi * 7.8125 * t)) + 4 * (np.arange(N) % 256 == 128)
    check_close(move(dict(kind="song"))["x"], song, rtol=1e-12)
    check_close(move(dict(kind="clicks"))["x"], 6.0 * (np.arange(N) % 160 == 0))
    first, again, other = (np.array(move(dict(kind="tone", hertz=300, noise=1, seed=seed))["x"]) -
                           np.cos(2 * np.pi * 300 * t) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and abs(np.corrcoef(first, other)[0, 1]) < 0.1
    assert abs(first.mean()) < 0.1 and abs(first.std() - 1) < 0.1 and abs((first**4).mean() - 3) < 0.6


@needs_node
@pytest.mark.parametrize("kind, noise", [("calls", 1e-3), ("tone", 0.5), ("clicks", 0.1)])
def test_a_move_is_the_parity_mode(kind, noise):
    s = dict(kind=kind, noise=noise, hertz=300, seed=3)
    got, plan = move(s), Plan(N, **WIDE)
    energy, counts = reassign(np.array(got["x"]), plan, mode="parity")
    assert np.array_equal(np.reshape(got["counts"], plan.shape), counts) and got["sent"] == N * plan.n_scans
    check_close(np.reshape(got["energy"], plan.shape), energy, rtol=1e-9)
    assert got["cells"] == (energy > 1e-5 * energy.max()).sum() and got["error"] == 0
    pixels = np.reshape(got["chi"], (plan.n_scans, got["width"], 4))
    chi = np.abs(transforms(np.array(got["x"]), plan)[0])[::-1].reshape(plan.n_scans, got["width"], -1).mean(-1)
    assert np.abs(pixels[..., :3].mean(-1) - 127.5 * np.sqrt(chi / chi.max())).max() < 1.5
    levels = np.reshape(got["heat"], (plan.n_bins, plan.n_times, 4))[..., :3].sum(-1)
    decibels = 10 * np.log10(np.maximum(energy.T / energy.max(), 1e-99))
    assert (levels[decibels < -50] == 4).all() and (levels[decibels > -49] > 4).all()
    assert levels[decibels > -1].min() > levels[decibels < -20].max()


@needs_node
@pytest.mark.parametrize("rule", ["local", "global"])
def test_the_gate_is_the_packages(rule):
    s, given = dict(kind="song", noise=0.3), WIDE | dict(tdeci=32)
    got, raw, plan = move(s, given, gate=rule), move(s, given), Plan(N, **given)
    energy, counts = (np.reshape(raw[key], plan.shape) for key in ("energy", "counts"))
    lit = open_cells(counts, plan, rule)
    assert 0.05 < lit.mean() < 0.95 * (energy > 0).mean()
    check_close(np.reshape(got["energy"], plan.shape), np.where(lit, energy, 0))


@needs_node
def test_fewer_points_make_a_rougher_picture():
    stride, step = 8, 4
    got, plan = move(dict(kind="calls", noise=1e-3), thin=[stride, step]), Plan(N, **WIDE)
    x = np.array(got["x"])
    (chi, eta), s, f0 = transforms(x, plan), plan.scan_sigma_f[:, None], plan.scan_frequencies[:, None]
    chi, eta, s, f0 = (v[step // 2::step] for v in (chi, eta, s, f0))
    n = np.arange(1, N + 1)[stride // 2::stride]
    chi, eta = chi[:, stride // 2::stride], eta[:, stride // 2::stride]
    m = eta / np.where(chi == 0, np.nan, chi)
    f, t = f0 - s * m.real, n + m.imag / (2 * np.pi * s)
    keep = (np.abs(m) < 0.5) & (f > plan.minf) & (f < plan.maxf) & (t >= 1) & (t < N) & (np.abs(chi) > 1e-12)
    assert got["sent"] == chi.size and abs(sum(got["counts"]) - keep.sum()) < 5
    assert abs(sum(got["energy"]) / (np.abs(chi[keep]) ** 2).sum() - 1) < 1e-5
    whole = reassign(x, plan, mode="parity")[0]
    off = np.abs(stride * step * np.reshape(got["energy"], plan.shape) - whole).sum() / whole.sum()
    assert 0.1 < off < 1.5 and abs(got["error"] - off) < 1e-3


@needs_node
def test_a_point_between_the_samples():
    x, plan = np.random.default_rng(0).standard_normal(N), Plan(N, **WIDE)
    for t, f in ((700.0, 0.05), (700.3, 0.0505), (1.0, 0.14)):
        k = np.fft.fftfreq(N)
        k[k == -0.5] = 0.5
        u = (k - f) / (sigma := f / (2 * np.pi * 4))
        turned = np.exp(-(u**2) / 2) * np.fft.fft(x) * np.exp(2j * np.pi * k * (t - 1)) / N
        chi, eta = turned.sum(), (-u * turned).sum()
        got = node("ask(told); return ask({figure: 'f', point: told.at}).point",
                   dict(figure="f", s=dict(samples=x.tolist()), plan=WIDE, at=[t, f]))
        assert plan.n_samples == N and abs(complex(*got["chi"]) / chi - 1) < 1e-9
        check_close([got["tIns"], got["fIns"], got["size"]],
                    [t + (eta / chi).imag / (2 * np.pi * sigma), f - sigma * (eta / chi).real, abs(eta / chi)])


@needs_node
@pytest.mark.parametrize("apart", [30, 60, 120])
def test_the_share_that_arrives_at_a_tone(apart):
    plan = WIDE | dict(noct=128, minf=300 / RATE, maxf=800 / RATE)
    got = move(dict(kind="tones", apart=apart, noise=0.01), plan)
    (chi, eta), P, inner = transforms(np.array(got["x"]), Plan(N, **plan)), Plan(N, **plan), slice(N // 4, 3 * N // 4)
    f = (P.scan_frequencies[:, None] - P.scan_sigma_f[:, None] * (eta / chi).real)[:, inner] * RATE
    home = np.minimum(np.abs(f - 500 + apart / 2), np.abs(f - 500 - apart / 2)) < apart / 10
    power = np.abs(chi[:, inner]) ** 2
    assert abs(got["near"] - power[home].sum() / power.sum()) < 1e-4
    assert 0.001 < got["precision"] < 0.3


@needs_node
@pytest.mark.parametrize("level, maxf", [(0.5, 0.15), (1000, 0.15), (1000, 0.45)])
def test_zeros_are_where_the_phase_turns(level, maxf):
    "As many as the plane has units for noise; at each the modulus has a minimum, far below its mean."
    given = WIDE | dict(maxf=maxf)
    got, plan = move(dict(kind="tone", hertz=300, noise=level), given, zeros=True), Plan(N, **given)
    t, f = np.reshape(got["zeros"], (-1, 2)).T
    if level > 1: assert abs(len(t) / (N * (plan.maxf - plan.minf)) - 1) < 0.1
    chi = np.abs(transforms(np.array(got["x"]), plan)[0])
    row = np.round(np.log2(f / plan.minf) * plan.noct - 0.5).astype(int)
    corners = [chi[row + j, np.clip(t.astype(int) + i, 0, N - 1)] for j in (0, 1) for i in (-1, 0, 1)]
    around = [chi[np.clip(row + j, 0, len(chi) - 1), np.clip(t.astype(int) + i, 0, N - 1)]
              for j, i in ((-8, 0), (9, 0), (0, -20), (0, 20))]
    assert len(t) > 100 and (np.min(corners, 0) < np.max(around, 0)).all()
    assert np.median(np.min(corners, 0) / np.median(chi)) < 0.2


@needs_node
def test_silence_is_dark():
    "Where chi is below its own rounding error no point is sent, as in the package; without the rule many would be."
    x, plan = np.zeros(N), Plan(N, **WIDE)
    x[100:300] = np.random.default_rng(0).standard_normal(200)
    counts = sum(node("return E.histogram(told.x, E.plan(told.plan)).counts", told(x, plan)))
    package, all_points = (reassign(x, plan, mode="parity", silence=rule)[1].sum() for rule in (True, False))
    assert abs(counts - package) < 0.02 * (all_points - package), (counts, package, all_points)


@needs_node
def test_a_move_at_4096_samples_takes_less_than_100_ms():
    "The processor's time, so that what else runs here doesn't count; the quickest of nine, once it is compiled."
    spent = node("""return Array.from({length: 9}, (_, i) => {
        const before = process.cpuUsage()
        ask({...told, id: i})
        const {user, system} = process.cpuUsage(before)
        return (user + system) / 1e3
    })""", dict(figure="f", s=dict(kind="clicks", n=4096), plan=WIDE | dict(noct=36, tdeci=16, minf=1 / 64, maxf=0.5)))
    assert min(spent) < 100, spent
