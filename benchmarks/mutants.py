"""Do the tests fail when they should? Small faults are put into the modules one at a time, and the tests run on each.

    python benchmarks/mutants.py --times                   # once: how long each test takes on this machine
    python benchmarks/mutants.py --sample 120 --seed 1     # draw mutants from all modules, run and judge them
    python benchmarks/mutants.py --module engine.gate      # every mutant of one module
    python benchmarks/mutants.py --report                  # every verdict so far on the modules as they are

A mutant is one changed place: a comparison, an operator, a constant, a condition, a function's twin, a statement left
out. Exported code stands twice, in its chapter and in its module: the fault goes into both. It is judged in a copy of
the tree by its own chapter, by the test files that import its module, and by those further away, until one fails.
Results are kept in build/mutants; what has been judged is not judged again, unless --again names its outcome.
Survivors that no test can kill are argued, one line each, in mutants_equivalent.toml.
"""

import argparse
import ast
import copy
import difflib
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import hypothesis  # noqa: F401  (loaded before a process is forked, as are the next)
import matplotlib.pyplot  # noqa: F401
import numba
import pytest
import scipy.ndimage
import scipy.signal
import scipy.stats  # noqa: F401
from nbdev.test import test_nb

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "spectral_hyperresolution"
ARGUED = Path(__file__).with_name("mutants_equivalent.toml")
SKIPPED_MODULES = {f"{PACKAGE}._modidx", f"{PACKAGE}.__init__"}
# what needs a browser or builds the site, and what tests other programs than the modules
SKIPPED_TESTS = {"test_site", "test_explorer_browser", "test_live_browser", "test_sliders", "test_chapters",
                 "test_docs", "test_settings", "test_types", "test_layers", "test_import", "test_notebooks",
                 "test_mutants"}
# what judges a module best, where its tests reach it through others
BEST = {"engine.steps": "test_tolerance", "engine.filling": "test_tolerance", "engine.fast": "test_tolerance",
        "engine.batches": "test_tolerance", "engine.running": "test_reference", "engine.parity": "test_reference",
        "plot": "test_plot", "explore.server": "test_explorer"}
CELL = re.compile(r"^# %% (\S+\.ipynb) #(\w+)$", re.MULTILINE)


# ---- where a fault can be put, and which

TWINS = {a: b for pair in ("min max", "minimum maximum", "floor ceil", "sin cos", "argmin argmax", "any all",
                           "real imag", "zeros ones", "log log2", "rfft fft", "hstack vstack")
         for a, b in (pair.split(), pair.split()[::-1])}
COMPARISONS = {ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.Lt],
               ast.GtE: [ast.Gt, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot],
               ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In]}
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mod,
             ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}


def numbers(value: Any) -> list[Any]:
    "What to put in a constant's place."
    if isinstance(value, bool): return [not value]
    if isinstance(value, int): return [value + 1, value - 1, 2 * value] if value > 2 else [value + 1, value - 1]
    return [2 * value or 1.0, -value] if isinstance(value, float) else []


def changed(node: ast.AST, **fields: Any) -> Any:
    new = copy.copy(node)
    for name, value in fields.items(): setattr(new, name, value)
    return new


