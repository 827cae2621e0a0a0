#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""How many packets a second one worker carries, merged and alone: make bench-worker

    tools/bench/worker.py [BUILD] [--rounds N] [--seconds N]

Merged: one TCP stream inward, of whose packets some forty make a superpacket. Alone: an attack of a million flows. The
time that counts is that of the worker on a CPU, because the sender runs beside it. What the stack does with a delivered
packet is part of it: the write calls the stack. In port mode, where nothing is left to the kernel in overload. In
turns; medians.
"""

import argparse
import os
import statistics
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rounds", metavar="N", type=int, default=5)
    parser.add_argument("--seconds", metavar="N", type=int, default=3, help="length of one measurement")
    return parser.parse_args()


OPTIONS = arguments()
os.environ["SUPERPACKET_BUILD"] = OPTIONS.build
sys.dont_write_bytecode = True  # keep the source tree clean
sys.path.insert(0, os.path.join(ROOT, "tests", "net"))

from daemon import Daemon  # noqa: E402
from lab import BUILD, Lab, catch_signals, missing_support, remove_leftovers, wait_until  # noqa: E402
from wire import Wire  # noqa: E402

ATTACK = os.path.join(BUILD, "tests", "attack")
FLOWS, RATE = 1000000, 50000  # of the attack; packets a second, fewer than one worker carries
WARM_UP = 0.5  # seconds


def stream(lab, wire, _mac):
    server = lab.start(["iperf3", "-s", "-1", "--forceflush"], ns=wire.host, name="server")
    wait_until(lambda: "listening" in server.stdout(), 5, "the server listens")
    lab.start(["iperf3", "-c", wire.HOST4, "-t", str(OPTIONS.seconds + 5)], ns=wire.peer, name="client")


def attack(lab, wire, mac):
    lab.start([ATTACK, wire.wire, mac, wire.HOST4, str(FLOWS), str(RATE)], ns=wire.peer,
              name="attack")


def worker_ns(daemon):
    """Time on a CPU of the thread of queue 0."""
    for thread in os.listdir(f"/proc/{daemon.pid}/task"):
        with open(f"/proc/{daemon.pid}/task/{thread}/comm") as comm:
            if comm.read().strip() == "queue 0":
                with open(f"/proc/{daemon.pid}/task/{thread}/schedstat") as schedstat:
                    return int(schedstat.read().split()[0])
    raise AssertionError("there is no thread of queue 0")


def measure(begin):
    """Packets that the worker carried inward, a second of its time; and how many made a write."""
    with Lab() as lab:
        wire = Wire(lab, host_addresses=False)
        tap = lab.unique("tap")
        daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
        wire.address_host(wire.host, tap)
        begin(lab, wire, wire.host.mac(tap))
        pause(WARM_UP)
        before, ran = daemon.total(), worker_ns(daemon)
        pause(OPTIONS.seconds)
        after, ran = daemon.total(), worker_ns(daemon) - ran
        packets = after["rx_delivered_packets"] - before["rx_delivered_packets"]
        superpackets = after["rx_superpackets"] - before["rx_superpackets"]
        alone = packets - (after["rx_segments"] - before["rx_segments"])
        assert packets, "no packet was delivered"
        return packets / ran * 1e9, packets / (superpackets + alone)


def pause(seconds):
    """This time is what is measured; nothing is waited for."""
    time.sleep(seconds)


def main():
    catch_signals()
    missing = missing_support()
    if missing:
        print(f"skipped: {missing}")
        return 0
    remove_leftovers()
    seen = {"merged": [], "alone": []}
    for _ in range(OPTIONS.rounds):
        for name, begin in (("merged", stream), ("alone", attack)):
            seen[name].append(measure(begin))
    print("  packets a second of a worker's CPU time, inward")
    for name, samples in seen.items():
        rates = [rate / 1e3 for rate, _ in samples]
        print(f"  {name:<8}{statistics.median(rates):>8.0f} thousand ({min(rates):.0f} to {max(rates):.0f}), "
              f"{statistics.median(each for _, each in samples):.1f} packets a write")
    return 0


if __name__ == "__main__":
    sys.exit(main())
