# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What an interface receives, with virtio headers: superpackets show as what they are."""

import socket
import struct
import threading
from dataclasses import dataclass

from lab import Failed

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_STATISTICS, PACKET_IGNORE_OUTGOING = 8, 15, 6, 23
SO_RCVBUFFORCE = 33
VNET = struct.Struct("<BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
AUXDATA = struct.Struct("IIIHHHH")  # status, len, snaplen, mac, net, vlan_tci, vlan_tpid
TP_STATUS_VLAN_VALID = 1 << 4
ROOM = VNET.size + 70_000
BUFFER = 128 << 20

NEEDS_CSUM = 1
GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_ECN = 0, 1, 4, 0x80


@dataclass
class Packet:
    frame: bytes
    flags: int
    gso_type: int
    gso_size: int
    csum_start: int
    csum_offset: int


def open_socket(ns, interface, receive=True):
    """A packet socket on an interface of a namespace, virtio headers both ways."""
    with ns.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        if receive:
            sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        sock.bind((interface, ETH_P_ALL if receive else 0))
    return sock


def send(sock, frame, flags=0, gso_type=GSO_NONE, hdr_len=0, gso_size=0, csum_start=0,
         csum_offset=0):
    sock.send(VNET.pack(flags, gso_type, hdr_len, gso_size, csum_start, csum_offset) + frame)


def restore_tag(frame, start, ancillary):
    """The kernel takes the outer VLAN tag off; back with it. Returns frame and csum_start."""
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, tpid = AUXDATA.unpack(data[:AUXDATA.size])
            if status & TP_STATUS_VLAN_VALID:
                tag = struct.pack("!HH", tpid or 0x8100, tci)
                return frame[:12] + tag + frame[12:], start + 4 if start else 0
    return frame, start


def receive(sock):
    data, ancillary, flags, _ = sock.recvmsg(ROOM, socket.CMSG_SPACE(AUXDATA.size))
    if flags & socket.MSG_TRUNC:
        raise Failed(f"a captured packet is longer than {ROOM} bytes")
    flags, gso_type, _, gso_size, start, offset = VNET.unpack(data[:VNET.size])
    frame, start = restore_tag(data[VNET.size:], start, ancillary)
    if not flags & NEEDS_CSUM:
        start = offset = 0
    return Packet(frame, flags, gso_type, gso_size, start, offset)


class Capture:
    """Calls see(packet) for everything the interface receives, in a thread, until the end of
    the `with`; then what is still in the socket's buffer, too."""

    def __init__(self, ns, interface, see):
        self.socket = open_socket(ns, interface)
        self.socket.settimeout(0.05)
        self.see = see
        self.ending = threading.Event()
        self.error = None
        self.dropped = 0
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while True:
                try:
                    packet = receive(self.socket)
                except TimeoutError:
                    if self.ending.is_set():
                        return
                    continue
                self.see(packet)
        except Exception as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ending.set()
        self.thread.join(60)
        stats = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.dropped = struct.unpack("II", stats)[1]
        self.socket.close()
        if self.error and kind is None:
            raise self.error
