"""Phase: what is refused, the exact way back for any sound, and torch's numbers equal to NumPy's."""

import subprocess
import sys

import numpy as np
import pytest
from examples import examples, reached
from hypothesis import given
from hypothesis import strategies as st

from spectral_hyperresolution.engine import checks
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.testing import check_close
from spectral_hyperresolution.theory import phase, regions, resynthesis
from spectral_hyperresolution.theory.bank import Bank, admissibility

x, sr = np.random.default_rng(0).standard_normal(600), 8000
bank = Bank.uniform(600, 16, 20, 8)


@pytest.mark.parametrize("call, says", [
    (lambda: phase.complex_histogram(x[:1], bank), "x has shape (1,)"),
    (lambda: phase.complex_histogram(x[None], bank), "x has shape (1, 600)"),
    (lambda: phase.complex_histogram(x + 1j, bank), "x is complex128"),
    (lambda: phase.complex_histogram(np.where(np.arange(600) == 7, np.nan, x), bank), "x[7] is not finite"),
    (lambda: phase.complex_histogram(x[:-1], bank), "not bank.n_samples=600"),
    (lambda: phase.complex_histogram(x, bank, hop=7), "hop=7 does not divide"),
    (lambda: phase.complex_histogram(x, bank, density=0), "density=0 is not"),
    (lambda: Bank.uniform(600, 2, 20), "sigma_t=2 is not a finite number >= 3"),
    (lambda: Bank.uniform(600, 16, 0), "rows=0 is not an integer >= 1"),
    (lambda: admissibility(0.2), "q=0.2 is not"),
    (lambda: phase.complex_spectrogram(x, 0), "sr=0 is not"),
    (lambda: phase.complex_spectrogram(x, sr, bin_hz=-1, sigma_t=0.002), "bin_hz=-1 is not"),
    (lambda: phase.complex_spectrogram(x, sr, q=2, sigma_t=0.002), "give one of them"),
    (lambda: resynthesis.analyse(x, sr, sigma_t=0.002, fmin=100), "all frequencies are analysed"),
    (lambda: resynthesis.analyse(x, sr, q=0.1), "q=0.1 is not"),
    (lambda: resynthesis.analyse(x, sr, boundary="reflect"), "boundary='reflect'"),
    (lambda: resynthesis.analyse(x, sr, per_sigma=0.1), "per_sigma=0.1 is not"),
    (lambda: resynthesis.analyse(x, sr, sigma_t=0.002, density=0.9), "density=0.9 is not"),
    (lambda: resynthesis.analyse(x, sr, sigma_t=0.002).select(lambda t, f: True), "region gave shape ()"),
    (lambda: resynthesis.analyse(x, sr, sigma_t=0.002).synthesise(np.ones(7)), "mask has shape (7,)"),
    (lambda: regions.in_box((0, 1, 2), (0, 1)), "times has 3 values, not 2"),
    (lambda: regions.in_cells(np.ones((2, 3)), [0, 1], [0, 1]), "mask has shape (2, 3), not (1, 1)"),
    (lambda: regions.near_contour([0, 1], [1, 2, 3], 5), "hz has shape (3,), not (2,)"),
    (lambda: regions.near_contour([1, 0], [1, 2], 5), "times is not finite and increasing"),
    (lambda: regions.near_contour([0, 1], [1, 2], 0), "within=0 is not"),
    (lambda: phase.phase_colours(np.ones((2, 2)), 0), "span=0 is not"),
])
def test_refused(call, says):
    with pytest.raises(ValueError) as caught: call()
    assert says in str(caught.value)


def test_too_long_a_sound_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(checks, "available_memory", lambda: 10**6)
    with pytest.raises(MemoryError, match=r"departure points, \d+ for each of 600 samples: .* GB are needed"):
        resynthesis.analyse(x, sr, sigma_t=0.002)
    with pytest.raises(MemoryError, match="a picture of 8 × 600 complex cells"): phase.complex_histogram(x, bank)


@examples(30, back=30, divided=15)
@given(n=st.integers(64, 3000), seed=st.integers(0, 99), sigma_t=st.floats(3, 60), per_sigma=st.floats(0.7, 4),
       boundary=st.sampled_from(["zero", "wrap"]), gain=st.sampled_from([1.0, 1e-8, 1e30]))
