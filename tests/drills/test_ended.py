# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The daemon ends, however it ends, or hangs, under 200 connections each way."""

import signal

import pytest

from daemon import DAEMON, Daemon, HostState
from drill import DRILL, Footprint, Phase, carrying, pause
from wire import Wire

pytestmark = DRILL

WHOLE = 100
HUNG = 0.5      # seconds that it is stopped
GO_ON = 0.3     # seconds after each event in which it carries; enough for a retransmission
QUIET = 0.5     # seconds of a period in which nothing happens


def kill(daemon):
    daemon.kill()


def terminate(daemon):
    daemon.stop()


def quiet(_number):
    pause(QUIET)


class Ends:
    """An event: the daemon ends, another one is started at once, and carries."""

    def __init__(self, start, end):
        self.start, self.end = start, end
        self.daemon = None

    def __call__(self, _number):
        self.end(self.daemon)
        self.begin()

    def begin(self):
        self.daemon = self.start()
        carrying(self.daemon)
        pause(GO_ON)


@pytest.mark.parametrize("name, end", [("kill -9", kill), ("SIGTERM", terminate)], ids=["kill", "sigterm"])
def test_ended(drill, name, end):
    """Inline: it ends and is started again: no connection is lost, no byte is wrong, the host is as it was."""
    wire = Wire(drill.lab)
    before = HostState(wire.host)
    crowd = drill.crowd(wire.host, wire.peer, [wire.PEER4, wire.PEER6])
    event = Ends(lambda: Daemon(drill.lab, wire.host, wire.nic), end)
    count = drill.count(WHOLE)
    ours, kernel = drill.in_turns(crowd, count, quiet, event.begin, event, lambda: event.daemon.stop(), name)
    before.wait_restored()
    drill.verdict(f"{name} and start, inline", count, crowd, ours, kernel)


def test_sigstop(drill):
    """Inline: it is stopped for half a second and goes on: the kernel has the traffic meanwhile; nothing leaks."""
    wire = Wire(drill.lab)
    before = HostState(wire.host)
    crowd = drill.crowd(wire.host, wire.peer, [wire.PEER4, wire.PEER6])
    state, notes = {}, []

    def begin():
        state["daemon"] = Daemon(drill.lab, wire.host, wire.nic)
        carrying(state["daemon"])
        stop_and_go(0)
        state["footprint"] = Footprint(state["daemon"])

    def stop_and_go(_number):
        daemon = state["daemon"]
        daemon.process.signal(signal.SIGSTOP)
        pause(HUNG)
        daemon.process.signal(signal.SIGCONT)
        carrying(daemon)
        pause(GO_ON)

    def end():
        state["footprint"].wait_clean()
        notes.append(state["footprint"].grown())
        state["daemon"].stop()

    count = drill.count(WHOLE)
    ours, kernel = drill.in_turns(crowd, count, quiet, begin, stop_and_go, end, "SIGSTOP")
    before.wait_restored()
    drill.verdict(f"SIGSTOP for {HUNG:g} s, inline", count, crowd, ours, kernel, ", ".join(notes))


def knows(drill, option):
    return option in drill.lab.run([DAEMON, "--help"]).stdout


class Plain:
    """The control of port mode: the same connections over a veth pair that no daemon has, while nothing happens.
    Without a daemon the TAP carries nothing, so the kernel alone cannot have it."""

    def __init__(self, drill):
        lab = drill.lab
        self.drill = drill
        self.host, self.peer = lab.namespace("plain"), lab.namespace("beyond")
        lab.veth(self.host, "plain", self.peer, "beyond")
        self.peer.ethtool_off("beyond", "tx")
        self.peer.address("beyond", f"{Wire.PEER4}/24", f"{Wire.PEER6}/64")
        self.host.address("plain", f"{Wire.HOST4}/24", f"{Wire.HOST6}/64")

    def follow(self, phase, count):
        crowd = self.drill.crowd(self.host, self.peer, [Wire.PEER4, Wire.PEER6])
        self.drill.follow(crowd, phase, count, quiet, "kernel")
        crowd.finish()


@pytest.mark.parametrize("name, end", [("kill -9", kill), ("SIGTERM", terminate)], ids=["kill", "sigterm"])
def test_port(drill, name, end):
    """Port mode: it ends and is started again: the container's interface stays, with its addresses and its
    connections."""
    if not knows(drill, "--tap-netns"):
        pytest.skip("the TAP of this daemon does not outlive it: it has no --tap-netns")
    lab = drill.lab
    wire = Wire(lab, host_addresses=False)
    container, tap = lab.namespace("container"), lab.unique("tap")
    event = Ends(lambda: Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap, "--tap-netns",
                                container.name), end)
    event.daemon = event.start()
    container.up(tap)
    wire.address_host(container, tap)
    index = container.ip_json("link", "show", "dev", tap)[0]["ifindex"]
    crowd = drill.crowd(container, wire.peer, [wire.PEER4, wire.PEER6])
    carrying(event.daemon)
    ours, kernel, count = Phase(), Phase(), drill.count(WHOLE)
    plain = Plain(drill)
    for part in (count // 2, count - count // 2):
        plain.follow(kernel, (part + 1) // 2)
        drill.follow(crowd, ours, part, event, name)
    assert container.ip_json("link", "show", "dev", tap)[0]["ifindex"] == index, f"{tap} is another one"
    drill.verdict(f"{name} and start, port mode", count, crowd, ours, kernel)
    event.daemon.stop()
