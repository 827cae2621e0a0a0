# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Hosts that pass traffic on: the daemon's NIC belongs to a router, a bridge or a macvlan, and behind
it is a container. What the kernel makes of superpackets there is looked at on the far wire, packet by
packet.

    Routed    peer: wire == nic :host: far == near :middle: beyond == eth0 :inner
    Bridged   peer: wire == nic :host: br0: far == eth0 :inner
    Macvlan   peer: wire == nic :host ............. eth0 :inner

In `Routed` the hop from far to near may be smaller than both ends' MTU: they find out by ICMP, or, where
the sender lets packets be fragmented, never.
"""

import contextlib
import re
import struct

import pytest

from capture import NEEDS_CSUM, Capture
from packets import EXTENSIONS, PROTOCOL_TCP, PROTOCOL_UDP, internet_sum, pseudo_header
from wire import Wire

MTU = 1500
ETHERNET = 14
FRAGMENT_HEADER = 44
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
VXLAN_PORT = struct.pack("!H", 4789)


class Path:
    """What the kinds of paths have in common; `inner` is the namespace behind the host."""

    def __init__(self, lab, **wire):
        self.lab = lab
        self.wire = Wire(lab, **wire)
        self.host, self.peer, self.nic = self.wire.host, self.wire.peer, self.wire.nic
        # without the daemon nobody but the kernel cuts superpackets for the wire: as with it, they are cut
        self.host.ethtool_off(self.nic, "tx")
        self.host.run("ethtool", "-K", self.nic, "gro", "on")
        self.inner = lab.namespace("inner")
        self.watched = [(self.peer, self.wire.wire, MTU)]

    def _make_wire(self, host, far, ns, near, mtu):
        """A veth pair becomes a wire: packets cross it, with their checksums; the host's kernel merges them."""
        for end, interface in ((host, far), (ns, near)):
            end.ethtool_off(interface, "tx")
        host.run("ethtool", "-K", far, "gro", "on")
        ns.ethtool_off(near, "gro")
        self.watched.append((ns, near, mtu))

    def peer_address(self, family):
        return self.wire.peer_address(family)

    def ends(self, direction, family):
        """(the namespace of the sender, that of the receiver, the sender's address, the receiver's)."""
        inner, peer = self.inner_address(family), self.peer_address(family)
        if direction == "in":
            return self.peer, self.inner, peer, inner
        return self.inner, self.peer, inner, peer

    def use_interface(self, _interface):
        """The daemon's TAP is up: in port mode it is what takes the place of the NIC."""

    @contextlib.contextmanager
    def watching(self):
        """Every packet that arrives at the ends of the wires meanwhile is one that a wire can carry."""
        checkers = []
        with contextlib.ExitStack() as stack:
            for ns, interface, mtu in self.watched:
                checker = Checker(interface, mtu)
                capture = stack.enter_context(Capture(ns, interface, checker.see))
                checkers.append((checker, capture))
            # where what goes "out" and "in" arrives; a far end that is no wire has nobody
            yield dict(zip(("out", "in"), (checker for checker, _ in checkers)))
        for checker, capture in checkers:
            checker.finish(capture.dropped)

    def forget_mtu(self):
        """Whatever path MTU has been discovered is to be discovered again."""
        for ns in (self.peer, self.inner, self.host):
            ns.ip("route", "flush", "cache")
            ns.ip("-6", "route", "flush", "cache")


def join(lab, ns_a, name_a, ns_b, name_b, number, mtu):
    """A veth pair with the addresses 10.number.0.1 and .2, fdnumber::1 and ::2."""
    lab.veth(ns_a, name_a, ns_b, name_b, mtu=mtu)
    ns_a.address(name_a, f"10.{number}.0.1/24", f"fd{number}::1/64")
    ns_b.address(name_b, f"10.{number}.0.2/24", f"fd{number}::2/64")


def forwarding(ns):
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        ns.sysctl(key, 1)


class Routed(Path):
    def __init__(self, lab, mtu=MTU, port=False, nat=False):
        super().__init__(lab, host_addresses=not port)
        self.mtu, self.nat = mtu, nat
        self.middle = middle = lab.namespace("middle")
        forwarding(self.host)
        forwarding(middle)
        join(lab, self.host, "far", middle, "near", 88, mtu)
        join(lab, middle, "beyond", self.inner, "eth0", 99, MTU)
        self._make_wire(self.host, "far", middle, "near", mtu)
        for ns, net, gateway in ((self.host, "99", "88{}2"), (middle, "77", "88{}1"), (self.inner, "77", "99{}1"),
                                 (self.inner, "88", "99{}1")):
            self._route(ns, net, gateway)
        if nat:
            translate(self.host, self.nic)
        else:
            for net in ("88", "99"):
                self._route(self.peer, net, "77{}1")

    @staticmethod
    def _route(ns, net, gateway):
        ns.ip("route", "add", f"10.{net}.0.0/24", "via", "10." + gateway.format(".0."))
        ns.ip("-6", "route", "add", f"fd{net}::/64", "via", "fd" + gateway.format("::"))

    def narrow(self, mtu):
        for ns, interface in ((self.host, "far"), (self.middle, "near")):
            ns.ip("link", "set", "dev", interface, "mtu", str(mtu))

    def widen(self):
        """The inner network has MTU 9000, and the peer claims to take packets of that size."""
        for ns, interface in ((self.middle, "beyond"), (self.inner, "eth0")):
            ns.ip("link", "set", "dev", interface, "mtu", "9000")
        for number, net in ((4, "10.99.0.0/24"), (6, "fd99::/64")):
            gateway = self.wire.host_address(number)
            self.peer.ip(f"-{number}", "route", "replace", net, "via", gateway, "advmss", "8900")

    def use_interface(self, interface):
        self.wire.address_host(self.host, interface)

    def inner_address(self, family):
        if self.nat:
            return self.wire.host_address(family)
        return "10.99.0.2" if family == 4 else "fd99::2"

    def discovered(self, ns, address):
        return f"mtu {self.mtu}" in ns.ip("route", "get", address).stdout


