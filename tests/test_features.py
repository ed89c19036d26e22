"""Features of fixed size: pooling, and the refusals."""

import subprocess
import sys

import numpy as np
import pytest

from spectral_hyperresolution import features as module
from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.consensus import consensus, consensus_of
from spectral_hyperresolution.features import band_edges, channel_names, features, measures, pooled
from spectral_hyperresolution.testing import check_close
from spectral_hyperresolution.theory import sounds

SR = 8000
LOOK = dict(fmin=250, fmax=3800, bands=10, frames=6, threads=1)


def noisy(n=4000, seed=0): return np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize("soft", [False, True])
def test_pooling_keeps_the_energy(soft):
    "All of it, of a picture that the grid covers: levels without a reference are power, which times time is energy."
    S = reassigned_spectrogram(noisy(), SR, fmin=250, fmax=3800)
    edges = np.geomspace(S.frequency_edges[0], S.frequency_edges[-1], 9)
    frames = np.linspace(S.time_edges[0], S.time_edges[-1], 6)
    level = pooled(S, edges, frames, soft=soft, norm=None, floor=-300)[0]
    assert (10 ** (level / 10) * np.diff(frames)).sum() == pytest.approx(S.energy.sum(), rel=1e-9)


def test_moments_are_those_of_the_cells():
    "A block as large as the picture, against NumPy's weighted averages."
    S = reassigned_spectrogram(sounds.bird_song(0.4, sr=16000, seed=1), 16000, fmin=1000)
    edges = S.frequency_edges[[0, -1]], S.time_edges[[0, -1]]
    kinds = ("frequency", "delay", "frequency_spread", "delay_spread", "slope", "concentration", "structure")
    f, t, sf, st, slope, concentration, structure = pooled(S, *edges, kinds)[:, 0, 0]
    rows, columns = ((np.arange(n) + 0.5) / n for n in S.shape)
    E = S.energy / S.energy.sum()
    mf, mt = (E.sum(1) * rows).sum(), (E.sum(0) * columns).sum()
    check_close([f + 0.5, t + 0.5], [mf, mt], 1e-6)
    vf = (E.sum(1) * (rows - mf) ** 2).sum() + 1 / 12 / len(rows) ** 2
    vt = (E.sum(0) * (columns - mt) ** 2).sum() + 1 / 12 / len(columns) ** 2
    check_close([sf**2, st**2], [vf, vt], 1e-5)
    cov = (E * np.outer(rows - mf, columns - mt)).sum()
    assert slope == pytest.approx(2 * cov / (vf + vt), rel=1e-5)
    assert structure == pytest.approx((vt - vf) / (vt + vf), rel=1e-5)
    assert concentration == pytest.approx(1 - np.log(1 / (E**2).sum()) / np.log(E.size), rel=1e-9)


def test_time_reversed_is_a_mirror():
    "The frames come in the other order, slopes change their sign, and delays too."
    x = np.cos(2 * np.pi * np.cumsum(np.linspace(600, 3000, 4800)) / SR)
    kinds = ("level", "slope", "delay", "structure")
    there, back = (features(y, SR, measures=kinds, floor=-25, **LOOK) for y in (x, x[::-1]))
    loud = (there[0] > -20) & (back[0, :, ::-1] > -20)
    for k, sign in enumerate((1, -1, -1, 1)):
        assert loud.sum() > 8 and np.abs(there[k] - sign * back[k, :, ::-1])[loud].mean() < (0.5 if k == 0 else 0.15)
    assert there[1][loud].mean() > 0.3


@pytest.mark.parametrize("n", [400, 1234, 4000, 20000])
def test_the_size_is_fixed(n):
    "Whatever the length; a band's position does not depend on it."
    t = np.arange(n) / SR
    found = features(np.cos(2 * np.pi * 1500 * t), SR, q=1.5, fmin=500, bands=12, frames=5, threads=1)
    assert found.shape == (1, 12, 5) and np.isfinite(found).all()
    band = np.searchsorted(band_edges(12, 500, 4000), 1500) - 1
    assert found[0, :, 2].argmax() == band


def test_a_second_channel_with_the_same_sound_changes_nothing():
    "Without the gate, at which the counts of channels add up."
    how = dict(gate=None, measures=("level", "slope", "concentration"), **LOOK)
    check_close(features(np.stack([noisy(), noisy()]), SR, **how), features(noisy(), SR, **how), 1e-6)


def test_a_duration_cuts_and_fills():
    long = noisy(8000)
    same = [features(x, SR, duration=0.5, **LOOK) for x in (long, long[:4000])]
    check_close(same[0], same[1], 1e-12)
    short = features(long[:2000], SR, duration=0.5, **LOOK)[0]
    assert (short[:, 4:] == -80).all() and (short[:, 1] > -60).all()


def test_every_engine_fits_its_names():
    x = sounds.bird_song(0.4, sr=16000, seed=2)
    for how in (dict(q=3), dict(q=(1.4, 5.6), measures=measures[:9]), dict(q="auto", measures=("level", "q")),
                dict(q=(1.4, 2.8), consensus=True, measures=("level", "support")), dict(norm="background"),
                dict(scale="mel", soft=True, norm=None)):
        found = features(x, 16000, bands=5, frames=4, fmin=800, **how)
        names = channel_names(**{k: how[k] for k in ("q", "consensus", "measures") if k in how})
        assert found.shape == (len(names), 5, 4) and np.isfinite(found).all() and len(set(names)) == len(names)


