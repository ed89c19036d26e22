"""The features of `downstream.py`: every method turns a sound into at most 512 numbers, (channels, bands, frames)."""

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from time import process_time
from typing import Any

import numpy as np
from scipy.fft import dct

from spectral_hyperresolution import ReassignedSpectrogram, reassigned_spectrogram
from spectral_hyperresolution.consensus import consensus_of
from spectral_hyperresolution.engine.gate import open_cells
from spectral_hyperresolution.features import _fitted, _shares, band_edges, pooled

from downstream_sounds import Task  # isort: skip

most = 512  # numbers of a sound
floor = -80.0  # [dB] re a sound's loudest block
windows = (0.016, 0.032, 0.064)  # of log-mel, MFCC, STFT and PCEN, the best by validation [s]
# of a reassigned picture whose cells are gathered in blocks a hundred times as large: coarser than the front door's
fine = dict(bins_per_octave=16, oversampling=6, tolerance=0.05, dtype="float32", threads=1)
qs = (1.4, 2.8, 5.6)  # of one reassigned picture, the best by validation
together = 20.0  # pictures of so much sound are computed at once, with silence between the sounds [s]


class Sound:
    "A sound and what was computed of it, each thing once."

    def __init__(self, x: np.ndarray, task: Task) -> None:
        self.task, self.x = task, _fitted(np.asarray(x, float), task.duration, task.sr)
        self.kept: dict[Any, Any] = {}

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self.kept: self.kept[key] = make()
        return self.kept[key]

    def picture(self, q: Any, gate: str | None = "local") -> ReassignedSpectrogram:
        "At one Q, at each place's own (`auto`), or what several Qs agree on (a tuple)."
        if isinstance(q, tuple): return self.once(q, lambda: consensus_of([self.picture(k) for k in q]))
        if q == "auto": return self.once(q, lambda: reassigned(self.x, self.task, q, "local"))
        raw = self.once((q, None), lambda: reassigned(self.x, self.task, q, None))
        return raw if gate is None else self.once((q, gate), lambda: gated(raw, gate))

    def blocks(self, q: Any, bands: int, frames: int, kinds: tuple[str, ...] = ("level",),
               gate: str | None = "local", **how: Any) -> np.ndarray:
        edges = band_edges(bands, self.task.fmin, self.task.fmax, "mel")
        time = np.linspace(0, len(self.x) / self.task.sr, frames + 1)
        return pooled(self.picture(q, gate), edges, time, kinds, floor=floor, **how)


def reassigned(x: np.ndarray, task: Task, q: Any, gate: str | None) -> ReassignedSpectrogram:
    return reassigned_spectrogram(x, task.sr, q=q, gate=gate, fmin=task.fmin, fmax=task.fmax,
                                  hop_length=task.hop, **fine)


def gated(S: ReassignedSpectrogram, gate: str) -> ReassignedSpectrogram:
    lit = open_cells(S.counts.T[:, ::-1], S.plan, gate)[:, ::-1].T
    return replace(S, energy=np.where(lit, S.energy, 0), gate=gate)


# ---- many sounds at once: what a call costs besides its sound is paid once


