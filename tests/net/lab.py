# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A laboratory of network namespaces: everything in it is made here and goes with it.

    with Lab() as lab:
        host, peer = lab.namespace("host"), lab.namespace("peer")
        lab.veth(host, "nic", peer, "wire")
        server = lab.start([...], ns=peer)
        wait_until(lambda: "ready" in server.stderr(), 5, "the server is ready")

Names carry our process id, so that runs side by side do not meet; interfaces exist in our
namespaces only. On the way out, also after an exception, SIGINT or SIGTERM, the processes
are killed and the namespaces deleted. Daemons meet in a runtime directory of this run. What a
run that was itself killed with -9 has left is removed by the next one. Nothing waits without a deadline.
"""

import atexit
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import starved

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# the tests and the demo are told which tree to use; alone, it is the usual one
BUILD = os.path.abspath(os.environ.get("SUPERPACKET_BUILD", os.path.join(ROOT, "build")))
# A time limit that only ends what hangs is given as a quiet machine would need it, several times over; any
# other machine has this many times as long.
PATIENCE = 6
PREFIX = "sptest"  # of namespaces, sptest<pid>-<number>-<role>, and directories, sptest<pid>-<random>

# Where daemons have their sockets and notes, and are looked for: not where those of others are.
RUNTIME = os.path.join(tempfile.gettempdir(), f"{PREFIX}{os.getpid()}-runtime")
os.environ["RUNTIME_DIRECTORY"] = RUNTIME
atexit.register(shutil.rmtree, RUNTIME, ignore_errors=True)

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
AF_XDP = 44


class Failed(AssertionError):
    """Something was not as it should be; the text says what, expected and seen."""


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM: unwinds through every cleanup, is caught by no `except Exception`."""


class _Signals:
    received = None   # the name of the signal that ends us
    cleaning = False  # we are on the way out


def catch_signals():
    """Turns SIGINT and SIGTERM into an exception, once: cleaning up is not to be interrupted."""

    def handler(signum, _frame):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _Signals.received = signal.Signals(signum).name
        raise Interrupted(_Signals.received)

    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)


def check_interrupted():
    """Raises it again: Python drops an exception that a handler raises inside a finalizer."""
    if _Signals.received and not _Signals.cleaning:
        raise Interrupted(_Signals.received)


def wait_until(predicate, seconds, what, strict=False):
    """Returns the first true value of predicate(); fails when `seconds` (PATIENCE times that, unless the time
    itself is what is tested: strict) pass without one."""
    seconds *= 1 if strict else PATIENCE
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        check_interrupted()
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            what = what() if callable(what) else what
            raise Failed(f"waited {seconds:g} s in vain until {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def missing_support():
    """One sentence that says what this machine lacks for namespaces and AF_XDP, or None."""
    if os.geteuid() != 0:
        return "root is needed (network namespaces, BPF): run this as root"
    for tool in ("ip", "tc", "ethtool", "nsenter", "iperf3", "bpftool"):
        if not shutil.which(tool):
            return f"{tool} is missing: run make deps"
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW).close()
    except OSError as error:
        return f"this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): {error.strerror}"
    if not os.path.exists("/dev/net/tun"):
        return "there is no /dev/net/tun: modprobe tun, or give the container the device"
    try:
        with Lab() as lab:
            lab.veth(lab.namespace("one"), "one", lab.namespace("two"), "two")
    except Failed as failure:
        return f"network namespaces joined by veth cannot be made here: {failure}"
    return None


class Process:
    """A process of the lab; its output goes to files, so that nobody blocks on a full pipe."""

    def __init__(self, lab, argv, name):
        self.argv = argv
        self.name = name
        self._out = os.path.join(lab.tmp, f"{name}.out")
        self._err = os.path.join(lab.tmp, f"{name}.err")
        parent = os.getpid()

        def die_with_parent():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True, preexec_fn=die_with_parent)

    @property
    def pid(self):
        return self.popen.pid

    def stdout(self):
        with open(self._out, errors="replace") as file:
            return file.read()

    def stderr(self):
        with open(self._err, errors="replace") as file:
            return file.read()

    def running(self):
        return self.popen.poll() is None

    def signal(self, signum):
        if self.running():
            self.popen.send_signal(signum)

    def starved_ns(self):
        """How long its threads, those that live, have been kept waiting for a CPU."""
        return sum(waited for _, waited, _ in starved.threads(self.pid).values())

    def wait(self, seconds, code=0, strict=False):
        """Waits for the end; fails when it does not come (see wait_until()) or the exit code is another one."""
        seconds *= 1 if strict else PATIENCE
        try:
            got = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} has not ended after {seconds:g} s; "
                         f"it said: {self.tail()}") from None
        if code is not None and got != code:
            raise Failed(f"{self.name} ended with {got} instead of {code}; it said: {self.tail()}")
        return got

    def tail(self):
        return (self.stderr().strip() or self.stdout().strip() or "nothing")[-600:]

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()


