#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Shows the main job on real traffic: make demo

    tools/demo.py [BUILD] [--size MIB] [--seconds N]

Two namespaces joined by a veth pair, superpacketd inline on one side. A file each way over IPv4
and IPv6 with its SHA-256 compared; an iperf3 stream each way, beside it the same stream without
the daemon and with the kernel's offloads off; at last the daemon is killed with -9 in the middle
of a transfer each way. Exit code 0 only if everything held that is said at the end.
"""

import argparse
import json
import os
import platform
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default=os.path.join(ROOT, "build"))
    parser.add_argument("--size", metavar="MIB", type=int, default=1024, help="of the file")
    parser.add_argument("--seconds", metavar="N", type=int, default=5, help="of an iperf3 stream")
    return parser.parse_args()


OPTIONS = arguments()
os.environ["SUPERPACKET_BUILD"] = OPTIONS.build
sys.dont_write_bytecode = True  # the source tree stays as it was cloned
sys.path.insert(0, os.path.join(ROOT, "tests", "net"))

from daemon import (DAEMON, EXIT_NO_PERMISSION, EXIT_NOT_SUPPORTED, Daemon,  # noqa: E402
                    HostState, add_up, wait_until_freed)
from data import Data  # noqa: E402
from lab import (Interrupted, Lab, catch_signals, missing_support, remove_leftovers,  # noqa: E402
                 wait_until)
from wire import Server, Transfer, Wire  # noqa: E402

# What a bulk stream has to reach. 64 KB hold 45 segments of 1448 bytes.
ENOUGH_SEGMENTS = 20
IPERF_PORT = 5301
KERNEL_OFFLOADS = ("tx", "gso", "gro", "tso")


class Screen:
    """Rows as they are done, and in between what is going on: on a terminal in a line that is
    drawn anew, elsewhere as one line a step."""

    WIDTHS = (30, 7, 13, 10, 9, 9)
    REDRAW_SECONDS = 0.1

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.step = None
        self.drawn = 0.0

    def say(self, text):
        self._clear()
        print(text, flush=True)

    def now(self, step, detail=""):
        new, self.step = step != self.step, step
        if not self.live:
            if new:
                print(f"  {step} ...", flush=True)
        elif new or time.monotonic() - self.drawn >= self.REDRAW_SECONDS:
            self.drawn = time.monotonic()
            print(f"\r\x1b[K  {step}{detail} ...", end="", flush=True)

    def _clear(self):
        if self.live:
            print("\r\x1b[K", end="")

    def _cells(self, *cells):
        first, *rest = (f"{cell:>{width}}" for cell, width in zip(cells, self.WIDTHS))
        self.say("  " + first.strip().ljust(self.WIDTHS[0]) + "".join(rest))

    def head(self):
        self._cells("", "Gbit/s", "superpackets", "segments", "checksum", "retrans-")
        self._cells("", "", "", "per super", "errors", "missions")

    def row(self, name, measured):
        self._cells(name, f"{measured.gbits:.2f}", measured.superpackets, measured.per_super,
                    measured.checksum_errors, measured.retransmissions)


class Measured:
    """One stream: rates, and by how much the counters have moved meanwhile. `direction` is seen
    from the daemon's side: "in" or "out"."""

    def __init__(self, wire, direction, daemon=None):
        self.wire, self.direction, self.daemon = wire, direction, daemon
        self.before = self._read()

    def _read(self):
        host, peer = self.wire.host.snmp(), self.wire.peer.snmp()
        counters = {
            "errors": host["TcpInCsumErrors"] + peer["TcpInCsumErrors"],
            "retransmissions": (peer if self.direction == "in" else host)["TcpRetransSegs"],
            "superpackets": 0, "segments": 0,
        }
        if self.daemon:
            total = self.daemon.total()
            side = "rx" if self.direction == "in" else "tx"
            counters["errors"] += total["rx_checksum_errors"]
            counters["superpackets"] = total[f"{side}_superpackets"]
            counters["segments"] = total[f"{side}_segments"]
        return counters

    def done(self, gbits, retransmissions=None):
        after = self._read()
        moved = {name: after[name] - self.before[name] for name in after}
        self.gbits = gbits
        self.checksum_errors = moved["errors"]
        self.retransmissions = moved["retransmissions"] if retransmissions is None \
            else retransmissions
        self.segments_per_super = moved["segments"] / max(moved["superpackets"], 1)
        self.superpackets = str(moved["superpackets"]) if self.daemon else "-"
        self.per_super = f"{self.segments_per_super:.1f}" if self.daemon else "-"
        return self


