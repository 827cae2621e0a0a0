# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The conditions of flushing, each asked for on the command line and seen at work (D3, D4, R9)."""

from cases import HOLD_US, carry
from described import Packet, in_case, stream
from oracle_sequences import ACK, PSH

LONG, MSS = HOLD_US, 1000  # microseconds: longer than any of this takes


def offer(lab, packets, *options):
    """Through a daemon that holds them for long; returns its status, and the frames that came out of the TAP."""
    (seen,), status = carry(lab, [[packet.frame(number) for number, packet in enumerate(packets)]], *options)
    return status, [packet.frame for packet in seen]


def first_packets(flows):
    """Each of a flow of its own."""
    return in_case([Packet(sport=port) for port in range(flows)], 0)


def frames(packets):
    return [packet.frame(number) for number, packet in enumerate(packets)]


def test_oldest_goes(lab):
    """With --max-flows 4 the oldest flow is flushed to make room (D3)."""
    status, seen = offer(lab, first_packets(6), "--max-flows", "4")
    assert status["conditions"]["max_flows"] == 4 and status["conditions"]["when_full"] == "oldest", (
        f"status says {status['conditions']}")
    singles = status["total"]["singles"]
    assert singles["table_full"] == 2, f"of six flows two had to go: {singles}"
    assert seen == frames(first_packets(6)), "not in the order of arrival (D6)"


def test_all_go(lab):
    """With --max-flows 4,all every flow is flushed when that many are held (the policy of the patent)."""
    status, seen = offer(lab, first_packets(6), "--max-flows", "4,all")
    assert status["conditions"]["when_full"] == "all", f"status says {status['conditions']}"
    singles = status["total"]["singles"]
    assert singles["table_full"] == 4, f"four flows had to go: {singles}"
    assert seen == frames(first_packets(6)), "not in the order of arrival (D6)"


def test_idle(lab):
    """With --idle held packets go up once nothing more has come for that time, long before --hold is over."""
    status, seen = offer(lab, in_case(stream(3), 0), "--idle", str(LONG // 4))
    assert len(seen) == 1, f"three segments in a row went up as {len(seen)} packets"
    flushes = status["total"]["flushes"]
    assert flushes["age"] == 0 and flushes["burst_end"] == 1, f"not for want of packets: {flushes}"
    assert status["conditions"]["idle_us"] == LONG // 4, f"status says {status['conditions']}"


def test_bytes_end(lab):
    """With --max-bytes a superpacket ends before it would be longer."""
    status, seen = offer(lab, pushed(in_case(stream(9, length=MSS), 0)), "--max-bytes", str(4 * MSS + 40))
    assert [len(frame) for frame in seen] == [54 + 4 * MSS, 54 + 4 * MSS, 54 + MSS], (
        f"lengths are {[len(frame) for frame in seen]}")
    assert status["total"]["flushes"]["bytes"] == 2, f"flushes: {status['total']['flushes']}"


def pushed(packets):
    """The last one is not held: what was goes up at once, and only then."""
    return [*packets[:-1], packets[-1].but(flags=ACK | PSH)]


def in_vain(cnt):
    """A flow whose every packet has another window than the one before (R13)."""
    return pushed([packet.but(window=500 + number % 2) for number, packet in enumerate(in_case(stream(cnt), 0))])


def test_adaptive(lab):
    """With --adaptive on a flow whose merging keeps failing is no longer held."""
    status, seen = offer(lab, in_vain(100), "--adaptive", "on")
    singles = status["total"]["singles"]
    assert singles["left_alone"] > 10, f"it was not left alone: {singles}"
    assert seen == frames(in_vain(100)), "changed, or not in order (D1)"


def test_not_adaptive(lab):
    """Without --adaptive a flow whose merging keeps failing is tried again and again."""
    status, seen = offer(lab, in_vain(100))
    singles = status["total"]["singles"]
    assert singles["left_alone"] == 0 and singles["header"] == 99 and singles["push_fin"] == 1, f"singles: {singles}"
    assert seen == frames(in_vain(100)), "changed, or not in order (D1)"
