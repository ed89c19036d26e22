"The mutation tool: what it changes, that chapter and module get the same fault, and one verdict from beginning to end."

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the tool needs fork and resource limits")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import mutants  # noqa: E402


def faulty(source): return [mutants.replaced(source, *version) for version in mutants.versions(source)]


@pytest.mark.parametrize("source, expected", [
    ("a < b", ["(a <= b)", "(a > b)"]),
    ("a - 1", ["(a + 1)", "a - (2)", "a - (0)"]),
    ("x * 0.5", ["(x / 0.5)", "x * (1.0)", "x * (-0.5)"]),
    ("not a", ["a"]),
    ("a and b", ["(a or b)", "a", "b"]),
    ("min(a)", ["max(a)"]),
    ("np.floor(a)", ["np.ceil(a)"]),
    ("sum(a, axis=n)", ["sum(a)"]),
    ("f(a)", ["pass"]),
    ("a += b", ["pass", "(a -= b)"]),
    ("b if a else c", ["(c if a else b)"]),
    ("if a: raise ValueError(f'{2 * 3}')", ["if a: pass"]),
    ("def f(a: 'x' = 1) -> g[2]:\n    'text'", ["def f(a: 'x' = (2)) -> g[2]:\n    'text'",
                                               "def f(a: 'x' = (0)) -> g[2]:\n    'text'"]),
    ("assert a < 1", []),
    ("zip(a, strict=True)", ["pass"]),
    ("é = 'é', 3", ["é = 'é', (4)", "é = 'é', (2)", "é = 'é', (6)"]),
])
def test_faults(source, expected):
    found = faulty(source)
    assert [f for f in expected if f not in found and f != "(a -= b)"] == []
    assert all(f != source for f in found) and len(set(found)) == len(found)


def test_chapter_and_module_get_the_same_fault():
    for module in ("engine.gate", "ordinary"):
        every = mutants.mutants(f"{mutants.PACKAGE}.{module}")
        assert len(every) > 20
        for mutant in every[::11]:
            module_text = mutant.module_text((ROOT / mutant.path).read_text(encoding="utf-8"))
            book = json.loads(mutant.notebook_text((ROOT / "nbs" / mutant.notebook).read_text(encoding="utf-8")))
            cell = "".join(next(c for c in book["cells"] if c["id"] == mutant.cell)["source"])
            one, other = (
                {ast.unparse(n) for n in ast.walk(ast.parse(text)) if isinstance(n, ast.expr)}
                for text in (mutants.segment(module_text, mutant.cell)[1], cell))
            assert {e for e in one ^ other if e[0] not in "'\""} == set(), mutant.diff()
            assert mutant.diff()[0].count("\n") >= 1


def test_a_sample_is_spread_and_repeats():
    names = [f"{mutants.PACKAGE}.{m}" for m in ("engine.gate", "engine.plan", "theory.sounds")]
    one, other = (mutants.sample(names, 40, seed) for seed in (1, 2))
    assert one == mutants.sample(names, 40, 1) != other and 35 < len(one) < 45
    count = [sum(m.module == name for m in one) for name in names]
    assert min(count) >= 1 and count[2] == max(count)
    assert mutants.sample(names[:2], 40, 1) != one[: count[0]]


def test_judges():
    gate = mutants.mutants(f"{mutants.PACKAGE}.engine.gate")[0]
    found = mutants.judges(gate, {}, 90)
    assert found[0] == "414_gate" and "test_spectrogram" in found and not {"test_site", "test_live_browser"} & {*found}
    assert mutants.judges(gate, {}, 0) == ["414_gate"]
    assert mutants.distance("test_reference", gate.module) == 1 and mutants.distance("414_gate", "no.such") is None


@pytest.mark.slow
def test_one_verdict(tmp_path):
    "One fault of the plan, judged by its chapter; the copy of the tree is left as it was."
    command = [sys.executable, ROOT / "benchmarks" / "mutants.py", "--module", "engine.plan", "--folder", tmp_path,
               "--sample", "1", "--seed", "0", "--budget", "0"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    verdict, = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    assert verdict["outcome"] in ("killed", "survived"), done.stdout + done.stderr
    assert list(verdict["asked"]) == ["404_plan"]
    assert done.returncode == (verdict["outcome"] == "survived")
    assert f"| engine.plan | 1 | {1 - done.returncode} | 0 | {done.returncode} |" in done.stdout
    for path in ("spectral_hyperresolution/engine/plan.py", "nbs/404_plan.ipynb"):
        assert (tmp_path / "tree0" / path).read_bytes() == (ROOT / path).read_bytes()
