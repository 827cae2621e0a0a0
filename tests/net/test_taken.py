# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Somebody takes away what the daemon has attached, or what it has adopted: it says so, the kernel carries on."""

import os
import re
import shutil
import time

import pytest

from daemon import COMMAND, EXIT_DEGRADED, STEER_OBJECT, Daemon
from faulty import wait_within
from lab import wait_until
from pinned import load
from streams import servers, transfer
from wire import Wire

pytestmark = pytest.mark.alone  # it looks at times

NOTICED = 3.0  # seconds; it takes half of one, on a machine with time


def links(daemon):
    """{"xdp": id, "ingress": id, "egress": id} of the BPF links it holds; the latter are tcx."""
    found = {}
    directory = f"/proc/{daemon.pid}/fdinfo"
    for fd in os.listdir(directory):
        try:
            with open(os.path.join(directory, fd)) as file:
                text = file.read()
        except FileNotFoundError:  # a socket that it has closed meanwhile
            continue
        kind = re.search(r"^link_type:\s*(\w+)", text, re.M)
        if kind:
            way = re.search(r"^attach_type:.*\((?:tcx_)?(\w+)\)", text, re.M)
            found[way[1] if way else kind[1]] = re.search(r"^link_id:\s*(\d+)", text, re.M)[1]
    return found


def detach(lab, daemon, which):
    assert which in links(daemon), f"there is no link {which}: {links(daemon)}"
    lab.run(["bpftool", "link", "detach", "id", links(daemon)[which]])


def expect_noticed(lab, wire, daemon, words, times=1):
    """Degraded soon, said once, with what helps; exit code 4."""
    def said():
        status = daemon.status()
        return status["state"] == "degraded" and all(word in status["state_why"] for word in words)

    wait_within(lab, said, NOTICED, lambda: f"degraded, with {words}: {daemon.status()['state_why']!r}")
    why = daemon.status()["state_why"]
    assert daemon.process.stderr().count(why) == times, f"not said once: {daemon.process.stderr()}"
    assert wire.host.run(COMMAND, "-q", "status", wire.nic, check=False).returncode == EXIT_DEGRADED, "exit code"


def expect_kernel_carries(lab, wire, data, daemon):
    # what was under way when it was noticed is still counted: the kernel has all 0.1 s later
    seen = []
    wait_until(lambda: settled(daemon, seen), 5, "the daemon carries nothing any more")
    before = daemon.total()
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=8 << 20).finish()
    after = daemon.total()
    for name in ("rx_packets", "tap_packets"):
        assert after[name] == before[name], f"the daemon has carried {after[name] - before[name]} {name}"


def settled(daemon, seen):
    """Whether nothing has come its way for half a second; `seen` is when it was asked, and what it said."""
    total = daemon.total()
    seen.append((time.monotonic(), total["rx_packets"], total["tap_packets"]))
    while len(seen) > 1 and seen[0][1:] != seen[-1][1:]:
        seen.pop(0)
    return seen[-1][0] - seen[0][0] > 0.5


def expect_served(lab, wire, data, daemon):
    wait_until(lambda: daemon.status()["state"] == "ok", 5, "the daemon says ok")
    before = daemon.total()
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
    after = daemon.total()
    for name in ("rx_superpackets", "tx_superpackets"):
        assert after[name] > before[name], f"no {name}"


def root_of(pins):
    return os.path.dirname(pins)


def xdp_loader(wire, pins, *argv):
    wire.host.run("env", f"LIBXDP_BPFFS={root_of(pins)}", "xdp-loader", *argv)


def load_again(wire, pins):
    xdp_loader(wire, pins, "load", "-m", "native", "-p", pins, wire.nic, STEER_OBJECT)


def test_unloaded(lab, data):
    """A pinned program is unloaded under a stream: said within a second, the kernel carries; loaded again, it is served
    again."""
    wire = Wire(lab)
    pins = load(lab, wire, "native")
    daemon = Daemon(lab, wire.host, wire.nic, "--pinned", pins)
    servers(lab, wire, data)
    unload = "xdp-loader", "unload", "-a", wire.nic
    take_off = "ip", "link", "set", "dev", wire.nic, "xdp", "off"
    for times, off in enumerate((unload, take_off), 1):
        stream = transfer(lab, wire, data, "in", 6)
        stream.wait_received(data.length // 10)
        wire.host.run("env", f"LIBXDP_BPFFS={root_of(pins)}", *off)
        load_it = f"'xdp-loader load -m native -p {pins} {wire.nic} steer.bpf.o'"
        expect_noticed(lab, wire, daemon, ("was unloaded", load_it, "the kernel carries all traffic"), times)
        stream.finish()
        expect_kernel_carries(lab, wire, data, daemon)
        load_again(wire, pins)
        expect_served(lab, wire, data, daemon)
    daemon.stop()


def test_pins_removed(lab, data):
    """Pins are removed under the daemon: a warning, and it serves on; loaded again with new ones: restart."""
    wire = Wire(lab)
    pins = load(lab, wire, "native")
    daemon = Daemon(lab, wire.host, wire.nic, "--pinned", pins)
    servers(lab, wire, data)
    shutil.rmtree(pins)
    wait_until(lambda: f"the pins in {pins} were removed" in daemon.process.stderr(), NOTICED, "it is said")
    expect_served(lab, wire, data, daemon)
    xdp_loader(wire, pins, "unload", "-a", wire.nic)
    load_again(wire, pins)
    expect_noticed(lab, wire, daemon, ("does not use the maps that were adopted", f"restart superpacketd@{wire.nic}"))
    expect_kernel_carries(lab, wire, data, daemon)
    daemon.stop()
    again = Daemon(lab, wire.host, wire.nic, "--pinned", pins)
    expect_served(lab, wire, data, again)


def test_detached(lab, data):
    """A link of the daemon is detached by force, XDP or tc, under streams: said, and the kernel carries."""
    wire = Wire(lab)
    servers(lab, wire, data)
    for which, words in (("xdp", "the XDP program"), ("egress", "the tc program of the NIC's egress"),
                         ("ingress", "the tc program of the TAP's ingress")):
        daemon = Daemon(lab, wire.host, wire.nic)
        streams = [transfer(lab, wire, data, direction, 4) for direction in ("in", "out")]
        for stream in streams:
            stream.wait_received(data.length // 20)
        detach(lab, daemon, which)
        expect_noticed(lab, wire, daemon, (f"somebody has taken away {words}", "the kernel carries all traffic",
                                      f"'systemctl restart superpacketd@{wire.nic}'"))
        for stream in streams:
            stream.finish()
        expect_kernel_carries(lab, wire, data, daemon)
        daemon.stop()


def test_redirection(lab, data):
    """The redirection of generic mode is removed from the TAP: said, and the kernel carries."""
    wire = Wire(lab)
    wire.peer.run("ethtool", "-K", wire.wire, "tso", "off")
    daemon = Daemon(lab, wire.host, wire.nic, "--xdp-mode", "generic")
    servers(lab, wire, data)
    expect_served(lab, wire, data, daemon)
    wire.host.run("tc", "qdisc", "del", "dev", daemon.tap(), "clsact")
    expect_noticed(lab, wire, daemon, ("the tc program of the TAP's ingress",))
    expect_kernel_carries(lab, wire, data, daemon)
    daemon.stop()


def test_port(lab):
    """Port mode: the XDP program is detached: said, for nothing reaches the TAP then."""
    wire = Wire(lab, host_addresses=False)
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port")
    detach(lab, daemon, "xdp")
    expect_noticed(lab, wire, daemon, ("the XDP program", "no frame reaches the TAP"))
    daemon.stop()
