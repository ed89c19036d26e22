"""Reference text in MyST Markdown for a module's functions and classes, with their docments."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable
from functools import cache, cached_property
from importlib.util import resolve_name
from types import BuiltinFunctionType, FunctionType

from fastcore.docments import docments
from notebooks import NBS, title

PACKAGE = "spectral_hyperresolution"


def public(module):
    "The names that a module exports, in the order of its source."
    source = inspect.getsource(module)
    def line(name):
        found = re.search(rf"^(?:(?:async )?def|class) {name}\b|^{name}\b *[:=]", source, re.MULTILINE)
        return found.start() if found else len(source)
    return sorted(getattr(module, "__all__", []), key=line)


def origin(module):
    "The notebook that a module is written in, and its title."
    found = re.search(r"/nbs/(\w+)\.ipynb", inspect.getsource(module))
    notebook = NBS / f"{found[1]}.ipynb"
    return notebook.name, title(notebook)


def spelled(annotation):
    "A type as a reader spells it, without the private modules that it may come from."
    if annotation in (BuiltinFunctionType, FunctionType): annotation = Callable  # read off a default
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = text.replace("NoneType", "None")
    return re.sub(r"\._\w+(?=\.)", "", text).strip("'\"")


@cache
def full_names(module):
    "What the names in a module's source stand for: imported ones, also those for type checkers alone, and its classes."
    found, todo = {}, list(ast.parse(inspect.getsource(module)).body)
    for node in todo:
        if isinstance(node, ast.If | ast.Try): todo += node.body
        elif isinstance(node, ast.Import):
            for alias in node.names: found[alias.asname or alias.name.partition(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom):
            home = resolve_name("." * node.level + (node.module or ""), module.__package__)
            for alias in node.names:
                found[alias.asname or alias.name] = f"{home}.{alias.name}"
                if home.startswith(PACKAGE) and not hasattr(there := importlib.import_module(home), alias.name):
                    found[alias.asname or alias.name] = full_names(there)[alias.name]  # for type checkers alone
        elif isinstance(node, ast.ClassDef): found[node.name] = f"{module.__name__}.{node.name}"
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and (
                ast.unparse(node.value.func) == "TypeVar"):  # a reader is told what it may be
            found[node.targets[0].id] = " | ".join(written(arg, found) for arg in node.value.args[1:])
    return found


def written(annotation, names):
    "A type as its source spells it, every name in full, so that it can be linked."
    class Full(ast.NodeTransformer):
        def visit_Constant(self, node):
            if not isinstance(node.value, str): return node
            return self.visit(ast.parse(node.value, mode="eval").body)
        def visit_Name(self, node): return ast.parse(names.get(node.id, node.id), mode="eval").body
    return ast.unparse(Full().visit(annotation))


def types(thing):
    "Name → type of each parameter, of the return, and of a class's fields, as the source spells them."
    found = {}
    for each in reversed(thing.__mro__) if inspect.isclass(thing) else [thing]:
        module = inspect.getmodule(each)
        if module is None or not module.__name__.startswith(PACKAGE): continue
        names, tree = full_names(module), ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        for node in tree.body if isinstance(tree, ast.ClassDef) else [tree]:
            if isinstance(node, ast.AnnAssign): found[node.target.id] = written(node.annotation, names)
            if isinstance(node, ast.FunctionDef) and (node is tree or node.name == "__init__"):
                a = node.args
                for arg in [*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg]:
                    if arg and arg.annotation: found[arg.arg] = written(arg.annotation, names)
                if node.returns: found["return"] = written(node.returns, names)
    return found


def signature(thing):
    "A call with its defaults; the types stand with the parameters. Without the addresses that a repr may hold."
    try: found = inspect.signature(thing)
    except (TypeError, ValueError): return "()"
    empty = inspect.Signature.empty
    kept = [value.replace(annotation=empty) for key, value in found.parameters.items() if key != "self"]
    text = str(found.replace(parameters=kept, return_annotation=empty))
    return re.sub(r"<(?:class|function|built-in function|ufunc) '?([\w.]+)[^<>]*>", r"\1", text)


def parameters(thing, prose):
    "A field list from the comments beside the parameters and the return, and from their types."
    try: notes = docments(thing, full=True)
    except (TypeError, ValueError, OSError): return ""
    fields, end = [], re.search(r"^ *\).*?:[ ]*#[ ]*(.*(?:\n +#.*)*)$", inspect.getsource(thing), re.MULTILINE)
    if end and not inspect.isclass(thing): notes["return"].docment = re.sub(r"\n +#", "", end[1])  # all its lines
    known_types = types(thing)
    for name, note in notes.items():
        text = prose(" ".join((note.docment or "").split()))
        known = note.anno not in (None, inspect.Parameter.empty, type(None))
        spelling = known_types.get(name) or (spelled(note.anno) if known else "")
        if name == "self": continue
        if name == "return":
            if text: fields.append(f":returns: {text}")
            if known: fields.append(f":rtype: {spelling}")
        elif text or known:
            fields.append(f":param {name}: {text}")
            if known: fields.append(f":type {name}: {spelling}")
    return "\n".join(fields)


def sections(text):
    "A docstring without its numpydoc sections, and its example as a code block; the comments give the rest again."
    told = re.split(r"\n\n(?=(?:Parameters|Attributes|Returns|Examples)\n-+\n)", "\n\n" + text)
    examples = [part.split("\n", 2)[2] for part in told[1:] if part.startswith("Examples")]
    if told[0].strip().split("\n")[0] in ("Parameters", "Attributes", "Returns"): told[0] = ""
    return told[0].strip(), "\n\n".join(f"```python\n{part}\n```" for part in examples)


def directive(kind, head, body, module, index, **options):
    "One MyST directive, fenced with more backticks than anything inside it."
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`{3,}", body))])
    options = {"module": module.__name__, **options} | ({} if index else {"no-index": ""})
    lines = "\n".join(f":{key}: {value}".rstrip() for key, value in options.items())
    return f"{ticks}{{py:{kind}}} {head}\n{lines}\n\n{body}\n{ticks}\n"


def value(module, name, thing, index, prose):
    "Describe a constant: its type, its value where that is short, the comment beside it."
    note = re.search(rf"^{name}\b[^#\n]*=[^#\n]*#[ ]*(.*)$", inspect.getsource(module), re.MULTILINE)
    shown = {"value": repr(thing)} if isinstance(thing, int | float | str | tuple) and len(repr(thing)) < 60 else {}
    body = prose(note[1]) if note else ""
    return directive("data", name, body, module, index, type=spelled(type(thing)), **shown)


def describe(
    module,                # a module of the package
    name,                  # one of its names, or Class.method
    prose=lambda text: text,  # what is done to its words
    index=True,            # False for a second description of the same thing
):                         # MyST Markdown
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
    else: return value(module, name, thing, index, prose)
    told, example = sections(inspect.getdoc(thing) or "")
    parts = [prose(told), parameters(thing, prose), example]
    if kind == "property" and not any(parts) and (note := re.search(r"#[ ]*(.*)$", inspect.getsource(thing))):
        parts = [prose(note[1])]
    if index and not holder: parts.insert(1, f"[Where it is written](#{code_label(module, name)})")
    if kind == "class": parts += [describe(module, f"{name}.{key}", prose, index) for key in members(thing)]
    return directive(kind, name + head, "\n\n".join(filter(None, parts)), module, index)


def short(name):
    "A module's dotted name within the package."
    return name.partition(".")[2]


def code_label(module, name):
    "The label of the cell that defines a name."
    kind = "class" if inspect.isclass(getattr(module, name, None)) else "code"  # labels know no capitals: Plan, plan
    return f"{kind}-{short(module.__name__).replace('.', '-')}-{name.replace('.', '-')}"


def members(cls):
    "Names of a class's own public methods and properties."
    kinds = (FunctionType, property, cached_property, classmethod, staticmethod)
    return [key for key, value in vars(cls).items() if not key.startswith("_") and isinstance(value, kinds)]


def promise(module):
    "The first sentence of a module's chapter."
    if module.__doc__ is None: raise ValueError(f"{module.__name__} has no docstring: write a promise (> …)")
    return module.__doc__.split("\nDocs:")[0].strip()


def page(name, prose):
    "The reference page of one module."
    module = importlib.import_module(name)
    notebook, heading = origin(module)
    written = f"Written and explained in the chapter [{heading}](../{notebook})."
    parts = [describe(module, key, prose) for key in public(module) if not key.startswith("_")]
    top = [f"# {short(name)}", f"```{{py:module}} {name}\n```", promise(module), written]
    return "\n\n".join(top + parts)


def overview(names):
    "A page that lists the modules."
    rows = [f"| [{short(name)}]({short(name)}.md) | {promise(importlib.import_module(name))} |" for name in names]
    pages = "\n".join(map(short, names))
    return "\n\n".join([
        "# Every function",
        "What each module holds, with types, shapes and units. Each description leads to its source and to the chapter "
        "that explains it. All names in one list: {ref}`genindex`.",
        "\n".join(["| module | |", "|---|---|", *rows]), f"```{{toctree}}\n:hidden:\n\n{pages}\n```"])
