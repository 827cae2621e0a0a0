# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What may stand in the way of a daemon: a kernel that refuses system calls, another owner of its queue."""

import ctypes
import json
import mmap
import os
import platform
import socket
import struct

import pytest

from lab import AF_XDP
from wire import PYTHON


class QueueOwner:
    """Another program's AF_XDP socket on queue 0 of an interface, made by hand."""

    SOL_XDP = 283
    XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 2, 4, 5, 6
    LENGTH = 16 * 4096

    def __init__(self, ns, interface):
        with ns.entered():
            self.socket = socket.socket(AF_XDP, socket.SOCK_RAW)
            ifindex = socket.if_nametoindex(interface)
        self.memory = mmap.mmap(-1, self.LENGTH)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self._set(self.XDP_UMEM_REG, struct.pack("QQIII4x", address, self.LENGTH, 4096, 0, 0))
        for ring in (self.XDP_UMEM_FILL_RING, self.XDP_UMEM_COMPLETION_RING, self.XDP_RX_RING):
            self._set(ring, struct.pack("I", 64))
        # struct sockaddr_xdp: family, flags, ifindex, queue, shared umem fd
        name = struct.pack("HHIII", AF_XDP, 0, ifindex, 0, 0)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.bind(self.socket.fileno(), name, len(name)) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def _set(self, option, value):
        self.socket.setsockopt(self.SOL_XDP, option, value)

# Linux: numbers of system calls, AUDIT_ARCH, by machine
SECCOMP = {"x86_64": ({"socket": 41, "ioctl": 16}, 0xC000003E),
           "aarch64": ({"socket": 198, "ioctl": 29}, 0xC00000B7)}
# ARCH NUMBER ERRNO ARGUMENTS COMMAND...: the command, with a system call of such arguments refused
FILTERED = """
import ctypes, json, os, struct, sys
def op(code, jt, jf, k):
    return struct.pack("HBBI", code, jt, jf, k)
LOAD, EQUAL, ANY_OF, RETURN = 0x20, 0x15, 0x45, 0x06
arch, number, error = map(int, sys.argv[1:4])
words = [(4, EQUAL, arch), (0, EQUAL, number)]          # seccomp_data.arch, .nr
for argument, how, value in json.loads(sys.argv[4]):
    words.append((16 + 8 * argument, EQUAL if how == "is" else ANY_OF, value))
program = b"".join(op(LOAD, 0, 0, at) + op(how, 0, 2 * (len(words) - 1 - i) + 1, value)
                   for i, (at, how, value) in enumerate(words))
program += op(RETURN, 0, 0, 0x00050000 | error) + op(RETURN, 0, 0, 0x7FFF0000)
buffer = ctypes.create_string_buffer(program)
class Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
fprog = Fprog(len(program) // 8, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0              # PR_SET_NO_NEW_PRIVS
if libc.prctl(22, 2, ctypes.byref(fprog), 0, 0):    # PR_SET_SECCOMP, filter
    sys.exit(77)
os.execv(sys.argv[5], sys.argv[5:])
"""


def without(wire, call, error, *arguments):
    """A wrapper for a kernel that refuses this system call with such arguments: [index, "is" or
    "any of", value]."""
    if platform.machine() not in SECCOMP:
        pytest.skip(f"no system call number known for {platform.machine()}")
    calls, arch = SECCOMP[platform.machine()]
    wrapper = [PYTHON, "-c", FILTERED, str(arch), str(calls[call]), str(error), json.dumps(arguments)]
    if wire.host.run(*wrapper, "/bin/true", check=False).returncode == 77:
        pytest.skip("this kernel has no seccomp filters")
    return wrapper
