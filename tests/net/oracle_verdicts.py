# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Two verdicts on the same packets compared, and every way in which ours may differ from Linux's.

A difference is looked for packet by packet: with the same superpacket held on both sides, one
appends the next packet and the other does not. What follows from that later in the same superpacket
is not another difference. Each must be one that is listed in DIFFERENCES, with the rule that makes
ours stricter or better; and each that is listed must be seen, so that the list stays true.
"""

from dataclasses import dataclass
from typing import Callable

from oracle_sequences import CWR
from packets import difference

OURS, KERNEL, ORDER, SIZE, BYTES = "ours merges", "Linux merges", "Linux overtakes", "gso", "bytes"


class Verdict:
    """One side's deliveries, to be asked packet by packet."""

    def __init__(self, outputs):
        self.outputs = outputs
        self.before, self.place = {}, {}
        for position, output in enumerate(outputs):
            for at, number in enumerate(output.packets):
                self.before[number] = output.packets[:at]
                self.place[number] = position, at

    def __str__(self):
        return ", ".join(str(output) for output in self.outputs)

    def overtaken(self, packets):
        """(a, b): b came later and was delivered earlier, where that must not be (D1, D2)."""
        return [(a, b) for a in range(len(packets)) for b in range(a + 1, len(packets))
                if self.place[b] < self.place[a] and ordered(packets[a], packets[b])]


def portless(packet):
    """D2: fails before its ports are known or can be believed."""
    return (packet.fragment or bool(packet.ip_options) or packet.ip_wrong or packet.l4_wrong
            or packet.evil or bool(packet.outer and packet.outer.csum == "wrong"))


def ordered(a, b):
    """Whether the order of the two is promised."""
    if a.flow == b.flow:
        return True
    alike = (a.source, a.vlan, a.hosts, a.outer and (a.outer.version, a.outer.vni)) == (
        b.source, b.vlan, b.hosts, b.outer and (b.outer.version, b.outer.vni))
    return alike and (portless(a) or portless(b))


@dataclass(frozen=True)
class Found:
    kind: str
    first: int   # the packet that is held; of ORDER the one that was overtaken
    second: int  # the packet that is, or is not, appended; of ORDER the one that overtook
    text: str = ""

    def __str__(self):
        return f"{self.kind}: {self.second} and {self.first} {self.text}".rstrip()


def compare(packets, ours, kernel):
    """Every difference of the two verdicts, the first cause only."""
    found = []
    for number in range(len(packets)):
        a, b = ours.before[number], kernel.before[number]
        if a and ours.before[a[-1]] == kernel.before[a[-1]] and (not b or b[-1] != a[-1]):
            found.append(Found(OURS, a[-1], number))
        if b and ours.before[b[-1]] == kernel.before[b[-1]] and (not a or b[-1] != a[-1]):
            found.append(Found(KERNEL, b[-1], number))
    found += [Found(ORDER, a, b) for a, b in kernel.overtaken(packets)]
    return found + compare_alike(ours, kernel)


def compare_alike(ours, kernel):
    """Superpackets of the same packets: what they are said to be, and their bytes."""
    found = []
    theirs = {output.packets: output for output in kernel.outputs}
    for output in ours.outputs:
        other = theirs.get(output.packets)
        if other is None:
            continue
        first, last = output.packets[0], output.packets[-1]
        if (output.gso_type, output.gso_size) != (other.gso_type, other.gso_size):
            found.append(Found(SIZE, first, last, f"{output.gso_type} of {output.gso_size} against "
                                                  f"{other.gso_type} of {other.gso_size}"))
        if output.frame != other.frame:
            found.append(Found(BYTES, first, last, difference(other.frame, output.frame)))
    return found


# ---- what may differ, and why ----


@dataclass(frozen=True)
class Difference:
    rule: str
    kind: str
    applies: Callable  # of the packets and the two numbers: whether this is the cause
    why: str
    certain: bool = True  # seen with every kernel
    tunnel: str = ""      # seen with this kind alone


def either(test):
    return lambda packets, first, second: test(packets[first]) or test(packets[second])


def overtaker(test):
    return lambda packets, first, second: test(packets[second])


def flushed_between(packets, first, second):
    """Between the two stands something that ours delivers behind the first, and Linux before it."""
    return any(same_pair(packets[first], packets[m]) and overtakes(packets[first], packets[m])
               for m in range(first + 1, second))


