"""Energies are in full scale² · s and levels in dB re full scale², whatever the settings: the picture's sum is the
sound's own, Σx²/sr, and a sine reads its mean square.

The sounds lie inside the band and fade out before the ends of the file; what is lost at either is the subject of
chapters 10 and 52. The reference is Σx²/sr, and nothing else of the package.
"""

from functools import partial
from math import erf, exp, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectral_hyperresolution import plot
from spectral_hyperresolution.explore.window import Sound, View, compute
from spectral_hyperresolution.ordinary import beside
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram, reassigned_spectrogram

fixed = partial(settings, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
FULL_SCALE_SINE = 10 * np.log10(0.5)
N = 6000
reached: dict[str, int] = {}


def per_sigma(kw):
    "Filters in one standard deviation of a filter."
    return 1 / (2 * pi * kw["q"] * (2 ** (1 / (kw["oversampling"] * kw["bins_per_octave"])) - 1))


def ripple(kw):
    "A whole number of filters sees a tone: how far their sum may be from the integral, relative."
    lint = kw["lint"]
    return exp(-(lint**2)) / (sqrt(pi) * erf(lint) * per_sigma(kw))


@st.composite
def keywords(draw, q=(0.5, 32), fast=None):
    "Arguments of the front door, and the sampling rate."
    sr = draw(st.sampled_from([8000.0, 22050.0, 48000.0, 192000.0, 1.0]))
    q, bins = 2 ** draw(st.floats(*np.log2(q))), draw(st.integers(6, 192))
    lint = draw(st.sampled_from([0.5, 0.5, 0.3, 0.8, 1.5]))
    least = int(np.ceil(3 * 2 * pi * q * log(2) / bins))                    # three filters in one sigma_f
    kw = dict(q=q, bins_per_octave=bins, oversampling=draw(st.integers(least, 8 * least)), lint=lint, gate=None,
              fmin=max(0.004, 2.2 * q / N) * sr, fmax=draw(st.sampled_from([0.4, 0.45, 0.5])) * sr,
              hop_length=draw(st.sampled_from([1, 7, 60, 450])), threads=1)
    if draw(st.booleans()) if fast is None else fast:
        kw |= dict(boundary=draw(st.sampled_from(["zero", "wrap", "reflect"])),
                   dtype=draw(st.sampled_from(["float32", "float64"])))
        kw |= draw(st.sampled_from([{}, {}, dict(tolerance=0.05), dict(density=2.5)]))
    else:
        kw |= dict(mode="parity", boundary="wrap", oversampling=least, hop_length=max(7, kw["hop_length"]))
    return sr, kw


def inner(sr, kw, share=0.5):
    "Lowest and highest frequency of the middle of the band, away from its ends by lint filter widths [cycles per sample]."
    spread = kw["lint"] / (2 * pi * kw["q"])
    low, high = kw["fmin"] / sr * (1 + spread), kw["fmax"] / sr / (1 + spread)
    keep = (high / low) ** ((1 - share) / 2)
    return low * keep, high / keep


def faded(x, share):
    "A sound that fades in and out slowly."
    n = int(share * len(x))
    fade = np.ones(len(x))
    fade[:n] = np.sin(np.linspace(0, pi / 2, n)) ** 2
    fade[-n:] = fade[:n][::-1]
    return x * fade


def ratio(x, sr, kw):
    return reassigned_spectrogram(x, sr, **kw).energy.sum() / ((x**2).sum() / sr)


def allowance(kw):
    "The tolerance, or what a density leaves, and float32's rounding."
    return kw.get("tolerance", 0.01) if "density" not in kw else 0.05


@fixed(max_examples=60)
@given(keywords(), st.floats(0, 1), st.floats(-8, 4), st.booleans())
def test_a_tone(call, place, decades, steps):
    sr, kw = call
    low, high = inner(sr, kw)
    f = low * (high / low) ** place
    x = 10**decades * faded(np.sin(2 * pi * f * np.arange(N) + 1), 0.45)
    # the fade of a few wavelets is no tone any more
    short = (kw["q"] / f / N) ** 2 * 10
    assert abs(ratio(x, sr, kw) - 1) < 1.2 * ripple(kw) + allowance(kw) + short
    reached["tone"] = reached.get("tone", 0) + 1


@fixed(max_examples=40)
@given(keywords(), st.booleans())
def test_a_chirp(call, falls):
    sr, kw = call
    low, high = inner(sr, kw, 0.7)
    x = faded(np.sin(2 * pi * np.cumsum(low * (high / low) ** (np.arange(N) / N))), 0.3)[::-1 if falls else 1]
    # the frequency passes filter after filter: the whole number of them averages out
    assert abs(ratio(x, sr, kw) - 1) < 0.3 * ripple(kw) + allowance(kw) + 2 * kw["q"] / low / N * 0.05
    reached["chirp"] = reached.get("chirp", 0) + 1


@fixed(max_examples=40)
@given(keywords(q=(2, 16)), st.integers(0, 10**6))
def test_noise(call, seed):
    """Points of noise are displaced in all directions, those of a line across it alone: within lint lies 1 - 1/(1 +
    2 lint²)² of its energy, not erf(lint)."""
    sr, kw = call
    low, high = inner(sr, kw)
    X, f = np.fft.rfft(np.random.default_rng(seed).standard_normal(N)), np.fft.rfftfreq(N)
    X[(f < low) | (f > high)] = 0
    x, lint = faded(np.fft.irfft(X, N), 0.1), kw["lint"]
    law = (1 - 1 / (1 + 2 * lint**2) ** 2) / erf(lint)
    found = ratio(x, sr, kw)
    independent = N * (high - low)
    assert min(1, law) - 0.02 - 0.5 / sqrt(independent) < found < max(1, law) + 0.02 + 0.5 / sqrt(independent)
    reached["noise"] = reached.get("noise", 0) + 1


def test_every_example_was_judged():
    assert reached == dict(tone=60, chirp=40, noise=40)
