"""Zeros of the transform where they are known, how many there are, and what the chapter's functions refuse."""

import json
import runpy

import numpy as np
import pytest

from spectral_hyperresolution.testing import root
from spectral_hyperresolution.theory import detection, froth, zeros
from spectral_hyperresolution.theory.gabor import gabor_transform
from spectral_hyperresolution.theory.signals import click, tone, white_noise
from spectral_hyperresolution.theory.sounds import bird_song, whale_like

x = white_noise(64, 3)


def place(found, sigma_t):
    return np.stack([found.t / sigma_t, found.omega * sigma_t], axis=1)


@pytest.mark.parametrize("amplitude, ratio", [(1.0, 1.0), (1e-6, 0.4), (1e8, 7.0)])
@pytest.mark.parametrize("turns", [(20, 34), (3, 8)])
def test_two_tones(amplitude, ratio, turns):
    "Equally spaced, on a line that moves away from the louder tone; gain doesn't matter."
    n, sigma_t = 128, 7.0
    low, high = 2 * np.pi * np.array(turns) / n
    sound = amplitude * (tone(n, low) + ratio * tone(n, high))
    found = zeros.find_zeros(sound, sigma_t, omega_range=(low - 0.2, high + 0.2))
    count = turns[1] - turns[0]
    np.testing.assert_allclose(found.t, (2 * np.arange(count) + 1) * np.pi / (high - low), atol=1e-6)
    np.testing.assert_allclose(found.omega, (low + high) / 2 - np.log(ratio) / (sigma_t**2 * (high - low)), atol=1e-6)
    assert found.residual.max() < 1e-12


def test_two_tones_on_the_whole_tile():
    "Between the tones there are as many zeros as turns between them; the rest lies on the way round."
    found = zeros.find_zeros(tone(64, 0.0) + tone(64, 2 * np.pi * 20 / 64), 1.5)
    middle = 2 * np.pi * np.array([10, 42]) / 64
    assert [np.sum(np.abs(found.omega - m) < 1e-9) for m in middle] == [20, 44]


def test_two_clicks():
    "The same, turned by a right angle."
    found = zeros.find_zeros(click(128, 50) - click(128, 60), 6.0, t_range=(45, 65))
    np.testing.assert_allclose(found.t, 55, atol=1e-9)
    omega = np.sort((found.omega + 0.1) % (2 * np.pi) - 0.1)
    np.testing.assert_allclose(omega, 2 * np.pi * np.arange(10) / 10, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7, 64, 101])
@pytest.mark.parametrize("scale", [0.4, 1, 3])
def test_n_zeros_in_a_tile(n, scale):
    for seed in range(5):
        found = zeros.find_zeros(white_noise(n, seed, seed % 2 == 1), max(0.15, scale * zeros.isotropic_sigma(n)))
        assert len(found.t) == n and found.residual.max() < 1e-11
        assert (np.diff(found.t) >= 0).all() and found.t.min() >= 0 and found.t.max() < n
        assert found.omega.min() >= 0 and found.omega.max() < 2 * np.pi


@pytest.mark.parametrize("sound, sigma_t", [(bird_song(0.05), 40.0), (whale_like(0.2), 25.0)])
def test_sounds_closer_to_life(sound, sigma_t):
    found = zeros.find_zeros(sound, sigma_t)
    assert len(found.t) == len(sound) and found.residual.max() < 1e-9


def test_regions_add_up_to_the_tile():
    sound, sigma_t = white_noise(200, 8, is_complex=True), 6.0
    whole = zeros.find_zeros(sound, sigma_t)
    times, bands = ((0, 70.5), (70.5, 200)), ((0, 2.0), (2.0, 6), (6, 2 * np.pi))
    parts = [zeros.find_zeros(sound, sigma_t, t, w) for t in times for w in bands]
    together = np.concatenate([place(p, sigma_t) for p in parts])
    assert len(together) == len(whole.t)
    distance = np.abs(together[:, None] - place(whole, sigma_t)).max(axis=2).min(axis=1)
    assert distance.max() < 1e-8


def test_a_region_may_lie_anywhere_and_repeats():
    sound = white_noise(100, 4, is_complex=True)
    here = zeros.find_zeros(sound, 5.0, (20, 60), (1, 3))
    there = zeros.find_zeros(sound, 5.0, (-80, -40), (1 + 2 * np.pi, 3 + 2 * np.pi))
    assert len(here.t) > 5
    np.testing.assert_allclose(there.t + 100, here.t, atol=1e-8)
    np.testing.assert_allclose(there.omega - 2 * np.pi, here.omega, atol=1e-8)


