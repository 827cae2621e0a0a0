# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every wait has a limit: what a kernel or a TAP may do to the daemon is done by a build of it that can
break on command (user/base/fault.h), in the middle of a transfer whose every byte is checked."""

import signal

import pytest

from daemon import Daemon, add_up
from faulty import (ALWAYS, RECOVERED, SLACK, break_and_recover, expect_one_line, fault, faulty, lines, wait_counter,
                    wait_state, wait_within)
from lab import wait_until
from stopping import stop_and_go
from streams import servers, transfer
from wire import Wire, channels

pytestmark = pytest.mark.alone  # it looks at times


def still_right(lab, wire, daemon, data):
    """Everything adds up, nothing is missing, and it works as before."""
    for direction in ("in", "out"):
        before = daemon.total()
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
        after = daemon.total()
        name = "rx_superpackets" if direction == "in" else "tx_superpackets"
        assert after[name] > before[name], f"{name} does not grow any more"
        assert after["rebuilds"] == before["rebuilds"], "the socket was made anew for nothing"
    total = wait_until(lambda: (lambda t: not add_up(t) and t)(daemon.total()), 2,
                       lambda: f"the counters add up: {add_up(daemon.total())}")
    missing = {n: total[n] for n in ("frames_missing", "slots_missing", "buffers_missing") if total[n]}
    assert not missing, f"missing: {missing}"
    assert daemon.status()["state"] == "ok", f"state: {daemon.status()['state']}"
    daemon.stop()


def test_completions(lab, data):
    """Completions that never come: the socket is made anew within 2 s."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    break_and_recover(lab, daemon, transfer(lab, wire, data, "out", 4), "tx_segments", "completion", 1)
    total = daemon.total()
    assert total["stalls_completion"] == 1, f"stalls: {total['stalls_completion']}"
    assert total["tx_lost_descriptors"] >= 1, "no descriptor was lost"
    expect_one_line(daemon, "not completed for too long")
    still_right(lab, wire, daemon, data)


def test_not_taken(lab, data):
    """A transmit ring that the kernel does not take from: the same."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "out", 6)
    stream.wait_received(stream.length // 16)
    fault(daemon, "wake", ALWAYS)
    wait_counter(lab, daemon, "rebuilds", 1, RECOVERED)
    expect_one_line(daemon, "not taken for too long")
    # once more, since it is not cured; later than the first time, and nothing more is said
    wait_counter(lab, daemon, "rebuilds", 2, 5)
    fault(daemon, "wake", 0)
    stream.finish()
    expect_one_line(daemon, "not taken for too long")
    assert daemon.total()["stalls_completion"] == daemon.total()["rebuilds"], "other stalls"
    still_right(lab, wire, daemon, data)


def test_nic_down(lab, data):
    """Port mode: the NIC goes down under a stream; it goes on when the NIC is up."""
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    wire.address_host(wire.host, tap)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "out", 4)
    stream.wait_received(stream.length // 16)
    wire.host.ip("link", "set", wire.nic, "down")
    wait_state(lab, daemon, "degraded")
    wait_within(lab, lambda: daemon.status()["tap_link"] == "no carrier", RECOVERED, "the senders see it at the TAP")
    # Packets that came between the two could not be sent, and the socket may have been made anew for them.
    if daemon.total()["rebuilds"]:
        expect_one_line(daemon, "not taken for too long")
    wire.host.ip("link", "set", wire.nic, "up")
    stream.finish()
    wait_state(lab, daemon, "ok")
    still_right(lab, wire, daemon, data)


def test_fill(lab, data):
    """Receive frames that never come back: the socket is made anew within 2 s."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    frames = daemon.total()["frames_total"]
    break_and_recover(lab, daemon, transfer(lab, wire, data, "in", 4), "rx_packets", "fill", frames)
    assert daemon.total()["stalls_fill"] == 1, f"stalls: {daemon.total()['stalls_fill']}"
    expect_one_line(daemon, "gave none of")
    still_right(lab, wire, daemon, data)


