# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""How much memory the queues take: said, capped, and never more than there is."""

import os
import re
import shutil

import pytest

from daemon import DAEMON, EXIT_FAILED, Daemon
from lab import wait_until
from streams import servers, transfer
from test_errors import expect_refusal
from wire import Wire, channels

MIB = 1 << 20
QUEUES = 16
# Pages of libraries, stacks and what the kernel counts elsewhere.
SLACK = 12 * MIB
LOCKED = 8 * MIB  # as many machines have it


def resident(daemon):
    """What the process has in memory; the kernel holds the sockets' part of it there."""
    with open(f"/proc/{daemon.pid}/status") as file:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", file.read(), re.M)[1]) << 10


def carry(lab, wire, data, length=32 * MIB):
    servers(lab, wire, data)
    streams = [transfer(lab, wire, data, direction, family, length=length)
               for direction in ("in", "out") for family in (4, 6)]
    for stream in streams:
        stream.finish()


def test_said(lab, data):
    """What is used is said at start and in the status, and that is what is used."""
    wire = Wire(lab, queues=2)
    daemon = Daemon(lab, wire.host, wire.nic)
    memory = daemon.status()["memory"]
    assert memory["ring_entries"] == 4096, f"{memory}"
    assert memory["tap_bytes"] == 2 * 272 * MIB, f"{memory}"  # 4096 superpackets a queue
    said = re.search(r"memory: ([\d.]+) MiB, for 2 queues of ([\d.]+) MiB.*4096 packets a queue may wait in the TAP, "
                     r"which takes 544 MiB more", daemon.process.stderr())
    assert said and float(said[1]) == round(memory["total_bytes"] / MIB, 1), daemon.process.stderr()
    carry(lab, wire, data)
    # the engine's memory is touched as it is needed, and the kernel's part is not the process's
    least = memory["total_bytes"] - 2 * (memory["kernel_bytes"] + 3 * MIB) - 8 * MIB
    assert least <= resident(daemon) <= memory["total_bytes"] + SLACK, f"{resident(daemon)} of {memory}"
    daemon.stop()


def test_many_queues(lab, data):
    """16 queues in 64 MiB: all are served, with short rings; it says so, and stays below."""
    wire = Wire(lab, queues=QUEUES)
    daemon = Daemon(lab, wire.host, wire.nic, "--memory", "64M")
    status = daemon.status()
    assert len(status["queues"]) == QUEUES and status["state"] == "ok", f"{status['state_why']}"
    memory = status["memory"]
    assert (memory["ring_entries"], memory["cap_bytes"], memory["cap_why"]) == (256, 64 * MIB, "--memory"), f"{memory}"
    assert "rings have 256 entries instead of 4096" in daemon.process.stderr(), daemon.process.stderr()
    length = wire.host.ip_json("link", "show", "dev", daemon.tap())[0]["txqlen"]
    assert length == 256 and memory["tap_bytes"] == QUEUES * 17 * MIB, f"the TAP's queue of {length}, {memory}"
    carry(lab, wire, data)
    total = daemon.total()
    assert total["rx_superpackets"] and total["tx_superpackets"], f"nothing was merged or cut: {total}"
    assert memory["total_bytes"] <= 64 * MIB and resident(daemon) <= 64 * MIB, f"{resident(daemon)} of {memory}"
    daemon.stop()


def test_fewer_queues(lab, data):
    """16 queues in 30 MiB: inline so many are served as fit, the kernel carries the rest; the numbers are said."""
    wire = Wire(lab, queues=QUEUES)
    daemon = Daemon(lab, wire.host, wire.nic, "--memory", "30M")
    served = len(daemon.status()["queues"])
    assert 0 < served < QUEUES, f"{served} queues are served"
    said = daemon.process.stderr()
    assert f"of its 16 queues the first {served} are served, and the kernel carries the rest" in said, said
    assert re.search(r"all would need [\d.]+ MiB, and may have 30\.0 MiB \(--memory\)", said), said
    carry(lab, wire, data)
    daemon.stop()


def test_refused(lab):
    """What was asked for and does not fit is refused, with the numbers; in port mode fewer queues are never served."""
    wire = Wire(lab, queues=QUEUES)
    argv = [DAEMON, "--interface", wire.nic, "--memory", "30M"]
    numbers = ["16 queues need", "MiB at least", "may have 30.0 MiB (--memory)", "--queues"]
    expect_refusal(wire.host, [*argv, "--mode", "port", "--tap", lab.unique("tap")], [EXIT_FAILED], numbers)
    expect_refusal(wire.host, [*argv, "--queues", "16"], [EXIT_FAILED], numbers)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--memory", "9M", "--queues", "1"], [EXIT_FAILED],
                   ["1 queue needs", "may have 9.0 MiB"])


