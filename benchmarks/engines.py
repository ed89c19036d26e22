"""Time the engines, weigh their memory, compare them with MATLAB's result, and set them beside their peers.

    python benchmarks/engines.py --case small
    python benchmarks/engines.py --case full --literal-scans 40 --repeat 3 --peers --out table.md
    python benchmarks/engines.py --growth
    python benchmarks/engines.py --device cuda

Each prints a table in Markdown. The measures of agreement are those of the chapter on verification.
"""

import argparse
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from types import SimpleNamespace

import numpy as np
from scipy.fft import next_fast_len

from spectral_hyperresolution.engine.definition import literal_loop
from spectral_hyperresolution.engine.departures import scan_groups
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.engine.running import _cores
from spectral_hyperresolution.testing import reference_folder
from spectral_hyperresolution.verify import compare, gated, markdown_table


@dataclass(frozen=True)
class Case:
    "A signal, what to compute of it, and MATLAB's answer where there is one."

    name: str
    source: str  # where the signal comes from, in words
    x: np.ndarray  # (n_samples, channels), float64
    plan: Plan
    result: np.ndarray | None  # the authors' gated energy, (n_times, n_bins)

    @property
    def full_grid(self):
        return self.plan.n_scans * self.x.size


def synthetic(
    n: int,  # length [samples]
    seed: int = 0,  # of the noise
):  # (n, 2), float64
    "Two channels of a whistle that sweeps over an octave and a half, forty clicks, and noise."
    rng, t = np.random.default_rng(seed), np.arange(n) / n
    whistle = np.sin(2 * np.pi * np.cumsum(0.06 * 2 ** (0.75 * np.sin(6 * np.pi * t))))
    whistle[n // 80 :: n // 40] += 10.0
    return np.stack([whistle, 0.5 * np.roll(whistle, 17)], axis=1) + 0.05 * rng.standard_normal((n, 2))


def matlab_file() -> Path | None:  # None where it is not at hand
    "The authors' full case, exported from MATLAB; it is not part of the repository."
    try:
        path = (reference_folder() or Path()) / "matlab_dolphin.mat"
    except FileNotFoundError:
        return None  # run from outside the repository
    return path if path.is_file() else None


def full_case() -> Case:
    "The authors' parameters and their recording, or a synthetic sound of the same size where that is not at hand."
    plan, path = Plan(288001, q=2, tdeci=450, over=20, noct=12, minf=4e-3, maxf=0.45), matlab_file()
    if path is None:
        return Case(
            "full",
            "a synthetic sound, seed 0: matlab_dolphin.mat is not at hand",
            synthetic(plan.n_samples),
            plan,
            None,
        )
    from scipy.io import loadmat

    held = loadmat(path)
    return Case("full", "the authors' dolphin, with MATLAB's result", held["x"], plan, held["result"].toarray())


def small_case() -> Case:
    "A synthetic sound that every engine finishes in seconds."
    plan = Plan(16384, q=2, tdeci=128, over=10, noct=12, minf=8e-3, maxf=0.45)
    return Case("small", "a synthetic sound, seed 0", synthetic(plan.n_samples), plan, None)


cases = {"full": full_case, "small": small_case}


def every_point(plan):
    "Departure points of the full grid, per channel."
    return plan.n_scans * plan.n_samples


def fast_points(plan):
    "Departure points that the fast mode sends, per channel."
    return sum((g.last - g.first) * plan.n_samples / g.stride for g in scan_groups(plan))


@dataclass(frozen=True)
class Engine:
    "A way to carry out a plan."

    label: str
    dtype: type  # of the signal it is given
    run: Callable  # (x, plan, threads) → energy, counts before the gate
    sent: Callable  # plan → departure points per channel
    memory: bool = True  # whether a run is repeated in a process of its own, to see the memory it takes
    ready: Callable = lambda: True  # whether this machine can run it


engines = {
    "literal": Engine(
        "literal loop, float64", np.float64, lambda x, plan, threads: literal_loop(x, plan), every_point, False
    ),
    "parity": Engine(
        "NumPy parity, float64",
        np.float64,
        lambda x, plan, threads: reassign(x, plan, mode="parity", silence=False, threads=threads),
        every_point,
        False,
    ),
    "fast64": Engine(
        "NumPy fast, float64", np.float64, lambda x, plan, threads: reassign(x, plan, threads=threads), fast_points
    ),
    "fast32": Engine(
        "NumPy fast, float32", np.float32, lambda x, plan, threads: reassign(x, plan, threads=threads), fast_points
    ),
}


def _torch_engine(x, plan, threads, compiled=True):
    "The torch engine's fast mode on the CPU, with or without the loop that it borrows there."
    import torch

    from spectral_hyperresolution.pytorch.engine import reassign as on_torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads or _cores())
    try:
        return tuple(a.double().numpy() for a in on_torch(x, plan, compiled=compiled))
    finally:
        torch.set_num_threads(before)


