# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Starts and stops: hundreds in a row, and ten at once."""

import os
import signal
import time

from daemon import DAEMON, EXIT_FAILED, Daemon, HostState, wait_until_freed
from drill import DRILL
from figures import milliseconds
from lab import RUNTIME, wait_until
from wire import Wire

pytestmark = DRILL

AT_ONCE = 10
FREED_EVERY = 20  # starts; asking after each BPF object takes time


def nothing_left(wire, before):
    before.wait_restored()
    left = [name for name in os.listdir(RUNTIME) if name.startswith(wire.nic)]
    assert not left, f"left in {RUNTIME}: {left}"


def test_start_stop(drill):
    """Started and stopped, every fifth time by kill -9: nothing is left."""
    wire = Wire(drill.lab)
    before, count = HostState(wire.host), drill.count(300)
    starts, stops, objects = [], [], set()
    for number in range(count):
        begin = time.monotonic()
        daemon = Daemon(drill.lab, wire.host, wire.nic)
        starts.append(time.monotonic() - begin)
        if number % FREED_EVERY == 0:
            objects |= daemon.bpf_objects()
        begin = time.monotonic()
        daemon.kill() if number % 5 == 4 else daemon.stop()
        stops.append(time.monotonic() - begin)
        if number % 50 == 49 or number == count - 1:
            drill.say(f"{number + 1} of {count}, start {milliseconds(starts)} ms, stop {milliseconds(stops)} ms")
    drill.row("started and stopped", count, measured="start, ms: p50 / p99 / max", ours=milliseconds(starts),
              note=f"stop {milliseconds(stops)} ms")
    # who died by kill -9 leaves its socket's file to the next one
    Daemon(drill.lab, wire.host, wire.nic).stop()
    nothing_left(wire, before)
    wait_until_freed(drill.lab, objects)


def start_at_once(lab, wires):
    """Daemons, that many at once, whatever becomes of them."""
    return [lab.start([DAEMON, "--interface", wire.nic], ns=wire.host, name="superpacketd") for wire in wires]


def settle(processes):
    """Each is ready, or has ended. Returns those that are ready, and the others."""
    wait_until(lambda: all("ready" in p.stderr() or not p.running() for p in processes), 30,
               "each daemon is ready or has ended")
    ready = [p for p in processes if p.running()]
    return ready, [p for p in processes if p not in ready]


def test_ten_on_one(drill):
    """Ten at once on one interface: one wins, nine are refused in a line that names the interface."""
    wire = Wire(drill.lab)
    before, count, said = HostState(wire.host), drill.count(20), set()
    for number in range(count):
        ready, refused = settle(start_at_once(drill.lab, [wire] * AT_ONCE))
        assert len(ready) == 1, f"{len(ready)} won: {[p.tail() for p in refused][:3]}"
        for process in refused:
            process.wait(5, EXIT_FAILED)
            lines = process.stderr().strip().splitlines()
            assert len(lines) == 1 and wire.nic in lines[0], f"refused in {len(lines)} lines: {lines}"
            said.add(lines[0].replace(wire.nic, "IF").translate({ord(d): None for d in "0123456789"}))
        ready[0].signal(signal.SIGTERM)
        ready[0].wait(15)
        drill.say(f"{number + 1} of {count}")
    nothing_left(wire, before)
    drill.row(f"{AT_ONCE} started at once on one interface", count, measured="ready : refused",
              ours=f"1 : {AT_ONCE - 1} each time", note="; ".join(sorted(said)))


def test_ten_on_ten(drill):
    """Ten at once on ten interfaces: all are ready."""
    wires = [Wire(drill.lab) for _ in range(1)]
    host, peer = wires[0].host, wires[0].peer
    names = [f"n{number}x{os.getpid()}" for number in range(AT_ONCE)]
    for number, name in enumerate(names):
        drill.lab.veth(host, name, peer, f"w{number}x{os.getpid()}")
    before, count, seconds = HostState(host), drill.count(20), []
    for number in range(count):
        begin = time.monotonic()
        processes = [drill.lab.start([DAEMON, "--interface", name], ns=host, name="superpacketd") for name in names]
        ready, refused = settle(processes)
        seconds.append(time.monotonic() - begin)
        assert not refused, f"{len(refused)} of {AT_ONCE} were refused: {[p.tail() for p in refused]}"
        for process in ready:
            process.signal(signal.SIGTERM)
        for process in ready:
            process.wait(15)
        drill.say(f"{number + 1} of {count}")
    before.wait_restored()
    drill.row(f"{AT_ONCE} started at once on {AT_ONCE} interfaces", count, measured="all ready, ms: p50 / p99 / max",
              ours=milliseconds(seconds))
