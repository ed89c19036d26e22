"""The published torch module's name: its function, and what else a program may have imported from here."""

from .pytorch.engine import high_resolution_spectrogram, open_cells, reassign
from .pytorch.fast import cpu_memory, fast_words, row_words
from .pytorch.layer import LinearReassignment
from .pytorch.parity import exact_words

__all__ = [
    "LinearReassignment", "cpu_memory", "exact_words", "fast_words", "high_resolution_spectrogram", "open_cells",
    "reassign", "row_words",
]
