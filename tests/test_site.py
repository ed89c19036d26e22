"""The documentation as a reader meets it, in a real browser: every page, wide and narrow, light and dark."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "docs"))
from check import complaints

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
])
def test_search_finds(page, site, word, page_found):
    page.goto(f"{site}/index.html")
    page.get_by_role("textbox", name="Search").first.fill(word)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?*")
    page.locator(f"#search-results a[href*='{page_found}']").first.click()
    page.wait_for_url(f"**/{page_found}*")
    assert word in page.locator("article").inner_text().lower()


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
    while (following := page.locator(".related-pages a.next-page")).count() and len(walked) < 100:
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