class Namespace:
    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.path = f"/run/netns/{name}"

    def argv(self, argv, mounts=False):
        """The command inside this namespace. `mounts`: as `ip netns exec` does it, with /sys of
        the namespace (and without the bpffs); else nothing but the network is another."""
        if mounts:
            return ["ip", "netns", "exec", self.name, *argv]
        return ["nsenter", f"--net={self.path}", *argv]

    def run(self, *argv, seconds=20, check=True):
        return self.lab.run(self.argv(argv), seconds, check)

    def ip(self, *argv, check=True):
        return self.lab.run(["ip", "-n", self.name, *argv], check=check)

    def ip_json(self, *argv):
        text = self.lab.run(["ip", "-n", self.name, "-d", "-j", *argv]).stdout
        return json.loads(text or "[]")

    def links(self):
        return {link["ifname"] for link in self.ip_json("link")}

    def sysctl(self, key, value):
        self.run("sh", "-c", f'echo "$1" > /proc/sys/{key.replace(".", "/")}', "sh", str(value))

    def address(self, interface, *addresses):
        for address in addresses:
            self.ip("address", "add", address, "dev", interface)
        self.wait_settled(interface)

    def wait_settled(self, interface):
        """The link is up and its IPv6 addresses are in force: from here on nothing changes by itself."""
        def settled():
            link = self.ip_json("address", "show", "dev", interface)[0]
            ipv6 = [a for a in link["addr_info"] if a["family"] == "inet6"]
            return (link["operstate"] in ("UP", "UNKNOWN") and not any(a.get("tentative") for a in ipv6)
                    and (self._without_ipv6(interface) or any(a["scope"] == "link" for a in ipv6)))

        wait_until(settled, 10, lambda: f"{interface} is up, with its addresses: "
                   + self.ip("address", "show", "dev", interface).stdout)

    def _without_ipv6(self, interface):
        path = f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"
        return self.run("cat", path, check=False).stdout.strip() != "0"

    def up(self, interface):
        self.ip("link", "set", "dev", interface, "up")

    def mac(self, interface):
        return self.ip_json("link", "show", "dev", interface)[0]["address"]

    def features(self, interface):
        """ethtool -k as {name: "on" or "off"}."""
        text = self.run("ethtool", "-k", interface).stdout
        return dict(re.findall(r"^\s*([\w-]+): (on|off)", text, re.M))

    def ethtool_off(self, interface, *features):
        for feature in features:
            self.run("ethtool", "-K", interface, feature, "off")

    def snmp(self):
        """/proc/net/snmp and netstat of this namespace: {"TcpInCsumErrors": 0, ...}."""
        text = self.run("cat", "/proc/net/snmp", "/proc/net/netstat").stdout
        counters = {}
        lines = text.splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            group, names = names.split(": ", 1)
            for name, value in zip(names.split(), values.split(": ", 1)[1].split()):
                counters[group + name] = int(value)
        return counters

    def snmp6(self):
        """/proc/net/snmp6 of this namespace: {"Udp6NoPorts": 0, ...}."""
        lines = self.run("cat", "/proc/net/snmp6").stdout.splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in this namespace: sockets opened here belong to it."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            if _libc.setns(there, CLONE_NEWNET) != 0:
                raise Failed(f"setns {self.name}: {os.strerror(ctypes.get_errno())}")
            yield
        finally:
            _libc.setns(home, CLONE_NEWNET)
            os.close(there)
            os.close(home)