def test_the_lattice_does_not_matter():
    sound = white_noise(150, 2, is_complex=True)
    coarse, fine = (zeros.find_zeros(sound, 5.0, spacing=s) for s in (1.0, 0.25))
    np.testing.assert_allclose(coarse.t, fine.t, atol=1e-8)


def test_shift_and_conjugation_move_the_zeros():
    sound, sigma_t = white_noise(90, 6, is_complex=True), 4.0
    found = zeros.find_zeros(sound, sigma_t)
    later = zeros.find_zeros(np.roll(sound, 7), sigma_t)
    np.testing.assert_allclose(np.sort((later.t - 7) % 90), found.t, atol=1e-8)
    mirrored = zeros.find_zeros(sound.conj(), sigma_t)
    np.testing.assert_allclose(np.sort(2 * np.pi - mirrored.omega), np.sort(found.omega), atol=1e-8)


def test_zeros_that_coincide_are_not_counted_as_one():
    "Three clicks that the window weighs as 1, −2, 1: their transform is a square, and its zeros are double."
    sound = click(128, 50) - 2 * np.exp(-(10 / 6) ** 2 / 2) * click(128, 60) + click(128, 70)
    with pytest.raises(RuntimeError, match="some coincide"): zeros.find_zeros(sound, 6.0, t_range=(55, 65))


def test_silence_beside_a_sound_has_no_zeros():
    sound = np.r_[white_noise(100, 1), np.zeros(400)]
    found = zeros.find_zeros(sound, 4.0)
    assert ((found.t < 130) | (found.t > 470)).all() and len(found.t) > 90
    assert len(zeros.find_zeros(click(256, 30), 5.0).t) == 0


def test_single_points_are_the_transform():
    t, omegas = np.array([0.3, 40.0, -5.0]), np.array([0.1, 3.0, 9.0])
    for one, grid in zip(zeros.gabor_at(x, t, omegas, 3.0), gabor_transform(x, omegas, 3.0, [0.0], t), strict=True):
        np.testing.assert_allclose(one, grid[:, 0], atol=1e-12 * np.abs(grid).max())


def test_input_is_left_alone():
    sound = white_noise(64, 1)
    before = sound.copy()
    zeros.find_zeros(sound, 4.0); froth.froth(sound); detection.tone_scores(sound)
    np.testing.assert_array_equal(sound, before)


def test_entropy():
    assert froth.entropy(np.ones(10)) == 0
    assert froth.entropy([0, 0, 0, 4]) == pytest.approx(-np.log(4))
    law = np.random.default_rng(0).exponential(size=200_000)
    assert froth.entropy(law) == pytest.approx(-(1 - np.euler_gamma), abs=0.01)


def test_a_tone_is_detected_and_noise_is_not():
    noise, tones = detection.detection([0.0, 2.0], trials=40, noise_trials=200, n=128)
    found = detection.detected(noise, tones, 0.05)
    assert (found[0] < 0.25).all() and (found[1] == 1).all()


def test_false_alarms_are_as_frequent_as_asked():
    "For every detector: of other noise, the asked share lies above the thresholds."
    noise, more = detection.detection([0.0], trials=300, noise_trials=300, n=64)
    assert noise.shape == (300, len(detection.detectors)) and more.shape == (1, 300, len(detection.detectors))
    for rate in (0.05, 0.2, 0.5):
        assert (noise > np.quantile(noise, 1 - rate, axis=0)).mean(0) == pytest.approx(rate, abs=0.01)
        found = detection.detected(noise, more, rate)
        spread = np.sqrt(2 * rate * (1 - rate) / 300)                  # of the threshold and of the share
        assert found[0] == pytest.approx(np.full(len(detection.detectors), rate), abs=4 * spread)
    scores = np.arange(100.0)[:, None] * [1, 1, 1, 1]
    assert detection.detected(scores, np.array([[[89.0] * 4, [95.0] * 4]]), 0.1).tolist() == [[0.5] * 4]


