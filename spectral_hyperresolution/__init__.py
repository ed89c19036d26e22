"""Linear reassignment: time-frequency pictures of sound, far sharper than a spectrogram."""

__version__ = "0.1.0"
__all__ = ["ReassignedSpectrogram", "reassigned_spectrogram"]


def __getattr__(name):  # PEP 562: numba and matplotlib wait until they are asked for
    if name not in __all__: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import spectrogram
    return getattr(spectrogram, name)


def __dir__(): return sorted({*globals(), *__all__})
