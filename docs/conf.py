"""Sphinx's settings; docs/build.py prepares the pages and calls it."""

import tomllib
from fnmatch import fnmatchcase
from html import escape
from pathlib import Path

from docutils import nodes

import spectral_hyperresolution

_project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _project["name"]
author = _project["authors"][0]["name"]
copyright = author
release = version = spectral_hyperresolution.__version__

extensions = ["myst_nb", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
nb_execution_mode = "off"           # the committed outputs are shown
nb_ipywidgets_js = {}               # nothing is fetched from elsewhere
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"
nb_render_markdown_format = "myst"  # captions may hold formulas
myst_enable_extensions = ["amsmath", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a chapter may leave out a level of headings

html_theme = "furo"
html_favicon = "favicon.svg"
html_title = project
html_static_path = [str(Path(__file__).parent / "_build" / "source" / "_static")]
html_copy_source = False
html_show_copyright = False
mathjax_path = "tex-svg.js"         # one file with its glyphs inside, from sphinx-mathjax-offline
mathjax3_config = {"svg": {"fontCache": "global"}}
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
html_css_files = sorted(path.name for path in Path(__file__).parent.glob("*.css"))
html_js_files = sorted(path.name for path in Path(__file__).parent.glob("*.js"))
python_maximum_signature_line_length = 88

# Where other projects explain their types. Nothing is fetched during a build, so the pages are named here.
_PYTHON, _TORCH = "https://docs.python.org/3/library/", "https://docs.pytorch.org/docs/stable/"
_PAGES = {
    "int": f"{_PYTHON}functions.html#int", "float": f"{_PYTHON}functions.html#float",
    "bool": f"{_PYTHON}functions.html#bool", "type": f"{_PYTHON}functions.html#type",
    "complex": f"{_PYTHON}functions.html#complex", "object": f"{_PYTHON}functions.html#object",
    "str": f"{_PYTHON}stdtypes.html#str", "bytes": f"{_PYTHON}stdtypes.html#bytes",
    "tuple": f"{_PYTHON}stdtypes.html#tuple", "list": f"{_PYTHON}stdtypes.html#list",
    "dict": f"{_PYTHON}stdtypes.html#dict", "set": f"{_PYTHON}stdtypes.html#set",
    "None": f"{_PYTHON}constants.html#None",
    "collections.abc.*": f"{_PYTHON}collections.abc.html#{{}}",
    "argparse.*": f"{_PYTHON}argparse.html#{{}}", "datetime.*": f"{_PYTHON}datetime.html#{{}}",
    "pathlib.*": f"{_PYTHON}pathlib.html#{{}}", "socket.*": f"{_PYTHON}socket.html#{{}}",
    "os.*": f"{_PYTHON}os.html#{{}}",
    "numpy.typing.*": "https://numpy.org/doc/stable/reference/typing.html#{}",
    "numpy.*": "https://numpy.org/doc/stable/reference/generated/{}.html",
    "scipy.*": "https://docs.scipy.org/doc/scipy/reference/generated/{}.html",
    "xarray.*": "https://docs.xarray.dev/en/stable/generated/{}.html",
    "matplotlib.*": "https://matplotlib.org/stable/api/_as_gen/{}.html",
    "IPython.display.*": "https://ipython.readthedocs.io/en/stable/api/generated/IPython.display.html#{}",
    "ipywidgets.*": "https://ipywidgets.readthedocs.io/en/stable/examples/Widget%20List.html",
    "torch.Tensor": f"{_TORCH}tensors.html#torch.Tensor",
    "torch.device": f"{_TORCH}tensor_attributes.html#torch.device",
    "torch.dtype": f"{_TORCH}tensor_attributes.html#torch.dtype", "torch.*": f"{_TORCH}generated/{{}}.html",
}


def _elsewhere(app, env, node, contnode):
    "Link a type of another project; one that the table doesn't know stays a warning, and so an error."
    name = node["reftarget"]
    page = next((page for key, page in _PAGES.items() if fnmatchcase(name, key)), None)
    return page and nodes.reference("", "", contnode, refuri=page.format(name), internal=False)


def _describe(app, pagename, templatename, context, doctree):
    "A page's description, for search engines and previews: its promise, or else its first paragraph, or its title."
    found = (node for kind in (nodes.block_quote, nodes.paragraph) for node in doctree.findall(kind)) if doctree else ()
    usual = f"{context.get('title') or pagename}: {project}, {_project['description']}"
    text = next((said for node in found if (said := " ".join(node.astext().split()))), usual)
    context["metatags"] = context.get("metatags", "") + f'<meta name="description" content="{escape(text[:300])}">'


def setup(app):
    app.connect("missing-reference", _elsewhere)
    app.connect("html-page-context", _describe)