def translate(host, nic):
    """What a container host does: masquerade what leaves, send what comes for it inside."""
    load(host, f"""
        table inet translate {{
            chain outward {{ type nat hook postrouting priority srcnat; oifname "{nic}" masquerade; }}
            chain inward {{
                type nat hook prerouting priority dstnat;
                iifname "{nic}" meta l4proto {{ tcp, udp }} dnat ip to 10.99.0.2
                iifname "{nic}" meta l4proto {{ tcp, udp }} dnat ip6 to fd99::2
            }}
        }}""")


def load(host, rules):
    done = host.run("nft", "--", rules, check=False)
    if done.returncode != 0 and re.search("not supported|No such file", done.stderr):
        pytest.skip(f"this kernel's nf_tables cannot do what is needed: {done.stderr.strip()}")
    assert done.returncode == 0, f"nft: {done.stderr}"


class Bridged(Path):
    INNER4, INNER6 = "10.77.0.3", "fd77::3"

    def __init__(self, lab, mtu=MTU, port=False, wire=True):
        super().__init__(lab, host_addresses=False)
        host = self.host
        host.ip("link", "add", "br0", "type", "bridge")
        lab.veth(host, "far", self.inner, "eth0", mtu=mtu)
        host.ip("link", "set", "far", "master", "br0")
        if not port:
            host.ip("link", "set", self.nic, "master", "br0")
        host.up("br0")
        if wire:  # else it is a container's veth as it comes: superpackets cross it whole
            self._make_wire(host, "far", self.inner, "eth0", mtu)
        self.inner.address("eth0", f"{self.INNER4}/24", f"{self.INNER6}/64")

    def use_interface(self, interface):
        self.host.ip("link", "set", interface, "master", "br0")

    def follow(self):
        """What crosses the bridge crosses the host's IP hooks too, and conntrack there."""
        if self.host.run("test", "-d", "/proc/sys/net/bridge", check=False).returncode != 0:
            pytest.skip("this kernel has no br_netfilter (CONFIG_BRIDGE_NETFILTER)")
        for key in ("iptables", "ip6tables"):
            self.host.sysctl(f"net.bridge.bridge-nf-call-{key}", 1)
        load(self.host, """
            table inet follow {
                chain forward { type filter hook forward priority 0; ct state established counter; }
            }""")

    def followed(self):
        said = self.host.run("nft", "list", "table", "inet", "follow").stdout
        return int(re.search(r"packets (\d+)", said)[1])

    def inner_address(self, family):
        return self.INNER4 if family == 4 else self.INNER6


class Macvlan(Path):
    INNER4, INNER6 = Bridged.INNER4, Bridged.INNER6

    def __init__(self, lab, mtu=MTU, port=False):
        super().__init__(lab, host_addresses=not port)
        self.mtu = mtu
        if not port:
            self.use_interface(self.nic)

    def use_interface(self, interface):
        done = self.host.ip("link", "add", "link", interface, "name", "eth0", "netns", self.inner.name,
                            "mtu", str(self.mtu), "type", "macvlan", "mode", "bridge", check=False)
        if "Unknown device type" in done.stderr or "not supported" in done.stderr:
            pytest.skip("this kernel has no macvlan (CONFIG_MACVLAN)")
        assert done.returncode == 0, f"macvlan on {interface}: {done.stderr}"
        self.inner.up("eth0")
        self.inner.address("eth0", f"{self.INNER4}/24", f"{self.INNER6}/64")

    def inner_address(self, family):
        return self.INNER4 if family == 4 else self.INNER6


