# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A socket in zero copy that is made anew: by the watchdog, since the kernel owes it something for too
long, and by the next daemon. Streams go on, every byte is compared, and it is zero copy again."""

import re
import signal
import time

import pytest

from daemon import Daemon, wait_until_freed
from faulty import FAULTY, expect_one_line, fault, lines
from lab import wait_until
from paced import Paced
from real_wire import RealWire, start, zero_copy
from stopping import stop_and_go
from streams import servers

pytestmark = pytest.mark.machine("one queue")

NOTICED, RECOVERED = 1.0, 2.0  # seconds
FIRST = 512 << 10              # of a stream, before anything happens
SHORT = 536                    # bytes a packet: there are enough of them to use up all frames
NOT_COMPLETED, NONE_BACK = "not completed for too long", "gave none of"
DAMAGED = {"frames_missing", "slots_missing", "buffers_missing"}


def expect_in_time(daemon, text, began):
    """The line that says so has just come: within the limits. While the emulator does not run, nothing is
    noticed, more than once."""
    recovered, slack = time.monotonic() - began, 5 * daemon.starvation.longest
    rebuild = int(re.search(r"anew in (\d+) ms", lines(daemon, text)[0])[1]) / 1000
    recovered = max(recovered, rebuild)  # the kernel may have broken the silence when a worker was away for long
    print(f"      noticed after {recovered - rebuild:.2f} s, made anew in {rebuild:.3f} s; "
          f"{slack:.2f} s allowed for the emulator", flush=True)
    assert recovered - rebuild < NOTICED + slack, f"noticed after {recovered - rebuild:.2f} s"
    assert recovered < RECOVERED + slack, f"recovered after {recovered:.2f} s"
    expect_one_line(daemon, text)


def expect_whole(daemon, rebuilds):
    """Zero copy as before, and nothing got lost in between."""
    total = zero_copy(daemon).total()
    assert total["rebuilds"] == rebuilds, f"made anew {total['rebuilds']} times, not {rebuilds}"
    damage = {name: total[name] for name in DAMAGED if total[name]}
    assert not damage, f"missing: {damage}"
    # what it lost while it was stopped again and again is behind it after a while
    wait_until(lambda: daemon.status()["state"] == "ok", 60, lambda: f"it is ok: {daemon.status()['state_why']}")


def stream_until(daemon, text, stream, another):
    """Streams until the daemon says so, as many as it takes: the kernel carries what a worker is too slow for.
    Returns the one that it was said in the midst of."""
    while not stream.read_until(lambda: lines(daemon, text)):
        stream.read_to_end()
        stream = another()
    return stream


def lose_completion(wire, daemon, data):
    def another():
        return Paced(wire.peer, wire.HOST4, data)

    stream = another()
    stream.read(FIRST)
    fault(daemon, "completion", 1)
    began = time.monotonic()
    stream = stream_until(daemon, NOT_COMPLETED, stream, another)
    expect_in_time(daemon, NOT_COMPLETED, began)
    stream.read_to_end()
    assert daemon.total()["tx_lost_descriptors"] >= 1, "no descriptor was lost"
    expect_whole(daemon, 1)


def lose_frames(wire, daemon, data):
    def another():
        return Paced(wire.host, wire.PEER4, data, SHORT)

    stream = another()
    stream.read(FIRST)
    fault(daemon, "fill", daemon.total()["frames_total"])
    stream = stream_until(daemon, NONE_BACK, stream, another)
    expect_in_time(daemon, NONE_BACK, stream.silent_since)
    stream.read_to_end()
    expect_whole(daemon, 2)


def test_rebuild(lab, data):
    """Zero copy: a completion, then receive frames never come: each time the socket is made anew in 2 s."""
    wire = RealWire(lab)
    daemon = zero_copy(Daemon(lab, wire.host, wire.nic, program=FAULTY))
    servers(lab, wire, data)
    lose_completion(wire, daemon, data)
    lose_frames(wire, daemon, data)
    before = daemon.total()
    for ns, address in ((wire.host, wire.PEER4), (wire.peer, wire.HOST6)):
        Paced(ns, address, data).read_to_end()
    after = daemon.total()
    for name in ("rx_superpackets", "tx_superpackets"):
        assert after[name] > before[name], f"{name} does not grow any more"
    expect_whole(daemon, 2)
    daemon.stop()


@pytest.mark.more
def test_killed(lab, data):
    """Zero copy: killed with -9, streams go on; the next daemon has the queue, in zero copy."""
    wire = RealWire(lab)
    daemon = start(lab, wire)
    servers(lab, wire, data)
    streams = [Paced(wire.host, wire.PEER4, data), Paced(wire.peer, wire.HOST6, data)]
    for stream in streams:
        stream.read(FIRST)
    objects = daemon.bpf_objects()
    daemon.kill()
    for stream in streams:
        stream.read(2 * FIRST)
    wait_until_freed(lab, objects)
    daemon = start(lab, wire)
    for stream in streams:
        stream.read_to_end()
    total = daemon.total()
    for name in ("rx_superpackets", "tx_superpackets"):
        assert total[name] > 0, f"a stream did not come back: {name} is 0"
    expect_whole(daemon, 0)
    daemon.stop()


@pytest.mark.more
def test_stopped(lab):
    """Zero copy: a stopped daemon loses its flows to the kernel and gets them back; nothing is overtaken."""
    wire = RealWire(lab)
    daemon = start(lab, wire, "--merge", "tcp,udp")
    stop_and_go(lab, wire, daemon, lambda: daemon.process.signal(signal.SIGSTOP),
                lambda: expect_whole(daemon, 0))
