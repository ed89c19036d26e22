"""What can't be analysed is refused before any work, by an error that names the rule and the value; what can be, is."""

import re
import time

import numpy as np
import pytest

from spectral_hyperresolution import reassigned_spectrogram, testing
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.published import (
    high_resolution_spectrogram,
    high_resolution_spectrogram_sparse,
)
from spectral_hyperresolution.engine.reassign import reassign

x = np.random.default_rng(0).standard_normal(2000)
numbers = dict(q=2, tdeci=10, over=2, noct=12, minf=0.02, maxf=0.45)


def dense(x, **kw):
    return high_resolution_spectrogram(x, **(numbers | kw))


def thin(x, **kw):
    return high_resolution_spectrogram_sparse(x, **(numbers | kw)).toarray()


def door(x, sr=8000, **kw):
    return reassigned_spectrogram(x, sr, **dict(q=2) | kw).energy


def engine(x, **kw):
    return reassign(x, Plan(len(x), **numbers), **kw)[0]


published = pytest.mark.parametrize("draw", [dense, thin])
anyone = pytest.mark.parametrize("draw", [dense, thin, door])


def refused(draw, *args, says, error=ValueError, **kw):
    "The call raises `error` with every text of `says`, in one line, and at once."
    begin = time.perf_counter()
    with pytest.raises(error) as caught:
        draw(*args, **kw)
    assert time.perf_counter() - begin < 5
    message = str(caught.value)
    assert "\n" not in message
    for text in [says] if isinstance(says, str) else says:
        assert text in message


# ---- samples


@published
@pytest.mark.parametrize("n", [0, 1])
def test_no_sound(draw, n):
    refused(draw, x[:n], says=f"n_samples={n} is not an integer >= 2")


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 100), ()])
def test_no_sound_at_the_door(shape):
    refused(door, np.zeros(shape), says=[f"x has shape {shape}", "empty"])


def test_channels_and_time_in_the_wrong_order():
    "More channels than samples are likely to be the other way round; as many are not."
    hint = r"; x has shape \(30, 20\), and time is the last axis"
    with pytest.raises(ValueError, match=hint): door(np.ones((30, 20)), fmin=25)
    for shape in ((20, 20), (10, 20), (20,)):
        with pytest.raises(ValueError, match="shorter than the lowest wavelet") as caught: door(np.ones(shape), fmin=25)
        assert "time is the last axis" not in str(caught.value)


def test_any_rate():
    "The picture of a sound is the same at every rate, but for its units: seconds and hertz, or years."
    for sr in (1e-9, 0.5, 1.0, 1e9):
        S = reassigned_spectrogram(x, sr, hop_length=20)
        assert S.frequencies[-1] == pytest.approx(0.5 * sr) and S.times[-1] * sr == pytest.approx(1989)


@pytest.mark.parametrize("n", [1, 2, 10])
def test_too_few_samples_at_the_door(n):
    refused(door, x[:n], says=[f"a sound of {n} samples is shorter than the lowest wavelet, 2·q·sr/fmin = 16 samples"])


def test_shorter_than_the_lowest_wavelet():
    refused(
        door,
        x[:1279],
        fmin=25,
        q=2,
        says=["a sound of 1279 samples", "2·q·sr/fmin = 1280 samples", "take fmin >= 25.02 Hz"],
    )
    assert door(x[:1280], fmin=25, q=2).any()


@published
def test_a_sound_shorter_than_the_lowest_wavelet_still_has_an_answer(draw):
    picture = draw(x[:30], minf=1e-4)
    assert picture.shape == (3, 147) and np.isfinite(picture).all()


@anyone
def test_all_zero(draw):
    picture = draw(np.zeros(2000))
    assert picture.size and not picture.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_not_finite(value, dtype):
    broken = np.stack([x, x]).astype(dtype)
    broken[1, [137, 1999]] = value
    where = f"x is not finite at 2 of 4000 samples, first {value} at sample 137 of channel 1"
    for draw in dense, thin, engine:
        refused(draw, broken.T, says=[where])
    refused(door, broken, says=[where])


