# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The XDP program loaded by xdp-loader, its maps pinned; the daemon adopts them."""

import os


from daemon import COMMAND, Daemon, HostState
from lab import wait_until
from pinned import MAPS, load
from streams import expect_clean, servers, transfer
from wire import Wire


def adopted(lab, data, mode, *options):
    wire = Wire(lab, host_addresses="port" not in options)
    pins = load(lab, wire, mode)
    before = HostState(wire.host)
    daemon = Daemon(lab, wire.host, wire.nic, "--pinned", pins, *options)
    assert daemon.status()["xdp"]["mode"] == "pinned", f"xdp: {daemon.status()['xdp']}"
    if "port" in options:
        wire.address_host(wire.host, daemon.tap())
    servers(lab, wire, data)
    for direction, family in (("in", 4), ("out", 6)):
        transfer(lab, wire, data, direction, family, length=64 << 20).finish()
    total = daemon.total()
    assert total["rx_superpackets"] > 0 and total["tx_superpackets"] > 0, f"no superpackets: {total}"
    expect_clean(daemon, [wire.host, wire.peer])
    return wire, pins, before, daemon


def test_native(lab, data):
    """The program of `xdp-loader load -m native -p DIR` is adopted with --pinned DIR, inline; after SIGTERM again, and
    kill -9 leaves it there."""
    wire, pins, before, daemon = adopted(lab, data, "native")
    daemon.stop()
    # the program and its pins are the operator's: both stay, and pass everything
    before.wait_restored()
    assert sorted(os.listdir(pins)) == sorted(MAPS), f"pins are now {os.listdir(pins)}"
    transfer(lab, wire, data, "in", 4, length=16 << 20).finish()

    again = Daemon(lab, wire.host, wire.nic, "--pinned", pins)
    stream = transfer(lab, wire, data, "in", 6)
    stream.wait_received(data.length // 10)
    assert again.total()["rx_superpackets"] > 0, "the second daemon merged nothing"
    again.kill()
    assert stream.process.running(), "the stream was over too early"
    stream.finish()
    before.wait_restored()


def test_generic(lab, data):
    """The program of `xdp-loader load -m skb` (generic mode) is adopted with --pinned DIR in port mode."""
    wire, _, before, daemon = adopted(lab, data, "skb", "--mode", "port")
    daemon.stop()
    wire.host.run(COMMAND, "clean", wire.nic)
    wait_until(lambda: not before.differences(), 5, lambda: f"{before.differences()}")