def _cuda_engine(x, plan, threads):
    "The torch engine on a graphics card: there, computed, and back."
    from spectral_hyperresolution.pytorch.engine import reassign as on_torch

    return tuple(a.double().cpu().numpy() for a in on_torch(x, plan, device="cuda"))


def _has_cuda():
    import torch

    return torch.cuda.is_available()


if find_spec("torch"):
    engines["torch32"] = Engine("torch fast on the CPU, float32", np.float32, _torch_engine, fast_points)
    engines["plain32"] = Engine(
        "the same, plain steps",
        np.float32,
        lambda x, plan, threads: _torch_engine(x, plan, threads, False),
        fast_points,
    )
    engines["cuda32"] = Engine(
        "torch fast on CUDA, float32, transfers counted", np.float32, _cuda_engine, fast_points, ready=_has_cuda
    )


def present() -> list:  # of keys of `engines`
    "The engines that this machine can run."
    return [key for key, engine in engines.items() if engine.ready()]


def timed(
    run,  # a function without arguments
    repeat: int = 1,  # how often it is called
    clock=perf_counter,  # what tells the time [s]
):  # seconds of each call, and the last answer
    "Call a function several times with a clock beside it."
    seconds = []
    for _ in range(repeat):
        start = clock()
        answer = run()
        seconds.append(clock() - start)
    return seconds, answer


def thinned(
    plan: Plan,  # of all scans
    k: int,  # how many scans to keep
):  # what the literal loop reads of a plan, with `k` scans spread evenly
    "A plan's stand-in with fewer scans."
    chosen = ((np.arange(k) + 0.5) * plan.n_scans / max(k, 1)).astype(int)
    numbers = {f.name: getattr(plan, f.name) for f in fields(plan)}
    return SimpleNamespace(
        **numbers,
        shape=plan.shape,
        scan_frequencies=plan.scan_frequencies[chosen],
        scan_sigma_f=plan.scan_sigma_f[chosen],
    )


def extrapolated(
    case: Case,
    k: int,  # scans that are timed
    clock=perf_counter,  # what tells the time [s]
) -> float:  # seconds that all scans would take
    "Time of the literal loop, from a few of its scans and from none."
    (none,), _ = timed(lambda: literal_loop(case.x, thinned(case.plan, 0)), clock=clock)
    (some,), _ = timed(lambda: literal_loop(case.x, thinned(case.plan, k)), clock=clock)
    return none + (some - none) * case.plan.n_scans / k


