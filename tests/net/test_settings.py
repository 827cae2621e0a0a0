# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Settings of the NIC that hurt are off while the daemon runs, and on again however it ends.

veth has neither LRO nor tags of its own to take out; GRO in front of generic XDP it has."""

import json
import os
import shutil

import pytest

from daemon import COMMAND, DAEMON, EXIT_FAILED, EXIT_NO_PERMISSION, EXIT_OK, EXIT_USAGE, Daemon, HostState
from lab import RUNTIME, wait_until
from obstacles import QueueOwner
from wire import Wire

GENERIC = ["--xdp-mode", "generic"]
GRO = "generic-receive-offload"


def gro(wire, nic=None):
    return wire.host.features(nic or wire.nic)[GRO]


def wire_with_gro(lab, **options):
    wire = Wire(lab, **options)
    wire.host.run("ethtool", "-K", wire.nic, "gro", "on")
    return wire


def left(name):
    """Files of this interface in the runtime directory."""
    return sorted(n.rpartition(".")[2] for n in os.listdir(RUNTIME) if n.startswith(f"{name}@"))


def clean(ns, *arguments, code=EXIT_OK):
    done = ns.run(COMMAND, "clean", *arguments, check=False)
    assert code is None or done.returncode == code, f"clean ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done


def elsewhere(lab, wire):
    """A runtime directory in which nothing but this interface's files are: a clean of everything shall
    not touch what others on this machine have left."""
    runtime = os.path.join(lab.tmp, "runtime")
    os.mkdir(runtime)
    for name in os.listdir(RUNTIME):
        if name.startswith(f"{wire.nic}@"):
            os.symlink(os.path.join(RUNTIME, name), os.path.join(runtime, name))
    return ["env", f"RUNTIME_DIRECTORY={runtime}"], runtime


def killed(lab, wire):
    """A daemon was killed that had GRO switched off."""
    daemon = Daemon(lab, wire.host, wire.nic, *GENERIC)
    assert gro(wire) == "off", "GRO is on in front of generic XDP"
    daemon.kill()
    assert gro(wire) == "off", "who has switched it on again?"
    assert "restore" in left(wire.nic), f"no note is left: {left(wire.nic)}"


def test_restored_at_the_end(lab):
    """Generic mode: GRO is off while the daemon runs, status says why; SIGTERM restores it."""
    wire = wire_with_gro(lab)
    before = HostState(wire.host)
    daemon = Daemon(lab, wire.host, wire.nic, *GENERIC)
    assert gro(wire) == "off", "GRO is on in front of generic XDP"
    status = daemon.status()
    assert GRO in status["settings"]["off_until_the_end"], f"{status['settings']}"
    assert status["device"]["features"][GRO] is False, f"{status['device']}"
    table = wire.host.run(COMMAND, "status", "-v", wire.nic).stdout
    assert f"switched off    {GRO} (it comes before generic XDP" in table, table
    assert "advice          rx-vlan-offload: a VLAN tag that travels" in table, table
    assert "'ethtool -K PEER txvlan off'" in table, f"a command that cannot be copied: {table}"
    assert "vlan-tag;" not in table, f"a semicolon before nothing: {table}"
    assert all(len(line) <= 80 for line in table.splitlines()), f"wider than 80 columns: {table}"
    assert f"{GRO} is off until superpacketd ends" in daemon.process.stderr(), daemon.process.stderr()
    daemon.stop()
    assert gro(wire) == "on", "GRO was not switched on again"
    before.wait_restored()
    assert not left(wire.nic), f"left: {left(wire.nic)}"


def test_native_touches_nothing(lab):
    """Native mode: nothing is switched, no note is written; a veth peer's VLAN tags are explained."""
    wire = wire_with_gro(lab)
    before = wire.host.features(wire.nic)
    daemon = Daemon(lab, wire.host, wire.nic)
    after = wire.host.features(wire.nic)
    changed = [f for f in before if before[f] != after.get(f) and f.startswith(("rx-vlan", "generic-receive"))]
    assert not changed, f"changed: {changed}"
    assert left(wire.nic) == ["sock"], f"files: {left(wire.nic)}"
    settings = daemon.status()["settings"]
    assert settings["off_until_the_end"] == {}, f"{settings}"
    assert any("ethtool -K PEER txvlan off" in a for a in settings["advice"]), f"{settings}"
    daemon.stop()


