# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The BPF maps of a running daemon, to be read and changed behind its back."""

import ctypes
import ctypes.util
import json
import os
import socket

import pytest

from lab import AF_XDP

BPF_EXIST = 2

_libbpf = ctypes.CDLL(ctypes.util.find_library("bpf") or "libbpf.so.1", use_errno=True)


class Map:
    """A map of the daemon, by its name; the oldest if there are several, which is the XDP program's."""

    def __init__(self, lab, daemon, name):
        for kind, number in sorted(daemon.bpf_objects()):
            if kind != "map":
                continue
            shown = lab.run(["bpftool", "-j", "map", "show", "id", str(number)], check=False).stdout
            if shown and json.loads(shown).get("name") == name:
                self.fd = _libbpf.bpf_map_get_fd_by_id(number)
                break
        else:
            pytest.fail(f"the daemon has no map {name}")
        assert self.fd >= 0, f"opening {name}"
        lab.cleanup(lambda: os.close(self.fd))

    def update(self, key, value, flags=0):
        """value: the bytes."""
        return _libbpf.bpf_map_update_elem(self.fd, ctypes.byref(ctypes.c_uint32(key)), value, ctypes.c_uint64(flags))

    def sum(self, key):
        """Of a number of each CPU."""
        values = (ctypes.c_uint64 * _libbpf.libbpf_num_possible_cpus())()
        err = _libbpf.bpf_map_lookup_elem(self.fd, ctypes.byref(ctypes.c_uint32(key)), values)
        assert err == 0, f"reading {key}: {err}"
        return sum(values)


class DeadSocket:
    """An AF_XDP socket that is bound to nothing. What the XDP program redirects to it the kernel drops, as it does with
    frames for a socket that is bound to another interface or queue (net/xdp/xsk.c xsk_rcv_check())."""

    def __init__(self, lab):
        self.socket = socket.socket(AF_XDP, socket.SOCK_RAW)
        lab.cleanup(self.socket.close)

    def replace(self, xsks, queue):
        """Takes the place of the queue's socket, if it has one now."""
        return xsks.update(queue, self.socket.fileno().to_bytes(4, "little"), BPF_EXIST) == 0
