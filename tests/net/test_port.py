# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Port mode: the TAP outlives its daemon, wherever it is, and the next one takes it over."""

import errno
import json
import os

import pytest

from crowd import Crowd
from daemon import COMMAND, DAEMON, EXIT_FAILED, EXIT_NO_PERMISSION, Daemon
from faulty import FAULTY, faults
from lab import wait_until
from test_errors import expect_refusal
from streams import servers, transfer
from wire import PYTHON, Wire, channels

SHORT = 16 << 20
ENDS = {"kill -9": Daemon.kill, "SIGTERM": Daemon.stop}


class Port:
    """A container whose only interface is the TAP of a daemon on the host's NIC."""

    def __init__(self, lab, queues=1):
        self.lab = lab
        self.wire = Wire(lab, queues=queues, host_addresses=False)
        self.container = lab.namespace("container")
        self.tap = lab.unique("tap")
        self.daemon = None

    def start(self, *options, netns=None, **how):
        """With --tap-netns, by the container's name unless another is said; "": without."""
        netns = self.container.name if netns is None else netns
        where = ["--tap-netns", netns] if netns else []
        self.daemon = Daemon(self.lab, self.wire.host, self.wire.nic, "--mode", "port", "--tap", self.tap, *where,
                             *options, **how)
        return self.daemon

    def kill(self, ns=None):
        self.daemon.kill()
        wait_until(lambda: "NO-CARRIER" in self.link(ns or self.wire.host)["flags"], 5, "the TAP has no carrier")

    def address(self, ns=None, name=None):
        ns, name = ns or self.container, name or self.tap
        ns.up(name)
        self.wire.address_host(ns, name)

    def link(self, ns=None, name=None):
        return (ns or self.container).ip_json("link", "show", "dev", name or self.tap)[0]

    def settings(self, ns=None, name=None):
        """What must be the same behind a daemon and its successor."""
        ns, name = ns or self.container, name or self.tap
        link = self.link(ns, name)
        return {
            "link": {key: link.get(key) for key in ("ifindex", "ifname", "address", "mtu", "txqlen", "qdisc", "group")},
            "addresses": [(a["local"], a["prefixlen"], a["scope"])
                          for a in ns.ip_json("address", "show", "dev", name)[0]["addr_info"]],
            "routes": (ns.ip("route").stdout + ns.ip("-6", "route").stdout).replace(" linkdown", ""),
            "neighbours": ns.ip("neigh", "show", "nud", "permanent").stdout,
            "qdiscs": ns.run("tc", "qdisc", "show", "dev", name).stdout,
        }

    def held(self, ns=None, name=None):
        """How many queues of it are open."""
        data = self.link(ns, name)["linkinfo"]["info_data"]
        return data["numqueues"] + data["numdisabled"]

    def transfers(self, data, ns=None, length=SHORT):
        for direction in ("in", "out"):
            transfer(self.lab, self.wire, data, direction, 4, ns or self.container, length).finish()


@pytest.mark.parametrize("end", ENDS)
def test_stays(lab, data, end):
    """Index, addresses, routes, static neighbours, MTU and qdiscs of the container's interface are the same after its
    daemon's end and the next one's start; without a daemon it has no carrier."""
    port = Port(lab)
    port.start()
    port.address()
    ns, tap, wire = port.container, port.tap, port.wire
    ns.ip("route", "add", "default", "via", wire.PEER4)
    ns.ip("neigh", "add", "10.77.0.9", "lladdr", "02:00:00:00:00:09", "dev", tap)
    ns.run("tc", "qdisc", "add", "dev", tap, "clsact")
    servers(lab, wire, data, ns)
    port.transfers(data)
    before = port.settings()
    status = port.daemon.status()
    assert status["tap_persistent"] and not status["tap_taken_over"], f"status: {status}"
    for _ in range(2):
        ENDS[end](port.daemon)
        wait_until(lambda: "NO-CARRIER" in port.link()["flags"], 5, "the TAP has no carrier")
        assert port.held() == 0, f"{port.held()} queues are held by nobody"
        assert port.settings() == before, f"before {before}, without a daemon {port.settings()}"
        daemon = port.start()
        assert port.settings() == before, f"before {before}, with the next daemon {port.settings()}"
        status = daemon.status()
        assert status["tap_persistent"] and status["tap_taken_over"], f"status: {status}"
        assert status["tap_netns"] == os.stat(ns.path).st_ino, f"{status['tap_netns']} is not its namespace"
        assert "taken over" in daemon.process.stderr(), daemon.process.stderr()
        port.transfers(data)


