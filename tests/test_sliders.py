"""The sliders of chapter 202 on the built site, in a real browser: by keyboard, without JavaScript, on a phone.

The fixtures `page`, `site` and `built_site` are those of browser.py.
"""

import pytest

PAGE = "202_settings.html"


@pytest.fixture
def chapter(page, site):
    "The chapter, open, with its sliders."
    page.goto(f"{site}/{PAGE}", wait_until="load")
    return page


def state(figure):
    "What a reader meets: picture, alternative text, caption, readout."
    picture = figure.locator("img")
    return (picture.evaluate("image => image.currentSrc"), picture.get_attribute("alt"),
            figure.locator("figcaption").inner_text(), figure.locator("output").inner_text())


def press(page, figure, key):
    "Press a key on the slider and wait for the picture of its value."
    before = figure.locator("img").get_attribute("src")
    figure.locator("input").press(key)
    page.wait_for_function("([image, before]) => image.getAttribute('src') !== before && image.complete",
                           arg=[figure.locator("img").element_handle(), before])


def test_every_parameter_has_its_slider(chapter):
    from spectral_hyperresolution.settings import sliders
    found = [box.get_attribute("id") for box in chapter.locator("figure.slider input[type=range]").all()]
    assert found == [f"slider-{name}" for name in sliders]
    for name in sliders: assert chapter.get_by_label(name, exact=False).first.is_visible()


def test_the_keyboard_moves_a_slider(chapter):
    figure = chapter.locator("figure.slider").first
    first, pixels = state(figure), figure.locator("img").screenshot()
    press(chapter, figure, "ArrowRight")
    second = state(figure)
    assert all(a != b for a, b in zip(first, second, strict=True))
    assert second[1].endswith(second[2]) and second[3] in second[1]
    assert figure.locator("input").get_attribute("aria-valuetext") == second[3]
    assert figure.locator("img").screenshot() != pixels
    press(chapter, figure, "ArrowLeft")
    assert state(figure) == first and figure.locator("img").screenshot() == pixels


def test_every_picture_is_there(chapter):
    for figure in chapter.locator("figure.slider").all():
        seen, control = set(), figure.locator("input")
        if control.input_value() != "0": press(chapter, figure, "Home")
        for at in range(int(control.get_attribute("max")) + 1):
            if at: press(chapter, figure, "ArrowRight")
            assert figure.locator("img").evaluate("image => image.naturalWidth") == 640
            seen.add(state(figure))
        assert len(seen) == int(control.get_attribute("max")) + 1


def test_the_last_move_wins(chapter):
    figure = chapter.locator("figure.slider").first
    control = figure.locator("input")
    control.press("Home")
    for _ in range(5): control.press("ArrowRight")
    chapter.wait_for_function("image => image.getAttribute('src').endsWith('-5.png')",
                              arg=figure.locator("img").element_handle())
    chapter.wait_for_timeout(300)
    assert figure.locator("img").get_attribute("src").endswith("-5.png") and control.input_value() == "5"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(chapter, scheme):
    chapter.set_viewport_size(dict(width=360, height=740))
    chapter.emulate_media(color_scheme=scheme)
    figure = chapter.locator("figure.slider").first
    for part in (".enlarge", "input", "label", "output", "figcaption"):     # a wide picture scrolls within its box
        box = figure.locator(part).first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360, part
    assert chapter.evaluate("document.documentElement.scrollWidth") <= 360
    assert figure.locator("input").bounding_box()["height"] >= 40, "a finger's width"
    press(chapter, figure, "ArrowRight")


def test_without_javascript_the_first_picture_shows(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/{PAGE}")
    figure = page.locator("figure.slider").first
    assert figure.locator("img").bounding_box()["height"] > 100 and figure.locator("img").get_attribute("alt")
    assert not figure.locator("input").is_visible() and figure.locator("figcaption").inner_text()
    context.close()
