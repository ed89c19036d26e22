"""The sounds of `downstream.py`: what is to be told apart, made by seeds or read from recordings, and backgrounds."""

from dataclasses import dataclass, field
from functools import cache
from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from spectral_hyperresolution.audio import read
from spectral_hyperresolution.theory.organs import syrinx
from spectral_hyperresolution.theory.sounds import pulses, sing_contour

speakers = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
parts = ("train", "validation", "test")


@dataclass
class Sounds:
    "Sounds with labels; `source` tells apart what must not be in two parts, `part` where there is only one division."

    sounds: list[np.ndarray]  # clean, (N,) each
    labels: np.ndarray  # (n,) int
    power: np.ndarray  # (n,) what an SNR of 0 dB means: the noise's mean square
    part: np.ndarray  # (n,) int, index into `parts`
    speaker: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    take: np.ndarray = field(default_factory=lambda: np.zeros(0, int))


@dataclass(frozen=True)
class Task:
    "What `downstream.py` measures: the band, the SNRs, and the smallest number of each class."

    sr: int  # [Hz]
    fmin: float  # [Hz]
    fmax: float  # [Hz]
    snrs: tuple[float | None, ...]  # [dB]; None: no noise; the first is measured first
    duration: float | None  # [s]; None: frames stretch
    classes: int

    @property
    def hop(self) -> int: return self.sr // 400  # of reassigned pictures [samples]


tasks = {
    "digits": Task(8000, 80, 3900, (None, 0, 10, -10), None, 10),
    "whistles": Task(16000, 1500, 7500, (0, None, -8, -16), 0.6, 12),
    "syllables": Task(16000, 1000, 7500, (0, None, -8, -16), 0.3, 8),
    "detection": Task(8000, 200, 3900, (20, None, 24, 16), 0.4, 4),
    "counting": Task(16000, 1500, 7500, (0, None, -8, -16), 0.6, 5),
}


def decided(counts: tuple[int, int, int]) -> np.ndarray:
    "The part of each of a class's sounds."
    return np.repeat(np.arange(3), counts)


def digits(folder: Path, takes: int) -> Sounds:
    "Spoken digits, `takes` of each speaker and digit; divided by speaker or by take later."
    found: list[tuple[np.ndarray, int, int, int]] = []
    for digit in range(10):
        for s, speaker in enumerate(speakers):
            for take in range(takes):
                path = folder / "spoken_digits" / f"{digit}_{speaker}_{take}.wav"
                if not path.exists(): raise FileNotFoundError(f"{path}: the spoken digits are not there")
                x, sr = read(path)
                if sr != 8000: raise ValueError(f"{path} has a rate of {sr} Hz, not 8000")
                found.append((x[0].astype(float), digit, s, take))
    x, digit, who, take = zip(*found, strict=True)
    power = np.array([np.mean(a**2) for a in x])
    return Sounds(list(x), np.array(digit), power, np.zeros(len(x), int), np.array(who), np.array(take))


def signature(rng: np.random.Generator) -> np.ndarray:
    "A whistle's course of its own: the heights of a curve, 0 to 1, at 200 instants."
    u = np.linspace(0, 1, 200)
    h = sum(rng.normal() / k * np.cos(np.pi * k * u + rng.uniform(0, 2 * np.pi)) for k in range(1, 6))
    return (h - h.min()) / np.ptp(h)


def whistle(course: np.ndarray, rng: np.random.Generator, n: int, sr: int) -> np.ndarray:
    "A rendition within n samples: another length, tempo, pitch and start."
    size = int(n * rng.uniform(0.6, 0.85))
    u = np.linspace(0, 1, size) ** rng.uniform(0.9, 1.1)
    hz = 2200 * (6200 / 2200) ** np.interp(u, np.linspace(0, 1, len(course)), course) * rng.uniform(0.96, 1.04)
    fade = np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / (0.02 * sr), 0, 1)
    x, start = np.zeros(n), rng.integers(0, n - size)
    x[start : start + size] = fade * sing_contour(hz, sr)
    return x


def whistles(seed: int, counts: tuple[int, int, int]) -> Sounds:
    "Signature whistles of 12 individuals in one band, among clicks of others."
    sr, n = 16000, 9600
    x, labels, part = [], [], []
    for k in range(12):
        course = signature(np.random.default_rng([seed, 1, k]))
        for i, p in enumerate(decided(counts)):
            rng = np.random.default_rng([seed, 2, k, i])
            clicks = pulses(n, sr, rng.uniform(0, 0.6, 6), 5000, 1.5e-4, 2.0)
            x.append(whistle(course, rng, n, sr) + clicks)
            labels.append(k)
            part.append(p)
    return Sounds(x, np.array(labels), np.full(len(x), 0.5), np.array(part))


