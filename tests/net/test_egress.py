# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The host's egress policy holds: what stands on the NIC's way out sees every packet before the daemon takes it, or the
kernel keeps the direction. Tried with filters, programs and a shaper that are there before the daemon, and with such
as come and go under a stream."""

import re
import signal
import time

import pytest

from daemon import COMMAND, Daemon, HostState
from lab import Failed, wait_until
from streams import servers, transfer
from tc_program import DROP, NEXT, PASS, TcProgram, chain
from wire import Transfer, Wire

SHAPER = ("tbf", "rate", "10mbit", "burst", "32k", "latency", "50ms")
SHAPED = 10e6 * 1.15  # bit/s on the wire at most, with the burst
LONG = 16 << 20
STREAM = 128 << 20


def tc(wire, *argv):
    wire.host.run("tc", *argv)


def egress(daemon):
    status = daemon.status()
    return status["egress"]["out"], status["egress"]["why"]


def wait_egress(daemon, out, word):
    """Who has the direction, and why: the state is ok either way."""
    def is_so():
        who, why = egress(daemon)
        return who == out and word in why

    wait_until(is_so, 5, lambda: f"{out} carries what is sent, because of {word!r}: {egress(daemon)}; "
                                 f"{daemon.process.tail()}")
    assert daemon.status()["state"] == "ok", daemon.status()["state_why"]


def links_of(ns, interface):
    return ns.ip_json("-s", "link", "show", "dev", interface)[0]["stats64"]


def rate(wire, seconds):
    """bit/s that arrive at the peer."""
    began, before = time.monotonic(), links_of(wire.peer, wire.wire)["rx"]["bytes"]
    wait_until(lambda: time.monotonic() - began >= seconds, 2 * seconds, "the time is up")
    return (links_of(wire.peer, wire.wire)["rx"]["bytes"] - before) * 8 / (time.monotonic() - began)


def expect_served_out(lab, wire, data, daemon, word):
    wait_egress(daemon, "daemon", word)
    before = daemon.total()["tx_superpackets"]
    transfer(lab, wire, data, "out", 4, length=LONG).finish()
    assert daemon.total()["tx_superpackets"] > before, "the daemon has cut nothing"


def expect_kernel_out(lab, wire, data, daemon, word):
    """The daemon carries in, the kernel out."""
    wait_egress(daemon, "kernel", word)
    before = daemon.total()
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=LONG).finish()
    after = daemon.total()
    assert after["tap_packets"] == before["tap_packets"], "the daemon has sent"
    assert after["rx_superpackets"] > before["rx_superpackets"], "the daemon has merged nothing"


def expect_stalls(stream, wire, daemon):
    """Nothing of the stream arrives any more, but for acknowledgements and retransmissions that are dropped."""
    wait_until(lambda: rate(wire, 0.5) < 1e6, 10, lambda: f"the stream stands still; {egress(daemon)}")
    assert stream.process.running(), "the stream has ended"


def out_stream(lab, wire, data):
    stream = transfer(lab, wire, data, "out", 4, length=STREAM)
    stream.wait_received(8 << 20)
    return stream


def sink(lab, wire):
    """A device from which nothing comes back, for filters that redirect there what they drop."""
    if not hasattr(wire, "sink"):
        wire.sink = lab.unique("sink")
        lab.veth(wire.host, wire.sink, lab.namespace("sink"), "end")
    return wire.sink


def drop_tcp(lab, wire, *qdisc):
    """A filter of TCP over IPv4, as every kernel can have it."""
    tc(wire, "filter", "add", "dev", wire.nic, *(qdisc or ("egress",)), "protocol", "ip", "pref", "7", "u32", "match",
       "ip", "protocol", "6", "0xff", "action", "mirred", "egress", "redirect", "dev", sink(lab, wire))


def undrop_tcp(wire):
    tc(wire, "filter", "del", "dev", wire.nic, "egress", "protocol", "ip", "pref", "7")


def filters(wire):
    return wire.host.run("tc", "filter", "show", "dev", wire.nic, "egress").stdout


def clsact(wire):
    tc(wire, "qdisc", "add", "dev", wire.nic, "clsact")


def program_id(program):
    with open(f"/proc/self/fdinfo/{program.prog}") as file:
        return int(re.search(r"^prog_id:\s*(\d+)", file.read(), re.M)[1])


# ---- tcx programs ----

def test_tcx_counts(lab, data):
    """tcx programs in front of ours and attached behind it later see every packet sent, and ours is the last again."""
    wire = Wire(lab)
    servers(lab, wire, data)
    first, later = TcProgram(lab), TcProgram(lab)
    first.attach_tcx(wire.host, wire.nic, "egress")
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_served_out(lab, wire, data, daemon, "last tcx program")
    stream = out_stream(lab, wire, data)
    for _ in range(3):  # both copies of ours have their turn, and the first again
        later.attach_tcx(wire.host, wire.nic, "egress")
        theirs = [program_id(first), program_id(later)]
        wait_until(lambda: chain(wire.host, wire.nic, "egress")[:2] == theirs, 3, "ours is the last again")
        assert len(chain(wire.host, wire.nic, "egress")) == 3, "one copy of ours"
        later.detach_tcx()
    later.attach_tcx(wire.host, wire.nic, "egress")
    wait_until(lambda: chain(wire.host, wire.nic, "egress")[:2] == theirs, 3, "ours is the last again")
    stream.finish()
    before = first.counts(), later.counts(), daemon.total()["tap_packets"]
    transfer(lab, wire, data, "out", 4, length=LONG).finish()
    seen = [counts[0] - was[0] for counts, was in zip((first.counts(), later.counts()), before)]
    carried = daemon.total()["tap_packets"] - before[2]
    assert seen[0] == seen[1] and seen[0] >= carried > 0, f"seen {seen}, carried {carried}"
    assert daemon.total()["tx_superpackets"] > 0
    daemon.stop()
    assert chain(wire.host, wire.nic, "egress") == theirs, "ours has gone, theirs are there"


def test_tcx_drops(lab, data):
    """A tcx program that drops TCP does so, whether it was there before the daemon or comes under a stream."""
    wire = Wire(lab)
    servers(lab, wire, data)
    dropper = TcProgram(lab, DROP)
    dropper.attach_tcx(wire.host, wire.nic, "egress")
    daemon = Daemon(lab, wire.host, wire.nic)
    before = daemon.total()["tap_packets"]
    early = Transfer(lab, wire.peer, wire.HOST4, data, LONG)
    wait_until(lambda: dropper.counts()[0] >= 2, 10, "it drops answers to the SYN")
    assert daemon.total()["tap_packets"] == before and early.received() == 0, "the daemon has carried it"
    dropper.detach_tcx()
    early.finish()

    stream = out_stream(lab, wire, data)
    dropper.attach_tcx(wire.host, wire.nic, "egress")
    expect_stalls(stream, wire, daemon)
    dropper.detach_tcx()
    stream.finish()


def test_tcx_passes(lab, data):
    """A tcx program in front that passes packets itself sends them by the kernel, in both orders of attaching."""
    wire = Wire(lab)
    servers(lab, wire, data)
    passer = TcProgram(lab, PASS)
    daemon = Daemon(lab, wire.host, wire.nic)
    stream = out_stream(lab, wire, data)
    passer.attach_tcx(wire.host, wire.nic, "egress")
    stream.finish()
    before = daemon.total()
    transfer(lab, wire, data, "out", 4, length=LONG).finish()
    assert daemon.total()["tap_packets"] == before["tap_packets"], "the daemon has sent what was passed to the NIC"


# ---- filters of clsact ----

def test_filter_before(lab, data):
    """A filter that is there before the daemon drops TCP; one that counts sees superpackets, which the daemon cuts."""
    wire = Wire(lab)
    servers(lab, wire, data)
    clsact(wire)
    drop_tcp(lab, wire)
    daemon = Daemon(lab, wire.host, wire.nic)
    wait_egress(daemon, "daemon", "behind clsact's egress filters")
    early = Transfer(lab, wire.peer, wire.HOST4, data, LONG)
    wait_until(lambda: links_of(wire.host, wire.sink)["tx"]["packets"] >= 2, 10, "it takes answers to the SYN")
    assert early.received() == 0
    counter = TcProgram(lab)
    counter.filter(wire.host, wire.nic, "egress", "pref", "9")
    undrop_tcp(wire)
    early.finish()
    before = counter.counts(), daemon.total()["tap_packets"]
    expect_served_out(lab, wire, data, daemon, "behind clsact's egress filters")
    packets, long = (now - was for now, was in zip(counter.counts(), before[0]))
    carried = daemon.total()["tap_packets"] - before[1]
    assert packets >= carried > 0 and long > 0, f"the filter has seen {packets} packets, the daemon {carried}"


def test_filter_comes_and_goes(lab, data):
    """A filter that drops TCP stops a running stream when it is added, and lets it go on when it is removed."""
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = Daemon(lab, wire.host, wire.nic)
    stream = out_stream(lab, wire, data)
    clsact(wire)
    drop_tcp(lab, wire)
    wait_egress(daemon, "daemon", "behind clsact's egress filters")
    expect_stalls(stream, wire, daemon)
    assert "superpacketd" in filters(wire), f"ours is not among them: {filters(wire)}"
    undrop_tcp(wire)
    wait_egress(daemon, "daemon", "last tcx program")
    stream.finish()
    assert filters(wire) == "", f"ours has stayed: {filters(wire)}"
    tc(wire, "qdisc", "del", "dev", wire.nic, "clsact")
    expect_served_out(lab, wire, data, daemon, "last tcx program")


def test_filters_rebuilt(lab, data):
    """Somebody removes all filters, ours with them, or the whole qdisc, and adds his anew: ours is the last again."""
    wire = Wire(lab)
    servers(lab, wire, data)
    clsact(wire)
    counter = TcProgram(lab)
    counter.filter(wire.host, wire.nic, "egress", "pref", "9")
    daemon = Daemon(lab, wire.host, wire.nic)
    stream = out_stream(lab, wire, data)
    drop = "protocol", "ip", "pref", "8", "u32", "match", "ip", "protocol", "99", "0xff", "action", "mirred", \
           "egress", "redirect", "dev", wire.nic
    for _ in range(3):
        tc(wire, "filter", "del", "dev", wire.nic, "egress")
        tc(wire, "filter", "add", "dev", wire.nic, "egress", *drop)
        wait_egress(daemon, "daemon", "behind clsact's egress filters")
        wait_until(lambda: "superpacketd" in filters(wire), 5, "ours is there again")
    tc(wire, "qdisc", "del", "dev", wire.nic, "clsact")
    wait_egress(daemon, "daemon", "last tcx program")
    stream.finish()


def test_filter_ends(lab, data):
    """With filters of others the daemon ends and leaves them, and the NIC, as they were."""
    wire = Wire(lab)
    servers(lab, wire, data)
    clsact(wire)
    TcProgram(lab).filter(wire.host, wire.nic, "egress", "pref", "9")
    state = HostState(wire.host)
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_served_out(lab, wire, data, daemon, "behind clsact's egress filters")
    daemon.stop()
    state.wait_restored()


def test_shared_block(lab, data):
    """Filters in a block that interfaces share: ours is not added to it, and the kernel carries what is sent."""
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = Daemon(lab, wire.host, wire.nic)
    tc(wire, "qdisc", "add", "dev", wire.nic, "egress_block", "77", "clsact")
    expect_served_out(lab, wire, data, daemon, "last tcx program")
    tc(wire, "filter", "add", "block", "77", "protocol", "ip", "pref", "7", "u32", "match", "ip", "protocol", "6",
       "0xff", "action", "mirred", "egress", "redirect", "dev", sink(lab, wire))
    wait_egress(daemon, "kernel", "shared with other interfaces")
    tc(wire, "filter", "del", "block", "77")
    expect_served_out(lab, wire, data, daemon, "last tcx program")


def test_last_priority_taken(lab, data):
    """A filter has the last priority, so that ours cannot be behind it: the kernel carries what is sent."""
    wire = Wire(lab)
    servers(lab, wire, data)
    clsact(wire)
    tc(wire, "filter", "add", "dev", wire.nic, "egress", "protocol", "ip", "pref", "65535", "u32", "match", "ip",
       "protocol", "99", "0xff", "action", "mirred", "egress", "redirect", "dev", sink(lab, wire))
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_kernel_out(lab, wire, data, daemon, "cannot be added behind its clsact egress filters")


# ---- qdiscs ----

def test_shaper_before(lab, data):
    """A root qdisc that shapes is there before the daemon: it shapes, the daemon carries in, and the log says so."""
    wire = Wire(lab)
    servers(lab, wire, data)
    tc(wire, "qdisc", "add", "dev", wire.nic, "root", *SHAPER)
    daemon = Daemon(lab, wire.host, wire.nic)
    wait_egress(daemon, "kernel", "root qdisc tbf")
    assert "the kernel carries what is sent" in daemon.process.stderr(), daemon.process.stderr()
    assert "root qdisc tbf" in wire.host.run(COMMAND, "status", wire.nic).stdout
    stream = transfer(lab, wire, data, "out", 4, length=64 << 20)
    wait_until(lambda: rate(wire, 0.5) > 1e6, 10, "the stream has begun")
    assert rate(wire, 4) < SHAPED
    before = daemon.total()["rx_superpackets"]
    transfer(lab, wire, data, "in", 6, length=LONG).finish()
    assert daemon.total()["rx_superpackets"] > before, "the daemon has merged nothing"
    assert stream.process.running()


def test_shaper_comes_and_goes(lab, data):
    """A shaper is added under a running stream, and removed: the stream is shaped, then served, and never lost."""
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = Daemon(lab, wire.host, wire.nic)
    stream = out_stream(lab, wire, data)
    for _ in range(2):
        tc(wire, "qdisc", "add", "dev", wire.nic, "root", *SHAPER)
        wait_egress(daemon, "kernel", "root qdisc tbf")
        wait_until(lambda: rate(wire, 0.5) > 1e6, 10, "the stream has come round")
        assert rate(wire, 3) < SHAPED
        before = daemon.total()["tap_packets"]
        tc(wire, "qdisc", "del", "dev", wire.nic, "root")
        wait_egress(daemon, "daemon", "last tcx program")
        wait_until(lambda: daemon.total()["tap_packets"] > before, 10, "the daemon sends again")
    stream.finish()
    log = daemon.process.stderr()
    assert log.count("the kernel carries what is sent") == 2 == log.count("what is sent is served again"), log


def test_classful_qdisc(lab, data):
    """An htb that has no class yet is no less a policy."""
    wire = Wire(lab)
    servers(lab, wire, data)
    tc(wire, "qdisc", "add", "dev", wire.nic, "root", "handle", "5:", "htb")
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_kernel_out(lab, wire, data, daemon, "root qdisc htb 5:")


@pytest.mark.parametrize("kind", ["pfifo", "bfifo", "pfifo_fast"])
def test_harmless_qdisc(lab, data, kind):
    """Plain queues are none."""
    wire = Wire(lab)
    servers(lab, wire, data)
    tc(wire, "qdisc", "add", "dev", wire.nic, "root", kind)
    expect_served_out(lab, wire, data, Daemon(lab, wire.host, wire.nic), "last tcx program")


def test_child_qdisc(lab, data):
    """Of a NIC with several queues, one has a shaper below mq."""
    wire = Wire(lab, queues=2)
    servers(lab, wire, data)
    wire.host.run("tc", "qdisc", "add", "dev", wire.nic, "root", "handle", "1:", "mq", check=False)
    if "mq 1:" not in wire.host.run("tc", "qdisc", "show", "dev", wire.nic).stdout:
        pytest.skip("no mq here")
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_served_out(lab, wire, data, daemon, "last tcx program")
    tc(wire, "qdisc", "add", "dev", wire.nic, "parent", "1:2", *SHAPER)
    wait_egress(daemon, "kernel", "qdisc tbf")
    tc(wire, "qdisc", "del", "dev", wire.nic, "parent", "1:2")
    expect_served_out(lab, wire, data, daemon, "last tcx program")


def test_ignored(lab, data):
    """--egress ignore: the daemon sends whatever qdisc and filters there are, but behind the tcx programs."""
    wire = Wire(lab)
    servers(lab, wire, data)
    tc(wire, "qdisc", "add", "dev", wire.nic, "root", *SHAPER)
    clsact(wire)
    drop_tcp(lab, wire)
    daemon = Daemon(lab, wire.host, wire.nic, "--egress", "ignore")
    expect_served_out(lab, wire, data, daemon, "--egress ignore")
    counter = TcProgram(lab, NEXT)
    counter.attach_tcx(wire.host, wire.nic, "egress")
    wait_until(lambda: chain(wire.host, wire.nic, "egress")[0] == program_id(counter), 3, "ours is the last")
    expect_served_out(lab, wire, data, daemon, "--egress ignore")
    assert counter.counts()[0] > 0


def test_nftables(lab, data):
    """A rule at nftables' egress hook drops TCP, before the daemon and under a stream."""
    wire = Wire(lab)
    servers(lab, wire, data)
    rules = f'add table netdev t; add chain netdev t c {{ type filter hook egress device "{wire.nic}" priority 0; }}'
    if wire.host.run("nft", rules, check=False).returncode != 0:
        pytest.skip("no egress hook of nftables here")
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_served_out(lab, wire, data, daemon, "last tcx program")
    stream = out_stream(lab, wire, data)
    wire.host.run("nft", "add rule netdev t c ip protocol tcp drop")
    expect_stalls(stream, wire, daemon)
    wire.host.run("nft", "flush chain netdev t c")
    stream.finish()


