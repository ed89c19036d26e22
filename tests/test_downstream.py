"""The program that measures what features are worth: divisions, sounds, methods, cells, and its quick version."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from spectral_hyperresolution.testing import root

SR = 8000


@pytest.fixture(scope="module")
def program():
    pytest.importorskip("sklearn"); pytest.importorskip("librosa", reason="librosa is not installed (extra peers)")
    sys.path.insert(0, str(root() / "benchmarks"))
    spec = importlib.util.spec_from_file_location("downstream", root() / "benchmarks" / "downstream.py")
    found = importlib.util.module_from_spec(spec)
    sys.modules["downstream"] = found
    spec.loader.exec_module(found)
    yield found
    sys.path.remove(str(root() / "benchmarks"))


def test_the_quick_version(program, tmp_path, capsys):
    pytest.importorskip("torch")
    where = ["--quick", "--cells", str(tmp_path / "cells.jsonl"), "--result", str(tmp_path / "result.json")]
    program.main(where)
    result, first = json.loads((tmp_path / "result.json").read_text()), (tmp_path / "cells.jsonl").read_text()
    assert "all of it is measured" in capsys.readouterr().out
    assert {r["method"] for r in result["rows"]} == {"log-mel", "level", "level + shape", "three Qs"}
    assert {r["classifier"] for r in result["rows"]} == {"logistic", "nearest", "network"}
    assert all(r["sure"] in (-1, 0, 1) for r in result["rows"] if r["method"] != "log-mel")
    assert [r["of"] for r in result["outlook"]] == [r["done"] for r in result["outlook"]]
    assert all(0 <= r["interval"][0] <= r["accuracy"] <= r["interval"][1] <= 1 for r in result["rows"])
    assert all(0 <= u["nmi"] <= 1 for u in result["units"]) and all(c["seconds"] > 0 for c in result["costs"])
    (tmp_path / "cells.jsonl").write_text(first[: int(0.7 * len(first))])      # as if the machine had stopped
    program.main(where)
    again = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text().splitlines()]
    kept = [json.loads(line) for line in first.splitlines()]
    same = [[{k: v for k, v in c.items() if k not in ("cost", "seconds")} for c in some if "features" not in c]
            for some in (kept, again)]
    assert same[0] == same[1]                                                  # and bit for bit the same
    with pytest.raises(ValueError, match="begun with other"): program.main([*where[1:], "--counts", "9", "9", "9"])
    elsewhere = ["--quick", "--cells", str(tmp_path / "elsewhere.jsonl"), "--result", str(tmp_path / "other.json")]
    program.main([*elsewhere, "--resume", str(tmp_path / "result.jsonl.xz")])  # nothing is left to measure
    assert (tmp_path / "elsewhere.jsonl").read_text() == (tmp_path / "cells.jsonl").read_text()
    assert (tmp_path / "other.json").read_text() == (tmp_path / "result.json").read_text()
    with pytest.raises(SystemExit): program.main([*elsewhere, "--resume", str(tmp_path / "result.jsonl.xz")])


def test_no_source_is_in_two_parts(program):
    n = 6 * 5 * 4
    s = program.Sounds([np.zeros(1)] * n, np.arange(n) % 10, np.ones(n), np.zeros(n, int), np.arange(n) // 20,
                       np.arange(n) % 5)
    seen, tested = set(), {"digit": [], "speaker": []}
    for question, _, _, part in program.divisions("digits", s, 0):
        held = s.speaker if question == "digit" else s.take
        assert set(part) == {0, 1, 2}
        for a, b in ((0, 1), (0, 2), (1, 2)): assert not set(held[part == a]) & set(held[part == b])
        seen |= {(question, k) for k in held[part == 2]}
        tested[question] += np.flatnonzero(part == 2).tolist()
    assert {k for q, k in seen if q == "digit"} == set(range(6))               # each speaker is the test once
    assert all(sorted(found) == list(range(n)) for found in tested.values())   # and each sound, whatever is asked


def test_backgrounds_share_no_recording(program, monkeypatch):
    from downstream_sounds import mixed
    pool = [np.full(50, k) + np.random.default_rng(k).standard_normal(50) * 1e-3 for k in range(7)]
    monkeypatch.setitem(mixed.__globals__, "recordings", lambda folder, sr: pool)
    heard = []

    def listen(kind, n, sr, rng, mine):
        heard.append({round(float(x.mean())) for x in mine})
        return np.zeros(n)
    monkeypatch.setitem(mixed.__globals__, "noise", listen)
    s = program.Sounds([np.ones(20)] * 6, np.arange(6), np.ones(6), np.array([0, 1, 2, 0, 1, 2]))
    mixed(s, SR, "real", 0, 0, Path("anywhere"))
    assert heard[0] == heard[3] and not (heard[0] & heard[1] or heard[0] & heard[2] or heard[1] & heard[2])


@pytest.mark.parametrize("task", ["whistles", "syllables", "detection", "counting"])
def test_sounds_are_rebuilt_bit_for_bit(program, task):
    one, two, other = (program.makers[task](seed, (1, 1, 1)) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one.sounds, two.sounds, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one.sounds, other.sounds, strict=True) if a.any())
    assert set(one.labels) == set(range(program.tasks[task].classes)) and len({len(x) for x in one.sounds}) == 1
    assert len({x.tobytes() for x in one.sounds if x.any()}) == sum(x.any() for x in one.sounds)


def test_every_method_has_equal_size(program):
    from downstream_methods import computed, methods, most, seconds
    rng, task = np.random.default_rng(0), program.tasks["detection"]
    x = [rng.standard_normal(3200) for _ in range(2)]
    found = computed(x, task, program.installed())
    sizes = {name: next(iter(tables.values()))[0].size for name, tables in found.items()}
    assert all(0.85 * most <= n <= most for n in sizes.values()), sizes
    assert all(len({v.shape for v in tables.values()}) == 1 for tables in found.values())
    assert set(found) == set(program.installed()) <= set(methods) and seconds(x, task, "log-mel") > 0
    assert sorted(name for tier in program.tiers for name in tier) == sorted(methods)    # each is measured, and once


def test_many_sounds_at_once_give_what_each_gives_alone(program):
    "Sounds of several lengths, one after the other with pauses; the method's own functions judge."
    from downstream_methods import Sound, computed, methods
    task = program.tasks["whistles"]
    s = program.makers["whistles"](0, (1, 1, 1))
    x = [a[:n] for a, n in zip(s.sounds[::9], (9600, 8000, 6000, 9600), strict=False)]
    names = [name for name in program.installed() if name not in ("STFT", "MFCC", "cepstrum", "squeezed CWT")]
    found = computed(x, task, names)
    for name in names:
        variants, make = methods[name]
        alone = np.stack([make(Sound(a, task), variants[-1]) for a in x])
        apart = np.abs(found[name][str(variants[-1])] - alone)
        assert apart.mean() < 0.02 * alone.std() and np.median(apart) < 0.01 * alone.std(), name


def test_the_plan_is_all_of_the_table_with_the_widest_first(program):
    "Every condition once; each task before any seed but the first, the plain classifiers before the network."
    import argparse
    how = dict(tasks=list(program.tasks), methods=list(program.methods), classifiers=["logistic", "network"], seeds=5,
               folder=Path("."), quick=False, cells=Path("none"))
    plan = program.jobs(argparse.Namespace(**how))
    assert len(plan) == len(set(plan)) == (4 * 5 + 1) * 6 * len(program.tiers) * 2
    noisy = {task: {(job.background, job.snr) for job in plan if job.task == task} for task in program.tasks}
    for task, found in noisy.items():
        first = 0 if task == "digits" else program.tasks[task].snrs[0]
        rates = {snr for background, snr in found if background == "white"}
        assert found - {("white", snr) for snr in rates} == {("none", None), ("pink", first), ("real", first)}
        assert rates == {snr for snr in program.tasks[task].snrs if snr is not None} and len(rates) == 3
    assert {job.task for job in plan[:10]} == set(program.tasks) and {job.seed for job in plan[:15]} == {0}
    assert [job.kind for job in plan].index("network") > 30
    assert {j.snr for j in plan if j.task == "digits"} == {None, 10, 0, -10}
    pieces = program.outlook(argparse.Namespace(**how))
    assert sum(r["of"] for r in pieces) == 126 * (2 * len(program.methods) + len(program.tiers))
    assert not any(r["done"] for r in pieces) and "without digits plain" in program.told(pieces)


def test_statistics(program):
    "An interval that covers the truth about as often as it says; corrected p values; a table with marks."
    rng, inside = np.random.default_rng(0), 0
    for k in range(200):
        low, high = program.interval([rng.random(60) < 0.7 for _ in range(6)], seed=k, draws=400)
        inside += low <= 0.7 <= high
    assert 0.88 < inside / 200 < 1
    assert program.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    right = rng.random(77) < 0.5
    assert np.array_equal(program.unpacked(program.packed(right), 77), right)
