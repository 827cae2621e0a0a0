# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""programs.py itself: nothing that a test program leaves out, or ends with, is taken for success."""

import os
import subprocess
import sys
import tempfile

import pytest

from lab import ROOT, temporary_prefix

# What Criterion's programs do, in little: {} is what the program does once it is asked for a report in $tap.
PROGRAM = """#!/bin/bash
[ "$1" = --list ] && printf 'suite: 2 tests\\n├── one\\n└── two\\n' && exit
tap=${{1#--tap=}}
{}
"""
GOOD = "printf 'ok - suite::one  (0.0s)\\nok - suite::two  (0.0s)\\n' > $tap"


def run(*arguments):
    """pytest, but for what one around it has put into the environment. It does not take turns with the one around it,
    which has its turn while it waits for this one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with tempfile.TemporaryDirectory(prefix=temporary_prefix()) as build:
        environment["SUPERPACKET_BUILD"] = build
        return subprocess.run([sys.executable, "-B", "-m", "pytest", "-c", ".pytest.ini", "-p", "no:cacheprovider",
                               *arguments], cwd=ROOT, capture_output=True, text=True, env=environment)


# What it does, and the totals.
CASES = {
    "both pass": (GOOD, "2 passed, 0 failed, 0 skipped"),
    "one fails": ("printf 'ok - suite::one\\nnot ok - suite::two\\n  a.c:1: because\\n' > $tap; exit 1",
                  "1 passed, 1 failed, 0 skipped"),
    "one is not reported": ("printf 'ok - suite::one\\n' > $tap", "1 passed, 1 failed, 0 skipped"),
    "a crash before the report": ("kill -SEGV $$", "0 passed, 2 failed, 0 skipped"),
    "a crash behind the last test": (GOOD + "; kill -SEGV $$", "0 passed, 2 failed, 0 skipped"),
    "one is skipped": ("printf 'ok - suite::one # SKIP needs root\\nok - suite::two\\n' > $tap",
                       "1 passed, 0 failed, 1 skipped"),
}


@pytest.mark.parametrize("sentence", CASES)
def test_totals(sentence):
    """What a program of Criterion reports, and what it does not, is in the last line and in the exit code."""
    does, totals = CASES[sentence]
    with tempfile.TemporaryDirectory(prefix=temporary_prefix()) as directory:
        program = os.path.join(directory, "unit_made_up")
        with open(program, "w") as file:
            file.write(PROGRAM.format(does))
        os.chmod(program, 0o755)
        done = run("--only=suite::", "tests/tree", program)
    assert done.stdout.splitlines()[-1] == totals, f"{sentence}: {done.stdout}{done.stderr}"
    assert (done.returncode == 0) == (" 0 failed" in totals), f"{sentence}: ended with {done.returncode}"
    assert ("needs root" in done.stdout) == ("SKIP" in does), f"{sentence}: {done.stdout}"


def test_missing():
    """A program that was not built is an error, not a test less."""
    done = run("tests/tree", "unit_missing")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR and "unit_missing" in done.stderr, f"{done}"
