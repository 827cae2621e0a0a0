# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""TCP within tunnels through the daemon: superpackets in both directions (R19, S7)."""

import pytest

from capture import open_socket, send
from daemon import Daemon, per_superpacket
from described import Outer, in_case, stream
from lab import wait_until
from streams import QUEUE_LENGTH, expect_clean, jumbo_wire
from wire import Server, Transfer, Wire

INNER = {"host": ("10.88.0.1", "fd88::1"), "peer": ("10.88.0.2", "fd88::2")}
# 64 KB hold 46 segments of 1398 bytes.
ENOUGH = 15


def vxlan(ns, device, role, local, remote):
    done = ns.ip("link", "add", "vx", "type", "vxlan", "id", "77", "local", local, "remote", remote,
                 "dstport", "4789", "dev", device, check=False)
    if done.returncode:
        pytest.skip(f"no VXLAN here: {done.stderr.strip()}")
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
    assert daemon.total()["rx_cut_again"] == 0, "the TAP refused superpackets"
    for ns in (wire.host, wire.peer):
        errors = ns.snmp()["UdpInCsumErrors"]
        assert errors == 0, f"{ns.name}: the kernel saw {errors} UDP checksum errors"
    return reached


def expect_superpackets(reached):
    assert min(reached) >= ENOUGH, (
        "segments per superpacket, in, out, in, out: " + ", ".join(f"{n:.1f}" for n in reached))


def test_inline_vxlan(lab, data):
    """Inline, VXLAN over IPv4 (--merge tcp,vxlan): both ways, IPv4 and IPv6 inside."""
    expect_superpackets(tunnelled(lab, data, "tcp,vxlan", 4))


def test_inline_vxlan6(lab, data):
    """Inline, VXLAN over IPv6, whose outer checksum is there."""
    expect_superpackets(tunnelled(lab, data, "tcp,udp,vxlan", 6))


def test_inline_vxlan_slices(lab, data):
    """Inline, VXLAN cut as slices (--transmit slices)."""
    expect_superpackets(tunnelled(lab, data, "vxlan", 4, transmit="slices"))


def test_port_vxlan(lab, data):
    """Port mode, VXLAN over IPv4."""
    expect_superpackets(tunnelled(lab, data, "tcp,vxlan", 4, port=True))


def test_port_not_asked_for(lab, data):
    """Port mode without vxlan in --merge: cut, but not merged."""
    reached = tunnelled(lab, data, "tcp", 4, port=True)
    assert reached[0] == reached[2] == 0, f"tunnelled TCP was merged: {reached}"
    assert min(reached[1::2]) >= ENOUGH, f"tunnelled TCP was cut by the kernel: {reached}"


def tunnels():
    """(word of --merge, a stream in such a tunnel)"""
    kinds = [Outer("vxlan"), Outer("geneve"), Outer("geneve", version=6), Outer("gre", ethernet=False, vni=0),
             Outer("gre"), Outer("gre", ethernet=False, version=6), Outer("ipip", ethernet=False),
             Outer("ipip", ethernet=False, version=6)]
    return [(outer.kind, in_case(stream(3, version=version, outer=outer), case))
            for case, (outer, version) in enumerate((outer, version) for outer in kinds for version in (4, 6))]


def test_served_inline(lab):
    """Inline, what comes our way follows from --merge: by the outer protocol, all of it or nothing."""
    cases = [[packet.frame(number) for number, packet in enumerate(packets)] for _, packets in tunnels()]
    words = [word for word, _ in tunnels()]
    udp = ("vxlan", "geneve")  # the same outer protocol
    wire = Wire(lab)
    for merge in ("tcp", "geneve", "gre", "ipip", "tcp,gre,ipip"):
        daemon = Daemon(lab, wire.host, wire.nic, "--merge", merge, "--hold", "100000")
        sock = open_socket(wire.peer, wire.wire, receive=False)
        before = daemon.status()
        for frames in cases:
            for frame in frames:
                send(sock, frame)
        sock.close()
        listed = merge.split(",")
        served = [word in listed or (word in udp and "geneve" in listed) for word in words]

        def seen():
            status = daemon.status()
            return [status["steer"][name] - before["steer"][name] for name in ("redirected", "pass_protocol")]

        wanted = 3 * sum(served)
        # whatever else the two hosts say to each other passes, too
        wait_until(lambda: seen()[0] >= wanted and sum(seen()) >= 3 * len(cases), 5,
                   lambda: f"--merge {merge}: redirected and passed are {seen()}")
        assert seen()[0] == wanted, f"--merge {merge}: {seen()[0]} were redirected, not {wanted}"
        wait_until(lambda: daemon.total()["rx_delivered_packets"] >= wanted, 5, "all have gone up")
        assert daemon.total()["rx_superpackets"] > 0 or merge == "tcp", f"--merge {merge}: nothing was merged"
        daemon.stop()
