# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What changes under a running daemon."""

import json
import os

import pytest

from daemon import COMMAND, DAEMON, EXIT_DEGRADED, EXIT_FAILED, Daemon, wait_until_freed
from lab import RUNTIME, wait_until
from streams import servers, transfer
from wire import Wire, follow_mtu, set_mtu


SUPERPACKETS = ("rx_superpackets", "tx_superpackets")


def both_ways(lab, wire, data):
    """Packets that the daemon took from the NIC and from the stack while a stream went each way."""
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4).finish()


def test_mtu(lab, data):
    """Inline: the MTU changes and is followed; what a TAP cannot have the kernel carries."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)

    for mtu in (3000, 9000, 1500):
        follow_mtu(wire, daemon, mtu)
        before = daemon.total()
        both_ways(lab, wire, data)
        after = daemon.total()
        assert all(after[name] > before[name] for name in SUPERPACKETS), f"nothing was merged or cut at {mtu}"
        assert not daemon.own_drops(), f"drops at {mtu}: {daemon.own_drops()}"

    set_mtu(wire, 65535)
    wait_until(lambda: daemon.status()["state"] == "degraded", 5, "the daemon says degraded")
    assert "mtu 65521" in daemon.process.stderr(), daemon.process.stderr()
    before = daemon.total()
    both_ways(lab, wire, data)
    after = daemon.total()
    assert after["rx_packets"] == before["rx_packets"] and after["tap_packets"] == before["tap_packets"], (
        "at 65535 the kernel should carry all")

    set_mtu(wire, 1500)
    wait_until(lambda: daemon.status()["state"] == "ok", 5, "the daemon says ok again")
    before = daemon.total()
    both_ways(lab, wire, data)
    after = daemon.total()
    assert after["rx_superpackets"] > before["rx_superpackets"], "nothing was merged again"
    daemon.stop()


def test_down_up(lab, data):
    """Inline: the NIC goes down and up again; traffic resumes."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    both_ways(lab, wire, data)
    wire.host.ip("link", "set", wire.nic, "down")
    wire.host.ip("link", "set", wire.nic, "up")
    wire.host.address(wire.nic, f"{wire.HOST6}/64")  # IPv6 addresses go with the link
    before = daemon.total()
    both_ways(lab, wire, data)
    assert daemon.total()["rx_superpackets"] > before["rx_superpackets"], "nothing was merged again"
    daemon.stop()


def link(ns, name):
    return ns.ip_json("link", "show", "dev", name)[0]


def carrier(ns, name):
    return "LOWER_UP" in link(ns, name)["flags"]


