"""A linear axis of frequency has rows of one height, computed as truly as those of one ratio."""

import numpy as np
import pytest
import soundfile
from test_tolerance import KINDS, brute, error, sound

from spectral_hyperresolution import audio, plot, reassigned_spectrogram
from spectral_hyperresolution.engine import cost
from spectral_hyperresolution.engine.definition import literal_loop
from spectral_hyperresolution.engine.gate import local_threshold, open_cells
from spectral_hyperresolution.engine.plan import Plan, default_plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.ordinary import beside
from spectral_hyperresolution.parts import Part, part_plan
from spectral_hyperresolution.pieces import picture
from spectral_hyperresolution.recording import Sound
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram

SR = 8000
LINEAR = dict(scale="linear", n_bins=100)


def random_plan(rng):
    "q 0.25 … 32, hop 1 … 2048, 3 … 1000 rows, over a third of an octave to six octaves."
    while True:
        q, rows, hop = 2 ** rng.uniform(-2, 5), round(3 * 333 ** rng.uniform(0, 1)), round(2048 ** rng.uniform(0, 1))
        maxf = rng.choice([0.45, 0.5, rng.uniform(0.05, 0.5)])
        minf = maxf / 2 ** rng.uniform(0.3, 6)
        n = int(max(2000, 4 * q / minf, 3 * hop, rng.uniform(2000, 9000)))
        p = default_plan(n, 1.0, q, minf, maxf, hop_length=hop, scale="linear", n_bins=rows)
        if p.n_scans * n < 3e6 and p.n_times * p.n_bins < 2e6: return p


@pytest.mark.parametrize("seed", range(30))
def test_the_error_is_within_the_tolerance(seed):
    rng = np.random.default_rng([12, seed])
    p, kind, boundary = random_plan(rng), KINDS[seed % len(KINDS)], str(rng.choice(["wrap", "zero", "reflect"]))
    x = sound(kind, p, rng)
    exact, exact_counts = brute(x, p, boundary)
    if not exact.any():                             # no point of a recording without high sounds lands in a high band
        assert kind == "recording" and not reassign(x, p, boundary=boundary, silence=False)[0].any()
        return
    rings = 0.02 if p.q < 0.5 and p.maxf > 0.49 else 0              # as in test_tolerance.py
    for tolerance in (0.01, 0.1):
        energy, counts = reassign(x, p, boundary=boundary, tolerance=tolerance, silence=False)
        assert error(energy, exact) <= tolerance + rings, (p, kind, boundary)
        if tolerance == 0.01: assert abs(counts.sum() / exact_counts.sum() - 1) < 0.01
    single, _ = reassign(x.astype(np.float32), p, boundary=boundary, silence=False)
    assert error(single, exact) <= 0.02 + rings, (p, kind, boundary)


@pytest.mark.parametrize("q", [0.5, 2, 8])
def test_definition_parity_and_judge_agree(q):
    p = default_plan(1501, SR, q, 400, 3900, hop_length=20, **LINEAR)
    x = np.random.default_rng(1).standard_normal(1501)
    energy, counts = literal_loop(x, p)
    for other, points in (reassign(x, p, "parity", silence=False), brute(x, p, "wrap")):
        np.testing.assert_allclose(energy, other, rtol=1e-9, atol=1e-12 * energy.max())
        assert (counts != points).sum() <= 2                            # a point on an edge


def test_the_axis():
    S = reassigned_spectrogram(np.ones(4000), SR, fmin=500, fmax=3500, scale="linear", n_bins=60)
    np.testing.assert_allclose(S.frequency_edges, np.arange(500, 3501, 50))
    np.testing.assert_allclose(S.frequencies, np.arange(525, 3500, 50))
    assert S.shape[0] == 60 == S.plan.n_bins
    assert reassigned_spectrogram(np.ones(4000), SR, scale="linear").shape[0] == 512
    octaves = reassigned_spectrogram(np.ones(4000), SR, scale="log")
    assert octaves.shape == reassigned_spectrogram(np.ones(4000), SR).shape and octaves.plan.rows == 0


@pytest.mark.parametrize("rows", [30, 300, 3000])
@pytest.mark.parametrize("f", [520.0, 1234.5, 3456.7])
def test_a_tone_lies_in_its_row(rows, f):
    x = np.cos(2 * np.pi * f * np.arange(2 * SR) / SR)
    S = reassigned_spectrogram(x, SR, q=8, fmin=300, scale="linear", n_bins=rows)
    row = S.energy[:, 40:-40].sum(1)
    at = np.searchsorted(S.frequency_edges, f) - 1
    assert row.argmax() == at and row[max(0, at - 1):at + 2].sum() > 0.995 * row.sum()
    inner = S.power[:, 40:-40].sum(0)
    # a full-scale sine, whatever the rows, to within a scan more or less of the twenty within lint
    assert inner.mean() == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("q", [1.0, 4.0, "auto"])
