"""Time the engines, weigh their memory, compare them with MATLAB's result, and set them beside their peers.

    python benchmarks/engines.py --case small
    python benchmarks/engines.py --out nbs/data/engines.json
    python benchmarks/engines.py --growth
    python benchmarks/engines.py --device cuda

The first measures a small case and prints its tables in Markdown. The second measures the full case, in about a
quarter of an hour, and writes what the chapter on the benchmark shows. With --out each measurement is kept as soon as
it is made: where a run is interrupted, the same command goes on. The last two print a table each. The measures of
agreement are those of the chapter on verification.
"""

import argparse
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from inspect import signature
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
from scipy.fft import next_fast_len

import spectral_hyperresolution
from spectral_hyperresolution.engine.checks import atomic_write
from spectral_hyperresolution.engine.definition import difference, literal_loop
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
        source = "a synthetic sound, seed 0: matlab_dolphin.mat is not at hand"
        return Case("full", source, synthetic(plan.n_samples), plan, None)
    from scipy.io import loadmat

    held = loadmat(path)
    return Case("full", "the authors' dolphin, with MATLAB's result", held["x"], plan, held["result"].toarray())


def small_case() -> Case:
    "A synthetic sound that every engine finishes in seconds."
    plan = Plan(16384, q=2, tdeci=128, over=10, noct=12, minf=8e-3, maxf=0.45)
    return Case("small", "a synthetic sound, seed 0", synthetic(plan.n_samples), plan, None)


cases = {"full": full_case, "small": small_case}


@dataclass(frozen=True)
class Points:
    "Departure points of a plan, per channel."

    departures: float  # that enter the picture, alone or as part of a run that lands in one cell
    placed: float  # of these, the instants of the lattice: each is transformed and its cell is found


def every_point(plan):
    "All of them, as in the parity mode."
    return Points(plan.n_scans * plan.n_samples, plan.n_scans * plan.n_samples)


def fast_points(plan, **how):
    "Those of the fast mode. Where a run is filled in, more than `placed` are placed: how many depends on the sound."
    groups = scan_groups(plan, **how)
    return Points(*(sum((g.last - g.first) * plan.n_samples / step(g) for g in groups)
                    for step in (lambda g: g.fine or g.stride, lambda g: g.stride)))


def torch_points(plan):
    "The same for the torch engine with its own defaults."
    from spectral_hyperresolution.pytorch.engine import reassign as on_torch

    known = signature(on_torch).parameters
    return fast_points(plan, **{name: known[name].default for name in ("tolerance", "density") if name in known})


@dataclass(frozen=True)
class Engine:
    "A way to carry out a plan."

    label: str
    dtype: type  # of the signal it is given
    run: Callable  # (x, plan, threads) → energy, counts before the gate
    points: Callable  # plan → Points
    memory: bool = True  # whether a run is repeated in a process of its own, to see the memory it takes
    ready: Callable = lambda: True  # whether this machine can run it


def _numpy_engine(x, plan, threads, **how):
    return reassign(x, plan, threads=threads, **how)


