# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a daemon does when there is nothing to do, and what that costs."""

import os
import time

import pytest

from daemon import Daemon
from starved import threads
from streams import servers, transfer
from wire import Wire

pytestmark = pytest.mark.alone  # it looks at times

PERIOD = 3  # seconds that are accounted
MEASUREMENTS = 6
WAKINGS = 100


def cpu_ns(daemon):
    """Time that the daemon's threads have been on a CPU."""
    return sum(ran for ran, _, _ in threads(daemon.pid).values())


def load(daemon):
    """Of a core, over PERIOD, while nothing happens; and what another process takes that does no more than wake up
    WAKINGS times a second, which is little on a fast machine."""
    if not os.path.exists("/proc/self/schedstat"):
        pytest.skip("this kernel does not account for CPU time exactly (CONFIG_SCHED_INFO)")
    before, own, began = cpu_ns(daemon), time.thread_time(), time.monotonic()
    while time.monotonic() < began + PERIOD:  # this is what is measured, nothing is waited for
        time.sleep(1 / WAKINGS)
    took = time.monotonic() - began
    return (cpu_ns(daemon) - before) / 1e9 / took, (time.thread_time() - own) / took


def expect_idle(daemon, limit, when=""):
    """Below `limit` of a core; where waking up alone costs that much, below a few times that. The daemon wakes up as
    often, for its heartbeat and its worker, and each time looks around with some system calls. Others on the machine
    make that dearer (their data is in the caches), so the least of some measurements counts."""
    seen = []
    while len(seen) < MEASUREMENTS:
        idle, waking = load(daemon)
        seen.append(f"{idle:.2%} of a core, {max(limit, 4 * waking):.2%} at most")
        if idle < max(limit, 4 * waking):
            return
    raise AssertionError(f"idle costs too much{when}: {'; '.join(seen)}")


def carries(lab, wire, daemon, data):
    """Both ways, through superpackets, as ever."""
    servers(lab, wire, data)
    before = daemon.total()
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=64 << 20).finish()
    after = daemon.total()
    assert after["rx_superpackets"] > before["rx_superpackets"], "nothing was merged"
    assert after["tx_superpackets"] > before["tx_superpackets"], "nothing was cut"
    assert not daemon.own_drops(), f"drops: {daemon.own_drops()}"


def test_event(lab, data):
    """With --wait event, the default, an idle daemon costs less than 1 % of a core, also after traffic."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    assert daemon.status()["wait"] == "event", "not the default"
    expect_idle(daemon, 0.01)
    carries(lab, wire, daemon, data)
    expect_idle(daemon, 0.01, " after traffic")
    daemon.stop()


def test_spin(lab, data):
    """With --wait spin the daemon polls for a while, then sleeps."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--wait", "spin:200")
    assert daemon.status()["spin_us"] == 200, "another time"
    carries(lab, wire, daemon, data)
    # nothing has moved when it wakes every 20 ms, so it sleeps on
    expect_idle(daemon, 0.02)
    daemon.stop()


def test_poll(lab, data):
    """With --wait poll the daemon never sleeps, and carries traffic as ever."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--wait", "poll")
    carries(lab, wire, daemon, data)
    polls, (idle, _) = daemon.total()["polls"], load(daemon)
    assert daemon.total()["polls"] == polls == 0, f"slept {polls} times"
    # what the others on the machine leave it
    assert idle > 0.05, f"polling took only {idle:.2%} of a core"
    daemon.stop()
