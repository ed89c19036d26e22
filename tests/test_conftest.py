"""What a run of the tests says about itself."""

from types import SimpleNamespace

from conftest import pytest_terminal_summary


def summary(*reasons):
    lines, skipped = [], [SimpleNamespace(longrepr=("test.py", 1, f"Skipped: {why}")) for why in reasons]
    stats = {"skipped": skipped} if skipped else {}
    pytest_terminal_summary(SimpleNamespace(stats=stats, write_line=lines.append))
    return lines


def test_what_was_not_run_is_said_in_one_line():
    assert summary() == []
    assert summary("no Chromium", "octave-cli is not installed", "no Chromium") == [
        "not run: 2 × no Chromium; 1 × octave-cli is not installed"]
