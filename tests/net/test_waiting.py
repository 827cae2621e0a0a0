# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a daemon does when there is nothing to do, and what that costs."""

import os
import time

from daemon import Daemon
from harness import test
from lab import Skip, expect
from test_bulk import servers, transfer
from wire import Wire

PERIOD = 3  # seconds that are accounted


def cpu_ns(daemon):
    """Time that the daemon's threads have been on a CPU."""
    total = 0
    for task in os.listdir(f"/proc/{daemon.pid}/task"):
        with open(f"/proc/{daemon.pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total


def load(daemon):
    """Of a core, over PERIOD, while nothing happens."""
    if not os.path.exists("/proc/self/schedstat"):
        raise Skip("this kernel does not account for CPU time exactly (CONFIG_SCHED_INFO)")
    before, began = cpu_ns(daemon), time.monotonic()
    time.sleep(PERIOD)  # this is what is measured, nothing is waited for
    return (cpu_ns(daemon) - before) / 1e9 / (time.monotonic() - began)


def carries(lab, wire, daemon, data):
    """Both ways, through superpackets, as ever."""
    servers(lab, wire, data)
    before = daemon.total()
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=64 << 20).finish()
    after = daemon.total()
    expect(after["rx_superpackets"] > before["rx_superpackets"], "nothing was merged")
    expect(after["tx_superpackets"] > before["tx_superpackets"], "nothing was cut")
    expect(not any(after["drops"].values()), f"drops: {after['drops']}")


@test("--wait event, the default: idle costs less than 1 % of a core, also after traffic", seconds=60)
def event(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    expect(daemon.status()["wait"] == "event", "not the default")
    idle = load(daemon)
    expect(idle < 0.01, f"idle costs {idle:.2%} of a core")
    carries(lab, wire, daemon, data)
    idle = load(daemon)
    expect(idle < 0.01, f"idle costs {idle:.2%} of a core after traffic")
    daemon.stop()


@test("--wait spin: looks on for a while, then sleeps", seconds=60)
def spin(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--wait", "spin:200")
    expect(daemon.status()["spin_us"] == 200, "another time")
    carries(lab, wire, daemon, data)
    idle = load(daemon)
    # nothing has moved when it wakes every 20 ms, so it sleeps on
    expect(idle < 0.02, f"idle costs {idle:.2%} of a core")
    daemon.stop()


@test("--wait poll: never sleeps, and carries as ever", seconds=60)
def poll(lab, data):
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--wait", "poll")
    carries(lab, wire, daemon, data)
    polls, idle = daemon.total()["polls"], load(daemon)
    expect(daemon.total()["polls"] == polls == 0, f"slept {polls} times")
    # what the others on the machine leave it
    expect(idle > 0.05, f"polling took only {idle:.2%} of a core")
    daemon.stop()
