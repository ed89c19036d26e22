"""What reassigned pictures are good for: sounds told apart from features of equal size, by simple classifiers.

    python benchmarks/downstream.py --hours 3 --workers 2   # the table, what matters most first; resumes
    python benchmarks/downstream.py --plan                  # what is done, and how long the rest will take
    python benchmarks/downstream.py --report                # the table so far, stored in benchmarks/results with
                                                            # every answer that it is computed from
    python benchmarks/downstream.py --resume benchmarks/results/downstream.jsonl.xz    # go on from stored answers
    python benchmarks/downstream.py --quick                 # a small case; name --cells and --result too

Spoken digits are read from the folder that HYPERRES_RECORDINGS names (the Free Spoken Digit Dataset in
`spoken_digits`, real backgrounds in `everyday` and `forest`); everything else is made by seeds, bit for bit the same
each time. A finished cell is some lines of `--cells`; an interrupted run goes on there. Features are computed once and
kept in a folder beside the file until nothing needs them any more. Nothing but the validation part chooses a setting:
of a method (its window, its Q), of a classifier (its penalty, its number of neighbours, its epochs). No sound of the
test has its speaker, its take or its background's recording in the training.
"""

import argparse
import json
import lzma
import os
import warnings
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from downstream_methods import computed, installed, methods, seconds, tiers
from downstream_sounds import Sounds, digits, makers, mixed, tasks

ROOT = Path(__file__).resolve().parent.parent
stored = ROOT / "benchmarks" / "results" / "downstream.json"
sizes = {"small": 0.25, "large": 1.0}  # share of the training sounds
epochs = 12  # of the network
# the first while a variant is chosen
penalties, neighbours = (0.003, 0.0003, 0.03), (1, 3, 5, -1, -3, -5)
packages = ("numpy", "scipy", "scikit-learn", "librosa", "ssqueezepy", "kymatio", "torch", "spectral_hyperresolution")


def recordings_folder() -> Path | None:
    "The folder of recordings, if there is one."
    named = os.environ.get("HYPERRES_RECORDINGS", str(ROOT.parent / "shared" / "recordings"))
    return Path(named) if Path(named).is_dir() else None


# ---- divisions