def faults(node: ast.AST) -> Iterator[ast.AST | None]:
    "Every faulty version of one node; None leaves a statement out."
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for other in COMPARISONS[type(op)]:
                yield changed(node, ops=[*node.ops[:i], other(), *node.ops[i + 1:]])
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        text = isinstance(node.left, ast.JoinedStr) or isinstance(getattr(node.left, "value", None), str)
        if not text: yield changed(node, op=OPERATORS[type(node.op)]())
    elif isinstance(node, ast.Constant):
        yield from (changed(node, value=value) for value in numbers(node.value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert): yield node.operand
    elif isinstance(node, ast.BoolOp):
        yield changed(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
        yield from (value for value in node.values)
    elif isinstance(node, ast.IfExp): yield changed(node, body=node.orelse, orelse=node.body)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in TWINS:
        yield changed(node, id=TWINS[node.id])
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in TWINS:
        yield changed(node, attr=TWINS[node.attr])
    elif isinstance(node, ast.Call) and node.keywords:
        for i, keyword in enumerate(node.keywords):
            kept = [*node.keywords[:i], *node.keywords[i + 1:]]
            # zip's strict=True asserts; it changes nothing that is right
            if keyword.arg not in (None, "strict"): yield changed(node, keywords=kept)
    elif isinstance(node, ast.AugAssign):
        yield None
        if type(node.op) in OPERATORS: yield changed(node, op=OPERATORS[type(node.op)]())
    elif isinstance(node, ast.Raise | ast.Continue | ast.Break): yield None
    if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant): yield None


def places(node: ast.AST) -> Iterator[ast.AST]:
    "The nodes of a program that are mutated, in order: no annotation, no text of a message, nothing for types alone."
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert): return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING": return
    if isinstance(node, ast.keyword) and node.arg == "strict": return
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__": return
    yield node
    if isinstance(node, ast.Raise): return
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "op", "ops", "ctx"): continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST): yield from places(child)


def versions(source: str) -> list[tuple[ast.AST, ast.AST | None]]:
    "All (node, faulty version) of a program."
    return [(node, fault) for node in places(ast.parse(source)) for fault in faults(node)]


def replaced(source: str, node: ast.AST, fault: ast.AST | None) -> str:
    "The program's text with one node replaced."
    lines = source.encode().splitlines(keepends=True)
    begin = sum(map(len, lines[:node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[:node.end_lineno - 1])) + node.end_col_offset
    text = "pass" if fault is None else ast.unparse(fault)
    if isinstance(fault, ast.expr) and not isinstance(fault, ast.Name | ast.Call | ast.Attribute): text = f"({text})"
    whole = b"".join(lines)
    return (whole[:begin] + text.encode() + whole[end:]).decode()


@dataclass(frozen=True)
class Mutant:
    "One fault: the cell of a module (the whole file, where it isn't exported) and the fault's number in it."
    module: str
    notebook: str | None
    cell: str | None
    number: int

    @property
    def path(self) -> Path: return Path(self.module.replace(".", "/") + ".py")

    @property
    def key(self) -> str:
        "A name that changes with the source, so that a result is not taken for that of another text."
        text = segment((ROOT / self.path).read_text(encoding="utf-8"), self.cell)[1]
        return f"{self.module}:{self.cell}:{self.number}:{hashlib.sha1(text.encode()).hexdigest()[:8]}"

    def module_text(self, source: str) -> str:
        before, text, after = segment(source, self.cell)
        return before + replaced(text, *versions(text)[self.number]) + after

    def notebook_text(self, source: str) -> str:
        "The notebook with the same fault in its own cell."
        book = json.loads(source)
        cell = next(c for c in book["cells"] if c.get("id") == self.cell)
        text, module = "".join(cell["source"]), (ROOT / self.path).read_text(encoding="utf-8")
        exported = versions(segment(module, self.cell)[1])
        if len(versions(text)) != len(exported): raise ValueError(f"{self.key}: run nbdev-export first")
        cell["source"] = replaced(text, *versions(text)[self.number]).splitlines(keepends=True)
        return json.dumps(book, ensure_ascii=False)

    def diff(self) -> tuple[str, str]:
        "The changed lines, and the first of them before the change."
        before = (ROOT / self.path).read_text(encoding="utf-8")
        lines = [line for line in difflib.unified_diff(before.splitlines(), self.module_text(before).splitlines(), n=0,
                                                       lineterm="") if not line.startswith(("---", "+++", "@@"))]
        return "\n".join(lines), lines[0][1:].strip() if lines else ""


def segment(source: str, cell: str | None) -> tuple[str, str, str]:
    "A module cut into what stands before a cell, the cell, and what stands after it."
    if cell is None: return "", source, ""
    marks = [*CELL.finditer(source)]
    i = next(i for i, mark in enumerate(marks) if mark[2] == cell)
    begin, end = marks[i].end() + 1, marks[i + 1].start() if i + 1 < len(marks) else len(source)
    return source[:begin], source[begin:end], source[end:]


def mutants(module: str) -> list[Mutant]:
    "All mutants of a module, in the order of its text."
    source = (ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    cells: list[tuple[str | None, str | None]] = [(Path(m[1]).name, m[2]) for m in CELL.finditer(source)]
    return [Mutant(module, notebook, cell, i) for notebook, cell in cells or [(None, None)]
            for i in range(len(versions(segment(source, cell)[1])))]


@cache
def fingerprint(judge: str) -> str:
    "A hash of a test file or a chapter."
    return hashlib.sha1(text_of(judge).encode()).hexdigest()[:8]


@cache
def modules() -> list[str]:
    paths = sorted((ROOT / PACKAGE).rglob("*.py"))
    names = [str(path.relative_to(ROOT).with_suffix("")).replace(os.sep, ".") for path in paths]
    return [name for name in names if name not in SKIPPED_MODULES and not name.endswith(".__init__")]


def sample(names: list[str], n: int, seed: int) -> list[Mutant]:
    "Mutants in proportion to each module's mutable places, at least one of each; what a module gives is its own draw."
    every, found = {name: mutants(name) for name in names}, []
    for name, these in every.items():
        rng = random.Random(f"{seed} {name}")
        share = n * len(these) / sum(map(len, every.values()))
        found += rng.sample(these, min(len(these), max(1, int(share + rng.random()))))
    return found


# ---- who judges


def imported(source: str, package: str) -> set[str]:
    "The package's modules that a program imports, anywhere in it."
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import): found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package.split(".")[:len(package.split(".")) - node.level + 1]] if node.level else [])
            name = ".".join(filter(None, [base, node.module]))
            found |= {name, *(f"{name}.{a.name}" for a in node.names)}
    return found


