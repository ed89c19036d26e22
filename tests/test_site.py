"""The documentation as a reader meets it, in a real browser: every page, wide and narrow, light and dark."""

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
from check import complaints
from notebooks import ROOT

LONG = "404_plan.html"                                  # a chapter with formulas, tables, code and figures
WIDER = """() => {
    const room = document.documentElement.clientWidth
    const inside = e => ['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX)
    const scrolls = e => e && (inside(e) || scrolls(e.parentElement))
    const wide = e => e.getBoundingClientRect().right > room + 1 && !scrolls(e.parentElement)
    const named = e => e.tagName + '.' + e.className + ': ' + e.textContent.slice(0, 60)
    const loose = [...document.querySelectorAll('.content *')].filter(wide).map(named)
    return {page: document.documentElement.scrollWidth - room, loose}
}"""
BRIGHT = """async image => {
    const shown = new Image()
    shown.src = image
    await shown.decode()
    const canvas = document.createElement('canvas')
    canvas.width = shown.width
    canvas.height = shown.height
    const context = canvas.getContext('2d')
    context.drawImage(shown, 0, 0)
    const pixels = context.getImageData(0, 0, shown.width, shown.height).data
    let sum = 0
    for (let i = 0; i < pixels.length; i += 4) sum += pixels[i] + pixels[i + 1] + pixels[i + 2]
    return sum / pixels.length / 3 * 4
}"""


@pytest.fixture(scope="module")
def pages(built_site):
    "Every page, as the addresses end."
    found = sorted(path.relative_to(built_site).as_posix() for path in built_site.rglob("*.html"))
    assert {"index.html", "search.html", "genindex.html", "limits.html", "glossary.html", "references.html",
            LONG} <= set(found)
    return found


def open_page(page, address):
    "Open an address; wait until its formulas are set."
    page.goto(address, wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise")


def brightness(page):
    "Mean of the colours on the screen, 0 to 255."
    import base64
    return page.evaluate(BRIGHT, "data:image/png;base64," + base64.b64encode(page.screenshot()).decode())


def test_links_anchors_hosts_and_alternative_texts(built_site):
    assert list(complaints(built_site)) == []


@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "phone"])
def test_every_page_opens_and_fits(new_page, site, pages, width):
    "Nothing fails and nothing is asked of another host (the fixture sees to it); no page is wider than its window."
    page = new_page(viewport={"width": width, "height": 900})
    wrong = []
    for name in pages:
        open_page(page, f"{site}/{name}")
        found = page.evaluate(WIDER)
        if found["page"] > 0 or found["loose"]: wrong.append((name, found))
        unset = page.locator(".math:not(:has(mjx-container)), mjx-merror, [data-mjx-error]").all_inner_texts()
        lost = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
        if unset or lost: wrong.append((name, unset, lost))
    assert not wrong, "\n".join(map(str, wrong))


def test_formulas_carry_the_papers_numbers(page, site):
    numbered = {"103_analytic": ["eq-4"], "102_map": ["eq-1", "eq-2", "eq-3", "eq-5", "eq-6"]}
    for chapter, equations in numbered.items():
        open_page(page, f"{site}/{chapter}.html")
        assert all(page.locator(f"#{equation}").count() for equation in equations)
        numbers = page.locator("mjx-container[display=true] [data-mml-node=mlabeledtr]")
        assert numbers.count() == len(equations)
    page.get_by_role("link", name="Eq. 6").first.click()
    page.wait_for_url("**#eq-6")
    assert page.locator("#eq-6").first.bounding_box()["y"] < 900


def test_sounds_can_be_played(page, site):
    open_page(page, f"{site}/303_organs.html")
    sounds = page.locator("audio")
    assert sounds.count()
    loaded = "a => new Promise(done => { a.onloadedmetadata = () => done(a.duration); a.preload = 'auto'; a.load() })"
    assert all(sound.evaluate(loaded) > 0.1 for sound in sounds.all())


@pytest.mark.parametrize("word, page_found", [
    ("whistle", "302_sounds.html"),
    ("consensus", "311_consensus.html"),
    ("gpu", "208_network.html"),
    ("batch", "201_spectrogram.html"),
    ("whale", "302_sounds.html"),
    ("click", "102_map.html"),
    ("uncertainty", "105_limits.html"),
    ("resume", "206_command_line.html"),
])
def test_search_finds(page, site, word, page_found):
    page.goto(f"{site}/index.html")
    page.get_by_role("textbox", name="Search").first.fill(word)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?*")
    page.locator(f"#search-results a[href*='{page_found}']").first.click()
    page.wait_for_url(f"**/{page_found}*")
    assert word in page.locator("article").inner_text().lower()


