"""The explorer as a person uses it, in a real browser. The fixture `new_page` is that of browser.py."""

import os
import re
import subprocess
from io import BytesIO
from urllib.parse import urlsplit

import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile
from browser import serve, wait_text

from spectral_hyperresolution.explore.server import Server
from spectral_hyperresolution.recording import Sound

SR = 48000
TONE = 5000.0


@pytest.fixture(scope="module")
def address():
    "The explorer on three seconds: a tone, a click at 1.5 s, a little noise; and a second sound in two channels."
    n = np.arange(3 * SR)
    x = 0.25 * np.sin(2 * np.pi * TONE * n / SR) + 1e-4 * np.random.default_rng(0).standard_normal(len(n))
    x[round(1.5 * SR)] += 0.9
    running = Server(
        [Sound(x, SR, "tone & click <b>.wav"), Sound(np.stack([x[:SR], x[:SR] / 2]), SR, "two.wav")]
    )
    running.warmed.result(120)
    yield running.url                    # with the token
    running.stop()


@pytest.fixture
def visit(new_page, address):
    "Open the page and wait for its picture."
    def open_(place="", **options):
        page = new_page(**dict(viewport=dict(width=1200, height=800)) | options)
        page.set_default_timeout(30_000)
        page.goto(address + place)
        done(page)
        return page
    return open_


def done(page):
    page.wait_for_selector("body[data-stage=done][data-busy='']")


def window(page):
    "The window's edges, as the page's fields show them."
    times = [[float(part) for part in page.input_value(f"#{name}").split(":")] for name in ("t0", "t1")]
    assert all(len(time) > 1 for time in times)                 # as the axis shows them
    frequencies = (float(page.input_value(f"#{name}")) for name in ("f0", "f1"))
    return [*(3600 * sum(h) + 60 * m + s for *h, m, s in times), *frequencies]


def area(page):
    "Left, top, width and height of the picture inside its axes."
    box = page.locator("#picture").bounding_box()
    return box["x"] + 62, box["y"] + 6, box["width"] - 72, box["height"] - 40


def place(page, t, f):
    "Where an instant and a frequency are on the page."
    t0, t1, f0, f1 = window(page)
    x, y, w, h = area(page)
    return x + (t - t0) / (t1 - t0) * w, y + np.log(f1 / f) / np.log(f1 / f0) * h


