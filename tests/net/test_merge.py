# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every rule of merging (R1-R20, D1-D7) through a whole daemon: what comes out of the TAP, its order, every byte and
the virtio headers are what `superpacket replay` makes of the same sequences, which is compared with Linux in
test_oracle_merge.py. And that --merge says what is merged.
"""

import pytest

from capture import Capture, open_socket, send
from cases import carry
from described import MAC_B, Outer, Packet, case_mac, in_case, stream
from lab import Failed, wait_until
from oracle import our_outcomes, recognise
from oracle_sequences import rules, tunnel_rules
from packets import PROTOCOL_TCP, Tcp
from packets import difference as describe_difference
from wire import port_mode

MTU = 1500
ICMP = 1
ALL = "tcp,udp,vxlan,geneve,gre,ipip"


def sequences():
    """Those whose packets fit the wire, each a case of its own."""
    found = [sequence for kind in ("geneve", "gre", "ipip") for sequence in tunnel_rules(kind)] + rules()
    found = [sequence for sequence in found if all(len(packet.whole(0)) <= 14 + MTU for packet in sequence.packets)]
    return [(sequence.name, in_case(sequence.packets, case)) for case, sequence in enumerate(found)]


def has_wrong_checksum(frame):
    """Of a TCP packet without IPv4 options: of the others the engine does not look at it."""
    tcp = Tcp.parse(frame)
    return bool(tcp) and not tcp.checksums_right() and not (tcp.version == 4 and tcp.l4 - tcp.l3 > 20)


def difference(packets, expected, seen):
    """One sentence, or None."""
    try:
        waiting = {number: packet.frame(number) for number, packet in enumerate(packets)}
        got = [recognise(packet, packets, waiting) for packet in seen]
    except Failed as failure:
        return str(failure)
    if got == expected:
        return None
    return f"{', '.join(map(str, got))} instead of {', '.join(map(str, expected))}" + "".join(
        f"; {a}: {describe_difference(b.frame, a.frame)}" for a, b in zip(got, expected)
        if a.packets == b.packets and a.frame != b.frame)


@pytest.mark.parametrize("merge", ["tcp", "geneve", "gre", "ipip", ALL])
def test_sequences(lab, merge):
    """Each sequence of the table is merged, or not, as --merge asks for: in order, byte for byte."""
    names, packets = zip(*sequences())
    frames = [[packet.frame(number) for number, packet in enumerate(case)] for case in packets]
    seen, status = carry(lab, frames, "--merge", merge)
    expected = our_outcomes(lab, packets, merge)
    wrong = [f"{name}: {text}" for name, *case in zip(names, packets, expected, seen) if (text := difference(*case))]
    assert not wrong, f"{len(wrong)} of {len(names)} sequences:\n" + "\n".join(wrong[:20])
    assert sum(len(output.packets) > 1 for outputs in expected for output in outputs) > 20, "hardly anything was merged"
    if merge == "tcp":
        wrong = sum(has_wrong_checksum(frame) for case in frames for frame in case)
        counted = status["total"]["rx_checksum_errors"]
        assert counted == wrong > 0, f"{counted} checksum errors were counted, {wrong} were sent"


def foreign():
    """Frames that are no packets of a flow, or broken ones: each passes as it is."""
    macs = [MAC_B + case_mac(Packet().source, case) for case in range(7)]
    tcp = [in_case([Packet(version=version)], case)[0].frame(0) for case, version in ((2, 4), (3, 4), (4, 6))]
    return [
        macs[0] + b"\x08\x06" + bytes.fromhex("0001080006040002") + bytes(38),                  # R20: ARP
        macs[1] + b"\x88\xb5" + b"x" * 100,                                                     # R20: whatever
        tcp[0][:44],                                                                            # a part of a header
        tcp[1][:46] + b"\x40" + tcp[1][47:],                                                    # R6: 16 bytes of TCP
        tcp[2][:18] + bytes(2) + tcp[2][20:],                                                   # R2: no length
        macs[5] + b"\x08\x00" + Outer().ip(64, ICMP) + b"\x08" + b"x" * 63,                     # R20: ICMP
        macs[6] + b"\x08\x00" + Outer().ip(1100, PROTOCOL_TCP) + tcp[0][34:],                   # an end beyond it
    ]


def test_foreign(lab):
    """What is no TCP, or cannot be read to its end, goes up as it came."""
    frames = foreign()
    seen, _ = carry(lab, [[frame, frame] for frame in frames])
    for case, frame in enumerate(frames):
        got = [packet.frame for packet in seen[case]]
        assert got == [frame, frame], f"case {case}: {[part.hex() for part in got]}"


def test_burst(lab):
    """Without holding (--hold 0) a burst is merged, and nothing stays behind."""
    wire, tap, daemon = port_mode(lab)
    frames = [packet.frame(number) for number, packet in enumerate(in_case(stream(40, length=1440), 1))]
    seen = []
    with Capture(wire.host, tap, seen.append):
        sock = open_socket(wire.peer, wire.wire, receive=False)
        for frame in frames:
            send(sock, frame)
        sock.close()
        wait_until(lambda: daemon.total()["rx_delivered_packets"] >= len(frames), 5,
                   lambda: f"all frames went up: {daemon.total()}")
    # how they fall into bursts is the kernel's affair; the bytes are not
    payload = b"".join(Tcp(p.frame).payload for p in seen)
    assert payload == b"".join(Tcp(f).payload for f in frames), "the bytes differ"
    assert daemon.total()["rx_held_packets"] == 0, "packets are still held"