def syllables(seed: int, counts: tuple[int, int, int]) -> Sounds:
    "Eight syllables of the bird's source model, each a gesture, sung again and again a little differently."
    sr, n = 16000, 4800
    x, labels, part = [], [], []
    for k in range(8):
        kind = np.random.default_rng([seed, 3, k])
        rate, delta = kind.uniform(8, 16), kind.uniform(-np.pi, np.pi)
        low, high = np.sort(kind.uniform(1800, 6000, 2))
        for i, p in enumerate(decided(counts)):
            rng = np.random.default_rng([seed, 4, k, i])
            a, b = (2 * np.pi * np.array([low, high]) * rng.uniform(0.96, 1.04)) ** 2
            turns = np.arange(n) / sr * rate * rng.uniform(0.92, 1.08) - rng.uniform(0.2, 0.5)
            phi = 2 * np.pi * turns - np.pi
            sung = (turns > 0) & (turns < 2)
            pressure = np.where(sung, 1200 + 1500 * np.cos(phi), 0)
            stiffness = np.where(sung, (a + b) / 2 + (b - a) / 2 * np.cos(phi + delta + rng.normal(0, 0.1)), 3e8)
            sound = np.diff(syrinx(pressure, stiffness, sr, seed=int(rng.integers(1000))), prepend=0.0)
            x.append(sound / np.sqrt(np.mean(sound**2)))
            labels.append(k)
            part.append(p)
    return Sounds(x, np.array(labels), np.ones(len(x)), np.array(part))


def detection(seed: int, counts: tuple[int, int, int]) -> Sounds:
    "Nothing, a tone, a click or a sweep, all of energy 1: an SNR is the energy over the noise's mean square."
    sr, n = 8000, 3200
    t = np.arange(n) / sr
    x, labels, part = [], [], []
    for k in range(4):
        for i, p in enumerate(decided(tuple(3 * c for c in counts))):  # type: ignore[arg-type]
            rng = np.random.default_rng([seed, 5, k, i])
            at, hz = rng.uniform(0.1, 0.3), rng.uniform(500, 3000)
            rise = rng.choice([-1, 1]) * rng.uniform(3000, 8000)
            bell = np.exp(-(((t - at) / 0.04) ** 2) / 2)
            sound = (
                np.zeros(n),
                bell * np.cos(2 * np.pi * hz * t),
                np.exp(-(((t - at) / 2e-4) ** 2) / 2) * np.cos(2 * np.pi * 2000 * (t - at)),
                bell * np.cos(2 * np.pi * (hz * (t - at) + rise * (t - at) ** 2 / 2)),
            )[k]
            x.append(sound / max(np.sqrt(np.sum(sound**2)), 1e-12))
            labels.append(k)
            part.append(p)
    return Sounds(x, np.array(labels), np.ones(len(x)), np.array(part))


def counting(seed: int, counts: tuple[int, int, int]) -> Sounds:
    "One to five whistles at once, each of a course of its own."
    sr, n = 16000, 9600
    x, labels, part = [], [], []
    for k in range(5):
        for i, p in enumerate(decided(tuple(3 * c for c in counts))):  # type: ignore[arg-type]
            rng = np.random.default_rng([seed, 6, k, i])
            x.append(sum(whistle(signature(rng), rng, n, sr) for _ in range(k + 1)))
            labels.append(k)
            part.append(p)
    return Sounds(x, np.array(labels), np.full(len(x), 0.5), np.array(part))


# ---- backgrounds


@cache
def recordings(folder: Path, sr: int) -> list[np.ndarray]:
    "Real backgrounds at a rate."
    found = []
    for path in [*sorted((folder / "everyday").glob("*.wav")), folder / "forest" / "tropical_60s.flac"]:
        x, rate = read(path)
        step = gcd(int(rate), sr)
        x = resample_poly(x.mean(0).astype(float), sr // step, int(rate) // step)
        found.append(x)
    return found


def excerpt(pool: list[np.ndarray], n: int, rng: np.random.Generator) -> np.ndarray:
    "n samples of a recording that are not silent."
    while True:
        x = pool[rng.integers(len(pool))]
        start = rng.integers(0, max(1, len(x) - n))
        x = np.resize(x[start : start + n], n)
        if np.std(x) > 1e-5: return x


def noise(kind: str, n: int, sr: int, rng: np.random.Generator, pool: list[np.ndarray]) -> np.ndarray:
    "A background of mean square 1; `pool`: the recordings that real ones are taken from."
    if kind == "real":
        x = excerpt(pool, n, rng)
    else:
        x = rng.standard_normal(n)
        if kind == "pink":
            spectrum = np.fft.rfft(x)
            spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(n, 1 / sr), 20))
            x = np.fft.irfft(spectrum, n)
    return x / np.sqrt(np.mean(x**2))


def mixed(s: Sounds, sr: int, kind: str, snr: float | None, seed: int, folder: Path | None = None) -> list[np.ndarray]:
    "The sounds in a background, each with its own stretch of it; no two parts or speakers share a recording."
    if snr is None: return s.sounds
    group = s.speaker if len(s.speaker) else s.part
    pools: list[list[np.ndarray]] = [[] for _ in range(group.max() + 1)]
    if kind == "real":
        if folder is None: raise FileNotFoundError("real backgrounds need HYPERRES_RECORDINGS")
        pools = [recordings(folder, sr)[k :: len(pools)] for k in range(len(pools))]
    found = []
    for i, (x, power) in enumerate(zip(s.sounds, s.power, strict=True)):
        rng = np.random.default_rng([seed, 7, i, round(10 * snr) + 10_000])
        scale = np.sqrt(power / 10 ** (snr / 10))
        found.append(x + scale * noise(kind, len(x), sr, rng, pools[group[i]]))
    return found


makers = {"whistles": whistles, "syllables": syllables, "detection": detection, "counting": counting}
