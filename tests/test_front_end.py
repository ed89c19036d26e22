"""The layer that pools and learns, and the folder of sounds with labels."""

import copy
import pickle

import numpy as np
import pytest
import soundfile

from spectral_hyperresolution.features import features
from spectral_hyperresolution.theory import sounds

torch = pytest.importorskip("torch")
from spectral_hyperresolution import ReassignedFrontEnd  # noqa: E402
from spectral_hyperresolution.pytorch.front_end import LabelledFolder  # noqa: E402

SR = 8000
SMALL = dict(qs=(1.4, 4), bands=4, frames=3, fmin=400, bins_per_octave=8, oversampling=3, density=1.5)


@pytest.fixture(scope="module")
def front(): return ReassignedFrontEnd(SR, **SMALL)


@pytest.fixture(scope="module")
def x(): return torch.randn(2, 1600, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def out(front, x): return front(x).detach()


def test_front_end_starts_as_the_features_are():
    "Before it has learned, its bands are the soft blocks of `features`: levels of the same order, band for band."
    x = sounds.bird_song(0.4, sr=16000, seed=4)
    front = ReassignedFrontEnd(16000, qs=[2.8], bands=8, frames=5, fmin=1000, bins_per_octave=24, norm=False, gain=1e4,
                               soft=True)
    with torch.no_grad(): mine = np.expm1(front(torch.tensor(x, dtype=torch.float32))[0].numpy()) / 1e4
    theirs = 10 ** (features(x, 16000, q=2.8, bands=8, frames=5, fmin=1000, soft=True)[0] / 10)
    both = np.corrcoef(mine.ravel(), theirs.ravel())[0, 1]
    assert both > 0.95 and mine.max() == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_gradients_reach_all_that_is_learned():
    how = SMALL | dict(mix=True, soft=True)
    front = ReassignedFrontEnd(SR, **how)
    x = torch.randn(2, 1600, requires_grad=True)
    front(x).pow(3).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in front.parameters())
    assert x.grad.isfinite().all() and x.grad.abs().max() > 0
    again = ReassignedFrontEnd(SR, **how)
    again.load_state_dict(front.state_dict())
    assert torch.equal(again(x), front(x))
    assert not any(p.requires_grad for p in ReassignedFrontEnd(SR, learn=False, **SMALL).parameters())


def test_copies_give_the_same(front, x, out, tmp_path):
    again = ReassignedFrontEnd(SR, **SMALL)
    torch.save(front.state_dict(), tmp_path / "state.pt")
    again.load_state_dict(torch.load(tmp_path / "state.pt"))
    for other in (again, copy.deepcopy(front), pickle.loads(pickle.dumps(front)), copy.deepcopy(front).eval()):
        assert torch.equal(other(x), out)
    with pytest.raises(RuntimeError, match="size mismatch"):
        ReassignedFrontEnd(SR, **(SMALL | dict(bands=5))).load_state_dict(front.state_dict())


@pytest.mark.parametrize("dtype, far", [(torch.float64, 1e-3), (torch.float16, 0.05), (torch.bfloat16, 0.1)])
def test_other_precisions(front, x, out, dtype, far):
    "The module and the sound in another type; the sound alone; under autocast."
    found = [copy.deepcopy(front).to(dtype)(x.to(dtype)), front(x.to(dtype))]
    if dtype != torch.float64:
        with torch.autocast("cpu", dtype): found.append(front(x))
    for y in found: assert y.shape == out.shape and (y.float() - out).abs().mean() < far and y.isfinite().all()


def test_any_way_of_calling(front, x, out):
    "By vmap, with another axis, with an array, compiled."
    for y in (torch.vmap(front)(x), front(x[None])[0], front(x.numpy()), torch.compile(front, backend="eager")(x)):
        assert (y - out).abs().max() < 1e-4


@pytest.mark.parametrize("wrong, why", [
    (lambda x: x[:0], r"shape \(0, 1600\)"), (lambda x: x[:, :0], r"shape \(2, 0\)"),
    (lambda x: x[0, 0], r"shape \(\)"), (lambda x: x[:, :3], "a sound of 3 samples"),
    (lambda x: x * torch.nan, "not finite"), (lambda x: x.long(), "int64"),
    (lambda x: x + 0j, "complex64"), (lambda x: x.to("meta"), "meta"), (lambda x: "x", "x is str"),
])
def test_bad_sounds_are_refused(front, x, wrong, why):
    with pytest.raises((ValueError, TypeError), match=why) as caught: front(wrong(x))
    assert "\n" not in str(caught.value)


def test_a_layer_without_numbers_is_refused(front, x):
    with pytest.raises(ValueError, match="meta"): copy.deepcopy(front).to("meta")(x)


