"""Settings from distances: where one Q is said to resolve, it does; where none is, none does."""

from math import inf

import numpy as np
import pytest
from examples import examples, reached
from hypothesis import given
from hypothesis import strategies as st

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.calculator import Choice, least_distance, parted, which_settings

SR, F = 8000, 1000.0                  # tones just below F, clicks seen from F on
BAND = dict(sr=SR, fmin=400.0, fmax=F)
TRIED = np.geomspace(0.8, 48, 13)     # Qs, half an octave apart


def tones(q, df, bins, fainter=0.0):
    "How well two tones are resolved, df apart, the upper one at F."
    pad = 4 * q / F
    t = np.arange(int((0.2 + 4 * pad + 3 / df) * SR)) / SR
    x = np.cos(2 * np.pi * (F - df) * t) + 10 ** (-fainter / 20) * np.cos(2 * np.pi * F * t + 1)
    S = reassigned_spectrogram(x, SR, q=q, fmin=F - 1.6 * df, fmax=F + df, gate=None, bins_per_octave=bins,
                               hop_length=max(1, int(q / F / 2 * SR)))
    inner = (S.times > pad) & (S.times < t[-1] - pad)
    return parted(S.energy[:, inner].sum(1), S.frequencies, [F - df, F])


def clicks(q, dt, f, fainter=0.0, sr=48000):
    "How well two clicks are resolved, dt apart, seen through a band from f on."
    hop, start = max(1, int(dt / 8 * sr)), 6 * q / f
    at = np.round(np.array([start, start + dt]) * sr).astype(int)
    x = np.zeros(int((2 * start + dt) * sr) + 2)
    x[at] = 1, 10 ** (-fainter / 20)
    S = reassigned_spectrogram(x, sr, q=q, fmin=f, fmax=min(f + 1 / dt, sr / 2), gate=None, hop_length=hop)
    return parted(S.energy.sum(0), S.times, at / sr)


@pytest.mark.slow
@examples(40, resolved=8, merged=5, hardly=3)
@given(st.floats(25, 150), st.floats(0.004, 0.16), st.sampled_from([0, 0, 20]))
def test_what_is_said_to_be_resolved_is(df, dt, fainter):
    found = which_settings(**BAND, df=df, dt=dt, fainter=fainter)
    bins = int(np.ceil(8 / np.log2(F / (F - df))))
    if found.verdict == "one Q":
        reached("resolved")
        assert found.bounds[0] <= found.q <= found.bounds[1]
        assert tones(found.q, df, bins, fainter) > 0.9
        assert clicks(found.q, dt, BAND["fmin"], fainter) > 0.9
    elif found.verdict == "hardly":
        reached("hardly")
        assert found.q == "auto" and 2 <= found.distance < least_distance(fainter)
    elif not fainter:
        reached("merged")
        assert found.q == "auto" and found.distance < 2
        for q in TRIED: assert tones(q, df, bins) < 0.9 or clicks(q, dt, BAND["fmin"]) < 0.9


@examples(12, alone=12)
@given(st.floats(20, 200), st.floats(0.003, 0.1))
def test_one_distance_alone_always_has_a_q(df, dt):
    reached("alone")
    lines, events = which_settings(**BAND, df=df), which_settings(**BAND, dt=dt)
    assert (lines.verdict, events.verdict, lines.bounds[1], events.bounds[0]) == ("one Q", "one Q", inf, 0)
    assert tones(lines.q, df, lines.settings["bins_per_octave"]) > 0.9
    assert clicks(events.q, dt, BAND["fmin"]) > 0.9


def test_the_bounds_are_the_inequalities():
    found = which_settings(sr=48000, fmin=8000, fmax=12000, df=300, dt=0.003)
    np.testing.assert_allclose(found.bounds, [3 * 12000 / (2 * np.pi * 300), 8000 * 0.003 / 3])
    np.testing.assert_allclose(found.distance, np.sqrt(2 * np.pi * 300 * 0.003 * 8000 / 12000))
    assert (found.q, found.verdict) == ("auto", "no single Q") and "q = auto: no single Q resolves both" in str(found)
    assert "consensus(x, sr, qs=(8, " in str(found) and "compare" not in str(found)
    assert "compare a picture at q = 95.5" in str(which_settings(sr=48000, fmin=8000, fmax=12000, df=60, dt=0.003))
    np.testing.assert_allclose([least_distance(), least_distance(20)], [3, np.sqrt(9 + 2 * np.log(10))])


@pytest.mark.parametrize("distances", [dict(df=300), dict(dt=0.01), dict(df=300, dt=0.05), dict(df=60, dt=0.001)])
def test_the_call_is_the_front_doors(distances):
    found = which_settings(sr=48000, fmin=8000, fmax=12000, **distances)
    x = np.random.default_rng(0).standard_normal(4800)
    S = eval(found.call, dict(reassigned_spectrogram=reassigned_spectrogram, x=x, sr=48000))
    T = reassigned_spectrogram(x, 48000, **found.settings)
    np.testing.assert_allclose(S.energy, T.energy)
    rows = np.diff(T.frequency_edges)[-1], np.diff(T.time_edges)[0]
    if "df" in distances: assert rows[0] <= 1.05 * distances["df"] / 8
    if "dt" in distances: assert rows[1] <= distances["dt"] / 8
    assert found.call in found._repr_markdown_() and str(found).startswith(found.call)
    assert isinstance(found, Choice) and 1 <= len(found.rules) <= 6


@pytest.mark.parametrize("wrong, words", [
    (dict(), "df=None and dt=None: give at least one distance"),
    (dict(df=0), "df=0 is not a finite number > 0 and <= 4000"),
    (dict(df=4001), "df=4001 is not a finite number > 0 and <= 4000"),
    (dict(df=np.nan), "df=nan is not"),
    (dict(df="300"), "df='300' is not"),
    (dict(dt=1e-5), "dt=1e-05 is not a finite number >= 4.16667e-05"),
    (dict(dt=inf), "dt=inf is not"),
    (dict(df=300, fmax=24001), "fmax=24001 is not a finite number > 0 and <= 24000"),
    (dict(df=300, fmin=12000), "fmin=12000 is not a finite number > 0 and < 12000"),
    (dict(df=300, fmin=0), "fmin=0 is not"),
    (dict(df=300, sr=-1), "sr=-1 is not a finite number > 0"),
    (dict(df=300, fainter=-1), "fainter=-1 is not a finite number >= 0"),
])
def test_what_has_no_answer_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        which_settings(**dict(sr=48000, fmin=8000, fmax=12000) | wrong)


def test_parted():
    at = np.arange(100.0)
    sharp, even = np.isin(at, (20, 60)).astype(float), np.ones(100)
    assert parted(sharp, at, [60, 20, 20]) == 1 and parted(even, at, [20, 60]) < 0.3
    assert parted(np.isin(at, (20, 50)).astype(float), at, [20, 60]) == 0
    assert parted(np.zeros(100), at, [20, 60]) == 0
    with pytest.raises(ValueError, match="not two different places"): parted(sharp, at, [20, 20])