def same_pair(a, b):
    """D2: between the same hosts; within a tunnel those are its ends."""
    if a.outer and b.outer:
        return a.outer.version == b.outer.version
    return not (a.outer or b.outer) and a.hosts == b.hosts


def overtakes(held, packet):
    if portless(packet) or packet.udp and packet.udp_short:
        return True
    return packet.udp and packet.flow == held.flow and (
        packet.no_checksum or packet.length == 0 or packet.padded
        or packet.extensions != held.extensions or one_tunnel_checksum(packet, held))


def one_tunnel_checksum(a, b):
    """One tunnel has a checksum and the other has none."""
    return bool(a.outer and b.outer) and (a.outer.csum == "zero") != (b.outer.csum == "zero")


DIFFERENCES = [
    Difference("R4", OURS, either(lambda p: p.padded),
               "Linux refuses padded frames; short segments always are, so ours cuts the padding off"),
    Difference("R1", OURS, either(lambda p: len(p.vlan) > 1),
               "Linux without CONFIG_VLAN_8021Q does not look behind a second tag", certain=False),
    Difference("R12", KERNEL, lambda packets, a, b: packets[a].version == 4 and not packets[a].df
               and packets[a].ip_id == packets[b].ip_id,
               "fixed IDs without DF: a virtio header cannot say so, and cutting would make other IDs"),
    Difference("R12, R19", KERNEL, lambda packets, a, b: packets[a].outer and not packets[a].outer.df
               and packets[a].outer.ip_id == packets[b].outer.ip_id,
               "the same in the header of a tunnel: its segments would leave with other IDs"),
    Difference("R13", KERNEL, lambda packets, a, b: packets[a].urgent != packets[b].urgent,
               "Linux does not compare the urgent pointer, and cutting gives all packets the first one's"),
    Difference("R13", KERNEL, lambda packets, a, b: bool(packets[a].flags & packets[b].flags & CWR),
               "Linux from 7 on keeps that all had CWR in a mark that a virtio header does not have",
               certain=False),
    Difference("S10", KERNEL, either(lambda p: p.zero_sum_as_ffff),
               "a TCP checksum of 0xffff comes back as 0 from cutting"),
    Difference("D1, D2", KERNEL, flushed_between,
               "what is not merged flushes what came before it, so that it need not overtake"),
    Difference("D2", ORDER, overtaker(lambda p: bool(p.ip_options)), "Linux lets IPv4 options overtake"),
    Difference("D2", ORDER, overtaker(lambda p: p.fragment), "Linux lets fragments overtake"),
    Difference("D2", ORDER, overtaker(lambda p: p.ip_wrong), "Linux lets a wrong IP checksum overtake"),
    Difference("D2", ORDER, overtaker(lambda p: p.l4_wrong), "Linux lets a wrong L4 checksum overtake"),
    Difference("D2, R19", ORDER, overtaker(lambda p: p.outer and p.outer.csum == "wrong"),
               "Linux lets a tunnel's wrong checksum overtake"),
    Difference("D1, R19", ORDER, lambda packets, a, b: one_tunnel_checksum(packets[a], packets[b]),
               "to Linux packets with and without a tunnel checksum are two flows, whatever is inside"),
    Difference("R10, R19", OURS, either(lambda p: p.outer and p.outer.kind == "gre" and p.outer.vni
                                        and p.outer.csum != "zero"),
               "Linux takes a GRE checksum for the key behind it, and so for another flow", tunnel="gre"),
    Difference("D2", ORDER, overtaker(lambda p: p.evil), "Linux lets the reserved bit overtake"),
    Difference("D1", ORDER, lambda packets, a, b: packets[a].extensions != packets[b].extensions,
               "to Linux other extension headers are another flow, even when the ports are the same"),
    Difference("D1", ORDER, overtaker(lambda p: p.udp and p.no_checksum),
               "Linux lets UDP without a checksum overtake"),
    Difference("D1", ORDER, overtaker(lambda p: p.udp and (p.udp_short > 0 or p.length == 0)),
               "Linux lets UDP whose length is not the rest of the packet, or that is empty, overtake"),
    Difference("D1", ORDER, overtaker(lambda p: p.udp and p.padded), "Linux lets padded UDP overtake"),
]


def explanation(packets, found):
    for listed in DIFFERENCES:
        if listed.kind == found.kind and listed.applies(packets, found.first, found.second):
            return listed
    return None
