# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""UDP between two namespaces, every datagram compared: sockets of our own, opened inside them.

Nothing holds a UDP sender back, so each window of datagrams is awaited before the next is sent:
what does not arrive then was lost by somebody, not by a full queue.
"""

import os
import select
import socket
import struct
import time

from lab import Failed

UDP_SEGMENT, UDP_GRO = 103, 104  # linux/udp.h
SO_RCVBUFFORCE = 33
SO_NO_CHECK = 11
BUFFER = 8 << 20
WAIT = 30  # seconds for a window, which ends only what hangs: nothing is sent again


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Receiver:
    """A socket on `address`; with `gro` it takes superpackets and says how they are to be cut."""

    def __init__(self, ns, address, gro=False):
        with ns.entered():
            self.socket = socket.socket(family(address), socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        if gro:
            self.socket.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        self.socket.bind((address, 0))
        self.socket.setblocking(False)
        self.address = self.socket.getsockname()[:2]
        self.messages = 0   # of recvmsg
        self.merged = 0     # of those, superpackets

    def _one(self):
        data, controls, flags, _ = self.socket.recvmsg(65536, 64)
        assert not flags & socket.MSG_TRUNC, "a message was cut off"
        size = 0
        for level, kind, value in controls:
            if (level, kind) == (socket.IPPROTO_UDP, UDP_GRO):
                size = struct.unpack("i", value)[0]
        self.messages += 1
        if not size or size >= len(data):
            return [data]
        self.merged += 1
        return [data[i:i + size] for i in range(0, len(data), size)]

    def take(self, cnt):
        """The next cnt datagrams; fails when they do not come."""
        deadline = time.monotonic() + WAIT
        datagrams = []
        while len(datagrams) < cnt:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise Failed(f"{len(datagrams)} of {cnt} datagrams arrived within {WAIT} s")
            datagrams += self._one()
        return datagrams

    def close(self):
        self.socket.close()


class Sender:
    def __init__(self, ns, to, checksum=True):
        with ns.entered():
            self.socket = socket.socket(family(to[0]), socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        if not checksum:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        self.socket.connect(to)
        self.socket.settimeout(WAIT)

    def send(self, datagrams, segment=True):
        """One sendmsg() of datagrams that are alike in length (the last may be shorter), or one each."""
        if not segment:
            for datagram in datagrams:
                self.socket.send(datagram)
            return
        size = struct.pack("H", len(datagrams[0]))
        self.socket.sendmsg([b"".join(datagrams)], [(socket.IPPROTO_UDP, UDP_SEGMENT, size)])

    def close(self):
        self.socket.close()


def datagrams(cnt, length, last=None):
    """cnt datagrams of random bytes; the last one shorter where asked."""
    return [os.urandom(last if last and i == cnt - 1 else length) for i in range(cnt)]


def exchange(sender, receiver, windows, segment=True):
    """Each window arrives complete, in order and unchanged, before the next is sent."""
    for number, window in enumerate(windows):
        sender.send(window, segment)
        try:
            got = receiver.take(len(window))
        except Failed as failure:
            raise Failed(f"window {number} ({len(window)} of {len(window[0])} bytes): {failure}") from None
        for i, (wanted, seen) in enumerate(zip(window, got)):
            assert wanted == seen, (
                f"window {number}: datagram {i} differs: {len(seen)} bytes, "
                f"not {len(wanted)}" + (", another one" if seen in window else ""))
        assert len(got) == len(window), f"window {number}: {len(got)} datagrams, not {len(window)}"
