# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The egress policy (tests/net/test_egress.py) with the qdiscs and actions that a distribution's kernel has, in zero
copy."""

import pytest

from lab import wait_until
from real_wire import RealWire, start
from streams import servers, transfer
from test_egress import SHAPER, wait_egress

pytestmark = [pytest.mark.machine("one queue"), pytest.mark.more]

LENGTH = 1 << 20
SHAPING = ["fq", "cake bandwidth 10mbit", "codel", "ets bands 3", "hfsc", "htb", "netem delay 1ms", "prio", "sfq",
           " ".join(SHAPER)]
PLAIN = ["fq_codel", "pfifo", "bfifo", "pfifo_fast"]
OTHERS = "protocol", "ip", "u32", "match", "ip", "protocol", "99", "0xff", "action", "drop"
ALL = "protocol", "all", "u32", "match", "u32", "0", "0", "flowid", "8:1"
TCP = "protocol", "ip", "u32", "match", "ip", "protocol", "6", "0xff", "action", "drop"


def expect_sender(lab, wire, data, daemon, out, word):
    """Who carries what is sent, and that it arrives."""
    wait_egress(daemon, out, word)
    before = daemon.total()
    transfer(lab, wire, data, "out", 4, length=LENGTH).finish()
    sent = daemon.total()["tap_packets"] > before["tap_packets"]
    assert sent == (out == "daemon"), f"the daemon has {'' if sent else 'not '}sent"


def test_qdiscs(lab, data):
    """In zero copy: each qdisc that is no plain queue leaves what is sent to the kernel, a plain one does not."""
    wire = RealWire(lab)
    servers(lab, wire, data)
    daemon = start(lab, wire)
    for number, kind in enumerate(SHAPING):
        wire.host.run("tc", "qdisc", "replace", "dev", wire.nic, "root", *kind.split())
        wait_egress(daemon, "kernel", f"root qdisc {kind.split()[0]} ")
        if number == 0:
            expect_sender(lab, wire, data, daemon, "kernel", "root qdisc fq ")
    for kind in PLAIN:
        wire.host.run("tc", "qdisc", "replace", "dev", wire.nic, "root", kind)
        wait_egress(daemon, "daemon", "the last tcx program")  # for the first of them it takes a second
    expect_sender(lab, wire, data, daemon, "daemon", "the last tcx program")
    daemon.stop()


def test_filters_of_a_plain_qdisc(lab, data):
    """fq_codel is a plain queue, but not with filters: it drops what they do not put into a queue."""
    wire = RealWire(lab)
    servers(lab, wire, data)
    wire.host.run("tc", "qdisc", "replace", "dev", wire.nic, "root", "handle", "8:", "fq_codel")
    daemon = start(lab, wire)
    expect_sender(lab, wire, data, daemon, "daemon", "the last tcx program")
    wire.host.run("tc", "filter", "add", "dev", wire.nic, "parent", "8:", "pref", "1", *ALL)
    expect_sender(lab, wire, data, daemon, "kernel", "filters of root qdisc fq_codel 8:")
    wire.host.run("tc", "filter", "del", "dev", wire.nic, "parent", "8:", "pref", "1")
    expect_sender(lab, wire, data, daemon, "daemon", "the last tcx program")
    daemon.stop()


def test_dropping_filter(lab, data):
    """In zero copy: `tc filter ... action drop` in clsact drops, and what it lets pass is served behind it."""
    wire = RealWire(lab)
    servers(lab, wire, data)
    daemon = start(lab, wire)
    wire.host.run("tc", "qdisc", "add", "dev", wire.nic, "clsact")
    wire.host.run("tc", "filter", "add", "dev", wire.nic, "egress", "pref", "2", *OTHERS)
    expect_sender(lab, wire, data, daemon, "daemon", "behind clsact's egress filters")
    wire.host.run("tc", "filter", "add", "dev", wire.nic, "egress", "pref", "1", *TCP)
    before = daemon.total()["tap_packets"]
    stream = transfer(lab, wire, data, "out", 4, length=LENGTH)

    def dropped():
        text = wire.host.run("tc", "-s", "filter", "show", "dev", wire.nic, "egress", "pref", "1").stdout
        return "dropped 0," not in text and "dropped" in text

    wait_until(dropped, 20, "the filter has dropped answers to the SYN")
    assert daemon.total()["tap_packets"] == before, "the daemon has sent what was to be dropped"
    wire.host.run("tc", "filter", "del", "dev", wire.nic, "egress", "pref", "1")
    stream.finish()
    daemon.stop()
