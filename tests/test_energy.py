"""Energies are in full scale² · s and levels in dB re full scale², whatever the settings: the picture's sum is the
sound's own, Σx²/sr, and a sine reads its mean square.

The sounds lie inside the band and fade out before the ends of the file; what is lost at either is the subject of
chapters 201 and 413. The reference is Σx²/sr, and nothing else of the package.
"""

import os
from functools import partial
from math import ceil, erf, exp, log, pi, sqrt
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_hyperresolution import audio, plot
from spectral_hyperresolution.cli import main
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import boundaries, reassign
from spectral_hyperresolution.explore.window import Sound, View, compute
from spectral_hyperresolution.ordinary import beside
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram, reassigned_spectrogram

fixed = partial(settings, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
ROOT = Path(__file__).resolve().parent.parent
SINE = 10 * np.log10(0.5)
N = 6000
judged: dict[str, int] = {}


def judge(name): judged[name] = judged.get(name, 0) + 1


# ---- random settings


@st.composite
def calls(draw, lowest_q=0.5, highest_q=32.0):
    "Sampling rate and arguments of the front door, with 20 to 60 filters in one sigma_f."
    sr = draw(st.sampled_from([8000.0, 22050.0, 48000.0, 192000.0, 1.0]))
    q, bins = 2 ** draw(st.floats(np.log2(lowest_q), np.log2(highest_q))), draw(st.integers(6, 192))
    over = ceil(draw(st.floats(20, 60)) * 2 * pi * q * log(2) / bins)
    kw = dict(q=q, bins_per_octave=bins, oversampling=over, lint=draw(st.sampled_from([0.5, 0.5, 0.3, 0.8, 1.5])),
              fmin=max(0.01, 12 * q / N) * sr, fmax=draw(st.sampled_from([0.4, 0.45, 0.5])) * sr,
              hop_length=draw(st.sampled_from([1, 7, 60, 450])), gate=None, threads=1)
    if draw(st.integers(0, 4)) == 4:
        return sr, kw | dict(mode="parity", boundary="wrap", hop_length=max(60, kw["hop_length"]))
    return sr, kw | dict(boundary=draw(st.sampled_from(["zero", "wrap", "reflect"])),
                         dtype=draw(st.sampled_from(["float32", "float64"])),
                         **draw(st.sampled_from([{}, {}, dict(tolerance=0.05), dict(density=2.5)])))


def middle(sr, kw, share=0.6):
    "Lowest and highest frequency of the middle of the band, clear of its ends by lint filter widths [1/sample]."
    spread = kw["lint"] / (2 * pi * kw["q"])
    low, high = kw["fmin"] / sr * (1 + spread), kw["fmax"] / sr / (1 + spread)
    keep = (high / low) ** ((1 - share) / 2)
    return low * keep, high / keep


def ripple(kw):
    "A whole number of filters sees a tone: how far their sum may be from the integral, relative."
    lint, step = kw["lint"], 2 ** (1 / (kw["oversampling"] * kw["bins_per_octave"])) - 1
    return exp(-(lint**2)) / (sqrt(pi) * erf(lint)) * 2 * pi * kw["q"] * step


def allowance(kw): return 0.05 if "density" in kw else kw.get("tolerance", 0.01)


def faded(x, share):
    "A sound that fades in and out slowly."
    n = int(share * x.shape[-1])
    fade = np.ones(x.shape[-1])
    fade[:n] = np.sin(np.linspace(0, pi / 2, n)) ** 2
    fade[-n:] = fade[:n][::-1]
    return x * fade


def ratio(x, sr, kw): return reassigned_spectrogram(x, sr, **kw).energy.sum() / ((x**2).sum() / sr)


# ---- the sum over the plane


@fixed(max_examples=20)
@given(calls(), st.floats(0, 1), st.floats(-8, 4))
def test_a_tone(call, place, decades):
    sr, kw = call
    low, high = middle(sr, kw)
    f = low * (high / low) ** place
    x = 10**decades * faded(np.sin(2 * pi * f * np.arange(N) + 1), 0.45)
    changes = 10 * (kw["q"] / f / N) ** 2                                   # while it fades it is not quite a line
    assert abs(ratio(x, sr, kw) - 1) < ripple(kw) + allowance(kw) + changes
    judge("tone")


@pytest.mark.slow
@fixed(max_examples=20)
@given(calls(), st.booleans())
def test_a_chirp(call, falls):
    "Filter after filter is passed, so that their whole number does not matter."
    sr, kw = call
    low, high = middle(sr, kw, 0.7)
    x = faded(np.sin(2 * pi * np.cumsum(low * (high / low) ** (np.arange(N) / N))), 0.3)[::-1 if falls else 1]
    assert abs(ratio(x, sr, kw) - 1) < 0.01 + allowance(kw)
    judge("chirp")


@fixed(max_examples=12)
@given(calls(2, 8), st.integers(0, 10**6))
def test_noise(call, seed):
    """Points of noise are displaced in both directions, those of a line across it alone: within lint lies a share of
    1 - 1/(1 + 2 lint²)² of its energy, not erf(lint)."""
    sr, kw = call
    low, high = middle(sr, kw)
    X, f = np.fft.rfft(np.random.default_rng(seed).standard_normal(N)), np.fft.rfftfreq(N)
    X[(f < low) | (f > high)] = 0
    lint, chance = kw["lint"], 1.5 / sqrt(N * (high - low))
    law = (1 - 1 / (1 + 2 * lint**2) ** 2) / erf(lint)
    found = ratio(faded(np.fft.irfft(X, N), 0.1), sr, kw)
    assert min(1, law) - chance - allowance(kw) < found < max(1, law) + chance + allowance(kw)
    judge("noise")


@pytest.mark.parametrize("q", [1, 4])
@pytest.mark.parametrize("kw", [dict(), dict(hop_length=1), dict(hop_length=960), dict(bins_per_octave=12),
                                dict(oversampling=1), dict(tolerance=0.05), dict(gate="local"), dict(pool=True)],
                         ids=str)
def test_a_sum_at_the_front_doors_settings(q, kw):
    "Chirps, noise and clicks together; of two channels the sum."
    sr, n = 8000, 12000
    rng = np.random.default_rng(3)
    X, f = np.fft.rfft(rng.standard_normal((2, n))), np.fft.rfftfreq(n, 1 / sr)
    X = 0.3 * X + 20 * np.exp(-2j * pi * f * 0.6)
    X[:, (f < 400) | (f > 2500)] = 0
    x = faded(np.fft.irfft(X, n) + np.sin(2 * pi * np.cumsum(np.linspace(700, 2200, n)) / sr), 0.05)
    x = x if kw.get("pool") else x[0]
    found = reassigned_spectrogram(x, sr, q=q, **(dict(gate=None) | kw)).energy.sum() * sr / (x**2).sum()
    assert (0.9 if "gate" in kw else 0.98) < found < 1.07


# ---- levels


@pytest.mark.slow
@fixed(max_examples=20)
@given(calls(), st.floats(0, 1), st.floats(-6, 2), st.one_of(st.none(), st.floats(-50, 250)))
def test_a_sine_reads_its_mean_square(call, place, decades, calibration):
    "A steady sine in the middle of a row, at every rate, hop, bins, oversampling and q."
    sr, kw = call
    low, high = middle(sr, kw)
    rows = round(kw["bins_per_octave"] * np.log2(kw["fmax"] / sr / (low * (high / low) ** place)))
    f = kw["fmax"] / sr * 2 ** (-rows / kw["bins_per_octave"])
    S = reassigned_spectrogram(10**decades * np.sin(2 * pi * f * np.arange(N)), sr, calibration=calibration, **kw)
    row = np.abs(S.frequencies / sr / f - 1).argmin()
    inner = (S.times * sr > 5 * kw["q"] / f) & (S.times * sr < N - 5 * kw["q"] / f)
    level = 10 * np.log10((10 ** (S.db(floor=-200)[row, inner] / 10)).mean())
    wanted = SINE + 20 * decades + (calibration or 0)
    assert inner.any() and abs(level - wanted) < 10 * np.log10(1 + ripple(kw) + allowance(kw))
    judge("sine")


def test_every_example_was_judged():
    "Of each kind that was tried in this process, all examples."
    wanted = dict(tone=20, chirp=20, noise=12, sine=20)
    assert all(judged[kind] == wanted[kind] for kind in judged)


@pytest.mark.slow
def test_one_calibration_everywhere(tmp_path):
    "The result, its table, its file, its colour bar and its command say the same of one sine."
    sr, n = 48000, 24000
    x = 0.1 * np.sin(2 * pi * 5000 * np.arange(n) / sr)
    S = reassigned_spectrogram(x, sr, q=2, calibration=176.0)
    row = np.abs(S.frequencies - 5000).argmin()
    level = S.db()[row, 100]
    assert abs(level - (176 - 20 + SINE)) < 0.3 and S.unit == "dB re 1 µPa"
    plain = reassigned_spectrogram(x, sr, q=2)
    assert np.allclose(S.db() - plain.db(), 176, atol=1e-9) and plain.unit == "dB re full scale²"
    assert np.allclose(plain.db(ref=0.5)[row, 100], plain.db()[row, 100] - SINE)
    assert np.allclose(plain.power, plain.energy / (S.plan.tdeci / sr))
    S.save(tmp_path / "s.npz")
    again = ReassignedSpectrogram.load(tmp_path / "s.npz")
    assert again.calibration == 176 and np.array_equal(again.db(), S.db())
    table = S.to_xarray()
    assert table.energy.attrs["units"] == "full scale² s" and table.attrs["calibration"] == 176
    assert "calibration" not in plain.to_xarray().attrs
    for draw in (plot.draw, partial(plot.draw_ordinary, x, colorbar=True)):
        for picture in (S, plain):
            fig, ax = plt.subplots()
            draw(picture, ax=ax, **({} if picture.calibration else {"ref": 0}))
            bar = fig.axes[1]
            # the sine is the loudest of all: the scale's upper end is at or just below it
            assert bar.get_ylabel() == f"level [{picture.unit}]"
            mesh = ax.collections[0].get_array().max()
            assert abs(mesh - ((picture.calibration or 0) - 20 + SINE)) < 0.3
            plt.close(fig)
    import soundfile
    soundfile.write(tmp_path / "s.wav", x, sr)
    command = ["draw", str(tmp_path / "s.wav"), "--calibration", "176", "-o", str(tmp_path / "s.png")]
    assert main([*command, "--q", "2", "--compare"]) == 0 and (tmp_path / "s.png").stat().st_size > 0
    assert main(command) == 0                                           # one picture, q="auto"
    assert main([*command, "--ref", "background"]) == 0
    assert main([*command, "--q", "1,2,4"]) == 2 and main([*command, "--q", "2", "--pixels"]) == 2


def test_a_picture_kept_before_energies_had_a_unit(tmp_path):
    S = reassigned_spectrogram(np.random.default_rng(0).standard_normal(4000), 8000)
    S.save(tmp_path / "new.npz")
    with np.load(tmp_path / "new.npz") as kept: parts = {k: kept[k] for k in kept if k[:3] not in ("cal", "ver")}
    parts["energy"] = parts["energy"] * (S.sr / S.plan.energy_scale)
    np.savez_compressed(tmp_path / "old.npz", **parts)
    old = ReassignedSpectrogram.load(tmp_path / "old.npz")
    assert np.allclose(old.energy, S.energy, rtol=1e-12) and old.calibration is None


def test_columns_that_are_drawn_together_are_averaged():
    "A sine drawn from 12 000 columns has the level that it has in each."
    sine = np.sin(2 * pi * 0.1 * np.arange(12000))
    S = reassigned_spectrogram(sine, 1.0, q=2, hop_length=1, fmin=0.05, bins_per_octave=12)
    fig, ax = plt.subplots()
    plot.draw(S, ax, ref=0)
    shown = np.ma.getdata(ax.collections[0].get_array()).reshape(S.shape[0], -1)
    assert shown.shape[1] <= plot.most_columns and abs(np.median(shown.max(axis=0)) - SINE) < 0.3
    plt.close(fig)


@pytest.mark.parametrize("box", [dict(t0=0.2, t1=1.8, f0=200, f1=20000), dict(t0=1, t1=1.1, f0=4000, f1=6000, q=(9.0,)),
                                 dict(t0=1, t1=1.5, f0=4800, f1=5200, q=(30.0,)),
                                 dict(t0=0.5, t1=1, f0=100, f1=24000, q=(0.7,))], ids=str)
def test_the_explorer_and_the_ordinary_spectrogram(box):
    "The explorer's level, the ordinary spectrogram's, and the front door's, of one sine."
    from spectral_hyperresolution.explore.passes import ordinary
    sr, sine = 48000, 0.25 * np.sin(2 * pi * 5000 * np.arange(96000) / 48000)
    sound, wanted = Sound(sine, sr), 20 * np.log10(0.25) + SINE
    view = View(**box, width=300, height=200).check(sound)
    window = compute(sound, view)
    read = 10 * np.log10(window.power.sum(axis=0).mean())
    assert abs(read - wanted) < 0.25
    assert np.allclose(window.level()[window.energy > 0], 10 * np.log10(window.power[window.energy > 0]))
    # the sum over a window's columns is the sine's energy in them
    assert abs(10 * np.log10(window.energy.sum() / (0.25**2 / 2 * np.ptp(window.time_edges))) ) < 0.25
    for _, _, level, _ in ordinary(sound, view): assert abs(np.median(level.max(axis=0)) - wanted) < 0.3
    S = reassigned_spectrogram(sine, sr)
    assert abs(10 * np.log10(np.median(beside(sine, S)[0].max(axis=0))) - wanted) < 0.1


@pytest.mark.parametrize("kw", [{}, dict(q=6, hop_length=33, bins_per_octave=24, oversampling=7), dict(soft=True)],
                         ids=str)
def test_the_layer_has_the_front_doors_unit(kw):
    torch = pytest.importorskip("torch")
    from spectral_hyperresolution.pytorch.layer import LinearReassignment
    n = 8000
    x = faded(np.sin(2 * pi * np.cumsum(np.linspace(0.05, 0.15, n))), 0.1)
    picture = LinearReassignment(16000, gate=None, **kw)(torch.from_numpy(x))
    assert abs(picture.sum().item() * 16000 / (x**2).sum() - 1) < 0.03


# ---- the ends of the sound


def points(x, p, beyond, first=1.0, mirror=False, outside=False):
    "Energy kept by a brute force that sends every sample of every filter: what arrives from `first` on, (a number)."
    n, padded = len(x), np.pad(x, beyond, mode="symmetric" if mirror else "constant")
    X, nu, kept = np.fft.fft(padded), np.fft.fftfreq(len(padded)), 0.0
    sent = slice(None) if outside else slice(beyond, beyond + n)
    at = (np.arange(len(padded)) - beyond + 1)[sent]
    for f0 in p.scan_frequencies:
        width = f0 / (2 * pi * p.q)
        u = (nu - f0) / width
        chi, eta = (np.fft.ifft(b)[sent] for b in (np.exp(-(u**2) / 2) * X, -u * np.exp(-(u**2) / 2) * X))
        heard = np.abs(chi) > 1e-9
        m = np.where(heard, eta, 1) / np.where(heard, chi, 1)
        t, f = at + m.imag / (2 * pi * width), f0 - width * m.real
        lands = heard & (np.abs(m) < p.lint) & (f > p.minf) & (f < p.maxf) & (t >= first) & (t < n + 1 - first)
        kept += (np.abs(chi[lands]) ** 2).sum()
    return kept * p.energy_scale / (2 * (p.maxf - p.minf))


def test_a_click_at_the_first_sample():
    "What chapter 413 says of the rule 1 <= t, and of what was tried instead of it."
    p = Plan(1000, 2, 20, 10, 12, 0.02, 0.45)
    x = np.zeros(1000)
    x[0] = 1
    judged = {name: points(x, p, 1024, **kw) for name, kw in dict(
        silent=dict(), everywhere=dict(first=0.5, outside=True), mirrored=dict(mirror=True),
        mirror=dict(mirror=True, first=0.5)).items()}
    assert 0.3 < judged["silent"] < 0.7 and abs(judged["everywhere"] - 1) < 0.03
    assert judged["mirrored"] < 1e-3 and abs(judged["mirror"] - 1.08) < 0.03
    share = {b: reassign(x, p, boundary=b)[0].sum() * p.energy_scale / (2 * (p.maxf - p.minf)) for b in boundaries}
    assert 0.3 < share["zero"] < 0.7 and 0.3 < share["wrap"] < 0.7 and share["reflect"] < 1e-3


@pytest.mark.parametrize("boundary", boundaries)
@pytest.mark.parametrize("end", ["first", "last"])
def test_a_click_near_an_end(boundary, end):
    "With silence or repetition outside, erf tells what is left of it; a mirror takes more, and nothing far from it."
    p = Plan(1000, 2, 20, 10, 12, 0.02, 0.45)
    f = np.linspace(p.minf, p.maxf, 2001)
    for d in (2, 5, 12, 40, 150):
        x = np.zeros(1000)
        x[d if end == "first" else -1 - d] = 1
        share = reassign(x, p, boundary=boundary)[0].sum() * p.energy_scale / (2 * (p.maxf - p.minf))
        seen = np.array([erf(v) for v in np.minimum((d + 0.5) * f / p.q, p.lint)]).mean() / erf(p.lint)
        law = (1 + seen) / 2
        if boundary != "reflect" or d > 50: assert abs(share - law) < 0.03, (d, share, law)
        else: assert share < (0.3 if d == 2 else 0.8 if d == 5 else 1.03), (d, share)


# ---- real recordings


@pytest.mark.slow
def test_recordings_sum_to_their_own_energy():
    "The picture's sum against the file's own spectrum in the band; lint leaves a share that depends on the sound."
    folder = Path(os.environ.get("HYPERRES_RECORDINGS", ROOT.parent / "shared" / "recordings"))
    names = [f"marine/{n}.wav" for n in ("Atlantic_Spotted_Dolphin", "Bowhead_Whale", "Killer_Whale", "Narwhal",
                                         "Striped_Dolphin")]
    names += [f"everyday/{n}.wav" for n in ("airplane", "church_bells", "crow", "footsteps", "siren", "water_drops")]
    files = [folder / name for name in names if (folder / name).is_file()]
    if not files: pytest.skip("no shared/recordings beside the repository, and HYPERRES_RECORDINGS names no folder")
    for file in files:
        x, sr = audio.read(file, 0.0, 1.5, 1)
        x = x[0].astype(float)
        X, f = np.fft.rfft(x), np.fft.rfftfreq(len(x), 1 / sr)
        for q in (1.0, 4.0):
            S = reassigned_spectrogram(x, sr, q=q)
            band = (f >= S.plan.minf * sr) & (f <= S.plan.maxf * sr)
            level = 10 * np.log10(S.energy.sum() / (2 * (np.abs(X[band]) ** 2).sum() / len(x) / sr))
            assert -0.7 < level < 0.3, (file.name, q, level)


def test_a_calibration_that_is_no_number():
    with pytest.raises(ValueError, match="calibration=nan is not a finite number"):
        reassigned_spectrogram(np.ones(4000), 8000, calibration=float("nan"))
