"The ordinary spectrogram, beside a picture and in the explorer: true times, true levels, the wavelet's own resolution."

from itertools import pairwise

import numpy as np
import pytest

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.explore import passes
from spectral_hyperresolution.explore.window import Sound, View
from spectral_hyperresolution.ordinary import beside, frames_per_column, matching_window, ordinary_spectrogram

SR = 8000


def click(at, n=4000): return 1.0 * (np.arange(n) == at)


def tone(hz, n=4000, amplitude=1.0): return amplitude * np.sin(2 * np.pi * hz * np.arange(n) / SR)


def lines(x, times, frequencies, window, sr=SR):
    "The whole spectrogram of a sound in memory, with silence outside."
    def cut(first, length):
        n = np.arange(first, first + length)
        return np.where((n >= 0) & (n < x.shape[-1]), np.atleast_2d(x)[:, n % x.shape[-1]], 0)
    parts = list(ordinary_spectrogram(cut, sr, times, frequencies, window))
    assert [column for column, _ in parts] == [0, *np.cumsum([power.shape[1] for _, power in parts])[:-1]]
    return np.concatenate([power for _, power in parts], axis=1)


@pytest.mark.parametrize("hop", [20, 160])
def test_a_click_is_centred_on_its_time(hop):
    x = click(2000)
    S = reassigned_spectrogram(x, SR, q=1, fmin=500, fmax=3500, hop_length=hop)
    power, window = beside(x, S, 64)
    assert window == 64 and power.shape == S.shape
    centre = (power.sum(0) * S.times).sum() / power.sum() * SR
    assert centre == pytest.approx(2000, abs=1 if hop == 20 else hop / 2)
    assert S.times[power.sum(0).argmax()] * SR == pytest.approx(2000, abs=hop / 2 + 1)


def half_power(x, window, at):
    "Between the half-power points of a tone [Hz]."
    hz = np.linspace(at - 400, at + 400, 4001)
    edges = np.append(hz, hz[-1] + 0.2) - 0.1
    power = lines(x, np.array([0.2, 0.25]), edges, window)[:, 0]
    above = hz[power > power.max() / 2]
    return above[-1] - above[0]


@pytest.mark.parametrize("q", [1, 3])
def test_its_resolution_is_the_wavelets(q):
    "A wavelet of Q at f is a Gaussian in frequency, its power half at ± sqrt(ln 2) f / (2 pi Q)."
    f = 1000
    width = half_power(tone(f), matching_window(q, f, SR), f)
    assert width == pytest.approx(2 * np.sqrt(np.log(2)) * f / (2 * np.pi * q), rel=0.05)
    assert matching_window(1, 4000, 100) == 16                         # the least


def test_the_window_beside_a_picture_matches_the_middle_of_its_band():
    x = tone(1000)
    S = reassigned_spectrogram(x, SR, q=4, fmin=500, fmax=2000)
    assert beside(x, S)[1] == matching_window(4, 1000, SR)
    short = x[:120]
    assert beside(short, reassigned_spectrogram(short, SR, q=1, fmin=200, fmax=800))[1] == min(
        120, matching_window(1, 400, SR))


@pytest.mark.parametrize("hz", [700, 1003.7, 2500])
def test_a_sine_reads_its_level(hz):
    "A sine reads its mean square, half of its amplitude's; in the row that holds the tone."
    edges = 500 * 2 ** (np.arange(61) / 24)
    power = lines(tone(hz, amplitude=0.5), np.arange(0.1, 0.4, 0.01), edges, 300)
    row = power.sum(1).argmax()
    assert edges[row] < hz < edges[row + 1]
    assert power[row] == pytest.approx(np.full(power.shape[1], 0.125), rel=0.02)


def test_channels_are_pooled():
    pair = np.stack([tone(700), tone(2000, amplitude=0.5)])
    edges, times = 500 * 2 ** (np.arange(61) / 24), np.arange(0.1, 0.4, 0.01)
    whole = lines(pair, times, edges, 256)
    np.testing.assert_allclose(whole, sum(lines(x, times, edges, 256) for x in pair), rtol=1e-5, atol=1e-9)