@cache
def graph() -> dict[str, set[str]]:
    "What each module, test file and chapter imports."
    names, out = set(modules()), {}
    for name in modules():
        source = (ROOT / (name.replace(".", "/") + ".py")).read_text(encoding="utf-8")
        out[name] = imported(source, name.rpartition(".")[0]) & names
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        if path.stem not in SKIPPED_TESTS: out[path.stem] = imported(path.read_text(encoding="utf-8"), "") & names
    for path in sorted((ROOT / "nbs").glob("[0-9]*.ipynb")):
        code = ["".join(c["source"]) for c in json.loads(path.read_text(encoding="utf-8"))["cells"]
                if c["cell_type"] == "code"]
        out[path.stem] = set()
        for text in code:
            with suppress(SyntaxError): out[path.stem] |= imported(text, PACKAGE) & names
    door = {f"{PACKAGE}.spectrogram"}                                  # what the package itself offers
    for name in out:
        if re.match(r"test_|\d{3}_", name) and f"from {PACKAGE} import" in text_of(name): out[name] |= door
    return out


def text_of(name: str) -> str:
    path = ROOT / "tests" / f"{name}.py" if name.startswith("test_") else ROOT / "nbs" / f"{name}.ipynb"
    return path.read_text(encoding="utf-8")


def distance(judge: str, module: str) -> int | None:
    "How many imports lie between a judge and a module; None where there is no way."
    seen, front, steps = {judge}, {judge}, 0
    while front:
        if module in front: return steps
        front = {other for name in front for other in graph().get(name, set())} - seen
        seen |= front
        steps += 1
    return None


def times(folder: Path) -> dict[str, float]:
    "Seconds that each judge takes, from the run of --times."
    if not (folder / "times.xml").is_file(): return {}
    found: Counter[str] = Counter()
    for case in ElementTree.parse(folder / "times.xml").iter("testcase"):
        chapter = re.fullmatch(r"test_notebook\[(.+)\]", case.get("name", ""))
        found[chapter[1] if chapter else case.get("classname", "").rpartition(".")[2]] += float(case.get("time", 0))
    return dict(found)


