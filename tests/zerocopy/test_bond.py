# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A bond is served by its members: both ways, through failovers, by the member that the bond would have chosen."""

import pytest

from bonds import Bonds, Sink, ways
from daemon import EXIT_NOT_SUPPORTED, Daemon, per_superpacket
from lab import wait_until
from paced import Paced
from streams import expect_clean, servers

pytestmark = pytest.mark.machine("one queue")

FIRST = 256 << 10  # of a stream, each time before something happens


def member_states(daemon):
    return {member["interface"]: member["state"] for member in daemon.status()["bond"]["members"]}


def wait_states(daemon, **states):
    wait_until(lambda: member_states(daemon) == states, 10, lambda: f"members are {states}: {member_states(daemon)}")


def streams_of(bonds, data):
    """One each way."""
    return [Paced(bonds.host, bonds.PEER4, data), Paced(bonds.peer, bonds.HOST4, data)]


def expect_carried(daemon, streams, ways=("rx_superpackets", "tx_superpackets")):
    """The streams come through the daemon (again)."""
    def carried():
        before = daemon.total()
        for stream in streams:
            stream.read(FIRST // 8)
        after = daemon.total()
        return all(after[name] > before[name] for name in ways)

    wait_until(carried, 10, lambda: f"the daemon carries both streams: {daemon.status()['bond']}")


def expect_ok(daemon):
    wait_until(lambda: daemon.status()["state"] == "ok", 10,
               lambda: f"state is {daemon.status()['state']}: {daemon.status()['state_why']}")


def end_streams(daemon, bonds, streams):
    for stream in streams:
        stream.read_to_end()
    expect_ok(daemon)
    daemon.stop()
    for name in ("m0", "m1"):
        link = bonds.host.ip_json("link", "show", "dev", name)
        assert not link or "xdp" not in link[0], f"{name} still has a program"


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
