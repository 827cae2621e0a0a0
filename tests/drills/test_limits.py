# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a host may deny: descriptors, memory, capabilities, directories, devices. With each the daemon works, or says in
clear text why not; either way nothing is left behind. (The control is the first case, in which nothing is denied.)"""

import contextlib
import json
import os
import signal

import pytest

from crowd import Crowd
from daemon import COMMAND, DAEMON, EXIT_FAILED, EXIT_NO_PERMISSION, EXIT_NOT_SUPPORTED, EXIT_OK, HostState
from drill import DRILL
from lab import PREFIX, RUNTIME, wait_until
from wire import Wire

pytestmark = DRILL

REFUSED = (EXIT_FAILED, EXIT_NO_PERMISSION, EXIT_NOT_SUPPORTED)
CAPABILITIES = ("net_admin", "net_raw", "bpf", "perfmon", "ipc_lock")
MIB = 1 << 20
CGROUPS = "/sys/fs/cgroup"


def limited(**limits):
    return ["prlimit", *(f"--{name}={value}:{value}" for name, value in limits.items())]


def only(*capabilities):
    """Root's own are not enough to name a file of another: it starts as root, and has no others."""
    names = ",".join(f"+{name}" for name in capabilities)
    return ["setpriv", f"--bounding-set=-all{names and ',' + names}", "--inh-caps=-all"]


