"""Every notebook is a test: nbdev runs its cells in order, and each assertion in them counts."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))

# nbdev's runner prints a cell's error and returns (False, seconds); a notebook that it skips takes no time at all.
RUN = """
import sys
from nbdev.test import test_nb
passed, seconds = test_nb(sys.argv[1], basepath=sys.argv[2], cell_timeout=900)
if passed and not seconds: sys.stderr.write("the runner skipped the whole notebook")
sys.exit(0 if passed is True and seconds > 0 else 1)
"""


def failure(notebook):
    "Run a notebook in a fresh interpreter; the text of the error if a cell fails, else None."
    done = subprocess.run([sys.executable, "-c", RUN, notebook, ROOT], stderr=subprocess.PIPE, text=True)
    return None if done.returncode == 0 else f"exit status {done.returncode}\n{done.stderr}"


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(notebook):
    error = failure(notebook)
    assert error is None, f"{notebook.name} failed: {error}"


@pytest.mark.parametrize("sources, message", [
    (["x = 1", "assert x == 2, 'one is not two'"], "one is not two"),
    (["#| eval: false\n1/0"], None),
    (["import os; os._exit(3)"], "exit status 3"),
], ids=["assertion", "cell left out", "crash"])
def test_the_runner_reports(sources, message, tmp_path):
    "A failing cell's own message must reach the report."
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(notebook, tmp_path / "trial.ipynb")
    error = failure(tmp_path / "trial.ipynb")
    if message is None: assert error is None
    else: assert message in error
