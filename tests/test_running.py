"""Compiled loops and their cache: damaged, full, locked, out of date, and filled by several processes at once."""

import os
import re
import subprocess
import sys

import pytest

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