def test_the_energy_is_that_of_the_log_axis(q):
    x = np.random.default_rng(2).standard_normal(2 * SR)
    linear, octaves = (reassigned_spectrogram(x, SR, q=q, fmin=200, gate=None, **more) for more in (LINEAR, {}))
    assert linear.energy.sum() == pytest.approx(octaves.energy.sum(), rel=0.02)
    high = linear.frequencies > 1000
    assert linear.energy[high].sum() == pytest.approx(octaves.energy[octaves.frequencies > 1000].sum(), rel=0.05)


def test_the_gate_darkens_as_much_noise_as_on_the_log_axis():
    "At the frequency where the rows of both have one height, the gate decides alike; a tone stays."
    x = np.random.default_rng(3).standard_normal(4 * SR)
    octaves = default_plan(len(x), SR, 4, 500, 4000, 48)
    linear = default_plan(len(x), SR, 4, 500, 4000, scale="linear", n_bins=121)          # of 28.9 Hz, as at 2000 Hz
    lit = []
    for p in (octaves, linear):
        _, counts = reassign(x, p)
        near = np.abs(p.bin_frequencies * SR - 2000) < 120
        lit.append(open_cells(counts, p, "local")[:, near].mean())
    assert lit[0] == pytest.approx(lit[1], abs=0.05) and 0.2 < lit[0] < 0.95
    assert local_threshold(linear).shape == (121,)
    S = reassigned_spectrogram(np.cos(2 * np.pi * 2000 * np.arange(SR) / SR), SR, q=2, scale="linear",
                               n_bins=121, fmin=500)
    assert (S.energy[np.abs(S.frequencies - 2000) < 15] > 0).all()


@pytest.mark.slow
def test_a_window_and_a_part_are_cuts_of_the_whole():
    x = np.random.default_rng(4).standard_normal(3 * SR).astype(np.float32)
    p = default_plan(len(x), SR, 4, 300, 3900, hop_length=40, **LINEAR)
    whole, _ = reassign(x.astype(float), p, boundary="zero")
    window, _ = reassign(x.astype(float), p, boundary="zero", window=(100, 300, 20, 70))
    assert error(window, whole[100:300, 20:70]) < 1e-4                  # what is filled in at the edges may differ
    settings = dict(fmin=300, fmax=3900, hop_length=40, **LINEAR)
    for q, near in ((4, 0.01), ("auto", 0.15)):
        all_, part = (Part(Sound(x, SR), a, n) for a, n in ((0, len(x)), (SR, SR)))
        S, P = (picture(each, part_plan(each, q, **settings), q) for each in (all_, part))
        assert error(P.energy, S.energy[:, 200:400]) < near
    # large cells, few points for each
    long = np.random.default_rng(5).standard_normal(60 * SR).astype(np.float32)
    each = Part(Sound(long, SR), 0, len(long))
    for q in (2.8, "auto"):
        plan = part_plan(each, q, 300, 3900, hop_length=SR, **LINEAR)
        assert error(picture(each, plan, q, points=1200.0).energy, picture(each, plan, q).energy) < 0.06


def test_it_is_kept_in_files(tmp_path):
    S = reassigned_spectrogram(np.random.default_rng(6).standard_normal(4000), SR, fmin=500, q="auto", **LINEAR)
    S.save(tmp_path / "a.npz")
    again = ReassignedSpectrogram.load(tmp_path / "a.npz")
    assert again.plan == S.plan and np.array_equal(again.energy, S.energy)
    np.testing.assert_array_equal(again.frequencies, S.frequencies)
    with np.load(tmp_path / "a.npz") as kept:
        assert kept["version"] == 4 and kept["rows"] == 100
        parts = dict(kept)
    for wrong in (99, -100, 10**7):
        np.savez_compressed(tmp_path / "b.npz", **parts | dict(rows=wrong))
        with pytest.raises(ValueError, match="is not a picture kept by save"):
            ReassignedSpectrogram.load(tmp_path / "b.npz")
    xarray = pytest.importorskip("xarray")
    assert isinstance(S.to_xarray(), xarray.Dataset) and S.to_xarray().attrs["scale"] == "linear"


