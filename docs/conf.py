"""Sphinx's settings; docs/build.py prepares the pages and calls it."""

import tomllib
from pathlib import Path

import spectral_hyperresolution

_project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _project["name"]
author = _project["authors"][0]["name"]
copyright = author
release = version = spectral_hyperresolution.__version__

extensions = ["myst_nb", "sphinx.ext.mathjax"]
nb_execution_mode = "off"           # the committed outputs are shown
nb_ipywidgets_js = {}               # nothing is fetched from elsewhere
nb_merge_streams = True
nb_render_markdown_format = "myst"  # captions may hold formulas
myst_enable_extensions = ["amsmath", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a chapter may leave out a level of headings
nitpick_ignore_regex = [(r"py:.*", r"(?!spectral_hyperresolution).*")]  # other projects' types are not linked

html_theme = "furo"
html_title = project
html_static_path = [str(Path(__file__).parent / "_build" / "source" / "_static")]
html_copy_source = False
html_show_copyright = False
mathjax_path = "tex-svg.js"         # one file with its glyphs inside, from sphinx-mathjax-offline
mathjax3_config = {"svg": {"fontCache": "global"}}
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
html_css_files = ["wide.css"]       # code of 110 columns without scrolling
