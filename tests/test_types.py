"""Public functions are fully annotated, and the package says so to type checkers."""

import ast
from importlib import resources
from pathlib import Path

import pytest

import spectral_hyperresolution

PACKAGE = Path(spectral_hyperresolution.__file__).resolve().parent
MODULES = sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py")
                 if path.name != "_modidx.py")


def public(body, owner=""):
    "Qualified name and node of each public function in a module's or a class's body, and whether it is a method."
    for node in body:
        if isinstance(node, ast.If | ast.Try | ast.With):
            parts = [*node.body, *getattr(node, "orelse", [])]
            for handler in getattr(node, "handlers", []): parts += handler.body
            yield from public(parts, owner)
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, f"{owner}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            special = owner and node.name.startswith("__") and node.name.endswith("__")
            if special or not node.name.startswith("_"): yield f"{owner}{node.name}", node, bool(owner)


def gaps(source):
    "What the public functions of a module's source leave untyped, in words."
    for name, node, method in public(ast.parse(source).body):
        a = node.args
        given = [*a.posonlyargs, *a.args]
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
        if method and not static: given = given[1:]
        given += [*filter(None, [a.vararg]), *a.kwonlyargs, *filter(None, [a.kwarg])]
        yield from (f"{name}: {arg.arg}" for arg in given if arg.annotation is None)
        if node.returns is None: yield f"{name}: return"


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_are_typed(module):
    assert not list(gaps((PACKAGE / module).with_suffix(".py").read_text(encoding="utf-8")))


def test_a_gap_is_found():
    source = '''
if True:
    def half(x, *more: int, by: float = 2, **rest): pass

class Box:
    def __init__(self, wide: int): pass
    @property
    def area(self): pass
    @staticmethod
    def of(side) -> "Box": pass
    def _hidden(self, x): pass

async def later() -> None: pass

def _hidden(x): pass

class _Hidden:
    def f(self, x): pass
'''
    assert list(gaps(source)) == ["half: x", "half: rest", "half: return", "Box.__init__: return", "Box.area: return",
                                  "Box.of: side"]


def test_the_package_ships_its_types():
    assert resources.files(spectral_hyperresolution).joinpath("py.typed").is_file()