def judges(mutant: Mutant, spent: dict[str, float], budget: float) -> list[str]:
    "Its own chapter, then test files and a few chapters that import it, nearest and fastest first, within a budget."
    own = [Path(mutant.notebook).stem] if mutant.notebook else []
    best = BEST.get(mutant.module.removeprefix(PACKAGE + "."))
    found, left = own + [best] * (best is not None), budget
    others = [(steps, spent.get(name, 10), name) for name in graph() if name.startswith("test_") and name != best
              and (steps := distance(name, mutant.module)) is not None]
    others += [(2, spent.get(name, 10), name) for name, known in graph().items() if name[0].isdigit()
               and name not in own and mutant.module in known][:5]
    for _, seconds, name in sorted(others):
        if seconds <= left or not found: found, left = [*found, name], left - seconds
    return found


# ---- running


def refresh(tree: Path) -> None:
    "Make a copy of the repository's files as they are now; files that are the same stay untouched, for numba's cache."
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True,
                            check=True, text=True).stdout.split("\0")
    for name in filter(None, listed):
        source, target = ROOT / name, tree / name
        if not source.is_file() or target.is_file() and target.read_bytes() == source.read_bytes(): continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def started(work: Callable[[], int], tree: Path, said: Path, seconds: float, cache: str) -> int:
    """Fork a process that does `work` in a tree, with an allowance of processor time; its number. The libraries are
    loaded already: that is half the time of a small chapter."""
    if pid := os.fork(): return pid
    status = 3
    try:
        os.setsid()
        os.nice(5)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2): os.dup2(out, stream)
        os.chdir(tree)
        reference = ROOT.parent / "shared" / "reference"
        if reference.is_dir(): os.environ.setdefault("HYPERRES_REFERENCE", str(reference))
        os.environ.update(PYTHONPATH=str(tree), OMP_NUM_THREADS="1", MPLBACKEND="agg")
        if cache:
            os.environ["NUMBA_CACHE_DIR"] = cache
            numba.config.reload_config()
        sys.path.insert(0, str(tree))
        status = work()
    except BaseException as error: print(f"{type(error).__name__}: {error}", flush=True)
    finally:
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(status)


def chapter(name: str) -> int:
    "Run a chapter's cells in this process; 0 if none fails."
    passed, seconds = test_nb(f"nbs/{name}.ipynb", basepath=".", cell_timeout=900)
    return 0 if passed is True and seconds > 0 else 1


def tests(*arguments: str) -> int:
    return int(pytest.main(["-n", "0", "-x", "-q", "-p", "no:cacheprovider", "--tb=line", "-m", "", *arguments]))