def divisions(task: str, s: Sounds, seed: int, background: str = "none") -> Iterator[tuple[str, int, Any, Any]]:
    "(what is asked, number of the fold, label, part of each sound): indices into `parts`."
    if task != "digits":
        yield task, seed, s.labels, s.part
        return
    for fold in range(s.speaker.max() + 1):  # a speaker held out, the next one for validation
        part = np.where(s.speaker == fold, 2, np.where(s.speaker == (fold + 1) % (s.speaker.max() + 1), 1, 0))
        yield "digit", fold, s.labels, part
    if background == "real": return  # a speaker has recordings of its own there
    takes = s.take.max() + 1
    shuffled = np.random.default_rng(8).permutation(takes)
    for fold in range(5):  # takes held out, each once
        order, where = np.roll(shuffled, fold * takes // 5), np.empty(takes, int)
        where[order] = np.searchsorted(np.array([0.6, 0.8]) * takes, np.arange(takes), side="right")
        yield "speaker", fold, s.speaker, where[s.take]


def subset(labels: np.ndarray, part: np.ndarray, share: float, seed: int) -> np.ndarray:
    "Training sounds, a share of each class, at least two."
    rng = np.random.default_rng([9, seed])
    kept = []
    for k in np.unique(labels):
        mine = np.flatnonzero((labels == k) & (part == 0))
        kept.append(rng.permutation(mine)[: max(2, round(share * len(mine)))])
    return np.sort(np.concatenate(kept))


# ---- classifiers: each gives predictions for validation and test, for every setting


Answers = list[list[np.ndarray]]  # of each setting, for each of `others`


def logistic(X: np.ndarray, y: np.ndarray, others: list[np.ndarray], settings: Sequence[float]) -> Answers:
    "Logistic regression of standardised features, with a penalty 1/C, for each C."
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(X)
    known, *rest = (scale.transform(Z) for Z in (X, *others))
    models = [LogisticRegression(C=c, max_iter=300, tol=1e-3).fit(known, y) for c in settings]
    return [[model.predict(Z) for Z in rest] for model in models]


def nearest(X: np.ndarray, y: np.ndarray, others: list[np.ndarray], settings: Sequence[float]) -> Answers:
    "The nearest neighbours; of standardised features where their number is negative."
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler

    labels, found = np.unique(y, return_inverse=True), {}
    for sign in {int(np.sign(k)) for k in settings}:
        put = StandardScaler().fit(X).transform if sign < 0 else np.asarray
        model = NearestNeighbors(n_neighbors=max(abs(int(k)) for k in settings)).fit(put(X))
        found[sign] = [labels[1][model.kneighbors(put(Z), return_distance=False)] for Z in others]

    def elected(near: np.ndarray) -> np.ndarray:
        return labels[0][(near[:, :, None] == np.arange(len(labels[0]))).sum(1).argmax(1)]
    return [[elected(near[:, :abs(int(k))]) for near in found[int(np.sign(k))]] for k in settings]


untrained = {"logistic": (logistic, penalties), "nearest": (nearest, neighbours)}


def network(X: np.ndarray, y: np.ndarray, others: list[np.ndarray], judge: np.ndarray, seed: int) -> list[np.ndarray]:
    "A small convolutional network, stopped where the validation part (the first of `others`, `judge`) is best."
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    mean, std = X.mean((0, 2, 3), keepdims=True), X.std((0, 2, 3), keepdims=True) + 1e-6
    order = torch.channels_last  # half the time
    put = [torch.tensor((Z - mean) / std, dtype=torch.float32).contiguous(memory_format=order) for Z in (X, *others)]
    known, wanted = np.unique(y, return_inverse=True)
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(X.shape[1], 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveMaxPool2d((4, 2)),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, len(known)),
    ).to(memory_format=order)
    size = 64 if len(y) > 640 else 16
    steps = epochs * -(-len(y) // size)
    optimiser = torch.optim.Adam(model.parameters(), weight_decay=1e-4, fused=True)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps)
    target, best, answer = torch.tensor(wanted), -1.0, []
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(target)).split(size):
            if len(rows) > 1:
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(put[0][rows]), target[rows]).backward()
                optimiser.step()
            rate.step()
        model.eval()
        with torch.no_grad(): found = [known[model(Z).argmax(1).numpy()] for Z in put[1:]]
        if (right := np.mean(found[0] == judge)) >= best: best, answer = right, found
    return answer


def judged(features: dict[str, np.ndarray], y: np.ndarray, part: np.ndarray, train: np.ndarray, names: list[str],
           seed: int, variant: str) -> Iterator[dict[str, Any]]:
    "A record of each classifier: its choice by validation, and which sounds of the test it got right."
    judge, test = part == 1, part == 2
    for name, (fit, settings) in untrained.items():
        if name not in names: continue

        def tried(variant: str, some: Sequence[float], fit: Any = fit) -> list[tuple[float, str, float, np.ndarray]]:
            flat = features[variant].reshape(len(y), -1)
            found = fit(flat[train], y[train], [flat[judge], flat[test]], some)
            return [(float(np.mean(there == y[judge])), variant, setting, here == y[test])
                    for setting, (there, here) in zip(some, found, strict=True)]
        first = [tried(variant, settings[:1])[0] for variant in features]
        best = max(first, key=lambda t: t[0])
        best = max([best, *tried(best[1], settings[1:])], key=lambda t: t[0])
        yield dict(classifier=name, variant=best[1], setting=best[2], validation=round(best[0], 5), right=best[3])
    if "network" in names:
        table = features[variant]
        there, here = network(table[train], y[train], [table[judge], table[test]], y[judge], seed)
        score = round(float(np.mean(there == y[judge])), 5)
        yield dict(classifier="network", variant=variant, setting=0, validation=score, right=here == y[test])


