"""Sounds of all kinds as a scikit-learn transformer takes them, and what it refuses."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spectral_hyperresolution.features import features

SR = 8000
SMALL = dict(bands=4, frames=3, fmin=400)
recordings = Path(os.environ.get("HYPERRES_RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "recordings"))


def noisy(n=4000, seed=0): return np.random.default_rng(seed).standard_normal(n)


@pytest.fixture(scope="module")
def transformer():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (it is in the extra features)")
    from spectral_hyperresolution import ReassignedFeatures
    return ReassignedFeatures


def test_in_a_pipeline_with_a_search(transformer, tmp_path):
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    rng, y = np.random.default_rng(0), np.arange(24) % 2
    X = [np.cos(2 * np.pi * np.cumsum(np.linspace(900, (1500, 600)[k], n)) / SR) + 0.3 * rng.standard_normal(n)
         for k, n in zip(y, rng.integers(1600, 3000, 24), strict=True)]
    model = make_pipeline(transformer(SR, bands=6, frames=3, fmin=300, memory=str(tmp_path)), LogisticRegression())
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


def test_real_digits(transformer, tmp_path):
    "Neighbours among one speaker's digits are the same digit, mostly; by chance one in ten."
    folder = recordings / "spoken_digits"
    if not folder.is_dir(): pytest.skip("no shared/recordings, and HYPERRES_RECORDINGS names no folder")
    from sklearn.model_selection import cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    paths = [folder / f"{d}_george_{k}.wav" for d in range(10) for k in range(4)]
    model = make_pipeline(transformer(8000, fmin=100, bands=16, frames=8, memory=tmp_path), KNeighborsClassifier(1))
    assert cross_val_score(model, paths, [d for d in range(10) for _ in range(4)], cv=4).mean() > 0.7


def test_sounds_in_any_container(transformer, tmp_path):
    "A list, a tuple, an array, a column of pandas; arrays, lists of numbers, tensors, PCM, paths: the same row."
    pandas = pytest.importorskip("pandas")
    x = np.round(noisy(2400) * 3000).clip(-32767, 32767).astype(np.int16)
    path = tmp_path / "ü ñ 音.wav"
    soundfile.write(path, x, SR)
    soundfile.write(tmp_path / "both.wav", np.stack([x, x], 1), SR)
    model = transformer(SR, settings=dict(gate=None), **SMALL).fit([x])      # a gate counts channels together
    row, f = model.transform([x]), x / 2**15
    ragged = np.empty(2, object)
    ragged[:] = [f, f[:1200]]
    for same in ([f.tolist()], (f,), f[None], ragged[:1], [str(path)], [path], pandas.Series([path], index=[7]),
                 np.array([str(path)]), pandas.DataFrame(f[None]), [tmp_path / "both.wav"], [np.stack([f, f])],
                 [f.astype(np.longdouble)], pandas.Series([f])):
        np.testing.assert_allclose(model.transform(same), row, atol=1e-3)
    assert model.transform(ragged).shape == (2, 12)
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(model.transform([torch.tensor(f, requires_grad=True)]), row, atol=1e-3)


@pytest.mark.parametrize("sounds, why", [
    ([3.0], r"X\[0\], an array: x=3.0 is a number"), ([noisy(), np.zeros(0)], r"X\[1\], an array: .* an empty sound"),
    ([np.zeros(1)], r"X\[0\], an array: a sound of 1 samples"), ([noisy().astype(int)], "int64"),
    ([np.where(np.arange(4000) == 7, np.nan, 0.1)], "first nan at sample 7"),
    ([np.zeros((4000, 2))], "time is the last axis"),
    (iter([noisy()]), "known number and order"), ({"a.wav"}, "known number and order"), (None, "not a list of sounds"),
    (np.array([["a.wav"], ["b.wav"]]), r"shape \(2, 1\), of paths"), ([b"a.wav"], "raw bytes"),
    ({"a": noisy()}, "one entry"),
    ([["a.wav"]], r"X\[0\]"), (noisy()[None] + 0j, "Complex data"), (np.float64(3), "Expected 2D"),
])
def test_odd_data_sets_are_refused(transformer, sounds, why):
    with pytest.raises((ValueError, TypeError), match=why) as caught: transformer(SR, **SMALL).fit_transform(sounds)
    assert "\n" not in str(caught.value)


def test_sparse_and_pandas_tables_of_paths_are_refused(transformer):
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="sparse"): transformer(SR, **SMALL).fit(sparse.csr_array(noisy()[None]))
    table = pytest.importorskip("pandas").DataFrame({"path": ["a.wav"]})
    with pytest.raises(ValueError, match="of paths: one column"): transformer(SR, **SMALL).fit(table)


def test_broken_files_are_named_once(transformer, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFFxxxx")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), SR)
    for name in ("bad.wav", "empty.wav", "none.wav", "."):
        with pytest.raises(ValueError, match=r"^X\[0\], ") as caught:
            transformer(SR, **SMALL).fit([tmp_path / name])
        assert str(caught.value).count(str(tmp_path / name)) == 1


@pytest.mark.parametrize("wrong, why", [
    (dict(n_jobs=0), "n_jobs=0"), (dict(n_jobs=1.5), "n_jobs=1.5"), (dict(n_jobs="two"), "n_jobs='two'"),
    (dict(n_jobs=True), "n_jobs=True"), (dict(memory=3), "memory"), (dict(settings={1: 2}), "1 is not a name"),
    (dict(settings=dict(start=1)), "start=1"), (dict(settings=dict(bands=1)), "has 'bands'"),
    (dict(sr=None), "sr=None"),
    (dict(settings=dict(no_such=1)), "no_such"), (dict(q="all"), "q='all'"), (dict(consensus="yes"), "consensus='yes'"),
])
def test_wrong_parameters_are_refused_by_fit(transformer, wrong, why):
    model = transformer(SR, **SMALL).set_params(**wrong)
    with pytest.raises((ValueError, TypeError), match=why): model.fit([noisy()])
    with pytest.raises(ValueError, match="Invalid parameter 'band'"): model.set_params(band=3)


def test_memory_is_a_folder(transformer, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="file' is a file, not a folder"):
        transformer(SR, memory=tmp_path / "file", **SMALL).fit([noisy()])


def test_a_clone_and_a_pickle_give_the_same(transformer, tmp_path):
    "With joblib's Memory, with a dictionary for the consensus, in two processes."
    from joblib import Memory, Parallel, delayed
    from sklearn.base import clone
    model = transformer(SR, q=(1.4, 2.8), consensus=dict(agree=1), memory=Memory(tmp_path, verbose=0), **SMALL)
    row = model.fit_transform([noisy()])
    for other in (clone(model).fit([noisy()]), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.transform([noisy()]), row)
    found = Parallel(2)(delayed(model.transform)([noisy(seed=k)]) for k in (0, 1))
    assert np.array_equal(found[0], row) and not np.array_equal(found[1], row)


def test_a_data_frame_comes_out(transformer):
    pandas = pytest.importorskip("pandas")
    model = transformer(SR, **SMALL).set_output(transform="pandas")
    table = model.fit_transform(pandas.Series([noisy(), noisy(seed=1)], index=["a", "b"]))
    assert list(table.index) == ["a", "b"] and list(table.columns) == list(model.get_feature_names_out())
    assert table.loc["b", "level[q=2] band 1 frame 2"] == features(noisy(seed=1), SR, **SMALL)[0, 1, 2]


def test_a_list_after_a_table_may_have_any_length(transformer):
    model = transformer(SR, **SMALL).fit(noisy()[None])
    with pytest.raises(ValueError, match="X has 3000 features"): model.transform(noisy(3000)[None])
    assert model.fit([noisy()]).transform(noisy(3000)[None]).shape == (1, 12) and not hasattr(model, "n_features_in_")


def test_sounds_of_any_length_after_an_array(transformer):
    "What was fitted to rows of equal length takes a list of sounds of others."
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((3, 800))
    known = transformer().fit(rows)
    some = known.transform([rng.standard_normal(n) for n in (700, 800, 900)])
    assert some.shape == known.transform(rows).shape
    with pytest.raises(ValueError, match="800 features as input"): known.transform(rows[:, :700])
