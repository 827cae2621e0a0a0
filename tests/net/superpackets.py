# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Superpackets of every kind, described; both the kernel as oracle and the TAP of a daemon are given them."""

import random
import struct
from dataclasses import dataclass, replace

from capture import NEEDS_CSUM
from described import DESTINATION, HOP_BY_HOP, ROUTING, Outer, Packet, timestamp
from oracle_sequences import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG
from packets import PROTOCOL_TCP, PROTOCOL_UDP, internet_sum, pseudo_header

GSO_TCPV4, GSO_TCPV6, GSO_UDP, GSO_ECN = 1, 4, 5, 0x80
GSO_TUNNEL = {4: 0x20, 6: 0x40}
TUNNEL_CSUM = 8  # of the flags: the outer UDP checksum is there


@dataclass(frozen=True)
class Superpacket:
    name: str
    packet: Packet  # with all the payload
    mss: int

    @property
    def lengths(self):
        return [min(self.mss, self.packet.length - at) for at in range(0, self.packet.length, self.mss)]


def unfinished(packet, number=0):
    """The frame with the pseudo-header sum in its L4 checksum field; where L3 and L4 begin, within a
    tunnel those of the packet inside."""
    frame = bytearray(packet.whole(number))
    l3 = 14 + 4 * len(packet.vlan)
    if packet.outer:
        l3 += packet.outer.ip_length + packet.outer.header_length(packet.version)
    l4 = l3 + 20 + len(packet.ip_options) if packet.version == 4 else l3 + 40 + sum(
        2 + len(data) for _, data in packet.extensions)
    addresses = bytes(frame[l3 + 12:l3 + 20] if packet.version == 4 else frame[l3 + 8:l3 + 40])
    protocol, field = (PROTOCOL_UDP, 6) if packet.udp else (PROTOCOL_TCP, 16)
    pseudo = pseudo_header(addresses, b"", protocol, len(frame) - l4)
    struct.pack_into("!H", frame, l4 + field, internet_sum(pseudo))
    if packet.outer and packet.outer.csum != "zero":
        at = outer_l4(packet)
        pseudo = pseudo_header(*packet.outer.addresses, PROTOCOL_UDP, len(frame) - at)
        struct.pack_into("!H", frame, at + 6, internet_sum(pseudo))
    return bytes(frame), l3, l4


def outer_l4(packet):
    return 14 + packet.outer.ip_length


def request(superpacket, frame, l4):
    """The virtio header: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset."""
    packet = superpacket.packet
    flags, kind = NEEDS_CSUM, GSO_UDP if packet.udp else GSO_TCPV4 if packet.version == 4 else GSO_TCPV6
    if packet.flags & CWR and not packet.udp:
        kind |= GSO_ECN
    if packet.outer:
        kind |= GSO_TUNNEL[packet.outer.version]
        flags |= TUNNEL_CSUM if packet.outer.csum != "zero" else 0
    return flags, kind, len(frame) - packet.length, superpacket.mss, l4, 6 if packet.udp else 16


RANDOM_SUPERPACKETS, SEED = 1000, 20261
RANDOM_SIZES = 30  # of segments: the command is run once for each


class Table:
    def __init__(self):
        self.superpackets = []

    def add(self, name, mss=1000, versions=(4, 6), **fields):
        for version in versions:
            packet = Packet(**{"length": 3 * mss + 1, **fields, "version": version})
            self.superpackets.append(Superpacket(f"{name}, IPv{version}", packet, mss))


def lengths(table, **fields):
    """One byte more and less than whole segments, the whole 64 KB, odd sizes: the sum's byte order."""
    for mss, length in ((1000, 999), (1000, 1000), (1000, 1001), (1000, 1999), (1000, 2000),
                        (1000, 2001), (1, 100), (7, 100), (535, 5350), (536, 5355), (1447, 65000),
                        (1448, 65000), (8800, 65000)):
        if not fields.get("udp") or length <= 128 * mss:
            table.add(f"S1 S2 {length} bytes by {mss}", mss, length=length, **fields)


def ip(table, **fields):
    v4, v6 = {"versions": (4,), **fields}, {"versions": (6,), **fields}
    for first in (0, 1, 65533, 65535):
        table.add(f"S4 IDs from {first}", ip_id=first, **v4)
    table.add("S4 IDs, DF clear", df=False, **v4)
    table.add("TTL and TOS", ttl=1, tos=0xBB, **fields)
    table.add("flow label", label=0xFFFFF, **v6)
    table.add("S2 one VLAN tag", vlan=((0x8100, 0xB005),), **fields)
    table.add("S2 two VLAN tags", vlan=((0x88A8, 7), (0x8100, 5)), **fields)
    options, route = bytes((1, 4, 0, 0, 0, 0)), bytes((253, 0, 0, 0, 0, 0))
    for name, headers in (("hop-by-hop", ((HOP_BY_HOP, options),)),
                          ("destination", ((DESTINATION, options),)),
                          ("routing", ((ROUTING, route),)),
                          ("long", ((DESTINATION, bytes((1, 12)) + bytes(12)),)),
                          ("all three", ((HOP_BY_HOP, options), (ROUTING, route), (DESTINATION, options)))):
        table.add(f"S4 extension headers: {name}", extensions=headers, **v6)