def test_renamed_while_it_is_taken_over(lab):
    """The TAP gets another name between finding and opening it: refused, and no TAP of the old name is left."""
    port = Port(lab)
    port.start(netns="")
    port.kill()
    before = port.wire.host.links()
    done = port.wire.host.run(*faults(**{"tap-name": 1}), FAULTY, "--interface", port.wire.nic, "--mode", "port",
                              "--tap", port.tap, check=False)
    assert done.returncode == EXIT_FAILED and f"TAP {port.tap}, here: was renamed" in done.stderr, done.stderr
    assert port.wire.host.links() == before, "a TAP is left"
    port.start(netns="")


def test_connections(lab):
    """Three kills and three restarts under 20 connections each way: none is lost, no byte is wrong."""
    port = Port(lab)
    port.start()
    port.address()
    crowd = Crowd(lab, port.container, port.wire.peer, [port.wire.PEER4, port.wire.PEER6], count=20)
    for end in (*ENDS.values(),) * 3:
        end(port.daemon)
        port.start()
        crowd.period()
        wait_until(lambda: crowd.period().silent == 0, 20, "all connections go on")
    lost, wrong, why = crowd.finish()
    assert (lost, wrong) == (0, 0), f"{lost} lost, {wrong} wrong: {why}"


def test_moved(lab, data):
    """A TAP that was moved into another namespace than it was made in, and renamed there, is found by what it has in
    its alias: with --tap-netns, and without."""
    port = Port(lab)
    elsewhere = lab.namespace("elsewhere")
    for netns, first in (("", port.wire.host), (None, port.container)):
        daemon = port.start(netns=netns)
        first.ip("link", "set", port.tap, "netns", elsewhere.name, "name", "eth0")
        port.address(elsewhere, "eth0")
        servers(lab, port.wire, data, elsewhere)
        port.transfers(data, elsewhere)
        before = port.settings(elsewhere, "eth0")
        daemon.kill()
        again = port.start(netns=netns)
        assert port.settings(elsewhere, "eth0") == before, f"{before}; {port.settings(elsewhere, 'eth0')}"
        assert port.tap not in port.wire.host.links() | port.container.links(), "there is a second TAP"
        port.transfers(data, elsewhere)
        status = again.status()
        assert (status["tap"], status["tap_place"]) == ("eth0", elsewhere.path), f"{status}"
        again.stop()
        elsewhere.ip("link", "del", "eth0")
        for process in lab.processes:
            if process.name.startswith("serve"):
                process.kill()


def test_queues_differ(lab, data):
    """The next daemon may serve more queues, or fewer."""
    port = Port(lab, queues=2)
    for cnt in (1, 2, 1):
        channels(port.wire, cnt)
        daemon = port.start()
        if not daemon.status()["tap_taken_over"]:
            port.address()
            servers(lab, port.wire, data, port.container)
        assert len(daemon.status()["queues"]) == cnt, f"{len(daemon.status()['queues'])} queues instead of {cnt}"
        port.transfers(data)
        daemon.kill()


def test_follows_nic(lab, data):
    """What has changed on the NIC meanwhile, MTU and address, the TAP gets when it is taken over."""
    port = Port(lab)
    port.start()
    port.address()
    port.daemon.kill()
    port.wire.host.ip("link", "set", port.wire.nic, "mtu", "1400", "address", "02:00:00:00:00:77")
    port.start()
    link = port.link()
    assert (link["mtu"], link["address"]) == (1400, "02:00:00:00:00:77"), f"{link['mtu']}, {link['address']}"
    servers(lab, port.wire, data, port.container)
    port.transfers(data)


