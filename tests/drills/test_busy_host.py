# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A host without time: an attack with a million flows, and programs that take all CPUs. What the daemon leaves to
connections, beside what the kernel alone leaves them, in turns."""

import json
import os
import signal
import time

import pytest

from crowd import Crowd
from daemon import Daemon
from drill import DRILL, TURNS, carrying, pause
from lab import BUILD
from wire import Wire

pytestmark = DRILL

ATTACK = os.path.join(BUILD, "tests", "attack")
FLOWS, PACKETS = 1000000, 150000  # of the attack; packets a second
VICTIM_GOAL = 0.9                 # of what the kernel leaves it
DELAY_GOAL = (2, 0.020)           # times the kernel's, or seconds more
RETRANSMITS_GOAL = 0.001          # of all segments
SECONDS = 8                       # of a measurement
CATCH_UP, ON_TIME = 30, 0.1       # seconds
HOGS = (4, 16)
PACE = {"chunk": 4096, "period": "40ms"}  # of 200 connections each way: 41 MB/s together


def met(good):
    return "met" if good else "missed"


def mean(values):
    return sum(values) / len(values)


class Measured:
    """What happened in each turn."""

    def __init__(self):
        self.ours, self.kernel = [], []

    def take_turns(self, drill, wire, measure):
        for turn in range(TURNS):
            self.kernel.append(measure())
            drill.say(f"turn {turn + 1}, kernel alone: {self.kernel[-1]}")
            daemon = Daemon(drill.lab, wire.host, wire.nic)
            carrying(daemon)
            self.ours.append(measure())
            drill.say(f"turn {turn + 1}, ours: {self.ours[-1]}; {daemon.total()['kernel']}")
            daemon.stop()
            pause(1)

    def mean(self, who, name):
        return mean([one[name] for one in getattr(self, who)])


def megabits(crowd, seconds):
    begin = time.monotonic()
    crowd.period()
    pause(seconds)
    return 8e-6 * sum(crowd.period().received) / (time.monotonic() - begin)


def test_flow_attack(drill):
    """A million flows of which nothing can be merged: a stream each way keeps 0.9 of what the kernel leaves it, in
    Mbit/s, and of the share of its rate before."""
    lab, wire, seconds = drill.lab, Wire(drill.lab), drill.seconds(SECONDS)
    victim = Crowd(lab, wire.host, wire.peer, [wire.PEER4], count=1, chunk=65536, period="0")
    sent = []

    def measure():
        quiet = megabits(victim, seconds)
        attack = lab.start([ATTACK, wire.wire, wire.host.mac(wire.nic), wire.HOST4, str(FLOWS), str(PACKETS)],
                           ns=wire.peer, name="attack")
        pause(1)
        attacked = megabits(victim, seconds)
        attack.signal(signal.SIGTERM)
        attack.wait(10)
        did = json.loads(attack.stdout())
        sent.append(did["sent"] / did["seconds"])
        return {"quiet": round(quiet), "attacked": round(attacked)}

    measured = Measured()
    measured.take_turns(drill, wire, measure)
    lost, wrong, why = victim.finish()
    rate = {who: measured.mean(who, "attacked") for who in ("ours", "kernel")}
    share = {who: rate[who] / measured.mean(who, "quiet") for who in rate}
    texts = {who: f"{rate[who]:.0f} of {measured.mean(who, 'quiet'):.0f} Mbit/s, {100 * share[who]:.0f} %"
             for who in rate}
    times = {"rate": rate["ours"] / max(1, rate["kernel"]), "share": share["ours"] / max(0.01, share["kernel"])}
    goals = "; ".join(f"{name} {value:.2f} of the kernel's: {met(value >= VICTIM_GOAL)}"
                      for name, value in times.items())
    drill.row("flow attack on the same CPUs", TURNS, f"{lost} of 2", wrong,
              "a stream each way: rate, of that before, share", texts["ours"], texts["kernel"],
              f"at least {VICTIM_GOAL}: {goals}", f"{FLOWS} flows, {mean(sent) / 1000:.0f} kpps")
    assert lost == 0 and wrong == 0, f"{lost} lost, {wrong} bytes wrong: {why}"


def catch_up(crowd):
    """What could not be sent in time before is sent: else it would be late in the next measurement."""
    deadline = time.monotonic() + CATCH_UP
    crowd.period()
    pause(1)
    while crowd.period().delay_max > ON_TIME and time.monotonic() < deadline:
        pause(1)


@pytest.mark.parametrize("hogs", HOGS)
def test_hogs(drill, hogs):
    """Busy loops beside 200 connections each way at a fixed rate: how late data comes, and what is sent again."""
    lab, wire, seconds = drill.lab, Wire(drill.lab), drill.seconds(SECONDS)
    crowd = drill.crowd(wire.host, wire.peer, [wire.PEER4, wire.PEER6], **PACE)

    def segments():
        counters = [ns.snmp() for ns in (wire.host, wire.peer)]
        return [sum(one[name] for one in counters) for name in ("TcpOutSegs", "TcpRetransSegs")]

    def measure():
        catch_up(crowd)
        loops = [lab.start(["sh", "-c", "while :; do :; done"], name="hog") for _ in range(hogs)]
        pause(1)
        crowd.period()
        before = segments()
        pause(seconds)
        period, after = crowd.period(), segments()
        for loop in loops:
            loop.kill()
        out, again = (b - a for a, b in zip(before, after))
        return {"p50": period.delay_p50, "p99": period.delay_p99, "max": period.delay_max, "again": again,
                "share": again / max(1, out + again)}

    measured = Measured()
    measured.take_turns(drill, wire, measure)
    lost, wrong, why = crowd.finish()
    p99 = {who: measured.mean(who, "p99") for who in ("ours", "kernel")}
    texts = {who: " / ".join(f"{1e3 * measured.mean(who, name):.1f}" for name in ("p50", "p99", "max"))
             + f"; {measured.mean(who, 'again'):.0f} ({100 * measured.mean(who, 'share'):.2f} %)" for who in p99}
    times, more = DELAY_GOAL
    good = (p99["ours"] <= max(times * p99["kernel"], p99["kernel"] + more),
            measured.mean("ours", "share") < RETRANSMITS_GOAL)
    goal = f"p99 within {times}x or {1e3 * more:.0f} ms: {met(good[0])}; < {100 * RETRANSMITS_GOAL:g} %: {met(good[1])}"
    drill.row(f"{hogs} busy loops", TURNS, f"{lost} of {2 * crowd.count}", wrong,
              "delay, ms: p50 / p99 / max; segments sent again", texts["ours"], texts["kernel"], goal,
              f"{crowd.count} connections each way, {2 * crowd.count * 4096 / 0.04 / 1e6:.0f} MB/s")
    assert lost == 0 and wrong == 0, f"{lost} lost, {wrong} bytes wrong: {why}"
