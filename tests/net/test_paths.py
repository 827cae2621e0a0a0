# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Superpackets on their way through a router, a bridge or a macvlan, also where the way is narrower than
their packets were: nothing is lost in a black hole, and every packet on the far wire is one.

Each path carries everything without the daemon first: what fails there is not our fault.
"""

import errno
import os
import socket

import pytest

from daemon import Daemon, per_superpacket
from lab import wait_until
from paths import MTU, Beyond, Bridged, Macvlan, Routed, Tunnelled
from streams import expect_clean
from udp import Receiver, Sender, datagrams, exchange
from wire import Server, Transfer, Wire, storm

LENGTH = 12 << 20
# A stall is not waited for: retransmission timers would have backed off to 16 s by then.
SECONDS = 30
# A bulk stream's packets have neighbours to be merged with; less means that it went another way.
PER_SUPERPACKET = 2.0
DIRECTIONS = ("in", "out")
# linux/in.h
IP_MTU_DISCOVER = 10
IP_PMTUDISC_DONT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO = 0, 1, 2


def transfer(lab, path, data, direction, family):
    """One transfer, watched on both wires; returns what watched them."""
    _, receiver, address, _ = path.ends(direction, family)
    with path.watching() as checkers:
        Transfer(lab, receiver, address, data, LENGTH).finish(SECONDS, strict=True)
    return checkers


def transfers(lab, path, data, daemon, look, families, least):
    """Both ways; look(where, direction, family, checkers) after each."""
    for family in families:
        for number, direction in enumerate(DIRECTIONS):
            where = f"{'the daemon' if daemon else 'the kernel alone'}, IPv{family} {direction}"
            path.forget_mtu()
            before = daemon and daemon.total()
            checkers = transfer(lab, path, data, direction, family)
            if direction in checkers:
                packets = checkers[direction].packets
                assert packets >= LENGTH / MTU, f"{where}: {packets} packets were seen on the last wire"
            look(where, direction, family, checkers)
            if daemon:
                got = per_superpacket(before, daemon.total())[number]
                assert got >= least[direction], (
                    f"{where}: {got:.1f} packets per superpacket: the transfer went another way")


def both(lab, path, data, *options, look=lambda *_: None, port=False, families=(4, 6), out_least=PER_SUPERPACKET):
    """Without the daemon, then with it. Returns the daemon."""
    least = {"in": PER_SUPERPACKET, "out": out_least}
    for ns in (path.peer, path.inner):
        Server(lab, ns, data)
    if not port:
        transfers(lab, path, data, None, look, families, least)
    daemon = start(lab, path, *options, port=port)
    transfers(lab, path, data, daemon, look, families, least)
    expect_clean(daemon, [path.host, path.peer, path.inner])
    return daemon


def start(lab, path, *options, port=False):
    if not port:
        return Daemon(lab, path.host, path.nic, *options)
    tap = lab.unique("tap")
    daemon = Daemon(lab, path.host, path.nic, "--mode", "port", "--tap", tap, *options)
    path.use_interface(tap)
    return daemon


def discovery(path):
    """A look at a narrower hop: the sender has been told its MTU, and nothing was fragmented."""

    def look(where, direction, family, checkers):
        sender, _, _, address = path.ends(direction, family)
        assert path.discovered(sender, address), f"{where}: the sender knows nothing of MTU {path.mtu}"
        assert not any(c.fragments for c in checkers.values()), f"{where}: there were fragments"

    return look


def test_router(lab, data):
    """A router with the daemon on its NIC and another interface of the same MTU."""
    both(lab, Routed(lab), data)


@pytest.mark.more
def test_router_1400(lab, data):
    """A router whose next hop has MTU 1400: too large superpackets are said to be, by ICMP."""
    path = Routed(lab, 1400)
    both(lab, path, data, look=discovery(path))


def test_router_1280(lab, data):
    """A router whose next hop has MTU 1280, the least of IPv6."""
    path = Routed(lab, 1280)
    both(lab, path, data, look=discovery(path))


def test_router_two_daemons(lab, data):
    """A router with a daemon on either interface, one of MTU 1400."""
    path = Routed(lab, 1400)
    second = Daemon(lab, path.host, "far")
    both(lab, path, data, look=discovery(path))
    expect_clean(second, [path.host])
    total = second.total()
    for counter in ("rx_superpackets", "tx_superpackets"):
        assert total[counter] > 10, f"the daemon on the other interface: {counter} is {total[counter]}"


def test_router_wide(lab, data):
    """A router whose other interface is wider (MTU 9000): superpackets of jumbo frames do not fit our NIC."""
    path = Routed(lab, 9000)
    path.widen()
    path.mtu = MTU

    def look(where, direction, family, checkers):
        if direction == "out":
            discovery(path)(where, direction, family, checkers)

    both(lab, path, data, look=look)


def test_router_changes(lab, data):
    """A hop that becomes narrower and wide again in the middle of a stream each way."""
    path = Routed(lab)
    Server(lab, path.peer, data)
    Server(lab, path.inner, data)
    daemon = start(lab, path)
    for family in (4, 6):
        path.forget_mtu()
        streams = []
        for direction in DIRECTIONS:
            _, receiver, address, _ = path.ends(direction, family)
            streams.append(Transfer(lab, receiver, address, data))
        for step, mtu in enumerate((1400, 1280, MTU), 1):
            for stream in streams:
                stream.wait_received(step * data.length // 5)
            path.narrow(mtu)
        for stream in streams:
            stream.finish(60)
    expect_clean(daemon, [path.host, path.peer, path.inner])


def test_router_port(lab, data):
    """Port mode: a router whose next hop has MTU 1400; the TAP has the addresses."""
    path = Routed(lab, 1400, port=True)
    both(lab, path, data, look=discovery(path), port=True)


def test_fragmented(lab, data):
    """Senders that let packets be fragmented (DF = 0): superpackets are cut and fragmented at the next hop."""
    fragmenting(lab, data, Routed(lab, 1400))


def test_fragmented_nat(lab, data):
    """The same behind NAT: conntrack puts fragments together, and superpackets are fragmented behind it."""
    fragmenting(lab, data, Routed(lab, 1400, nat=True))


def fragmenting(lab, data, path):
    for ns in (path.peer, path.inner):
        ns.sysctl("net.ipv4.ip_no_pmtu_disc", 1)

    def look(where, direction, _family, checkers):
        got = checkers[direction].fragments
        assert got >= LENGTH / MTU, f"{where}: {got} fragments"

    # what comes from behind the narrow hop is in fragments when it gets to the daemon: those are not cut
    daemon = both(lab, path, data, look=look, families=(4,), out_least=0)
    assert daemon.total()["tx_ordinary"] >= LENGTH / MTU, "the fragments went another way"


def test_nat(lab, data):
    """A container behind NAT: conntrack and masquerade see superpackets."""
    both(lab, Routed(lab, nat=True), data)


@pytest.mark.more
def test_nat_1400(lab, data):
    """A container behind NAT whose next hop has MTU 1400."""
    path = Routed(lab, 1400, nat=True)
    both(lab, path, data, look=discovery(path))


def test_nat_storm(lab, data):
    """Many short connections through NAT, both ways."""
    path = Routed(lab, 1400, nat=True)
    for ns in (path.peer, path.inner):
        Server(lab, ns, data)
    daemon = start(lab, path)
    for direction in DIRECTIONS:
        for family in (4, 6):
            _, receiver, address, _ = path.ends(direction, family)
            storm(lab, receiver, address, data, 100, 20, 1, 300_000)
    expect_clean(daemon, [path.host, path.peer, path.inner])


def test_bridge(lab, data):
    """A bridge: the NIC and a container's veth are its ports."""
    both(lab, Bridged(lab), data)


