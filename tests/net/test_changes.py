# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What changes under a running daemon."""

from daemon import Daemon
from harness import test
from lab import expect, wait_until
from test_bulk import servers, transfer
from wire import Wire


def both_ways(lab, wire, data):
    """Packets that the daemon took from the NIC and from the stack while a stream went each way."""
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4).finish()


def set_mtu(wire, mtu):
    wire.host.ip("link", "set", wire.nic, "mtu", str(mtu))
    wire.peer.ip("link", "set", wire.wire, "mtu", str(mtu))


def follow(wire, daemon, mtu):
    set_mtu(wire, mtu)
    wait_until(lambda: wire.host.ip_json("link", "show", "dev", daemon.tap())[0]["mtu"] == mtu, 5,
               f"the TAP has the NIC's MTU of {mtu}")


@test("inline: the MTU changes and is followed; what a TAP cannot have the kernel carries", seconds=120)
def mtu(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)

    for mtu in (3000, 9000, 1500):
        follow(wire, daemon, mtu)
        before = daemon.total()
        both_ways(lab, wire, data)
        after = daemon.total()
        expect(after["rx_superpackets"] > before["rx_superpackets"] and
               after["tx_superpackets"] > before["tx_superpackets"], f"nothing was merged or cut at {mtu}")
        expect(not any(after["drops"].values()), f"drops at {mtu}: {after['drops']}")

    set_mtu(wire, 65535)
    wait_until(lambda: daemon.status()["state"] == "degraded", 5, "the daemon says degraded")
    expect("mtu 65521" in daemon.process.stderr(), daemon.process.stderr())
    before = daemon.total()
    both_ways(lab, wire, data)
    after = daemon.total()
    expect(after["rx_packets"] == before["rx_packets"] and after["tap_packets"] == before["tap_packets"],
           "at 65535 the kernel should carry all")

    set_mtu(wire, 1500)
    wait_until(lambda: daemon.status()["state"] == "ok", 5, "the daemon says ok again")
    before = daemon.total()
    both_ways(lab, wire, data)
    after = daemon.total()
    expect(after["rx_superpackets"] > before["rx_superpackets"], "nothing was merged again")
    daemon.stop()


@test("inline: the NIC goes down and up again; traffic resumes", seconds=60)
def down_up(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    both_ways(lab, wire, data)
    wire.host.ip("link", "set", wire.nic, "down")
    wire.host.ip("link", "set", wire.nic, "up")
    wire.host.address(wire.nic, f"{wire.HOST6}/64")  # IPv6 addresses go with the link
    before = daemon.total()
    both_ways(lab, wire, data)
    expect(daemon.total()["rx_superpackets"] > before["rx_superpackets"], "nothing was merged again")
    daemon.stop()
