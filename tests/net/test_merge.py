# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Which packets become one superpacket and which must not (RULES: R1-R17, D1-D7).

Each case is a few raw frames that the peer sends and the deliveries that must come out of the
TAP, in this order: [[0, 1], [2]] is a superpacket of frames 0 and 1, then frame 2 alone.
Superpackets are compared byte for byte with a model, single packets with the very frame sent,
their virtio headers with what the packet is. Port mode, so that every frame takes our path;
held across bursts (--hold), so that the outcome does not depend on how frames fall into bursts.

All cases are sent at once, each between addresses of its own: the case's number is in the
source MAC and the IP addresses.
"""

import struct
import time
from dataclasses import dataclass

from capture import GSO_NONE, GSO_TCPV4, GSO_TCPV6, NEEDS_CSUM, Capture, open_socket, send
from daemon import add_up
from frames import (DPORT, MSS, SPORT, bad_ip_checksum, case_number, corrupt, ethernet, need_scapy, network, padded,
                    router_alert, setter, stream)
from lab import Failed, wait_until
from packets import Tcp, describe, difference, internet_sum, merged
from wire import port_mode

try:
    from scapy.layers.inet import ICMP, TCP, UDP
    from scapy.layers.inet6 import (IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
                                    IPv6ExtHdrRouting, PadN)
    from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
    from scapy.packet import Raw
except ImportError:
    pass  # need_scapy() says so

# Long enough for a case to be sent within it on a machine that does something else too.
HOLD_US = 1_000_000
@dataclass
class Case:
    name: str
    frames: list
    expected: list  # of lists of frame numbers, in order of delivery


class Table:
    """Builds the cases; each gets the next number."""

    def __init__(self):
        self.cases = []

    def add(self, name, expected, frames):
        """frames: a function of the case's number, since addresses depend on it."""
        made = frames(len(self.cases))
        self.cases.append(Case(name, [f if isinstance(f, bytes) else bytes(f) for f in made],
                               expected))

    def change(self, name, expected, which, change, versions=(4, 6), **kwargs):
        """One field of the frames `which` of a good stream is changed."""
        for version in versions:

            def frames(number, version=version):
                packets = stream(number, version=version, **kwargs)
                for i in which:
                    packets[i] = change(packets[i])
                return packets

            self.add(f"{name}, IPv{version}", expected, frames)


ALL = [[0, 1, 2]]
NONE = [[0], [1], [2]]
ANEW = [[0], [1, 2]]   # frames 1 and 2 differ from 0, not from each other
APART = [[0, 2], [1]]  # frame 1 is another flow's; 0 and 2 are consecutive


def plain(table):
    for version in (4, 6):
        table.add(f"three consecutive segments, IPv{version}", ALL,
                  lambda n, v=version: stream(n, version=v))
        table.add(f"one segment alone, IPv{version}", [[0]],
                  lambda n, v=version: stream(n, [MSS], v))
        table.add(f"R14 sequence numbers wrap, IPv{version}", ALL,
                  lambda n, v=version: stream(n, version=v, seq=2**32 - MSS - 1))
        table.add(f"R15 R17 a shorter segment ends a superpacket, IPv{version}", [[0, 1], [2, 3]],
                  lambda n, v=version: stream(n, [MSS, 999, MSS, MSS], v))
        table.add(f"R15 a longer segment starts anew, IPv{version}", [[0, 1], [2, 3]],
                  lambda n, v=version: stream(n, [500, 500, 501, 501], v))
        # 45 payloads of 1440 and the headers are less than that, 46 are more
        table.add(f"R16 at most 65,535 bytes, IPv{version}",
                  [list(range(45)), list(range(45, 50))],
                  lambda n, v=version: stream(n, [1440] * 50, v))
        table.add(f"tiny segments, one byte each, IPv{version}", [[0, 1, 2, 3]],
                  lambda n, v=version: stream(n, [1] * 4, v))


