# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The way into the kernel's software GRO and GSO.

    TAP == bridge == out (veth, all offloads off) ==== in (veth): a packet socket

A TAP, since its header alone can describe a superpacket within a tunnel, and since a write has gone
all the way to the veth's ring when it returns. A bridge, since it changes nothing but one thing that
is wanted: the outer VLAN tag leaves the frame, as NICs take it off.
"""

import fcntl
import os
import struct

import pytest

from capture import open_socket, receive
from described import MAC_A
from lab import Failed, wait_until

TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN = 1, 2, 4, 8
TUN_F_USO, TUN_F_TUNNEL = 0x20 | 0x40, 0x80 | 0x100
# virtio_net_hdr_v1_hash_tunnel: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, four
# fields of no use here, outer_th_offset, inner_nh_offset
HEADER = struct.Struct("<BBHHHHHIHHHH")
ORDINARY = bytes(HEADER.size)
MTU = 9000
PROBE = b"\xff" * 6 + MAC_A + b"\x88\xb5" + bytes(46)  # a local experimental ethertype


class IntoKernel:
    def __init__(self, lab):
        self.lab = lab
        self.sender, self.receiver = lab.namespace("send"), lab.namespace("see")
        for ns in (self.sender, self.receiver):
            for key in ("all", "default"):
                ns.sysctl(f"net.ipv6.conf.{key}.disable_ipv6", 1)
        lab.veth(self.sender, "out", self.receiver, "in", mtu=MTU)
        # the kernel has to cut and to sum itself; and a veth asks its GRO only about what comes from
        # a sender without TSO
        self.sender.ethtool_off("out", "tx", "sg", "tso", "gso", "tx-udp-segmentation")
        self.receiver.ethtool_off("in", "gro")
        self.offloads = 0
        self.tap = self._open_tap()
        lab.cleanup(lambda: os.close(self.tap))
        self._bridge()
        self.rx = open_socket(self.receiver, "in")
        lab.cleanup(self.rx.close)
        wait_until(self._passes, 10, "the bridge forwards")
        self.rx.settimeout(30)

    def _open_tap(self):
        with self.sender.entered():
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"tap", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", HEADER.size))
        self.offloads = TUN_F_CSUM
        for more in (TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN, TUN_F_USO, TUN_F_TUNNEL):
            try:
                fcntl.ioctl(fd, TUNSETOFFLOAD, self.offloads | more)
                self.offloads |= more
            except OSError:
                pass  # an older kernel; need() says so
        return fd

    def _bridge(self):
        ns = self.sender
        # where it is built in, it would trim padding and drop wrong IP checksums
        if os.path.exists("/proc/sys/net/bridge/bridge-nf-call-iptables"):
            for family in ("ip", "ip6", "arp"):
                ns.sysctl(f"net.bridge.bridge-nf-call-{family}tables", 0)
        added = ns.ip("link", "add", "name", "br", "mtu", str(MTU), "type", "bridge", "stp_state", "0",
                      "forward_delay", "0", "mcast_snooping", "0", check=False)
        if added.returncode != 0:
            pytest.skip(f"no bridge can be made: {added.stderr.strip()}")
        ns.ip("link", "set", "dev", "tap", "mtu", str(MTU))
        for port in ("tap", "out"):
            ns.ip("link", "set", "dev", port, "master", "br")
        for link in ("tap", "br"):
            ns.up(link)

    def _passes(self):
        """Once it has come back, nothing else is on its way."""
        self.write(PROBE)
        self.rx.settimeout(0.05)
        try:
            return receive(self.rx).frame == PROBE
        except TimeoutError:
            return False

    def need(self, offload, what):
        if self.offloads & offload != offload:
            pytest.skip(f"this kernel's TAP takes no {what}")

    def write(self, frame, header=ORDINARY):
        os.write(self.tap, header + frame)

    def receive(self, waiting):
        """The next packet that comes out; `waiting` says for what, should there be none."""
        try:
            return receive(self.rx)
        except TimeoutError:
            raise Failed(f"not come out of the kernel: {waiting()}") from None
