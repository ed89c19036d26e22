"""What reassigned pictures are good for: sounds told apart from features of equal size, by simple classifiers.

    python benchmarks/downstream.py --hours 3                      # the whole table, in order of importance; resumes
    python benchmarks/downstream.py --hours 0.6 --takes 10 --seeds 2   # a part of it
    python benchmarks/downstream.py --report                       # the table so far, stored in benchmarks/results
    python benchmarks/downstream.py --quick                        # a small case; name --cells and --result too

Spoken digits are read from the folder that HYPERRES_RECORDINGS names (the Free Spoken Digit Dataset in
`spoken_digits`, real backgrounds in `everyday` and `forest`); everything else is made by seeds, bit for bit the same
each time. A finished cell is a line of `--cells`; an interrupted run goes on there. Nothing but the validation part
chooses a setting: of a method (its window, its Q), of a classifier (its penalty, its number of neighbours, its epochs).
No sound of the test has its speaker, its take or its background's recording in the training.
"""

import argparse
import json
import os
import warnings
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from downstream_methods import computed, dear, installed, methods
from downstream_sounds import Sounds, digits, makers, mixed, tasks

ROOT = Path(__file__).resolve().parent.parent
stored = ROOT / "benchmarks" / "results" / "downstream.json"
sizes = {"small": 0.25, "large": 1.0}  # share of the training sounds
penalties, neighbours = (0.03, 0.003, 0.3), (1, 3, 5, -1, -3, -5)  # the first while a variant is chosen
packages = ("numpy", "scipy", "scikit-learn", "librosa", "ssqueezepy", "kymatio", "torch", "spectral_hyperresolution")
drawn = ("log-mel", "level", "level + shape", "three Qs")  # methods that the network is trained on, unless --cnn all


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
    for fold in range(5):  # takes held out
        order = np.random.default_rng([8, fold]).permutation(takes)
        where = np.empty(takes, int)
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


def logistic(X: np.ndarray, y: np.ndarray, others: list[np.ndarray], setting: float) -> list[np.ndarray]:
    "Logistic regression of standardised features, with a penalty 1/C."
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(X)
    model = LogisticRegression(C=setting, max_iter=100, tol=1e-2).fit(scale.transform(X), y)
    return [model.predict(scale.transform(Z)) for Z in others]


def nearest(X: np.ndarray, y: np.ndarray, others: list[np.ndarray], setting: float) -> list[np.ndarray]:
    "The nearest neighbours; of standardised features where their number is negative."
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler

    put = StandardScaler().fit(X).transform if setting < 0 else np.asarray
    model = KNeighborsClassifier(abs(int(setting))).fit(put(X), y)
    return [model.predict(put(Z)) for Z in others]


untrained = {"logistic": (logistic, penalties), "nearest": (nearest, neighbours)}


def network(X: np.ndarray, y: np.ndarray, others: list[np.ndarray], judge: np.ndarray, seed: int) -> list[np.ndarray]:
    "A small convolutional network, stopped where the validation part (the first of `others`, `judge`) is best."
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    mean, std = X.mean((0, 2, 3), keepdims=True), X.std((0, 2, 3), keepdims=True) + 1e-6
    put = [torch.tensor((Z - mean) / std, dtype=torch.float32) for Z in (X, *others)]
    known, wanted = np.unique(y, return_inverse=True)
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(X.shape[1], 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveMaxPool2d((4, 2)),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(256, len(known)),
    )
    optimiser = torch.optim.Adam(model.parameters(), 2e-3, weight_decay=1e-4)
    target, best, answer = torch.tensor(wanted), -1.0, []
    for _ in range(20):
        model.train()
        for rows in torch.randperm(len(target)).split(32):
            if len(rows) < 2: continue
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(put[0][rows]), target[rows]).backward()
            optimiser.step()
        model.eval()
        with torch.no_grad(): found = [known[model(Z).argmax(1).numpy()] for Z in put[1:]]
        if (right := np.mean(found[0] == judge)) > best: best, answer = right, found
    return answer


def judged(features: dict[str, np.ndarray], y: np.ndarray, part: np.ndarray, train: np.ndarray, names: list[str],
           seed: int) -> Iterator[dict[str, Any]]:
    "A record of each classifier: its choice by validation, and which sounds of the test it got right."
    judge, test = part == 1, part == 2
    chosen = ""
    for name, (fit, settings) in untrained.items():
        if name not in names: continue

        def tried(variant: str, setting: float, fit: Any = fit) -> tuple[float, str, float, np.ndarray]:
            flat = features[variant].reshape(len(y), -1)
            there, here = fit(flat[train], y[train], [flat[judge], flat[test]], setting)
            return float(np.mean(there == y[judge])), variant, setting, here == y[test]
        best = max((tried(variant, settings[0]) for variant in features), key=lambda t: t[0])
        best = max([best, *(tried(best[1], setting) for setting in settings[1:])], key=lambda t: t[0])
        chosen = chosen or best[1]
        yield dict(classifier=name, variant=best[1], setting=best[2], validation=round(best[0], 5), right=best[3])
    if "network" in names:
        table = features[chosen or next(iter(features))]
        there, here = network(table[train], y[train], [table[judge], table[test]], y[judge], seed)
        score = round(float(np.mean(there == y[judge])), 5)
        yield dict(classifier="network", variant=chosen, setting=0, validation=score, right=here == y[test])


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


def jobs(args: argparse.Namespace) -> list[tuple[str, str, float | None, int]]:
    "(task, background, SNR, seed), what matters most first."
    found: list[tuple[str, str, float | None, int]] = []
    wanted = [t for t in args.tasks if t != "digits" or args.folder is not None]
    for background in ("white",) if args.quick else ("white", "pink", "real"):
        if background == "real" and args.folder is None: continue
        for seed, rank, task in product(range(args.seeds), range(1 if args.quick else 3), wanted):
            snr = tasks[task].snrs[rank]
            if task == "digits" and seed or snr is None and background != "white": continue
            found.append((task, background if snr is not None else "none", snr, seed))
    return found


