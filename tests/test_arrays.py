"""Arrays as people have them, and arguments of every wrong kind, at every door: the right picture, or one clear line.

A new door takes a line in `doors` (what it does with a sound) and one in `calls` (a good call, whose every argument is
then replaced by what is none)."""

import array
import decimal
import inspect
import mmap
import re
import warnings
from functools import cache

import numpy as np
import pytest

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.advice import advise
from spectral_hyperresolution.consensus import consensus, footprint
from spectral_hyperresolution.engine import checks, gate
from spectral_hyperresolution.engine.definition import literal_loop
from spectral_hyperresolution.engine.plan import Plan, default_plan
from spectral_hyperresolution.engine.published import high_resolution_spectrogram, high_resolution_spectrogram_sparse
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.ordinary import beside
from spectral_hyperresolution.recording import Sound
from spectral_hyperresolution.theory import consensus as uniform
from spectral_hyperresolution.theory import drift, froth, gabor, histogram, phase, resynthesis, zeros

torch = pytest.importorskip("torch")

from spectral_hyperresolution.pytorch import engine, output  # noqa: E402
from spectral_hyperresolution.pytorch.layer import LinearReassignment  # noqa: E402
from spectral_hyperresolution.pytorch.loss import ReassignedLoss  # noqa: E402

N, SR = 400, 8000
x = np.random.default_rng(0).standard_normal(N)
plan = Plan(N, 1, 20, 2, 6, 0.05, 0.4)
numbers = dict(q=1, tdeci=20, over=2, noct=6, minf=0.05, maxf=0.4)
band = dict(fmin=500, bins_per_octave=12)


@cache
def picture(): return reassigned_spectrogram(x, SR, q=2, **band)


@cache
def layer(): return LinearReassignment(SR, **band)


@cache
def loss(): return ReassignedLoss(SR, q=(1.0,), **band)


doors = {
    "front door": lambda x: reassigned_spectrogram(x, SR, q=2, **band).energy,
    "engine": lambda x: reassign(x, plan)[0],
    "published": lambda x: high_resolution_spectrogram(x, **numbers),
    "published, sparse": lambda x: high_resolution_spectrogram_sparse(x, **numbers).toarray(),
    "consensus": lambda x: consensus(x, SR, qs=(1, 2), **band).energy,
    "advice": lambda x: list(advise(x, SR, qs=1).settings.values()),
    "zeros": lambda x: zeros.find_zeros(x, 8.0, (100, 150), (1, 1.5)).t,
    "phase": lambda x: phase.complex_spectrogram(x, SR, **band).complex,
    "way back": lambda x: resynthesis.analyse(x, SR, fmin=500).synthesise(),
    "froth": lambda x: froth.froth(x),
    "explorer": lambda x: Sound(x, SR).cut(0, N),
    "ordinary": lambda x: beside(x, picture())[0],
    "torch": lambda x: engine.reassign(x, plan)[0],
    "torch, published": lambda x: engine.high_resolution_spectrogram(x, **numbers),
    "layer": lambda x: layer()(x),
    "loss": lambda x: loss()(x, torch.zeros(N)),
}
only_arrays = {"way back"}                                # it refuses tensors, whose gradient would be lost
any_type = {"zeros", "froth"}                             # complex sounds too
at_every_door = pytest.mark.parametrize("door", doors)


def answer(door, x):
    "What a door gives, as an array, without a warning."
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="soft=False")
        out = doors[door](x)
    return np.asarray(out.detach() if isinstance(out, torch.Tensor) else out)


def tensor(dtype=None): return torch.tensor(x).to(dtype or torch.float64)


