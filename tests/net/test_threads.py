# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The daemon's threads under ThreadSanitizer: what the main thread, the workers and the guard share is read and
written as stated, through start, load, rebuilds, changes and the end. `make SAN=thread B=build/tsan tsan-tests` builds
that daemon."""

import os
import signal

import pytest

from daemon import EXIT_OK, Daemon
from faulty import fault
from lab import BUILD, wait_until
from streams import servers, transfer
from wire import Wire, channels, follow_mtu

pytestmark = pytest.mark.more

SANITIZED = os.path.join(BUILD, "tsan", "faulty", "superpacketd")
# Without randomized addresses, for which older versions of ThreadSanitizer leave too little room (mmap_rnd_bits).
WRAPPER = ["env", "TSAN_OPTIONS=exitcode=66 history_size=4", "setarch", "--addr-no-randomize"]
SECONDS = 20  # for what takes less than 2 without the sanitizer


def sanitized(lab, wire, *options):
    if not os.path.exists(SANITIZED):
        pytest.skip(f"{SANITIZED} is not built: make test-more")
    daemon = Daemon(lab, wire.host, wire.nic, *options, program=SANITIZED, wrapper=WRAPPER)
    assert daemon.status()["rights"]["seccomp"] == "not filtered: built with a sanitizer", daemon.status()["rights"]
    return daemon


def carry(lab, wire, daemon, data, length=16 << 20):
    """A stream each way at once, while the status is asked for all the time."""
    streams = [transfer(lab, wire, data, direction, family, length=length)
               for direction, family in (("in", 4), ("out", 6))]
    while any(stream.process.running() for stream in streams):
        daemon.status()
    for stream in streams:
        stream.finish()


def recover(lab, wire, daemon, data, name, counter):
    """Something goes wrong once, under load; the counter says that the daemon has dealt with it."""
    before = daemon.total()[counter]
    streams = [transfer(lab, wire, data, direction, 4) for direction in ("in", "out")]
    fault(daemon, *name)
    wait_until(lambda: daemon.total()[counter] > before, SECONDS, f"{counter} grows; {daemon.process.tail()}")
    fault(daemon, name[0], 0)
    for stream in streams:
        stream.finish()
    wait_until(lambda: daemon.status()["state"] == "ok", SECONDS, "all is well again")


def expect_no_race(daemon):
    daemon.process.signal(signal.SIGTERM)
    daemon.process.wait(60, None)
    said = daemon.process.stderr()
    assert "ThreadSanitizer" not in said, said
    assert daemon.process.popen.returncode == EXIT_OK, f"it ended with {daemon.process.popen.returncode}"


def test_inline(lab, data):
    """ThreadSanitizer: start, load both ways, rebuilds, a deaf front end, changes of MTU, name and queues, end."""
    wire = Wire(lab, queues=4)
    channels(wire, 2)
    daemon = sanitized(lab, wire, "-v")
    servers(lab, wire, data)
    carry(lab, wire, daemon, data)
    recover(lab, wire, daemon, data, ("completion", 1), "rebuilds")
    recover(lab, wire, daemon, data, ("tap-write", 1 << 30), "stalls_tap")
    fault(daemon, "bind", 3)
    recover(lab, wire, daemon, data, ("completion", 1), "rebuilds")
    channels(wire, 4)
    wait_until(lambda: len(daemon.status()["queues"]) == 4, SECONDS, "4 queues are served")
    follow_mtu(wire, daemon, 3000)
    renamed = lab.unique("new")
    wire.host.ip("link", "set", wire.nic, "name", renamed)
    wait_until(lambda: daemon.status()["interface"] == renamed, SECONDS, "the name is followed")
    recover(lab, wire, daemon, data, ("completion", 1), "rebuilds")
    carry(lab, wire, daemon, data)
    expect_no_race(daemon)


def test_port(lab, data):
    """ThreadSanitizer, port mode: the carrier comes late."""
    wire = Wire(lab, host_addresses=False)
    tap = lab.unique("tap")
    wire.peer.ip("link", "set", wire.wire, "down")
    daemon = sanitized(lab, wire, "--mode", "port", "--tap", tap)
    wire.peer.ip("link", "set", wire.wire, "up")
    wait_until(lambda: daemon.status()["queues"][0]["xsk"]["proved"], SECONDS, "the queue is proved late")
    wire.peer.address(wire.wire, f"{wire.PEER6}/64")  # IPv6 addresses go with the link
    wire.address_host(wire.host, tap)
    servers(lab, wire, data)
    carry(lab, wire, daemon, data)
    expect_no_race(daemon)
