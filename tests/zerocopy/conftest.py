# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The daemon on a NIC in real zero copy: in emulated machines (machine.py), with a kernel and an emulator that are
fetched once (packages.py) and kept in BUILD/zerocopy.

The tests are collected here as all others are, and run in the guest, by a pytest of its own: what it reports is
reported here. SUPERPACKET_SKIP_ZEROCOPY=1 skips all of it.
"""

import os
import tempfile

import pytest

import image
import packages
from lab import BUILD, ROOT, temporary_prefix
from machine import SETUPS, Broken, Guest
from turns import Turns

GUESTS = {}  # those of this run, by name; one at a time is up


class Running:
    """A machine with the tests that it still owes us. Nothing runs alone meanwhile."""

    def __init__(self, name, tests):
        self.waiting = set(tests)
        self.turns = Turns()
        self.directory = tempfile.TemporaryDirectory(prefix=temporary_prefix())
        self.guest, self.broken = None, None
        self.turns.enter()
        try:
            found = packages.fetch(os.path.join(BUILD, "zerocopy"))
            initramfs = os.path.join(self.directory.name, "initramfs")
            image.build(found, ROOT, BUILD, tests, initramfs)
            self.guest = Guest(found, SETUPS[name], initramfs, self.directory.name)
        except (Broken, packages.Unavailable) as error:
            self.broken = error
            self.close()
        except BaseException:
            self.close()
            raise

    def reports(self, nodeid):
        """Raises Broken or Unavailable."""
        if self.broken:
            raise self.broken
        try:
            found = self.guest.reports(nodeid)
        except Broken as broken:
            self.broken = broken
            self.close()
            raise
        self.waiting.remove(nodeid)
        if not self.waiting:
            self.close()
        return found

    def close(self):
        if self.guest:
            self.guest.close()
        self.turns.leave()
        self.directory.cleanup()


def machine_name(item):
    marker = item.get_closest_marker("machine")
    return marker and marker.args[0]


def cannot_run(name):
    """One sentence, or None."""
    if os.environ.get("SUPERPACKET_SKIP_ZEROCOPY", "0") not in ("", "0"):
        return "SUPERPACKET_SKIP_ZEROCOPY is set"
    if SETUPS[name].wire == "tap" and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "several queues need /dev/net/tun"
    return None


def reports_of(item, name):
    """What the guest reports of a test; skipped where there can be no guest."""
    why = cannot_run(name)
    try:
        if not why:
            if name not in GUESTS:
                tests = [other.nodeid for other in item.session.items if machine_name(other) == name]
                GUESTS[name] = Running(name, tests)
            load = item.config.hook.pytest_report_from_serializable
            return [load(config=item.config, data=data) for data in GUESTS[name].reports(item.nodeid)]
    except packages.Unavailable as unavailable:
        why = str(unavailable)
    except Broken as broken:
        return [pytest.TestReport(item.nodeid, item.location, {}, "failed", str(broken), "call")]
    skipped = (str(item.path), item.location[1], f"Skipped: {why}")
    return [pytest.TestReport(item.nodeid, item.location, {}, "skipped", skipped, "setup")]


def pytest_runtest_protocol(item):
    name = machine_name(item)
    if not name:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports_of(item, name):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_sessionfinish():
    for guest in GUESTS.values():
        guest.close()