forms = {  # how it is held: what it holds
    "masked array without a mask": (lambda: np.ma.array(x), x),
    "list of masked arrays": (lambda: list(np.ma.array(x)), x),
    "list": (lambda: x.tolist(), x),
    "big-endian": (lambda: x.astype(">f8"), x),
    "big-endian float32": (lambda: x.astype(">f4"), x.astype(np.float32)),
    "big-endian longdouble": (lambda: x.astype(np.dtype(np.longdouble).newbyteorder(">")), x),
    "longdouble": (lambda: x.astype(np.longdouble), x),
    "negative strides": (lambda: x[::-1].copy()[::-1], x),
    "strides": (lambda: np.repeat(x, 3)[::3], x),
    "read-only": (lambda: np.frombuffer(x.tobytes()), x),
    "memory view": (lambda: memoryview(x), x),
    "array.array": (lambda: array.array("d", x), x),
    "tensor": (tensor, x),
    "tensor with a gradient": (lambda: tensor().requires_grad_(), x),
    "list of tensors": (lambda: [*tensor().requires_grad_()], x),
    "bfloat16": (lambda: tensor(torch.bfloat16), lambda: tensor(torch.bfloat16).float().numpy()),
    "bfloat16 with a gradient": (lambda: tensor(torch.bfloat16).requires_grad_(),
                                 lambda: tensor(torch.bfloat16).float().numpy()),
    "tensor of float32": (lambda: tensor(torch.float32), lambda: x.astype(np.float32)),
    "tensor, every third": (lambda: torch.tensor(np.repeat(x, 3))[::3], x),
}


@at_every_door
@pytest.mark.parametrize("form", forms)
def test_the_form_of_a_sound_does_not_matter(door, form):
    held, holds = forms[form]
    held, holds = held(), holds() if callable(holds) else holds
    if door in only_arrays and isinstance(held, torch.Tensor):
        with pytest.raises(ValueError, match="x is a tensor"): answer(door, held)
        return
    before = checks.array("x", held).copy()
    # rounding: a gradient takes the plain way in complex_spectrogram, a precision its own FFT
    np.testing.assert_allclose(answer(door, held), answer(door, holds), rtol=2e-3 if "32" in form or "16" in form else
                               1e-9, atol=(1e-3 if "32" in form or "16" in form else 1e-9) * np.abs(x).max())
    assert np.array_equal(before, checks.array("x", held))


def masked(at=7): return np.ma.array(x, mask=np.arange(N) == at)


def mapped():
    memory = mmap.mmap(-1, x.nbytes)
    memory.write(x.tobytes())
    return memory


def nested():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor([torch.ones(3), torch.ones(5)])


def masked_tensor():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.masked.masked_tensor(tensor(), torch.ones(N, dtype=torch.bool))


refused = {  # what is no sound: what is said of it
    "masked": (masked, "x is masked at 1 of 400 places, first at [7]"),
    "masked within a list": (lambda: [np.ma.masked, *x[1:]], "x[0] is masked"),
    "channels, one masked": (lambda: [x, masked()], "x[1] is masked at 1 of 400 places"),
    "bytes": (x.tobytes, "x is bytes: raw bytes, not numbers"),
    "bytearray": (lambda: bytearray(x.tobytes()), "x is bytearray: raw bytes"),
    "view of bytes": (lambda: memoryview(x.tobytes()), "x is memoryview: raw bytes"),
    "memory map": (mapped, "x is mmap: raw bytes"),
    "dict": (dict, "x is dict: {} is not an array"),
    "None": (lambda: None, "x is NoneType: None is not an array"),
    "set": (lambda: {1.0}, "x is set: {1.0} is not an array"),
    "iterator": (lambda: iter(x), "x is iterator: "),
    "ragged": (lambda: [[1.0, 2.0], [3.0]], "x can't be read as an array"),
    "endless": (lambda: (lambda a: a.append(a) or a)([]), "x is nested too deeply"),
    "objects": (lambda: x.astype(object), "x is object: not "),
    "huge integers": (lambda: [10**400] * N, "x is object: not "),
    "decimals": (lambda: [decimal.Decimal(1)] * N, "x is object: not "),
    "truth values": (lambda: x > 0, "x is bool: not "),
    "dates": (lambda: np.zeros(N, "datetime64[s]"), "x is datetime64[s]: not "),
    "records": (lambda: np.zeros(N, [("left", "f4")]), "x is [('left', '<f4')]: not "),
    "complex": (lambda: x + 0j, "x is complex128: not real"),
    "too large": (lambda: x / np.abs(x).max() * 2e200, "x reaches 2e+200: not within ±1e"),
    "too large for float64": (lambda: np.full(N, np.longdouble("1e4000")), "x reaches 1.e+4000: beyond the range of "),
    "not finite": (lambda: np.where(np.arange(N) == 7, np.nan, x), "not finite"),
    "a number": (lambda: 3.0, "x has shape ()"),
    "nothing": (lambda: x[:0], "0"),
    "sparse tensor": (lambda: tensor().to_sparse(), "x is a torch.sparse_coo tensor: not dense"),
    "tensor without numbers": (lambda: torch.empty(N, device="meta"), "'meta': it holds no numbers"),
    "masked tensor": (masked_tensor, "x is a masked tensor"),
    "nested tensor": (nested, "x is a nested tensor"),
    "complex tensor": (lambda: tensor() + 0j, "complex128: not real"),
    "truth values in a tensor": (lambda: tensor() > 0, "bool: not "),
    "tensor, not finite": (lambda: torch.where(torch.arange(N) == 7, torch.nan, tensor()), "not finite"),
}


