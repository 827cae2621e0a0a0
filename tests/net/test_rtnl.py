# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The kernel's lock of all interfaces (RTNL) is held by others for long, so each question about one is answered late:
the heartbeat does not wait for that."""

import itertools

import pytest

from bpfmaps import Map
from faulty import ALWAYS, FAULTY, fault
from daemon import Daemon
from lab import wait_until
from sequence import Sequence
from wire import Wire

pytestmark = pytest.mark.alone  # it looks at times

SHARE_MAX = 0.1    # of the packets that may find no heartbeat, on a busy machine; 1 of 2 do while one waits for an answer
PACKETS_MIN = 1000  # what the share is taken of


class Shares:
    """Of what arrives, how much has found no heartbeat while something was done."""

    def __init__(self, lab, daemon):
        names = list(daemon.status()["steer"])
        self._counters = Map(lab, daemon, "steer_counters")
        self._missed, self._heard = names.index("pass_no_heartbeat"), names.index("redirected")
        self._before = self._read()

    def _read(self):
        """Without the daemon, which may take its time."""
        return self._counters.sum(self._missed), self._counters.sum(self._heard)

    def expect_heartbeat(self, what, meanwhile=lambda: None):
        def enough():
            meanwhile()
            return sum(self._read()) - sum(self._before) > PACKETS_MIN

        wait_until(enough, 20, "packets arrive")
        missed, heard = (after - before for after, before in zip(self._read(), self._before))
        assert missed < SHARE_MAX * (missed + heard), f"{what}: {missed} packets found no heartbeat, {heard} did"
        self._before = self._read()


def wait_said(daemon, text):
    wait_until(lambda: text in daemon.process.stderr(), 20, lambda: f"the daemon says {text!r}: {daemon.process.tail()}")


def test_lock_held(lab):
    """Status is asked for, another interface changes all the time, the NIC its MTU, then its name: all that takes long,
    and the heartbeat goes on."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp", program=FAULTY)
    flow = Sequence(wire.peer, wire.host, wire.HOST4)
    other, name, numbers = lab.unique("other"), lab.unique("new"), itertools.count()
    wire.host.ip("link", "add", other, "type", "veth")
    shares = Shares(lab, daemon)
    fault(daemon, "rtnl", ALWAYS)
    shares.expect_heartbeat("status", daemon.status)
    shares.expect_heartbeat("another interface",
                            lambda: wire.host.ip("link", "set", other, "alias", str(next(numbers))))
    wire.host.ip("link", "set", wire.nic, "mtu", "1400")
    wait_said(daemon, "the MTU is now 1400")
    shares.expect_heartbeat("another MTU")
    wire.host.ip("link", "set", wire.nic, "name", name)
    wait_said(daemon, f"its name is now {name}")
    shares.expect_heartbeat("another name")
    fault(daemon, "rtnl", 0)
    flow.finish()
    daemon.stop()
