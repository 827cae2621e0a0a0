# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the daemon cannot do, it says in one line with the way out, and leaves nothing behind."""

import errno
import os
import re
import shutil

import pytest

from daemon import DAEMON, EXIT_FAILED, EXIT_NO_PERMISSION, EXIT_NOT_SUPPORTED, EXIT_OK, EXIT_USAGE, Daemon, HostState
from lab import AF_XDP, BUILD
from obstacles import QueueOwner, without
from pinned import bpffs, load
from wire import Server, Transfer, Wire


def expect_refusal(ns, argv, codes, words, state=None):
    """Runs the daemon, which must end by itself, with one of the codes, one line that holds each of the
    words (one of them, where a tuple is given), and the host as it was."""
    state = state or HostState(ns)
    done = ns.run(*argv, check=False)
    said = done.stderr.strip()
    assert done.returncode in codes, (
        f"exit code {done.returncode} instead of {' or '.join(map(str, codes))}; said: {said!r}")
    lines = said.splitlines()
    assert len(lines) == 1, f"{len(lines)} lines instead of one: {said!r}"
    for word in words:
        choice = word if isinstance(word, tuple) else (word,)
        assert any(w.lower() in said.lower() for w in choice), f"{word!r} is not in: {said!r}"
    assert not done.stdout, f"on stdout: {done.stdout!r}"
    state.wait_restored()


def test_interface_missing(lab):
    """No such interface."""
    host = lab.namespace("host")
    expect_refusal(host, [DAEMON, "--interface", "nosuch0"], [EXIT_FAILED], ["nosuch0"])


def test_no_permission(lab):
    """No permission: run as nobody."""
    wire = Wire(lab)
    # where nobody may read it
    daemon = shutil.copy(DAEMON, lab.tmp)
    os.chmod(daemon, 0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    expect_refusal(wire.host, [*nobody, daemon, "--interface", wire.nic], [EXIT_NO_PERMISSION],
                   [("root", "CAP_", "permission")])


def test_no_capabilities(lab):
    """No permission: root without capabilities."""
    wire = Wire(lab)
    none = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    expect_refusal(wire.host, [*none, DAEMON, "--interface", wire.nic], [EXIT_NO_PERMISSION],
                   [("root", "CAP_", "permission")])


def test_queue_busy(lab):
    """Another AF_XDP socket owns the queue."""
    wire = Wire(lab)
    owner = QueueOwner(wire.host, wire.nic)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic], [EXIT_FAILED],
                   [wire.nic, "queue 0", ("busy", "another")])
    owner.socket.close()


def test_second_daemon(lab, data):
    """A second daemon on the interface is refused, the first one goes on."""
    wire = Wire(lab)
    first = Daemon(lab, wire.host, wire.nic)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic], [EXIT_FAILED],
                   [wire.nic])
    Server(lab, wire.peer, data)
    Transfer(lab, wire.host, wire.PEER4, data, 16 << 20).finish()
    assert first.total()["rx_superpackets"] > 0, "the first daemon no longer merges"


@pytest.mark.parametrize("mode", ["inline", "port"])
def test_second_daemon_elsewhere(lab, mode):
    """A second daemon behind another run directory is told what holds the interface, whatever TAP it asks for."""
    wire = Wire(lab, host_addresses=mode == "inline")
    first = Daemon(lab, wire.host, wire.nic, "--mode", mode)
    elsewhere = ["env", f"RUNTIME_DIRECTORY={lab.tmp}", DAEMON, "--interface", wire.nic]
    for options in ([], ["--mode", "port"], ["--tap", "other"]):
        expect_refusal(wire.host, [*elsewhere, *options], [EXIT_FAILED],
                       [wire.nic, "another superpacketd serves it", "XDP program", "RUNTIME_DIRECTORY"])
    left = [name for name in os.listdir(lab.tmp) if name.startswith(wire.nic)]
    assert not left, f"left behind: {left}"
    assert first.status()["state"] == "ok", first.status()["state_why"]
    first.stop()


def test_tap_taken(lab):
    """The TAP's name is taken."""
    wire = Wire(lab)
    tap = lab.unique("tap")
    wire.host.ip("link", "add", "name", tap, "type", "veth", "peer", "name", lab.unique("pat"))
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--mode", "port", "--tap", tap],
                   [EXIT_FAILED], [tap])


def test_mtu_too_large(lab):
    """MTU 65535 is more than a TAP can have: the number that would do is said."""
    wire = Wire(lab, mtu=65535)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic], [EXIT_FAILED, EXIT_NOT_SUPPORTED],
                   [wire.nic, "65535", f"ip link set {wire.nic} mtu 65521"])


def test_pinned_without_maps(lab):
    """The pin directory has none of our maps."""
    wire = Wire(lab)
    root = bpffs(lab)
    for directory in (root, os.path.join(root, "not", "there")):
        expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--pinned", directory],
                       [EXIT_FAILED], [directory, "xdp-loader load"])


def test_pinned_without_bpffs(lab):
    """The pin directory is not on a bpffs: how to mount one is said."""
    wire = Wire(lab)
    for directory in (lab.tmp, "/nonexistent/pins", "nonexistent", "/"):
        expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--pinned", directory],
                       [EXIT_FAILED], [f"{directory} is not on a bpffs", "mount -t bpf", "nsenter"])


def test_pinned_in_another_mode(lab):
    """An adopted program runs in another mode than the one asked for."""
    wire = Wire(lab)
    pins = load(lab, wire, "native")
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--pinned", pins,
                               "--xdp-mode", "generic"],
                   [EXIT_NOT_SUPPORTED], [wire.nic, "native", "-m skb", "--xdp-mode auto"])


