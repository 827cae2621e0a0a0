# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The kernel as oracle of cutting (RULES: S1-S10): the same superpackets through Linux's software
segmentation and through `superpacket replay cut`; all segments must be equal, byte for byte."""

import os
import random
from dataclasses import replace

from lab import Failed
from oracle_gso import KernelGso, Superpacket, our_segments, outer_l4
from oracle_packets import DESTINATION, HOP_BY_HOP, ROUTING, Outer, Packet, timestamp
from oracle_path import TUN_F_TUNNEL, TUN_F_USO
from oracle_sequences import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG
from packets import PROTOCOL_UDP, difference, internet_sum, pseudo_header

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


def raised_by_linux(superpacket, segments):
    """From 7 on Linux cuts into no less than 8 bytes, whatever was asked: nothing to compare with."""
    least, length = 8, superpacket.packet.length
    return superpacket.mss < least and len(segments) == -(-length // least) != len(superpacket.lengths)


def compare(lab, *parts, offloads=0, what="", **options):
    table = Table()
    for part in parts:
        part(table, **options)
    kernel = KernelGso(lab)
    kernel.need(offloads, what)
    theirs = [kernel.cut(superpacket) for superpacket in table.superpackets]
    both = [pair for pair in zip(table.superpackets, theirs) if not raised_by_linux(*pair)]
    superpackets, theirs = zip(*both)
    stale = [superpacket.name for superpacket, segments in both
             if dropped_by_linux(superpacket) and segments
             or unfinished_by_linux(superpacket) and outer_checksum_right(superpacket, segments[0])]
    assert not stale, f"listed as a difference, but not seen: {stale}"
    for finished in (False, True):
        ours = our_segments(lab, superpackets, finished)
        wrong = [text for superpacket, a, b in zip(superpackets, theirs, ours)
                 if (text := unequal(superpacket, a, b))]
        assert not wrong, (
            f"{len(wrong)} of {len(ours)} superpackets ({'' if finished else 'un'}finished) are "
            f"cut otherwise than by Linux {os.uname().release}:\n" + "\n".join(wrong[:10]))
        assert sum(map(len, ours)) > 2 * len(ours), "hardly anything was cut"


def unequal(superpacket, theirs, ours):
    """What is wrong with our segments, or None."""
    if dropped_by_linux(superpacket):
        theirs = [superpacket.packet.whole(0)]
    if len(theirs) != len(superpacket.lengths):
        raise Failed(f"{superpacket.name}: Linux makes {len(theirs)} segments, which is not what was asked")
    if len(theirs) != len(ours):
        return f"{superpacket.name}: {len(ours)} segments, Linux makes {len(theirs)}"
    if unfinished_by_linux(superpacket):
        if not outer_checksum_right(superpacket, ours[0]):
            return f"{superpacket.name}: the outer checksum is wrong"
        at = outer_l4(superpacket.packet) + 6
        theirs = [theirs[0][:at] + ours[0][at:at + 2] + theirs[0][at + 2:]]
    for number, (a, b) in enumerate(zip(theirs, ours)):
        if a != b:
            return f"{superpacket.name}, segment {number}: {difference(a, b)}"
    return None


# The only differences, both where there is nothing to cut.


def dropped_by_linux(superpacket):
    """S1, V2: Linux counts TCP options as payload when it asks whether there is more than one segment,
    then finds that there is not, and drops the packet. Ours sends it as it is."""
    packet = superpacket.packet
    one = len(superpacket.lengths) == 1 and not packet.udp
    return one and packet.length + len(packet.options) > superpacket.mss


def unfinished_by_linux(superpacket):
    """S7, V2: a packet in a tunnel that needs no cutting leaves Linux with the tunnel's checksum
    unfinished, which every receiver must drop; ours finishes it."""
    packet = superpacket.packet
    return (packet.outer and packet.outer.csum != "zero" and len(superpacket.lengths) == 1
            and not dropped_by_linux(superpacket))


def outer_checksum_right(superpacket, frame):
    at = outer_l4(superpacket.packet)
    pseudo = pseudo_header(*superpacket.packet.outer.addresses, PROTOCOL_UDP, len(frame) - at)
    return internet_sum(pseudo + frame[at:]) == 0xFFFF


def test_cut_tcp(lab):
    """TCP is cut as Linux cuts it, byte for byte: S1-S5."""
    compare(lab, lengths, ip, tcp)


def test_cut_udp(lab):
    """UDP is cut as Linux cuts it, byte for byte: S6."""
    compare(lab, udp, offloads=TUN_F_USO, what="UDP superpackets")


def test_cut_tunnels(lab):
    """VXLAN and GENEVE are cut as Linux cuts them, byte for byte: S7."""
    compare(lab, tunnels, geneve, offloads=TUN_F_TUNNEL, what="superpackets within UDP tunnels")


def test_cut_random(lab):
    """A thousand random superpackets are cut as Linux cuts them."""
    compare(lab, at_random, offloads=TUN_F_USO | TUN_F_TUNNEL, what="UDP and tunnel superpackets",
            count=RANDOM_SUPERPACKETS)
