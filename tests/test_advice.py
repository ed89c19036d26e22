"The adviser's rules, each on a picture or a sound for which the answer is known."

from types import SimpleNamespace

import numpy as np
import pytest

from spectral_hyperresolution import advice
from spectral_hyperresolution.advice import advise, blocks, occupied, piece, preferred, stands_out

SR = 8000


def picture(energy, hop=20, low=500, bins=48):
    "What the rules read of a picture with these energies (rows, columns)."
    edges = low * 2 ** (np.arange(len(energy) + 1) / bins)
    return SimpleNamespace(energy=energy, shape=energy.shape, sr=SR, frequency_edges=edges,
                           plan=SimpleNamespace(tdeci=hop))


def spread(S, density):
    "Energies of so much per hertz and second in each cell."
    return density * np.diff(S.frequency_edges)[:, None] * (S.plan.tdeci / S.sr)


def coloured(n, slope, seed=0):
    "Noise whose amplitudes fall with that power of frequency."
    X = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    return np.fft.irfft(X / np.maximum(np.arange(len(X)), 1) ** slope, n)


def alone(name):
    "A sound of one kind, 40 dB above white noise."
    t = np.arange(SR) / SR
    x = {"whistle": np.sin(2 * np.pi * 1000 * t + 20 * np.sin(2 * np.pi * 3 * t)),
         "pair": np.sin(2 * np.pi * 1500 * t) + np.sin(2 * np.pi * 1540 * t),
         "clicks": 1.0 * (np.arange(SR) % 400 == 0)}[name]
    return x / x.std() + 0.01 * np.random.default_rng(1).standard_normal(SR)


@pytest.mark.parametrize("name, lowest, highest", [("whistle", 11, 23), ("pair", 22, 23), ("clicks", 1.3, 3)])
def test_lines_get_a_high_q_and_clicks_a_low_one(name, lowest, highest):
    found = advise(alone(name), SR)
    assert lowest < found.q < highest and found.settings["q"] == found.q
    assert ("the largest that was tried" in found.reasons["q"]) == (found.q > 22)
    assert ("the smallest that was tried" in found.reasons["q"]) == (found.q < 2)


def test_a_sound_of_lines_and_of_clicks_is_for_auto():
    pair, clicks = alone("pair"), alone("clicks")
    for x in (np.concatenate([pair, clicks]), np.concatenate([clicks, pair])):
        found = advise(x, SR)
        assert found.settings["q"] == "auto" and "no single q serves" in found.reasons["q"]
        limit = {1.4: ", the smallest that was tried,", 22.4: ", the largest that was tried,"}.get(found.q, "")
        assert f"{found.q:g}{limit} is the best" in found.reasons["q"] and "q = auto" in str(found)
        assert {type(v) for v in found.settings.values()} == {str, float, int}
        assert advise(x, SR, (2, 8)).settings["q"] in (2, 8)             # who names some gets one of them


@pytest.mark.slow
@pytest.mark.parametrize("slope", [0, 0.5, 1])
@pytest.mark.parametrize("n", [2000, 4 * SR])
def test_noise_of_any_colour_has_no_q_of_its_own(slope, n):
    found = advise(coloured(n, slope), SR)
    assert found.settings["q"] == "auto" and "out of the noise" in found.reasons["q"]


def test_what_stands_out_decides_and_not_the_noise():
    "A tone for a quarter of the time, of half the energy of the white noise."
    x = np.random.default_rng(2).standard_normal(4 * SR)
    t = np.arange(SR) / SR
    x[SR:2 * SR] += 2 * np.sin(2 * np.pi * 1000 * t)
    loss, best, prominent = preferred([x], SR)
    assert loss.argmin() >= 2 and best[2:].sum() > 0.9 and advice.noise_like < prominent < 0.3


def test_a_loud_piece_counts_for_more():
    pair, clicks = alone("pair"), alone("clicks")
    shares = [preferred([pair, gain * clicks], SR)[1] for gain in (0.03, 10.0)]
    assert shares[0][-1] > 0.7 > 0.3 > shares[1][-1]
    np.testing.assert_allclose([s.sum() for s in shares], 1)
    assert not any(map(np.any, preferred([np.zeros(SR)], SR)))


def test_blocks_are_of_equal_area_and_hold_a_density():
    S = picture(np.ones((40, 301)))
    S.energy = np.broadcast_to(spread(S, 7.0), S.shape)
    found = blocks(S)
    assert [(low, high) for low, high, _ in found] == [tuple(S.frequency_edges[[i, i + 16]]) for i in (0, 16)]
    for low, high, density in found:
        np.testing.assert_allclose(density, 7.0)
        long = 301 * S.plan.tdeci / S.sr / len(density)                # at least, as the last is left out
        assert long * (high - low) == pytest.approx(advice.independent, rel=0.2)
    assert len(blocks(S, rows=10)) == 4


