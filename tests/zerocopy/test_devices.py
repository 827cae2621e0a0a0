# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Kinds of interfaces, of which this kernel has many: refused, or resting on a NIC in zero copy and getting their
traffic."""

import pytest

from daemon import DAEMON, EXIT_NOT_SUPPORTED, Daemon
from devices import ABOVE, ADDRESS, REFUSED, carry, make_all, refuse, transfers
from lab import Namespace
from real_wire import RealWire, take, zero_copy
from streams import expect_clean
from wire import Server, Wire

pytestmark = [pytest.mark.machine("standby"), pytest.mark.more]
# An emulated processor takes its time for every process.
LIGHT = {"length": 1 << 20, "alone": (), "families": (4,)}


def test_refused(lab):
    """Kinds of interfaces that are not served: one line each names what is."""
    host = lab.namespace("host")
    made, missing = make_all(host, REFUSED)
    assert not missing, missing
    refuse(made, host)


@pytest.mark.parametrize("kind", ABOVE)
def test_above(lab, data, kind):
    """What rests on a NIC in zero copy gets its traffic."""
    # this NIC finishes no checksums, nor do these: the kernel cuts there, and the daemon gets segments
    least = (1, 0 if kind in ("bridge", "team", "vlan") else 1)
    zero_copy(carry(lab, RealWire(lab, host_addresses=False), kind, data, least=least, **LIGHT))


@pytest.mark.parametrize("kind", ["vlan", "team"])
def test_above_generic(lab, data, kind):
    """What rests on a veth in generic mode gets its traffic."""
    wire = Wire(lab, host_addresses=False)
    wire.peer.run("ethtool", "-K", wire.wire, "tso", "off")
    carry(lab, wire, kind, data, "--xdp-mode", "generic", least=(1, 1), **LIGHT)


def root(lab):
    """The namespace of the first process, where the kernel makes failover pairs and leaves them."""
    ns = Namespace(lab, f"{lab.id}-root")
    lab.run(["ip", "netns", "attach", ns.name, "1"])
    lab.cleanup(lambda: lab.run(["ip", "netns", "delete", ns.name]))
    return ns


class FailoverWire(Wire):
    """The host is the namespace of the first process; master rests on nic, the standby."""

    def __init__(self, lab):
        self.lab, self.wire = lab, "eth1"
        self.host, self.peer = root(lab), lab.namespace("peer")
        self.nic, self.master = next((link["ifname"], link["master"]) for link in self.host.ip_json("link")
                                     if "master" in link)
        take(lab, self.peer, self.wire)
        self.peer.address(self.wire, f"{self.PEER4}/24", f"{self.PEER6}/64")
        for family, address in ADDRESS.items():
            self.host.up(self.master)
            self.host.address(self.master, f"{address}/{24 if family == 4 else 64}")
            lab.cleanup(lambda: self.host.ip("address", "flush", "dev", self.master))


def test_failover(lab, data):
    """A failover pair is refused, and its standby, which is named instead, is served: the pair gets its traffic."""
    wire = FailoverWire(lab)
    done = wire.host.run(DAEMON, "--interface", wire.master, check=False)
    assert done.returncode == EXIT_NOT_SUPPORTED, done
    for word in ("is a failover pair", f"name a port instead: {wire.nic}"):
        assert word in done.stderr, done
    Server(lab, wire.peer, data)
    Server(lab, wire.host, data)
    daemon = Daemon(lab, wire.host, wire.nic)
    transfers(lab, wire, wire.host, data, daemon, 1 << 20, (1, 0), (4,), wire.master)
    expect_clean(daemon, [wire.peer])
    daemon.stop()


def test_vlan_warning(lab):
    """A veth with a VLAN on it: that the peer's tags must be in the packets is said at start."""
    wire = Wire(lab)
    wire.host.ip("link", "add", "link", wire.nic, "name", "d0", "type", "vlan", "id", "5")
    daemon = Daemon(lab, wire.host, wire.nic)
    daemon.stop()
    assert "with a VLAN on it" in daemon.process.stderr(), daemon.process.stderr()
