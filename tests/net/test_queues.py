# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Several queues: a flow stays on one worker both ways, and the number of queues may change."""

import os
import re

import pytest

from daemon import COMMAND, DAEMON, EXIT_FAILED, Daemon, add_up
from lab import BUILD, wait_until
from streams import expect_clean, servers, transfer
from wire import Wire, channels

SHIM = os.path.join(BUILD, "tests", "fewer_channels.so")


def per_queue(daemon, *names):
    return [[queue[name] for name in names] for queue in daemon.status()["queues"]]


def moved(before, after):
    return [[now - then for now, then in zip(*pair)] for pair in zip(after, before)]


def test_flow_stays(lab, data):
    """Inline, 4 queues: the packets of a flow go in and out by one worker."""
    wire = Wire(lab, queues=4)
    daemon = Daemon(lab, wire.host, wire.nic)
    assert len(daemon.status()["queues"]) == 4, "not all 4 queues are served"
    servers(lab, wire, data)
    used = set()
    for number in range(12):
        direction = ("in", "out")[number % 2]
        before = per_queue(daemon, "rx_packets", "tap_packets")
        transfer(lab, wire, data, direction, (4, 6)[number // 2 % 2], length=8 << 20).finish()
        difference = moved(before, per_queue(daemon, "rx_packets", "tap_packets"))
        rx, tx = ([queue[i] for queue in difference] for i in (0, 1))
        home = rx.index(max(rx))
        used.add(home)
        # the first packets of a connection go out before one has come in, where the hash says
        few = lambda counts: sum(counts) - counts[home] <= 4 + 0.02 * sum(counts)
        assert few(rx), f"{direction}: it came in by several queues: {rx}"
        assert few(tx), f"{direction}: in by queue {home}, but out by {tx}"
    assert len(used) > 1, f"12 connections all went by queue {used}: nothing is shown"
    expect_clean(daemon, [wire.host, wire.peer])
    daemon.stop()


def test_added(lab, data):
    """Inline: queues are added under two streams; each gets a worker, nothing is lost."""
    wire = Wire(lab, queues=4)
    channels(wire, 1)
    daemon = Daemon(lab, wire.host, wire.nic)
    assert len(daemon.status()["queues"]) == 1, f"more than one queue: {daemon.status()['queues']}"
    servers(lab, wire, data)
    streams = [transfer(lab, wire, data, direction, family)
               for direction, family in (("in", 4), ("out", 6))]
    for stream in streams:
        stream.wait_received(data.length // 10)
    for cnt in (2, 4):
        channels(wire, cnt)
        wait_until(lambda: len(daemon.status()["queues"]) == cnt, 5, f"{cnt} queues are served")
        assert cnt > 2 or any(s.process.running() for s in streams), "the streams were over too early"
    for stream in streams:
        stream.finish()
    for queue in daemon.status()["queues"]:
        assert not add_up(queue), f"counters do not add up: {add_up(queue)}"
    before = per_queue(daemon, "rx_packets", "tap_packets")
    for number in range(12):
        transfer(lab, wire, data, ("in", "out")[number % 2], 4, length=4 << 20).finish()
    difference = moved(before, per_queue(daemon, "rx_packets", "tap_packets"))
    assert sum(rx > 100 for rx, _ in difference) > 1, f"the new queues carry nothing: {difference}"
    daemon.stop()


def test_taken_away(lab, data):
    """The kernel takes away no queue that has a socket; after the daemon it does."""
    wire = Wire(lab, queues=2)
    daemon = Daemon(lab, wire.host, wire.nic)
    wire.peer.run("ethtool", "-L", wire.wire, "tx", "1")
    fewer = ["ethtool", "-L", wire.nic, "rx", "1", "tx", "1"]
    refused = wire.host.run(*fewer, check=False)
    assert refused.returncode != 0 and "AF_XDP" in refused.stderr, f"not refused: {refused}"
    servers(lab, wire, data)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=8 << 20).finish()
    assert len(daemon.status()["queues"]) == 2, "a queue is served no more"
    expect_clean(daemon, [wire.host, wire.peer])
    daemon.stop()
    wait_until(lambda: wire.host.run(*fewer, check=False).returncode == 0, 5, "the queue can be taken away")


def test_fewer(lab, data):
    """Inline: a driver takes queues away under two streams, and gives them back; nothing is lost."""
    wire = Wire(lab, queues=4)
    count = os.path.join(lab.tmp, "channels")

    def set_count(cnt):
        with open(count, "r+" if os.path.exists(count) else "w") as file:
            file.write(str(cnt))

    set_count(0)
    daemon = Daemon(lab, wire.host, wire.nic,
                    wrapper=["env", f"LD_PRELOAD={SHIM}", f"FEWER_CHANNELS={count}"])
    servers(lab, wire, data)
    streams = [transfer(lab, wire, data, direction, family)
               for direction, family in (("in", 4), ("out", 6))]
    for stream in streams:
        stream.wait_received(data.length // 10)
    for cnt in (3, 1):
        set_count(cnt)
        wire.host.ip("link", "set", wire.nic, "alias", f"{cnt} queues")  # news of the link
        wait_until(lambda: len(daemon.status()["queues"]) == cnt, 10, f"{cnt} queues are served")
        assert cnt < 3 or any(s.process.running() for s in streams), "the streams were over too early"
    for stream in streams:
        stream.finish()
    # what still comes by the others the kernel has, and it goes out by the one that is left
    for number in range(8):
        transfer(lab, wire, data, ("in", "out")[number % 2], 4, length=4 << 20).finish()
    status = daemon.status()
    assert status["steer"]["pass_no_socket"] > 0, f"the others still have their sockets: {status['steer']}"
    assert status["state"] == "ok", f"state {status['state']}: {status['state_why']}"
    set_count(0)
    wire.host.ip("link", "set", wire.nic, "alias", "all queues")
    wait_until(lambda: len(daemon.status()["queues"]) == 4, 10, "all queues are served again")
    for number in range(8):
        transfer(lab, wire, data, ("in", "out")[number % 2], 4, length=4 << 20).finish()
    assert sum(rx > 100 for rx, _ in per_queue(daemon, "rx_packets", "tap_packets")) > 1, (
        "the queues that came back carry nothing")
    expect_clean(daemon, [wire.host, wire.peer])
    daemon.stop()


def test_returns_otherwise(lab, data):
    """Port mode: the NIC comes back with fewer, then with more queues; the TAP's queues follow."""
    wire = Wire(lab, queues=4, host_addresses=False)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap)
    wire.address_host(wire.host, tap)
    servers(lab, wire, data)
    for cnt in (1, 4):
        wire.host.ip("link", "del", wire.nic)
        wait_until(lambda: daemon.status()["state"] == "waiting", 5, "the daemon waits")
        lab.veth(wire.host, wire.nic, wire.peer, wire.wire, queues=cnt)
        wire.peer.ethtool_off(wire.wire, "tx")
        wire.peer.address(wire.wire, f"{wire.PEER4}/24", f"{wire.PEER6}/64")
        wait_until(lambda: daemon.status()["state"] == "ok", 10, "the daemon goes on")
        assert len(daemon.status()["queues"]) == cnt, f"{len(daemon.status()['queues'])} queues, not {cnt}"
        # a TAP queue that nobody reads would swallow the flows whose hash is its own
        for number in range(8):
            transfer(lab, wire, data, ("in", "out")[number % 2], 4, length=1 << 20).finish(20)
    daemon.stop()


def affinities(daemon):
    """Of its workers, by queue: sets of CPUs."""
    workers = {}
    for thread in os.listdir(f"/proc/{daemon.pid}/task"):
        with open(f"/proc/{daemon.pid}/task/{thread}/comm") as comm:
            name = comm.read().strip()
        if name.startswith("queue "):
            workers[int(name.split()[1])] = os.sched_getaffinity(int(thread))
    return [workers[queue] for queue in sorted(workers)]


def test_pinned(lab, data):
    """Workers run on the CPUs of --cpus, in turns, later ones too; on veth on any by default."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("there is one CPU only")
    first, second = cpus[:2]
    wire = Wire(lab, queues=4)
    channels(wire, 2)
    daemon = Daemon(lab, wire.host, wire.nic, "--cpus", f"{second},{first}")
    channels(wire, 4)
    wait_until(lambda: len(daemon.status()["queues"]) == 4, 5, "4 queues are served")
    order = [second, first, second, first]
    assert affinities(daemon) == [{cpu} for cpu in order], f"threads run on {affinities(daemon)}"
    shown = [queue["cpu"] for queue in daemon.status()["queues"]]
    assert shown == order, f"status says {shown}"
    text = wire.host.run(COMMAND, "status", wire.nic).stdout
    assert re.search(rf"CPUs +{' '.join(map(str, order))} \(asked for with --cpus\)", text), text
    servers(lab, wire, data)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=8 << 20).finish()
    daemon.stop()

    for options in ((), ("--cpus", "none")):
        daemon = Daemon(lab, wire.host, wire.nic, *options)
        assert affinities(daemon) == [set(cpus)] * 4, f"{options}: threads run on {affinities(daemon)}"
        assert all(queue["cpu"] is None for queue in daemon.status()["queues"]), f"{options}: status"
        daemon.stop()

    done = wire.host.run(DAEMON, "--interface", wire.nic, "--cpus", "1023", check=False)
    assert done.returncode == EXIT_FAILED and "CPU 1023 does not exist" in done.stderr, done.stderr
