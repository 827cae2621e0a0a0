# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Kinds of interfaces: how each is made in a namespace that has a NIC, on which it may rest.

    REFUSED   what the daemon does not serve, and what it says then
    ABOVE     what rests on the NIC that it does serve, and must get its traffic:

        peer: wire == nic :host                 peer: wire == nic :host
                       d0 (VLAN, bridge, ...)                  d0 :container (macvlan, ipvlan)
"""

import contextlib
import errno
import fcntl
import os
import re
import select
import socket
import struct
import threading
from dataclasses import dataclass

from daemon import DAEMON, EXIT_NOT_SUPPORTED, Daemon, per_superpacket
from streams import expect_clean
from wire import Server, Transfer, Wire

MIB = 1 << 20
NETLINK_GENERIC = 16  # linux/netlink.h


@dataclass
class Kind:
    """ip: what `ip` is to do to make {it}, and to have it rest on {nic}; words: of the refusal."""
    name: str
    ip: tuple
    words: tuple


def on_nic(name, kind, what, *words):
    return Kind(name, (f"link add link {{nic}} name {{it}} type {kind}",), (f"is {what}", *words))


def alone(name, kind, what, *words):
    return Kind(name, (f"link add {{it}} type {kind}",), (f"is {what}", *words))


def with_port(name, kind, what):
    return Kind(name, (f"link add {{it}} type {kind}", "link set {nic} master {it}"),
                (f"is {what}", "name a port instead: {nic}"))


PARENT = "name {nic} instead"
TUNNEL = "name the NIC that carries it instead"
ENDS = "local 192.0.2.1 remote 192.0.2.2"
REFUSED = (
    with_port("bridge", "bridge", "a bridge"),
    alone("bridge without ports", "bridge", "a bridge", "has no port yet"),
    with_port("team", "team", "a team"),
    with_port("vrf", "vrf table 5", "a VRF"),
    on_nic("vlan", "vlan id 5", "a VLAN", PARENT, "tags are carried along"),
    on_nic("macvlan", "macvlan mode bridge", "a macvlan", PARENT),
    on_nic("macvtap", "macvtap mode bridge", "a macvtap", PARENT),
    on_nic("ipvlan", "ipvlan mode l2", "an ipvlan", PARENT),
    on_nic("ipvtap", "ipvtap mode l2", "an ipvtap", PARENT),
    on_nic("macsec", "macsec", "MACsec", "name a NIC"),
    alone("vxlan", f"vxlan id 5 dstport 4789 {ENDS} dev {{nic}}", "a VXLAN tunnel", f"{TUNNEL}: {{nic}}",
          "--merge vxlan"),
    alone("geneve", "geneve id 5 remote 192.0.2.2", "a GENEVE tunnel", TUNNEL, "--merge geneve"),
    alone("gretap", f"gretap {ENDS}", "a GRE tunnel", TUNNEL, "--merge gre"),
    alone("gre", f"gre {ENDS}", "a GRE tunnel", TUNNEL, "--merge gre"),
    alone("ipip", f"ipip {ENDS} dev {{nic}}", "an IPIP tunnel", f"{TUNNEL}: {{nic}}", "--merge ipip"),
    alone("sit", f"sit {ENDS}", "an IPIP tunnel", TUNNEL, "--merge ipip"),
    alone("wireguard", "wireguard", "a WireGuard tunnel", TUNNEL),
    alone("dummy", "dummy", "a dummy", "name a NIC"),
    alone("ifb", "ifb", "an ifb", "name a NIC"),
    Kind("lo", (), ("the loopback interface", "name a NIC")),
    Kind("tun", ("tuntap add dev {it} mode tun",), ("not Ethernet (tun)", "name a NIC")),
    Kind("TAP of a virtual machine", ("tuntap add dev {it} mode tap vnet_hdr",), ("superpackets cross whole",)),
)


class Missing(Exception):
    """This kernel has no such kind."""


def make(ns, nic, kind, name="d0"):
    for command in kind.ip:
        done = ns.ip(*command.format(nic=nic, it=name).split(), check=False)
        if re.search("Unknown device type|[Nn]ot supported", done.stderr):
            raise Missing(f"this kernel has no {kind.name}: {done.stderr.strip()}")
        assert done.returncode == 0, f"ip {command}: {done.stderr}"


def make_all(ns, kinds):
    """Each with a NIC of its own, as some can only be alone on one. Returns [(kind, name, nic)] and what is missing."""
    made, missing = [], []
    ns.sysctl("net.ipv6.conf.default.disable_ipv6", 1)  # no address comes and goes by itself
    for number, kind in enumerate(kinds):
        name, nic = "lo" if kind.name == "lo" else f"d{number}", f"nic{number}"
        ns.ip("link", "add", nic, "type", "veth", "peer", "name", f"wire{number}")
        ns.up(f"wire{number}")
        try:
            make(ns, nic, kind, name)
        except Missing as why:
            missing.append(str(why))
            continue
        ns.up(nic)
        ns.wait_settled(nic)
        made.append((kind, name, nic))
    return made, missing


def refuse(made, ns, *options):
    """In one line each, before it is asked to be up."""
    for kind, name, nic in made:
        words = [word.format(nic=nic, it=name) for word in kind.words]
        done = ns.run(DAEMON, "--interface", name, *options, check=False)
        assert done.returncode == EXIT_NOT_SUPPORTED, f"{kind.name}: exit code {done.returncode}: {done.stderr}"
        assert len(done.stderr.splitlines()) == 1, f"{kind.name}: {done.stderr}"
        for word in (f"interface {name}: ", *words):
            assert word in done.stderr, f"{kind.name}: {word!r} is not in {done.stderr!r}"


def in_container(kind):
    def build(lab, wire, container):
        make(wire.host, wire.nic, Kind(kind, (f"link add link {{nic}} name d0 type {kind}",), ()))
        wire.host.ip("link", "set", "d0", "netns", container.name)
        wire.host.address(wire.nic, f"{wire.HOST4}/24", f"{wire.HOST6}/64")
        if "l3" in kind:
            # nobody answers for it, which the daemon has nothing to do with
            for address in ADDRESS.values():
                wire.peer.ip("neighbour", "replace", address, "lladdr", wire.host.mac(wire.nic), "dev", wire.wire)
        return container

    return build


def on_both(lab, wire, _container):
    """A VLAN, on the peer, too, whose packets have their tags in them, as on a wire."""
    for ns, nic in ((wire.peer, wire.wire), (wire.host, wire.nic)):
        make(ns, nic, Kind("vlan", ("link add link {nic} name d0 type vlan id 5",), ()))
    wire.peer.run("ethtool", "-K", wire.wire, "txvlan", "off", check=False)
    wire.peer.ip("address", "flush", "dev", wire.wire)
    wire.peer.up("d0")
    wire.peer.address("d0", f"{wire.PEER4}/24", f"{wire.PEER6}/64")
    return wire.host


def as_port(kind, *before):
    def build(lab, wire, _container):
        make(wire.host, wire.nic, Kind(kind, (f"link add d0 type {kind}",), ()))
        for function in before:
            function(wire.host, "d0")
        make(wire.host, wire.nic, Kind(kind, ("link set {nic} down", "link set {nic} master d0", "link set {nic} up"),
                                       ()))
        return wire.host

    return build


def in_vrf(lab, wire, container):
    # sockets that are bound to no VRF may be used in one, and find their way
    wire.host.sysctl("net.ipv4.tcp_l3mdev_accept", 1)
    for family in ("-4", "-6"):
        wire.host.ip(family, "rule", "add", "pref", "40000", "table", "5")
    as_port("vrf table 5")(lab, wire, container)
    return wire.host


def attribute(kind, payload, nested=False):
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind | nested << 15) + payload + b"\0" * (-length % 4)


class Generic:
    """Generic netlink, as far as it takes to tell a team its mode, for which iproute2 has no word."""

    CONTROLLER, GETFAMILY, FAMILY_ID, FAMILY_NAME = 16, 3, 1, 2
    REQUEST_ACK, ERROR = 5, 2

    def __init__(self, ns):
        with ns.entered():
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.socket.bind((0, 0))

    def ask(self, family, command, attributes):
        body = struct.pack("=BBH", command, 1, 0) + attributes
        self.socket.send(struct.pack("=IHHII", 16 + len(body), family, self.REQUEST_ACK, 1, 0) + body)
        answer, message = b"", self.socket.recv(1 << 16)
        while struct.unpack_from("=H", message, 4)[0] != self.ERROR:
            answer, message = message, self.socket.recv(1 << 16)
        error = -struct.unpack_from("=i", message, 16)[0]
        # a team tells of its change those who listen, and says so if nobody does
        assert error in (0, errno.ESRCH), f"netlink: {os.strerror(error)}"
        return answer

    def family(self, name):
        answer = self.ask(self.CONTROLLER, self.GETFAMILY, attribute(self.FAMILY_NAME, name.encode() + b"\0"))
        at = 20
        while at + 4 <= len(answer):
            length, kind = struct.unpack_from("=HH", answer, at)
            if kind == self.FAMILY_ID:
                return struct.unpack_from("=H", answer, at + 4)[0]
            at += (length + 3) & ~3
        raise AssertionError(f"there is no family {name}")


def team_mode(ns, team, mode="roundrobin"):
    """linux/if_team.h: TEAM_CMD_OPTIONS_SET, and an option of type NLA_STRING."""
    options_set, team_ifindex, list_option, item_option = 1, 1, 2, 1
    option_name, option_type, option_data, nla_string = 1, 3, 4, 5
    generic = Generic(ns)
    with contextlib.closing(generic.socket), ns.entered():
        item = (attribute(option_name, b"mode\0") + attribute(option_type, bytes([nla_string]))
                + attribute(option_data, mode.encode() + b"\0"))
        generic.ask(generic.family("team"), options_set,
                    attribute(team_ifindex, struct.pack("=I", socket.if_nametoindex(team)))
                    + attribute(list_option, attribute(item_option, item, nested=True), nested=True))


ADDRESS = {4: "10.77.0.3", 6: "fd77::3"}
# name: (what builds it and returns the namespace that has it, the interface whose address is used)
ABOVE = {
    "bridge": (as_port("bridge"), "d0"),
    "team": (as_port("team", team_mode), "d0"),
    "vrf": (in_vrf, "nic"),
    "vlan": (on_both, "d0"),
    "macvlan": (in_container("macvlan mode bridge"), "d0"),
    "macvlan private": (in_container("macvlan mode private"), "d0"),
    "macvlan passthru": (in_container("macvlan mode passthru"), "d0"),
    "ipvlan l2": (in_container("ipvlan mode l2"), "d0"),
    "ipvlan l3": (in_container("ipvlan mode l3"), "d0"),
    "ipvlan l3s": (in_container("ipvlan mode l3s"), "d0"),
}


def received(ns, interface):
    return ns.ip_json("-s", "link", "show", "dev", interface)[0]["stats64"]["rx"]["bytes"]


def transfers(lab, wire, inner, data, daemon, length, least, families=(4, 6), above="d0"):
    """In and out; what comes in comes by the interface above."""
    for family in families:
        address = ADDRESS[family]
        for number, direction in enumerate(("in", "out")):
            where = f"{'the daemon' if daemon else 'the kernel alone'}, IPv{family} {direction}"
            ends = ((inner, wire.peer_address(family)), (wire.peer, address))
            before, bytes_before = daemon and daemon.total(), received(inner, above)
            Transfer(lab, *ends[number], data, length).finish()
            if direction == "in":
                got = received(inner, above) - bytes_before
                assert got >= length, f"{where}: only {got} of {length} bytes came by {above}"
            if daemon:
                got = per_superpacket(before, daemon.total())[number]
                assert got >= least[number], f"{where}: {got:.1f} packets per superpacket instead of {least[number]}"


def carry(lab, wire, name, data, *options, length=4 * MIB, least=(2, 2), alone=(4, 6), families=(4, 6)):
    """Traffic of what rests on the NIC: without the daemon first, then with it. `wire` has no host address; least:
    packets per superpacket, in and out; alone, families: of IP, without and with it."""
    build, interface = ABOVE[name]
    container = lab.namespace("container")
    inner = build(lab, wire, container)
    wire.host.up(wire.nic)
    inner.up("d0")
    inner.address(wire.nic if interface == "nic" else interface, f"{ADDRESS[4]}/24", f"{ADDRESS[6]}/64")
    Server(lab, wire.peer, data)
    Server(lab, inner, data)
    transfers(lab, wire, inner, data, None, length, least, alone)
    daemon = Daemon(lab, wire.host, wire.nic, *options)
    transfers(lab, wire, inner, data, daemon, length, least, families)
    expect_clean(daemon, [wire.host, wire.peer, inner])
    status = daemon.status()
    assert status["state"] == "ok", f"state: {status['state']}"
    return daemon


class TapWire(Wire):
    """A wire between two TAPs: what one is given to send, a program gives to the other, as a VPN does. The host has
    no address."""

    TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000

    def __init__(self, lab):
        self.lab, self.nic, self.wire = lab, "tap0", "tap1"
        self.host, self.peer = lab.namespace("host"), lab.namespace("peer")
        self.fds = [self._tap(self.host, self.nic), self._tap(self.peer, self.wire)]
        self.peer.address(self.wire, f"{self.PEER4}/24", f"{self.PEER6}/64")
        self.stop_read, self.stop_write = os.pipe()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        lab.cleanup(self.close)

    def _tap(self, ns, name):
        with ns.entered():
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(fd, self.TUNSETIFF, struct.pack("16sH22x", name.encode(), self.IFF_TAP | self.IFF_NO_PI))
        ns.up(name)
        return fd

    def _run(self):
        other = dict(zip(self.fds, reversed(self.fds)))
        while True:
            ready = select.select([*self.fds, self.stop_read], [], [])[0]
            if self.stop_read in ready:
                return
            for fd in ready:
                with contextlib.suppress(BlockingIOError):
                    os.write(other[fd], os.read(fd, 1 << 16))

    def close(self):
        os.close(self.stop_write)
        self.thread.join()
        for fd in (*self.fds, self.stop_read):
            os.close(fd)
