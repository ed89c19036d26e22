"""What must hold for the built pages: no dead link or anchor, nothing from another host, a text for every picture."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    "Collect a page's anchors, its links, what it loads, and its pictures without a text."
    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.mute = set(), set(), set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        page = tag in ("a", "area") or given.get("rel") in ("index", "search", "next", "prev", "canonical")
        if page: self.links.add(given.get("href"))
        else: self.loads |= {given.get(key) for key in ("src", "href", "data", "poster")}
        if tag == "img" and not (given.get("alt") or "").strip(): self.mute.append(given.get("src"))


def foreign(link):
    "Does a link leave the site?"
    parts = urlsplit(link or "")
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def complaints(site):
    "All that is wrong with the pages of a folder, one line each."
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        for source in page.mute: yield f"{where}: a picture without a text: {source}"
        for link in filter(foreign, page.loads): yield f"{where}: loads from another host: {link}"
        for link in sorted(link for link in page.links | page.loads if link and not foreign(link)):
            parts = urlsplit(link)
            if parts.scheme == "data": continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir(): target /= "index.html"
            anchor = unquote(parts.fragment)
            if not target.exists(): yield f"{where}: leads nowhere: {link}"
            elif anchor and anchor != "top" and target in pages and anchor not in pages[target].ids:
                yield f"{where}: no such anchor: {link}"
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        for found in re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^)\"';]*)", text):
            yield f"{path.relative_to(site)}: loads from another host: {found}"
