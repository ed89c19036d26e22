"""What holds for every sound and every parameter: hypothesis looks for exceptions, always in the same examples."""

import re

import numpy as np
import pytest
import scipy.fft
from examples import examples, reached
from hypothesis import given
from hypothesis import strategies as st

from spectral_hyperresolution.engine.checks import as_channels
from spectral_hyperresolution.engine.departures import scan_groups
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import boundaries, reassign
from spectral_hyperresolution.spectrogram import reassigned_spectrogram

WORK = 300_000  # scans × samples of one example, at most


# ---- sounds and parameters


def sound(kind, n, seed):
    "A sound within ±1, (n,)."
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    noise, tone = rng.uniform(-1, 1, n), np.sin(2 * np.pi * (rng.uniform(0, 0.5) * t + rng.uniform()))
    click = np.where(t == rng.integers(n), 1.0, 0.0)
    return {
        "noise": noise,
        "tone": tone,
        "click": click,
        "silence": np.zeros(n),
        "constant": np.ones(n),
        "gap": np.where(np.abs(t - n / 2) < n / 4, 0, noise),
        "mixture": (noise * 1e-3 + tone + click) / 3,
    }[kind]


kinds = st.sampled_from(["noise", "mixture", "noise", "gap", "mixture", "tone", "click", "silence", "constant"])
lengths = st.one_of(st.integers(2, 60), st.integers(60, 5000), st.sampled_from([2, 3, 256, 997, 2048, 4096, 4999]))


def within(low, high):
    return st.floats(np.log(low), np.log(high)).map(lambda v: float(np.clip(np.exp(v), low, high)))


def padding(q, minf):
    return int(8 * q / minf) + 1  # eight of the longest sigma_t


@st.composite
def plans(draw):
    "A plan of any kind whose work is small; its numbers are lowered until it is."
    n, q, noct, over = draw(lengths), draw(within(0.1, 20)), draw(st.integers(1, 100)), draw(st.integers(1, 30))
    maxf, octaves = draw(st.one_of(within(0.005, 0.5), st.just(0.5))), draw(within(0.05, 9))
    tdeci, lint = draw(st.integers(1, 200)), draw(st.one_of(st.just(0.5), within(0.05, 8)))
    build = lambda: Plan(n, q, tdeci, over, noct, maxf / 2**octaves, maxf, lint)
    turn = 0
    while (p := build()).n_scans * (n + padding(q, p.minf)) > WORK and octaves > 0.01:
        turn += 1  # each in turn; the range last, for little of a sound lies in a narrow one
        if turn % 3 == 0 and over > 1: over //= 2
        elif turn % 3 == 1 and noct > 4: noct //= 2
        elif turn % 3 == 2 and q > 0.5: q /= 2
        elif over == 1 and noct <= 4 and q <= 0.5: octaves /= 2
    return p


@st.composite
def sounds(draw, n, max_channels=3):
    "Channels first, (C, n), float32 or float64, at any gain."
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    gain = draw(st.sampled_from([1.0, 1e-8, 1e8, 1e-30, 1e30] + ([1e-100, 1e90] if dtype is np.float64 else [])))
    x = [sound(draw(kinds), n, draw(st.integers(0, 99))) for _ in range(draw(st.integers(1, max_channels)))]
    return (np.array(x) * gain).astype(dtype)


# ---- the bound on the energy


def sent(x, plan, boundary, mode, density):
    """The energy that leaves for the picture: |chi|² at every sample of every scan, over all channels of `x` (C, N).

    "wrap" is a circle of N samples, "reflect" one of 2N, "zero" one with silence as long as the longest wavelet. The
    fast mode sums every s-th sample, s times. The spectrum of |chi|² falls as exp(-f²/4 sigma_f²), and samples lie at
    least 10 a sigma_f: the sum is the integral to exp(-25), but for one sample at each end. 1e-3 is for scans between
    which it interpolates, the tolerance of 1e-2 for samples between those that it transforms.
    At a lower density the large sieve's inequality still holds: 1 + s·12 sigma_f.
    """
    N, x = x.shape[1], np.asarray(x, float)
    scale = np.abs(x).max() or 1.0
    x = x / scale
    if boundary == "reflect":
        x = np.concatenate([x, x[:, ::-1]], axis=1)
    if boundary == "zero":
        x = np.pad(x, ((0, 0), (0, scipy.fft.next_fast_len(N + padding(plan.q, plan.minf)) - N)))
    X, f = scipy.fft.fft(x, axis=1), np.arange(x.shape[1]) / x.shape[1]
    f[f > 0.5] -= 1
    stride = np.zeros(plan.n_scans)
    if mode == "fast":
        for g in scan_groups(plan, density=density):
            stride[g.first : g.last] = g.fine or g.stride
    total = 0.0
    for f0, sigma_f, s in zip(plan.scan_frequencies, plan.scan_sigma_f, stride, strict=True):
        power = np.abs(scipy.fft.ifft(X * np.exp(-(((f - f0) / sigma_f) ** 2) / 2), axis=1)) ** 2
        inner = power[:, :N].sum(1) * (1 + 1e-12 + (s > 0) * (1e-2 if density is None else 1e-3))
        if density is not None and density < 1 and s:
            inner = power.sum(1) * (1 + 12 * s * sigma_f)
        total += (inner + 2 * s * power.max(1)).sum()
    return total * scale**2


