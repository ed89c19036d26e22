"""Features of fixed size, the transformer, the front end, and the program that measures what they are worth."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spectral_hyperresolution import features as module
from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.features import band_edges, channel_names, features, measures, pooled
from spectral_hyperresolution.testing import check_close, root
from spectral_hyperresolution.theory import sounds

SR = 8000
LOOK = dict(fmin=250, fmax=3800, bands=10, frames=6, threads=1)
recordings = Path(os.environ.get("HYPERRES_RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "recordings"))


def noisy(n=4000, seed=0): return np.random.default_rng(seed).standard_normal(n)


@pytest.fixture(scope="module")
def transformer():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (it is in the extra features)")
    from spectral_hyperresolution import ReassignedFeatures
    return ReassignedFeatures


# ---- pooling


@pytest.mark.parametrize("soft", [False, True])
def test_pooling_keeps_the_energy(soft):
    "All of it, of a picture that the grid covers: levels without a reference are power, which times time is energy."
    S = reassigned_spectrogram(noisy(), SR, fmin=250, fmax=3800)
    edges = np.geomspace(S.frequency_edges[0], S.frequency_edges[-1], 9)
    frames = np.linspace(S.time_edges[0], S.time_edges[-1], 6)
    level = pooled(S, edges, frames, soft=soft, norm=None, floor=-300)[0]
    assert (10 ** (level / 10) * np.diff(frames)).sum() == pytest.approx(S.energy.sum(), rel=1e-9)


def test_moments_are_those_of_the_cells():
    "A block as large as the picture, against NumPy's weighted averages."
    S = reassigned_spectrogram(sounds.bird_song(0.4, sr=16000, seed=1), 16000, fmin=1000)
    edges = S.frequency_edges[[0, -1]], S.time_edges[[0, -1]]
    kinds = ("frequency", "delay", "frequency_spread", "delay_spread", "slope", "concentration", "structure")
    f, t, sf, st, slope, concentration, structure = pooled(S, *edges, kinds)[:, 0, 0]
    rows, columns = ((np.arange(n) + 0.5) / n for n in S.shape)
    E = S.energy / S.energy.sum()
    mf, mt = (E.sum(1) * rows).sum(), (E.sum(0) * columns).sum()
    check_close([f + 0.5, t + 0.5], [mf, mt], 1e-6)
    vf = (E.sum(1) * (rows - mf) ** 2).sum() + 1 / 12 / len(rows) ** 2
    vt = (E.sum(0) * (columns - mt) ** 2).sum() + 1 / 12 / len(columns) ** 2
    check_close([sf**2, st**2], [vf, vt], 1e-5)
    cov = (E * np.outer(rows - mf, columns - mt)).sum()
    assert slope == pytest.approx(2 * cov / (vf + vt), rel=1e-5)
    assert structure == pytest.approx((vt - vf) / (vt + vf), rel=1e-5)
    assert concentration == pytest.approx(1 - np.log(1 / (E**2).sum()) / np.log(E.size), rel=1e-9)


def test_time_reversed_is_a_mirror():
    "The frames come in the other order, slopes change their sign, and delays too."
    x = np.cos(2 * np.pi * np.cumsum(np.linspace(600, 3000, 4800)) / SR)
    kinds = ("level", "slope", "delay", "structure")
    there, back = (features(y, SR, measures=kinds, floor=-25, **LOOK) for y in (x, x[::-1]))
    loud = (there[0] > -20) & (back[0, :, ::-1] > -20)
    for k, sign in enumerate((1, -1, -1, 1)):
        assert loud.sum() > 8 and np.abs(there[k] - sign * back[k, :, ::-1])[loud].mean() < (0.5 if k == 0 else 0.15)
    assert there[1][loud].mean() > 0.3


@pytest.mark.parametrize("n", [400, 1234, 4000, 20000])
def test_the_size_is_fixed(n):
    "Whatever the length; a band's position does not depend on it."
    t = np.arange(n) / SR
    found = features(np.cos(2 * np.pi * 1500 * t), SR, q=1.5, fmin=500, bands=12, frames=5, threads=1)
    assert found.shape == (1, 12, 5) and np.isfinite(found).all()
    band = np.searchsorted(band_edges(12, 500, 4000), 1500) - 1
    assert found[0, :, 2].argmax() == band


def test_a_second_channel_with_the_same_sound_changes_nothing():
    "Without the gate, at which the counts of channels add up."
    how = dict(gate=None, measures=("level", "slope", "concentration"), **LOOK)
    check_close(features(np.stack([noisy(), noisy()]), SR, **how), features(noisy(), SR, **how), 1e-6)


def test_a_duration_cuts_and_fills():
    long = noisy(8000)
    same = [features(x, SR, duration=0.5, **LOOK) for x in (long, long[:4000])]
    check_close(same[0], same[1], 1e-12)
    short = features(long[:2000], SR, duration=0.5, **LOOK)[0]
    assert (short[:, 4:] == -80).all() and (short[:, 1] > -60).all()


def test_every_engine_fits_its_names():
    x = sounds.bird_song(0.4, sr=16000, seed=2)
    for how in (dict(q=3), dict(q=(1.4, 5.6), measures=measures[:9]), dict(q="auto", measures=("level", "q")),
                dict(q=(1.4, 2.8), consensus=True, measures=("level", "support")), dict(norm="background"),
                dict(scale="mel", soft=True, norm=None)):
        found = features(x, 16000, bands=5, frames=4, fmin=800, **how)
        names = channel_names(**{k: how[k] for k in ("q", "consensus", "measures") if k in how})
        assert found.shape == (len(names), 5, 4) and np.isfinite(found).all() and len(set(names)) == len(names)


@pytest.mark.parametrize("x", [[], np.zeros((2, 0)), np.full(4000, np.nan), "x", np.zeros(4000, complex), np.zeros(3)])
@pytest.mark.parametrize("duration", [None, 0.5])
def test_bad_sounds_are_refused(x, duration):
    if duration and np.shape(x) == (3,): assert (features(x, SR, duration=duration, **LOOK) == -80).all()
    else:
        with pytest.raises(ValueError): features(x, SR, duration=duration, **LOOK)


@pytest.mark.parametrize("wrong, why", [
    (dict(q="all"), "q='all' is not"), (dict(q=[]), "not a number, several"), (dict(q=-1), "q="),
    (dict(consensus=True), "a consensus takes several"), (dict(q="auto", consensus=True), "consensus=True"),
    (dict(measures=("loudness",)), "measure='loudness' is not one of"), (dict(measures=()), "are none"),
    (dict(measures=("q",)), 'needs q="auto"'), (dict(measures=("support",)), "needs a consensus"),
    (dict(bands=0), "bands=0 is not"), (dict(frames=1.5), "frames=1.5"), (dict(scale="bark"), "scale='bark'"),
    (dict(norm="mean"), "norm='mean'"), (dict(fmin=5000), "fmax=3800"), (dict(duration=0), "duration=0"),
    (dict(floor=3), "floor=3"), (dict(soft=2), "soft=2"),
])
def test_bad_arguments_are_refused(wrong, why):
    with pytest.raises(ValueError, match=why): features(noisy(), SR, **(LOOK | wrong))


def test_bad_edges_are_refused():
    S = reassigned_spectrogram(noisy(), SR)
    for edges in ([0, 100], [100], [100, 100], [100, np.nan]):
        with pytest.raises(ValueError, match="frequency_edges"): pooled(S, edges, [0, 0.5])
    with pytest.raises(ValueError, match="not one picture"):
        pooled(reassigned_spectrogram(np.stack([noisy(), noisy()]), SR), [100, 200], [0, 0.5])
    with pytest.raises(TypeError, match="S="): pooled(S.energy, [100, 200], [0, 0.5])
    with pytest.raises(TypeError, match="no_such"): features(noisy(), SR, no_such=1)


def test_the_module_needs_no_sklearn():
    code = ("import sys\nfor name in ('sklearn', 'joblib'): sys.modules[name] = None\n"
            "import spectral_hyperresolution.features\nfrom spectral_hyperresolution import ReassignedFeatures")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.stderr.splitlines()[-1] == ("ImportError: ReassignedFeatures needs joblib:  "
                                            "pip install 'spectral_hyperresolution[features]'")
    assert module.__name__ in done.stderr or "line 4" in done.stderr      # the line before it went through


# ---- transformer


def test_in_a_pipeline_with_a_search(transformer):
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    rng, y = np.random.default_rng(0), np.arange(24) % 2
    X = [np.cos(2 * np.pi * np.cumsum(np.linspace(900, (1500, 600)[k], n)) / SR) + 0.3 * rng.standard_normal(n)
         for k, n in zip(y, rng.integers(1600, 3000, 24), strict=True)]
    model = make_pipeline(transformer(SR, bands=6, frames=3, fmin=300), LogisticRegression())
    search = GridSearchCV(model, {"reassignedfeatures__measures": [("counts",), ("slope",)]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.9 and clone(search.best_estimator_).get_params()["reassignedfeatures__bands"] == 6
    names = search.best_estimator_[0].get_feature_names_out()
    assert len(set(names)) == 18 and names[0] == f"{search.best_params_['reassignedfeatures__measures'][0]}" \
        "[q=2] band 0 frame 0"


def test_memory_computes_once(transformer, tmp_path, monkeypatch):
    import spectral_hyperresolution.transformer as home
    begun = []
    monkeypatch.setattr(home, "features", lambda *a, **k: begun.append(1) or features(*a, **k))
    X = [noisy(seed=k) for k in range(3)]
    model = transformer(SR, bands=4, frames=3, fmin=400, memory=str(tmp_path)).fit(X)
    first = model.transform(X)
    assert len(begun) == 3                                                # the first was kept by fit
    assert np.array_equal(model.transform(X), first) and len(begun) == 3
    model.set_params(bands=5).fit(X).transform(X)
    assert len(begun) == 6


def test_threads_change_nothing(transformer):
    X = [noisy(1500 + 300 * k, seed=k) for k in range(5)]
    one, two = (transformer(SR, bands=4, frames=3, fmin=400, n_jobs=n).fit_transform(X) for n in (None, 2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("X, why", [
    ("a.wav", "is one entry"), (np.zeros(100), "Expected 2D"), ([], "0 sample"), (7, "not a list of sounds"),
    ([np.zeros(4000), [[["a"]]]], r"X\[1\]"), ([noisy(), np.zeros(9)], r"X\[1\], an array"),
    ([noisy(), "none.wav"], r"X\[1\], none.wav"), ([None], r"X\[0\]"), (np.zeros((2, 0)), "0 feature"),
])
def test_bad_data_sets_are_refused(transformer, X, why):
    with pytest.raises((ValueError, TypeError), match=why): transformer(SR, fmin=400).fit(X).transform(X)


def test_files_of_another_rate_are_refused(transformer, tmp_path):
    import soundfile
    for name, rate in (("a.wav", SR), ("b.wav", 16000)): soundfile.write(tmp_path / name, noisy() / 5, rate)
    model = transformer(SR, fmin=400).fit([tmp_path / "a.wav"])
    assert model.transform([str(tmp_path / "a.wav")]).shape == (1, 512)
    with pytest.raises(ValueError, match=r"b.wav has a sampling rate of 16000 Hz, not sr=8000"):
        model.transform([tmp_path / "a.wav", tmp_path / "b.wav"])


def test_not_fitted(transformer):
    from sklearn.exceptions import NotFittedError
    with pytest.raises(NotFittedError): transformer(SR).transform([noisy()])
    with pytest.raises(NotFittedError): transformer(SR).get_feature_names_out()


def test_real_digits(transformer):
    "Neighbours among one speaker's digits are the same digit, mostly; by chance one in ten."
    folder = recordings / "spoken_digits"
    if not folder.is_dir(): pytest.skip("no shared/recordings, and HYPERRES_RECORDINGS names no folder")
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    paths = [folder / f"{d}_george_{k}.wav" for d in range(10) for k in range(4)]
    model = make_pipeline(transformer(8000, fmin=100, bands=16, frames=8), KNeighborsClassifier(1))
    assert cross_val_score(model, paths, [d for d in range(10) for _ in range(4)], cv=4).mean() > 0.7


# ---- front end


def test_front_end_starts_as_the_features_are():
    "Before it has learned, its bands are the soft blocks of `features`: levels of the same order, band for band."
    torch = pytest.importorskip("torch")
    from spectral_hyperresolution import ReassignedFrontEnd
    x = sounds.bird_song(0.4, sr=16000, seed=4)
    front = ReassignedFrontEnd(16000, qs=[2.8], bands=8, frames=5, fmin=1000, bins_per_octave=24, norm=False, gain=1e4,
                               soft=True)
    with torch.no_grad(): mine = np.expm1(front(torch.tensor(x, dtype=torch.float32))[0].numpy()) / 1e4
    theirs = 10 ** (features(x, 16000, q=2.8, bands=8, frames=5, fmin=1000, soft=True)[0] / 10)
    both = np.corrcoef(mine.ravel(), theirs.ravel())[0, 1]
    assert both > 0.95 and mine.max() == pytest.approx(1, abs=1e-3)


def test_gradients_reach_all_that_is_learned():
    torch = pytest.importorskip("torch")
    from spectral_hyperresolution import ReassignedFrontEnd
    front = ReassignedFrontEnd(SR, qs=(1.4, 4), bands=4, frames=3, fmin=400, mix=True, bins_per_octave=8, soft=True)
    x = torch.randn(2, 1600, requires_grad=True)
    front(x).pow(3).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in front.parameters())
    assert x.grad.isfinite().all() and x.grad.abs().max() > 0
    again = ReassignedFrontEnd(SR, qs=(1.4, 4), bands=4, frames=3, fmin=400, mix=True, bins_per_octave=8, soft=True)
    again.load_state_dict(front.state_dict())
    assert torch.equal(again(x), front(x))
    assert not any(p.requires_grad for p in ReassignedFrontEnd(SR, learn=False, fmin=400).parameters())


# ---- the program that measures


@pytest.fixture(scope="module")
def program():
    pytest.importorskip("sklearn"); pytest.importorskip("librosa", reason="librosa is not installed (extra peers)")
    sys.path.insert(0, str(root() / "benchmarks"))
    spec = importlib.util.spec_from_file_location("downstream", root() / "benchmarks" / "downstream.py")
    found = importlib.util.module_from_spec(spec)
    sys.modules["downstream"] = found
    spec.loader.exec_module(found)
    yield found
    sys.path.remove(str(root() / "benchmarks"))


def test_the_quick_version(program, tmp_path, capsys):
    pytest.importorskip("torch")
    where = ["--quick", "--cells", str(tmp_path / "cells.jsonl"), "--result", str(tmp_path / "result.json")]
    program.main(where)
    result, first = json.loads((tmp_path / "result.json").read_text()), (tmp_path / "cells.jsonl").read_text()
    assert "all of it is measured" in capsys.readouterr().out
    assert {r["method"] for r in result["rows"]} == {"log-mel", "level", "level + shape", "three Qs"}
    assert {r["classifier"] for r in result["rows"]} == {"logistic", "nearest", "network"}
    assert all(0 <= r["interval"][0] <= r["accuracy"] <= r["interval"][1] <= 1 for r in result["rows"])
    assert all(0 <= u["nmi"] <= 1 for u in result["units"]) and all(c["seconds"] > 0 for c in result["costs"])
    (tmp_path / "cells.jsonl").write_text(first[: int(0.7 * len(first))])      # as if the machine had stopped
    program.main(where)
    again = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text().splitlines()]
    kept = [json.loads(line) for line in first.splitlines()]
    same = [[{k: v for k, v in c.items() if k != "cost"} for c in some] for some in (kept, again)]
    assert same[0] == same[1]                                                  # and bit for bit the same
    with pytest.raises(ValueError, match="begun with other"): program.main([*where[1:], "--counts", "9", "9", "9"])


def test_no_source_is_in_two_parts(program):
    n = 6 * 5 * 4
    s = program.Sounds([np.zeros(1)] * n, np.arange(n) % 10, np.ones(n), np.zeros(n, int), np.arange(n) // 20,
                       np.arange(n) % 5)
    seen = set()
    for question, _, _, part in program.divisions("digits", s, 0):
        held = s.speaker if question == "digit" else s.take
        assert set(part) == {0, 1, 2}
        for a, b in ((0, 1), (0, 2), (1, 2)): assert not set(held[part == a]) & set(held[part == b])
        seen |= {(question, k) for k in held[part == 2]}
    assert {k for q, k in seen if q == "digit"} == set(range(6))               # each speaker is the test once


def test_backgrounds_share_no_recording(program, monkeypatch):
    from downstream_sounds import mixed
    pool = [np.full(50, k) + np.random.default_rng(k).standard_normal(50) * 1e-3 for k in range(7)]
    monkeypatch.setitem(mixed.__globals__, "recordings", lambda folder, sr: pool)
    heard = []

    def listen(kind, n, sr, rng, mine):
        heard.append({round(float(x.mean())) for x in mine})
        return np.zeros(n)
    monkeypatch.setitem(mixed.__globals__, "noise", listen)
    s = program.Sounds([np.ones(20)] * 6, np.arange(6), np.ones(6), np.array([0, 1, 2, 0, 1, 2]))
    mixed(s, SR, "real", 0, 0, Path("anywhere"))
    assert heard[0] == heard[3] and not (heard[0] & heard[1] or heard[0] & heard[2] or heard[1] & heard[2])


@pytest.mark.parametrize("task", ["whistles", "syllables", "detection", "counting"])
def test_sounds_are_rebuilt_bit_for_bit(program, task):
    one, two, other = (program.makers[task](seed, (1, 1, 1)) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one.sounds, two.sounds, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one.sounds, other.sounds, strict=True) if a.any())
    assert set(one.labels) == set(range(program.tasks[task].classes)) and len({len(x) for x in one.sounds}) == 1
    assert len({x.tobytes() for x in one.sounds if x.any()}) == sum(x.any() for x in one.sounds)


def test_every_method_has_equal_size(program):
    from downstream_methods import computed, most
    rng = np.random.default_rng(0)
    x = [rng.standard_normal(3200) for _ in range(2)]
    found, cost = computed(x, program.tasks["detection"], program.installed())
    sizes = {name: next(iter(tables.values()))[0].size for name, tables in found.items()}
    assert all(0.85 * most <= n <= most for n in sizes.values()), sizes
    assert all(len({v.shape for v in tables.values()}) == 1 for tables in found.values())
    assert set(cost) == set(found) and min(cost.values()) > 0


def test_statistics(program):
    "An interval that covers the truth about as often as it says; corrected p values; a table with marks."
    rng, inside = np.random.default_rng(0), 0
    for k in range(200):
        low, high = program.interval([rng.random(60) < 0.7 for _ in range(6)], seed=k, draws=400)
        inside += low <= 0.7 <= high
    assert 0.88 < inside / 200 < 1
    assert program.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    right = rng.random(77) < 0.5
    assert np.array_equal(program.unpacked(program.packed(right), 77), right)
