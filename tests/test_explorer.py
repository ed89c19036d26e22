"The explorer: windows against the front door, and its server through real HTTP."

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import urlopen

import numpy as np
import pytest
import soundfile
from examples import examples, reached
from hypothesis import given
from hypothesis import strategies as st

from spectral_hyperresolution import reassigned_spectrogram
from spectral_hyperresolution.engine.departures import halo_sigmas, scan_groups
from spectral_hyperresolution.engine.plan import Plan
from spectral_hyperresolution.engine.reassign import reassign
from spectral_hyperresolution.explore import passes
from spectral_hyperresolution.explore import server as serving
from spectral_hyperresolution.explore.passes import ordinary
from spectral_hyperresolution.explore.window import Sound, View, compute, window_plan
from spectral_hyperresolution.plot import scale
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram

SR = 48000
GOOD = dict(t0=0.5, t1=0.6, f0=1000, f1=20000, q=2.8, width=400, height=200)


def noise(seconds=2.0, seed=0, channels=1):
    return 0.1 * np.random.default_rng(seed).standard_normal((channels, round(seconds * SR))).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    soundfile.write(folder / "one.wav", noise()[0], SR, subtype="FLOAT")
    soundfile.write(folder / "two.flac", noise(channels=2, seed=1).T, SR)
    soundfile.write(folder / "gone.wav", noise()[0], SR)
    return folder


@pytest.fixture(scope="module")
def server(files):
    running = serving.Server([Sound(files / name) for name in ("one.wav", "two.flac", "gone.wav")])
    running.warmed.result(120)
    (files / "gone.wav").unlink()
    yield running
    running.stop()


def ask(server, path, method="GET", token=True, **headers):
    "Status, headers and body of one request; the path is sent as it is."
    if token: headers.setdefault("Authorization", f"token {server.token}")
    connection = http.client.HTTPConnection(*server.sockets[0].getsockname()[:2], timeout=60)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def picture(server, **changes):
    "The frames of a window: (description, levels) each."
    status, _, body = ask(server, "/picture?" + urlencode(GOOD | changes))
    assert status == 200, body
    found = []
    while body:
        n = int.from_bytes(body[:4], "little")
        about = json.loads(body[4 : 4 + n])
        size = 2 * about.get("rows", 0) * about.get("columns", 0)
        level = np.frombuffer(body[4 + n : 4 + n + size], "<u2")
        found.append((about, level.reshape(about["rows"], -1) if size else None))
        body = body[4 + n + size :]
    return found


@pytest.mark.parametrize("q", [0.5, 2.8, 12])
@pytest.mark.parametrize("t0, t1, f0, f1", [(0, 0.3, 300, 20000), (0.7, 1.1, 2000, 8000), (1.9, 2, 500, 24000)])
def test_a_window_is_a_cut_of_the_whole(q, t0, t1, f0, f1):
    x = noise()
    view = View(t0, t1, f0, f1, (q,), 300, 200).check(Sound(x, SR))
    window = compute(Sound(x, SR), view)
    plan, _, (_, _, left, right) = window_plan(view, SR, q)
    whole = reassigned_spectrogram(
        x[0],
        SR,
        q=q,
        fmin=plan.minf * SR,
        fmax=plan.maxf * SR,
        bins_per_octave=plan.noct,
        hop_length=plan.tdeci,
        oversampling=plan.over,
    )
    row = round((window.time_edges[0] * SR + 1) / plan.tdeci)
    n = min(window.shape[1], whole.shape[1] - row)
    cut = whole.energy[whole.shape[0] - right : whole.shape[0] - left, row : row + n]
    # higher wavelets are cut off at Nyquist and ring
    compact = window.frequencies * (1 + 0.5 / (2 * np.pi * q)) * (1 + 6 / (2 * np.pi * q)) < SR / 2
    new, old = window.energy[compact, 2 : n - 2], cut[compact, 2:-2]  # the whole has no points outside the sound
    assert compact.sum() > 100 and old.sum() > 0
    assert np.abs(new - old).sum() < 1e-3 * old.sum()
    assert np.abs(window.energy[:, :n] - cut).sum() < 0.04 * cut.sum()