def units(table: np.ndarray, y: np.ndarray) -> float:
    "Normalised mutual information of k-means' clusters, as many as there are classes, with labels that it never saw."
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import normalized_mutual_info_score
    from sklearn.preprocessing import StandardScaler

    flat = StandardScaler().fit_transform(table.reshape(len(table), -1))
    flat = PCA(min(20, *flat.shape), random_state=0).fit_transform(flat)
    found = [KMeans(len(np.unique(y)), n_init=4, random_state=k).fit_predict(flat) for k in range(5)]
    return float(np.mean([normalized_mutual_info_score(y, c) for c in found]))


# ---- cells


def packed(right: np.ndarray) -> str: return b64encode(zlib.compress(np.packbits(right).tobytes())).decode()


def unpacked(text: str, n: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(zlib.decompress(b64decode(text)), np.uint8))[:n].astype(bool)


class Job(NamedTuple):
    task: str
    background: str
    snr: float | None
    seed: int
    tier: int  # index into `tiers`
    kind: str  # of classifiers: "plain" or "network"

    @property
    def where(self) -> tuple[Any, ...]: return self.task, self.background, self.snr, self.seed


def jobs(args: argparse.Namespace) -> list[Job]:
    "What is to be measured, what matters most first."
    found = []
    kinds = [k for k in ("plain", "network") if k == "plain" or k in args.classifiers]
    for task, (rank, snr) in ((t, r) for t in args.tasks for r in enumerate(tasks[t].snrs[:1 if args.quick else None])):
        if task == "digits" and args.folder is None: continue
        for background in backgrounds(task, snr):
            if background == "real" and args.folder is None or background == "pink" and args.quick: continue
            for seed, tier, kind in product(range(1 if task == "digits" else args.seeds), range(len(tiers)), kinds):
                if not set(tiers[tier]) & set(args.methods): continue
                found.append((urgency(task, background, rank, seed, tier, kind),
                              Job(task, background, snr, seed, tier, kind)))
    return [job for _, job in sorted(found)]


def backgrounds(task: str, snr: float | None) -> tuple[str, ...]:
    "White noise at every SNR; the others at the first one."
    if snr is None: return ("none",)
    return ("white", "pink", "real") if snr == next(r for r in tasks[task].snrs if r is not None) else ("white",)


def urgency(task: str, background: str, rank: int, seed: int, tier: int, kind: str) -> tuple[Any, ...]:
    """Each task at its first SNR by all methods; all seeds; the network; then the other backgrounds and SNRs, each
    first with one seed. Methods that cost much come after the others."""
    far = rank + dict(none=0, white=0, real=1, pink=2)[background]
    late = far + min(seed, 1) + (tier > 2) + (kind == "network") + (kind == "network" and tier > 1)
    return late, kind == "network", far, tier > 1, seed, list(tasks).index(task), tier


def run(args: argparse.Namespace) -> None:
    "Measure what is not among the cells yet, until time is up."
    begun(args.cells, settings_of(args))
    start, plan = perf_counter(), jobs(args)
    done = finished(args.cells)
    todo = [job for job in plan if missing(args, job, done)]
    if args.workers == 1: ended = all(worked(args, job, start) for job in todo)
    else:
        with ProcessPoolExecutor(args.workers) as pool:
            ended = all(list(pool.map(partial(worked, args, start=start), todo)))
    print("all of it is measured" if ended else "time is up; the same command goes on", flush=True)


def missing(args: argparse.Namespace, job: Job, done: set[tuple[Any, ...]]) -> list[str]:
    "The methods of a job that are asked for and not finished."
    return [name for name in tiers[job.tier] if name in args.methods and (*job.where, job.kind, name) not in done]


