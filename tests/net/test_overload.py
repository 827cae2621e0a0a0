# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A worker that cannot keep up leaves to the kernel what it cannot merge, and takes it again."""

import os
import signal

import pytest

from daemon import COMMAND, Daemon, add_up
from lab import BUILD, wait_until
from streams import servers, transfer
from wire import Wire

pytestmark = pytest.mark.alone  # it is about rates

ATTACK = os.path.join(BUILD, "tests", "attack")
PACED = os.path.join(BUILD, "tools", "paced")
FLOWS = 1000000
# Packets a second, beside a transfer. Far more leave a transfer nothing, in the kernel, too.
MORE_THAN_ONE_WORKER_CAN = 200000
SHORT_RING = ("--memory", "12M")  # a quick machine's worker would keep up with that, with a long one


def test_flood(lab, data):
    """A million flows that cannot be merged go to the kernel, and that is said; a transfer beside them, every byte of
    which is checked, is merged as before; when they end, all comes back."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, *SHORT_RING)
    servers(lab, wire, data)
    attack = lab.start([ATTACK, wire.wire, wire.host.mac(wire.nic), wire.HOST4, str(FLOWS),
                        str(MORE_THAN_ONE_WORKER_CAN)], ns=wire.peer, name="attack")
    wait_until(lambda: daemon.total()["overload_slots"], 3, "slots are left to the kernel")
    before = daemon.status()
    transfer(lab, wire, data, "in", 4, length=64 << 20).finish()
    after = daemon.status()
    assert after["steer"]["pass_overload"] > before["steer"]["pass_overload"], "the kernel got nothing"
    assert after["total"]["rx_superpackets"] > before["total"]["rx_superpackets"], "nothing was merged beside them"
    assert after["total"]["overloads"] >= 1, "not counted"
    assert daemon.process.stderr().count("cannot keep up") == 1, daemon.process.stderr()
    shown = wire.host.run(COMMAND, "status", "-v", wire.nic, check=False).stdout
    assert "of 256 a queue" in shown, shown
    attack.signal(signal.SIGTERM)
    attack.wait(10)
    wait_until(lambda: daemon.total()["overload_slots"] == 0, 20, "all is with the daemon again")
    for direction in ("in", "out"):
        seen = daemon.total()
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()
        name = "rx_superpackets" if direction == "in" else "tx_superpackets"
        assert daemon.total()[name] > seen[name], f"{name} does not grow any more"
    wait_until(lambda: not add_up(daemon.total()), 2, lambda: f"the counters add up: {add_up(daemon.total())}")
    daemon.stop()


def test_handed_over_under_a_transfer(lab, data):
    """Messages too short to be merged, of two hundred connections between the same two hosts, take a transfer's slot to
    the kernel: every byte of it arrives, before and after."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    servers(lab, wire, data)
    receiver = lab.start([PACED, "serve", "5300"], ns=wire.host, name="paced")
    wait_until(lambda: "serving" in receiver.stderr(), 5, "the receiver listens")
    stream = transfer(lab, wire, data, "in", 4)
    for _ in range(3):
        sender = lab.start([PACED, "send", wire.HOST4, "5300", "200", "100000000", "500", "1500"], ns=wire.peer,
                           name="send")
        sender.wait(30, None)
    stream.finish()
    status = daemon.status()
    assert status["steer"]["pass_overload"], f"the slot was never with the kernel: {status['steer']}"
    assert status["total"]["frames_missing"] == 0, "frames are missing"
    daemon.stop()
