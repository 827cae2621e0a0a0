# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""TCP within tunnels through the daemon: superpackets in both directions (R19, S7)."""

import pytest

from capture import GSO_NONE, GSO_TCPV4, GSO_TCPV6, NEEDS_CSUM, Capture, open_socket, send
from daemon import Daemon, add_up, per_superpacket
from frames import MSS, case_number, ethernet, need_scapy, network, stream
from lab import wait_until
from streams import QUEUE_LENGTH, expect_clean, jumbo_wire
from wire import Server, Transfer, Wire, port_mode

try:
    from scapy.contrib.geneve import GENEVE
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import GRE, Ether
    from scapy.layers.vxlan import VXLAN
except ImportError:
    pass  # need_scapy() says so

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


def inside(packet):
    """The IP packet of a plain frame, and what goes between it and the tunnel."""
    return packet[IP] if IP in packet else packet[IPv6]


def wrapped(number, version, inner_version, between, ethernet_inside):
    """Three segments of a stream within a tunnel; between(): the tunnel's own header."""
    frames = []
    for i, packet in enumerate(stream(number, version=inner_version)):
        content = packet if ethernet_inside else inside(packet)
        outer = ethernet(number) / network(number, version, ip_id=300 + i)
        frames.append(bytes(outer / between() / content if between else outer / content))
    return frames


def tunnels():
    """(name, word of --merge, frames of a number) of every kind of tunnel."""
    def udp(port, header):
        return lambda: UDP(sport=50000, dport=port) / header()

    gre, gre_key = (lambda: GRE()), (lambda: GRE(key_present=1, key=99))
    return [
        ("VXLAN", "vxlan", lambda n: wrapped(n, 4, 4, udp(4789, lambda: VXLAN(flags="Instance", vni=7)), True)),
        ("GENEVE", "geneve", lambda n: wrapped(n, 4, 6, udp(6081, lambda: GENEVE(vni=7)), True)),
        ("GENEVE over IPv6", "geneve", lambda n: wrapped(n, 6, 4, udp(6081, lambda: GENEVE(vni=7)), True)),
        ("GRE, IPv4 inside", "gre", lambda n: wrapped(n, 4, 4, gre, False)),
        ("GRE with a key, an Ethernet frame inside", "gre", lambda n: wrapped(n, 4, 6, gre_key, True)),
        ("GRE over IPv6", "gre", lambda n: wrapped(n, 6, 4, gre, False)),
        ("4in4", "ipip", lambda n: wrapped(n, 4, 4, None, False)),
        ("6in4", "ipip", lambda n: wrapped(n, 4, 6, None, False)),
        ("4in6", "ipip", lambda n: wrapped(n, 6, 4, None, False)),
        ("6in6", "ipip", lambda n: wrapped(n, 6, 6, None, False)),
    ]


def deliveries(lab, merge, cases):
    """What comes out of the TAP for each case, by number."""
    wire, tap, daemon = port_mode(lab, "--hold", "500000", "--merge", merge)
    seen = [[] for _ in cases]

    def see(packet):
        number = case_number(packet.frame)
        if number is not None and number < len(seen):
            seen[number].append(packet)

    with Capture(wire.host, tap, see):
        sock = open_socket(wire.peer, wire.wire, receive=False)
        for frames in cases:
            for frame in frames:
                send(sock, frame)
        sock.close()
        sent = sum(map(len, cases))
        wait_until(lambda: daemon.total()["rx_delivered_packets"] >= sent, 15,
                   lambda: f"all {sent} frames went up: {daemon.total()}")
    total = daemon.total()
    assert not add_up(total), f"counters do not add up: {add_up(total)}"
    assert total["rx_cut_again"] == 0, f"the TAP refused {total['rx_cut_again']} superpackets"
    return seen


def expect_merged(name, frames, packets):
    """One superpacket: the first frame's headers, and all the payloads."""
    assert len(packets) == 1, f"{name}: {len(packets)} packets went up instead of a superpacket"
    packet = packets[0]
    header_len = len(frames[0]) - MSS
    assert packet.frame[header_len:] == b"".join(f[header_len:] for f in frames), f"{name}: the payload differs"
    assert packet.gso_type in (GSO_TCPV4, GSO_TCPV6) and packet.gso_size == MSS and packet.flags & NEEDS_CSUM, (
        f"{name}: virtio header {packet.gso_type, packet.gso_size}")
    assert packet.csum_start == header_len - 20 and packet.csum_offset == 16, (
        f"{name}: checksum at {packet.csum_start} + {packet.csum_offset}")
    # the lengths of both IP headers, outermost first
    seen, sent = Ether(packet.frame), Ether(frames[0])
    for layer in (IP, IPv6):
        for number in (1, 2):
            if not sent.getlayer(layer, number):
                continue
            field = "len" if layer is IP else "plen"
            more = getattr(seen.getlayer(layer, number), field) - getattr(sent.getlayer(layer, number), field)
            assert more == 2 * MSS, f"{name}: an IP length is {more} longer, not {2 * MSS}"


def test_every_kind(lab):
    """Each kind of tunnel is merged where it is asked for, and only there."""
    need_scapy()
    kinds = tunnels()
    cases = [make(number) for number, (_, _, make) in enumerate(kinds)]
    words = ["vxlan", "geneve", "gre", "ipip"]
    seen = deliveries(lab, ",".join(words), cases)
    for (name, _, _), frames, packets in zip(kinds, cases, seen):
        expect_merged(name, frames, packets)


def none_but(lab, word):
    need_scapy()
    kinds = tunnels()
    cases = [make(number) for number, (_, _, make) in enumerate(kinds)]
    for (name, its, _), frames, packets in zip(kinds, cases, deliveries(lab, word, cases)):
        if its == word:
            expect_merged(name, frames, packets)
            continue
        assert [p.frame for p in packets] == frames, f"{name}: changed or merged, with --merge {word}"
        assert all(p.gso_type == GSO_NONE for p in packets), f"{name}: not alone"


def test_gre_alone(lab):
    """--merge gre leaves every other tunnel alone."""
    none_but(lab, "gre")


def test_ipip_alone(lab):
    """--merge ipip leaves every other tunnel alone."""
    none_but(lab, "ipip")


def test_geneve_alone(lab):
    """--merge geneve leaves every other tunnel alone."""
    none_but(lab, "geneve")


def test_no_tunnel(lab):
    """--merge tcp leaves every tunnel alone."""
    none_but(lab, "tcp")


def test_served_inline(lab):
    """Inline, what comes our way follows from --merge: by the outer protocol, all of it or nothing."""
    need_scapy()
    cases = [make(number) for number, (_, _, make) in enumerate(tunnels())]
    words = [word for _, word, _ in tunnels()]
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
