# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Two hosts on a wire, as in tests/net, with the guest's own NICs in place of a veth pair.

    host ns: eth0 == wire == eth1 : peer ns         the daemon runs on eth0, in zero copy
"""

import os

from daemon import Daemon, per_superpacket
from lab import wait_until
from streams import expect_clean, servers, transfer
from wire import Wire

ZERO_COPY = "native-with-zerocopy"


class RealWire(Wire):
    """silent: nobody but a test sends."""

    def __init__(self, lab, queues=1, host_addresses=True, silent=False):
        self.lab = lab
        self.nic, self.wire = "eth0", "eth1"
        self.mangler = None
        self.host, self.peer = lab.namespace("host"), lab.namespace("peer")
        for ns, nic in ((self.host, self.nic), (self.peer, self.wire)):
            if silent:
                ns.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
            take(lab, ns, nic)
        self.host.run("ethtool", "-L", self.nic, "combined", str(queues), check=queues > 1)
        if not silent:
            self.peer.address(self.wire, f"{self.PEER4}/24", f"{self.PEER6}/64")
        if host_addresses and not silent:
            self.address_host(self.host, self.nic)


def take(lab, ns, nic):
    """From where the kernel puts it, and back there: it would take its time when the namespace goes."""
    wait_until(lambda: os.path.exists(f"/sys/class/net/{nic}"), 10, f"{nic} is back")
    lab.run(["ip", "link", "set", "dev", nic, "netns", ns.name])
    lab.cleanup(lambda: ns.ip("link", "set", "dev", nic, "netns", "1"))
    ns.up(nic)


def zero_copy(daemon, queues=1):
    """The daemon; XDP_OPTIONS, which is what its status shows, says zero copy, and a packet has proved it."""
    status = daemon.status()
    modes = [queue["xsk"]["mode"] for queue in status["queues"]]
    assert modes == [ZERO_COPY] * queues, f"the sockets are {modes}; xdp: {status['xdp']}"
    unproved = [queue["xsk"]["unproved"] for queue in status["queues"] if not queue["xsk"]["proved"]]
    assert not unproved, f"zero copy, unproved: {unproved}"
    return daemon


def start(lab, wire, *options, queues=1):
    """The daemon on eth0."""
    return zero_copy(Daemon(lab, wire.host, wire.nic, *options), queues)


def both_ways(lab, wire, daemon, data, ways=((4, "in"), (4, "out"), (6, "in"), (6, "out")), length=None):
    """Every byte compared; superpackets on each way."""
    servers(lab, wire, data)
    for family, direction in ways:
        before = daemon.total()
        speed = transfer(lab, wire, data, direction, family, length=length).finish(60)
        got = per_superpacket(before, daemon.total())[direction == "out"]
        print(f"      IPv{family} {direction}: {speed * 1000:.0f} Mbit/s, {got:.1f} segments per superpacket",
              flush=True)
        # an emulated processor sends little at once: how much is merged is for tests/net to say
        assert got > 0, f"IPv{family} {direction}: no superpacket"
    expect_clean(daemon, [wire.host, wire.peer])