def test_off_stays_off(lab):
    """What was off stays off: it is not ours to switch on."""
    wire = Wire(lab)
    wire.host.run("ethtool", "-K", wire.nic, "gro", "off")
    daemon = Daemon(lab, wire.host, wire.nic, *GENERIC)
    assert left(wire.nic) == ["sock"], f"files: {left(wire.nic)}"
    daemon.stop()
    assert gro(wire) == "off", "GRO was switched on"


def test_clean_after_kill(lab):
    """Kill -9, then superpacket clean: restored, told, nothing left; a second clean has nothing to do."""
    wire = wire_with_gro(lab)
    before = HostState(wire.host)
    killed(lab, wire)
    done = clean(wire.host, wire.nic)
    assert f"{wire.nic}: {GRO} switched on again; socket removed; clean" in done.stdout, f"{done.stdout!r}"
    assert gro(wire) == "on", "GRO was not switched on again"
    before.wait_restored()
    assert not left(wire.nic), f"left: {left(wire.nic)}"
    assert clean(wire.host, wire.nic).stdout == "nothing was left to clean\n", "there was something"


def test_clean_all(lab):
    """`superpacket clean` without a name cleans everything in the directory; files that are not ours stay."""
    wire = wire_with_gro(lab)
    killed(lab, wire)
    env, runtime = elsewhere(lab, wire)
    others = ["notes.txt", "eth0@x.sock", "@1.restore", "eth0@1.restore.old"]
    for name in others:
        with open(os.path.join(runtime, name), "w") as file:
            file.write("something else\n")
    wire.host.run(*env, COMMAND, "clean")
    assert gro(wire) == "on", "GRO was not switched on again"
    assert sorted(os.listdir(runtime)) == sorted(others), f"{os.listdir(runtime)}"
    clean(wire.host, wire.nic)


def test_clean_from_elsewhere(lab):
    """`superpacket clean -j` of one interface works from another network namespace."""
    wire = wire_with_gro(lab)
    killed(lab, wire)
    entries = json.loads(clean(wire.peer, wire.nic, "-j").stdout)
    assert [(e["interface"], e["restored"], e["socket"]) for e in entries] == [(wire.nic, [GRO], True)], f"{entries}"
    assert gro(wire) == "on", "GRO was not switched on again"
    assert json.loads(clean(wire.peer, wire.wire, "-p").stdout) == [], "the peer has nothing to clean"


def test_next_start(lab):
    """Kill -9, then the next start takes the change over and restores it in the end."""
    wire = wire_with_gro(lab)
    before = HostState(wire.host)
    for _ in range(2):
        killed(lab, wire)
    daemon = Daemon(lab, wire.host, wire.nic, *GENERIC)
    assert gro(wire) == "off", "GRO is on in front of generic XDP"
    daemon.stop()
    assert gro(wire) == "on", "GRO was not switched on again"
    before.wait_restored()
    assert not left(wire.nic), f"left: {left(wire.nic)}"


def test_next_start_native(lab):
    """Kill -9 in generic mode, then a start in native mode restores at once what it does not need off."""
    wire = wire_with_gro(lab)
    killed(lab, wire)
    daemon = Daemon(lab, wire.host, wire.nic)
    assert gro(wire) == "on", "GRO was not switched on again"
    assert left(wire.nic) == ["sock"], f"files: {left(wire.nic)}"
    daemon.stop()
    assert gro(wire) == "on", "GRO is off after all"


