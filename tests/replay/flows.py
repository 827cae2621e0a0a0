# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Packets of a capture: those of tests/net/described.py, and scapy's word on their checksums."""

from dataclasses import replace

from described import Outer, Packet


def packet_of(**fields):
    return Packet(**{"seq": 1000, "ip_id": 1, **fields})


def run_of(cnt, **fields):
    """Segments that follow each other."""
    packet = packet_of(**fields)
    return [packet.but(seq=packet.seq + i * packet.length, ip_id=packet.ip_id + i) for i in range(cnt)]


def in_tunnel(packets, kind, version, with_checksum):
    """The same packets, each in a tunnel whose IDs count."""
    outer = Outer(kind, ethernet=kind in ("vxlan", "geneve"), version=version, df=True,
                  csum="right" if with_checksum else "zero")
    return [packet.but(outer=replace(outer, ip_id=7 + i)) for i, packet in enumerate(packets)]


def kinds_of_tunnels():
    """(kind, version of the outer IP, whether there is an outer checksum)"""
    return [(kind, version, with_checksum) for kind in ("vxlan", "geneve", "gre", "ipip") for version in (4, 6)
            for with_checksum in ((False, True) if kind in ("vxlan", "geneve") else (False,))]


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
