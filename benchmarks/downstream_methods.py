"""The features of `downstream.py`: every method turns a sound into at most 512 numbers, (channels, bands, frames)."""

import importlib.util
import warnings
from collections.abc import Callable
from functools import cache
from time import process_time
from typing import Any

import numpy as np
from scipy.fft import dct

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.consensus import consensus
from spectral_hyperresolution.features import _fitted, _shares, band_edges, pooled

from downstream_sounds import Task  # isort: skip

most = 512  # numbers of a sound
floor = -80.0  # [dB] re a sound's loudest block
windows = (0.016, 0.032, 0.064)  # of log-mel, MFCC, STFT and PCEN, the best by validation [s]
# of a reassigned picture whose cells are gathered in blocks a hundred times as large: coarser than the front door's
fine = dict(bins_per_octave=16, oversampling=6, tolerance=0.05, dtype="float32", threads=1)
qs = (1.4, 2.8, 5.6)  # of one reassigned picture, the best by validation


class Sound:
    "A sound and what was computed of it, each thing once, with the processor time that it took."

    def __init__(self, x: np.ndarray, task: Task) -> None:
        self.task, self.x = task, _fitted(np.asarray(x, float), task.duration, task.sr)
        self.kept: dict[Any, tuple[Any, float]] = {}
        self.spent = 0.0  # [s]

    def made(self) -> float: return sum(seconds for _, seconds in self.kept.values())

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self.kept:
            start = process_time()
            made = make()
            self.kept[key] = made, process_time() - start
        made, seconds = self.kept[key]
        self.spent += seconds
        return made

    def picture(self, q: Any, gate: str | None = "local") -> Any:
        t = self.task
        more = fine | dict(fmin=t.fmin, fmax=t.fmax)
        if isinstance(q, tuple):  # whose tolerance is another: in bins
            del more["tolerance"]
            return self.once(q, lambda: consensus(self.x, t.sr, qs, **more))
        if q == "auto": more = more | dict(oversampling=None)
        return self.once((q, gate), lambda: reassigned_spectrogram(self.x, t.sr, q=q, gate=gate, **more))

    def blocks(self, q: Any, bands: int, frames: int, kinds: tuple[str, ...] = ("level",),
               gate: str | None = "local", **how: Any) -> np.ndarray:
        edges = band_edges(bands, self.task.fmin, self.task.fmax, "mel")
        time = np.linspace(0, len(self.x) / self.task.sr, frames + 1)
        return pooled(self.picture(q, gate), edges, time, kinds, floor=floor, **how)


def squeezed(power: np.ndarray, frames: int) -> np.ndarray:
    "Power (bands, columns) in so many frames."
    columns = np.arange(power.shape[1] + 1.0)
    return power @ _shares(columns, np.linspace(0, power.shape[1], frames + 1), False)


def decibels(power: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(power / (power.max() or 1), 10 ** (floor / 10)))


def banded(power: np.ndarray, hz: np.ndarray, edges: np.ndarray) -> np.ndarray:
    "Rows at frequencies `hz`, ascending, gathered in bands."
    middle = (hz[1:] + hz[:-1]) / 2
    fine = np.concatenate([[2 * hz[0] - middle[0]], middle, [2 * hz[-1] - middle[-1]]])
    return _shares(fine, edges, False).T @ power


# ---- what others offer


