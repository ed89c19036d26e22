"""q="auto": the parts of a picture that are computed, what the choice withstands, what is kept and refused."""

import json

import numpy as np
import pytest

from spectral_hyperresolution import ReassignedSpectrogram, auto, cli, reassigned_spectrogram
from spectral_hyperresolution.engine.plan import default_plan
from spectral_hyperresolution.engine.reassign import _summed, reassign
from spectral_hyperresolution.engine.survey import ladder, survey
from spectral_hyperresolution.engine.wanted import _part, cell_weights
from spectral_hyperresolution.explore.passes import answer, estimate
from spectral_hyperresolution.explore.server import State
from spectral_hyperresolution.explore.takeaway import data
from spectral_hyperresolution.explore.window import Sound, View, compute
from spectral_hyperresolution.testing import check_close

SR = 16000


def noise(n=16000, seed=0):
    return np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize("q, density, n", [(2.0, None, 40000), (11.2, None, 40000), (1.4, 2.5, 9000),
                                           (5.6, 2.5, 30000)])
def test_what_is_wanted_is_computed_in_full_and_the_rest_is_not(q, density, n):
    rng, plan = np.random.default_rng(1), default_plan(n, 48000, q, 600.0, hop_length=96)
    wanted = np.zeros(plan.shape, bool)
    for _ in range(2):
        a, b = rng.integers(0, plan.n_times - 5), rng.integers(0, plan.n_bins - 5)
        wanted[a:a + rng.integers(1, 30), b:b + rng.integers(1, 40)] = True
    sound = noise(n).astype("f4")
    whole = reassign(sound, plan, boundary="zero", density=density)
    every = 0, plan.n_times, 0, plan.n_bins
    part = _summed(_part(sound[None], plan, wanted, "fast", "zero", 0.01, density, True, every), every, 2)
    # equal but for rounding, where a loop starts elsewhere
    for all_cells, some in zip(whole, part, strict=True): check_close(some[wanted], all_cells[wanted], 1e-6)
    assert (part[1] > 0).sum() < 0.5 * (whole[1] > 0).sum()


def test_the_picture_is_the_mixture_of_whole_pictures():
    sound, settings = noise(8000), dict(fmin=200, hop_length=40, tolerance=0.05)
    S = reassigned_spectrogram(sound, SR, q="auto", **settings)
    chosen = auto.choose(survey(sound[None], S.plan, "zero", 1), S.plan)
    weights = list(cell_weights(chosen, S.plan, len(ladder)))
    check_close(sum(weights), np.ones(S.plan.shape), 1e-6)
    mixture, density = 0, 0
    for q, w in zip(ladder, weights, strict=True):
        one = reassigned_spectrogram(sound, SR, q=q, **settings)
        mixture = mixture + w.T[::-1] * one.energy
        density = density + w.T[::-1] * one.counts / one.plan.over
    check_close(S.energy, mixture, 1e-6)
    check_close(S.counts / S.plan.over, density, 1e-6)


@pytest.mark.parametrize("gain", [2.0**-100, 2.0**66])
def test_gain_changes_no_choice(gain):
    sound = noise()
    assert (reassigned_spectrogram(gain * sound, SR, q="auto").q_map
            == reassigned_spectrogram(sound, SR, q="auto").q_map).all()


def test_close_tones_take_a_long_window_and_clicks_a_short_one():
    t = np.arange(SR) / SR
    pair = np.cos(2 * np.pi * 3000 * t) + np.cos(2 * np.pi * 3070 * t)
    clicks = 1.0 * (np.arange(SR) % 320 == 0)
    look = dict(q="auto", fmin=100, fmax=7000, bins_per_octave=96, hop_length=32)
    tones, pulses = (reassigned_spectrogram(x, SR, **look) for x in (pair, clicks))
    row = np.argmin(np.abs(tones.frequencies - 3035))
    assert np.median(tones.q_map[row]) == pytest.approx(22.4, rel=1e-6)
    assert np.median(pulses.q_map) == pytest.approx(1.4, rel=1e-6)


