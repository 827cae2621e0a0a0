# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The kernel as oracle of merging (RULES: R1-R20, D1, D2): the same bursts through Linux GRO and through
`superpacket replay merge`. Which packets become one superpacket, what it is said to be, its bytes, and
the order of delivery must be Linux's, or differ in a way that oracle_verdicts.py lists with its reason.

What cannot be compared this way: limits that Linux has and we have not (8 flows in a bucket), those
beyond one NAPI poll of 64 packets (R18's 64 datagrams), and time (D4).
"""

import os
import re
from dataclasses import dataclass, fields

from harness import test
from lab import BUILD, Failed, Skip, expect
from oracle import KernelGro, our_outcomes, write_pcap
from oracle_packets import Packet
from oracle_sequences import Sequence, at_random, rules
from oracle_verdicts import DIFFERENCES, Verdict, compare, explanation

MERGE = "tcp,udp,vxlan"
SEED, RANDOM_SEQUENCES, SHOWN = 20262, 800, 3


@dataclass
class Case:
    """A sequence with both verdicts; the sentences say what is wrong."""
    sequence: Sequence
    ours: Verdict
    theirs: Verdict
    sentences: list


class Judgement:
    """All verdicts of a test, and what was found in them."""

    def __init__(self, lab, sequences):
        self.lab = lab
        self.kernel = KernelGro(lab)
        if not self.kernel.tunnels:  # no VXLAN devices: the rest can be compared all the same
            sequences = [s for s in sequences if not any(packet.outer for packet in s.packets)]
        self.used = set()
        self.cases = self._judge(sequences)
        self.wrong = [case for case in self.cases if case.sentences]

    def _judge(self, sequences):
        theirs = [Verdict(self.kernel.outcome(sequence.packets)) for sequence in sequences]
        ours = our_outcomes(self.lab, [sequence.packets for sequence in sequences], MERGE)
        return [Case(sequence, a, b, list(self._differences(sequence.packets, a, b)))
                for sequence, a, b in zip(sequences, map(Verdict, ours), theirs)]

    def _differences(self, packets, ours, theirs):
        expect(sorted(ours.place) == list(range(len(packets))),
               f"ours delivers {sorted(ours.place)} of {len(packets)} packets")
        for first, second in ours.overtaken(packets):
            yield f"ours lets {second} overtake {first} (D1, D2)"
        for found in compare(packets, ours, theirs):
            listed = explanation(packets, found)
            if listed:
                self.used.add(listed)
            else:
                yield str(found)

    def _shrunk(self, case):
        """The same without the packets that it does not need to be wrong."""
        for number in reversed(range(len(case.sequence.packets))):
            packets = case.sequence.packets[:number] + case.sequence.packets[number + 1:]
            fewer = self._judge([Sequence(case.sequence.name, packets)])[0] if packets else case
            if fewer.sentences:
                case = fewer
        return case

    def expect_explained(self):
        if self.wrong:
            shown = "\n".join(report(self._shrunk(case)) for case in self.wrong[:SHOWN])
            raise Failed(f"{len(self.wrong)} of {len(self.cases)} sequences differ from "
                         f"Linux {os.uname().release} for no reason that is listed:\n{shown}")

    def expect_all_seen(self):
        stale = [f"{d.rule}, {d.kind}: {d.why}" for d in DIFFERENCES
                 if d not in self.used and d.certain and (self.kernel.tunnels or "R19" not in d.rule)]
        expect(not stale, "listed as a difference, but not seen:\n" + "\n".join(stale))

    def merged(self):
        return sum(len(output.packets) > 1 for case in self.cases for output in case.ours.outputs)


def report(case):
    """The sequence in words, and as a capture to be replayed."""
    packets, name = case.sequence.packets, case.sequence.name
    path = os.path.join(BUILD, "oracle", re.sub(r"[^\w-]+", "_", name) + ".pcap")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_pcap(path, [packet.frame(number) for number, packet in enumerate(packets)])
    lines = [f"{number}: {changes(packet)}" for number, packet in enumerate(packets)]
    lines += [f"ours:  {case.ours}", f"Linux: {case.theirs}", *case.sentences,
              f"superpacket replay merge {path} --merge {MERGE} --burst {len(packets)} -w /dev/null --json -"]
    return "\n".join([name] + ["  " + line for line in lines])


def changes(packet):
    """What of a packet is not as usual."""
    usual = Packet()
    return " ".join(f"{field.name}={getattr(packet, field.name)!r}" for field in fields(Packet)
                    if getattr(packet, field.name) != getattr(usual, field.name)) or "as usual"


@test("each rule alone: merged as by Linux, or not for a listed reason", seconds=90)
def merge_rules(lab):
    judgement = Judgement(lab, rules())
    judgement.expect_explained()
    judgement.expect_all_seen()
    expect(judgement.merged() > 100, "hardly anything was merged")


@test(f"{RANDOM_SEQUENCES} random sequences: merged as by Linux, or not for a listed reason", seconds=90)
def merge_random(lab):
    judgement = Judgement(lab, at_random(SEED, RANDOM_SEQUENCES))
    judgement.expect_explained()
    expect(judgement.merged() > RANDOM_SEQUENCES, "hardly anything was merged")


@test("GENEVE, GRE and IP in IP: merged as by Linux", seconds=30)
def merge_other_tunnels(lab):
    ns = lab.namespace("tunnels")
    kinds = {"geneve": ("id", "1", "remote", "192.0.2.1"), "gretap": ("remote", "192.0.2.1"),
             "ipip": ("remote", "192.0.2.1")}
    there = [kind for kind, options in kinds.items()
             if ns.ip("link", "add", "name", "try", "type", kind, *options, check=False).returncode == 0
             and ns.ip("link", "delete", "dev", "try")]
    if there:
        raise Skip(f"this kernel has {', '.join(there)}, but nobody has written the sequences for it")
    raise Skip("Linux merges in tunnels that end in it, and this kernel has no such devices")
