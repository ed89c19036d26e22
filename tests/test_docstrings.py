"""Docstrings as `help` shows them: written by nbdev-export from the comments beside the parameters."""

import ast
import inspect

import pytest

pytest.importorskip("nbdev", reason="nbdev is not installed (it is in the extra dev)")

from spectral_hyperresolution.advice import advise
from spectral_hyperresolution.consensus import consensus
from spectral_hyperresolution.docstrings import with_sections
from spectral_hyperresolution.spectrogram import reassigned_spectrogram
from spectral_hyperresolution.theory.resynthesis import analyse

SOURCE = '''
def louder(
    x,             # sound (n,)
    *more: float,  # factors
    gain=2.0,      # factor,
                   # more of it
    # how loud
    level=None,
    to: str | None = None,  # what a \\sigma is;
                            # None: nothing
) -> float:  # its energy
             # and more
    "Multiply a sound."
    return gain


class Box:
    "A box."
    wide: int = 3  # width
                   # [cells]
    deep: int = 2  # depth [cells]
    # height [cells]
    high: int = 4

    def area(self, scale=1.0):  # of the sides
        "Its area."
        return self.wide * self.high * scale

    def _hidden(
        self,
        a,  # nothing
    ):
        "Hidden."
'''


def test_comments_become_sections():
    found = {}
    exec(with_sections(SOURCE), found)
    assert inspect.getdoc(found["louder"]) == """Multiply a sound.

Parameters
----------
x
    sound (n,)
*more : float
    factors
gain : float, default: 2.0
    factor, more of it
level : default: None
    how loud
to : str | None, default: None
    what a \\sigma is; None: nothing

Returns
-------
float
    its energy and more"""
    assert inspect.getdoc(found["Box"]) == """A box.

Attributes
----------
wide : int, default: 3
    width [cells]
deep : int, default: 2
    depth [cells]
high : int, default: 4
    height [cells]"""
    assert found["Box"]._hidden.__doc__ == "Hidden." and "of the sides" in found["Box"].area.__doc__


def test_the_code_stays_the_same():
    def bare(source):
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node): del node.body[0]
        return ast.dump(tree)
    assert with_sections(SOURCE) != SOURCE and bare(with_sections(SOURCE)) == bare(SOURCE)
    assert with_sections("x = 1  # no function") == "x = 1  # no function"


@pytest.mark.parametrize("function", [advise, analyse, consensus, reassigned_spectrogram])
def test_the_front_doors_say_it_all(function):
    told = inspect.getdoc(function)
    for name in inspect.signature(function).parameters: assert f"\n{name}" in told or f"**{name}" in told
    for part in ("Parameters\n---", "Returns\n---", "Examples\n---", "Error"): assert part in told
