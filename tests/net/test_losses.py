# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What is lost has a name, also where only the kernel has counted it, and a loss that goes on is not `ok`."""

import signal
import socket
import threading
import time

import pytest

from daemon import COMMAND, EXIT_DEGRADED, EXIT_OK, Daemon
from faulty import ALWAYS, expect_one_line, fault, faulty
from lab import wait_until
from streams import servers, transfer
from wire import Wire

pytestmark = pytest.mark.alone  # it looks at times

LOST = "of what is sent are lost, most because the TAP's queue is full"
RINGS_FULL = "of what arrives are lost, most because a worker comes too late and its rings are full"
NIC_FULL = "of what arrives are lost, most in the NIC, whose ring is full"
ENDED = "no more than a few packets are lost now"


class Flood(threading.Thread):
    """Datagrams, sent without a pause but for one each millisecond, so that it is not the machine that is flooded."""

    def __init__(self, lab, ns, address):
        super().__init__(daemon=True)
        with ns.entered():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((address, 9))
        self._ending = threading.Event()
        lab.cleanup(self.end)
        self.start()

    def run(self):
        while not self._ending.wait(0.001):
            for _ in range(20):
                try:
                    self._socket.send(b"x" * 100)
                except OSError:  # the port is unreachable, or the TAP's queue is full
                    continue

    def end(self):
        self._ending.set()
        self.join(10)
        self._socket.close()


def kernel_counters(ns, name):
    return ns.ip_json("-s", "link", "show", "dev", name)[0]["stats64"]["tx"]


def stop_until_degraded(daemon, words, stopped=0.08):
    """Stops it again and again; for less than its heartbeat lasts, nobody else takes the traffic."""
    end = time.monotonic() + 60
    while words not in daemon.status()["state_why"] and time.monotonic() < end:
        for _ in range(5):
            daemon.process.signal(signal.SIGSTOP)
            time.sleep(stopped)
            daemon.process.signal(signal.SIGCONT)
            time.sleep(0.12)
    return daemon.status()


def expect_ok_again(daemon):
    wait_until(lambda: daemon.status()["state"] == "ok", 25, lambda: f"ok again: {daemon.status()['state_why']!r}")
    expect_one_line(daemon, ENDED)


def port_daemon(lab, where):
    """A daemon in port mode whose TAP is in the host's namespace, or elsewhere: (wire, daemon, the TAP's host, TAP)."""
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    if where == "here":
        return wire, daemon, wire.host, tap
    host = lab.namespace("container")
    wire.host.ip("link", "set", tap, "netns", host.name)
    host.up(tap)
    return wire, daemon, host, tap


@pytest.mark.parametrize("where", ["here", pytest.param("elsewhere", marks=pytest.mark.more)])
def test_tap_queue(lab, where):
    """Port mode: the TAP's own queue overflows again and again: counted as `ip -s link` does, wherever the TAP is;
    degraded, with what helps; and ok when it has ended."""
    wire, daemon, host, tap = port_daemon(lab, where)
    wire.address_host(host, tap)
    flood = Flood(lab, host, wire.PEER4)
    status = stop_until_degraded(daemon, LOST)  # the queue has 256 packets
    assert status["state"] == "degraded" and LOST in status["state_why"], f"{status['state']}: {status['state_why']!r}"
    flood.end()
    expect_one_line(daemon, LOST)

    def told():
        now, ours = kernel_counters(host, tap), daemon.status()["tap_kernel"]
        return now["dropped"] > 0 and (now["packets"], now["dropped"]) == (ours["out_packets"], ours["out_dropped"])

    wait_until(told, 10, lambda: f"both the same: {kernel_counters(host, tap)}, {daemon.status()['tap_kernel']}")
    status = daemon.status()
    assert status["total"]["tap_packets"] == status["tap_kernel"]["out_packets"], (
        f"{status['total']['tap_packets']} of {status['tap_kernel']['out_packets']} packets were taken from the TAP")
    expect_ok_again(daemon)
    daemon.stop()


def test_receive_ring(lab):
    """Port mode: the rings have 256 entries and are full again and again, as the daemon is stopped: degraded, with what
    helps, and the kernel has counted it; and ok when it has ended."""
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap, "--memory", "11M")
    wire.address_host(wire.host, tap)
    flood = Flood(lab, wire.peer, wire.HOST4)
    status = stop_until_degraded(daemon, RINGS_FULL)
    assert status["state"] == "degraded" and RINGS_FULL in status["state_why"], (
        f"{status['state']}: {status['state_why']!r}, {status['total']['kernel']}")
    kernel = status["total"]["kernel"]
    assert kernel["rx_ring_full"] + kernel["fill_ring_empty"] > 100, f"{kernel}"
    flood.end()
    expect_one_line(daemon, RINGS_FULL)
    expect_ok_again(daemon)
    daemon.stop()


@pytest.mark.more
@pytest.mark.parametrize("direction, words", [
    pytest.param("in", "of what arrives are lost, most because they came too late", id="in"),
    pytest.param("out", "of what is sent are lost, most because they were on their way", id="out")])