@pytest.mark.parametrize("lengths, why", [
    ([1600], r"shape \(1,\): not one for each sound, \(2,\)"), ([1600] * 3, r"\(3,\)"),
    ([[1600], [1600]], r"\(2, 1\)"),
    ([1600, 0], r"lengths\[1\]=0"), ([1600, -3], r"lengths\[1\]=-3"), ([1600, 1601], r"lengths\[1\]=1601"),
    ([1600, 800.5], "not integers"), ("all", "lengths is str"), ([1600, 3], "a sound of 3 samples"),
    (1600, r"shape \(\)"),
])
def test_bad_lengths_are_refused(front, x, lengths, why):
    with pytest.raises(ValueError, match=why): front(x, lengths)


def test_lengths_lie_as_the_sounds_do(front, x):
    "Three axes of sounds, in rows and columns; transposed lengths are no others'."
    many = x[:, None].repeat(1, 3, 1)
    own = torch.tensor([[1600, 1500, 1400], [1300, 1200, 1100]])
    with torch.no_grad():
        found = front(many, own)
        assert (found[1, 2] - front(x[1, :1100])).abs().max() < 1e-3
    with pytest.raises(ValueError, match=r"\(3, 2\)"): front(many, own.T)


@pytest.mark.parametrize("wrong, why", [
    (dict(qs=torch.nn.Parameter(torch.tensor([2.0]))), "qs is a Parameter"), (dict(qs="auto"), "qs is str"),
    (dict(qs=2.0), "qs has shape"), (dict(qs=[-1]), "q=-1"), (dict(frames=0), "frames=0"), (dict(mix=3), "mix=3"),
    (dict(norm="peak"), "norm='peak'"), (dict(scale="linear"), "scale='linear'"), (dict(pad_to=3), "pad_to=3"),
    (dict(gain=np.inf), "gain=inf"), (dict(learn="no"), "learn='no'"), (dict(no_such=1), "no_such"),
])
def test_bad_settings_are_refused(wrong, why):
    with pytest.raises((ValueError, TypeError), match=why): ReassignedFrontEnd(SR, **wrong)


@pytest.fixture
def folder(tmp_path):
    for k, name in enumerate(("a", "a", "b", "b")):
        (tmp_path / name).mkdir(exist_ok=True)
        soundfile.write(tmp_path / name / f"{k}é.wav", np.full(1500 + 100 * k, 0.1), SR)
    return tmp_path


def test_a_folder_is_a_data_set(folder):
    "Read by two processes as by one; hidden files and others than sounds are passed over."
    (folder / "a" / "._0é.wav").write_bytes(b"left by macOS")
    (folder / "a" / "notes.txt").write_text("none")
    (folder / "c").mkdir()
    data = LabelledFolder(folder, SR, 0.2)
    assert (len(data), data.classes, data.labels) == (4, ["a", "b"], [0, 0, 1, 1]) and data[np.int64(-1)][1] == 1
    x, y = next(iter(torch.utils.data.DataLoader(data, 4, num_workers=2)))
    assert x.shape == (4, 1600) and x.dtype == torch.float32 and y.tolist() == [0, 0, 1, 1] and (x[0, 1500:] == 0).all()
    assert LabelledFolder(folder, SR, 0.2, "(é)").classes == ["é"]                    # one class
    with pytest.raises(IndexError): data[4]
    for wrong in (slice(0, 2), 1.0, "a", [0]):
        with pytest.raises(TypeError, match="cannot be interpreted as an integer"): data[wrong]


def test_broken_folders_are_refused(folder):
    (folder / "none").mkdir()
    with pytest.raises(ValueError, match="has no sounds"): LabelledFolder(folder / "none", SR, 1)
    soundfile.write(folder / "top.wav", np.zeros(9), SR)
    with pytest.raises(ValueError, match=r"top\.wav lies in no folder of a class"): LabelledFolder(folder, SR, 1)
    (folder / "top.wav").unlink()
    (folder / "a" / "x.wav").write_bytes(b"RIFF")
    data = LabelledFolder(folder, SR, 0.2)
    with pytest.raises(ValueError, match=r"x\.wav: not a sound file"): list(torch.utils.data.DataLoader(data, 5))
    for wrong, why in ((dict(folder=3), "int"), (dict(sr=0), "sr=0"), (dict(duration=np.nan), "duration=nan"),
                       (dict(pattern=3), "pattern=3"), (dict(pattern="(q)"), "has no pattern"),
                       (dict(folder=folder / "a" / "0é.wav"), "is not a folder")):
        with pytest.raises((ValueError, TypeError), match=why):
            LabelledFolder(**(dict(folder=folder, sr=SR, duration=0.2) | wrong))
