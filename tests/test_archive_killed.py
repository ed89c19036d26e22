"""A run killed (kill -9) at any moment: the next goes on, does nothing twice, and ends with the same bytes."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

pytest.importorskip("zarr")
pytest.importorskip("distributed")

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