def ip_header(table):
    v4, v6 = {"versions": (4,)}, {"versions": (6,)}
    table.change("R11 TTL", ANEW, (1, 2), setter("ip", ttl=63), **v4)
    table.change("R11 hop limit", ANEW, (1, 2), setter("ip", hlim=63), **v6)
    table.change("R11 DSCP", ANEW, (1, 2), setter("ip", tos=0xB8), **v4)
    table.change("R11 DSCP", ANEW, (1, 2), setter("ip", tc=0xB8), **v6)
    table.change("R11 congestion experienced", ANEW, (1, 2), setter("ip", tos=3), **v4)
    table.change("R11 congestion experienced", ANEW, (1, 2), setter("ip", tc=3), **v6)
    table.change("R11 DF", ANEW, (1, 2), setter("ip", flags=0), **v4)
    table.change("R5 reserved bit: passes", [[0], [1], [2]], (1,), setter("ip", flags=6), **v4)
    table.change("R12 IDs fixed, DF set: merged", ALL, (0, 1, 2), setter("ip", id=7), **v4)
    table.change("R12 IDs fixed, DF clear: apart", NONE, (0, 1, 2), setter("ip", id=7, flags=0), **v4)
    table.change("R12 IDs count, DF clear: merged", ALL, (0, 1, 2), setter("ip", flags=0), **v4)
    table.change("R12 IDs wrap", ALL, (0, 1, 2), setter("ip", id=lambda i: (i + 65434) % 2**16), **v4)
    table.change("R12 an ID is left out", ANEW, (1, 2), setter("ip", id=lambda i: i + 1), **v4)
    table.change("R12 IDs count, then stand still", [[0, 1], [2]], (2,), setter("ip", id=101), **v4)
    table.change("R12 IDs stand still, then count", [[0, 1], [2]], (1, 2),
                 setter("ip", id=lambda i: i - 1), **v4)
    table.change("R2 R20 IPv4 options: passes", NONE, (1,),
                 router_alert, **v4)
    table.change("R5 first fragment: passes", NONE, (1,), setter("ip", flags="MF"), **v4)
    table.change("R5 later fragment: passes", NONE, (1,), setter("ip", frag=185, flags=0), **v4)
    table.change("R3 wrong header checksum: passes", NONE, (1,), bad_ip_checksum, **v4)

    for name, header in (("hop-by-hop", IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)])),
                         ("destination options", IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])),
                         ("routing", IPv6ExtHdrRouting(type=253, segleft=0))):
        table.add(f"R2 IPv6 {name} header, equal: merged", ALL,
                  lambda n, h=header: stream(n, version=6, between=h))
    table.change("R2 IPv6 destination options differ", ANEW, (1, 2),
                 setter(IPv6ExtHdrDestOpt, options=[PadN(optdata=b"\1\2\3\4")]), **v6,
                 between=IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]))
    table.change("R2 a payload length of 0 passes", NONE, (1,), setter("ip", plen=0), **v6)
    table.add("R2 R5 IPv6 fragment header: passes", NONE,
              lambda n: stream(n, version=6, between=IPv6ExtHdrFragment(m=0, offset=0, id=9)))


