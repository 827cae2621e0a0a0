# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What is steered to a socket and does not arrive there: the kernel has it at once, and the daemon says so."""

import mmap
import signal
import struct
import threading
import time

import pytest

from bpfmaps import DeadSocket, Map
from daemon import COMMAND, EXIT_DEGRADED, Daemon
from faulty import expect_one_line, wait_within
from lab import wait_until
from sequence import Sequence
from streams import servers, transfer
from wire import Wire

pytestmark = pytest.mark.alone  # it looks at times

HANDED_OVER = 0.1  # seconds from the first frame that is lost until the kernel has the queue
MARGIN = 0.03      # between the clocks of the test's threads
STATE = struct.Struct("=QIIII")  # include/steer_abi.h struct steer_state
SAID = "frames that were steered to its socket have not arrived"
AGAIN = "frames that are steered to its socket arrive again"


def is_deaf(daemon):
    status = daemon.status()
    return (status["state"] == "degraded" and "do not arrive" in status["state_why"]
            and "deaf" in [queue["state"] for queue in status["queues"]])


def expect_deaf(lab, daemon):
    wait_within(lab, lambda: is_deaf(daemon), 1.0,
                lambda: f"degraded, with the reason: {daemon.status()['state_why']!r}")


class Breaker:
    """Puts a dead socket into the place of a queue's: once, or whenever the daemon has put its own there."""

    def __init__(self, lab, daemon, queue=0, always=False):
        self._xsks, self._dead, self._queue = Map(lab, daemon, "steer_xsks"), DeadSocket(lab), queue
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        assert self._dead.replace(self._xsks, queue), "the dead socket is refused"
        if always:
            lab.cleanup(self.end)
            self._thread.start()

    def _run(self):
        while not self._ending.wait(0.001):
            self._dead.replace(self._xsks, self._queue)

    def end(self):
        self._ending.set()
        self._thread.join(5)


