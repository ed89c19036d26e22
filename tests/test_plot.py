"""Pictures, read back: which colour a cell has, where it is drawn, and what the axes say."""

from dataclasses import replace

import matplotlib
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest

from spectral_hyperresolution import plot, reassigned_spectrogram
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram

SR = 8000


@pytest.fixture(scope="module")
def S():
    t = np.arange(4000) / SR
    x = np.sin(2 * np.pi * 1000 * t) + 0.01 * np.random.default_rng(0).standard_normal(len(t))
    return reassigned_spectrogram(x, SR, q=4, fmin=300, fmax=3200, hop_length=25)


@pytest.fixture
def ax():
    yield plt.subplots()[1]
    plt.close("all")


def mesh(ax): return ax.collections[0]


def test_the_scale_is_that_of_the_lit_cells():
    "From the median to the 99.9th percentile of the lit cells, between 20 and 70 dB."
    level = np.linspace(-60, -20, 1001)
    energy = np.append(np.zeros(499), 10 ** (level / 10)).reshape(3, -1)
    assert plot.scale(energy) == pytest.approx((-40, -20.04), abs=0.05)
    for low, range_ in ((-25, 20), (-300, 70)):                        # narrower, and wider, than is allowed
        lowest, highest = plot.scale(10 ** (np.append(np.linspace(low, low + 1, 900), np.full(100, -20)) / 10))
        assert highest == pytest.approx(-20) and highest - lowest == pytest.approx(range_)
    assert plot.scale(np.zeros((3, 3))) == (-70, 0)


def test_brightness():
    energy = 10 ** (np.array([-90, -40, -30, -20, 0.0]) / 10)
    np.testing.assert_allclose(plot.brightness(energy, -40, -20), [0, 0, 0.5, 1, 1], atol=1e-12)
    low, high = plot.scale(energy)
    np.testing.assert_allclose(plot.brightness(energy), np.clip((np.array([-90, -40, -30, -20, 0]) - low)
                                                                / (high - low), 0, 1), atol=1e-12)
    for given in (dict(low=-55.0), dict(high=-5.0)):                   # the other one comes from the picture
        both = dict(low=low, high=high) | given
        np.testing.assert_allclose(plot.brightness(energy, **given), plot.brightness(energy, **both))
    with pytest.raises(ValueError, match="low=-20 dB is not below high=-40 dB"): plot.brightness(energy, -20, -40)


def test_the_axes_and_the_level_of_a_picture(S, ax):
    S.plot(ax, ref=0)
    assert ax.get_yscale() == "log"
    np.testing.assert_allclose(ax.get_xlim(), (S.time_edges[0], S.time_edges[-1]))
    np.testing.assert_allclose(ax.get_ylim(), (S.frequency_edges[0], S.frequency_edges[-1]))
    corners = mesh(ax).get_coordinates()
    np.testing.assert_allclose(corners[0, :, 0], S.time_edges)
    np.testing.assert_allclose(corners[:, 0, 1], S.frequency_edges)
    values = mesh(ax).get_array().reshape(S.shape)
    low, high = mesh(ax).get_clim()
    bright = (S.energy > 0) & (values > low)
    assert bright.sum() > 100 and (values[S.energy == 0] == low).all()
    np.testing.assert_allclose(values[bright], 10 * np.log10(S.power[bright]), atol=1e-9)
    assert (low, high) == pytest.approx(plot.scale(S.power))
    row = np.unravel_index(values.argmax(), S.shape)[0]
    assert S.frequency_edges[row] < 1000 < S.frequency_edges[row + 1]
    assert [label.get_text() for label in (ax.xaxis.label, ax.yaxis.label)] == ["time [s]", "frequency [Hz]"]
    ax.figure.canvas.draw()
    ticks = dict(zip(ax.get_yticks(), (label.get_text() for label in ax.get_yticklabels()), strict=True))
    assert ticks[500] == "500" and ticks[1000] == "1000" and ticks[2000] == "2000"


def test_limits_that_are_given_are_kept(S, ax):
    plot.draw(S, ax, low=-35, high=-5, colorbar=False)
    assert mesh(ax).get_clim() == (-35, -5) and len(ax.figure.axes) == 1
    values = mesh(ax).get_array()
    assert values.min() == pytest.approx(-35)


def test_a_colour_bar_unless_it_is_not_wanted(S, ax):
    plot.draw(S, ax, low=-3, high=27)
    bar = ax.figure.axes[1]
    labels = [label.get_text() for label in bar.get_yticklabels()]
    assert len(ax.figure.axes) == 2 and bar.get_ylabel() == "level [dB re background]"
    assert labels[0] == "≤ -3" and labels[-1] == "≥ 27" and 5 <= len(labels) <= 9