parity = partial(_numpy_engine, mode="parity", silence=False)
engines = {
    "parity": Engine("NumPy parity, float64", np.float64, parity, every_point, False),
    "fast64": Engine("NumPy fast, float64", np.float64, _numpy_engine, fast_points),
    "fast32": Engine("NumPy fast, float32", np.float32, _numpy_engine, fast_points),
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
    plain = partial(_torch_engine, compiled=False)
    engines |= {
        "torch32": Engine("torch fast on the CPU, float32", np.float32, _torch_engine, torch_points),
        "plain32": Engine("the same, plain steps", np.float32, plain, torch_points),
        "cuda32": Engine("torch fast on CUDA, float32, transfers counted", np.float32, _cuda_engine, torch_points,
                         ready=_has_cuda),
    }


def present() -> list:  # of keys of `engines`
    "The engines that this machine can run."
    return [key for key, engine in engines.items() if engine.ready()]


def timed(
    run,  # a function without arguments
    repeat: int = 1,  # how often it is called, while that takes less than `patience`
    clock=perf_counter,  # what tells the time [s]
    patience: float = 60.0,  # no call begins after so many seconds
):  # seconds of each call, cores that they kept busy, and the last answer
    "Call a function several times with a clock beside it."
    seconds, begun = [], process_time()
    while not seconds or (len(seconds) < repeat and sum(seconds) < patience):
        start = clock()
        answer = run()
        seconds.append(clock() - start)
    return seconds, round((process_time() - begun) / max(sum(seconds), 1e-9), 2), answer


def thinned(
    plan: Plan,  # of all scans
    k: int,  # how many scans to keep
):  # the plan, with `k` scans spread evenly
    "A plan with fewer scans."
    chosen = ((np.arange(k) + 0.5) * plan.n_scans / max(k, 1)).astype(int)

    class Some(Plan):
        scan_frequencies = plan.scan_frequencies[chosen]
        scan_sigma_f = plan.scan_sigma_f[chosen]

    return Some(*(getattr(plan, f.name) for f in fields(plan)))


def extrapolated(
    case: Case,
    k: int,  # scans that are timed
    clock=perf_counter,  # what tells the time [s]
) -> tuple:  # seconds that all scans would take, cores that those timed kept busy
    "Time of the literal loop, from a few of its scans and from none."
    (none,), *_ = timed(lambda: literal_loop(case.x, thinned(case.plan, 0)), clock=clock)
    (some,), busy, _ = timed(lambda: literal_loop(case.x, thinned(case.plan, k)), clock=clock)
    return none + (some - none) * case.plan.n_scans / k, busy


def literal_record(
    case: Case,
    k: int,  # scans that are timed
) -> dict:
    "Seconds of the literal loop, on the case's length and on the next length that is a product of small primes."
    n, plan = next_fast_len(case.plan.n_samples), case.plan
    k = min(k, plan.n_scans)
    seconds, busy = extrapolated(case, k)
    kind_seconds = seconds
    if n != plan.n_samples:
        kind = replace(case, x=case.x[np.arange(n) % plan.n_samples], plan=replace(plan, n_samples=n))
        kind_seconds = extrapolated(kind, k)[0] * plan.n_samples / n
    return {"seconds": seconds, "busy": busy, "scans": k, "kind_length": n, "kind_seconds": kind_seconds}


warm_samples = 4096


def measure(
    case: Case,
    key: str,  # of `engines`
    repeat: int = 3,  # timed calls
    threads: int | None = None,  # None takes all cores
    **how,  # what else the engine is told
):  # seconds of each call; cores kept busy; energy and counts before the gate
    "Run and time one engine, after a call on a tiny signal."
    engine = engines[key]
    tiny = replace(case.plan, n_samples=warm_samples, over=1)
    engine.run(synthetic(warm_samples).astype(engine.dtype), tiny, threads, **how)
    x = np.ascontiguousarray(case.x, engine.dtype)
    return timed(lambda: engine.run(x, case.plan, threads, **how), repeat)


@cache
def _every_sample(name):
    "Energy and counts before the gate from every sample of every scan."
    case = cases[name]()
    return parity(case.x, case.plan, None)


def engine_record(case: Case, key: str, repeat: int, threads: int) -> dict:
    "One engine's time, and its agreement with MATLAB's result or else the parity mode's, after the global gate."
    seconds, busy, answer = measure(case, key, repeat, threads)
    reference = gated(_every_sample(case.name), case.plan) if case.result is None else case.result
    points = engines[key].points(case.plan)
    return {"engine": key, "threads": threads, "seconds": seconds, "busy": busy,
            **compare(gated(answer, case.plan), reference),
            "departures": points.departures * case.x.shape[1], "placed": points.placed * case.x.shape[1]}


tolerances = (0.1, 0.05, 0.02, 0.01, 0.005, 0.001)


def tolerance_record(case: Case, key: str, repeat: int, tolerance: float, threads: int) -> dict:
    "The time at a tolerance, and the relative L1 difference that the tolerance bounds."
    seconds, busy, (energy, _) = measure(case, key, repeat, threads, tolerance=tolerance)
    points = fast_points(case.plan, tolerance=tolerance)
    return {"engine": key, "tolerance": tolerance, "threads": threads, "seconds": seconds, "busy": busy,
            "l1": difference(energy, _every_sample(case.name)[0]),
            "departures": points.departures * case.x.shape[1], "placed": points.placed * case.x.shape[1]}


def peak_memory() -> float:  # MB of 10^6 bytes
    "The most memory that this process has had in use so far."
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) * 1.024e-3 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1e-6 if sys.platform == "darwin" else 1.024e-3)


