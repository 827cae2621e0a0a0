# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a test of whole daemons is given: lab, a fresh laboratory of namespaces, and data, a file of random bytes."""

import os

import pytest

import lab as namespaces
from daemon import DAEMON
from data import Data

DATA_LENGTH = 192 << 20


@pytest.fixture(scope="session")
def support():
    """Skips where there can be no laboratory; removes what runs that were killed have left."""
    missing = namespaces.missing_support()
    if missing:
        pytest.skip(missing)
    namespaces.remove_leftovers()
    assert os.path.exists(DAEMON), f"{DAEMON} is missing: run make"


@pytest.fixture
def lab(support):
    with namespaces.Lab() as made:
        yield made


@pytest.fixture(scope="session")
def data():
    with Data(DATA_LENGTH) as made:
        yield made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What is tested, and the last words of the lab's processes, where a test has failed."""
    report = (yield).get_result()
    if not report.failed:
        return
    sentence = getattr(getattr(item, "obj", None), "__doc__", None)
    if sentence:
        report.sections.insert(0, ("what is tested", " ".join(sentence.split())))
    made = (getattr(item, "funcargs", None) or {}).get("lab")
    for process in made.processes[-8:] if made else ():
        state = "runs" if process.running() else f"ended with {process.popen.returncode}"
        report.sections.append((f"{process.name} {state}", process.stderr().strip()[-1500:]))
