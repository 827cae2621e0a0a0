# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Kinds of interfaces: served, or refused with the one to name instead; and what rests on a NIC that is served.

Those that this kernel lacks are tested in the emulated machine, too (tests/zerocopy/test_devices.py).
"""

import pytest

from daemon import DAEMON, EXIT_FAILED, EXIT_NOT_SUPPORTED, STEER_OBJECT, Daemon, HostState
from devices import ABOVE, REFUSED, Missing, TapWire, carry, make_all, refuse
from streams import all_ways
from test_errors import expect_refusal
from wire import Server, Transfer, Wire


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.name)
def test_refused(lab, kind):
    """A kind of interface that is not served: one line names what is, and nothing is touched."""
    host = lab.namespace("host")
    made, missing = make_all(host, [kind])
    if missing:
        pytest.skip(missing[0])
    state = HostState(host)
    for mode in ("inline", "port"):
        refuse(made, host, "--mode", mode)
    state.wait_restored()


def test_refused_elsewhere(lab):
    """A container's macvlan, whose parent is in another namespace: that is said."""
    wire = Wire(lab)
    container = lab.namespace("container")
    wire.host.ip("link", "add", "link", wire.nic, "name", "d0", "netns", container.name, "type", "macvlan")
    container.up("d0")
    expect_refusal(container, [DAEMON, "--interface", "d0"], [EXIT_NOT_SUPPORTED],
                   ["is a macvlan", "in another network namespace"])


def test_refused_own_tap(lab):
    """The daemon's own TAP."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_refusal(wire.host, [DAEMON, "--interface", daemon.tap()], [EXIT_NOT_SUPPORTED],
                   [f"is the TAP of superpacketd on {wire.nic}"])


@pytest.mark.parametrize("mode", ["native", "generic"])
@pytest.mark.parametrize("kind", ABOVE)
def test_above(lab, data, kind, mode):
    """What rests on a NIC that is served gets its traffic, in superpackets."""
    wire = Wire(lab, host_addresses=False)
    # a wire carries packets
    wire.peer.run("ethtool", "-K", wire.wire, "tso", "off")
    try:
        carry(lab, wire, kind, data, "--xdp-mode", mode)
    except Missing as missing:
        pytest.skip(str(missing))


def test_above_in_port_mode(lab):
    """Port mode takes every frame of the NIC: the daemon names what rests on it and gets nothing, and only that."""
    wire = Wire(lab, host_addresses=False)
    said = []
    for above in ([], ["link", wire.nic, "name", "d0", "type", "macvlan"]):
        if above:
            wire.host.ip("link", "add", *above)
        daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", lab.unique("tap"))
        daemon.stop()
        said.append("what rests on it gets none: d0;" in daemon.process.stderr())
    assert said == [False, True]


def test_program_above(lab):
    """An XDP program on what rests on the NIC, with which the kernel attaches none to the NIC: it is named."""
    wire = Wire(lab)
    wire.host.ip("link", "add", "link", wire.nic, "name", "d0", "type", "macvlan")
    wire.host.run("xdp-loader", "load", "-m", "skb", "d0", STEER_OBJECT)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic], [EXIT_FAILED],
                   ["d0 rests on it and has an XDP program", "xdp-loader status d0"])


@pytest.mark.parametrize("mode", ["inline", "port"])
def test_tap(lab, data, mode):
    """A TAP whose user exchanges plain frames (a VPN, an old virtual machine) is served like a NIC."""
    wire = TapWire(lab)
    options = ["--tap", "sp0"] if mode == "port" else []
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", mode, *options)
    assert daemon.status()["xdp"]["mode"] == "native", daemon.status()["xdp"]
    wire.address_host(wire.host, "sp0" if mode == "port" else wire.nic)
    all_ways(lab, wire, daemon, data, length=4 << 20, enough=2)


def test_program_runs_elsewhere(lab, data):
    """As on hv_netvsc, whose driver has the program of the netvsc interface run on its VF, too: frames that arrive
    there carry the VF's number and pass to the kernel, and nothing is degraded."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    lab.veth(wire.host, "vf", wire.peer, "pf")
    wire.peer.ethtool_off("pf", "tx")
    program = wire.host.ip_json("link", "show", "dev", wire.nic)[0]["xdp"]["prog"]["id"]
    wire.host.run("bpftool", "net", "attach", "xdpdrv", "id", str(program), "dev", "vf")
    wire.host.address("vf", "10.79.0.1/24")
    wire.peer.address("pf", "10.79.0.2/24")
    Server(lab, wire.peer, data)
    Transfer(lab, wire.host, "10.79.0.2", data, length=8 << 20).finish()
    status = daemon.status()
    assert status["steer"]["pass_other_interface"] > 100 and not status["steer"]["redirected"], status["steer"]
    assert status["state"] == "ok", status["state_why"]
    wire.host.run("bpftool", "net", "detach", "xdpdrv", "dev", "vf")
    daemon.stop()