def tcp_header(table):
    table.change("R8 wrong TCP checksum: passes", NONE, (1,), corrupt(5))
    table.change("R8 wrong TCP checksum in the first", [[0], [1, 2]], (0,), corrupt(5))
    table.change("R13 ACK number", ANEW, (1, 2), setter(TCP, ack=78))
    table.change("R13 window", ANEW, (1, 2), setter(TCP, window=502))
    table.change("R13 reserved bits", ANEW, (1, 2), setter(TCP, reserved=2))
    table.change("R13 ECE", ANEW, (1, 2), setter(TCP, flags="AE"))
    table.change("R13 AE (once NS)", ANEW, (1, 2), setter(TCP, flags="AN"))
    table.change("R13 CWR on the first: the others' flags differ", ANEW, (0,), setter(TCP, flags="AC"))
    table.change("R13 CWR on a later segment: apart", NONE, (1,), setter(TCP, flags="AC"))
    table.change("R17 PSH on the second ends the superpacket", [[0, 1], [2]], (1,),
                 setter(TCP, flags="PA"))
    table.change("R17 PSH on the last", ALL, (2,), setter(TCP, flags="PA"))
    table.change("R17 PSH on the first: not held", ANEW, (0,), setter(TCP, flags="PA"))
    table.change("R17 FIN on the last", ALL, (2,), setter(TCP, flags="FA"))
    table.change("R17 FIN and PSH on the last", ALL, (2,), setter(TCP, flags="FPA"))
    table.change("R9 SYN with data: passes", NONE, (1,), setter(TCP, flags="SA"))
    table.change("R9 RST with data: passes", NONE, (1,), setter(TCP, flags="RA"))
    table.change("R9 URG: passes", NONE, (1,), setter(TCP, flags="UA", urgptr=5))
    table.change("R14 a gap", ANEW, (1, 2), setter(TCP, seq=lambda s: s + 1))
    table.change("R14 an overlap", [[0], [1], [2]], (1,), setter(TCP, seq=lambda s: s - 1))
    table.change("R14 retransmission of the first", NONE, (1,),
                 setter(TCP, seq=lambda s: s - MSS))
    stamp = {"options": [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]}
    later = {"options": [("NOP", None), ("NOP", None), ("Timestamp", (9, 2))]}
    sack = {"options": [("NOP", None), ("NOP", None), ("SAck", (1, 2))]}
    table.change("R13 timestamps, equal: merged", ALL, (0, 1, 2), setter(TCP, **stamp))
    table.change("R13 a new timestamp", ANEW, (1, 2), setter(TCP, **later), **stamp)
    table.change("R13 other options of another length", ANEW, (1, 2), setter(TCP, **sack), **stamp)
    table.change("R13 no options behind options", ANEW, (1, 2), setter(TCP, options=[]), **stamp)
    for version in (4, 6):
        table.add(f"R6 a pure ACK flushes and passes, IPv{version}", [[0], [1], [2]],
                  lambda n, v=version: stream(n, (MSS, 0, MSS), v))
        table.add(f"R14 the second and third in reverse, IPv{version}", [[0], [1], [2]],
                  lambda n, v=version: [stream(n, version=v)[i] for i in (0, 2, 1)])
        table.add(f"a duplicate of the last, IPv{version}", [[0, 1, 2], [3]],
                  lambda n, v=version: [stream(n, version=v)[i] for i in (0, 1, 2, 2)])


def other_zero(packet):
    """The checksum comes out as 0 and is sent as 0xffff, as Linux does it (CSUM_MANGLED_0): right."""
    frame = bytearray(bytes(setter(TCP, window=0, chksum=0)(packet)))
    tcp = Tcp(bytes(frame))
    struct.pack_into("!H", frame, tcp.l4 + 14, 0xFFFF - internet_sum(tcp.pseudo() + tcp.frame[tcp.l4:]))
    struct.pack_into("!H", frame, tcp.l4 + 16, 0xFFFF)
    return bytes(frame)


def checksums(table):
    for version in (4, 6):
        table.add(f"R8 a pure ACK whose checksum of 0 is sent as 0xffff, IPv{version}",
                  [[0, 1], [2], [3, 4]],
                  lambda n, v=version: [*stream(n, (MSS, MSS), v),
                                        other_zero(stream(n, [0], v, seq=1_000_000 + 2 * MSS)[0]),
                                        *stream(n, (MSS, MSS), v, seq=1_000_000 + 2 * MSS)])


def padding(table):
    table.add("R4 one byte and Ethernet padding, merged without it", [[0, 1, 2]],
              lambda n: [padded(f) for f in stream(n, [1, 1, 1])])
    table.add("R4 D5 one byte and padding, alone: goes up as it came", [[0]],
              lambda n: [padded(f) for f in stream(n, [1])])
    table.add("R4 R6 a pure ACK is padded too: no data in it", [[0], [1]],
              lambda n: [stream(n, [MSS])[0], padded(stream(n, [0], seq=1_000_000 + MSS)[0])])


def two_flows(number, version, change, lengths=(MSS, MSS, MSS)):
    """Frame 1 belongs to another flow, by one field; 0 and 2 are consecutive."""
    packets = stream(number, (lengths[0], lengths[2]), version)
    other = change(stream(number, lengths[1:2], version)[0])
    return [packets[0], other, packets[1]]


