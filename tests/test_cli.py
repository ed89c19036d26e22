"The command line as a person uses it: real files, real processes."

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile

from spectral_hyperresolution import cli
from spectral_hyperresolution.cli import main
from spectral_hyperresolution.theory import sounds

COMMAND = [sys.executable, "-c", "import sys; from spectral_hyperresolution.cli import main; sys.exit(main())"]


@pytest.fixture
def bird(tmp_path, monkeypatch):
    "A second of bird song, in the folder where the command then runs."
    monkeypatch.chdir(tmp_path)
    soundfile.write("bird.wav", sounds.bird_song(1.0), 44100)
    return "bird.wav"


def test_draw_prints_the_path_of_a_picture(bird, capsys):
    assert main(["draw", bird, "--width", "200", "--height", "100"]) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == Path("bird.png").resolve()
    assert matplotlib.image.imread(path).shape[:2] == (180, 300)


@pytest.mark.parametrize("ending", [".flac", ".ogg", ".aiff", ".wav"])
@pytest.mark.parametrize("rate", [8000, 22050, 192000])
def test_formats_and_rates(tmp_path, monkeypatch, ending, rate):
    if ending == ".ogg" and rate > 96000: pytest.skip("OGG Vorbis is not written at this rate")
    monkeypatch.chdir(tmp_path)
    sound = 0.5 * np.sin(2 * np.pi * 0.1 * rate * np.arange(rate) / rate)
    soundfile.write(f"a{ending}", np.stack([sound, sound[::-1]], 1), rate)
    small = ["--pixels", "--q", "4", "--oversampling", "4", "--width", "100", "--height", "64"]
    assert main(["draw", f"a{ending}", *small, "-o", "a.png"]) == 0
    row = matplotlib.image.imread("a.png")[..., :3].sum(axis=(1, 2)).argmax()  # the tone, from the top
    rows = matplotlib.image.imread("a.png").shape[0]
    assert abs(row / rows - np.log2(0.45 / 0.1) / 8) < 0.03


def test_one_channel_is_that_channel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    silent, tone = np.zeros(8000), 0.5 * np.sin(2 * np.pi * 0.1 * np.arange(8000))
    soundfile.write("a.wav", np.stack([silent, tone], 1), 8000)
    for channel, lit in ((1, False), (2, True)):
        assert main(["draw", "a.wav", "--pixels", "--q", "2", "--channel", str(channel), "-o", "a.png"]) == 0
        assert (matplotlib.image.imread("a.png")[..., :3].max() > 0.5) == lit


def test_compare_and_single_q(bird):
    options = ["--q", "3", "--compare", "--gate", "global", "--boundary", "reflect"]
    assert main(["draw", bird, *options, "-o", "b.pdf"]) == 0
    assert Path("b.pdf").read_bytes()[:4] == b"%PDF"


