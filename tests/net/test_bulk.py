# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Long TCP transfers, both ways, IPv4 and IPv6: every byte right, and really through superpackets."""

from daemon import DAEMON, EXIT_FAILED, Daemon, add_up, per_superpacket
from harness import test
from lab import expect
from wire import Server, Transfer, Wire, storm

# What a bulk stream has to reach (64 KB hold 45 segments of 1448 bytes).
ENOUGH = 20
QUEUE_LENGTH = 64 << 20


def servers(lab, wire, data, host=None):
    """One on each side: data flows in when the peer serves, out when the host does."""
    Server(lab, wire.peer, data)
    Server(lab, host or wire.host, data)


def transfer(lab, wire, data, direction, family, host=None, length=None):
    if direction == "in":
        ns, address = host or wire.host, wire.peer_address(family)
    else:
        ns, address = wire.peer, wire.host_address(family)
    return Transfer(lab, ns, address, data, length)


def expect_clean(daemon, namespaces, dropped=None):
    """No checksum error, and no drop anywhere but those that there were before; counters add up."""
    status = daemon.status()
    total = status["total"]
    for part in [*status["queues"], total]:
        wrong = add_up(part)
        expect(not wrong, f"counters do not add up: {wrong}")
    expect(total["rx_checksum_errors"] == 0,
           f"the daemon saw {total['rx_checksum_errors']} checksum errors")
    drops = daemon.own_drops()
    expect(drops == (dropped or {}), f"the daemon dropped packets: {drops}, before {dropped}")
    for ns in namespaces:
        errors = ns.snmp()["TcpInCsumErrors"]
        expect(errors == 0, f"{ns.name}: the kernel saw {errors} TCP checksum errors")


def all_ways(lab, wire, daemon, data, host=None, enough=ENOUGH, length=None, dropped=None):
    """Four transfers: in and out, IPv4 and IPv6."""
    servers(lab, wire, data, host)
    for family in (4, 6):
        for number, direction in enumerate(("in", "out")):
            before = daemon.total()
            transfer(lab, wire, data, direction, family, host, length).finish()
            after = daemon.total()
            got = per_superpacket(before, after)[number]
            expect(got >= enough, f"IPv{family} {direction}: {got:.1f} segments per superpacket "
                                  f"instead of at least {enough}")
    expect_clean(daemon, [host or wire.host, wire.peer], dropped)


@test("inline: both ways over IPv4 and IPv6", seconds=120)
def inline(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    status = daemon.status()
    expect(status["mode"] == "inline", f"mode is {status['mode']}")
    expect(status["xdp"]["mode"] == "native", f"XDP mode is {status['xdp']}")
    all_ways(lab, wire, daemon, data)


@test("inline, started with ip netns exec, a stream each way at the same time", seconds=120)
def inline_both_at_once(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, mounts=True)
    servers(lab, wire, data)
    streams = [transfer(lab, wire, data, direction, family)
               for direction, family in (("in", 4), ("out", 6))]
    for stream in streams:
        stream.finish()
    expect_clean(daemon, [wire.host, wire.peer])


@test("inline with an unconfigured peer that leaves checksums unfinished", seconds=120)
def inline_unfinished_checksums(lab, data):
    wire = Wire(lab)
    wire.peer.run("ethtool", "-K", wire.wire, "tx", "on")
    daemon = Daemon(lab, wire.host, wire.nic)
    all_ways(lab, wire, daemon, data, length=QUEUE_LENGTH)


def transmitting(lab, data, variant):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--transmit", variant)
    transmit = daemon.status()["queues"][0]["xsk"]["transmit"]
    expect(transmit == variant, f"transmit is {transmit}")
    all_ways(lab, wire, daemon, data, length=QUEUE_LENGTH)
    total = daemon.total()
    least = total["tx_segments"] * (2 if variant == "slices" else 1)
    expect(total["tx_descriptors"] >= least, f"{total['tx_descriptors']} descriptors, {least} at least")


@test("inline, segments as header slot and payload slices (--transmit slices)", seconds=120)
def inline_slices(lab, data):
    transmitting(lab, data, "slices")


@test("inline, segments built whole (--transmit built)", seconds=120)
def inline_built(lab, data):
    transmitting(lab, data, "built")


@test("inline without merging (--merge none): segments are passed alone, sending is cut", seconds=120)
def inline_merge_none(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "none")
    servers(lab, wire, data)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=QUEUE_LENGTH).finish()
    total = daemon.total()
    expect(total["rx_superpackets"] == 0, f"{total['rx_superpackets']} superpackets were made")
    expect(total["tx_superpackets"] > 0, "no superpacket was cut")
    expect_clean(daemon, [wire.host, wire.peer])


