"""Compiled loops and their cache: damaged, full, locked, out of date, and filled by several processes at once."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spectral_hyperresolution.engine import running

LOOPS = """
import sys
import numpy as np
{before}
from spectral_hyperresolution.engine.running import _strict

@_strict
def total(x):
    s = x.dtype.type(0)
    for v in x: s += v
    return s

for dtype in (np.float32, np.float64):
    assert total(np.arange(100).astype(dtype)) == 4950
hits = sum(total.stats.cache_hits.values())
print("hits", hits)
"""


def run(folder, before="", cache="cache", **env):
    "The output of a program with a loop of its own, whose cache is in a folder of its own."
    (folder / "loops.py").write_text(LOOPS.replace("{before}", "")) if not (folder / "loops.py").exists() else None
    start = f"{before}\nimport runpy; runpy.run_path({str(folder / 'loops.py')!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", start],
        capture_output=True,
        text=True,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder / cache), **env},
    )
    assert done.returncode == 0, done.stderr
    return done


def kept(folder, cache="cache"):
    return sorted((folder / cache).rglob("*.nbc"))


def hits(done):
    return int(re.search(r"hits (\d+)", done.stdout)[1])


def test_loops_are_found_again(tmp_path):
    assert hits(run(tmp_path)) == 0 and len(kept(tmp_path)) == 2
    assert hits(run(tmp_path)) == 2 and len(kept(tmp_path)) == 2


def emptied(content): return b""
def cut(content): return content[: len(content) // 2]
def flipped(content): return content[:-50] + bytes([content[-50] ^ 1]) + content[-49:]
def strange(content): return b"not a cache at all"


@pytest.mark.slow
@pytest.mark.parametrize("damage", [emptied, cut, flipped, strange])
def test_what_is_damaged_is_compiled_again_and_replaced(damage, tmp_path):
    run(tmp_path)
    good = [path.stat().st_size for path in kept(tmp_path)]
    for path in kept(tmp_path):
        path.write_bytes(damage(path.read_bytes()))
    done = run(tmp_path)
    assert hits(done) == 0 and not done.stderr
    assert [path.stat().st_size for path in kept(tmp_path)] == good
    assert hits(run(tmp_path)) == 2


def test_a_full_disk_is_said_once(tmp_path):
    "No file may grow beyond 100 bytes: as on a full disk, the error comes while writing."
    before = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))"
    )
    done = run(tmp_path, before)
    assert done.stderr.count("compiled loops can't be kept in") == 1 and not kept(tmp_path)
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file() and ".nbc" in p.name]
    assert hits(run(tmp_path)) == 0 and hits(run(tmp_path)) == 2


@pytest.mark.slow
def test_several_processes_at_the_first_start(tmp_path):
    "None disturbs another, and what they leave is right."
    run(tmp_path, cache="other")
    command = [sys.executable, str(tmp_path / "loops.py")]
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    started = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    for process in started:
        assert process.wait() == 0, process.stderr.read()
    assert len(kept(tmp_path)) == 2 and hits(run(tmp_path)) == 2


def test_a_change_of_the_source_is_seen(tmp_path):
    "Also of another file of the same folder, whose loops may be called; what is out of date goes."
    run(tmp_path)
    before = kept(tmp_path)
    other = "from spectral_hyperresolution.engine import running; "
    done = run(tmp_path, other + "running._sources = lambda: 'changed'")
    assert hits(done) == 0 and len(kept(tmp_path)) == 2 and not set(before) & set(kept(tmp_path))


SAME = """
import hashlib
import numpy as np
from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.engine import coarse
from spectral_hyperresolution.parts import Part, part_plan
from spectral_hyperresolution.pieces import picture
from spectral_hyperresolution.recording import Sound
x = np.random.default_rng(0).standard_normal(48000).astype(np.float32)
print(hashlib.sha256(reassigned_spectrogram(x[:12000], 48000).energy.tobytes()).hexdigest())
part = Part(Sound(np.tile(x, 20), 48000), 0, 20 * 48000)
S = picture(part, part_plan(part, 22.4, 94.0, 24000.0, 100, 15000), 22.4, points=coarse.enough)
print(hashlib.sha256(S.energy.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_a_process_that_compiles_and_one_that_does_not_have_the_same_bits(tmp_path):
    answers = [subprocess.run([sys.executable, "-c", SAME], capture_output=True, text=True, check=True,
                              env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}).stdout for _ in range(2)]
    assert answers[0] == answers[1] and len(answers[0].split()) == 2


class Engine:
    "Tasks that are numbers, each of which is its own tile."
    def __init__(self, *tasks): self.tasks = tasks

    def work(self, task):
        if task < 0: raise ValueError(f"task {task}")
        return task


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_engines_are_made_when_their_turn_has_come(threads):
    "The tiles come in order, and of many engines only a few exist at a time."
    made, told, ahead = [], [], []

    def engines():
        for number in range(20):
            made.append(number)
            yield Engine(*range(number % 4))       # some have no task
    for number, tile in running._in_turn(engines(), threads, lambda *done: told.append(done)):
        ahead.append(len(made) - number)
        assert tile is None if number % 4 == 0 else tile in range(number % 4)
    assert made == list(range(20)) and max(ahead) <= 2 * threads + 2
    assert told == sorted(told) and told[-1] == (19, 1.0)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_task_that_fails_ends_the_queue(threads):
    done = running._in_turn([Engine(1, 2), Engine(-3), Engine(4)], threads)
    with pytest.raises(ValueError, match="task -3"): list(done)


@pytest.mark.parametrize("threads", [1, 2])
def test_who_is_told_may_stop_the_queue(threads):
    def tell(number, done):
        if number == 3: raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): list(running._in_turn((Engine(1) for _ in range(9)), threads, tell))


def test_what_a_loop_calls_is_compiled_into_it():
    "A compiled function that others call has the decorator for that; one that nobody calls has not."
    engine = Path(running.__file__).parent
    trees = [ast.parse(path.read_text(encoding="utf-8")) for room in (engine, engine.parent / "theory")
             for path in room.glob("*.py")]
    found = {node.name: (node, {d.id for d in node.decorator_list if isinstance(d, ast.Name)})
             for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    loops = {name: node for name, (node, by) in found.items() if by & {"_loose", "_inlined", "_ordered", "_strict"}}
    called = {call.func.id for node in loops.values() for call in ast.walk(node)
              if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)} & set(loops)
    assert len(called) > 10 and called == {name for name in loops if {"_inlined", "_ordered"} & found[name][1]}