def memory_record(
    name: str,  # of `cases`
    key: str,  # of `engines`
) -> dict:
    "Peak memory of a fresh process that loads a case and runs one engine on it [MB]."
    command = [sys.executable, __file__, "--case", name, "--memory", key]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the run for memory failed: {done.stderr.strip()}")
    return {"engine": key, "memory": float(done.stdout)}


peers = ("librosa", "libtfr", "ssqueezepy", "instanz")


def peer_record(case: Case, name: str, repeat: int, threads: int) -> dict:
    "One peer's time on the first channel, in a process of its own; why it has none, where it can't be run."
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.npy"
        np.save(sound, np.ascontiguousarray(case.x[:, 0], float))
        command = [sys.executable, Path(__file__).with_name("peers.py"), name, "--sound", sound]
        done = subprocess.run([*command, "--threads", str(threads), "--repeat", str(repeat)], capture_output=True,
                              text=True)
    if done.returncode:
        return {"peer": name, "threads": threads, "missing": done.stderr.strip().splitlines()[-1]}
    return {"peer": name, "threads": threads, **json.loads(done.stdout)}


def _progress(label, run):
    print(f"{label} …", file=sys.stderr, flush=True)
    return run()


def machine() -> dict:
    "The machine and the versions; `source` changes with every change of the package."
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    folder = Path(spectral_hyperresolution.__file__).parent
    source = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.py")))
    names = ["numpy", "scipy", "numba", *(["torch"] if find_spec("torch") else []), "spectral_hyperresolution"]
    return {"cpu": cpu, "cores": _cores(), "system": platform.system(), "python": platform.python_version(),
            "packages": {name: version(name) for name in names}, "source": hashlib.sha256(source).hexdigest()[:12]}


def steps(case: Case, keys, repeat: int, literal_scans: int):
    "Everything that is measured of a case: a name and a function that makes its record, one after the other."
    yield "literal", partial(literal_record, case, literal_scans)
    for key in keys:
        if engines[key].memory:
            yield f"memory, {key}", partial(memory_record, case.name, key)
    for threads in sorted({1, _cores()}):
        for key in keys:
            yield f"engine, {key}, {threads}", partial(engine_record, case, key, repeat, threads)
        for name in peers:
            yield f"peer, {name}, {threads}", partial(peer_record, case, name, repeat, threads)
    for key, tolerance, threads in product(("fast64", "fast32"), tolerances, sorted({1, _cores()})):
        if key in keys:
            yield (f"tolerance, {key}, {tolerance}, {threads}",
                   partial(tolerance_record, case, key, repeat, tolerance, threads))


def benchmark(
    name: str = "small",  # of `cases`
    keys=None,  # of `engines`; None: all that this machine can run
    repeat: int = 3,  # timed calls
    literal_scans: int = 40,  # scans of the literal loop that are timed
    out: Path | None = None,  # JSON file; records that it has already are not measured again
) -> dict:  # ready for JSON
    "Measure a case. Raises ValueError where the file is of another machine, other versions or other settings."
    case, keys = cases[name](), keys or present()
    about = {"machine": machine(), "settings": {"case": name, "source": case.source, "engines": keys, "repeat": repeat,
                                                "literal_scans": literal_scans}}
    result = about | {"date": date.today().isoformat(), "n_samples": case.plan.n_samples, "channels": case.x.shape[1],
                      "n_scans": case.plan.n_scans, "records": {}}
    if out and out.is_file():
        kept = json.loads(out.read_text(encoding="utf-8"))
        if different := [k for k in about if kept.get(k) != about[k]]:
            raise ValueError(f"{out} was measured with another {' and other '.join(different)}: remove it first")
        result = kept
    for step, run in steps(case, keys, repeat, literal_scans):
        if step not in result["records"]:
            result["records"][step] = _progress(step, run)
            if out: store(result, out)
    return result


