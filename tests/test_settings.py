"""settings.ini repeats pyproject.toml for tools that still look for it; here the two are held equal."""

import tomllib
from pathlib import Path

import pytest
from fastcore.xtras import Config

import spectral_hyperresolution

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def settings():
    return Config(ROOT, "settings.ini")


def expected(pyproject):
    "The facts of pyproject.toml under settings.ini's names, as text."
    from nbdev.config import nbdev_defaults
    project, nbdev = pyproject["project"], {**nbdev_defaults, **pyproject["tool"]["nbdev"]}
    same_name = ("lib_path", "nbs_path", "doc_path", "tst_flags", "recursive", "readme_nb")
    return {
        "lib_name": project["name"],
        "version": spectral_hyperresolution.__version__,
        "min_python": project["requires-python"].removeprefix(">="),
        "license": project["license"].lower(),
        "description": project["description"],
        "keywords": " ".join(project["keywords"]),
        "author": project["authors"][0]["name"],
        "language": "English",
        "requirements": " ".join(project["dependencies"]),
        "dev_requirements": " ".join(project["optional-dependencies"]["dev"]),
        "console_scripts": " ".join(f"{name}={target}" for name, target in project["scripts"].items()),
        **{key: str(nbdev[key]) for key in same_name},
    }


def test_settings_equal_pyproject(settings, pyproject):
    assert {key: str(value) for key, value in settings.d.items()} == expected(pyproject)


def test_fastcore_finds_it_from_a_subfolder():
    assert Config.find("settings.ini", ROOT / "nbs").lib_name == "spectral_hyperresolution"


def test_nbdev_prefers_pyproject():
    from nbdev.config import get_config
    config = get_config(ROOT / "nbs")
    assert config.config_file == ROOT / "pyproject.toml"
    assert config.lib_path == ROOT / "spectral_hyperresolution"