def test_round_trip_with_one_window(n, seed, sigma_t, per_sigma, boundary, gain):
    "Any sound comes back whole, and a mask and its complement share it between them."
    sound = gain * np.random.default_rng(seed).standard_normal(n)
    sources = resynthesis.analyse(sound, 1.0, sigma_t=sigma_t, per_sigma=per_sigma, boundary=boundary)
    check_close(sources.synthesise(), sound, rtol=1e-10)
    mask = sources.select(regions.in_box((0, n / 2), (0.1, 0.3)))
    check_close(sources.synthesise(mask) + sources.synthesise(~mask), sound, rtol=1e-10)
    reached("back")
    if mask.any() and not mask.all(): reached("divided")


@examples(30, back=30)
@given(n=st.integers(300, 3000), seed=st.integers(0, 99), q=st.floats(0.5, 12), octaves=st.floats(0.3, 4),
       fmax=st.floats(0.05, 0.5), density=st.floats(1, 3))
def test_round_trip_with_constant_q(n, seed, q, octaves, fmax, density):
    "What lies in the analysed band comes back."
    n = max(n, int(2.3 * q / fmax) + 1)
    fmin = min(max(fmax / 2**octaves, 2.01 * q / n), 0.9 * fmax)
    sound = np.random.default_rng(seed).standard_normal(n)
    sources = resynthesis.analyse(sound, 1.0, q=q, fmin=fmin, fmax=fmax, density=density, boundary="wrap")
    f = np.fft.rfftfreq(n)
    inside = (f >= fmin) & (f <= fmax)
    assert inside.any()
    check_close(np.fft.rfft(sources.synthesise())[inside], np.fft.rfft(sound)[inside], rtol=1e-10)
    reached("back")


