# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A bond in port mode: nobody else carries its traffic, so what is not carried is lost, and that must be said; and what
has no member to go out on must not go out at all."""

import contextlib
import os
import socket
import threading

import pytest

from bonds import Bonds, Sink, end_streams, expect_carried, expect_ok, member_states, streams_of, wait_states, ways
from daemon import Daemon
from faulty import ALWAYS, FAULTY, fault
from lab import BUILD, Failed, wait_until
from streams import servers

pytestmark = [pytest.mark.machine("one queue"), pytest.mark.more]

OTHER_PROGRAM = os.path.join(BUILD, "tests", "zerocopy", "beside.bpf.o")


class Port:
    """A daemon in port mode on a bond; its TAP has the addresses, and outlives it."""

    def __init__(self, lab, mode, *options, **daemon):
        self.lab, self.tap = lab, lab.unique("tap")
        self.bonds = Bonds(lab, mode, *options, host_addresses=False)
        self.options = daemon.pop("options", ())
        self.program = daemon

    def start(self):
        bonds = self.bonds
        had = self.tap in bonds.host.links()
        self.daemon = Daemon(self.lab, bonds.host, "bond0", "--mode", "port", "--tap", self.tap,
                             *self.options, **self.program)
        if not had:
            bonds.host.address(self.tap, f"{bonds.HOST4}/24", f"{bonds.HOST6}/64")
        return self.daemon

    def bond(self, *options):
        self.bonds.host.ip("link", "set", "bond0", "type", "bond", *options)

    def carrier(self):
        return "LOWER_UP" in self.bonds.host.ip_json("link", "show", "dev", self.tap)[0]["flags"]

    def expect_degraded(self, *words):
        """And it does not say that the kernel carries anything."""
        def why():
            status = self.daemon.status()
            return status["state_why"] if status["state"] == "degraded" else ""

        wait_until(lambda: all(word in why() for word in words), 10, lambda: f"degraded, {words}: {why()!r}")
        assert "the kernel carries" not in why(), why()


def test_lacp(lab, data):
    """802.3ad: the TAP has the addresses; LACP stays with the kernel, so both ports stay in."""
    port = Port(lab, "802.3ad", "xmit_hash_policy", "layer3+4")
    bonds, daemon = port.bonds, port.start()
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams)
    for stream in streams:
        stream.read_to_end()
    assert all(bonds.ports(ns) == 2 for ns in (bonds.host, bonds.peer)), f"LACP has ended: {bonds.info()}"
    assert daemon.status()["steer"]["pass_not_ip"] > 0, "no LACPDU was left to the kernel"
    expect_ok(daemon)
    daemon.stop()


def test_taken_over(lab, data):
    """The daemon is killed, and ends, under streams: each next one takes the TAP over, and the streams go on."""
    port = Port(lab, "802.3ad", "xmit_hash_policy", "layer3+4")
    bonds, daemon = port.bonds, port.start()
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams)
    for end in (daemon.kill, None):
        (end or port.daemon.stop)()
        wait_until(lambda: not port.carrier(), 5, "without a daemon the TAP has no carrier")
        daemon = port.start()
        assert daemon.status()["tap_taken_over"], "another TAP"
        wait_until(port.carrier, 5, "it has one again")
        expect_carried(daemon, streams)
    assert all(bonds.ports(ns) == 2 for ns in (bonds.host, bonds.peer)), f"LACP has ended: {bonds.info()}"
    end_streams(daemon, bonds, streams)


def test_no_member_to_send_by(lab, data):
    """active-backup fails over to a member that is not served: nothing goes out, least of all on the other member; the
    TAP has no carrier, and the state says that traffic is lost. Served again, the streams go on."""
    port = Port(lab, "active-backup")
    bonds = port.bonds
    bonds.activate(0)
    bonds.host.ip("link", "set", "dev", "m1", "xdpdrv", "object", OTHER_PROGRAM, "section", "xdp.frags")
    daemon = port.start()
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    wait_states(daemon, m0="in and out", m1="not served")
    expect_carried(daemon, streams)
    expect_ok(daemon)
    assert port.carrier()
    bonds.activate(1)
    port.expect_degraded("not served", "lost")
    wait_until(lambda: not port.carrier(), 5, "the TAP has no carrier")
    before = bonds.received()["w0"]
    with contextlib.suppress(Failed):
        streams[0].read(streams[0].length, 3)
    sent = bonds.received()["w0"] - before
    assert sent < 1000, f"{sent} bytes went out on a member that the bond does not use"
    bonds.activate(0)
    wait_until(port.carrier, 5, "the TAP has a carrier")
    expect_carried(daemon, streams)
    bonds.host.ip("link", "set", "dev", "m1", "xdpdrv", "off")
    end_streams(daemon, bonds, streams)


def test_changed(lab, data):
    """What a daemon would refuse at its start comes while it runs: packets go on by the bond's own rule where it has
    one; the state says what is not kept."""
    port = Port(lab, "balance-xor", "xmit_hash_policy", "layer2+3")
    bonds = port.bonds
    bonds.peer.address("bond0", "10.77.0.3/24")
    daemon = port.start()
    servers(lab, bonds, data)
    sink = Sink(bonds)
    lab.cleanup(sink.close)
    flows = [(f"10.77.0.{last}", 40_000 + number) for last in (2, 3) for number in range(2)]
    expect_ok(daemon)
    by_rule = ways(bonds, flows)
    assert len(set(by_rule.values())) == 2, by_rule
    bonds.host.ip("link", "set", "m1", "type", "bond_slave", "queue_id", "2")
    port.expect_degraded("queue_id")
    assert ways(bonds, flows) == by_rule, "not by the bond's rule"
    bonds.host.ip("link", "set", "m1", "type", "bond_slave", "queue_id", "0")
    expect_ok(daemon)
    port.bond("miimon", "0", "arp_interval", "100", "arp_ip_target", bonds.PEER4)
    port.expect_degraded("ARP", "miimon")
    port.bond("arp_interval", "0", "miimon", "50")
    expect_ok(daemon)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams)
    for stream in streams:
        stream.read_to_end()
    for member in ("m0", "m1"):
        bonds.host.ip("link", "set", member, "nomaster")
    port.expect_degraded("no members")
    assert not daemon.status()["bond"]["out"]
    bonds.host.ip("link", "set", "bond0", "down")
    port.bond("mode", "balance-rr")
    for number in range(bonds.cnt):
        bonds.enslave(number, both=False)
    bonds.host.up("bond0")
    port.expect_degraded("nothing is sent", "mode")
    assert not port.carrier() and not daemon.status()["bond"]["out"]
    daemon.stop()


def test_many_members(lab, data):
    """More members than are served join: what they receive is lost, and it is said; the others go on."""
    port = Port(lab, "active-backup")
    bonds = port.bonds
    bonds.activate(0)
    daemon = port.start()
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams)
    for number in range(15):
        bonds.host.ip("link", "add", f"d{number}", "type", "dummy")
        bonds.host.ip("link", "set", f"d{number}", "master", "bond0")
    port.expect_degraded("more members than are served", "lost")
    expect_carried(daemon, streams)
    bonds.host.ip("link", "delete", "d14")
    wait_until(lambda: "more members" not in daemon.status()["state_why"], 10, "all fit")
    for stream in streams:
        stream.read_to_end()
    daemon.stop()


class Flood:
    """Datagrams to the peer without an end: more than a member whose worker stands still can take."""

    def __init__(self, lab, bonds):
        with bonds.host.entered():
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.to, self.sent, self.over = (bonds.PEER4, 9), 0, threading.Event()
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()
        lab.cleanup(self.end)

    def _send(self):
        while not self.over.wait(0.002):
            for _ in range(8):
                with contextlib.suppress(OSError):  # the peer refuses them
                    self.sock.sendto(bytes(1000), self.to)
                    self.sent += 1

    def end(self):
        self.over.set()
        self.thread.join()
        self.sock.close()


def stale(daemon, member):
    return sum(queue["drops"]["tx_stale"] for queue in daemon.status()["queues"] if queue["interface"] == member)


@pytest.mark.parametrize("carrier", [False, True])
def test_what_waits(lab, carrier):
    """Packets wait for a member when the bond fails over. Its carrier is lost: they are dropped, by name, and none goes
    out when it comes back. It is there: they go out on it, as what a qdisc has would."""
    port = Port(lab, "active-backup", options=("--memory", "16M"), program=FAULTY)
    bonds = port.bonds
    bonds.activate(0)
    daemon = port.start()
    flood = Flood(lab, bonds)
    wait_until(lambda: daemon.total()["tx_ordinary"] > 100, 10, "the flood goes out")
    fault(daemon, "wake", ALWAYS)
    seen = flood.sent
    wait_until(lambda: flood.sent > seen + 2000, 20, "the first member's queue is full")
    if carrier:
        bonds.activate(1)
    else:
        bonds.peer.ip("link", "set", "w0", "down")
    fault(daemon, "wake", 0)
    wait_until(lambda: member_states(daemon)["m1"] == "in and out", 10, lambda: f"{member_states(daemon)}")
    before = bonds.received()["w1"]
    wait_until(lambda: bonds.received()["w1"] > before + 100_000, 10, "the flood goes out on the other member")
    dropped = stale(daemon, "m0")
    assert dropped == 0 if carrier else dropped > 0, f"{dropped} were dropped as stale"
    daemon.stop()
