# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Superpackets of every kind, handed to the TAP with their virtio headers, and the segments that reach the wire: byte
for byte those of a model (RULES: S1-S5, S8, V2, V7)."""

import struct
from dataclasses import dataclass

import pytest

from capture import GSO_NONE, NEEDS_CSUM, Capture, open_socket, send
from daemon import add_up
from described import MAC_B, Outer, Packet, case_mac, case_of, in_case
from lab import wait_until
from packets import cut, describe, difference, internet_sum
from superpackets import Superpacket, Table, dropped_by_linux, ip, lengths, request, tcp, unfinished
from wire import port_mode

MTU = 1500
ICMP = 1


@dataclass
class Case:
    name: str
    frame: bytes
    header: tuple   # for capture.send()
    expected: list  # of frames


def superpackets(shared_id):
    table = Table()
    for part in (lengths, ip, tcp):
        part(table)
    for mss, version in ((1461, 4), (1441, 6), (1460, 4), (1440, 6)):
        table.add(f"S8 segments of {mss} bytes", mss, (version,), length=20_000)
    found = [superpacket for superpacket in table.superpackets if not dropped_by_linux(superpacket)]
    for number, superpacket in enumerate(found):
        packet, = in_case([superpacket.packet], number)
        frame, l3, l4 = unfinished(packet)
        expected = cut(frame, superpacket.mss, shared_id)
        if any(len(segment) - l3 > MTU for segment in expected):
            expected = []  # S8
        yield Case(superpacket.name, frame, request(Superpacket("", packet, superpacket.mss), frame, l4), expected)


def ordinary(first):
    """S1, V2, V7: packets that are no superpackets."""
    kinds = [("TCP, unfinished", Packet(length=700), True), ("TCP, finished", Packet(length=700), False),
             ("TCP, a wrong checksum passes as it is", Packet(length=700, l4_wrong=True), False),
             ("UDP, unfinished", Packet(udp=True, length=333), True),
             ("UDP, a sum of 0 is sent as 0xffff", Packet(udp=True, length=100).sums_to_zero(0), True)]
    packets = [(name, packet.but(version=version), is_unfinished) for name, packet, is_unfinished in kinds
               for version in (4, 6)]
    for number, (name, packet, is_unfinished) in enumerate(packets, first):
        packet, = in_case([packet], number)
        if "sum of 0" in name:
            packet = packet.but(data=None).sums_to_zero(0)
        frame, _, l4 = unfinished(packet)
        header = (NEEDS_CSUM, GSO_NONE, 0, 0, l4, 6 if packet.udp else 16)
        yield Case(f"{name}, IPv{packet.version}", frame if is_unfinished else packet.whole(0),
                   header if is_unfinished else (), [packet.whole(0)])
    macs = MAC_B + case_mac(Packet().source, first + len(packets))
    icmp = macs + b"\x08\x00" + Outer().ip(64, ICMP) + b"\x08" + bytes(63)
    yield Case("ICMP", icmp, (), [icmp])


def wrong(case, frames):
    """One sentence, or None."""
    if len(frames) != len(case.expected):
        return (f"{case.name}: {len(frames)} packets on the wire instead of {len(case.expected)}: "
                + "; ".join(describe(frame) for frame in frames[:3]))
    for number, (wanted, seen) in enumerate(zip(case.expected, frames)):
        if wanted != seen:
            return (f"{case.name}: packet {number} of {len(frames)}: expected {describe(wanted)}; "
                    f"seen {describe(seen)}; {difference(wanted, seen)}")
    return None


def finish(packet):
    """What the NIC is asked to do with a packet (S6: no 0 in UDP)."""
    frame, start = bytearray(packet.frame), packet.csum_start
    total = internet_sum(bytes(frame[start:])) ^ 0xFFFF
    if packet.csum_offset == 6:
        total = total or 0xFFFF
    struct.pack_into("!H", frame, start + packet.csum_offset, total)
    return bytes(frame)


@pytest.mark.parametrize("transmit", ["slices", "built"])
@pytest.mark.parametrize("kind", ["plain", "shared_id", "nic_sums"])
def test_table(lab, transmit, kind):
    """Superpackets are cut byte for byte, as slices and built whole; with --ip-id shared all segments of one have one
    IPv4 ID where DF is set (S4); with --tx-checksum nic the bytes are the same once it has finished the sums."""
    options = {"plain": (), "shared_id": ("--ip-id", "shared"), "nic_sums": ("--tx-checksum", "nic")}[kind]
    nic_sums = kind == "nic_sums"
    cases = list(superpackets(kind == "shared_id"))
    cases += ordinary(len(cases))
    wire, tap, daemon = port_mode(lab, "--transmit", transmit, *options, nic_sums=nic_sums)
    # superpackets of the peer's own making are not what we want to see
    wire.peer.ethtool_off(wire.wire, "gro")
    seen = [[] for _ in cases]
    strange, left = [], []

    def see(packet):
        number = case_of(packet.frame)
        is_unfinished = packet.flags & NEEDS_CSUM
        if packet.gso_type != GSO_NONE or (is_unfinished and not nic_sums):
            strange.append(describe(packet.frame))
        elif number is not None and number < len(seen):
            seen[number].append(finish(packet) if is_unfinished else packet.frame)
            left.extend([number] * bool(is_unfinished))

    before = daemon.total()
    with Capture(wire.peer, wire.wire, see):
        sock = open_socket(wire.host, tap, receive=False)
        for number, case in enumerate(cases):
            send(sock, case.frame, *case.header)
            # The TAP's queue is short, and what does not fit is lost: it is not TCP that sends.
            wait_until(lambda n=number: daemon.total()["tap_packets"] - before["tap_packets"] > n, 5,
                       f"the daemon has read: {case.name}")
        sock.close()
        wait_until(lambda: daemon.total()["slots_used"] == 0, 5, "everything is sent")
    assert not strange, f"offloaded packets on the wire: {strange[:3]}"
    assert bool(left) == nic_sums, f"{len(left)} checksums were left to the NIC"
    failures = [text for case, frames in zip(cases, seen) if (text := wrong(case, frames))]
    assert not failures, f"{len(failures)} of {len(cases)} cases:\n" + "\n".join(failures)
    total = daemon.total()
    too_long = sum(not case.expected for case in cases)
    assert total["drops"]["tx_too_long"] == too_long > 0, (
        f"tx_too_long is {total['drops']['tx_too_long']} instead of {too_long}")
    assert not add_up(total), f"counters do not add up: {add_up(total)}"
