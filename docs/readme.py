"""Write README.md from nbs/index.ipynb, nbs/llms.txt from the chapters.  With --check, only say if they are current."""

import posixpath
import sys

from nbdev.process import NBProcessor
from nbdev.processors import hide_, hide_line, rm_export, rm_header_dash, strip_ansi
from notebooks import NBS, ROOT, about, in_parts, relink
from plain import index

HEADER = "<!-- Written by docs/readme.py from nbs/index.ipynb; edit that. -->\n\n"


def outputs(cell):
    "The text that a code cell printed or returned, fenced; pictures belong in nbs/images."
    text = ""
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if any(kind.startswith("image/") for kind in data):
            raise ValueError("index.ipynb: put the picture in nbs/images and show it in a Markdown cell")
        text += "".join(data.get("text/plain", output.get("text", "")))
    return f"\n\n```text\n{text.rstrip()}\n```" if text.strip() else ""


def readme():
    "The README's text."
    processors = [strip_ansi, hide_line, rm_header_dash, rm_export, hide_]
    notebook = NBProcessor(NBS / "index.ipynb", procs=processors, process=True).nb
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(relink(cell.source, lambda path: posixpath.normpath(f"nbs/{path}")))
        elif cell.cell_type == "code" and cell.source.strip():
            parts.append(f"```python\n{cell.source.strip()}\n```{outputs(cell)}")
    return HEADER + "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    for target, text in ((ROOT / "README.md", readme()), (NBS / "llms.txt", index(about(), in_parts(), place=str))):
        if "--check" not in sys.argv: target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            sys.exit(f"{target.name} is not current: run python docs/readme.py")
