#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Request and response of one byte each over TCP, with and without the daemon: make bench-latency

    tools/bench/latency.py [BUILD] [--rounds N] [--milliseconds N] [--json FILE]

Each setup has its own two namespaces, joined by a veth pair, and its own daemon. All setups exist at the same time, and
all but the one that is measured are idle. Rounds are short, and each measures all setups in a different order, so that
whatever else the machine does affects all of them. Setups are compared within one round; medians over the rounds and
their quartiles are printed. The exit code is 1 if merging costs more latency than its goal.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import statistics
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rounds", metavar="N", type=int, default=40)
    parser.add_argument("--milliseconds", metavar="N", type=int, default=300, help="length of one measurement")
    parser.add_argument("--json", metavar="FILE", help="write every measurement of every round")
    return parser.parse_args()


OPTIONS = arguments()
os.environ["SUPERPACKET_BUILD"] = OPTIONS.build
sys.dont_write_bytecode = True  # keep the source tree clean
sys.path.insert(0, os.path.join(ROOT, "tests", "net"))

from daemon import Daemon  # noqa: E402
from lab import (BUILD, Interrupted, Lab, catch_signals, missing_support, remove_leftovers,  # noqa: E402
                 wait_until)
from wire import Wire  # noqa: E402

LATENCY = os.path.join(BUILD, "tools", "latency")
PORT = "5201"
KERNEL = "kernel"
MERGED, UNMERGED = "inline", "inline, --merge none"
SETUPS = {
    KERNEL: None,
    UNMERGED: ["--merge", "none"],
    MERGED: [],
    "port, --merge none": ["--mode", "port", "--merge", "none"],
    "port": ["--mode", "port"],
    "inline, --wait spin:50": ["--wait", "spin:50"],
    "inline, --wait poll": ["--wait", "poll"],
}
GOAL = 1.05  # highest ratio of the median with merging to that of the same daemon without
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(daemon):
    with open(f"/proc/{daemon.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Setup:
    """Two hosts and the path between them, ready to be measured."""

    def __init__(self, lab, options):
        self.lab, self.daemon, self.options = lab, None, options or []
        port = "port" in self.options
        self.wire = Wire(lab, host_addresses=not port)
        if options is not None:
            tap = lab.unique("tap")
            self.daemon = Daemon(lab, self.wire.host, self.wire.nic, "--tap", tap, *options)
            if port:
                self.wire.address_host(self.wire.host, tap)
        server = lab.start([LATENCY, "serve", PORT], ns=self.wire.peer, name="serve")
        wait_until(lambda: "serving" in server.stderr(), 5, "the server listens")

    @contextlib.contextmanager
    def awake(self):
        """A daemon that polls uses a whole CPU, so it is stopped while others are measured."""
        if "poll" not in self.options:
            yield
            return
        self.daemon.process.signal(signal.SIGCONT)
        try:
            wait_until(self.carries, 5, "the daemon carries the traffic again")
            yield
        finally:
            self.daemon.process.signal(signal.SIGSTOP)

    def carries(self):
        before = self.daemon.total()["rx_packets"]
        return self.ask(10)["cnt"] and self.daemon.total()["rx_packets"] > before

    def ask(self, milliseconds):
        asked = self.wire.host.run(LATENCY, "ask", self.wire.PEER4, PORT, str(milliseconds),
                                   seconds=milliseconds / 1000 + 15)
        return json.loads(asked.stdout)

    def measure(self):
        with self.awake():
            return self.measure_awake()

    def measure_awake(self):
        before = cpu_seconds(self.daemon) if self.daemon else 0.0
        measured = self.ask(OPTIONS.milliseconds)
        measured["cpu"] = (cpu_seconds(self.daemon) - before) * 1e6 / measured["cnt"] if self.daemon else 0.0
        return measured

    def check(self, cnt):
        """Checks that requests and responses went through the daemon."""
        total = self.daemon.total()
        for counter in ("rx_packets", "tap_packets"):
            assert total[counter] > cnt, (
                f"{cnt} requests, but {counter} is {total[counter]}: they did not go through the daemon")


def run_rounds(setups):
    rounds = []
    for number in range(OPTIONS.rounds):
        order = random.Random(number).sample(list(setups), len(setups))
        if sys.stderr.isatty():
            print(f"\r  round {number + 1} of {OPTIONS.rounds} ...", end="", file=sys.stderr, flush=True)
        rounds.append({name: setups[name].measure() for name in order})
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    for name, setup in setups.items():
        if setup.daemon:
            setup.daemon.process.signal(signal.SIGCONT)
            setup.check(sum(one[name]["cnt"] for one in rounds))
    return rounds


def run():
    with contextlib.ExitStack() as labs:
        return run_rounds({name: Setup(labs.enter_context(Lab()), options) for name, options in SETUPS.items()})


def spread(values, digits=2):
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def ratios(rounds, setup, other, name):
    return [one[setup][name] / one[other][name] for one in rounds]


def report(rounds):
    print(f"  {'microseconds':<22}{'p50':>24}{'p99':>26}{'p50 / kernel':>22}{'CPU':>7}")
    for setup in SETUPS:
        cells = [spread([one[setup][name] for one in rounds], 1) for name in ("p50", "p99")]
        cells.append(spread(ratios(rounds, setup, KERNEL, "p50")))
        cpu = statistics.median(one[setup]["cpu"] for one in rounds)
        print(f"  {setup:<22}{cells[0]:>24}{cells[1]:>26}{cells[2]:>22}" + (f"{cpu:>7.1f}" if cpu else ""))
    print("  medians of the rounds (and quartiles); CPU: time of the daemon per request and response")
    for name in ("p50", "p99"):
        print(f"  merging costs, {name}: {spread(ratios(rounds, MERGED, UNMERGED, name), 3)} of --merge none")
    added = statistics.median(one[MERGED]["p50"] - one[KERNEL]["p50"] for one in rounds)
    print(f"  the daemon adds to the kernel's path: {added:.1f} microseconds a round trip")


def main():
    catch_signals()
    missing = missing_support()
    if missing:
        print(f"skipped: {missing}")
        return 0
    remove_leftovers()
    try:
        rounds = run()
    except AssertionError as failure:
        print(f"bench-latency: {failure}", file=sys.stderr)
        return 1
    except Interrupted:
        return 130
    report(rounds)
    if OPTIONS.json:
        with open(OPTIONS.json, "w") as file:
            json.dump(rounds, file, indent=1)
    cost = statistics.median(ratios(rounds, MERGED, UNMERGED, "p50"))
    print(f"  goal: at most {GOAL}: {'met' if cost <= GOAL else 'MISSED'}")
    return 0 if cost <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
