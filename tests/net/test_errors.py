# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the daemon cannot do, it says in one line with the way out, and leaves nothing behind."""

import ctypes
import errno
import json
import mmap
import os
import platform
import re
import shutil
import socket
import struct

from daemon import (DAEMON, EXIT_FAILED, EXIT_NO_PERMISSION, EXIT_NOT_SUPPORTED, EXIT_OK,
                    EXIT_USAGE, Daemon, HostState)
from harness import test
from lab import AF_XDP, BUILD, Skip, expect
from test_pinned import bpffs, load
from wire import PYTHON, Transfer, Server, Wire


def expect_refusal(ns, argv, codes, words, state=None):
    """Runs the daemon, which must end by itself, with one of the codes, one line that holds each of the
    words (one of them, where a tuple is given), and the host as it was."""
    state = state or HostState(ns)
    done = ns.run(*argv, check=False)
    said = done.stderr.strip()
    expect(done.returncode in codes,
           f"exit code {done.returncode} instead of {' or '.join(map(str, codes))}; said: {said!r}")
    lines = said.splitlines()
    expect(len(lines) == 1, f"{len(lines)} lines instead of one: {said!r}")
    for word in words:
        choice = word if isinstance(word, tuple) else (word,)
        expect(any(w.lower() in said.lower() for w in choice), f"{word!r} is not in: {said!r}")
    expect(not done.stdout, f"on stdout: {done.stdout!r}")
    state.wait_restored()


@test("no such interface")
def interface_missing(lab):
    host = lab.namespace("host")
    expect_refusal(host, [DAEMON, "--interface", "nosuch0"], [EXIT_FAILED], ["nosuch0"])


@test("no permission: run as nobody")
def no_permission(lab):
    wire = Wire(lab)
    # where nobody may read it
    daemon = shutil.copy(DAEMON, lab.tmp)
    os.chmod(daemon, 0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    expect_refusal(wire.host, [*nobody, daemon, "--interface", wire.nic], [EXIT_NO_PERMISSION],
                   [("root", "CAP_", "permission")])


@test("no permission: root without capabilities")
def no_capabilities(lab):
    wire = Wire(lab)
    none = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    expect_refusal(wire.host, [*none, DAEMON, "--interface", wire.nic], [EXIT_NO_PERMISSION],
                   [("root", "CAP_", "permission")])


class QueueOwner:
    """Another program's AF_XDP socket on queue 0 of an interface, made by hand."""

    SOL_XDP = 283
    XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 2, 4, 5, 6
    LENGTH = 16 * 4096

    def __init__(self, ns, interface):
        with ns.entered():
            self.socket = socket.socket(AF_XDP, socket.SOCK_RAW)
            ifindex = socket.if_nametoindex(interface)
        self.memory = mmap.mmap(-1, self.LENGTH)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self._set(self.XDP_UMEM_REG, struct.pack("QQIII4x", address, self.LENGTH, 4096, 0, 0))
        for ring in (self.XDP_UMEM_FILL_RING, self.XDP_UMEM_COMPLETION_RING, self.XDP_RX_RING):
            self._set(ring, struct.pack("I", 64))
        # struct sockaddr_xdp: family, flags, ifindex, queue, shared umem fd
        name = struct.pack("HHIII", AF_XDP, 0, ifindex, 0, 0)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.bind(self.socket.fileno(), name, len(name)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def _set(self, option, value):
        self.socket.setsockopt(self.SOL_XDP, option, value)


@test("another AF_XDP socket owns the queue")
def queue_busy(lab):
    wire = Wire(lab)
    owner = QueueOwner(wire.host, wire.nic)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic], [EXIT_FAILED],
                   [wire.nic, "queue 0", ("busy", "another")])
    owner.socket.close()


