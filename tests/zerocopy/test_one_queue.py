# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A NIC with one queue: TCP both ways through a zero-copy socket, every byte compared."""

import pytest

from real_wire import RealWire, both_ways, start

pytestmark = pytest.mark.machine("one queue")


def test_inline(lab, data):
    """Inline, in zero copy: both ways over IPv4 and IPv6."""
    wire = RealWire(lab)
    daemon = start(lab, wire)
    transmit = daemon.status()["queues"][0]["xsk"]["transmit"]
    assert transmit == "built", f"transmit is {transmit}, but this driver has no multi-buffer"
    both_ways(lab, wire, daemon, data)
    daemon.stop()


@pytest.mark.more
def test_port(lab, data):
    """Port mode, in zero copy: both ways over IPv4 and IPv6."""
    wire = RealWire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = start(lab, wire, "--mode", "port", "--tap", tap)
    wire.address_host(wire.host, tap)
    both_ways(lab, wire, daemon, data)
    daemon.stop()
