"""Every notebook is a test: nbdev runs its cells in order, and each assertion in them counts."""

import multiprocessing
import os
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "nbs").glob("*.ipynb"))
# these take long: run with what is slow
LONG = {"104_histogram", "203_advice", "205_gallery", "206_command_line", "208_network", "209_auto", "210_levels",
        "211_from_the_port", "212_streams", "215_which_settings", "216_archives", "219_animals", "306_detection",
        "308_complex", "310_regions", "311_consensus", "312_drift", "313_consensus_recordings", "409_parity",
        "415_published", "417_torch_parity", "418_torch_fast", "419_torch_filling", "420_soft", "421_torch_kernel",
        "422_torch_engine", "424_gradient", "425_torch_output", "426_torch_layer", "427_torch_loss", "428_sliders",
        "442_cost", "443_verify", "447_background", "448_scales", "456_coarse", "468_archive_run",
        "469_archive_lookup", "471_archive_command", "472_torch_auto", "473_transformer", "474_front_end",
        "476_explorer_sound", "479_lines", "480_torch_kernel_gradient"}

# a process for each notebook, forked from one that has imported what they need and done nothing else
processes = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
processes.set_forkserver_preload(["nbdev.test", "nbformat", "pytest", "matplotlib.pyplot", "scipy.signal", "numba",
                                  "torch", "spectral_hyperresolution.spectrogram"])


def run(notebook, errors):
    "Run a notebook, with what it says on standard error in a file."
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
    from nbdev.test import test_nb

    # it prints a cell's error and returns (False, seconds); a notebook that it skips takes no time at all
    passed, seconds = test_nb(notebook, basepath=ROOT, cell_timeout=900)
    if passed and not seconds: print("the runner skipped the whole notebook", file=sys.stderr)
    sys.exit(0 if passed is True and seconds > 0 else 1)


def failure(notebook, folder):
    "Run a notebook in a process of its own; the text of the error if a cell fails, else None."
    errors = folder / "errors.txt"
    process = processes.Process(target=run, args=(notebook, errors))
    process.start()
    process.join()
    return f"exit status {process.exitcode}\n{errors.read_text(errors='replace')}" if process.exitcode else None


def test_there_are_notebooks():
    assert NOTEBOOKS and {path.stem for path in NOTEBOOKS} >= LONG


@pytest.mark.parametrize("notebook", [pytest.param(path, marks=[pytest.mark.slow] * (path.stem in LONG), id=path.stem)
                                      for path in NOTEBOOKS])
def test_notebook(notebook, tmp_path):
    error = failure(notebook, tmp_path)
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
    error = failure(tmp_path / "trial.ipynb", tmp_path)
    if message is None: assert error is None
    else: assert message in error
