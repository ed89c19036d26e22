"""The front door's picture: things of known time, frequency and level lie where its axes say, at the level it says."""

import numpy as np
import pytest

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.engine.gate import gate_density, local_threshold, open_cells
from spectral_hyperresolution.engine.plan import Plan, default_plan
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram

SR = 8000


def click(at, n=3000): return 1.0 * (np.arange(n) == at)


def tone(hz, n=3000): return np.sin(2 * np.pi * hz * np.arange(n) / SR)


# ---- axes


@pytest.mark.parametrize("hop", [5, 20])
def test_a_click_lies_in_its_own_column(hop):
    "At every place within a column; on average it lies at the column's centre, not at an edge."
    off = []
    for at in range(1400, 1400 + hop):
        if (at + 1) % hop == 0: continue  # on the edge between two columns: rounding decides
        S = reassigned_spectrogram(click(at), SR, q=0.5, fmin=500, fmax=3000, hop_length=hop)
        column = S.energy.sum(0).argmax()
        assert S.energy[:, column].sum() > 0.999 * S.energy.sum()
        assert S.time_edges[column] < at / SR < S.time_edges[column + 1]
        off.append((at / SR - S.times[column]) * SR)
    assert np.mean(off) == pytest.approx(0, abs=1e-9) and np.ptp(off) == pytest.approx(hop - 2)
    np.testing.assert_allclose(np.diff(S.time_edges), hop / SR)
    np.testing.assert_allclose((S.time_edges[1:] + S.time_edges[:-1]) / 2, S.times)


@pytest.mark.parametrize("bins", [6, 24])
def test_a_tone_lies_in_its_own_row(bins):
    "At places all over a row; on average it lies at the row's centre, in octaves."
    off = []
    for part in (np.arange(8) + 0.5) / 8:
        hz = 1000 * 2 ** (part / bins)
        S = reassigned_spectrogram(tone(hz), SR, q=8, fmin=250, fmax=4000, bins_per_octave=bins)
        inner = S.energy[:, 60:-60]
        row = inner.sum(1).argmax()
        assert inner[row].sum() > 0.99 * inner.sum()
        assert S.frequency_edges[row] < hz < S.frequency_edges[row + 1]
        off.append(np.log2(hz / S.frequencies[row]) * bins)
    assert np.mean(off) == pytest.approx(0, abs=1e-9) and np.abs(off).max() < 0.5
    np.testing.assert_allclose(np.diff(np.log2(S.frequency_edges)), 1 / bins)
    np.testing.assert_allclose(np.sqrt(S.frequency_edges[1:] * S.frequency_edges[:-1]), S.frequencies)
    assert S.frequencies[-1] == pytest.approx(4000) and S.frequency_edges[0] <= 250


@pytest.mark.parametrize("name", ["xarray", "npz"])
def test_a_picture_that_is_kept_has_the_same_axes(name, tmp_path):
    S = reassigned_spectrogram(tone(900)[:800], SR, q=3, hop_length=7, bins_per_octave=12, gate="global")
    if name == "npz":
        S.save(tmp_path / "a.npz")
        T = ReassignedSpectrogram.load(tmp_path / "a.npz")
        assert T.plan == S.plan and T.gate == "global" and T.sr == SR and np.array_equal(T.counts, S.counts)
        times, frequencies, energy = T.times, T.frequencies, T.energy
    else:
        pytest.importorskip("xarray")
        table = S.to_xarray()
        assert table.attrs["q"] == 3 and table.attrs["hop_length"] == 7 and table.attrs["fmax"] == pytest.approx(4000)
        times, frequencies, energy = (table[v].values for v in ("time", "frequency", "energy"))
    assert np.array_equal(times, S.times) and np.array_equal(frequencies, S.frequencies)
    assert np.array_equal(energy, S.energy) and energy.any()


# ---- level


def test_decibels():
    x = tone(1000)
    one, two = (reassigned_spectrogram(a * x, SR, q=4) for a in (1.0, 2.0))
    ref = one.energy.max()
    loud = one.energy > 0.1 * ref
    assert loud.any()
    np.testing.assert_allclose((two.db(ref) - one.db(ref))[loud], 20 * np.log10(2))
    np.testing.assert_allclose((one.db(ref) - one.db(10 * ref))[loud], 10)
    for floor in (-80.0, -20.0):
        level = one.db(floor=floor)
        assert np.ptp(level) == pytest.approx(-floor) and (level[one.energy == 0] == level.min()).all()
    level = one.db()
    np.testing.assert_allclose(level[loud] - level.max(), 10 * np.log10(one.energy[loud] / ref))
    silent = reassigned_spectrogram(0 * x, SR, q=4).db()
    assert np.isfinite(silent).all() and np.ptp(silent) == 0


# ---- settings