@anyone
def test_complex(draw):
    refused(draw, x + 0j, says="x is complex128: not real")
    refused(draw, (x + 0j).astype(np.complex64), says="x is complex64: not real")


@published
def test_three_dimensions(draw):
    refused(
        draw,
        np.zeros((2000, 2, 2)),
        says=["x has shape (2000, 2, 2): not (n_samples,) or (n_samples, C)", "n_samples=2000"],
    )


@anyone
@pytest.mark.parametrize(
    "wrong, name",
    [
        (x > 0, "bool"),
        (np.array(["a", "b"] * 1000), "<U1"),
        (np.array([None] * 2000), "object"),
        (np.zeros(2000, "datetime64[s]"), "datetime64[s]"),
    ],
    ids=["bool", "text", "objects", "dates"],
)
def test_not_numbers(draw, wrong, name):
    refused(draw, wrong, says=[f"x is {name}", "not real"])


@anyone
@pytest.mark.parametrize("wrong", [None, 3.0, "sound.wav"])
def test_not_an_array(draw, wrong):
    refused(draw, wrong, says="x ")


@anyone
def test_samples_beyond_counting(draw):
    "The square of 1e200 is no longer a number."
    refused(draw, x / np.abs(x).max() * 2e200, says=["2e+200", "not within ±1e100"])


@anyone
def test_the_largest_samples_that_count(draw):
    for gain in 1e-99, 1e99:
        picture = draw(x / np.abs(x).max() * gain)
        assert np.isfinite(picture).all() and picture.max() > gain * gain * 1e-9


def test_too_large_for_float32():
    refused(door, x * 1e60, dtype="float32", says="float32")
    assert np.isfinite(door(x * 1e60, dtype="float64")).all()


def test_channels_last_get_a_hint():
    refused(door, np.zeros((8000, 2)), says=["x has shape (8000, 2), and time is the last axis"])


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.uint32])
def test_integers_without_a_full_scale(dtype):
    refused(
        door,
        np.ones(2000, dtype),
        says=f"x is {np.dtype(dtype)}: not real floating-point numbers or 8-, 16- or 32-bit PCM integers",
    )


# ---- numbers