def sound_picture(energy, counts):
    "What every picture must be."
    assert energy.shape == counts.shape and energy.dtype == counts.dtype == np.float64
    assert np.isfinite(energy).all() and np.isfinite(counts).all()
    assert (energy >= 0).all() and (counts >= 0).all() and not energy[counts == 0].any()


def test_a_property_whose_examples_are_all_refused_fails():
    @examples(5, there=5)
    @given(st.integers())
    def half(i):
        if i % 2 == 0: reached("there")

    with pytest.raises(pytest.fail.Exception, match=r"of 5 examples reached: {'there': \d}; wanted: {'there': 5}"):
        half()


# ---- the properties


def check_engine(data, mode):
    p = data.draw(plans())
    x = data.draw(sounds(p.n_samples))
    boundary = data.draw(st.sampled_from(boundaries if mode == "fast" else ["wrap"]))
    options = dict(
        mode=mode,
        boundary=boundary,
        silence=data.draw(st.booleans()),
        density=data.draw(st.one_of(st.none(), st.just(2.5), within(0.2, 10))),
    )
    before = x.copy()
    energy, counts = reassign(x.T, p, threads=1, **options)
    assert (x == before).all() and energy.shape == p.shape
    sound_picture(energy, counts)
    # where next to nothing of the sound passes: rounding, and bands and blocks that are cut at six sigma
    faint = (16 * np.finfo(x.dtype).eps) ** 2 + np.exp(-18) ** 2
    faint *= p.n_scans * (x.astype(float) ** 2).sum()
    assert energy.sum() <= sent(x, p, boundary, mode, options["density"]) + faint
    if energy.any(): reached("lit")
    again = reassign(x.T, p, threads=2, **options)
    assert all(map(np.array_equal, (energy, counts), again))


@examples(200, lit=120)
@given(st.data())
def test_any_plan_and_sound_in_fast_mode(data):
    check_engine(data, "fast")


@pytest.mark.slow
@examples(100, lit=60)
@given(st.data())
def test_any_plan_and_sound_in_parity_mode(data):
    check_engine(data, "parity")


wild = [0, -1, np.nan, np.inf, -np.inf, None, "2", 1j]  # no parameter of the front door takes one of these


