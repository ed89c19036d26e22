"""Look for broken promises in random input, for as long as asked; the suite runs the first few trials of each kind.

python tests/fuzz.py --minutes 60 --seed 0            all kinds in turn
python tests/fuzz.py --kind files --seed 1234 --trials 1    one trial again

A trial is made from its kind and its seed alone. Trials run in another process with limited memory, so that a crash,
a hang and an excess are findings too, each with the command that repeats it."""

import argparse
import http.client
import json
import math
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
import traceback
import zlib
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from odd_files import ODD

from spectral_hyperresolution import audio, reassigned_spectrogram
from spectral_hyperresolution.spectrogram import ReassignedSpectrogram

SECONDS, MEMORY = 60, 6e9       # of one trial; of the process that runs them
SPECIAL = [0, 1, 2, 3, 4, 5, 7, 8, 16, 24, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 2]
WILD = [0, -1, 1, 2, 0.5, 1e-300, 1e300, 2**63, 10**400, -0.0, math.nan, math.inf, -math.inf, None, True, "2", "", b"2",
        1j, [], [1], {}, (1, 2), object(), np.float16(2), np.int8(2), np.array(2.0), np.array([2.0]), np.nan]


def one_line(error):
    "What a user reads: a line, neither empty nor endless."
    text = str(error)
    assert text and "\n" not in text and len(text) < 1000, f"{type(error).__name__}: {text[:2000]!r}"


def mutated(content, rng):
    "Bytes with one to four faults of the kinds that disks, transfers and programs make."
    for _ in range(rng.integers(1, 5)):
        n = len(content)
        if n < 8: break
        # headers and indices are short: half of all faults go there
        at = int(rng.integers(min(n, 200))) if rng.integers(2) else int(rng.integers(n))
        length = int(min(n - at, 2 ** rng.integers(0, 12)))
        fault = rng.integers(8)
        if fault == 0: content = content[:at] + bytes([content[at] ^ (1 << rng.integers(8))]) + content[at + 1 :]
        elif fault == 1: content = content[:at]                                           # cut short
        elif fault == 2: content = content[:at] + content[at + length :]                  # a hole
        elif fault == 3: content = content[:at] + bytes(length) + content[at + length :]  # a block never written
        elif fault == 4: content = content[:at] + content[at : at + length] + content[at:]  # a block written twice
        elif fault == 5: content = content[:at] + rng.bytes(length) + content[at:]        # something between
        elif fault == 6:                                                                  # a number in a header
            number = int(rng.choice(SPECIAL)).to_bytes(4, ("little", "big")[rng.integers(2)])
            content = content[:at] + number + content[at + 4 :]
        else: content += rng.bytes(length)                                                # something behind
    return content


# ---- one trial of each kind


def files(rng, folder):
    "A damaged sound file is refused by one line, or read: all that `info` announces, finite, the same twice."
    make = ODD[list(ODD)[rng.integers(len(ODD))]]
    path = make(folder)[0]
    path.write_bytes(mutated(path.read_bytes(), rng))
    answers = []
    for salvage in (False, True):
        try:
            about = audio.info(path)
            x, sr = audio.read(path, salvage=salvage)
        except (ValueError, MemoryError, OSError) as error:
            one_line(error)
            answers.append(None)
            continue
        assert x.dtype == np.float32 and x.ndim == 2 and x.size and sr > 0, (x.shape, x.dtype, sr)
        assert (about.channels, about.sr) == (len(x), sr), about
        assert salvage or x.shape[1] == about.frames, f"{x.shape[1]} frames read, {about.frames} announced by info"
        assert salvage or not about.fault, f"read as if whole: {about.fault}"
        answers.append(x)
    whole, left = answers
    if whole is not None:
        assert left is not None and np.array_equal(whole, left, equal_nan=True), "salvage changes a whole file"
        again = audio.read(path)[0]
        assert np.array_equal(whole, again, equal_nan=True), "read twice, two sounds"
        half = whole.shape[1] // 2
        part = audio.read(path, start=half / sr)[0] if half else whole
        # a start is rounded to a frame
        assert abs(part.shape[1] - (whole.shape[1] - half)) <= 1 and np.array_equal(
            part[:, -min(part.shape[1], 9) :], whole[:, -min(part.shape[1], 9) :], equal_nan=True), "another end"
    return "read" if whole is not None else "salvaged" if left is not None else "refused"


