"""Consensus: what follows from its definition for any footprints, and what it refuses."""

import numpy as np
import pytest
from examples import examples, reached
from hypothesis import given
from hypothesis import strategies as st

from spectral_hyperresolution.consensus import consensus, footprint
from spectral_hyperresolution.engine.gate import gate_density, local_threshold
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram, reassigned_spectrogram
from spectral_hyperresolution.theory.consensus import agreement, consensus_histogram, energy_and_density
from spectral_hyperresolution.theory.drift import drift, stable_histogram, steady
from spectral_hyperresolution.theory.gabor import gabor_transform
from spectral_hyperresolution.theory.signals import tone, white_noise

SR = 8000
small = dict(t_edges=np.arange(65.0), f_edges=np.linspace(0, 2 * np.pi, 65), grid=(64, 64))


def by_hand(footprints, f_tol, t_tol, agree):
    "The definition, cell by cell."
    n, rows, columns = footprints.shape
    wide = np.zeros_like(footprints)
    for k, r, c in np.argwhere(footprints):
        wide[k, max(0, r - f_tol) : r + f_tol + 1, max(0, c - t_tol) : c + t_tol + 1] = True
    members, support = np.zeros_like(wide), np.zeros((rows, columns), int)
    for first in range(n):
        for last in range(first + 1, n + 1):
            run = wide[first:last].all(0)
            support = np.maximum(support, (last - first) * run)
            if last - first >= agree:
                members[first:last] |= run
    return members, support


@examples(60, compared=60, disputed=25)
@given(st.integers(1, 6), st.integers(0, 1), st.integers(0, 1), st.floats(0.1, 0.7), st.integers(0, 99), st.data())
def test_agreement_is_its_definition(n, f_tol, t_tol, share, seed, data):
    footprints = np.random.default_rng(seed).random((n, 7, 9)) < share
    agree = data.draw(st.integers(min(n, 2), n))
    members, support = agreement(footprints, (f_tol, t_tol), agree)
    expected = by_hand(footprints, f_tol, t_tol, agree)
    assert (members == expected[0]).all() and (support == expected[1]).all()
    looser, _ = agreement(footprints, (f_tol + 1, t_tol), agree)
    fewer, _ = agreement(footprints, (f_tol, t_tol), max(1, agree - 1))
    assert not (members & ~looser).any() and not (members & ~fewer).any()
    reached("compared")
    if members.any() and (footprints & ~members).any(): reached("disputed")


def test_batches_agree_one_by_one():
    footprints = np.random.default_rng(0).random((3, 2, 6, 8)) < 0.5
    members, support = agreement(footprints, 1, 2)
    for channel in range(2):
        alone = agreement(footprints[:, channel], 1, 2)
        assert (members[:, channel] == alone[0]).all() and (support[channel] == alone[1]).all()


def picture(energy, counts, q=2.0, hop=40):
    "A picture of these energies and counts (rows, columns), the lowest row first."
    energy, counts = np.array(energy, float), np.array(counts, float)
    rows, columns = energy.shape[-2:]
    plan = Plan(columns * hop, q, hop, 4, 12, 0.4 / 2 ** ((rows - 1.01) / 12), 0.4)
    assert plan.shape == (columns, rows)
    return ReassignedSpectrogram(energy, counts, plan, SR)


def test_a_footprint_is_a_share_of_what_is_undisturbed():
    "Half the counts of an undisturbed cell, a tone or a click, whichever is least, on the picture's own rows."
    S = picture(np.ones((13, 2)), np.ones((13, 2)))
    least = local_threshold(S.plan)[::-1] / gate_density
    assert least[0] != least[-1]                                       # a click leaves fewer counts in a higher row
    for density in (0.5, 0.2, 3.0):
        for share, is_in in ((1 + 1e-9, True), (1 - 1e-9, False)):
            S = picture(np.ones((13, 2)), np.broadcast_to(share * density * least[:, None], (13, 2)))
            assert (footprint(S, density) == is_in).all()
    assert (footprint(S) == footprint(S, 0.5)).all()
    S = picture(np.where(np.arange(26).reshape(13, 2) == 5, 0, 1), np.full((13, 2), 1e9))
    assert np.argwhere(~footprint(S)).tolist() == [[2, 1]]             # a dark cell is in no footprint


def test_a_floor_is_below_the_loudest_cell_of_each_channel():
    energy = 10 ** (np.array([[0.0, -19.9], [-20.1, -30]]) / 10)
    S = picture(np.repeat(energy, 7, axis=0)[:13], np.full((13, 2), 1e9))
    assert (footprint(S, floor=-20) == (S.energy > 0.01)).all() and footprint(S, floor=-40).all()
    both = ReassignedSpectrogram(np.stack([S.energy, 1e-3 * S.energy]), np.stack([S.counts] * 2), S.plan, SR)
    assert (footprint(both, floor=-20) == footprint(S, floor=-20)).all()


