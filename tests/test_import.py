"""Importing must stay cheap: what is heavy waits until it is used."""

import importlib.util
import subprocess
import sys

import pytest

HEAVY = {"torch", "matplotlib", "numba"}


def loaded_after(code):
    "Names of the top-level modules that a fresh interpreter holds after `code`."
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
                          capture_output=True, text=True, check=True, timeout=60)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("module", ["spectral_hyperresolution", "spectral_hyperresolution.testing",
                                    "spectral_hyperresolution.cli"])
def test_import_is_light(module):
    if importlib.util.find_spec(module) is None: pytest.skip(f"{module} does not exist yet")
    modules = loaded_after(f"import {module}")
    assert "spectral_hyperresolution" in modules
    assert not modules & HEAVY


def test_the_package_alone_loads_no_numpy():
    assert "numpy" not in loaded_after("import spectral_hyperresolution")


def test_unknown_names_are_refused():
    import spectral_hyperresolution
    with pytest.raises(AttributeError, match="no_such_name"): _ = spectral_hyperresolution.no_such_name
    assert "reassigned_spectrogram" in dir(spectral_hyperresolution)


def test_what_needs_torch_says_how_to_get_it():
    code = "import sys; sys.modules['torch'] = None\nfrom spectral_hyperresolution import LinearReassignment"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    last = done.stderr.splitlines()[-1]
    assert last == ("ImportError: LinearReassignment needs torch:  pip install 'spectral_hyperresolution[torch]'")
