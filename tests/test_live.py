"""The live page's JavaScript against the package: the same module that the page loads, run by Node."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from spectral_hyperresolution import testing
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.testing import check_close

LIVE = Path(__file__).resolve().parent.parent / "docs" / "live"
NAMES = ["click_train", "dolphin_like", "prime_length", "short_odd", "single_scan", "tone_click_sweep",
         "whistle_stereo", "white_noise"]
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js is on the PATH")


def node(script, told):
    "Run a script that has the engine as E and what it is told as `told`; the JSON that it returns."
    program = f"""const E = require({json.dumps(str(LIVE / 'engine.js'))})(require({json.dumps(str(LIVE / 'fft.js'))}))
        const told = JSON.parse(require('fs').readFileSync(0, 'utf8'))
        const answer = (() => {{ {script} }})()
        process.stdout.write(JSON.stringify(answer, (k, v) => ArrayBuffer.isView(v) ? Array.from(v) : v))"""
    done = subprocess.run(["node", "-e", program], input=json.dumps(told), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def told(x, plan):
    "A sound and a plan as the engine takes them."
    names = ("q", "tdeci", "over", "noct", "minf", "maxf", "lint")
    return dict(x=x.reshape(len(x), -1).T.tolist(), plan=dict(n=len(x)) | {name: getattr(plan, name) for name in names})


def test_every_case_is_tried():
    assert testing.fixture_names() == NAMES


@needs_node
@pytest.mark.parametrize("name", NAMES)
def test_the_page_computes_what_the_parity_mode_does(name):
    x, *numbers = testing.arguments(case := testing.fixture(name))
    plan = Plan(len(x), *numbers)
    got = node("const H = E.histogram(told.x, E.plan(told.plan)); return {...H, gated: E.gate(H)}", told(x, plan))
    energy, counts, gated = (np.reshape(got[key], plan.shape) for key in ("energy", "counts", "gated"))
    parity, voted = reassign(x, plan, mode="parity")
    assert np.array_equal(counts, voted) and np.array_equal(energy > 0, parity > 0)
    check_close(energy, parity, rtol=1e-12)
    check_close(energy[parity > 0] / parity[parity > 0], 1, rtol=1e-6)
    assert np.array_equal(gated > 0, case["result"] > 0)
    check_close(gated[gated > 0] / case["result"][gated > 0], 1, rtol=1e-6)
