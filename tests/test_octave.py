"""An Octave program of ours, written from the formulas alone, against the NumPy engine."""

import shutil
import subprocess

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.testing import arguments, check_close, fixture

OCTAVE = shutil.which("octave-cli")

SCRIPT = """
addpath(fullfile(pwd, 'fixtures'));
s = load('{given}');
[energy, counts] = linear_reassignment(s.x, s.q, s.tdeci, s.over, s.noct, s.minf, s.maxf, s.lint);
save('-v7', '{answer}', 'energy', 'counts');
"""


@pytest.mark.skipif(OCTAVE is None, reason="octave-cli is not installed")
@pytest.mark.parametrize("lint", [0.5, 0.35])
@pytest.mark.parametrize("name", [
    "short_odd", "tone_click_sweep", "white_noise", "click_train", "prime_length", "single_scan"])
def test_octave_agrees(name, lint, tmp_path, in_repository):
    case = fixture(name)
    plan = Plan(len(case["x"]), *arguments(case)[1:], lint)
    numbers = {name: float(getattr(plan, name)) for name in ("q", "tdeci", "over", "noct", "minf", "maxf", "lint")}
    savemat(tmp_path / "given.mat", dict(x=case["x"], **numbers))
    script = SCRIPT.format(given=tmp_path / "given.mat", answer=tmp_path / "answer.mat")
    subprocess.run([OCTAVE, "--norc", "--quiet", "--eval", script], check=True, capture_output=True, cwd=in_repository)
    answer = loadmat(tmp_path / "answer.mat")
    energy, counts = reassign(case["x"], plan, mode="parity", silence=False)
    lit = counts >= np.sqrt(counts.max())
    assert (lit == (answer["counts"] >= np.sqrt(answer["counts"].max()))).all()
    check_close(energy * lit, answer["energy"] * lit, rtol=1e-13)
    if lint == 0.5: check_close(answer["energy"] * lit, case["result"], rtol=1e-13)