def tcp(table, **fields):
    for name, flag in (("FIN", FIN), ("SYN", SYN), ("RST", RST), ("PSH", PSH), ("URG", URG), ("ECE", ECE),
                       ("CWR", CWR), ("FIN and PSH", FIN | PSH), ("CWR and ECE", CWR | ECE),
                       ("all", 0xFF)):
        table.add(f"S3 {name}", flags=ACK | flag, urgent=9 if flag & URG else 0, **fields)
    table.add("S3 reserved bits", reserved=0xE, **fields)
    table.add("S3 AE", reserved=1, **fields)
    table.add("S2 sequence numbers wrap", seq=2**32 - 1500, **fields)
    table.add("S5 timestamps", options=timestamp(123456789), **fields)
    table.add("S1 V2 timestamps, one segment", options=timestamp(123456789), length=1000, **fields)
    table.add("S1 V2 timestamps, one short segment", options=timestamp(1), length=988, **fields)
    table.add("S5 forty bytes of options", options=bytes(range(1, 41)), **fields)
    table.add("S5 window and ACK", window=65535, ack=2**32 - 1, **fields)
    for first in range(0, 65536, 8191):
        table.add(f"S5 a sum near the fold: window {first}", window=first, mss=2, length=40, **fields)


def udp(table):
    lengths(table, udp=True)
    ip(table, udp=True)
    table.add("S6 128 segments", 500, udp=True, length=128 * 500)
    for version in (4, 6):
        table.add("S6 a sum of 0 becomes 0xffff", 1000, (version,), udp=True, length=3000,
                  data=sums_to_zero(version))


def sums_to_zero(version):
    """Payload whose first segment has the UDP checksum 0."""
    packet = Packet(version=version, udp=True, length=1000).sums_to_zero(0)
    assert packet.frame(0)[-1002:-1000] == b"\xff\xff", "the test's packet has no sum of 0"
    return packet.data + bytes(2000)


def tunnels(table):
    for csum in ("zero", "right"):
        outer = Outer(csum=csum)
        lengths(table, outer=outer)
        ip_inside = {"versions": (4,), "outer": outer}
        table.add(f"S7 outer checksum {csum}", outer=outer)
        table.add(f"S7 IDs inside, outer checksum {csum}", ip_id=65534, **ip_inside)
        table.add(f"S3 S7 FIN, PSH, CWR inside, outer checksum {csum}", flags=ACK | FIN | PSH | CWR,
                  outer=outer)
        table.add(f"S5 S7 timestamps inside, outer checksum {csum}", options=timestamp(5), outer=outer)
        lengths(table, outer=replace(outer, version=6))
    table.add("S7 outer IDs wrap", outer=Outer(ip_id=65534))
    table.add("S7 outer DF, TTL, TOS", outer=Outer(df=True, ttl=3, tos=0xBB))
    table.add("S7 outer IPv6, TTL, TOS", outer=Outer(version=6, ttl=3, tos=0xBB))
    table.add("S6 S7 UDP inside", udp=True, outer=Outer(csum="right"))
    table.add("S6 S7 UDP inside, no outer checksum", udp=True, outer=Outer())


def geneve(table):
    """A virtio header says that there is a tunnel over UDP, not which: what is in front of the packet inside
    is copied as it is."""
    for csum in ("zero", "right"):
        for version in (4, 6):
            outer = Outer("geneve", csum=csum, version=version)
            table.add(f"S7 GENEVE in IPv{version}, outer checksum {csum}", outer=outer)
            table.add(f"S7 GENEVE, options, in IPv{version}, outer checksum {csum}",
                      outer=replace(outer, options=bytes.fromhex("0102030100000001")))
            table.add(f"S6 S7 UDP in GENEVE in IPv{version}, outer checksum {csum}", udp=True, outer=outer)
        lengths(table, outer=Outer("geneve", csum=csum))


def at_random(table, count):
    rng = random.Random(SEED)
    sizes = [rng.randint(*rng.choice(((1, 60), (61, 1460), (1461, 8000)))) for _ in range(RANDOM_SIZES)]
    for number in range(count):
        rng = random.Random(f"{SEED} {number}")
        mss = rng.choice(sizes)
        length = rng.randint(1, min(60000, 120 * mss))
        udp = rng.random() < 0.3
        fields = {"udp": udp, "length": length, "ip_id": rng.randrange(65536), "df": rng.random() < 0.5,
                  "ttl": rng.randrange(1, 256), "tos": rng.randrange(256), "host": rng.randrange(1, 250)}
        if not udp:
            fields |= {"flags": rng.randrange(256), "seq": rng.randrange(2**32), "ack": rng.randrange(2**32),
                       "window": rng.randrange(65536), "options": rng.randbytes(4 * rng.randrange(11))}
        version = rng.choice((4, 6))
        if version == 6:
            fields["label"] = rng.randrange(2**20)
        if rng.random() < 0.2:
            fields["outer"] = Outer(csum=rng.choice(("zero", "right")), version=rng.choice((4, 6)),
                                    ip_id=rng.randrange(65536), df=rng.random() < 0.5)
        elif rng.random() < 0.3:
            fields["vlan"] = ((0x8100, rng.randrange(65536)),)
        data = rng.randbytes(length)
        table.add(f"seed {SEED} number {number}", mss, (version,), data=data, **fields)


def dropped_by_linux(superpacket):
    """S1, V2: Linux counts TCP options as payload when it asks whether there is more than one segment,
    then finds that there is not, and drops the packet. Ours sends it as it is."""
    packet = superpacket.packet
    one = len(superpacket.lengths) == 1 and not packet.udp
    return one and packet.length + len(packet.options) > superpacket.mss
