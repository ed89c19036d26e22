"""Killed at any moment (kill -9): a file that is there is whole, and the next run goes on as if nothing had been."""

import subprocess
import sys

import pytest
import soundfile
from odd_files import SAMPLES, SR

KILLED = """
import os, signal, sys, time
from pathlib import Path
import matplotlib.image, numpy as np
from spectral_hyperresolution import cli, reassigned_spectrogram
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram

what, sound, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
S = reassigned_spectrogram(np.random.default_rng(0).standard_normal(40000), 8000, q=2, threads=1)

def draw(target):
    how = ["-o", str(target), "--quiet", "--q", "2", "--width", "300", "--height", "200"]
    assert cli.main(["draw", sound, *how]) in (0, None)

def save(target): S.save(target)

def whole(target):
    if what == "draw": assert matplotlib.image.imread(target).ndim == 3
    else: assert ReassignedSpectrogram.load(target).energy.any()

act, ending = dict(draw=(draw, ".png"), save=(save, ".npz"))[what]
act(folder / f"first{ending}")
begin = time.time()
act(folder / f"again{ending}")
once, rng = time.time() - begin, np.random.default_rng(int(sys.argv[4]))
target, there, partly = folder / f"picture{ending}", 0, 0
for trial in range(300):          # 30, and on a busy machine as many more as reach both
    if trial >= 30 and there >= 5 and (what == "draw" or partly >= 5): break
    if trial % 3 == 0: target.unlink(missing_ok=True)
    before = len(list(folder.iterdir()))
    pid = os.fork()
    if pid == 0:
        sys.stdout = open(os.devnull, "w")
        while True: act(target)
    time.sleep(rng.uniform(0, 1.3 * once * (1 + trial / 60)))
    os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    if target.exists():
        whole(target)
        there += 1
    partly += len(list(folder.iterdir())) - before - target.exists() > 0
act(target)
whole(target)
print(f"{there} there, {partly} killed while writing")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork: killed processes are not tried here")
@pytest.mark.parametrize("what", ["draw", "save"])
def test_what_is_there_is_whole(what, tmp_path):
    soundfile.write(tmp_path / "sound.wav", SAMPLES.T, SR)
    (folder := tmp_path / "pictures").mkdir()
    done = subprocess.run([sys.executable, "-c", KILLED, what, str(tmp_path / "sound.wav"), str(folder), "1"],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    there, partly = (int(word) for word in done.stdout.split() if word.isdigit())
    assert there >= 5 and partly >= (5 if what == "save" else 0), done.stdout   # most of `draw` is computing
