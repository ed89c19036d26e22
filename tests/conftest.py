"""Fixtures for all tests. Folders are found by the package's `testing`, so that there is one rule."""

import os
from collections import Counter
from pathlib import Path

# before torch is imported, here or in a process that is started: tests run side by side, and threads of torch's that
# wait for a core burn it (the published torch function: 27 s of CPU beside other work, 1.5 s with one thread)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from browser import browser, built_site, new_page, page, site  # noqa: F401  (fixtures)

from spectral_hyperresolution import testing

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    """Fill numba's cache before the workers start: two processes that compile one function for two types at the same
    moment may both write the same file of it."""
    if hasattr(config, "workerinput") or config.option.collectonly: return
    import numpy as np

    from spectral_hyperresolution.engine.plan import Plan
    from spectral_hyperresolution.engine.reassign import reassign
    noise = np.random.default_rng(0).standard_normal(2000)
    for dtype in (np.float32, np.float64):
        for mode in ("fast", "parity"): reassign(noise.astype(dtype), Plan(2000, 2, 50, 4, 12, 0.05, 0.4), mode)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    "All that needs a browser, or the documentation, is slow."
    for item in items:
        if {"browser", "built_site"} & set(getattr(item, "fixturenames", ())): item.add_marker("slow")


def pytest_terminal_summary(terminalreporter):
    "One line about what could not be tried on this machine, and how many tests that are."
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ")
                      for report in terminalreporter.stats.get("skipped", []))
    if reasons: terminalreporter.write_line("not run: " + "; ".join(f"{n} × {why}" for why, n in reasons.most_common()))


@pytest.fixture(scope="session", autouse=True)
def in_repository():
    "Run from the repository's root, wherever pytest was started."
    before = Path.cwd()
    os.chdir(ROOT)
    yield ROOT
    os.chdir(before)


@pytest.fixture(scope="session")
def reference_cases(in_repository):
    "The reference cases: name → dict of arrays and numbers."
    cases = {name: testing.fixture(name) for name in testing.fixture_names()}
    assert len(cases) == 8, f"eight reference cases are expected in fixtures/, not {len(cases)}"
    return cases


@pytest.fixture(scope="session")
def reference_folder(in_repository):
    "The folder of references that are not part of the repository; tests that need it are skipped where it is absent."
    folder = testing.reference_folder()
    if folder is None: pytest.skip("no shared/reference beside the repository, and HYPERRES_REFERENCE names no folder")
    return folder
