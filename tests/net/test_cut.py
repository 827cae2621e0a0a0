# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Superpackets of every kind, handed to the TAP with their virtio headers, and the segments that
reach the wire: byte for byte those of a model (RULES: S1-S5, S8, V2, V7)."""

import struct
from dataclasses import dataclass

from capture import GSO_NONE, GSO_TCPV4, GSO_TCPV6, NEEDS_CSUM, Capture, open_socket, send
from daemon import add_up
from frames import DPORT, SPORT, case_number, ethernet, need_scapy, network, setter, stream
from lab import Failed, wait_until
from packets import PROTOCOL_UDP, Tcp, cut, describe, difference, finished, internet_sum, pseudo_header
from wire import port_mode

try:
    from scapy.layers.inet import ICMP, TCP, UDP
    from scapy.layers.inet6 import IPv6ExtHdrDestOpt, PadN
    from scapy.layers.l2 import Dot1AD, Dot1Q
    from scapy.packet import Raw
except ImportError:
    pass  # need_scapy() says so

MTU = 1500


@dataclass
class Case:
    name: str
    frame: bytes
    header: dict    # for capture.send()
    expected: list  # of frames


def unfinished(frame):
    """As a stack hands it down: the checksum field holds the pseudo-header sum."""
    tcp = Tcp(frame)
    frame = bytearray(frame)
    struct.pack_into("!H", frame, tcp.l4 + 16, internet_sum(tcp.pseudo()))
    return bytes(frame)


class Table:
    def __init__(self, shared_id):
        self.cases = []
        self.shared_id = shared_id

    def superpacket(self, name, length, size, change=lambda p: p, versions=(4, 6), **kwargs):
        """A superpacket of `length` bytes of payload, to be cut into segments of `size`."""
        for version in versions:
            packet = stream(len(self.cases), [length], version, **kwargs)[0]
            frame = unfinished(bytes(change(packet)))
            tcp = Tcp(frame)
            header = {"flags": NEEDS_CSUM, "gso_type": GSO_TCPV4 if version == 4 else GSO_TCPV6,
                      "hdr_len": tcp.payload_offset, "gso_size": size, "csum_start": tcp.l4,
                      "csum_offset": 16}
            expected = cut(frame, size, self.shared_id)
            if any(len(segment) - tcp.l3 > MTU for segment in expected):
                expected = []  # S8
            self.cases.append(Case(f"{name}, IPv{version}", frame, header, expected))

    def ordinary(self, name, frame, header, expected):
        self.cases.append(Case(name, frame, header, [expected]))


def superpackets(table):
    stamp = {"options": [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]}
    table.superpacket("46 segments, the last one short", 65_000, 1428)
    table.superpacket("segments all of the same size", 14480, 1448)
    table.superpacket("two segments, the second of one byte", 1441, 1440)
    table.superpacket("tiny segments", 9000, 100)
    table.superpacket("odd segments", 30_001, 1001)
    table.superpacket("timestamps", 60_000, 1428, **stamp)
    table.superpacket("40 bytes of options", 20_000, 1400, options=[("NOP", None)] * 40)
    table.superpacket("S2 sequence numbers wrap", 20_000, 1400, seq=2**32 - 5000)
    table.superpacket("S3 FIN and PSH on the last only", 5000, 1400, setter(TCP, flags="FPA"))
    table.superpacket("S3 ECE on all", 5000, 1400, setter(TCP, flags="AE"))
    table.superpacket("S4 IDs wrap", 5000, 1400, setter("ip", id=65534), versions=(4,))
    table.superpacket("S4 DF clear", 5000, 1400, setter("ip", flags=0), versions=(4,))
    table.superpacket("DSCP, ECN and TTL stay", 5000, 1400, setter("ip", tos=0xB9, ttl=3), versions=(4,))
    table.superpacket("traffic class, flow label and hop limit stay", 5000, 1400,
                      setter("ip", tc=0xB9, fl=0x54321, hlim=3), versions=(6,))
    table.superpacket("destination options", 5000, 1300, versions=(6,),
                      between=IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]))
    table.superpacket("behind a VLAN tag", 30_000, 1400, l2=Dot1Q(vlan=5, prio=3))
    table.superpacket("behind two VLAN tags", 30_000, 1400, l2=Dot1AD(vlan=6) / Dot1Q(vlan=5))
    table.superpacket("V2 payload not longer than a segment: an ordinary packet", 1000, 1448)
    table.superpacket("S8 segments longer than the MTU: dropped and counted", 20_000, 1480)
    table.superpacket("S8 one byte longer than the MTU", 20_000, 1461, versions=(4,))
    table.superpacket("S8 one byte longer than the MTU", 20_000, 1441, versions=(6,))
    table.superpacket("the longest that fit", 20_000, 1460, versions=(4,))
    table.superpacket("the longest that fit", 20_000, 1440, versions=(6,))
    table.superpacket("the longest that fit behind a VLAN tag", 20_000, 1440, l2=Dot1Q(vlan=5))


def ordinary_packets(table):
    for version in (4, 6):
        packet = bytes(stream(len(table.cases), [700], version)[0])
        tcp = Tcp(packet)
        table.ordinary(f"S1 TCP, its checksum unfinished, IPv{version}", unfinished(packet),
                       {"flags": NEEDS_CSUM, "csum_start": tcp.l4, "csum_offset": 16},
                       finished(bytearray(packet), tcp))
        table.ordinary(f"TCP, its checksum finished, IPv{version}",
                       *as_is(bytes(stream(len(table.cases), [700], version)[0])))
        table.ordinary(f"TCP, its checksum wrong, passes as it is, IPv{version}", *as_is(
            bytes(setter(TCP, chksum=0x1234)(stream(len(table.cases), [700], version)[0]))))
        for name, payload in (("", b"x" * 333), (" that comes out as 0 and is sent as 0xffff", None)):
            table.ordinary(f"UDP, its checksum unfinished{name}, IPv{version}",
                           *udp(len(table.cases), version, payload))
    number = len(table.cases)
    table.ordinary("ICMP", *as_is(bytes(ethernet(number) / network(number, 4) / ICMP()
                                        / Raw(b"x" * 56))))


def as_is(frame):
    return frame, {}, frame


def udp(number, version, payload):
    """Frame, virtio header, and what must be sent. payload None: such that the sum is 0."""
    zero = payload is None
    base = ethernet(number) / network(number, version)
    l4 = len(bytes(base))
    frame = bytearray(bytes(base / UDP(sport=SPORT, dport=DPORT) / Raw(payload or b"\0\0" * 50)))
    ip = bytes(frame[14:l4])
    addresses = (ip[12:16], ip[16:20]) if version == 4 else (ip[8:24], ip[24:40])
    pseudo = pseudo_header(*addresses, PROTOCOL_UDP, len(frame) - l4)
    struct.pack_into("!H", frame, l4 + 6, 0)
    if zero:
        rest = internet_sum(pseudo + bytes(frame[l4:]))
        struct.pack_into("!H", frame, len(frame) - 2, 0xFFFF - rest)
    right = (internet_sum(pseudo + bytes(frame[l4:])) ^ 0xFFFF) or 0xFFFF
    assert (right == 0xFFFF) == zero, "the test's own packet is wrong"
    sent = bytearray(frame)
    struct.pack_into("!H", frame, l4 + 6, internet_sum(pseudo))
    struct.pack_into("!H", sent, l4 + 6, right)
    return (bytes(frame), {"flags": NEEDS_CSUM, "csum_start": l4, "csum_offset": 6}, bytes(sent))


def check(case, frames):
    assert len(frames) == len(case.expected), (
        f"{case.name}: {len(frames)} packets on the wire instead of {len(case.expected)}: "
        + "; ".join(describe(frame) for frame in frames[:3]))
    for number, (wanted, seen) in enumerate(zip(case.expected, frames)):
        if wanted != seen:
            raise Failed(f"{case.name}: packet {number} of {len(frames)}: expected "
                         f"{describe(wanted)}; seen {describe(seen)}; {difference(wanted, seen)}")


def finish(packet):
    """What the NIC is asked to do with a packet (S6: no 0 in UDP)."""
    frame, start = bytearray(packet.frame), packet.csum_start
    total = internet_sum(bytes(frame[start:])) ^ 0xFFFF
    if packet.csum_offset == 6:
        total = total or 0xFFFF
    struct.pack_into("!H", frame, start + packet.csum_offset, total)
    return bytes(frame)


def run(lab, *options, shared_id=False, nic_sums=False):
    need_scapy()
    table = Table(shared_id)
    superpackets(table)
    ordinary_packets(table)
    wire, tap, daemon = port_mode(lab, *options, nic_sums=nic_sums)
    # superpackets of the peer's own making are not what we want to see
    wire.peer.ethtool_off(wire.wire, "gro")
    seen = [[] for _ in table.cases]
    strange, left = [], []

    def see(packet):
        number = case_number(packet.frame)
        unfinished = packet.flags & NEEDS_CSUM
        if packet.gso_type != GSO_NONE or (unfinished and not nic_sums):
            strange.append(describe(packet.frame))
        elif number is not None and number < len(seen):
            seen[number].append(finish(packet) if unfinished else packet.frame)
            left.extend([number] * bool(unfinished))

    before = daemon.total()
    with Capture(wire.peer, wire.wire, see):
        sock = open_socket(wire.host, tap, receive=False)
        for number, case in enumerate(table.cases):
            send(sock, case.frame, **case.header)
            # The TAP's queue is short, and what does not fit is lost: it is not TCP that sends.
            wait_until(lambda n=number: daemon.total()["tap_packets"] - before["tap_packets"] > n, 5,
                       f"the daemon has read: {case.name}")
        sock.close()
        wait_until(lambda: daemon.total()["slots_used"] == 0, 5, "everything is sent")
    assert not strange, f"offloaded packets on the wire: {strange[:3]}"
    assert bool(left) == nic_sums, f"{len(left)} checksums were left to the NIC"
    failures = []
    for case, frames in zip(table.cases, seen):
        try:
            check(case, frames)
        except Failed as failure:
            failures.append(str(failure))
    assert not failures, f"{len(failures)} of {len(table.cases)} cases:\n" + "\n".join(failures)
    total = daemon.total()
    too_long = sum(not case.expected for case in table.cases)
    assert total["drops"]["tx_too_long"] == too_long, (
        f"tx_too_long is {total['drops']['tx_too_long']} instead of {too_long}")
    assert not add_up(total), f"counters do not add up: {add_up(total)}"


def test_slices(lab):
    """A table of superpackets: cut into header and slices (--transmit slices), byte for byte."""
    run(lab, "--transmit", "slices")


def test_built(lab):
    """The same, segments built whole (--transmit built)."""
    run(lab, "--transmit", "built")


def test_shared_id(lab):
    """With --ip-id shared, all segments of a superpacket have one IPv4 ID where DF is set (S4)."""
    run(lab, "--ip-id", "shared", shared_id=True)


def test_shared_id_slices(lab):
    """The same, as slices."""
    run(lab, "--ip-id", "shared", "--transmit", "slices", shared_id=True)


def test_built_nic_sums(lab):
    """Built whole, with checksums left to the NIC: the same bytes once it has finished them."""
    run(lab, "--transmit", "built", "--tx-checksum", "nic", nic_sums=True)


def test_slices_nic_sums(lab):
    """Slices with checksums left to the NIC."""
    run(lab, "--transmit", "slices", "--tx-checksum", "nic", nic_sums=True)
