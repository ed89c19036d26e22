"""What the documentation and the README share: the notebooks in reading order, and links between them."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
PACKAGE = "spectral_hyperresolution"
PARTS = {  # the first chapter's number of each
    101: "Part I. The idea",
    201: "Part II. Use it",
    301: "Part III. The paper",
    401: "Part IV. The workshop",
}


def about():
    "The project's name and its summary."
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["name"], project["description"]


def chapters():
    "The numbered notebooks, in reading order."
    return sorted(NBS.glob("[0-9][0-9][0-9]_*.ipynb"))


def in_parts():
    "Name of a part → its chapters."
    begins = [*PARTS, 501]
    return {part: [p for p in chapters() if low <= int(p.stem[:3]) < high]
            for part, low, high in zip(PARTS.values(), begins[:-1], begins[1:], strict=True)}


def title(path):
    "A notebook's title, its first heading."
    text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    return re.match(r"# (.*)", text)[1]


def relink(
    text,       # Markdown
    place=str,  # maps a relative target to what is put there instead; None leaves the label alone
    base=NBS,   # the folder that the targets are relative to
):
    "Point relative links elsewhere; a dead link raises a ValueError."
    def one(match):
        bang, label, target = match.groups()
        path, _, anchor = target.partition("#")
        if re.match(r"\w+:", target) or not path: return match[0]
        if (base / path).exists():
            new = place(path)
            return f"{bang}[{label}]({new}{'#' + anchor if anchor else ''})" if new else label
        raise ValueError(f"dead link to {target!r} in: {text[:80]!r}")
    link = re.compile(r"(!?)\[((?:[^\]\[`]|`[^`\n]*`)*)\]\(([^()\s]+)\)")
    fence = re.compile(r"(^ *```.*?^ *```[^\n]*$|\$\$.*?\$\$)", re.DOTALL | re.MULTILINE)
    return "".join(part if i % 2 else link.sub(one, part) for i, part in enumerate(fence.split(text)))