@pytest.mark.more
def test_bridge_1400(lab, data):
    """A bridge with a container of MTU 1400."""
    both(lab, Bridged(lab, 1400), data)


def test_bridge_port(lab, data):
    """Port mode: the TAP and a container's veth of MTU 1400 are ports of a bridge."""
    both(lab, Bridged(lab, 1400, port=True), data, port=True)


def test_macvlan(lab, data):
    """A container's macvlan on the NIC."""
    both(lab, Macvlan(lab), data)


@pytest.mark.more
def test_macvlan_1400(lab, data):
    """A container's macvlan of MTU 1400 on the NIC."""
    both(lab, Macvlan(lab, 1400), data)


def test_macvlan_port(lab, data):
    """Port mode: a container's macvlan of MTU 1400 on the TAP."""
    both(lab, Macvlan(lab, 1400, port=True), data, port=True)


def test_bridge_plain_veth(lab, data):
    """A bridge with a container's veth as it comes: superpackets cross the host whole, checksums unfinished."""
    daemon = both(lab, Bridged(lab, wire=False), data)
    total = daemon.total()
    got = total["tx_segments"] / total["tx_superpackets"]
    assert got > 10, f"{got:.1f} packets per superpacket of the container"


def test_small_mss(lab, data):
    """A container with a small MSS (500): what comes out of a bridge is cut to it."""
    path = Bridged(lab, wire=False)
    for family, net in ((4, ["10.77.0.0/24"]), (6, ["fd77::/64", "metric", "256"])):
        path.peer.ip(f"-{family}", "route", "change", *net, "dev", path.wire.wire, "proto", "kernel",
                     "advmss", "500")

    def look(where, direction, _family, checkers):
        if direction == "out":
            longest = checkers["out"].longest
            assert longest <= 500 + 80, f"{where}: {longest} bytes are too many for this MSS"
            assert checkers["out"].packets >= LENGTH / 500, f"{where}: {checkers['out'].packets} packets"

    both(lab, path, data, look=look)


