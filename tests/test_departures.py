"""How many departure points there are, and how they lie: what the fast mode costs, which no picture shows."""

from dataclasses import replace
from math import ceil, log, log2, pi

import numpy as np
import pytest

from spectral_hyperresolution.engine import departures
from spectral_hyperresolution.engine.cost import work
from spectral_hyperresolution.engine.departures import per_sigma_f, scan_groups, spacings
from spectral_hyperresolution.engine.plan import Plan, default_plan
from spectral_hyperresolution.explore.window import _over

FULL = Plan(288001, 2, 450, 20, 12, 4e-3, 0.45)     # the authors' own case


def points(plan, **kw):
    "Departure points of one channel, and those that are transformed."
    groups = scan_groups(plan, **kw)
    sent = sum((g.last - g.first) * plan.n_samples / (g.fine or g.stride) for g in groups)
    return sent, sum((g.last - g.first) / g.ratio * plan.n_samples / g.stride for g in groups)


def test_what_the_authors_case_costs():
    "Of 956 M points in two channels 542 M are sent, and a fiftieth is transformed: more would be slower, unseen."
    sent, transformed = points(FULL)
    assert 2 * FULL.n_scans * FULL.n_samples / 1e6 == pytest.approx(956, abs=0.5)
    assert 2 * sent / 1e6 == pytest.approx(542, abs=0.5)
    assert transformed / (FULL.n_scans * FULL.n_samples) == pytest.approx(0.0182, abs=0.0002)


@pytest.mark.parametrize("plan", [default_plan(8000, 8000), default_plan(48000, 48000, 8.0),
                                  default_plan(8000, 8000, 0.5)])
def test_spacings_follow_the_tolerance(plan):
    "Points are as far apart as the error may be large; the lattice's error is of order 3.5 in time, 5 in frequency."
    far = [spacings(plan, tolerance) for tolerance in (1e-5, 4e-5)]
    for (one, other), order in zip(zip(*far, strict=True), (1, 3.5, 5), strict=True):
        np.testing.assert_allclose(other / one, 4 ** (1 / order))
    _, lattice, step = spacings(plan, 0.9)  # never further than half a standard deviation
    sigma_t, scans = 1 / (2 * pi * plan.scan_sigma_f), per_sigma_f(plan)
    np.testing.assert_allclose(lattice, departures.coarsest * sigma_t)
    assert step == pytest.approx(departures.coarsest * scans / (1 + 1 / (2 * pi * plan.q)))


def test_spacings_follow_the_cells():
    "Smaller cells, closer points: in time and in frequency."
    p = default_plan(8000, 8000)
    for finer in (replace(p, tdeci=p.tdeci // 4), replace(p, noct=4 * p.noct, over=max(1, p.over // 4))):
        for here, there in zip(spacings(p, 1e-4), spacings(finer, 1e-4), strict=True):
            assert np.ravel(here)[0] > 1.05 * np.ravel(there)[0]


def test_filters_in_one_sigma_f():
    "Counted."
    for p in (FULL, default_plan(8000, 8000, 0.5)):
        middle = p.scan_frequencies[len(p.scan_frequencies) // 2]
        width = middle / (2 * pi * p.q)
        inside = (p.scan_frequencies >= middle) & (p.scan_frequencies < middle + width)
        assert per_sigma_f(p) == pytest.approx(inside.sum(), rel=0.1 + 0.5 / (2 * pi * p.q))


@pytest.mark.parametrize("plan", [FULL, default_plan(8000, 8000, 0.5), default_plan(3000, 8000, 8.0),
                                  Plan(2000, 2, 10, 1, 12, 0.05, 0.4), Plan(20000, 2, 10, 1, 12, 0.001, 0.4)])
@pytest.mark.parametrize("how", [dict(), dict(tolerance=0.1), dict(density=1.25), dict(density=5)], ids=str)
def test_groups_hold_what_they_need(plan, how):
    for g in scan_groups(plan, **how):
        sigma_t = 1 / (2 * pi * plan.scan_sigma_f[g.first])            # the longest of the group
        assert g.stride % (g.fine or 1) == 0 and (g.fine > 0) == ("density" not in how)
        assert (g.halo - (4 if g.fine else 2)) * g.stride == pytest.approx(6 * sigma_t, abs=g.stride)
        assert g.lead == (0 if not g.shear else int(17 * g.ratio * g.shear) + 2)
        assert g.payload == g.transform - 2 * g.halo - g.lead
        length = 2 ** ceil(log2(max(2, ceil(plan.n_samples / g.stride) + 2 * g.halo + g.lead)))
        least = max(256, 2 ** ceil(log2(8 * g.halo + 4 * g.lead)))     # half of a block, at least, is of use
        assert g.transform == max(least, min(2048, length)) and g.payload >= g.transform / 2 - 1
        # a filter's points move on by the golden section, or by less where those between are interpolated
        golden = (3 - 5**0.5) / 2 * (1 if g.ratio == 1 else min(1, 10 / g.ratio) / 2)
        assert g.shear == pytest.approx(0 if g.fine or g.stride == 1 else golden)
        if "density" in how:
            scans = per_sigma_f(plan)
            least = 10 * how["density"] * max(1, 25 / scans) * plan.scan_sigma_f[g.last - 1]
            assert g.stride <= max(1, 1.001 / least) < 2 * g.stride
            assert g.ratio == max(1, int(0.25 * scans * min(1, 2.5 / how["density"])))


def test_the_explorers_filters():
    "Twenty in one sigma_f and one in each bin, or eight in one sigma_f, a whole number of bins apart."
    for q in (0.5, 2.8, 30.0):
        for bins in (1, 6, 48, 500, 3000, 10**5, 10**6):
            over, sigma = _over(q, bins), 2 * pi * q * log(2) / bins   # a bin's height [sigma_f]
            assert over * bins >= 1
            if sigma > 1e-3: assert over == max(1, ceil(20 * sigma))
            else: assert abs(1 / over - round(1 / over)) < 1e-9 and 7 < over / sigma < 8.5


def test_the_work_of_a_window_grows_with_it():
    "In proportion to its length, once that is long against a block; less for a narrower band or a lower density."
    plan = Plan(48000 * 60, 2.8, 200, 4, 48, 0.005, 0.45)
    whole = 0, plan.n_times, 0, plan.n_bins
    assert work(plan, (0, plan.n_times // 2, *whole[2:]), None) == pytest.approx(work(plan, whole, None) / 2, rel=0.02)
    sent, transformed = points(plan, density=1.0)
    total = work(plan, whole, 1.0)
    assert sent < total < 2.5 * sent                                   # points, and what their transforms cost
    folded = sum((2 * 12 * plan.scan_sigma_f[g.first:g.last].sum() / g.ratio * g.block + 0.05 * g.block * log2(g.block))
                 * ceil(plan.n_samples / (g.payload * g.stride)) for g in scan_groups(plan, density=1.0))
    deposited = sum((g.last - g.first) * g.transform * ceil(plan.n_samples / (g.payload * g.stride))
                    for g in scan_groups(plan, density=1.0))
    assert total == pytest.approx(folded + deposited, rel=1e-3)
    assert work(plan, whole, 1.0) < work(plan, whole, 5.0) and transformed < sent
