# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Checked transfers through a daemon on a Wire, and what must hold behind them."""

from daemon import Daemon, add_up, per_superpacket
from wire import Server, Transfer, Wire

# What a bulk stream has to reach (64 KB hold 45 segments of 1448 bytes).
ENOUGH = 20
QUEUE_LENGTH = 64 << 20


def servers(lab, wire, data, host=None):
    """One on each side: data flows in when the peer serves, out when the host does."""
    Server(lab, wire.peer, data)
    Server(lab, host or wire.host, data)


def transfer(lab, wire, data, direction, family, host=None, length=None):
    if direction == "in":
        ns, address = host or wire.host, wire.peer_address(family)
    else:
        ns, address = wire.peer, wire.host_address(family)
    return Transfer(lab, ns, address, data, length)


def expect_clean(daemon, namespaces, dropped=None):
    """No checksum error, and no drop anywhere but those that there were before; counters add up."""
    status = daemon.status()
    total = status["total"]
    for part in [*status["queues"], total]:
        wrong = add_up(part)
        assert not wrong, f"counters do not add up: {wrong}"
    assert total["rx_checksum_errors"] == 0, f"the daemon saw {total['rx_checksum_errors']} checksum errors"
    drops = daemon.own_drops()
    assert drops == (dropped or {}), (
        f"the daemon dropped packets: {drops}, before {dropped}; longest wait {daemon.starvation.longest:.3f} s")
    for ns in namespaces:
        errors = ns.snmp()["TcpInCsumErrors"]
        assert errors == 0, f"{ns.name}: the kernel saw {errors} TCP checksum errors"


def all_ways(lab, wire, daemon, data, host=None, enough=ENOUGH, length=None, dropped=None):
    """Four transfers: in and out, IPv4 and IPv6."""
    servers(lab, wire, data, host)
    for family in (4, 6):
        for number, direction in enumerate(("in", "out")):
            before = daemon.total()
            transfer(lab, wire, data, direction, family, host, length).finish()
            after = daemon.total()
            got = per_superpacket(before, after)[number]
            assert got >= enough, (
                f"IPv{family} {direction}: {got:.1f} segments per superpacket instead of at least {enough}")
    expect_clean(daemon, [host or wire.host, wire.peer], dropped)


def jumbo_wire(lab, mtu, *options, port=False):
    """A daemon in either mode; (wire, daemon, the namespace that has the host's addresses)."""
    wire = Wire(lab, mtu=mtu, host_addresses=not port)
    if not port:
        return wire, Daemon(lab, wire.host, wire.nic, *options)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap, *options)
    wire.address_host(wire.host, tap)
    return wire, daemon