def flows(table):
    for version in (4, 6):
        for name, change in {
                "source port": setter(TCP, sport=SPORT + 1),
                "destination port": setter(TCP, dport=DPORT + 1),
                "destination MAC": setter(Ether, dst="02:00:00:00:ff:fe"),
                "source MAC": lambda p: setter(Ether, src="06" + p.src[2:])(p),
                "destination address": setter("ip", dst="198.19.0.2" if version == 4
                                               else "2001:db8:2::2")}.items():
            table.add(f"R10 another {name}, IPv{version}", APART,
                      lambda n, v=version, c=change: two_flows(n, v, c))
    table.add("R10 another flow label, IPv6", APART,
              lambda n: two_flows(n, 6, setter("ip", fl=0x12345)))


def vlan(table):
    for version in (4, 6):
        for name, tag in {"a VLAN tag": Dot1Q(vlan=5, prio=3),
                          "two VLAN tags": Dot1AD(vlan=6) / Dot1Q(vlan=5)}.items():
            table.add(f"R1 behind {name}, IPv{version}", ALL,
                      lambda n, v=version, t=tag: stream(n, version=v, l2=t))
    for name, other in {"VLAN ID": Dot1Q(vlan=6, prio=3), "priority": Dot1Q(vlan=5, prio=4),
                        "tag type": Dot1AD(vlan=5, prio=3)}.items():
        def other_tag(n, other=other):
            first, second = stream(n, (MSS, MSS), l2=Dot1Q(vlan=5, prio=3))
            return [first, stream(n, [MSS], l2=other)[0], second]

        table.add(f"R10 another {name}: another flow", APART, other_tag)


def foreign(table):
    """What is not TCP passes as it is."""
    for version in (4, 6):
        table.add(f"R20 UDP passes, IPv{version}", [[0], [1]], lambda n, v=version: [
            ethernet(n) / network(n, v) / UDP(sport=SPORT, dport=DPORT) / Raw(b"x" * 500)] * 2)
    table.add("R20 ICMP passes", [[0], [1]],
              lambda n: [ethernet(n) / network(n, 4) / ICMP() / Raw(b"x" * 56)] * 2)
    table.add("R20 ARP passes", [[0]], lambda n: [ethernet(n) / ARP(op=2)])
    table.add("R20 an unknown ethertype passes", [[0]],
              lambda n: [bytes(ethernet(n))[:12] + b"\x88\xb5" + b"x" * 100])
    table.add("a TCP header that the frame cuts off passes", [[0]],
              lambda n: [bytes(stream(n, [0])[0])[:44]])
    table.add("R6 a TCP header length of 16 passes", [[0]],
              lambda n: stream(n, [MSS], dataofs=4))
    table.add("an IP length beyond the frame passes", [[0]],
              lambda n: [setter("ip", len=1100)(stream(n, [MSS])[0])])


def order(table):
    """D1, D2, D6: nothing overtakes."""
    def with_other_port(number, version):
        a, b = stream(number, (MSS, MSS), version), stream(number, (MSS, MSS), version, sport=7)
        return a, b

    for version in (4, 6):
        def interleaved(n, v=version):
            a, b = with_other_port(n, v)
            return [a[0], b[0], a[1], b[1]]

        table.add(f"D6 two flows interleaved, flushed in order of their first packets, IPv{version}",
                  [[0, 2], [1, 3]], interleaved)

        def bad_between(n, v=version):
            a, b = with_other_port(n, v)
            return [a[0], b[0], corrupt(5)(stream(n, [MSS], v, sport=9)[0]), a[1], b[1]]

        table.add(f"D2 a wrong checksum flushes all flows between the two hosts, IPv{version}",
                  [[0], [1], [2], [3], [4]], bad_between)

    def fragment_between(n):
        a, b = with_other_port(n, 4)
        fragment = setter("ip", frag=185, flags=0)(stream(n, [MSS], sport=9)[0])
        return [a[0], b[0], fragment, a[1], b[1]]

    table.add("D2 a fragment flushes all flows between the two hosts", [[0], [1], [2], [3], [4]],
              fragment_between)

    def options_between(n):
        a, b = with_other_port(n, 4)
        return [a[0], b[0], router_alert(stream(n, [MSS], sport=9)[0]), a[1], b[1]]

    table.add("D2 IPv4 options flush all flows between the two hosts", [[0], [1], [2], [3], [4]],
              options_between)
    table.add("D1 a pure ACK does not overtake, then the flow merges anew", [[0, 1], [2], [3, 4]],
              lambda n: [*stream(n, (MSS, MSS)), *stream(n, (0, MSS, MSS), seq=1_000_000 + 2 * MSS)])


