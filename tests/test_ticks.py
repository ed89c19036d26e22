"""Axes of any range: a few ticks at round numbers, with labels that tell them apart and read back as they are."""

import re
from datetime import UTC, datetime, timedelta

import matplotlib.pyplot as plt
import numpy as np
import pytest

from spectral_hyperresolution import ticks

NIGHT = datetime(2024, 2, 28, 23, 59, 59, 250000)


def drawn(low, high, make, which, size=(7, 3)):
    "The ticks within an axis, their labels and its name."
    fig, ax = plt.subplots(figsize=size)
    getattr(ax, f"set_{which}lim")(low, high)
    make(ax)
    fig.canvas.draw()
    axis = getattr(ax, f"{which}axis")
    room = 1e-9 * (high - low)
    found = [(at, label.get_text()) for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
             if low - room <= at <= high + room]
    plt.close(fig)
    return [at for at, _ in found], [text for _, text in found], axis.get_label_text()


def seconds(text):
    "What a label of an axis of time says."
    parts = [float(part) for part in text.lstrip("-").split(":")]
    return (-1 if text[0] == "-" else 1) * sum(part * 60**k for k, part in enumerate(reversed(parts)))


@pytest.mark.parametrize("span", [0.001, 0.03, 0.7, 5, 49, 61, 600, 3599, 3601, 18000, 86400, 3e5])
@pytest.mark.parametrize("low", [0.0, -0.001, 49.0, 59.9, 3590.0, 36000.0, 90000.0])
def test_any_part_of_a_recording(low, span):
    at, labels, name = drawn(low, low + span, ticks.time_axis, "x")
    assert 2 <= len(at) <= 10 and len(set(labels)) == len(labels)
    np.testing.assert_allclose([seconds(text) for text in labels], at, atol=1e-6 * span)
    longest = low + span
    assert name == ("time [s]" if longest <= 60 else "time [min:s]" if longest <= 3600 else "time [h:min:s]")
    form = r"-?\d+" + r":\d\d" * ((longest > 60) + (longest > 3600)) + r"(\.\d+)?"
    assert all(re.fullmatch(form, text) for text in labels)


@pytest.mark.parametrize("span", [0.5, 3, 50, 700, 5000, 40000])
@pytest.mark.parametrize("low", [0.0, 1.0, 7200.0, 86400.0])
@pytest.mark.parametrize("start", [NIGHT, NIGHT.replace(tzinfo=UTC), datetime(2020, 1, 1)])
def test_the_time_of_day(low, span, start):
    "Labels are what a clock shows, also past midnight; the name tells the day on which the part begins."
    at, labels, name = drawn(low, low + span, lambda ax: ticks.time_axis(ax, start), "x")
    assert 2 <= len(at) <= 10
    for t, text in zip(at, labels, strict=True):
        shown = start + timedelta(seconds=t)
        told = seconds(text if text.count(":") == 2 else text + ":00")
        of_day = (shown - shown.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
        assert abs((told - of_day + 43200) % 86400 - 43200) < 1e-3 * span + 1e-5, (text, shown)
    day = start + timedelta(seconds=low)
    assert name == f"time of day, {day:%Y-%m-%d}" + (" (UTC)" if start.tzinfo else "")


@pytest.mark.parametrize("low, high", [(10, 20), (86, 22050), (0.01, 0.4), (1, 1e6), (4990, 5010), (900, 1100),
                                       (15000, 96000), (999, 1001), (20, 2000), (1e-6, 1e9)])
@pytest.mark.parametrize("size", [(7, 3), (3, 1)])
def test_any_range_of_frequency(low, high, size):
    at, labels, name = drawn(low, high, ticks.frequency_axis, "y", size)
    assert 1 + (size[1] > 1) <= len(at) <= 10 and len(set(labels)) == len(labels)
    unit = 1000 if low * high >= 1e6 else 1
    assert name == f"frequency [{'kHz' if unit == 1000 else 'Hz'}]"
    np.testing.assert_allclose([float(text) * unit for text in labels], at, rtol=1e-5)
    assert all(len(f"{float(text):g}".replace(".", "").strip("0")) <= 5 for text in labels if "e" not in text)


def test_a_narrow_range_has_ticks_between_the_powers_of_ten():
    assert ticks.FrequencyTicks().tick_values(1000, 3000).tolist() == [1000, 1500, 2000, 3000]
