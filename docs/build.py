"""Build the documentation: nbdev's processors, then Sphinx, into docs/_build/html.  Any warning fails the build.

The notebooks are not run: their committed outputs are shown.
"""

import base64
import importlib
import importlib.util
import re
import shutil
import sys
from pathlib import Path

import nbformat
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
from notebooks import NBS, PACKAGE, ROOT, chapters, relink
from reference import describe, page, public
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
        self.shown = False
        name = next((c.directives_["default_exp"] for c in self.nb.cells if "default_exp" in c.directives_), None)
        self.module = name and importlib.import_module(f"{PACKAGE}.{name}")

    def cell(self, cell):
        name = re.match(r"show_doc\(([\w.]+)", cell.source)
        if cell.cell_type != "code" or not name:
            self.shown = "exports" in (getattr(cell, "directives_", None) or {})
        elif getattr(cell, "has_sd", False) and self.shown: del cell["source"]
        else: cell.cell_type, cell.source = "markdown", describe(self.module, name[1], index=False)


def linked_names():
    "Functions and classes that prose may name: name → full name, where only one module has it."
    found = {}
    for module in map(importlib.import_module, modules()):
        for name in public(module):
            if callable(getattr(module, name)): found.setdefault(name, []).append(f"{module.__name__}.{name}")
    return {name: full[0] for name, full in found.items() if len(full) == 1}


def refer(text, names):
    "Turn `name` in prose into a link to its reference."
    def one(match): return f"{{py:obj}}`{match[1]} <{names[match[1]]}>`" if match[1] in names else match[0]
    fence = re.compile(r"(^ *```.*?^ *```[^\n]*$|\[[^\]\n]*\]\([^)\n]*\)|^#[^\n]*$)", re.DOTALL | re.MULTILINE)
    code = re.compile(r"(?<![`}])`([A-Za-z_][\w.]*)(?:\(\))?`(?!`)")
    return "".join(part if i % 2 else code.sub(one, part) for i, part in enumerate(fence.split(text)))


def figure(data, alt, name):
    "Write a picture beside the staged notebooks; the Markdown that shows it."
    (STAGE / "figures").mkdir(exist_ok=True)
    (STAGE / "figures" / name).write_bytes(base64.b64decode(data))
    label = re.sub(r"([\[\]\\*_`])", r"\\\1", " ".join(alt.split()))
    return f"![{label}](figures/{name})"


def show_outputs(cell, name):
    "Outputs as MyST-NB shall show them: pictures carry their alternative text."
    for i, output in enumerate(cell.get("outputs", [])):
        picture = output.get("data", {}).get("image/png")
        if picture is None: continue
        alt = output["metadata"].get("image/png", {}).get("alt")
        if not alt: raise ValueError(f"{name}: a figure without an alternative text in:\n{cell.source}")
        text = figure("".join(picture), alt, f"{name}-{cell['id']}-{i}.png")
        output["data"], output["metadata"] = {"text/markdown": text}, {}
    return cell


def directives(cell):
    "Quarto's cell options as MyST-NB's tags; every directive line is removed."
    found = dict(re.findall(r"^#\| *([\w-]+):? *(.*)$", cell.source, re.MULTILINE))
    tags = []
    if found.get("echo") == "false": tags.append("remove-input")
    if found.get("output") == "false": tags.append("remove-output")
    if found.get("include") == "false": tags.append("remove-cell")
    if found.get("code-fold", "false") not in ("false", "show"): tags.append("hide-input")
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


def stage(path, names):
    "Process one notebook and write it for Sphinx."
    processors = [populate_language, add_show_docs, describe_exports, strip_ansi, hide_line, filter_stream_,
                  rm_header_dash, rm_export, hide_]
    notebook = NBProcessor(path, procs=processors, rm_directives="quarto", process=True).nb
    own = notebook.metadata.get("kernelspec", {})
    result = nbformat.v4.new_notebook(metadata={"kernelspec": dict(own)} if own else {})
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            result.cells.append(nbformat.v4.new_markdown_cell(refer(relink(cell.source, beside), names)))
        elif cell.cell_type == "code":
            cell = show_outputs(directives(cell), path.stem)
            if not cell.source.strip() and not cell.get("outputs"): continue
            plain = nbformat.v4.new_code_cell(cell.source, metadata=cell["metadata"])
            plain["outputs"] = [nbformat.from_dict(dict(output)) for output in cell.get("outputs", [])]
            result.cells.append(plain)
    for i, cell in enumerate(result.cells): cell["id"] = f"cell-{i}"
    return result


def contents():
    "The tables of contents: chapters in their parts, then the reference."
    parts = []
    for digit, title in PARTS.items():
        pages = "\n".join(path.stem for path in chapters() if path.stem.startswith(digit))
        if pages: parts.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```")
    pages = "\n".join(f"reference/{name.rpartition('.')[2]}" for name in modules())
    parts.append(f"```{{toctree}}\n:hidden:\n:caption: Reference\n\n{pages}\n```")
    return "\n\n".join(parts)


def outside(site):
    "Scripts, styles and fonts that the pages would fetch from another host."
    tag = re.compile(r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?(?:https?:)?//[^>]*>|"
                     r"<link[^>]*rel=[\"']?(?:stylesheet|preload|preconnect|icon)[^>]*href=[\"']?(?:https?:)?//[^>]*>")
    found = [f"{path.name}: {match[0]}" for path in site.rglob("*.html") for match in tag.finditer(path.read_text())]
    style = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"';]*")
    return found + [f"{path.name}: {m[0]}" for path in site.rglob("*.css") for m in style.finditer(path.read_text())]


def main():
    shutil.rmtree(STAGE, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    (STAGE / "reference").mkdir(parents=True)
    if (NBS / "images").exists(): shutil.copytree(NBS / "images", STAGE / "images")
    mathjax = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    (STAGE / "_static").mkdir()
    shutil.copy2(mathjax / "tex-svg.js", STAGE / "_static")
    shutil.copy2(Path(__file__).parent / "wide.css", STAGE / "_static")

    names = linked_names()
    for path in [NBS / "index.ipynb", *chapters()]:
        notebook = stage(path, names)
        if path.stem == "index": notebook.cells.append(nbformat.v4.new_markdown_cell(contents(), id="contents"))
        nbformat.write(notebook, STAGE / path.name)
    for name in modules():
        (STAGE / "reference" / f"{name.rpartition('.')[2]}.md").write_text(page(name), encoding="utf-8")

    status = build_main(["-q", "-W", "--keep-going", "-n", "-c", str(ROOT / "docs"),
                         "-d", str(STAGE.parent / "doctrees"), str(STAGE), str(SITE)])
    if status: sys.exit(status)
    if fetched := outside(SITE): sys.exit("the pages fetch from another host:\n" + "\n".join(fetched))
    print(f"documentation: {SITE / 'index.html'}")


if __name__ == "__main__": main()
