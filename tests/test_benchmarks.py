"""The programs that measure: what they count, and that an interrupted run goes on."""

import importlib.util
import json
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.engine.batches import _batches
from spectral_hyperresolution.engine.filling import _segment
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.testing import root


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, root() / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def engines(in_repository): return loaded("engines")


def test_points_of_the_fast_mode(engines):
    "As many as the engine's own tables say: segments times points in each, over all batches."
    plan = Plan(30_000, 2, 30, 4, 24, 0.01, 0.45)
    segments = [(len(b.base) * plan.n_samples / g.stride, _segment(g.stride, g.fine, np.float64).at.shape[1])
                for g, batches in _batches(plan, np.float64, 0.03) for b in batches]
    points = engines.fast_points(plan, tolerance=0.03)
    assert points.placed == pytest.approx(sum(n for n, _ in segments))
    assert points.departures == pytest.approx(sum(n * each for n, each in segments))
    assert points.departures > points.placed
    every = engines.every_point(plan)
    assert every == engines.fast_points(plan, density=1e9) and every.departures == plan.n_scans * plan.n_samples


def test_an_interrupted_run_goes_on(engines, tmp_path, monkeypatch):
    out, begun = tmp_path / "result.json", []

    def steps(case, keys, repeat, literal_scans):
        for name in ("one", "two", "three"):
            def run(name=name):
                begun.append(name)
                if begun == ["one", "two"]: raise KeyboardInterrupt
                return {"name": name, "seconds": 1 / 3}
            yield name, run
    monkeypatch.setattr(engines, "steps", steps)
    with pytest.raises(KeyboardInterrupt): engines.benchmark("small", ["fast32"], out=out)
    assert list(json.loads(out.read_text())["records"]) == ["one"]
    result = engines.benchmark("small", ["fast32"], out=out)
    assert begun == ["one", "two", "two", "three"] and list(result["records"]) == ["one", "two", "three"]
    assert json.loads(out.read_text())["records"]["three"] == {"name": "three", "seconds": 0.3333333}
    with pytest.raises(ValueError, match="was measured with another settings"):
        engines.benchmark("small", ["fast32"], repeat=4, out=out)
    assert json.loads(out.read_text())["machine"] == engines.machine()


def test_the_literal_loop_is_extrapolated(engines, monkeypatch):
    "A loop that takes a second for every scan and ten for the rest, by a clock of its own."
    case, now = engines.small_case(), [0.0]

    def loop(x, plan): now[0] += 10 + len(plan.scan_frequencies)
    monkeypatch.setattr(engines, "literal_loop", loop)
    seconds, _ = engines.extrapolated(case, 7, clock=lambda: now[0])
    assert seconds == pytest.approx(10 + case.plan.n_scans)


def test_a_part_of_the_literal_loop(engines):
    "It takes the plan with some of the scans only, and sends the points of those."
    case = engines.small_case()
    record = engines.literal_record(case, 2)
    assert record["scans"] == 2 and record["seconds"] > 0 and record["kind_seconds"] > 0
    some, every = (engines.literal_loop(case.x, plan)[1].sum() for plan in
                   (engines.thinned(case.plan, 3), engines.thinned(case.plan, case.plan.n_scans)))
    assert 0 < some < every == engines.literal_loop(case.x, case.plan)[1].sum()


def test_the_formula_of_instanz():
    "A tone and a click between the points of its grid land where they are."
    torch = pytest.importorskip("torch")
    peers, n = loaded("peers"), torch.arange(20_000, dtype=torch.float64)
    tone, points = peers.instanz_picture(torch.cos(2 * torch.pi * 0.1002 * n), cells=(1, 1))
    rows = tone.sum(1) / tone.sum()
    assert rows.argmax() == int(0.1002 * 2048) and rows.max() > 0.98 and points == 1025 * 157
    click = torch.zeros(20_000, dtype=torch.float64)
    click[10_010] = 1
    columns = peers.instanz_picture(click, cells=(1, 1))[0].sum(0)
    assert columns.argmax() == 10_010 // 128 and columns.max() > 0.99 * columns.sum()


def test_a_peer_runs_by_itself_with_the_threads_it_is_given(engines):
    pytest.importorskip("torch")
    record = engines.peer_record(engines.small_case(), "instanz", 1, 1)
    assert record["peer"] == "instanz" and record["threads"] == 1 and record["points"] == 1025 * 129
    assert 0 < record["busy"] < 1.3


def test_the_stored_result_makes_a_report(engines):
    "Of the full case, with every part; what is stated in prose is asserted in the chapter."
    result = json.loads((root() / "nbs" / "data" / "engines.json").read_text())
    text = engines.report(result)
    assert result["settings"]["case"] == "full" and result["date"] in text and result["machine"]["cpu"] in text
    threads = {1, result["machine"]["cores"]}
    assert {r["threads"] for r in engines.chosen(result, "engine")} == threads
    assert ({(r["tolerance"], r["threads"]) for r in engines.chosen(result, "tolerance")}
            == set(product(engines.tolerances, threads)))
    assert {r["peer"] for r in engines.chosen(result, "peer")} == set(engines.peers)
    assert all(rows.count("|") == table.splitlines()[0].count("|") for table in text.split("\n\n") if table[0] == "|"
               for rows in table.splitlines())


def test_help():
    for name in ("engines", "peers"):
        done = subprocess.run([sys.executable, root() / "benchmarks" / f"{name}.py", "--help"], capture_output=True)
        assert done.returncode == 0


def test_the_judge_of_auto_knows_where_a_click_ends(in_repository):
    "The edges of its band are part of it: a high Q shows them apart, and none of it is beside the course."
    auto = loaded("auto")
    x, components = auto.scene((auto.clicks,), 0, 60)
    for q in (2.8, 11.2):
        S = reassigned_spectrogram(x.astype("f4"), auto.sr, q=q, **(auto.settings | dict(fmin=9000)))
        assert auto.scores(S.energy, auto.masks(S, components))[0] > 0.99
