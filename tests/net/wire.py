# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Two hosts on a wire, and checked traffic between them.

    host ns: nic ======== wire : peer ns              the daemon runs on `nic`
    host ns: nic == left | mangler | right == wire : peer ns
"""

import json
import os
import time

from daemon import Daemon
from lab import BUILD, Failed, wait_until

PYTHON = "/usr/bin/python3"
TRAFFIC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traffic.py")
MANGLER = os.path.join(BUILD, "tests", "mangler")
PORT = 5001


class Wire:
    HOST4, HOST6 = "10.77.0.1", "fd77::1"
    PEER4, PEER6 = "10.77.0.2", "fd77::2"

    def __init__(self, lab, queues=1, mtu=None, mangle=None, host_addresses=True):
        self.lab = lab
        self.host = lab.namespace("host")
        self.peer = lab.namespace("peer")
        self.nic = lab.unique("nic")
        self.wire = lab.unique("wire")
        self.mangler = None
        if mangle is None:
            lab.veth(self.host, self.nic, self.peer, self.wire, queues, mtu)
        else:
            self._mangled(mangle)
        self._address(host_addresses)

    def _address(self, host_addresses):
        # A veth peer that leaves checksums unfinished is no wire: the daemon could not tell
        # a corrupted packet from one of those.
        self.peer.ethtool_off(self.wire, "tx")
        self.peer.address(self.wire, f"{self.PEER4}/24", f"{self.PEER6}/64")
        if host_addresses:
            self.address_host(self.host, self.nic)

    def make_again(self):
        """The pair that was deleted, as it was."""
        self.lab.veth(self.host, self.nic, self.peer, self.wire)
        self._address(True)

    def address_host(self, ns, interface):
        ns.address(interface, f"{self.HOST4}/24", f"{self.HOST6}/64")

    def _mangled(self, rates):
        lab, middle = self.lab, self.lab.namespace("middle")
        # nobody in the middle shall speak
        middle.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        middle.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        lab.veth(self.host, self.nic, middle, "left")
        lab.veth(middle, "right", self.peer, self.wire)
        for ns, interface in ((self.host, self.nic), (self.peer, self.wire)):
            ns.ethtool_off(interface, "tx", "tso", "gso")
        for leg in ("left", "right"):
            middle.ethtool_off(leg, "gro")
        options = [f"--{key}={value}" for key, value in rates.items()]
        self.mangler = lab.start([MANGLER, "--left=left", "--right=right", *options], ns=middle)
        wait_until(lambda: "ready" in self.mangler.stderr() or not self.mangler.running(), 5,
                   "the mangler is ready")
        assert self.mangler.running(), f"the mangler ended: {self.mangler.tail()}"

    def mangled(self):
        """Ends the mangler; what it did: {"left_to_right": {...}, "right_to_left": {...}}."""
        self.mangler.signal(15)
        self.mangler.wait(10)
        return json.loads(self.mangler.stdout())

    def peer_address(self, family):
        return self.PEER4 if family == 4 else self.PEER6

    def host_address(self, family):
        return self.HOST4 if family == 4 else self.HOST6


class Server:
    """traffic.py serve in a namespace; listens on all its addresses, IPv4 and IPv6."""

    def __init__(self, lab, ns, data, port=PORT):
        self.process = lab.start([PYTHON, TRAFFIC, "serve", data.path, str(port)], ns=ns,
                                 name="serve")
        wait_until(lambda: "serving" in self.process.stderr() or not self.process.running(), 15,
                   lambda: f"the server listens; it said: {self.process.tail()}")
        assert self.process.running(), f"the server ended: {self.process.tail()}"


class Transfer:
    """One long transfer to `ns` from the server at `address`, its SHA-256 checked."""

    def __init__(self, lab, ns, address, data, length=None, port=PORT):
        self.data = data
        self.length = length or data.length
        self.started = time.monotonic()
        self.process = lab.start([PYTHON, TRAFFIC, "fetch", address, str(port), data.path,
                                  str(self.length)], ns=ns, name="fetch")

    def received(self):
        """Bytes so far, in steps of some MB."""
        whole_lines = self.process.stdout().rpartition("\n")[0]
        for line in reversed(whole_lines.splitlines()):
            if line.startswith("bytes "):
                return int(line.split()[1])
            if line.startswith("{"):
                return self.length
        return 0

    def wait_received(self, length, seconds=60):
        wait_until(lambda: self.received() >= length or not self.process.running(), seconds,
                   lambda: f"{length} bytes are there; {self.received()} are; "
                           f"fetch said: {self.process.stderr()[-300:]!r}")
        assert self.received() >= length, f"fetch ended early: {self.process.tail()}"

    def finish(self, seconds=120, strict=False):
        """Waits for its end (see wait_until()) and checks every byte; returns Gbit/s."""
        try:
            self.process.wait(seconds, strict=strict)
        except Failed as failure:
            raise Failed(f"{self.received() >> 20} of {self.length >> 20} MiB: {failure}") from None
        result = json.loads(self.process.stdout().splitlines()[-1])
        assert result["bytes"] == self.length, f"{result['bytes']} of {self.length} bytes were received"
        assert result["sha256"] == self.data.sha256(self.length), "SHA-256 differs"
        return result["bytes"] * 8 / result["seconds"] / 1e9


def storm(lab, ns, address, data, connections, at_once, shortest, longest, seconds=60):
    """Many connections whose every byte is checked; returns what traffic.py says of them."""
    process = lab.start([PYTHON, TRAFFIC, "storm", address, str(PORT), data.path,
                         str(connections), str(at_once), str(shortest), str(longest)],
                        ns=ns, name="storm")
    process.wait(seconds, None)
    lines = process.stdout().splitlines()
    assert lines, f"storm said nothing but: {process.tail()}"
    result = json.loads(lines[-1])
    assert result["failed"] == 0 and result["connections"] == connections, (
        f"{result['failed']} of {result['connections']} connections failed: {result['why']}")
    return result


def port_mode(lab, *options, nic_sums=False):
    """A daemon in port mode on a silent wire: nobody but us sends. nic_sums: the NIC is one that finishes
    checksums, which on a veth comes to nobody doing it; else they are finished when they come to it."""
    wire = Wire(lab, host_addresses=False)
    wire.host.run("ethtool", "-K", wire.nic, "tx", "on" if nic_sums else "off")
    for ns in (wire.host, wire.peer):
        for key in ("all", "default"):
            ns.sysctl(f"net.ipv6.conf.{key}.disable_ipv6", 1)
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap, *options)
    return wire, tap, daemon


def channels(wire, cnt):
    """The wire's end first when there are fewer of them: XDP wants as many queues as the peer sends on."""
    for ns, name in ((wire.peer, wire.wire), (wire.host, wire.nic))[::1 if cnt == 1 else -1]:
        ns.run("ethtool", "-L", name, "rx", str(cnt), "tx", str(cnt))


def set_mtu(wire, mtu):
    wire.host.ip("link", "set", wire.nic, "mtu", str(mtu))
    wire.peer.ip("link", "set", wire.wire, "mtu", str(mtu))


def follow_mtu(wire, daemon, mtu):
    set_mtu(wire, mtu)
    wait_until(lambda: wire.host.ip_json("link", "show", "dev", daemon.tap())[0]["mtu"] == mtu, 5,
               f"the TAP has the NIC's MTU of {mtu}")