def batches(sounds: list[Sound], pause: float, hop: int = 1) -> Iterator[tuple[np.ndarray, list[tuple[Sound, int]]]]:
    "Sounds one after the other with pauses [s] between, and at which sample (a multiple of hop) each begins."
    some: list[tuple[Sound, int]] = []
    parts, at = [], 0
    for s in sounds:
        silent = -(-(len(s.x) + round(pause * s.task.sr)) // hop) * hop - len(s.x)
        parts += [s.x, np.zeros(silent)]
        some.append((s, at))
        at += len(s.x) + silent
        if at > together * s.task.sr or s is sounds[-1]:
            yield np.concatenate(parts), some
            some, parts, at = [], [], 0


def cut(S: ReassignedSpectrogram, at: int, n: int) -> ReassignedSpectrogram:
    "The picture of n samples from `at` onwards, which is a multiple of the hop."
    plan = replace(S.plan, n_samples=n)
    first = at // plan.tdeci
    here = slice(first, first + plan.n_times)
    return replace(S, plan=plan, energy=S.energy[:, here], counts=S.counts[:, here],
                   q_map=None if S.q_map is None else S.q_map[:, here])


def ahead(sounds: list[Sound], names: list[str]) -> None:
    "Compute for many sounds at once what the methods would compute for each."
    task = sounds[0].task
    keys: list[Any] = [(q, None) for q in qs] * any(name in pictured for name in names) + ["auto"] * ("auto" in names)
    for key in keys:
        # beyond the reach of the longest wavelet; of the neighbourhoods that auto compares
        for x, some in batches(sounds, (24 if key != "auto" else 36) / task.fmin, task.hop):
            S = reassigned(x, task, *(key if key != "auto" else (key, "local")))
            for s, at in some: s.kept[key] = cut(S, at, len(s.x))
    if "constant-Q" in names:
        for x, some in batches(sounds, 24 / task.fmin, cq_hop):
            power = constant_q_power(x, task)
            for s, at in some: s.kept["constant-Q"] = power[:, at // cq_hop : (at + len(s.x)) // cq_hop + 1]
    if "scattering" in names:
        sizes: dict[int, list[Sound]] = {}
        for s in sounds: sizes.setdefault(padded(len(s.x)), []).append(s)
        for n, some_ in sizes.items():
            for i in range(0, len(some_), 16):
                part = some_[i : i + 16]
                found = scattered(np.stack([np.pad(s.x, (0, n - len(s.x))) for s in part]))
                for s, level in zip(part, found, strict=True): s.kept["scattering"] = level


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


def _spectrum(s: Sound, window: float) -> np.ndarray:
    "Power of a short-time transform, zeros of four times the window's length appended."
    from librosa import stft

    n = round(window * s.task.sr)
    hop = max(1, min(n // 4, len(s.x) // 32))
    return s.once(window, lambda: np.abs(stft(s.x, n_fft=4 * n, win_length=n, hop_length=hop)) ** 2)


@cache
def _mel_filters(sr: int, n_fft: int, bands: int, fmin: float, fmax: float) -> np.ndarray:
    from librosa.filters import mel

    return mel(sr=sr, n_fft=n_fft, n_mels=bands, fmin=fmin, fmax=fmax)


def _mel(s: Sound, window: float, bands: int = 32) -> np.ndarray:
    filters = _mel_filters(s.task.sr, 4 * round(window * s.task.sr), bands, s.task.fmin, s.task.fmax)
    return filters @ _spectrum(s, window)


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
    hz = np.fft.rfftfreq(4 * round(window * s.task.sr), 1 / s.task.sr)
    edges = np.linspace(s.task.fmin, s.task.fmax, 33)
    return decibels(squeezed(banded(_spectrum(s, window), hz, edges), 16))[None]


cq_hop = 64


def constant_q_power(x: np.ndarray, task: Task) -> np.ndarray:
    from librosa import vqt

    bins = int(12 * np.log2(task.sr / 2.2 / task.fmin))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a filter that is longer than the sound
        return np.abs(vqt(x, sr=task.sr, hop_length=cq_hop, fmin=task.fmin, n_bins=bins, bins_per_octave=12,
                          gamma=0.0)) ** 2


def constant_q(s: Sound, _: Any) -> np.ndarray:
    power = s.once("constant-Q", lambda: constant_q_power(s.x, s.task))
    hz = s.task.fmin * 2 ** (np.arange(len(power)) / 12)
    return decibels(squeezed(banded(power, hz, band_edges(32, s.task.fmin, hz[-1], "mel")), 16))[None]


def squeezed_cwt(s: Sound, voices: int) -> np.ndarray:
    from ssqueezepy import ssq_cwt

    low, high = s.task.fmin / 1.5, min(1.3 * s.task.fmax, s.task.sr / 2)
    hz = high * 2 ** -np.arange(0, np.log2(high / low), 1 / voices)
    scales = 20 ** (1 / 3) / (2 * np.pi) * s.task.sr / hz  # ssqueezepy's wavelet: its peak is at (60/3)^(1/3)
    found = ssq_cwt(s.x.astype(np.float32), fs=s.task.sr, scales=scales.astype(np.float32))
    hz = np.asarray(found[2], float)
    power = np.abs(np.asarray(found[0])) ** 2
    if hz[0] > hz[-1]: hz, power = hz[::-1], power[::-1]
    edges = band_edges(32, s.task.fmin, s.task.fmax, "mel")
    return decibels(squeezed(banded(power, hz, edges), 16))[None]


@cache
def _scattering(n: int) -> Any:
    # the package's front page imports a function that scipy 1.15 took away; its 1-D part does not need it
    from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D

    return ScatteringNumPy1D(J=6, shape=n, Q=8)


def padded(n: int) -> int: return int(2 ** np.ceil(np.log2(n)))  # few lengths: a plan takes longer than a sound


def scattered(x: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _scattering(x.shape[-1])(x)


def scattering(s: Sound, _: Any) -> np.ndarray:
    n = padded(len(s.x))
    found = s.once("scattering", lambda: scattered(np.pad(s.x, (0, n - len(s.x)))))
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
    "constant-Q": ((0,), constant_q),
    "squeezed CWT": ((12,), squeezed_cwt),
    "scattering": ((0,), scattering),
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
# methods that are computed together, in the order in which they are measured
tiers: tuple[tuple[str, ...], ...] = (
    ("log-mel", "MFCC", "STFT", "PCEN", "constant-Q"),
    tuple(name for name in list(methods)[7:] if name != "auto"),
    ("scattering",), ("auto",), ("squeezed CWT",),
)
pictured = tiers[1]
needs = {"librosa": ("log-mel", "MFCC", "STFT", "PCEN", "constant-Q", "log-mel + level"),
         "ssqueezepy": ("squeezed CWT",), "kymatio": ("scattering",)}


def installed() -> list[str]:
    "The methods whose packages are there."
    absent = {name for package, names in needs.items() if not importlib.util.find_spec(package) for name in names}
    return [name for name in methods if name not in absent]


def computed(sounds: list[np.ndarray], task: Task, names: list[str]) -> dict[str, dict[str, np.ndarray]]:
    "Features by method and variant, (sounds, channels, bands, frames) float32."
    rows: dict[str, dict[str, list[np.ndarray]]] = {name: {str(v): [] for v in methods[name][0]} for name in names}
    for i in range(0, len(sounds), 200):  # few enough that their pictures fit into memory
        some = [Sound(x, task) for x in sounds[i : i + 200]]
        ahead(some, names)
        for s in some:
            for name in names:
                variants, make = methods[name]
                for variant in variants: rows[name][str(variant)].append(make(s, variant).astype(np.float32))
            s.kept.clear()
    found = {name: {variant: np.stack(some) for variant, some in table.items()} for name, table in rows.items()}
    for name, tables in found.items():
        for values in tables.values():
            if values[0].size > most: raise ValueError(f"{name}: {values[0].size} numbers, more than {most}")
            if not np.isfinite(values).all(): raise ValueError(f"{name}: not finite")
    return found


def seconds(sounds: list[np.ndarray], task: Task, name: str) -> float:
    "Processor time of one variant of a method per second of sound, a sound at a time and nothing shared."
    variants, make = methods[name]
    variant = variants[len(variants) // 2]
    make(Sound(sounds[0], task), variant)  # what is planned or compiled once
    start = process_time()
    for x in sounds: make(Sound(x, task), variant)
    return (process_time() - start) * task.sr / sum(len(Sound(x, task).x) for x in sounds)