def test_each_page_says_what_it_is(built_site, pages):
    "A description; and a chapter has one title in its heading, above the window, in the sidebar, on the front page."
    def found(pattern, text):
        return [re.sub(r"<[^>]+>", "", unescape(one)) for one in re.findall(pattern, text, re.DOTALL)]
    front = (built_site / "index.html").read_text(encoding="utf-8")
    for name in pages:
        text = (built_site / name).read_text(encoding="utf-8")
        said = found(r'<meta name="description" content="([^"]*)"', text)
        assert len(said) == 1 and len(said[0]) > 12, name
        if not name[:3].isdigit(): continue
        heading, = found(r"<h1>(.*?)<a class=\"headerlink\"", text)
        assert found(r"<title>(.*?)</title>", text)[:1] == [f"{heading} - spectral_hyperresolution"]
        linked = found(rf'<a class="reference internal" href="{name}">(.*?)</a>', front)
        assert {heading, f"{name[:3]} {heading}"} <= set(linked)
        assert said == [" ".join(found(r"<blockquote>(.*?)</blockquote>", text)[0].split())[:300]]


def test_the_text_for_programs_is_that_of_the_chapters(built_site, pages):
    "llms.txt leads to every chapter with its promise; llms-full.txt has every heading, question and exported function."
    short, whole = ((built_site / name).read_text(encoding="utf-8") for name in ("llms.txt", "llms-full.txt"))
    numbered = [name for name in pages if name[:3].isdigit()]
    assert re.findall(r"^- \[\d{3} .+\]\((\w+\.html)\): \S", short, re.MULTILINE) == numbered
    assert all((built_site / page).exists() for page in re.findall(r"\]\(([\w./-]+)\)", short))
    for path in sorted((ROOT / "nbs").glob("[0-9]*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                for line in re.findall(r"^(?:# |\*\*\d\.\*\*).*", source, re.MULTILINE):
                    if "](" not in line: assert line in whole
            elif source.startswith("#| export"): assert source.partition("\n")[2].strip() in whole
    written = subprocess.run([sys.executable, ROOT / "docs" / "readme.py", "--check"], capture_output=True, text=True)
    assert not written.returncode, written.stderr


# ---- figures


SMALLEST = 9 / 72 * 100  # px of a figure's smallest words at its own size


@pytest.mark.parametrize("width", [1400, 768, 390])
def test_words_in_figures_are_as_large_as_captions(new_page, site, width):
    page, checked = new_page(viewport={"width": width, "height": 900}), 0
    for name in ("102_map", "105_limits", "201_spectrogram", "202_settings", "205_gallery", "210_levels", "301_signals",
                 "313_consensus_recordings", "411_filling", "413_reassign"):
        open_page(page, f"{site}/{name}.html")
        page.wait_for_function("[...document.querySelectorAll('.enlarge img')].every(i => i.complete)")
        small = page.evaluate("""smallest => [...document.querySelectorAll('.enlarge')].map(link => {
            const image = link.querySelector('img'), box = image.getBoundingClientRect()
            const caption = link.closest('figure')?.querySelector('figcaption')
                ?? link.closest('.cell_output').querySelector('em')
            return {words: smallest * box.width / image.naturalWidth,
                    caption: parseFloat(getComputedStyle(caption).fontSize),
                    flat: box.width / box.height / image.naturalWidth * image.naturalHeight}
        })""", SMALLEST)
        checked += len(small)
        assert small and all(one["words"] >= one["caption"] - 0.01 and abs(one["flat"] - 1) < 0.01 for one in small)
    assert checked > 30


def test_no_figure_has_smaller_words():
    style = (ROOT / "spectral_hyperresolution" / "style.mplstyle").read_text(encoding="utf-8")
    known = r"^(?:font\.|axes\.\w+|[xy]tick\.label|legend\.font|figure\.title)size: ([\d.]+)$"
    sizes = [float(size) for size in re.findall(known, style, re.MULTILINE)]
    own = [(path.name, size) for path in (ROOT / "nbs").glob("*.ipynb")
           for size in re.findall(r"fontsize=([\d.]+)", path.read_text(encoding="utf-8"))]
    assert len(sizes) == 7 and min(sizes) / 72 * 100 == SMALLEST, sizes
    assert all(float(size) >= 9 for _, size in own), own


@pytest.mark.parametrize("options", [{"viewport": {"width": 1280, "height": 900}},
                                     {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}],
                         ids=["desk", "phone"])
def test_a_figure_is_enlarged(new_page, site, options):
    "By a tap, a click, or the Enter key; it is closed by its button or Escape, and the figure has the focus again."
    page = new_page(**options)
    open_page(page, f"{site}/102_map.html")
    link = page.locator(".enlarge").nth(1)
    picture, dialog = link.locator("img"), page.get_by_role("dialog", name="Enlarged figure")
    link.scroll_into_view_if_needed()
    alt, shown = picture.get_attribute("alt"), picture.bounding_box()
    assert page.get_by_role("link", name=f"{alt} Enlarge").count() == 1 and not dialog.count()
    if options.get("has_touch"): link.tap()
    else: link.click()
    large = dialog.get_by_role("img", name=alt)
    whole = large.bounding_box()
    assert whole["x"] >= 0 and whole["x"] + whole["width"] <= options["viewport"]["width"]
    dialog.get_by_role("button", name="Larger").click()
    more = large.bounding_box()
    assert more["width"] >= 1.5 * 900 - 1 and more["width"] > shown["width"]
    room = dialog.get_by_role("group")
    assert room.evaluate("e => e.scrollWidth > e.clientWidth && e.tabIndex === 0")
    dialog.get_by_role("button", name="Whole figure").click()
    assert large.bounding_box() == whole
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.count()
    link.focus()
    page.keyboard.press("Enter")
    assert dialog.get_by_role("button", name="Close").evaluate("e => e === document.activeElement")
    page.keyboard.press("Escape")
    assert not dialog.count() and link.evaluate("e => e === document.activeElement")


def test_a_slider_is_enlarged_where_it_stands(page, site):
    page.goto(f"{site}/202_settings.html")
    figure = page.locator("figure.slider").first
    figure.locator("input").press("End")
    page.wait_for_function("f => f.querySelector('img').src.endsWith('q-8.png')", arg=figure.element_handle())
    figure.locator(".enlarge").click()
    assert page.locator("dialog.enlarged img").get_attribute("src") == figure.locator("img").evaluate("i => i.src")
    assert figure.locator("audio").count() == 1


def test_wide_formulas_scroll_inside_their_box(new_page, site):
    page, scrolled = new_page(viewport={"width": 390, "height": 844}), 0
    for name in ("103_analytic", "215_which_settings", "301_signals", "303_organs"):
        open_page(page, f"{site}/{name}.html")
        for box in page.locator("div.math").all():
            found = box.evaluate("""e => { const s = getComputedStyle(e); e.scrollLeft = 1e6
                return {wide: e.scrollWidth > e.clientWidth + 1, moved: e.scrollLeft, how: s.overflowX,
                        reached: e.tabIndex, room: e.getBoundingClientRect().right} }""")
            assert found["how"] == "auto" and found["room"] <= 390 and (found["moved"] > 0) == found["wide"]
            assert not found["wide"] or found["reached"] == 0
            scrolled += found["wide"]
    assert scrolled > 0


def test_figures_lie_on_a_quiet_card_in_the_dark(new_page, site):
    "The card is as grey as the figure's own white becomes, and nothing on the page is brighter."
    for scheme, grey in (("light", None), ("dark", "rgb(204, 204, 204)")):
        page = new_page(color_scheme=scheme, viewport={"width": 1280, "height": 900})
        open_page(page, f"{site}/102_map.html")
        card = page.locator(".enlarge").first
        style = card.evaluate("e => [getComputedStyle(e).backgroundColor, getComputedStyle(e.firstChild).filter]")
        assert style == ([grey, "brightness(0.8)"] if grey else ["rgba(0, 0, 0, 0)", "none"])
        card.click()
        room = page.locator("dialog.enlarged").evaluate("e => getComputedStyle(e).backgroundColor")
        assert room == (grey or "rgb(255, 255, 255)")


def test_a_chapter_on_paper(new_page, site):
    "No controls, no sidebars; figures and formulas are no wider than the text; answers are open."
    page = new_page(viewport={"width": 720, "height": 1000})
    for name in ("101_live", "102_map", "210_levels"):
        open_page(page, f"{site}/{name}.html")
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        gone = (".sidebar-drawer, .toc-drawer, .mobile-header, .code-switch, .enlarge-sign, audio, .live-controls, "
                "details.hide, .skip-to-content, em:text('The sound of the picture')")
        assert page.locator("em:text('The sound of the picture')").count() or name != "102_map"
        assert not page.locator(gone).filter(visible=True).count()
        answers = page.locator("article details:not(.hide)")
        assert answers.count() >= 3 and answers.evaluate_all("all => all.every(one => one.open)")
        assert page.locator("article img:visible").evaluate_all(
            "all => all.every(i => i.getBoundingClientRect().right <= document.documentElement.clientWidth)")
        assert page.pdf().startswith(b"%PDF")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert not answers.evaluate_all("all => all.some(one => one.open)")
        page.emulate_media(media="screen")


def test_one_switch_opens_all_code(page, site):
    "Code is folded, but for the cell that carries the formula; the switch opens all of it, on the next page too."
    open_page(page, f"{site}/{LONG}")
    folds = page.locator("article details.hide")
    assert folds.count() > 3 and not folds.evaluate_all("all => all.some(one => one.open)")
    assert page.locator("article .highlight:visible").count() >= 1
    page.get_by_label("Show all code").check()
    assert folds.evaluate_all("all => all.every(one => one.open)")
    open_page(page, f"{site}/311_consensus.html")
    assert page.get_by_label("Show all code").is_checked()
    assert page.locator("article details.hide").evaluate_all("all => all.every(one => one.open)")
    page.get_by_label("Show all code").uncheck()
    assert not page.locator("article details.hide").evaluate_all("all => all.some(one => one.open)")


def test_light_and_dark(new_page, site):
    "The switch goes from the reader's own setting to light and to dark; what is light is bright, figures too."
    page = new_page(color_scheme="light", viewport={"width": 1280, "height": 900})
    open_page(page, f"{site}/{LONG}")
    light, seen = brightness(page), {}
    for _ in range(3):
        page.locator(".theme-toggle-header:visible, .theme-toggle-content:visible").first.locator("button").click()
        seen[page.locator("body").get_attribute("data-theme")] = brightness(page)
    assert set(seen) == {"auto", "light", "dark"} and light > 200 and seen["light"] > 200 and seen["dark"] < light / 2
    page.evaluate("document.body.dataset.theme = 'dark'")
    figure = page.locator(".content img").first
    figure.scroll_into_view_if_needed()
    assert "brightness" in figure.evaluate("e => getComputedStyle(e).filter")
    own = new_page(color_scheme="dark", viewport={"width": 1280, "height": 900})
    open_page(own, f"{site}/{LONG}")
    assert brightness(own) < light / 2


def test_chapters_follow_one_another(page, site, pages):
    "From the landing page the link at the foot leads through every chapter in order, and then to what is looked up."
    page.goto(f"{site}/index.html")
    walked = []
    while (following := page.locator(".related-pages a.next-page")).count() and len(walked) < 2 * len(pages):
        page.goto(following.get_attribute("href") and following.evaluate("a => a.href"), wait_until="domcontentloaded")
        walked.append(page.url.removeprefix(f"{site}/"))
    numbered = [name for name in pages if name[:3].isdigit()]
    assert walked[:len(numbered)] == numbered
    assert walked[len(numbered):len(numbered) + 4] == ["limits.html", "glossary.html", "references.html",
                                                       "reference/index.html"]


def test_a_function_leads_to_its_source_its_chapter_and_the_types_of_others(page, site):
    open_page(page, f"{site}/reference/theory.gabor.html")
    described = page.locator("dt#spectral_hyperresolution\\.theory\\.gabor\\.gabor_transform")
    assert "_modules/" in described.get_by_role("link", name="[source]").get_attribute("href")
    body = described.locator("xpath=following-sibling::dd")
    assert body.locator("a[href^='https://docs.python.org/3/']").count()
    body.get_by_role("link", name="Where it is written").click()
    page.wait_for_url("**/102_map.html#code-theory-gabor-gabor-transform")


def test_the_fixture_tells_what_goes_wrong(page, site):
    page.goto(f"{site}/genindex.html")
    page.evaluate("""() => {
        document.body.innerHTML = '<img src="http://example.invalid/a.png"><img src="gone.png">'
        console.error('said')
        setTimeout(() => { throw new Error('thrown') })
    }""")
    page.wait_for_timeout(500)
    told, page.troubles[:] = "\n".join(page.troubles), []
    for wrong in ("asks another host: http://example.invalid/a.png", "status 404", "console: said", "script: "):
        assert wrong in told