# ---- kill -9 ----

@pytest.mark.parametrize("place", ["tcx", "clsact", pytest.param("shaped", marks=pytest.mark.more)])
def test_killed(lab, data, place):
    """kill -9 under a stream: it goes on; clean removes what is left, and the next daemon starts."""
    wire = Wire(lab)
    servers(lab, wire, data)
    if place == "clsact":
        clsact(wire)
        TcProgram(lab).filter(wire.host, wire.nic, "egress", "pref", "9")
    elif place == "shaped":
        tc(wire, "qdisc", "add", "dev", wire.nic, "root", "tbf", "rate", "200mbit", "burst", "256k", "latency", "50ms")
    state = HostState(wire.host)
    for cleaned in (True, False):
        daemon = Daemon(lab, wire.host, wire.nic)
        stream = out_stream(lab, wire, data)
        daemon.process.signal(signal.SIGKILL)
        daemon.process.wait(10, -signal.SIGKILL)
        stream.finish()
        if cleaned:
            assert ("superpacketd" in filters(wire)) == (place == "clsact"), filters(wire)
            done = wire.host.run(COMMAND, "clean", wire.nic)
            assert ("egress filter removed" in done.stdout) == (place == "clsact"), done.stdout
            state.wait_restored()
    daemon = Daemon(lab, wire.host, wire.nic)
    wait_egress(daemon, *{"tcx": ("daemon", "last tcx"), "clsact": ("daemon", "behind clsact"),
                          "shaped": ("kernel", "root qdisc tbf")}[place])
    transfer(lab, wire, data, "out", 4, length=LONG).finish()
    daemon.stop()
    state.wait_restored()


