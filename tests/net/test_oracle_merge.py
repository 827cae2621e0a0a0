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

import pytest

from lab import BUILD, Failed
from oracle import KernelGro, our_outcomes, write_pcap
from described import Packet
from oracle_sequences import Sequence, at_random, rules, tunnel_rules
from oracle_verdicts import DIFFERENCES, Verdict, compare, explanation

SEED, RANDOM_SEQUENCES, SHOWN = 20262, 800, 3


@dataclass
class Case:
    """A sequence with both verdicts; the sentences say what is wrong."""
    sequence: Sequence
    ours: Verdict
    theirs: Verdict
    sentences: list


class Judgement:
    """All verdicts of a test, and what was found in them. kind: of the tunnels."""

    def __init__(self, lab, sequences, kind="vxlan"):
        self.lab, self.kind = lab, kind
        self.merge = f"tcp,udp,{kind}"
        self.kernel = KernelGro(lab, kind)
        if not self.kernel.tunnels:  # no such devices: the rest can be compared all the same
            sequences = [s for s in sequences if not any(packet.outer for packet in s.packets)]
        self.used = set()
        self.cases = self._judge(sequences)
        self.wrong = [case for case in self.cases if case.sentences]

    def _judge(self, sequences):
        theirs = [Verdict(self.kernel.outcome(sequence.packets)) for sequence in sequences]
        ours = our_outcomes(self.lab, [sequence.packets for sequence in sequences], self.merge)
        return [Case(sequence, a, b, list(self._differences(sequence.packets, a, b)))
                for sequence, a, b in zip(sequences, map(Verdict, ours), theirs)]

    def _differences(self, packets, ours, theirs):
        assert sorted(ours.place) == list(range(len(packets))), (
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
            shown = "\n".join(report(self._shrunk(case), self.merge) for case in self.wrong[:SHOWN])
            raise Failed(f"{len(self.wrong)} of {len(self.cases)} sequences differ from "
                         f"Linux {os.uname().release} for no reason that is listed:\n{shown}")

    def expect_all_seen(self):
        stale = [f"{d.rule}, {d.kind}: {d.why}" for d in DIFFERENCES if d not in self.used and d.certain
                 and not d.tunnel and (self.kernel.tunnels or "R19" not in d.rule)]
        self._expect_none(stale)

    def expect_tunnel_seen(self):
        self._expect_none([f"{d.rule}, {d.kind}: {d.why}" for d in DIFFERENCES
                           if d not in self.used and d.tunnel == self.kind])

    @staticmethod
    def _expect_none(stale):
        assert not stale, "listed as a difference, but not seen:\n" + "\n".join(stale)

    def merged(self):
        return sum(len(output.packets) > 1 for case in self.cases for output in case.ours.outputs)


def report(case, merge):
    """The sequence in words, and as a capture to be replayed."""
    packets, name = case.sequence.packets, case.sequence.name
    path = os.path.join(BUILD, "oracle", re.sub(r"[^\w-]+", "_", name) + ".pcap")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_pcap(path, [packet.frame(number) for number, packet in enumerate(packets)])
    lines = [f"{number}: {changes(packet)}" for number, packet in enumerate(packets)]
    lines += [f"ours:  {case.ours}", f"Linux: {case.theirs}", *case.sentences,
              f"superpacket replay merge {path} --merge {merge} --burst {len(packets)} -w /dev/null --json -"]
    return "\n".join([name] + ["  " + line for line in lines])


def changes(packet):
    """What of a packet is not as usual."""
    usual = Packet()
    return " ".join(f"{field.name}={getattr(packet, field.name)!r}" for field in fields(Packet)
                    if getattr(packet, field.name) != getattr(usual, field.name)) or "as usual"


def test_merge_rules(lab):
    """Each rule alone: merged as by Linux, or not for a listed reason."""
    judgement = Judgement(lab, rules())
    judgement.expect_explained()
    judgement.expect_all_seen()
    assert judgement.merged() > 100, "hardly anything was merged"


def test_merge_random(lab):
    """Eight hundred random sequences are merged as by Linux, or not for a listed reason."""
    judgement = Judgement(lab, at_random(SEED, RANDOM_SEQUENCES))
    judgement.expect_explained()
    assert judgement.merged() > RANDOM_SEQUENCES, "hardly anything was merged"


def tunnels_like(lab, kind):
    """Every rule of a kind of tunnel, whatever is inside and outside."""
    sequences = tunnel_rules(kind)
    judgement = Judgement(lab, sequences, kind)
    if not judgement.kernel.tunnels:
        pytest.skip(f"Linux merges in {kind.upper()} where it ends in it, and this kernel has no such devices")
    judgement.expect_explained()
    judgement.expect_tunnel_seen()
    assert judgement.merged() > len(sequences) // 2, "hardly anything was merged"


def test_merge_geneve(lab):
    """GENEVE, frames and IP packets inside: merged as by Linux, or not for a listed reason."""
    tunnels_like(lab, "geneve")


def test_merge_gre(lab):
    """GRE, with and without key, checksum, frames inside: merged as by Linux, or not for a listed reason."""
    tunnels_like(lab, "gre")


def test_merge_ipip(lab):
    """IP in IP, each version in each: merged as by Linux, or not for a listed reason."""
    tunnels_like(lab, "ipip")
