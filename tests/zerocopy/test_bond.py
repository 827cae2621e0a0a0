# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A bond is served by its members: both ways, through failovers, by the member that the bond would have chosen."""

import os

import pytest

from bonds import (FIRST, Bonds, Sink, end_streams, expect_carried, expect_ok, member_states, streams_of, wait_states,
                   ways)
from daemon import DAEMON, EXIT_FAILED, EXIT_NOT_SUPPORTED, EXIT_OK, Daemon
from lab import BUILD, wait_until
from paced import Paced
from real_wire import RealWire, both_ways, zero_copy
from streams import servers

pytestmark = pytest.mark.machine("one queue")

OTHER_PROGRAM = os.path.join(BUILD, "tests", "zerocopy", "beside.bpf.o")


def test_active_backup(lab, data):
    """active-backup: streams go on while the active member is changed, set down, removed, and added again."""
    bonds = Bonds(lab, "active-backup")
    bonds.host.ip("link", "set", "bond0", "type", "bond", "active_slave", "m0")
    daemon = Daemon(lab, bonds.host, "bond0")
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    wait_states(daemon, m0="in and out", m1="standby")
    expect_carried(daemon, streams)
    bonds.peer.ip("link", "set", "bond0", "type", "bond", "active_slave", "w1")
    bonds.host.ip("link", "set", "bond0", "type", "bond", "active_slave", "m1")
    wait_states(daemon, m0="standby", m1="in and out")
    expect_carried(daemon, streams)
    bonds.host.ip("link", "set", "m1", "down")
    bonds.peer.ip("link", "set", "w1", "down")
    wait_until(lambda: member_states(daemon)["m0"] == "in and out", 10, lambda: f"{member_states(daemon)}")
    expect_carried(daemon, streams)
    bonds.host.up("m1")
    bonds.peer.up("w1")
    wait_states(daemon, m0="in and out", m1="standby")
    bonds.host.ip("link", "set", "m1", "nomaster")
    wait_states(daemon, m0="in and out")
    expect_carried(daemon, streams)
    bonds.enslave(1, both=False)
    wait_states(daemon, m0="in and out", m1="standby")
    expect_carried(daemon, streams)
    end_streams(daemon, bonds, streams)


# TCP to several addresses of the peer, from several ports: what the hash policies tell apart.
FLOWS = [(net + str(number), 40_000 + port) for net in ("10.77.0.", "fd77::") for number in (2, 3) for port in range(3)]


def more_peer_addresses(bonds):
    bonds.peer.address("bond0", "10.77.0.3/24", "fd77::3/64")


def expect_chosen_as_the_bond_does(lab, bonds, policies, flows=FLOWS):
    """The same flows without the daemon and with it, by each policy: the same member."""
    sink = Sink(bonds)
    lab.cleanup(sink.close)
    alone = {}
    for policy in policies:
        bonds.host.ip("link", "set", "bond0", "type", "bond", "xmit_hash_policy", policy)
        alone[policy] = ways(bonds, flows)
        assert len(set(alone[policy].values())) == 2, f"{policy} has used one member: {alone[policy]}"
    daemon = Daemon(lab, bonds.host, "bond0")
    expect_ok(daemon)
    for policy in policies:
        bonds.host.ip("link", "set", "bond0", "type", "bond", "xmit_hash_policy", policy)
        wait_until(lambda: daemon.status()["bond"]["policy"] == policy, 5, f"the daemon has followed to {policy}")
        before = daemon.total()
        with_daemon = ways(bonds, flows)
        after = daemon.total()
        assert with_daemon == alone[policy], f"{policy}: {with_daemon}, alone {alone[policy]}"
        assert after["tx_superpackets"] > before["tx_superpackets"] + len(flows), "the daemon has sent them"
    return daemon


