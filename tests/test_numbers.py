"""A number that stands in the text of a chapter stands in its code or in its outputs as well, and says the same."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

NBS = Path(__file__).resolve().parent.parent / "nbs"
CHAPTERS = sorted(NBS.glob("*.ipynb"))
NUMBER = re.compile(r"(?<![\w.^/])\d+(?:[,_]\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\d)")

# what is neither computed in the chapter nor a setting of it, but follows from its text, or from elsewhere, as said
OTHERWISE = {
    "103_analytic": {"1040": "an answer: 40 Hz away", "1080": "an answer: 40 Hz away on the other side"},
    "104_histogram": {"0.618": "the golden section"},
    "201_spectrogram": {"256": "eight octaves", "2.3": "the authors' 450 samples at 192 kHz"},
    "202_settings": {"2.5": "√2π, and the front door's hop", "4.4": "2π ln 2, the rule above it"},
    "204_sound_files": {"384": "a rate that hydrophones have"},
    "207_explorer": {"2.8": "benchmarks/explorer.py"},
    "211_from_the_port": {"1.24": "NumPy's version", "1.8": "torch's version"},
    "210_levels": {"18405": "the number of a standard", "0.7": "tests/test_energy.py"},
    "215_which_settings": {"0.48": "3/2π", "1.43": "9/2π", "0.23": "ln(10)/10", "1.8": "√π",
                          "5.8": "the formula beside it"},
    "218_downstream": {"512": "the numbers of a sound, benchmarks/downstream_methods.py"},
    "404_plan": {"1.5": "the authors' recording", "3.4": "tests/test_energy.py"},
    "407_definition": {"288001": "the length of the authors' recording"},
    "412_fast": {"32768": "a length of the engine, chapter 405"},
    "413_reassign": {"101": "a rule that was tried", "108": "a rule that was tried"},
    "422_torch_engine": {"214": "measured before the loops were compiled", "442": "the same"},
    "426_torch_layer": {"2.13": "torch's version"},
    "429_ordinary": {"0.265": "the formula beside it"},
    "452_times": {"5412": "seconds that nobody writes"},
    "455_blocks": {"173": "an hour at 48 kHz, in the cell below it"},
    "435_drawing": {"256": "the steps of eight bits"},
}


def code_and_outputs(cells):
    "What was run in a chapter, and what it said."
    for cell in cells:
        if cell["cell_type"] != "code": continue
        yield "".join(cell["source"])
        for output in cell["outputs"]:
            yield "".join(output.get("text", ""))
            yield from ("".join(output.get("data", {}).get(kind, "")) for kind in ("text/markdown", "text/plain"))


def prose(cells):
    "The text of a chapter as a reader sees it: no code, no addresses, no citations, no numbers of chapters."
    text = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for left_out in (r"```.*?```", r"`[^`\n]*`", r"\]\([^)]*\)", r"\bEqs?\. [\d–]+",
                     r"\b[Cc]hapters?\s\[?\d{3}\b(?:\s*(?:to|and)\s\[?\d{3}\b)?", r"\b\d{3} \[",
                     r"doi [\d./\w]+", r"\b(?:1[89]|20)\d\d\b"):
        text = re.sub(left_out, " ", text, flags=re.DOTALL)
    text = re.sub(r"(?<![\d.])10\^\{?(-?\d+)\}?", r"1e\1", text)
    return re.sub(r"(\d)\\cdot *1e", r"\1e", text)


def value(number): return float(re.sub("[,_]", "", number))


def precise(number):
    "Whether a number says so much that it must have been read off: a fraction, a power of ten, or three digits."
    return "." in number or "e" in number or len(number.replace(",", "").strip("0")) > 2


def same(number, known):
    "Whether a number is one of `known`, in the same unit or a thousand times it, or in per cent; or one rounded to it."
    v, digits = value(number), len(number.partition("e")[0].partition(".")[2])
    rounded = f"{{:.{digits}e}}" if "e" in number else f"{{:.{digits}f}}"
    for u in known:
        if rounded.format(u) == rounded.format(v): return True
        if any(abs(u * scale - v) < 1e-9 * v for scale in (1e3, 1e-3, 100, 0.01)): return True
    return False


def unfounded(cells, otherwise=()):
    "The numbers in a chapter's text that nothing in it gives."
    known = {value(m[0]) for text in code_and_outputs(cells) for m in re.finditer(
        r"(?<![\d.])\d+(?:[,_]\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?", text.replace("−", "-"))}
    text = prose(cells)
    return [f"{m[0]}: … {text[max(0, m.start() - 40):m.end() + 30]} …" for m in NUMBER.finditer(text)
            if precise(m[0]) and m[0] not in otherwise and not same(m[0], known)]


@cache
def cells(path): return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", [p for p in CHAPTERS if p.stem not in ("index", "444_benchmark")],
                         ids=lambda p: p.stem)
def test_a_number_in_the_text_is_computed(path):
    assert not unfounded(cells(path), OTHERWISE.get(path.stem, ()))


def test_exceptions_stand_in_the_text():
    for name, numbers in OTHERWISE.items():
        found = {m[0] for m in NUMBER.finditer(prose(cells(NBS / f"{name}.ipynb"))) if precise(m[0])}
        assert set(numbers) <= found, name


def cell(kind, source, *outputs):
    return dict(cell_type=kind, source=source, outputs=[dict(output_type="stream", text=text) for text in outputs])


@pytest.mark.parametrize("text, is_so", [
    ("off by 8.4e-16", False), ("off by 9.9e-16", True), ("to $10^{-13}$", True), ("to $10^{-12}$", False),
    ("the mean is 12.35", True), ("the mean is 12.3", True), ("the mean is 12.4", False), ("2.5 ms", True),
    ("in 1995", True), ("`8.4e-16`", True), ("× 345", False), ("at 32 kHz", True), ("a third", True),
    ("as [chapter 406](a_99.1) says", True), ("43.2 %", True), ("1.5 times", False),
])
def test_a_wrong_number_is_found(text, is_so):
    chapter = [cell("code", "assert x < 1e-13; hop = 0.0025", "largest 9.9e-16", "mean 12.349, share 0.432"),
               cell("markdown", text)]
    assert (not unfounded(chapter)) == is_so


# ---- one quantity in two chapters


def said(name): return "\n".join(code_and_outputs(cells(NBS / f"{name}.ipynb"))).replace("−", "-")


def test_the_papers_table_says_what_the_chapters_say():
    rows = re.findall(r"^\| [^|]+ \| \[[^]]*\]\((\w+)\.ipynb\) \| (.+) \|$", said("314_paper"), re.MULTILINE)
    assert len(rows) > 15
    for chapter, words in rows:
        for number in re.findall(r"\d+\.\d+(?:e-?\d+)?|\d+e-?\d+|\d+(?= ?%)", words):
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", said(chapter)), (chapter, words)


def test_reference_cases_differ_by_the_same_in_every_table():
    "Parity against MATLAB, in the chapter of the published functions and in the one that verifies all engines."
    one = dict(re.findall(r"^(\w+) +(\d\.\de-1\d)$", said("415_published"), re.MULTILINE))
    other = dict(re.findall(r"^\| `(\w+)` \| [\d.]+ \| (\d\.\de-1\d) \| same", said("443_verify"), re.MULTILINE))
    assert len(one) == 8 and one == other



def strangers(page):
    "The numbers on a page of text that stand, as written, in none of the chapters which their section links."
    for part in re.split(r"(?m)^(?=## )", page):
        linked = [cells(NBS / f"{name}.ipynb") for name in set(re.findall(r"\]\((\w+)\.ipynb\)", part))]
        theirs = "\n".join("\n".join([prose(c), *code_and_outputs(c)]) for c in linked)
        yield from (m[0] for m in NUMBER.finditer(prose([cell("markdown", part)]))
                    if precise(m[0]) and not re.search(rf"(?<![\d.]){re.escape(m[0])}(?!\.?\d)", theirs))


def test_a_number_on_the_page_of_limits_is_its_chapters():
    page = (NBS / "limits.md").read_text(encoding="utf-8")
    assert len(re.findall(r"\d", prose([cell("markdown", page)]))) > 100 and not list(strangers(page))
    assert list(strangers(page.replace("an amplitude of 0.36", "an amplitude of 0.33")))
    assert list(strangers(page.replace("27.88 GB", "27.98 GB")))


# ---- numbers of chapters


@pytest.mark.parametrize("path", [*CHAPTERS, NBS / "limits.md", NBS / "glossary.md", NBS / "references.md"],
                         ids=lambda p: p.stem)
def test_a_link_names_the_chapter_that_it_leads_to(path):
    text = path.read_text(encoding="utf-8")
    for label, number in re.findall(r"\[([^]\[]*)\]\((\d{3})_\w+\.ipynb", text):
        named = re.search(r"(?:^|[Cc]hapters? )(\d{3})\b", label)
        assert named is None or named[1] == number, label


def test_the_front_pages_numbers_are_the_packages():
    "The Python that it asks for, and the tolerance that it promises."
    import inspect
    import tomllib

    from spectral_hyperresolution import reassigned_spectrogram
    default = inspect.signature(reassigned_spectrogram).parameters["tolerance"].default
    project = tomllib.loads((NBS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for text in ((NBS.parent / "README.md").read_text(encoding="utf-8"), prose(cells(NBS / "index.ipynb"))):
        assert f"Python {project['requires-python'].removeprefix('>=')} or later" in text
        promised = re.findall(r"\(default ([\d.]+)\)", text)
        assert [float(p) for p in promised] == [default]
