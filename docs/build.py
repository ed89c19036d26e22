"""Build the documentation: nbdev's processors, then Sphinx, into docs/_build/html.  Any warning fails the build.

The notebooks are not run: their committed outputs are shown.
"""

import ast
import base64
import importlib
import importlib.util
import re
import shutil
import sys
from functools import cache
from pathlib import Path

import nbformat
from check import complaints
from links import anchored, linker
from nbdev.process import NBProcessor, Processor
from nbdev.processors import (
    add_show_docs,
    filter_stream_,
    hide_,
    hide_line,
    populate_language,
    rm_export,
    rm_header_dash,
    strip_ansi,
)
from notebooks import NBS, PACKAGE, ROOT, chapters, relink, title
from reference import code_label, describe, overview, page, public
from sliders import slider_of, slider_page
from sphinx.cmd.build import build_main

STAGE = ROOT / "docs" / "_build" / "source"
SITE = ROOT / "docs" / "_build" / "html"
PARTS = {"0": "Part I. The idea", "1": "Part II. The tool", "2": "Part III. The field"}


def modules():
    "The package's modules, without the private ones."
    return [f"{PACKAGE}.{path.stem}" for path in sorted((ROOT / PACKAGE).glob("*.py")) if not path.name.startswith("_")]


class describe_exports(Processor):
    "Put a description where the code of an exported cell is hidden; where it is shown, that says it already."
    def begin(self):
        name = next((c.directives_["default_exp"] for c in self.nb.cells if "default_exp" in c.directives_), None)
        self.module = name and importlib.import_module(f"{PACKAGE}.{name}")
        self.shown, self.prose = False, linker(linked_names(), first=False)

    def cell(self, cell):
        name = re.match(r"show_doc\(([\w.]+)", cell.source)
        if cell.cell_type != "code" or not name:
            self.shown = "exports" in (getattr(cell, "directives_", None) or {})
            defined = re.findall(r"^(?:def|class) ([A-Za-z]\w*)", cell.source, re.MULTILINE) if self.shown else []
            cell["targets"] = target(self.module, *defined)
        elif getattr(cell, "has_sd", False) and self.shown: del cell["source"]
        else:
            cell.cell_type = "markdown"
            cell.source = target(self.module, name[1]) + describe(self.module, name[1], self.prose, index=False)


def target(module, *names):
    "Anchors for the names that a cell defines."
    return "".join(f"({code_label(module, name)})=\n" for name in names)


@cache
def linked_names():
    "Functions and classes that prose may name: name → full name, where only one module has it."
    found = {}
    for module in map(importlib.import_module, modules()):
        for name in public(module):
            if callable(getattr(module, name)): found.setdefault(name, []).append(f"{module.__name__}.{name}")
    return {name: full[0] for name, full in found.items() if len(full) == 1}


def figure(data, alt, name):
    "Write a picture beside the staged notebooks; the Markdown that shows it."
    (STAGE / "figures").mkdir(exist_ok=True)
    (STAGE / "figures" / name).write_bytes(base64.b64decode(data))
    label = re.sub(r"([\[\]\\*_`])", r"\\\1", " ".join(alt.split()))
    return f"![{label}](figures/{name})"


def show_outputs(cell, name):
    "Outputs as MyST-NB shall show them: pictures carry their alternative text, links lead to pages."
    for i, output in enumerate(cell.get("outputs", [])):
        said = output.get("data", {}).get("text/markdown")
        if said: output["data"]["text/markdown"] = relink("".join(said), beside)
        picture = output.get("data", {}).get("image/png")
        if picture is None: continue
        alt = output["metadata"].get("image/png", {}).get("alt")
        if not alt: raise ValueError(f"{name}: a figure without an alternative text in:\n{cell.source}")
        text = figure("".join(picture), alt, f"{name}-{cell['id']}-{i}.png")
        output["data"], output["metadata"] = {"text/markdown": text}, {}
    return cell


def preparing(source):
    "Does a cell do nothing but import, and set the style of figures? The picture matters more."
    try: body = ast.parse(source).body
    except SyntaxError: return False
    plain = lambda node: isinstance(node, ast.Import | ast.ImportFrom) or ast.unparse(node) == "use_style()"
    return isinstance(next(iter(body), None), ast.Import | ast.ImportFrom) and all(map(plain, body))


def directives(cell):
    "Quarto's cell options as MyST-NB's tags; every directive line is removed."
    found = dict(re.findall(r"^#\| *([\w-]+):? *(.*)$", cell.source, re.MULTILINE))
    tags = []
    if found.get("echo") == "false": tags.append("remove-input")
    if found.get("output") == "false": tags.append("remove-output")
    if found.get("include") == "false": tags.append("remove-cell")
    if found.get("code-fold", "false") not in ("false", "show") or preparing(cell.source): tags.append("hide-input")
    cell["metadata"] = {"tags": tags} if tags else {}
    cell.source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.MULTILINE).strip("\n")
    return cell


