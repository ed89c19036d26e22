"""The layer as a project of machine learning uses it: loops, batches of unequal sounds, compiled graphs, types."""

import io
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.testing import check_close

torch = pytest.importorskip("torch")

from spectral_hyperresolution.pytorch import engine, output  # noqa: E402
from spectral_hyperresolution.pytorch.layer import LinearReassignment  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SMALL = dict(q=1, fmax=4000, bins_per_octave=6, oversampling=4)
LENGTHS = [1500, 700, 1500, 30]                                    # 30: less than the lowest wavelet of an open band


def layer(**how):
    return LinearReassignment(16000, **(SMALL | how))


def sounds(*shape, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=dtype)


def slope(model, x, *lengths):
    leaf = x.clone().requires_grad_()
    level = model(leaf, *lengths)
    weight = torch.linspace(-1, 2, level.numel(), dtype=level.dtype).reshape(level.shape)
    return level.detach(), torch.autograd.grad((level * weight).sum(), leaf)[0]


def test_the_readme_example_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    example, = (block for block in blocks if "LinearReassignment" in block)
    names = {}
    exec(example, names)
    assert len(example.splitlines()) <= 10 and names["model"][2].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("how", [
    dict(soft=True), dict(soft=0.5, gate="global", boundary="reflect", scale="magnitude"),
    dict(mode="parity", boundary="wrap", gate=None, soft=True),
    dict(scale="db", norm="standard", soft=True, pad_to=1800),
], ids=["soft", "reflect", "parity", "standard"])
def test_a_padded_batch_is_each_sound_alone(how):
    model, x = layer(**how), sounds(4, 1500, dtype=torch.float64)
    level, gradient = slope(model, x, LENGTHS)
    weight = torch.linspace(-1, 2, level.numel(), dtype=level.dtype).reshape(level.shape)
    mask = model.mask(LENGTHS, model.pad_to or 1500)
    silence = model.level["floor"] if (model.level["scale"], model.level["norm"]) == ("db", None) else 0
    for k, n in enumerate(LENGTHS):
        leaf = x[k, :n].clone().requires_grad_()
        alone = model(leaf)
        own = alone.shape[-1] if model.pad_to else model.n_times(n)
        check_close(level[k, :, :own], alone.detach(), rtol=1e-12)
        assert (level[k][:, ~mask[k]] == silence).all()
        theirs, = torch.autograd.grad((alone * weight[k, :, :own]).sum(), leaf)
        check_close(gradient[k, :n], theirs, rtol=1e-9)
        assert not gradient[k, n:].any() and (n < 100 or theirs.abs().sum() > 0)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_padded_batches_compile(backend):
    torch._dynamo.reset()
    model = layer(soft=True, gate=None)
    compiled = torch.compile(model, backend=backend, fullgraph=True)
    for shape, lengths in [((4, 1500), LENGTHS), ((4, 1100), [1, 1100, 90, 90]), ((2, 40), None)]:
        given = () if lengths is None else (torch.tensor(lengths).clamp(min=20),)
        for ours, theirs in zip(slope(compiled, sounds(*shape), *given), slope(model, sounds(*shape), *given),
                                strict=True):
            check_close(ours, theirs, rtol=1e-6)
    with pytest.raises(ValueError, match=r"lengths\[1\]=1501 is not from 1 to 1500 samples"):
        compiled(sounds(4, 1500), torch.tensor([3, 1501, 4, 5]) * torch.tensor([100, 1, 100, 100]))


def test_operators_of_padded_batches_keep_torchs_rules():
    model, x, lengths = layer(), sounds(2, 1, 300, dtype=torch.float64), torch.tensor([300, 200])
    args = lengths, True, engine._numbers(model._long), "fast", "zero", 0.01, None, True, 1.0, None, None, True
    torch.library.opcheck(output._padded, (x.clone().requires_grad_(), *args))
    cotangent = torch.ones(2, model.n_times(300), len(model.frequencies), dtype=x.dtype)
    torch.library.opcheck(output._padded_backward, (cotangent, None, x, *args))


