# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The lists of system calls (user/base/confine.c) hold what the threads call, and nothing else without a reason."""

import os
import re
import shutil
import signal

import pytest

import test_settings
from daemon import COMMAND, Daemon
from lab import ROOT, wait_until
from streams import servers, transfer
from wire import channels, follow_mtu

pytestmark = pytest.mark.more
ROLES = {"M": "main", "W": "worker", "G": "guard"}

# Calls for the same thing: that one of them is made is enough.
SAME = [
    {"stat", "fstat", "lstat", "newfstatat", "statx"}, {"poll", "ppoll"}, {"access", "faccessat", "faccessat2"},
    {"open", "openat"}, {"mkdir", "mkdirat"}, {"unlink", "unlinkat"}, {"rename", "renameat", "renameat2"},
    {"symlink", "symlinkat"}, {"readlink", "readlinkat"}, {"accept", "accept4"}, {"epoll_wait", "epoll_pwait"},
    {"alarm", "setitimer"}, {"read", "readv"}, {"write", "writev"}, {"statfs", "fstatfs"},
]

# Allowed, and not seen here, because
REASONS = {
    "the vDSO answers, but not on every machine": ["clock_gettime", "gettimeofday", "time"],
    "memory or a lock is rarely short": ["brk", "mremap", "munmap", "futex"],
    "a signal handler returns; abort()": ["rt_sigreturn", "rt_sigaction", "getpid", "gettid", "exit_group"],
    "a call goes on after SIGSTOP": ["restart_syscall"],
    "somebody else has a lock": ["nanosleep", "clock_nanosleep"],
    "libbpf copies a descriptor": ["fcntl"],
    "of a bond": ["symlink", "readlink"],
    "the pins of libxdp's dispatcher": ["access", "statfs", "getdents64", "flock", "mkdir", "rmdir"],
    "the object file of libxdp's dispatcher": ["pread64"],
    "a persistent TAP is opened": ["geteuid"],
    "fclose() of a file that was read in part; the machine's memory": ["lseek", "sysinfo"],
    "libbpf 1.4 and later": ["memfd_create"],
    "too many files are open": ["getrlimit"],
    "systemd is told": ["sendmsg", "connect", "getuid", "getgid", "getegid"],
}


def allowed():
    """{"poll": {"worker", "guard"}}: of a call that others may make, main is not named, who has all."""
    with open(os.path.join(ROOT, "user", "base", "confine.c")) as file:
        table = re.search(r"^static const struct rule rules\[\] = \{$(.*?)^\};$", file.read(), re.M | re.S)[1]
    found = {name: {"worker", "guard"} if roles == "ALL" else {ROLES[roles]}
             for name, roles in re.findall(r"\{ CALL\((\w+)\), (\w+) \}", table)}
    assert len(found) > 80, f"{found}"
    return found


class Trace:
    """What the threads of a daemon call once they are filtered, or inherit a filter."""

    BEFORE = "seccomp(SECCOMP_SET_MODE_FILTER"

    def __init__(self, path):
        self.called = {role: set() for role in ROLES.values()}
        self._roles, self._filtered = {}, set()
        with open(path, errors="replace") as file:
            for line in file:
                self._read(*line.split(None, 1))

    def _read(self, thread, call):
        main = next(iter(self._roles), thread)
        role = self._roles.setdefault(thread, "main")
        name = re.match(r"(\w+)\(", call)
        if name and main in self._filtered:
            self.called[role if thread in self._filtered else "main"].add(name[1])
        if 'prctl(PR_SET_NAME, "guard"' in call:
            self._roles[thread] = "guard"
        elif call.startswith(self.BEFORE) and "NULL" not in call:  # with it, libseccomp asks whether flags are known
            self._filtered.add(thread)
            if thread != main and role == "main":
                self._roles[thread] = "worker"


def _like(name):
    return next((group for group in SAME if name in group), {name})


def change_everything(lab, wire, data, daemon):
    servers(lab, wire, data)
    follow_mtu(wire, daemon, 3000)
    channels(wire, 2)
    wait_until(lambda: len(daemon.status()["queues"]) == 2, 10, "the second queue is served")
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=8 << 20).finish()
    wire.host.run(COMMAND, "status", "-v")
    for name in (f"{wire.nic}x", wire.nic):
        wire.host.ip("link", "set", daemon.status()["interface"], "name", name)
        wait_until(lambda name=name: daemon.status()["interface"] == name, 10, "the new name is followed")
    wire.host.ip("link", "del", wire.nic)
    wait_until(lambda: daemon.status()["state"] == "waiting", 10, "the daemon waits")
    wire.make_again()
    wait_until(lambda: daemon.status()["state"] == "ok", 20, "the daemon serves again")
    daemon.process.signal(signal.SIGHUP)
    daemon.stop(seconds=30)


def test_lists(lab, data):
    """Whatever a thread may call, it calls, or there is a reason."""
    if not shutil.which("strace"):
        pytest.skip("strace is missing: run make deps-tests")
    path = os.path.join(lab.tmp, "trace")
    wire = test_settings.wire_with_gro(lab, queues=2)
    channels(wire, 1)
    daemon = Daemon(lab, wire.host, wire.nic, *test_settings.GENERIC, "--cpus", "0",
                    wrapper=["strace", "--daemonize", "--follow-forks", "--quiet=all", f"--output={path}"])
    change_everything(lab, wire, data, daemon)
    called = Trace(path).called
    assert "writev" in called["worker"] and "bpf" in called["guard"] and "accept4" in called["main"], f"{called}"
    reasons = {name for names in REASONS.values() for name in names}
    assert reasons <= allowed().keys(), f"a reason, but not allowed: {sorted(reasons - allowed().keys())}"
    unused = {name: roles for name, roles in allowed().items()
              if not _like(name) & (reasons | set().union(*(called[role] for role in roles)))}
    assert not unused, f"allowed, and not called: {unused}"