@pytest.mark.more
def test_fraglist(lab, data):
    """What the kernel has merged as a list of packets (rx-gro-list) on the other interface is forwarded."""
    path = Routed(lab)
    path.host.run("ethtool", "-K", "far", "rx-gro-list", "on")
    both(lab, path, data, out_least=0)


def test_narrow_beyond(lab, data):
    """The host itself sends to a network behind a narrower hop of the peer's: ICMP comes in beside us."""
    path = Beyond(lab, 1400)
    both(lab, path, data, look=discovery(path))


def vxlan(lab, data, under, family, *options, fragments=False):
    """TCP in VXLAN is merged on its way to those who end the tunnel, elsewhere."""

    def look(where, direction, _family, checkers):
        if direction in checkers:
            checker = checkers[direction]
            got = checker.fragments if fragments else checker.tunnelled
            assert got >= LENGTH / MTU, f"{where}: {got} {'fragments' if fragments else 'packets in the tunnel'}"

    daemon = both(lab, Tunnelled(under, family), data, "--merge", "tcp,vxlan", *options, look=look, out_least=0)
    assert daemon.total()["rx_cut_again"] == 0, "the TAP refused superpackets"


def test_vxlan_router(lab, data):
    """VXLAN that ends elsewhere, through a router (--merge tcp,vxlan): cut with both headers right."""
    vxlan(lab, data, Routed(lab), 4)


@pytest.mark.more
def test_vxlan6_router(lab, data):
    """VXLAN over IPv6 that ends elsewhere, through a router: outer checksums, too."""
    vxlan(lab, data, Routed(lab), 6)


def test_vxlan_bridge(lab, data):
    """VXLAN through a bridge to a container's veth as it comes."""
    vxlan(lab, data, Bridged(lab, wire=False), 6)


def test_vxlan_fragmented(lab, data):
    """VXLAN to a router whose next hop has MTU 1400: the tunnel's packets are cut and fragmented."""
    vxlan(lab, data, Routed(lab, 1400), 4, fragments=True)


def big_tcp(lab, data, path, family):
    """IPv6 superpackets of more than 64 KB; who sends them makes such ones, too."""
    for ns, interface in ((path.peer, path.wire.wire), (path.inner, "eth0")):
        ns.ip("link", "set", "dev", interface, "gso_max_size", "200000")
    daemon = both(lab, path, data, "--max-bytes", "200000", "--hold", "2000", families=(family,))

    def enough():
        # how many there are is the sender's affair: with another congestion control it sends less at once
        return (daemon.total()["rx_big_superpackets"] > 10
                or transfer(lab, path, data, "in", family) and daemon.total()["rx_big_superpackets"] > 10)

    wait_until(enough, 10, lambda: "there are enough superpackets of more than 64 KB; there are "
               f"{daemon.total()['rx_big_superpackets']}, of {daemon.total()['rx_superpackets']}")
    expect_clean(daemon, [path.host, path.peer, path.inner])