def beside(target, base=NBS):
    "Where a linked file stands among the staged pages; files outside nbs are copied there, folders have no page."
    path = (base / target).resolve()
    if path.is_dir(): return None
    if path.is_relative_to(NBS): return path.relative_to(NBS).as_posix()
    if path == ROOT / "README.md": return "index.ipynb"
    staged = STAGE / path.relative_to(ROOT).as_posix().replace("/", "-")
    if path.suffix != ".md": shutil.copy2(path, staged)
    elif not staged.exists():
        staged.write_text("---\norphan: true\n---\n\n", encoding="utf-8")
        text = relink(path.read_text(encoding="utf-8"), lambda link: beside(link, path.parent), path.parent)
        staged.write_text("---\norphan: true\n---\n\n" + text, encoding="utf-8")
    return staged.name


def prose(text, page, link):
    "Markdown as Sphinx shall read it: links to staged pages, and those that need not be written."
    return anchored(link(relink(text, beside)), page)


def stage(path):
    "Process one notebook for Sphinx."
    processors = [populate_language, add_show_docs, describe_exports, strip_ansi, hide_line, filter_stream_,
                  rm_header_dash, rm_export, hide_]
    notebook = NBProcessor(path, procs=processors, rm_directives="quarto", process=True).nb
    link = linker(linked_names(), first=path.stem != "index")
    own = notebook.metadata.get("kernelspec", {})
    result = nbformat.v4.new_notebook(metadata={"kernelspec": dict(own)} if own else {})
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            result.cells.append(nbformat.v4.new_markdown_cell(prose(cell.source, path.stem, link)))
        elif cell.cell_type == "code":
            if name := slider_of(cell.source):
                result.cells.append(nbformat.v4.new_markdown_cell(slider_page(name, STAGE / "_static")))
                continue
            cell = show_outputs(directives(cell), path.stem)
            if not cell.source.strip() and not cell.get("outputs"): continue
            if cell.get("targets"): result.cells.append(nbformat.v4.new_markdown_cell(cell["targets"]))
            plain = nbformat.v4.new_code_cell(cell.source, metadata=cell["metadata"])
            plain["outputs"] = [nbformat.from_dict(dict(output)) for output in cell.get("outputs", [])]
            result.cells.append(plain)
    for i, cell in enumerate(result.cells): cell["id"] = f"cell-{i}"
    return result


def contents():
    "The tables of contents: chapters in their parts, then the reference."
    parts = []
    for digit, part in PARTS.items():
        pages = "\n".join(f"{p.stem[:2]} {title(p)} <{p.stem}>" for p in chapters() if p.stem.startswith(digit))
        if pages: parts.append(f"```{{toctree}}\n:hidden:\n:caption: {part}\n\n{pages}\n```")
    parts.append("```{toctree}\n:hidden:\n:caption: To look things up\n\nglossary\nreferences\nreference/index\n```")
    return "\n\n".join(parts)


def main():
    shutil.rmtree(STAGE, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    (STAGE / "reference").mkdir(parents=True)
    if (NBS / "images").exists(): shutil.copytree(NBS / "images", STAGE / "images")
    mathjax = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    (STAGE / "_static").mkdir()
    shutil.copy2(mathjax / "tex-svg.js", STAGE / "_static")
    for pattern in ("*.css", "*.js"):
        for asset in Path(__file__).parent.glob(pattern): shutil.copy2(asset, STAGE / "_static")

    for path in [NBS / "index.ipynb", *chapters()]:
        notebook = stage(path)
        if path.stem == "index": notebook.cells.append(nbformat.v4.new_markdown_cell(contents(), id="contents"))
        nbformat.write(notebook, STAGE / path.name)
    for page_ in ("glossary", "references"):
        text = (NBS / f"{page_}.md").read_text(encoding="utf-8")
        link = linker(linked_names(), first=False) if page_ == "glossary" else str
        (STAGE / f"{page_}.md").write_text(prose(text, page_, link), encoding="utf-8")
    for name in modules():
        text = page(name, linker(linked_names(), first=False))
        (STAGE / "reference" / f"{name.rpartition('.')[2]}.md").write_text(text, encoding="utf-8")
    (STAGE / "reference" / "index.md").write_text(overview(modules()), encoding="utf-8")

    status = build_main(["-q", "-W", "--keep-going", "-n", "-c", str(ROOT / "docs"),
                         "-d", str(STAGE.parent / "doctrees"), str(STAGE), str(SITE)])
    if status: sys.exit(status)
    if wrong := list(complaints(SITE)): sys.exit("\n".join(wrong))
    print(f"documentation: {SITE / 'index.html'}")


if __name__ == "__main__": main()