def length_note(
    case: Case,
    literal: float,  # seconds of the literal loop
    ours: dict,  # seconds, by engine label
    k: int = 12,  # scans that are timed
) -> str:  # a sentence; empty where the length is a product of small primes already
    "What the literal loop would take on the next length with small factors, for the same number of points."
    n = next_fast_len(case.plan.n_samples)
    if n == case.plan.n_samples:
        return ""
    x = case.x[np.arange(n) % case.plan.n_samples]
    kind = extrapolated(replace(case, x=x, plan=replace(case.plan, n_samples=n)), k) * case.plan.n_samples / n
    times = ", ".join(f"{label}: × {kind / seconds:.3g}" for label, seconds in ours.items())
    return (
        f"A length of {n}, a product of small primes, would let the literal loop finish in {kind:.3g} s "
        f"(from {k} scans), "
        f"{literal / kind:.2g} times sooner. Against that, {times}."
    )


warm_samples = 4096


def measure(
    case: Case,
    key: str,  # of `engines`
    repeat: int = 3,  # timed calls; the literal loop has one
    literal_scans: int | None = None,  # time only so many scans of the literal loop, and extrapolate
    threads: int | None = None,  # None takes all cores
):  # seconds of each call; the gated picture, or None if it was extrapolated
    "Run and time one engine, after a call on a tiny signal."
    engine = engines[key]
    engine.run(
        synthetic(warm_samples).astype(engine.dtype), replace(case.plan, n_samples=warm_samples, over=1), threads
    )
    if key == "literal" and literal_scans and literal_scans < case.plan.n_scans:
        return [extrapolated(case, literal_scans)], None
    x = np.ascontiguousarray(case.x, engine.dtype)
    seconds, answer = timed(lambda: engine.run(x, case.plan, threads), 1 if key == "literal" else repeat)
    return seconds, gated(answer, case.plan)


def peak_memory() -> float:  # MB of 10^6 bytes
    "The most memory that this process has had in use so far."
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1e-6 if sys.platform == "darwin" else 1.024e-3)


def memory_alone(
    name: str,  # of `cases`
    key: str,  # of `engines`
    threads: int | None = None,  # None takes all cores
) -> float:  # MB
    "Peak memory of a fresh process that loads a case and runs one engine on it."
    command = [sys.executable, __file__, "--case", name, "--memory", key]
    if threads:
        command += ["--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the run for memory failed: {done.stderr.strip()}")
    return float(done.stdout)


def _librosa(x):
    from librosa import reassigned_spectrogram

    n, hop = 2048, 128
    run = lambda: reassigned_spectrogram(y=x.astype(np.float32), sr=1, n_fft=n, hop_length=hop)[2].size
    return (
        run,
        f"STFT, Hann window {n}, n_fft {n}, hop {hop}, {n // 2 + 1} frequencies, float32; not gathered into a picture",
    )


def _libtfr(x):
    from libtfr import tfr_spec

    n, hop, tapers = 2048, 128, 6
    run = lambda: tapers * tfr_spec(x, n, hop, n - 1, K=tapers).size
    return (
        run,
        f"STFT, {tapers} Hermite tapers (each counted) of {n - 1}, n_fft {n}, hop {hop}, "
        f"{n // 2 + 1} frequencies, float64",
    )


def _ssqueezepy(x):
    from ssqueezepy import ssq_cwt

    voices = 16
    run = lambda: ssq_cwt(x.astype(np.float32), nv=voices)[1].size
    return run, f"CWT, default wavelet, hop 1, {voices} voices an octave, float32; frequency only"


peers = {"librosa": _librosa, "libtfr": _libtfr, "ssqueezepy": _ssqueezepy}


def measure_peer(
    name: str,  # of `peers`
    x,  # one channel, (N,), float64
    repeat: int = 3,  # timed calls
):  # points reassigned, seconds of each call, setup in words; None where it is not installed
    "Run and time one peer, after a call on a tiny signal."
    try:
        warm, _ = peers[name](synthetic(warm_samples)[:, 0].copy())
        warm()
    except ImportError:
        return None
    run, setup = peers[name](np.ascontiguousarray(x))
    seconds, points = timed(run, repeat)
    return points, seconds, f"{name} {version(name)}: {setup}"