def test_many_columns_are_drawn_as_few(S, ax, monkeypatch):
    "At most `most_columns`; the edges are those of the groups, and a click stays where it is."
    monkeypatch.setattr(plot, "most_columns", 60)
    wide = reassigned_spectrogram(1.0 * (np.arange(4000) == 2000), SR, q=0.5, fmin=300, hop_length=25)
    plot.draw(wide, ax)
    edges = mesh(ax).get_coordinates()[0, :, 0]
    assert 30 < len(edges) - 1 <= 60 and edges[0] == wide.time_edges[0] and edges[-1] == wide.time_edges[-1]
    np.testing.assert_allclose(np.diff(edges)[:-1], np.diff(edges)[0])
    values = mesh(ax).get_array().reshape(wide.shape[0], -1)
    column = values.max(0).argmax()
    assert edges[column] <= 0.25 < edges[column + 1]


# ---- three colours


def three():
    "Rising energies, in a cell of its own for each of three pictures; a fourth that all share."
    energy = np.zeros((3, 2, 4))
    for i in range(3): energy[i, 1, [i, 3]] = 1.0, 1e-2
    return [ReassignedSpectrogram(e, e, Plan(40, 2, 10, 1, 1, 0.2, 0.4), 100) for e in energy]


def test_the_first_is_red_the_second_green_the_third_blue(ax):
    colours = plot.three_colours(three())
    np.testing.assert_allclose(colours[1, :3], np.eye(3), atol=1e-12)
    assert (colours[1, 3] == colours[1, 3, 0]).all() and not colours[0].any()
    assert plot.three_qs == tuple(sorted(plot.three_qs))               # from clicks to tones
    pictures = three()
    plot.draw_three(pictures, ax)
    np.testing.assert_allclose(mesh(ax).get_array().reshape(colours.shape), colours, atol=1e-9)
    np.testing.assert_allclose(ax.get_xlim(), (-0.01, 0.39))
    np.testing.assert_allclose(mesh(ax).get_coordinates()[:, 0, 1], np.array([10, 20, 40]) * np.sqrt(2))


def test_each_colour_has_its_own_scale():
    quiet = three()
    quiet[1] = replace(quiet[1], energy=quiet[1].energy * 1e-6)
    np.testing.assert_allclose(plot.three_colours(quiet), plot.three_colours(three()), atol=1e-12)


def test_three_that_do_not_match_are_refused():
    one, two, _ = three()
    with pytest.raises(ValueError, match="2 pictures are not 3"): plot.three_colours([one, two])
    wider = replace(one, energy=np.ones((2, 5)))
    with pytest.raises(ValueError, match="differ"): plot.three_colours([one, two, wider])


# ---- files


def test_pixels_stand_with_the_highest_frequency_on_top(S, tmp_path):
    plot.save_pixels(tmp_path / "a.png", S, cmap="gray")
    image = matplotlib.image.imread(tmp_path / "a.png")[..., :3]
    assert image.shape == (*S.shape, 3)
    level = 10 * np.log10(np.maximum(S.power, 1e-30)) - plot.background(S)[:, None]
    high = max(30, np.ceil(np.quantile(level[S.power > 0], 0.999)))
    np.testing.assert_allclose(image[::-1, :, 0], np.clip(level / high, 0, 1), atol=1.6 / 255)
    plot.save_pixels(tmp_path / "a.png", S, cmap="gray", ref=0, low=-60, high=-10)
    image = matplotlib.image.imread(tmp_path / "a.png")[..., 0]
    np.testing.assert_allclose(image[::-1], plot.brightness(S.power, -60, -10), atol=1.1 / 255)
    plot.save_pixels(tmp_path / "b.png", three())
    image = matplotlib.image.imread(tmp_path / "b.png")[..., :3]
    np.testing.assert_allclose(image[0, :3], np.eye(3), atol=1 / 255)
    assert not image[1].any()


def test_an_ending_that_is_none_is_refused(S, tmp_path, ax):
    for ending in (".txt", ""):
        with pytest.raises(ValueError, match=f"the ending '{ending}' is not one of \\."):
            plot.save_pixels(tmp_path / f"a{ending}", S)
        with pytest.raises(ValueError, match="is not one of"): plot.save_figure(tmp_path / f"a{ending}", ax.figure)
    plot.save_figure(tmp_path / "A.PNG", ax.figure)
    assert not plt.get_fignums() and matplotlib.image.imread(tmp_path / "A.PNG").ndim == 3


def test_several_channels_are_refused(ax):
    S = reassigned_spectrogram(np.random.default_rng(0).standard_normal((2, 400)), SR, q=1)
    for call in (lambda: plot.draw(S, ax), lambda: plot.draw_three([S] * 3, ax),
                 lambda: plot.draw_ordinary(np.zeros(400), S, ax)):
        with pytest.raises(ValueError, match=r"a picture of shape \(2, .* choose a channel, or pool=True"): call()


