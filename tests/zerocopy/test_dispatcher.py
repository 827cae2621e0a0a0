# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""libxdp's dispatcher: a second XDP program beside ours, in zero copy all the same."""

import json
import os

import pytest

from daemon import STEER_OBJECT, Daemon
from lab import BUILD
from pinned import MAPS
from real_wire import RealWire, both_ways, zero_copy

pytestmark = pytest.mark.machine("one queue")

BESIDE = os.path.join(BUILD, "tests", "zerocopy", "beside.bpf.o")
PINS = "/sys/fs/bpf/superpacket"


def load(lab, wire, path, *options):
    wire.host.run("xdp-loader", "load", "-m", "native", *options, wire.nic, path)


def unload_at_the_end(lab, wire):
    def unload():
        wire.host.run("xdp-loader", "unload", "--all", wire.nic, check=False)
        lab.run(["rm", "-r", PINS], check=False)

    lab.cleanup(unload)


def programs(wire):
    return wire.host.run("xdp-loader", "status", wire.nic).stdout


def packets_beside(lab):
    """How many packets the other program has seen."""
    maps = json.loads(lab.run(["bpftool", "-j", "map", "dump", "name", "beside_packets"]).stdout)
    return sum(int(value["value"]) for value in maps[0]["formatted"]["values"]) \
        if "values" in maps[0].get("formatted", {}) else int(maps[0]["formatted"]["value"])


@pytest.mark.more
def test_join(lab, data):
    """The daemon joins a dispatcher with a program in it; that one stays when it goes."""
    wire = RealWire(lab)
    unload_at_the_end(lab, wire)
    load(lab, wire, BESIDE)
    daemon = zero_copy(Daemon(lab, wire.host, wire.nic))
    why = daemon.status()["xdp"]["why"]
    assert "dispatcher" in why, f"xdp: {why}"
    both_ways(lab, wire, daemon, data, ((4, "in"), (6, "out")), 1 << 20)
    seen = packets_beside(lab)
    assert seen > 100, f"the program beside ours has seen {seen} packets"
    assert "steer" in programs(wire), f"loaded: {programs(wire)}"
    daemon.stop()
    left = programs(wire)
    assert "beside" in left and "steer" not in left, f"loaded now: {left}"


def test_adopt(lab, data):
    """Xdp-loader loads another program beside ours; the daemon adopts ours."""
    wire = RealWire(lab)
    unload_at_the_end(lab, wire)
    load(lab, wire, STEER_OBJECT, "-p", PINS)
    load(lab, wire, BESIDE)
    assert sorted(os.listdir(PINS)) == sorted(MAPS), f"pinned: {os.listdir(PINS)}"
    daemon = zero_copy(Daemon(lab, wire.host, wire.nic, "--pinned", PINS))
    both_ways(lab, wire, daemon, data, ((4, "in"), (6, "out")), 1 << 20)
    seen = packets_beside(lab)
    assert seen > 100, f"the program beside ours has seen {seen} packets"
    daemon.stop()
    left = programs(wire)
    assert "beside" in left and "steer" in left, f"loaded now: {left}"
