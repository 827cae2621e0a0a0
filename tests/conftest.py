# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""How the tests are run: by one pytest, the test programs in C as well (programs.py).

    make test                          builds and runs what every change must pass; make test-more: the rest
    make test T=REGEX                  those whose id matches, e.g. T=unit_gro, T=test_bulk, T=':oldest'
    pytest tests/net/test_bulk.py      of what was built, as root, for whatever pytest can (-k, -x, --lf, --pdb)

To add a test:
 1. Without the kernel: Test(suite, name) in tests/unit/test_NAME.c; BPF programs: tests/bpf; the NIC: tests/nic.
 2. A whole daemon: def test_name(lab, data) in tests/net/test_NAME.py. lab makes namespaces and processes, data is a
    file to transfer (net/lab.py, net/wire.py, net/streams.py). The docstring is the sentence that is tested.
 3. superpacket replay: def test_name(bench) in tests/replay. In zero copy: tests/zerocopy.
 4. `assert condition, "expected and seen"`; wait with wait_until(), never sleep. Whatever a test makes goes with lab.
 5. @pytest.mark.alone where it measures time. What this machine lacks is pytest.skip("what, and what helps").
"""

import ctypes
import os
import re
import signal
import sys

import pytest

sys.dont_write_bytecode = True  # the source tree stays as it was cloned

import figures  # noqa: E402
import laboratory  # noqa: E402
import lab  # noqa: E402
import programs  # noqa: E402
from turns import Turns  # noqa: E402

try:
    from xdist.scheduler import LoadScopeScheduling
except ImportError:
    LoadScopeScheduling = object

WORKERS_MOST = 4
PR_SET_PDEATHSIG = 1


def pytest_addoption(parser):
    parser.addoption("--only", metavar="REGEX", default="", help="run tests whose id matches")
    parser.addoption("--fuzz-seconds", type=int, default=10, help="of each fuzz target")
    parser.addoption("--scale", type=float, default=0.02, help="of the numbers of events in tests/drills")


def pytest_configure(config):
    missing = [path for path in config.args if not os.path.exists(path.partition("::")[0])]
    if missing:
        raise pytest.UsageError(f"not there: {' '.join(missing)}: run make tests")
    config.pluginmanager.register(figures)
    config.pluginmanager.register(laboratory)
    config.pluginmanager.register(programs)
    lab.catch_signals()
    if hasattr(config, "workerinput"):
        # should the one above us be killed, we take down what we have set up
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def machine_of(item):
    """The emulated machine that runs it, if one does."""
    marker = item.get_closest_marker("machine")
    return marker and marker.args[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """The longest first, and last what runs alone."""
    only = re.compile(config.getoption("only"))
    config.hook.pytest_deselected(items=[item for item in items if not only.search(item.nodeid)])
    items[:] = [item for item in items if only.search(item.nodeid)]

    def rank(item):
        machine = machine_of(item)
        return (item.get_closest_marker("alone") is not None, machine is None, machine or "",
                isinstance(item, programs.CriterionItem))

    items.sort(key=rank)


# ---- taking turns ----


TURNS = Turns()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    if machine_of(item):  # the machine itself takes its turn
        yield
        return
    TURNS.enter(item.get_closest_marker("alone") is not None)
    try:
        yield
    finally:
        TURNS.leave()


# ---- pytest-xdist ----


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """One more than processors: it waits for the emulated machine most of the time."""
    return min(len(os.sched_getaffinity(0)), WORKERS_MOST) + 1


class Scheduling(LoadScopeScheduling):
    """What shares a program or the emulated machine is run by one worker, in order; every other test is on its own."""

    def _split_scope(self, nodeid):
        path = nodeid.partition("::")[0]
        if path.startswith("tests/zerocopy/"):
            return "tests/zerocopy"
        return nodeid if path.endswith(".py") else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)


# ---- what is said ----


def totals(reporter):
    def count(*names):
        return sum(len(reporter.stats.get(name, ())) for name in names)

    return count("passed"), count("failed", "error"), count("skipped")


def pytest_sessionfinish(session, exitstatus):
    """Nothing but skipped tests is no success."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and exitstatus == pytest.ExitCode.OK and not totals(reporter)[0]:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_terminal_summary(terminalreporter, config):
    config.stash[TOTALS] = totals(terminalreporter)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    if TOTALS in config.stash:
        print("{} passed, {} failed, {} skipped".format(*config.stash[TOTALS]), flush=True)


TOTALS = pytest.StashKey()