def test_scores_of_a_tone():
    "The periodogram's is (A n/2)², the spectrogram's what its window passes; a tone lights one row, an impulse none."
    n, a = 256, 3.0
    x = a * np.sin(2 * np.pi * 40 / n * np.arange(n))
    scores = dict(zip(detection.detectors, detection.tone_scores(x), strict=True))
    assert scores["periodogram"] == pytest.approx((a * n / 2) ** 2)
    assert scores["reassigned, one row"] == pytest.approx(scores["reassigned"])
    omega_sigma = 2 * np.pi / n * np.sqrt(n / (2 * np.pi)) * np.arange(-20, 21)
    ridge = np.exp(-(omega_sigma**2))                                  # of which the spectrogram sees five rows
    assert scores["spectrogram"] / scores["reassigned"] == pytest.approx(ridge[18:23].sum() / ridge.sum(), rel=0.01)
    louder = detection.tone_scores(2 * x)
    np.testing.assert_allclose(louder, 4 * np.array(list(scores.values())))
    other = detection.tone_scores(a * np.sin(2 * np.pi * 60 / n * np.arange(n)))
    np.testing.assert_allclose(other, list(scores.values()), rtol=0.02)


def test_threads_change_nothing():
    one, two = (froth.sparsity((64,), 3, workers=w)["entropy"] for w in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_command(capsys):
    main = runpy.run_path(str(root() / "benchmarks" / "noise.py"))["main"]
    assert main(["--workers", "1"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["realisations"] == 4 and set(result["choices"]) == set(froth.choices)
    with pytest.raises(SystemExit): main(["--workers", "0"])
    assert "--workers 0 is not" in capsys.readouterr().err


@pytest.mark.parametrize("call, says", [
    (lambda: zeros.find_zeros(np.zeros(64), 4.0), "x is silent"),
    (lambda: zeros.find_zeros([], 4.0), "x has shape (0,)"),
    (lambda: zeros.find_zeros(np.ones((4, 4)), 4.0), "x has shape (4, 4)"),
    (lambda: zeros.find_zeros([1, np.nan], 4.0), "x[1] is not finite"),
    (lambda: zeros.find_zeros(x, np.nan), "sigma_t=nan is not"),
    (lambda: zeros.find_zeros(x, 4.0, spacing=0), "spacing=0 is not"),
    (lambda: zeros.find_zeros(x, 4.0, t_range=(3, 2)), "t_range=(3, 2) is not two numbers, increasing by at most 64"),
    (lambda: zeros.find_zeros(x, 4.0, t_range=(0, 65)), "t_range=(0, 65)"),
    (lambda: zeros.find_zeros(x, 4.0, t_range=(3, 3)), "t_range=(3, 3)"),
    (lambda: zeros.find_zeros(x, 4.0, t_range=(0, np.inf)), "t_range=(0, inf)"),
    (lambda: zeros.find_zeros(x, 4.0, omega_range=3), "omega_range=3 is not"),
    (lambda: zeros.find_zeros(x, 4.0, omega_range=(0, 1, 2)), "omega_range=(0, 1, 2) is not"),
    (lambda: zeros.find_zeros(x, 4.0, omega_range="ab"), "omega_range='ab' is not"),
    (lambda: zeros.winding(x, 4.0, [0], [0, 1]), "t_edges has shape (1,)"),
    (lambda: zeros.gabor_at(x, [1], [1, 2], 4.0), "t (1,) and omegas (2,)"),
    (lambda: zeros.isotropic_sigma(1.5), "n=1.5 is not"),
    (lambda: froth.froth(x, density=0.5), "density=0.5 is not"),
    (lambda: froth.froth(x, method="cubic"), "method='cubic' is not"),
    (lambda: froth.entropy([-1, 2]), "energy is not"),
    (lambda: froth.entropy([]), "energy is not"),
    (lambda: froth.sparsity((64, 1)), "size=1 is not"),
    (lambda: froth.sparsity((64,), realisations=0), "realisations=0 is not"),
    (lambda: froth.line([64], [-2]), "1 sizes, 1 entropies"),
    (lambda: detection.tone_scores(np.ones(63)), "length 63"),
    (lambda: detection.detection([0.1], trials=0), "trials=0 is not"),
    (lambda: detection.detected(np.ones((3, 4)), np.ones((1, 3, 4)), 0), "false_alarm=0 is not"),
])
def test_refused(call, says):
    with pytest.raises(ValueError) as caught: call()
    assert says in str(caught.value) and "\n" not in str(caught.value)
