"""What a chapter looks like: its size, its lines, its outputs, and the way through the book."""

import ast
import io
import re
import tokenize
from pathlib import Path

import nbformat
import pytest

NBS = Path(__file__).resolve().parent.parent / "nbs"
CHAPTERS = sorted(path for path in NBS.glob("[0-9]*.ipynb"))
PARTS = (101, 201, 301, 401)
WIDEST, MOST_CELLS, MOST_CODE, MOST_EXPORTED = 100, 60, 250, 250
LEAST, MOST = 3, 5  # questions of a chapter in Parts I to III
# chapters of these parts without a sound, and why
SOUNDLESS = {
    "218_downstream": "its figures are of scores, not of a sound",
    "305_froth": "its noise is heard in the chapter before it",
    "309_way_back": "it has no picture",
    "314_paper": "it has no picture",
}
blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}

documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def lines_of_code(source):
    "Lines that are more than blank, comment or docstring."
    lines = {n for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in blank
             for n in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def broken(notebook):
    "The rules that a notebook breaks, in words."
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    yield from (f"{len(line)} columns: {line}" for cell in code for line in cell.source.splitlines()
                if len(line) > WIDEST)
    if len(notebook.cells) > MOST_CELLS: yield f"{len(notebook.cells)} cells"
    written = sum(lines_of_code(cell.source) for cell in code)
    if written > MOST_CODE: yield f"{written} lines of code"
    exported = [line for cell in code if re.match(r"#\| exports?\b", cell.source)
                for line in cell.source.splitlines()[1:] if line.strip()]
    if len(exported) > MOST_EXPORTED: yield f"{len(exported)} exported lines"
    if sum("#| default_exp" in cell.source for cell in code) > 1: yield "more than one module"
    first, last = notebook.cells[0].source, notebook.cells[-1].source
    if not re.match(r"# .+\n\n> .+\n\n\S", first): yield "no title, promise and opening paragraph"
    else:
        promise, opening = re.match(r"# .+\n\n> (.+)\n\n(.+)", first).groups()
        if "$" in promise: yield "a formula in the promise, which is the page's description too"
        if promise == opening: yield "the opening paragraph repeats the promise"
        if promise in last: yield "the recap repeats the promise"
    if "**Recap.**" not in last: yield "no recap at the end"
    yield from misnumbered(notebook)
    yield from (f"stray output: {text}" for cell in code for output in cell.outputs if (text := stray(output)))


def unasked(notebook, soundless=False):
    "What a chapter of Parts I to III lacks, in words: what its reader must know, questions, answers, a sound."
    if not re.search(r"^\*\*You need:\*\* \S.*\.$", notebook.cells[0].source, re.MULTILINE):
        yield "no line that says what its reader needs"
    found = [i for i, cell in enumerate(notebook.cells) if "## Questions\n" in cell.source]
    if len(found) != 1: yield f"{len(found)} sections of questions"
    else:
        asked = re.split(r"^(?:## |\*\*Recap\.\*\*)", notebook.cells[found[0]].source.split("## Questions\n")[1],
                         flags=re.MULTILINE)[0]
        _, *parts = re.split(r"^\*\*(\d+)\.\*\* ", asked, flags=re.MULTILINE)
        numbers, questions = parts[::2], parts[1::2]
        if not LEAST <= len(questions) <= MOST: yield f"{len(questions)} questions"
        if numbers != [str(n + 1) for n in range(len(numbers))]: yield f"questions numbered {numbers}"
        answer = r"[^<]*\S\n\n<details><summary>Answer</summary>\n\n(?:(?!</?details>).)*\S\n\n</details>\s*"
        yield from (f"no folded answer: {question[:60]}" for question in questions
                    if not re.fullmatch(answer, question, re.DOTALL))
        if any("image/png" in output.get("data", {}) for cell in notebook.cells[found[0]:]
               for output in cell.get("outputs", [])): yield "the questions are not at the end"
    heard = any("<audio" in str(output.get("data", {}).get("text/html", "")) or "#| live: " in cell.source
                for cell in notebook.cells for output in cell.get("outputs", []))
    if heard == soundless: yield "no sound" if not heard else "a sound after all"


def misnumbered(notebook):
    "Links to chapters that give another number than the file has, in text, in code and in outputs."
    shown = [cell.source for cell in notebook.cells]
    shown += [str(output.get("data", {}).get("text/markdown", "")) for cell in notebook.cells
              for output in cell.get("outputs", [])]
    for words, number in re.findall(r"\[([^]]*)\]\((\d{3})_\w+\.ipynb", "\n".join(shown)):
        said = re.search(r"\d+", words)
        if said and int(said[0]) != int(number): yield f"[{words}] leads to chapter {number}"


def stray(output):
    "The text of an output that nobody meant: a bare number, the repr of a figure, something on standard error."
    if output.output_type == "stream": return output.text if output.name == "stderr" else ""
    if output.output_type == "error": return output.ename
    text = output.get("data", {}).get("text/plain", "")
    if re.fullmatch(r"\s*(?:-?[\d.]+(?:e[+-]?\d+)?|None)\s*", text): return text
    if "image/png" not in output.get("data", {}) and re.match(r"<(?:Figure|Axes|matplotlib)", text): return text
    return ""


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_keeps_the_rules(path):
    assert not list(broken(nbformat.read(path, as_version=4)))


def chapter(*code, first="# Title\n\n> Promise.\n\nOpening.", last="**Recap.** All of it.", output=None):
    new = nbformat.v4
    cells = [new.new_code_cell(source, outputs=[output] if output else []) for source in code]
    return new.new_notebook(cells=[new.new_markdown_cell(first), *cells, new.new_markdown_cell(last)])


@pytest.mark.parametrize("notebook, rule", [
    (chapter("x = " + "1" * 97), "columns"),
    (chapter(*["x"] * 59), "61 cells"),
    (chapter("x = 1\n" * 200, "x = '1'\n" * 51), "251 lines of code"),
    (chapter("#| export\n" + "# a comment\n" * 251), "251 exported lines"),
    (chapter("#| default_exp a", "#| default_exp b"), "more than one module"),
    (chapter(first="# Title\n\nOpening."), "no title"),
    (chapter(first="# Title\n\n> Promise.\n\nPromise."), "opening paragraph repeats"),
    (chapter(first="# Title\n\n> One $Q$.\n\nOpening."), "a formula in the promise"),
    (chapter(last="**Recap.** Promise."), "recap repeats"),
    (chapter(last="The end."), "no recap"),
    (chapter(last="**Recap.** See [chapter 107](108_next.ipynb)."), "leads to chapter 108"),
    (chapter("0.0", output=nbformat.v4.new_output("execute_result", {"text/plain": "0.0"})), "stray output"),
    (chapter("f()", output=nbformat.v4.new_output("stream", name="stderr", text="Warning")), "stray output"),
])
def test_a_broken_rule_is_found(notebook, rule):
    assert not list(broken(chapter("x = 1"))) and any(rule in found for found in broken(notebook))


@pytest.mark.parametrize("path", [path for path in CHAPTERS if int(path.stem[:3]) < 401], ids=lambda path: path.stem)
def test_a_chapter_asks_and_answers(path):
    assert not list(unasked(nbformat.read(path, as_version=4), path.stem in SOUNDLESS))


QUESTION = "**{}.** Why?\n\n<details><summary>Answer</summary>\n\nBecause.\n\n</details>\n\n"
NEEDED = "# Title\n\n> Promise.\n\nOpening.\n\n**You need:** nothing."


def asking(numbers="123", first=NEEDED, change=("", ""), sound="<audio>", after=()):
    asked = "## Questions\n\n" + "".join(map(QUESTION.format, numbers)) + "**Recap.** All."
    output = nbformat.v4.new_output("display_data", {"text/html": sound})
    made = chapter("x", first=first, last=asked.replace(*change), output=output)
    made.cells += chapter("x", output=nbformat.v4.new_output("display_data", {"image/png": ""})).cells[1:2] * len(after)
    return made


@pytest.mark.parametrize("notebook, rule", [
    (asking(first="# Title\n\n> Promise.\n\nOpening."), "no line that says"),
    (asking("12"), "2 questions"),
    (asking("123456"), "6 questions"),
    (asking("124"), "numbered"),
    (asking(change=("## Questions", "Questions")), "0 sections"),
    (asking(change=("<details>", "")), "no folded answer"),
    (asking(change=("\n\n</details>", "")), "no folded answer"),
    (asking(change=("Because.", "")), "no folded answer"),
    (asking(sound="<b>"), "no sound"),
    (asking(after="x"), "not at the end"),
])
def test_a_missing_question_is_found(notebook, rule):
    assert not list(unasked(asking())) and any(rule in found for found in unasked(notebook))
    assert list(unasked(asking(), soundless=True)) == ["a sound after all"]


def test_what_counts_as_a_line_of_code():
    lines = ["#| export", "", "# a comment", "def f(", "    x,  # beside", "):", '    """Says', '    what."""',
             '    return """two', '    lines"""']
    assert lines_of_code("\n".join(lines)) == 5


def test_numbers_are_consecutive_within_their_part():
    numbers = [int(path.stem[:3]) for path in CHAPTERS]
    wanted = [first + k for first, end in zip(PARTS, [*PARTS[1:], 501], strict=True)
              for k in range(sum(first <= n < end for n in numbers))]
    assert numbers == wanted and set(PARTS) <= set(numbers)


def test_next_visits_every_chapter_once():
    links = [re.findall(r"\[([^]]+)\]\((\w+)\.ipynb\)", nbformat.read(path, 4).cells[-1].source)[-1]
             for path in CHAPTERS]
    titles = [re.match(r"# (.+)", nbformat.read(path, 4).cells[0].source)[1] for path in CHAPTERS]
    assert [name for _, name in links] == [*(path.stem for path in CHAPTERS[1:]), "index"]
    assert [title for title, _ in links[:-1]] == titles[1:]


def test_the_front_page_lists_every_chapter_by_its_title():
    listed = re.findall(r"^\| (\d{3}) \[(.+?)\]\((\w+)\.ipynb\)", "\n".join(
        cell.source for cell in nbformat.read(NBS / "index.ipynb", 4).cells), re.MULTILINE)
    titles = [re.match(r"# (.+)", nbformat.read(path, 4).cells[0].source)[1] for path in CHAPTERS]
    assert listed == [(path.stem[:3], title, path.stem) for path, title in zip(CHAPTERS, titles, strict=True)]