def worked(args: argparse.Namespace, job: Job, start: float) -> bool:
    "Measure one job, unless time is up."
    def late() -> bool: return perf_counter() - start > 3600 * args.hours
    if late(): return False
    warnings.simplefilter("ignore")
    begin, before = process_time(), read_cells(args.cells)[1]
    s = made(job.task, job.seed, args.takes, tuple(args.counts), args.folder)
    features = remembered(args, job, s, [name for name in tiers[job.tier] if name in args.methods])
    append(args.cells, [job._asdict() | dict(features=True, seconds=round(process_time() - begin, 2))])
    for name in missing(args, job, {key(c) for c in before if c.get("finished")}):
        if late(): return False
        begin = process_time()
        chosen = {(c["question"], c["fold"], c["size"]): c["variant"] for c in before
                  if c.get("classifier") == "logistic" and key(c) == (*job.where, "plain", name)}
        cells = list(measured(args, job, s, features[name], chosen))
        if job.kind == "plain" and job.background in ("none", "white") and job.seed == 0:
            cells.append(dict(cost=seconds(s.sounds[::max(1, len(s.sounds) // 12)], tasks[job.task], name)))
        cells.append(dict(finished=True, seconds=round(process_time() - begin, 2)))
        append(args.cells, [job._asdict() | dict(method=name) | cell for cell in cells])
        print(f"{perf_counter() - start:6.0f} s  {' '.join(map(str, job))}  {name}", flush=True)
    done, kinds = finished(args.cells), {"plain", "network"} & {"plain", *args.classifiers}
    if not any(missing(args, job._replace(kind=kind), done) for kind in kinds): kept(args, job).unlink(missing_ok=True)
    return True


@lru_cache(maxsize=2)
def made(task: str, seed: int, takes: int, counts: tuple[int, int, int], folder: Path | None) -> Sounds:
    return digits(folder, takes) if task == "digits" and folder else makers[task](seed, counts)


def kept(args: argparse.Namespace, job: Job) -> Path:
    return args.cells.with_suffix(".features") / ("_".join(map(str, (*job.where, job.tier))) + ".npz")


def remembered(args: argparse.Namespace, job: Job, s: Sounds, names: list[str]) -> dict[str, dict[str, np.ndarray]]:
    "Features of a job's sounds by method and variant, from the folder or computed."
    path = kept(args, job)
    if path.exists():
        with np.load(path) as file: flat = dict(file)
        found: dict[str, dict[str, np.ndarray]] = {}
        for name, table in flat.items(): found.setdefault(name.split("|")[0], {})[name.split("|")[1]] = table
        if set(names) <= set(found): return found
    x = mixed(s, tasks[job.task].sr, job.background, job.snr, job.seed, args.folder)
    found = computed(x, tasks[job.task], names)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    with beside.open("wb") as out:
        np.savez(out, **{f"{name}|{v}": table for name, tables in found.items() for v, table in tables.items()})
    beside.replace(path)
    return found


def append(path: Path, cells: list[dict[str, Any]]) -> None:
    "Add lines to the file, all in one write: two processes don't mix theirs."
    with path.open("ab", buffering=0) as out: out.write("".join(json.dumps(c) + "\n" for c in cells).encode())


def measured(args: argparse.Namespace, job: Job, s: Sounds, features: dict[str, np.ndarray],
             chosen: dict[tuple[str, int, str], str]) -> Iterator[dict[str, Any]]:
    "The cells of one method in one condition; `chosen`: the network's variant, by question, fold and size."
    middle = list(features)[len(features) // 2]  # where nothing has been chosen by labels
    asked = set()
    for question, fold, y, part in divisions(job.task, s, job.seed, job.background):
        if job.kind == "network" and question == "speaker": continue  # nearly all are right already
        for size, share in sizes.items():
            names = [c for c in args.classifiers if (c == "network") == (job.kind == "network")]
            variant = chosen.get((question, fold, size), middle)
            for cell in judged(features, y, part, subset(y, part, share, fold), names, fold, variant):
                right = cell.pop("right")
                yield cell | dict(question=question, fold=fold, size=size, n=len(right), right=packed(right),
                                  accuracy=round(float(right.mean()), 5))
        if question not in asked and job.kind == "plain":
            yield dict(question=question, fold=fold, classifier="k-means", nmi=round(units(features[middle], y), 5))
        asked.add(question)


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    return dict(takes=args.takes, counts=list(args.counts), seeds=args.seeds, floor=-80, version=4)


def outlook(args: argparse.Namespace) -> list[dict[str, Any]]:
    "What is done of the whole table and what is not, with the mean processor time [s] of each kind of piece."
    cells = read_cells(args.cells)[1] if args.cells.exists() else []
    plan = jobs(args)
    spent: dict[tuple[str, str], dict[Any, float]] = {}
    for c in cells:
        if "seconds" not in c or "features" in c and c["kind"] != "plain": continue
        what = f"features: {tiers[c['tier']][0]}" if "features" in c else c["kind"]
        pieces = spent.setdefault((c["task"], what), {})
        pieces[key(c)] = max(c["seconds"], pieces.get(key(c), 0.0))  # features are computed once, and read later
    of: dict[tuple[str, str], int] = {}
    for job in plan:
        pieces = {job.kind: len(set(tiers[job.tier]) & set(args.methods))}
        if job.kind == "plain": pieces[f"features: {tiers[job.tier][0]}"] = 1
        for what, n in pieces.items(): of[job.task, what] = of.get((job.task, what), 0) + n
    return [dict(task=task, what=what, done=len(found := spent.get((task, what), {})), of=n,
                 seconds=round(float(np.mean(list(found.values()))), 2) if found else None)
            for (task, what), n in of.items()]


def told(rows: list[dict[str, Any]]) -> str:
    "`outlook` as a table, and the processor time that it adds up to."
    lines = ["| task | what | done | of | processor time of one [s] |", "| --- | --- | ---: | ---: | ---: |"]
    lines += [f"| {r['task']} | {r['what']} | {r['done']} | {r['of']} | {r['seconds'] or '?'} |" for r in rows]
    whole, rest = (sum(n(r) * r["seconds"] for r in rows if r["seconds"]) / 3600 for n in
                   (lambda r: r["of"], lambda r: r["of"] - r["done"]))
    unknown = ", ".join(f"{r['task']} {r['what']}" for r in rows if not r["seconds"])
    lines.append(f"\nprocessor time of the whole: {whole:.1f} h, of which {rest:.1f} h are left"
                 + (f"; without {unknown}" if unknown else ""))
    return "\n".join(lines)


def begun(path: Path, settings: dict[str, Any]) -> None:
    "Make a file of cells ready: a line that was cut short, and the job that it belongs to, are dropped."
    if not path.exists():
        write(path, (json.dumps(dict(settings=settings)) + "\n").encode())
        return
    before, cells = read_cells(path)
    if before != settings:
        other = sorted(k for k in before | settings if before.get(k) != settings.get(k))
        raise ValueError(f"{path} was begun with other {', '.join(other)}: name another file with --cells")
    ready = {key(c) for c in cells if c.get("finished")}
    rest = [c for c in cells if key(c) in ready or "features" in c]
    write(path, "".join(json.dumps(line) + "\n" for line in (dict(settings=settings), *rest)).encode())


def write(path: Path, content: bytes) -> None:
    "A file that is there as a whole or not at all."
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    beside.replace(path)


def finished(path: Path) -> set[tuple[Any, ...]]: return {key(c) for c in read_cells(path)[1] if c.get("finished")}


def key(cell: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(cell.get(k) for k in ("task", "background", "snr", "seed", "kind", "method"))


def read_cells(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try: found.append(json.loads(line))
        except ValueError: continue
    if not found or "settings" not in found[0]: raise ValueError(f"{path} is not a file of cells")
    return found[0]["settings"], found[1:]


# ---- report


def interval(folds: list[np.ndarray], seed: int = 0, draws: int = 2000) -> list[float]:
    "95 % of bootstrapped means: folds (speakers, seeds) are drawn, then sounds within each."
    rng = np.random.default_rng(seed)
    means = np.array([f.mean() for f in folds])
    spread = np.array([f.std() / np.sqrt(len(f)) for f in folds])  # of a mean of sounds drawn with replacement
    take = rng.integers(len(folds), size=(draws, len(folds)))
    drawn = (means[take] + spread[take] * rng.standard_normal(take.shape)).mean(1)
    drawn = drawn.clip(min(f.min() for f in folds), max(f.max() for f in folds))  # as no mean is beyond its values
    return [round(float(v), 4) for v in np.quantile(drawn, [0.025, 0.975])]


def holm(p: list[float]) -> list[float]:
    "p values of several comparisons, corrected."
    order, out, worst = np.argsort(p), [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        out[i] = worst
    return out


def summary(path: Path) -> dict[str, Any]:
    "The table: each method's accuracy with its interval, and its difference from log-mel, sound by sound."
    from scipy.stats import binomtest

    settings, cells = read_cells(path)
    ready = {key(c) for c in cells if c.get("finished")}
    cells = [c for c in cells if key(c) in ready]
    groups: dict[tuple[Any, ...], dict[str, dict[tuple[int, int], np.ndarray]]] = {}
    for c in cells:
        if "right" not in c: continue
        where = tuple(c[k] for k in ("question", "background", "snr", "size", "classifier"))
        groups.setdefault(where, {}).setdefault(c["method"], {})[c["seed"], c["fold"]] = unpacked(c["right"], c["n"])
    rows = []
    for where, found in sorted(groups.items(), key=str):
        same = [name for name in methods if name in found]
        against = found.get("log-mel")
        p: list[float] = []
        some = []
        for name in same:
            folds = found[name]
            row = dict(zip(("question", "background", "snr", "size", "classifier"), where, strict=True))
            row |= dict(method=name, folds=len(folds), n=sum(map(len, folds.values())),
                        accuracy=round(float(np.mean([f.mean() for f in folds.values()])), 4),
                        interval=interval(list(folds.values())))
            both = sorted(set(folds) & set(against)) if against and name != "log-mel" else []
            if against is not None and both:
                apart = [folds[k].astype(float) - against[k] for k in both]
                won, lost = (int(sum((a == v).sum() for a in apart)) for v in (1, -1))
                row |= dict(difference=round(float(np.mean([a.mean() for a in apart])), 4),
                            difference_interval=interval(apart))
                p.append(binomtest(won, won + lost).pvalue if won + lost else 1.0)
                some.append(row)
            rows.append(row)
        for row, corrected in zip(some, holm(p), strict=True): row["p"] = float(f"{corrected:.2g}")
    for row in rows:
        if "p" in row:  # 1 or -1: by both, over sounds and over folds (speakers, seeds)
            low, high = row["difference_interval"]
            row["sure"] = (row["p"] < 0.05) * ((low > 0) - (high < 0))
    nmi: dict[tuple[Any, ...], list[float]] = {}
    costs: dict[tuple[str, str], list[float]] = {}
    for c in cells:
        where = tuple(c.get(k) for k in ("question", "background", "snr", "method"))
        if "nmi" in c: nmi.setdefault(where, []).append(c["nmi"])
        if "cost" in c: costs.setdefault((c["task"], c["method"]), []).append(c["cost"])
    groups_ = [dict(zip(("question", "background", "snr", "method"), k, strict=True), nmi=round(float(np.mean(v)), 4),
                    seeds=len(v)) for k, v in nmi.items()]
    cost = [dict(task=t, method=m, seconds=float(f"{np.median(v):.3g}")) for (t, m), v in costs.items()]
    return dict(date=str(date.today()), settings=settings, versions=versions(), cells=len(cells), rows=rows,
                units=groups_, costs=cost)


def versions() -> dict[str, str]:
    found = {}
    for name in packages:
        try: found[name] = version(name)
        except PackageNotFoundError: continue
    return found


def table(result: dict[str, Any], classifier: str = "logistic", size: str = "large") -> str:
    "Accuracies in per cent, a method each row, a condition each column."
    rows = [r for r in result["rows"] if (r["classifier"], r["size"]) == (classifier, size)]
    columns = list(dict.fromkeys((r["question"], r["background"], r["snr"]) for r in rows))
    found = {(r["method"], r["question"], r["background"], r["snr"]): r for r in rows}
    head = [f"{q}, {'clean' if snr is None else f'{background} {snr:g} dB'}" for q, background, snr in columns]
    lines = [f"| {classifier}, {size} | {' | '.join(head)} |", "| --- |" + " ---: |" * len(columns)]
    for name in methods:
        if not any(key[0] == name for key in found): continue
        shown = []
        for column in columns:
            r = found.get((name, *column))
            mark = ("", "+", "−")[r.get("sure", 0)] if r else ""
            shown.append(f"{100 * r['accuracy']:.1f}{mark}" if r else "–")
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=3.0, help="begin nothing new after so long [h]")
    parser.add_argument("--cells", type=Path, default=ROOT / "downstream.jsonl", help="file of finished cells")
    parser.add_argument("--takes", type=int, default=50, help="takes of each speaker and digit, 5 to 50")
    parser.add_argument("--seeds", type=int, default=5, help="how often synthetic sounds are made anew")
    parser.add_argument("--counts", type=int, nargs=3, default=(8, 3, 6), help="sounds of each class and part")
    parser.add_argument("--tasks", nargs="+", choices=tasks, default=list(tasks))
    parser.add_argument("--methods", nargs="+", choices=methods, default=installed())
    parser.add_argument("--classifiers", nargs="+", choices=("logistic", "nearest", "network"),
                        default=["logistic", "nearest", "network"])
    parser.add_argument("--workers", type=int, default=1, help="processes; two cores take two")
    parser.add_argument("--plan", action="store_true", help="print what is done and what the rest will take")
    parser.add_argument("--report", action="store_true", help="print the table and store it")
    parser.add_argument("--result", type=Path, default=stored, help="where --report stores it")
    parser.add_argument("--resume", type=Path, help="cells that --report has stored: go on from them in --cells")
    parser.add_argument("--quick", action="store_true", help="a small case")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    args.folder = recordings_folder()
    if args.hours <= 0: parser.error(f"--hours {args.hours}: not > 0")
    if not 5 <= args.takes <= 50: parser.error(f"--takes {args.takes}: not from 5 to 50")
    if args.seeds < 1 or min(args.counts) < 1 or args.workers < 1:
        parser.error("--seeds, --counts and --workers are not >= 1")
    if args.quick:
        args.seeds, args.counts, args.takes, args.tasks, args.folder = 1, (2, 1, 1), 5, ["detection"], None
        args.methods = [name for name in ("log-mel", "level", "level + shape", "three Qs") if name in args.methods]
    if args.resume:
        if args.cells.exists(): parser.error(f"--cells {args.cells} is there, and goes on without --resume")
        write(args.cells, lzma.decompress(args.resume.read_bytes()))
    if args.plan:
        print(told(outlook(args)))
        return
    if not args.report: run(args)
    if args.report or args.quick:
        result = summary(args.cells) | dict(outlook=outlook(args))
        write(args.result.with_suffix(".jsonl.xz"), lzma.compress(args.cells.read_bytes(), preset=9))
        lines = [json.dumps(k) + ": " + (
            "[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in v) + "]" if isinstance(v, list)
            else json.dumps(v)) for k, v in result.items()]
        write(args.result, ("{" + ",\n".join(lines) + "}\n").encode())
        for classifier in args.classifiers: print("\n" + table(result, classifier))


if __name__ == "__main__":
    main()