@st.composite
def calls(draw):
    "A call of the front door that can be answered; in one of five a parameter is made wrong: its name, else None."
    n, sr = draw(lengths), draw(st.sampled_from([1, 100.0, 8000, np.float32(44100), np.int32(96000), 384000.0]))
    q = draw(within(0.1, 20))
    n = max(n, int(9 * q) + 2)
    lowest = 2 * q / n * (1 + 1e-6)  # of a sound of this length [sr]
    fmax = draw(st.one_of(st.none(), within(2.01 * lowest, 0.5)))
    fmin = draw(st.one_of(st.none(), within(lowest, 0.7 * (fmax or 0.45))))
    mode = draw(st.sampled_from(["fast", "fast", "parity"]))
    keywords = dict(
        q=q,
        bins_per_octave=draw(st.integers(1, 60)),
        oversampling=draw(st.integers(1, 10)),
        fmin=fmin and fmin * float(sr),
        fmax=fmax and min(fmax, 0.5) * float(sr),
        hop_length=draw(st.one_of(st.just(10), st.integers(1, 200))),
        gate=draw(st.sampled_from(["local", "global", None])),
        boundary=draw(st.sampled_from(boundaries)) if mode == "fast" else "wrap",
        pool=draw(st.booleans()),
        mode=mode,
        density=draw(st.one_of(st.none(), within(1, 5))),
        tolerance=draw(within(0.002, 0.5)),
        dtype=draw(st.sampled_from([None, "float32", np.float64])),
    )
    wrong = None
    if draw(st.integers(0, 4)) == 0:
        wrong = draw(st.sampled_from(["q", "bins_per_octave", "oversampling", "fmin", "fmax", "hop_length", "density",
                                      "tolerance", "gate", "boundary", "mode", "dtype"]))
        defaults = [None] * (wrong in ("fmin", "fmax", "oversampling", "hop_length", "density", "gate", "dtype"))
        keywords[wrong] = draw(st.sampled_from([value for value in wild if value not in defaults]))
    x = draw(sounds(n))
    dtype = draw(st.sampled_from([None, np.int16, np.int32]))
    if dtype is not None:
        peak = np.abs(x).max() or 1
        x = np.round(x / peak * np.iinfo(dtype).max * 0.99).astype(dtype)
    if np.abs(x).max() > 1e30 and wrong != "dtype" and keywords["dtype"] == "float32":
        keywords["dtype"] = None
    return (x[0] if draw(st.booleans()) else x), sr, keywords, wrong


@pytest.mark.slow
@examples(200, answered=120, lit=80, bounded=90, refused=40)
@given(calls())
def test_any_call_of_the_front_door(call):
    "One that can be answered is; one with a wrong parameter is refused by an error that names it."
    x, sr, keywords, wrong = call
    before = x.copy()
    if wrong:
        with pytest.raises(ValueError, match=f"{wrong}=|{wrong} is"):
            reassigned_spectrogram(x, sr, threads=1, **keywords)
        reached("refused")
        return
    S = reassigned_spectrogram(x, sr, threads=1, **keywords)
    assert np.array_equal(x, before)
    sound_picture(S.energy, S.counts)
    lead = () if keywords["pool"] else x.shape[:-1]
    assert S.energy.shape == (*lead, len(S.frequencies), len(S.times)) and np.isfinite(S.db()).all()
    if S.plan.n_scans * (x.shape[-1] + padding(S.plan.q, S.plan.minf)) <= 3 * WORK:
        flat = as_channels(x)[0]
        bound = sent(flat, S.plan, keywords["boundary"], keywords["mode"], keywords["density"])
        assert S.energy.sum() <= bound * S.plan.energy_scale / float(sr) * (1 + 1e-6) * (1 + keywords["tolerance"])
        reached("bounded")
    T = reassigned_spectrogram(x, sr, threads=2, **keywords)
    assert np.array_equal(S.energy, T.energy) and np.array_equal(S.counts, T.counts)
    reached("answered")
    if S.energy.any(): reached("lit")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fast", "parity"])
@examples(50, lit=25)
@given(data=st.data())
def test_a_power_of_two_is_only_a_gain(mode, data):
    p = data.draw(plans())
    x = data.draw(sounds(p.n_samples).filter(lambda x: 1e-20 < np.abs(x).max() < 1e20 or not x.any()))
    x[np.abs(x) < 1e-25] = 0  # what a lower gain would make subnormal
    power = data.draw(st.integers(-30, 30))
    energy, counts = reassign(x.T, p, mode=mode)
    louder, same = reassign(np.ldexp(x, power).T, p, mode=mode)
    assert np.array_equal(louder, np.ldexp(energy, 2 * power)) and np.array_equal(same, counts)
    if energy.any() and power: reached("lit")


