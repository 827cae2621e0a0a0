# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Packets described by their fields, and the frames that they are.

A sequence is a list of these; what is changed in one of them can be asked for later by name, so
that a rule is a line about fields, not about bytes. Built by hand and not with scapy: there are
thousands, and some must be wrong in ways of their own.

So that many sequences can be under way at once, each can be a case: between hosts of its own, with its number in the
source MAC.
"""

import struct
from dataclasses import dataclass, replace

from packets import ETH_IPV4, ETH_IPV6, PROTOCOL_TCP, PROTOCOL_UDP, checksum, pseudo_header

FRAGMENT, HOP_BY_HOP, ROUTING, DESTINATION = 44, 0, 43, 60
VXLAN_PORT, GENEVE_PORT, VNI = 4789, 6081, 42
PROTOCOL_GRE, ETH_BRIDGED = 47, 0x6558
GRE_C, GRE_K, GRE_S = 0x8000, 0x2000, 0x1000
MAC_A, MAC_B = bytes.fromhex("02000000aa01"), bytes.fromhex("02000000bb01")
INNER_A, INNER_B = bytes.fromhex("02000000aa02"), bytes.fromhex("02000000bb02")
SHORTEST_FRAME = 60
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
STREAM = bytes(at * 7 % 251 for at in range(251))


@dataclass(frozen=True)
class Outer:
    """A tunnel's headers around a packet (RFC 7348, 8926, 2784 and 2890, 2003)."""
    kind: str = "vxlan"    # or geneve, gre, ipip
    ethernet: bool = True  # a frame is inside, else an IP packet
    version: int = 4
    vni: int = VNI         # GRE: the key, 0 for none
    options: bytes = b""   # GENEVE's; GRE: the sequence number
    sport: int = 50000
    ttl: int = 64
    tos: int = 0
    df: bool = False
    ip_id: int = 1
    csum: str = "zero"     # or right, wrong: of UDP, or GRE's own
    case: int = 0          # in the source address

    @property
    def over_udp(self):
        return self.kind in ("vxlan", "geneve")

    @property
    def label(self):
        """R10: what of the headers tells one tunnel from another. Of GRE all that its flags say, too."""
        numbers = self.kind, self.vni, self.options
        return (*numbers, self.csum != "zero") if self.kind == "gre" else (*numbers, self.sport)

    def header(self, version):
        """Between UDP or IP and what is inside, GRE's checksum 0."""
        inside = ETH_BRIDGED if self.ethernet else ETH_IPV4 if version == 4 else ETH_IPV6
        if self.kind == "vxlan":
            return struct.pack("!II", 0x08000000, self.vni << 8)
        if self.kind == "geneve":
            return struct.pack("!BBHI", len(self.options) // 4, 0, inside, self.vni << 8) + self.options
        if self.kind == "ipip":
            return b""
        csum = self.csum != "zero"
        flags = GRE_C * csum | GRE_K * (self.vni > 0) | GRE_S * bool(self.options)
        return (struct.pack("!HH", flags, inside) + bytes(4 * csum)
                + (struct.pack("!I", self.vni) if self.vni else b"") + self.options)

    def header_length(self, version):
        """From the end of the outer IP header to the IP header inside."""
        return 8 * self.over_udp + len(self.header(version)) + 14 * self.ethernet

    @property
    def ip_length(self):
        return 20 if self.version == 4 else 40

    @property
    def addresses(self):
        case = self.case.to_bytes(2, "big")
        if self.version == 4:
            return (b"\xac" + case + b"\1" if self.case else bytes((192, 0, 2, 1))), bytes((192, 0, 2, 2))
        prefix = bytes.fromhex("20010db8ffff")
        return prefix + bytes(7) + case + b"\1", prefix + bytes(9) + b"\2"

    def protocol(self, version):
        if self.kind == "ipip":
            return 4 if version == 4 else 41
        return PROTOCOL_UDP if self.over_udp else PROTOCOL_GRE

    def ip(self, length, protocol):
        addresses = b"".join(self.addresses)
        if self.version == 6:
            return struct.pack("!IHBB", 6 << 28 | self.tos << 20, length, protocol, self.ttl) + addresses
        header = struct.pack("!BBHHHBBH", 0x45, self.tos, 20 + length, self.ip_id % 2**16, self.df << 14,
                             self.ttl, protocol, 0) + addresses
        return header[:10] + struct.pack("!H", checksum(header)) + header[12:]


@dataclass(frozen=True)
class Packet:
    version: int = 4
    udp: bool = False
    sport: int = 40000
    length: int = 1000  # of the payload
    # link
    source: bytes = MAC_A
    vlan: tuple = ()  # of (ethertype, tag control information)
    pad: int = 0      # bytes behind the IP length
    # IP
    case: int = 0     # in the source address
    host: int = 1     # last byte of the source address
    ttl: int = 64
    tos: int = 0
    ip_id: int = 100
    df: bool = True
    mf: bool = False
    evil: bool = False  # the reserved bit
    offset: int = 0     # of a fragment, in 8 bytes
    ip_options: bytes = b""
    ip_wrong: bool = False
    label: int = 0
    extensions: tuple = ()  # of (type, bytes behind next header and length)
    # TCP
    seq: int = 1_000_000
    ack: int = 77
    flags: int = ACK
    reserved: int = 0  # the four bits between data offset and flags
    window: int = 501
    urgent: int = 0
    options: bytes = b""
    # TCP, UDP
    l4_wrong: bool = False
    no_checksum: bool = False
    udp_short: int = 0  # so much less in the UDP length
    zero_sum_as_ffff: bool = False  # a TCP checksum of 0 is sent as 0xffff, which is as right
    data: bytes = None  # the payload, where it matters
    outer: Outer = None

    def but(self, **fields):
        return replace(self, **fields)

    @property
    def fragment(self):
        return (self.mf or self.offset > 0 if self.version == 4
                else any(kind == FRAGMENT for kind, _ in self.extensions))

    @property
    def flow(self):
        """R10: what must be equal in all packets of a superpacket."""
        return (self.source, self.vlan, self.label if self.version == 6 else 0, self.ports,
                self.outer and self.outer.label)

    @property
    def ports(self):
        return (*self.hosts, self.sport)

    @property
    def hosts(self):
        """D2: as much of a flow as every packet of it shows."""
        return self.version, self.host, self.udp

    def frame(self, number):
        """The packet, with its number in the first byte of the payload."""
        return (self.whole(number) + b"\xee" * self.pad).ljust(SHORTEST_FRAME, b"\0")

    @property
    def padded(self):
        """R4: bytes follow those that the IP length covers."""
        return self.pad > 0 or len(self.whole(0)) < SHORTEST_FRAME

    def whole(self, number):
        """The frame without Ethernet padding, which no superpacket has."""
        frame = self._ethernet(number)
        return self._tunnel(frame) if self.outer else frame

    def captured(self):
        """As a capture may have it, without what fills a short frame up; the payload follows from its place in the
        stream, so that a superpacket is one of these, too."""
        return self.whole(None) + bytes(self.pad)

    def payload(self, number):
        if self.data is not None:
            return self.data
        if number is None:
            return (STREAM * (self.length // len(STREAM) + 2))[self.seq % len(STREAM):][:self.length]
        seed = bytes((number * 13 + at * 7) % 251 for at in range(min(self.length, 251)))
        return (bytes([number]) + (seed * (self.length // 251 + 1))[1:])[:self.length]

    def _ethernet(self, number):
        macs = INNER_B + INNER_A if self.outer else MAC_B + self.source
        tags = b"".join(struct.pack("!HH", kind, tci) for kind, tci in self.vlan)
        kind = ETH_IPV4 if self.version == 4 else ETH_IPV6
        return macs + tags + struct.pack("!H", kind) + self._ip(self.payload(number))

    def _addresses(self):
        end = self.case.to_bytes(2, "big") + bytes([self.host])
        if self.version == 4:
            return b"\x0a" + end, bytes((198, 19, 0, 1))
        prefix = bytes.fromhex("20010db8")
        return prefix + bytes(9) + end, prefix + bytes(11) + b"\xfe"

    def _ip(self, payload):
        protocol = PROTOCOL_UDP if self.udp else PROTOCOL_TCP
        body = self._udp(payload) if self.udp else self._tcp(payload)
        if self.version == 4:
            return self._ipv4(protocol, body)
        kinds = [kind for kind, _ in self.extensions] + [protocol]
        headers = b"".join(self._extension(data, following) for (_, data), following
                           in zip(self.extensions, kinds[1:]))
        return struct.pack("!IHBB", 6 << 28 | self.tos << 20 | self.label, len(headers + body),
                           kinds[0], self.ttl) + b"".join(self._addresses()) + headers + body

    @staticmethod
    def _extension(data, following):
        return bytes((following, (len(data) + 2) // 8 - 1)) + data

    def _ipv4(self, protocol, body):
        words = 5 + len(self.ip_options) // 4
        bits = self.evil << 15 | self.df << 14 | self.mf << 13 | self.offset
        header = bytearray(struct.pack("!BBHHHBBH", 4 << 4 | words, self.tos, words * 4 + len(body),
                                       self.ip_id % 2**16, bits, self.ttl, protocol, 0)
                           + b"".join(self._addresses()) + self.ip_options)
        struct.pack_into("!H", header, 10, checksum(bytes(header)) ^ self.ip_wrong)
        return bytes(header) + body

    def _with_checksum(self, segment, at, protocol):
        source, destination = self._addresses()
        total = checksum(pseudo_header(source, destination, protocol, len(segment)) + segment)
        if self.udp or self.zero_sum_as_ffff:
            total = total or 0xFFFF
        total = 0 if self.no_checksum else total ^ self.l4_wrong
        return segment[:at] + struct.pack("!H", total) + segment[at + 2:]

    def sums_to_zero(self, number):
        """The packet with two bytes of the payload such that its L4 checksum is 0."""
        payload = self.payload(number)
        payload = payload[:2] + bytes(2) + payload[4:]
        segment = self._udp(payload) if self.udp else self._tcp(payload)
        total = segment[6:8] if self.udp else segment[16:18]
        return self.but(data=payload[:2] + total + payload[4:])

    def _tcp(self, payload):
        offset = 5 + len(self.options) // 4
        header = struct.pack("!HHIIBBHHH", self.sport, 5201, self.seq % 2**32, self.ack,
                             offset << 4 | self.reserved, self.flags, self.window, 0, self.urgent)
        return self._with_checksum(header + self.options + payload, 16, PROTOCOL_TCP)

    def _udp(self, payload):
        header = struct.pack("!HHHH", self.sport, 5201, 8 + len(payload) - self.udp_short, 0)
        return self._with_checksum(header + payload, 6, PROTOCOL_UDP)

    def _tunnel(self, inner):
        outer = self.outer
        body = outer.header(self.version) + (inner if outer.ethernet else inner[14 + 4 * len(self.vlan):])
        if outer.over_udp:
            port = VXLAN_PORT if outer.kind == "vxlan" else GENEVE_PORT
            body = struct.pack("!HHHH", outer.sport, port, 8 + len(body), 0) + body
        body = with_outer_checksum(outer, body, outer.csum == "wrong")
        kind = ETH_IPV4 if outer.version == 4 else ETH_IPV6
        return (MAC_B + self.source + struct.pack("!H", kind)
                + outer.ip(len(body), outer.protocol(self.version)) + body)


def with_outer_checksum(outer, body, wrong=False):
    """What is behind the outer IP header, with its UDP or GRE checksum, if it has one."""
    if outer.csum == "zero":
        return body
    if outer.over_udp:
        at, pseudo = 6, pseudo_header(*outer.addresses, PROTOCOL_UDP, len(body))
    else:
        at, pseudo = 4, b""
    body = body[:at] + bytes(2) + body[at + 2:]
    total = checksum(pseudo + body)
    if outer.over_udp:
        total = total or 0xFFFF
    return body[:at] + struct.pack("!H", total ^ wrong) + body[at + 2:]


def stream(count=4, lengths=None, **fields):
    """Good consecutive packets of one flow: sequence numbers and IDs count."""
    packets, packet = [], Packet(**fields)
    for length in lengths or [packet.length] * count:
        packets.append(packet.but(length=length))
        outer = packet.outer and replace(packet.outer, ip_id=packet.outer.ip_id + 1)
        packet = packet.but(seq=packet.seq + length, ip_id=packet.ip_id + 1, outer=outer)
    return packets


CASE = b"\xca\xfe"  # in the source MAC, before the number of the case


def in_case(packets, case):
    """The same packets between hosts of their own."""
    return [packet.but(case=case, source=case_mac(packet.source, case),
                       outer=packet.outer and replace(packet.outer, case=case)) for packet in packets]


def case_mac(source, case):
    return b"\2" + source[-1:] + CASE + case.to_bytes(2, "big")


def case_of(frame):
    """None when it belongs to no case."""
    return int.from_bytes(frame[10:12], "big") if frame[8:10] == CASE else None


def timestamp(value, echo=2):
    return struct.pack("!BBBBII", 1, 1, 8, 10, value, echo)