def test_a_block_stands_out_from_sixteen_times_the_floor():
    S = picture(np.ones((64, 400)))
    assert stands_out == 16
    for factor, found in ((15.0, None), (17.0, tuple(S.frequency_edges[[16, 32]]))):
        S.energy = np.broadcast_to(spread(S, 2.0), S.shape).copy()
        S.energy[16:32, 100:200] *= factor
        assert occupied([S]) == found
    high = picture(S.energy, low=3000)
    high.energy = np.broadcast_to(spread(high, 2.0), S.shape).copy()
    high.energy[32:48] *= 30
    assert occupied([S, high]) == (S.frequency_edges[16], high.frequency_edges[48])
    S.energy = np.where(np.arange(64)[:, None] < 16, S.energy, 0)      # digital silence is no floor
    assert occupied([S]) is None and occupied([]) is None
    S.energy[:] = 0
    assert occupied([S]) is None


@pytest.mark.parametrize("low, high", [(600, 900), (1500, 2500)])
def test_the_band_is_where_the_sound_is(low, high):
    "A sixth of an octave beyond the blocks, which are a third of an octave high."
    t, rng = np.arange(2 * SR) / SR, np.random.default_rng(0)
    sweep = np.sin(2 * np.pi * np.cumsum(low + (high - low) * (0.5 + 0.5 * np.sin(2 * np.pi * t))) / SR)
    found = advise(sweep * np.exp(-((t - 1) ** 2) / 0.08) + 0.005 * rng.standard_normal(len(t)), SR, (2.0, 4.0))
    s = found.settings
    assert low * 2 ** (-2 / 3) < s["fmin"] < low and high < s["fmax"] < high * 2 ** (2 / 3)
    assert s["q"] in (2.0, 4.0) and set(s) == set(found.reasons)
    assert s["bins_per_octave"] == 24 * s["q"]
    assert "of the sound" in found.reasons["q"] and "nothing below it stands out" in found.reasons["fmin"]
    assert f"{1e3 * s['hop_length'] / SR:.3g} ms" in found.reasons["hop_length"]


def test_noise_has_the_whole_band_and_silence_no_advice():
    found = advise(np.random.default_rng(0).standard_normal(SR), SR, 2.0)
    assert found.settings["fmax"] == SR / 2 and "half the sampling rate" in found.reasons["fmax"]
    assert found.settings["fmin"] == pytest.approx(SR / 512) and "eight octaves" in found.reasons["fmin"]
    assert found.settings["q"] == 2 and "out of the noise" in found.reasons["q"]
    assert advise(alone("pair"), SR, 2.0).reasons["q"] == "the only value to choose from"
    silent = advise(np.zeros(SR), SR, 2.0)
    assert silent.settings == {} and str(silent) == ""


@pytest.mark.parametrize("q, bins", [(0.3, 24), (1, 24), (2, 48), (4, 96), (6, 144), (20, 144)])
def test_bins_have_a_fifth_of_a_sigma_f(q, bins):
    assert advice._grid(SR, SR, q, 500, 2000)["bins_per_octave"][0] == bins


@pytest.mark.parametrize("n, q, low, high, hop", [
    (SR, 4, 500, 2000, 16),
    (SR, 1, 500, 2000, 4),
    (SR, 8, 100, 400, 20),                # at most 2.5 ms
    (1000 * SR, 1, 500, 2000, 2000),      # at most 4000 columns
    (10, 0.1, 3000, 3600, 1),             # at least a sample
])
def test_the_hop_is_half_the_wavelet(n, q, low, high, hop):
    found, why = advice._grid(n, SR, q, low, high)["hop_length"]
    expected = q / np.sqrt(low * high) / 2 * SR
    assert found == hop == max(1, round(min(max(expected, n / 4000), max(0.0025 * SR, n / 4000))))
    assert f"σ_t = {1e3 * q / np.sqrt(low * high):.3g} ms" in why


def test_a_long_sound_is_judged_by_its_loudest_pieces():
    x = np.zeros(8 * piece, np.float32)
    at = [piece // 2, 3 * piece, 4 * piece + 100, 7 * piece]
    for k, a in enumerate(at): x[a : a + piece // 2] = k + 1
    pieces = advice._excerpts(x)
    assert [len(p) for p in pieces] == [piece] * 4
    assert [p.sum() for p in pieces] == [(k + 1) * piece / 2 for k in range(4)]
    short = x[: 4 * piece]
    assert [p is short for p in advice._excerpts(short)] == [True]


def test_the_loudest_channel_is_heard():
    t = np.arange(SR) / SR
    pair = np.stack([0.01 * np.sin(2 * np.pi * 300 * t), np.sin(2 * np.pi * 2000 * t)])
    pair = pair + 1e-4 * np.random.default_rng(0).standard_normal(pair.shape)
    assert advise(pair, SR, 4.0).settings == advise(pair[1], SR, 4.0).settings
    assert advise(pair[::-1], SR, 4.0).settings == advise(pair[1], SR, 4.0).settings
    assert advise(pair[0], SR, 4.0).settings != advise(pair[1], SR, 4.0).settings


def test_qs():
    with pytest.raises(ValueError, match="holds no value to try"): advise(np.ones(SR), SR, [])
    with pytest.raises(ValueError, match="q=0 is not"): advise(np.ones(SR), SR, [0])
    found = advise(np.sin(np.arange(SR)), SR, 3)
    assert "q = 3 " in str(found) and found._repr_markdown_().count("\n") == 7