@at_every_door
@pytest.mark.parametrize("kind", refused)
def test_what_is_no_sound_is_refused(door, kind):
    if kind.startswith("complex") and door in any_type:
        assert np.isfinite(answer(door, refused[kind][0]())).all()
        return
    wrong, says = refused[kind]
    wrong = wrong()
    with pytest.raises((ValueError, TypeError)) as caught: answer(door, wrong)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 250
    assert says in message or door in only_arrays and isinstance(wrong, torch.Tensor) and "x is a tensor" in message


# ---- which axis is time


@pytest.mark.parametrize("shape", [(8000, 2), (2000, 18), (401, 400), (3, 2000, 18)])
def test_time_first_gets_a_hint_whatever_the_count(shape):
    says = rf"more channels than samples; x has shape \({', '.join(map(str, shape))}\), and time is the last axis"
    wrong = np.ones(shape)
    for door in (lambda: reassigned_spectrogram(wrong, SR), lambda: consensus(wrong, SR), lambda: advise(wrong, SR),
                 lambda: Sound(wrong, SR), lambda: reassigned_spectrogram(torch.tensor(wrong), SR)):
        with pytest.raises(ValueError, match=says): door()


def test_the_layer_warns_of_a_batch_that_may_lie_the_other_way():
    with pytest.warns(UserWarning, match=r"x has shape \(2000, 18\), and time is the last axis"):
        LinearReassignment(SR, bins_per_octave=2, oversampling=1)(torch.zeros(2000, 18))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LinearReassignment(SR, bins_per_octave=2, oversampling=1)(torch.zeros(20, 1, 18))


def test_many_short_sounds_have_an_axis_of_their_own():
    short = np.random.default_rng(1).standard_normal((50, 30))
    many = reassigned_spectrogram(short[:, None], SR, q=2, bins_per_octave=6)
    assert many.shape[:2] == (50, 1)
    assert np.array_equal(many.energy[7, 0], reassigned_spectrogram(short[7], SR, q=2, bins_per_octave=6).energy)


def test_channels_first_get_a_hint_from_the_published_functions():
    for draw in (high_resolution_spectrogram, high_resolution_spectrogram_sparse, engine.high_resolution_spectrogram):
        with pytest.raises(ValueError, match=r"x has shape \(2, 400\), and time is the first axis: take x\.T"):
            draw(np.stack([x, x]), **numbers)
    with pytest.raises(ValueError, match=r"x has shape \(2, 400\): not \(400,\) or \(400, C\)"):
        literal_loop(np.stack([x, x]), plan)


# ---- numbers


@pytest.mark.parametrize("sr", [np.array(8000), np.array(8000.0), np.float32(8000), np.longdouble(8000)], ids=repr)
def test_a_rate_out_of_a_file_of_arrays(sr):
    "What `np.load(...)['sr']` gives is an array without axes."
    front = reassigned_spectrogram(x, sr, q=2, **band)
    assert np.array_equal(front.energy, picture().energy) and type(front.sr) is float
    assert (LinearReassignment(sr, **band)(x) == layer()(x)).all()


@pytest.mark.parametrize("sr", [np.array([8000]), torch.tensor(8000), "8000", 10**400, 10**5000, np.ma.masked, True,
                                np.datetime64(8000, "s")], ids=lambda v: type(v).__name__)