def test_late(lab, direction, words):
    """Inline: a daemon that is stopped again and again for longer than its heartbeat lasts drops what it held, for the
    kernel has carried what came later. That is counted, and degraded."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp")
    flood = Flood(lab, *((wire.peer, wire.HOST4) if direction == "in" else (wire.host, wire.PEER4)))
    status = stop_until_degraded(daemon, words, 0.2)
    assert words in status["state_why"], f"{status['state_why']!r}, {status['total']['drops']}"
    assert status["total"]["drops"]["rx_stale" if direction == "in" else "tx_stale"], f"{status['total']['drops']}"
    flood.end()
    expect_ok_again(daemon)
    daemon.stop()


@pytest.mark.more
def test_nic(lab):
    """What the kernel has counted of the NIC's losses is in the status, also when it was renamed; packets that its ring
    had no room for, second after second, are degraded."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    wire.host.ip("link", "set", wire.nic, "down")
    renamed = lab.unique("new")
    wire.host.ip("link", "set", wire.nic, "name", renamed)
    wire.host.ip("link", "set", renamed, "up")

    def told():
        now, ours = wire.host.ip_json("-s", "-s", "link", "show", "dev", renamed)[0]["stats64"], daemon.status()
        theirs = {"in_missed": now["rx"]["missed_errors"], "in_fifo": now["rx"]["fifo_errors"],
                  "in_errors": now["rx"]["errors"], "in_dropped": now["rx"]["dropped"],
                  "out_errors": now["tx"]["errors"], "out_dropped": now["tx"]["dropped"]}
        return ours.get("nic_kernel") == theirs

    wait_until(told, 10, lambda: f"as `ip -s -s link` has it: {daemon.status().get('nic_kernel')}")
    wait_until(lambda: daemon.status()["state"] == "ok", 5, "it is up again")
    fault(daemon, "nic-missed", ALWAYS)
    wait_until(lambda: NIC_FULL in daemon.status()["state_why"], 20, lambda: f"lost: {daemon.status()['nic_kernel']}")
    assert "in_missed" in wire.host.run(COMMAND, "status", renamed, check=False).stdout, "not in the text"
    fault(daemon, "nic-missed", 0)
    expect_one_line(daemon, NIC_FULL)
    expect_ok_again(daemon)
    daemon.stop()


@pytest.mark.parametrize("where", ["here", pytest.param("elsewhere", marks=pytest.mark.more)])
def test_port_tap_down(lab, where):
    """Port mode: the operator sets the TAP down: nothing passes, and that is not ok, wherever the TAP is."""
    wire, daemon, host, tap = port_daemon(lab, where)

    def expect(state, words, link):
        def said():
            status = daemon.status()
            return status["state"] == state and words in status["state_why"] and status["tap_link"] == link

        wait_until(said, 5, lambda: f"{state}, {words!r}, {link}: {daemon.status()['state_why']!r}, "
                                    f"{daemon.status()['tap_link']}")

    expect("ok", "", "up")
    host.ip("link", "set", tap, "down")
    expect("degraded", "the TAP is down", "down")
    assert ", the TAP is down" in " ".join(wire.host.run(COMMAND, "status", wire.nic, check=False).stdout.split())
    host.ip("link", "set", tap, "up")
    expect("ok", "", "up")
    wire.peer.ip("link", "set", wire.wire, "down")
    expect("ok", "", "no carrier")
    daemon.stop()


def test_link(lab, data):
    """Inline: the interface is down: not ok. It has no carrier: there is nothing to carry. Both are in the status."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)

    def expect(state, words, up, carrier):
        def said():
            status = daemon.status()
            device = status["device"]
            return (status["state"] == state and words in status["state_why"]
                    and (device["up"], device["carrier"]) == (up, carrier))

        wait_until(said, 5, lambda: f"{state}, {words!r}: {daemon.status()['state_why']!r} {daemon.status()['device']}")
        code = wire.host.run(COMMAND, "-q", "status", wire.nic, check=False).returncode
        assert code == (EXIT_OK if state == "ok" else EXIT_DEGRADED), f"exit code {code}"

    expect("ok", "", True, True)
    wire.host.ip("link", "set", wire.nic, "down")
    expect("degraded", "the interface is down", False, False)
    wire.host.ip("link", "set", wire.nic, "up")
    expect("ok", "", True, True)
    wire.peer.ip("link", "set", wire.wire, "down")
    expect("ok", "", True, False)
    assert ", no carrier" in " ".join(wire.host.run(COMMAND, "status", wire.nic).stdout.split()), "not in the text"
    wire.peer.ip("link", "set", wire.wire, "up")
    expect("ok", "", True, True)
    servers(lab, wire, data)
    transfer(lab, wire, data, "in", 4, length=32 << 20).finish()
    text = wire.host.run(COMMAND, "status", wire.nic).stdout
    assert " in one" in text and "segments each" not in text, f"two figures for one thing: {text}"
    daemon.stop()
