"""Print how long the explorer takes to answer on a long recording, window by window.

python benchmarks/explorer.py
python benchmarks/explorer.py --minutes 300

Of each length up to 10 s the median of ten windows is printed, of longer ones a single window.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from urllib.request import urlopen

import numpy as np
import soundfile


def _timed(url, t0, t1):
    "Seconds until the ordinary spectrogram, the first and the last reassigned picture of a window are there."
    begun, seen = time.perf_counter(), {}
    address, token = url.split("?")
    with urlopen(f"{address}picture?{token}&t0={t0}&t1={t1}&f0=84&f1=21600&q=2.8&width=1200&height=600") as stream:
        while length := stream.read(4):
            about = json.loads(stream.read(int.from_bytes(length, "little")))
            stream.read(2 * about.get("rows", 0) * about.get("columns", 0))
            now = time.perf_counter() - begun
            if about.get("end"):
                seen.setdefault("ordinary", now)
            if about.get("done", 0) > 1 - 1e-9:
                seen.setdefault("reassigned", now)
                seen["full"] = now
    return seen


def measure(minutes=10.0, sr=48000):
    "Start the command on a long recording and print how long it takes to answer."
    with tempfile.TemporaryDirectory() as folder:
        path, rng = Path(folder) / "long.wav", np.random.default_rng(0)
        with soundfile.SoundFile(path, "w", sr, 1, "PCM_16") as file:
            for _ in range(round(minutes * 6)):
                file.write(0.05 * rng.standard_normal(10 * sr))
        begun = time.perf_counter()
        code = "import sys; from spectral_hyperresolution.cli import main; sys.exit(main())"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "explore", str(path), "--no-browser", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            url = process.stdout.readline().strip()
            print(f"server up after {time.perf_counter() - begun:.2f} s; ", end="")
            whole = _timed(url, 0, minutes * 60)
            shown = time.perf_counter() - begun - whole["full"] + whole["ordinary"]
            print(f"{minutes:g} minutes on the screen after {shown:.2f} s, all reassigned {whole['full']:.1f} s later")
            print("window [s]  ordinary [s]  reassigned [s]  full grid [s]")
            start = minutes * 60 / 6
            for seconds in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0):
                if start + 2 + seconds > minutes * 60: break
                starts = [start + i for i in range(10) if start + i + seconds <= minutes * 60]
                took = [_timed(url, t0, t0 + seconds) for t0 in (starts if seconds < 30 else starts[:1])]
                print(
                    f"{seconds:10g}  "
                    + "".join(f"{median(t[k] for t in took):12.3f}  " for k in ("ordinary", "reassigned", "full")),
                    flush=True,
                )
        finally:
            process.terminate()
            process.wait(10)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the recording (default: 10)")
    measure(parser.parse_args().minutes)