def drag(page, a, b):
    page.mouse.move(*a)
    page.mouse.down()
    page.mouse.move((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
    page.mouse.move(*b)
    page.mouse.up()
    page.wait_for_timeout(50)
    done(page)


def pixels(page):
    return page.locator("#picture").screenshot()


def test_it_opens_with_the_whole(visit):
    page = visit()
    assert window(page) == [0, 3, 94, 24000]
    assert "tone & click <b>.wav" in page.inner_text("#name") and "48000 Hz" in page.inner_text("#facts")
    assert "Reassigned" in page.inner_text("#state")


def test_a_box_zooms_onto_the_tone_and_the_cursor_reads_it(visit):
    page = visit()
    drag(page, place(page, 0.5, TONE * 1.1), place(page, 1.0, TONE / 1.1))
    t0, t1, f0, f1 = window(page)
    x, y, w, h = area(page)
    assert t0 == pytest.approx(0.5, abs=3 * 3 / w) and t1 == pytest.approx(1.0, abs=3 * 3 / w)
    assert np.log(f1 / TONE / 1.1) == pytest.approx(0, abs=2 * np.log(256) / h)
    drag(page, place(page, 0.6, TONE + 40), place(page, 0.65, TONE - 40))
    t0, t1, f0, f1 = window(page)
    assert f0 > TONE - 50 and f1 < TONE + 50
    found = {}
    height = int(place(page, t0, f0)[1]) - int(y)
    for row in range(height):  # the brightest row under the cursor is the tone's
        page.mouse.move(x + w / 2, y + row + 0.5)
        text = page.inner_text("#readout")
        level = re.search(r"(-?[\d.]+) dB", text)
        if level:
            found[float(page.get_attribute("#readout", "data-f"))] = float(level[1])
    at = max(found, key=found.get)
    assert abs(at - TONE) <= 1.5 * (f1 - f0) / h, (at, (f1 - f0) / h)
    assert found[at] == pytest.approx(10 * np.log10(0.25**2 / 2), abs=0.5)


def test_the_cursor_finds_the_click(visit):
    page = visit("#sound=0&t0=1.49&t1=1.51&f0=8000&f1=20000&q=1")
    x, y, w, h = area(page)
    found = {}
    for column in range(int(0.45 * w), int(0.55 * w)):  # a click is one column wide
        page.mouse.move(x + column, y + h / 2)
        level = re.search(r"(-?[\d.]+) dB", page.inner_text("#readout"))
        if level:
            found[float(page.get_attribute("#readout", "data-t"))] = float(level[1])
    assert abs(max(found, key=found.get) - 1.5) < 2 / SR + 3 * 0.02 / w


def test_q_and_light_change_the_picture(visit):
    page = visit("#sound=0&t0=1.4&t1=1.6&f0=500&f1=20000")
    before = pixels(page)
    page.focus("#q")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    done(page)
    assert page.inner_text("#qtext") == "5.6"
    after = pixels(page)
    assert after != before
    page.check("#three")
    page.wait_for_timeout(50)
    done(page)
    three = pixels(page)
    assert three != after and page.inner_text("#qtext") == "2.8, 5.6, 11.2"
    page.focus("#bright")
    page.keyboard.press("ArrowRight")
    assert pixels(page) != three


def test_the_keyboard_does_everything(visit):
    page = visit("#sound=0&t0=1&t1=2&f0=500&f1=10000")
    page.keyboard.press("Tab")
    page.focus("#picture")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    def after(key):
        page.keyboard.press(key)
        page.wait_for_timeout(200)
        done(page)
        return window(page)

    start = window(page)
    right = after("ArrowRight")
    assert right[0] == pytest.approx(start[0] + 0.1) and right[1] - right[0] == pytest.approx(1)
    assert after("ArrowUp")[3] > right[3] and after("ArrowDown")[3] == pytest.approx(right[3], rel=0.01)
    near = after("+")
    assert near[1] - near[0] == pytest.approx(0.7, rel=0.01) and near[3] < right[3]
    assert after("-")[1] - window(page)[0] == pytest.approx(1, rel=0.01)
    narrow = after("Shift+ArrowRight")
    assert narrow[1] - narrow[0] == pytest.approx(0.8, rel=0.01) and narrow[2:] == pytest.approx(window(page)[2:])
    assert after("Home") == [0, 3, 94, 24000]
    assert after("Escape") == pytest.approx(narrow)
    assert after("]") == [0, 3, 94, 24000]
    for key in ("w", "a", "Shift+D"):
        page.keyboard.press(key)
    assert "Hz" in page.inner_text("#readout")
    page.keyboard.press("q")
    assert page.evaluate("document.activeElement.id") == "q"
    page.focus("#picture")
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()


def test_every_control_has_a_name(visit):
    page = visit()
    names = page.evaluate("""() => [...document.querySelectorAll('button, input, select, canvas')]
        .filter(e => e.offsetParent).map(e => [e.id,
          e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || ''])""")
    assert len(names) > 20 and not [i for i, name in names if not name.strip()]


def test_wheel_and_history(visit):
    page = visit()
    x, y = map(round, place(page, 1.5, TONE))

    def read():
        page.mouse.move(x, y + 1)
        page.mouse.move(x, y)
        return [float(page.get_attribute("#readout", f"data-{name}")) for name in "tf"]

    before = read()
    for _ in range(4):
        page.mouse.wheel(0, -100)
    page.wait_for_timeout(200)
    done(page)
    t0, t1, f0, f1 = window(page)
    assert 0 < t1 - t0 < 1 and t0 < 1.5 < t1 and f0 < TONE < f1
    assert read() == pytest.approx(before, rel=1e-6)  # what is under the pointer stays there
    page.click("#back")
    page.wait_for_timeout(100)
    done(page)
    assert window(page) == [0, 3, 94, 24000]
    page.click("#forward")
    page.wait_for_timeout(100)
    done(page)
    assert window(page) == pytest.approx([t0, t1, f0, f1])


def test_the_browsers_own_buttons_walk_through_the_windows(visit):
    page = visit()
    seen = [window(page)]
    for a, b in (((1, 9000), (2, 3000)), ((1.2, 7000), (1.6, 4000))):
        drag(page, place(page, *a), place(page, *b))
        seen.append(window(page))
    for step, at in (("go_back", 1), ("go_back", 0), ("go_forward", 1), ("go_forward", 2), ("go_back", 1)):
        getattr(page, step)()
        page.wait_for_timeout(100)
        done(page)
        assert window(page) == pytest.approx(seen[at], rel=1e-3), (step, at)
    page.evaluate("() => history.go(-1)")
    page.wait_for_timeout(100)
    assert window(page) == pytest.approx(seen[0]) and page.is_disabled("#back") and page.is_enabled("#forward")


@pytest.mark.parametrize("text, t0", [("0:01.5", 1.5), ("1.5", 1.5), ("1,5", 1.5), ("0:00:01.5", 1.5), (".5", 0.5)])
def test_times_are_typed_as_they_are_shown(visit, text, t0):
    page = visit()
    page.fill("#t0", text)
    page.click("text=Go")
    page.wait_for_timeout(50)
    done(page)
    assert window(page)[0] == pytest.approx(t0, abs=1e-3)
    for wrong in ("0:1:2:3", "0:99", "-1", "x", "1:", ""):
        page.fill("#t0", wrong)
        page.click("text=Go")
        assert "must lie within" in page.inner_text("#state")


@pytest.mark.parametrize("where, panel", [("below", (0, 1)), ("right", (1, 0))])
def test_the_ordinary_spectrogram_beside_or_below(visit, where, panel):
    page = visit()
    page.select_option("#compare", where)
    page.wait_for_timeout(100)
    done(page)
    box = page.locator("#picture").bounding_box()
    shift = panel[0] * (box["width"] - 144) / 2 + panel[0] * 72, panel[1] * (box["height"] - 80) / 2 + panel[1] * 40
    inner = dict(right=((box["width"] - 144) // 2, box["height"] - 40), below=(box["width"] - 72,
                                                                            (box["height"] - 80) // 2))[where]

    def at(t, f):
        t0, t1, f0, f1 = window(page)
        return (box["x"] + 62 + (t - t0) / (t1 - t0) * inner[0],
                box["y"] + 6 + np.log(f1 / f) / np.log(f1 / f0) * inner[1])

    def bright(t, f, moved):
        x, y = (round(p + moved * d - o) for p, d, o in zip(at(t, f), shift, (box["x"], box["y"]), strict=True))
        return plt.imread(BytesIO(pixels(page)))[y - 4:y + 5, x, :3].sum(-1).max()

    page.mouse.move(5, 5)
    for moved in (0, 1):                                        # the tone is bright in both, what lies beside it is not
        assert bright(0.7, TONE, moved) > 1.6 > bright(0.7, 1000, moved)
    x, y = at(0.7, TONE)
    page.mouse.move(x + shift[0], y + shift[1])                 # the pointer reads in either
    assert float(page.get_attribute("#readout", "data-f")) == pytest.approx(TONE, rel=0.02)
    assert float(page.get_attribute("#readout", "data-t")) == pytest.approx(0.7, abs=0.02)
    a, b = at(0.5, 8000), at(1.0, 3000)
    drag(page, (a[0] + shift[0], a[1] + shift[1]), (b[0] + shift[0], b[1] + shift[1]))
    assert window(page) == pytest.approx([0.5, 1.0, 3000, 8000], rel=0.03)
    assert visit(page.url[page.url.index("#"):]).input_value("#compare") == where


def test_a_linear_axis(visit):
    page = visit()
    page.select_option("#scale", "linear")
    page.wait_for_timeout(100)
    done(page)
    x, y, w, h = area(page)
    t0, t1, f0, f1 = window(page)
    found = {}
    for row in range(-4, 5):                                    # the brightest row near the pointer is the tone's
        page.mouse.move(x + w / 3, y + h * (f1 - TONE) / (f1 - f0) + row)
        if level := re.search(r"(-?[\d.]+) dB", page.inner_text("#readout")):
            found[float(page.get_attribute("#readout", "data-f"))] = float(level[1])
    at = max(found, key=found.get)
    assert at == pytest.approx(TONE, abs=2 * (f1 - f0) / h)
    assert found[at] == pytest.approx(10 * np.log10(0.25**2 / 2), abs=1)
    for _ in range(3): page.keyboard.press("+")
    page.wait_for_timeout(200)
    done(page)
    t0, t1, low, high = window(page)
    assert (high - low) / (f1 - f0) == pytest.approx(0.7**3, rel=0.05) and "error" not in page.inner_text("#state")
    again = visit(page.url[page.url.index("#"):])
    assert again.input_value("#scale") == "linear" and window(again) == pytest.approx([t0, t1, low, high], rel=1e-3)


def test_a_scale_is_locked_for_what_comes(visit):
    page = visit()
    page.check("#lock")
    locked = page.inner_text("#rangetext")
    page.select_option("#sound", "1")
    page.wait_for_timeout(100)
    done(page)
    assert page.is_checked("#lock") and page.inner_text("#rangetext") == locked
    page.uncheck("#lock")
    page.wait_for_timeout(50)
    before = pixels(page)
    page.uncheck("#above")
    assert pixels(page) != before                               # absolute levels
    page.mouse.move(*place(page, 0.5, TONE))
    assert re.search(r"dB, [+−]\d+", page.inner_text("#readout"))   # above the background of its frequency


def test_next_and_previous_recording(visit):
    page = visit()
    assert page.is_disabled("#before") and page.is_enabled("#after")
    page.click("#after")
    page.wait_for_timeout(100)
    done(page)
    assert page.inner_text("#name") == "two.wav" and page.is_disabled("#after")
    page.focus("#picture")
    page.keyboard.press("p")
    page.wait_for_timeout(100)
    done(page)
    assert page.inner_text("#name").startswith("tone") and page.input_value("#sound") == "0"
    assert {"2", "4"} <= {option.get_attribute("value") for option in page.query_selector_all("#speed option")}


def test_the_overview_is_drawn_when_a_page_opens(visit):
    "Also before the pointer is moved, and where the page opens on a part."
    for place_ in ("", "#sound=0&t0=1&t1=1.4&f0=500&f1=20000"):
        page = visit(place_)
        page.wait_for_timeout(500)
        lit = page.evaluate("""() => {
          const c = document.getElementById('map'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
          let n = 0;
          for (let i = 0; i < d.length; i += 4) n += d[i] + d[i + 1] + d[i + 2] > 60;
          return n / (d.length / 4); }""")
        assert lit > 0.01


def test_a_link_keeps_the_window_and_bad_ones_do_no_harm(visit):
    page = visit()
    drag(page, place(page, 1, 9000), place(page, 2, 3000))
    again = visit(page.url[page.url.index("#") :])
    assert window(again) == pytest.approx(window(page), rel=1e-3)
    for bad in ("#t0=nan", "#sound=99&t0=5&t1=1&f0=-3&f1=x", "#%%%", "#sound=0&t0=1e9&t1=2e9&f0=1&f1=1e12&q=1e9"):
        visit(bad)


def test_fields_refuse_what_is_not_in_the_sound(visit):
    page = visit()
    page.fill("#t1", "99")
    page.click("text=Go")
    assert "must lie within" in page.inner_text("#state") and "wrong" in page.get_attribute("#state", "class")


def test_another_sound_and_its_channels(visit):
    page = visit()
    page.select_option("#sound", "1")
    page.wait_for_timeout(100)
    done(page)
    assert window(page)[1] == 1 and page.locator("#channel").is_visible()
    both = pixels(page)
    page.select_option("#channel", "2")
    page.wait_for_timeout(100)
    done(page)
    assert page.url.endswith("channel=2") and both


def test_it_plays_and_saves(visit):
    page = visit("#sound=0&t0=1&t1=1.4&f0=500&f1=20000")
    page.click("#play")
    page.wait_for_selector("body[data-heard]")
    assert float(page.get_attribute("body", "data-heard")) == pytest.approx(0.4, abs=1e-3)
    wait_text(page, "#play", "Play")
    with page.expect_download() as saved:
        page.click("#png")
    assert saved.value.path().read_bytes()[:4] == b"\x89PNG" and saved.value.suggested_filename.endswith("1.000s.png")
    with page.expect_download() as saved:
        page.click("#data")
    assert saved.value.path().read_bytes()[:2] == b"PK"


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_does_not_scroll_sideways(visit, width):
    page = visit(viewport=dict(width=width, height=800))
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    right = "e => e.getBoundingClientRect().right"
    assert (
        page.evaluate(f"() => Math.max(...[...document.querySelectorAll('button, select, input')].map({right}))")
        <= width
    )


def test_dark_and_light(visit):
    paper = "() => getComputedStyle(document.body).backgroundColor"
    assert visit(color_scheme="light").evaluate(paper) == "rgb(255, 255, 255)"
    page = visit(color_scheme="dark")
    dark = page.evaluate(paper)
    assert dark == "rgb(19, 19, 22)"
    page.click("#theme")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


NAMES = ["call $(touch x).wav", "it's `touch x`; \"touch x\" & touch x.wav", "-o x \\ $HOME %PATH%.wav",
         "a\ntouch x\n.wav"]


def pasted(command, folder):
    "The arguments that hyperres gets from a command that is pasted into a shell."
    (folder / "hyperres").write_text("#!/bin/sh\nprintf '%s\\0' \"$@\"\n")
    (folder / "hyperres").chmod(0o755)
    ran = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, check=True,
                         env=dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}"))
    return os.fsdecode(ran.stdout).split("\0")[:-1]


def test_the_copied_command_names_the_file_and_nothing_runs(new_page, tmp_path):
    for name in NAMES: soundfile.write(tmp_path / name, 0.1 * np.sin(np.arange(SR) * 0.7), SR)
    (tmp_path / "bin").mkdir()
    running = Server([Sound(tmp_path / name) for name in NAMES])
    try:
        running.warmed.result(120)
        for index, name in enumerate(NAMES):
            page = new_page()
            page.goto(f"{running.url}#sound={index}&t0=0.25&t1=0.75&f0=1000&f1=20000&q=4")
            done(page)
            page.click("#command")
            wait_text(page, "#state", "hyperres draw")
            said = page.evaluate("() => document.getElementById('state').textContent")
            arguments = pasted(said.removeprefix("Command copied: "), tmp_path / "bin")
            assert arguments[:2] == ["draw", str(tmp_path / name)] and arguments[2:4] == ["--start", "0.250000"]
            assert list((tmp_path / "bin").iterdir()) == [tmp_path / "bin" / "hyperres"]
    finally: running.stop()


def test_samples_in_memory_have_no_command(visit):
    page = visit()
    page.click("#command")
    assert "there is no file to draw" in page.inner_text("#state")


def test_in_a_frame_of_a_page_of_another_site(browser, tmp_path):
    "The notebook's page is at localhost, the explorer at 127.0.0.1: two sites, so that nothing may hang on cookies."
    x = 0.1 * np.sin(np.arange(SR) * 0.7)
    other, here = serve(tmp_path)                       # the notebook's server
    port = urlsplit(here).port
    allowed = Server([Sound(x, SR)], frames=[f"http://localhost:{port}"])
    closed = Server([Sound(x, SR)])
    context = browser.new_context()
    try:
        for running, shown in ((allowed, True), (closed, False)):
            running.warmed.result(120)
            (tmp_path / "notebook.html").write_text(f'<iframe src="{running.url}" width="900" height="700"></iframe>')
            page = context.new_page()
            page.goto(f"http://localhost:{port}/notebook.html")
            frame = page.frames[1]
            if shown:
                frame.wait_for_selector("body[data-stage=done]", timeout=30_000)
                assert "Reassigned" in frame.inner_text("#state")
            else:
                page.wait_for_timeout(1000)
                assert not frame.url.startswith("http") or not frame.query_selector("#picture")
        assert context.cookies() == []
    finally:
        for server in (allowed, closed): server.stop()
        context.close()
        other.shutdown()


def test_without_the_token_there_is_no_page(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    done(page)
    again = context.new_page()                      # of the same browser: it has kept nothing
    assert again.goto(address.split("?")[0]).status == 403 and "the token is missing" in again.content()
    context.close()
