# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Signals that are no wish to end do not end the daemon; a second one that is ends it at once."""

import signal

from daemon import EXIT_OK, Daemon
from faulty import expect_one_line, fault, faulty
from lab import wait_until
from streams import servers, transfer
from wire import Wire

IGNORED = {signal.SIGHUP: "SIGHUP: nothing is reloaded", signal.SIGUSR1: "SIGUSR1 has no meaning here",
           signal.SIGUSR2: "SIGUSR2 has no meaning here"}


def test_ignored(lab, data):
    """Inline: SIGHUP, SIGUSR1 and SIGUSR2 under a stream are logged, and the daemon carries on."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    stream = transfer(lab, wire, data, "in", 4)
    stream.wait_received(data.length // 10)
    for signum, said in IGNORED.items():
        daemon.process.signal(signum)
        wait_until(lambda text=said: text in daemon.process.stderr() or not daemon.process.running(), 5, said)
        assert daemon.process.running(), f"{signum.name} has ended it"
        expect_one_line(daemon, said)
    assert f"'systemctl restart superpacketd@{wire.nic}'" in daemon.process.stderr(), "it does not say what helps"
    before = daemon.total()["rx_packets"]
    stream.finish()
    transfer(lab, wire, data, "in", 4, length=8 << 20).finish()
    assert daemon.total()["rx_packets"] > before, "the daemon carries nothing any more"
    assert daemon.status()["state"] == "ok", daemon.status()["state_why"]
    daemon.stop()


def draining(lab, data):
    """A daemon that has been told to end, and drains for half a second: a completion is missing."""
    wire = Wire(lab)
    daemon = faulty(lab, wire)
    servers(lab, wire, data)
    transfer(lab, wire, data, "out", 4).wait_received(data.length // 10)
    fault(daemon, "completion", 1)
    daemon.process.signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in daemon.process.stderr(), 5, "it drains")
    return daemon


def test_ignored_at_the_end(lab, data):
    """While the daemon drains, the same signals end nothing early."""
    daemon = draining(lab, data)
    for signum in IGNORED:
        daemon.process.signal(signum)
    daemon.process.wait(15, EXIT_OK)


def test_second_sigterm(lab, data):
    """While the daemon drains, a second SIGTERM ends it at once."""
    daemon = draining(lab, data)
    daemon.process.signal(signal.SIGTERM)
    daemon.process.wait(15, 128 + signal.SIGTERM)
