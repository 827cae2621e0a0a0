# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Least rights: what the daemon may still do once it serves, and that everything it has to follow works with that."""

import contextlib
import os
import shutil
import stat
import sys

import pytest

import faulty
import test_changes
import test_ending
import test_pressure
import test_queues
import test_settings
from daemon import COMMAND, DAEMON, EXIT_FAILED, EXIT_NO_PERMISSION, EXIT_USAGE, Daemon
from lab import BUILD, ROOT, RUNTIME, wait_until
from pinned import load
from streams import servers, transfer
from test_errors import expect_refusal
from wire import Wire, channels

NET_ADMIN, NET_RAW, IPC_LOCK, SYS_ADMIN, PERFMON, BPF = (1 << bit for bit in (12, 13, 14, 21, 38, 39))
MAIN = NET_ADMIN | NET_RAW | IPC_LOCK | PERFMON | BPF
ROLES = {"superpacketd": MAIN, "queue": MAIN & ~PERFMON, "guard": BPF | NET_ADMIN}
NAMES = ["net_admin", "net_raw", "ipc_lock", "perfmon", "bpf"]


def threads(daemon):
    """{"queue 0": {"CapEff": ..., "Seccomp": ...}} of its threads, by their names."""
    found = {}
    tasks = f"/proc/{daemon.pid}/task"
    for task in os.listdir(tasks):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            with open(f"{tasks}/{task}/status") as file:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            found[fields["Name"]] = fields
    return found


def expect_least(daemon, uid, more=0):
    """Each thread has what its role needs, and no more, now and ever."""
    def all_filtered():
        """A thread gives up its rights as its first deed, which on a busy machine is not at once."""
        found = threads(daemon)
        filtered = all(fields["Seccomp"] == "2" for fields in found.values())
        return filtered and {"superpacketd", "queue 0", "guard"} <= found.keys() and found

    found = wait_until(all_filtered, 2, lambda: "all threads are filtered: " + str(
        {name: fields["Seccomp"] for name, fields in threads(daemon).items()}))
    for name, fields in found.items():
        role = name.split()[0]
        allowed = ROLES[role] | (more if role != "queue" else 0)
        for which in ("CapEff", "CapPrm"):
            assert int(fields[which], 16) == allowed, f"{name}: {which} {fields[which]}, not {allowed:x}"
        assert int(fields["CapBnd"], 16) == MAIN, f"{name}: CapBnd {fields['CapBnd']}"
        assert int(fields["CapAmb"], 16) == 0 and int(fields["CapInh"], 16) == 0, f"{name}: {fields}"
        assert fields["NoNewPrivs"] == "1", f"{name}: NoNewPrivs {fields['NoNewPrivs']}"
        assert set(fields["Uid"].split()) == {str(uid)}, f"{name}: Uid {fields['Uid']}"


def files():
    return {name: os.stat(os.path.join(RUNTIME, name)) for name in os.listdir(RUNTIME)}


@pytest.mark.parametrize("options, uid, user", [([], 0, "root"), (["--user", "nobody"], 65534, "nobody"),
                                                (["--user", "4711"], 4711, "4711")])
def test_least(lab, data, options, uid, user):
    """Each thread has few capabilities, a filter of system calls, and can gain nothing; status says so. With --user no
    thread is root's. Its files belong to that user, and only the socket may be written by its group."""
    wire = test_settings.wire_with_gro(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *test_settings.GENERIC, *options)
    expect_least(daemon, uid)
    rights = daemon.status()["rights"]
    assert rights == {"user": user, "capabilities": NAMES, "no_new_privs": True, "seccomp": "filtered", "refused": 0,
                      "refused_last": None}, f"{rights}"
    table = wire.host.run(COMMAND, "status", "-v", wire.nic).stdout
    assert f"user {user}; capabilities {', '.join(NAMES[:2])}" in " ".join(table.split()), table
    assert os.stat(RUNTIME).st_uid == uid and stat.S_IMODE(os.stat(RUNTIME).st_mode) == 0o755, f"{os.stat(RUNTIME)}"
    for name, st in files().items():
        mode = 0o660 if stat.S_ISSOCK(st.st_mode) else 0o644
        assert st.st_uid == uid and stat.S_IMODE(st.st_mode) == mode, f"{name}: {st}"
    assert test_settings.left(wire.nic) == ["restore", "sock"], f"{files()}"
    wire.peer.ethtool_off(wire.wire, "tso")
    servers(lab, wire, data)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
    total = daemon.total()
    assert total["rx_superpackets"] and total["tx_superpackets"], f"nothing was merged or cut: {total}"
    daemon.stop()
    assert test_settings.gro(wire) == "on", "the setting was not restored"
    assert not test_settings.left(wire.nic), f"left: {test_settings.left(wire.nic)}"