def store(result: dict, out: Path):
    "Write a result, one record to a line."
    rounded = json.loads(json.dumps(result), parse_float=lambda text: float(f"{float(text):.7g}"))
    records = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in rounded.pop("records").items())
    lines = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in rounded.items()]
    with atomic_write(out) as whole:
        whole.write_text("{\n" + ",\n".join([*lines, ' "records": {\n' + records + "\n }"]) + "\n}\n", encoding="utf-8")


def chosen(result: dict, kind: str) -> list:  # of records
    "The records of a kind: engine, memory, tolerance, peer."
    return [record for step, record in result["records"].items() if step.startswith(kind + ",")]


def heading(result: dict) -> str:  # Markdown
    "What was measured, where, when."
    m, s, literal = result["machine"], result["settings"], result["records"]["literal"]
    packages = ", ".join(f"{name} {number}" for name, number in m["packages"].items())
    points = result["n_scans"] * result["n_samples"] * result["channels"]
    text = (
        f"Case *{s['case']}*: {s['source']}; {result['n_samples']} samples × {result['channels']} channels, "
        f"{result['n_scans']} scans, {points / 1e6:.0f} M points on the full grid. Measured on {result['date']}: "
        f"{m['cpu']}, {m['cores']} cores, {m['system']}, Python {m['python']}, {packages}. Seconds are the median of "
        f"up to {s['repeat']} calls (and their range) after a call on a tiny signal.\n\n"
        f"The literal loop has one thread. It takes {literal['seconds']:.3g} s, **extrapolated** from "
        f"{literal['scans']} of its {result['n_scans']} scans."
    )
    if literal["busy"] < 0.9:
        text = (f"**The machine was busy with other work: of one core the literal loop had {literal['busy']:.0%}. "
                f"Ratios from this run are rough.**\n\n") + text
    if literal["kind_length"] == result["n_samples"]: return text
    return text + (f" {result['n_samples']} is an unlucky length for its FFT: at {literal['kind_length']}, a product "
                   f"of small primes, it would take {literal['kind_seconds']:.3g} s.")


def engine_table(result: dict) -> str:  # Markdown
    "The engines, with one thread and with all."
    literal, rows = result["records"]["literal"], []
    memory = {record["engine"]: record["memory"] for record in chosen(result, "memory")}
    for r in chosen(result, "engine"):
        seconds = median(r["seconds"])
        rows.append([
            engines[r["engine"]].label, r["threads"], f"{r['busy']:.2g}",
            f"{seconds:.3g} ({min(r['seconds']):.3g}–{max(r['seconds']):.3g})",
            f"{literal['seconds'] / seconds:.3g}", f"{literal['kind_seconds'] / seconds:.3g}",
            f"{r['departures'] / 1e6:.0f}", f"{r['placed'] / 1e6:.0f}", f"{r['placed'] / seconds / 1e6:.3g}",
            f"{r['l1']:.2g}", f"{r['energy']:.7g}", f"{r['worst']:.2g}", r["cells"] or "same",
            f"{memory[r['engine']]:.0f}" if r["engine"] in memory else "–",
        ])
    return markdown_table([
        "engine", "threads", "cores kept busy", "seconds", "× literal loop", "× literal loop at a kind length",
        "departure points [M]", "placed one by one, at least [M]", "M placed/s", "relative L₁", "energy ratio",
        "worst", "support, cells that differ", "peak memory [MB]"], rows)


