# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Packets for captures. Checksums are plain RFC 1071 in Python, and scapy's are compared with them."""

import struct
from dataclasses import dataclass, replace

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))


def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def pattern(start, length):
    return bytes((start + i) * 7 % 251 for i in range(length))


@dataclass
class Packet:
    """TCP or UDP over IPv4 or IPv6. A test begins with a good one and changes a field."""

    version: int = 4
    udp: bool = False
    flow: int = 0  # source port 1024 + flow
    seq: int = 1000
    length: int = 1000  # of the payload
    flags: int = ACK
    ack: int = 1
    window: int = 500
    tcp_options: bytes = b""
    ip_options: bytes = b""
    ip_id: int = 1
    df: bool = True
    fragment: int = 0  # offset in units of 8 bytes
    tos: int = 0
    ttl: int = 64
    vlan: bytes = b""
    padding: int = 0
    spoil: int = 0  # xor of the L4 checksum
    unfinished: bool = False  # the L4 checksum is that of the pseudo-header
    zero: bool = False  # the L4 checksum is 0
    destination: int = 2

    def change(self, **fields):
        return replace(self, **fields)

    def l3_off(self):
        return 14 + len(self.vlan)

    def addresses(self):
        if self.version == 4:
            return bytes([192, 0, 2, 1, 192, 0, 2, self.destination])
        prefix = b"\x20\x01\x0d\xb8" + bytes(11)
        return prefix + b"\x01" + prefix + bytes([self.destination])

    def l4(self):
        payload = pattern(self.seq, self.length)
        if self.udp:
            header = struct.pack("!HHHH", 1024 + self.flow, 5201, 8 + self.length, 0)
            at = 6
        else:
            offset = 5 + len(self.tcp_options) // 4
            header = struct.pack("!HHIIBBHHH", 1024 + self.flow, 5201, self.seq & 0xFFFFFFFF, self.ack,
                                 offset << 4, self.flags, self.window, 0, 0) + self.tcp_options
            at = 16
        data = header + payload
        pseudo = self.addresses() + struct.pack("!II", len(data), 17 if self.udp else 6)
        value = checksum(pseudo) ^ 0xFFFF if self.unfinished else checksum(pseudo + data)
        if self.udp and value == 0:
            value = 0xFFFF
        value = 0 if self.zero else value ^ self.spoil
        return data[:at] + struct.pack("!H", value) + data[at + 2:]

    def bytes(self):
        l4 = self.l4()
        protocol = 17 if self.udp else 6
        if self.version == 4:
            words = 5 + len(self.ip_options) // 4
            ip = struct.pack("!BBHHHBBH", 0x40 | words, self.tos, words * 4 + len(l4), self.ip_id & 0xFFFF,
                             self.df << 14 | self.fragment, self.ttl, protocol, 0)
            ip += self.addresses() + self.ip_options
            ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        else:
            ip = struct.pack("!IHBB", 6 << 28 | self.tos << 20 | 5, len(l4), protocol, self.ttl)
            ip += self.addresses()
        ethertype = b"\x08\x00" if self.version == 4 else b"\x86\xdd"
        return b"\x02" * 6 + b"\x04" * 6 + self.vlan + ethertype + ip + l4 + bytes(self.padding)


def wrap(kind, frame, ip_id=1, version=4, outer_checksum=False):
    """The frame, or the IP packet in it, in a tunnel."""
    ethernet, inner = frame[:14], frame[14:]
    if kind in ("vxlan", "geneve"):
        header = b"\x08" + bytes(3) + b"\x00\x00\x2a\x00" if kind == "vxlan" else \
            b"\x01\x00\x65\x58\x00\x00\x2a\x00" + b"\x01\x02\x03\x00"
        protocol, body = 17, header + frame
        body = struct.pack("!HHHH", 50000, 4789 if kind == "vxlan" else 6081, 8 + len(body), 0) + body
    elif kind == "gre":
        protocol, body = 47, b"\x20\x00" + ethernet[12:14] + b"\x00\x00\x00\x07" + inner
    else:
        protocol, body = (4 if inner[0] >> 4 == 4 else 41), inner
    if version == 4:
        addresses = bytes([198, 51, 100, 1, 198, 51, 100, 2])
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), ip_id, 0x4000, 64, protocol, 0) + addresses
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    else:
        addresses = b"\xfd" + bytes(14) + b"\x01" + b"\xfd" + bytes(14) + b"\x02"
        ip = struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + addresses
    if outer_checksum:
        value = checksum(addresses + struct.pack("!II", len(body), protocol) + body) or 0xFFFF
        body = body[:6] + struct.pack("!H", value) + body[8:]
    return ethernet[:12] + (b"\x08\x00" if version == 4 else b"\x86\xdd") + ip + body


def checksums_right(frame):
    """As scapy, asked to compute them again, has them: every layer's."""
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.l2 import Ether

    parsed = Ether(frame)
    layer = parsed
    while layer:
        if isinstance(layer, (IP, TCP, UDP)):
            layer.chksum = None
        layer = layer.payload
    return bytes(parsed) == frame


def run_of(cnt, first=None, **fields):
    """Segments that follow each other."""
    packet = (first or Packet()).change(**fields)
    return [packet.change(seq=packet.seq + i * packet.length, ip_id=packet.ip_id + i) for i in range(cnt)]
