# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What happens to the NIC, many times, under 200 connections each way; the same to the kernel alone."""

import os
import time

from daemon import Daemon, wait_until_freed
from drill import DRILL, Footprint, pause, serving
from lab import RUNTIME, wait_until
from wire import Wire, follow_mtu, set_mtu

pytestmark = DRILL

DOWN = 0.05    # seconds without a link
AWAY = 0.2     # seconds without the NIC
GO_ON = 0.3    # seconds after each event
MTUS = (9000, 1400, 3000, 1500)


class Changes:
    """A wire, a crowd on it, and one event, with the daemon and without."""

    def __init__(self, drill, name, change):
        self.drill, self.name, self.change = drill, name, change
        self.wire = Wire(drill.lab)
        # as an operator would set it who wants IPv6 addresses to outlive a link
        for ns in (self.wire.host, self.wire.peer):
            for key in ("all", "default"):
                ns.sysctl(f"net.ipv6.conf.{key}.keep_addr_on_down", 1)
        # whether the first question for a neighbour's address is lost is a matter of luck: 1 s each time
        for ns, name in ((self.wire.host, self.wire.nic), (self.wire.peer, self.wire.wire)):
            for family in ("ipv4", "ipv6"):
                ns.sysctl(f"net.{family}.neigh.{name}.retrans_time_ms", 50)
        self.elsewhere = drill.lab.namespace("elsewhere")
        self.daemon = None
        self.notes = []

    def run(self, whole):
        count = self.drill.count(whole)
        crowd = self.drill.crowd(self.wire.host, self.wire.peer, [self.wire.PEER4, self.wire.PEER6])
        ours, kernel = self.drill.in_turns(crowd, count, self.alone, self.begin, self.served, self.end, self.name)
        self.drill.verdict(self.name, count, crowd, ours, kernel, ", ".join(self.notes))

    def alone(self, number):
        self.change(self, number)
        pause(GO_ON)

    def served(self, number):
        self.change(self, number)
        serving(self.daemon)
        pause(GO_ON)

    def begin(self):
        self.daemon = Daemon(self.drill.lab, self.wire.host, self.wire.nic)
        for number in range(2):
            self.served(number)  # what is made only once is there
        self.footprint = Footprint(self.daemon)

    def end(self):
        self.footprint.wait_clean()
        self.notes.append(self.footprint.grown())
        objects = self.daemon.bpf_objects()
        self.daemon.stop()
        self.daemon = None
        wait_until_freed(self.drill.lab, objects)
        assert self.wire.host.links() == {"lo", self.wire.nic}, f"left: {self.wire.host.links()}"
        left = [name for name in os.listdir(RUNTIME) if name.startswith(self.wire.nic)]
        assert not left, f"left in {RUNTIME}: {left}"


def flap(changes, number):
    wire = changes.wire
    ns, name = ((wire.peer, wire.wire), (wire.host, wire.nic))[number % 2]
    ns.ip("link", "set", name, "down")
    pause(DOWN)
    ns.ip("link", "set", name, "up")


def another_mtu(changes, number):
    mtu = MTUS[number % len(MTUS)]
    if changes.daemon:
        follow_mtu(changes.wire, changes.daemon, mtu)
    else:
        set_mtu(changes.wire, mtu)


def absent(changes):
    """The interface is away for as long with the daemon as without it."""
    begin = time.monotonic()
    if changes.daemon:
        wait_until(lambda: changes.daemon.status()["state"] == "waiting", 10, "the daemon waits for the NIC")
    pause(max(0.0, begin + AWAY - time.monotonic()))


def another_device(changes, _number):
    changes.wire.host.ip("link", "del", changes.wire.nic)
    absent(changes)
    changes.wire.make_again()


def away_and_back(changes, _number):
    wire = changes.wire
    wire.host.ip("link", "set", wire.nic, "netns", changes.elsewhere.name)
    absent(changes)
    changes.elsewhere.ip("link", "set", wire.nic, "netns", wire.host.name)
    wire.host.up(wire.nic)
    wire.address_host(wire.host, wire.nic)


def test_flaps(drill):
    """The link goes down and up, at the peer and here in turns."""
    Changes(drill, "link down and up", flap).run(200)


def test_mtu(drill):
    """The MTU changes at both ends."""
    Changes(drill, "MTU changed", another_mtu).run(100)


def test_recreated(drill):
    """The NIC is deleted and made again."""
    Changes(drill, "NIC deleted and made again", another_device).run(50)


def test_moved(drill):
    """The NIC goes into another network namespace, and comes back."""
    Changes(drill, "NIC in another namespace and back", away_and_back).run(50)
