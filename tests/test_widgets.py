"""The logic of sliders and adviser, without a browser."""

import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import numpy as np
import pytest

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed (it is in the extra dev)")

from spectral_hyperresolution import settings, widgets
from spectral_hyperresolution.advice import Advice, _excerpts, advise, piece

ROOT = Path(__file__).resolve().parent.parent
every = pytest.mark.parametrize("name", list(settings.sliders))


@every
def test_a_slider_draws_its_ends(name):
    slider = settings.sliders[name]
    low, high = (slider.frame(value) for value in (slider.values[0], slider.values[-1]))
    for frame in low, high:
        assert frame.png.startswith(b"\x89PNG") and len(frame.png) < 80_000
        assert frame.caption in frame.alt and name in frame.alt and frame.text in frame.alt
    assert low.png != high.png and low.caption != high.caption


def test_the_eight_parameters():
    assert " ".join(settings.sliders) == "q hop_length oversampling bins_per_octave fmin fmax lint gate"


def test_a_slider_is_repeatable():
    slider = settings.sliders["gate"]
    assert slider.frame("local") == slider.frame("local")


def test_two_sliders_may_draw_at_once():
    names, drawn = ("gate", "lint", "q", "hop_length"), {}
    def draw(name): drawn[name] = settings.sliders[name].frame(settings.sliders[name].start)
    threads = [threading.Thread(target=draw, args=(name,)) for name in names]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    for name in names: assert drawn[name] == settings.sliders[name].frame(settings.sliders[name].start)


def test_the_last_of_many_requests_is_delivered():
    "However the threads are timed, the last delivery is the last request."
    for _ in range(50):
        done = []
        worker = widgets.Latest(lambda v: v, lambda v, result, done=done: done.append(result), pytest.fail)
        for value in range(200): worker.ask(value)
        worker.wait()
        assert done[-1] == 199 and done == sorted(set(done))


def test_a_failure_is_said_and_forgotten(monkeypatch):
    box, worker, _ = widgets.panel("gate")
    control, picture, caption = box.children[1:]
    right = widgets.Slider.frame
    def wrong(self, value): raise ValueError("<no picture>")
    worker.work = lambda value: wrong(None, value)
    before = picture.value
    control.value = 0
    worker.wait()
    assert caption.value == "<b>ValueError: &lt;no picture&gt;</b>" and picture.value == before
    worker.work = lambda value: right(settings.sliders["gate"], value)
    control.value = 1
    worker.wait()
    assert picture.value == settings.sliders["gate"].frame("global").png and "lit" in caption.value


def test_without_ipywidgets_the_error_says_what_to_do():
    code = "import sys; sys.modules['ipywidgets'] = None; import spectral_hyperresolution.widgets"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode and "ModuleNotFoundError: the sliders need ipywidgets: pip install" in done.stderr


def test_no_live_widget_is_committed():
    for path in sorted((ROOT / "nbs").glob("*.ipynb")):
        data = [o.get("data", {}) for cell in nbformat.read(path, 4).cells for o in cell.get("outputs", [])]
        assert not any("application/vnd.jupyter.widget-view+json" in d for d in data), \
            f"{path.name} holds a live widget: run python docs/sliders.py"


# ---- the adviser


noise = np.random.default_rng(0).standard_normal(8000)
tone = np.sin(2 * np.pi * 0.1 * np.arange(8000)) + 0.01 * noise


@pytest.mark.parametrize("wrong, says", [
    (dict(x=np.zeros(0)), "empty sound"), (dict(x=noise + 0j), "x is complex128"),
    (dict(x=noise, sr=-1), "sr=-1 is not"),
    (dict(x=noise, sr=True), "sr=True is not"), (dict(x=np.where(noise > 0, np.nan, 0)), "x is not finite"),
    (dict(x=noise, qs=()), "holds no value"), (dict(x=noise, qs=(0,)), "q=.* is not a finite number > 0"),
    (dict(x=noise, qs=("2",)), "q='2' is not a finite number > 0"),
    (dict(x=noise[:5]), "shorter than the lowest wavelet"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_the_adviser_refuses(wrong, says):
    with pytest.raises(ValueError, match=says): advise(**(dict(sr=8000) | wrong))


@pytest.mark.parametrize("x", [tone, np.stack([tone, tone]), (1000 * tone).astype(np.int16), tone.astype(np.float32),
                               tone[:300], pytest.param(np.tile(tone, 60), marks=pytest.mark.slow)],
                         ids=["one", "two", "pcm", "single", "short", "long"])
def test_advice_can_be_used(x):
    from spectral_hyperresolution import reassigned_spectrogram
    advice = advise(x, 8000, qs=(1, 4))
    S = reassigned_spectrogram(x, 8000, **advice.settings)
    assert set(advice.settings) == set(advice.reasons) and S.energy.any()
    assert S.plan.minf * 8000 < 800 < S.plan.maxf * 8000
    assert all(name in str(advice) for name in advice.settings)


@pytest.mark.parametrize("gain", [2.0**-40, 2.0**40])
def test_gain_does_not_matter(gain):
    assert advise(tone * gain, 8000, qs=(1, 4)) == advise(tone, 8000, qs=(1, 4))


def test_silence_gets_no_advice():
    assert advise(np.zeros(4 * piece + 1), 8000, qs=(1,)) == Advice({}, {})
    assert str(Advice({}, {})) == ""


def test_the_loudest_of_several_channels_is_heard():
    assert advise(np.stack([0.01 * noise, tone]), 8000, qs=(1, 4)) == advise(tone, 8000, qs=(1, 4))
    assert advise(noise, 8000, qs=(1, 4)) != advise(tone, 8000, qs=(1, 4))


def test_a_long_recording_is_judged_by_four_pieces():
    assert sum(map(len, _excerpts(np.tile(tone, 60)))) == 4 * piece