def test_by_pid_or_path(lab, data):
    """--tap-netns takes the PID of a process of the container, and a path."""
    port = Port(lab)
    process = lab.start(["sleep", "1000"], ns=port.container)
    wait_until(lambda: os.stat(f"/proc/{process.pid}/ns/net").st_ino == os.stat(port.container.path).st_ino, 5,
               "the process is in the container")
    for netns in (str(process.pid), port.container.path):
        daemon = port.start(netns=netns)
        assert port.tap in port.container.links(), f"{netns}: it is not in {port.container.links()}"
        daemon.kill()
    port.start(netns=str(process.pid))
    port.address()
    servers(lab, port.wire, data, port.container)
    port.transfers(data)


def renew(lab, ns, delete=True):
    """The namespace of this name ends, and there is another one of it."""
    if delete:
        lab.run(["ip", "netns", "del", ns.name])
    lab.run(["ip", "netns", "add", ns.name])
    ns.up("lo")


@pytest.mark.parametrize("taken_over", [False, True])
def test_container_restarts(lab, data, taken_over):
    """The container's namespace ends: the daemon waits, and serves the next one of this name. So does one that has
    taken the TAP over, whose descriptors would keep the namespace."""
    port = Port(lab)
    port.start()
    if taken_over:
        port.daemon.kill()
        port.start()
    port.address()
    old = os.stat(port.container.path).st_ino
    lab.run(["ip", "netns", "del", port.container.name])
    status = wait_until(lambda: (s := port.daemon.status())["state"] == "waiting" and s, 5, "the daemon waits")
    assert "network namespace of the TAP is gone" in status["state_why"], status["state_why"]
    renew(lab, port.container, delete=False)
    wait_until(lambda: port.tap in port.container.links(), 5, "the next container has its interface")
    wait_until(lambda: port.daemon.status()["state"] == "ok", 5, "the daemon is ok")
    assert port.daemon.status()["tap_netns"] != old or os.stat(port.container.path).st_ino == old
    port.address()
    servers(lab, port.wire, data, port.container)
    port.transfers(data)
    # both at once, before the daemon has looked
    renew(lab, port.container)
    wait_until(lambda: port.tap in port.container.links(), 5, "the next container has its interface, again")


def test_as_nobody(lab, data):
    """With --user all of it works, too: taking over at the start, and a new TAP with the rights that are left."""
    port = Port(lab)
    for taken_over in (False, True):
        port.start("--user", "nobody")
        assert port.daemon.status()["tap_taken_over"] == taken_over, f"{port.daemon.process.stderr()}"
        if not taken_over:
            port.daemon.kill()
    renew(lab, port.container)
    wait_until(lambda: port.tap in port.container.links(), 5, "the next container has its interface")
    port.address()
    servers(lab, port.wire, data, port.container)
    port.transfers(data)
    port.daemon.stop()


def test_process_ends(lab):
    """--tap-netns PID: the container's only process ends: nothing can be waited for, so the daemon ends and says so;
    started with that PID, the next one says that there is no such process."""
    port = Port(lab)
    process = lab.start(["unshare", "--net", "sleep", "1000"])
    pid = str(process.pid)
    host = os.stat("/proc/self/ns/net").st_ino
    wait_until(lambda: os.stat(f"/proc/{pid}/ns/net").st_ino != host, 5, "the process has its namespace")
    for taken_over in (False, True):
        port.start(netns=pid)
        if not taken_over:
            port.daemon.kill()
    process.kill()
    port.daemon.process.wait(5, EXIT_FAILED)
    assert "the TAP is gone" in port.daemon.process.stderr(), port.daemon.process.stderr()
    expect_refusal(port.wire.host, [DAEMON, "--interface", port.wire.nic, "--mode", "port", "--tap-netns", pid],
                   [EXIT_FAILED], [f"--tap-netns {pid}", "no such process"])


