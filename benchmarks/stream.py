"""How fast a stream is, and whether what it takes stays the same.

    python benchmarks/stream.py
    python benchmarks/stream.py --sound recording.flac --seconds 60
    python benchmarks/stream.py --memory
    python benchmarks/stream.py --device cuda

The first pushes sounds at 48 kHz in blocks of 0.1 s through `ReassignedStream`, eight octaves up to half the sampling
rate, 24 bins an octave, oversampling 2, Q 4, and prints how many seconds of sound it takes in a second: by the clock,
and by the processor time of two cores, which other programs on the machine change less. Besides the default tolerance
it tries other ways to be faster, and says by how much their pictures differ from one of tolerance 0.001. Then it says
where the time goes. --memory feeds noise at a low rate for a minute, ten minutes … 24 hours, each in a process of its
own, and prints what that process takes of memory at its peak. --device pushes noise through a `TorchStream` there, in
blocks of several lengths.
"""

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from time import perf_counter, process_time

import numpy as np

from spectral_hyperresolution import ReassignedStream
from spectral_hyperresolution.engine import fast, lines
from spectral_hyperresolution.slices import join
from spectral_hyperresolution.verify import markdown_table

SETTINGS = dict(q=4, bins_per_octave=24, oversampling=2)
WAYS = {  # what is changed, and the arguments
    "as it is": {},
    "straight pieces: mode lines": dict(mode="lines"),
    "tolerance 0.03": dict(tolerance=0.03),
    "tolerance 0.1": dict(tolerance=0.1),
    "density 0.1": dict(density=0.1),
    "shorter blocks: delay 1.5 s": dict(delay=1.5),
    "a hop of 10 ms": dict(hop_length=480),
    "tolerance 0.1, a hop of 10 ms": dict(tolerance=0.1, hop_length=480),
    "one octave less at the top": dict(fmax=12000, fmin=12000 / 128),
    "mode lines, a hop of 10 ms": dict(mode="lines", hop_length=480),
}
HOURS = {"1 min": 1 / 60, "10 min": 1 / 6, "1 h": 1, "6 h": 6, "24 h": 24}