@pytest.mark.parametrize(("arguments", "says"), [
    (["--width", "0"], "width=0 is not an integer >= 16"),
    (["--q", "-1"], "q=-1.0 is not a finite number > 0"),
    (["--fmax", "30000"], "fmax=30000.0 is not a finite number > 0 and <= 22050"),
    (["--hop-length", "0"], "hop_length=0 is not an integer >= 1"),
    (["--bins-per-octave", "-3"], "bins_per_octave=-3 is not an integer >= 1"),
    (["--oversampling", "0"], "oversampling=0 is not an integer >= 1"),
    (["--start", "2"], "start=2.0 s is not within the sound's 1 s"),
    (["--duration", "0"], "duration=0.0 s is not a finite number > 0"),
    (["--duration", "1e-4"], "shorter than the lowest wavelet"),
    (["--fmin", "1"], "shorter than the lowest wavelet"),
    (["--bins-per-octave", "1000000", "--hop-length", "1"], "GB are available"),
])
def test_what_cannot_be_done_is_one_line_and_status_2(bird, capsys, arguments, says):
    assert main(["draw", bird, *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.strip().splitlines()) == 1 and says in said.err
    assert [p.name for p in Path().iterdir()] == [bird]


def test_nan_in_a_file_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sound = np.zeros(8000)
    sound[1234] = np.nan
    soundfile.write("nan.wav", sound, 8000, subtype="FLOAT")
    assert main(["draw", "nan.wav"]) == 2
    assert "first nan at sample 1234 of channel 0" in capsys.readouterr().err


def test_silence_is_a_dark_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("quiet.wav", np.zeros(8000), 8000)
    assert main(["draw", "quiet.wav", "--pixels"]) == 0
    assert matplotlib.image.imread("quiet.png")[..., :3].max() == 0


@pytest.fixture
def long(tmp_path):
    "A folder with two minutes of noise and an older picture of it, which an interruption must leave as they are."
    soundfile.write(tmp_path / "long.wav", 0.1 * np.random.default_rng(0).standard_normal(48000 * 120), 48000)
    (tmp_path / "long.png").write_bytes(b"an older picture")
    yield tmp_path
    assert sorted(os.listdir(tmp_path)) == ["long.png", "long.wav"]
    assert (tmp_path / "long.png").read_bytes() == b"an older picture"


def drawing(folder):
    return subprocess.Popen([*COMMAND, "draw", "long.wav"], cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_of_the_work(long, number, status):
    process = drawing(long)
    assert process.stderr.read(1), "the progress bar is the sign of life"
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == status and said.splitlines()[-1].endswith("hyperres: interrupted")


@pytest.mark.parametrize("seconds", np.linspace(0.02, 1.5, 8))
def test_an_interruption_at_any_moment(long, seconds):
    "Before the command's first line Python itself ends, with a status of its own; after it the command does, with 130."
    process = drawing(long)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode, said
    assert (process.returncode == 130) == said.endswith("hyperres: interrupted\n"), said


@pytest.mark.parametrize("swallow", [
    "try: work()\nexcept BaseException: pass",                         # as in a callback
    "try: work()\nexcept BaseException: raise ImportError('broken')",  # as in a compiled module
])
def test_an_interruption_that_is_swallowed(swallow, capsys, monkeypatch):
    def info(args):
        exec(swallow, {"work": lambda: os.kill(os.getpid(), signal.SIGINT)})
        time.sleep(30)
    monkeypatch.setattr(cli, "_info", info)
    begun = time.perf_counter()
    assert main(["info", "any.wav"]) == 130 and time.perf_counter() - begun < 10
    assert capsys.readouterr().err == "hyperres: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not any(signal.getitimer(signal.ITIMER_REAL))


def test_cleaning_up_is_not_interrupted(monkeypatch):
    cleaned = []
    def info(args):
        try: os.kill(os.getpid(), signal.SIGINT)
        finally:
            time.sleep(0.5)
            cleaned.append(True)
    monkeypatch.setattr(cli, "_info", info)
    assert main(["info", "any.wav"]) == 130 and cleaned


@pytest.mark.parametrize("args, says", [
    ("draw missing.wav", "missing.wav: no such file"),
    ("info missing.wav", "no such file"),
    ("draw empty.wav", "the file is empty"),
    ("draw text.wav", "not a sound file"),
    ("draw cut.flac", "cut short"),
    ("draw bird.wav --channel 2", "channel=2 is not one of 1 … 1"),
    ("draw bird.wav --start 9", "start=9.0 s is not within"),
    ("draw bird.wav --fmin 5000 --fmax 400", "fmin=5000 Hz is not below fmax=400 Hz"),
    ("draw bird.wav -o a.xyz", "the ending '.xyz' is not one of"),
    ("draw bird.wav -o no/a.png", "no folder no"),
    ("draw bird.wav -o bird.wav", "would overwrite the sound"),
    ("draw bird.wav --q 1,2", "'1,2' is not one number, or three"),
])
def test_refused_in_one_line(bird, args, says, capsys):
    soundfile.write("whole.flac", sounds.bird_song(1.0), 44100)
    Path("cut.flac").write_bytes(Path("whole.flac").read_bytes()[:20000])
    Path("empty.wav").write_bytes(b"")
    Path("text.wav").write_text("no sound at all " * 50)
    before = sorted(os.listdir())
    try: status = main(args.split())
    except SystemExit as ended: status = ended.code                    # what argparse refuses
    said = capsys.readouterr().err.splitlines()
    assert status == 2 and says in said[-1] and said[-1].startswith("hyperres")
    assert sorted(os.listdir()) == before


def test_the_demo(tmp_path):
    demo = [*COMMAND, "demo", "--width", "300", "--height", "150"]
    said = subprocess.run(demo, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(said.stdout.splitlines()[-1]) == (tmp_path / "hyperres-demo.png").resolve()


@pytest.mark.parametrize("name", ["whale.wav", "dolphin.wav"])
def test_real_recordings(reference_folder, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert main(["draw", str(reference_folder / name), "--width", "400", "--height", "200"]) == 0
    picture = matplotlib.image.imread(Path(name).with_suffix(".png"))
    assert picture[..., :3].std() > 0.1
