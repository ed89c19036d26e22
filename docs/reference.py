"""Reference text in MyST Markdown for a module's functions and classes, with their docments."""

import importlib
import inspect
import re
from functools import cached_property
from types import FunctionType

from fastcore.docments import docments


def public(module):
    "The names that a module exports, in the order of its source."
    source = inspect.getsource(module)
    def line(name):
        found = re.search(rf"^(?:(?:async )?def|class) {name}\b|^{name}\b *[:=]", source, re.MULTILINE)
        return found.start() if found else len(source)
    return sorted(getattr(module, "__all__", []), key=line)


def signature(thing):
    "A signature as a caller sees it, without the addresses that a repr may hold."
    try: found = inspect.signature(thing)
    except (TypeError, ValueError): return "()"
    kept = [value for key, value in found.parameters.items() if key != "self"]
    end = inspect.Signature.empty if inspect.isclass(thing) else found.return_annotation
    text = str(found.replace(parameters=kept, return_annotation=end))
    return re.sub(r"<(?:class|function|built-in function|ufunc) '?([\w.]+)[^<>]*>", r"\1", text)


def parameters(thing):
    "A field list from the comments beside the parameters and the return."
    try: notes = docments(thing, full=True)
    except (TypeError, ValueError, OSError): return ""
    fields = []
    for name, note in notes.items():
        text = " ".join((note.docment or "").split())
        if text: fields.append(f":returns: {text}" if name == "return" else f":param {name}: {text}")
    return "\n".join(fields)


def directive(kind, head, body, module, index):
    "One MyST directive, fenced with more backticks than anything inside it."
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`{3,}", body))])
    options = f":module: {module.__name__}" + ("" if index else "\n:no-index:")
    return f"{ticks}{{py:{kind}}} {head}\n{options}\n\n{body}\n{ticks}\n"


def describe(
    module,       # a module of the package
    name,         # one of its names, or Class.method
    index=True,   # False for a second description of the same thing
):                # MyST Markdown
    "Describe one function, class, method, property or value."
    holder, _, last = name.rpartition(".")
    owner = getattr(module, holder) if holder else module
    stored, thing = inspect.getattr_static(owner, last), getattr(owner, last)
    if isinstance(stored, property | cached_property):
        kind, head, thing = "property", "", stored.fget if isinstance(stored, property) else stored.func
    elif inspect.isclass(thing): kind, head = "class", signature(thing)
    elif callable(thing):
        thing = getattr(thing, "py_func", thing)  # numba's dispatchers hold the function that was written
        kind, head = "method" if holder else "function", signature(thing)
    else: return directive("data", name, f"`{type(thing).__name__}`", module, index)
    parts = [inspect.getdoc(thing), parameters(thing)]
    if kind == "class": parts += [describe(module, f"{name}.{key}", index) for key in members(thing)]
    return directive(kind, name + head, "\n\n".join(filter(None, parts)), module, index)


def members(cls):
    "Names of a class's own public methods and properties."
    kinds = (FunctionType, property, cached_property, classmethod, staticmethod)
    return [key for key, value in vars(cls).items() if not key.startswith("_") and isinstance(value, kinds)]


def page(name):
    "The reference page of one module."
    module = importlib.import_module(name)
    if module.__doc__ is None: raise ValueError(f"{name} has no docstring: its notebook needs a promise (> …)")
    promise = module.__doc__.split("\nDocs:")[0].strip()
    parts = [describe(module, key) for key in public(module) if not key.startswith("_")]
    return "\n\n".join([f"# {name.rpartition('.')[2]}", f"```{{py:module}} {name}\n```", promise, *parts])