FOLLOWED = [test_changes.test_mtu, test_changes.test_mac_changes, test_changes.test_renamed, test_changes.test_deleted,
            test_changes.test_moved, test_changes.test_carrier_comes, test_changes.test_deleted_port,
            test_queues.test_added, test_queues.test_taken_away, test_queues.test_returns_otherwise,
            test_pressure.test_completions, test_pressure.test_not_bound, test_settings.test_changed_again,
            test_settings.test_renamed_and_killed, test_ending.test_hung]


@pytest.mark.parametrize("scenario", [
    pytest.param(scenario, id=scenario.__name__.removeprefix("test_"), marks=[pytest.mark.more] if number % 4 else [])
    for number, scenario in enumerate(FOLLOWED)])
def test_followed(request, lab, monkeypatch, scenario):
    """What changes under a daemon of another user is followed as by root's: no right is missing."""
    def as_nobody(*arguments, **more):
        return Daemon(*arguments, "--user", "nobody", **more)

    for module in (sys.modules[scenario.__module__], faulty):
        monkeypatch.setattr(module, "Daemon", as_nobody, raising=False)
    names = scenario.__code__.co_varnames[:scenario.__code__.co_argcount]
    scenario(**{name: request.getfixturevalue(name) for name in names})


def test_as_the_unit(lab, data):
    """As systemd starts it: an unprivileged user with five ambient capabilities, in a directory made for it."""
    wire = Wire(lab)
    runtime = os.path.join(lab.tmp, "run")
    os.mkdir(runtime)
    os.chown(runtime, 65534, 65534)
    program = shutil.copy(DAEMON, lab.tmp)
    os.chmod(program, 0o755)
    caps = ",".join(f"+{name}" for name in NAMES)
    daemon = Daemon(lab, wire.host, wire.nic, program=program, wrapper=[
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps=-all,{caps}",
        f"--ambient-caps=-all,{caps}", f"--bounding-set=-all,{caps}", "env", f"RUNTIME_DIRECTORY={runtime}"])
    expect_least(daemon, 65534)
    servers(lab, wire, data)
    wire.host.ip("link", "del", wire.nic)
    wait_until(lambda: "waiting for its return" in daemon.process.stderr(), 5, "the daemon waits")
    wire.make_again()
    wait_until(lambda: "is back" in daemon.process.stderr(), 10, "the daemon serves again")
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
    daemon.stop()
    assert os.listdir(runtime) == [], f"left: {os.listdir(runtime)}"


EXPOSURE_MOST = 2.0


