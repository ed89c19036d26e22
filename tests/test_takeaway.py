"What is taken away from the explorer: a window to listen to."

from io import BytesIO

import numpy as np
import pytest
import soundfile

from spectral_hyperresolution.explore.passes import answer, densities
from spectral_hyperresolution.explore.takeaway import listen
from spectral_hyperresolution.explore.window import Sound, View

SR = 12000


def heard(x, t0, t1, f0=200.0, f1=5000.0, channel=None, **how):
    view = View(t0, t1, f0, f1, (2.0,), 100, 100, channel)
    return soundfile.read(BytesIO(listen(Sound(x, SR), view, **how)), always_2d=True)


def tone(hz, n=SR): return 0.1 * np.sin(2 * np.pi * hz * np.arange(n) / SR)


@pytest.mark.parametrize("speed, rate, up", [
    (1, 12000, 1), (4, 48000, 1), (0.7, 8400, 1), (0.5, 12000, 2), (0.01, 8040, 67)])
def test_speed_is_the_rate(speed, rate, up):
    "Slower than 8000 Hz a browser does not play: samples are put between."
    found, sr = heard(tone(400), 0.25, 0.5, speed=speed)
    assert sr == rate and found.shape == (3000 * up, 1)
    np.testing.assert_allclose(found[::up, 0], tone(400)[3000:6000], atol=2e-3)


@pytest.mark.parametrize("speed", [0, 0.0099, 4.001, np.nan])
def test_a_wrong_speed(speed):
    with pytest.raises(ValueError, match="speed="): heard(tone(400), 0, 0.5, speed=speed)


def test_too_long_to_hear():
    with pytest.raises(ValueError, match="the window's 301 s are not <= 300 s"):
        heard(np.zeros(301 * SR), 0, 301.0)
    assert len(heard(np.zeros(300 * SR), 0, 300.0)[0]) == 300 * SR


def test_channels():
    "Two are heard as two, three as their mean, and one alone if asked for."
    three = np.stack([tone(400), tone(900), tone(2000)])
    np.testing.assert_allclose(heard(three[:2], 0, 1.0)[0], three[:2].T, atol=1e-4)
    np.testing.assert_allclose(heard(three, 0, 1.0)[0][:, 0], three.mean(0), atol=1e-4)
    np.testing.assert_allclose(heard(three, 0, 1.0, channel=2)[0][:, 0], three[1], atol=1e-4)


def test_only_the_band():
    "What lies in the box passes, three octaves away 35 dB are lost; both channels, and up to the ends of the window."
    pair = np.stack([tone(150), tone(1200)])
    found = heard(pair, 0.25, 0.75, 1000.0, 1500.0, band=True)[0]
    np.testing.assert_allclose(found[500:-500, 1], pair[1, 3500:8500], atol=0.02)
    assert np.abs(found[:, 0]).max() < 0.1 * 10 ** (-35 / 20)
    assert np.abs(heard(pair, 0.25, 0.75, 1.0, 6000.0, band=True)[0][:, 0]).max() > 0.09


def test_as_loud_as_can_be():
    assert np.abs(heard(tone(400), 0, 1.0, loudest=True)[0]).max() == pytest.approx(0.9, abs=1e-4)
    assert not heard(0 * tone(400), 0, 1.0, loudest=True)[0].any()


@pytest.mark.parametrize("first", densities[1:3])
def test_passes_come_coarse_first(first, monkeypatch):
    "Each colour in each pass; what a message says is what its picture has; only the last message is the last."
    import json

    from spectral_hyperresolution.explore import passes
    monkeypatch.setattr(passes, "estimate", lambda sound, view, density: 0.1 if density in (first, 0.08) else 2.0)
    sound, seen = Sound(np.random.default_rng(0).standard_normal(SR).astype(np.float32), SR), []
    view = View(0.2, 0.8, 300, 4000, (1.4, 2.8, 5.6), 300, 150).check(sound)
    for message in answer(sound, view):
        size = int.from_bytes(message[:4], "little")
        about = json.loads(message[4:4 + size])
        assert len(message) == 4 + size + 2 * about["rows"] * about["columns"]
        if about["kind"] == "reassigned": seen.append(about)
    assert {about["kind"] for about in seen} == {"reassigned"}
    coarse, fine = ([about for about in seen if about["density"] == d] for d in (seen[0]["density"], None))
    assert seen[0]["density"] == first and seen == coarse + fine and len(coarse) % 3 == len(fine) % 3 == 0 < len(fine)
    for about in seen:
        assert about["q"] == view.q[about["colour"]]
        assert about["t1"] - about["t0"] == pytest.approx(about["columns"] * about["hop"] / SR)
        assert np.log2(about["f1"] / about["f0"]) * about["bins"] == pytest.approx(about["rows"])
        assert 0 < about["done"] <= 1 and about["seconds"] > 0
    assert [about["last"] for about in seen] == [False] * (len(seen) - 3) + [True] * 3
    assert fine[-1]["done"] == 1 and fine[0]["t0"] <= 0.2 and fine[-1]["t1"] >= 0.8 - 1e-6


@pytest.mark.parametrize("takes, passes_made", [
    ({None: 0.24, 1.25: 0.05}, [None]),                             # as quick as a coarse one may be
    ({None: 0.3, 1.25: 0.09, 0.6: 0.08}, [0.6, None]),              # a third of `quick`
    ({None: 1.5, 1.25: 0.16, 0.6: 0.14}, [0.6, None]),              # a tenth of the full picture
    ({None: 10.0, 1.25: 2.0, 0.6: 0.26, 0.3: 0.24}, [0.3, None]),   # never more than `quick`
])
def test_how_soon_the_first_picture_is_there(takes, passes_made, monkeypatch):
    import json

    from spectral_hyperresolution.explore import passes
    monkeypatch.setattr(passes, "estimate", lambda sound, view, density: takes.get(density, 0.01))
    sound, seen = Sound(np.random.default_rng(0).standard_normal(SR).astype(np.float32), SR), []
    for message in answer(sound, View(0.2, 0.8, 300, 4000, (2.8,), 300, 150).check(sound)):
        about = json.loads(message[4:4 + int.from_bytes(message[:4], "little")])
        if about["kind"] == "reassigned" and about["density"] not in seen: seen.append(about["density"])
    assert seen == passes_made
