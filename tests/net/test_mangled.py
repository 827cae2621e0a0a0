# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A wire that loses, reorders, duplicates and corrupts: the bytes stay right, and no corrupted
packet is ever part of a superpacket."""

import mmap

from capture import Capture
from daemon import Daemon, add_up
from packets import Tcp
from streams import servers, transfer
from wire import PORT, Wire

LENGTH = 64 << 20
RATES = {"lose": 3, "reorder": 5, "duplicate": 3, "corrupt": 5}


class Witness:
    """Looks at everything the daemon hands to the stack: is what a superpacket carries what
    the sender's file has at that place of the stream?"""

    def __init__(self, data):
        with open(data.path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.begin = {}  # client's port -> sequence number of the stream's first byte
        self.superpackets = self.segments = self.corrupted = 0
        self.wrong = []

    def see(self, packet):
        tcp = Tcp.parse(packet.frame)
        if packet.gso_size:
            self._see_superpacket(packet, tcp)
        elif tcp is None or not tcp.checksums_right():
            self.corrupted += 1
        elif tcp.sport == PORT and tcp.flags & Tcp.SYN:
            self.begin[tcp.dport] = (tcp.seq + 1) % 2**32

    def _see_superpacket(self, packet, tcp):
        self.superpackets += 1
        self.segments += -(-len(tcp.payload) // packet.gso_size)
        if tcp.sport != PORT or tcp.dport not in self.begin:
            self.wrong.append(f"a superpacket of no known stream: ports {tcp.sport} {tcp.dport}")
            return
        offset = (tcp.seq - self.begin[tcp.dport]) % 2**32
        if tcp.payload != self.data[offset:offset + len(tcp.payload)]:
            self.wrong.append(f"{len(tcp.payload)} bytes at {offset} of the stream")


def expect_mangled(did, corrupt):
    for direction in did.values():
        for what in ("lost", "reordered", "duplicated") + (("corrupted",) if corrupt else ()):
            assert direction[what] > 0, f"the mangler has {what} nothing: {did}"


def inward(lab, data, family):
    wire = Wire(lab, mangle=dict(RATES, seed=family))
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    witness = Witness(data)
    with Capture(wire.host, daemon.tap(), witness.see) as capture:
        transfer(lab, wire, data, "in", family, length=LENGTH).finish(120)
    errors = wire.host.snmp()
    total = daemon.total()
    did = wire.mangled()

    expect_mangled(did, corrupt=True)
    assert not witness.wrong, f"{len(witness.wrong)} superpackets carry wrong bytes: {witness.wrong[:3]}"
    assert witness.superpackets > 1000 and witness.segments > 2 * witness.superpackets, (
        f"only {witness.superpackets} superpackets of {witness.segments} segments were seen")
    assert witness.superpackets + capture.dropped >= total["rx_superpackets"] - 10, (
        f"seen {witness.superpackets} of {total['rx_superpackets']} superpackets")
    # corrupted packets went up alone and unmodified, and the kernel has found them
    assert witness.corrupted > 50, f"only {witness.corrupted} corrupted packets were seen alone"
    assert total["rx_checksum_errors"] > 50, f"the daemon counted {total['rx_checksum_errors']} checksum errors"
    assert errors["TcpInCsumErrors"] > 50, f"the kernel counted {errors['TcpInCsumErrors']} checksum errors"
    assert not add_up(total), f"counters do not add up: {add_up(total)}"


def test_in_ipv4(lab, data):
    """In over IPv4: SHA-256 intact, no corrupted packet in any superpacket."""
    inward(lab, data, 4)


def test_in_ipv6(lab, data):
    """In over IPv6: SHA-256 intact, no corrupted packet in any superpacket."""
    inward(lab, data, 6)


def test_outward(lab, data):
    """Out over IPv4 and IPv6: SHA-256 intact."""
    wire = Wire(lab, mangle=dict(RATES, seed=7))
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    for family in (4, 6):
        transfer(lab, wire, data, "out", family, length=LENGTH).finish(120)
    total = daemon.total()
    did = wire.mangled()
    expect_mangled(did, corrupt=True)
    assert total["tx_superpackets"] > 0, "no superpacket was cut"
    assert not add_up(total), f"counters do not add up: {add_up(total)}"


def test_control(lab, data):
    """A clean wire behind the same relay: nothing is lost or wrong (the control experiment)."""
    wire = Wire(lab, mangle={})
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    for direction, family in (("in", 4), ("out", 6)):
        transfer(lab, wire, data, direction, family, length=LENGTH).finish(120)
    total = daemon.total()
    did = wire.mangled()
    for direction in did.values():
        assert direction["lost"] + direction["corrupted"] == 0, f"the mangler mangled: {did}"
    assert total["rx_checksum_errors"] == 0, f"{total['rx_checksum_errors']} checksum errors"
    for ns in (wire.host, wire.peer):
        assert ns.snmp()["TcpInCsumErrors"] == 0, f"{ns.name}: the kernel saw checksum errors"
