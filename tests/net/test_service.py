# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The unit as systemd runs it: with its user, its rights and all that it hides from the daemon."""

import json
import os
import re
import shutil
from types import SimpleNamespace

import pytest

import test_rights
from daemon import COMMAND, DAEMON
from lab import ROOT, wait_until
from streams import servers, transfer
from systemd import Systemd
from wire import Wire

pytestmark = pytest.mark.more
NICE = -10


class Service:
    def __init__(self, lab, wire, drop_in=""):
        self.wire = wire
        self.unit = f"superpacketd@{wire.nic}"
        self.systemd = Systemd(lab, wire.host, os.path.join(ROOT, "tools", "superpacket.sysusers"))
        with open(os.path.join(ROOT, "tools", "superpacketd@.service")) as file:
            self.systemd.write("units/superpacketd@.service", file.read().replace("@SBINDIR@", "/run/test"))
        self.systemd.write("units/superpacketd@.service.d/test.conf",
                           f"[Service]\nStandardError=append:/run/test/log\n{drop_in}\n")
        for program in (DAEMON, COMMAND):
            os.chmod(shutil.copy(program, self.systemd.directory), 0o755)
        self.systemd.systemctl("daemon-reload")

    def options(self, text):
        self.systemd.write(f"default/superpacketd-{self.wire.nic}", f'SUPERPACKETD_OPTIONS="{text}"\n')

    def __getattr__(self, verb):
        """start(), stop(), restart()"""
        return lambda: self.systemd.systemctl(verb, self.unit)

    def state(self):
        active, result, status = self.systemd.show(self.unit, "ActiveState", "Result", "StatusText")
        return active, result, status

    def pid(self):
        pid, = self.systemd.pids(self.unit)
        return pid

    def log(self):
        return self.systemd.read("log")

    def daemon(self):
        entries = json.loads(self.systemd.run("/run/test/superpacket", "status", "-j", check=False).stdout)
        return entries[0] if entries else None

    def expect_serving(self):
        active, result, status = self.state()
        assert (active, result) == ("active", "success") and status.startswith(self.wire.nic), f"{self.state()}"
        assert self.daemon()["state"] == "ok", f"{self.daemon()}"
        assert self.daemon()["rights"]["refused"] == 0, f"{self.daemon()['rights']}"

    def expect_files(self, *suffixes):
        names = self.systemd.run("ls", "/run/superpacket").stdout.split()
        assert [name.rpartition(".")[2] for name in names] == list(suffixes), f"{names}"


def user_of(service):
    passwd = service.systemd.read("etc/passwd")
    return int(re.search(r"^superpacket:[^:]*:(\d+):", passwd, re.M)[1])


def test_service(lab, data):
    """It starts, and serves with the rights and the priority that the unit names; it is started again after a crash,
    restarted and stopped; what it cannot do is not tried again."""
    wire = Wire(lab)
    service = Service(lab, wire)
    service.start()
    service.expect_serving()
    test_rights.expect_least(SimpleNamespace(pid=service.pid()), user_of(service))
    for task in os.listdir(f"/proc/{service.pid()}/task"):
        assert os.getpriority(os.PRIO_PROCESS, int(task)) == NICE, "not the priority that the unit names"
    servers(lab, wire, data)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
    total = service.daemon()["total"]
    assert total["rx_superpackets"] and total["tx_superpackets"], f"nothing was merged or cut: {total}"

    before = service.pid()
    service.systemd.systemctl("kill", "--signal=SIGHUP", service.unit)
    wait_until(lambda: "SIGHUP" in service.log(), 5, "the daemon has seen the signal")
    assert service.pid() == before, "it has ended"
    service.systemd.systemctl("kill", "--signal=SIGKILL", service.unit)
    wait_until(lambda: self_started(service), 15, "systemd starts it again")
    service.expect_serving()
    service.restart()
    service.expect_serving()
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
    service.stop()
    assert service.state()[:2] == ("inactive", "success"), f"{service.state()}"
    service.expect_files()
    warnings = [line for line in service.log().splitlines() if re.search("warning|error", line)]
    assert len(warnings) == 1 and "SIGHUP" in warnings[0], f"{warnings}"

    service.options("--hold forever")
    service.systemd.systemctl("start", service.unit, check=False)
    assert service.state()[:2] == ("failed", "exit-code"), f"{service.state()}"


def self_started(service):
    restarts, active = service.systemd.show(service.unit, "NRestarts", "ActiveState")
    return (restarts, active) == ("1", "active")


def drop_in_of_the_manual():
    with open(os.path.join(ROOT, "tools", "man", "superpacketd.8")) as file:
        found = re.findall(r"^\.Bd -literal.*\n\[Service\]\n((?:.*\n)*?)\.Ed", file.read(), re.M)
    assert len(found) == 1, f"{found}"
    return found[0]


def test_port_elsewhere(lab, data):
    """Port mode, with the lines that the manual gives for a TAP in another namespace: it is made there, and taken over
    by the next daemon; once the daemon serves, it has no more rights than before."""
    wire = Wire(lab, host_addresses=False)
    container = lab.namespace("container")
    service = Service(lab, wire, drop_in_of_the_manual())
    tap = lab.unique("tap")
    service.options(f"--mode port --tap {tap} --tap-netns {container.name}")
    service.start()
    service.expect_serving()
    container.up(tap)
    wire.address_host(container, tap)
    service.systemd.systemctl("kill", "--signal=SIGKILL", service.unit)
    wait_until(lambda: self_started(service), 15, "systemd starts it again")
    service.expect_serving()
    servers(lab, wire, data, container)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, container, length=32 << 20).finish()
    main = test_rights.threads(SimpleNamespace(pid=service.pid()))["superpacketd"]
    assert int(main["CapEff"], 16) == test_rights.MAIN, f"{main}"
    service.stop()
    assert service.state()[:2] == ("inactive", "success"), f"{service.state()}"
    assert tap in container.links(), "the TAP does not outlive its daemon"
