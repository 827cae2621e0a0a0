# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A systemd of our own, which is process 1 in namespaces of its own and has no units but those that a test gives it.

It sees the file system of this machine with other files in place of those that it would change: /run, /tmp, the users.
The network namespace is that of the host under test.
"""

import os
import shutil

import pytest

from lab import Failed, wait_until

SYSTEMD = "/lib/systemd/systemd"
TARGETS = ("basic", "sysinit", "shutdown", "multi-user", "network-pre")

# All processes of this systemd are in a cgroup of ours, which is the root for them.
OUTER = """
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1/cgroup"
mkdir "$1/cgroup/$2"
echo $$ > "$1/cgroup/$2/cgroup.procs"
exec unshare --cgroup --pid --fork --kill-child --mount --ipc --uts sh -ec "$3" sh "$1"
"""

INNER = f"""
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount --bind "$1/etc/passwd" /etc/passwd
mount --bind "$1/etc/group" /etc/group
mount --bind "$1/etc/machine-id" /etc/machine-id
mount --bind "$1/default" /etc/default
mount --rbind /run/netns "$1/netns"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/test
mount --rbind "$1/netns" /run/netns
mount --rbind "$1" /run/test
mount -t tmpfs tmpfs /var/tmp
mount -t tmpfs tmpfs /tmp
exec env -i PATH="$PATH" container=test SYSTEMD_UNIT_PATH=/run/test/units SYSTEMD_LOG_TARGET=console \
    {SYSTEMD} --system --unit=basic.target --show-status=0
"""

REMOVE_CGROUP = """
mount --make-rprivate /
mount -t cgroup2 cgroup2 "$1/cgroup"
test ! -d "$1/cgroup/$2" || find "$1/cgroup/$2" -depth -type d -exec rmdir {} +
"""


class Systemd:
    """Files of the test are in `directory`, which units know as /run/test."""

    def __init__(self, lab, ns, sysusers):
        if not os.access(SYSTEMD, os.X_OK):
            pytest.skip("systemd is missing: run make deps-tests")
        with open("/proc/filesystems") as file:
            if "\tcgroup2\n" not in file.read():
                pytest.skip("this kernel has no cgroup2")
        self.lab = lab
        self.directory = os.path.join(lab.tmp, "systemd")
        self.cgroup = os.path.basename(lab.tmp)
        for name in ("units", "etc", "default", "netns", "cgroup"):
            os.makedirs(os.path.join(self.directory, name))
        for file in ("passwd", "group"):
            shutil.copy(f"/etc/{file}", os.path.join(self.directory, "etc"))
        lab.run(["systemd-sysusers", f"--root={self.directory}", sysusers])
        self.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        for name in TARGETS:
            self.write(f"units/{name}.target", "[Unit]\nDefaultDependencies=no\n")
        lab.cleanup(self._end)
        self.process = lab.start(["unshare", "--mount", "sh", "-ec", OUTER, "sh", self.directory, self.cgroup, INNER],
                                 ns=ns, name="systemd")
        try:
            wait_until(lambda: self._answer() == "running", 20, lambda: f"systemd runs; it said: {self.process.tail()}")
        except Failed:
            if self._answer() != "offline":
                raise
            pytest.skip("systemctl asks nobody in a chroot; a machine that has booted helps")

    def _answer(self):
        return self.systemctl("is-system-running", check=False).stdout.strip()

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def read(self, name):
        with open(os.path.join(self.directory, name)) as file:
            return file.read()

    def run(self, *argv, check=True, seconds=20):
        """Beside the units: in all namespaces of this systemd."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            children = file.read().split()
        enter = ["nsenter", "--all", f"--target={children[0] if children else self.process.pid}"]
        return self.lab.run([*enter, "env", "-i", f"PATH={os.environ['PATH']}", *argv], check=check, seconds=seconds)

    def systemctl(self, *argv, check=True):
        return self.run("systemctl", "--no-pager", *argv, check=check, seconds=60)

    def show(self, unit, *properties):
        text = self.systemctl("show", unit, f"--property={','.join(properties)}").stdout
        found = dict(line.split("=", 1) for line in text.splitlines())
        return [found[name] for name in properties]

    def pids(self, unit):
        """As they are numbered here, outside."""
        cgroup, = self.show(unit, "ControlGroup")
        path = f"/proc/{self.process.pid}/root/run/test/cgroup/{self.cgroup}{cgroup}/cgroup.procs"
        with open(path) as file:
            return [int(line) for line in file]

    def _end(self):
        self.process.kill()
        wait_until(lambda: self.lab.run(["unshare", "--mount", "sh", "-ec", REMOVE_CGROUP, "sh", self.directory,
                                         self.cgroup], check=False).returncode == 0, 10, "its cgroup is empty")
