"""The sliders of the chapter on the settings, where a page has no kernel: every position is drawn with the site.

A cell that says slide("name") becomes a figure with a native range input; slider.js, beside this file, exchanges the
picture. `python docs/sliders.py` removes live widgets from the notebooks' stored outputs, which only Jupyter can show.
"""

import json
import re
from html import escape
from pathlib import Path

import nbformat
import numpy as np
import soundfile
from notebooks import NBS

LIVE = "application/vnd.jupyter.widget-view+json"


def slider_of(source):
    "The name of the slider that a cell shows, or None."
    found = re.search(r"^slide\(\"(\w+)\"\)$", source, re.MULTILINE)
    return found and found[1]


def player(slider, path):
    "Write a slider's sound to a file; the HTML that plays it, at a speed at which it can be heard."
    x, rate = slider.sound()
    speed, words = (8, ", eight times slower than life") if rate > 48000 else (1, "")
    soundfile.write(path, 0.5 * x / np.abs(x).max(), round(max(rate / speed, 3000)))
    if rate < 3000: words = f", {3000 / rate:g} times faster than life"     # no player goes slower
    return f"""<p class="slider-sound"><em>The sound{words}:</em>
<audio controls preload="none" src="_static/sliders/{path.name}"></audio></p>"""


def slider_page(name, static):
    "Draw every position of a slider into the folder `static`; the HTML that shows it."
    from spectral_hyperresolution.settings import sliders
    slider, folder = sliders[name], Path(static) / "sliders"
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for i, value in enumerate(slider.values):
        frame = slider.frame(value)
        (folder / f"{name}-{i}.png").write_bytes(frame.png)
        said = dict(text=frame.text, caption=frame.caption, alt=frame.alt)
        frames.append(dict(src=f"_static/sliders/{name}-{i}.png", **said))
    at = slider.values.index(slider.start)
    first, last, data = frames[at], len(frames) - 1, escape(json.dumps(frames, ensure_ascii=False))
    return f"""```{{raw}} html
<figure class="slider" data-frames="{data}">
<img src="{first['src']}" alt="{escape(first['alt'])}" width="640" height="370">
<div class="slider-control" hidden>
<label for="slider-{name}">{escape(slider.title)}, <code>{name}</code></label>
<input type="range" id="slider-{name}" min="0" max="{last}" value="{at}" step="1" autocomplete="off">
<output for="slider-{name}">{escape(first['text'])}</output>
</div>
<figcaption aria-live="polite">{escape(first['caption'])}</figcaption>
{player(slider, folder / f"{name}.wav")}
</figure>
```"""


def strip(path):
    "Remove live widgets from a notebook's outputs; True where there were some."
    notebook, found = nbformat.read(path, 4), False
    for output in (o for cell in notebook.cells for o in cell.get("outputs", [])):
        found |= output.get("data", {}).pop(LIVE, None) is not None
    if found: nbformat.write(notebook, path)
    return found


if __name__ == "__main__":
    for path in sorted(NBS.glob("*.ipynb")):
        if strip(path): print(f"{path.name}: live widgets removed")
