"The command line as a person uses it: real files, real processes."

import io
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

OLDER = b"an older picture"
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
    assert abs(row / rows - np.log2(0.5 / 0.1) / 8) < 0.03


def test_one_channel_is_that_channel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    silent, tone = np.zeros(8000), 0.5 * np.sin(2 * np.pi * 0.1 * np.arange(8000))
    soundfile.write("a.wav", np.stack([silent, tone], 1), 8000)
    for channel, lit in ((1, False), (2, True)):
        assert main(["draw", "a.wav", "--pixels", "--q", "2", "--channel", str(channel), "-o", "a.png"]) == 0
        assert (matplotlib.image.imread("a.png")[..., :3].max() > 0.5) == lit


@pytest.mark.parametrize("start, duration, first, n", [
    (None, "0.05", 0, 2205), ("0.1", "0.02", 4410, 882), ("0.5", None, 22050, 22050), (None, "0.050012", 0, 2206),
    ("0:00.3", "0:00.1", 13230, 4410), ("0:00:00.15", None, 6615, 37485)])
def test_a_part_is_cut_to_the_sample(bird, monkeypatch, start, duration, first, n):
    given = []
    from spectral_hyperresolution import drawing
    monkeypatch.setattr(drawing, "_write", lambda args, part, *rest: given.append(part))
    options = [f"--{name}={value}" for name, value in (("start", start), ("duration", duration)) if value]
    assert main(["draw", bird, *options]) == 0
    assert (given[0].first, given[0].length, given[0].sound.sr) == (first, n, 44100)


def test_the_size_of_a_picture(bird):
    "Width sets the hop, height the bins per octave; what is given instead is kept."
    assert main(["draw", bird, "--pixels", "--q", "3", "--width", "300", "--height", "200", "--fmin", "500"]) == 0
    rows, columns = matplotlib.image.imread("bird.png").shape[:2]
    assert columns == 300 and 200 <= rows <= 210
    rest = ["--hop-length", "441", "--bins-per-octave", "6", "--fmin", "500", "--fmax", "16000"]
    assert main(["draw", bird, "--pixels", "--q", "3", *rest]) == 0
    assert matplotlib.image.imread("bird.png").shape[:2] == (31, 100)


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
    assert "nan.wav: 1 samples are not finite numbers, the first at 0.15425 s in channel 1" in capsys.readouterr().err


def test_silence_is_a_dark_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("quiet.wav", np.zeros(8000), 8000)
    assert main(["draw", "quiet.wav", "--pixels"]) == 0
    image = matplotlib.image.imread("quiet.png")[..., :3]
    assert (image == image[0, 0]).all() and image.max() < 0.02       # the colour map's darkest, everywhere


def rumble(seconds=3, rate=24000, seed=0):
    "Noise that is the louder, the lower."
    n = seconds * rate
    white = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    return np.fft.irfft(white * 30 / (np.fft.rfftfreq(n, 1 / rate) + 50), n)


def called(rate=24000):
    t = np.arange(3 * rate) / rate
    return np.exp(-((t - 1.5) / 0.05) ** 2) * np.cos(2 * np.pi * 5000 * t), np.cos(2 * np.pi * 50 * t)


@pytest.mark.parametrize("pixels", [False, True])
def test_a_picture_begins_above_the_background_and_says_so(tmp_path, monkeypatch, capsys, pixels):
    from spectral_hyperresolution import plot
    said = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plot, "save_figure",
                        lambda target, figure, source: said.append(figure.axes[0].get_title("left")))
    call, hum = called()
    soundfile.write("a.wav", 0.05 * (rumble() + 2 * call + hum), 24000)
    assert main(["draw", "a.wav", "--width", "200", "--height", "100", *(["--pixels"] if pixels else [])]) == 0
    told = capsys.readouterr().err if pixels else said[0]
    assert "nothing but background below 1500 Hz; steady tone at 50 Hz below" in told
    assert pixels or "Q = auto" in told


