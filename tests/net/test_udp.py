# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""UDP through the daemon: UDP_SEGMENT senders, UDP_GRO receivers, and all the others (R7, R18, S6)."""

import random
import socket

from daemon import Daemon
from lab import Failed, wait_until
from streams import expect_clean, jumbo_wire
from udp import Receiver, Sender, datagrams, exchange
from wire import Wire

MERGE = ["--merge", "tcp,udp"]
WINDOWS = 40
PAIRS = ((4, "in"), (4, "out"), (6, "in"), (6, "out"))


def ends(wire, number, direction):
    """(sending namespace, receiving namespace, receiving address)."""
    if direction == "in":
        return wire.peer, wire.host, wire.host_address(number)
    return wire.host, wire.peer, wire.peer_address(number)


def windows(seed):
    """Superpackets of all sorts: full and nearly empty, of long and of short datagrams."""
    pick = random.Random(seed)
    for _ in range(WINDOWS):
        length = pick.choice([1, 2, 17, 18, 19, 100, 1000, 1200, 1452])
        cnt = min(pick.choice([2, 3, 44, 63, 64]), 65000 // length)
        yield datagrams(cnt, length, pick.choice([None, 1, max(1, length - 1)]))


def through(wire, number, direction, gro, segment=True, checksum=True, made=windows):
    """Windows one way; returns the receiver, which has counted."""
    source, target, address = ends(wire, number, direction)
    receiver = Receiver(target, address, gro)
    sender = Sender(source, receiver.address, checksum)
    try:
        exchange(sender, receiver, list(made(number)), segment)
    finally:
        sender.close()
        receiver.close()
    return receiver


def both_kinds_of_sockets(wire, daemon):
    for number, direction in PAIRS:
        where = f"IPv{number} {direction}"
        before = daemon.total()
        merged = through(wire, number, direction, gro=True)
        plain = through(wire, number, direction, gro=False)
        after = daemon.total()
        assert plain.merged == 0, f"{where}: a plain socket got a superpacket"
        if direction == "out":
            assert after["tx_superpackets"] - before["tx_superpackets"] >= 2 * WINDOWS * 0.9, (
                f"{where}: {after['tx_superpackets'] - before['tx_superpackets']} superpackets were cut, "
                f"of {2 * WINDOWS} sent")
        else:
            assert after["rx_superpackets"] - before["rx_superpackets"] > WINDOWS, (
                f"{where}: {after['rx_superpackets'] - before['rx_superpackets']} superpackets went up")
            assert merged.merged > WINDOWS // 2, (
                f"{where}: {merged.merged} of {merged.messages} messages were superpackets")
        assert after["rx_cut_again"] == 0, f"{where}: the TAP refused superpackets"
    expect_clean(daemon, [wire.host, wire.peer])
    for ns in (wire.host, wire.peer):
        errors = ns.snmp()["UdpInCsumErrors"]
        assert errors == 0, f"{ns.name}: the kernel saw {errors} UDP checksum errors"


def test_inline(lab):
    """Inline: UDP_SEGMENT senders and UDP_GRO receivers; plain sockets get single datagrams."""
    wire = Wire(lab)
    both_kinds_of_sockets(wire, Daemon(lab, wire.host, wire.nic, *MERGE))


def test_inline_slices(lab):
    """Inline, segments as header slot and payload slices (--transmit slices)."""
    wire = Wire(lab)
    both_kinds_of_sockets(wire, Daemon(lab, wire.host, wire.nic, *MERGE, "--transmit", "slices"))


def test_port(lab):
    """Port mode: the same."""
    both_kinds_of_sockets(*jumbo_wire(lab, None, *MERGE, port=True))


def test_unfinished_checksums(lab):
    """Inline with an unconfigured peer that leaves checksums unfinished."""
    wire = Wire(lab)
    wire.peer.run("ethtool", "-K", wire.wire, "tx", "on")
    daemon = Daemon(lab, wire.host, wire.nic, *MERGE)
    for number, direction in PAIRS:
        through(wire, number, direction, gro=True)
        through(wire, number, direction, gro=False, segment=False)
    expect_clean(daemon, [wire.host, wire.peer])