@pytest.mark.slow
@examples(25, compared=25)
@given(
    seed=st.integers(0, 10**6),
    q=within(0.3, 12),
    noct=st.integers(6, 48),
    hop=st.integers(8, 80),
    extra=st.integers(1, 9000),
    power=st.integers(-60, 60),
    loud=within(0.1, 10),
)
def test_what_is_far_away_lights_no_cell(seed, q, noct, hop, extra, power, loud):
    "A loud tone at the other end, silence appended, another gain: the cells between are lit or dark as before."
    n, rng = np.arange(9000), np.random.default_rng(seed)
    whistle = 0.05 * np.sin(2 * np.pi * n * (rng.uniform(0.1, 0.2) + 1e-5 * n))
    quiet = 1e-3 * rng.standard_normal(9000) + whistle + 0.3 * (n == rng.integers(4500, 8000))
    tone = np.where(n < 2500, loud * np.sin(2 * np.pi * rng.uniform(0.05, 0.4) * n) * np.sin(np.pi * n / 2500) ** 2, 0)
    fmin = max(0.01, 9 * q / 1500)  # nine times the longest sigma_t is 1500 samples
    interior = slice(-(-4000 // hop), 7500 // hop)

    def lit(x):
        S = reassigned_spectrogram(x, 1, q=q, fmin=fmin, fmax=0.45, bins_per_octave=noct, hop_length=hop)
        return S.counts[:, interior] > 0, S.energy[:, interior] > 0

    counted, plain = lit(quiet)
    assert plain.any() and (counted & ~plain).any(), "the gate has nothing to do"
    for name, other in dict(
        tone=quiet + tone, silence=np.append(quiet, np.zeros(extra)), gain=np.ldexp(quiet, power)
    ).items():
        changed = (lit(other)[1] != plain).mean()
        # a filter that is cut off at half the sampling rate rings: a loud sound reaches it from afar, faintly
        assert changed <= (1e-3 if name == "tone" else 0), (name, changed)
    assert np.array_equal(lit(np.ldexp(quiet, power))[0], counted)
    reached("compared")


@st.composite
def numbers_of_a_plan(draw):
    "Good arguments of a plan, of several types; in two of five one is made wrong: its name, else None."
    maxf = draw(within(0.001, 0.5))
    given = dict(
        n_samples=draw(st.integers(2, 5000)),
        q=draw(st.one_of(within(0.01, 100), st.sampled_from([1, np.float32(2), np.int64(3)]))),
        tdeci=draw(st.one_of(st.integers(1, 10**4), st.sampled_from([7.0, np.int32(9)]))),
        over=draw(st.one_of(st.integers(1, 50), st.sampled_from([1 / 2, 1 / 3, 4.0]))),
        noct=draw(st.integers(3, 400)),
        minf=draw(within(maxf / 1000, 0.9 * maxf)),
        maxf=draw(st.sampled_from([maxf, np.float32(maxf)])),
        lint=draw(within(0.01, 10)),
    )
    wrong = draw(st.sampled_from([None] * 8 + list(given)))
    others = dict(tdeci=[0.5, 1.5], over=[0.4, 1.5], noct=[2.5], n_samples=[1, 2.5], maxf=[0.5000001],
                  minf=[float(given["maxf"])])
    if wrong: given[wrong] = draw(st.sampled_from([0, -1, np.nan, np.inf, None, "1", 1j, *others.get(wrong, [])]))
    return given, wrong


@examples(150, whole=70, refused=40)
@given(numbers_of_a_plan())
def test_a_plan_is_whole_or_refused(values):
    given, wrong = values
    if wrong:
        with pytest.raises(ValueError, match=rf"^{wrong}=") as caught: Plan(**given)
        assert re.search(r"is not (a finite number|an integer|below)", str(caught.value))
        reached("refused")
        return
    p = Plan(**given)
    assert all(getattr(p, name) == float(value) for name, value in given.items())
    assert p.shape == (len(p.times), len(p.bin_frequencies)) and p.n_scans == len(p.scan_frequencies)
    assert p.n_times == -(-p.n_samples // p.tdeci) and p.n_bins >= 2 and p.memory(2) > p.memory() > 0
    reached("whole")


@examples(100, seen=100)
@given(plans())
def test_the_axes_of_a_plan(p):
    assert (
        len(p.times) == p.n_times == len(p.time_edges) - 1
        and len(p.bin_frequencies) == p.n_bins == len(p.bin_edges) - 1
    )
    assert len(p.scan_frequencies) == p.n_scans and (np.diff(p.scan_frequencies) > 0).all()
    assert (p.bin_edges[:-1] > p.bin_frequencies).all() and (p.bin_frequencies > p.bin_edges[1:]).all()
    assert (p.time_edges[:-1] < p.times).all() and (p.times < p.time_edges[1:]).all()
    assert (
        p.scan_frequencies[0] == p.minf and p.bin_frequencies[0] == p.maxf and p.bin_edges[-1] <= p.minf * (1 + 1e-12)
    )
    groups = scan_groups(p)
    assert [g.first for g in groups] == [0, *(g.last for g in groups[:-1])] and groups[-1].last == p.n_scans
    assert all(g.payload > 0 for g in groups)
    reached("seen")