class Judging:
    "One mutant on its way from judge to judge, in a tree that is left as it was."

    def __init__(self, mutant: Mutant, tree: Path, spent: dict[str, float], budget: float,
                 asked: dict[str, str]) -> None:
        self.mutant, self.tree, self.begun = mutant, tree, time.perf_counter()
        self.key, (self.change, self.line) = mutant.key, mutant.diff()
        self.said, self.asked = tree.with_suffix(".said"), dict(asked)
        # who let it pass before, and has not changed, is not asked again
        these = [n for n in judges(mutant, spent, budget) if asked.get(n) != fingerprint(n)]
        own = [n for n in these if mutant.notebook and n == Path(mutant.notebook).stem]
        near = [n for n in these if n[0] == "t" and (distance(n, mutant.module) == 1
                                                or n == BEST.get(mutant.module.removeprefix(PACKAGE + ".")))]
        cost = lambda names: sum(spent.get(n, 10) for n in names)
        # the chapter, unless the tests that import the module themselves are faster; then all others
        groups = [own, near, [n for n in these if n not in own and n not in near]]
        if near and own and cost(near) < cost(own): groups[:2] = near, own
        self.steps = [(partial(chapter, group[0]) if group and group == own else partial(tests, *map(self.test, group)),
                       120 + 8 * cost(group), group) for group in groups if group]
        files = {mutant.path: mutant.module_text}
        if mutant.notebook: files[Path("nbs") / mutant.notebook] = mutant.notebook_text
        self.kept = {path: ((tree / path).read_bytes(), (tree / path).stat()) for path in files}
        for path, edit in files.items():
            (tree / path).write_text(edit(self.kept[path][0].decode()), encoding="utf-8")
        # numba looks whether a loop's own file has changed, not whether one that it calls has: compile all anew
        text = self.kept[mutant.path][0].decode()
        loops = re.search(r"^ *@_(loose|strict)|^_loose", text, re.MULTILINE)
        self.fresh = tempfile.TemporaryDirectory() if loops else None
        self.pid = 0
        self.next()

    @staticmethod
    def test(name: str) -> str:
        return f"tests/{name}.py" if name[0] == "t" else f"tests/test_notebooks.py::test_notebook[{name}]"

    def next(self) -> bool:
        "Begin the next step; False where there is none."
        if not self.steps: return False
        work, seconds, group = self.steps.pop(0)
        self.asked |= {name: fingerprint(name) for name in group}
        self.pid = started(work, self.tree, self.said, seconds, self.fresh.name if self.fresh else "")
        return True

    def end(self, status: int) -> dict[str, Any] | None:
        "A step has ended with this wait status: the verdict, or None where the next one has begun."
        said = self.said.read_text(errors="replace") if self.said.is_file() else ""
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 5:    # no test was run
            if " skipped" not in said: raise RuntimeError(f"no test was found: {said}")
            status = 0
        if status == 0 and self.next(): return None
        if self.pid:
            with suppress(ProcessLookupError): os.killpg(self.pid, signal.SIGKILL)   # what a test has left behind
        for path, (content, stat) in self.kept.items():
            (self.tree / path).write_bytes(content)
            os.utime(self.tree / path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        if self.fresh: self.fresh.cleanup()
        late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)
        first = re.search(r"^(?:FAILED|ERROR) (\S+)|^(\w*(?:Error|Exception)\b.*)", said, re.MULTILINE)
        by = "time" if late else (first[1] or first[2]) if status and first else ""
        return dict(key=self.key, module=self.mutant.module, outcome="killed" if status else "survived", by=by[:200],
                    line=self.line, diff=self.change, asked=self.asked, status=status,
                    seconds=round(time.perf_counter() - self.begun, 1))


