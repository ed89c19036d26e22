"""Hold constraints.txt to what pip would install: a pin for every package that the project or an extra brings in.

python .ci/constraints.py             tell what differs, with status 1
python .ci/constraints.py --write     add the pins that are missing, drop those that nothing needs
python .ci/constraints.py --upgrade   take the newest of everything but torch; then run the tests

pip resolves and installs nothing. The packages of other systems and of torch for CUDA are not in the file: torch pins
its own, triton among them, which is why triton has no pin.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "constraints.txt"
EXTRAS = "dev", "notebook", "peers"
UNPINNED = re.compile(r"triton|nvidia-.*|cuda-.*|spectral-hyperresolution")
TORCH = "torch==2.13.0"
HEAD = f"""\
# Versions known to work together, on Python 3.11 and later:  pip install -c constraints.txt -e ".[dev]"
#
# Written by `python .ci/constraints.py`, from what pip installs for the project with all extras. torch is chosen by
# hand, because a bare `torch` takes the newest release, which brings gigabytes of CUDA packages; {TORCH[7:]} comes
# as a CPU build where the index offers one. A pin must have wheels for Python 3.11.
"""


def pins():
    "Name → version, of the file."
    lines = (line.split("#")[0].strip() for line in FILE.read_text(encoding="utf-8").splitlines())
    return {name(line.split("==")[0]): line.split("==")[1] for line in lines if line}


def name(text):
    return re.sub(r"[-_.]+", "-", text).lower()


def build_tools():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]


def resolved(constraints):
    "Name → version of all that pip would install into an empty environment."
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-",
               *constraints, f"{ROOT}[{','.join(EXTRAS)}]", *build_tools()]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    found = {name(item["metadata"]["name"]): item["metadata"]["version"] for item in report["install"]}
    return {package: version.split("+")[0] for package, version in found.items() if not UNPINNED.fullmatch(package)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--upgrade", action="store_true")
    args = parser.parse_args()
    wanted = resolved([TORCH] if args.upgrade else ["-c", str(FILE)])
    if args.write or args.upgrade:
        FILE.write_text(HEAD + "".join(f"{p}=={v}\n" for p, v in sorted(wanted.items())), encoding="utf-8")
        return
    held = pins()
    wrong = [f"{p}: pip takes {wanted.get(p, 'none')}, the file says {held.get(p, 'nothing')}"
             for p in sorted({*wanted, *held}) if wanted.get(p) != held.get(p)]
    wrong += [f"{tool} in pyproject.toml is not a pin (==)" for tool in build_tools() if "==" not in tool]
    if wrong: sys.exit("constraints.txt is not current; run python .ci/constraints.py --write\n" + "\n".join(wrong))
    print(f"constraints.txt pins all {len(wanted)} packages")


if __name__ == "__main__":
    main()
