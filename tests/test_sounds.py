"""The synthetic sounds stay what they are: chapters, examples and the adviser's scores are computed from them."""

import numpy as np
import pytest

from spectral_hyperresolution.theory import organs, sounds

# how energy is distributed over time and over frequency: two moments of each; another sound has others
SOUNDS = {
    "dolphin_like": (lambda: sounds.dolphin_like(0.8, 48000, 3),
        [0.0453902, -0.0004203, -0.2249196, 0.0342867]),
    "bird_song": (lambda: sounds.bird_song(0.6, 22050, 1),
        [0.0107029, -0.0034862, -0.6708742, -0.0312209]),
    "whale_like": (lambda: sounds.whale_like(3.0, 4000, 2),
        [-0.2205582, 0.0014445, 0.3508049, -0.1884216]),
    "harmonic_voice": (lambda: sounds.harmonic_voice(0.7, 16000, 4, "aio"),
        [-0.0000461, 0.0074528, 0.7961504, 0.0270937]),
    "machine_hum": (lambda: sounds.machine_hum(1.5, 8000, 5),
        [-0.0011002, 0.0085599, 0.8400847, 0.0919195]),
    "sung_line": (lambda: organs.sung_line(1.2, 8000, 2, "e"),
        [-0.2325645, -0.0117713, 0.4144461, -0.1526842]),
    "syrinx_song": (lambda: organs.syrinx_song(0.5, 16000, 1),
        [-0.0390877, 0.0081067, -0.4150405, -0.0184369]),
}


def moments(x):
    power = np.abs(np.fft.rfft(x)) ** 2
    at = lambda p, k: p @ np.cos(np.pi * k * (np.arange(len(p)) + 0.5) / len(p)) / p.sum()
    return [at(x**2, 3), at(x**2, 40), at(power, 3), at(power, 40)]


@pytest.mark.parametrize("name", SOUNDS)
def test_a_seed_names_one_sound(name):
    make, expected = SOUNDS[name]
    x = make()
    assert np.abs(x).max() == pytest.approx(0.9)
    np.testing.assert_allclose(moments(x), expected, atol=2e-6)


def test_another_seed_is_another_sound():
    for make in (sounds.dolphin_like, sounds.bird_song, organs.syrinx_song):
        one, other = (make(0.3, 16000, seed) for seed in (0, 1))
        assert one.shape == other.shape == (4800,) and np.abs(np.corrcoef(one, other)[0, 1]) < 0.3


def test_a_contour_is_sung_as_it_is_written():
    "A fundamental and its octave have the amplitudes asked for; what would alias is left out."
    sr, t = 8000, np.arange(8000) / 8000
    x = sounds.sing_contour(np.full(8000, 500.0), sr, (1, 0, 0.25))
    np.testing.assert_allclose(x, np.sin(2 * np.pi * 500 * t) + 0.25 * np.sin(2 * np.pi * 1500 * t), atol=1e-9)
    assert not sounds.sing_contour(np.full(8000, 2000.0), sr, (0, 1)).any()          # 0.5 of the rate
    half = sounds.sing_contour(np.full(8000, 0.475 * sr), sr)
    assert np.abs(half).max() == pytest.approx(0.5, rel=1e-3)
    sweep = sounds.sing_contour(400 + 200 * t, sr)
    np.testing.assert_allclose(sweep, np.sin(2 * np.pi * (400 * t + 100 * t**2)), atol=1e-9)


def test_a_train_of_pulses():
    "Each at its own time, to a part of a sample; its envelope falls to exp(-1/2) at its width."
    sr = 8000
    x = sounds.pulses(800, sr, [0.0250625, 0.06], 0.0, 0.001, [1, 3])
    t = np.arange(800) / sr
    expected = np.exp(-(((t - 0.0250625) / 0.001) ** 2) / 2) + 3 * np.exp(-(((t - 0.06) / 0.001) ** 2) / 2)
    np.testing.assert_allclose(x, expected, atol=1e-7)
    assert sounds.pulses(800, sr, [0.0, 0.0999], 1000.0, 0.001)[[0, -1]] == pytest.approx([1, 1], abs=0.02)


def test_a_dolphin_sings_the_contours_that_are_given():
    "The strongest frequency in the middle of each whistle is its contour's."
    sr, n = 48000, 480
    x = sounds.dolphin_like(2.0, sr, 3)
    hits = []
    for times, hz in sounds.dolphin_contours(2.0, sr, 3):
        assert times[0] >= 0 and hz.min() >= 5e3 and hz.max() <= 25e3
        for i in np.linspace(0.3, 0.7, 9) * len(times):
            at, f = round(times[int(i)] * sr), hz[int(i)]
            part = x[at - n // 2:at + n // 2] * np.hanning(n)
            power = np.abs(np.fft.rfft(part)) ** 2
            near = np.abs(np.fft.rfftfreq(n, 1 / sr) - f) < 600
            hits.append(power[near].sum() > 0.2 * power.sum())
    assert np.mean(hits) > 0.8
