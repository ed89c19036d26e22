"""Linear reassignment: time-frequency pictures of sound, far sharper than a spectrogram

Modules:

- `spectral_hyperresolution.docstrings`: The parameters of every public function in its docstring: `help`, an editor and Jupyter's Shift-Tab show them."""

from importlib import import_module

__version__ = "0.1.0"

_homes = {  # PEP 562: numba, matplotlib and torch wait until they are asked for
    "LinearReassignment": "pytorch.layer",
    "ReassignedSlice": "slices",
    "ReassignedSpectrogram": "spectrogram",
    "ReassignedStream": "stream",
    "TorchStream": "pytorch.stream",
    "reassigned_slices": "stream",
    "reassigned_spectrogram": "spectrogram",
}
__all__ = list(_homes)


def __getattr__(name):
    if name not in _homes: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try: return getattr(import_module(f"{__name__}.{_homes[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch": raise
        raise ImportError(f"{name} needs torch:  pip install 'spectral_hyperresolution[torch]'", name="torch") from None


def __dir__(): return sorted({*globals(), *__all__})
