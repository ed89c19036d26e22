"""Links between notebooks: none may lead nowhere."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
from check import complaints
from links import ENTRY, anchored, linker
from notebooks import NBS, relink


def test_links_are_moved():
    assert relink("see [the `style`](403_style.ipynb#top)", lambda path: f"nbs/{path}") == \
        "see [the `style`](nbs/403_style.ipynb#top)"


@pytest.mark.parametrize("text", ["[a](no_such.ipynb)", "![a](images/no_such.png)", "![a](99_none.ipynb)"])
def test_a_dead_link_is_refused(text, tmp_path):
    with pytest.raises(ValueError, match="dead link"): relink(text, base=tmp_path)


@pytest.mark.parametrize("text", [
    "```python\nx[0](no_such)\n```", "$$f[a](b)$$", "[a](https://example.org/b)", "[a](#b)"])
def test_other_text_is_left_alone(text):
    assert relink(text) == text


@pytest.mark.parametrize("text, linked", [
    ("as Gardner & Magnasco 2006 say", "as [Gardner & Magnasco 2006](#references-gardner2006) say"),
    ("(Eqs. 5–6)", "([Eqs. 5–6](#eq-5))"),
    ("Froth, and more froth", "[Froth](#glossary-froth), and more froth"),
    ("two scans", "two [scans](#glossary-scan)"),
    ("`reassign` and `other`", "{py:obj}`reassign <a.reassign>` and `other`"),
])
def test_prose_is_linked(text, linked):
    assert linker({"reassign": "a.reassign"})(text) == linked


@pytest.mark.parametrize("text", [
    "# Froth", "> froth", "[froth](x.md)", "`froth`", "$froth$", "$$froth$$", "```python\nfroth\n```", "frothing",
    "Eq. 99", "{py:obj}`froth`", '<a id="froth"></a>'])
def test_what_is_not_prose_is_not_linked(text):
    assert linker({})(text) == text


def test_a_numbered_formula_is_an_anchor_where_it_stands_first():
    formula = "so\n\n$$a=b\\qquad\\text{(Eq. 6)}$$"
    assert anchored(formula, "102_map") == "so\n\n\n(eq-6)=\n$$a=b\\tag*{(Eq. 6)}$$"
    assert "(eq-6)=" not in anchored(formula, "104_histogram")


def test_entries_have_names_of_their_own():
    for page in ("references", "glossary"):
        found = ENTRY.findall((NBS / f"{page}.md").read_text(encoding="utf-8"))
        anchors, names = zip(*found, strict=True)
        assert len(set(anchors)) == len(set(names)) == len(found) > 8


@pytest.mark.parametrize("body, complaint", [
    ('<a href="gone.html">', "leads nowhere"),
    ('<a href="#gone">', "no such anchor"),
    ('<a href="other.html#gone">', "no such anchor"),
    ('<img src="other.html">', "without a text"),
    ('<img src="https://example.org/a.png" alt="a">', "another host"),
    ('<script src="//example.org/a.js"></script>', "another host"),
    ('<link rel="stylesheet" href="https://example.org/a.css">', "another host"),
    ('<audio src="gone.wav"></audio>', "leads nowhere"),
])
def test_the_check_complains(body, complaint, tmp_path):
    (tmp_path / "other.html").write_text('<p id="here">')
    good = '<a href="other.html#here"><a href="https://example.org"><img src="other.html" alt="a">'
    (tmp_path / "index.html").write_text(good)
    assert list(complaints(tmp_path)) == []
    (tmp_path / "index.html").write_text(body)
    found = list(complaints(tmp_path))
    assert len(found) == 1 and complaint in found[0]


def test_the_check_reads_styles(tmp_path):
    (tmp_path / "bad.css").write_text("@import url(https://example.org/b.css); a { background: url(here.png) }")
    assert list(complaints(tmp_path)) == ["bad.css: loads from another host: https://example.org/b.css"]