def test_the_defaults():
    "A hop of 2.5 ms, eight octaves below half the rate, 20 filters in one sigma_f, an odd number for each row."
    for sr in (8000, 48000):
        for q in (0.7, 2, 9):
            p = default_plan(20 * sr, sr, q)
            assert p.tdeci == sr / 400 and p.maxf == pytest.approx(0.5) and p.minf == pytest.approx(0.5 / 256)
            filters = p.over * p.noct / np.log2(1 + 1 / (2 * np.pi * q)) ** -1
            assert p.over % 2 == 1 and 18 < filters < 20 + 2 * p.noct * np.log2(1 + 1 / (2 * np.pi * q))
    assert default_plan(800, 8000, 2).minf == pytest.approx(2 * 2 / 800)   # two of its sigma_t make the sound
    for n, columns in ((7500, 417), (399, 399), (2, 2)):                    # 30 ms of a bat, and less
        assert default_plan(n, 250_000, 0.4, fmin=0.45 * 250_000).n_times == columns


def test_channels_keep_their_places():
    both = np.stack([tone(700)[:1200], click(600, 1200)])
    settings = dict(q=2, fmin=300, hop_length=11, gate=None)
    S, pooled = (reassigned_spectrogram(both, SR, pool=pool, **settings) for pool in (False, True))
    assert S.shape == (2, *pooled.shape)
    for channel in range(2):
        alone = reassigned_spectrogram(both[channel], SR, **settings)
        np.testing.assert_allclose(S.energy[channel], alone.energy)
    np.testing.assert_allclose(pooled.energy, S.energy.sum(0), atol=1e-9 * S.energy.max())
    np.testing.assert_allclose(pooled.counts, S.counts.sum(0), atol=1e-9 * S.counts.max())


def test_progress_goes_from_nothing_to_all():
    for mode, boundary in (("fast", "zero"), ("parity", "wrap")):
        said: list[float] = []
        reassigned_spectrogram(np.stack([tone(700), tone(900)]), SR, q=2, mode=mode, boundary=boundary,
                               progress=said.append)
        assert said[0] >= 0 and said[-1] == 1 and (np.diff(said) >= 0).all() and len(set(said)) > 3


# ---- the gates' thresholds


def test_the_local_gate_opens_at_a_tenth_of_what_is_undisturbed():
    "Undisturbed cells, tones and clicks, counted: the threshold is a tenth of the least of the three."
    counted = {}
    for q, hop in ((2.0, 20), (0.5, 200), (8.0, 5)):
        settings = dict(q=q, fmin=400, fmax=3000, hop_length=hop, gate=None, mode="parity", boundary="wrap")
        middle = slice(len(np.arange(0, 3000, hop)) // 4, -len(np.arange(0, 3000, hop)) // 4)
        S = reassigned_spectrogram(tone(1000), SR, **settings)
        row = S.energy.sum(1).argmax()
        C = reassigned_spectrogram(click(1500) + 1e-12, SR, **settings)
        column = C.energy.sum(0).argmax()
        p = S.plan
        counted[q] = dict(tone=np.median(S.counts[row, middle]), click=C.counts[:, column],
                          undisturbed=p.tdeci * p.over)
        threshold = local_threshold(p)[::-1]
        least = np.minimum(min(counted[q]["undisturbed"], counted[q]["tone"]), counted[q]["click"])
        inner = slice(len(threshold) // 4, -len(threshold) // 4)
        # a filter counts whole samples
        np.testing.assert_allclose(threshold[inner], gate_density * least[inner], rtol=0.1, atol=gate_density * p.over)
    assert gate_density == 0.1


def test_a_cell_at_the_threshold_is_open():
    p = Plan(400, 2, 40, 2, 12, 0.05, 0.4)
    at = np.broadcast_to(local_threshold(p), p.shape)
    assert open_cells(at, p, "local").all() and not open_cells(at * (1 - 1e-12), p, "local").any()
    counts = np.zeros(p.shape)
    counts[1, :3] = 25, 5, 5 - 1e-9
    assert np.argwhere(open_cells(counts, p, "global")).tolist() == [[1, 0], [1, 1]]
    assert open_cells(counts, p, None).all()


def test_energy_is_dark_where_the_gate_is_shut():
    x = np.random.default_rng(0).standard_normal(2000)
    open_, shut = (reassigned_spectrogram(x, SR, q=2, gate=gate) for gate in (None, "local"))
    lit = open_.counts >= local_threshold(open_.plan)[::-1, None]
    assert 0.1 < lit.mean() < 0.9 and np.array_equal(shut.energy, np.where(lit, open_.energy, 0))


def test_silence_is_at_the_floor():
    dark = reassigned_spectrogram(np.zeros(8000), 8000)
    assert not dark.energy.any() and not dark.counts.any() and (dark.db() == -80).all()
    assert (dark.db(ref=2.0, floor=-60) == -60).all()
    with pytest.raises(ValueError, match="ref=0 is not a finite number > 0"): dark.db(ref=0)
