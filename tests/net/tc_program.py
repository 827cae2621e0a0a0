# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Somebody's tc program, loaded by hand: it counts the TCP packets over IPv4 that it sees, and says what becomes of
them. Attached by a tcx link, as the last one, or by tc as a filter of clsact."""

import ctypes
import os
import platform
import socket
import struct

import pytest

from pinned import bpffs

NEXT, PASS, DROP = -1, 0, 2
LONG = 2000  # bytes: no single packet of an Ethernet has more

SYSCALL = {"x86_64": 321, "aarch64": 280}
MAP_CREATE, MAP_LOOKUP, PROG_LOAD, OBJ_PIN, LINK_CREATE, PROG_QUERY = 0, 1, 5, 6, 28, 16
TCX = {"ingress": 46, "egress": 47}
SCHED_CLS = 3


def bpf(command, attributes):
    """The system call; `attributes` is the beginning of union bpf_attr."""
    if platform.machine() not in SYSCALL:
        pytest.skip(f"no system call number known for {platform.machine()}")
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = ctypes.CDLL(None, use_errno=True).syscall(SYSCALL[platform.machine()], command, buffer, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result, buffer.raw


def op(code, to=0, of=0, off=0, value=0):
    return struct.pack("<BBhi", code, of << 4 | to, off, value)


def instructions(map_fd, verdict):
    count = op(0xDB, 0, 1, 0), op(0xDB, 0, 1, 8)             # lock *(u64 *)(r0 + off) += r1
    behind = [
        op(0xB7, 1, value=1), count[0],
        op(0xB5, 8, off=1, value=LONG), count[1],             # if r8 <= LONG, not the second
    ]
    look_up = [
        op(0x62, 10, off=-4), op(0xBF, 2, 10), op(0x07, 2, value=-4),
        op(0x18, 1, 1, value=map_fd), op(0), op(0x85, value=1),
        op(0x15, 0, off=len(behind)),
    ]
    return b"".join([
        op(0xBF, 6, 1), op(0x61, 8, 1),                       # r6 = skb, r8 = skb->len
        op(0x30, value=23),                                   # r0 = the protocol of IPv4
        op(0x55, 0, off=len(look_up) + len(behind) + 2, value=socket.IPPROTO_TCP),
        *look_up, *behind,
        op(0xB7, 0, value=verdict), op(0x95),
        op(0xB7, 0, value=NEXT), op(0x95),
    ])


class TcProgram:
    def __init__(self, lab, verdict=NEXT):
        self.lab = lab
        self.map = self._own(bpf(MAP_CREATE, struct.pack("IIII", 2, 4, 16, 1))[0])
        code = instructions(self.map, verdict)
        text, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
        self.prog = self._own(bpf(PROG_LOAD, struct.pack(
            "IIQQ", SCHED_CLS, len(code) // 8, ctypes.addressof(text), ctypes.addressof(licence)))[0])
        self.link = None

    def _own(self, fd):
        self.lab.cleanup(lambda: os.close(fd))
        return fd

    def counts(self):
        """(packets, and the long ones among them)"""
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(16)
        bpf(MAP_LOOKUP, struct.pack("IIQQ", self.map, 0, ctypes.addressof(key), ctypes.addressof(value)))
        return struct.unpack("QQ", value.raw)

    def attach_tcx(self, ns, interface, way):
        with ns.entered():
            ifindex = socket.if_nametoindex(interface)
            self.link = bpf(LINK_CREATE, struct.pack("III", self.prog, ifindex, TCX[way]))[0]
        self.lab.cleanup(self.detach_tcx)

    def detach_tcx(self):
        if self.link is not None:
            os.close(self.link)
        self.link = None

    def filter(self, ns, interface, way, *options):
        """`tc filter add`: direct action, of any protocol."""
        mount = bpffs(self.lab)
        path = os.path.join(mount, "program")
        name = ctypes.create_string_buffer(path.encode() + b"\0")
        bpf(OBJ_PIN, struct.pack("QI", ctypes.addressof(name), self.prog))
        # tc makes folders in the BPF file system that it works in: not in the host's
        ns.run("env", f"TC_BPF_MNT={mount}", "tc", "filter", "add", "dev", interface, way, *options,
               "bpf", "direct-action", "object-pinned", path)


def chain(ns, interface, way):
    """Ids of the tcx programs, in the order in which they run."""
    ids = (ctypes.c_uint32 * 64)()
    with ns.entered():
        query = struct.pack("IIIIQI", socket.if_nametoindex(interface), TCX[way], 0, 0, ctypes.addressof(ids), 64)
        cnt = struct.unpack_from("I", bpf(PROG_QUERY, query)[1], 24)[0]
    return list(ids[:cnt])