@pytest.mark.more
def test_hash_policies(lab):
    """balance-xor: each flow goes out on the member that the bond would have chosen, by three policies; by one that
    cannot be computed, the kernel sends. (layer2 tells IPv4 from IPv6.)"""
    bonds = Bonds(lab, "balance-xor")
    more_peer_addresses(bonds)
    daemon = expect_chosen_as_the_bond_does(lab, bonds, ["layer2", "layer2+3", "layer3+4"])
    bonds.host.ip("link", "set", "bond0", "type", "bond", "xmit_hash_policy", "encap3+4")
    wait_until(lambda: not daemon.status()["bond"]["out"], 5, "what goes out is left to the kernel")
    before = daemon.total()
    ways(bonds, FLOWS[:2])
    after = daemon.total()
    assert after["tx_segments"] == before["tx_segments"] and after["rx_packets"] > before["rx_packets"]
    assert "xmit_hash_policy" in daemon.status()["bond"]["out_why"]
    daemon.stop()


@pytest.mark.more
def test_vlan_srcmac(lab):
    """vlan+srcmac: each VLAN has the member that the bond would have chosen. The tag is still beside the packet when
    the program looks at it."""
    bonds = Bonds(lab, "balance-xor")
    for number in range(bonds.cnt):
        bonds.peer.ethtool_off(f"w{number}", "txvlan")
    for ns, last in ((bonds.peer, 2), (bonds.host, 1)):
        for vlan in (5, 6, 8):
            ns.ip("link", "add", "link", "bond0", "name", f"v{vlan}", "type", "vlan", "id", str(vlan))
            ns.up(f"v{vlan}")
            ns.address(f"v{vlan}", f"10.78.{vlan}.{last}/24", f"fd78:{vlan}::{last}/64")
    flows = [(net, 40_000 + vlan) for vlan in (5, 6, 8) for net in (f"10.78.{vlan}.2", f"fd78:{vlan}::2")]
    expect_chosen_as_the_bond_does(lab, bonds, ["vlan+srcmac"], flows).stop()


@pytest.mark.more
def test_lacp(lab, data):
    """802.3ad: both members carry flows, as the bond has chosen; a member that fails, and comes back, costs no
    connection, and the partner stays in the aggregator."""
    bonds = Bonds(lab, "802.3ad", "xmit_hash_policy", "layer3+4")
    daemon = Daemon(lab, bonds.host, "bond0")
    servers(lab, bonds, data)
    streams = [Paced(bonds.host, bonds.PEER4, data) for _ in range(2)]
    streams += [Paced(bonds.peer, bonds.HOST6, data) for _ in range(2)]
    wait_states(daemon, m0="in and out", m1="in and out")
    expect_carried(daemon, streams)
    bonds.host.ip("link", "set", "m1", "down")
    wait_until(lambda: member_states(daemon)["m1"] != "in and out", 10, lambda: f"{member_states(daemon)}")
    expect_carried(daemon, streams)
    bonds.host.up("m1")
    bonds.wait_joined()
    wait_states(daemon, m0="in and out", m1="in and out")
    expect_carried(daemon, streams)
    assert bonds.ports(bonds.peer) == 2, f"the partner has lost a port: {bonds.info(bonds.peer)}"
    end_streams(daemon, bonds, streams)


@pytest.mark.more
@pytest.mark.parametrize("mode", ["balance-rr", "balance-tlb", "broadcast"])
def test_in_only(lab, data, mode):
    """Modes that choose no member by a rule: what comes in is served, what goes out is left to the kernel, and that is
    said. balance-tlb receives by the active member only."""
    bonds = Bonds(lab, mode, switch=mode != "balance-rr")
    daemon = Daemon(lab, bonds.host, "bond0")
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams, ["rx_superpackets"])
    status = daemon.status()
    assert status["total"]["tx_segments"] == 0 and not status["bond"]["out"], f"{status['bond']}"
    assert "mode" in status["bond"]["out_why"] and "left to the kernel" in daemon.process.stderr()
    states = sorted(member_states(daemon).values())
    assert states == (["in", "standby"] if mode == "balance-tlb" else ["in", "in"]), states
    for stream in streams:
        stream.read_to_end()
    expect_ok(daemon)
    daemon.stop()


