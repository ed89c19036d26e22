"""Recordings and a store in a bucket, by a server of S3's protocol on this machine. It needs packages that can't be
installed beside those of `constraints.txt`; in an environment of their own:

    python -m venv s3 && s3/bin/pip install -e '.[s3]' 'moto[server]' pytest pytest-xdist filelock
    s3/bin/pytest -n 0 tests/test_s3.py"""

import hashlib
from pathlib import Path
from urllib.request import Request, urlopen

import numpy as np
import pytest
import soundfile

pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")

from spectral_hyperresolution import cli  # noqa: E402
from spectral_hyperresolution.archive import lookup, run  # noqa: E402

SR = 8000
HOW = dict(hop=0.5, fmin=100, q=2, bins_per_octave=6, workers=1)
NAMES = "A_20240503_211500.wav", "A_20240503_221500.wav", "B_20240504_001500.flac"


@pytest.fixture
def bucket(monkeypatch):
    "A bucket, as its file system."
    import s3fs
    server = moto.ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in dict(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1",
                            AWS_ENDPOINT_URL=f"http://{host}:{port}").items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()    # one process has one store
    fs = s3fs.S3FileSystem()
    fs.mkdir("deep")
    yield fs
    server.stop()


@pytest.fixture
def tapes(bucket, tmp_path):
    "Three recordings, in a folder and in the bucket; the first has more than a megabyte."
    (folder := tmp_path / "tapes").mkdir()
    for seed, (name, seconds) in enumerate(zip(NAMES, (400, 40, 30), strict=True)):
        x = 0.1 * np.random.default_rng(seed).standard_normal(SR * seconds)
        soundfile.write(folder / name, x, SR)
        bucket.put(str(folder / name), f"deep/tapes/{name}")
    return folder


def test_a_bucket_holds_what_a_folder_holds(bucket, tapes, tmp_path):
    result = run.archive("s3://deep/tapes", "s3://deep/store", **HOW)
    assert [row.outcome for row in result.rows] == ["done"] * 3
    run.archive(tapes, tmp_path / "store", **HOW)
    near = {p.relative_to(tmp_path / "store").as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in Path(tmp_path / "store").rglob("*") if p.is_file()}
    far = {p.removeprefix("deep/store/"): hashlib.sha256(bucket.cat_file(p)).hexdigest()
           for p in bucket.find("deep/store")}
    assert far.keys() == near.keys()
    data = [n for n in near if "/c/" in n and n.split("/c/")[0].endswith(("energy", "total", "effort"))]
    assert len(data) > 15 and all(far[n] == near[n] for n in data)
    assert lookup.window(lookup.open_archive("s3://deep/store"), fmin=100, fmax=1000).sizes["time"] == 940


def test_a_second_run_does_only_the_new(bucket, tapes, tmp_path):
    run.archive("s3://deep/tapes", "s3://deep/store", **HOW)
    kept = {p: bucket.info(p)["LastModified"] for p in bucket.find("deep/store/recordings")}
    soundfile.write(new := tmp_path / "C_20240505_001500.wav", np.zeros(SR * 20), SR)
    bucket.put(str(new), f"deep/tapes/{new.name}")
    assert len(run.archive("s3://deep/tapes", "s3://deep/store", workers=1).rows) == 4
    now = {p: bucket.info(p)["LastModified"] for p in bucket.find("deep/store/recordings")}
    assert kept.items() <= now.items() and len(now) > len(kept)


def test_the_commands(bucket, tapes, tmp_path, capsys):
    assert cli.main(["archive", "s3://deep/tapes", "-o", "s3://deep/store", "--dry-run"]) == 0
    assert not bucket.exists("deep/store") and "3 recordings" in capsys.readouterr().out
    made = ["archive", "s3://deep/tapes", "-o", "s3://deep/store", "--hop", "0.5", "--q", "2", "--workers", "2"]
    assert cli.main(made) == 0
    assert cli.main(["draw", "s3://deep/store", "-o", str(tmp_path / "store.png")]) == 0
    assert cli.main(["archive", "s3://deep/tapes", "-o", "s3://none/store"]) == 2
    said = capsys.readouterr().err
    assert "s3://none/store: nothing can be written there (The specified bucket does not exist)" in said
