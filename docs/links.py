"""Links that prose need not write: to functions, to the paper's equations, to what is cited, to words of the glossary.

An entry of nbs/references.md or nbs/glossary.md begins with an anchor and its name: <a id="froth"></a>**froth**.
Wherever a chapter says "Gardner & Magnasco 2006", or uses a word of the glossary for the first time, it is linked; so
is "Eq. 6", to the place where a chapter numbers a formula with \\text{(Eq. 6)} or \\tag*{(Eq. 6)}.
"""

import json
import re
from functools import cache

from notebooks import NBS, chapters

ENTRY = re.compile(r'<a id="([\w-]+)"></a>\*\*([^*\n]+)\*\*')
NUMBER = re.compile(r"(?:\\q?quad\s*\\text|\\tag\*?)\{\(Eq\. (\d+)\)\}")
FORMULA = re.compile(r"^\$\$.*?\$\$", re.DOTALL | re.MULTILINE)
# what is left as it is: code, formulas, links, roles, headings, quotations, tags
KEPT = r"""^[ ]*(?P<fence>```+).*?^[ ]*(?P=fence)[^\n]*$ | \$\$.*?\$\$ | \$[^$\n]+\$ | \{[\w:]+\}`[^`]*` |
    !?\[(?:[^\]\[`]|`[^`\n]*`)*\]\([^)\n]*\) | (?P<ticks>`+)[^`\n]+(?P=ticks) | ^[#>][^\n]*$ | <[^>\n]+> |
    ^\([\w-]+\)=$"""
NAME = re.compile(r"`([A-Za-z_][\w.]*)(?:\(\))?`")


def entries(page):
    "Names and anchors of the glossary or of the references: name → label."
    text = (NBS / f"{page}.md").read_text(encoding="utf-8")
    return {name: f"{page}-{anchor}" for anchor, name in ENTRY.findall(text)}


def anchored(text, page):
    "Targets that a link can find: before each entry, and before a formula that has one of the paper's numbers."
    def one(match):
        number = NUMBER.search(match[0])
        target = f"\n(eq-{number[1]})=\n" if number and equations()[number[1]] == page else ""
        return target + NUMBER.sub(r"\\tag*{(Eq. \1)}", match[0])
    text = ENTRY.sub(rf"({page}-\1)=\n**\2**", text)
    text = re.sub(r"\]\((?:\.\./)?(references|glossary)\.md#", r"](#\1-", text)
    return FORMULA.sub(one, text)


@cache
def equations():
    "Where each of the paper's equations stands first: number → notebook."
    found = {}
    for path in reversed(chapters()):
        text = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
        found |= {number: path.stem for formula in FORMULA.findall(text) for number in NUMBER.findall(formula)}
    return found


def linker(
    names,         # functions and classes: name → full name
    first=True,    # link words of the glossary where they first occur
):                 # a function from Markdown to Markdown, for the parts of one page in turn
    "Links for one page."
    cited, words = entries("references"), entries("glossary") if first else {}
    words = {name.lower(): label for name, label in words.items()}
    either = lambda keys: "|".join(map(re.escape, sorted(keys, key=len, reverse=True))) or "(?!)"
    pattern = re.compile(rf"""(?P<kept>{KEPT}) | \bEqs?\.\ (?P<equation>\d+)(?:[–-]\d+)? | (?P<cited>{either(cited)}) |
        \b(?P<word>(?i:{either(words)}))s?\b""", re.DOTALL | re.MULTILINE | re.VERBOSE)
    seen = set()

    def one(match):
        text = match[0]
        if match["kept"]:
            name = NAME.fullmatch(text)
            return f"{{py:obj}}`{name[1]} <{names[name[1]]}>`" if name and name[1] in names else text
        if match["equation"]: return f"[{text}](#eq-{match['equation']})" if match["equation"] in equations() else text
        if match["cited"]: return f"[{text}](#{cited[text]})"
        label = words[match["word"].lower()]
        if label in seen: return text
        seen.add(label)
        return f"[{text}](#{label})"

    return lambda text: pattern.sub(one, text)