def test_the_energy_is_the_mean_of_those_that_agree():
    "In one unit: noise has the same energy in all three, however close their filters are."
    noise = np.random.default_rng(3).standard_normal(2000)
    C = consensus(noise, SR, (1.0, 2.0, 4.0), agree=2, bins_per_octave=12, oversampling=40)
    prints = np.stack([footprint(S) for S in C.pictures])
    members, support = agreement(prints, 0, 2)
    assert (C.support == support).all() and set(np.unique(support)) == {0, 1, 2, 3}
    parts = [np.where(m & p, S.energy, 0).ravel() for m, p, S in zip(members, prints, C.pictures, strict=True)]
    units, misfit, *_ = np.linalg.lstsq(np.stack(parts, axis=1), (C.energy * members.sum(0)).ravel())
    assert misfit < 1e-18 * (C.energy**2).sum()
    totals = units * [S.energy.sum() for S in C.pictures]
    assert totals == pytest.approx(np.full(3, totals.mean()), rel=0.15)


@pytest.fixture(scope="module")
def sound():
    t = np.arange(SR) / SR
    return np.sin(2 * np.pi * 1000 * t) + 0.1 * np.random.default_rng(0).standard_normal(SR)


def test_one_q_is_its_own_footprint(sound):
    S, C = reassigned_spectrogram(sound, SR, q=3.0), consensus(sound, SR, [3.0])
    own = footprint(S)
    np.testing.assert_allclose(C.energy, np.where(own, S.energy, 0))
    assert ((C.support == 1) == own).all() and C.qs == (3.0,) and C.agree == 1


def test_a_tone_survives_and_noise_thins(sound):
    C = consensus(sound, SR)
    row = np.abs(C.frequencies - 1000).argmin()
    inside = (C.times > 0.1) & (C.times < 0.9)
    assert (C.energy[row, inside] > 0).mean() > 0.99 and C.energy[:, inside].sum(1).argmax() == row
    assert (C.energy > 0).mean() < 0.6 * min(footprint(S).mean() for S in C.pictures)
    assert (C.support[C.energy > 0] == 3).all()


def test_tolerance_and_agree_only_add(sound):
    looser = dict(tolerance=1), dict(agree=2), dict(tolerance=(0, 2))
    strict, *others = (consensus(sound, SR, **o) for o in ({}, *looser))
    for other in others:
        assert not ((strict.energy > 0) & ~(other.energy > 0)).any()


def test_channels_and_silence(sound):
    pair = consensus(np.stack([sound, np.zeros(SR)]), SR)
    assert pair.energy.shape[0] == 2 and not pair.energy[1].any()
    np.testing.assert_allclose(pair.energy[0], consensus(sound, SR).energy)
    quiet = consensus(sound, SR, floor=-20)
    assert 0 < (quiet.energy > 0).sum() < (pair.energy[0] > 0).sum()


def test_a_short_sound_has_one_range():
    C = consensus(np.random.default_rng(1).standard_normal(600), SR, (0.5, 8.0))
    assert len({S.shape for S in C.pictures}) == 1 and np.isfinite(C.energy).all()


@pytest.mark.parametrize("wrong, says", [
    (dict(qs=[]), "qs="), (dict(qs=[2, 2]), "increasing"), (dict(qs=[-1, 2]), "qs="), (dict(qs=[1, np.nan]), "qs="),
    (dict(qs=2.0), "qs="), (dict(q=2.0), "takes qs"), (dict(tolerance=-1), "tolerance=-1"),
    (dict(tolerance=0.5), "tolerance=0.5"),
    (dict(tolerance=(1, 2, 3)), "one number or two"), (dict(agree=0), "agree=0"), (dict(agree=4), "agree=4"),
    (dict(density=0), "density=0"), (dict(floor=1), "floor=1"), (dict(gate="x"), "gate='x'"), (dict(fmax=1e9), "fmax="),
])
def test_bad_input(sound, wrong, says):
    with pytest.raises(ValueError, match=says):
        consensus(sound, SR, **wrong)


@pytest.mark.parametrize("make, says", [
    (lambda x: energy_and_density(x, 4.0, small["t_edges"], small["f_edges"], grid=(0, 64)), "grid=0"),
    (lambda x: energy_and_density(x, 0, small["t_edges"], small["f_edges"]), "sigma_t=0"),
    (lambda x: energy_and_density(x[:, None], 4.0, small["t_edges"], small["f_edges"]), "x has shape"),
    (lambda x: consensus_histogram(x, [4.0], **small), "sigmas has shape"),
    (lambda x: consensus_histogram(x, [3.0, 4.0], **small, density=-1), "density=-1"),
    (lambda x: stable_histogram(x, [3.0, 4.0], **small, most=np.nan), "most=nan"),
])
def test_bad_input_on_the_uniform_grid(make, says):
    with pytest.raises(ValueError, match=says):
        make(white_noise(64, 1))


def test_nothing_is_lost_and_input_stays():
    x = white_noise(64, 2, is_complex=True)
    before = x.copy()
    energy, density = energy_and_density(x, 3.0, **small)
    np.testing.assert_allclose(energy.sum(), np.sum(np.abs(x) ** 2))
    np.testing.assert_allclose(density.mean(), 1)
    kept, _ = energy_and_density(x, 3.0, **small, keep=steady(0.1), order=3)
    assert (kept <= energy + 1e-12).all() and kept.sum() < energy.sum() and (x == before).all()


def test_drift_of_a_tone_is_nought_and_of_nothing_unknown():
    v, _ = drift(*gabor_transform(tone(64, 2 * np.pi * 9 / 64), [0.8, 0.9], 3.0, order=3))
    assert np.abs(v).max() < 1e-10
    v, angle = drift(*np.zeros((4, 2, 3), complex))
    assert np.isnan(v).all() and np.isnan(angle).all()