def judged(todo: list[Mutant], trees: list[Path], spent: dict[str, float], budget: float,
           done: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    "The verdicts on all mutants, as they come, one mutant in each tree at a time."
    waiting, running = todo[::-1], {}
    while waiting or running:
        while trees and waiting:
            mutant = waiting.pop()
            judging = Judging(mutant, trees.pop(), spent, budget, done.get(mutant.key, {}).get("asked", {}))
            if judging.pid: running[judging.pid] = judging
            else:
                trees.append(judging.tree)
                yield judging.end(0)
        pid, status = os.wait()
        judging = running.pop(pid)
        if (verdict := judging.end(status)) is None: running[judging.pid] = judging
        else:
            trees.append(judging.tree)
            yield verdict


def argued() -> dict[tuple[str, str], str]:
    "(module, line) → why no test can see a change of it."
    if not ARGUED.is_file(): return {}
    table = tomllib.loads(ARGUED.read_text(encoding="utf-8"))
    return {(f"{PACKAGE}.{e['module']}", e["diff"].strip()): e["why"] for e in table.get("equivalent", [])}


def report(results: list[dict[str, Any]]) -> int:
    "Print survivors and a table; the number of survivors that nobody has argued."
    reasons, open_, rows = argued(), 0, {}
    for r in results:
        why = reasons.get((r["module"], r["diff"].strip()))
        state = r["outcome"] if r["outcome"] == "killed" else "equivalent" if why else "survived"
        rows.setdefault(r["module"], Counter())[state] += 1
        if state == "survived":
            open_ += 1
            print(f"survived: {r['module']}\n{r['diff']}\n")
        elif why: print(f"equivalent: {r['module']}\n{r['diff']}\n    {why}\n")
    print("| module | mutants | killed | equivalent | survived |\n| --- | ---: | ---: | ---: | ---: |")
    for name, n in sorted([*rows.items(), ("all", sum(rows.values(), Counter()))], key=lambda r: (r[0] == "all", r[0])):
        print(f"| {name.removeprefix(PACKAGE + '.')} | {n.total()} | {n['killed']} | {n['equivalent']} |"
              f" {n['survived']} |")
    total = len(results) - sum(n["equivalent"] for n in rows.values())
    if total: print(f"\n{open_} of {total} survive that are not equivalent: {100 * open_ / total:.1f} %")
    return open_


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--sample", type=int, metavar="N", help="draw about N, in proportion to each module's mutable places")
    add("--seed", type=int, default=0)
    add("--module", action="append", help="these modules alone, such as engine.gate")
    add("--skip", action="append", default=[], help="not the modules that begin like this")
    add("--budget", type=float, default=150, help="seconds of tests beside the own chapter (default: %(default)s)")
    add("--workers", type=int, default=1, help="mutants at a time")
    add("--again", action="append", default=[],
        help="judge those alone, once more, that had this outcome and are not argued equivalent")
    add("--report", action="store_true", help="run nothing; show every verdict on the modules as they are")
    add("--list", action="store_true", help="only say what would be judged, and by whom")
    add("--times", action="store_true", help="measure how long each test takes")
    add("--folder", type=Path, default=ROOT / "build" / "mutants", help="copies of the tree, and results")
    args = parser.parse_args(argv)
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.times:
        refresh(tree := args.folder / "tree0")
        files = [f"tests/{name}.py" for name in graph() if name.startswith("test_")]
        work = partial(tests, "--maxfail=1000", *files, "tests/test_notebooks.py",
                       f"--junitxml={args.folder / 'times.xml'}")
        started(work, tree, said := args.folder / "times.said", 7200, "")
        status = os.wait()[1]
        print(said.read_text()[-1500:])
        return int(status != 0)
    spent, log = times(args.folder), args.folder / "results.jsonl"
    names = [f"{PACKAGE}.{m}" for m in args.module] if args.module else modules()
    names = [m for m in names if not any(m.startswith(f"{PACKAGE}.{s}") for s in args.skip)]
    chosen = sample(names, args.sample, args.seed) if args.sample else [m for name in names for m in mutants(name)]
    done = {r["key"]: r for r in map(json.loads, log.read_text(encoding="utf-8").splitlines())} if log.is_file() else {}
    todo = [m for m in chosen if m.key not in done]
    if args.again:
        todo = [m for m in chosen if m.key in done and done[m.key]["outcome"] in args.again
                and (m.module, done[m.key]["diff"].strip()) not in argued()]
    if args.list:
        for m in todo: print(m.key, m.diff()[0], judges(m, spent, args.budget), sep="\n", end="\n\n")
        print(f"{len(todo)} of {len(chosen)} are to be judged; the modules have {sum(len(mutants(n)) for n in names)}")
        return 0
    if not args.report:
        trees = [args.folder / f"tree{i}" for i in range(args.workers)]
        for tree in trees: refresh(tree)
        todo.sort(key=lambda m: spent.get(Path(m.notebook or "").stem, 10))
        with open(log, "a", encoding="utf-8") as file:
            for n, verdict in enumerate(judged(todo, trees, spent, args.budget, done)):
                done[verdict["key"]] = verdict
                file.write(json.dumps(verdict, ensure_ascii=False) + "\n")
                file.flush()
                print(f"{n + 1}/{len(todo)} {verdict['outcome']} {verdict['seconds']} s {verdict['by']}\n"
                      f"{verdict['module']}\n{verdict['diff']}\n", flush=True)
    keys = {m.key for name in names for m in mutants(name)}
    return report([verdict for key, verdict in done.items() if key in keys])


if __name__ == "__main__": sys.exit(main() > 0)