@pytest.mark.slow
def test_second_derivatives_of_a_padded_batch():
    model = layer(soft=True, gate=None, fmin=2000, bins_per_octave=2, oversampling=2, density=1)
    assert torch.autograd.gradgradcheck(lambda x: model(x, [32, 24]),
                                        sounds(2, 32, dtype=torch.float64).requires_grad_(), eps=1e-7, atol=1e-3)


def test_what_lies_after_a_sound_is_not_read():
    x = sounds(4, 1500)
    expected = layer()(x, LENGTHS)
    x[1, 700:] = torch.nan
    assert (layer()(x, LENGTHS) == expected).all()
    x[2, 9] = torch.inf
    with pytest.raises(ValueError, match="not finite at 1 of 1500 samples, first at sample 9 of sound 2"):
        layer()(x, LENGTHS)
    with pytest.raises(ValueError, match="not finite at 1500 of 1500 samples, first at sample 0 of sound 1"):
        layer()(torch.stack([sounds(1500), torch.full((1500,), torch.nan)]))


@pytest.mark.parametrize("n", [1500, 700, 100, 40])
@pytest.mark.parametrize("boundary", ["zero", "reflect"])
def test_short_sounds_are_as_at_the_front_door(n, boundary):
    x = np.random.default_rng(n).standard_normal(n)
    settings = dict(q=2, fmax=4000, bins_per_octave=12, boundary=boundary, hop_length=40)
    picture, counts = LinearReassignment(16000, **settings)(x, counts=True)
    front = reassigned_spectrogram(x, 16000, **settings)
    rows = front.shape[0]
    assert rows <= len(picture) == 97 and not picture[:-rows].any()
    assert (picture[-rows:].numpy() == front.energy).all() and (counts[-rows:].numpy() == front.counts).all()
    with pytest.raises(ValueError, match=f"sound of {n} samples is shorter than the lowest wavelet, 6400 samples"):
        LinearReassignment(16000, fmin=10, **settings)(x)
    with pytest.raises(ValueError, match="a sound of 7 samples is shorter than the lowest wavelet, 32 samples"):
        LinearReassignment(16000, **settings)(x[:7])


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_leaves_the_axes_alone(kind):
    model = torch.nn.Sequential(layer(), torch.nn.Linear(3, 3)).to(kind)
    assert model[1].weight.dtype == kind
    assert (model[0].frequencies == layer().frequencies).all() and (model[0].threshold == layer().threshold).all()
    x = sounds(700).to(kind)
    assert model[0](x).dtype == torch.float32 and (model[0](x) == layer()(x.float())).all()
    before = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try: assert layer().frequencies.dtype == torch.float32
    finally: torch.set_default_dtype(before)


@pytest.mark.parametrize("name", ["sr", "q", "fmin", "fmax", "lint", "density", "soft"])
def test_settings_are_not_learned(name):
    with pytest.raises(ValueError, match=rf"{name}=1.0 is a tensor: a setting is a fixed number"):
        LinearReassignment(**(dict(sr=16000) | {name: torch.nn.Parameter(torch.tensor(1.0))}))


@pytest.mark.parametrize("wrong, says", [
    (dict(scale="dB"), "scale='dB' is not one of ('power', 'magnitude', 'log1p', 'db')"),
    (dict(norm=2), "norm=2 is not one of (None, 'peak', 'standard')"),
    (dict(floor=0), "floor=0 is not a finite number > -inf and < 0"),
    (dict(gain=float("nan")), "gain=nan is not a finite number > 0"),
    (dict(pad_to=0.5), "pad_to=0.5 is not an integer >= 1"),
])
def test_wrong_levels_are_refused(wrong, says):
    with pytest.raises(ValueError, match=re.escape(says)): layer(**wrong)