@pytest.mark.more
def test_arp_monitor(lab, data):
    """Links are watched by ARP: probes and their replies stay with the kernel, so that no link is taken for down. (A
    member that is not used sees the probes of the other, by the switch.)"""
    probes = ("arp_interval", "400", "arp_validate", "all", "arp_ip_target", Bonds.PEER4)
    bonds = Bonds(lab, "active-backup", switch=True, monitor=probes)
    wait_until(lambda: bonds.links_up(bonds.host) == 2, 20, lambda: f"both answer: {bonds.info()}")
    bonds.host.ip("link", "set", "bond0", "type", "bond", "active_slave", "m0")
    daemon = Daemon(lab, bonds.host, "bond0")
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    wait_states(daemon, m0="in and out", m1="standby")
    expect_carried(daemon, streams)
    failures = bonds.link_failures()
    for stream in streams:
        stream.read(FIRST)
    assert bonds.link_failures() == failures, "a link was taken for down"
    end_streams(daemon, bonds, streams)


@pytest.mark.more
def test_member_alone(lab, data):
    """A daemon for a member itself, inline: superpackets enter at the member, and the bond takes them; the name of the
    member is taken then for a daemon of the bond, and the other way round."""
    bonds = Bonds(lab, "active-backup")
    bonds.host.ip("link", "set", "bond0", "type", "bond", "active_slave", "m0")
    daemon = Daemon(lab, bonds.host, "m0")
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams)
    for stream in streams:
        stream.read_to_end()
    daemon.stop()
    daemon = Daemon(lab, bonds.host, "bond0")
    done = bonds.host.run(DAEMON, "--interface", "m1", check=False)
    assert done.returncode == EXIT_FAILED and "already running" in done.stderr, done.stderr
    daemon.stop()


@pytest.mark.more
def test_refused(lab):
    """What cannot work is refused, with the way out."""
    bonds = Bonds(lab, "balance-alb")
    done = bonds.host.run(DAEMON, "--interface", "bond0", check=False)
    assert done.returncode == EXIT_NOT_SUPPORTED and "balance-alb" in done.stderr, done.stderr
    done = bonds.host.run(DAEMON, "--interface", "m0", "--mode", "port", check=False)
    assert done.returncode != EXIT_OK and "bond0" in done.stderr, done.stderr
    bonds.host.ip("link", "delete", "bond0")
    bonds.host.ip("link", "add", "bond0", "type", "bond", "mode", "active-backup", "arp_interval", "100",
                  "arp_ip_target", bonds.PEER4)
    bonds.enslave(0, both=False)
    bonds.host.up("bond0")
    done = bonds.host.run(DAEMON, "--interface", "bond0", "--mode", "port", check=False)
    assert done.returncode == EXIT_NOT_SUPPORTED and "miimon" in done.stderr, done.stderr


def channels(bonds, cnt):
    """Of the first pair. The peer's first when there are fewer: XDP wants as many queues as the peer sends on."""
    for ns, name in ((bonds.peer, "w0"), (bonds.host, "m0"))[::1 if cnt == 1 else -1]:
        ns.run("ethtool", "-L", name, "rx", str(cnt), "tx", str(cnt))


@pytest.mark.more
def test_queues(lab, data):
    """A member gets a second queue, which is followed; packets are spread over all queues of all members. (This kernel
    takes no queue away that has a socket.)"""
    bonds = Bonds(lab, "balance-xor", "xmit_hash_policy", "layer3+4", queues=2)
    more_peer_addresses(bonds)
    channels(bonds, 1)
    daemon = Daemon(lab, bonds.host, "bond0")
    assert len(daemon.status()["queues"]) == 3, daemon.status()["queues"]
    channels(bonds, 2)
    wait_until(lambda: len(daemon.status()["queues"]) == 4, 10, "the new queue is served")
    sink = Sink(bonds)
    lab.cleanup(sink.close)
    ways(bonds, FLOWS)
    sent = {(queue["interface"], queue["queue"]): queue["tx_segments"] for queue in daemon.status()["queues"]}
    assert all(sent.values()), f"a queue has sent nothing: {sent}"
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams)
    end_streams(daemon, bonds, streams)