def test_tap_full(lab, data):
    """Inline: a TAP that takes nothing: the kernel has the traffic within 2 s, then we have it again."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "in", 4)
    stream.wait_received(stream.length // 16)
    fault(daemon, "tap-write", ALWAYS)
    wait_state(lab, daemon, "degraded")
    seen = stream.received()
    wait_within(lab, lambda: stream.received() > seen, RECOVERED + SLACK, "the kernel carries the stream on")
    assert daemon.total()["stalls_tap"] == 1, "not counted"
    fault(daemon, "tap-write", 0)
    wait_state(lab, daemon, "ok")
    stream.finish()
    expect_one_line(daemon, " takes no packets")
    still_right(lab, wire, daemon, data)


def test_tap_down(lab, data):
    """Inline: somebody sets the TAP down: the kernel has the traffic until it is up."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "in", 4)
    stream.wait_received(stream.length // 16)
    wire.host.ip("link", "set", daemon.tap(), "down")
    wait_state(lab, daemon, "degraded")
    stream.finish()
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=16 << 20).finish()
    wire.host.ip("link", "set", daemon.tap(), "up")
    wait_state(lab, daemon, "ok")
    still_right(lab, wire, daemon, data)


def test_not_bound(lab, data):
    """A socket that cannot be bound again: the kernel has the traffic until it can."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "out", 4)
    stream.wait_received(stream.length // 16)
    fault(daemon, "bind", ALWAYS)
    fault(daemon, "completion", 1)
    wait_state(lab, daemon, "degraded")
    seen = stream.received()
    wait_within(lab, lambda: stream.received() > seen, RECOVERED + SLACK, "the kernel carries the stream on")
    stream.finish()
    expect_one_line(daemon, "no new socket yet")
    fault(daemon, "bind", 0)
    wait_state(lab, daemon, "ok")
    still_right(lab, wire, daemon, data)


def test_not_added(lab, data):
    """Inline: a queue that is added cannot be opened: it is tried again, and said once."""
    wire = Wire(lab, queues=2)
    channels(wire, 1)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    fault(daemon, "bind", 3)
    stream = transfer(lab, wire, data, "in", 4, length=32 << 20)
    channels(wire, 2)
    wait_until(lambda: lines(daemon, "of 2 queues only 1"), 5, "it is said")
    assert len(daemon.status()["queues"]) == 1, "served all the same"
    wait_until(lambda: len(daemon.status()["queues"]) == 2, 10, "both queues are served")
    stream.finish()
    for text in ("queue 1: the interface is down", "of 2 queues only 1", "2 queues are served now"):
        expect_one_line(daemon, text)
    for number in range(8):
        transfer(lab, wire, data, ("in", "out")[number % 2], 4, length=1 << 20).finish()
    assert all(queue["rx_packets"] for queue in daemon.status()["queues"]), "a queue carries nothing"
    still_right(lab, wire, daemon, data)


def test_end_without_socket(lab, data):
    """The end comes while there is no socket: it is orderly all the same."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    fault(daemon, "bind", ALWAYS)
    fault(daemon, "completion", 1)
    stream = transfer(lab, wire, data, "out", 4, length=64 << 20)
    wait_until(lambda: daemon.status()["state"] == "degraded", RECOVERED + 1, "the daemon is away")
    daemon.stop()
    stream.finish()


def test_conservation(lab):
    """A frame that is in no place where it may be: a test build ends, with the numbers."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    fault(daemon, "frame", 1)
    daemon.process.wait(5, -signal.SIGABRT)
    expect_one_line(daemon, "1 of 8192 frames are missing")


def test_no_faults(lab):
    """An ordinary daemon knows no faults."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    try:
        fault(daemon, "frame", 1)
    except Exception as refused:  # lab.Failed, with the answer
        assert "unknown request" in str(refused), str(refused)
    else:
        assert False, "it took the request"
    daemon.stop()


def test_stopped(lab):
    """Inline: a stopped daemon loses a flow within 100 ms and gets it back; nothing is overtaken."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp")
    stop_and_go(lab, wire, daemon, lambda: daemon.process.signal(signal.SIGSTOP))


def test_stopped_between(lab):
    """The same, stopped when a worker has just seen that it is in time, and not yet carried on what it has."""
    wire = Wire(lab)
    daemon = faulty(lab, wire, "--merge", "tcp,udp")

    in_hand = stop_and_go(lab, wire, daemon, lambda: fault(daemon, "stop", 1, answered=False))
    assert not in_hand, f"it had nothing in its hands, but these were overtaken: {in_hand}"