def expect_delivery(case, number, delivery, packet):
    """One delivery is what the case says, byte for byte."""
    where = f"{case.name}: delivery {number}, of frames {delivery}"
    frames = [case.frames[i] for i in delivery]
    wanted = frames[0] if len(frames) == 1 else merged(frames)
    if len(frames) == 1:
        header = (0, GSO_NONE, 0, 0, 0)
    else:
        first = Tcp(frames[0])
        header = (NEEDS_CSUM, GSO_TCPV4 if first.version == 4 else GSO_TCPV6, len(first.payload),
                  first.l4, 16)
    got = (packet.flags & NEEDS_CSUM, packet.gso_type, packet.gso_size, packet.csum_start,
           packet.csum_offset)
    if packet.frame != wanted:
        raise Failed(f"{where}: expected {describe(wanted)}; seen {describe(packet.frame)}; "
                     f"{difference(wanted, packet.frame)}")
    assert got == header, (
        f"{where}: virtio header (needs csum, gso type, size, csum start, offset) expected {header}, seen {got}")


def has_wrong_checksum(frame):
    """Of a TCP packet without IPv4 options: of the others the engine does not look at it."""
    tcp = Tcp.parse(frame)
    return bool(tcp) and not tcp.checksums_right() and not (tcp.version == 4 and tcp.l4 - tcp.l3 > 20)


def check(case, seen):
    assert len(seen) == len(case.expected), (
        f"{case.name}: {len(seen)} deliveries instead of {len(case.expected)}: "
        + "; ".join(f"{describe(p.frame)} gso_size {p.gso_size}" for p in seen))
    for number, (delivery, packet) in enumerate(zip(case.expected, seen)):
        expect_delivery(case, number, delivery, packet)


def send_all(sock, frames):
    """Returns the seconds that it took."""
    begin = time.monotonic()
    for frame in frames:
        send(sock, frame)
    return time.monotonic() - begin


def test_sequences(lab):
    """A table of sequences: merged or not, in order, byte for byte with their virtio headers."""
    need_scapy()
    table = Table()
    for part in (plain, ip_header, tcp_header, checksums, padding, flows, vlan, foreign, order):
        part(table)
    seen = [[] for _ in table.cases]

    def see(packet):
        number = case_number(packet.frame)
        if number is not None and number < len(seen):
            seen[number].append(packet)

    wire, tap, daemon = port_mode(lab, "--hold", str(HOLD_US))
    sent = sum(len(case.frames) for case in table.cases)
    before = daemon.total()["rx_packets"]
    with Capture(wire.host, tap, see):
        sock = open_socket(wire.peer, wire.wire, receive=False)
        took = max(send_all(sock, case.frames) for case in table.cases)
        sock.close()

        def all_up():
            total = daemon.total()
            return total["rx_packets"] - before >= sent and total["rx_held_packets"] == 0

        wait_until(all_up, 15, lambda: f"all {sent} frames went up; {daemon.total()}")
    if took >= HOLD_US / 1e6:
        lab.busy.append(f"sending a few frames took {took:.2f} s")
    assert took < HOLD_US / 1e6, f"sending a case took {took:.2f} s: this machine is too slow for the test"

    failures = []
    for case, packets in zip(table.cases, seen):
        try:
            check(case, packets)
        except Failed as failure:
            failures.append(str(failure))
    assert not failures, f"{len(failures)} of {len(table.cases)} cases:\n" + "\n".join(failures)
    total = daemon.total()
    assert not add_up(total), f"counters do not add up: {add_up(total)}"
    wrong = sum(has_wrong_checksum(frame) for case in table.cases for frame in case.frames)
    assert total["rx_checksum_errors"] == wrong, (
        f"{total['rx_checksum_errors']} checksum errors were counted, {wrong} were sent")
    assert total["rx_cut_again"] == 0, f"the TAP refused {total['rx_cut_again']} superpackets"


def test_burst(lab):
    """Without holding (--hold 0) a burst is merged, and nothing stays behind."""
    need_scapy()
    wire, tap, daemon = port_mode(lab)
    frames = [bytes(f) for f in stream(1, [1440] * 40)]
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