class Lab:
    _number = 0

    def __init__(self):
        check_interrupted()
        Lab._number += 1
        self.id = f"{PREFIX}{os.getpid()}-{Lab._number}"
        self.tmp = tempfile.mkdtemp(prefix=temporary_prefix())
        os.chmod(self.tmp, 0o755)  # a daemon run as nobody is started from here too
        os.makedirs(RUNTIME, exist_ok=True)
        self.namespaces = []
        self.processes = []
        self.cleanups = []
        self.watched = []  # by starved.Starvation
        self.busy = []     # sentences of measurements that this machine has disturbed
        self._names = {}

    # names

    def unique(self, word):
        """An interface name of at most 15 characters that no other run uses."""
        return f"{word[:5]}{os.getpid()}"

    def _process_name(self, word):
        n = self._names[word] = self._names.get(word, 0) + 1
        return word if n == 1 else f"{word}-{n}"

    # making

    def namespace(self, role):
        ns = Namespace(self, f"{self.id}-{role}")
        self.namespaces.append(ns)
        self.run(["ip", "netns", "add", ns.name])
        # IPv6 addresses are usable at once, and nothing changes a second later
        for key in ("all", "default"):
            ns.sysctl(f"net.ipv6.conf.{key}.accept_dad", 0)
        # Senders make superpackets as large as they may be: not smaller because a busy machine, and a congestion
        # control that is not ours to choose, make for a long way and a low rate.
        if os.path.exists("/proc/sys/net/ipv4/tcp_tso_rtt_log"):  # since Linux 5.18
            ns.sysctl("net.ipv4.tcp_tso_rtt_log", 30)
        ns.up("lo")
        return ns

    def veth(self, ns_a, name_a, ns_b, name_b, queues=1, mtu=None):
        queue_args = ["numrxqueues", str(queues), "numtxqueues", str(queues)]
        self.run(["ip", "-n", ns_a.name, "link", "add", "name", name_a, *queue_args, "type", "veth",
                  "peer", "name", name_b, *queue_args, "netns", ns_b.name])
        for ns, name in ((ns_a, name_a), (ns_b, name_b)):
            if mtu:
                ns.ip("link", "set", "dev", name, "mtu", str(mtu))
            ns.up(name)
        for ns, name in ((ns_a, name_a), (ns_b, name_b)):
            ns.wait_settled(name)

    def start(self, argv, ns=None, name=None, mounts=False):
        name = self._process_name(name or os.path.basename(argv[0]))
        process = Process(self, ns.argv(argv, mounts) if ns else argv, name)
        self.processes.append(process)
        return process

    def run(self, argv, seconds=20, check=True):
        check_interrupted()
        seconds *= PATIENCE
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, errors="replace", timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"`{' '.join(argv)}` has not ended after {seconds} s") from None
        except FileNotFoundError:
            raise Failed(f"{argv[0]} is missing: run make deps") from None
        if check and done.returncode != 0:
            raise Failed(f"`{' '.join(argv)}` ended with {done.returncode}: "
                         f"{(done.stderr or done.stdout).strip()[-400:]}")
        return done

    def cleanup(self, function):
        """Calls function on the way out, before the namespaces go; the last one first."""
        self.cleanups.append(function)

    def starved_ns(self):
        """How long the processes that live have been kept waiting for a CPU."""
        return sum(process.starved_ns() for process in self.processes)

    def disturbed(self):
        """One sentence if this machine may have failed the test; None if not."""
        longest = max((watched.longest for watched in self.watched), default=0.0)
        if starved.emulated:
            return "the machine is emulated"
        if longest > starved.LONG:
            return f"the daemon, or the test, was not let run for {longest:.2f} s"
        return self.busy[0] if self.busy else None

    # going

    def close(self):
        for function in reversed(self.cleanups):
            with contextlib.suppress(Exception):
                function()
        for process in reversed(self.processes):
            process.kill()
        for ns in self.namespaces:
            remove_namespace(ns.name)
        shutil.rmtree(self.tmp, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        # a second Ctrl-C must not leave half of it standing
        with uninterrupted():
            self.close()


@contextlib.contextmanager
def uninterrupted():
    before = {s: signal.signal(s, signal.SIG_IGN) for s in (signal.SIGINT, signal.SIGTERM)}
    _Signals.cleaning = True
    try:
        yield
    finally:
        _Signals.cleaning = False
        for signum, handler in before.items():
            signal.signal(signum, handler)


def remove_namespace(name):
    """Ends what still runs inside a namespace of ours and deletes it; never raises."""
    with contextlib.suppress(Exception):
        pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True,
                              timeout=10).stdout.split()
        for pid in pids:
            if int(pid) != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
    with contextlib.suppress(Exception):
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20)


def temporary_prefix():
    return f"{PREFIX}{os.getpid()}-"


def remove_leftovers():
    """Removes what runs that no longer exist have left (killed with -9, say)."""
    def dead(name):
        match = re.match(PREFIX + r"(\d+)-", name)
        return match and not os.path.exists(f"/proc/{match[1]}")

    with contextlib.suppress(FileNotFoundError):
        for name in filter(dead, os.listdir("/run/netns")):
            remove_namespace(name)
    for directory in temporary_directories():
        for name in filter(dead, os.listdir(directory)):
            shutil.rmtree(os.path.join(directory, name), ignore_errors=True)


def temporary_directories():
    places = [os.environ.get("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"]
    return [place for place in places if place and os.path.isdir(place)]
