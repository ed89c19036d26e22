"""The live page in a real browser, from a server and from disk: its controls, its numbers, its cost.

The fixtures `new_page`, `site` and `built_site` are those of browser.py.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from spectral_hyperresolution.engine.gate import open_cells
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.testing import check_close

FIGURES = ["drag", "points", "merge", "noise", "own"]
LONG = """window.long = []
new PerformanceObserver(seen => long.push(...seen.getEntries().map(e => e.duration))).observe({type: 'longtask'})"""
SETTLED = "figure => figure.dataset.settled !== undefined"


@pytest.fixture(params=["server", "disk"])
def address(request, site, built_site):
    "Where the page is: at a server, or a file."
    return f"{site if request.param == 'server' else built_site.as_uri()}/101_live.html"


@pytest.fixture
def live(new_page, address):
    "The page, open, with all its figures computed."
    page = new_page(viewport=dict(width=1280, height=900))
    page.add_init_script(LONG)
    return opened(page, address)


def opened(page, address):
    "Open the page; wait for its figures."
    page.goto(address, wait_until="load")
    for name in FIGURES: settled(page, name)
    return page


def figure(page, name): return page.locator(f"figure.live[data-live={name}]")


def settled(page, name):
    "Wait until a figure has computed its last move."
    page.wait_for_function(f"name => ({SETTLED})(document.querySelector(`figure.live-on[data-live=${{name}}]`) "
                           "?? {dataset: {}})", arg=name)


def got(page, name):
    "What a figure shows: its sound, plan and energy, its words, its point."
    data = figure(page, name).evaluate("""({live: {got, plan, at, rate, sound}}) => ({
        x: [...got.x], energy: [...got.energy], counts: [...got.counts], zeros: [...got.zeros],
        near: got.near, error: got.error, sent: got.sent, plan, at, rate, apart: sound.apart})""")
    return data | dict(words=figure(page, name).locator(".live-says").inner_text())


def press(page, name, control, *keys):
    "Move a slider by the keyboard."
    slider = page.locator(f"#live-{name}-{control}")
    for key in keys: slider.press(key)
    settled(page, name)


def same_as_the_package(data):
    """The picture is the parity mode's. Left out is what rounding decides, in sounds without noise: the first and last
    bins, whose edge a lone click meets exactly, and cells 200 dB below the greatest."""
    plan = Plan(len(data["x"]), **data["plan"])
    energy, counts = reassign(np.array(data["x"]), plan, mode="parity")
    energy, counts, shown, seen = (np.reshape(v, plan.shape)[:, 1:-1]
                                   for v in (energy, counts, data["energy"], data["counts"]))
    lit = energy > 1e-20 * energy.max()
    assert lit.sum() > 100 and np.array_equal(shown > 1e-20 * shown.max(), lit)
    assert np.array_equal(seen[lit], counts[lit])
    check_close(shown[lit] / energy[lit], 1, rtol=1e-6)


def test_each_figure_shows_what_the_package_computes(live):
    for name in ("drag", "merge", "noise"): same_as_the_package(got(live, name))
    press(live, "points", "points", "End")
    same_as_the_package(got(live, "points"))
    for name, control, keys in [("drag", "q", ["ArrowRight"] * 2), ("merge", "apart", ["PageDown"]),
                                ("noise", "noise", ["ArrowRight"]), ("noise", "q", ["Home"])]:
        before = got(live, name)
        press(live, name, control, *keys)
        after = got(live, name)
        assert before["energy"] != after["energy"]
        assert (before["words"], before["zeros"]) != (after["words"], after["zeros"])
        same_as_the_package(after)


def test_the_point_is_sent_where_the_formula_says(live):
    for keys in (["ArrowLeft"] * 3, ["PageUp"]):
        press(live, "drag", "frequency", *keys)
        press(live, "drag", "time", "ArrowRight")
        data = got(live, "drag")
        x, at, q, n = np.array(data["x"]), data["at"], data["plan"]["q"], len(data["x"])
        k = np.fft.fftfreq(n)
        u = (k - at["f0"]) / (sigma := at["f0"] / (2 * np.pi * q))
        turned = np.exp(-(u**2) / 2) * np.fft.fft(x) * np.exp(2j * np.pi * k * (at["t"] - 1))
        m = (-u * turned).sum() / turned.sum()
        check_close([at["tIns"], at["fIns"]], [at["t"] + m.imag / (2 * np.pi * sigma), at["f0"] - sigma * m.real], 1e-6)
        start, end = (re.search(pattern, data["words"]) for pattern in (r"From ([\d.]+) ms and ([\d,.]+) Hz",
                                                                       r"goes to ([\d.]+) ms and ([\d,.]+) Hz"))
        said = [float(number.replace(",", "")) for found in (start, end) for number in found.groups()]
        check_close(said, [(at["t"] - 1) / 8, at["f0"] * 8000, (at["tIns"] - 1) / 8, at["fIns"] * 8000], 0.005)


def test_the_circle_is_dragged(live):
    plane = figure(live, "drag").locator(".live-plane").first
    plane.scroll_into_view_if_needed()
    box, (time, hertz) = plane.bounding_box(), (live.locator(f"#live-drag-{key}") for key in ("time", "frequency"))
    live.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    live.mouse.down()
    live.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"], steps=5)
    live.mouse.up()
    settled(live, "drag")
    assert abs(float(time.input_value()) / 2048 - 0.25) < 0.01 and abs(float(hertz.input_value()) / 193 - 0.25) < 0.01
    circle = plane.locator(".live-depart").bounding_box()
    assert abs(circle["x"] + circle["width"] / 2 - box["x"] - 0.25 * box["width"]) < 3
    assert time.get_attribute("aria-valuetext") == "64 ms" and "From 64 ms" in got(live, "drag")["words"]
    for part in ("sound", "window", "wavelet"):
        assert len(live.locator(f"path.live-{part}").get_attribute("d")) > 999


def test_more_points_come_nearer_to_the_picture_of_all(live):
    press(live, "points", "points", "Home")
    off, points = [], []
    for _ in range(11):
        data = got(live, "points")
        off.append(data["error"])
        points.append(data["sent"])
        assert f"{data['sent']:,} points were sent" in data["words"]
        assert live.locator("#live-points-points").get_attribute("aria-valuetext") == f"{data['sent']:,} points"
        dots = figure(live, "points").locator(".live-departure-inner").first.get_attribute("d") or ""
        assert dots.count("M") == (data["sent"] if data["sent"] <= 2000 else 0)
        press(live, "points", "points", "ArrowRight")
    assert points == sorted(points) and points[-1] == 2048 * 193 and off[-1] == 0
    assert off[0] > 1 > off[6] > off[8] > off[9] > 0


def test_two_tones_merge(live):
    press(live, "merge", "apart", "Home")
    assert "The two tones are one" in got(live, "merge")["words"]
    shares, verdicts = [], []
    for _ in range(8):
        press(live, "merge", "apart", *["ArrowRight"] * 3)
        data = got(live, "merge")
        shares.append(data["near"])
        verdicts.append(re.search(r"the two are (\w+)\.", data["words"])[1])
        assert f"{data['apart']} Hz are {data['apart'] / (500 / 8 / np.pi):.2g}" in data["words"].replace(" σ", "σ")
    assert shares == sorted(shares) and shares[0] < 0.3 and shares[-1] > 0.99
    assert verdicts[:2] == ["merged"] * 2 and verdicts[-3:] == ["apart"] * 3
    press(live, "merge", "q", "Home")
    assert "merged" in got(live, "merge")["words"]


def test_zeros_wander_in_noise(live):
    press(live, "noise", "noise", "Home")
    quiet = got(live, "noise")
    press(live, "noise", "noise", "End")
    loud = got(live, "noise")
    assert not quiet["zeros"] and len(loud["zeros"]) / 2 == pytest.approx(288, rel=0.1)
    assert f"{len(loud['zeros']) // 2} zeros" in loud["words"]
    figure(live, "noise").get_by_role("button", name="Another noise").click()
    settled(live, "noise")
    assert got(live, "noise")["zeros"] != loud["zeros"]
    dots = figure(live, "noise").locator(".live-zero-inner").first.get_attribute("d")
    assert dots.count("M") == len(got(live, "noise")["zeros"]) / 2


def test_a_file_of_ones_own(live, tmp_path):
    "Its samples are the file's, it is moved along, it is asked for at another rate; what is no sound is refused."
    t = np.arange(24000) / 16000
    x = 0.3 * np.sin(2 * np.pi * 1500 * t) * (t > 0.5)
    soundfile.write(tmp_path / "whistle.wav", np.stack([x, 0.5 * x], 1), 16000, subtype="FLOAT")
    (tmp_path / "no sound.wav").write_bytes(b"RIFF no sound")
    own = figure(live, "own")
    assert live.locator("#live-own-from").is_disabled() and "Clicks 20 ms apart" in got(live, "own")["words"]
    own.locator("input[type=file]").set_input_files(tmp_path / "whistle.wav")
    own.locator(".live-says", has_text="whistle.wav").wait_for()
    settled(live, "own")
    assert max(np.abs(got(live, "own")["x"])) < 1e-3, "the file begins with silence"
    press(live, "own", "from", "End")
    data = got(live, "own")
    assert data["rate"] == 16000 and "256 ms, up to 8,000 Hz" in data["words"]
    assert live.locator("#live-own-from").get_attribute("aria-valuetext") == "1.24 s"
    check_close(data["x"], 0.75 * x[16000 * 124 // 100:][:4096], rtol=1e-4)
    same_as_the_package(data)
    plan = Plan(4096, **data["plan"])
    row = np.reshape(data["energy"], plan.shape).sum(0).argmax()
    assert abs(np.log2(plan.bin_frequencies[row] * 16000 / 1500)) < 1 / 72
    own.locator("select").select_option("8000")
    own.locator(".live-says", has_text="512 ms, up to 4,000 Hz").wait_for()
    own.locator("input[type=file]").set_input_files(tmp_path / "no sound.wav")
    own.locator(".live-says", has_text="no sound.wav is not a sound").wait_for()


def test_a_file_is_dropped(live, tmp_path):
    soundfile.write(tmp_path / "hiss.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 8000), 16000)
    content = list((tmp_path / "hiss.wav").read_bytes())
    figure(live, "own").evaluate("""(figure, content) => {
        const dataTransfer = new DataTransfer()
        dataTransfer.items.add(new File([new Uint8Array(content)], 'hiss.wav'))
        figure.dispatchEvent(new DragEvent('drop', {dataTransfer, bubbles: true, cancelable: true}))
    }""", content)
    figure(live, "own").locator(".live-says", has_text="hiss.wav: 256 ms").wait_for()


def test_each_sound_is_heard(live):
    for name in FIGURES:
        figure(live, name).get_by_role("button", name="Hear it").click()
        live.wait_for_function("figure => figure.dataset.heard", arg=figure(live, name).element_handle())


def test_a_move_is_quick_and_leaves_the_page_free(live):
    "Other programs run here too: of many moves of each slider, one within 100 ms and one without a task of 50 ms."
    for slider in live.locator("figure.live input[type=range]:enabled").all():
        name, control = slider.evaluate("input => [input.closest('figure').dataset.live, input.id.split('-').pop()]")
        spent, long = [], []
        while not spent or len(spent) < 30 and (min(spent) >= 100 or min(long) > 0):
            live.evaluate("long.length = 0")
            press(live, name, control, "ArrowRight" if len(spent) % 2 else "ArrowLeft")
            live.wait_for_timeout(50)
            spent.append(float(figure(live, name).get_attribute("data-ms")))
            long.append(sum(live.evaluate("long")))
        assert min(spent) < 100 and min(long) == 0, (name, control, spent, long)


def test_each_control_says_name_value_and_unit_and_each_picture_has_a_text(live):
    for slider in live.locator("figure.live input[type=range]").all():
        label = live.locator(f"label[for={slider.get_attribute('id')}]").inner_text()
        said = slider.get_attribute("aria-valuetext")
        shown = slider.locator("xpath=preceding-sibling::output").inner_text()
        unit = r"[\d.,]+(?: (?:Hz|ms|s|points|cycles?, σ = .* ms at 500 Hz|of the tone’s amplitude))$"
        assert label and said == shown and re.match(unit, said)
        assert live.get_by_role("slider", name=label).count()
    for name in FIGURES:
        words = got(live, name)["words"]
        pictures = figure(live, name).get_by_role("img").all()
        assert len(pictures) == (3 if name == "drag" else 2)
        assert all(picture.get_attribute("aria-label") for picture in pictures)
        assert all(words in c.get_attribute("aria-label") for c in figure(live, name).locator("canvas").all())
        assert figure(live, name).locator(".live-says").get_attribute("role") == "status"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(new_page, site, scheme):
    "A finger on the circle drags it, a tap moves it, a finger beside it scrolls; nothing is wider than the screen."
    page = opened(new_page(viewport=dict(width=390, height=844), color_scheme=scheme, has_touch=True, is_mobile=True),
                  f"{site}/101_live.html")
    for part in page.locator("figure.live :is(canvas, input, select, button, output, label, p)").all():
        box = part.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 391, part.evaluate("e => e.outerHTML")
    for part in page.locator("figure.live :is(input[type=range], button, select)").all():
        assert part.bounding_box()["height"] >= 40, "a finger's width"
    plane = figure(page, "drag").locator(".live-plane").first
    plane.scroll_into_view_if_needed()
    box, before = plane.bounding_box(), page.locator("#live-drag-time").input_value()
    page.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    settled(page, "drag")
    assert abs(float(page.locator("#live-drag-time").input_value()) / 2048 - 0.25) < 0.02
    touch = page.context.new_cdp_session(page)
    def finger(kind, x, y):
        at = [dict(x=box["x"] + x * box["width"], y=box["y"] + y * box["height"])] if kind != "touchEnd" else []
        touch.send("Input.dispatchTouchEvent", dict(type=kind, touchPoints=at))
    for kind, x in [("touchStart", 0.25), *(("touchMove", 0.25 + k / 20) for k in range(1, 9)), ("touchEnd", 0)]:
        finger(kind, x, 0.5)
    settled(page, "drag")
    assert abs(float(page.locator("#live-drag-time").input_value()) / 2048 - 0.65) < 0.02 and before
    styles = "e => getComputedStyle(e).touchAction"
    assert plane.evaluate(styles) == "auto" and plane.locator(".live-handle").evaluate(styles) == "none"


def test_without_javascript_the_prepared_pictures_show(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    for name in FIGURES:
        picture = figure(page, name).locator("img")
        assert picture.bounding_box()["height"] > 100 and len(picture.get_attribute("alt")) > 20
        assert figure(page, name).locator("figcaption").is_visible()
        assert not figure(page, name).locator("button, input").count()
    context.close()


def test_the_settings_are_moved(page, site):
    "The last figure of the chapter on the settings: each control changes the plan, and the picture is the package's."
    page.goto(f"{site}/202_settings.html", wait_until="load")
    settled(page, "settings")
    same_as_the_package(before := got(page, "settings"))
    for control, key, value in [("q", "q", 5.6), ("hop", "tdeci", 16), ("over", "over", 2), ("lint", "lint", 0.8)]:
        press(page, "settings", control, "ArrowRight")
        after = got(page, "settings")
        assert before["plan"][key] != after["plan"][key] == value and before["energy"] != after["energy"]
        same_as_the_package(before := after)
    press(page, "settings", "bins", "Home")
    data = got(page, "settings")
    assert data["plan"]["noct"] == 6 and "12 filters in an octave" in data["words"] and "too few" in data["words"]
    for rule in ("local", "global"):
        page.locator("#live-settings-gate").select_option(rule)
        settled(page, "settings")
        data = got(page, "settings")
        plan = Plan(len(data["x"]), **data["plan"])
        energy, counts = reassign(np.array(data["x"]), plan, mode="parity")
        check_close(np.reshape(data["energy"], plan.shape), np.where(open_cells(counts, plan, rule), energy, 0), 1e-6)


def test_the_front_page_leads_here(page, site):
    page.goto(f"{site}/index.html")
    page.locator("article table a[href='101_live.html']").first.click()
    page.wait_for_url("**/101_live.html")


def serious(page, part="article"):
    "What axe finds serious on a part of a page."
    page.evaluate(Path(os.environ["HYPERRES_AXE"]).read_text(encoding="utf-8"))
    found = page.evaluate("part => axe.run(document.querySelector(part)).then(done => done.violations)", part)
    return [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"]]) for one in found
            if one["impact"] in ("serious", "critical")]


@pytest.mark.skipif("HYPERRES_AXE" not in os.environ, reason="HYPERRES_AXE names no axe.min.js (npm: axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_of_axe(new_page, site, scheme):
    page = opened(new_page(viewport=dict(width=1280, height=900), color_scheme=scheme), f"{site}/101_live.html")
    assert not serious(page)
    for name in ("102_map", "202_settings", "313_consensus_recordings"):
        for width in (1280, 390):
            page.set_viewport_size(dict(width=width, height=900))
            page.goto(f"{site}/{name}.html", wait_until="load")
            page.evaluate("() => window.MathJax?.startup?.promise")
            assert not serious(page)
            page.locator(".enlarge").first.click()
            page.get_by_role("button", name="Larger").click()
            assert not serious(page, "dialog")