def cuts(rng, folder):
    "A sound file that ends anywhere is refused, or read whole; what is salvaged is how the sound begins."
    make = ODD[list(ODD)[rng.integers(len(ODD))]]
    path, sound, fault = make(folder)
    if fault: return "damaged before"
    whole, content = audio.info(path), path.read_bytes()
    path.write_bytes(content[: rng.integers(1, len(content))])
    try: left = audio.read(path, salvage=True)[0]
    except ValueError as error:
        one_line(error)
        left = sound[:, :0]
    n = left.shape[1]
    # the last part of a compressed sound is decoded without what follows
    m = max(0, n - 4096) if "PCM" not in whole.format or "FLAC" in whole.format else n
    assert n <= sound.shape[1] and np.allclose(left[:, :m], sound[:, :m], rtol=0, atol=2**-15), f"another sound: {n}"
    try: x = audio.read(path)[0]
    except ValueError as error:
        one_line(error)
        return "refused"
    if x.shape[1] == sound.shape[1]: return "read whole"
    # a header without the length, or with another, can't tell; nor can an MP3
    assert whole.announced != sound.shape[1] or "MP3" in whole.format, f"{x.shape[1]} of {sound.shape[1]} read"
    return "no length to tell"


def calls(rng, folder):
    "A call of the front door with odd values is refused by one line, or answered with a finite picture."
    n = int(rng.choice([300, 300, 300, 300, 300, 4000, 4000, 4000, 4000, 4000, 4000, 17, 1, 0]))
    kinds = ["f2", "f4", "f8", ">f4", "i1", "i2", ">i4", "u1"]
    if rng.integers(8) == 0: kinds = ["u2", "i8", "c8", "?", "O", "U3", "M8[s]", "f16"]
    x = rng.standard_normal((int(rng.integers(1, 4)), n)) * 10.0 ** rng.choice([0, 0, -40, 4, 40])
    with np.errstate(all="ignore"), suppress(ValueError, TypeError): x = x.astype(kinds[rng.integers(len(kinds))])
    if n and rng.integers(4) == 0: x.flat[rng.integers(x.size)] = 0
    hidden = np.ma.masked_array(x, rng.integers(2, size=x.shape))
    x = [x, x[0], x[..., ::-1], x[None], x[:, None], np.ma.masked_array(x), x.T, hidden][rng.integers(8)]
    names = ["q", "fmin", "fmax", "bins_per_octave", "hop_length", "oversampling", "gate", "boundary", "pool", "mode",
             "tolerance", "density", "lint", "calibration", "dtype", "threads"]
    odd = rng.choice(names, rng.choice([0, 0, 0, 1, 1, 2]), replace=False)
    keywords = {str(name): WILD[rng.integers(len(WILD))] for name in odd}
    sr = 8000 if rng.integers(8) else WILD[rng.integers(len(WILD))]
    try: S = reassigned_spectrogram(x, sr, **keywords)
    except (ValueError, TypeError, MemoryError) as error:
        one_line(error)
        return "refused"
    assert np.isfinite(S.energy).all() and (S.energy >= 0).all() and np.isfinite(S.counts).all(), (sr, keywords)
    assert not S.energy[S.counts == 0].any() and np.isfinite(S.db()).all(), (sr, keywords)
    return "answered"


def pictures(rng, folder):
    "A damaged saved picture is refused by a ValueError that names the file, or loaded as it was."
    x = np.sin(np.arange(2000) * 0.3) + 0.01 * rng.standard_normal(2000)
    S = reassigned_spectrogram(x if rng.integers(2) else np.stack([x, x]), 8000, bins_per_octave=12)
    path = folder / "a picture.npz"
    S.save(path)
    path.write_bytes(mutated(path.read_bytes(), rng))
    try: T = ReassignedSpectrogram.load(path)
    except ValueError as error:
        one_line(error)
        assert path.name in str(error), error
        return "refused"
    assert np.array_equal(S.energy, T.energy) and np.array_equal(S.counts, T.counts), "another picture"
    assert (S.plan, S.sr, S.gate, S.calibration) == (T.plan, T.sr, T.gate, T.calibration), "other settings"
    return "loaded"


