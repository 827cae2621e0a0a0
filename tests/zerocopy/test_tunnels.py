# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Tunnels that the kernel itself begins and ends, in zero copy: GENEVE, of which a TAP can be told, and GRE
and IP in IP, of which it cannot: there `--merge` is the word that this host terminates them."""

import pytest

from paced import Paced
from real_wire import RealWire, start
from streams import expect_clean, servers

pytestmark = pytest.mark.machine("one queue")

# By type: (options of its devices; network of what is inside; whether superpackets leave, too)
TUNNELS = {
    "geneve": (("id", "77"), "10.88.1", True),
    "gre": (("key", "99", "ttl", "64"), "10.88.2", False),
    "ipip": (("ttl", "64"), "10.88.3", False),
}
LENGTH = 1 << 20


def ends(wire):
    """Namespace, own and other address, number of the end."""
    return ((wire.host, wire.HOST4, wire.PEER4, 1), (wire.peer, wire.PEER4, wire.HOST4, 2))


def add(wire, kind):
    options, network, _ = TUNNELS[kind]
    for ns, local, remote, number in ends(wire):
        at = ("remote", remote) if kind == "geneve" else ("local", local, "remote", remote)
        ns.ip("link", "add", "name", f"t-{kind}", "type", kind, *options, *at)
        ns.up(f"t-{kind}")
        ns.address(f"t-{kind}", f"{network}.{number}/24")


def superpackets(daemon):
    total = daemon.total()
    return total["rx_superpackets"], total["tx_superpackets"]


@pytest.mark.more
def test_both_ways(lab, data):
    """Zero copy, GENEVE, GRE and IP in IP between kernels: TCP both ways, every byte compared."""
    wire = RealWire(lab)
    daemon = start(lab, wire, "--merge", ",".join(TUNNELS))
    servers(lab, wire, data)
    for kind, (_, network, leave) in TUNNELS.items():
        add(wire, kind)
        before = superpackets(daemon)
        Paced(wire.host, f"{network}.2", data, length=LENGTH).read_to_end()
        between = superpackets(daemon)
        assert between[0] > before[0], f"{kind}, in: nothing was merged"
        Paced(wire.peer, f"{network}.1", data, length=LENGTH).read_to_end()
        # without --merge tcp nothing but this can be a superpacket
        if leave:
            assert superpackets(daemon)[1] > between[1], f"{kind}, out: nothing was cut"
    expect_clean(daemon, [wire.host, wire.peer])
    for ns in (wire.host, wire.peer):
        errors = ns.snmp()["UdpInCsumErrors"]
        assert errors == 0, f"{ns.name}: the kernel saw {errors} UDP checksum errors"
    daemon.stop()