def urgency(job: tuple[str, str, float | None, int], dear: bool) -> tuple[int, ...]:
    "What is measured first: white noise, the first seed, the SNR named first; methods that cost much, a little later."
    task, background, snr, seed = job
    turn = 2 * tasks[task].snrs.index(snr) + dear
    return ("none", "white", "pink", "real").index(background) > 1, seed, turn * (3 if task == "digits" else 1)


def run(args: argparse.Namespace) -> None:
    "Measure what is not among the cells yet, until time is up."
    settings = dict(takes=args.takes, counts=list(args.counts), methods=args.methods, classifiers=args.classifiers,
                    cnn=args.cnn, floor=-80, version=2)
    done = begun(args.cells, settings)
    start, plan = perf_counter(), jobs(args)
    turns = sorted(((job, tier) for job in plan for tier in (False, True)), key=lambda turn: urgency(*turn))
    for i, ((task, background, snr, seed), tier) in enumerate(turns):
        todo = [name for name in args.methods if (name in dear) == tier
                and (task, background, snr, seed, name) not in done]
        if not todo: continue
        s = digits(args.folder, args.takes) if task == "digits" else makers[task](seed, args.counts)
        if perf_counter() - start > 3600 * args.hours:
            print(f"time is up after {i} of {len(turns)} jobs; the same command goes on", flush=True)
            return
        x = mixed(s, tasks[task].sr, background, snr, seed, args.folder)
        features, cost = computed(x, tasks[task], todo)
        length = sum(map(len, x)) / tasks[task].sr
        for name in todo:
            where = dict(task=task, background=background, snr=snr, seed=seed, method=name)
            lines = [where | cell for cell in measured(args, where, s, features[name])]
            lines.append(where | dict(cost=cost[name] / length, finished=True))
            with args.cells.open("a", encoding="utf-8") as out: out.write("".join(json.dumps(c) + "\n" for c in lines))
            share = (i + todo.index(name) / len(todo)) / len(turns)
            so_far = f"{share:4.0%}  {perf_counter() - start:6.0f} s"
            print(f"{so_far}  {task} {background} {snr} seed {seed}  {name}", flush=True)
    print("all of it is measured", flush=True)


def measured(args: argparse.Namespace, where: dict[str, Any], s: Sounds,
             features: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    "The cells of one method in one condition."
    name = where["method"]
    middle = list(features.values())[len(features) // 2]  # nothing chooses without labels
    asked = set()
    for question, fold, y, part in divisions(where["task"], s, where["seed"], where["background"]):
        for size, share in sizes.items():
            drawn_now = args.cnn == "all" or name in drawn and size == "large" and question != "speaker"
            names = [c for c in args.classifiers if c != "network" or drawn_now]
            for cell in judged(features, y, part, subset(y, part, share, fold), names, fold):
                right = cell.pop("right")
                yield cell | dict(question=question, fold=fold, size=size, n=len(right), right=packed(right),
                                  accuracy=round(float(right.mean()), 5))
        if question not in asked:
            yield dict(question=question, fold=fold, classifier="k-means", nmi=round(units(middle, y), 5))
        asked.add(question)


def begun(path: Path, settings: dict[str, Any]) -> set[tuple[Any, ...]]:
    "What a file of cells has finished; a line that was cut short, and the job that it belongs to, are dropped."
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dict(settings=settings)) + "\n", encoding="utf-8")
        return set()
    before, cells = read_cells(path)
    if before != settings:
        other = sorted(k for k in before | settings if before.get(k) != settings.get(k))
        raise ValueError(f"{path} was begun with other {', '.join(other)}: name another file with --cells")
    finished = {key(c) for c in cells if c.get("finished")}
    kept = [c for c in cells if key(c) in finished]
    text = "".join(json.dumps(line) + "\n" for line in (dict(settings=settings), *kept))
    beside = path.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
    return finished


def key(cell: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(cell[k] for k in ("task", "background", "snr", "seed", "method"))


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
    finished = {key(c) for c in cells if c.get("finished")}
    cells = [c for c in cells if key(c) in finished]
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
            mark = "" if not r or r.get("p", 1) >= 0.05 else "+" if r["difference"] > 0 else "−"
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
    parser.add_argument("--cnn", choices=("some", "all"), default="some", help="methods that the network is trained on")
    parser.add_argument("--report", action="store_true", help="print the table and store it")
    parser.add_argument("--result", type=Path, default=stored, help="where --report stores it")
    parser.add_argument("--quick", action="store_true", help="a small case")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    args.folder = recordings_folder()
    if args.hours <= 0: parser.error(f"--hours {args.hours}: not > 0")
    if not 5 <= args.takes <= 50: parser.error(f"--takes {args.takes}: not from 5 to 50")
    if args.seeds < 1 or min(args.counts) < 1: parser.error("--seeds and --counts are not >= 1")
    if args.quick:
        args.seeds, args.counts, args.takes, args.tasks, args.folder = 1, (3, 1, 2), 5, ["detection"], None
        args.methods = [name for name in args.methods if name in drawn]
    if not args.report: run(args)
    if args.report or args.quick:
        result = summary(args.cells)
        args.result.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(k) + ": " + (
            "[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in v) + "]" if isinstance(v, list)
            else json.dumps(v)) for k, v in result.items()]
        args.result.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
        for classifier in args.classifiers: print("\n" + table(result, classifier))


if __name__ == "__main__":
    main()
