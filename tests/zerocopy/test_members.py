# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""New members of a bond, where they can be served and where not. The daemon is the one that says so when the thread of
the heartbeat waits for the kernel's lock of all interfaces (Daemon.stop())."""

import pytest

from bonds import Bonds, expect_carried, expect_ok, member_states, streams_of, wait_states
from daemon import Daemon
from faulty import ALWAYS, FAULTY, expect_one_line, faults
from lab import wait_until
from real_wire import RealWire
from streams import servers

pytestmark = pytest.mark.machine("one queue")


def activate(bonds, number):
    for ns, name in ((bonds.peer, f"w{number}"), (bonds.host, f"m{number}")):
        ns.ip("link", "set", "bond0", "type", "bond", "active_slave", name)


def wait_reading(daemon, streams, seconds=20, **states):
    """A server gives up a stream that nobody reads for long, and in an emulated machine waiting takes long."""
    def are():
        for stream in streams:
            stream.read(4096)
        return member_states(daemon) == states

    wait_until(are, seconds, lambda: f"members are {states}: {member_states(daemon)}; {daemon.process.tail()}")


def add_third(bonds):
    bonds.wire(2)
    bonds.enslave(2)


@pytest.mark.more
def test_new_member(lab, data):
    """A third member is made and added while streams flow; the bond fails over to it; the first one leaves the bond and
    is deleted. No stream ends."""
    bonds = Bonds(lab, "active-backup")
    activate(bonds, 0)
    daemon = Daemon(lab, bonds.host, "bond0", program=FAULTY)
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    wait_states(daemon, m0="in and out", m1="standby")
    expect_carried(daemon, streams)
    add_third(bonds)
    wait_reading(daemon, streams, m0="in and out", m1="standby", m2="standby")
    expect_carried(daemon, streams)
    activate(bonds, 2)
    wait_reading(daemon, streams, m0="standby", m1="standby", m2="in and out")
    expect_carried(daemon, streams)
    bonds.host.ip("link", "set", "m0", "nomaster")
    bonds.host.ip("link", "delete", "m0")
    wait_reading(daemon, streams, m1="standby", m2="in and out")
    expect_carried(daemon, streams)
    for stream in streams:
        stream.read_to_end()
    expect_ok(daemon)
    daemon.stop()


@pytest.mark.more
def test_no_memory(lab, data):
    """--memory has no room for a third member: said once, the others are served. When the bond uses it, that is
    degraded, and the kernel carries the streams; when another one leaves, it is served."""
    bonds = Bonds(lab, "active-backup")
    activate(bonds, 0)
    daemon = Daemon(lab, bonds.host, "bond0", "--memory", "98M", program=FAULTY)
    servers(lab, bonds, data)
    streams = streams_of(bonds, data)
    wait_states(daemon, m0="in and out", m1="standby")
    add_third(bonds)
    wait_reading(daemon, streams, m0="in and out", m1="standby", m2="not served")
    expect_carried(daemon, streams)
    expect_ok(daemon)
    activate(bonds, 2)
    wait_until(lambda: daemon.status()["state"] == "degraded", 10, "the state is degraded")
    for stream in streams:
        stream.read(256 << 10)
    expect_one_line(daemon, "more queue does not fit")
    bonds.host.ip("link", "set", "m1", "nomaster")
    wait_reading(daemon, streams, 60, m0="standby", m2="in and out")
    expect_carried(daemon, streams)
    for stream in streams:
        stream.read_to_end()
    expect_ok(daemon)
    daemon.stop()


@pytest.mark.more
def test_tags_are_lost(lab):
    """A member whose driver always takes VLAN tags out of frames, on a bond with a VLAN: not served, with the reason;
    without the VLAN it is served."""
    wire = RealWire(lab, host_addresses=False)
    host, nic = wire.host, wire.nic

    def enslave():
        host.ip("link", "set", "dev", nic, "down")
        host.ip("link", "set", "dev", nic, "master", "bond0")

    host.ip("link", "add", "bond0", "type", "bond", "mode", "active-backup", "miimon", "50")
    lab.cleanup(lambda: host.ip("link", "delete", "bond0"))
    enslave()
    host.up("bond0")
    daemon = Daemon(lab, host, "bond0", program=FAULTY, wrapper=faults(tags=ALWAYS))
    wait_states(daemon, **{nic: "in and out"})
    host.ip("link", "add", "link", "bond0", "name", "bond0.7", "type", "vlan", "id", "7")
    host.ip("link", "set", "dev", nic, "nomaster")
    wait_states(daemon)
    enslave()
    wait_states(daemon, **{nic: "not served"})
    expect_one_line(daemon, "there is a VLAN on the bond")
    assert daemon.status()["state"] == "degraded", daemon.status()["state_why"]
    host.ip("link", "delete", "bond0.7")
    wait_until(lambda: member_states(daemon) == {nic: "in and out"}, 60,
               lambda: f"{member_states(daemon)}: {daemon.process.tail()}")
    daemon.stop()
