"""Fixtures for tests in a real browser: the built documentation, a server for it, and pages that tell what went wrong.

    def test_it(page, site):
        page.goto(f"{site}/index.html")
        assert page.title()

After the test `page` fails it if the browser reported an error, a failed request, or a request to another host.
The browser is the system's Chromium; where there is none, or no playwright, the tests are skipped, unless
HYPERRES_REQUIRE_BROWSER is set.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "docs" / "_build"
SOURCES = ("nbs/*.ipynb", "nbs/images/*", "docs/*.*", "docs/live/*",
           "spectral_hyperresolution/**/*.py", "*.md", "*.toml")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
        "--disable-component-update"]


def missing(reason):
    "Skip, or fail where a browser is required."
    if os.environ.get("HYPERRES_REQUIRE_BROWSER"): pytest.fail(f"HYPERRES_REQUIRE_BROWSER is set, but {reason}")
    pytest.skip(reason)


def chromium():
    "The path of a Chromium, or None."
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("HYPERRES_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser():
    "A running browser; for one module only, because Playwright keeps an event loop running beside it."
    try: api = import_module("playwright.sync_api")
    except ImportError: missing("playwright is not installed (it is in the extra dev)")
    path = chromium()
    if path is None: missing("no Chromium is on the PATH (Debian: apt-get install chromium), nor in HYPERRES_CHROMIUM")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield running
        running.close()


def watch(context):
    "A list that fills with what goes wrong on a context's pages: errors, failed requests, requests to other hosts."
    troubles = []
    def asked(request):
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "file") and parts.hostname not in ("127.0.0.1", "localhost"):
            troubles.append(f"asks another host: {request.url}")
    def failed(request):
        if request.failure == "net::ERR_ABORTED": return  # the page was left before all was there
        troubles.append(f"failed: {request.url} {request.failure}")
    def answered(response):
        if response.status >= 400: troubles.append(f"status {response.status}: {response.url}")
    def said(message):
        if message.type in ("error", "warning"): troubles.append(f"console: {message.text} {message.location['url']}")
    context.on("request", asked)
    context.on("response", answered)
    context.on("requestfailed", failed)
    context.on("console", said)
    context.on("weberror", lambda error: troubles.append(f"script: {error.error}"))
    return troubles


@pytest.fixture
def new_page(browser):
    "Open a page in its own context: new_page(viewport=…, color_scheme=…). At the end its `troubles` must be empty."
    opened = []
    def new(**options):
        context = browser.new_context(**options)
        troubles = watch(context)
        page = context.new_page()
        page.troubles = troubles
        page.set_default_timeout(60_000)
        opened.append(page)
        return page
    yield new
    for page in opened: page.context.close()
    assert not (found := [trouble for page in opened for trouble in page.troubles]), "\n".join(found)


@pytest.fixture
def page(new_page):
    "One page of ordinary size."
    return new_page()


def wait_text(page, selector, text):
    "Wait until an element has a text. `wait_for_function` would evaluate a string, which the explorer's pages forbid."
    page.locator(selector, has_text=text).wait_for(state="attached")


def digest():
    "A fingerprint of everything that the documentation is built from."
    found = hashlib.sha256()
    for path in sorted({path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file()}):
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()


@pytest.fixture(scope="session")
def built_site():
    "The folder of the documentation, built by its one command; built again only when something in it has changed."
    site, stamp = BUILD / "html", BUILD / "html" / "built-from"
    BUILD.mkdir(exist_ok=True)
    with FileLock(BUILD / "lock"):  # several workers, one build
        if not stamp.exists() or stamp.read_text() != digest():
            done = subprocess.run([sys.executable, ROOT / "docs" / "build.py"], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            stamp.write_text(digest())
    return site


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_): pass


def serve(folder):
    "A server for a folder on a free port of this machine: (server, address)."
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="session")
def site(built_site):
    "The address of the documentation, served from this machine."
    server, address = serve(built_site)
    yield address
    server.shutdown()
