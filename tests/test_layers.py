"""Imports run one way: each module imports only from its own room and from those below it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "spectral_hyperresolution"
BELOW = {  # room: the rooms that it may import from, besides itself
    "testing": set(),
    "style": set(),
    "engine": set(),
    "theory": {"engine"},
    "front": {"engine", "theory", "style"},
    "pytorch": {"engine", "front"},
    "explore": {"engine", "front"},
    "top": {"engine", "theory", "front", "pytorch", "explore", "style"},
}
FRONT = {"spectrogram", "auto", "ordinary", "plot", "audio", "consensus", "advice", "verify"}
MODULES = sorted(path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("[!_]*.py"))


def room(parts):
    "The room of a module, by its path within the package."
    if not parts: return "front"                               # the package itself: the front door's lazy names
    if parts[0] in BELOW: return parts[0]
    return "front" if parts[0] in FRONT else "top"


def imported(module, source):
    "Paths within the package of the modules that a module imports, anywhere in it."
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom): continue
        name = (node.module or "").split(".") if node.module else []
        if node.level: base = list(module.parts[:len(module.parts) - node.level])
        elif name[:1] == ["spectral_hyperresolution"]: base, name = [], name[1:]
        else: continue
        whole = [*base, *name]
        folder = PACKAGE.joinpath(*whole)
        if folder.is_dir(): yield from ((*whole, alias.name) for alias in node.names)
        else: yield tuple(whole)


def wrong(module, source):
    "The imports that lead upwards."
    here = room(module.parts)
    there = [target for target in imported(module, source) if (PACKAGE.joinpath(*target).with_suffix(".py")).exists()]
    return [".".join(t) for t in there if room(t) != here and room(t) not in BELOW[here]]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_run_one_way(module):
    assert not wrong(module, (PACKAGE / module).with_suffix(".py").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name, source", [
    ("engine/plan", "from ..theory.gabor import reassign"),
    ("engine/plan", "def f():\n    from spectral_hyperresolution import plot"),
    ("theory/gabor", "from ..spectrogram import reassigned_spectrogram"),
    ("plot", "from .explore import window"),
])
def test_an_import_upwards_is_found(name, source):
    assert wrong(Path(name), source)