def test_a_column_longer_than_a_frame_sees_every_click():
    "Two frames for each window that fits, at most twelve; a column is the largest of its frames."
    assert [frames_per_column(s, 100) for s in (10, 50, 51, 100, 101, 590, 1e6)] == [1, 1, 2, 2, 3, 12, 12]
    times = np.arange(0, 0.5, 0.05)                                    # columns of 400 samples
    for at in range(1210, 1600, 37):
        power = lines(click(at), times, np.array([500.0, 1000, 2000]), 160)
        assert power.sum(0).argmax() == 3, at
    loud = lines(tone(1000), times, 500 * 2 ** (np.arange(61) / 24), 160)
    assert loud.max(0) == pytest.approx(np.full(len(times) - 1, 0.5), rel=0.02)


def test_slices_make_the_whole(monkeypatch):
    from spectral_hyperresolution import ordinary
    x = np.random.default_rng(0).standard_normal(4000)
    times, edges = np.arange(0, 0.5, 0.002), np.array([500.0, 700, 900])
    whole = lines(x, times, edges, 128)
    monkeypatch.setattr(ordinary, "columns_at_once", 7)
    np.testing.assert_allclose(lines(x, times, edges, 128), whole, rtol=1e-5)
    monkeypatch.setattr(ordinary, "numbers_at_once", 3000)
    np.testing.assert_allclose(lines(x, times, edges, 128), whole, rtol=1e-5)


# ---- in the explorer


def explored(x, view):
    sound = Sound(x.astype(np.float32), SR)
    slices = list(passes.ordinary(sound, view.check(sound)))
    assert slices[0][0] == pytest.approx(view.t0) and slices[-1][1] == pytest.approx(view.t1)
    assert all(a[1] == pytest.approx(b[0]) for a, b in pairwise(slices))
    level = np.concatenate([s[2] for s in slices], axis=1)
    assert level.shape == (view.height, view.width)
    return level, slices[0][3]


def test_the_explorers_shows_a_click_at_its_time():
    view = View(0.1, 0.4, 500, 3500, (1.0,), 300, 100)
    level, seen = explored(click(2000), view)
    power = (10 ** (level / 10)).sum(0)
    times = np.linspace(view.t0, view.t1, view.width + 1)
    assert (power * (times[1:] + times[:-1]) / 2).sum() / power.sum() * SR == pytest.approx(2000, abs=2)
    assert seen == 1


def test_the_explorers_shows_a_tone_at_its_pitch_and_level():
    view = View(0.1, 0.4, 500, 2000, (1.4, 4.0, 8.0), 100, 200)
    level, _ = explored(tone(1010, amplitude=0.1), view)
    row = level.mean(1).argmax()
    edges = 500 * 4 ** (np.arange(201) / 200)
    assert edges[row] < 1010 < edges[row + 1]
    assert level[row] == pytest.approx(np.full(view.width, -23.01), abs=0.1)
    # the middle Q's window: its half-power width in rows
    width = np.ptp(np.flatnonzero(level.mean(1) > -26.02)) + 1
    hz = 2 * np.sqrt(np.log(2)) * 1000 / (2 * np.pi * 4)
    assert width == pytest.approx(np.log(1 + hz / 1010) / np.log(4) * 200, abs=2)


def test_a_narrow_view_has_a_longer_window():
    "Four windows' widths fit into it, so that its tones are told apart."
    x = tone(1000) + tone(1030)
    level, _ = explored(x, View(0.1, 0.4, 980, 1050, (1.0,), 50, 140))
    power = level.mean(1)
    peaks = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] > power[2:])) + 1
    hz = 980 * (1050 / 980) ** ((peaks + 0.5) / 140)
    assert np.abs(hz[power[peaks] > power.max() - 6] - [1000, 1030]).max() < 2


def test_little_of_a_long_sound_is_seen():
    x = np.random.default_rng(0).standard_normal(SR * 60)
    _, seen = explored(x, View(0, 60, 500, 3500, (1.0,), 16, 20))
    window = matching_window(1, np.sqrt(500 * 3500), SR)
    assert seen == pytest.approx(12 * window / (60 * SR / 16))
