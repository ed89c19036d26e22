"""Where a sound begins: above rumble and hum, in the loudest channel, below the highest frequency that is asked for."""

import numpy as np
import pytest

from spectral_hyperresolution import background
from spectral_hyperresolution.advice import _excerpts
from spectral_hyperresolution.background import above_background, loudest

SR = 16000
T = np.arange(2 * SR) / SR
NU = np.fft.rfftfreq(len(T), 1 / SR)
WHITE = np.fft.rfft(np.random.default_rng(4).standard_normal(len(T)))
RUMBLE = np.fft.irfft(WHITE * 1000 / (NU + 50), len(T))


def call(f): return 2 * np.exp(-((T - 1) / 0.05) ** 2) * np.cos(2 * np.pi * f * T)


@pytest.mark.parametrize("f", [1000, 4000])
def test_a_sound_begins_within_an_octave_below_its_call(f):
    begin, tones = above_background(RUMBLE + call(f), SR)
    assert f / 2 < begin < f and tones == ()


def test_what_is_above_the_highest_frequency_is_not_heard():
    hum = 20 * np.cos(2 * np.pi * 100 * T)
    begin, tones = above_background(RUMBLE + hum + call(6800), SR, 5200)
    assert begin is None and tones == pytest.approx((100,), rel=0.02)
    begin, tones = above_background(RUMBLE + hum + call(6500), SR)
    assert 3250 < begin < 6500 and tones == pytest.approx((100,), rel=0.02)


def test_the_loudest_channel_is_heard():
    both = np.stack([RUMBLE, 3 * (RUMBLE + call(4000))])
    for x in (both, both[::-1]):
        assert np.array_equal(loudest(x), both[1])
    assert above_background(both[::-1], SR)[0] > 2000 and above_background(both[0], SR)[0] is None


def test_a_sound_of_a_moment_has_no_background():
    assert above_background(call(4000)[:500], SR) == (None, ())


def test_faint_hum_is_named():
    "Lines that a row of the picture doesn't show amid its noise: 22 dB above the noise of a hertz."
    rng, t = np.random.default_rng(7), np.arange(5 * SR) / SR
    noise = rng.standard_normal(len(t))
    hum = [np.sqrt(2 * 150 * 2 / SR) * np.cos(2 * np.pi * f * t) for f in (120.0, 720.0)]
    above = noise + 30 * np.pad(call(4800), (0, len(t) - len(T)))
    begin, tones = above_background(above + sum(hum), SR)
    assert begin > 2000 and np.allclose(tones, (120, 720), rtol=0.01)
    assert above_background(above, SR)[1] == ()


def test_noise_has_no_lines():
    "White, pink and brown, of lengths from a third of a second to five."
    rng, tried = np.random.default_rng(3), 0
    for colour in (0, 0.5, 1):
        for seconds in (0.35, 1.0, 5.0):
            for _ in range(4):
                X = np.fft.rfft(rng.standard_normal(int(seconds * SR)))
                noise = np.fft.irfft(X / np.arange(1, len(X) + 1) ** colour)
                assert background._lines(_excerpts(noise), SR, 20.0, SR / 2) == []
                tried += 1
    assert tried == 36
