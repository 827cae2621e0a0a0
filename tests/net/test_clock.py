# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A daemon in a time namespace, whose clock is not that of the BPF programs."""

import os
import shutil
import signal

import pytest

from daemon import DAEMON, Daemon
from faulty import FAULTY, expect_one_line, faults
from lab import wait_until
from stopping import stop_and_go
from streams import servers, transfer
from wire import Wire

pytestmark = pytest.mark.alone  # it looks at times


def time_namespace_of(pid):
    return os.readlink(f"/proc/{pid}/ns/time")


def shifted_daemon(lab, wire, seconds):
    """One whose CLOCK_MONOTONIC is so many seconds ahead of the kernel's."""
    if not os.path.exists("/proc/self/ns/time") or not shutil.which("unshare"):
        pytest.skip("this kernel has no time namespaces, or unshare is missing")
    wrapper = "unshare", "--time", "--monotonic", str(seconds)
    if wire.host.run(*wrapper, "true", check=False).returncode:
        pytest.skip("no time namespace can be made here")
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp", wrapper=wrapper)
    if time_namespace_of(daemon.pid) == time_namespace_of("self"):
        pytest.skip("a program does not enter the time namespace by exec (Linux 6.3)")
    return daemon


@pytest.mark.parametrize("seconds", [3, 1000000, -600])
def test_stopped(lab, seconds):
    """Inline, in a time namespace: served; a stopped daemon loses a flow within 100 ms, and gets it back."""
    wire = Wire(lab)
    daemon = shifted_daemon(lab, wire, seconds)
    stop_and_go(lab, wire, daemon, lambda: daemon.process.signal(signal.SIGSTOP))
    assert f"the monotonic clock is shifted by {seconds}.0 s" in daemon.process.stderr(), (
        f"the log does not say so: {daemon.process.tail()}")


def test_second_daemon(lab):
    """Another daemon, in the kernel's time, sees that the one in a time namespace is alive."""
    wire = Wire(lab)
    shifted_daemon(lab, wire, -600)
    other = lab.start(["env", "RUNTIME_DIRECTORY=" + lab.tmp, DAEMON,
                       "--interface", wire.nic, "--tap", "other"], ns=wire.host, name="other")
    other.wait(10, 1)
    assert "another superpacketd" in other.stderr(), other.tail()


def test_uncounted(lab, data):
    """The programs' clock is taken for another one: the kernel carries all, and the daemon is degraded, not ok."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, program=FAULTY, wrapper=faults(clock=1))
    servers(lab, wire, data)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=64 << 20).finish()
    wait_until(lambda: daemon.status()["state"] == "degraded", 5, "the daemon says degraded")
    assert "the XDP program counts none" in daemon.status()["state_why"], daemon.status()["state_why"]
    assert daemon.total()["rx_packets"] == 0, "the program counts the heartbeats"
    expect_one_line(daemon, "the XDP program counts none")
    daemon.stop()