def test_clean(lab):
    """`superpacket clean` deletes TAPs that no daemon holds, in other namespaces, too, and says so; not one that is
    held, nor one of another NIC, nor one that is not ours."""
    port, other = Port(lab), lab.namespace("other")
    host = port.wire.host
    port.start(netns=other.name)
    port.wire.peer.ip("tuntap", "add", "name", port.tap, "mode", "tap", "multi_queue")
    host.run(COMMAND, "clean", port.wire.nic, check=False)
    # whose daemon is behind another run directory: what holds it is seen, even if not who
    host.run("env", f"RUNTIME_DIRECTORY={lab.tmp}", COMMAND, "clean", port.wire.nic, check=False)
    assert port.tap in other.links(), "it is gone, under its daemon"
    port.daemon.stop()
    assert port.tap in other.links(), "it ended with its daemon"
    done = host.run(COMMAND, "clean", "lo")
    assert port.tap in other.links(), f"of another NIC: {done}"
    done = host.run(COMMAND, "clean", port.wire.nic)
    said = f"{port.wire.nic}: TAP {port.tap} deleted, in {other.path}; clean\n"
    assert said in done.stdout, f"{said!r} is not in {done.stdout!r}"
    assert port.tap not in other.links(), "it is still there"
    assert port.tap in port.wire.peer.links(), "another one's is gone"
    # all of a run directory, and this one has no other daemon
    alone = os.path.join(lab.tmp, "runtime")
    os.mkdir(alone)
    env = ["env", f"RUNTIME_DIRECTORY={alone}"]
    port.start(wrapper=env)
    port.daemon.kill()
    host.run("env", f"RUNTIME_DIRECTORY={lab.tmp}", COMMAND, "clean")
    assert port.tap in port.container.links(), "it is gone, which is of another run directory"
    done = host.run(*env, COMMAND, "clean").stdout
    assert f"{port.wire.nic}: TAP {port.tap} deleted, in {port.container.path}; clean\n" in done, f"{done}"
    port.start(netns="")
    port.daemon.kill()
    done = json.loads(host.run(COMMAND, "clean", port.tap, "-j").stdout)
    assert {"tap": port.tap, "tap_place": "", "interface": port.wire.nic}.items() <= done[-1].items(), f"{done}"
    assert port.tap not in host.links(), "it is still there"


def test_not_ours(lab):
    """A persistent TAP of that name that is not ours, or another daemon's, is refused by its name and left alone."""
    port = Port(lab)
    for ns, netns in ((port.wire.host, ""), (port.container, None)):
        ns.ip("tuntap", "add", "name", port.tap, "mode", "tap", "multi_queue")
        where = ["--tap-netns", port.container.name] if netns is None else []
        expect_refusal(port.wire.host, [DAEMON, "--interface", port.wire.nic, "--mode", "port", "--tap", port.tap,
                                        *where], [EXIT_FAILED], [f"TAP {port.tap}", "taken", "--tap"])
        ns.ip("link", "del", port.tap)
    other = lab.unique("oth")
    lab.veth(port.wire.host, other, port.wire.peer, "other")
    port.start(netns="")
    port.kill()
    expect_refusal(port.wire.host, [DAEMON, "--interface", other, "--mode", "port", "--tap", port.tap],
                   [EXIT_FAILED], [f"TAP {port.tap}", f"superpacket clean {port.wire.nic}"])
    expect_refusal(port.wire.host, [DAEMON, "--interface", port.wire.nic, "--tap", port.tap],
                   [EXIT_FAILED], [f"TAP {port.tap}", f"superpacket clean {port.wire.nic}"])


def test_other_options(lab):
    """What was left by a daemon with other options is neither taken nor doubled: the operator is asked."""
    port = Port(lab)
    port.start()
    port.daemon.kill()
    argv = [DAEMON, "--interface", port.wire.nic, "--mode", "port"]
    for options in ([], ["--tap", "sp1"], ["--tap", port.tap, "--tap-netns", port.wire.peer.name]):
        expect_refusal(port.wire.host, [*argv, *options], [EXIT_FAILED],
                       [port.tap, f"in {port.container.path}", "other options", f"superpacket clean {port.wire.nic}"])
    assert port.tap in port.container.links(), "it was removed"
    # it is where these options want it
    port.start(netns=port.container.path)


JOIN = """
import fcntl, os, struct, sys
fd = os.open("/dev/net/tun", os.O_RDWR)
try:
    fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", sys.argv[1].encode(), 0x2 | 0x100 | 0x1000 | 0x4000))
except OSError as error:
    sys.exit(error.errno)
"""


