# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""How Linux cuts a superpacket, and how ours does.

What is written to the TAP with a virtio header stays a superpacket until the kernel has to send it on
a veth that can neither cut nor sum: then its own software does both.
"""

import struct
from dataclasses import dataclass

from capture import NEEDS_CSUM
from oracle import run_replay
from oracle_packets import Packet
from oracle_path import HEADER, PROBE, Path
from packets import PROTOCOL_TCP, PROTOCOL_UDP, internet_sum, pseudo_header

GSO_TCPV4, GSO_TCPV6, GSO_UDP, GSO_ECN = 1, 4, 5, 0x80
GSO_TUNNEL = {4: 0x20, 6: 0x40}
TUNNEL_CSUM = 8  # of the flags: the outer UDP checksum is there
CWR = 0x80


@dataclass(frozen=True)
class Superpacket:
    name: str
    packet: Packet  # with all the payload
    mss: int

    @property
    def lengths(self):
        return [min(self.mss, self.packet.length - at) for at in range(0, self.packet.length, self.mss)]


def unfinished(packet):
    """The frame with the pseudo-header sum in its L4 checksum field; where L3 and L4 begin, within a
    tunnel those of the packet inside."""
    frame = bytearray(packet.whole(0))
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


def request(superpacket, frame, l3, l4):
    """The virtio header."""
    packet = superpacket.packet
    flags, kind = NEEDS_CSUM, GSO_UDP if packet.udp else GSO_TCPV4 if packet.version == 4 else GSO_TCPV6
    if packet.flags & CWR and not packet.udp:
        kind |= GSO_ECN
    if packet.outer:
        kind |= GSO_TUNNEL[packet.outer.version]
        flags |= TUNNEL_CSUM if packet.outer.csum != "zero" else 0
    outer_offset, inner_offset = (outer_l4(packet), l3) if packet.outer else (0, 0)
    return HEADER.pack(flags, kind, len(frame) - packet.length, superpacket.mss, l4,
                       6 if packet.udp else 16, 0, 0, 0, 0, outer_offset, inner_offset)


class KernelGso(Path):
    def cut(self, superpacket):
        """The segments on the wire."""
        frame, l3, l4 = unfinished(superpacket.packet)
        self.write(frame, request(superpacket, frame, l3, l4))
        self.write(PROBE)  # behind the last segment
        segments = []
        while True:
            packet = self.receive(lambda: f"{superpacket.name}, behind segment {len(segments)}")
            if packet.frame == PROBE:
                return segments
            assert packet.gso_type == 0 and not packet.flags & NEEDS_CSUM, (
                f"{superpacket.name}: the kernel has left work to the device")
            segments.append(packet.frame)


# ---- ours ----


def our_segments(lab, superpackets, finished):
    """The segments of each. One run of the command takes all superpackets of a segment size. They come
    with finished checksums, as a receiver captures them, or with unfinished ones, as their sender does;
    those that are not cut always finished: the command leaves them as they are."""
    def frame(superpacket):
        whole = finished or len(superpacket.lengths) == 1
        return superpacket.packet.whole(0) if whole else unfinished(superpacket.packet)[0]

    segments = [[] for _ in superpackets]
    for mss in sorted({superpacket.mss for superpacket in superpackets}):
        numbers = [n for n, superpacket in enumerate(superpackets) if superpacket.mss == mss]
        frames, lines = run_replay(lab, "cut", [frame(superpackets[n]) for n in numbers],
                                   "--mss", str(mss))
        for line, segment in zip(lines, frames):
            segments[numbers[line["in"][0]]].append(segment)
    return segments
