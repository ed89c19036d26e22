"""The published torch program's second name: the same function, with the filters in a chosen number of parts."""

from .pytorch.engine import high_resolution_spectrogram_vectorized as high_resolution_spectrogram

__all__ = ["high_resolution_spectrogram"]
