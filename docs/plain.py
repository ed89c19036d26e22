"""The chapters for those who read by program: llms.txt names each with its promise, llms-full.txt is their text.

Both are written from the notebooks, so that they are true: on the site with each build; nbs/llms.txt with README.md.
See https://llmstxt.org for the form.
"""

import json
import re

from notebooks import relink, title


def cells(path): return json.loads(path.read_text(encoding="utf-8"))["cells"]


def promise(path):
    "A chapter's promise, in one line."
    return re.search(r"^> (.+)$", "".join(cells(path)[0]["source"]), re.MULTILINE)[1]


def address(target):
    "Where a file of the notebooks' folder, or of the one above it, is on the site."
    return "index.html" if target.endswith("README.md") else re.sub(r"\.(?:ipynb|md)$", ".html", target)


def index(
    about,            # name and summary of the project
    parts,            # name of a part → its chapters
    more=(),          # lines at the end
    place=address,    # maps a file's name to what a link says
):
    "The text of llms.txt."
    name, summary = about
    lines = [f"# {name}", f"> {summary}"]
    for part, paths in parts.items():
        entries = (f"- [{p.stem[:3]} {title(p)}]({place(p.name)}): {promise(p)}" for p in paths)
        lines.append(f"## {part}\n\n" + "\n".join(entries))
    if more: lines.append("## Optional\n\n" + "\n".join(more))
    return "\n\n".join(lines) + "\n"


def text(path):
    "A chapter's prose, exported code and captions, as Markdown without pictures."
    found = []
    for cell in cells(path):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            source = re.sub(r"<details><summary>(\w+)</summary>", r"*\1:*", source).replace("</details>", "")
            found.append(re.sub(r"\n{3,}", "\n\n", relink(source, address)))
            continue
        if re.match(r"#\| exports?\b", source): found.append(f"```python\n{source.partition(chr(10))[2].strip()}\n```")
        for output in cell["outputs"]:
            said = "".join(output.get("data", {}).get("text/markdown", "")) or "".join(output.get("text", ""))
            if said.strip(): found.append(relink(said.strip(), address))
    return "\n\n".join(part.strip() for part in found if part.strip())


def whole(paths):
    "The text of llms-full.txt."
    return "\n\n\n".join(map(text, paths)) + "\n"
