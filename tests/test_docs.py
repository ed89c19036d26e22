"""Links between notebooks: none may lead nowhere, except to chapters that are planned."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
from notebooks import PLANNED, relink


def test_links_are_moved():
    assert relink("see [the `house`](00_house.ipynb#top)", lambda path: f"nbs/{path}") == \
        "see [the `house`](nbs/00_house.ipynb#top)"


def test_a_planned_chapter_is_named_without_a_link(tmp_path):
    assert "04_noise.ipynb" in PLANNED
    assert relink("next: [noise](04_noise.ipynb).", base=tmp_path) == "next: noise."


@pytest.mark.parametrize("text", ["[a](no_such.ipynb)", "![a](images/no_such.png)", "![a](04_noise.ipynb)"])
def test_a_dead_link_is_refused(text, tmp_path):
    with pytest.raises(ValueError, match="dead link"): relink(text, base=tmp_path)


@pytest.mark.parametrize("text", [
    "```python\nx[0](no_such)\n```", "$$f[a](b)$$", "[a](https://example.org/b)", "[a](#b)"])
def test_other_text_is_left_alone(text):
    assert relink(text) == text
