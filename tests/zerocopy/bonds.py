# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Two hosts, each with a bond, joined by veth pairs. The guest's kernel has bonding.

    host ns: bond0 { m0, m1 } == == { w0, w1 } bond0 : peer ns        the daemon runs on the host's bond0

The peer's bond0 may be a bridge, that is, a switch, for modes that need no bond on the other side.
"""

import re
import socket
import struct
import threading

from lab import wait_until
from paced import Paced

SINK = 5002
FLOW = 60_000  # bytes of a flow whose way is looked at
FIRST = 256 << 10  # of a stream, each time before something happens


class Bonds:
    HOST4, HOST6 = "10.77.0.1", "fd77::1"
    PEER4, PEER6 = "10.77.0.2", "fd77::2"
    nic = "bond0"

    def __init__(self, lab, mode, *options, cnt=2, queues=1, host_addresses=True, switch=False,
                 monitor=("miimon", "50")):
        self.lab, self.mode, self.cnt, self.queues = lab, mode, cnt, queues
        self.host, self.peer = lab.namespace("host"), lab.namespace("peer")
        for ns in (self.host, self.peer):
            if mode == "802.3ad" and "lacp_rate" not in options:
                options += ("lacp_rate", "fast")
            if ns is self.peer and switch:
                ns.ip("link", "add", "bond0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
                continue
            watch = monitor if ns is self.host else ("miimon", "50")
            ns.ip("link", "add", "bond0", "type", "bond", "mode", mode, *watch, *options)
        for number in range(cnt):
            self.wire(number)
            self.enslave(number)
        for ns in (self.host, self.peer):
            ns.up("bond0")
        if "miimon" in monitor:  # else there is no answer without an address
            self.wait_joined()
        self.peer.address("bond0", f"{self.PEER4}/24", f"{self.PEER6}/64")
        if host_addresses:
            self.host.address("bond0", f"{self.HOST4}/24", f"{self.HOST6}/64")

    def wire(self, number):
        queues = ["numrxqueues", str(self.queues), "numtxqueues", str(self.queues)]
        self.lab.run(["ip", "-n", self.host.name, "link", "add", f"m{number}", *queues, "type", "veth",
                      "peer", "name", f"w{number}", *queues, "netns", self.peer.name])
        # a peer that leaves checksums unfinished is no wire
        self.peer.ethtool_off(f"w{number}", "tx")

    def enslave(self, number, both=True):
        self.host.ip("link", "set", f"m{number}", "master", "bond0")
        self.host.up(f"m{number}")
        if both:
            self.peer.ip("link", "set", f"w{number}", "master", "bond0")
            self.peer.up(f"w{number}")

    def info(self, ns=None):
        return (ns or self.host).ip_json("link", "show", "dev", "bond0")[0]["linkinfo"]["info_data"]

    def ports(self, ns):
        """How many ports the active aggregator of 802.3ad has."""
        return self.info(ns).get("ad_info", {}).get("num_ports", 0)

    def wait_joined(self, cnt=None):
        """Both sides use so many members (all)."""
        cnt = self.cnt if cnt is None else cnt

        def joined():
            if self.mode != "802.3ad":
                return all(ns.ip_json("link", "show", "dev", "bond0")[0]["operstate"] == "UP"
                           for ns in (self.host, self.peer))
            return all(self.ports(ns) == cnt and self.active(ns) == cnt for ns in (self.host, self.peer))

        wait_until(joined, 20, lambda: f"{cnt} members are in use: {self.info()}, {self.info(self.peer)}")

    def active(self, ns):
        """Members that their bond uses."""
        links = ns.ip_json("link", "show", "master", "bond0")
        return sum(link["linkinfo"]["info_slave_data"]["state"] == "ACTIVE" for link in links)

    def activate(self, number):
        """Of active-backup, on both sides."""
        for ns, member in ((self.peer, f"w{number}"), (self.host, f"m{number}")):
            ns.ip("link", "set", "bond0", "type", "bond", "active_slave", member)

    def links_up(self, ns):
        """Members whose link is up as their bond sees it."""
        links = ns.ip_json("link", "show", "master", "bond0")
        return sum(link["linkinfo"]["info_slave_data"]["mii_status"] == "UP" for link in links)

    def link_failures(self):
        with self.host.entered(), open("/proc/thread-self/net/bonding/bond0") as file:
            return re.findall(r"Link Failure Count: (\d+)", file.read())

    def host_address(self, family):
        return self.HOST4 if family == 4 else self.HOST6

    def peer_address(self, family):
        return self.PEER4 if family == 4 else self.PEER6

    def received(self):
        """Bytes that the peer has received by each member. Not packets: veth carries superpackets, too. Read without a
        process, which takes its time in an emulated machine."""
        with self.peer.entered(), open("/proc/thread-self/net/dev") as file:
            rows = [line.replace(":", " ").split() for line in file.readlines()[2:]]
        return {row[0]: int(row[1]) for row in rows if row[0].startswith("w")}


class Sink:
    """Takes connections to the peer, and what comes by them."""

    def __init__(self, bonds):
        with bonds.peer.entered():
            self.sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("::", SINK))
        self.sock.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    @staticmethod
    def _take(connection):
        got = 0
        with connection:
            while got < FLOW:
                part = connection.recv(1 << 16)
                if not part:
                    return
                got += len(part)
            connection.sendall(b"!")

    def close(self):
        self.sock.close()


def send_flow(bonds, address, port):
    """One connection from this port, and FLOW bytes; gone without a trace at the end, to be made again."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with bonds.host.entered():
        sock = socket.socket(family, socket.SOCK_STREAM)
    with sock:
        sock.settimeout(60)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::" if ":" in address else "0.0.0.0", port))
        sock.connect((address, SINK))
        sock.sendall(bytes(FLOW))
        assert sock.recv(1) == b"!"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def ways(bonds, flows):
    """{(address, port): the member by which the peer has got it}."""
    found = {}
    for address, port in flows:
        before = bonds.received()
        send_flow(bonds, address, port)
        after = bonds.received()
        got = {name: after[name] - before[name] for name in after}
        most = max(got, key=got.get)
        assert got[most] > FLOW > sum(got.values()) - got[most], f"{address} from port {port}: {got}"
        found[address, port] = most
    return found


# ---- the daemon on it ----

def member_states(daemon):
    return {member["interface"]: member["state"] for member in daemon.status()["bond"]["members"]}


def wait_states(daemon, **states):
    wait_until(lambda: member_states(daemon) == states, 10, lambda: f"members are {states}: {member_states(daemon)}")


def streams_of(bonds, data):
    """One each way."""
    return [Paced(bonds.host, bonds.PEER4, data), Paced(bonds.peer, bonds.HOST4, data)]


def expect_carried(daemon, streams, ways=("rx_superpackets", "tx_superpackets")):
    """The streams come through the daemon (again)."""
    def carried():
        before = daemon.total()
        for stream in streams:
            stream.read(FIRST // 8)
        after = daemon.total()
        return all(after[name] > before[name] for name in ways)

    wait_until(carried, 10, lambda: f"the daemon carries both streams: {daemon.status()['bond']}")


def expect_ok(daemon):
    wait_until(lambda: daemon.status()["state"] == "ok", 10,
               lambda: f"state is {daemon.status()['state']}: {daemon.status()['state_why']}")


def end_streams(daemon, bonds, streams):
    for stream in streams:
        stream.read_to_end()
    expect_ok(daemon)
    daemon.stop()
    for name in ("m0", "m1"):
        link = bonds.host.ip_json("link", "show", "dev", name)
        assert not link or "xdp" not in link[0], f"{name} still has a program"