def test_pictures_have_a_linear_axis_in_khz():
    from matplotlib.figure import Figure
    x = np.random.default_rng(7).standard_normal(SR)
    S = reassigned_spectrogram(x, SR, q=2, fmin=500, **LINEAR)
    power, _ = beside(x, S)
    assert power.shape == S.shape and np.isfinite(power).all() and power.any()
    above, ax = Figure().subplots(2, 1)
    S.plot(ax)
    plot.draw_ordinary(x, S, above)
    for each in (ax, above):
        assert each.get_yscale() == "linear" and each.get_ylabel() == "frequency [kHz]"
        np.testing.assert_allclose(each.get_ylim(), (500, 4000))


def test_the_command_draws_it(tmp_path, monkeypatch):
    from spectral_hyperresolution.cli import main
    monkeypatch.chdir(tmp_path)
    x, sr = audio.read(audio.example)
    soundfile.write("mouse.wav", x.T, int(sr))
    drawn = []
    monkeypatch.setattr(plot, "save_figure", lambda target, figure, source, **more: drawn.append(figure))
    assert main(["draw", "mouse.wav", "--scale", "linear", "--compare", "--width", "200", "--height", "120"]) == 0
    for ax in drawn[0].axes[:2]:
        assert ax.get_yscale() == "linear" and ax.collections[0].get_array().shape[0] == 120
    assert main(["draw", "mouse.wav", "--scale", "linear", "--bins-per-octave", "9"]) == 2


@pytest.mark.parametrize("more, says", [
    (dict(scale="mel"), "scale='mel' is not 'log' or 'linear'"), (dict(scale=None), "scale=None is not"),
    (dict(n_bins=50), "n_bins=50 is for scale='linear'"), (dict(scale="linear", n_bins=0), "n_bins=0 is not"),
    (dict(scale="linear", n_bins=2.5), "n_bins=2.5 is not"), (dict(scale=["linear"]), "scale=")])
def test_what_is_refused(more, says):
    with pytest.raises(ValueError, match=says): reassigned_spectrogram(np.ones(4000), SR, **more)


def test_torch_says_that_it_has_no_linear_axis():
    torch = pytest.importorskip("torch")
    from spectral_hyperresolution.pytorch import engine
    with pytest.raises(ValueError, match="rows=100: torch has a logarithmic axis of frequency alone"):
        engine.reassign(torch.ones(4000), default_plan(4000, SR, **LINEAR))


def test_its_cost_follows_from_its_rows():
    few, many = (cost.estimate(default_plan(SR, SR, scale="linear", n_bins=n)) for n in (100, 1000))
    assert few.bytes < many.bytes and few.points < many.points
    assert cost.advice(default_plan(SR, SR, hop_length=SR // 2, scale="linear", n_bins=2000),
                       lambda less: cost.estimate(less).cells, few.cells / 50).startswith("fewer n_bins")


def test_a_plan_knows_its_bins():
    p = Plan(1000, 2.0, 10, 3, 48, 0.1, 0.4, rows=30)
    assert p.shape == (100, 30) and p.height == pytest.approx(0.01)
    np.testing.assert_allclose(np.diff(p.bin_edges), -0.01)
    np.testing.assert_allclose(p.bins_from_top(p.bin_frequencies), np.arange(30), atol=1e-9)
    np.testing.assert_allclose(p.scans_per_bin, 3 * 48 * np.log2(p.bin_edges[:-1] / p.bin_edges[1:]))
    octaves = Plan(1000, 2.0, 10, 3, 48, 0.1, 0.4)
    np.testing.assert_allclose(octaves.bins_from_top(octaves.bin_frequencies), np.arange(97), atol=1e-9)
    with pytest.raises(ValueError, match="rows=-1"): Plan(1000, 2.0, 10, 3, 48, 0.1, 0.4, rows=-1)


@pytest.mark.parametrize("wrong, says", [
    (dict(over=0), "over=0 is not an integer >= 1"), (dict(noct=-12), "noct=-12 is not an integer >= 1"),
    (dict(n_samples=1), "n_samples=1 is not an integer >= 2"), (dict(lint=-1), "lint=-1 is not a finite number > 0"),
    (dict(over=0.3, noct=4800), "over=0.3 is not an integer >= 1")])
def test_what_a_plan_refuses(wrong, says):
    with pytest.raises(ValueError, match=says):
        Plan(**dict(n_samples=48_000, q=2, tdeci=48, over=3, noct=12, minf=0.02, maxf=0.03) | wrong)