@pytest.mark.parametrize("settings", [dict(q=1.0), dict(sigma_t=0.002)], ids=str)
@pytest.mark.parametrize("hop", [1, 4, 10])
def test_a_click_and_a_tone_lie_where_the_axes_say(settings, hop):
    "Columns are centred on 0, hop, 2·hop …: a click's energy has its centre at the click, and the sum is the sound."
    for at in (300, 303):
        S = phase.complex_spectrogram(1.0 * (np.arange(600) == at), sr, hop_length=hop, **settings)
        assert S.complex.shape == (len(S.frequencies), len(S.times)) and len(S.times) == -(-600 // hop)
        np.testing.assert_allclose(S.times, np.arange(0, 600, hop) / sr)
        weight = np.abs(S.complex).sum(0)
        most = np.sort(weight.argsort()[-2:])   # a reassigned point is shared by two columns
        assert most[1] - most[0] == 1 and weight[most].sum() > 0.7 * weight.sum()
        centre = (weight * S.times)[most].sum() / weight[most].sum() * sr
        assert centre == pytest.approx(at, abs=0.15 * hop if "q" in settings else 1e-3)
    S = phase.complex_spectrogram(np.sin(2 * np.pi * 1000 / sr * np.arange(600)), sr, hop_length=hop, **settings)
    inner = slice(150 // hop, 450 // hop)
    row = np.abs(S.complex[:, inner]).sum(1).argmax()
    assert abs(S.frequencies[row] - 1000) <= np.diff(S.frequencies).max() / 2
    np.testing.assert_allclose(S.sound()[inner], np.sin(2 * np.pi * 1000 * S.times[inner]), atol=0.02)


@pytest.mark.parametrize("q", [0.7, 2.0, 8.0])
def test_three_rows_in_one_sigma_f(q):
    "As many as asked for, or a few more; what the rows at one frequency add up to is a Gaussian's integral."
    for per_sigma in (1.0, 3.0):
        rows = phase.complex_spectrogram(x, sr, q=q, fmin=500, fmax=3000, per_sigma=per_sigma).bank
        apart = np.diff(rows.frequencies)[0] / rows.sigma_f[0]
        bins = 48 / (2 * np.pi * q * np.log(2))                        # in one sigma_f, at one row each
        assert 1 / apart == pytest.approx(max(bins, bins * np.ceil(per_sigma / bins)), rel=0.2)
    assert admissibility(q) == pytest.approx(1 / (q * np.sqrt(2 * np.pi)), rel=0.06 / q)


def test_colours_of_phase():
    "Red, yellow-green, cyan, violet a quarter turn apart; half as bright 20 dB down, dark 40 dB down."
    turns = phase.phase_colours(np.exp(2j * np.pi * np.arange(4) / 4))
    np.testing.assert_allclose(turns, [[1, 0.1, 0.1], [0.55, 1, 0.1], [0.1, 1, 1], [0.55, 0.1, 1]], atol=1e-9)
    np.testing.assert_allclose(phase.phase_colours([1, 0.1, 0.01, 0.001])[:, 0], [1, 0.5, 0, 0], atol=1e-9)
    np.testing.assert_allclose(phase.phase_colours([1, 0.1], span=80)[:, 0], [1, 0.75], atol=1e-9)
    assert not phase.phase_colours(np.zeros(3)).any()


def test_regions_agree():
    "A box, the same box as cells, and a strip of the same shape choose the same points."
    sources = resynthesis.analyse(x, sr, sigma_t=0.002)
    box = sources.select(regions.in_box((0.02, 0.04), (1000, 2000)))
    cells = sources.select(regions.in_cells([[0, 1, 0]], [0, 0.02, 0.04, 0.075], [1000, 2000]))
    assert 0 < box.sum() < box.size and (box == cells).all()
    strip = sources.select(regions.near_contour([0.02, 0.04], [1500, 1500], 500))
    assert (box != strip).sum() <= 2  # one is half open


def test_torch_is_numpys():
    torch = pytest.importorskip("torch")
    for on in (bank, Bank.constant_q(Plan(600, 2, 1, 1, 24, 0.05, 0.45))):
        for more in ({}, dict(linear=False), dict(centre=False), dict(hop=6), dict(density=3)):
            one, other = (phase.complex_histogram(a, on, second_order=False, **more) for a in (torch.tensor(x), x))
            check_close(one.numpy(), other, rtol=1e-12)
        one, other = (phase.complex_histogram(a, on) for a in (torch.tensor(x), x))
        check_close(one.numpy(), other, rtol=1e-10)  # v is a small difference of larger numbers
    single = phase.complex_histogram(torch.tensor(x, dtype=torch.float32), bank)
    assert single.dtype == torch.complex64
    one, other = (phase.complex_spectrogram(a, sr, sigma_t=0.002, hop_length=4).complex for a in (torch.tensor(x), x))
    check_close(one.numpy(), other, rtol=1e-10)
    with pytest.raises(ValueError, match=r"torch\.int64 of shape"): phase.complex_histogram(torch.arange(600), bank)
    with pytest.raises(ValueError, match="analyse takes an array"): resynthesis.analyse(torch.tensor(x), sr)


def test_no_torch_is_loaded():
    use = "phase.complex_spectrogram(np.ones(400), 8000, sigma_t=0.002); assert 'torch' not in sys.modules"
    code = f"import sys, numpy as np; from spectral_hyperresolution.theory import phase; {use}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_silence():
    assert not phase.complex_histogram(np.zeros(600), bank).any()
    sources = resynthesis.analyse(np.zeros(600), sr, sigma_t=0.002)
    assert not sources.synthesise().any() and not sources.select(regions.in_box((0, 1), (0, 4000))).any()


@pytest.mark.parametrize("q", [4.0, 8.0])
def test_the_rows_of_constant_q_add_up_to_one(q):
    rows = Bank.constant_q(Plan(2400, q, 1, 4, 24, 0.01, 0.49))
    shares = [rows.share @ np.exp(-(((f - rows.frequencies) / rows.sigma_f) ** 2) / 2) for f in (0.1, 0.15, 0.2)]
    np.testing.assert_allclose(shares, 1, rtol=1e-7)


def test_the_colours_of_a_phase_do_not_depend_on_the_unit():
    z = np.exp(1j * np.arange(12.0)) * np.linspace(1e-3, 1, 12)
    for factor in (1e-6, 0.5, 40): check_close(phase.phase_colours(factor * z), phase.phase_colours(z), atol=1e-9)
    assert phase.phase_colours(1e-6 * z).max() > 0.99


def test_boxes_side_by_side_share_no_point():
    t, f = np.meshgrid(np.arange(6.0), np.arange(100.0, 700, 100))
    both = [regions.in_box(times, (200, 400))(t, f) + 0 for times in ((1, 3), (3, 5))]
    both += [regions.in_box(times, (400, 600))(t, f) + 0 for times in ((1, 3), (3, 5))]
    assert (sum(both) == ((t >= 1) & (t < 5) & (f >= 200) & (f < 600))).all()