def sounds(seconds: int, sr: int) -> dict[str, np.ndarray]:
    "Noise everywhere; a whistle over faint noise; clicks over faint noise."
    rng, t = np.random.default_rng(0), np.arange(seconds * sr) / sr
    noise = rng.standard_normal(len(t))
    whistle = np.sin(2 * np.pi * np.cumsum(6000 + 3000 * np.sin(8 * t)) / sr)
    clicks = np.where(np.arange(len(t)) % (sr // 12) == 0, 1.0, 0)
    return {"noise": (0.1 * noise).astype(np.float32),
            "whistle": (0.3 * whistle + 1e-3 * noise).astype(np.float32),
            "clicks": (clicks + 1e-3 * noise).astype(np.float32)}


def blocks(x: np.ndarray, sr: int) -> Iterator[np.ndarray]:
    "Blocks of 0.1 s."
    for n in range(0, x.shape[-1], sr // 10): yield x[..., n:n + sr // 10]


def streamed(x: np.ndarray, sr: int, **how):
    "The slices, and the seconds that they took: by the clock, and of processor time."
    stream = ReassignedStream(sr, **SETTINGS | how)
    clock, processor = perf_counter(), process_time()
    slices = [s for block in blocks(x, sr) if (s := stream.push(block)) is not None]
    slices.append(stream.close())
    return slices, perf_counter() - clock, process_time() - processor


def speed(x: dict[str, np.ndarray], sr: int) -> None:
    "A table of ways and sounds."
    first = next(iter(x.values()))
    short, rows = first[..., :4 * sr], []
    for way, how in WAYS.items():
        streamed(short, sr, **how)                       # compile, and build the tables
        row: list[str] = [way]
        for sound in x.values():
            _, clock, processor = streamed(sound, sr, **how)
            seconds = sound.shape[-1] / sr
            row.append(f"{seconds / clock:.1f}, {2 * seconds / processor:.1f}")
        fine = {k: v for k, v in how.items() if k not in ("density", "mode")}
        found, best = (join(streamed(short, sr, **each)[0]).energy for each in (how, fine | dict(tolerance=0.001)))
        rows.append([*row, f"{np.abs(found - best).sum() / best.sum():.4f}"])
    print(markdown_table(["seconds of sound a second: clock, two cores", *x, "difference"], rows))


def shares(x: np.ndarray, sr: int, mode: str, steps: dict[str, tuple[object, str]]) -> None:
    "Where the time of a mode goes, on one thread: `steps` are what to time, in words."
    spent: Counter[str] = Counter()

    def timed(words, owner, name):
        step = getattr(owner, name)

        def measured(*args, **kw):
            begin = process_time()
            try: return step(*args, **kw)
            finally: spent[words] += process_time() - begin
        setattr(owner, name, measured)
        return lambda: setattr(owner, name, step)
    undo = [timed(words, *step) for words, step in steps.items()]
    _, _, total = streamed(x, sr, threads=1, mode=mode)
    for each in undo: each()
    rows = [[words, f"{spent[words] / total:.0%}", f"{1e3 * spent[words] * sr / x.shape[-1]:.1f}"] for words in steps]
    rest = total - sum(spent.values())
    rows.append(["everything else", f"{rest / total:.0%}", f"{1e3 * rest * sr / x.shape[-1]:.1f}"])
    print(markdown_table([f"step, mode {mode}", "share of the processor time", "ms a second of sound"], rows))


def on_device(device: str, seconds: int, sr: int = 48000) -> None:
    "How fast a device takes noise, in blocks of several lengths."
    import torch

    from spectral_hyperresolution.pytorch.stream import TorchStream

    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
    x, rows = sounds(seconds, sr)["noise"], []
    for length in (0.1, 1, 10):
        cuts = [x[n:n + round(length * sr)] for n in range(0, len(x), round(length * sr))]
        clocks = []
        for part in (cuts[:max(1, round(10 / length))], cuts):          # the first makes the tables
            stream, begin = TorchStream(sr, device=device, **SETTINGS), perf_counter()
            slices = [s for block in part if (s := stream.push(block)) is not None]
            slices.append(stream.close())
            clocks.append(perf_counter() - begin)
        rows.append([f"{length:g}", f"{seconds / clocks[1]:.0f}", len(slices)])
    print(f"TorchStream on {name}, {seconds} s of noise at {sr} Hz\n")
    print(markdown_table(["block [s]", "seconds of sound a second", "slices"], rows))


def peak() -> float:
    "The most memory that this process has taken [MB]."
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def feed(hours: float, sr: int = 1000) -> None:
    "Push so much noise, made as it is needed, and print the peak after it."
    stream, rng = ReassignedStream(sr, q=2, fmin=100, bins_per_octave=6, oversampling=1, hop_length=100,
                                   tolerance=0.1), np.random.default_rng(0)
    columns = 0
    for _ in range(round(hours * 360)):
        found = stream.push(rng.standard_normal(10 * sr).astype(np.float32))
        columns += 0 if found is None else found.shape[-1]
    columns += stream.close().shape[-1]
    print(f"{peak():.1f} {columns}")


def memory() -> None:
    "The peak of processes that are fed more and more."
    rows = []
    for words, hours in HOURS.items():
        done = subprocess.run([sys.executable, __file__, "--feed", str(hours)], capture_output=True, text=True,
                              check=True)
        taken, columns = done.stdout.split()
        rows.append([words, columns, taken])
    print(markdown_table(["sound", "columns", "peak [MB]"], rows))


STEPS: dict[str, dict[str, tuple[object, str]]] = {
    "fast": {"a block's spectrum": (fast.scipy.fft, "rfft"), "multiply and fold": (fast, "_fold_bands"),
             "inverse transforms": (fast.scipy.fft, "ifft"), "interpolate, map, deposit": (fast, "_send_filled"),
             "half-sample steps": (fast._HalfSteps, "cut")},
    "lines": {"a block's spectrum": (fast.scipy.fft, "rfft"), "multiply": (lines, "_bands"),
              "inverse transforms": (fast.scipy.fft, "ifft"), "slope, map, pieces": (lines, "_send_lines")},
}


def measure(x: dict[str, np.ndarray], sr: int) -> None:
    "All tables."
    speed(x, sr)
    for mode, steps in STEPS.items(): shares(next(iter(x.values())), sr, mode, steps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=30, help="how much sound (default: %(default)s)")
    parser.add_argument("--sound", help="a sound file, instead of the made-up sounds")
    parser.add_argument("--memory", action="store_true", help="measure memory instead")
    parser.add_argument("--device", help="push through a TorchStream on this torch device instead")
    parser.add_argument("--feed", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.feed is not None: feed(args.feed)
    elif args.device: on_device(args.device, args.seconds)
    elif args.memory: memory()
    elif args.sound:
        from spectral_hyperresolution import audio
        sound, sr = audio.read(args.sound, duration=args.seconds, channel=1)
        measure({args.sound: sound[0]}, sr)
    else: measure(sounds(args.seconds, 48000), 48000)


if __name__ == "__main__": main()