@test("a second daemon on the interface is refused, the first one goes on")
def second_daemon(lab, data):
    wire = Wire(lab)
    first = Daemon(lab, wire.host, wire.nic)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic], [EXIT_FAILED],
                   [wire.nic])
    Server(lab, wire.peer, data)
    Transfer(lab, wire.host, wire.PEER4, data, 16 << 20).finish()
    expect(first.total()["rx_superpackets"] > 0, "the first daemon no longer merges")


@test("the TAP's name is taken")
def tap_taken(lab):
    wire = Wire(lab)
    tap = lab.unique("tap")
    wire.host.ip("link", "add", "name", tap, "type", "veth", "peer", "name", lab.unique("pat"))
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--mode", "port", "--tap", tap],
                   [EXIT_FAILED], [tap])


@test("MTU 65535 is more than a TAP can have: the number that would do is said")
def mtu_too_large(lab):
    wire = Wire(lab, mtu=65535)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic], [EXIT_FAILED, EXIT_NOT_SUPPORTED],
                   [wire.nic, "65535", f"ip link set {wire.nic} mtu 65521"])


@test("the pin directory has none of our maps")
def pinned_without_maps(lab):
    wire = Wire(lab)
    root = bpffs(lab)
    for directory in (root, os.path.join(root, "not", "there")):
        expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--pinned", directory],
                       [EXIT_FAILED], [directory, "xdp-loader load"])


@test("the pin directory is not on a bpffs: how to mount one is said")
def pinned_without_bpffs(lab):
    wire = Wire(lab)
    for directory in (lab.tmp, "/nonexistent/pins", "nonexistent", "/"):
        expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--pinned", directory],
                       [EXIT_FAILED], [f"{directory} is not on a bpffs", "mount -t bpf", "nsenter"])


@test("an adopted program runs in another mode than the one asked for")
def pinned_in_another_mode(lab):
    wire = Wire(lab)
    pins = load(lab, wire, "native")
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--pinned", pins,
                               "--xdp-mode", "generic"],
                   [EXIT_NOT_SUPPORTED], [wire.nic, "native", "-m skb", "--xdp-mode auto"])


@test("a mode that was asked for and cannot be had: the reason is said, nothing is touched")
def mode_not_to_be_had(lab):
    wire = Wire(lab)
    for options in (["--xdp-mode", "native-with-zerocopy"],
                    ["--xdp-mode", "native-with-zerocopy", "--transmit", "slices"]):
        expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, *options], [EXIT_NOT_SUPPORTED],
                       [wire.nic, "its driver has no zero copy", "--xdp-mode auto"])


@test("more queues than the NIC has")
def too_many_queues(lab):
    wire = Wire(lab)
    expect_refusal(wire.host, [DAEMON, "--interface", wire.nic, "--queues", "7"],
                   [EXIT_FAILED, EXIT_USAGE], [wire.nic, "queue"])


@test("the interface is in use by another XDP program")
def xdp_in_use(lab):
    wire = Wire(lab)
    Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", lab.unique("tap"))
    # the control socket of the first one is hidden from the second: it must find out by itself
    expect_refusal(wire.host, ["env", f"RUNTIME_DIRECTORY={lab.tmp}", DAEMON, "--interface", wire.nic],
                   [EXIT_FAILED], [wire.nic])


# Linux: numbers of system calls, AUDIT_ARCH, by machine
SECCOMP = {"x86_64": ({"socket": 41, "ioctl": 16}, 0xC000003E),
           "aarch64": ({"socket": 198, "ioctl": 29}, 0xC00000B7)}