def test_a_click_of_the_waveform_stands_above_that_of_the_picture(ax, monkeypatch):
    for n, most in ((2000, 2400), (2001, 60), (3999, 7), (0, 2400)):
        x = np.stack([1.0 * (np.arange(4000) == n), -0.5 * (np.arange(4000) == n)])
        S = reassigned_spectrogram(x[0], SR, q=0.5, fmin=300, hop_length=25)
        ax.clear()
        plot.draw_waveform(x, S, ax, most=most)
        t, y = ax.collections[0].get_paths()[0].vertices.T
        together = -(-len(S.times) // most)                            # columns of 25 samples
        k = n // 25 // together * together
        there = S.time_edges[k], S.time_edges[min(k + together, len(S.times))]
        np.testing.assert_allclose((t[y == 1].min(), t[y == 1].max()), there)
        assert y.min() == -0.5 and ax.get_xlim() == (S.time_edges[0], S.time_edges[-1])


# ---- matplotlib's styles


DRAWINGS = [
    ("draw", lambda S, ax: plot.draw(S, ax)), ("locked", lambda S, ax: plot.draw(S, ax, low=0, high=9, ref=-50.0)),
    ("plot", lambda S, ax: S.plot(ax)), ("three", lambda S, ax: plot.draw_three([S] * 3, ax)),
    ("light", lambda S, ax: plot.draw_three([S] * 3, ax, light=True)),
    ("colours", lambda S, ax: plot.three_colours([S] * 3)),
    ("ordinary", lambda S, ax: plot.draw_ordinary(np.ones(4000), S, ax, colorbar=True)),
    ("waveform", lambda S, ax: plot.draw_waveform(np.ones(4000), S, ax)),
    ("background", lambda S, ax: plot.background(S)),
    ("Q", lambda S, ax: replace(S, q_map=np.full(S.shape, 2.0)).plot_q(ax)),
]


@pytest.mark.parametrize("style", ["default", "ggplot", "dark_background"])
@pytest.mark.parametrize("name, do", DRAWINGS, ids=[name for name, _ in DRAWINGS])
def test_nothing_of_matplotlib_is_changed(S, name, do, style):
    with plt.style.context(style):
        before = dict(plt.rcParams)
        ax, others = plt.subplots()[1], plt.figure()
        do(S, ax)
        assert dict(plt.rcParams) == before and plt.gcf() is others and len(plt.get_fignums()) == 2
        plt.close("all")


def test_the_files_change_nothing_either(S, tmp_path):
    before = dict(plt.rcParams)
    plot.save_pixels(tmp_path / "a.png", S)
    plot.save_figure(tmp_path / "a.pdf", plt.figure())
    assert dict(plt.rcParams) == before and not plt.get_fignums()


def test_a_picture_follows_the_style_in_force(S):
    with plt.rc_context({"image.cmap": "cividis", "axes.grid": True, "axes.labelsize": 17, "axes.labelcolor": "red"}):
        ax = plt.subplots()[1]
        plot.draw(S, ax)
    assert mesh(ax).get_cmap().name == "cividis" and ax.xaxis.get_gridlines()[0].get_visible()
    assert ax.xaxis.label.get_fontsize() == 17 and ax.xaxis.label.get_color() == "red"
    plot.draw(S, ax := plt.subplots()[1], cmap="Greys", grid=False)
    assert mesh(ax).get_cmap().name == "Greys" and not ax.xaxis.get_gridlines()[0].get_visible()
    plt.close("all")


@pytest.mark.parametrize("options, says", [
    (dict(cmap="mauve"), "cmap='mauve' is not the name of one"), (dict(cmap=3), "cmap=3 is not the name of one"),
    (dict(ref="loud"), "ref='loud' is not one of"), (dict(low=3, high=2), "low=3 dB is not below high=2 dB"),
    (dict(grid="yes"), "grid='yes' is not True or False"), (dict(start=12), "start=12 is not a datetime"),
])
def test_what_cannot_be_drawn_leaves_no_axes(S, options, says):
    with pytest.raises((ValueError, TypeError), match=says): plot.draw(S, **options)
    assert not plt.get_fignums()


def test_a_title_with_room_keeps_its_size_and_its_name():
    from spectral_hyperresolution.style import name_title
    for dpi in (72, 100, 300):
        fig, ax = plt.subplots(figsize=(8, 4), dpi=dpi)
        name_title(ax, "20240503_211530.wav", "   Q = 2.8")
        assert ax.title.get_fontsize() == plt.rcParams["font.size"] * 1.2 and ax.get_title().endswith("wav   Q = 2.8")
        assert "…" not in ax.get_title()
        name_title(ax, 60 * "wide", "")
        assert "…" in ax.get_title() and ax.title.get_window_extent().width <= fig.bbox.width
        plt.close(fig)
