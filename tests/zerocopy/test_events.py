# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What changes under a daemon in zero copy: connections go on, and it is zero copy as before."""

import pytest

from lab import wait_until
from paced import Paced
from real_wire import RealWire, start, zero_copy
from streams import expect_clean, servers

pytestmark = [pytest.mark.machine("two queues"), pytest.mark.more]

FIRST = 256 << 10  # of a stream, each time before something happens


def streams_of(wire, data):
    """One each way, IPv4, whose addresses outlive a link that is down; read_some() of both."""
    return [Paced(wire.host, wire.PEER4, data), Paced(wire.peer, wire.HOST4, data)]


def read_some(streams):
    for stream in streams:
        stream.read(FIRST)


def expect_carried(daemon, streams):
    """Both streams come through the daemon (again)."""
    def carried():
        before = daemon.total()
        read_some(streams)
        after = daemon.total()
        return all(after[name] > before[name] for name in ("rx_superpackets", "tx_superpackets"))

    wait_until(carried, 5, "the daemon carries both streams")


def expect_refused(wire):
    """virtio_net changes no queue count under an XDP program; what can be followed is in tests/net."""
    done = wire.host.run("ethtool", "-L", wire.nic, "combined", "1", check=False)
    assert done.returncode != 0, "the queue count was changed: this driver can, so this has to be tested"


def change_mtu(wire, daemon, size):
    for ns, nic in ((wire.host, wire.nic), (wire.peer, wire.wire)):
        ns.ip("link", "set", "dev", nic, "mtu", str(size))
    wait_until(lambda: wire.host.ip_json("link", "show", "dev", daemon.tap())[0]["mtu"] == size, 5,
               f"the TAP has the NIC's MTU of {size}")


def down_and_up(wire):
    for state in ("down", "up"):
        wire.host.ip("link", "set", "dev", wire.nic, state)


def test_changes(lab, data):
    """Zero copy on two queues: MTU larger and smaller, queue count refused, link down and up, under streams."""
    wire = RealWire(lab, queues=2)
    daemon = start(lab, wire, queues=2)
    servers(lab, wire, data)
    streams = streams_of(wire, data)
    read_some(streams)
    for change in (lambda: change_mtu(wire, daemon, 3000), lambda: change_mtu(wire, daemon, 1300),
                   lambda: expect_refused(wire)):
        change()
        expect_carried(daemon, streams)
        zero_copy(daemon, 2)
    expect_clean(daemon, [wire.host, wire.peer])
    down_and_up(wire)
    expect_carried(daemon, streams)
    for stream in streams:
        stream.read_to_end()
    zero_copy(daemon, 2)
    wait_until(lambda: daemon.status()["state"] == "ok", 5, lambda: f"state: {daemon.status()['state']}")
    daemon.stop()
