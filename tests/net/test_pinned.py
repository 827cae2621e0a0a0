# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The XDP program loaded by xdp-loader, its maps pinned; the daemon adopts them."""

import os
import shutil

from daemon import STEER_OBJECT, Daemon, HostState
from harness import test
from lab import Skip, expect, wait_until
from test_bulk import expect_clean, servers, transfer
from wire import Wire

MAPS = ("steer_xsks", "steer_state", "steer_counters")


def bpffs(lab):
    """A bpffs of our own; the machine's stays untouched, if it has one."""
    directory = os.path.join(lab.tmp, "bpf")
    os.mkdir(directory)
    done = lab.run(["mount", "-t", "bpf", "bpf", directory], check=False)
    if done.returncode != 0:
        raise Skip(f"no bpffs can be mounted: {done.stderr.strip()}")
    lab.cleanup(lambda: lab.run(["umount", directory]))
    return directory


def load(lab, wire, mode):
    """Loads the program as an operator would, in `mode`; returns the directory of pins."""
    if not shutil.which("xdp-loader"):
        raise Skip("xdp-loader is missing: run make deps")
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
    expect(not missing, f"xdp-loader has pinned {os.listdir(pins)}, not {missing}")
    return pins


def adopted(lab, data, mode, *options):
    wire = Wire(lab, host_addresses="port" not in options)
    pins = load(lab, wire, mode)
    before = HostState(wire.host)
    daemon = Daemon(lab, wire.host, wire.nic, "--pinned", pins, *options)
    expect(daemon.status()["xdp"]["mode"] == "pinned", f"xdp: {daemon.status()['xdp']}")
    if "port" in options:
        wire.address_host(wire.host, daemon.tap())
    servers(lab, wire, data)
    for direction, family in (("in", 4), ("out", 6)):
        transfer(lab, wire, data, direction, family, length=64 << 20).finish()
    total = daemon.total()
    expect(total["rx_superpackets"] > 0 and total["tx_superpackets"] > 0,
           f"no superpackets: {total}")
    expect_clean(daemon, [wire.host, wire.peer])
    return wire, pins, before, daemon


@test("xdp-loader load -m native -p DIR, then --pinned DIR, inline; SIGTERM, adopt again, kill -9",
      seconds=120)
def native(lab, data):
    wire, pins, before, daemon = adopted(lab, data, "native")
    daemon.stop()
    # the program and its pins are the operator's: both stay, and pass everything
    before.wait_restored()
    expect(sorted(os.listdir(pins)) == sorted(MAPS), f"pins are now {os.listdir(pins)}")
    transfer(lab, wire, data, "in", 4, length=16 << 20).finish()

    again = Daemon(lab, wire.host, wire.nic, "--pinned", pins)
    stream = transfer(lab, wire, data, "in", 6)
    stream.wait_received(data.length // 10)
    expect(again.total()["rx_superpackets"] > 0, "the second daemon merged nothing")
    again.kill()
    expect(stream.process.running(), "the stream was over too early")
    stream.finish()
    before.wait_restored()


@test("xdp-loader in generic mode (-m skb), then --pinned DIR in port mode", seconds=120)
def generic(lab, data):
    _, _, before, daemon = adopted(lab, data, "skb", "--mode", "port")
    daemon.stop()
    wait_until(lambda: not before.differences(), 5, lambda: f"{before.differences()}")