def test_unit(lab):
    """The unit is right, and what it leaves open is little, as systemd-analyze judges it."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is missing: run make deps-tests")
    unit = os.path.join(lab.tmp, "superpacketd@.service")
    with open(os.path.join(ROOT, "tools", "superpacketd@.service")) as template, open(unit, "w") as file:
        file.write(template.read().replace("@SBINDIR@", BUILD))
    lab.run(["systemd-analyze", "verify", "--man=no", unit])
    done = lab.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                    f"--threshold={round(EXPOSURE_MOST * 10)}", unit], check=False)
    assert done.returncode == 0, f"exposure above {EXPOSURE_MOST}: {done.stdout[-300:]}{done.stderr[-300:]}"


def test_unknown_user(lab):
    """A user that does not exist, and one that this process may not become: said, nothing is touched."""
    wire = Wire(lab)
    argv = [DAEMON, "--interface", wire.nic, "--user"]
    expect_refusal(wire.host, [*argv, "nosuchuser"], [EXIT_FAILED], ["no user 'nosuchuser'"])
    expect_refusal(wire.host, [*argv, ""], [EXIT_USAGE], ["--user"])
    daemon = shutil.copy(DAEMON, lab.tmp)
    os.chmod(daemon, 0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    expect_refusal(wire.host, [*nobody, daemon, "--interface", wire.nic, "--user", "0"], [EXIT_NO_PERMISSION],
                   ["CAP_SETUID"])


@pytest.mark.parametrize("missing", ["net_admin", "net_raw", "bpf", "perfmon"])
def test_missing(lab, missing):
    """A capability is missing: it is named, with the way out."""
    wire = Wire(lab)
    drop = f"-{missing}" + (",-sys_admin" if missing in ("bpf", "perfmon") else "")
    expect_refusal(wire.host, ["setpriv", f"--bounding-set={drop}", "--inh-caps=-all", DAEMON, "--interface",
                               wire.nic], [EXIT_NO_PERMISSION], ["run as root", f"CAP_{missing.upper()}"])


def test_one_user_a_directory(lab):
    """The run directory belongs to the user of the daemons in it; another user is refused while one lives."""
    wire = Wire(lab)
    first = Daemon(lab, wire.host, wire.nic, "--user", "nobody")
    expect_refusal(wire.peer, [DAEMON, "--interface", wire.wire], [EXIT_FAILED],
                   [RUNTIME, "belongs to user 65534", "--user 65534", "RUNTIME_DIRECTORY"])
    second = Daemon(lab, wire.peer, wire.wire, "--user", "nobody", "--xdp-mode", "generic")
    for daemon in (first, second):
        daemon.stop()
    third = Daemon(lab, wire.host, wire.nic)
    assert os.stat(RUNTIME).st_uid == 0, "the directory was not taken back"
    third.stop()


def test_directory_of_others(lab):
    """A run directory in which there are other files, as /run and /tmp, is not given to the user."""
    wire = Wire(lab)
    shared = os.path.join(lab.tmp, "shared")
    os.makedirs(os.path.join(shared, "other"))
    expect_refusal(wire.host, ["env", f"RUNTIME_DIRECTORY={shared}", DAEMON, "--interface", wire.nic, "--user",
                               "nobody"], [EXIT_FAILED], [shared, "files of others", "RUNTIME_DIRECTORY"])
    assert os.stat(shared).st_uid == 0, f"{os.stat(shared)}"


def test_killed_as_another(lab):
    """Killed -9 as one user, started again as root: the settings it had changed are taken over and restored."""
    wire = test_settings.wire_with_gro(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *test_settings.GENERIC, "--user", "nobody")
    daemon.kill()
    daemon = Daemon(lab, wire.host, wire.nic, *test_settings.GENERIC)
    assert "will be restored" in daemon.process.stderr(), daemon.process.stderr()
    daemon.stop()
    assert test_settings.gro(wire) == "on" and not test_settings.left(wire.nic), f"{test_settings.left(wire.nic)}"


def test_no_tun(lab):
    """The user may not open /dev/net/tun: said, with the way out."""
    wire = Wire(lab)
    hidden = os.path.join(lab.tmp, "tun")
    with open(hidden, "w"):
        os.chmod(hidden, 0o600)
    script = 'mount --bind "$1" /dev/net/tun && shift && exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", hidden, DAEMON, "--interface", wire.nic]
    expect_refusal(wire.host, [*argv, "--user", "nobody"], [EXIT_NO_PERMISSION], ["/dev/net/tun", "chmod 0666"])


def test_with_pins(lab, data):
    """An adopted program is looked at by its number, which takes CAP_SYS_ADMIN: it is kept by main and guard alone."""
    wire = Wire(lab)
    pins = load(lab, wire, "native")
    daemon = Daemon(lab, wire.host, wire.nic, "--pinned", pins)
    expect_least(daemon, 0, more=SYS_ADMIN)
    assert "sys_admin" in daemon.status()["rights"]["capabilities"], f"{daemon.status()['rights']}"
    daemon.stop()


def test_after_start(lab):
    """Threads that come later, of queues and of a NIC that is back, have no more rights than the first ones."""
    wire = Wire(lab, queues=2)
    channels(wire, 1)
    daemon = Daemon(lab, wire.host, wire.nic)
    channels(wire, 2)
    wait_until(lambda: len(daemon.status()["queues"]) == 2, 5, "the second queue is served")
    expect_least(daemon, 0)
    assert "queue 1" in threads(daemon), f"{sorted(threads(daemon))}"
    wire.host.ip("link", "del", wire.nic)
    wait_until(lambda: daemon.status()["state"] == "waiting", 5, "the daemon waits")
    wire.make_again()
    wait_until(lambda: daemon.status()["state"] == "ok", 10, "the daemon serves again")
    expect_least(daemon, 0)
    daemon.stop()