def test_clean_spares_the_living(lab, data):
    """clean does not take the filter of a daemon that runs, nor one of somebody else's."""
    wire = Wire(lab)
    servers(lab, wire, data)
    clsact(wire)
    TcProgram(lab).filter(wire.host, wire.nic, "egress", "pref", "65535")
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_served_out(lab, wire, data, daemon, "behind clsact's egress filters")
    wire.host.run(COMMAND, "clean", check=False)
    assert "superpacketd" in filters(wire)
    expect_served_out(lab, wire, data, daemon, "behind clsact's egress filters")
    daemon.kill()
    wire.host.run(COMMAND, "clean")
    assert "superpacketd" not in filters(wire) and "pref 65535" in filters(wire), filters(wire)


def test_filter_left_without_others(lab, data):
    """The filter of a killed daemon is alone when the next starts: it is removed, and the program a tcx link again."""
    wire = Wire(lab)
    servers(lab, wire, data)
    clsact(wire)
    drop_tcp(lab, wire)
    daemon = Daemon(lab, wire.host, wire.nic)
    wait_egress(daemon, "daemon", "behind clsact")
    daemon.kill()
    undrop_tcp(wire)
    assert "superpacketd" in filters(wire)
    transfer(lab, wire, data, "out", 4, length=LONG).finish()
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_served_out(lab, wire, data, daemon, "last tcx program")
    assert filters(wire) == "", filters(wire)


