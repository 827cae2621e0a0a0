# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What is lost has a name, also where only the kernel has counted it, and a loss that goes on is not `ok`."""

import signal
import socket
import threading
import time

import pytest

from daemon import COMMAND, EXIT_DEGRADED, EXIT_OK, Daemon
from faulty import expect_one_line
from lab import wait_until
from streams import servers, transfer
from wire import Wire

pytestmark = pytest.mark.alone  # it looks at times

LOST = "of what is sent are lost, most because the TAP's queue is full"
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


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_tap_queue(lab, where):
    """Port mode: the TAP's own queue overflows again and again: counted as `ip -s link` does, wherever the TAP is;
    degraded, with what helps; and ok when it has ended."""
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    host = wire.host
    if where == "elsewhere":
        host = lab.namespace("container")
        wire.host.ip("link", "set", tap, "netns", host.name)
        host.up(tap)
    wire.address_host(host, tap)
    flood = Flood(lab, host, wire.PEER4)
    end = time.monotonic() + 60
    while daemon.status()["state"] != "degraded" and time.monotonic() < end:
        for _ in range(5):
            daemon.process.signal(signal.SIGSTOP)
            time.sleep(0.08)  # the queue has 256 packets
            daemon.process.signal(signal.SIGCONT)
            time.sleep(0.12)
    status = daemon.status()
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
    wait_until(lambda: daemon.status()["state"] == "ok", 20, lambda: f"ok again: {daemon.status()['state_why']!r}")
    expect_one_line(daemon, ENDED)
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
