"""Time another package's reassignment on one channel of a sound, in a process of its own, and print JSON.

    python benchmarks/peers.py librosa --sound FILE.npy --threads 1 --repeat 3

`engines.py` starts it for each peer and each number of threads: the number is set in the environment before any library
is loaded. `busy` is what the process really kept busy: processor time over elapsed time.
"""

import argparse
import json
import os
import sys
from importlib.metadata import version
from math import pi
from time import perf_counter, process_time

import numpy as np

packages = {"librosa": "librosa", "libtfr": "libtfr", "ssqueezepy": "ssqueezepy", "instanz": "torch"}


def use_threads(n):
    "Allow n threads to every library that is loaded from now on."
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"): os.environ[f"{name}_NUM_THREADS"] = str(n)
    os.environ["SSQ_PARALLEL"] = str(int(n > 1))


def librosa(x):
    from librosa import reassigned_spectrogram
    n, hop, x = 2048, 128, x.astype(np.float32)
    return (lambda: reassigned_spectrogram(y=x, sr=1, n_fft=n, hop_length=hop)[2].size,
            f"STFT, Hann window {n}, hop {hop}, {n // 2 + 1} frequencies, float32; not gathered into a picture")


def libtfr(x):
    from libtfr import tfr_spec
    n, hop, tapers = 2048, 128, 6
    return (lambda: tapers * tfr_spec(x, n, hop, n - 1, K=tapers).size,
            f"STFT, {tapers} Hermite tapers (each counted) of {n - 1}, n_fft {n}, hop {hop}, {n // 2 + 1} frequencies, "
            f"float64")


def ssqueezepy(x):
    from ssqueezepy import ssq_cwt
    voices, x = 16, x.astype(np.float32)
    return (lambda: ssq_cwt(x, nv=voices)[1].size,
            f"CWT, default wavelet, hop 1, {voices} voices an octave, float32; frequency only")


def instanz_picture(
    x,               # sound (N,), a float tensor
    n=2048,          # length of a frame [samples]; the Gaussian's standard deviation is an eighth
    hop=128,         # distance of frames [samples]
    cells=(16, 2),   # frequencies and frames to a cell
):                   # picture (frequencies, times), points
    """The method of instanZ, the newer program of the authors' laboratory, from its formula: no public repository was
    found. Every point z = t/sigma + i sigma omega moves to z + conj(eta/chi), where chi and eta are transforms with the
    kernel exp(+i omega t), the Gaussian, and the Gaussian times time over sigma."""
    import torch
    sigma = n / 8
    time = torch.arange(n, dtype=x.dtype) - n / 2
    gaussian = torch.exp(-((time / sigma) ** 2) / 2)
    picture = torch.zeros(-(-(n // 2 + 1) // cells[0]), -(-len(x) // (hop * cells[1])), dtype=x.dtype)
    f, points = torch.arange(n // 2 + 1, dtype=x.dtype) / n, 0
    # the kernel's phase begins at the middle of a frame
    turn = torch.polar(torch.ones_like(f), 2 * pi * f * (n / 2))
    frames = torch.nn.functional.pad(x, (n // 2, n // 2)).unfold(-1, n, hop)
    for first in range(0, len(frames), 256):
        part = frames[first:first + 256]
        # conj: torch's kernel is exp(-i omega t)
        chi, eta = (torch.conj(torch.fft.rfft(part * window) * turn) for window in (gaussian, gaussian * time / sigma))
        t = (first + torch.arange(len(part), dtype=x.dtype))[:, None] * hop
        z = torch.complex((t / sigma).expand_as(chi.real), (2 * pi * sigma * f).expand_as(chi.real))
        z = z + torch.conj(eta / chi)
        row, column = z.imag * n / (2 * pi * sigma) / cells[0], z.real * sigma / (hop * cells[1])
        inside = (row >= 0) & (row < picture.shape[0]) & (column >= 0) & (column < picture.shape[1])
        index = row[inside].long() * picture.shape[1] + column[inside].long()
        picture.view(-1).index_add_(0, index, chi.abs().square()[inside])
        points += chi.numel()
    return picture, points


def instanz(x):
    import torch
    x = torch.as_tensor(x.astype(np.float32))
    return (lambda: instanz_picture(x)[1],
            "written here from its formula: STFT, Gaussian in a frame of 2048, hop 128, 1025 frequencies, float32, and "
            "a 2-D histogram")


peers = {"librosa": librosa, "libtfr": libtfr, "ssqueezepy": ssqueezepy, "instanz": instanz}


def measure(name, x, repeat):
    "One peer's record, after a call on a tiny sound."
    peers[name](np.random.default_rng(0).standard_normal(8192))[0]()
    run, setup = peers[name](x)
    start, seconds = process_time(), []
    for _ in range(repeat):
        begin = perf_counter()
        points = run()
        seconds.append(perf_counter() - begin)
    busy = (process_time() - start) / sum(seconds)
    return {"points": points, "seconds": seconds, "busy": round(busy, 2), "setup": setup,
            "version": f"{packages[name]} {version(packages[name])}"}


def main(argv=None):
    p = argparse.ArgumentParser(prog="python benchmarks/peers.py", description="Time another package's reassignment.")
    p.add_argument("name", choices=peers)
    p.add_argument("--sound", required=True, metavar="FILE", help="one channel, (N,), float64, written by numpy.save")
    p.add_argument("--threads", type=int, default=1, metavar="N", help="threads it may use (default: 1)")
    p.add_argument("--repeat", type=int, default=3, metavar="N", help="timed calls (default: 3)")
    arguments = p.parse_args(argv)
    use_threads(arguments.threads)
    print(json.dumps(measure(arguments.name, np.load(arguments.sound), arguments.repeat)))
    return 0


if __name__ == "__main__": sys.exit(main())
