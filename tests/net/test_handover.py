# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Traffic goes over to the kernel and back, and no packet overtakes another of its flow."""

import random
import signal
import time

from daemon import Daemon
from handover import Numbered, expect_order
from wire import Wire

SECONDS = 3
SUPERPACKET = 45  # datagrams


def test_stopped_in_order(lab):
    """A daemon that is stopped again and again, so that its heartbeat lapses, drops what has become too old each time,
    but for the superpacket that it had just looked at; also if it ran for a moment only."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp")
    chance = random.Random(6)
    numbered = Numbered(lab, wire, 2 * SECONDS, 6)
    for _ in range(14):
        daemon.process.signal(signal.SIGSTOP)
        time.sleep(0.3)
        daemon.process.signal(signal.SIGCONT)
        time.sleep(chance.uniform(0, 0.06))
    expect_order(numbered.finish(), most=3 * SUPERPACKET)
    daemon.stop()
