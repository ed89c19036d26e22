"""A parameter is checked once, where it enters."""

from collections import Counter

import numpy as np
import pytest

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.engine import checks
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import reassign

entered = dict(q=2, fmin=200, fmax=3000, bins_per_octave=12, hop_length=40, oversampling=5, lint=0.5, tolerance=0.013,
               threads=1)


@pytest.fixture
def checked(monkeypatch):
    "How often each parameter is checked, counted while the test runs."
    counted = Counter()

    def counting(check):
        def counted_check(name, *rest, **more):
            counted[name if isinstance(name, str) else check.__name__] += 1
            return check(name, *rest, **more)
        return counted_check
    for name in ("number", "integer", "per_bin", "as_channels", "real_samples", "check_samples"):
        monkeypatch.setattr(checks, name, counting(getattr(checks, name)))
    return counted


def test_the_front_door_checks_each_parameter_once(checked):
    "And nothing under another name, as minf and maxf, n_samples and the FFT's length apart, which do not enter there."
    reassigned_spectrogram(np.random.default_rng(0).standard_normal((2, 4000)), 8000, **entered)
    expected = dict.fromkeys(["sr", "as_channels", "check_samples", "n_samples", *entered], 1)
    expected["oversampling"] = 2                        # per_bin, and the integer that it asks for
    assert {name: n for name, n in checked.items() if name != "transform"} == expected


def test_the_engine_checks_each_parameter_once(checked):
    plan = Plan(4000, 2, 40, 5, 12, 0.02, 0.4)
    reassign(np.zeros((4000, 2)), plan, tolerance=0.014, threads=1, window=(0, 9, 0, 9))
    expected = dict.fromkeys(["n_samples", "q", "tdeci", "noct", "minf", "maxf", "lint", "rows", "tolerance", "threads",
                              "real_samples", "check_samples"], 1) | {"over": 2, "window": 4}
    assert {name: n for name, n in checked.items() if name != "transform"} == expected