def in_view(*commands):
    """In a mount namespace of its own, where these have been run."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c",
            " && ".join([*commands, 'exec "$@"']), "sh"]


def shell(prefix, suffix=""):
    return ["sh", "-c", f'{prefix} exec "$@" {suffix}', "sh"]


CASES = {
    "nothing is denied": [],
    **{f"{n} descriptors": limited(nofile=n) for n in (8, 16, 24, 32, 48, 64)},
    "no locked memory": limited(memlock=0),
    "no locked memory, nor CAP_IPC_LOCK": [*limited(memlock=0), *only("net_admin", "net_raw", "bpf", "perfmon")],
    "8 MiB of locked memory, no CAP_IPC_LOCK": [*limited(memlock=8 * MIB),
                                                *only("net_admin", "net_raw", "bpf", "perfmon")],
    **{f"{n} MiB of address space": limited(**{"as": n * MIB}) for n in (16, 32, 64, 96, 128, 192, 256)},
    "a stack of 64 KiB": limited(stack=64 << 10),
    "only the five capabilities": only(*CAPABILITIES),
    **{f"no CAP_{missing.upper()}": only(*(name for name in CAPABILITIES if name != missing))
       for missing in CAPABILITIES},
    "a run directory that is read-only": in_view(f"mount -t tmpfs -o ro none {RUNTIME}"),
    "a run directory without room": in_view(f"mount -t tmpfs -o nr_inodes=1 none {RUNTIME}"),
    "no /dev/net/tun": in_view("mount -t tmpfs none /dev/net"),
    "/dev/net/tun is another device": in_view("mount --bind /dev/null /dev/net/tun"),
    "no /sys": in_view("mount -t tmpfs none /sys"),
    "no /proc": in_view("mount -t tmpfs none /proc"),
    "descriptors 0 to 2 are closed": shell("", "<&- >&- 2>&-"),
    "stderr is full": shell("", "2>/dev/full"),
    "a umask of 0777": shell("umask 0777;"),
    "no environment": ["env", "-i", f"RUNTIME_DIRECTORY={RUNTIME}"],
}


@contextlib.contextmanager
def cgroup(controller, name, value):
    """A wrapper into a cgroup of its own with this limit. Skips where there are none to be had (version 1)."""
    path = os.path.join(CGROUPS, controller, f"{PREFIX}{os.getpid()}")
    try:
        os.mkdir(path)
    except OSError as error:
        pytest.skip(f"no cgroup can be made in {CGROUPS}/{controller}: {error.strerror}")
    try:
        with open(os.path.join(path, name), "w") as file:
            file.write(str(value))
        yield shell(f"echo $$ > {path}/cgroup.procs;")
    finally:
        wait_until(lambda: not open(os.path.join(path, "cgroup.procs")).read(), 5, "the cgroup is empty")
        os.rmdir(path)


def outcome(drill, wire, wrapper):
    """(works, what was said) of a daemon behind the wrapper, which has ended again."""
    process = drill.lab.start([*wrapper, DAEMON, "--interface", wire.nic], ns=wire.host, name="superpacketd")

    def answers():
        # some have no stderr on which they could say "ready"
        said = wire.host.run(COMMAND, "status", "-j", wire.nic, check=False).stdout
        return any(entry.get("pid") == process.pid for entry in json.loads(said or "[]"))

    wait_until(lambda: not process.running() or "ready" in process.stderr() or answers(), 15,
               lambda: f"it is ready or has ended: {process.tail()}")
    if process.running():
        crowd = Crowd(drill.lab, wire.host, wire.peer, [wire.PEER4, wire.PEER6], count=5)
        lost, wrong, why = crowd.finish()
        assert lost == 0 and wrong == 0, f"{lost} connections lost, {wrong} bytes wrong: {why}"
        process.signal(signal.SIGTERM)
        process.wait(15, EXIT_OK)
        return "works", process.stderr()
    code = process.popen.returncode
    return (f"killed by {signal.Signals(-code).name}" if code < 0 else f"refused, exit code {code}"), process.stderr()


def judge(name, result, said):
    if result == "works":
        return None
    if not result.startswith("refused"):
        return f"{name}: {result}; it said: {said[-300:]!r}"
    if result.split()[-1] not in map(str, REFUSED):
        return f"{name}: {result}, which is none of {REFUSED}; it said: {said[-300:]!r}"
    if not said.strip():
        return f"{name}: {result}, and nothing was said"
    return None


def test_limits(drill):
    """Each limit: it works, or ends with a sentence and an exit code that the manual has; nothing is left."""
    wire = Wire(drill.lab)
    before, wrong, results = HostState(wire.host), [], {}
    for name, wrapper in CASES.items():
        result, said = outcome(drill, wire, wrapper)
        line = said.strip().splitlines()[-1] if said.strip() and result != "works" else ""
        drill.say(f"{name}: {result}: {line}")
        flaw = judge(name, result, said)
        if flaw:
            wrong.append(flaw)
        results[result] = results.get(result, 0) + 1
        before.wait_restored()
        left = [entry for entry in os.listdir(RUNTIME) if entry.startswith(wire.nic)]
        if left:
            wrong.append(f"{name}: left in {RUNTIME}: {left}")
            for entry in left:
                os.unlink(os.path.join(RUNTIME, entry))
    drill.row("limits of the host", len(CASES), measured="outcomes",
              ours="; ".join(f"{n} {result}" for result, n in sorted(results.items())), note=f"{len(wrong)} flaws")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("mib", [16, 32, 64])
def test_cgroup_memory(drill, mib):
    """A cgroup with too little memory: it works, is refused in clear text, or is killed by the kernel; nothing is
    left."""
    wire = Wire(drill.lab)
    before = HostState(wire.host)
    with cgroup("memory", "memory.limit_in_bytes", mib * MIB) as wrapper:
        result, said = outcome(drill, wire, wrapper)
    drill.say(f"{mib} MiB: {result}: {said[-200:]!r}")
    before.wait_restored()
    drill.row(f"cgroup with {mib} MiB of memory", 1, measured="outcome", ours=result)
    if result != "killed by SIGKILL":
        flaw = judge(f"{mib} MiB", result, said)
        assert not flaw, flaw


def test_cgroup_pids(drill):
    """A cgroup without room for threads: the same."""
    wire = Wire(drill.lab)
    before = HostState(wire.host)
    with cgroup("pids", "pids.max", 1) as wrapper:
        result, said = outcome(drill, wire, wrapper)
    drill.say(f"{result}: {said[-200:]!r}")
    before.wait_restored()
    drill.row("cgroup without room for threads", 1, measured="outcome", ours=result)
    flaw = judge("no threads", result, said)
    assert not flaw, flaw
