"""The parameters of every public function in its docstring: `help`, an editor and Jupyter's Shift-Tab show them.

In the notebooks a comment beside each parameter says what it is. `nbdev-export` calls `NumpyDoc`, which writes these
comments into the exported docstring in the form of numpydoc, so that they are written once and read everywhere.
"""

import ast
import io
import textwrap
import tokenize
from collections.abc import Iterator, Sequence
from typing import Any

from nbdev.process import Processor

__all__ = ["NumpyDoc", "with_sections"]

width = 96   # longest line that is written


def comments(source: str) -> dict[int, str]:
    "Line number → text of its comment, without the #; directives (#| export, # type: ignore) are none."
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string[1:].strip() for t in tokens
            if t.type == tokenize.COMMENT and not t.string.startswith(("#|", "# type:"))}


def alone(source: str) -> dict[int, int]:
    "Numbers of the lines that hold a comment and nothing else → its indentation."
    lines = enumerate(source.split("\n"), 1)
    return {n: len(line) - len(line.lstrip()) for n, line in lines if line.lstrip().startswith("#")}


def beside(items: Sequence[ast.stmt | ast.arg], ends: list[int], notes: dict[int, str],
           lone: dict[int, int]) -> list[str]:
    """What is said of each item, given its last line: by the comment at its end and the lines of comment under that
    one; where it has none, by the lines above it that are indented as it is."""
    said = []
    for k, (item, end) in enumerate(zip(items, ends, strict=True)):
        lines = [] if end in ends[k + 1:] else [end]          # of several items on a line the last one has the comment
        while lines and lone.get(lines[-1] + 1, item.col_offset) > item.col_offset: lines.append(lines[-1] + 1)
        if end not in notes:
            lines, n = [], item.lineno - 1
            while lone.get(n) == item.col_offset: lines, n = [n, *lines], n - 1
        said.append(" ".join(notes[n] for n in lines if n in notes))
    return said


def written(annotation: ast.expr) -> str:
    "A type as its source has it, without the quotes of one that isn't imported at run time."
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str): return annotation.value
    return ast.unparse(annotation)


def kind(annotation: ast.expr | None, default: ast.expr | None) -> str:
    "A parameter's type and default, as numpydoc gives them."
    value = default.value if isinstance(default, ast.Constant) else None
    if annotation: name = written(annotation)
    else: name = type(value).__name__ if isinstance(value, bool | int | float | str) else ""
    if default is None: return name
    return ", ".join(filter(None, [name, f"default: {ast.unparse(default)}"]))


def last_line(node: ast.stmt | ast.expr | ast.arg) -> int:
    "The line on which a piece of source ends."
    return node.end_lineno or node.lineno


def entry(name: str, type_: str, text: str) -> list[str]:
    "One parameter: its name and type on a line, its description below."
    body = textwrap.wrap(text, width - 8, initial_indent="    ", subsequent_indent="    ")
    return [f"{name} : {type_}" if type_ else name, *body]


def parameters(function: ast.FunctionDef, notes: dict[int, str], lone: dict[int, int]) -> list[str]:
    "The sections Parameters and Returns of a function, as lines."
    a = function.args
    positional = [*a.posonlyargs, *a.args]
    defaults = [*[None] * (len(positional) - len(a.defaults)), *a.defaults]
    given: list[tuple[ast.arg, ast.expr | None]] = list(zip(positional, defaults, strict=True))
    given += [(arg, None) for arg in [a.vararg] if arg]
    given += list(zip(a.kwonlyargs, a.kw_defaults, strict=True))
    given += [(arg, None) for arg in [a.kwarg] if arg]
    ends = [last_line(default or arg) for arg, default in given]
    rows = []
    for (arg, default), text in zip(given, beside([arg for arg, _ in given], ends, notes, lone), strict=True):
        if arg.arg in ("self", "cls"): continue
        stars = "*" if arg is a.vararg else "**" if arg is a.kwarg else ""
        rows.append((stars + arg.arg, kind(arg.annotation, default), text))
    lines: list[str] = []
    if any(text for *_, text in rows):
        lines += ["Parameters", "----------", *(line for row in rows for line in entry(*row))]
    first = max(ends, default=function.lineno) + 1
    while first in lone: first += 1
    answer = [notes[n] for n in range(first, function.body[0].lineno) if n in notes]
    returns = written(function.returns) if function.returns else "None"
    if answer or (returns != "None" and lines):
        name, rest = (answer[0], "") if returns == "None" else (returns, " ".join(answer))
        lines += [""] * bool(lines) + ["Returns", "-------", name]
        lines += textwrap.wrap(rest, width - 8, initial_indent="    ", subsequent_indent="    ")
    return lines


def attributes(cls: ast.ClassDef, notes: dict[int, str], lone: dict[int, int]) -> list[str]:
    "The section Attributes of a class whose fields carry comments, or its constructor's Parameters, as lines."
    for node in cls.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__": return parameters(node, notes, lone)
    texts = beside(cls.body, [last_line(node) for node in cls.body], notes, lone)
    rows = []
    for node, text in zip(cls.body, texts, strict=True):
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)): continue
        if not node.target.id.startswith("_"): rows.append((node.target.id, kind(node.annotation, node.value), text))
    if not any(text for *_, text in rows): return []
    return ["Attributes", "----------", *(line for row in rows for line in entry(*row))]


def documented(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    "The public functions and classes of a module's source, and the public methods of the classes."
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"): continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from (part for part in node.body if isinstance(part, ast.FunctionDef)
                        and (not part.name.startswith("_") or part.name == "__call__"))


def with_sections(
    source: str,  # of a cell
) -> str:         # the same code with longer docstrings
    "Add numpydoc sections to the docstrings of a cell's public functions and classes."
    tree, notes, lone, lines = ast.parse(source), comments(source), alone(source), source.split("\n")
    for node in sorted(documented(tree), key=lambda node: -node.body[0].lineno):
        first = node.body[0]
        docstring = ast.get_docstring(node)
        if docstring is None or first.lineno == node.lineno: continue
        more = (attributes(node, notes, lone) if isinstance(node, ast.ClassDef)
                else parameters(node, notes, lone))
        before = lines[first.lineno - 1][:first.col_offset]
        if not more or before.strip() or lines[last_line(first) - 1][first.end_col_offset:].strip(): continue
        indent = " " * first.col_offset
        summary, *told = docstring.split("\n\n")
        summary = textwrap.fill(" ".join(summary.split()), width - first.col_offset - 4)
        examples = [part for part in told if part.startswith("Examples\n")]        # numpydoc has them last
        told = [part for part in told if part not in examples]
        text = "\n\n".join([summary, *told, "\n".join(more), *examples])
        mark = 'r"""' if "\\" in text else '"""'
        body = [(indent + line).rstrip() for line in text.split("\n")]
        lines[first.lineno - 1:last_line(first)] = [indent + mark + body[0].lstrip(), *body[1:], indent + '"""']
    return "\n".join(lines)


class NumpyDoc(Processor):
    "Write the comments beside parameters into the docstrings of exported cells."
    def cell(self, cell: Any) -> None:
        directives = getattr(cell, "directives_", None) or {}
        if cell.cell_type != "code" or not {"export", "exports"} & set(directives): return
        cell.source = with_sections(cell.source)