def test_operator_meanwhile(lab):
    """What the operator switches back while the daemon runs, and off again, is his."""
    wire = wire_with_gro(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *GENERIC)
    wire.host.run("ethtool", "-K", wire.nic, "gro", "on", "rx-udp-gro-forwarding", "on")
    daemon.stop()
    features = wire.host.features(wire.nic)
    assert (features[GRO], features["rx-udp-gro-forwarding"]) == ("on", "on"), f"{features}"


def test_failing_start(lab):
    """A start that fails half way restores, too."""
    wire = wire_with_gro(lab)
    owner = QueueOwner(wire.host, wire.nic)
    done = wire.host.run(DAEMON, "--interface", wire.nic, *GENERIC, check=False)
    assert done.returncode == EXIT_FAILED and "busy" in done.stderr, f"{done}"
    assert f"{GRO} is on again" in done.stderr, f"it did not come that far: {done.stderr!r}"
    assert gro(wire) == "on" and not left(wire.nic), f"GRO {gro(wire)}, left: {left(wire.nic)}"
    owner.socket.close()


def test_note_comes_first(lab):
    """It is written down first: where that cannot be done, nothing is changed."""
    wire = wire_with_gro(lab)
    runtime = os.path.join(lab.tmp, "runtime")
    inode = wire.host.run("stat", "-Lc", "%i", "/proc/self/ns/net").stdout.strip()
    os.makedirs(os.path.join(runtime, f"{wire.nic}@{inode}.restore.new"))
    done = wire.host.run("env", f"RUNTIME_DIRECTORY={runtime}", DAEMON, "--interface", wire.nic, *GENERIC,
                         check=False)
    assert done.returncode == EXIT_FAILED and ".restore" in done.stderr, f"{done}"
    assert gro(wire) == "on", "GRO was switched off without a note of it"


def test_clean_while_running(lab):
    """Clean leaves a daemon alone that runs: exit code 1 if it was named, else nothing is said."""
    wire = wire_with_gro(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *GENERIC)
    done = clean(wire.host, wire.nic, code=EXIT_FAILED)
    assert f"pid {daemon.pid}" in done.stderr and "stop it first" in done.stderr, f"{done.stderr!r}"
    env, runtime = elsewhere(lab, wire)
    done = wire.host.run(*env, COMMAND, "clean")
    assert done.stdout == "nothing was left to clean\n" and not done.stderr, f"{done}"
    assert len(os.listdir(runtime)) == 2, "it has cleaned after the living"
    assert gro(wire) == "off" and left(wire.nic) == ["restore", "sock"], f"left: {left(wire.nic)}"
    assert daemon.status()["state"] == "ok", "it was disturbed"
    daemon.stop()
    assert gro(wire) == "on", "GRO was not switched on again"


