# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A daemon on a busy machine: its priority, and what its traffic suffers."""

import os
import re

import pytest

import busy
from daemon import Daemon
from lab import wait_until
from streams import servers, transfer
from wire import Wire

UNKNOWN = None
TURNS = (3, 5, 7)


def nice_values(daemon):
    """Of each of its threads."""
    return {os.getpriority(os.PRIO_PROCESS, int(thread)) for thread in os.listdir(f"/proc/{daemon.pid}/task")}


def session_nice(daemon):
    """That of its session; UNKNOWN on a kernel that does not group processes by session."""
    try:
        with open(f"/proc/{daemon.pid}/autogroup") as file:
            return int(re.search(r"nice (-?\d+)", file.read()).group(1))
    except FileNotFoundError:
        return UNKNOWN


@pytest.mark.skipif(os.getpriority(os.PRIO_PROCESS, 0) != 0, reason="the tests were started with a nice value")
def test_priority(lab):
    """At nice -10, all threads and the session, without being told; with --nice 0 as it was started."""
    wire = Wire(lab)
    cases = (([], -10, "nice -10"), (["--nice", "-2"], -2, "nice -2"), (["--nice", "0"], 0, "nice 0"))
    for options, nice, text in cases:
        daemon = Daemon(lab, wire.host, wire.nic, *options)
        assert nice_values(daemon) == {nice}, f"{options}: {nice_values(daemon)}"
        assert session_nice(daemon) in (nice, UNKNOWN), f"{options}: its session has {session_nice(daemon)}"
        assert daemon.status()["priority"].startswith(text), daemon.status()["priority"]
        daemon.stop()


def test_priority_kept(lab):
    """Whoever has started it with a nice value has chosen that one; --nice overrules it."""
    wire = Wire(lab)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    for options, nice in (([], min(before + 3, 19)), (["--nice", "-1"], -1)):
        daemon = Daemon(lab, wire.host, wire.nic, *options, wrapper=["nice", "-n", "3"])
        assert nice_values(daemon) == {nice}, f"{options}: {nice_values(daemon)}"
        daemon.stop()


def test_priority_refused(lab):
    """Where it may not have it, it says so, and what to do, and serves as it is."""
    wire = Wire(lab)
    before = os.getpriority(os.PRIO_PROCESS, 0)
    daemon = Daemon(lab, wire.host, wire.nic, "--nice", "-5", wrapper=["setpriv", "--bounding-set", "-sys_nice"])
    assert nice_values(daemon) == {before}, f"{nice_values(daemon)}"
    assert "CAP_SYS_NICE" in daemon.process.stderr(), daemon.process.stderr()
    assert "-5 is not permitted" in daemon.status()["priority"], daemon.status()["priority"]
    daemon.stop()


def test_queue_of_the_tap(lab, data):
    """The TAP's queue takes 4096 packets, or 256 when they are superpackets; in port mode it is the operator's."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)

    def length():
        return wire.host.ip_json("link", "show", "dev", daemon.tap())[0]["txqlen"]

    wait_until(lambda: length() == 4096, 2, lambda: f"small packets find room: {length()}")
    stream = transfer(lab, wire, data, "out", 4)
    wait_until(lambda: length() == 256, 5, lambda: f"superpackets wait in a short queue: {length()}")
    stream.finish()
    receiver = lab.start([busy.PACED, "serve", busy.PORT], ns=wire.peer, name="serve")
    wait_until(lambda: "serving" in receiver.stderr(), 5, "the receiver listens")
    lab.start([busy.PACED, "send", wire.PEER4, busy.PORT, "50", "5000000", "500", "20000"], ns=wire.host, name="send")
    wait_until(lambda: length() == 4096, 5, lambda: f"small packets find room again: {length()}")
    daemon.stop()


@pytest.mark.alone  # it looks at times
@pytest.mark.skipif(os.getpriority(os.PRIO_PROCESS, 0) > 0, reason="the tests were started with a lower priority")
@pytest.mark.parametrize("direction", busy.DIRECTIONS)
@pytest.mark.parametrize("loops", [4, pytest.param(16, marks=pytest.mark.more)])
def test_busy_loops(support, loops, direction):
    """Busy loops, two hundred connections, 39 MB/s in messages of 1 KB: delay and retransmits are near those of the
    kernel alone. In turns with it, by the medians of three turns; others may be on this machine, so these are five, or
    seven, before it is a failure."""
    kernel, ours = [], []
    for turns in TURNS:
        while len(ours) < turns:
            kernel.append(busy.measure(loops, direction, 3000, False))
            ours.append(busy.measure(loops, direction, 3000, True))
        why = busy.too_much(busy.medians(kernel), busy.medians(ours))
        if not why:
            return
    raise AssertionError(f"medians of {len(ours)} turns: {why}; p99 of each: "
                         + ", ".join(f"{k['p99']:.1f} / {o['p99']:.1f}" for k, o in zip(kernel, ours)))