# ---- ingress ----

@pytest.mark.parametrize("mode", ["native", "generic"])
def test_ingress(lab, data, mode):
    """tc programs of the NIC's ingress see the superpackets, in the order of the stack: tcx first, then clsact."""
    wire = Wire(lab)
    if mode == "generic":
        wire.peer.run("ethtool", "-K", wire.wire, "tso", "off")
    servers(lab, wire, data)
    early, late = TcProgram(lab), TcProgram(lab)
    early.attach_tcx(wire.host, wire.nic, "ingress")
    daemon = Daemon(lab, wire.host, wire.nic, "--xdp-mode", mode)
    clsact(wire)
    late.filter(wire.host, wire.nic, "ingress")
    transfer(lab, wire, data, "in", 4, length=LONG).finish()
    merged = daemon.total()["rx_superpackets"]
    for name, program in (("tcx", early), ("clsact", late)):
        packets, long = program.counts()
        assert packets > 0 and long > 0, f"the {name} program has seen {packets} packets, {long} of them superpackets"
    assert 0 < late.counts()[1] <= merged, "superpackets of the daemon"
    wait_egress(daemon, "daemon", "last tcx program")  # an ingress filter is no egress policy

    dropper = TcProgram(lab, DROP)
    stream = transfer(lab, wire, data, "in", 4, length=STREAM)
    stream.wait_received(4 << 20)
    dropper.attach_tcx(wire.host, wire.nic, "ingress")
    wait_until(lambda: stalls(stream), 10, "the stream stands still")
    dropper.detach_tcx()
    stream.finish()


def stalls(stream):
    before = stream.received()
    try:
        wait_until(lambda: stream.received() > before or not stream.process.running(), 1, "it goes on", strict=True)
    except Failed:
        return True
    assert stream.process.running(), "the stream has ended too early"
    return False
