# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Frames longer than a chunk of the UMEM, and superpackets longer than an IP packet."""

from daemon import add_up, per_superpacket
from streams import QUEUE_LENGTH, expect_clean, jumbo_wire, servers, transfer
from udp import Receiver, Sender, datagrams, exchange

# AF_XDP puts so much of a frame into one descriptor.
ONE_DESCRIPTOR = 3840


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
            assert got >= enough or mtu > 30000, (
                f"MTU {mtu}, IPv{family} {direction}: {got:.1f} segments per superpacket, not {enough}")
            name, length = ("rx_bytes", "rx_packets") if direction == "in" else ("tx_bytes", "tx_segments")
            mean = (after[name] - before[name]) / max(1, after[length] - before[length])
            assert direction == "in" or mean > 0.8 * mtu, (
                f"MTU {mtu}, IPv{family} {direction}: {mean:.0f} bytes a frame: those are no jumbo frames")
    expect_clean(daemon, [wire.host, wire.peer])
    total = daemon.total()
    assert total["frames_held"] == 0, f"{total['frames_held']} frames are held at rest"
    assert total["frames_free"] + total["frames_kernel"] == total["frames_total"], f"frames do not add up: {total}"


def test_inline_9000(lab, data):
    """Inline, MTU 9000: frames come in three descriptors and leave as slices."""
    wire, daemon = jumbo_wire(lab, 9000)
    all_jumbo(lab, wire, daemon, data, 9000)


def test_port_9000(lab, data):
    """Port mode, MTU 9000."""
    wire, daemon = jumbo_wire(lab, 9000, port=True)
    all_jumbo(lab, wire, daemon, data, 9000)


def test_slices_9000(lab, data):
    """Inline, MTU 9000, all as slices (--transmit slices)."""
    wire, daemon = jumbo_wire(lab, 9000, "--transmit", "slices")
    all_jumbo(lab, wire, daemon, data, 9000)


def test_generic_9000(lab, data):
    """Inline, generic XDP, MTU 9000."""
    wire, daemon = jumbo_wire(lab, 9000, "--xdp-mode", "generic")
    servers(lab, wire, data)
    for family in (4, 6):
        for direction in ("in", "out"):
            transfer(lab, wire, data, direction, family, length=QUEUE_LENGTH).finish()
    expect_clean(daemon, [wire.host, wire.peer])
    status = daemon.status()
    assert status["steer"]["pass_too_long"] == 0, f"frames of the wire went past us: {status['steer']}"
    assert status["total"]["rx_bytes"] / status["total"]["rx_packets"] > ONE_DESCRIPTOR, "no jumbo frames"


def test_longest(lab, data):
    """Inline, the longest MTU of all: 18 descriptors a frame."""
    wire, daemon = jumbo_wire(lab, 65521)
    servers(lab, wire, data)
    for family in (4, 6):
        for direction in ("in", "out"):
            transfer(lab, wire, data, direction, family, length=QUEUE_LENGTH).finish()
    expect_clean(daemon, [wire.host, wire.peer])
    total = daemon.total()
    assert total["rx_bytes"] / total["rx_packets"] > ONE_DESCRIPTOR, "no long frame came in"


def test_lengths(lab):
    """A frame of each length around the borders of descriptors and chunks, both ways."""
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
    assert not wrong, f"counters do not add up: {wrong}"
    assert not daemon.own_drops(), f"drops: {daemon.own_drops()}"


def big_tcp(lab, data, port):
    wire, daemon = jumbo_wire(lab, None, "--max-bytes", "200000", "--hold", "2000", port=port)
    # A sender pushes at the end of what it sends at once: let that be long.
    wire.peer.ip("link", "set", "dev", wire.wire, "gso_max_size", "200000")
    assert daemon.status()["conditions"]["max_bytes"] == 200000, "status does not say --max-bytes"
    servers(lab, wire, data)
    transfer(lab, wire, data, "in", 4, length=QUEUE_LENGTH).finish()
    total = daemon.total()
    assert total["rx_superpackets"] > 0 and total["rx_big_superpackets"] == 0, "IPv4 has no BIG TCP here"
    transfer(lab, wire, data, "in", 6).finish()
    transfer(lab, wire, data, "out", 6, length=QUEUE_LENGTH).finish()
    total = daemon.total()
    assert total["rx_big_superpackets"] > 10, (
        f"{total['rx_big_superpackets']} superpackets of more than 64 KB, of {total['rx_superpackets']}")
    assert total["rx_cut_again"] == 0, f"the TAP refused {total['rx_cut_again']} superpackets"
    expect_clean(daemon, [wire.host, wire.peer])


def test_big_inline(lab, data):
    """Inline, BIG TCP (--max-bytes 200000): IPv6 superpackets beyond 64 KB go up."""
    big_tcp(lab, data, False)


def test_big_port(lab, data):
    """Port mode, BIG TCP."""
    big_tcp(lab, data, True)
