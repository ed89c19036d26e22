"""The documentation and the explorer in Firefox: the other browsers' tests run in Chromium.

`HYPERRES_FIREFOX` names another one than that on the PATH; where there is none, these tests are skipped.
"""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from firefox import Firefox, find_firefox

from spectral_hyperresolution import audio
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.explore.server import Server
from spectral_hyperresolution.recording import Sound
from spectral_hyperresolution.testing import check_close

pytestmark = pytest.mark.slow
FIGURES = ["drag", "points", "merge", "noise", "own"]
# figure, control, key
MOVES = [("drag", "q", "ArrowRight"), ("merge", "apart", "PageDown"), ("noise", "noise", "ArrowRight"),
         ("points", "points", "End")]


@pytest.fixture(scope="module")
def running():
    path = find_firefox()
    if path is None: pytest.skip("no Firefox is on the PATH (Debian: apt-get install firefox-esr)")
    with Firefox(path) as firefox: yield firefox


@pytest.fixture
def firefox(running):
    "The running Firefox; at the end nothing may have gone wrong on its pages."
    running.troubles.clear()
    yield running
    running.run("0")                # what was said meanwhile
    assert not running.troubles, "\n".join(running.troubles)


def got(firefox, name):
    "A live figure's sound, plan and energy, and its words, once its last move is computed."
    find = f"document.querySelector('figure.live-on[data-live={name}]')"
    firefox.wait(f"{find}?.dataset.settled !== undefined")
    return firefox.run(f"""(({{live: {{got, plan, sound}}}}) => ({{x: [...got.x], energy: [...got.energy],
        counts: [...got.counts], zeros: got.zeros.length, sent: got.sent, plan,
        words: {find}.querySelector('.live-says').innerText}}))({find})""")


@pytest.mark.parametrize("where", ["server", "disk"])
def test_the_live_page_shows_what_the_package_computes(firefox, site, built_site, where):
    firefox.go(f"{site if where == 'server' else built_site.as_uri()}/101_live.html")
    for name in FIGURES: got(firefox, name)
    for name, control, key in MOVES:
        energy = f"document.querySelector('figure[data-live={name}]').live.got.energy.reduce((a, b) => a + b)"
        firefox.run(f"window.before = {energy}")
        firefox.press(f"#live-{name}-{control}", key)
        firefox.wait(f"window.before !== {energy}")
        data = got(firefox, name)
        plan = Plan(len(data["x"]), **data["plan"])
        energy, counts = reassign(np.array(data["x"]), plan, mode="parity")
        energy, counts, shown, seen = (np.reshape(v, plan.shape)[:, 1:-1]
                                       for v in (energy, counts, data["energy"], data["counts"]))
        lit = energy > 1e-20 * energy.max()                         # below that, rounding decides
        assert lit.sum() > 100 and np.array_equal(shown > 1e-20 * shown.max(), lit)
        assert np.array_equal(seen[lit], counts[lit])
        check_close(shown[lit] / energy[lit], 1, rtol=1e-6)
        if name == "points": assert f"{data['sent']:,} points" in data["words"] and data["sent"] == 2048 * 193
        if name == "noise": assert f"{data['zeros'] // 2} zeros" in data["words"]


def test_each_page_opens(firefox, site, built_site):
    "No error in a script, no failed request, no formula that is not set, no picture that is not there."
    pages = sorted(path.relative_to(built_site).as_posix() for path in built_site.rglob("*.html"))
    assert len(pages) > 90
    wrong = []
    for name in pages:
        firefox.go(f"{site}/{name}")
        firefox.run("window.MathJax?.startup?.promise?.then(() => 0)")
        unset = firefox.run("document.querySelectorAll('.math:not(:has(mjx-container)), mjx-merror').length")
        lost = firefox.run("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
        wide = firefox.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if unset or lost or wide > 0 or firefox.troubles:
            wrong.append((name, unset, lost, wide, list(firefox.troubles)))
            firefox.troubles.clear()
    assert not wrong, "\n".join(map(str, wrong))


def test_the_explorer_on_a_recording(firefox):
    "The shipped recording of a mouse: its picture appears, a box zooms in, and another picture appears."
    x, sr = audio.read(audio.example)
    server = Server([Sound(x[0], sr, "mouse.flac")])
    try:
        server.warmed.result(120)
        firefox.go(server.url)
        firefox.wait("document.body.dataset.stage === 'done' && document.body.dataset.busy === ''")
        edges = "['t0', 't1'].map(id => document.getElementById(id).value)"
        whole, box = firefox.run(edges), firefox.run(
            "(r => [r.x, r.y, r.width, r.height])(document.querySelector('#picture').getBoundingClientRect())")
        before = picture(firefox, box)
        firefox.drag([box[0] + 0.2 * box[2], box[1] + 0.2 * box[3]], [box[0] + 0.5 * box[2], box[1] + 0.7 * box[3]])
        firefox.wait(f"{edges}.join() !== {','.join(whole)!r}")
        firefox.wait("document.body.dataset.stage === 'done' && document.body.dataset.busy === ''")
        after = picture(firefox, box)
        assert before.shape == after.shape and before.std() > 0.05 and after.std() > 0.05
        assert np.abs(before - after).mean() > 0.01
    finally: server.stop()


def picture(firefox, box):
    "The part of a screenshot in a box, between 0 and 1."
    shown = plt.imread(io.BytesIO(firefox.screenshot()), format="png")[..., :3]
    left, top, width, height = (round(v) for v in box)
    return shown[top:top + height, left:left + width]


def test_the_fixture_tells_what_goes_wrong(firefox, site):
    firefox.go(f"{site}/genindex.html")
    firefox.run("""(async () => {
        document.body.innerHTML = '<img src="gone.png">'
        console.error('said')
        setTimeout(() => { throw new Error('thrown') })
        await new Promise(done => setTimeout(done, 500))
    })()""")
    firefox.run("0")
    told, firefox.troubles[:] = "\n".join(firefox.troubles), []
    for wrong in ("status 404", "console: said", "javascript: Error: thrown"): assert wrong in told