def test_inline_not_asked_for(lab):
    """Inline without udp in --merge: the kernel carries UDP."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    for number, direction in PAIRS:
        through(wire, number, direction, gro=True)
    total = daemon.total()
    assert total["rx_packets"] == 0 and total["tap_packets"] == 0, "UDP came our way"


def test_port_not_asked_for(lab):
    """Port mode without udp in --merge: UDP is cut, but not merged."""
    wire, daemon = jumbo_wire(lab, None, port=True)
    for number, direction in PAIRS:
        through(wire, number, direction, gro=True)
    total = daemon.total()
    assert total["tx_superpackets"] > WINDOWS, "UDP_SEGMENT superpackets were cut by the kernel"
    assert total["rx_superpackets"] == 0, "UDP was merged"
    expect_clean(daemon, [wire.host, wire.peer])


def test_odd_datagrams(lab):
    """Datagrams without a checksum, of one byte and without any, fragmented ones: as they were sent."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *MERGE)

    def odd(_seed):
        yield datagrams(20, 1200)
        yield [b"", b"x", b"", *datagrams(3, 1400), b""]
        yield datagrams(3, 4000)   # in three fragments each
        yield datagrams(2, 60000)
        yield [*datagrams(5, 500), *datagrams(5, 501), *datagrams(5, 499)]

    for number, direction in PAIRS:
        for checksum in (True, False):
            through(wire, number, direction, gro=True, segment=False, checksum=checksum, made=odd)
    expect_clean(daemon, [wire.host, wire.peer])


def unreachable(ns, number):
    """(datagrams that reached this namespace and found no socket, errors that it sent for them, that it got)."""
    if number == 4:
        counters = ns.snmp()
        names = "UdpNoPorts", "IcmpOutDestUnreachs", "IcmpInDestUnreachs"
    else:
        counters = ns.snmp6()
        names = "Udp6NoPorts", "Icmp6OutDestUnreachs", "Icmp6InDestUnreachs"
    return [counters[name] for name in names]


def refused(sender):
    """The error of an earlier send came back; waits for it."""
    try:
        sender.socket.recv(1)
    except ConnectionRefusedError:
        return True
    except socket.timeout:
        return False
    return False


def test_unreachable(lab):
    """A closed port is said: ICMP and ICMPv6 unreachable come back through both directions.

    The kernel may keep an error to itself (icmp_global_allow(), a busy ICMP socket): then it is asked again.
    A datagram that does not arrive, or an error that was sent and does not, fails at once."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *MERGE)
    for number, direction in PAIRS:
        where = f"IPv{number} {direction}"
        source, target, address = ends(wire, number, direction)
        closed = Receiver(target, address)
        to = closed.address
        closed.close()
        for attempt in range(5):
            missed, said, _ = unreachable(target, number)
            heard = unreachable(source, number)[2]
            sender = Sender(source, to)
            sender.send(datagrams(3, 700))
            wait_until(lambda: unreachable(target, number)[0] > missed, 10, f"{where}: a datagram arrives")
            if unreachable(target, number)[1] > said:
                wait_until(lambda: unreachable(source, number)[2] > heard, 10, f"{where}: the error arrives")
                assert refused(sender), f"{where}: the sender was not told"
                sender.close()
                break
            sender.close()
        else:
            raise Failed(f"{where}: the kernel sent no error for {attempt + 1} bursts to a closed port")
    expect_clean(daemon, [wire.host, wire.peer])


def test_pass_ports(lab):
    """Ports of --pass-ports are not merged; others are."""
    wire = Wire(lab)
    receiver = Receiver(wire.host, wire.HOST4, gro=True)
    other = Receiver(wire.host, wire.HOST4, gro=True)
    daemon = Daemon(lab, wire.host, wire.nic, *MERGE, "--pass-ports", f"9,{receiver.address[1]}")
    conditions = daemon.status()["conditions"]
    assert conditions["pass_ports"] == [9, receiver.address[1]], f"status says {conditions}"
    exchange(Sender(wire.peer, receiver.address), receiver, list(windows(1)))
    assert receiver.merged == 0, f"{receiver.merged} superpackets for an exempt port"
    singles = daemon.total()["singles"]
    assert singles["exempt"] > WINDOWS, f"nothing was exempt: {singles}"
    exchange(Sender(wire.peer, other.address), other, list(windows(2)))
    assert other.merged > 0, "nothing was merged for another port"


def test_packets_and_payload(lab):
    """The most packets of a superpacket (--max-packets), the least payload (--min-payload)."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *MERGE, "--max-packets", "5", "--min-payload", "200")
    receiver = Receiver(wire.host, wire.HOST6, gro=True)
    sender = Sender(wire.peer, receiver.address)
    exchange(sender, receiver, [datagrams(50, 300) for _ in range(10)])
    total = daemon.total()
    assert total["flushes"]["count"] > 20, f"superpackets did not end at five: {total['flushes']}"
    assert total["rx_segments"] <= 5 * total["rx_superpackets"], "more than five packets in one"
    exchange(sender, receiver, [datagrams(50, 199)])
    after = daemon.total()
    assert after["rx_superpackets"] == total["rx_superpackets"], "less than --min-payload was merged"
    assert after["singles"]["exempt"] == 50, f"they were not exempt: {after['singles']}"