def requests(rng, folder):
    "A request with odd values has an answer in time; what isn't 200 is one line."
    server = _server()
    good = dict(t0=0.1, t1=0.4, f0=100, f1=3000, q=2, width=60, height=40, sound=0)
    given = {name: str(value) for name, value in good.items()}
    for name in rng.choice(list(good), rng.integers(0, 3), replace=False):
        given[str(name)] = str(["", "x", "nan", "inf", "-1", "0", "1e308", "1e-308", "9" * 400, "٣", "0x10", "1_0",
                                "%00", "../../etc/passwd", "1;2", "1e5"][rng.integers(16)])
    if rng.integers(4) == 0: given.pop(str(rng.choice(list(given))))
    routes = ["/picture", "/sound.wav", "/data.zip", "/about", "/", "/page/explorer.js"] * 3
    routes += ["/nothing", "//", "/..", "/%2e%2e/x", "/page/..", "/page/%2e%2e%2fa", "/picture/x", "/" + "a" * 3000]
    route = routes[rng.integers(len(routes))]
    method = (["GET"] * 14 + ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"])[rng.integers(20)]
    headers = {"Authorization": f"token {server.token}"} if rng.integers(8) else {}
    odd = dict(Host="cafe", Origin="http://elsewhere", Range="bytes=9-1", Cookie="a" * 999)
    headers |= {name: value for name, value in odd.items() if rng.integers(20) == 0}
    connection = http.client.HTTPConnection(*server.sockets[0].getsockname()[:2], timeout=30)
    try:
        connection.request(method, f"{route}?{urlencode(given)}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    finally: connection.close()
    assert answer.status < 500, (answer.status, route, given, body[:500])
    if not headers.get("Authorization"): assert answer.status != 200 or method == "OPTIONS", (route, "without a token")
    if answer.status >= 400 and method != "HEAD":
        text = body.decode()
        text = json.loads(text).get("error", text) if text.startswith("{") else text
        assert len(text) < 2000 and "Traceback" not in text, text[:2000]
    return str(answer.status)


_running = []


def _server():
    "One server for all requests of this process."
    if not _running:
        import soundfile

        from spectral_hyperresolution.explore.server import Server
        from spectral_hyperresolution.recording import Sound
        folder = Path(tempfile.mkdtemp())
        soundfile.write(folder / "one.wav", 0.1 * np.sin(np.arange(8000)), 8000)
        _running.append(Server([Sound(folder / "one.wav")]))
    return _running[0]


KINDS = dict(files=files, cuts=cuts, calls=calls, pictures=pictures, requests=requests)


# ---- trials, in a process of their own


def _trials(trial, first, count, pipe, stop):
    "Run trials of a kind; send each seed before it begins, then what it came to."
    resource.setrlimit(resource.RLIMIT_AS, (int(MEMORY), int(MEMORY)))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for seed in range(first, first + count):
        if time.time() > stop: break
        pipe.send((seed, None))
        try:
            with tempfile.TemporaryDirectory() as folder:
                outcome = trial(np.random.default_rng([seed, zlib.crc32(trial.__name__.encode())]), Path(folder))
        except BaseException: outcome = AssertionError(traceback.format_exc())
        pipe.send((seed, outcome))
    pipe.send((None, None))


def run(trial, first=0, count=10**9, stop=math.inf, seconds=SECONDS):
    "Outcomes (counted by name) and failures (seed → text) of `count` trials, or as many as there is time for."
    context = multiprocessing.get_context("spawn")
    outcomes, failures, after = {}, {}, first
    while after < first + count and time.time() < stop:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_trials, args=(trial, after, first + count - after, theirs, stop), daemon=True)
        process.start()
        theirs.close()
        seed, allowed = None, 4 * seconds                      # the first trial also imports and compiles
        try:
            while ours.poll(allowed):
                seed, outcome = ours.recv()
                if seed is None: return outcomes, failures
                if outcome is None: continue
                after, allowed = seed + 1, seconds
                if isinstance(outcome, AssertionError): failures[seed] = str(outcome)
                else: outcomes[outcome] = outcomes.get(outcome, 0) + 1
            failures[after], after = f"no answer within {allowed} s", after + 1
        except EOFError:
            process.join(10)
            failures[after], after = f"the process ended with {process.exitcode}", after + 1
        finally: process.kill()
    return outcomes, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0, help="the first seed of each kind")
    parser.add_argument("--trials", type=int, default=10**9, help="at most so many of each kind")
    parser.add_argument("--out", type=Path, help="keep what came out as JSON")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="these kinds only")
    args = parser.parse_args()
    kinds, begin, found = args.kind or list(KINDS), time.time(), {}
    for i, kind in enumerate(kinds):
        left = begin + 60 * args.minutes * (i + 1) / len(kinds)
        outcomes, failures = run(KINDS[kind], args.seed, args.trials, left)
        print(f"{kind}: " + ", ".join(f"{n} {name}" for name, n in sorted(outcomes.items())) +
              f", {len(failures)} failed", flush=True)
        for seed, text in failures.items():
            print(f"\npython tests/fuzz.py --kind {kind} --seed {seed} --trials 1\n{text}", flush=True)
        found[kind] = dict(promise=KINDS[kind].__doc__, outcomes=outcomes, failed=sorted(failures))
    if args.out is not None:
        how = dict(date=time.strftime("%Y-%m-%d"), seed=args.seed, minutes=round((time.time() - begin) / 60, 1))
        args.out.write_text(json.dumps(how | dict(kinds=found), indent=1) + "\n", encoding="utf-8")
    sys.exit(any(kind["failed"] for kind in found.values()))


if __name__ == "__main__":
    main()
