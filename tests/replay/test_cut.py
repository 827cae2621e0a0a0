# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Cutting, compared with a segmenter of our own whose packets are described, not cut."""

from capture_files import Record
from described import ACK, CWR, FIN, PSH
from flows import checksums_right, in_tunnel, kinds_of_tunnels, packet_of
from superpackets import unfinished

TIMESTAMPS = b"\x01\x01\x08\x0a" + bytes(range(8))


def segments(packet, mss):
    """S2-S6, in terms of descriptions. The payload of a packet follows from its number and length."""
    cnt = -(-packet.length // mss)
    out = []
    for i in range(cnt):
        flags = packet.flags
        if i > 0:
            flags &= ~CWR
        if i < cnt - 1:
            flags &= ~(FIN | PSH)
        out.append(packet.but(seq=packet.seq + i * mss, length=min(mss, packet.length - i * mss),
                                 ip_id=packet.ip_id + i, flags=flags, pad=0, no_checksum=False))
    return out


def agree(bench, packet, mss, sentence):
    lines = bench.cut([packet], mss)
    want = segments(packet, mss)
    assert [line.record.data for line in lines] == [p.captured() for p in want], sentence
    kind = "udp" if packet.udp else f"tcpv{packet.version}"
    assert {(line.gso_type, line.gso_size, line.segs) for line in lines} == {(kind, mss, len(want))}, sentence


def test_table(bench):
    """Packets longer than the MSS become what the segmenter makes of them."""
    for sentence, fields in (
            ("TCP over IPv4", {}),
            ("TCP over IPv6", {"version": 6}),
            ("UDP over IPv4", {"udp": True}),
            ("UDP over IPv6", {"udp": True, "version": 6}),
            ("UDP without a checksum: its datagrams have one", {"udp": True, "no_checksum": True}),
            ("TCP options", {"options": TIMESTAMPS}),
            ("IPv4 options", {"ip_options": b"\x01\x01\x01\x00"}),
            ("VLAN tags", {"vlan": ((0x88A8, 1), (0x8100, 2))}),
            ("FIN and PSH on the last, CWR on the first", {"flags": ACK | FIN | PSH | CWR}),
            ("sequence numbers that wrap", {"seq": 2**32 - 700}),
            ("IDs that wrap", {"ip_id": 65534}),
            ("Ethernet padding is no payload", {"pad": 9})):
        for length, mss in ((1001, 1000), (3000, 1000), (5000, 536), (700, 50)):
            agree(bench, packet_of(length=length, **fields), mss, f"{sentence}: {length} by {mss}")


def test_sizes(bench):
    """64 KB by any MSS, down to one byte."""
    for mss in (1, 8, 1448, 9000, 60000):
        agree(bench, packet_of(length=20000 if mss == 1 else 65000), mss, f"MSS {mss}")


def test_scapy(bench):
    """Scapy, asked for the checksums, agrees."""
    for fields in ({}, {"version": 6}, {"udp": True}, {"udp": True, "version": 6}):
        for line in bench.cut([packet_of(length=5001, **fields)], 1400):
            assert checksums_right(line.record.data), f"checksums {fields}"


def test_passes(bench):
    """What is short enough, or cannot be cut, passes as it came."""
    arp = b"\xff" * 6 + b"\x02" * 6 + b"\x08\x06" + bytes(46)
    packets = [packet_of(length=1000), packet_of(length=0), packet_of(udp=True, length=1000),
               packet_of(length=1000, pad=50), packet_of(length=1001, mf=True), packet_of(length=2000, offset=16),
               packet_of(udp=True, length=200000 // 4, sport=3), arp, b"", b"\x01"]
    data = [p if isinstance(p, bytes) else p.captured() for p in packets]
    lines = bench.cut(packets[:6] + packets[7:], 1000)
    assert [line.record.data for line in lines] == data[:6] + data[7:], "bytes"
    assert {(line.gso_type, line.gso_size, line.segs, line.segment) for line in lines} == {("none", 0, 1, 0)}, "lines"
    # S6: more than 128 datagrams
    line, = bench.cut([packet_of(udp=True, length=129 * 100)], 100)
    assert (line.gso_type, line.record.data) == ("none", packet_of(udp=True, length=12900).captured()), "129 datagrams"
    assert len(bench.cut([packet_of(udp=True, length=128 * 100)], 100)) == 128, "128 datagrams"


def test_report(bench):
    """What is odd is counted: cut off, not to be cut, wrong checksums."""
    whole = packet_of(length=3000).captured()
    records = [Record(whole[:100], 0, len(whole)), packet_of(length=3000, offset=16),
               packet_of(length=3000, l4_wrong=True), unfinished(packet_of(length=3000), None)[0],
               packet_of(length=3000)]
    path = bench.capture(records)
    text = bench.replay_well("cut", path, "--mss", 1000, "-w", bench.path("out.pcapng")).out.decode()
    for part in ("3 packets into 9 segments", "1 cut off by a snap length", "1 longer than that, but not to be cut",
                 "1 with wrong or unfinished checksums", "2 packets"):
        assert part in text, "the report"


def test_back(bench):
    """Cutting what was merged gives the capture back."""
    packets = [packet_of(seq=1000 + i * 1400, ip_id=i + 1, length=1400, flags=ACK | (PSH if i % 20 == 19 else 0))
               for i in range(200)]
    merged = bench.merge(packets)
    assert len(merged) < 20, "merged"
    lines = bench.cut([line.record for line in merged], 1400)
    assert [line.record.data for line in lines] == [p.captured() for p in packets], "the packets"


def test_big(bench):
    """BIG TCP, whose length is in an option, is cut too."""
    packets = [packet_of(version=6, seq=1000 + i * 1400, length=1400, vlan=((0x8100, 5),)) for i in range(150)]
    merged = bench.merge(packets, "--max-bytes", 200000, "--burst", 150)
    assert [line.segs for line in merged] == [142, 8], "merged"
    lines = bench.cut([line.record for line in merged], 1400)
    assert [line.record.data for line in lines] == [p.captured() for p in packets], "the packets"
    assert [line.segs for line in lines] == [142] * 142 + [8] * 8, "segs"
    jumbo = bytearray(merged[0].record.data)
    at = 14 + 4 + 40
    for off, value, what in ((4, 0xFF, "longer than the packet"), (0, 17, "another protocol"), (2, 0xC3, "no jumbo"),
                             (8 + 12, 0xF0, "a long TCP header"), (8 + 12, 0x40, "a short one")):
        odd = bytearray(jumbo)
        odd[at + off] = value
        lines = bench.cut([bytes(odd)], 1400)
        assert [line.gso_type for line in lines] == (["tcpv6"] * 142 if value == 0xF0 else ["none"]), what
    for length in (14 + 4 + 40, at + 8, at + 8 + 19, at + 8 + 20, 100):
        assert [line.record.data for line in bench.cut([bytes(jumbo[:length])], 10)] == [bytes(jumbo[:length])], (
            f"{length} bytes of it")


def test_unfinished(bench):
    """Superpackets whose checksum is unfinished, as on a sender, are cut as if it were finished."""
    for version in (4, 6):
        packet = packet_of(length=3001, version=version)
        lines = bench.cut([unfinished(packet, None)[0]], 1000)
        assert [line.record.data for line in lines] == [p.captured() for p in segments(packet, 1000)], f"IPv{version}"


def test_tunnels(bench):
    """Superpackets in tunnels are cut within, outer headers and checksums too."""
    for kind, version, with_checksum in kinds_of_tunnels():
        packet = packet_of(length=3100)
        whole, = in_tunnel([packet], kind, version, with_checksum)
        want = in_tunnel(segments(packet, 1000), kind, version, with_checksum)
        lines = bench.cut([whole], 1000)
        assert [line.record.data for line in lines] == [p.captured() for p in want], (
            f"{kind} in IPv{version}, {with_checksum}")