def _mel(s: Sound, window: float, bands: int = 32) -> np.ndarray:
    from librosa.feature import melspectrogram

    n = round(window * s.task.sr)
    hop = max(1, min(n // 4, len(s.x) // 32))
    pad = 4 * n
    return melspectrogram(
        y=s.x, sr=s.task.sr, n_fft=pad, win_length=n, hop_length=hop, n_mels=bands, fmin=s.task.fmin, fmax=s.task.fmax
    )


def log_mel(s: Sound, window: float, bands: int = 32, frames: int = 16) -> np.ndarray:
    return decibels(squeezed(_mel(s, window, bands), frames))[None]


def mfcc(s: Sound, window: float) -> np.ndarray:
    return dct(log_mel(s, window)[0], axis=0, norm="ortho")[None]


def pcen(s: Sound, window: float) -> np.ndarray:
    import librosa

    n = round(window * s.task.sr)
    hop = max(1, min(n // 4, len(s.x) // 32))
    return squeezed(librosa.pcen(_mel(s, window) * 2**31, sr=s.task.sr, hop_length=hop), 16)[None]


def stft(s: Sound, window: float) -> np.ndarray:
    from librosa import stft

    n = round(window * s.task.sr)
    power = np.abs(stft(s.x, n_fft=4 * n, win_length=n, hop_length=max(1, min(n // 4, len(s.x) // 32)))) ** 2
    edges = np.linspace(s.task.fmin, s.task.fmax, 33)
    return decibels(squeezed(banded(power, np.fft.rfftfreq(4 * n, 1 / s.task.sr), edges), 16))[None]


def constant_q(s: Sound, gamma: float) -> np.ndarray:
    from librosa import vqt

    bins = int(12 * np.log2(s.task.sr / 2.2 / s.task.fmin))
    hop = 64
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a filter that is longer than the sound
        power = np.abs(
            vqt(s.x, sr=s.task.sr, hop_length=hop, fmin=s.task.fmin, n_bins=bins, bins_per_octave=12, gamma=gamma)
        ) ** 2
    hz = s.task.fmin * 2 ** (np.arange(bins) / 12)
    return decibels(squeezed(banded(power, hz, band_edges(32, s.task.fmin, hz[-1], "mel")), 16))[None]


def squeezed_cwt(s: Sound, voices: int) -> np.ndarray:
    from ssqueezepy import ssq_cwt

    found = ssq_cwt(s.x.astype(np.float32), fs=s.task.sr, nv=voices)
    hz = np.asarray(found[2], float)
    power = np.abs(np.asarray(found[0])) ** 2
    if hz[0] > hz[-1]: hz, power = hz[::-1], power[::-1]
    edges = band_edges(32, s.task.fmin, s.task.fmax, "mel")
    return decibels(squeezed(banded(power, hz, edges), 16))[None]


@cache
def _scattering(n: int, J: int) -> Any:
    # the package's front page imports a function that scipy 1.15 took away; its 1-D part does not need it
    from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D

    return ScatteringNumPy1D(J=J, shape=n, Q=8)


def scattering(s: Sound, J: int) -> np.ndarray:
    n = int(2 ** np.ceil(np.log2(len(s.x))))  # padded to few lengths: a plan takes longer than a sound
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _scattering(n, J)(np.pad(s.x, (0, n - len(s.x))))
    used = max(1, round(found.shape[1] * len(s.x) / n))
    level = np.log(np.maximum(found[:, :used], 1e-6 * np.abs(found).max() + 1e-12))
    frames = max(1, most // len(level))
    return squeezed(level, frames)[None] / (used / frames)


# ---- reassigned pictures


def cepstrum(s: Sound, q: float) -> np.ndarray:
    return dct(s.blocks(q, 32, 16)[0], axis=0, norm="ortho")[None]


def with_mel(s: Sound, q: float) -> np.ndarray:
    return np.concatenate([log_mel(s, 0.032, 16, 16), s.blocks(q, 16, 16)])


shape = ("level", "concentration", "structure", "slope")
place = ("level", "frequency", "delay", "frequency_spread")
# name: variants, of which validation chooses one, and what makes the features
methods: dict[str, tuple[tuple[Any, ...], Callable[[Sound, Any], np.ndarray]]] = {
    "log-mel": (windows, log_mel),
    "MFCC": (windows, mfcc),
    "STFT": (windows, stft),
    "PCEN": (windows, pcen),
    "constant-Q": ((0.0,), constant_q),
    "squeezed CWT": ((12,), squeezed_cwt),
    "scattering": ((6,), scattering),
    "level": (qs, lambda s, q: s.blocks(q, 32, 16)),
    "level, soft": (qs, lambda s, q: s.blocks(q, 32, 16, soft=True)),
    "level, no gate": (qs, lambda s, q: s.blocks(q, 32, 16, gate=None)),
    "level, background": (qs, lambda s, q: s.blocks(q, 32, 16, norm="background")),
    "cepstrum": (qs, cepstrum),
    "level + structure": (qs, lambda s, q: s.blocks(q, 16, 16, ("level", "structure"))),
    "level + shape": (qs, lambda s, q: s.blocks(q, 16, 8, shape)),
    "level + place": (qs, lambda s, q: s.blocks(q, 16, 8, place)),
    "three Qs": ((0,), lambda s, _: np.concatenate([s.blocks(q, 17, 10) for q in qs])),
    "consensus": ((0,), lambda s, _: s.blocks(qs, 32, 16)),
    "log-mel + level": (qs, with_mel),
    "auto": ((0,), lambda s, _: s.blocks("auto", 16, 16, ("level", "q"))),
}
dear = ("constant-Q", "consensus", "auto", "level, no gate", "squeezed CWT")  # measured last
needs = {"librosa": ("log-mel", "MFCC", "STFT", "PCEN", "constant-Q", "log-mel + level"),
         "ssqueezepy": ("squeezed CWT",), "kymatio": ("scattering",)}


def installed() -> list[str]:
    "The methods whose packages are there."
    absent = {name for package, names in needs.items() if not importlib.util.find_spec(package) for name in names}
    return [name for name in methods if name not in absent]


def computed(sounds: list[np.ndarray], task: Task, names: list[str]) -> tuple[dict[str, dict[str, np.ndarray]], Any]:
    """Features by method and variant, (sounds, channels, bands, frames), and each method's processor time [s].

    A sound's pictures serve all methods, and are dropped before the next sound; a method's time counts every picture
    that it uses, whoever asked for it first.
    """
    rows: dict[str, dict[str, list[np.ndarray]]] = {name: {str(v): [] for v in methods[name][0]} for name in names}
    cost = dict.fromkeys(names, 0.0)
    for x in sounds:
        s = Sound(x, task)
        for name in names:
            variants, make = methods[name]
            for variant in variants:
                kept, s.spent, start = s.made(), 0.0, process_time()
                rows[name][str(variant)].append(make(s, variant))
                cost[name] += (process_time() - start - (s.made() - kept) + s.spent) / len(variants)
    found = {name: {variant: np.stack(some) for variant, some in table.items()} for name, table in rows.items()}
    for name, tables in found.items():
        for values in tables.values():
            if values[0].size > most: raise ValueError(f"{name}: {values[0].size} numbers, more than {most}")
            if not np.isfinite(values).all(): raise ValueError(f"{name}: not finite")
    return found, cost
