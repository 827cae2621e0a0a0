# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Kinds of interfaces, of which this kernel has many: refused, or resting on a NIC in zero copy and getting their
traffic."""

import pytest

from daemon import DAEMON, EXIT_NOT_SUPPORTED, Daemon
from devices import ABOVE, ADDRESS, REFUSED, carry, make_all, refuse, transfers
from lab import Namespace, wait_until
from real_wire import RealWire, take, zero_copy
from streams import expect_clean, servers, transfer
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


def test_vlan_awaited(lab, data):
    """A veth with a VLAN on it, whose peer sends tags beside its packets: the kernel has what arrives, and it is said,
    until tags come in the packets."""
    wire = Wire(lab, host_addresses=False)
    daemon = Daemon(lab, wire.host, wire.nic)
    wire.peer.ip("address", "flush", "dev", wire.wire)
    for ns, nic, address in ((wire.peer, wire.wire, wire.PEER4), (wire.host, wire.nic, wire.HOST4)):
        ns.ip("link", "add", "link", nic, "name", "d0", "type", "vlan", "id", "5")
        ns.up("d0")
        ns.address("d0", f"{address}/24")
    servers(lab, wire, data)
    wait_until(lambda: daemon.status()["state"] == "degraded", 5, "it is said")
    assert "txvlan off" in daemon.status()["state_why"], daemon.status()["state_why"]
    transfer(lab, wire, data, "in", 4, length=1 << 20).finish()
    status = daemon.status()
    assert status["steer"]["pass_tag_awaited"] and not status["steer"]["redirected"], f"{status['steer']}"
    wire.peer.run("ethtool", "-K", wire.wire, "txvlan", "off")
    transfer(lab, wire, data, "in", 4, length=1 << 20).finish()
    wait_until(lambda: daemon.status()["state"] == "ok", 5, lambda: daemon.status()["state_why"])
    transfer(lab, wire, data, "in", 4, length=1 << 20).finish()
    assert daemon.total()["rx_superpackets"], "it is not served"
    daemon.stop()