def test_no_wavelet_is_longer_than_the_sound():
    n = 2000
    S = reassigned_spectrogram(noise(n), SR, q="auto", fmin=60)
    longest = np.maximum(n * S.frequencies / (2 * SR) * 2 ** (1 / 24), ladder[0])   # a row of the survey to spare
    assert (S.q_map <= longest[:, None]).all() and S.q_map.max() > 2


def test_silence_and_a_sound_of_few_samples():
    S = reassigned_spectrogram(np.zeros(4000), SR, q="auto")
    assert not S.energy.any() and np.isfinite(S.q_map).all()
    assert np.isfinite(reassigned_spectrogram(noise(60), SR, q="auto").energy).all()


def test_channels_are_independent_and_pooling_joins_them():
    pair = np.stack([noise(seed=1), noise(seed=2)])
    both, one = (reassigned_spectrogram(x, SR, q="auto") for x in (pair, pair[1]))
    assert both.q_map.shape == both.energy.shape
    assert (both.energy[1] == one.energy).all() and (both.q_map[1] == one.q_map).all()
    together = reassigned_spectrogram(pair, SR, q="auto", pool=True)
    assert together.q_map.shape == together.energy.shape == one.energy.shape


@pytest.mark.slow
def test_threads_and_parity_agree():
    sound, look = noise(4000), dict(q="auto", boundary="wrap", bins_per_octave=24, gate=None)
    one, two = (reassigned_spectrogram(sound, SR, threads=k, **look) for k in (1, 2))
    assert (one.energy == two.energy).all() and (one.q_map == two.q_map).all()
    exact = reassigned_spectrogram(sound, SR, mode="parity", **look)
    assert np.abs(exact.energy - one.energy).sum() < 0.03 * exact.energy.sum()


def test_the_choice_is_kept_and_converted(tmp_path):
    xarray = pytest.importorskip("xarray")
    S = reassigned_spectrogram(noise(4000), SR, q="auto")
    S.save(tmp_path / "auto.npz")
    again = ReassignedSpectrogram.load(tmp_path / "auto.npz")
    assert (again.q_map == S.q_map).all() and again.plan == S.plan
    table = S.to_xarray()
    assert isinstance(table, xarray.Dataset) and table.attrs["q"] == "auto" and (table.q.values == S.q_map).all()


def test_energy_of_noise_is_that_of_one_q():
    sound, settings = noise(32000), dict(gate=None, fmin=60)
    total = reassigned_spectrogram(sound, SR, q="auto", **settings).energy.sum()
    for q in ladder:
        assert total == pytest.approx(reassigned_spectrogram(sound, SR, q=q, **settings).energy.sum(), rel=0.03)


@pytest.mark.parametrize("q", ["best", "Auto", ""])
def test_other_words_are_refused(q):
    with pytest.raises(ValueError, match=f"q='{q}' is not a number or"): reassigned_spectrogram(noise(400), SR, q=q)


def test_the_command_draws_it(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "n.wav", 0.1 * noise(8000), SR)
    target = tmp_path / "n.png"
    assert cli.main(["draw", str(tmp_path / "n.wav"), "--q", "auto", "--width", "64", "--height", "48", "--quiet",
                     "-o", str(target)]) == 0
    assert target.stat().st_size > 1000


