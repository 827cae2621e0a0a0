# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Frames as bytes: reading TCP out of them, checking their checksums, and what a superpacket
made of several of them has to look like (rule D7). Plain and slow, independent of the engine."""

import struct

ETH_IPV4, ETH_IPV6, ETH_VLAN, ETH_QINQ = 0x0800, 0x86DD, 0x8100, 0x88A8
EXTENSIONS = {0, 43, 60}  # hop-by-hop, routing, destination options
PROTOCOL_TCP, PROTOCOL_UDP = 6, 17


def internet_sum(data):
    """RFC 1071: the folded 16-bit sum, not complemented."""
    if len(data) % 2:
        data += b"\0"
    # the sum of 16-bit words is the number itself modulo 2^16 - 1
    total = int.from_bytes(data, "big")
    return 0 if total == 0 else (total % 0xFFFF or 0xFFFF)


def checksum(data):
    return internet_sum(data) ^ 0xFFFF


def pseudo_header(source, destination, protocol, length):
    return source + destination + struct.pack("!IHBB", length, 0, 0, protocol)


class Tcp:
    """A TCP packet inside an Ethernet frame: offsets and fields."""

    FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

    @staticmethod
    def parse(frame):
        """None when this is no TCP packet that can be read to its end."""
        try:
            return Tcp(frame)
        except (IndexError, ValueError, struct.error):
            return None

    def __init__(self, frame):
        self.frame = frame
        self.l3 = 14
        kind = int.from_bytes(frame[12:14], "big")
        while kind in (ETH_VLAN, ETH_QINQ):
            kind = int.from_bytes(frame[self.l3 + 2:self.l3 + 4], "big")
            self.l3 += 4
        if kind == ETH_IPV4:
            self._ipv4()
        elif kind == ETH_IPV6:
            self._ipv6()
        else:
            raise ValueError("not IP")
        if self.end > len(frame):
            raise ValueError("truncated")
        self._tcp()

    def _ipv4(self):
        self.version = 4
        ip = self.frame[self.l3:]
        if ip[0] >> 4 != 4 or ip[9] != PROTOCOL_TCP or int.from_bytes(ip[6:8], "big") & 0x3FFF:
            raise ValueError("not whole TCP in IPv4")
        self.l4 = self.l3 + (ip[0] & 15) * 4
        self.end = self.l3 + int.from_bytes(ip[2:4], "big")
        self.source, self.destination = ip[12:16], ip[16:20]

    def _ipv6(self):
        self.version = 6
        ip = self.frame[self.l3:]
        if ip[0] >> 4 != 6:
            raise ValueError("not IPv6")
        protocol, self.l4 = ip[6], self.l3 + 40
        while protocol in EXTENSIONS:
            protocol, length = self.frame[self.l4], self.frame[self.l4 + 1]
            self.l4 += (length + 1) * 8
        if protocol != PROTOCOL_TCP:
            raise ValueError("not TCP in IPv6")
        self.end = self.l3 + 40 + int.from_bytes(ip[4:6], "big")
        self.source, self.destination = ip[8:24], ip[24:40]

    def _tcp(self):
        tcp = self.frame[self.l4:self.end]
        self.sport, self.dport, self.seq, self.ack = struct.unpack("!HHII", tcp[:12])
        self.header_length = (tcp[12] >> 4) * 4
        self.flags = tcp[13]
        self.payload_offset = self.l4 + self.header_length
        if self.header_length < 20 or self.payload_offset > self.end:
            raise ValueError("bad TCP header length")
        self.payload = self.frame[self.payload_offset:self.end]

    def pseudo(self):
        return pseudo_header(self.source, self.destination, PROTOCOL_TCP, self.end - self.l4)

    def checksums_right(self):
        if self.version == 4 and internet_sum(self.frame[self.l3:self.l4]) != 0xFFFF:
            return False
        return internet_sum(self.pseudo() + self.frame[self.l4:self.end]) == 0xFFFF


def with_ip_length(frame, tcp, end):
    """frame (a bytearray) with the IP length for a packet that ends at `end`, IPv4 checksum too."""
    if tcp.version == 4:
        struct.pack_into("!H", frame, tcp.l3 + 2, end - tcp.l3)
        struct.pack_into("!H", frame, tcp.l3 + 10, 0)
        struct.pack_into("!H", frame, tcp.l3 + 10, checksum(bytes(frame[tcp.l3:tcp.l4])))
    else:
        struct.pack_into("!H", frame, tcp.l3 + 4, end - tcp.l3 - 40)


def merged(frames):
    """The superpacket that frames must become (D7): their payloads behind the first header, in
    which lengths, FIN and PSH, and the checksum field (the pseudo-header sum) are new."""
    first = Tcp(frames[0])
    payload = b"".join(Tcp(frame).payload for frame in frames)
    end = first.payload_offset + len(payload)
    frame = bytearray(frames[0][:first.payload_offset] + payload)
    with_ip_length(frame, first, end)
    for other in frames[1:]:
        frame[first.l4 + 13] |= Tcp(other).flags & (Tcp.FIN | Tcp.PSH)
    pseudo = pseudo_header(first.source, first.destination, PROTOCOL_TCP, end - first.l4)
    struct.pack_into("!H", frame, first.l4 + 16, internet_sum(pseudo))
    return bytes(frame)


def cut(frame, size, shared_id=False):
    """The segments that a superpacket must become (S2-S5), with right checksums. shared_id: with one IPv4 ID
    where DF is set (RFC 6864)."""
    whole = Tcp(frame)
    segments = []
    pieces = [whole.payload[at:at + size] for at in range(0, len(whole.payload), size)]
    for number, piece in enumerate(pieces):
        segment = bytearray(frame[:whole.payload_offset] + piece)
        if whole.version == 4:
            ip_id = int.from_bytes(frame[whole.l3 + 4:whole.l3 + 6], "big")
            shares = shared_id and frame[whole.l3 + 6] & 0x40
            struct.pack_into("!H", segment, whole.l3 + 4, ip_id if shares else (ip_id + number) % 2**16)
        with_ip_length(segment, whole, len(segment))
        struct.pack_into("!I", segment, whole.l4 + 4, (whole.seq + number * size) % 2**32)
        if number > 0:
            segment[whole.l4 + 13] &= ~Tcp.CWR & 0xFF
        if number < len(pieces) - 1:
            segment[whole.l4 + 13] &= ~(Tcp.FIN | Tcp.PSH) & 0xFF
        segments.append(finished(segment, whole))
    return segments


def finished(segment, whole):
    """With the TCP checksum of the whole segment."""
    struct.pack_into("!H", segment, whole.l4 + 16, 0)
    pseudo = pseudo_header(whole.source, whole.destination, PROTOCOL_TCP,
                           len(segment) - whole.l4)
    struct.pack_into("!H", segment, whole.l4 + 16, checksum(pseudo + bytes(segment[whole.l4:])))
    return bytes(segment)


def describe(frame):
    """One line for a failed comparison."""
    tcp = Tcp.parse(frame)
    if tcp is None:
        return f"{len(frame)} bytes {frame[:40].hex()}"
    ip_id = f" id {int.from_bytes(frame[tcp.l3 + 4:tcp.l3 + 6], 'big')}" if tcp.version == 4 else ""
    return (f"IPv{tcp.version}{ip_id} ports {tcp.sport}>{tcp.dport} seq {tcp.seq} flags "
            f"{tcp.flags:#04x} payload {len(tcp.payload)}"
            f"{'' if tcp.checksums_right() else ' checksum wrong or unfinished'}")


def difference(wanted, seen):
    if len(wanted) != len(seen):
        return f"length {len(wanted)} became {len(seen)}"
    at = next(i for i, (a, b) in enumerate(zip(wanted, seen)) if a != b)
    return f"first difference at byte {at}: {wanted[at:at + 8].hex()} became {seen[at:at + 8].hex()}"
