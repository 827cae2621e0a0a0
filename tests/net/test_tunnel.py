# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""TCP within VXLAN through the daemon: superpackets in both directions (R19, S7)."""

from daemon import Daemon, per_superpacket
from harness import test
from lab import Skip, expect
from test_bulk import QUEUE_LENGTH, expect_clean
from test_jumbo import jumbo_wire
from wire import Server, Transfer

INNER = {"host": ("10.88.0.1", "fd88::1"), "peer": ("10.88.0.2", "fd88::2")}
# 64 KB hold 46 segments of 1398 bytes.
ENOUGH = 15


def vxlan(ns, device, role, local, remote):
    done = ns.ip("link", "add", "vx", "type", "vxlan", "id", "77", "local", local, "remote", remote,
                 "dstport", "4789", "dev", device, check=False)
    if done.returncode:
        raise Skip(f"no VXLAN here: {done.stderr.strip()}")
    ns.up("vx")
    ns.address("vx", f"{INNER[role][0]}/24", f"{INNER[role][1]}/64")


def tunnelled(lab, data, merge, underlay, port=False, transmit=None):
    """Both ways, IPv4 and IPv6 inside; returns segments per superpacket, the least of all ways."""
    options = ["--merge", merge] + (["--transmit", transmit] if transmit else [])
    wire, daemon = jumbo_wire(lab, None, *options, port=port)
    device = daemon.tap() if port else wire.nic
    vxlan(wire.host, device, "host", wire.host_address(underlay), wire.peer_address(underlay))
    vxlan(wire.peer, wire.wire, "peer", wire.peer_address(underlay), wire.host_address(underlay))
    Server(lab, wire.peer, data)
    Server(lab, wire.host, data)
    reached = []
    for inner in (0, 1):
        for number, (ns, role) in enumerate(((wire.host, "peer"), (wire.peer, "host"))):
            before = daemon.total()
            Transfer(lab, ns, INNER[role][inner], data, QUEUE_LENGTH).finish()
            after = daemon.total()
            reached.append(per_superpacket(before, after)[number])
    expect_clean(daemon, [wire.host, wire.peer])
    expect(daemon.total()["rx_cut_again"] == 0, "the TAP refused superpackets")
    for ns in (wire.host, wire.peer):
        errors = ns.snmp()["UdpInCsumErrors"]
        expect(errors == 0, f"{ns.name}: the kernel saw {errors} UDP checksum errors")
    return reached


def expect_superpackets(reached):
    expect(min(reached) >= ENOUGH, "segments per superpacket, in, out, in, out: "
           + ", ".join(f"{n:.1f}" for n in reached))


@test("inline, VXLAN over IPv4 (--merge tcp,vxlan): both ways, IPv4 and IPv6 inside", seconds=120)
def inline_vxlan(lab, data):
    expect_superpackets(tunnelled(lab, data, "tcp,vxlan", 4))


@test("inline, VXLAN over IPv6, whose outer checksum is there", seconds=120)
def inline_vxlan6(lab, data):
    expect_superpackets(tunnelled(lab, data, "tcp,udp,vxlan", 6))


@test("inline, VXLAN cut as slices (--transmit slices)", seconds=120)
def inline_vxlan_slices(lab, data):
    expect_superpackets(tunnelled(lab, data, "vxlan", 4, transmit="slices"))


@test("port mode, VXLAN over IPv4", seconds=120)
def port_vxlan(lab, data):
    expect_superpackets(tunnelled(lab, data, "tcp,vxlan", 4, port=True))


@test("port mode without vxlan in --merge: cut, but not merged", seconds=120)
def port_not_asked_for(lab, data):
    reached = tunnelled(lab, data, "tcp", 4, port=True)
    expect(reached[0] == reached[2] == 0, f"tunnelled TCP was merged: {reached}")
    expect(min(reached[1::2]) >= ENOUGH, f"tunnelled TCP was cut by the kernel: {reached}")