def peer_report(
    case: Case,
    ours: dict,  # our points sent per second, by engine label
    repeat: int = 3,  # timed calls
) -> str:  # Markdown
    "Time the peers that are installed on one channel, against our points sent per second."
    found = {name: _progress(name, lambda name=name: measure_peer(name, case.x[:, 0], repeat)) for name in peers}
    rows = []
    for points, seconds, setup in filter(None, found.values()):
        rate = points / median(seconds)
        rows.append(
            [
                setup,
                f"{points / 1e6:.1f}",
                f"{median(seconds):.3g}",
                f"{rate / 1e6:.3g}",
                *(f"{mine / rate:.3g}" for mine in ours.values()),
            ]
        )
    head = ["peer", "points [M]", "seconds", "M points/s", *(f"ours / theirs: {label}" for label in ours)]
    text = (
        markdown_table(head, rows)
        + "\n\nOne channel of the same sound; librosa and libtfr use one thread. "
        "Ours are departure points sent per second, not full-grid points."
    )
    missing = [name for name, answer in found.items() if answer is None]
    return text + (f" Not installed: {', '.join(missing)}." if missing else "")


def _progress(label, run):
    print(f"{label} …", file=sys.stderr, flush=True)
    return run()


lengths, overs = (10**4, 10**5, 10**6, 10**7), (5, 10, 20, 40, 80)


