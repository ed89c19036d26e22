"""Linear reassignment: time-frequency pictures of sound, far sharper than a spectrogram

Modules:

- `spectral_hyperresolution.docstrings`: The parameters of every public function in its docstring: `help`, an editor and Jupyter's Shift-Tab show them."""

from importlib import import_module

__version__ = "0.1.0"

_homes = {  # PEP 562: numba, matplotlib and torch wait until they are asked for
    "LinearReassignment": "pytorch.layer",
    "ReassignedFeatures": "transformer",
    "ReassignedFrontEnd": "pytorch.front_end",
    "ReassignedSlice": "slices",
    "ReassignedSpectrogram": "spectrogram",
    "ReassignedStream": "stream",
    "TorchStream": "pytorch.stream",
    "reassigned_slices": "stream",
    "reassigned_spectrogram": "spectrogram",
}
_extras = {"torch": "torch", "sklearn": "features", "joblib": "features"}   # module that is missing: what brings it
__all__ = list(_homes)


def __getattr__(name):
    if name not in _homes: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try: return getattr(import_module(f"{__name__}.{_homes[name]}"), name)
    except ModuleNotFoundError as error:
        extra = _extras.get(error.name or "")
        if extra is None: raise
        raise ImportError(f"{name} needs {error.name}:  pip install 'spectral_hyperresolution[{extra}]'",
                          name=error.name) from None


def __dir__(): return sorted({*globals(), *__all__})