@test("inline, packets held across bursts (--hold 50)", seconds=120)
def inline_hold(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--hold", "50")
    all_ways(lab, wire, daemon, data, length=QUEUE_LENGTH)


@test("port mode: the TAP has the addresses", seconds=120)
def port(lab, data):
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    nic, made = (wire.host.ip_json("link", "show", "dev", name)[0] for name in (wire.nic, tap))
    for key in ("address", "mtu"):
        expect(made[key] == nic[key], f"{key} of the TAP is {made[key]}, of the NIC {nic[key]}")
    expect("UP" in made["flags"], f"the TAP is not up: {made['flags']}")
    wire.address_host(wire.host, tap)
    all_ways(lab, wire, daemon, data)


@test("port mode: the TAP moves into another namespace", seconds=120)
def port_moved(lab, data):
    wire = Wire(lab, host_addresses=False)
    tap, container = lab.unique("tap"), lab.namespace("container")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    wire.host.ip("link", "set", tap, "netns", container.name)
    container.up(tap)
    # what the peer's kernel said (neighbours, listeners of multicast) while the TAP was down
    dropped = daemon.own_drops()
    wire.address_host(container, tap)
    all_ways(lab, wire, daemon, data, host=container, length=QUEUE_LENGTH, dropped=dropped)


@test("port mode, generic XDP (--xdp-mode generic)", seconds=120)
def port_generic(lab, data):
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap,
                    "--xdp-mode", "generic")
    mode = daemon.status()["xdp"]["mode"]
    expect(mode == "generic", f"XDP mode is {mode}")
    wire.address_host(wire.host, tap)
    # generic mode takes frames one by one from the backlog: bursts, and so superpackets, are short
    all_ways(lab, wire, daemon, data, enough=2, length=QUEUE_LENGTH)


@test("inline, generic XDP, on a veth whose peer has its offloads as they come", seconds=120)
def inline_generic(lab, data):
    wire = Wire(lab)
    wire.peer.run("ethtool", "-K", wire.wire, "tx", "on")
    daemon = Daemon(lab, wire.host, wire.nic, "--xdp-mode", "generic")
    mode = daemon.status()["xdp"]["mode"]
    expect(mode == "generic", f"XDP mode is {mode}")
    expect("generic XDP" in daemon.process.stderr(), "it does not say what generic mode costs")
    # only native XDP turns it off: what comes in are frames of up to 64 KB
    expect(wire.peer.features(wire.wire)["tcp-segmentation-offload"] == "on", "the peer has no TSO")
    servers(lab, wire, data)
    for family in (4, 6):
        for direction in ("in", "out"):
            transfer(lab, wire, data, direction, family, length=QUEUE_LENGTH).finish(20, strict=True)
    status = daemon.status()
    long = status["steer"]["pass_too_long"]
    expect(long > 0, f"no frame was too long for the socket: {status['steer']}")
    expect(status["total"]["tx_superpackets"] > 0, "no superpacket was cut")
    expect_clean(daemon, [wire.host, wire.peer])


@test("a veth with fewer receive queues than its peer has transmit queues is refused, not made slow")
def too_few_queues(lab):
    wire = Wire(lab, queues=2)
    wire.host.run("ethtool", "-L", wire.nic, "rx", "1")
    argv = [DAEMON, "--interface", wire.nic]
    done = wire.host.run(*argv, check=False)
    expect(done.returncode == EXIT_FAILED, f"exit code {done.returncode}; it said: {done.stderr!r}")
    said = done.stderr.strip().splitlines()[-1]
    for words in (wire.nic, "its veth peer has more transmit queues than it has receive queues",
                  "numrxqueues", "ethtool -L", "--xdp-mode generic"):
        expect(words in said, f"{words!r} is not in: {said!r}")
    # and the ways out are some
    daemon = Daemon(lab, wire.host, wire.nic, "--xdp-mode", "generic")
    daemon.stop()
    wire.peer.run("ethtool", "-L", wire.wire, "tx", "1")
    daemon = Daemon(lab, wire.host, wire.nic)
    mode = daemon.status()["xdp"]["mode"]
    expect(mode == "native", f"XDP mode is {mode}")


@test("inline on a NIC with two queues: both carry traffic, both ways", seconds=120)
def two_queues(lab, data):
    wire = Wire(lab, queues=2)
    daemon = Daemon(lab, wire.host, wire.nic)
    queues = daemon.status()["queues"]
    expect([q["queue"] for q in queues] == [0, 1], f"queues are {[q['queue'] for q in queues]}")
    servers(lab, wire, data)
    for ns, address in ((wire.host, wire.PEER4), (wire.peer, wire.HOST6)):
        storm(lab, ns, address, data, 64, 16, 500_000, 1_000_000)
    for queue in daemon.status()["queues"]:
        for counter in ("rx_superpackets", "tx_superpackets"):
            expect(queue[counter] > 0, f"queue {queue['queue']}: {counter} is 0")
    expect_clean(daemon, [wire.host, wire.peer])
