# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Who finishes the checksums of what is sent: the NIC where its offload is on and a test packet has
proved it, else the daemon. A veth does what it is asked to by doing nothing: its peer gets unfinished
checksums, as from the kernel itself, and whoever sends them on to a wire finishes them (rule S5).

    peer: wire == nic :host                                 the daemon runs on `nic`
    outer: far == near :peer: wire == nic :host             the peer is a router
    outer: far == near :peer: br0: wire == nic :host        or a bridge
"""

from capture import NEEDS_CSUM, Capture
from daemon import DAEMON, EXIT_NOT_SUPPORTED, Daemon, HostState
from faulty import FAULTY, faults
from lab import wait_until
from packets import Tcp, internet_sum
from wire import Server, Transfer, Wire

LENGTH = 8 << 20  # of a transfer that is looked at packet by packet
OUTER4, OUTER6 = "10.79.0.2", "fd79::2"
ROUTER4, ROUTER6 = "10.79.0.1", "fd79::1"
TCP_CSUM_OFFSET = 16


class Sums:
    """Segments that arrive, by what has become of their checksums. Answers without payload may be the kernel's
    own, of connections that are gone: those it sums itself."""

    def __init__(self):
        self.unfinished = self.finished = 0
        self.wrong = []

    def see(self, packet):
        tcp = Tcp.parse(packet.frame)
        if tcp is None or not tcp.payload:
            return
        if packet.flags & NEEDS_CSUM:
            self.unfinished += 1
            at = tcp.l4 + TCP_CSUM_OFFSET
            field = int.from_bytes(packet.frame[at:at + 2], "big")
            right = (packet.csum_start == tcp.l4 and packet.csum_offset == TCP_CSUM_OFFSET and
                     field == internet_sum(tcp.pseudo()))
        else:
            self.finished += 1
            right = tcp.checksums_right()
        if not right:
            self.wrong.append(f"flags {packet.flags}, sum from {packet.csum_start}: {packet.frame[:80].hex()}")

    def expect(self, unfinished):
        """All of them were, or none; and each as it has to be."""
        assert not self.wrong, f"{len(self.wrong)} packets with a wrong checksum: {self.wrong[:2]}"
        seen = f"{self.unfinished} segments had an unfinished checksum, {self.finished} a finished one"
        assert self.unfinished + self.finished >= LENGTH // 1448, f"too few: {seen}"
        assert not (self.finished if unfinished else self.unfinished), seen


def expect_state(daemon, who, why):
    for queue in daemon.status()["queues"]:
        xsk = queue["xsk"]
        assert xsk["tx_checksum"] == who and why in xsk["tx_checksum_why"], (
            f"checksums by {xsk['tx_checksum']} ({xsk['tx_checksum_why']}), not {who} ({why})")


def expect_no_errors(*namespaces):
    for ns in namespaces:
        errors = ns.snmp()["TcpInCsumErrors"]
        assert errors == 0, f"{ns.name}: the kernel saw {errors} TCP checksum errors"


def watched_out(lab, wire, data, unfinished):
    """A stream from the host over IPv4 and IPv6, whose packets are looked at when they arrive."""
    for family in (4, 6):
        sums = Sums()
        with Capture(wire.peer, wire.wire, sums.see) as capture:
            Transfer(lab, wire.peer, wire.host_address(family), data, LENGTH).finish()
        assert not capture.dropped, f"the capture lost {capture.dropped} packets"
        sums.expect(unfinished)


def by_nic(lab, data, variant):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--transmit", variant)
    expect_state(daemon, "nic", "a test packet was taken")
    Server(lab, wire.host, data)
    Server(lab, wire.peer, data)
    watched_out(lab, wire, data, unfinished=True)
    for family in (4, 6):
        out = Transfer(lab, wire.peer, wire.host_address(family), data, 64 << 20)
        Transfer(lab, wire.host, wire.peer_address(family), data, 64 << 20).finish()
        out.finish()
    expect_no_errors(wire.host, wire.peer)
    total = daemon.total()
    assert total["kernel"]["tx_invalid"] == 0, f"{total['kernel']}"
    assert not any(total["drops"].values()), f"the daemon dropped packets: {total['drops']}"


def test_built_by_nic(lab, data):
    """Built frames whose checksums are left to the NIC, a stream each way."""
    by_nic(lab, data, "built")


def test_slices_by_nic(lab, data):
    """Slices whose checksums are left to the NIC, a stream each way."""
    by_nic(lab, data, "slices")


def test_jumbo_by_nic(lab, data):
    """Jumbo frames, built and in several descriptors, whose checksums are left to the NIC."""
    wire = Wire(lab, mtu=9000)
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_state(daemon, "nic", "")
    Server(lab, wire.host, data)
    for family in (4, 6):
        Transfer(lab, wire.peer, wire.host_address(family), data, 64 << 20).finish()
    expect_no_errors(wire.peer)
    assert daemon.total()["kernel"]["tx_invalid"] == 0, "the kernel has refused descriptors"


def beyond(lab, wire):
    """A third host behind the peer, at a device that has no checksum offload: what goes there is finished."""
    outer = lab.namespace("outer")
    lab.veth(wire.peer, "near", outer, "far")
    wire.peer.ethtool_off("near", "tx")
    outer.ethtool_off("far", "tx")
    return outer


def watched_beyond(lab, wire, outer, data):
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_state(daemon, "nic", "a test packet was taken")
    Server(lab, wire.host, data)
    for family in (4, 6):
        sums = Sums()
        with Capture(outer, "far", sums.see):
            Transfer(lab, outer, wire.host_address(family), data, LENGTH).finish()
        sums.expect(unfinished=False)
    expect_no_errors(outer)


def test_through_router(lab, data):
    """A router behind a veth finishes what is left to the NIC."""
    wire = Wire(lab)
    outer = beyond(lab, wire)
    wire.peer.address("near", f"{ROUTER4}/24", f"{ROUTER6}/64")
    outer.address("far", f"{OUTER4}/24", f"{OUTER6}/64")
    wire.peer.sysctl("net.ipv4.ip_forward", 1)
    wire.peer.sysctl("net.ipv6.conf.all.forwarding", 1)
    for ns, via4, via6 in ((wire.host, wire.PEER4, wire.PEER6), (outer, ROUTER4, ROUTER6)):
        ns.ip("route", "add", "default", "via", via4)
        ns.ip("-6", "route", "add", "default", "via", via6)
    watched_beyond(lab, wire, outer, data)


def test_through_bridge(lab, data):
    """A bridge behind a veth finishes what is left to the NIC."""
    wire = Wire(lab)
    outer = beyond(lab, wire)
    wire.peer.ip("address", "flush", "dev", wire.wire)
    wire.peer.ip("link", "add", "name", "br0", "type", "bridge")
    for interface in (wire.wire, "near"):
        wire.peer.ip("link", "set", "dev", interface, "master", "br0")
    wire.peer.up("br0")
    outer.address("far", f"{wire.PEER4}/24", f"{wire.PEER6}/64")
    watched_beyond(lab, wire, outer, data)


def test_offload_off(lab, data):
    """A NIC whose offload is off is not asked: the kernel would sum in its place."""
    wire = Wire(lab)
    wire.host.ethtool_off(wire.nic, "tx")
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_state(daemon, "software", "offload is off")
    Server(lab, wire.host, data)
    watched_out(lab, wire, data, unfinished=False)
    assert "computed in software" not in daemon.process.stderr(), "a warning of what is as it should be"


def test_pinned_software(lab, data):
    """With --tx-checksum software the daemon makes the checksums, although the NIC could."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--tx-checksum", "software")
    expect_state(daemon, "software", "asked for with --tx-checksum")
    Server(lab, wire.host, data)
    watched_out(lab, wire, data, unfinished=False)