def example(seconds=1.5):
    "Two tones 100 Hz apart in the first half, clicks every 20 ms in the second."
    t = np.arange(int(seconds * SR)) / SR
    half = seconds / 2
    tones = np.where(t < half - 0.05, 0.1 * (np.cos(2 * np.pi * 3000 * t) + np.cos(2 * np.pi * 3100 * t)), 0)
    return tones + np.where(t > half + 0.05, 1.0 * (np.arange(len(t)) % (SR // 50) == 0), 0)


def test_a_window_of_the_explorer_takes_each_sound_at_its_own_q():
    sound = Sound(example(), SR)
    W = compute(sound, View(0.2, 1.3, 2000, 5000, q=("auto",), width=400, height=200))
    assert W.q_map.shape == W.energy.shape
    row = np.argmin(np.abs(W.frequencies - 3050))
    assert np.median(W.q_map[row, W.times < 0.6]) > 11 > 4 > np.median(W.q_map[row, W.times > 0.9])
    whole = reassigned_spectrogram(example(), SR, q="auto", fmin=2000, fmax=5000, hop_length=W.plan.tdeci,
                                   bins_per_octave=W.plan.noct)
    inside = (whole.times > 0.25) & (whole.times < 0.65)
    here = (W.times > 0.25) & (W.times < 0.65)
    assert W.energy[:, here].sum() == pytest.approx(whole.energy[:, inside].sum(), rel=0.02)
    assert W.energy[:, here].sum() == pytest.approx(0.4 * 0.01, rel=0.03)


def test_the_explorer_sends_and_keeps_it():
    from io import BytesIO
    from zipfile import ZipFile
    sound = Sound(example(), SR)
    state = State([sound], "127.0.0.1")
    _, view = state.view(dict(t0="0.2", t1="1.3", f0="300", f1="7000", q="auto", width="200", height="100"))
    assert view.q == ("auto",) and 0 < estimate(sound, view, None) < 60
    heads = [json.loads(frame[4:4 + int.from_bytes(frame[:4], "little")]) for frame in answer(sound, view)]
    assert heads[-1]["kind"] == "reassigned" and heads[-1]["q"] == "auto" and heads[-1]["last"]
    with ZipFile(BytesIO(data(sound, view))) as kept:
        assert "qauto.npz" in kept.namelist() and json.loads(kept.read("settings.json"))["view"]["q"] == ["auto"]


@pytest.mark.parametrize("q", [("auto", "auto", "auto"), ("best",), (2.0, "auto", 4.0)])
def test_the_explorer_refuses_other_words(q):
    with pytest.raises(ValueError, match="q="): View(0.2, 1.3, 300, 7000, q=q).check(Sound(example(), SR))


def test_a_loss_refuses_it_and_says_why():
    pytest.importorskip("torch")
    from spectral_hyperresolution.pytorch.loss import ReassignedLoss
    for q in ("auto", (2.0, "auto")):
        with pytest.raises(ValueError, match="q='auto': pictures are compared at the same Q"): ReassignedLoss(SR, q=q)
    with pytest.raises(ValueError, match="q='best' is not a number or"):
        ReassignedLoss(SR, q="best")


@pytest.mark.parametrize("gain, level, used", [(0.2, 1.0, True), (0.05, 1.0, False), (0.2, 0.02, True),
                                               (0.2, 0.005, False)])
def test_a_q_takes_part_where_it_is_needed(gain, level, used):
    "One neighbourhood decides, unless it is far below the loudest of its row."
    score, loud = np.zeros((3, 4, 50)), np.ones((4, 50))
    score[[0, 2]] = -0.3
    score[0, 0, 0] = 0.5                                        # an onset that wants the first Q
    score[2, 2, 7], loud[2, 7] = gain, level
    assert auto._taking_part(score, loud).tolist() == [True, True, used]


def test_of_two_qs_that_are_nearly_as_good_one_is_enough():
    score, few = np.zeros((3, 4, 50)), slice(0, 50, 10)
    score[0], score[2], score[2, :, few] = -0.3, -0.01, 0.01
    assert auto._taking_part(score, np.ones((4, 50))).tolist() == [False, True, False]
    score[2, :, ::3] = 0.01                                      # … unless each is the best in much of the plane
    assert auto._taking_part(score, np.ones((4, 50))).tolist() == [False, True, True]


def test_silence_around_a_sound_changes_no_choice():
    sound, still = noise(24000), np.zeros(48000)
    chosen = []
    for x in (np.concatenate([still, sound, still]), np.concatenate([still, sound, still, still, still])):
        plan = auto.picture_plan(len(x), 48000, "auto", 300, 20000, 48, 96)
        chosen.append(auto.choose(survey(x[None], plan, "zero", 1), plan))
    columns = chosen[0].shape[1] - 20
    assert len(np.unique(chosen[0])) > 1 and (chosen[0][:, :columns] == chosen[1][:, :columns]).all()
    assert (chosen[1][:, columns + 20:] == 0).all()             # where nothing sounds, nothing is asked for
    assert (auto.choose(survey(np.zeros((1, 48000)), plan, "zero", 1)[..., :10], plan) == 0).all()
