"""The first trials of each kind that `fuzz.py` knows, and that it finds what it is to find."""

import os
import time

import fuzz
import pytest

# kind: trials, and how many must at least come to each outcome
SHORT = {
    fuzz.files: (150, dict(read=30, refused=30, salvaged=10)),
    fuzz.cuts: (100, {"refused": 15, "no length to tell": 15}),
    fuzz.calls: (120, dict(answered=15, refused=40)),
    fuzz.pictures: (150, dict(refused=100)),
    fuzz.requests: (150, {"200": 20, "400": 20, "403": 10}),
}


@pytest.mark.slow
@pytest.mark.parametrize("trial", SHORT, ids=lambda trial: trial.__name__)
def test_no_promise_is_broken(trial):
    count, least = SHORT[trial]
    outcomes, failures = fuzz.run(trial, 0, count)
    assert not failures, "\n".join(f"--kind {trial.__name__} --seed {s}\n{text}" for s, text in failures.items())
    assert sum(outcomes.values()) == count and all(outcomes[name] >= n for name, n in least.items()), outcomes


def faulty(rng, folder):
    "Seeds 1 to 4: a wrong answer, a crash, a hang, more memory than there is."
    kind = int(rng.bit_generator.seed_seq.entropy[0])
    if kind == 1: raise ZeroDivisionError("one")
    if kind == 2: os.abort()
    if kind == 3: time.sleep(1000)
    if kind == 4: return str(len(bytearray(10**11)))
    return "fine"


@pytest.mark.slow
def test_each_kind_of_failure_is_found():
    outcomes, failures = fuzz.run(faulty, 0, 6, seconds=3)
    assert outcomes == {"fine": 2} and sorted(failures) == [1, 2, 3, 4]
    for seed, says in enumerate(["ZeroDivisionError: one", "ended with -6", "no answer within", "MemoryError"], 1):
        assert says in failures[seed]