def under_way(lab, wire, data):
    """A stream each way, IPv4 in and IPv6 out; most of both is still to come."""
    servers(lab, wire, data)
    streams = [transfer(lab, wire, data, direction, family)
               for direction, family in (("in", 4), ("out", 6))]
    for stream in streams:
        stream.wait_received(data.length // 10)
    return streams


def finish(streams):
    for stream in streams:
        stream.finish()


def running(streams):
    assert any(s.process.running() for s in streams), "the streams were over too early"


def test_carrier_follows(lab, data):
    """Port mode: the TAP's carrier follows the NIC's, wherever the TAP is; streams go on."""
    wire = Wire(lab, host_addresses=False)
    tap, container = lab.unique("tap"), lab.namespace("container")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    wire.host.ip("link", "set", tap, "netns", container.name)
    container.up(tap)
    wire.address_host(container, tap)
    servers(lab, wire, data, host=container)
    streams = [transfer(lab, wire, data, direction, 4, host=container) for direction in ("in", "out")]
    for stream in streams:
        stream.wait_received(data.length // 10)
    assert carrier(container, tap), "the TAP has no carrier at start"
    wire.peer.ip("link", "set", wire.wire, "down")
    wait_until(lambda: not carrier(container, tap), 5, "the TAP has no carrier")
    running(streams)
    wire.peer.ip("link", "set", wire.wire, "up")
    wait_until(lambda: carrier(container, tap), 5, "the TAP has its carrier again")
    finish(streams)
    daemon.stop()


def test_carrier_comes(lab, data):
    """Inline: a daemon that starts without carrier takes over when it comes."""
    wire = Wire(lab)
    wire.peer.ip("link", "set", wire.wire, "down")
    wait_until(lambda: not carrier(wire.host, wire.nic), 5, "the NIC has no carrier")
    daemon = Daemon(lab, wire.host, wire.nic)
    assert not carrier(wire.host, daemon.tap()), "the TAP has a carrier that the NIC has not"
    wire.peer.ip("link", "set", wire.wire, "up")
    wait_until(lambda: carrier(wire.host, daemon.tap()), 5, "the TAP has a carrier")
    wire.peer.address(wire.wire, f"{wire.PEER6}/64")
    servers(lab, wire, data)
    both_ways(lab, wire, data)
    total = daemon.total()
    assert total["rx_superpackets"] and total["tx_superpackets"], f"nothing was merged or cut: {total}"
    daemon.stop()


def test_renamed(lab, data):
    """Inline: the NIC is renamed under two streams; everything has the new name, both can be asked for."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    streams = under_way(lab, wire, data)
    old, new = wire.nic, lab.unique("lan")
    # an interface that is up can be renamed since Linux 6.2
    done = wire.host.ip("link", "set", old, "name", new, check=False)
    if done.returncode:
        pytest.skip("this kernel renames no interface that is up")
    wait_until(lambda: daemon.status()["interface"] == new, 5, "the status has the new name")
    running(streams)
    for name in (old, new):
        entries = json.loads(wire.host.run(COMMAND, "status", "-j", name, check=False).stdout)
        assert [e["pid"] for e in entries] == [daemon.pid], f"asked for {name}: {entries}"
    assert new in link(wire.host, daemon.tap())["ifalias"], "the TAP's alias has the old name"
    assert f"{old}: its name is now {new}" in daemon.process.stderr(), daemon.process.stderr()
    second = wire.host.run(DAEMON, "--interface", new, check=False)
    assert second.returncode == EXIT_FAILED and "already running" in second.stderr, second.stderr
    finish(streams)
    sockets = [n for n in os.listdir(RUNTIME) if n.startswith((f"{old}@", f"{new}@"))]
    assert len(sockets) == 1 and sockets[0].startswith(f"{new}@"), f"sockets: {sockets}"
    daemon.stop()
    assert not [n for n in os.listdir(RUNTIME) if n.startswith(f"{new}@")], "the socket file is left"


def test_mac_changes(lab, data):
    """Inline: another MAC address of the NIC is the TAP's, too; streams go on."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--xdp-mode", "generic")
    wire.peer.ethtool_off(wire.wire, "tso")
    streams = under_way(lab, wire, data)
    wire.host.ip("link", "set", wire.nic, "address", "02:00:00:77:00:01")
    running(streams)
    wait_until(lambda: wire.host.mac(daemon.tap()) == "02:00:00:77:00:01", 5, "the TAP has the address")
    # nobody asks for the new address before the old one is forgotten
    wire.peer.ip("neigh", "flush", "dev", wire.wire)
    finish(streams)
    daemon.stop()


def wait_state(daemon, state):
    return wait_until(lambda: daemon.status()["state"] == state and daemon.status(), 10,
                      f"the daemon says {state}")


def served_again(daemon, lab, wire, data):
    """Perhaps not at once: on a busy machine an overloaded worker leaves the traffic to the kernel for a while."""
    wait_state(daemon, "ok")
    before = daemon.total()

    def carried():
        for direction in ("in", "out"):
            transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
        after = daemon.total()
        return all(after[name] > before[name] for name in SUPERPACKETS)

    wait_until(carried, 60, "packets are merged and cut again")


def test_deleted(lab, data):
    """Inline: the NIC is deleted under two streams and comes back, twice; they complete."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    streams = under_way(lab, wire, data)
    objects = daemon.bpf_objects()
    for _ in range(2):
        tap = daemon.tap()
        wire.host.ip("link", "del", wire.nic)
        waiting = wait_state(daemon, "waiting")
        assert "waiting for its return" in waiting["state_why"], waiting["state_why"]
        assert not waiting["queues"] and tap not in wire.host.links(), f"not all is released: {waiting}"
        wait_until_freed(lab, objects)
        done = wire.host.run(COMMAND, "status", wire.nic, check=False)
        assert done.returncode == EXIT_DEGRADED and "waiting" in done.stdout, done.stdout
        running(streams)
        wire.make_again()
        wait_state(daemon, "ok")
        objects = daemon.bpf_objects()
    finish(streams)
    served_again(daemon, lab, wire, data)
    daemon.stop()


def test_deleted_ended(lab):
    """Inline: the NIC is deleted, and the daemon is ended while it waits."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    wire.host.ip("link", "del", wire.nic)
    wait_state(daemon, "waiting")
    # one that is there, but of no use: a name alone is not the interface
    wire.host.ip("link", "add", wire.nic, "type", "veth", "peer", "name", "other")
    wait_until(lambda: daemon.status()["state"] == "waiting", 1, "one that is down is no return")
    daemon.stop()
    assert wire.host.links() == {"lo", wire.nic, "other"}, f"left: {wire.host.links()}"


def test_deleted_port(lab, data):
    """Port mode: the NIC is deleted and comes back; the TAP, its addresses and its connections stay."""
    wire = Wire(lab, host_addresses=False)
    tap, container = lab.unique("tap"), lab.namespace("container")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    wire.host.ip("link", "set", tap, "netns", container.name)
    container.up(tap)
    wire.address_host(container, tap)
    servers(lab, wire, data, host=container)
    streams = [transfer(lab, wire, data, direction, 4, host=container) for direction in ("in", "out")]
    for stream in streams:
        stream.wait_received(data.length // 10)
    wire.host.ip("link", "del", wire.nic)
    wait_state(daemon, "waiting")
    assert not carrier(container, tap), "the TAP still has a carrier"
    running(streams)
    lab.veth(wire.host, wire.nic, wire.peer, wire.wire)
    wire.peer.ethtool_off(wire.wire, "tx")
    wire.peer.address(wire.wire, f"{wire.PEER4}/24", f"{wire.PEER6}/64")
    wait_state(daemon, "ok")
    assert container.mac(tap) == wire.host.mac(wire.nic), "the TAP has not the new NIC's address"
    finish(streams)
    daemon.stop()


def test_moved(lab, data):
    """Inline: the NIC is moved into another namespace and back under two streams; they complete."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    streams = under_way(lab, wire, data)
    elsewhere = lab.namespace("elsewhere")
    wire.host.ip("link", "set", wire.nic, "netns", elsewhere.name)
    waiting = wait_state(daemon, "waiting")
    assert "another network namespace" in waiting["state_why"], waiting["state_why"]
    # nothing of ours is left on it there
    net = elsewhere.run("bpftool", "net").stdout
    assert wire.nic not in net, f"programs are left on it: {net}"
    running(streams)
    elsewhere.ip("link", "set", wire.nic, "netns", wire.host.name)
    wire.host.up(wire.nic)
    wire.address_host(wire.host, wire.nic)
    wait_state(daemon, "ok")
    finish(streams)
    served_again(daemon, lab, wire, data)
    daemon.stop()


def test_returns_unfit(lab, data):
    """The NIC comes back in a way that cannot be served; it is tried again until it can."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    wire.host.ip("link", "del", wire.nic)
    wait_state(daemon, "waiting")
    wire.host.ip("link", "add", wire.nic, "mtu", "65535", "type", "veth", "peer", "name", wire.wire,
                 "netns", wire.peer.name)
    wire.host.up(wire.nic)
    wait_until(lambda: "MTU 65535 is more than a TAP can have" in daemon.process.stderr(), 5, "it says why")
    assert daemon.status()["state"] == "waiting", "it should wait still"
    wire.host.ip("link", "set", wire.nic, "mtu", "1500")
    wire.peer.up(wire.wire)
    wire.peer.ethtool_off(wire.wire, "tx")
    wire.peer.address(wire.wire, f"{wire.PEER4}/24", f"{wire.PEER6}/64")
    wire.address_host(wire.host, wire.nic)
    served_again(daemon, lab, wire, data)
    daemon.stop()


def test_others_come_and_go(lab):
    """It starts while other interfaces come and go, so that lists of them are torn."""
    wire = Wire(lab)
    wire.host.run("sh", "-c", "for n in $(seq 100); do ip link add other$n type veth peer name end$n; done")
    for number in range(4):
        comes, goes = f"ip link add new{number} type veth peer name old{number}", f"ip link del new{number}"
        lab.start(["sh", "-c", f"while :; do {comes}; {goes}; done"], ns=wire.host)
    for _ in range(10):
        Daemon(lab, wire.host, wire.nic).stop()