def tolerance_table(result: dict) -> str:  # Markdown
    "Speed and error of the fast mode at each tolerance."
    literal = result["records"]["literal"]
    rows = []
    for r in chosen(result, "tolerance"):
        seconds = median(r["seconds"])
        rows.append([engines[r["engine"]].label, f"{r['tolerance']:g}", f"{r['l1']:.2g}", r["threads"],
                     f"{seconds:.3g}", f"{literal['seconds'] / seconds:.3g}",
                     f"{literal['kind_seconds'] / seconds:.3g}", f"{r['departures'] / 1e6:.0f}",
                     f"{r['placed'] / 1e6:.0f}"])
    return markdown_table([
        "engine", "tolerance", "measured relative L₁", "threads", "seconds", "× literal loop",
        "× literal loop at a kind length", "departure points [M]", "placed one by one, at least [M]"], rows)


def peer_table(result: dict) -> str:  # Markdown
    "The peers, against our points with as many threads."
    ours = {(r["engine"], r["threads"]): r["placed"] / median(r["seconds"]) for r in chosen(result, "engine")
            if engines[r["engine"]].memory}
    keys, rows, missing = list(dict.fromkeys(key for key, _ in ours)), [], {}
    for r in chosen(result, "peer"):
        if "missing" in r:
            missing[r["peer"]] = r["missing"]
            continue
        rate = r["points"] / median(r["seconds"])
        rows.append([f"{r['peer']} ({r['version']}): {r['setup']}", r["threads"], f"{r['busy']:.2g}",
                     f"{r['points'] / 1e6:.1f}", f"{median(r['seconds']):.3g}", f"{rate / 1e6:.3g}",
                     *(f"{ours[key, r['threads']] / rate:.3g}" for key in keys)])
    head = ["peer", "threads allowed", "cores kept busy", "points [M]", "seconds", "M points/s",
            *(f"ours / theirs: {engines[key].label}" for key in keys)]
    text = markdown_table(head, rows) + (
        "\n\nOne channel of the same sound, each peer in a process of its own. Ours are points placed one by one per "
        "second, which leaves out those that are deposited in runs: not full-grid points.")
    return text + "".join(f" Not measured: {name} ({why})." for name, why in missing.items())


def report(result: dict) -> str:  # Markdown
    "All tables."
    return "\n\n".join(part(result) for part in (heading, engine_table, tolerance_table, peer_table)) + "\n"


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
        f"One channel; median of {repeat}; {machine()['cpu']}.\n\n"
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
        seconds, *_ = timed(whole, repeat)
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
            every_point(plan).departures * count / share,
            (sent or torch_points)(plan).departures * count / share,
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


def _count(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer >= 1")
    return int(text)


def _parser():
    p = argparse.ArgumentParser(
        prog="python benchmarks/engines.py", description="Time the engines and compare them with MATLAB's result."
    )
    p.add_argument("--case", choices=cases, default="full",
                   help="full: the authors' parameters, a quarter of an hour; small: a minute (default: full)")
    p.add_argument("--engines", nargs="+", choices=engines, metavar="NAME",
                   help=f"which to run: {', '.join(engines)} (default: all that can)")
    p.add_argument("--repeat", type=_count, default=3, metavar="N",
                   help="timed calls of each; the median counts (default: 3)")
    p.add_argument("--literal-scans", type=_count, default=40, metavar="K",
                   help="scans of the literal loop that are timed; the rest is extrapolated (default: 40)")
    p.add_argument("--threads", type=_count, metavar="N", help="threads for --growth (default: all cores)")
    p.add_argument("--memory", choices=engines, metavar="NAME",
                   help="only run this engine once and print the process's peak memory in MB")
    p.add_argument("--device", metavar="NAME",
                   help="instead: check and time the torch engine on this device, for instance cuda")
    p.add_argument("--growth", action="store_true",
                   help="instead: time the engines as the sound grows to 10 million samples, and the number of scans")
    p.add_argument("--out", type=Path, metavar="FILE",
                   help="keep the measurements here (JSON), and go on with those that the file has already")
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
    try:
        if args.device:
            print(device_report(cases[args.case](), args.device, args.repeat))
        elif args.growth:
            print(growth(args.engines, repeat=args.repeat, threads=args.threads))
        else:
            print(report(benchmark(args.case, args.engines, args.repeat, args.literal_scans, args.out)))
    except (ImportError, ValueError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