def test_big_router(lab, data):
    """BIG TCP (--max-bytes 200000) through a router."""
    big_tcp(lab, data, Routed(lab), 6)


@pytest.mark.more
def test_big_router_1400(lab, data):
    """BIG TCP through a router whose next hop has MTU 1400."""
    big_tcp(lab, data, Routed(lab, 1400), 6)


def test_big_nat(lab, data):
    """BIG TCP through NAT."""
    big_tcp(lab, data, Routed(lab, nat=True), 6)


@pytest.mark.more
def test_big_bridge(lab, data):
    """BIG TCP through a bridge."""
    big_tcp(lab, data, Bridged(lab), 6)


def test_big_bridge_plain_veth(lab, data):
    """BIG TCP through a bridge to a container's veth as it comes."""
    big_tcp(lab, data, Bridged(lab, wire=False), 6)


def test_big_macvlan(lab, data):
    """BIG TCP through a container's macvlan."""
    big_tcp(lab, data, Macvlan(lab), 6)


def datagram_windows():
    for length in (1, 100, 1000, 1452):
        for cnt in (2, 40, 44):
            yield datagrams(cnt, length)
            yield datagrams(cnt, length, last=max(1, length // 2))


def exchanges(path, direction, family, fragment):
    """UDP one way, every datagram compared."""
    source, target, _, address = path.ends(direction, family)
    # behind NAT the address is another one
    receiver = Receiver(target, "0.0.0.0" if family == 4 else "::")
    sender = Sender(source, (address, receiver.address[1]))
    if fragment:
        sender.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    with path.watching() as checkers:
        exchange(sender, receiver, datagram_windows())
    sender.close()
    receiver.close()
    return checkers


def all_datagrams(lab, path, daemon, fragment):
    for family in (4,) if fragment else (4, 6):
        for direction in DIRECTIONS:
            where = f"{'the daemon' if daemon else 'the kernel alone'}, IPv{family} {direction}"
            checkers = exchanges(path, direction, family, fragment)
            if direction in checkers:
                sent = sum(len(window) for window in datagram_windows())
                checker = checkers[direction]
                assert checker.packets >= sent, f"{where}: {checker.packets} packets of {sent} datagrams"
                assert bool(checker.fragments) == fragment, f"{where}: {checker.fragments} fragments"


def learns(path, daemon, family, direction):
    """Datagrams that do not fit are lost, as on any path; those after the message arrive in fragments."""
    where = f"{'the daemon' if daemon else 'the kernel alone'}, IPv{family} {direction}"
    path.forget_mtu()
    source, target, _, address = path.ends(direction, family)
    receiver = Receiver(target, address)
    sender = Sender(source, receiver.address)
    before = daemon and daemon.total()["rx_superpackets"]
    # a superpacket may be fragmented unless its sender says otherwise; single datagrams may not
    sender.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    sender.send(datagrams(40, 1452))
    wait_until(lambda: path.discovered(source, address), 5, f"{where}: the sender knows of MTU {path.mtu}")
    if daemon and direction == "in":
        assert daemon.total()["rx_superpackets"] > before, f"{where}: no superpacket went up"
    sender.socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT)
    error = sender.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert error in (0, errno.EMSGSIZE), f"{where}: {os.strerror(error)}"
    exchange(sender, receiver, [datagrams(5, 1452) for _ in range(10)], segment=False)
    sender.close()
    receiver.close()


def udp_both(lab, path, fragment=False):
    all_datagrams(lab, path, None, fragment)
    daemon = start(lab, path, "--merge", "tcp,udp")
    all_datagrams(lab, path, daemon, fragment)
    total = daemon.total()
    assert total["rx_superpackets"] > 20, f"{total['rx_superpackets']} superpackets of UDP went up"
    expect_clean(daemon, [path.host, path.peer, path.inner])
    return total


def test_udp_router(lab):
    """UDP through a router: superpackets are cut to the very datagrams."""
    udp_both(lab, Routed(lab))


def test_udp_nat(lab):
    """UDP through NAT."""
    udp_both(lab, Routed(lab, nat=True))


def test_udp_fragmented(lab):
    """UDP that may be fragmented (DF = 0), through a router whose next hop has MTU 1400."""
    udp_both(lab, Routed(lab, 1400), fragment=True)


def test_udp_bridge(lab):
    """UDP through a bridge."""
    udp_both(lab, Bridged(lab))


def test_udp_bridge_plain_veth(lab):
    """UDP superpackets of a container (UDP_SEGMENT) through a bridge are cut by the daemon."""
    total = udp_both(lab, Bridged(lab, wire=False))
    assert total["tx_superpackets"] > 20, f"{total['tx_superpackets']} superpackets of UDP were cut"


def test_udp_macvlan(lab):
    """UDP through a container's macvlan."""
    udp_both(lab, Macvlan(lab))


def test_udp_gro_forwarding(lab):
    """UDP that the kernel has merged to be forwarded (rx-udp-gro-forwarding) is cut by the daemon."""
    path = Routed(lab)
    path.host.run("ethtool", "-K", "far", "rx-udp-gro-forwarding", "on")
    total = udp_both(lab, path)
    assert total["tx_superpackets"] > 20, f"{total['tx_superpackets']} superpackets of UDP were cut"


def test_udp_fraglist(lab):
    """UDP that the kernel has merged as a list of packets (rx-gro-list) goes out."""
    path = Routed(lab)
    path.host.run("ethtool", "-K", "far", "rx-gro-list", "on")
    udp_both(lab, path)


def test_udp_too_large(lab):
    """UDP superpackets that are too large for the next hop: ICMP tells the sender, who fragments."""
    path = Routed(lab, 1400)
    ways = [(family, direction) for family in (4, 6) for direction in DIRECTIONS]
    for way in ways:
        learns(path, None, *way)
    daemon = start(lab, path, "--merge", "tcp,udp")
    for way in ways:
        learns(path, daemon, *way)


def test_promiscuous(lab):
    """Port mode: the NIC takes frames for every address, until the daemon ends, also by kill -9; inline it does not."""
    wire = Wire(lab)

    def promiscuity():
        return wire.host.ip_json("link", "show", "dev", wire.nic)[0]["promiscuity"]

    assert promiscuity() == 0, "the NIC is promiscuous before the daemon is there"
    daemon = Daemon(lab, wire.host, wire.nic)
    assert promiscuity() == 0, "inline made it promiscuous"
    daemon.stop()
    for end in (Daemon.stop, Daemon.kill):
        daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port")
        assert promiscuity() == 1, f"promiscuity is {promiscuity()} in port mode"
        end(daemon)
        wait_until(lambda: promiscuity() == 0, 5, "the NIC is no longer promiscuous")


def test_bridge_conntrack(lab, data):
    """A bridge whose packets conntrack follows (br_netfilter): TCP, and UDP in fragments."""
    path = Bridged(lab)
    path.follow()
    daemon = both(lab, path, data, "--merge", "tcp,udp")
    for family in (4, 6):
        for direction in DIRECTIONS:
            source, target, _, address = path.ends(direction, family)
            receiver = Receiver(target, address)
            sender = Sender(source, receiver.address)
            with path.watching() as checkers:
                exchange(sender, receiver, [datagrams(5, 4000), datagrams(3, 1000)], segment=False)
            sender.close()
            receiver.close()
            assert checkers[direction].fragments >= 15, f"{checkers[direction].fragments} fragments"
    assert path.followed() > 4, f"conntrack has seen {path.followed()} packets of established connections"
    expect_clean(daemon, [path.host, path.peer, path.inner])


def test_forwarded_tunnels(lab):
    """A host that forwards is warned of --merge gre and ipip, one that does not is not."""
    wire = Wire(lab)
    for key, merge, warned in ((None, "tcp,gre,ipip", False), ("net.ipv6.conf.all.forwarding", "tcp,ipip", True),
                               ("net.ipv4.ip_forward", "tcp,gre", True), ("net.ipv4.ip_forward", "tcp,vxlan", False)):
        if key:
            wire.host.sysctl(key, 1)
        daemon = Daemon(lab, wire.host, wire.nic, "--merge", merge)
        said = daemon.process.stderr()
        assert ("this host forwards" in said) == warned, f"--merge {merge}, {key} on: it said {said!r}"
        daemon.stop()
        if key:
            wire.host.sysctl(key, 0)
