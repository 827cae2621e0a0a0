# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every wait has a limit: what a kernel or a TAP may do to the daemon is done by a build of it that can
break on command (user/base/fault.h), in the middle of a transfer whose every byte is checked."""

import os
import signal
import socket
import time

from daemon import Daemon, add_up
from harness import test
from lab import BUILD, RUNTIME, expect, wait_until
from sequence import Sequence
from test_bulk import servers, transfer
from test_queues import channels
from wire import Wire

FAULTY = os.path.join(BUILD, "faulty", "superpacketd")
ALWAYS = 1 << 30
RECOVERED = 2.0   # seconds from the fault until traffic flows again
SLACK = 0.5       # for a transfer's progress, which is seen in steps of 4 MiB
HEARTBEAT = 0.1   # include/steer_abi.h STEER_HEARTBEAT_LIMIT_NS
MARGIN = 0.02     # between clocks: that of the sender of a datagram, and that of who sends the signal


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
    expect(answer == b"{}", f"fault {name} {count}: {answer!r}")


def lines(daemon, text):
    return [line for line in daemon.process.stderr().splitlines() if text in line]


def expect_one_line(daemon, text):
    found = lines(daemon, text)
    expect(len(found) == 1, f"said {len(found)} times: {text!r}; {daemon.process.tail()}")


def wait_within(lab, predicate, seconds, what):
    """The time itself is tested: what has not come `seconds` after the call (as far as was looked) is late. The machine
    may be busy with others: how long the processes of the lab had to wait for a CPU meanwhile is added."""
    def starved():
        return sum(process.starved_ns() for process in lab.processes) / 1e9

    began, before, missing = time.monotonic(), starved(), 0.0

    def look():
        nonlocal missing
        now = time.monotonic()
        value = predicate()
        if not value:
            missing = now - began
        return value

    wait_until(look, seconds, what)
    allowed = seconds + max(0.0, starved() - before)
    expect(missing <= allowed, f"waited {missing:.2f} s, {allowed:.2f} s would be all right, until "
           + (what() if callable(what) else what))


def wait_counter(lab, daemon, name, least, seconds):
    wait_within(lab, lambda: daemon.total()[name] >= least, seconds,
                lambda: f"{name} is {least} or more; it is {daemon.total()[name]}; "
                        f"{daemon.process.tail()}")


def wait_state(lab, daemon, state):
    wait_within(lab, lambda: daemon.status()["state"] == state, RECOVERED, f"the daemon is {state}")


def break_and_recover(lab, daemon, stream, name, count):
    """Breaks it in the middle of the stream; the daemon itself carries it on within the limit."""
    stream.wait_received(stream.length // 16)
    before = daemon.total()
    fault(daemon, name, count)
    stages = []

    def recovered():
        """First the socket, then the stream and the daemon that carries it."""
        total = daemon.total()
        if total["rebuilds"] > before["rebuilds"]:
            stages.append((stream.received(), total["rx_packets"]))
            return stages[-1][0] > stages[0][0] and stages[-1][1] > stages[0][1]
        return False

    wait_within(lab, recovered, RECOVERED + SLACK, lambda: f"the stream goes on through the daemon: {stages[-1:]}")
    expect(stream.process.running(), "the stream was over too early")
    stream.finish()


def still_right(lab, wire, daemon, data):
    """Everything adds up, nothing is missing, and it works as before."""
    for direction in ("in", "out"):
        before = daemon.total()
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
        after = daemon.total()
        name = "rx_superpackets" if direction == "in" else "tx_superpackets"
        expect(after[name] > before[name], f"{name} does not grow any more")
        expect(after["rebuilds"] == before["rebuilds"], "the socket was made anew for nothing")
    total = wait_until(lambda: (lambda t: not add_up(t) and t)(daemon.total()), 2,
                       lambda: f"the counters add up: {add_up(daemon.total())}")
    missing = {n: total[n] for n in ("frames_missing", "slots_missing", "buffers_missing") if total[n]}
    expect(not missing, f"missing: {missing}")
    expect(daemon.status()["state"] == "ok", f"state: {daemon.status()['state']}")
    daemon.stop()


@test("completions that never come: the socket is made anew within 2 s", seconds=120)
def completions(lab, data):
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    break_and_recover(lab, daemon, transfer(lab, wire, data, "out", 4), "completion", 1)
    total = daemon.total()
    expect(total["stalls_completion"] == 1, f"stalls: {total['stalls_completion']}")
    expect(total["tx_lost_descriptors"] >= 1, "no descriptor was lost")
    expect_one_line(daemon, "not completed for too long")
    still_right(lab, wire, daemon, data)


@test("a transmit ring that the kernel does not take from: the same", seconds=120)
def not_taken(lab, data):
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
    expect(daemon.total()["stalls_completion"] == daemon.total()["rebuilds"], "other stalls")
    still_right(lab, wire, daemon, data)


@test("port mode: the NIC goes down under a stream; it goes on when the NIC is up", seconds=120)
def nic_down(lab, data):
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    wire.address_host(wire.host, tap)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "out", 4)
    stream.wait_received(stream.length // 16)
    wire.host.ip("link", "set", wire.nic, "down")
    wait_within(lab, lambda: lines(daemon, "not taken for too long"), RECOVERED, "the daemon notices")
    wire.host.ip("link", "set", wire.nic, "up")
    stream.finish()
    expect_one_line(daemon, "not taken for too long")
    still_right(lab, wire, daemon, data)


@test("receive frames that never come back: the socket is made anew within 2 s", seconds=120)
def fill(lab, data):
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    frames = daemon.total()["frames_total"]
    break_and_recover(lab, daemon, transfer(lab, wire, data, "in", 4), "fill", frames)
    expect(daemon.total()["stalls_fill"] == 1, f"stalls: {daemon.total()['stalls_fill']}")
    expect_one_line(daemon, "gave none of")
    still_right(lab, wire, daemon, data)


@test("inline: a TAP that takes nothing: the kernel has the traffic within 2 s, then we have it again",
      seconds=120)
def tap_full(lab, data):
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "in", 4)
    stream.wait_received(stream.length // 16)
    fault(daemon, "tap-write", ALWAYS)
    wait_state(lab, daemon, "degraded")
    seen = stream.received()
    wait_within(lab, lambda: stream.received() > seen, RECOVERED + SLACK, "the kernel carries the stream on")
    expect(daemon.total()["stalls_tap"] == 1, "not counted")
    fault(daemon, "tap-write", 0)
    wait_state(lab, daemon, "ok")
    stream.finish()
    expect_one_line(daemon, " takes no packets")
    still_right(lab, wire, daemon, data)


@test("inline: somebody sets the TAP down: the kernel has the traffic until it is up", seconds=120)
def tap_down(lab, data):
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


@test("a socket that cannot be bound again: the kernel has the traffic until it can", seconds=120)
def not_bound(lab, data):
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


@test("inline: a queue that is added cannot be opened: it is tried again, and said once", seconds=60)
def not_added(lab, data):
    wire = Wire(lab, queues=2)
    channels(wire, 1)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    fault(daemon, "bind", 3)
    stream = transfer(lab, wire, data, "in", 4, length=32 << 20)
    channels(wire, 2)
    wait_until(lambda: lines(daemon, "of 2 queues only 1"), 5, "it is said")
    expect(len(daemon.status()["queues"]) == 1, "served all the same")
    wait_until(lambda: len(daemon.status()["queues"]) == 2, 10, "both queues are served")
    stream.finish()
    for text in ("queue 1: the interface is down", "of 2 queues only 1", "2 queues are served now"):
        expect_one_line(daemon, text)
    for number in range(8):
        transfer(lab, wire, data, ("in", "out")[number % 2], 4, length=1 << 20).finish()
    expect(all(queue["rx_packets"] for queue in daemon.status()["queues"]), "a queue carries nothing")
    still_right(lab, wire, daemon, data)


@test("the end comes while there is no socket: it is orderly all the same", seconds=60)
def end_without_socket(lab, data):
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    fault(daemon, "bind", ALWAYS)
    fault(daemon, "completion", 1)
    stream = transfer(lab, wire, data, "out", 4, length=64 << 20)
    wait_until(lambda: daemon.status()["state"] == "degraded", RECOVERED + 1, "the daemon is away")
    daemon.stop()
    stream.finish()


@test("a frame that is in no place where it may be: a test build ends, with the numbers", seconds=60)
def conservation(lab):
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    fault(daemon, "frame", 1)
    daemon.process.wait(5, -signal.SIGABRT)
    expect_one_line(daemon, "1 of 8192 frames are missing")


@test("an ordinary daemon knows no faults", seconds=60)
def no_faults(lab):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    try:
        fault(daemon, "frame", 1)
    except Exception as refused:  # lab.Failed, with the answer
        expect("unknown request" in str(refused), str(refused))
    else:
        expect(False, "it took the request")
    daemon.stop()


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
        expect(flow.doubled() == 0, f"{direction}: {flow.doubled()} came twice")
        wrong = flow.overtaken()
        held = [number for number, sent in wrong if any(begin - HEARTBEAT < sent < end for begin, end in stops)]
        in_hand += held
        expect(len(held) == len(wrong), f"{direction}: overtaken: {len(wrong)}, {wrong[:3]}; stopped: {stops}")
        # only what came while the heartbeat was still believed, or a little before, when it was not carried on yet
        late = flow.lost_outside(outages)
        expect(not late or daemon.starvation.happened(),
               f"{direction}: {len(late)} of {flow.sent()} lost that the kernel should have had, "
               f"{late[:3]} s after a stop")
    stale = daemon.total()["drops"]
    expect(stale["rx_stale"] > 0 and stale["tx_stale"] > 0, f"nothing was stale: {stale}")
    check()
    daemon.stop()
    return in_hand


def all_stopped(daemon):
    def state(thread):
        with open(f"/proc/{daemon.pid}/task/{thread}/stat") as file:
            return file.read().rpartition(") ")[2][0]

    return all(state(thread) == "T" for thread in os.listdir(f"/proc/{daemon.pid}/task"))


@test("inline: a stopped daemon loses a flow within 100 ms and gets it back; nothing is overtaken",
      seconds=120)
def stopped(lab):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp")
    stop_and_go(lab, wire, daemon, lambda: daemon.process.signal(signal.SIGSTOP))


@test("the same, stopped when a worker has just seen that it is in time, and not yet carried on what it has",
      seconds=120)
def stopped_between(lab):
    wire = Wire(lab)
    daemon = faulty(lab, wire, "--merge", "tcp,udp")

    in_hand = stop_and_go(lab, wire, daemon, lambda: fault(daemon, "stop", 1, answered=False))
    expect(not in_hand, f"it had nothing in its hands, but these were overtaken: {in_hand}")