def test_clean_without_permission(lab):
    """Clean without permission: exit code 5, and the note stays for who has it."""
    wire = wire_with_gro(lab)
    killed(lab, wire)
    command = shutil.copy(COMMAND, lab.tmp)
    os.chmod(command, 0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    done = wire.host.run(*nobody, command, "clean", wire.nic, check=False)
    assert done.returncode == EXIT_NO_PERMISSION and "run as root" in done.stderr, f"{done}"
    assert "restore" in left(wire.nic) and gro(wire) == "off", f"left: {left(wire.nic)}"
    none = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    done = wire.host.run(*none, command, "clean", wire.nic, check=False)
    assert done.returncode == EXIT_NO_PERMISSION and "run as root" in done.stderr, f"{done}"
    assert "restore" in left(wire.nic) and gro(wire) == "off", f"left: {left(wire.nic)}"
    clean(wire.host, wire.nic)
    assert gro(wire) == "on", "GRO was not switched on again"


def test_renamed(lab):
    """Kill -9, then the interface is renamed: clean knows it again."""
    wire = wire_with_gro(lab)
    killed(lab, wire)
    name = lab.unique("other")
    for change in (["down"], ["name", name], ["up"]):
        wire.host.ip("link", "set", "dev", name if change == ["up"] else wire.nic, *change)
    clean(wire.host, wire.nic)
    assert gro(wire, name) == "on", "GRO was not switched on again"
    assert not left(wire.nic), f"left: {left(wire.nic)}"


def test_made_anew(lab):
    """Kill -9, then the interface is deleted and made anew: the new one is not touched."""
    wire = wire_with_gro(lab)
    killed(lab, wire)
    wire.host.ip("link", "del", wire.nic)
    lab.veth(wire.host, wire.nic, wire.peer, wire.wire)
    wire.host.run("ethtool", "-K", wire.nic, "gro", "off")
    done = clean(wire.host, wire.nic)
    assert "it is gone" in done.stdout, f"{done.stdout!r}"
    assert gro(wire) == "off", "GRO of another interface was switched on"
    assert not left(wire.nic), f"left: {left(wire.nic)}"


def test_namespace_gone(lab):
    """Kill -9, then its network namespace goes: clean removes what is left of it."""
    wire = wire_with_gro(lab)
    killed(lab, wire)
    lab.run(["ip", "netns", "delete", wire.host.name])
    wait_until(lambda: "it is gone" in clean(wire.peer, wire.nic, code=None).stdout or not left(wire.nic), 10,
               "what is left of the namespace is removed")
    assert not left(wire.nic), f"left: {left(wire.nic)}"


def test_clean_usage(lab):
    """Clean with a name that is none, or too many: said, with the exit code."""
    host = lab.namespace("host")
    done = clean(host, "nosuch0", code=EXIT_FAILED)
    assert "nosuch0" in done.stderr and "no such interface" in done.stderr, f"{done.stderr!r}"
    clean(host, "one", "two", code=EXIT_USAGE)
    done = clean(host, "nosuch0", "-j", code=EXIT_FAILED)
    assert json.loads(done.stderr)["exit"] == EXIT_FAILED, f"{done.stderr!r}"


def test_renamed_and_killed(lab):
    """The NIC is renamed under a daemon that is then killed: the next one finds the note by the new name."""
    wire = wire_with_gro(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *GENERIC)
    old, new = wire.nic, lab.unique("lan")
    if wire.host.ip("link", "set", old, "name", new, check=False).returncode:
        pytest.skip("this kernel renames no interface that is up")
    wait_until(lambda: daemon.status()["interface"] == new, 5, "the status has the new name")
    assert left(old) == [] and left(new) == ["restore", "sock"], f"{left(old)}, {left(new)}"
    daemon.kill()
    daemon = Daemon(lab, wire.host, new, *GENERIC)
    daemon.stop()
    assert gro(wire, new) == "on", "GRO stays off"
    assert left(new) == [], f"left: {left(new)}"


def test_changed_again(lab):
    """The NIC is deleted and comes back: its settings are changed again, and restored at the end."""
    wire = wire_with_gro(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *GENERIC)
    wire.host.ip("link", "del", wire.nic)
    wait_until(lambda: daemon.status()["state"] == "waiting", 5, "the daemon waits")
    assert left(wire.nic) == ["sock"], f"a note of a NIC that is gone: {left(wire.nic)}"
    wire.host.ip("link", "add", wire.nic, "type", "veth", "peer", "name", wire.wire, "netns", wire.peer.name)
    wire.host.run("ethtool", "-K", wire.nic, "gro", "on")
    wire.host.up(wire.nic)
    wait_until(lambda: daemon.status()["state"] == "ok", 5, "the daemon goes on")
    assert gro(wire) == "off" and "restore" in left(wire.nic), "GRO is on in front of generic XDP, or not noted"
    daemon.stop()
    assert gro(wire) == "on" and left(wire.nic) == [], f"GRO is {gro(wire)}; left: {left(wire.nic)}"
