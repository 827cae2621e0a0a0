# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Two hundred TCP connections at a fixed rate while busy loops take all CPUs: how late messages are, and what is sent
again, with the kernel alone and with the daemon.

    figures = busy.measure(loops=4, direction="in", milliseconds=3000, ours=True)
"""

import json
import os
import statistics

from daemon import Daemon
from lab import BUILD, Lab, wait_until
from wire import Wire

PACED = os.path.join(BUILD, "tools", "paced")
PORT = "5300"
CONNECTIONS, BYTES_PER_SECOND, MESSAGE = 200, 39000000, 1000
DIRECTIONS = ("in", "out")

# What the daemon may add.
P99_TIMES, P99_MORE = 2, 20  # one of these; milliseconds
RETRANSMITS = 0.001          # of the segments; or twice those of the kernel, where it has more


def measure(loops, direction, milliseconds, ours, options=()):
    """{"p50", "p99", "max": milliseconds of delay; "retransmits", "segments"; "bytes": received}"""
    with Lab() as lab:
        wire = Wire(lab)
        daemon = Daemon(lab, wire.host, wire.nic, *options) if ours else None
        sender, receiver, address = wire.peer, wire.host, wire.HOST4
        if direction == "out":
            sender, receiver, address = wire.host, wire.peer, wire.PEER4
        serving = lab.start([PACED, "serve", PORT], ns=receiver, name="serve")
        wait_until(lambda: "serving" in serving.stderr(), 5, "the receiver listens")
        for _ in range(loops):
            lab.start(["sh", "-c", "while :; do :; done"], name="loop")
        sending = lab.start([PACED, "send", address, PORT, str(CONNECTIONS), str(BYTES_PER_SECOND), str(MESSAGE),
                             str(milliseconds)], ns=sender, name="send")
        sending.wait(milliseconds / 1000 + 20)
        serving.signal(15)
        serving.wait(5)
        figures = {**json.loads(sending.stdout()), **json.loads(serving.stdout())}
        if daemon:
            figures["state"] = daemon.status()["state"]
            daemon.stop()
        return figures


def medians(measured):
    """Of each figure of several measurements."""
    return {name: statistics.median(one[name] for one in measured) for name in ("p99", "retransmits", "segments")}


def too_much(kernel, ours):
    """What of ours is worse than it may be, in one sentence; None if nothing is."""
    p99 = max(P99_TIMES * kernel["p99"], kernel["p99"] + P99_MORE)
    again = max(RETRANSMITS * ours["segments"], 2 * kernel["retransmits"])
    if ours["p99"] <= p99 and ours["retransmits"] <= again:
        return None
    return (f"p99 {ours['p99']:.1f} ms (kernel {kernel['p99']:.1f}), {ours['retransmits']:.0f} of "
            f"{ours['segments']:.0f} segments sent again (kernel {kernel['retransmits']:.0f})")