def test_wrong_rates_at_both_doors(sr):
    for door in (lambda: reassigned_spectrogram(x, sr), lambda: LinearReassignment(sr), lambda: Sound(x, sr)):
        with pytest.raises((ValueError, TypeError), match=r"sr=.* is (not a finite number > 0|a tensor)"): door()


arrays = ("Array", "ndarray", "Tensor", "Sequence", "Iterable", "_Count", "Any")   # annotations of what isn't one value
junk = dict(huge=10**400, huger=10**5000, text="1", dict={}, list=[1], two=np.ones(2), nan=float("nan"), complex=1j,
            thing=object(), masked=np.ma.masked, date=np.datetime64("2020"), bytes=b"ab", decimal=decimal.Decimal(1))
edges = dict(t_edges=np.arange(0, 401, 40.0), f_edges=np.linspace(0, 3, 9), grid=(400, 8))
two = gabor.gabor_transform(x, [0.5, 1.0], 8.0)
calls = {
    "front door": (reassigned_spectrogram, dict(x=x, sr=SR, q=2, **band)),
    "engine": (reassign, dict(x=x, plan=plan)),
    "parity": (reassign, dict(x=x, plan=plan, mode="parity")),
    "published": (high_resolution_spectrogram, dict(x=x, **numbers)),
    "published, sparse": (high_resolution_spectrogram_sparse, dict(x=x, **numbers)),
    "consensus": (consensus, dict(x=x, sr=SR, qs=(1, 2), **band)),
    "footprint": (footprint, lambda: dict(S=picture())),
    "levels in dB": (lambda ref=None, floor=-80: picture().db(ref, floor), {}),
    "zeros": (zeros.find_zeros, dict(x=x, sigma_t=8.0, t_range=(100, 150), omega_range=(1, 1.5))),
    "winding": (zeros.winding, dict(x=x, sigma_t=8.0, t_edges=edges["t_edges"], omega_edges=edges["f_edges"])),
    "phase": (phase.complex_spectrogram, dict(x=x, sr=SR, **band)),
    "way back": (resynthesis.analyse, dict(x=x, sr=SR, fmin=500)),
    "froth": (froth.froth, dict(x=x[:64])),
    "transform": (gabor.gabor_transform, dict(x=x, omegas=[1.0], sigma_t=8.0)),
    "map": (gabor.reassign, dict(chi=two[0], eta=two[1], times=np.arange(N), omegas=[0.5, 1.0], sigma_t=8.0)),
    "histogram": (histogram.reassigned_histogram, dict(x=x, sigma_t=8.0, **edges)),
    "consensus of windows": (uniform.consensus_histogram, dict(x=x, sigmas=(8.0, 9.0), **edges)),
    "agreement": (uniform.agreement, dict(footprints=np.ones((2, 3, 4)))),
    "drift": (drift.stable_histogram, dict(x=x, sigmas=(8.0, 9.0), **edges)),
    "explorer": (Sound, dict(source=x, sr=SR)),
    "ordinary": (beside, lambda: dict(x=x, S=picture())),
    "definition": (literal_loop, dict(x=x[:60], plan=Plan(60, 1, 20, 1, 2, 0.1, 0.4))),
    "gate": (gate.open_cells, dict(counts=np.ones(plan.shape), plan=plan, gate="local")),
    "plan": (Plan, dict(n_samples=N, **numbers)),
    "plan in hertz": (default_plan, dict(n_samples=N, sr=SR)),
    "torch": (engine.reassign, dict(x=x, plan=plan)),
    "torch, parity": (engine.reassign, dict(x=x, plan=plan, mode="parity")),
    "torch, published": (engine.high_resolution_spectrogram, dict(x=x, **numbers)),
    "torch, vectorized": (engine.high_resolution_spectrogram_vectorized, dict(x=x, **numbers)),
    "torch, gate": (engine.open_cells, dict(counts=torch.ones(plan.shape), plan=plan, gate="local")),
    "layer": (LinearReassignment, dict(sr=SR, **band)),
    "layer's picture": (lambda x, lengths=None, counts=False: layer()(x, lengths, counts), dict(x=x)),
    "layer's plan": (lambda n_samples: layer().plan(n_samples), dict(n_samples=N)),
    "layer's mask": (lambda lengths, n_samples: layer().mask(lengths, n_samples), dict(lengths=[N], n_samples=N)),
    "levels": (output.levels, dict(energy=torch.ones(3, 4))),
    "loss": (ReassignedLoss, dict(sr=SR, q=(1.0,), **band)),
}