def growth(
    keys=None,  # of `engines`; None: all that this machine can run
    lengths=lengths,  # of the sound, ascending [samples]
    overs=overs,  # scans per bin, ascending; the full case's 20 is the one for all lengths
    repeat: int = 1,  # timed calls; the median counts
    threads: int | None = None,  # None takes all cores
    limit: float = 120.0,  # longest run that is begun, by what the one before took [s]
) -> str:  # Markdown
    "Time engines as the sound grows, and as the number of scans grows."
    shapes, rows = [(n, 20) for n in lengths] + [(lengths[len(lengths) // 2 - 1], over) for over in overs], []
    for key in keys or present():
        last = 1, 0.0  # points of the full grid, seconds
        for i, (n, over) in enumerate(shapes):
            case = _grown(n, over)
            if i == len(lengths):
                last = 1, 0.0
            if last[1] * case.full_grid / last[0] > limit:
                continue
            seconds = median(
                _progress(
                    f"{key}, {n} samples, {over} scans a bin",
                    lambda c=case, k=key: measure(c, k, repeat, threads=threads)[0],
                )
            )
            last = case.full_grid, seconds
            rows.append(
                [engines[key].label, n, case.plan.n_scans, f"{seconds:.3g}", f"{case.full_grid / seconds / 1e6:.3g}"]
            )
    return (
        f"One channel; median of {repeat}.\n\n"
        + markdown_table(["engine", "samples", "scans", "seconds", "M full-grid points/s"], rows)
        + "\n"
    )


def _grown(n, over):
    "The full case's parameters on one channel of n samples."
    return Case(
        "grown",
        "a synthetic sound, seed 0",
        synthetic(n)[:, :1],
        Plan(n, q=2, tdeci=450, over=over, noct=12, minf=4e-3, maxf=0.45),
        None,
    )


def _torch_clock(device, repeat):
    "A function that times another on a device: median seconds, and peak memory in MB where the device tells."
    import torch

    cuda = torch.device(device).type == "cuda"
    wait = torch.cuda.synchronize if cuda else lambda: None

    def clock(run):
        run()
        if cuda:
            torch.cuda.reset_peak_memory_stats()

        def whole():
            run()
            wait()

        wait()
        seconds, _ = timed(whole, repeat)
        return median(seconds), torch.cuda.max_memory_allocated() / 1e6 if cuda else None

    return clock


def _copy_rate(device, clock, megabytes):
    "Bytes that the device can read and write in a second."
    import torch

    a = torch.zeros(megabytes * 250_000, device=device)
    b = torch.empty_like(a)
    return 2 * a.nbytes / clock(lambda: b.copy_(a))[0]


every = 1e9  # a density that leaves no sample out


def _torch_runs(case, device, small):
    "What is timed on a device: label → (full-grid points, points sent, share of the work that is done, function)."
    import torch

    from spectral_hyperresolution.pytorch.engine import reassign as on_torch

    put = lambda x: torch.as_tensor(x, dtype=torch.float32, device=device)
    x, plan, channels, runs = put(case.x), case.plan, case.x.shape[1], {}

    def add(label, x, plan, count, share=1.0, sent=None, **how):
        runs[label] = (
            every_point(plan) * count / share,
            (sent or fast_points)(plan) * count / share,
            share,
            lambda: on_torch(x, plan, **how),
        )

    add("fast mode", x, plan, channels)
    few = replace(plan, over=1)
    add("every sample of every scan", x, plan, channels, sent=every_point, density=every)
    add(
        "the same in the parity mode",
        x,
        few if small else plan,
        channels,
        few.over / plan.over if small else 1.0,
        every_point,
        mode="parity",
        silence=False,
    )
    add(
        "a loop, scan by scan",
        x,
        few,
        channels,
        few.n_scans / plan.n_scans,
        every_point,
        mode="parity",
        silence=False,
        step=1,
    )
    sounds, length = (4, 8000) if small else (64, 480000)
    batch = put(np.random.default_rng(0).standard_normal((sounds, length, 1)))
    add(f"a batch of {sounds} × {length}", batch, replace(plan, n_samples=length), sounds)
    leaf = put(case.x).requires_grad_()
    add("a gradient, soft", x, plan, channels)
    runs["a gradient, soft"] = (
        *runs["a gradient, soft"][:3],
        lambda: torch.autograd.grad(on_torch(leaf, plan, soft=True)[0].square().sum(), leaf),
    )
    for n in (10**4,) if small else (10**4, 10**5, 10**6, 10**7):
        add(f"growth: {n} samples", put(synthetic(n)), replace(plan, n_samples=n), 2)
    for over in (plan.over // 2, 2 * plan.over):
        p = replace(plan, over=max(1, over))
        add(f"growth: {p.n_scans} scans", x, p, channels)
    return runs


def device_report(
    case: Case,
    device: str = "cuda",  # a torch device
    repeat: int = 3,  # timed calls
) -> str:  # Markdown
    "Check and time the torch engine on a device, in float32. Raises ValueError where there is no such device."
    import torch

    from spectral_hyperresolution.pytorch.engine import reassign as on_torch
    from spectral_hyperresolution.pytorch.steps import _place

    device, small = _place(device), case.name != "full"
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    x = case.x.astype(np.float32)
    ours = tuple(a.double().cpu().numpy() for a in on_torch(x, case.plan, device=device))
    match = compare(gated(ours, case.plan), gated(reassign(x, case.plan), case.plan))
    clock, rows = _torch_clock(device, repeat), []
    copy = _copy_rate(device, clock, 10 if small else 1000)
    for label, (every, sent, share, run) in _torch_runs(case, device, small).items():
        seconds, memory = _progress(label, lambda run=run: clock(run))
        seconds /= share
        rows.append(
            [
                label + ("" if share == 1 else f" (from {100 * share:.0f} %)"),
                f"{seconds:.3g}",
                f"{sent / seconds / 1e6:.3g}",
                f"{every / seconds / 1e6:.3g}",
                f"{100 * 64 * sent / seconds / copy:.3g} %",
                f"{memory:.0f}" if memory else "–",
            ]
        )
    head = [
        "torch, float32",
        "seconds",
        "M points sent/s",
        "M full-grid points/s",
        "of the copy rate, at 64 bytes a point",
        "peak memory [MB]",
    ]
    return (
        f"Device: {name} ({device}), torch {version('torch')}; copy rate {copy / 1e9:.3g} GB/s, read and write counted."
        f" Case *{case.name}*.\n"
        f"Against NumPy's fast mode in float32: relative L₁ {match['l1']:.1e}, {match['cells']} lit cells differ.\n\n"
        f"{markdown_table(head, rows)}\n"
    )


def machine() -> str:
    "One line about the machine and the versions."
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "spectral_hyperresolution"))
    return f"{cpu}, {_cores()} cores, {platform.system()}, Python {platform.python_version()}, {packages}"


def engine_row(
    case: Case,
    key: str,  # of `engines`
    seconds,  # of each call
    literal: float | None,  # seconds of the literal loop
    agreement: dict | None,  # from `compare`
    memory: float | None,  # MB
) -> list:  # of strings, one a column of `columns`
    "One line of the table of engines."
    points, mid = engines[key].sent(case.plan) * case.x.shape[1], median(seconds)
    span = f" ({min(seconds):.3g}–{max(seconds):.3g})" if len(seconds) > 1 else ""
    row = [
        engines[key].label,
        f"{mid:.3g}{span}",
        f"{points / 1e6:.0f}",
        f"{mid / points * 1e9:.3g}",
        f"{points / mid / 1e6:.3g}",
        f"{case.full_grid / mid / 1e6:.3g}",
        f"{literal / mid:.3g}" if literal else "–",
    ]
    if agreement is None:
        row += ["–"] * 4
    else:
        row += [
            f"{agreement['l1']:.2g}",
            f"{agreement['energy']:.6f}",
            f"{agreement['worst']:.2g}",
            agreement["cells"] or "same",
        ]
    return [*row, f"{memory:.0f}" if memory else "–"]


columns = [
    "engine",
    "seconds",
    "points sent [M]",
    "ns per point sent",
    "M points sent/s",
    "M full-grid points/s",
    "× literal loop",
    "relative L₁",
    "energy ratio",
    "worst",
    "support, cells that differ",
    "peak memory [MB]",
]


def _heading(case, keys, repeat, literal_scans, threads, reference):
    "What was measured, on what, against what."
    plan, few = case.plan, "literal" in keys and literal_scans and literal_scans < case.plan.n_scans
    against = "MATLAB's result" if case.result is not None else "the parity mode"
    lines = [
        f"Case *{case.name}*: {case.source}; {plan.n_samples} samples × {case.x.shape[1]} channels, "
        f"{plan.n_scans} scans, "
        f"{case.full_grid / 1e6:.0f} M points on the full grid.",
        f"Machine: {machine()}. Threads: {threads or _cores()}; the literal loop has one.",
        f"Seconds: median of {repeat} calls (and range) after a call on a tiny signal; the literal loop is timed once.",
        "Nothing to compare with: there is no result from MATLAB, and parity was not run."
        if reference is None
        else f"Compared with {against}, after the global gate.",
        f"The fast mode transforms one scan in {scan_groups(plan)[0].ratio} and interpolates between.",
    ]
    if few:
        lines.append(
            f"The literal loop's time is **extrapolated** from {literal_scans} of {plan.n_scans} scans; "
            "its result is not compared."
        )
    return "\n".join(lines)


def benchmark(
    name: str = "small",  # of `cases`
    keys=None,  # of `engines`; None: all that this machine can run
    repeat: int = 3,  # timed calls; the literal loop has one
    literal_scans: int | None = None,  # time only so many scans of the literal loop, and extrapolate
    threads: int | None = None,  # None takes all cores
    with_peers: bool = False,  # time the peers as well
) -> str:  # Markdown
    "Time and compare engines in one process and one run."
    case, keys = cases[name](), keys or present()
    memory = {
        k: _progress(f"{k}, memory", lambda k=k: memory_alone(name, k, threads)) for k in keys if engines[k].memory
    }
    found = {k: _progress(k, lambda k=k: measure(case, k, repeat, literal_scans, threads)) for k in keys}
    reference = case.result if case.result is not None else found.get("parity", (0, None))[1]
    literal = median(found["literal"][0]) if "literal" in found else None
    match = {
        k: None if picture is None or reference is None else compare(picture, reference)
        for k, (_, picture) in found.items()
    }
    rows = [engine_row(case, k, seconds, literal, match[k], memory.get(k)) for k, (seconds, _) in found.items()]
    parts = [_heading(case, keys, repeat, literal_scans, threads, reference), markdown_table(columns, rows)]
    if literal:
        parts.append(
            _progress(
                "literal, a kinder length",
                lambda: length_note(case, literal, _label({k: median(found[k][0]) for k in keys})),
            )
        )
    if with_peers:
        parts.append(
            peer_report(
                case,
                _label({k: engines[k].sent(case.plan) * case.x.shape[1] / median(found[k][0]) for k in keys}),
                repeat,
            )
        )
    return "\n\n".join(filter(None, parts)) + "\n"


def _label(numbers):
    "The fast engines' numbers by their labels."
    return {engines[k].label: v for k, v in numbers.items() if engines[k].memory}


def _count(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer >= 1")
    return int(text)


def _parser():
    p = argparse.ArgumentParser(
        prog="python benchmarks/engines.py", description="Time the engines and compare them with MATLAB's result."
    )
    p.add_argument(
        "--case",
        choices=cases,
        default="full",
        help="full: the authors' parameters, several minutes; small: seconds (default: full)",
    )
    p.add_argument(
        "--engines",
        nargs="+",
        choices=engines,
        metavar="NAME",
        help=f"which to run: {', '.join(engines)} (default: all that can)",
    )
    p.add_argument(
        "--repeat",
        type=_count,
        default=3,
        metavar="N",
        help="timed calls of each engine; the median counts (default: 3)",
    )
    p.add_argument(
        "--literal-scans",
        type=_count,
        metavar="K",
        help="time K scans of the literal loop and extrapolate (default: all scans)",
    )
    p.add_argument(
        "--threads", type=_count, metavar="N", help="threads of the parity and fast modes (default: all cores)"
    )
    p.add_argument("--peers", action="store_true", help=f"time {', '.join(peers)} too, where installed")
    p.add_argument(
        "--memory",
        choices=engines,
        metavar="NAME",
        help="only run this engine once and print the process's peak memory in MB",
    )
    p.add_argument(
        "--device", metavar="NAME", help="instead: check and time the torch engine on this device, for instance cuda"
    )
    p.add_argument(
        "--growth",
        action="store_true",
        help="instead: time the engines as the sound grows to 10 million samples, and the number of scans",
    )
    p.add_argument("--out", type=Path, metavar="FILE", help="write the tables here too (Markdown)")
    return p


def main(
    argv=None,  # arguments; None takes the command line's
) -> int:  # exit status
    "The command line."
    parser = _parser()
    args = parser.parse_args(argv)
    if args.out and not args.out.resolve().parent.is_dir():
        parser.error(f"argument --out: there is no folder {args.out.parent}")
    for key in {args.memory, *(args.engines or ())} - {None}:
        if not engines[key].ready():
            parser.error(f"{key}: there is no CUDA device")
    if args.memory:
        case, engine = cases[args.case](), engines[args.memory]
        engine.run(np.ascontiguousarray(case.x, engine.dtype), case.plan, args.threads)
        print(f"{peak_memory():.1f}")
        return 0
    if args.device:
        try:
            text = device_report(cases[args.case](), args.device, args.repeat)
        except (ImportError, ValueError) as error:
            parser.error(f"argument --device: {error}")
    elif args.growth:
        text = f"Machine: {machine()}. " + growth(args.engines, repeat=args.repeat, threads=args.threads)
    else:
        text = benchmark(args.case, args.engines, args.repeat, args.literal_scans, args.threads, args.peers)
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