@pytest.mark.slow
def test_an_exported_layer_is_kept_in_a_file(tmp_path):
    model, x = layer(fmin=500, scale="db", norm="peak", soft=True).eval(), sounds(2, 1500)
    time = torch.export.Dim("time", min=1000, max=4000)
    program = torch.export.export(model, (x,), dynamic_shapes=({1: time},))
    torch.export.save(program, tmp_path / "layer.pt2")
    torch.save((x[:, :1200], model(x[:, :1200])), tmp_path / "case.pt")
    code = ("import torch, spectral_hyperresolution.pytorch.layer; "
            "x, level = torch.load('case.pt'); "
            "assert (torch.export.load('layer.pt2').module()(x) == level).all(); print('same')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout.strip() == "same", done.stderr


class Tones(torch.utils.data.Dataset):
    "Tones in noise, low ones and high ones, of three lengths."
    def __len__(self): return 16

    def __getitem__(self, k):
        g = torch.Generator().manual_seed(k)
        n = (400, 500, 640)[k % 3]
        f = (600, 1800)[k % 2] * (1 + 0.1 * torch.rand((), generator=g))
        return torch.sin(2 * torch.pi * f / 16000 * torch.arange(n)) + 0.3 * torch.randn(n, generator=g), k % 2


def collate(items):
    x = torch.nn.utils.rnn.pad_sequence([sound for sound, _ in items], batch_first=True)
    return x, torch.tensor([len(sound) for sound, _ in items]), torch.tensor([kind for _, kind in items])


class Classifier(torch.nn.Module):
    "A learned gain on the samples, the layer, the mean level of each row within the sound, two weights a row."
    def __init__(self):
        super().__init__()
        self.tilt = torch.nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.front = layer(fmin=400, bins_per_octave=4, density=1, soft=True, scale="log1p", norm="peak", gain=1000)
        self.head = torch.nn.Linear(len(self.front.frequencies), 2)

    def forward(self, x, lengths):
        level = self.front(self.tilt(x[:, None])[:, 0], lengths)
        inside = self.front.mask(lengths, x.shape[-1])
        return self.head((level * inside[:, None]).sum(-1) / inside.sum(-1, keepdim=True))


def loader(**how): return torch.utils.data.DataLoader(Tones(), batch_size=8, collate_fn=collate, **how)


def test_a_plain_loop_trains():
    torch.manual_seed(0)
    model = Classifier()
    optimiser = torch.optim.Adam(model.parameters(), 0.03)
    losses = []
    for _ in range(5):
        for x, lengths, kind in loader():
            loss = torch.nn.functional.cross_entropy(model(x, lengths), kind)
            optimiser.zero_grad()
            loss.backward()
            assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in model.parameters())
            optimiser.step()
            losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    kept = io.BytesIO()
    torch.save(model.state_dict(), kept)
    kept.seek(0)
    again = Classifier()
    again.load_state_dict(torch.load(kept, weights_only=True))
    with torch.inference_mode(): assert (again(x, lengths) == model(x, lengths)).all()


