# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The conditions of flushing, each asked for on the command line and seen at work (D3, D4, R9)."""

from capture import Capture, open_socket, send
from daemon import add_up
from frames import MSS, need_scapy, stream
from lab import wait_until
from wire import port_mode

LONG = 1_000_000  # microseconds: longer than any of this takes


def offer(lab, frames, *options):
    """Raw frames from the peer through a daemon in port mode; returns its status once all went up, and
    what came out of the TAP."""
    need_scapy()
    wire, tap, daemon = port_mode(lab, *options)
    seen = []
    with Capture(wire.host, tap, lambda packet: seen.append(packet.frame)):
        sock = open_socket(wire.peer, wire.wire, receive=False)
        for frame in frames:
            send(sock, bytes(frame))
        sock.close()
        wait_until(lambda: daemon.total()["rx_delivered_packets"] >= len(frames), 10,
                   lambda: f"all {len(frames)} frames went up: {daemon.total()}")
    total = daemon.total()
    assert not add_up(total), f"counters do not add up: {add_up(total)}"
    return daemon.status(), seen


def first_packets(flows):
    return [stream(number, [MSS])[0] for number in range(flows)]


def test_oldest_goes(lab):
    """--max-flows 4: the oldest flow makes room (D3)."""
    status, seen = offer(lab, first_packets(6), "--hold", str(LONG), "--max-flows", "4")
    assert status["conditions"]["max_flows"] == 4 and status["conditions"]["when_full"] == "oldest", (
        f"status says {status['conditions']}")
    singles = status["total"]["singles"]
    assert singles["table_full"] == 2, f"of six flows two had to go: {singles}"
    assert seen == [bytes(frame) for frame in first_packets(6)], "not in the order of arrival (D6)"


def test_all_go(lab):
    """--max-flows 4,all: all are flushed when that many are held (the patent's policy)."""
    status, seen = offer(lab, first_packets(6), "--hold", str(LONG), "--max-flows", "4,all")
    assert status["conditions"]["when_full"] == "all", f"status says {status['conditions']}"
    singles = status["total"]["singles"]
    assert singles["table_full"] == 4, f"four flows had to go: {singles}"
    assert seen == [bytes(frame) for frame in first_packets(6)], "not in the order of arrival (D6)"


def test_idle(lab):
    """--idle: held packets go up when nothing more comes, long before --hold is over."""
    status, seen = offer(lab, stream(1), "--hold", str(LONG), "--idle", str(LONG // 4))
    assert len(seen) == 1, f"three segments in a row went up as {len(seen)} packets"
    flushes = status["total"]["flushes"]
    assert flushes["age"] == 0 and flushes["burst_end"] == 1, f"not for want of packets: {flushes}"
    assert status["conditions"]["idle_us"] == LONG // 4, f"status says {status['conditions']}"


def test_bytes_end(lab):
    """--max-bytes: a superpacket ends before it is longer."""
    status, seen = offer(lab, pushed(stream(1, [MSS] * 9)), "--hold", str(LONG), "--max-bytes", str(4 * MSS + 40))
    assert [len(frame) for frame in seen] == [54 + 4 * MSS, 54 + 4 * MSS, 54 + MSS], (
        f"lengths are {[len(frame) for frame in seen]}")
    assert status["total"]["flushes"]["bytes"] == 2, f"flushes: {status['total']['flushes']}"


def pushed(frames):
    """The last one is not held: what was goes up at once, and only then."""
    frames[-1]["TCP"].flags = "PA"
    return frames


def in_vain(cnt):
    """A flow whose every packet has another window than the one before (R13)."""
    frames = stream(1, [MSS] * cnt)
    for number, frame in enumerate(frames):
        frame["TCP"].window = 500 + number % 2
    return pushed(frames)


def test_adaptive(lab):
    """--adaptive on: a flow whose merging keeps failing is left alone; off: it is not."""
    status, seen = offer(lab, in_vain(100), "--hold", str(LONG), "--adaptive", "on")
    singles = status["total"]["singles"]
    assert singles["left_alone"] > 10, f"it was not left alone: {singles}"
    assert seen == [bytes(frame) for frame in in_vain(100)], "changed, or not in order (D1)"


def test_not_adaptive(lab):
    """Without --adaptive it is not."""
    status, seen = offer(lab, in_vain(100), "--hold", str(LONG))
    singles = status["total"]["singles"]
    assert singles["left_alone"] == 0 and singles["header"] == 99 and singles["push_fin"] == 1, f"singles: {singles}"
    assert seen == [bytes(frame) for frame in in_vain(100)], "changed, or not in order (D1)"