@published
@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(minf=0.45, maxf=0.02), "minf=0.45 is not below maxf=0.02"),
        (dict(minf=0.2, maxf=0.2), "minf=0.2 is not below maxf=0.2"),
        (dict(maxf=0.5001), "maxf=0.5001 is not a finite number > 0 and <= 0.5"),
        (dict(maxf=float("nan")), "maxf=nan is not a finite number > 0 and <= 0.5"),
        (dict(minf=0), "minf=0 is not a finite number > 0"),
        (dict(minf=-0.1), "minf=-0.1 is not a finite number > 0"),
        (dict(q=0), "q=0 is not a finite number > 0"),
        (dict(q=-2), "q=-2 is not a finite number > 0"),
        (dict(q=float("inf")), "q=inf is not a finite number > 0"),
        (dict(q="2"), "q='2' is not a finite number > 0"),
        (dict(q=None), "q=None is not a finite number > 0"),
        (dict(q=True), "q=True is not a finite number > 0"),
        (dict(q=2j), "q=2j is not a finite number > 0"),
        (dict(tdeci=2.5), "tdeci=2.5 is not an integer >= 1"),
        (dict(tdeci=0), "tdeci=0 is not an integer >= 1"),
        (dict(tdeci="10"), "tdeci='10' is not an integer >= 1"),
        (dict(tdeci=float("nan")), "tdeci=nan is not an integer >= 1"),
        (dict(over=1.5), "over=1.5 is not an integer >= 1"),
        (dict(over=0), "over=0 is not an integer >= 1"),
        (dict(noct=-12), "noct=-12 is not an integer >= 1"),
        (dict(noct=True), "noct=True is not an integer >= 1"),
        (dict(lint=0), "lint=0 is not a finite number > 0"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_wrong_numbers(draw, wrong, says):
    refused(draw, x, **wrong, says=says)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(sr=0), "sr=0 is not a finite number > 0"),
        (dict(sr=-8000), "sr=-8000 is not a finite number > 0"),
        (dict(sr=None), "sr=None is not a finite number > 0"),
        (dict(sr="8000"), "sr='8000' is not a finite number > 0"),
        (dict(sr=True), "sr=True is not a finite number > 0"),
        (dict(fmin=2000, fmax=1000), "fmin=2000 Hz is not below fmax=1000 Hz"),
        (dict(fmin=1000, fmax=1000), "fmin=1000 Hz is not below fmax=1000 Hz"),
        (dict(fmin=0), "fmin=0 is not a finite number > 0"),
        (dict(fmin="100"), "fmin='100' is not a finite number > 0"),
        (dict(fmax=4001), "fmax=4001 is not a finite number > 0 and <= 4000"),
        (dict(fmax=2000 + 1j), "fmax=(2000+1j) is not a finite number > 0"),
        (dict(q=0), "q=0 is not a finite number > 0"),
        (dict(q=-1), "q=-1 is not a finite number > 0"),
        (dict(hop_length=12.5), "hop_length=12.5 is not an integer >= 1"),
        (dict(hop_length=0), "hop_length=0 is not an integer >= 1"),
        (dict(oversampling=0), "oversampling=0 is not an integer >= 1"),
        (dict(bins_per_octave=0), "bins_per_octave=0 is not an integer >= 1"),
        (dict(bins_per_octave="48"), "bins_per_octave='48' is not an integer >= 1"),
        (dict(bins_per_octave=None), "bins_per_octave=None is not an integer >= 1"),
        (dict(density=0), "density=0 is not a finite number > 0"),
        (dict(lint=-1), "lint=-1 is not a finite number > 0"),
        (dict(dtype="int16"), "dtype='int16' is not float32 or float64"),
        (dict(dtype="double and a half"), "dtype='double and a half' is not float32 or float64"),
        (dict(mode="quick"), "mode='quick' is not one of ('fast', 'parity')"),
        (dict(mode=None), "mode=None is not one of ('fast', 'parity')"),
        (dict(boundary="cut"), "boundary='cut' is not one of ('zero', 'reflect', 'wrap')"),
        (dict(mode="parity"), "boundary='zero': the parity mode has 'wrap' alone"),
        (dict(gate="loud"), "gate='loud' is not 'local', 'global' or None"),
        (dict(gate=1), "gate=1 is not 'local', 'global' or None"),
        (dict(threads=-1), "threads=-1 is not an integer >= 1"),
        (dict(threads=0), "threads=0 is not an integer >= 1"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_wrong_numbers_at_the_door(wrong, says):
    refused(door, x, **wrong, says=says)


@pytest.mark.parametrize(
    "wrong, says",
    [
        (dict(mode="quick"), "mode='quick'"),
        (dict(boundary="cut"), "boundary='cut'"),
        (dict(gate="loud"), "gate='loud'"),
        (dict(dtype="int8"), "dtype='int8'"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_wrong_words_are_refused_before_any_work(wrong, says):
    steps = []
    refused(door, x, progress=steps.append, **wrong, says=says)
    assert not steps


# ---- memory


@anyone
def test_more_memory_than_there_is(draw):
    "An impossible picture: the error comes at once and says how much it would take."
    much = (
        dict(bins_per_octave=10**6, hop_length=1, oversampling=1) if draw is door else dict(noct=10**6, tdeci=1, over=1)
    )
    refused(draw, np.broadcast_to(np.float32(0), 10**7), **much, error=MemoryError, says=["need", "GB are available"])


@anyone
def test_more_scans_than_memory_holds(draw):
    refused(
        draw,
        x,
        **{"oversampling" if draw is door else "over": 10**12},
        error=MemoryError,
        says=["need", "GB are available"],
    )


def test_the_plan_says_what_memory_it_needs():
    plan = Plan(10**6, 2, 10, 2, 100, 0.01, 0.45)
    cells, need = f"1 × 100000 × {plan.n_bins} cells from {plan.n_scans} scans", f"{plan.memory() / 1e9:.3g} GB"
    with pytest.raises(MemoryError, match=f"{cells} need {need}; 0.1 GB are available"):
        plan.check_memory(available=10**8)
    plan.check_memory(available=plan.memory())


# ---- what is accepted


def check_same(draw, *args, of, **kw):
    "Exactly the picture of the sound `of`, and the sound left as it was."
    before = np.array(args[0])
    assert np.array_equal(draw(*args, **kw), draw(of, **kw)) and np.array_equal(before, args[0])


everyone = pytest.mark.parametrize("draw", [dense, thin, door, engine])


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@everyone
@pytest.mark.parametrize(
    "form",
    [
        list,
        tuple,
        read_only,
        lambda x: np.repeat(x, 3)[::3],
        lambda x: x[::-1].copy()[::-1],
        lambda x: x.astype(">f8"),
        np.ma.array,
        lambda x: memoryview(x),
    ],
    ids=["list", "tuple", "read-only", "strided", "reversed", "big-endian", "masked array", "memory view"],
)
def test_forms_of_a_sound(draw, form):
    check_same(draw, form(x), of=x)


@pytest.mark.parametrize("draw", [dense, thin, engine])
def test_orders_of_two_channels(draw):
    two = np.stack([x, x[::-1]], axis=1)
    for form in np.asfortranarray(two), np.repeat(two, 2, axis=0)[::2], two.tolist():
        check_same(draw, form, of=two)
    assert np.array_equal(draw(x[:, None]), draw(x))


def test_orders_of_two_channels_at_the_door():
    two = np.stack([x, x[::-1]])
    for form in np.asfortranarray(two), np.stack([x, x[::-1]], axis=1).T, two.tolist():
        check_same(door, form, of=two)
    assert np.array_equal(door(two[:1]), door(x)[None])


def test_samples_of_other_types():
    check_same(door, x.astype(np.float16), of=x.astype(np.float16).astype(np.float32))
    check_same(door, x.astype(">f4"), of=x.astype(np.float32))
    check_same(door, x.astype(np.longdouble), of=x)
    pcm = np.round(x * 5000).astype(np.int16)
    check_same(door, pcm, of=(pcm / 32768).astype(np.float32))
    check_same(door, pcm.astype(">i2"), of=pcm)
    check_same(door, pcm.astype(np.int32) * 65536, of=pcm)
    byte = np.clip(np.round(x * 30 + 128), 0, 255).astype(np.uint8)
    check_same(door, byte, of=((byte.astype(float) - 128) / 128).astype(np.float32))
    check_same(door, (byte.astype(int) - 128).astype(np.int8), of=byte)


@published
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int16, np.int32, np.uint8, np.int64])
def test_the_published_functions_take_numbers_as_they_are(draw, dtype):
    "The authors' program knows no full scale, and computes in double precision."
    sound = np.round(x * 20 + 100).astype(dtype)
    check_same(draw, sound, of=sound.astype(float))


@published
def test_numpy_scalars_as_numbers(draw):
    typed = dict(
        q=np.float32(2),
        tdeci=np.int64(10),
        over=np.uint8(2),
        noct=np.float64(12),
        minf=np.float64(0.02),
        maxf=np.float64(0.45),
    )
    assert np.array_equal(draw(x, **typed), draw(x))
    assert np.array_equal(draw(x, tdeci=10.0, over=2.0), draw(x))


def test_numpy_scalars_at_the_door():
    typed = dict(
        q=np.float32(2),
        fmin=np.float64(200),
        fmax=np.int32(3000),
        hop_length=np.int16(20),
        bins_per_octave=np.int64(24),
    )
    plain = dict(q=2, fmin=200, fmax=3000, hop_length=20, bins_per_octave=24)
    assert np.array_equal(door(x, **typed), door(x, **plain))


@pytest.mark.parametrize("sr", [8000.0, np.float64(8000), np.float32(8000), np.int16(8000), np.uint32(8000)], ids=repr)
def test_sampling_rates(sr):
    picture, plain = reassigned_spectrogram(x, sr), reassigned_spectrogram(x, 8000)
    assert np.array_equal(picture.energy, plain.energy) and isinstance(picture.sr, float)
    testing.check_close(picture.frequencies, plain.frequencies, rtol=1e-15)
    testing.check_close(picture.times, plain.times, rtol=1e-15)


def test_a_rate_in_few_bits():
    "32000 is the largest rate that 16 bits hold; twice its product with q is computed all the same."
    short = reassigned_spectrogram(x, np.int16(32000), q=np.int8(3))
    assert (
        np.array_equal(short.energy, door(x, 32000, q=3)) and short.plan == reassigned_spectrogram(x, 32000, q=3).plan
    )


def test_a_rate_that_is_not_whole():
    S = reassigned_spectrogram(x, 0.5)
    assert S.energy.any() and S.frequencies[-1] == 0.25 and S.times[-1] > 3990


WRONG_ON_TORCH = [
    (lambda torch: dict(x=torch.zeros(99)), "not (n_samples,)"),
    (lambda torch: dict(x=torch.zeros(100, 0)), "an empty sound"),
    (lambda torch: dict(x=torch.zeros(100, dtype=torch.complex64)), "x is torch.complex64: not real"),
    (lambda torch: dict(x=torch.zeros(100, dtype=torch.bool)), "x is torch.bool: not real"),
    (lambda torch: dict(x=np.array(["a"])), "x is <U1: not real"),
    (lambda torch: dict(x=torch.where(torch.arange(100) == 7, torch.nan, 0)),
     "not finite at 1 of 100 samples, first at sample 7"),
    (lambda torch: dict(x=torch.where(torch.arange(300).reshape(3, 100, 1) == 207, torch.inf, 0)),
     "not finite at 1 of 100 samples, first at sample 7 of sound 2"),
    (lambda torch: dict(x=torch.zeros(100, device="meta")), "'meta': it holds no numbers"),
    (lambda torch: dict(device="meta"), "device='meta' can't be used here"),
    (lambda torch: dict(device="cuda:99"), "device='cuda:99' can't be used here"),
    (lambda torch: dict(device="toaster"), "device='toaster' can't be used here"),
    (lambda torch: dict(dtype=torch.float16), "dtype=torch.float16 is not float32 or float64"),
    (lambda torch: dict(dtype="int32"), "is not float32 or float64"),
    (lambda torch: dict(mode="quick"), "mode='quick' is not one of"),
    (lambda torch: dict(boundary="cut"), "boundary='cut' is not one of"),
    (lambda torch: dict(mode="parity", boundary="zero"), "the parity mode has 'wrap' alone"),
    (lambda torch: dict(density=0), "density=0 is not a finite number > 0"),
    (lambda torch: dict(soft=2), "soft=2 is not a finite number >= 0 and <= 1"),
    (lambda torch: dict(max_memory=-1), "max_memory=-1 is not a finite number > 0"),
]


@pytest.mark.parametrize("wrong, says", WRONG_ON_TORCH, ids=[says for _, says in WRONG_ON_TORCH])
def test_the_torch_engine_refuses(wrong, says):
    torch = pytest.importorskip("torch")
    from spectral_hyperresolution.pytorch.engine import reassign as on_torch

    plan = Plan(100, 2, 10, 2, 12, 0.1, 0.4)
    with pytest.raises(ValueError, match=re.escape(says)):
        on_torch(**(dict(x=torch.zeros(100), plan=plan) | wrong(torch)))


def test_a_picture_is_not_saved_without_a_known_ending(tmp_path):
    import matplotlib.pyplot as plt

    from spectral_hyperresolution import plot
    S = door(np.random.default_rng(0).standard_normal(800), 8000)
    for save, name, ending in ((lambda path: plot.save_pixels(path, S), "a.xyz", ".xyz"),
                               (lambda path: plot.save_figure(path, plt.figure()), "a", "")):
        with pytest.raises(ValueError) as caught: save(tmp_path / name)
        assert f"the ending {ending!r} is not one of ." in str(caught.value) and not list(tmp_path.iterdir())
    plt.close("all")
