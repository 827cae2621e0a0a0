# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Frames longer than a chunk of the UMEM, and superpackets longer than an IP packet."""

from daemon import Daemon, add_up, per_superpacket
from harness import test
from lab import expect
from test_bulk import QUEUE_LENGTH, expect_clean, servers, transfer
from udp import Receiver, Sender, datagrams, exchange
from wire import Wire

# AF_XDP puts so much of a frame into one descriptor.
ONE_DESCRIPTOR = 3840


def jumbo_wire(lab, mtu, *options, port=False):
    """A daemon in either mode; (wire, daemon, the namespace that has the host's addresses)."""
    wire = Wire(lab, mtu=mtu, host_addresses=not port)
    if not port:
        return wire, Daemon(lab, wire.host, wire.nic, *options)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap, *options)
    wire.address_host(wire.host, tap)
    return wire, daemon


def all_jumbo(lab, wire, daemon, data, mtu):
    """Both ways over both families; superpackets of as many segments as fit 64 KB, nearly."""
    servers(lab, wire, data)
    enough = max(1.5, 65535 // mtu * 0.6)
    for family in (4, 6):
        for number, direction in enumerate(("in", "out")):
            before = daemon.total()
            transfer(lab, wire, data, direction, family, length=QUEUE_LENGTH).finish()
            after = daemon.total()
            got = per_superpacket(before, after)[number]
            expect(got >= enough or mtu > 30000,
                   f"MTU {mtu}, IPv{family} {direction}: {got:.1f} segments per superpacket, not {enough}")
            name, length = ("rx_bytes", "rx_packets") if direction == "in" else ("tx_bytes", "tx_segments")
            mean = (after[name] - before[name]) / max(1, after[length] - before[length])
            expect(direction == "in" or mean > 0.8 * mtu,
                   f"MTU {mtu}, IPv{family} {direction}: {mean:.0f} bytes a frame: those are no jumbo frames")
    expect_clean(daemon, [wire.host, wire.peer])
    total = daemon.total()
    expect(total["frames_held"] == 0, f"{total['frames_held']} frames are held at rest")
    expect(total["frames_free"] + total["frames_kernel"] == total["frames_total"],
           f"frames do not add up: {total}")


@test("inline, MTU 9000: frames come in three descriptors and leave as slices", seconds=120)
def inline_9000(lab, data):
    wire, daemon = jumbo_wire(lab, 9000)
    all_jumbo(lab, wire, daemon, data, 9000)


@test("port mode, MTU 9000", seconds=120)
def port_9000(lab, data):
    wire, daemon = jumbo_wire(lab, 9000, port=True)
    all_jumbo(lab, wire, daemon, data, 9000)


@test("inline, MTU 9000, all as slices (--transmit slices)", seconds=120)
def slices_9000(lab, data):
    wire, daemon = jumbo_wire(lab, 9000, "--transmit", "slices")
    all_jumbo(lab, wire, daemon, data, 9000)


@test("inline, generic XDP, MTU 9000", seconds=120)
def generic_9000(lab, data):
    wire, daemon = jumbo_wire(lab, 9000, "--xdp-mode", "generic")
    servers(lab, wire, data)
    for family in (4, 6):
        for direction in ("in", "out"):
            transfer(lab, wire, data, direction, family, length=QUEUE_LENGTH).finish()
    expect_clean(daemon, [wire.host, wire.peer])
    status = daemon.status()
    expect(status["steer"]["pass_too_long"] == 0, f"frames of the wire went past us: {status['steer']}")
    expect(status["total"]["rx_bytes"] / status["total"]["rx_packets"] > ONE_DESCRIPTOR, "no jumbo frames")


@test("inline, the longest MTU of all: 18 descriptors a frame", seconds=120)
def longest(lab, data):
    wire, daemon = jumbo_wire(lab, 65521)
    servers(lab, wire, data)
    for family in (4, 6):
        for direction in ("in", "out"):
            transfer(lab, wire, data, direction, family, length=QUEUE_LENGTH).finish()
    expect_clean(daemon, [wire.host, wire.peer])
    total = daemon.total()
    expect(total["rx_bytes"] / total["rx_packets"] > ONE_DESCRIPTOR, "no long frame came in")


@test("a frame of each length around the borders of descriptors and chunks, both ways", seconds=60)
def lengths(lab):
    wire, daemon = jumbo_wire(lab, 9000, port=True)
    borders = (ONE_DESCRIPTOR, 4096, 2 * ONE_DESCRIPTOR, 2 * 4096, 9014)
    lengths = [n for border in borders for n in range(border - 2, min(border + 3, 9015))]
    for source, target, addresses in ((wire.host, wire.peer, (wire.PEER4, wire.PEER6)),
                                      (wire.peer, wire.host, (wire.HOST4, wire.HOST6))):
        # Ethernet, IP and UDP headers are 42 bytes, 62 with IPv6
        for address, headers in zip(addresses, (42, 62)):
            receiver = Receiver(target, address)
            sender = Sender(source, receiver.address)
            for length in lengths:
                exchange(sender, receiver, [datagrams(2, length - headers)], segment=False)
            sender.close()
            receiver.close()
    wrong = add_up(daemon.total())
    expect(not wrong, f"counters do not add up: {wrong}")
    expect(not daemon.own_drops(), f"drops: {daemon.own_drops()}")


def big_tcp(lab, data, port):
    wire, daemon = jumbo_wire(lab, None, "--max-bytes", "200000", "--hold", "2000", port=port)
    # A sender pushes at the end of what it sends at once: let that be long.
    wire.peer.ip("link", "set", "dev", wire.wire, "gso_max_size", "200000")
    expect(daemon.status()["conditions"]["max_bytes"] == 200000, "status does not say --max-bytes")
    servers(lab, wire, data)
    transfer(lab, wire, data, "in", 4, length=QUEUE_LENGTH).finish()
    total = daemon.total()
    expect(total["rx_superpackets"] > 0 and total["rx_big_superpackets"] == 0, "IPv4 has no BIG TCP here")
    transfer(lab, wire, data, "in", 6).finish()
    transfer(lab, wire, data, "out", 6, length=QUEUE_LENGTH).finish()
    total = daemon.total()
    expect(total["rx_big_superpackets"] > 10,
           f"{total['rx_big_superpackets']} superpackets of more than 64 KB, of {total['rx_superpackets']}")
    expect(total["rx_cut_again"] == 0, f"the TAP refused {total['rx_cut_again']} superpackets")
    expect_clean(daemon, [wire.host, wire.peer])


@test("inline, BIG TCP (--max-bytes 200000): IPv6 superpackets beyond 64 KB go up", seconds=120)
def big_inline(lab, data):
    big_tcp(lab, data, False)


@test("port mode, BIG TCP", seconds=120)
def big_port(lab, data):
    big_tcp(lab, data, True)