@pytest.mark.parametrize("x", [[], np.zeros((2, 0)), np.full(4000, np.nan), "x", np.zeros(4000, complex), np.zeros(3)])
@pytest.mark.parametrize("duration", [None, 0.5])
def test_bad_sounds_are_refused(x, duration):
    if duration and np.shape(x) == (3,): assert (features(x, SR, duration=duration, **LOOK) == -80).all()
    else:
        with pytest.raises(ValueError): features(x, SR, duration=duration, **LOOK)


@pytest.mark.parametrize("wrong, why", [
    (dict(q="all"), "q='all' is not"), (dict(q=[]), "not a number, several"), (dict(q=-1), "q="),
    (dict(consensus=True), "a consensus takes several"), (dict(q="auto", consensus=True), "consensus=True"),
    (dict(measures=("loudness",)), "measure='loudness' is not one of"), (dict(measures=()), "are none"),
    (dict(measures=("q",)), 'needs q="auto"'), (dict(measures=("support",)), "needs a consensus"),
    (dict(bands=0), "bands=0 is not"), (dict(frames=1.5), "frames=1.5"), (dict(scale="bark"), "scale='bark'"),
    (dict(norm="mean"), "norm='mean'"), (dict(fmin=5000), "fmax=3800"), (dict(duration=0), "duration=0"),
    (dict(floor=0.5), "floor=0.5"), (dict(soft=2), "soft=2"), (dict(q=(2, 2)), "has one value twice"),
    (dict(q=(4, 2), consensus=True), "several, increasing"), (dict(measures=("level", "level")), "have one twice"),
    (dict(consensus=2), "consensus=2 is not True, False or settings"), (dict(start=3.0), "start=3.0 is a setting"),
    (dict(agree=2), r"agree=2 is .* of a consensus: con"), (dict(pool=False), "pool=False is a setting"),
    (dict(q=(1, 2), consensus=dict(wide=1)), "setting='wide' is not one of"), (dict(scale="linear"), "scale='lin"),
    (dict(calibration=100), "calibration=100 is a setting"),
    (dict(q=(1, 2), consensus=dict(tolerance=0.5)), "tolerance=0.5 is not an integer"),
])
def test_bad_arguments_are_refused(wrong, why):
    with pytest.raises(ValueError, match=why): features(noisy(), SR, **(LOOK | wrong))


def test_bad_edges_are_refused():
    S = reassigned_spectrogram(noisy(), SR)
    for edges in ([0, 100], [100], [100, 100], [100, np.nan]):
        with pytest.raises(ValueError, match="frequency_edges"): pooled(S, edges, [0, 0.5])
    with pytest.raises(ValueError, match="not one picture"):
        pooled(reassigned_spectrogram(np.stack([noisy(), noisy()]), SR), [100, 200], [0, 0.5])
    with pytest.raises(TypeError, match="S="): pooled(S.energy, [100, 200], [0, 0.5])
    with pytest.raises(TypeError, match="no_such"): features(noisy(), SR, no_such=1)


def test_the_module_needs_no_sklearn():
    code = ("import sys\nfor name in ('sklearn', 'joblib'): sys.modules[name] = None\n"
            "import spectral_hyperresolution.features\nfrom spectral_hyperresolution import ReassignedFeatures")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stderr.splitlines()[-1] == ("ImportError: ReassignedFeatures needs joblib:  "
                                            "pip install 'spectral_hyperresolution[features]'")
    assert module.__name__ in done.stderr or "line 4" in done.stderr      # the line before it went through


def test_a_tolerance_is_the_pictures_own():
    "With a consensus too; bins are among the consensus's settings, and both come through."
    how = dict(q=(1.4, 2.8), **LOOK)
    plain, rough, wide = (features(noisy(), SR, **how, **more) for more in
                          (dict(consensus=True), dict(consensus=True, tolerance=0.2),
                           dict(consensus=dict(tolerance=2))))
    assert 0 < np.abs(rough - plain).mean() < 3 and wide.mean() > plain.mean() + 1
    both = consensus(noisy(), SR, (1.4, 2.8), tolerance=2, fmin=250, fmax=3800, bins_per_octave=24)
    check_close(pooled(both, band_edges(10, 250, 3800), np.linspace(0, 0.5, 7)), wide, 1e-12)


def test_pictures_at_hand_make_a_consensus():
    C = consensus(noisy(), SR, (1.4, 2.8), fmin=250, agree=1, start=2.0)
    again = consensus_of(C.pictures, agree=1)
    assert np.array_equal(again.energy, C.energy) and again.start == C.start == 2 and again.qs == (1.4, 2.8)
    with pytest.raises(ValueError, match="at least one"): consensus_of([])
    with pytest.raises(ValueError, match="have the shapes"):
        consensus_of([C.pictures[0], reassigned_spectrogram(noisy(), SR, fmin=500)])
    with pytest.raises(TypeError, match="pictures="): consensus_of([C.energy])
