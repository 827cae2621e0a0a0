# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The build of the daemon that breaks on command (user/base/fault.h), and how fast it must recover."""

import os
import socket
import time

from daemon import Daemon
from lab import BUILD, RUNTIME, wait_until

FAULTY = os.path.join(BUILD, "faulty", "superpacketd")
ALWAYS = 1 << 30
RECOVERED = 2.0   # seconds from the fault until traffic flows again
SLACK = 0.5       # for a transfer's progress, which is seen in steps of 4 MiB


def faulty(lab, wire, *options):
    return Daemon(lab, wire.host, wire.nic, *options, program=FAULTY)


def fault(daemon, name, count, answered=True):
    """The next `count` occasions go wrong."""
    status = daemon.status()
    path = f"{RUNTIME}/{status['interface']}@{status['netns']}.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(path)
        sock.sendall(f"fault {name} {count}\n".encode())
        answer = sock.recv(1000) if answered else b"{}"
    assert answer == b"{}", f"fault {name} {count}: {answer!r}"


def lines(daemon, text):
    return [line for line in daemon.process.stderr().splitlines() if text in line]


def expect_one_line(daemon, text):
    found = lines(daemon, text)
    assert len(found) == 1, f"said {len(found)} times: {text!r}; {daemon.process.tail()}"


def wait_within(lab, predicate, seconds, what):
    """The time itself is tested: what has not come `seconds` after the call (as far as was looked) is late. Where the
    processes of the lab have waited for a CPU for as long as that, it is the machine that was late."""
    began, before, missing = time.monotonic(), lab.starved_ns(), 0.0

    def look():
        nonlocal missing
        now = time.monotonic()
        value = predicate()
        if not value:
            missing = now - began
        return value

    wait_until(look, seconds, what)
    starved = (lab.starved_ns() - before) / 1e9
    if missing - seconds < starved:
        lab.busy.append(f"within {missing:.2f} s the test's processes have waited for a CPU for {starved:.2f} s")
    assert missing <= seconds, f"waited {missing:.2f} s, not {seconds} s, until " + (what() if callable(what) else what)


def wait_counter(lab, daemon, name, least, seconds):
    wait_within(lab, lambda: daemon.total()[name] >= least, seconds,
                lambda: f"{name} is {least} or more; it is {daemon.total()[name]}; "
                        f"{daemon.process.tail()}")


def wait_state(lab, daemon, state):
    wait_within(lab, lambda: daemon.status()["state"] == state, RECOVERED, f"the daemon is {state}")


def break_and_recover(lab, daemon, stream, carried, name, count):
    """Breaks it in the middle of the stream; the daemon itself carries it on within the limit. carried: the counter of
    its data; its acknowledgements may be with the kernel for a while, when a busy machine has overloaded the worker."""
    stream.wait_received(stream.length // 16)
    before = daemon.total()
    fault(daemon, name, count)
    stages = []

    def recovered():
        """First the socket, then the stream and the daemon that carries it."""
        total = daemon.total()
        if total["rebuilds"] > before["rebuilds"]:
            stages.append((stream.received(), total[carried]))
            return stages[-1][0] > stages[0][0] and stages[-1][1] > stages[0][1]
        return False

    wait_within(lab, recovered, RECOVERED + SLACK, lambda: f"the stream goes on through the daemon: {stages[-1:]}")
    assert stream.process.running(), "the stream was over too early"
    stream.finish()


def faults(**counts):
    """The wrapper of a daemon whose faults begin with its start."""
    return ["env", "SUPERPACKET_FAULTS=" + ",".join(f"{name} {n}" for name, n in counts.items())]