def test_lost_behind_the_redirect(lab, data):
    """Inline: frames are redirected and arrive nowhere: the kernel has them within 100 ms, TCP goes on, degraded is
    said; a new socket cures it."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp")
    servers(lab, wire, data)
    flow = Sequence(wire.peer, wire.host, wire.HOST4)
    stream = transfer(lab, wire, data, "in", 6)
    stream.wait_received(data.length // 10)
    begin = time.monotonic()
    Breaker(lab, daemon)
    expect_deaf(lab, daemon)
    assert wire.host.run(COMMAND, "-q", "status", wire.nic, check=False).returncode == EXIT_DEGRADED, "exit code"
    stream.finish()
    wait_within(lab, lambda: daemon.status()["state"] == "ok", 5.0, "the daemon receives again")
    flow.finish()
    late = flow.lost_outside([(begin - MARGIN, begin + HANDED_OVER + MARGIN)])
    assert not late, f"{len(late)} of {flow.sent()} lost that the kernel should have had, {late[:3]} s after it began"
    assert flow.sent() > len(set(flow.arrivals)), "nothing was lost at all: the test has shown nothing"
    expect_one_line(daemon, SAID)
    expect_one_line(daemon, AGAIN)
    total = daemon.total()
    assert total["stalls_arrival"] == 1 and total["kernel"]["rx_lost"] > 0, f"not counted: {total}"
    before = total["rx_superpackets"]
    transfer(lab, wire, data, "in", 4, length=32 << 20).finish()
    assert daemon.total()["rx_superpackets"] > before, "nothing is merged again"
    daemon.stop()


def test_again_and_again(lab, data):
    """Inline, with two queues: new sockets do not help: pauses grow, it is said once, the kernel carries that queue,
    the daemon the other; when sockets get their frames again, it is served again."""
    wire = Wire(lab, queues=2)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    breaker = Breaker(lab, daemon, queue=1, always=True)
    for number in range(60):
        transfer(lab, wire, data, "in", (4, 6)[number % 2], length=1 << 20).finish()
        if daemon.total()["stalls_arrival"] >= 3:
            break
    total = daemon.total()
    assert total["stalls_arrival"] >= 3, f"no attempt was made, or none has failed: {total}"
    assert is_deaf(daemon), f"not degraded: {daemon.status()['state_why']!r}"
    assert [queue["state"] for queue in daemon.status()["queues"]] == ["ok", "deaf"], "the wrong queue"
    assert total["rx_packets"] > 0, "the other queue is not served any more"
    expect_one_line(daemon, SAID)
    breaker.end()

    def heard():
        transfer(lab, wire, data, "in", 4, length=1 << 20).finish()
        return daemon.status()["state"] == "ok"

    wait_until(heard, 20, "it receives again")
    expect_one_line(daemon, AGAIN)
    daemon.stop()


def test_port(lab, data):
    """Port mode: said, and a new socket cures it, since nobody else could carry the frames."""
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    wire.address_host(wire.host, tap)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "in", 4)
    stream.wait_received(data.length // 10)
    Breaker(lab, daemon)
    expect_deaf(lab, daemon)
    assert "what this queue receives is lost" in daemon.process.stderr(), daemon.process.tail()
    stream.finish()
    wait_within(lab, lambda: daemon.status()["state"] == "ok", 5.0, "the daemon receives again")
    daemon.stop()


@pytest.mark.parametrize("mode", ["native", pytest.param("generic", marks=pytest.mark.more)])
def test_no_false_alarm(lab, data, mode):
    """A daemon that is stopped again and again under streams, with a ring that overflows: it finds every frame."""
    wire = Wire(lab)
    wire.peer.ethtool_off(wire.wire, "tso")
    daemon = Daemon(lab, wire.host, wire.nic, "--xdp-mode", mode)
    servers(lab, wire, data)
    streams = [transfer(lab, wire, data, direction, 4) for direction in ("in", "in", "out")]
    for _ in range(20):
        daemon.process.signal(signal.SIGSTOP)
        time.sleep(0.15)  # longer than the heartbeat counts
        daemon.process.signal(signal.SIGCONT)
        time.sleep(0.1)
    assert any(stream.process.running() for stream in streams), "the streams were over too early"
    for stream in streams:
        stream.finish()
    total = daemon.total()
    assert total["stalls_arrival"] == 0, f"{total['kernel']['rx_lost']} frames are said to be lost"
    assert total["kernel"]["rx_lost"] == 0, f"{total['kernel']['rx_lost']} frames are said to be lost"
    assert "do not arrive" not in daemon.status()["state_why"], daemon.status()["state_why"]
    daemon.stop()


def test_other_interface(lab, data):
    """Frames that say that they arrived on another interface than the sockets' are left to the kernel."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    state = mmap.mmap(Map(lab, daemon, "steer_state").fd, mmap.PAGESIZE)
    stream = transfer(lab, wire, data, "in", 4)
    stream.wait_received(data.length // 10)
    state[STATE.size - 4:STATE.size] = (1).to_bytes(4, "little")
    state.close()
    stream.finish()
    assert daemon.status()["steer"]["pass_other_interface"] > 0, "none was left to the kernel"
    daemon.stop()


def expect_unbroken(flows, since):
    """Nothing is lost that was sent since. Before, streams fill the TAP's queue: what waits there goes with it, and
    what finds it full is lost."""
    for flow in flows:
        wait_until(lambda flow=flow: flow.arrived_since(since) > 100, 5, "the kernel carries the flow")
        flow.finish()
        lost = flow.lost_outside([(0, since)])
        assert not lost, f"{len(lost)} of {flow.sent()} lost that the kernel should have had"


@pytest.mark.parametrize("how", ["down", "moved"])
def test_hidden_tap(lab, data, how):
    """Inline: the hidden TAP is set down, or moved away: the kernel has the traffic at once, and it is said; back and
    up again, it is served again."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp")
    servers(lab, wire, data)
    tap, away = daemon.tap(), lab.namespace("away")
    flows = [Sequence(wire.peer, wire.host, wire.HOST4), Sequence(wire.host, wire.peer, wire.PEER6)]
    streams = [transfer(lab, wire, data, direction, 6) for direction in ("in", "out")]
    for stream in streams:
        stream.wait_received(data.length // 10)
    if how == "down":
        wire.host.ip("link", "set", tap, "down")
    else:
        wire.host.ip("link", "set", tap, "netns", away.name)
    end = time.monotonic()
    wait_within(lab, lambda: daemon.status()["state"] == "degraded", 0.5, "the daemon says degraded")
    assert "the TAP " in daemon.status()["state_why"], daemon.status()["state_why"]
    for stream in streams:
        stream.finish()
    expect_unbroken(flows, end + HANDED_OVER + MARGIN)
    if how == "moved":
        away.ip("link", "set", tap, "netns", wire.host.name)
    wire.host.ip("link", "set", tap, "up")
    wait_until(lambda: daemon.status()["state"] == "ok", 5, lambda: f"ok: {daemon.status()['state_why']!r}")
    before = daemon.total()
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
    after = daemon.total()
    assert all(after[name] > before[name] for name in ("rx_superpackets", "tx_superpackets")), "not served again"
    daemon.stop()
