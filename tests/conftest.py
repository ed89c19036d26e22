"""Fixtures for all tests. The folders are found by the house notebook's functions, so that there is one rule."""

import os
from pathlib import Path

import pytest

from spectral_hyperresolution import house

ROOT = Path(__file__).resolve().parent.parent


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
    cases = {name: house.fixture(name) for name in house.fixture_names()}
    assert len(cases) == 8, f"eight reference cases are expected in fixtures/, not {len(cases)}"
    return cases


@pytest.fixture(scope="session")
def reference_folder(in_repository):
    "The folder of references that are not part of the repository; tests that need it are skipped where it is absent."
    folder = house.reference_folder()
    if folder is None: pytest.skip("no shared/reference beside the repository, and HYPERRES_REFERENCE names no folder")
    return folder