class Beyond(Path):
    """Nothing is forwarded here: `inner` is the host itself, and `peer` is behind the router on the wire.

        host: nic == wire :router: right == eth0 :peer
    """

    def __init__(self, lab, mtu):
        super().__init__(lab)
        self.mtu = mtu
        self.inner, router, peer = self.host, self.peer, lab.namespace("outer")
        forwarding(router)
        join(lab, router, "right", peer, "eth0", 66, MTU)
        # The narrow hop is a route: two ends of a veth pair that differ in MTU drop what is too long
        # for the other end, silently, and only where it is a single packet.
        for net, metric in (("10.66.0.0/24", "0"), ("fd66::/64", "256")):
            router.ip("route", "change", net, "dev", "right", "proto", "kernel", "metric", metric, "mtu", str(mtu))
        self.peer = peer
        Routed._route(self.host, "66", "77{}2")
        Routed._route(peer, "77", "66{}1")

    def peer_address(self, family):
        return "10.66.0.2" if family == 4 else "fd66::2"

    def inner_address(self, family):
        return self.wire.host_address(family)

    def discovered(self, ns, address):
        # only what the host sends meets the narrow hop
        return ns is not self.host or f"mtu {self.mtu}" in ns.ip("route", "get", address).stdout


class Tunnelled(Path):
    """VXLAN from end to end of another path, which knows nothing of it."""

    OVERLAY = {"peer": ("10.55.0.1", "fd55::1"), "inner": ("10.55.0.2", "fd55::2")}

    def __init__(self, under, family):
        self.wire, self.watched = under.wire, under.watched
        self.host, self.peer, self.inner, self.nic = under.host, under.peer, under.inner, under.nic
        ends = (self.peer, "peer"), (self.inner, "inner")
        addresses = [under.peer_address(family), under.inner_address(family)]
        for (ns, role), local, remote in zip(ends, addresses, reversed(addresses)):
            done = ns.ip("link", "add", "vx", "mtu", "1430", "type", "vxlan", "id", "77", "local", local, "remote",
                         remote, "dstport", "4789", check=False)
            if done.returncode:
                pytest.skip(f"no VXLAN here: {done.stderr.strip()}")
            ns.up("vx")
            ns.address("vx", f"{self.OVERLAY[role][0]}/24", f"{self.OVERLAY[role][1]}/64")

    def peer_address(self, family):
        return self.OVERLAY["peer"][family == 6]

    def inner_address(self, family):
        return self.OVERLAY["inner"][family == 6]


class Checker:
    """Is each packet one that a wire of this MTU can carry? Lengths, IPv4, TCP and UDP checksums, in VXLAN too."""

    def __init__(self, name, mtu):
        self.name, self.mtu = name, mtu
        self.packets = self.fragments = self.tunnelled = self.longest = 0
        self.wrong = []

    def see(self, packet):
        frame = packet.frame
        if frame[12:14] not in (IPV4, IPV6):
            return
        self.packets += 1
        self.longest = max(self.longest, len(frame) - ETHERNET)
        if packet.gso_type or packet.flags & NEEDS_CSUM:
            why = f"a superpacket, or one with an unfinished checksum: {packet.gso_type}, {packet.flags}"
        elif len(frame) > ETHERNET + self.mtu:
            why = f"{len(frame) - ETHERNET} bytes on a wire of {self.mtu}"
        else:
            why = self._ip(frame)
        if why and len(self.wrong) < 3:
            self.wrong.append(f"{why}: {frame[:74].hex()}")

    def _ip(self, frame):
        return self._ipv4(frame[14:]) if frame[12:14] == IPV4 else self._ipv6(frame[14:])

    def _ipv4(self, ip):
        header = (ip[0] & 15) * 4
        length, fragment = struct.unpack("!H2xH", ip[2:8])
        if internet_sum(ip[:header]) != 0xFFFF:
            return "IPv4 checksum"
        if fragment & 0x3FFF:
            self.fragments += 1
            return self._length(ip, length)
        return self._length(ip, length) or self._sum(ip[12:16], ip[16:20], ip[9], ip[header:length])

    def _ipv6(self, ip):
        length, protocol, at = 40 + int.from_bytes(ip[4:6], "big"), ip[6], 40
        while protocol in EXTENSIONS:
            protocol, at = ip[at], at + 8 + ip[at + 1] * 8
        if protocol == FRAGMENT_HEADER:
            self.fragments += 1
        return self._length(ip, length) or self._sum(ip[8:24], ip[24:40], protocol, ip[at:length])

    @staticmethod
    def _length(ip, length):
        padded = len(ip) == 60 - ETHERNET and length < len(ip)
        return None if length == len(ip) or padded else f"{len(ip)} bytes, but the IP header says {length}"

    def _sum(self, source, destination, protocol, l4):
        if protocol not in (PROTOCOL_TCP, PROTOCOL_UDP):
            return None
        without = protocol == PROTOCOL_UDP and l4[6:8] == b"\0\0"
        if not without and internet_sum(pseudo_header(source, destination, protocol, len(l4)) + l4) != 0xFFFF:
            return f"checksum of protocol {protocol}"
        if protocol == PROTOCOL_UDP and l4[2:4] == VXLAN_PORT and l4[28:30] in (IPV4, IPV6):
            self.tunnelled += 1
            return self._ip(l4[16:])
        return None

    def finish(self, dropped):
        assert not self.wrong, f"{self.name}: packets that no wire can carry: {self.wrong}"
        assert dropped == 0, f"{self.name}: the capture has lost {dropped} packets"
