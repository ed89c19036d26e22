"""What the documentation and the README share: the notebooks in reading order, and links between them."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT / "nbs"
PACKAGE = "spectral_hyperresolution"

# Chapters that text may already point to; such a link stays plain text until the chapter exists.
PLANNED = {f"{name}.ipynb" for name in (
    "01_signals", "02_gabor", "03_histogram", "04_noise", "05_phase", "06_consensus", "10_plan",
    "11_linear_reassignment", "12_pytorch", "13_spectrogram", "14_parameters", "15_verify_and_benchmark",
    "16_from_the_port", "20_gallery", "21_long_recordings", "22_archives", "23_contours", "24_downstream",
    "25_command_line", "26_explorer")}


def chapters():
    "The numbered notebooks, in reading order."
    return sorted(NBS.glob("[0-9][0-9]_*.ipynb"))


def title(path):
    "A notebook's title, its first heading."
    text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    return re.match(r"# (.*)", text)[1]


def relink(
    text,       # Markdown
    place=str,  # maps a relative target to what shall stand there instead; None leaves the label alone
    base=NBS,   # the folder that the targets are relative to
):
    "Point relative links elsewhere; a planned chapter that doesn't exist is named without a link, a dead link raises."
    def one(match):
        bang, label, target = match.groups()
        path, _, anchor = target.partition("#")
        if re.match(r"\w+:", target) or not path: return match[0]
        if (base / path).exists():
            new = place(path)
            return f"{bang}[{label}]({new}{'#' + anchor if anchor else ''})" if new else label
        if path in PLANNED and not bang: return label
        raise ValueError(f"dead link to {target!r} in: {text[:80]!r}")
    link = re.compile(r"(!?)\[((?:[^\]\[`]|`[^`\n]*`)*)\]\(([^()\s]+)\)")
    fence = re.compile(r"(^ *```.*?^ *```[^\n]*$|\$\$.*?\$\$)", re.DOTALL | re.MULTILINE)
    return "".join(part if i % 2 else link.sub(one, part) for i, part in enumerate(fence.split(text)))
