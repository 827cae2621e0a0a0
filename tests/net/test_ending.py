# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""However the daemon ends, the host is as it was and connections go on through the kernel."""

import os
import signal

import pytest

from capture import Capture, open_socket, send
from daemon import COMMAND, Daemon, HostState, wait_until_freed
from described import Packet, case_of, in_case
from lab import RUNTIME, wait_until
from streams import servers, transfer
from wire import Server, Transfer, Wire


def start_streams(lab, wire, data):
    """One each way; returns when both are well under way, with most still to come."""
    servers(lab, wire, data)
    streams = [transfer(lab, wire, data, direction, family)
               for direction, family in (("in", 4), ("out", 6))]
    for each in streams:
        each.wait_received(data.length // 10)
    return streams


def middle(streams):
    """Were they still running when it happened? Otherwise the test has shown nothing."""
    assert any(s.process.running() for s in streams), "the streams were over too early"


def ends(lab, data, end):
    """Starts the daemon, ends it in the middle of two streams; everything must go on."""
    wire = Wire(lab)
    before = HostState(wire.host)
    daemon = Daemon(lab, wire.host, wire.nic)
    objects = daemon.bpf_objects()
    assert any(kind == "link" for kind, _ in objects), f"it holds no BPF link: {objects}"
    tap = daemon.tap()
    streams = start_streams(lab, wire, data)
    end(daemon)
    middle(streams)
    for each in streams:
        each.finish()
    assert tap not in wire.host.links(), f"the TAP {tap} is still there"
    before.wait_restored()
    wait_until_freed(lab, objects)
    return wire


def test_kill_9(lab, data):
    """Inline: kill -9 in the middle of two streams; they complete, nothing is left."""
    wire = ends(lab, data, lambda daemon: daemon.kill())
    # whatever the dead one left must not stop the next one
    daemon = Daemon(lab, wire.host, wire.nic)
    Transfer(lab, wire.host, wire.PEER6, data, 32 << 20).finish()
    assert daemon.total()["rx_superpackets"] > 0, "the second daemon merged nothing"
    daemon.stop()


def test_sigterm(lab, data):
    """Inline: SIGTERM in the middle of two streams; the daemon ends well."""
    wire = ends(lab, data, lambda daemon: daemon.stop(signal.SIGTERM))
    left = [n for n in os.listdir(RUNTIME) if n.startswith(wire.nic)]
    assert not left, f"left in {RUNTIME}: {left}"


def test_sigint(lab, data):
    """Inline: SIGINT in the middle of two streams; the daemon ends well."""
    ends(lab, data, lambda daemon: daemon.stop(signal.SIGINT))


def test_abort(lab, data):
    """A daemon that dies by abort (SIGABRT) leaves nothing."""
    def end(daemon):
        daemon.process.signal(signal.SIGABRT)
        daemon.process.wait(10, -signal.SIGABRT)

    ends(lab, data, end)


def test_hung(lab, data):
    """Inline: a hung daemon (SIGSTOP) loses its traffic to the kernel, and gets it back."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    streams = start_streams(lab, wire, data)
    daemon.process.signal(signal.SIGSTOP)
    middle(streams)
    for each in streams:
        each.finish()
    # new connections too
    Transfer(lab, wire.host, wire.PEER4, data, 16 << 20).finish()
    daemon.process.signal(signal.SIGCONT)

    def served_again():
        before = daemon.total()["rx_packets"]
        Transfer(lab, wire.host, wire.PEER4, data, 4 << 20).finish()
        return daemon.total()["rx_packets"] - before > 1000

    wait_until(served_again, 30, "the daemon that goes on is given traffic again")
    daemon.stop()


def test_tap_deleted(lab, data):
    """Inline: somebody deletes the TAP under two streams; the daemon says so and ends."""
    def end(daemon):
        tap = daemon.tap()
        daemon.ns.ip("link", "del", tap)
        daemon.process.wait(10, 1)
        assert "the TAP is gone" in daemon.process.stderr(), daemon.process.stderr()

    ends(lab, data, end)


def test_port(lab, data):
    """Port mode: kill -9 and SIGTERM leave nothing but the TAP, and `superpacket clean` not even that."""
    wire = Wire(lab, host_addresses=False)
    before = HostState(wire.host)
    tap = lab.unique("tap")
    Server(lab, wire.peer, data)
    for end in (Daemon.kill, Daemon.stop):
        daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
        wire.address_host(wire.host, tap)
        Transfer(lab, wire.host, wire.PEER4, data, 16 << 20).finish()
        objects = daemon.bpf_objects()
        end(daemon)
        wire.host.run(COMMAND, "clean", wire.nic)
        before.wait_restored()
        wait_until_freed(lab, objects)


def test_held_at_the_end(lab):
    """Inline: what flows hold at an orderly end still goes up."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--hold", "1000000")
    count, seen = 300, set()
    frames = [in_case([Packet(length=100)], case)[0].frame(0) for case in range(count)]

    def see(packet):
        number = case_of(packet.frame)
        if number is not None:
            seen.add(number)

    with Capture(wire.host, wire.nic, see):
        sock = open_socket(wire.peer, wire.wire, receive=False)
        for frame in frames:
            send(sock, frame)
        sock.close()
        wait_until(lambda: daemon.total()["rx_held_packets"] >= count, 5,
                   lambda: f"all are held; {daemon.total()}")
        assert len(seen) == 0, "they went up before the end"
        daemon.stop()
        wait_until(lambda: len(seen) == count, 5, lambda: f"{count} went up; {len(seen)} did")


@pytest.mark.more
def test_start_stop_50(lab):
    """Start and stop 50 times: nothing is left."""
    wire = Wire(lab)
    before = HostState(wire.host)
    objects = set()
    for round in range(50):
        daemon = Daemon(lab, wire.host, wire.nic)
        objects |= daemon.bpf_objects()
        if round % 5 == 4:
            daemon.kill()
        else:
            daemon.stop()
    before.wait_restored()
    wait_until_freed(lab, objects)