@pytest.mark.parametrize("call", calls)
def test_arguments_of_a_wrong_kind(call):
    "Every argument in turn is what it can't be: ValueError or TypeError, in one line that names it."
    function, good = calls[call]
    good = good() if callable(good) else good
    function(**good)
    tried = 0
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD: continue
        sound = name in ("x", "source", "lengths")
        several = sound or any(word in str(parameter.annotation) for word in arrays)
        for kind, value in junk.items():
            try: function(**(good | {name: value}))
            except (ValueError, TypeError) as error:
                message, names = str(error), (name, name.removesuffix("s"), "x ", "no such file")
                assert "\n" not in message and len(message) < 300, (name, kind)
                short = sound and kind in ("list", "two")             # a sound, but of one or two samples
                assert short or any(word in message for word in names), (name, kind, message)
            else: assert several or (call, name, kind) == ("explorer", "name", "text"), f"{name}={kind} was taken"
            tried += 1
    assert tried >= len(junk)


def test_wrong_configs():
    for wrong in (3, None, [1], {}, {"rate": 3}, "sr"):
        with pytest.raises((ValueError, TypeError), match="config"): LinearReassignment.from_config(wrong)


@pytest.mark.parametrize("step", [-1, 0, 1.5, "3", True])
def test_scans_at_a_time_are_counted_from_one(step):
    with pytest.raises(ValueError, match=r"step=.* is not an integer >= 1"):
        engine.reassign(x, plan, mode="parity", step=step)
    whole = engine.reassign(x, plan, mode="parity")[0]
    assert whole.any() and torch.allclose(engine.reassign(x, plan, mode="parity", step=1)[0], whole)


@pytest.mark.parametrize("window", [3, None, (1, 2, 3), "abcd", (0, 1, 0, 1.5), ((0, 1), (0, 1))])
def test_windows_that_are_none(window):
    if window is None: assert reassign(x, plan, window=None)[0].shape == plan.shape
    else:
        with pytest.raises(ValueError, match=r"window.* is not "): reassign(x, plan, window=window)


@pytest.mark.parametrize("dtype, gain", [(torch.float32, 1e30), (torch.float64, 1e101)])
@pytest.mark.parametrize("compiled", [True, False])
def test_energies_that_torch_could_not_count(dtype, gain, compiled):
    wrong = torch.full((N,), gain, dtype=dtype)
    for how in (dict(compiled=compiled), dict(mode="parity")):
        says = f"x reaches {gain:.3g}: not within ±{1e16 if dtype == torch.float32 else 1e100:.0e}"
        with pytest.raises(ValueError, match=re.escape(says)):
            engine.reassign(wrong, plan, **how)
    with pytest.raises(ValueError, match=r"x reaches 1e\+60: beyond the range of torch\.float32"):
        engine.reassign(torch.full((N,), 1e60, dtype=torch.float64), plan, dtype=torch.float32)


def test_names_of_precisions():
    for dtype in (np.float32, "float32", "f4", ">f4", torch.float32, np.dtype("f4")):
        assert checks.precision(dtype) == np.float32
        assert engine.reassign(x, plan, dtype=dtype)[0].dtype == torch.float32
        assert np.array_equal(reassigned_spectrogram(x, SR, q=2, dtype=dtype, **band).energy,
                              reassigned_spectrogram(x.astype(np.float32), SR, q=2, **band).energy)


def test_a_long_value_is_cut_in_its_message():
    with pytest.raises(ValueError) as caught: Plan(N, 10**400, 20, 2, 6, 0.05, 0.4)
    assert len(str(caught.value)) < 150 and "…" in str(caught.value)
    assert checks.shown(np.ones((2, 2))) == "array([[1., 1.], [1., 1.]])"