class Demo:
    def __init__(self, screen):
        self.screen = screen
        self.held = 0
        self.wrong = []

    def check(self, condition, sentence):
        if condition:
            self.held += 1
        else:
            self.wrong.append(sentence)
            self.screen.say(f"  WRONG: {sentence}")

    def guarded(self, what, function, *args):
        """A step that fails is reported, and the next one is tried."""
        try:
            return function(*args)
        except AssertionError as failure:
            self.check(False, f"{what}: {failure}")
            return None

    def check_bulk(self, name, measured):
        self.check(measured.checksum_errors == 0,
                   f"{name}: {measured.checksum_errors} checksum errors")
        self.check(measured.segments_per_super >= ENOUGH_SEGMENTS,
                   f"{name}: {measured.per_super} segments per superpacket, not {ENOUGH_SEGMENTS}")

    # the file

    def watch(self, transfer, name):
        """Shows how far a transfer is until it ends."""
        def ended():
            self.screen.now(name, f": {transfer.received() * 100 // transfer.length} %")
            return not transfer.process.running()

        wait_until(ended, 300, f"{name} is done")

    def file(self, lab, wire, daemon, data, direction, family):
        name = f"file {direction}, IPv{family}"
        measured = Measured(wire, direction, daemon)
        if direction == "in":
            transfer = Transfer(lab, wire.host, wire.peer_address(family), data)
        else:
            transfer = Transfer(lab, wire.peer, wire.host_address(family), data)
        self.watch(transfer, name)
        gbits = transfer.finish()  # fails unless the SHA-256 is the same
        self.held += 1
        self.screen.row(f"{name}, SHA-256 equal", measured.done(gbits))
        self.check_bulk(name, measured)

    # iperf3

    def iperf(self, lab, wire, direction, name, daemon=None):
        measured = Measured(wire, direction, daemon)
        sender, receiver = (wire.peer, wire.host) if direction == "in" else (wire.host, wire.peer)
        address = wire.HOST4 if direction == "in" else wire.PEER4
        server = lab.start(["iperf3", "-s", "-1", "--forceflush", "-p", str(IPERF_PORT)],
                           ns=receiver)
        wait_until(lambda: "listening" in server.stdout(), 10, "the iperf3 server listens")
        client = lab.start(["iperf3", "-c", address, "-p", str(IPERF_PORT), "-J",
                            "-t", str(OPTIONS.seconds)], ns=sender)
        self.screen.now(name)
        client.wait(OPTIONS.seconds + 30)
        server.wait(10)
        end = json.loads(client.stdout())["end"]
        measured.done(end["sum_received"]["bits_per_second"] / 1e9,
                      end["sum_sent"]["retransmits"])
        self.screen.row(name, measured)
        if daemon:
            self.check_bulk(name, measured)

    # kill -9

    def kill(self, lab, wire, daemon, data, before):
        objects, tap = daemon.bpf_objects(), daemon.tap()  # now, for it takes a while
        streams = [Transfer(lab, wire.host, wire.PEER4, data),
                   Transfer(lab, wire.peer, wire.HOST6, data)]
        for stream in streams:
            self.screen.now("kill -9 in the middle of a transfer each way")
            stream.wait_received(stream.length // 8)
        total = daemon.total()
        for sentence in add_up(total):
            self.check(False, f"counters: {sentence}")
        at = [100 * stream.received() // stream.length for stream in streams]
        daemon.kill()
        self.check(all(percent < 100 for percent in at), "a transfer was over before the kill")
        self.screen.say(f"\n  kill -9 of the daemon at {at[0]} % of a transfer in (IPv4) and "
                        f"{at[1]} % of one out (IPv6):")
        for stream, name in zip(streams, ("in", "out")):
            self.watch(stream, f"transfer {name} through the kernel")
            stream.finish()
            self.held += 1
        self.screen.say("  both completed through the kernel, SHA-256 equal")
        assert tap not in wire.host.links(), f"the TAP {tap} is still there"
        before.wait_restored()
        wait_until_freed(lab, objects)
        self.held += 1
        self.screen.say("  nothing of the daemon is left: no XDP or tc program, no TAP, "
                        "no changed setting")

    # all of it

    def run(self, lab, kernel_lab, data):
        wire = Wire(lab)
        kernel = Wire(kernel_lab)
        for ns, interface in ((kernel.host, kernel.nic), (kernel.peer, kernel.wire)):
            ns.ethtool_off(interface, *KERNEL_OFFLOADS)
        before = HostState(wire.host)
        daemon = Daemon(lab, wire.host, wire.nic)
        Server(lab, wire.peer, data)
        Server(lab, wire.host, data)
        status = daemon.status()
        queue = status["queues"][0]["xsk"]
        self.screen.say(f"  superpacketd {status['mode']}, XDP {status['xdp']['mode']}, AF_XDP "
                        f"{queue['mode']}, transmit {queue['transmit']}; {status['xdp']['why']}\n")
        self.screen.head()

        for family in (4, 6):
            for direction in ("in", "out"):
                self.guarded(f"file {direction}, IPv{family}", self.file, lab, wire, daemon, data,
                             direction, family)
        self.screen.say("")
        for direction in ("in", "out"):
            self.guarded(f"iperf3 {direction}", self.iperf, lab, wire, direction,
                         f"iperf3 {direction}, superpacketd", daemon)
            self.guarded(f"iperf3 {direction}", self.iperf, kernel_lab, kernel, direction,
                         f"iperf3 {direction}, kernel alone*")
        # the kill comes to this second daemon, in the middle of its slices
        daemon.stop()
        daemon = Daemon(lab, wire.host, wire.nic, "--transmit", "slices")
        self.guarded("iperf3 out, slices", self.iperf, lab, wire, "out",
                     "iperf3 out, --transmit slices", daemon)
        self.screen.say("  * offloads off on both sides: ethtool -K IF tx off gso off gro off "
                        "tso off")
        self.screen.say("  Read it by segments per super (45 fill 64 KB): on veth both ends share "
                        "the CPUs.")
        self.guarded("kill -9", self.kill, lab, wire, daemon, data, before)


def make_data(screen):
    length = OPTIONS.size << 20
    with_progress = lambda done: screen.now(f"making {OPTIONS.size} MiB of random bytes",  # noqa: E731
                                            f": {done * 100 // length} %")
    data = Data(length, with_progress)
    screen.say(f"  file: {length:,} random bytes, SHA-256 {data.sha256()[:16]}...")
    return data


def main():
    screen = Screen()
    begin = time.monotonic()
    screen.say(f"superpacket demo on Linux {platform.release()}, {os.cpu_count()} CPUs\n")
    demo = Demo(screen)
    with Lab() as lab, Lab() as kernel_lab, make_data(screen) as data:
        demo.run(lab, kernel_lab, data)
        screen.now("cleaning up")
    seconds = time.monotonic() - begin
    if demo.wrong:
        screen.say(f"\ndemo: {len(demo.wrong)} of {demo.held + len(demo.wrong)} checks did not "
                   f"hold ({seconds:.0f} s):")
        for sentence in demo.wrong:
            screen.say(f"  - {sentence}")
        return 1
    screen.say(f"\ndemo: all {demo.held} checks held: every SHA-256 equal, no checksum error, at "
               f"least {ENOUGH_SEGMENTS}\nsegments per superpacket both ways, and the killed "
               f"transfers completed ({seconds:.0f} s)")
    return 0


if __name__ == "__main__":
    catch_signals()
    lacking = missing_support()
    if lacking is None and not os.path.exists(DAEMON):
        lacking = f"{DAEMON} is missing: run make"
    if lacking:
        print(f"demo: {lacking}", file=sys.stderr)
        sys.exit(EXIT_NO_PERMISSION if os.geteuid() != 0 else EXIT_NOT_SUPPORTED)
    remove_leftovers()
    try:
        sys.exit(main())
    except AssertionError as failure:
        print(f"\ndemo: {failure}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as interrupted:
        print(f"\ndemo: ended by {interrupted}; everything is cleaned up", file=sys.stderr)
        sys.exit(130)
