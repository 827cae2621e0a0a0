# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Many connections: short ones one after the other, long ones at the same time."""

from daemon import Daemon
from streams import expect_clean, servers
from wire import Wire, storm

# Everything at once here: small packets, pure ACKs, SYN and FIN, thousands of flows.
SHORT = {"connections": 3000, "at_once": 32, "shortest": 1, "longest": 20_000}
PARALLEL = {"connections": 200, "at_once": 200, "shortest": 400_000, "longest": 600_000}


def both_ways(lab, data, load, mode):
    wire = Wire(lab, host_addresses=mode == "inline")
    if mode == "inline":
        daemon = Daemon(lab, wire.host, wire.nic)
    else:
        tap = lab.unique("tap")
        daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap, "--transmit", "slices")
        wire.address_host(wire.host, tap)
    servers(lab, wire, data)
    for family in (4, 6):
        storm(lab, wire.host, wire.peer_address(family), data, **load)
        storm(lab, wire.peer, wire.host_address(family), data, **load)
    expect_clean(daemon, [wire.host, wire.peer])


def test_short_connections_inline(lab, data):
    """12,000 short connections, inline."""
    both_ways(lab, data, SHORT, "inline")


def test_short_connections_port(lab, data):
    """12,000 short connections, port mode, slices."""
    both_ways(lab, data, SHORT, "port")


def test_parallel_streams(lab, data):
    """200 parallel streams each way and family, inline."""
    both_ways(lab, data, PARALLEL, "inline")
