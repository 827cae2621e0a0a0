# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The kernel as oracle of cutting (RULES: S1-S10): the same superpackets through Linux's software
segmentation and through `superpacket replay cut`; all segments must be equal, byte for byte."""

import os

from into_kernel import TUN_F_TUNNEL, TUN_F_USO
from lab import Failed
from oracle_gso import KernelGso, our_segments
from packets import PROTOCOL_UDP, difference, internet_sum, pseudo_header
from superpackets import (RANDOM_SUPERPACKETS, Table, at_random, dropped_by_linux, geneve, ip, lengths, outer_l4, tcp,
                          tunnels, udp)


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