def test_queue_added(lab, data):
    """A queue that comes later and does not fit is left to the kernel; this is said once."""
    wire = Wire(lab, queues=2)
    channels(wire, 1)
    daemon = Daemon(lab, wire.host, wire.nic, "--memory", "12M")
    channels(wire, 2)
    wait_until(lambda: "only 1 are served for now" in daemon.process.stderr(), 5, "the second queue is left out")
    assert "1 more queue does not fit into 12.0 MiB (--memory)" in daemon.process.stderr(), daemon.process.stderr()
    carry(lab, wire, data)
    daemon.stop()


def test_jumbo_in_little(lab, data):
    """The smallest sizes carry the largest frames."""
    wire = Wire(lab, mtu=9000)
    daemon = Daemon(lab, wire.host, wire.nic, "--memory", "11M")
    assert daemon.status()["memory"]["ring_entries"] == 256, f"{daemon.status()['memory']}"
    carry(lab, wire, data)
    drops = daemon.own_drops().keys() - {"rx_stale", "tx_stale"}  # of a machine that is busy
    assert not drops, f"{daemon.own_drops()}"
    daemon.stop()


def test_locked(lab, data):
    """Without CAP_IPC_LOCK the limit of locked memory counts: sizes shrink below it."""
    wire = Wire(lab)
    runtime = os.path.join(lab.tmp, "run")
    os.mkdir(runtime)
    os.chown(runtime, 4712, 4712)  # the limit is of a user: this one has nothing else
    program = shutil.copy(DAEMON, lab.tmp)
    os.chmod(program, 0o755)
    caps = "+net_admin,+net_raw,+bpf,+perfmon"
    daemon = Daemon(lab, wire.host, wire.nic, program=program, wrapper=[
        "prlimit", f"--memlock={LOCKED}", "setpriv", "--reuid=4712", "--regid=4712", "--clear-groups",
        f"--inh-caps=-all,{caps}", f"--ambient-caps=-all,{caps}", f"--bounding-set=-all,{caps}",
        "env", f"RUNTIME_DIRECTORY={runtime}"])
    assert "rings have 512 entries instead of 4096, so that all fits into 16.0 MiB (the limit of locked memory" in (
        daemon.process.stderr()), daemon.process.stderr()
    carry(lab, wire, data)
    daemon.stop()


class Cgroup:
    """A cgroup of ours with a memory limit, of the version that there is."""

    VERSIONS = {"/sys/fs/cgroup/memory": ("memory.limit_in_bytes", "memory.max_usage_in_bytes"),
                "/sys/fs/cgroup": ("memory.max", "memory.peak")}

    def __init__(self, lab, limit):
        why = []
        for mount, (self.limit, self.peak) in self.VERSIONS.items():
            self.path = os.path.join(mount, os.path.basename(lab.tmp))
            try:
                os.mkdir(self.path)
                lab.cleanup(lambda: wait_until(self._remove, 5, "the cgroup is empty"))
                with open(os.path.join(self.path, self.limit), "w") as file:
                    file.write(str(limit))
                return
            except OSError as error:
                why.append(f"{mount}: {error.strerror}")
        pytest.skip(f"no cgroup with a memory limit can be made here: {'; '.join(why)}")

    def _remove(self):
        try:
            os.rmdir(self.path)
        except OSError:
            return False
        return True

    def wrapper(self):
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    def peak_bytes(self):
        with open(os.path.join(self.path, self.peak)) as file:
            return int(file.read())


def test_cgroup(lab, data):
    """16 queues in a cgroup of 256 MiB: a quarter of that is used, and nobody is killed."""
    wire = Wire(lab, queues=QUEUES)
    cgroup = Cgroup(lab, 256 * MIB)
    daemon = Daemon(lab, wire.host, wire.nic, wrapper=cgroup.wrapper())
    status = daemon.status()
    assert len(status["queues"]) == QUEUES, f"{len(status['queues'])} queues"
    memory = status["memory"]
    assert memory["cap_why"] == "a quarter of what is left to its cgroup", f"{memory}"
    assert memory["cap_bytes"] <= 64 * MIB, f"{memory}"
    carry(lab, wire, data)
    assert cgroup.peak_bytes() <= memory["total_bytes"] + memory["tap_bytes"], f"{cgroup.peak_bytes()} of {memory}"
    daemon.stop()