def test_info_tells_what_draw_takes_and_what_is_advised(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call, hum = called()
    soundfile.write("a.wav", 0.05 * (rumble() + 2 * call + hum), 24000)
    assert main(["info", "a.wav", "--advise"]) == 0
    said = capsys.readouterr().out
    assert "draw takes q = auto, 1500 to 12000 Hz (nothing but background below 1500 Hz; steady tone at 50 Hz" in said
    assert "adviser: q = " in said and "adviser: fmin = " in said
    soundfile.write("silent.wav", np.zeros(8000), 8000)
    assert main(["info", "silent.wav", "--advise"]) == 0
    assert "nothing to say of silence" in capsys.readouterr().out


def test_a_picture_of_noise_alone_begins_at_the_lowest(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    soundfile.write("a.wav", 0.05 * rumble(), 24000)
    assert main(["draw", "a.wav", "--width", "200", "--height", "100", "--pixels"]) == 0
    assert "background" not in capsys.readouterr().err


@pytest.fixture
def long(tmp_path):
    "A folder with two minutes of noise and an older picture of it, which an interruption must leave as they are."
    soundfile.write(tmp_path / "long.wav", 0.1 * np.random.default_rng(0).standard_normal(48000 * 120), 48000)
    (tmp_path / "long.png").write_bytes(OLDER)
    yield tmp_path
    assert sorted(os.listdir(tmp_path)) == ["long.png", "long.wav"]
    assert (tmp_path / "long.png").read_bytes() == OLDER


def drawing(folder):
    command = [*COMMAND, "draw", "long.wav", "--overwrite", "--full"]   # longer than a signal may take
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
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
    ("draw bird.wav -o a.xyz", "not in '.xyz'"),
    ("draw bird.wav -o bird.wav/a.png", "is a file, not a folder"),
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["whale.wav", "dolphin.wav"])
def test_real_recordings(reference_folder, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert main(["draw", str(reference_folder / name), "--width", "400", "--height", "200"]) == 0
    picture = matplotlib.image.imread(Path(name).with_suffix(".png"))
    assert picture[..., :3].std() > 0.1


# ---- how pictures look


def figures(monkeypatch):
    "The figures that are written instead of files, kept with the settings then in force."
    from spectral_hyperresolution import plot
    kept = []
    monkeypatch.setattr(plot, "save_figure", lambda target, figure, source, **more: kept.append(figure))
    return kept


LITTLE = ["--q", "3", "--width", "200", "--height", "100", "--quiet", "--oversampling", "4", "--fmin", "1000"]


def test_two_pictures_on_one_scale(bird, monkeypatch):
    soundfile.write("loud.wav", 4 * soundfile.read(bird)[0], 44100, subtype="FLOAT")
    kept = figures(monkeypatch)
    assert main(["draw", bird, "loud.wav", *LITTLE, "--ref", "-70", "--range", "-5,50", "--compare"]) == 0
    meshes = [ax.collections[0] for fig in kept for ax in fig.axes[:2]]
    assert len(meshes) == 4 and all(mesh.get_clim() == (-5, 50) for mesh in meshes)
    first, second = (np.asarray(mesh.get_array()) for mesh in (meshes[1], meshes[3]))
    both = (first > 0) & (second < 50)
    assert both.sum() > 100 and np.abs(second[both] - first[both] - 20 * np.log10(4)).mean() < 0.5
    assert kept[0].axes[3].get_ylabel().replace("\n", " ") == "level [dB above -70 dB re full scale²]"


def test_a_comparison_has_the_same_channels_times_and_scale(bird, monkeypatch):
    "Opposite channels, whose mean is silence, are pooled in both pictures."
    x = soundfile.read(bird)[0]
    soundfile.write("pair.wav", np.stack([x, -x], 1), 44100)
    kept = figures(monkeypatch)
    assert main(["draw", "pair.wav", *LITTLE, "--compare"]) == 0
    above, below = (ax.collections[0] for ax in kept[0].axes[:2])
    assert above.get_clim() == below.get_clim()
    for mesh in (above, below): assert (np.asarray(mesh.get_array()) > 20).any()
    np.testing.assert_array_equal(above.get_coordinates(), below.get_coordinates())
    assert {bar.get_ylabel().replace("\n", " ") for bar in kept[0].axes[2:]} == {"level [dB re background]"}


def test_three_colours_are_explained(bird, monkeypatch):
    kept = figures(monkeypatch)
    three = [*LITTLE[:1], "1.4,2.8,5.6", *LITTLE[2:]]
    assert main(["draw", bird, *three]) == 0 and main(["draw", bird, *three, "--width", "700"]) == 0
    for fig in kept:
        legend = fig.axes[0].get_legend()
        said = [text.get_text() for text in legend.get_texts()]
        assert [line.split("\n")[0] for line in said] == ["Q = 1.4: short, clicks", "Q = 2.8: between",
                                                          "Q = 5.6: long, tones", "all three"]
        assert "dB re background" in legend.get_title().get_text()
        colours = [patch.get_facecolor()[:3] for patch in legend.get_patches()]
        assert colours == [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]
        fig.draw_without_rendering()
        box = legend.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= fig.bbox.width and box.y0 >= 0 and box.y1 <= fig.bbox.height


@pytest.mark.parametrize("width", ["60", "200", "1600"])
def test_no_title_is_cut_off(bird, monkeypatch, width):
    name = "a_very_long_name_of_a_recording_without_any_space_" * 2 + ".wav"
    Path(bird).rename(name)
    kept = figures(monkeypatch)
    assert main(["draw", name, "--width", width, "--height", "80", "--quiet", "--oversampling", "4", "--compare"]) == 0
    fig = kept[0]
    fig.draw_without_rendering()
    for ax in fig.axes[:2]:
        box = ax.title.get_window_extent() if ax.get_title() else ax._left_title.get_window_extent()
        assert box.width > 10 and box.x0 >= 0 and box.x1 <= fig.bbox.width + 1 and box.y1 <= fig.bbox.height + 1
    assert "Q = auto" in fig.axes[1].get_title("left") and {"…", "."} <= set(fig.axes[1].get_title("left"))


def test_the_waveform_the_grid_and_the_clock(bird, monkeypatch):
    Path(bird).rename("rec_20240531_235959.wav")
    kept = figures(monkeypatch)
    wanted = ["--waveform", "--clock", "--grid", "--cmap", "Greys", "--start", "0.25"]
    assert main(["draw", "rec_20240531_235959.wav", *LITTLE, "--width", "600", *wanted]) == 0
    wave, picture = kept[0].axes[:2]
    kept[0].draw_without_rendering()
    assert wave.get_xlim() == picture.get_xlim() and picture.get_xlabel() == "time of day, 2024-05-31"
    assert "23:59:59.4 23:59:59.6" in " ".join(label.get_text() for label in picture.get_xticklabels())
    assert picture.collections[0].get_cmap().name == "Greys"
    assert all(line.get_visible() for axis in (picture.xaxis, picture.yaxis) for line in axis.get_gridlines())
    x, _ = soundfile.read("rec_20240531_235959.wav", dtype="float32", start=11025)
    heights = wave.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((x.min(), x.max()))


@pytest.mark.parametrize("height", [64, 400, 1000, 2000])
def test_the_waveform_is_a_strip_above_the_picture(height):
    "Tall enough to be read above a low picture, and about a sixth of a high one."
    from spectral_hyperresolution.looks import Look, _canvas
    fig, (wave, picture) = _canvas(Look(waveform=True), 600, height, 1)
    tall = [ax.get_position().height * fig.get_figheight() for ax in (wave, picture)]
    assert tall[0] > 0.4 and (height < 600 or 0.12 < tall[0] / tall[1] < 0.25)


@pytest.mark.parametrize(("arguments", "says"), [
    (["--range", "40,0"], "range='40,0': low=40 dB is not below high=0 dB"),
    (["--range", "-90"], "range='-90' is not two levels in dB, LOW,HIGH"),
    (["--range", "0,inf"], "range='0,inf': high=inf is not a finite number"),
    (["--ref", "loud"], "ref='loud' is not a finite number of dB, or background"),
    (["--ref", "nan"], "ref='nan' is not a finite number of dB, or background"),
    (["--cmap", "mauve"], "cmap='mauve' is not the name of one of matplotlib's colour maps"),
    (["--cmap", "Greys", "--q", "1,2,4"], "cmap='Greys' is for one q"),
    (["--style", "gothic"], "style='gothic' is not screen, paper,"),
    (["--style", "bird.wav"], "style='bird.wav' is not screen, paper,"),
    (["--clock"], "bird.wav: clock=True needs a start, and neither the file's name nor its header"),
    (["--pixels", "--grid"], "grid=True is for a picture with axes"),
    (["--pixels", "--waveform"], "waveform=True is for a picture with axes"),
    (["--pixels", "--clock"], "clock=True is for a picture with axes"),
    (["--pixels", "--compare"], "compare=True is for a picture with axes"),
    (["--pixels", "--style", "paper"], "style='paper' is for a picture with axes"),
])
def test_a_look_that_cannot_be_is_refused_before_a_sound_is_read(bird, capsys, monkeypatch, arguments, says):
    from spectral_hyperresolution import audio
    monkeypatch.setattr(audio, "read", lambda *a, **k: pytest.fail("the sound was read"))
    assert main(["draw", bird, "-o", "new/a.png", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and says in said.err
    assert names() == [bird]


def test_a_figure_for_a_paper(bird, capsys, monkeypatch):
    "A single column wide, its letters embedded as TrueType, its cells an image, and no title."
    assert main(["draw", bird, *LITTLE, "--style", "paper"]) == 0
    path = Path(capsys.readouterr().out.strip())
    page = path.read_bytes()
    assert path.name == "bird.pdf" and page[:4] == b"%PDF" and b"/MediaBox [ 0 0 252 " in page
    assert b"/Subtype /Type0" in page and b"/FontFile2" in page and b"/Type3" not in page
    assert b"/Subtype /Image" in page
    assert main(["draw", bird, *LITTLE, "--style", "paper", "-o", "a.svg", "--compare"]) == 0
    assert b'width="252pt"' in Path("a.svg").read_bytes()
    done = subprocess.run([*COMMAND, "draw", bird, *LITTLE, "--style", "paper", "-o", "-"], capture_output=True)
    assert done.stdout.startswith(b"%PDF")
    kept = figures(monkeypatch)
    assert main(["draw", bird, *LITTLE, "--style", "paper"]) == 0
    sizes = {text.get_fontsize() for ax in kept[0].axes for text in (ax.xaxis.label, *ax.get_yticklabels())}
    assert sizes == {8} and not kept[0].axes[0].get_title("left")
    assert kept[0].axes[0].collections[0].get_rasterized()


def settings():
    "Everything of matplotlib's that a picture could leave changed."
    import matplotlib.pyplot as plt
    return dict(plt.rcParams), matplotlib.get_backend(), plt.get_fignums()


@pytest.mark.parametrize("style", ["default", "ggplot"])
def test_the_command_changes_nothing_of_matplotlib(bird, style):
    import matplotlib.pyplot as plt
    with plt.style.context(style):
        before = settings()
        for more in ([], ["--compare", "--waveform"], ["--style", "paper"], ["--style", "dark_background"],
                     ["--pixels"], ["--range", "3,1"], ["--q", "1,2,4"]):
            main(["draw", bird, *LITTLE, *more])
            assert settings() == before, more
        assert main(["demo", *LITTLE]) == 0 and settings() == before


# ---- several sounds, names, and where pictures go

SMALL = ["--pixels", "--q", "3", "--width", "60", "--height", "40", "--quiet", "--oversampling", "4"]


def names(folder="."):
    return sorted(p.name for p in Path(folder).iterdir())


def test_files_and_folders(bird, capsys):
    "Each gets its own picture, also with one name in two folders, two endings, or a and A."
    x = sounds.bird_song(0.3)
    for name in ("night/bird.wav", "night/deep/bird.flac", "night/BIRD.aiff", "night/.hidden.wav", "night/notes.txt"):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        if name.endswith("txt"): Path(name).write_text("no sound")
        else: soundfile.write(name, x, 44100)
    assert main(["draw", bird, "night", "night/bird.wav", *SMALL, "-o", "pictures/"]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(printed) == len(set(printed)) == 4 and all(p.is_file() for p in printed)
    assert len(names("pictures")) == 4


def test_a_failure_among_several(bird, capsys):
    Path("broken.wav").write_bytes(Path(bird).read_bytes()[:2000])
    Path("empty.wav").touch()
    assert main(["draw", "broken.wav", bird, "empty.wav", *SMALL]) == 2
    said = capsys.readouterr()
    assert Path(said.out.strip()) == Path("bird.png").resolve()
    table = said.err.splitlines()[-3:]
    assert table[0] == "hyperres: 2 of 3 sounds could not be drawn:"
    assert "broken.wav   the file is cut short" in table[1] and "empty.wav   the file is empty" in table[2]
    assert not Path("broken.png").exists()


def test_a_picture_of_another_sound_is_not_replaced(bird, capsys):
    soundfile.write("bird.flac", sounds.bird_song(0.3), 44100)
    assert main(["draw", bird, *SMALL]) == 0
    first = Path("bird.png").read_bytes()
    assert main(["draw", bird, *SMALL, "--gate", "none"]) == 0, "the same sound again"
    again = Path("bird.png").read_bytes()
    assert again != first
    assert main(["draw", "bird.flac", *SMALL]) == 2
    assert "is there, and no picture of this sound" in capsys.readouterr().err
    assert Path("bird.png").read_bytes() == again
    assert main(["draw", "bird.flac", *SMALL, "--overwrite"]) == 0
    assert Path("bird.png").read_bytes() != again
    Path("own.png").write_bytes(b"a photograph")
    assert main(["draw", bird, *SMALL, "-o", "own.png"]) == 2 and Path("own.png").read_bytes() == b"a photograph"


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_framed_pictures_are_recognised(bird, ending):
    framed = ["--q", "3", "--width", "60", "--height", "40", "--quiet", "-o", f"a.{ending}"]
    assert main(["draw", bird, *framed]) == 0 and main(["draw", bird, *framed]) == 0
    soundfile.write("other.wav", sounds.bird_song(0.3), 44100)
    assert main(["draw", "other.wav", *framed]) == 2


def test_two_parts_of_one_sound(bird):
    assert main(["draw", bird, *SMALL, "--start", "0", "--duration", "0.5"]) == 0
    assert main(["draw", bird, *SMALL, "--start", "0.5"]) == 0
    assert names() == ["bird.wav", "bird_0.5s-end.png", "bird_0s-0.5s.png"]


@pytest.mark.parametrize(("output", "says"), [
    ("a.docx", "pictures end in"), ("none/a.docx", "pictures end in"), ("bird.wav/a.png", "is a file, not a folder"),
    ("/proc/a.png", "/proc: nothing can be written there"), ("bird.wav", "would overwrite the sound"),
])
def test_where_nothing_can_be_written_nothing_is_computed(bird, output, says, capsys, monkeypatch):
    from spectral_hyperresolution import recording
    monkeypatch.setattr(recording.Sound, "cut", lambda *a, **k: pytest.fail("the sound was read"))
    assert main(["draw", bird, *SMALL, "-o", output]) == 2
    said = capsys.readouterr()
    assert says in said.err and len(said.err.splitlines()) == 1


def test_devices_standard_output_and_new_folders(bird, capsys):
    assert main(["draw", bird, *SMALL, "-o", "/dev/null"]) == 0
    assert main(["draw", bird, *SMALL, "-o", "new/folder/"]) == 0 and names("new/folder") == ["bird.png"]
    assert main(["draw", bird, *SMALL, "-o", "new"]) == 0 and "bird.png" in names("new")
    done = subprocess.run([*COMMAND, "draw", bird, *SMALL, "-o", "-"], capture_output=True)
    assert done.returncode == 0 and done.stdout.startswith(b"\x89PNG") and done.stdout.endswith(b"IEND\xaeB`\x82")
    assert main(["draw", bird, bird.upper(), *SMALL, "-o", "-"]) == 2


NAMES = [b"bytes \xff\xfe.wav", b"x" * 251 + b".wav", b"x" * 252 + b".au", b"-dash.wav", b"price$5$ a_b^{c.wav",
         "鯨の声 whale.wav".encode(), b"new\nline.wav", b"percent%20 #1?.wav", b"quote'\".wav"]


@pytest.mark.parametrize("name", NAMES, ids=lambda n: repr(n)[:24])
def test_names(bird, name, capfdbinary, recwarn):
    "A name is printed so that a script finds the picture by it, and stands in the title as it is."
    kind = "AU" if name.endswith(b".au") else "WAV"
    with open(name, "wb") as file: soundfile.write(file, sounds.bird_song(0.3), 44100, format=kind)
    framed = [o for o in SMALL if o != "--pixels"]
    assert main(["draw", *framed, "--", os.fsdecode(name)]) == 0
    out = capfdbinary.readouterr().out
    assert os.path.isfile(out[:-1]) and not [w for w in recwarn if "lyph" in str(w.message)]


def test_an_ascii_terminal_and_a_closed_pipe(bird):
    Path(bird).rename("鯨.wav")
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, "draw", "鯨.wav", *SMALL], capture_output=True, env=env)
    assert done.returncode == 0 and b"\\u9be8.png" in done.stdout and Path("鯨.png").is_file()
    script = f"{sys.executable} -c '{COMMAND[2]}' info {'鯨.wav ' * 2000} | head -n 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith("鯨.wav: WAV") and not done.stderr


def test_info_says_what_is_wrong_and_who_recorded(bird, capsys):
    from odd_files import ODD
    less = ODD["header of one second"](Path())[0]
    cut = ODD["wave cut in the middle"](Path())[0]
    cut = cut.rename("rec_20240102_030405.wav")
    assert main(["info", str(less), str(cut)]) == 0
    out = capsys.readouterr().out
    assert "announced: 8000 frames, 1 s; found: 32000" in out and "fault: the file is cut short" in out
    assert "start: 2024-01-02 03:04:05 (from file name, zone not told)" in out
    assert main(["draw", str(cut), *SMALL]) == 2 and main(["draw", str(cut), *SMALL, "--salvage"]) == 0
    assert "warning" in capsys.readouterr().err


def test_raw_samples_and_time_expansion(bird, capsys):
    x, _ = soundfile.read(bird, dtype="int16")
    Path("a.raw").write_bytes(b"head" + x.astype(">i2").tobytes())
    assert main(["info", "a.raw", "--raw", "44100,1,PCM_16,big,4", "--time-expansion", "10"]) == 0
    assert "441000 Hz, 1 channel, 0.1 s, 44100 frames" in capsys.readouterr().out
    assert main(["draw", "a.raw", "--raw", "44100,1,PCM_16,big,4", *SMALL, "-o", "a.png"]) == 0
    assert main(["draw", bird, *SMALL, "-o", "b.png"]) == 0
    assert np.array_equal(matplotlib.image.imread("a.png"), matplotlib.image.imread("b.png"))
    with pytest.raises(SystemExit): main(["info", "a.raw", "--raw", "fast"])


# ---- a sound from another program

def piped(folder, content, *arguments):
    "The command with a sound on its standard input."
    return subprocess.run([*COMMAND, "draw", *arguments, "--quiet", "--width", "64", "--height", "48"], input=content,
                          capture_output=True, cwd=folder, env={**os.environ, "TMPDIR": str(folder)})


@pytest.mark.slow
def test_a_sound_from_standard_input(tmp_path):
    "A WAV file whose length its writer didn't know, and samples without a header."
    wave = io.BytesIO()
    soundfile.write(wave, 0.1 * np.random.default_rng(0).standard_normal(8000), 8000, format="WAV", subtype="PCM_16")
    endless = bytearray(wave.getvalue())
    endless[4:8] = endless[40:44] = b"\xff" * 4
    done = piped(tmp_path, bytes(endless), "-")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.decode().strip()) == (tmp_path / "stdin.png").resolve()
    assert piped(tmp_path, endless[44:], "-", "--raw", "8000", "-o", "raw.png").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw.png", "stdin.png"]


@pytest.mark.parametrize("content, arguments, says", [
    (b"", ["-"], b"hyperres: standard input: "), (b"no sound at all", ["-"], b"hyperres: standard input: "),
    (b"", ["-", "-"], b"standard input, '-', is named twice")])
def test_standard_input_without_a_sound(tmp_path, content, arguments, says):
    done = piped(tmp_path, content, *arguments)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count(b"\n") == 1
    assert not list(tmp_path.iterdir())
