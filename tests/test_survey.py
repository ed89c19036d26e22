"""The survey behind q = auto: a steady sound is steady in it, and the choice of a neighbourhood fades into the next."""

from dataclasses import replace

import numpy as np
import pytest

from spectral_hyperresolution.engine import coarse_survey, survey, wanted
from spectral_hyperresolution.engine.plan import default_plan
from spectral_hyperresolution.engine.reassign import _summed

N, SR = 24000, 24000
PLAN = default_plan(N, SR, fmin=300, fmax=6000, hop_length=48)


@pytest.mark.parametrize("frequency", [400, 1300, 5000])
def test_a_steady_tone_is_as_loud_in_every_column(frequency):
    "Also where one block of the computation ends and the next begins, and at the ends of the sound."
    x = np.cos(2 * np.pi * frequency / SR * np.arange(N))
    for energy in survey.survey(x[None], PLAN, "wrap", 1, (2.8, 11.2))[:, 0]:
        row = energy.sum(1).argmax()
        assert abs(row / survey.survey_rows - np.log2(frequency / 300)) < 1 / survey.survey_rows
        around = np.convolve(energy.sum(0), np.full(100, 1 / 100), "valid")
        assert around.min() > 0.9 * around.max()


@pytest.mark.parametrize("boundary", ["reflect", "wrap"])
def test_a_neighbourhood_that_ends_with_the_sound_holds_a_part(boundary):
    "What stands for the sound beyond its end is heard by the wavelets there, but sends no points."
    wide = survey.survey_hops * PLAN.tdeci
    for part in (0.25, 0.5):
        n = int((40 + part) * wide)
        x = np.random.default_rng(3).standard_normal(n)[None]
        plan = default_plan(n, SR, fmin=2000, fmax=6000, hop_length=48)
        found = survey.survey(x, plan, boundary, 1, (1.4,))[0, 0].sum(0)
        assert found.shape == (41,) and abs(found[-1] / np.median(found) - part) < 0.15


def test_a_choice_fades_into_its_neighbours():
    "A Q chosen for one neighbourhood has all of the cell at its centre, half of it midway, none at the next centre."
    chosen = np.zeros(survey.survey_size(PLAN), int)
    chosen[40, 100] = 1
    rest, one = wanted.cell_weights(chosen, PLAN, 2)
    row = survey.survey_rows * np.log2(PLAN.bin_frequencies / PLAN.minf)
    column = (np.arange(PLAN.n_times) + 0.5) / survey.survey_hops - 0.5
    tent = np.outer(np.maximum(0, 1 - np.abs(column - 100)), np.maximum(0, 1 - np.abs(row - 40)))
    np.testing.assert_allclose(one, tent, atol=1e-4)
    np.testing.assert_allclose(one + rest, 1, atol=1e-6)


@pytest.mark.parametrize("row, column", [(-1, -1), (0, 0), (-1, 0), (0, -1)])
def test_a_choice_at_a_corner_reaches_the_corner(row, column):
    chosen = np.zeros(survey.survey_size(PLAN), int)
    chosen[row, column] = 1
    _, one = wanted.cell_weights(chosen, PLAN, 2)
    at = one[0 if column == 0 else -1, PLAN.bin_frequencies.argmin() if row == 0 else PLAN.bin_frequencies.argmax()]
    assert at > 0.5


@pytest.mark.parametrize("q", [1.4, 5.6, 22.4])
def test_its_filters_and_instants_are_a_standard_deviation_apart(q):
    "And no nearer: what it costs is that of the fewest points that see each neighbourhood."
    engine = survey._Survey(np.ones((1, N)), replace(PLAN, q=q), "zero", slice(None))
    f = engine.plan.scan_frequencies
    apart = np.diff(f) / (f[:-1] / (2 * np.pi * q))
    assert 0.7 < apart.mean() < 1.4


def test_silence_beside_a_sound_is_silent_in_the_coarse_survey():
    "What a transform's error leaves there is no energy."
    x = np.random.default_rng(5).standard_normal((1, 400_000)).astype(np.float32)
    x[:, 150_000:] = 0
    plan = default_plan(400_000, SR, fmin=300, fmax=6000, hop_length=2000)
    energy = coarse_survey.survey(x, plan, "zero")[:, 0].sum(1)
    assert all(some[:38].any() and not some[39:].any() for some in energy)      # it ends within column 37


@pytest.mark.parametrize("threads", [1, 2])
def test_together_the_qs_are_surveyed_as_each_alone(threads):
    "They share their spectra, and give the same sums, bit for bit."
    x = np.random.default_rng(6).standard_normal((2, 60_000)).astype(np.float32)
    x[:, 20_000:30_000] = 0
    plan = default_plan(60_000, SR, fmin=60, fmax=6000, hop_length=48)
    together = survey.survey(x, plan, "zero", threads)
    for q, found in zip(survey.ladder, together, strict=True):
        assert (found == survey.survey(x, plan, "zero", 1, (q,))[0]).all() and found.any()


def test_the_survey_transforms_most_blocks_once_for_all_qs(monkeypatch):
    made, forward = [], survey._Survey.forward

    def counted(self, *key):
        made.append(key)
        return forward(self, *key)
    monkeypatch.setattr(survey._Survey, "forward", counted)
    x = np.random.default_rng(7).standard_normal((1, 60_000)).astype(np.float32)
    plan = default_plan(60_000, SR, fmin=60, fmax=6000, hop_length=48)
    survey.survey(x, plan, "zero", 2)
    together = len(made)
    for q in survey.ladder: survey.survey(x, plan, "zero", 1, (q,))
    assert 20 < together < 0.5 * (len(made) - together)


def test_of_blocks_that_are_done_nothing_is_kept():
    "The runs of instants of all blocks took more memory than the picture."
    x = np.random.default_rng(8).standard_normal((2, 60_000)).astype(np.float32)
    plan = default_plan(60_000, SR, 8.0, fmin=60, fmax=6000, hop_length=48)
    window = 0, plan.n_times, 0, plan.n_bins
    engine = wanted._part(x, plan, np.ones(plan.shape, bool), "fast", "zero", 0.01, None, True, window)
    _summed(engine, window, 2)
    assert len({task[::2] for task in engine.tasks}) > 2 * engine.most >= 2 * len(engine.found) > 0