# ARCH NUMBER ERRNO ARGUMENTS COMMAND...: the command, with a system call of such arguments refused
FILTERED = """
import ctypes, json, os, struct, sys
def op(code, jt, jf, k):
    return struct.pack("HBBI", code, jt, jf, k)
LOAD, EQUAL, ANY_OF, RETURN = 0x20, 0x15, 0x45, 0x06
arch, number, error = map(int, sys.argv[1:4])
words = [(4, EQUAL, arch), (0, EQUAL, number)]          # seccomp_data.arch, .nr
for argument, how, value in json.loads(sys.argv[4]):
    words.append((16 + 8 * argument, EQUAL if how == "is" else ANY_OF, value))
program = b"".join(op(LOAD, 0, 0, at) + op(how, 0, 2 * (len(words) - 1 - i) + 1, value)
                   for i, (at, how, value) in enumerate(words))
program += op(RETURN, 0, 0, 0x00050000 | error) + op(RETURN, 0, 0, 0x7FFF0000)
buffer = ctypes.create_string_buffer(program)
class Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
fprog = Fprog(len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0              # PR_SET_NO_NEW_PRIVS
if libc.prctl(22, 2, ctypes.byref(fprog), 0, 0):    # PR_SET_SECCOMP, filter
    sys.exit(77)
os.execv(sys.argv[5], sys.argv[5:])
"""


def without(wire, call, error, *arguments):
    """A wrapper for a kernel that refuses this system call with such arguments: [index, "is" or
    "any of", value]."""
    if platform.machine() not in SECCOMP:
        raise Skip(f"no system call number known for {platform.machine()}")
    calls, arch = SECCOMP[platform.machine()]
    wrapper = [PYTHON, "-c", FILTERED, str(arch), str(calls[call]), str(error), json.dumps(arguments)]
    if wire.host.run(*wrapper, "/bin/true", check=False).returncode == 77:
        raise Skip("this kernel has no seccomp filters")
    return wrapper


@test("a kernel without AF_XDP (as a seccomp filter shows it)")
def no_af_xdp(lab):
    wire = Wire(lab)
    wrapper = without(wire, "socket", errno.EAFNOSUPPORT, [0, "is", AF_XDP])
    expect_refusal(wire.host, [*wrapper, DAEMON, "--interface", wire.nic], [EXIT_NOT_SUPPORTED],
                   ["AF_XDP"])


TUNSETOFFLOAD = 0x400454D0
USO, UDP_TUNNELS = 0x60, 0x180


@test("a kernel whose TAP knows no USO, or no UDP tunnels: what was asked for is refused, with the way out")
def no_tap_offloads(lab):
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


@test("bad command lines: exit code 2 and the way out")
def usage(lab):
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


@test("--help and --version: exit code 0, on stdout")
def help_and_version(lab):
    for option in ("--help", "--version", "-h", "-V"):
        done = lab.run([DAEMON, option], check=False)
        expect(done.returncode == EXIT_OK, f"{option}: exit code {done.returncode}")
        expect("superpacketd" in done.stdout and not done.stderr, f"{option}: {done}")


ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make(lab, *arguments):
    """As an operator would: without what an outer make has left in the environment."""
    clean = ["env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "MFLAGS"]
    build = f"B={os.path.relpath(BUILD, ROOT)}"
    return lab.run([*clean, "make", "-C", ROOT, build, *arguments], seconds=240)


@test("make install with a PREFIX of its own after a build without; make uninstall", seconds=300)
def install(lab):
    make(lab, "all")
    target = os.path.join(lab.tmp, "root")
    make(lab, "install", f"DESTDIR={target}", "PREFIX=/usr")
    with open(f"{target}/usr/lib/systemd/system/superpacketd@.service") as file:
        unit = file.read()
    programs = re.findall(r"^Exec\w+=(\S+)", unit, re.M)
    expect(programs == ["/usr/sbin/superpacketd"], f"the unit starts {programs}")
    expect(not re.search("@[A-Z]+@", unit), "something was not filled in")
    for program in [*programs, "/usr/bin/superpacket"]:
        expect(os.access(target + program, os.X_OK), f"{program} is not there")
    expect(os.path.exists(f"{target}/usr/lib/superpacket/steer.bpf.o"), "no steer.bpf.o")
    make(lab, "uninstall", f"DESTDIR={target}", "PREFIX=/usr")
    left = [os.path.join(path, name) for path, _, names in os.walk(target) for name in names]
    expect(not left, f"still there: {left}")