def test_held(lab):
    """A TAP that another process holds is not joined."""
    port = Port(lab)
    port.start()
    port.daemon.kill()
    other = lab.start([PYTHON, "-c", JOIN + "print(1, flush=True)\nimport time\ntime.sleep(1000)", port.tap],
                      ns=port.container, name="other")
    wait_until(lambda: "1" in other.stdout(), 5, "another process has opened a queue")
    argv = [DAEMON, "--interface", port.wire.nic, "--mode", "port", "--tap", port.tap, "--tap-netns"]
    expect_refusal(port.wire.host, [*argv, port.container.name], [EXIT_FAILED],
                   [f"TAP {port.tap}", "held by another process"])
    assert port.held() == 1, f"{port.held()} queues are held"
    other.kill()
    port.start()


def test_strangers(lab):
    """Who has no rights cannot open a queue of our TAP, and so take packets of it; neither while a daemon holds it,
    in both modes, nor later."""
    port = Port(lab)
    ns = port.wire.host

    def join():
        return ns.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PYTHON, "-c", JOIN, port.tap,
                      check=False).returncode

    if not os.stat("/dev/net/tun").st_mode & 0o006:
        pytest.skip("here, nobody may open /dev/net/tun")
    daemon = Daemon(lab, ns, port.wire.nic, "--tap", port.tap)
    assert join() == errno.EPERM, "inline, nobody has opened a queue"
    daemon.stop()
    port.start(netns="")
    assert join() == errno.EPERM, "nobody has opened a queue"
    port.daemon.stop()
    assert join() == errno.EPERM, "nobody has opened a queue of one that was left"


def test_failed_start(lab, data):
    """A failure at start removes the TAP that it has made, not one that was left."""
    port = Port(lab)
    argv = [DAEMON, "--interface", port.wire.nic, "--mode", "port", "--tap", port.tap, "--tap-netns",
            port.container.name, "--pinned", lab.tmp]
    expect_refusal(port.wire.host, argv, [EXIT_FAILED], ["bpffs"])
    assert port.tap not in port.container.links(), "it was left"
    port.start()
    port.address()
    port.daemon.kill()
    before = port.settings()
    done = port.wire.host.run(*argv, check=False)
    assert done.returncode == EXIT_FAILED and "bpffs" in done.stderr, f"{done}"
    assert port.settings() == before and port.held() == 0, f"{before}; {port.settings()}"
    port.start()
    servers(lab, port.wire, data, port.container)
    port.transfers(data)


def test_no_permission(lab):
    """Without CAP_SYS_ADMIN a TAP is made in another namespace, but none is taken over there: it is said."""
    port = Port(lab)
    keep = "-all,+net_admin,+net_raw,+bpf,+perfmon,+ipc_lock"
    wrapper = ["setpriv", f"--bounding-set={keep}", f"--inh-caps={keep}"]
    daemon = Daemon(lab, port.wire.host, port.wire.nic, "--mode", "port", "--tap", port.tap, "--tap-netns",
                    port.container.name, wrapper=wrapper)
    assert port.link()["linkinfo"]["info_data"]["persist"], "it was made"
    daemon.kill()
    done = port.wire.host.run(*wrapper, DAEMON, "--interface", port.wire.nic, "--mode", "port", "--tap", port.tap,
                              "--tap-netns", port.container.name, check=False)
    assert done.returncode == EXIT_NO_PERMISSION and "CAP_SYS_ADMIN" in done.stderr, f"{done}"


def test_forwarding_host(lab):
    """Without a daemon, a host that forwards sees the container's packets: it does not end its connections."""
    port = Port(lab)
    port.wire.host.sysctl("net.ipv4.ip_forward", 1)
    port.wire.host.sysctl("net.ipv6.conf.all.forwarding", 1)
    port.start()
    port.address()
    crowd = Crowd(lab, port.container, port.wire.peer, [port.wire.PEER4, port.wire.PEER6], count=20)
    port.daemon.kill()
    before = port.wire.host.snmp()["IpInReceives"]
    wait_until(lambda: port.wire.host.snmp()["IpInReceives"] > before + 10, 5, "packets come to the host's own stack")
    resets = port.wire.host.snmp()["TcpOutRsts"]
    assert resets == 0, f"the host has sent {resets} resets"
    port.start()
    wait_until(lambda: crowd.period().silent == 0, 20, "all connections go on")
    lost, wrong, why = crowd.finish()
    assert (lost, wrong) == (0, 0), f"{lost} lost, {wrong} wrong: {why}"