@pytest.mark.slow
@pytest.mark.parametrize("q", [0.5, 2.8, 12, "auto"])
@pytest.mark.parametrize("t0, t1, f0, f1", [(0, 0.3, 300, 20000), (0.7, 1.1, 2000, 8000), (1.5, 2, 500, 24000)])
def test_a_window_with_a_linear_axis_is_a_cut_of_the_whole(q, t0, t1, f0, f1):
    x = noise()
    view = View(t0, t1, f0, f1, (q,), 150, 200, scale="linear").check(Sound(x, SR))
    window = compute(Sound(x, SR), view)
    np.testing.assert_allclose(window.frequency_edges, np.linspace(f0, f1, 201), rtol=1e-9)
    np.testing.assert_allclose(view.frequency_edges, window.frequency_edges, rtol=1e-9)
    plan, _, (_, _, left, right) = window_plan(view, SR, q)
    whole = reassigned_spectrogram(x[0], SR, q=q, fmin=plan.minf * SR, fmax=plan.maxf * SR, scale="linear",
                                   n_bins=plan.rows, hop_length=window.plan.tdeci)
    begin = round(window.start * SR) // window.plan.tdeci
    part = whole.energy[::-1][left:right][::-1][:, begin:begin + window.shape[1]]
    inside = window.energy[:, :part.shape[1]]               # the last column may begin where the sound ends
    assert inside.shape == part.shape and np.abs(inside - part).sum() < (0.2 if q == "auto" else 0.03) * part.sum()


@pytest.mark.parametrize("q", [0.5, 2.8])
def test_a_narrow_band_is_that_part_of_a_wide_one(q):
    "Rows at the edges get what arrives from scans beyond them; the departure grids differ, so noise agrees on average."
    sound = Sound(noise(), SR)
    wide = compute(sound, View(0.5, 1.5, 1000, 8000, (q,), 100, 300))
    narrow = compute(sound, View(0.5, 1.5, 2000, 4000, (q,), 100, 100))
    rows = np.searchsorted(wide.frequencies, narrow.frequencies * (1 - 1e-6))
    assert np.allclose(wide.frequencies[rows], narrow.frequencies)
    ratio = narrow.energy.sum(axis=1) / wide.energy[rows].sum(axis=1)
    assert ratio.mean() == pytest.approx(1, abs=0.02) and np.abs(ratio - 1).max() < 0.15


def test_a_window_of_cells_is_that_part_of_all(files):
    x, plan = noise(0.5)[0], Plan(24000, 2.0, 16, 3, 24, 0.01, 0.4)
    for mode, boundary in (("fast", "zero"), ("parity", "wrap")):
        energy, counts = reassign(x, plan, mode, boundary)
        part, number = reassign(x, plan, mode, boundary, window=(200, 700, 10, 90))
        assert part.shape == (500, 80)
        assert np.abs(part - energy[200:700, 10:90]).sum() <= 1e-3 * part.sum()
        assert (number != counts[200:700, 10:90]).mean() < 0.01
    for wrong in ((0, 0, 0, 5), (0, 5, 3, 3), (0, plan.n_times + 1, 0, 5), (-1, 5, 0, 5), (0, 5, 0, plan.n_bins + 1)):
        with pytest.raises(ValueError, match="window"):
            reassign(x, plan, window=wrong)


@examples(60, covered=60)
@given(
    st.floats(0, 1.9),
    st.floats(-3.7, 0.2),
    st.floats(1.2, 4.3),
    st.floats(-3.8, 1),
    st.floats(-1.5, 4),
    st.integers(16, 1200),
    st.integers(16, 900),
)
def test_every_window_has_a_plan_that_covers_it(t0, length, f, height, q, width, rows):
    "Whatever the box, the plan's rows and columns cover it, and there is about one cell a pixel."
    f0 = 10**f
    q = min(2.0**q, 9 * f0)  # wavelets that reach a minute are refused
    view = View(t0, min(2.0, t0 + 10**length), f0, min(f0 * 2 ** (10**height), SR / 2), (q,), width, rows)
    view = view.check(Sound(noise(), SR))
    plan, first, (top, bottom, left, right) = window_plan(view, SR, view.q[0])
    assert 0 <= top < bottom <= plan.n_times and 0 <= left < right <= plan.n_bins
    edges, sides = (
        first + plan.tdeci * np.array([top, bottom]) - 1.0,
        np.log2([plan.bin_edges[left] * SR, plan.bin_edges[right] * SR]),
    )
    assert edges[0] <= view.t0 * SR + 1e-6 and edges[1] >= view.t1 * SR - 1e-6
    assert sides[0] >= np.log2(view.f1) - 1e-9 and sides[1] <= np.log2(view.f0) + 1e-9
    if right - left > 2: assert sides[0] - sides[1] <= np.log2(view.f1 / view.f0) + 2 / plan.noct + 1e-9
    assert bottom - top <= 1.5 * width + 2 and right - left <= 1.6 * rows + 3
    for density in (None, 0.3):  # departure points lie on one grid, wherever the window begins
        plan, first, _ = window_plan(view, SR, view.q[0], density)
        assert all(first % g.stride == 0 for g in scan_groups(plan, density=density)) and first % plan.tdeci == 0
    reached("covered")


