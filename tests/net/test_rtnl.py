# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The kernel's lock of all interfaces (RTNL) is held by others for long, so each question about one is answered late:
the heartbeat does not wait for that."""

import itertools

import pytest

from beats import Beats
from daemon import COMMAND, Daemon
from faulty import ALWAYS, FAULTY, fault
from lab import wait_until
from sequence import Sequence
from wire import Wire

pytestmark = pytest.mark.alone  # it looks at times

def wait_said(daemon, text):
    wait_until(lambda: text in daemon.process.stderr(), 20,
               lambda: f"the daemon says {text!r}: {daemon.process.tail()}")


def test_lock_held(lab):
    """Status is asked for, another interface changes all the time, the NIC its MTU, then its name: all that takes long,
    and the heartbeat goes on."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp", program=FAULTY)
    flow = Sequence(wire.peer, wire.host, wire.HOST4)
    other, name, numbers = lab.unique("other"), lab.unique("new"), itertools.count()
    wire.host.ip("link", "add", other, "type", "veth")
    beats = Beats(lab, daemon)
    fault(daemon, "rtnl", ALWAYS)
    beats.expect("status", lambda: wire.host.run(COMMAND, "-q", "status", check=False))
    beats.expect("another interface",
                            lambda: wire.host.ip("link", "set", other, "alias", str(next(numbers))))
    wire.host.ip("link", "set", wire.nic, "mtu", "1400")
    wait_said(daemon, "the MTU is now 1400")
    beats.expect("another MTU")
    wire.host.ip("link", "set", wire.nic, "name", name)
    wait_said(daemon, f"its name is now {name}")
    beats.expect("another name")
    flow.finish()
    daemon.stop()