def test_mode_not_to_be_had(lab):
    """A mode that was asked for and cannot be had: the reason is said, nothing is touched."""
    wire = Wire(lab)
    for options in (["--xdp-mode", "native-with-zerocopy"],
                    ["--xdp-mode", "native-with-zerocopy", "--transmit", "slices"]):
        expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, *options], [EXIT_NOT_SUPPORTED],
                       [wire.nic, "its driver has no zero copy", "--xdp-mode auto"])


def test_too_many_queues(lab):
    """More queues than the NIC has."""
    wire = Wire(lab)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--queues", "7"],
                   [EXIT_FAILED, EXIT_USAGE], [wire.nic, "queue"])


def test_xdp_in_use(lab):
    """The interface is in use by another XDP program."""
    wire = Wire(lab)
    Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", lab.unique("tap"))
    # the control socket of the first one is hidden from the second: it must find out by itself
    expect_refusal(wire.host, ["env", f"RUNTIME_DIRECTORY={lab.tmp}", DAEMON, "--interface", wire.nic],
                   [EXIT_FAILED], [wire.nic])


def test_no_af_xdp(lab):
    """A kernel without AF_XDP (as a seccomp filter shows it)."""
    wire = Wire(lab)
    wrapper = without(wire, "socket", errno.EAFNOSUPPORT, [0, "is", AF_XDP])
    expect_refusal(wire.host, [*wrapper, DAEMON, "--interface", wire.nic], [EXIT_NOT_SUPPORTED],
                   ["AF_XDP"])


TUNSETOFFLOAD = 0x400454D0
USO, UDP_TUNNELS = 0x60, 0x180


def test_no_tap_offloads(lab):
    """A kernel whose TAP knows no USO, or no UDP tunnels: what was asked for is refused, with the way out."""
    wire = Wire(lab)
    wrapper = without(wire, "ioctl", errno.EINVAL, [1, "is", TUNSETOFFLOAD], [2, "any of", USO])
    argv = [*wrapper, DAEMON, "--interface", wire.nic]
    expect_refusal(wire.host, [*argv, "--merge", "tcp,udp"], [EXIT_NOT_SUPPORTED],
                   ["TAP", "leave udp out of --merge"])
    wrapper = without(wire, "ioctl", errno.EINVAL, [1, "is", TUNSETOFFLOAD], [2, "any of", UDP_TUNNELS])
    argv = [*wrapper, DAEMON, "--interface", wire.nic]
    for word in ("vxlan", "geneve"):
        expect_refusal(wire.host, [*argv, "--merge", word], [EXIT_NOT_SUPPORTED],
                       ["TAP", "leave vxlan and geneve out of --merge"])


def test_usage(lab):
    """Bad command lines: exit code 2 and the way out."""
    wire = Wire(lab)
    good = [DAEMON, "--interface", wire.nic]
    for argv in ([DAEMON], [DAEMON, "--interface"], [*good, "--frobnicate"], [*good, "extra"],
                 [*good, "--mode", "sideways"], [*good, "--xdp-mode", "hw"],
                 [*good, "--queues", "0"], [*good, "--queues", "many"],
                 [*good, "--interface", "other0"],
                 [*good, "--merge", "sctp"], [*good, "--merge", ""], [*good, "--hold", "-1"],
                 [*good, "--hold", "5m"], [*good, "--merge", "none,udp"],
                 [*good, "--idle", "5"], [*good, "--max-packets", "1"], [*good, "--max-bytes", "1M"],
                 [*good, "--max-flows", "4,both"], [*good, "--min-payload", "-1"],
                 [*good, "--pass-ports", "ssh"], [*good, "--adaptive", "maybe"],
                 [*good, "--tap", "a-name-far-too-long"], [*good, "--tap", "with/slash"], [*good, "--pinned", ""]):
        expect_refusal(wire.host, argv, [EXIT_USAGE], [])


def test_help_and_version(lab):
    """The options --help and --version print to stdout and end with exit code 0."""
    for option in ("--help", "--version", "-h", "-V"):
        done = lab.run([DAEMON, option], check=False)
        assert done.returncode == EXIT_OK, f"{option}: exit code {done.returncode}"
        assert "superpacketd" in done.stdout and not done.stderr, f"{option}: {done}"


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make(lab, *arguments):
    """As an operator would: without what an outer make has left in the environment."""
    clean = ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "MFLAGS"]
    build = f"B={os.path.relpath(BUILD, ROOT)}"
    return lab.run([*clean, "make", "-C", ROOT, build, *arguments], seconds=240)


def test_install(lab):
    """Make install with a PREFIX of its own after a build without; make uninstall."""
    make(lab, "all")
    target = os.path.join(lab.tmp, "root")
    make(lab, "install", f"DESTDIR={target}", "PREFIX=/usr")
    with open(f"{target}/usr/lib/systemd/system/superpacketd@.service") as file:
        unit = file.read()
    programs = re.findall(r"^Exec\w+=(\S+)", unit, re.M)
    assert programs == ["/usr/sbin/superpacketd"], f"the unit starts {programs}"
    assert not re.search("@[A-Z]+@", unit), "something was not filled in"
    user = re.search(r"^User=(\w+)", unit, re.M)[1]
    with open(f"{target}/usr/lib/sysusers.d/superpacket.conf") as file:
        assert re.search(rf"^u {user} ", file.read(), re.M), f"nothing makes the user {user}"
    for program in [*programs, "/usr/bin/superpacket"]:
        assert os.access(target + program, os.X_OK), f"{program} is not there"
    assert os.path.exists(f"{target}/usr/lib/superpacket/steer.bpf.o"), "no steer.bpf.o"
    make(lab, "uninstall", f"DESTDIR={target}", "PREFIX=/usr")
    left = [os.path.join(path, name) for path, _, names in os.walk(target) for name in names]
    assert not left, f"still there: {left}"
