# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The library's example of an AF_XDP forwarder, tools/examples/forward.c, as a wire between two hosts.

    host ns: nic == left | forward | right == wire : peer ns
"""

import os
import re

from lab import BUILD, wait_until
from wire import Server, Transfer

FORWARD = os.path.join(BUILD, "examples", "forward")
HOST4, HOST6 = "10.78.0.1", "fd78::1"
PEER4, PEER6 = "10.78.0.2", "fd78::2"
LENGTH = 64 << 20
# A bulk stream's packets come in bursts: most of them have neighbours to be merged with. Less
# than these mean that merging does not work, not that the machine was busy.
PACKETS_LEAST = LENGTH // 1448
PER_SUPERPACKET = 2.0


class Forward:
    """The forwarder between two hosts; ready when the constructor returns."""

    def __init__(self, lab, *options, finished=True):
        self.host, self.peer = lab.namespace("host"), lab.namespace("peer")
        middle = lab.namespace("middle")
        # nobody in the middle shall speak
        for key in ("all", "default"):
            middle.sysctl(f"net.ipv6.conf.{key}.disable_ipv6", 1)
        lab.veth(self.host, "nic", middle, "left")
        lab.veth(middle, "right", self.peer, "wire")
        for ns, interface in ((self.host, "nic"), (self.peer, "wire")):
            ns.run("ethtool", "-K", interface, "tx", "off" if finished else "on")
        self.process = lab.start([FORWARD, *options, "left", "right"], ns=middle, name="forward")
        wait_until(lambda: "ready" in self.process.stderr() or not self.process.running(), 20,
                   lambda: f"the forwarder is ready; it said: {self.process.tail()}")
        assert self.process.running(), f"the forwarder has ended: {self.process.tail()}"
        self.host.address("nic", f"{HOST4}/24", f"{HOST6}/64")
        self.peer.address("wire", f"{PEER4}/24", f"{PEER6}/64")

    def stop(self):
        """Ends it; its counters: {"left": {...}, "right": {...}} by the interface of arrival."""
        self.process.signal(15)
        self.process.wait(10)
        lines = re.findall(r"^(\w+): (\d+) packets in, (\d+) of them merged into (\d+) superpackets; "
                           r"\w+: (\d+) packets out, (\d+) dropped$", self.process.stdout(), re.M)
        names = ("in", "merged", "superpackets", "out", "dropped")
        counters = {line[0]: dict(zip(names, map(int, line[1:]))) for line in lines}
        assert set(counters) == {"left", "right"}, f"counters are {self.process.stdout()!r}"
        return counters


def carry(lab, data, forward):
    """A transfer each way, IPv4 and IPv6; returns what was merged of each."""
    Server(lab, forward.peer, data)
    Server(lab, forward.host, data)
    for ns, address in ((forward.host, PEER4), (forward.peer, HOST6)):
        Transfer(lab, ns, address, data, LENGTH).finish()
    counters = forward.stop()
    for name, count in counters.items():
        assert count["dropped"] == 0 and count["in"] == count["out"], f"{name}: packets were lost: {count}"
        assert count["in"] > PACKETS_LEAST, f"{name}: the transfer went another way: {count}"
        assert count["merged"] > count["superpackets"] * PER_SUPERPACKET and count["merged"] > PACKETS_LEAST / 2, (
            f"{name}: it has not merged: {count}")
    for ns in (forward.host, forward.peer):
        errors = ns.snmp()["TcpInCsumErrors"]
        assert errors == 0, f"{ns.name}: the kernel saw {errors} TCP checksum errors"


def test_carries_tcp(lab, data):
    """The example forwarder carries TCP both ways, byte for byte, and merges it on the way."""
    carry(lab, data, Forward(lab))


def test_finishes_checksums(lab, data):
    """The example forwarder (-u) finishes the checksums that veth peers leave unfinished."""
    carry(lab, data, Forward(lab, "-u", finished=False))
