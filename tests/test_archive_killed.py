"""A run killed (kill -9) or stopped at any moment: the next goes on, does nothing twice, ends with the same bytes."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spectral_hyperresolution import cli

pytest.importorskip("zarr")
pytest.importorskip("distributed")
COMMAND = "import sys; from spectral_hyperresolution.cli import main; sys.exit(main())"
HOW = ["--hop", "0.05", "--fmin", "50", "--piece", "6.4", "--q", "2", "--bins-per-octave", "24", "--quiet", "--yes"]
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc: no process is counted here")


def content(store):
    return {p.relative_to(store).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(Path(store).rglob("*")) if p.is_file()}


def alive(session):
    "The processes of a session that run."
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try: state, _, _, its = path.read_text().rsplit(")", 1)[1].split()[:4]
        except OSError: continue                    # it has just ended
        if int(its) == session and state != "Z": found.append(int(path.parent.name))
    return found


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    "Two recordings, and what a run over them that nobody stops leaves."
    (tapes := tmp_path_factory.mktemp("unbroken") / "tapes").mkdir()
    rng = np.random.default_rng(0)
    for k, seconds in enumerate((70, 13)):
        soundfile.write(tapes / f"2024050{k + 1}_000000.wav", 0.1 * rng.standard_normal(seconds * 4000), 4000)
    assert cli.main(["archive", str(tapes), "-o", str(tapes.parent / "whole"), "--workers", "1", *HOW]) == 0
    return tapes, content(tapes.parent / "whole")


def stop(tapes, store, workers, number, all_of_them, begun):
    "Stop a run once it has begun so far: its exit status, what it said on standard error, and the processes left."
    run = subprocess.Popen([sys.executable, "-c", COMMAND, "archive", str(tapes), "-o", str(store), "--workers",
                            str(workers), *HOW], stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while not begun(run.pid):
            assert run.poll() is None and time.monotonic() < until, "it ended before it was stopped"
            time.sleep(0.005)
        (os.killpg if all_of_them else os.kill)(run.pid, number)
        said = run.communicate(timeout=60)[1]
        for _ in range(100):
            if not (left := alive(run.pid)): break
            time.sleep(0.05)
        return run.returncode, said, left
    finally:
        for pid in alive(run.pid): os.kill(pid, signal.SIGKILL)


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("workers, name, all_of_them, when", [
    (1, "SIGTERM", False, "a piece is there"), (2, "SIGTERM", False, "a piece is there"),
    (2, "SIGINT", True, "a piece is there"), (2, "SIGHUP", False, "a piece is there"),
    (2, "SIGINT", True, "workers start"), (2, "SIGTERM", False, "workers start"),
])
def test_stopped_and_gone_on(unbroken, tmp_path, workers, name, all_of_them, when):
    "Ctrl-C reaches all processes of a terminal, `kill` one."
    (tapes, whole), store, number = unbroken, tmp_path / "store", getattr(signal, name)
    begun = {"a piece is there": lambda pid: next(store.glob("progress/*/*[0-9]"), None),
             "workers start": lambda pid: len(alive(pid)) >= 3}[when]
    status, said, left = stop(tapes, store, workers, number, all_of_them, begun)
    assert said.splitlines() == ["hyperres: interrupted: the same command goes on where it stopped"]
    assert status == 128 + number and not left
    assert not list(store.rglob("*.partial")) and not (store / "outcomes.csv").exists()
    assert cli.main(["archive", str(tapes), "-o", str(store), "--workers", "1", *HOW]) == 0
    assert content(store) == whole


@needs_proc
@pytest.mark.slow
def test_workers_end_with_a_run_that_is_killed(unbroken, tmp_path):
    tapes, store = unbroken[0], tmp_path / "store"
    status, _, left = stop(tapes, store, 2, signal.SIGKILL, False, lambda pid: next(store.glob("progress/*/*"), None))
    assert status == -signal.SIGKILL and not left


KILLED = """
import hashlib, os, shutil, signal, sys, time
from pathlib import Path
import numpy as np
from spectral_hyperresolution.archive import job, layout, run, work
from spectral_hyperresolution.archive.settings import Settings

tapes, folder = sys.argv[1], Path(sys.argv[2])
log = folder / "log"
compute = work.compute

def logged(place, settings, recording, k):
    found = compute(place, settings, recording, k)
    with open(log, "a") as file: file.write(f"{recording.id}/{k}\\n")
    return found

def act(store): run.archive(tapes, store, workers=1, hop=0.1, fmin=100, piece=6.4, q=2, bins_per_octave=12)

def written(): return log.stat().st_size if log.exists() else 0

def content(store):
    return {p.relative_to(store).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(store.rglob("*")) if p.is_file()}

def forked(store):
    pid = os.fork()
    if pid == 0:
        try:
            act(store)
            os._exit(0)
        finally: os._exit(1)
    return pid

# compiled here, before any thread of dask or zarr is there, which a fork would not take along
how = Settings(fmax=1000, fmin=100, hop=0.1, q=2, bins_per_octave=12, piece=6.4)
path = str(sorted(Path(tapes).iterdir())[0])
recording = job.head("x/x.wav", path)
work._cells(recording, how, layout.shape_of(how, recording), 0, path)
begin = time.time()
assert os.waitpid(forked(folder / "whole"), 0)[1] == 0
once, whole = time.time() - begin, content(folder / "whole")
run.compute = work.compute = logged
rng, store, killed, partly, twice, finished, runs = np.random.default_rng(0), folder / "store", 0, 0, 0, 0, 0
while killed < 30:
    if not store.exists(): log.unlink(missing_ok=True)
    known, pid = written(), forked(store)
    if killed % 2:                          # every second run has computed a piece when it is killed
        while written() == known and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.2 * once))
    else: time.sleep(rng.uniform(0, 0.5 * once))
    os.kill(pid, signal.SIGKILL)
    ended = os.waitpid(pid, 0)[1]
    killed += ended == signal.SIGKILL
    partly += ended == signal.SIGKILL and store.exists() and bool(list((store).rglob("progress/*/*")))
    if ended != signal.SIGKILL:
        assert ended == 0
        finished += 1
        assert content(store) == whole
        done = log.read_text().split()
        twice += len(done) - len(set(done))
        shutil.rmtree(store)
if not store.exists(): log.unlink(missing_ok=True)
assert os.waitpid(forked(store), 0)[1] == 0
assert content(store) == whole, set(content(store).items()) ^ set(whole.items())
done = log.read_text().split()
twice += len(done) - len(set(done))
print(f"{killed} killed, {partly} with pieces, {finished} finished, {twice} twice")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork: killed processes are not tried here")
def test_the_store_is_that_of_an_unbroken_run(tmp_path):
    (tapes := tmp_path / "tapes").mkdir()
    rng = np.random.default_rng(0)
    for k, seconds in enumerate((26, 3, 13)):
        x = 0.1 * rng.standard_normal(seconds * 2000)
        soundfile.write(tapes / f"2024050{k + 1}_000000.wav", x, 2000)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tapes), str(tmp_path)], capture_output=True, text=True,
                          timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    killed, partly, _, twice = (int(word) for word in done.stdout.split() if word.isdigit())
    assert killed == 30 and partly >= 5, done.stdout
    assert twice <= killed, done.stdout     # of what was under way when a run was killed, a piece at most