def test_levels_are_those_of_the_front_door_and_of_a_tone(server, files):
    for sound, name in enumerate(("one.wav", "two.flac")):
        frames = picture(server, sound=sound)
        assert (
            [a["kind"] for a, _ in frames[:1]] == ["ordinary"]
            and frames[-1][0]["last"]
            and frames[-1][0]["density"] is None
        )
        about, level = next(pair for pair in frames if pair[0]["kind"] == "reassigned")
        view = View(0.5, 0.6, 1000, 20000, (2.8,), 400, 200)
        direct = compute(Sound(files / name), view, about["density"]).level()[::-1]
        assert level.shape == direct.shape and ((level > 0) == np.isfinite(direct)).all()
        assert np.abs(level[level > 0] / 100 - 300 - direct[level > 0]).max() < 0.006


def test_three_colours_share_their_cells(server):
    fine = [about for about, _ in picture(server, q="1.4,2.8,5.6") if about["kind"] == "reassigned"][:3]
    assert [a["colour"] for a in fine] == [0, 1, 2]
    assert len({tuple(round(a[k], 6) for k in ("t0", "t1", "f0", "f1", "rows", "columns")) for a in fine}) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict(t0="nan"), "t0=nan"),
        (dict(t0="x"), "t0='x' is not a number"),
        (dict(t1=0.5), "not 8 samples apart"),
        (dict(t1=99), "t1=99.0"),
        (dict(t0=-1), "t0=-1.0"),
        (dict(f0=0), "f0=0.0"),
        (dict(f1=24001), "f1=24001.0"),
        (dict(f0="inf"), "f0=inf"),
        (dict(f0=5000, f1=5000), "is not above f0"),
        (dict(f0=5000, f1=400), "is not above f0"),
        (dict(q=0), "q=0.0"),
        (dict(q="2,4"), "not one number or three"),
        (dict(q="a"), "q='a'"),
        (dict(q="1e999"), "q=inf"),
        (dict(width=0), "width=0.0 is not an integer >= 16"),
        (dict(width=1e9), "width=1000000000 is not <= 4096"),
        (dict(height=20.5), "height=20.5"),
        (dict(sound=3), "sound=3 is not one of 0 … 2"),
        (dict(sound=-1), "sound=-1.0"),
        (dict(channel=2), "channel=2 is not one of 1 … 1"),
        (dict(channel=0), "channel=0.0"),
        (dict(path="/etc/passwd"), "'path' is not one of"),
        (dict(f0=0.8, q=100), "wavelets that reach"),
        (dict(sound=2), "no such file"),
        (dict(t0="%s%n{0}"), "is not a number"),
    ],
)
def test_a_bad_request_is_one_sentence(server, changes, says):
    status, _, body = ask(server, "/picture?" + urlencode(GOOD | changes))
    said = json.loads(body)["error"]
    assert status == 400 and says in said and "\n" not in said, said
    assert ask(server, "/about")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/page/../explorer.py",
        "/page/%2e%2e/explorer.py",
        "/page//etc/passwd",
        "/etc/passwd",
        "/picture/",
        "/one.wav",
        "/page/index.htm",
        "/..%2f",
    ],
)
def test_nothing_else_is_served(server, path):
    status, _, body = ask(server, path)
    assert status == 404 and b"import" not in body and b"root:" not in body


