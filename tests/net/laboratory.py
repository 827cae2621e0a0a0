# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a test of whole daemons is given: lab, a fresh laboratory of namespaces, and data, a file of random bytes.

A test that fails while this machine was too busy for it (Lab.disturbed()) has shown nothing: it is repeated, in a new
laboratory, up to REPEATS times in all, or until it fails twice in the very same way. That is said at the end.
"""

import os

import pytest
from _pytest.runner import runtestprotocol

import lab as namespaces
import starved
from daemon import DAEMON
from data import Data

DATA_LENGTH = 192 << 20
REPEATS = 5
DISTURBED = pytest.StashKey()


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


def pytest_runtest_protocol(item, nextitem):
    in_machine = item.get_closest_marker("machine") and not starved.emulated
    if in_machine or "lab" not in getattr(item, "fixturenames", ()):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    why = None
    for attempt in range(1, REPEATS + 1):
        item.stash[DISTURBED], before = None, why
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        why = next((last_line(report) for report in reports if report.failed), None)
        if not item.stash[DISTURBED] or attempt == REPEATS or why == before:
            break
        item.user_properties.append(("repeated", f"{item.stash[DISTURBED]}; {why}"))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def last_line(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    return " ".join((crash.message if crash else str(report.longrepr)).split())[:300]


def pytest_terminal_summary(terminalreporter):
    repeated = [f"{report.nodeid}: {why}" for reports in terminalreporter.stats.values() for report in reports
                if getattr(report, "when", None) == "call"
                for name, why in report.user_properties if name == "repeated"]
    if repeated:
        terminalreporter.section("repeated, as this machine was busy")
        for line in repeated:
            terminalreporter.write_line(line)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What is tested, and the last words of the lab's processes, where a test has failed."""
    report = (yield).get_result()
    if not report.failed:
        return
    made = (getattr(item, "funcargs", None) or {}).get("lab")
    item.stash[DISTURBED] = made and made.disturbed()
    sentence = getattr(getattr(item, "obj", None), "__doc__", None)
    if sentence:
        report.sections.insert(0, ("what is tested", " ".join(sentence.split())))
    for process in made.processes[-8:] if made else ():
        state = "runs" if process.running() else f"ended with {process.popen.returncode}"
        report.sections.append((f"{process.name} {state}", process.stderr().strip()[-1500:]))
