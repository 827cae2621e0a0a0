# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Long TCP transfers, both ways, IPv4 and IPv6: every byte right, and really through superpackets."""

from daemon import DAEMON, EXIT_FAILED, Daemon
from streams import QUEUE_LENGTH, all_ways, expect_clean, servers, transfer
from wire import Wire, storm


def test_inline(lab, data):
    """Inline: both ways over IPv4 and IPv6."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    status = daemon.status()
    assert status["mode"] == "inline", f"mode is {status['mode']}"
    assert status["xdp"]["mode"] == "native", f"XDP mode is {status['xdp']}"
    all_ways(lab, wire, daemon, data)


def test_inline_both_at_once(lab, data):
    """Inline, started with ip netns exec, a stream each way at the same time."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, mounts=True)
    servers(lab, wire, data)
    streams = [transfer(lab, wire, data, direction, family)
               for direction, family in (("in", 4), ("out", 6))]
    for stream in streams:
        stream.finish()
    expect_clean(daemon, [wire.host, wire.peer])


def test_inline_unfinished_checksums(lab, data):
    """Inline with an unconfigured peer that leaves checksums unfinished."""
    wire = Wire(lab)
    wire.peer.run("ethtool", "-K", wire.wire, "tx", "on")
    daemon = Daemon(lab, wire.host, wire.nic)
    all_ways(lab, wire, daemon, data, length=QUEUE_LENGTH)


def transmitting(lab, data, variant):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--transmit", variant)
    transmit = daemon.status()["queues"][0]["xsk"]["transmit"]
    assert transmit == variant, f"transmit is {transmit}"
    all_ways(lab, wire, daemon, data, length=QUEUE_LENGTH)
    total = daemon.total()
    least = total["tx_segments"] * (2 if variant == "slices" else 1)
    assert total["tx_descriptors"] >= least, f"{total['tx_descriptors']} descriptors, {least} at least"


def test_inline_slices(lab, data):
    """Inline, segments as header slot and payload slices (--transmit slices)."""
    transmitting(lab, data, "slices")


def test_inline_built(lab, data):
    """Inline, segments built whole (--transmit built)."""
    transmitting(lab, data, "built")


def test_inline_merge_none(lab, data):
    """Inline without merging (--merge none): segments are passed alone, sending is cut."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "none")
    servers(lab, wire, data)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=QUEUE_LENGTH).finish()
    total = daemon.total()
    assert total["rx_superpackets"] == 0, f"{total['rx_superpackets']} superpackets were made"
    assert total["tx_superpackets"] > 0, "no superpacket was cut"
    expect_clean(daemon, [wire.host, wire.peer])


def test_inline_hold(lab, data):
    """Inline, packets held across bursts (--hold 50)."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--hold", "50")
    all_ways(lab, wire, daemon, data, length=QUEUE_LENGTH)


def test_port(lab, data):
    """Port mode: the TAP has the addresses."""
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    nic, made = (wire.host.ip_json("link", "show", "dev", name)[0] for name in (wire.nic, tap))
    for key in ("address", "mtu"):
        assert made[key] == nic[key], f"{key} of the TAP is {made[key]}, of the NIC {nic[key]}"
    assert "UP" in made["flags"], f"the TAP is not up: {made['flags']}"
    wire.address_host(wire.host, tap)
    all_ways(lab, wire, daemon, data)


def test_port_moved(lab, data):
    """Port mode: the TAP moves into another namespace."""
    wire = Wire(lab, host_addresses=False)
    tap, container = lab.unique("tap"), lab.namespace("container")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    wire.host.ip("link", "set", tap, "netns", container.name)
    container.up(tap)
    # what the peer's kernel said (neighbours, listeners of multicast) while the TAP was down
    dropped = daemon.own_drops()
    wire.address_host(container, tap)
    all_ways(lab, wire, daemon, data, host=container, length=QUEUE_LENGTH, dropped=dropped)


def test_port_generic(lab, data):
    """Port mode, generic XDP (--xdp-mode generic)."""
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap,
                    "--xdp-mode", "generic")
    mode = daemon.status()["xdp"]["mode"]
    assert mode == "generic", f"XDP mode is {mode}"
    wire.address_host(wire.host, tap)
    # generic mode takes frames one by one from the backlog: bursts, and so superpackets, are short
    all_ways(lab, wire, daemon, data, enough=2, length=QUEUE_LENGTH)


def test_inline_generic(lab, data):
    """Inline, generic XDP, on a veth whose peer has its offloads as they come."""
    wire = Wire(lab)
    wire.peer.run("ethtool", "-K", wire.wire, "tx", "on")
    daemon = Daemon(lab, wire.host, wire.nic, "--xdp-mode", "generic")
    mode = daemon.status()["xdp"]["mode"]
    assert mode == "generic", f"XDP mode is {mode}"
    assert "generic XDP" in daemon.process.stderr(), "it does not say what generic mode costs"
    # only native XDP turns it off: what comes in are frames of up to 64 KB
    assert wire.peer.features(wire.wire)["tcp-segmentation-offload"] == "on", "the peer has no TSO"
    servers(lab, wire, data)
    for family in (4, 6):
        for direction in ("in", "out"):
            transfer(lab, wire, data, direction, family, length=QUEUE_LENGTH).finish(20, strict=True)
    status = daemon.status()
    long = status["steer"]["pass_too_long"]
    assert long > 0, f"no frame was too long for the socket: {status['steer']}"
    assert status["total"]["tx_superpackets"] > 0, "no superpacket was cut"
    expect_clean(daemon, [wire.host, wire.peer])


def test_too_few_queues(lab):
    """A veth with fewer receive queues than its peer has transmit queues is refused, not made slow."""
    wire = Wire(lab, queues=2)
    wire.host.run("ethtool", "-L", wire.nic, "rx", "1")
    argv = [DAEMON, "--interface", wire.nic]
    done = wire.host.run(*argv, check=False)
    assert done.returncode == EXIT_FAILED, f"exit code {done.returncode}; it said: {done.stderr!r}"
    said = done.stderr.strip().splitlines()[-1]
    for words in (wire.nic, "its veth peer has more transmit queues than it has receive queues",
                  "numrxqueues", "ethtool -L", "--xdp-mode generic"):
        assert words in said, f"{words!r} is not in: {said!r}"
    # and the ways out are some
    daemon = Daemon(lab, wire.host, wire.nic, "--xdp-mode", "generic")
    daemon.stop()
    wire.peer.run("ethtool", "-L", wire.wire, "tx", "1")
    daemon = Daemon(lab, wire.host, wire.nic)
    mode = daemon.status()["xdp"]["mode"]
    assert mode == "native", f"XDP mode is {mode}"


def test_two_queues(lab, data):
    """Inline on a NIC with two queues: both carry traffic, both ways."""
    wire = Wire(lab, queues=2)
    daemon = Daemon(lab, wire.host, wire.nic)
    queues = daemon.status()["queues"]
    assert [q["queue"] for q in queues] == [0, 1], f"queues are {[q['queue'] for q in queues]}"
    servers(lab, wire, data)
    for ns, address in ((wire.host, wire.PEER4), (wire.peer, wire.HOST6)):
        storm(lab, ns, address, data, 64, 16, 500_000, 1_000_000)
    for queue in daemon.status()["queues"]:
        for counter in ("rx_superpackets", "tx_superpackets"):
            assert queue[counter] > 0, f"queue {queue['queue']}: {counter} is 0"
    expect_clean(daemon, [wire.host, wire.peer])
