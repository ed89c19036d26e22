"""The published NumPy module's name: its functions, and what else a program may have imported from here."""

from .engine.checks import check_samples, real_samples
from .engine.definition import difference, literal_loop
from .engine.departures import silence_margin
from .engine.gate import check_gate, gate_density, local_threshold, open_cells
from .engine.parity import exact_block, exact_scans, exact_tail, exact_whole
from .engine.published import high_resolution_spectrogram, high_resolution_spectrogram_sparse
from .engine.reassign import boundaries, modes, reassign

__all__ = [
    "boundaries", "check_gate", "check_samples", "difference", "exact_block", "exact_scans", "exact_tail",
    "exact_whole", "gate_density", "high_resolution_spectrogram", "high_resolution_spectrogram_sparse", "literal_loop",
    "local_threshold", "modes", "open_cells", "real_samples", "reassign", "silence_margin",
]
