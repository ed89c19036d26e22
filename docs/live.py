"""The live page: a figure that the reader moves, computed in the browser by the files in docs/live.

A code cell that begins with `#| live: name` draws the figure's prepared picture; on the site it becomes a figure that
live.js brings to life, and the picture is what remains without JavaScript.
"""

import json
import re
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent / "live"


def live_name(source):
    "The name of the live figure that a cell draws, or None."
    found = re.search(r"^#\| live: (\w+)$", source, re.MULTILINE)
    return found and found[1]


def script():
    "The page's script: one file, which carries the worker's text, since a page from disk may load no worker."
    fft, engine, code, page = ((FOLDER / f"{name}.js").read_text(encoding="utf-8")
                               for name in ("fft", "engine", "worker", "page"))
    parts = json.dumps(dict(fft=fft, engine=engine, code=code), ensure_ascii=False)
    return f"const PARTS = {parts};\n{page}"


def live_page(name, picture, alt, caption):
    "The HTML of one live figure."
    return f"""```{{raw}} html
<figure class="live" data-live="{name}">
<img src="{picture}" alt="{escape(alt)}">
<figcaption>{escape(caption)}</figcaption>
</figure>
```"""


def live_script():
    "What loads the script."
    return '```{raw} html\n<script src="_static/live.js" defer></script>\n```'
