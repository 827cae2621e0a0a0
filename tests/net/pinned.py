# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The XDP program as an operator loads it: by xdp-loader, its maps pinned."""

import os
import shutil

import pytest

from daemon import STEER_OBJECT

MAPS = ("steer_xsks", "steer_state", "steer_counters", "steer_queues", "steer_slots")


def bpffs(lab):
    """A bpffs of our own; the machine's stays untouched, if it has one."""
    directory = os.path.join(lab.tmp, "bpf")
    os.mkdir(directory)
    done = lab.run(["mount", "-t", "bpf", "bpf", directory], check=False)
    if done.returncode != 0:
        pytest.skip(f"no bpffs can be mounted: {done.stderr.strip()}")
    lab.cleanup(lambda: lab.run(["umount", directory]))
    return directory


def load(lab, wire, mode):
    """Loads the program as an operator would, in `mode`; returns the directory of pins."""
    if not shutil.which("xdp-loader"):
        pytest.skip("xdp-loader is missing: run make deps")
    root = bpffs(lab)
    pins = os.path.join(root, "superpacket")
    # its dispatcher keeps its own pins in the bpffs too
    wire.host.run("env", f"LIBXDP_BPFFS={root}", "xdp-loader", "load", "-m", mode, "-p", pins,
                  wire.nic, STEER_OBJECT)

    def unload():
        wire.host.run("env", f"LIBXDP_BPFFS={root}", "xdp-loader", "unload", "-a", wire.nic,
                      check=False)

    lab.cleanup(unload)
    missing = [m for m in MAPS if not os.path.exists(os.path.join(pins, m))]
    assert not missing, f"xdp-loader has pinned {os.listdir(pins)}, not {missing}"
    return pins
