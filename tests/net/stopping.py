# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A daemon that is stopped in the midst of two flows and goes on: nothing may be overtaken."""

import os
import signal
import time

import starved
from faulty import RECOVERED
from lab import wait_until
from sequence import Sequence

HEARTBEAT = 0.1   # include/steer_abi.h STEER_HEARTBEAT_LIMIT_NS
MARGIN = 0.02     # between clocks: that of the sender of a datagram, and that of who sends the signal


def stop_and_go(lab, wire, daemon, stop, check=lambda: None):
    """Five times, a flow each way: what the kernel carries meanwhile is not overtaken by what the daemon has still.
    Returns what was overtaken all the same of what had been sent when it stopped: what it may have had in its
    hands just then. check(): of the daemon, at the end."""
    flows = {"in": Sequence(wire.peer, wire.host, wire.HOST4),
             "out": Sequence(wire.host, wire.peer, wire.PEER6)}
    outages, stops = [], []

    def wait_served():
        before = daemon.total()

        def moved():
            total = daemon.total()
            return all(total[name] - before[name] > 10 for name in ("rx_packets", "tap_packets"))

        wait_until(moved, RECOVERED, "the daemon carries both flows")

    for _ in range(5):
        wait_served()
        begin = time.monotonic()
        stop()
        wait_until(lambda: all_stopped(daemon), 5, "all of its threads have stopped")
        stops.append((begin, time.monotonic()))
        end = time.monotonic() + HEARTBEAT
        outages.append((begin - HEARTBEAT, end + MARGIN))
        for flow in flows.values():
            # and it stays so for a while: what the kernel carries it goes on carrying
            wait_until(lambda f=flow: f.arrived_since(end + MARGIN) > 20, RECOVERED, "the kernel carries the flow")
        daemon.process.signal(signal.SIGCONT)
    wait_served()
    in_hand = []
    for direction, flow in flows.items():
        flow.finish()
        assert flow.doubled() == 0, f"{direction}: {flow.doubled()} came twice"
        wrong = flow.overtaken()
        held = [number for number, sent in wrong if any(begin - HEARTBEAT < sent < end for begin, end in stops)]
        in_hand += held
        assert len(held) == len(wrong), f"{direction}: overtaken: {len(wrong)}, {wrong[:3]}; stopped: {stops}"
        # only what came while the heartbeat was still believed, or a little before, when it was not carried on yet
        late = flow.lost_outside(outages)
        assert not late or starved.emulated, (
            f"{direction}: {len(late)} of {flow.sent()} lost that the kernel should have had, "
            f"{late[:3]} s after a stop")
    stale = daemon.total()["drops"]
    assert stale["rx_stale"] > 0 and stale["tx_stale"] > 0, f"nothing was stale: {stale}"
    check()
    daemon.stop()
    return in_hand


def all_stopped(daemon):
    def state(thread):
        with open(f"/proc/{daemon.pid}/task/{thread}/stat") as file:
            return file.read().rpartition(") ")[2][0]

    return all(state(thread) == "T" for thread in os.listdir(f"/proc/{daemon.pid}/task"))