def test_lightning_trains(tmp_path):
    "Validation in inference mode comes first, then training with clipped gradients; a checkpoint is read again."
    lightning = pytest.importorskip("pytorch_lightning", reason="no Lightning: its loop is not tested here")

    class Module(lightning.LightningModule):
        def __init__(self, rate=0.03):
            super().__init__()
            self.save_hyperparameters()
            self.model, self.losses = Classifier(), []

        def training_step(self, batch, _):
            x, lengths, kind = batch
            loss = torch.nn.functional.cross_entropy(self.model(x, lengths), kind)
            self.losses.append(loss.item())
            return loss

        def validation_step(self, batch, _):
            x, lengths, kind = batch
            self.log("right", (self.model(x, lengths).argmax(1) == kind).float().mean(), batch_size=len(kind))

        def configure_optimizers(self): return torch.optim.Adam(self.parameters(), self.hparams.rate)

    lightning.seed_everything(0)
    module = Module()
    trainer = lightning.Trainer(max_epochs=5, accelerator="cpu", logger=False, enable_progress_bar=False,
                                enable_model_summary=False, default_root_dir=tmp_path, gradient_clip_val=1.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        trainer.validate(module, loader(), verbose=False)
        trainer.fit(module, loader(), loader())
    assert trainer.callback_metrics["right"] == 1 and module.losses[-1] < 0.5 * module.losses[0]
    path = tmp_path / "kept.ckpt"
    trainer.save_checkpoint(path)
    again = Module.load_from_checkpoint(path)
    x, lengths, _ = next(iter(loader()))
    with torch.no_grad(): assert (again.model(x, lengths) == module.model(x, lengths)).all()


def test_a_soft_picture_s_gradient_follows_the_frequency():
    "A tone at f lies in column -noct log2(f/fmax), whose slope is -noct/(f ln 2): soft edges have it, hard ones don't."
    plan = Plan(2000, 2, 50, 6, 12, 0.05, 0.45)
    columns = torch.arange(plan.n_bins, dtype=torch.float64)
    slopes = {}
    for soft in (True, False):
        f = torch.tensor(0.123, dtype=torch.float64, requires_grad=True)
        energy = engine.reassign(torch.cos(2 * np.pi * f * torch.arange(2000)), plan, boundary="zero",
                          soft=soft)[0][10:-10]
        slopes[soft], = torch.autograd.grad((energy @ columns / energy.sum(1)).mean(), f)
    expected = -plan.noct / (0.123 * np.log(2))
    print(f"columns per cycle/sample: expected {expected:.2f}, soft {slopes[True]:.2f}, hard "
          f"{slopes[False]:.2f}")
    check_close(slopes[True], expected, rtol=0.01)
    assert abs(slopes[False] / expected) < 0.1


def test_what_the_layer_refuses():
    sr = 16000
    small = LinearReassignment(sr, q=1, fmin=500, fmax=4000, bins_per_octave=6, oversampling=4)
    for wrong, says in [
        (torch.zeros(2, 0), "an empty sound"),
        (torch.zeros(2000, dtype=torch.int64), "x is torch.int64: not real floating-point numbers or "
                                               "8-, 16- or 32-bit PCM"),
        (torch.zeros(2000, dtype=torch.cfloat), "x is torch.complex64"),
        (torch.zeros(2000, device="meta"), "'meta'"),
        (torch.zeros(10), "shorter than the lowest wavelet"),
    ]:
        with pytest.raises(ValueError, match=re.escape(says)): small(wrong)
    for wrong, says in [
        (dict(q=0), "q=0 is not a finite number > 0"),
        (dict(fmax=9000), "fmax=9000"),
        (dict(gate="none"), "gate='none' is not"),
        (dict(mode="parity"), "boundary='zero': the parity mode has 'wrap' alone"),
        (dict(soft="yes"), "soft='yes' is not a finite number"),
        (dict(max_memory=0), "max_memory=0 is not"),
    ]:
        with pytest.raises(ValueError, match=re.escape(says)): LinearReassignment(sr, **wrong)
    with pytest.raises(ValueError, match="a sound of 9001 samples is longer than pad_to=9000"):
        LinearReassignment(sr, pad_to=9000)(np.zeros(9001))
    with pytest.raises(ValueError, match=re.escape("x is on cpu, the layer on meta")):
        LinearReassignment(sr).to("meta")(torch.zeros(16000))


def test_a_gradient_without_position_is_told():
    x = sounds(1500).requires_grad_()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        layer(soft=True)(x)
        assert not said
        layer()(x)
    assert len(said) == 1 and "none through its position" in str(said[0].message)


@pytest.mark.parametrize("wrong, says", [
    ([1500, 700], "lengths is torch.int64 of shape (2,): not one integer for each sound, (4,)"),
    ([1.0] * 4, "lengths is torch.float64"), ([1500, 0, 1, 1], "lengths[1]=0 is not from 1 to 1500 samples"),
    ([1500, 700, 20, 60], "a sound of 20 samples is shorter than the lowest wavelet, 64"),
])
def test_lengths_that_are_none(wrong, says):
    with pytest.raises(ValueError, match=re.escape(says)): layer(fmin=500)(sounds(4, 1500), wrong)


# ---- every sound at its own Q

OWN = dict(q="auto", fmin=300, fmax=4000, bins_per_octave=12, hop_length=64)


def scenes(n=3000, dtype=torch.float64):
    "A pair of tones, clicks and noise, which want different Qs."
    t, noise = np.arange(n) / 16000, 0.3 * np.random.default_rng(0).standard_normal(n)
    clicks = 0.001 * noise                   # between equal clicks alone, points lie on the edges of cells
    clicks[50::160] = 3
    pair = np.sin(2 * np.pi * 1000 * t) + np.sin(2 * np.pi * 1083 * t)
    return torch.from_numpy(np.stack([pair, clicks, noise])).to(dtype)


@pytest.mark.parametrize("how", [
    dict(), dict(lint=0.3, tolerance=0.1), *(pytest.param(how, marks=pytest.mark.slow) for how in (
        dict(gate="global", boundary="reflect"), dict(gate=None, oversampling=4, bins_per_octave=24),
        dict(fmin=None, density=3), dict(mode="parity", boundary="wrap")))])
def test_auto_is_the_front_doors_picture_of_each_sound(how):
    x, settings = scenes(), OWN | how
    model = LinearReassignment(16000, **settings)
    energy, found = model(x, counts=True)
    chosen, seen = model.q_map(x), set()
    for k, sound in enumerate(x.numpy()):
        S = reassigned_spectrogram(sound, 16000, **settings)
        rows = slice(-S.energy.shape[0], None)        # a short sound's axis begins higher at the front door
        check_close(energy[k, rows], S.energy, 1e-9)
        if "mode" not in how: check_close(found[k, rows], S.counts, 1e-9)   # there, also points that are nothing
        check_close(chosen[k, rows], S.q_map, 1e-6)
        seen |= set(np.round(S.q_map.ravel(), 1))
    assert {1.4, 22.4} <= seen


def test_auto_takes_each_sound_by_itself_in_any_batch():
    x, model = scenes(dtype=torch.float32), LinearReassignment(16000, **OWN)
    lengths = [3000, 1700, 900]
    together, alone = model(x, lengths), [model(s[:n]) for s, n in zip(x, lengths, strict=True)]
    maps = model.q_map(x, lengths)
    for k, picture in enumerate(alone):
        end = picture.shape[-1]
        assert torch.equal(together[k, :, :end], picture) and not together[k, :, end:].any()
        assert (maps[k, :, end:] == 1).all() and (maps[k, :, :end] >= 1.39).all()
    wide = LinearReassignment(16000, **OWN, pad_to=4000)
    assert wide(x).shape[-1] == wide.q_map(x).shape[-1] == wide.n_times(4000)
    check_close(model(16 * x), 256 * model(x), 1e-6)


def test_auto_has_gradients_within_its_choice():
    x = scenes(600)[2:].clone().requires_grad_()
    model = LinearReassignment(16000, **OWN, soft=True, gate=None)
    direction = sounds(*x.shape, dtype=x.dtype)
    picture = model(x)
    weight = sounds(*picture.shape, dtype=x.dtype)
    given, = torch.autograd.grad((picture * weight).sum(), x)
    with torch.no_grad():
        up, down = ((model(x + s * 1e-7 * direction) * weight).sum() for s in (1, -1))
        assert torch.equal(model.q_map(x + 1e-7 * direction), model.q_map(x))
    check_close(float((given * direction).sum()), float((up - down) / 2e-7), 1e-4)


def test_auto_compiles_to_one_operator():
    x, model = scenes(600, torch.float32), LinearReassignment(16000, **OWN, soft=True)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    (ours, by), (theirs, there) = slope(compiled, x), slope(model, x)
    assert torch.equal(ours, theirs) and torch.equal(by, there) and by.any()


def test_auto_is_built_again_from_its_config():
    model = LinearReassignment(16000, **OWN)
    again = LinearReassignment.from_config(model.config)
    again.load_state_dict(model.state_dict())
    assert again.config == model.config and again.config["q"] == "auto" and again.config["oversampling"] is None
    assert set(model.state_dict()) == {"frequencies", "threshold"}
    fixed = LinearReassignment(16000, **OWN, oversampling=6)
    assert LinearReassignment.from_config(fixed.config).config["oversampling"] == 6
    with pytest.raises(ValueError, match="q='best' is not a number"): LinearReassignment(16000, q="best")
