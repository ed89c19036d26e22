"""Levels above a background: noise is dim and a faint whistle bright, whatever the recording's level and colour."""

import numpy as np
import pytest

from spectral_hyperresolution import plot, reassigned_spectrogram, scales

SR, N = 24000, 48000
T = np.arange(N) / SR
WHISTLE = np.cos(2 * np.pi * (4000 * T + 30 * np.sin(2 * np.pi * 2 * T))) * ((T > 0.8) & (T < 1.3))


def noise(slope, seed=0):
    "Noise of unit power between 2 and 8 kHz whose power falls by `slope` dB per octave."
    f = np.fft.rfftfreq(N, 1 / SR)
    shape = (np.maximum(f, 50) / 4000) ** (-slope / (20 * np.log10(2)))
    x = np.fft.irfft(np.fft.rfft(np.random.default_rng(seed).standard_normal(N)) * shape, N)
    band = np.fft.irfft(np.fft.rfft(x) * ((f > 2000) & (f < 8000)), N)
    return x / band.std()


def picture(x, **more): return reassigned_spectrogram(x, SR, q=4, fmin=300, fmax=11000, **more)


def shades(S, **options):
    return scales.choose(S.power, S.frequency_edges, S.time_edges, S.unit, **options).brightness(S.power)


def parts(S):
    "Where the whistle is, and where nothing but noise is."
    during = (S.times > 0.85) & (S.times < 1.25)
    line = np.abs(np.log2(S.frequencies / 4000)) < 0.25
    return np.ix_(line, during), np.ix_(np.abs(np.log2(S.frequencies / 4000)) > 0.4, during | ~during)


@pytest.mark.parametrize("slope", [0, 6, 12, -6])
@pytest.mark.parametrize("gain", [1e-5, 1.0])
def test_noise_is_dim_and_a_faint_whistle_is_bright(slope, gain):
    "The whistle is 3 dB weaker than the noise of the two octaves around it."
    S = picture(gain * (noise(slope) + WHISTLE))
    shade = shades(S)
    whistle, rest = parts(S)
    assert shade[whistle].max(axis=0).mean() > 0.5
    lit = shade[rest][S.power[rest] > 0]
    assert np.median(lit) < 0.1 and np.quantile(lit, 0.99) < 0.4
    for k in range(0, len(S.frequencies) - 48, 48):                    # in every octave alike
        assert np.quantile(shade[k:k + 48, :300][S.power[k:k + 48, :300] > 0], 0.95) < 0.35


def test_a_window_without_any_sound_stays_dim():
    shade = shades(picture(noise(6)))
    assert shade.max() < 0.6 and np.quantile(shade, 0.99) < 0.35


def test_the_background_is_that_of_the_noise_alone():
    "Neither sounds that last half of the time, nor steady tones with harmonics, nor pauses of zeros are taken for it."
    x, t = noise(6), T
    alone = plot.background(picture(x))
    half = 3 * np.cos(2 * np.pi * 3000 * t) * np.random.default_rng(1).standard_normal(N) * (t % 0.5 > 0.25)
    tones = sum(0.5 * np.cos(2 * np.pi * 440 * k * t) for k in (1, 2, 3, 4, 6, 9))
    assert np.abs(plot.background(picture(x + half)) - alone).max() < 3
    assert np.abs(plot.background(picture(x + tones)) - alone).max() < 3
    paused = np.where((t > 0.5) & (t < 1.5), 0, x)
    assert np.abs(plot.background(picture(paused)) - alone)[60:].max() < 4
    assert plot.background(picture(10 * x)) == pytest.approx(alone + 20, abs=0.2)


def test_a_click_and_a_tone_without_noise_are_no_background():
    for x in (1.0 * (np.arange(N) == N // 2), np.cos(2 * np.pi * 3000 * T)):
        S = picture(x)
        assert shades(S).max() == 1 and (shades(S)[S.power > S.power.max() / 10] > 0.4).all()


def test_above_a_cut_nothing_is_bright():
    "What a filter leaves, 90 dB below, is not compared with itself."
    f = np.fft.rfftfreq(N, 1 / SR)
    x = np.fft.irfft(np.fft.rfft(noise(3)) * (f < 5000), N) + 3e-5 * noise(0, 1)
    x[N // 2:N // 2 + 200] += 1e-3 * np.random.default_rng(2).standard_normal(200)
    S = picture(x)
    assert shades(S)[S.frequencies > 5600].max() < 0.6


def test_silence_is_dark():
    S = picture(np.zeros(N))
    assert not shades(S).any() and not shades(S, ref=0).any() and np.isfinite(plot.background(S)).all()


def test_a_locked_scale_is_the_same_for_two_windows():
    x = noise(6) + 2 * WHISTLE
    one, two = picture(x[:N // 2]), picture(x[N // 2:])
    for ref in (-60.0, plot.background(one)):
        first, second = (scales.choose(S.power, S.frequency_edges, S.time_edges, S.unit, ref, 0, 40)
                         for S in (one, two))
        assert (first.low, first.high) == (second.low, second.high) == (0, 40)
        np.testing.assert_array_equal(first.zero, second.zero)
        np.testing.assert_array_equal(first.brightness(one.power), second.brightness(one.power))


@pytest.mark.parametrize("options, says", [
    (dict(ref="loudest"), "ref='loudest' is not one of"), (dict(ref=np.nan), "ref=nan is not a finite number"),
    (dict(ref=np.zeros(3)), "ref of 3 levels is not one for each of"),
    (dict(ref=None), "ref=None is not a finite number"),
    (dict(low=5, high=5), "low=5 dB is not below high=5 dB"), (dict(high=-20), "is not below high=-20 dB"),
    (dict(low=np.inf), "low=inf is not a finite number"), (dict(high="x"), "high='x' is not a finite number"),
])
def test_what_is_no_scale(options, says):
    S = picture(noise(0)[:6000])
    with pytest.raises(ValueError, match=says.replace("(", r"\(")): shades(S, **options)


def test_a_background_takes_sixteen_columns_and_a_quarter_of_the_picture():
    "Fewer columns with sound in them tell no background, whatever they hold."
    edges = 100 * 2 ** (np.arange(49) / 48)
    for lit, columns, there in ((15, 15, False), (16, 16, True), (49, 200, False), (50, 200, True)):
        power = np.zeros((48, columns))
        power[:, :lit] = np.random.default_rng(0).exponential(1, (48, lit))
        chosen = scales.choose(power, edges, np.arange(columns + 1) / 100, "dB")
        assert (chosen.unit == "dB re background") is there, (lit, columns)


def test_no_piece_of_a_band_is_shorter_than_half():
    "What is left at the end is a piece of its own if it is more than half of one; else the last has it too."
    for n, number in ((19, 1), (29, 1), (30, 1), (31, 2), (50, 2), (51, 3), (70, 3)):
        means = scales._pieces(np.arange(n, dtype=float), np.ones(n), 20)
        assert len(means) == number, n
        assert means[-1] == pytest.approx((20 * (number - 1) + n - 1) / 2)


def test_one_cell_one_row_one_column():
    for shape in ((1, 1), (1, 40), (40, 1), (3, 17)):
        power = np.random.default_rng(0).random(shape)
        edges = 100 * 2 ** (np.arange(shape[0] + 1) / 48), np.arange(shape[1] + 1) / 100
        chosen = scales.choose(power, *edges, "dB")
        assert chosen.zero.shape == (shape[0], 1) and np.isfinite(chosen.zero).all()
        assert chosen.brightness(power).shape == shape and chosen.low < chosen.high