def test_pinned_nic(lab):
    """With --tx-checksum nic the NIC makes them, or the start fails and leaves nothing behind."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--tx-checksum", "nic")
    expect_state(daemon, "nic", "a test packet was taken")
    daemon.stop()
    wire.host.ethtool_off(wire.nic, "tx")
    before = HostState(wire.host)
    done = wire.host.run(DAEMON, "--interface", wire.nic, "--tx-checksum", "nic", check=False)
    assert done.returncode == EXIT_NOT_SUPPORTED, f"ended with {done.returncode}: {done.stderr}"
    assert "--tx-checksum nic does not work here" in done.stderr and "offload is off" in done.stderr, (
        f"it said {done.stderr!r}")
    before.wait_restored()


def test_pinned_before_carrier(lab):
    """With --tx-checksum nic and no carrier, checksums are made in software until the carrier comes: no error."""
    wire = Wire(lab)
    wire.peer.ip("link", "set", "dev", wire.wire, "down")
    wait_until(lambda: "LOWER_UP" not in wire.host.ip_json("link", "show", "dev", wire.nic)[0]["flags"],
               5, "no carrier")
    daemon = Daemon(lab, wire.host, wire.nic, "--tx-checksum", "nic")
    expect_state(daemon, "software", "no carrier")
    wire.peer.ip("link", "set", "dev", wire.wire, "up")
    wait_until(lambda: (daemon.status()["queues"] or [{}])[0].get("xsk", {}).get("tx_checksum") == "nic", 15,
               "the NIC is asked")
    daemon.stop()


def test_unproved(lab, data):
    """A test packet that is not sent: checksums are ours, which is said once; pinned, an error."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, program=FAULTY, wrapper=faults(completion=1))
    expect_state(daemon, "software", "not sent in time")
    xsk = daemon.status()["queues"][0]["xsk"]
    assert xsk["proved"] and xsk["unaligned"], f"the way of binding is no worse for it: {xsk}"
    said = daemon.process.stderr().count("checksums are computed in software")
    assert said == 1, f"it was said {said} times"
    Server(lab, wire.host, data)
    watched_out(lab, wire, data, unfinished=False)
    daemon.stop()
    before = HostState(wire.host)
    done = wire.host.run(*faults(completion=1), FAULTY, "--interface", wire.nic, "--tx-checksum", "nic",
                         check=False)
    assert done.returncode == EXIT_NOT_SUPPORTED and "not sent in time" in done.stderr, (
        f"ended with {done.returncode}: {done.stderr}")
    before.wait_restored()


def test_offload_changes(lab, data):
    """The NIC's offload goes off and on again while a stream flows: nobody notices."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    Server(lab, wire.host, data)
    stream = Transfer(lab, wire.peer, wire.host_address(4), data, data.length)
    for n, state in enumerate(("off", "on", "off")):
        stream.wait_received((n + 1) * (data.length >> 3))
        wire.host.run("ethtool", "-K", wire.nic, "tx", state)
    stream.finish()
    watched_out(lab, wire, data, unfinished=False)  # by the kernel now
    expect_state(daemon, "nic", "")
    expect_no_errors(wire.peer)
