# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Raw frames for tests: good streams, made with scapy, and ways to change one field of them.

The number of a case is in its source MAC and its addresses, so that many can be sent at once.
"""

import logging

import pytest

try:
    logging.getLogger("scapy").setLevel(logging.ERROR)
    from scapy.layers.inet import IP, TCP, IPOption_Router_Alert
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether
    from scapy.packet import Raw
except ImportError:
    IP = None


MSS = 1000
SPORT, DPORT = 40000, 5201


def need_scapy():
    if IP is None:
        pytest.skip("python3-scapy is missing: run make test")


def stream(number, lengths=(MSS, MSS, MSS), version=4, between=None, l2=None, **tcp):
    """Consecutive segments of one flow, as scapy packets; `between` are the headers between IP and
    TCP, l2 those between Ethernet and IP."""
    need_scapy()
    packets, seq = [], tcp.pop("seq", 1_000_000)
    for i, length in enumerate(lengths):
        packet = ethernet(number)
        if l2:
            packet = packet / l2.copy()
        packet = packet / network(number, version, ip_id=100 + i)
        if between:
            packet = packet / between.copy()
        payload = bytes((seq + at) * 7 % 251 for at in range(length))
        packet = packet / TCP(**{"sport": SPORT, "dport": DPORT, "seq": seq % 2**32, "ack": 77,
                                 "flags": "A", "window": 501, **tcp}) / Raw(payload)
        packets.append(packet)
        seq += length
    return packets


def ethernet(number):
    return Ether(src=f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", dst="02:00:00:00:ff:ff")


def network(number, version, ip_id=100):
    if version == 4:
        return IP(src=f"198.18.{number >> 8}.{number & 255}", dst="198.19.0.1", id=ip_id,
                  flags="DF", ttl=64)
    return IPv6(src=f"2001:db8:1::{number:x}", dst="2001:db8:2::1", hlim=64)


def ip_of(packet):
    return packet[IP] if IP in packet else packet[IPv6]


def setter(layer, **fields):
    """A change that sets fields of a layer; callables are given the old value."""

    def change(packet):
        target = ip_of(packet) if layer == "ip" else packet[layer]
        for name, value in fields.items():
            if callable(value):
                value = value(target.getfieldval(name))
            target.setfieldval(name, value)
        return packet

    return change


def router_alert(packet):
    packet[IP].options = [IPOption_Router_Alert()]
    return packet


def corrupt(offset_of_end):
    """Flips a bit so many bytes before the end of the frame: the checksum stays what it was."""

    def change(packet):
        frame = bytearray(bytes(packet))
        frame[-offset_of_end] ^= 0x10
        return bytes(frame)

    return change


def bad_ip_checksum(packet):
    frame = bytearray(bytes(packet))
    frame[14 + 10] ^= 0x01
    return bytes(frame)


def padded(frame):
    return bytes(frame).ljust(60, b"\0")


def case_number(frame):
    """The number of the case a frame belongs to; None when it is not ours."""
    return int.from_bytes(frame[10:12], "big") if frame[7:10] == b"\0\0\0" else None