@pytest.mark.more
def test_zero_copy(lab, data):
    """A bond whose member is the guest's own NIC: its socket is in zero copy."""
    wire = RealWire(lab, host_addresses=False)
    wire.host.ip("link", "set", "dev", wire.nic, "down")
    wire.host.ip("link", "add", "bond0", "type", "bond", "mode", "active-backup", "miimon", "50")
    wire.host.ip("link", "set", "dev", wire.nic, "master", "bond0")
    lab.cleanup(lambda: wire.host.ip("link", "delete", "bond0"))
    wire.host.up("bond0")
    wire.address_host(wire.host, "bond0")
    daemon = zero_copy(Daemon(lab, wire.host, "bond0"))
    both_ways(lab, wire, daemon, data, length=1 << 20)
    expect_ok(daemon)
    daemon.stop()


@pytest.mark.more
def test_killed(lab, data):
    """kill -9: the kernel's bond carries the streams on; the next daemon takes them again, over the names that the
    first has left."""
    bonds = Bonds(lab, "802.3ad", "xmit_hash_policy", "layer2+3")
    daemon = Daemon(lab, bonds.host, "bond0")
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams)
    daemon.kill()
    for stream in streams:
        stream.read(FIRST)
    daemon = Daemon(lab, bonds.host, "bond0")
    expect_carried(daemon, streams)
    end_streams(daemon, bonds, streams)


@pytest.mark.more
def test_member_not_served(lab, data):
    """A member with an XDP program of another: it receives by the kernel, and while the bond sends by it, the kernel
    sends; that is degraded, and named."""
    bonds = Bonds(lab, "active-backup")
    bonds.host.ip("link", "set", "bond0", "type", "bond", "active_slave", "m0")
    bonds.host.ip("link", "set", "dev", "m1", "xdpdrv", "object", OTHER_PROGRAM, "section", "xdp.frags")
    daemon = Daemon(lab, bonds.host, "bond0")
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    wait_states(daemon, m0="in and out", m1="not served")
    expect_carried(daemon, streams)
    expect_ok(daemon)
    bonds.host.ip("link", "set", "bond0", "type", "bond", "active_slave", "m1")
    bonds.peer.ip("link", "set", "bond0", "type", "bond", "active_slave", "w1")
    wait_until(lambda: daemon.status()["state"] == "degraded", 10, "the state is degraded")
    status = daemon.status()
    assert "not served" in status["state_why"] and "not served" in status["bond"]["out_why"], status["bond"]
    before = daemon.total()
    for stream in streams:
        stream.read(FIRST)
    after = daemon.total()
    assert before["tx_segments"] == after["tx_segments"], "the daemon sends"
    bonds.host.ip("link", "set", "dev", "m1", "xdpdrv", "off")
    wait_until(lambda: member_states(daemon)["m1"] == "in and out", 60, lambda: f"{member_states(daemon)}")
    expect_carried(daemon, streams)
    end_streams(daemon, bonds, streams)


@pytest.mark.more
def test_policy_of_a_member(lab, data):
    """A qdisc that shapes on a member, used or not: what goes out is left to the kernel until it is gone."""
    bonds = Bonds(lab, "active-backup")
    bonds.host.ip("link", "set", "bond0", "type", "bond", "active_slave", "m0")
    daemon = Daemon(lab, bonds.host, "bond0")
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    expect_carried(daemon, streams)
    bonds.host.run("tc", "qdisc", "add", "dev", "m1", "root", "handle", "9:", "prio")
    wait_until(lambda: daemon.status()["egress"]["out"] == "kernel", 5, "the kernel has what goes out")
    assert "m1: root qdisc prio" in daemon.status()["egress"]["why"], daemon.status()["egress"]
    for stream in streams:
        stream.read(FIRST)
    before = daemon.total()["tx_segments"]
    for stream in streams:
        stream.read(FIRST)
    assert daemon.total()["tx_segments"] == before, "the daemon sends"
    bonds.host.run("tc", "qdisc", "del", "dev", "m1", "root")
    wait_until(lambda: daemon.status()["egress"]["out"] == "daemon", 10, "the daemon has what goes out")
    expect_carried(daemon, streams)
    end_streams(daemon, bonds, streams)