@pytest.mark.parametrize(
    "headers",
    [
        dict(Host="evil.example"),
        dict(Host="127.0.0.1.evil.example:80"),
        dict(Host="10.0.0.1"),
        dict(Host="cafe"),
        dict(Host="dead:80"),
        dict(Host="1.2.3"),
        dict(Host=""),
        dict(Origin="https://evil.example"),
        dict(Origin="null"),
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_other_hosts_and_sites_are_refused(server, headers):
    for path in ("/about", "/picture?" + urlencode(GOOD), "/sound.wav?" + urlencode(GOOD)):
        assert ask(server, path, **headers)[0] == 403


def test_only_what_was_not_expected_is_logged(server, caplog, monkeypatch):
    "A refusal is for the page; an error of ours is for the terminal."
    assert ask(server, "/picture?" + urlencode(GOOD | dict(q=0)))[0] == 400 and ask(server, "/nothing")[0] == 404
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []
    monkeypatch.setattr(serving, "listen", lambda *_: 1 / 0)
    assert ask(server, "/sound.wav?" + urlencode(GOOD))[0] == 500
    assert any(r.exc_info and r.exc_info[0] is ZeroDivisionError for r in caplog.records)


def test_other_methods_and_bodies_are_refused(server):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(server, "/picture?" + urlencode(GOOD), method)[0] in (403, 405)
    status, headers, _ = ask(server, "/")
    assert status == 200 and "default-src 'self'" in headers["Content-Security-Policy"]


def test_the_last_one_wins(files):
    x = np.tile(noise(10.0)[0], 6)
    running = serving.Server([Sound(x, SR)])
    try:
        running.warmed.result(120)
        long, results = dict(t0=0, t1=60, f0=100, f1=20000, client="page", width=1200, height=600), {}

        def first():
            results["first"] = picture(running, **long)

        thread = threading.Thread(target=first)
        thread.start()
        time.sleep(0.3)
        results["second"] = picture(running, t0=1, t1=1.1, client="page")
        thread.join(60)
    finally:
        running.stop()
    assert results["first"][-1][0]["kind"] == "stale" and results["second"][-1][0]["last"]


def test_a_page_that_leaves_stops_its_work(files):
    running = serving.Server([Sound(np.tile(noise(10.0)[0], 6), SR)])
    try:
        running.warmed.result(120)
        connection = http.client.HTTPConnection(*running.sockets[0].getsockname()[:2], timeout=60)
        long = GOOD | dict(t0=0, t1=60, width=1200, height=600, token=running.token)
        connection.request("GET", "/picture?" + urlencode(long))
        connection.getresponse().read(100)
        connection.close()
        assert picture(running)[-1][0]["last"]
    finally:
        running.stop()


def test_what_is_heard_is_what_is_seen(server, files):
    x, _ = soundfile.read(files / "one.wav")
    heard, rate = soundfile.read(BytesIO(ask(server, "/sound.wav?" + urlencode(GOOD))[2]))
    assert rate == SR and np.abs(heard - x[24000:28800]).max() <= 1 / 32768
    heard, rate = soundfile.read(BytesIO(ask(server, "/sound.wav?" + urlencode(GOOD | dict(speed=0.1, sound=1)))[2]))
    assert (rate, heard.shape) == (9600, (9600, 2)) or rate / len(heard) == pytest.approx(1.0)
    band, _ = soundfile.read(BytesIO(ask(server, "/sound.wav?" + urlencode(GOOD | dict(f0=2000, f1=3000, band=1)))[2]))
    power = np.abs(np.fft.rfft(band)) ** 2
    f = np.fft.rfftfreq(len(band), 1 / SR)
    assert power[(f > 1500) & (f < 4000)].sum() > 0.9 * power.sum()
    assert ask(server, "/sound.wav?" + urlencode(GOOD | dict(speed="nan")))[0] == 400


def test_the_data_can_be_read_again(server, tmp_path):
    status, headers, body = ask(server, "/data.zip?" + urlencode(GOOD | dict(q="1.4,2.8,5.6")))
    assert status == 200 and headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(BytesIO(body)) as archive:
        pictures = [f"q{q}.{kind}" for q in (1.4, 2.8, 5.6) for kind in ("csv", "npz")]
        assert sorted(archive.namelist()) == ["axes.npz", *pictures, "reproduce.py", "settings.json"]
        archive.extractall(tmp_path)
    about = json.loads((tmp_path / "settings.json").read_text())
    picture = compute(Sound(about["path"]), replace(View(**about["view"]), q=(2.8,)))
    kept = ReassignedSpectrogram.load(tmp_path / "q2.8.npz")
    assert np.array_equal(kept.energy, picture.energy) and about["first_sample"] == picture.first
    assert np.allclose(kept.frequencies, picture.frequencies)


def test_a_long_window_is_not_reassigned_unless_asked(monkeypatch):
    monkeypatch.setattr(passes, "speed", 1e3)
    view = View(0, 2, 100, 20000, width=100, height=100)
    heads = [
        json.loads(m[4 : 4 + int.from_bytes(m[:4], "little")])["kind"]
        for m in passes.answer(Sound(noise(), SR), view)
    ]
    assert heads[-1] == "long" and "reassigned" not in heads


def test_the_ordinary_spectrogram_of_a_day_reads_little():
    "A sound of a day, never in memory: only the frames are read."

    class Day(Sound):
        def __init__(self):
            self.path, self.sr, self.channels, self.frames, self.read = None, SR, 1, 86400 * SR, 0

        def cut(self, first, length, channel=None):
            self.read += length
            return np.zeros((1, length), np.float32)

    day = Day()
    slices = list(ordinary(day, View(0, 86400, 100, 20000, width=300, height=100).check(day)))
    assert slices[-1][1] == pytest.approx(86400) and slices[0][3] < 0.05 and day.read < 0.05 * day.frames


@pytest.mark.parametrize("source", ["silence", "nan", "short", "single"])
def test_odd_sounds(source):
    x = dict(
        silence=np.zeros(4800),
        nan=np.where(np.arange(4800) == 1000, np.nan, 0.1),
        short=np.zeros(9),
        single=np.zeros(3),
    )[source]
    if source in ("nan", "single"):
        with pytest.raises(ValueError):
            Sound(x, SR)
        return
    sound = Sound(x, SR)
    assert not compute(sound, View(0, sound.frames / SR, 1000, 20000, width=50, height=50)).energy.any()


def test_the_command(files, capsys):
    from spectral_hyperresolution.cli import main

    for arguments, says in (
        (["missing.wav"], "no such file"),
        ([str(files / "one.wav"), "--port", "99999"], "port=99999 is not within 0 … 65535"),
    ):
        assert main(["explore", *arguments, "--no-browser"]) == 2
        assert says in capsys.readouterr().err


def test_without_tornado(monkeypatch):
    monkeypatch.setattr(serving, "HTTPServer", None)
    with pytest.raises(ImportError, match="pip install"):
        serving.Server([])


def test_every_frame_has_the_scale_of_its_picture_so_far(monkeypatch):
    "The one of `plot.scale`, from the levels of all slices of a pass, for each colour by itself."
    monkeypatch.setattr(passes, "slice_work", 1e-3)
    view, kept = View(0.2, 1.4, 300, 20000, (1.4, 2.8), 300, 200), {}
    for message in passes.answer(Sound(noise(), SR), view):
        n = int.from_bytes(message[:4], "little")
        about = json.loads(message[4:4 + n])
        level = np.frombuffer(message[4 + n:], "<u2") / 100 - 300
        picture = about["kind"], about.get("density"), about.get("colour")
        kept[picture] = np.append(kept.get(picture, []), level[level > -300])
        if about["kind"] == "ordinary" and not about["end"]: continue        # told now and then, and at the end
        np.testing.assert_allclose((about["scale"]["low"], about["scale"]["high"]),
                                   scale(10 ** (kept[picture] / 10)), atol=0.02)
    assert len(kept) >= 3 and len({len(levels) for levels in kept.values()}) > 1


@pytest.mark.parametrize("path", ["/", "/page/style.css", "/page/axes.js", "/about", "/picture?" + urlencode(GOOD),
                                  "/sound.wav?" + urlencode(GOOD), "/data.zip?" + urlencode(GOOD), "/nothing"])
def test_every_address_needs_the_token(server, path):
    and_ = "&" if "?" in path else "?"
    for headers in ({}, dict(Authorization="token "), dict(Authorization=f"token {server.token[:-1]}"),
                    dict(Cookie=f"token={server.token}")):
        status, _, body = ask(server, path, token=False, **headers)
        assert status == 403 and "the token is missing or wrong" in json.loads(body)["error"]
    assert ask(server, f"{path}{and_}token={server.token}x", token=False)[0] == 403
    good = 404 if path == "/nothing" else 200
    assert ask(server, f"{path}{and_}token={server.token}", token=False)[0] == good
    assert ask(server, path)[0] == good


def test_each_server_has_a_token_of_its_own(server, files):
    other = serving.Server([Sound(files / "one.wav")])
    try: assert len(other.token) > 30 and ask(other, "/about", token=False,
                                              Authorization=f"token {server.token}")[0] == 403
    finally: other.stop()


def test_hosts_on_all_addresses(files):
    running = serving.Server([Sound(files / "one.wav")], host="0.0.0.0")
    try:
        for host, status in (("192.168.7.7", 200), ("[fe80::7]:80", 200), ("LOCALHOST:1", 200), ("127.0.0.1", 200),
                             ("cafe", 403), ("dead:8765", 403), ("1.2.3.4.5", 403), ("a.example", 403), ("", 403)):
            assert ask(running, "/", Host=host)[0] == status, host
        assert running.url.startswith("http://127.0.0.1:")
    finally: running.stop()


@pytest.mark.parametrize("host", ["", " ", "nowhere.invalid", "256.1.1.1", "a" * 300])
def test_a_host_that_is_none(files, capsys, host):
    from spectral_hyperresolution.cli import main
    assert main(["explore", str(files / "one.wav"), "--no-browser", "--host", host]) == 2
    assert capsys.readouterr().err == f"hyperres: host={host!r} is not an address or a name of this machine\n"


def command(*arguments):
    code = "import sys; from spectral_hyperresolution.cli import main; sys.exit(main())"
    return subprocess.Popen([sys.executable, "-c", code, "explore", *map(str, arguments), "--port", "0"], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.parametrize("host, warned", [("0.0.0.0", True), ("127.0.0.1", False), ("localhost", False)])
def test_a_warning_beyond_this_machine(files, host, warned):
    process = command(files / "one.wav", "--no-browser", "--host", host)
    url = process.stdout.readline().strip()
    with urlopen(url, timeout=60) as page: assert page.status == 200
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert ("other machines can reach 0.0.0.0" in said) == warned and said.endswith("hyperres: interrupted\n")


def test_the_browser_is_not_told_the_token_in_public(files, monkeypatch, tmp_path):
    from spectral_hyperresolution.explore import access
    opened = []
    def look(url):
        page = Path(unquote(urlsplit(url).path))
        opened.append((url, page.read_text(), page.parent.stat().st_mode & 0o777))
        raise KeyboardInterrupt
    monkeypatch.setattr(access.webbrowser, "open", look)
    monkeypatch.setattr(access.sys, "platform", "linux")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt): serving.serve([files / "one.wav"], 0)
    (url, text, mode), = opened
    token = re.search(r"token=([\w-]+)", text)[1]
    assert token not in url and mode == 0o700 and list(tmp_path.iterdir()) == []


@pytest.fixture
def long():
    "A server of two minutes, whose exports in three colours take many seconds."
    running = serving.Server([Sound(np.tile(noise(10.0)[0], 12), SR)])
    running.warmed.result(120)
    yield running
    running.stop()


WHOLE = GOOD | dict(t0=0, t1=120, q="1.4,2.8,5.6", width=1200, height=600)


def begin(server, path):
    "Send a request and leave its answer for later."
    connection = http.client.HTTPConnection(*server.sockets[0].getsockname()[:2], timeout=120)
    connection.request("GET", path, headers=dict(Authorization=f"token {server.token}"))
    return connection


def until(happened, seconds=20):
    begun = time.monotonic()
    while not happened() and time.monotonic() - begun < seconds: time.sleep(0.02)
    assert happened()
    return time.monotonic() - begun


def test_long_work_never_blocks_the_server(long, monkeypatch):
    "A watchdog: exports and pictures at work, and everything else is still answered."
    from spectral_hyperresolution.explore import takeaway
    monkeypatch.setattr(takeaway, "longest", 1e9)
    busy = [begin(long, f"/data.zip?{urlencode(WHOLE)}") for _ in range(2)]
    busy += [begin(long, f"/picture?{urlencode(WHOLE | dict(anyway=1))}") for _ in range(2)]
    until(lambda: long.state.busy["exports"] == 2)
    waited, lag = {}, []
    for path in ("/about", "/page/style.css", "/sound.wav?" + urlencode(GOOD), "/picture?" + urlencode(GOOD)) * 2:
        begun = time.monotonic()
        assert ask(long, path)[0] == 200
        waited[path] = max(waited.get(path, 0), time.monotonic() - begun)
        begun, event = time.monotonic(), threading.Event()
        long.loop.call_soon_threadsafe(event.set)
        event.wait(60)
        lag.append(time.monotonic() - begun)
    assert long.state.busy == dict(exports=2, pictures=2, sounds=0)     # all of that beside them
    assert max(lag) < 1 and max(waited.values()) < 8, (lag, waited)
    status, _, body = ask(long, f"/data.zip?{urlencode(GOOD)}")
    assert status == 429 and json.loads(body)["error"].startswith("2 exports are being computed already")
    for connection in busy: connection.close()
    until(lambda: not long.state.busy["exports"] and not long.state.busy["pictures"])
    assert ask(long, f"/data.zip?{urlencode(GOOD)}")[0] == 200


@pytest.mark.parametrize("kind, path", [("exports", "data.zip"), ("sounds", "sound.wav"), ("pictures", "picture")])
def test_work_ends_when_nobody_waits(long, monkeypatch, kind, path):
    from spectral_hyperresolution.explore import takeaway
    monkeypatch.setattr(takeaway, "longest", 1e9)
    monkeypatch.setattr(takeaway, "heard_block", 2**12)
    changes = dict(speed=0.04, band=1, loudest=1) if kind == "sounds" else {}
    assert ask(long, f"/{path}?{urlencode(GOOD | changes)}")[0] == 200     # all loops are compiled
    connection = begin(long, f"/{path}?{urlencode(WHOLE | changes)}")
    until(lambda: long.state.busy[kind])
    time.sleep(0.3)
    assert long.state.busy[kind]
    connection.close()
    until(lambda: not long.state.busy[kind], 3)


def test_a_server_that_stops_ends_its_work(long, monkeypatch):
    from spectral_hyperresolution.explore import takeaway
    monkeypatch.setattr(takeaway, "longest", 1e9)
    connection = begin(long, f"/data.zip?{urlencode(WHOLE)}")      # held: work ends when nobody waits
    until(lambda: long.state.busy["exports"])
    long.stop()
    until(lambda: not any(thread.is_alive() for thread in long.state.pool._threads), 5)
    connection.close()


def test_an_interruption_ends_an_export(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.tile(noise(10.0)[0], 12), SR)
    process = command(tmp_path / "long.wav", "--no-browser")
    where, token = process.stdout.readline().strip().split("?")
    address = urlsplit(where)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.request("GET", f"/data.zip?{token}&{urlencode(WHOLE | dict(t1=60))}")
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - begun < 5


@pytest.mark.parametrize("how", ["replaced", "rewritten", "appended"])
def test_a_file_that_changes_is_noticed(tmp_path, how):
    path = tmp_path / "one.wav"
    soundfile.write(path, noise()[0], SR)
    running = serving.Server([Sound(path)])
    try:
        assert ask(running, "/sound.wav?" + urlencode(GOOD))[0] == 200
        before = path.stat()
        if how == "appended":
            with open(path, "ab") as file: file.write(bytes(100))
        else:
            other = tmp_path / "other.wav" if how == "replaced" else path
            soundfile.write(other, noise(seed=5)[0], SR)
            if how == "replaced":                       # of the same size and age, but another file
                os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
                other.replace(path)
        for kind in ("sound.wav", "data.zip", "picture"):
            status, _, body = ask(running, f"/{kind}?" + urlencode(GOOD))
            assert status == 400
            assert json.loads(body)["error"] == "one.wav: the file has changed since it was opened; open it again"
    finally: running.stop()


def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    from spectral_hyperresolution import audio
    soundfile.write(tmp_path / "one.wav", noise()[0], SR)
    sound, read = Sound(tmp_path / "one.wav"), audio.read

    def slow(*arguments):
        part = read(*arguments)
        os.utime(tmp_path / "one.wav", (1, 1))
        return part
    monkeypatch.setattr(audio, "read", slow)
    with pytest.raises(ValueError, match="the file has changed"): sound.cut(0, 100)


def test_who_may_show_it_in_a_frame(server, files):
    policy = ask(server, "/")[1]["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'none'")
    frame = serving.show(str(files / "one.wav"))
    try:
        assert frame.src == frame.server.url
        policy = ask(frame.server, "/")[1]["Content-Security-Policy"]
        assert policy.endswith("frame-ancestors http://127.0.0.1:* http://localhost:*")
    finally: frame.server.stop()


# ---- long windows, several sounds


@pytest.mark.slow
def test_a_long_window_is_drawn_with_few_points_and_fully_when_asked(monkeypatch):
    "Few points tell nearly what all tell; the page is told which it was."
    from spectral_hyperresolution.explore import passes
    monkeypatch.setattr(passes, "patient", 0.0)
    sound = Sound(noise(40), SR)
    view = View(0, 39.9, 200, 20000, (2.8,), 64, 100).check(sound)

    def seen(**how):
        found = []
        for message in passes.answer(sound, view, **how):
            about = json.loads(message[4:4 + int.from_bytes(message[:4], "little")])
            if about["kind"] == "reassigned": found.append(about)
        return found

    few, full = seen(), seen(anyway=True)
    assert few[-1]["density"] == "few" and few[-1]["share"] == 1 and few[-1]["last"] and few[-1]["done"] == 1
    assert full[-1]["density"] is None and full[-1]["last"]
    a, b = compute(sound, view), compute(sound, view, few=1.0)
    assert a.shape == b.shape and np.abs(a.energy - b.energy).sum() < 0.06 * a.energy.sum()
    third = compute(sound, view, few=1 / 3)                    # of a steady sound, a third of each column tells it
    assert third.energy.sum() == pytest.approx(a.energy.sum(), rel=0.05)


def test_frames_tell_the_background(server):
    "Noise lies about its background, and a range above it is told beside that of absolute levels."
    for about, level in picture(server, t0=0.2, t1=1.8):
        rows = np.array(about["background"])
        assert rows.shape == (about["rows"],) and about["above"]["low"] < about["above"]["high"]
        lit = level > 0
        above = (level / 100 - 300 - rows[:, None])[lit]
        assert abs(10 * np.log10((10 ** (above / 10)).sum() / lit.size)) < 6


def test_folders_and_a_bad_file_among_good_ones(files, tmp_path, capsys):
    (tmp_path / "night").mkdir()
    for name in ("a.wav", "b.wav"): (tmp_path / "night" / name).write_bytes((files / "one.wav").read_bytes())
    (tmp_path / "night" / "broken.wav").write_bytes(b"RIFF")
    (tmp_path / "night" / "notes.txt").write_text("no sound")
    found = serving._opened([tmp_path / "night", files / "two.flac"])
    assert [sound.name for sound in found] == ["a.wav", "b.wav", "two.flac"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "broken.wav" in said[0]
    with pytest.raises(ValueError, match=r"broken\.wav"): serving._opened([tmp_path / "night" / "broken.wav"])
    (tmp_path / "bad").mkdir()
    for name in "ab": (tmp_path / "bad" / f"{name}.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="none of 2 sounds can be opened"): serving._opened([tmp_path / "bad"])


def test_a_window_is_cut_into_slices_that_are_worth_their_margins():
    "None is narrower than 32 columns nor shorter than the margins that it must read."
    sound = Sound(np.zeros((1, 60 * SR), np.float32), SR)
    for t1, f0, width in (60, 4000, 900), (1.0, 4000, 900), (60, 50, 900), (60, 4000, 100):
        view = View(0, t1, f0, 2 * f0, (2.8,), width, 100).check(sound)
        found = passes._slices(sound, view, 1e4)
        margin = 2 * (halo_sigmas + 0.5) * 2.8 / f0
        assert found[0].t0 == 0 and found[-1].t1 == t1 and len(found) <= max(1, width // 32)
        assert len(found) == 1 or t1 / len(found) >= margin
        assert len(found) == max(1, min(width // 32, int(t1 / margin)))
