# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A worker that cannot keep up leaves to the kernel what it cannot merge, and takes it again."""

import os
import signal

import pytest

from daemon import COMMAND, Daemon, add_up
from faulty import expect_one_line
from lab import BUILD, wait_until
from sequence import Sequence
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


def test_hold(lab):
    """With --hold something is always held. Slots leave all the same: what is held is delivered first."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--hold", "500ms", *SHORT_RING)
    attack = lab.start([ATTACK, wire.wire, wire.host.mac(wire.nic), wire.HOST4, str(FLOWS),
                        str(MORE_THAN_ONE_WORKER_CAN)], ns=wire.peer, name="attack")
    sender = lab.start([PACED, "send", wire.HOST4, "5300", "20", "2000000", "500", "15000"], ns=wire.peer, name="send")
    receiver = lab.start([PACED, "serve", "5300"], ns=wire.host, name="serve")
    wait_until(lambda: daemon.total()["overload_slots"], 3, "slots are left to the kernel")
    wait_until(lambda: daemon.status()["steer"]["pass_overload"] > 10 * daemon.status()["steer"]["drop_overload"], 3,
               lambda: f"the kernel gets them: {daemon.status()['steer']}")
    for process in (attack, sender, receiver):
        process.kill()
    daemon.stop()


@pytest.mark.more
def test_order(lab):
    """A flow of numbered datagrams, some of which are always held, goes to the kernel with a flood and comes back, four
    times: none overtakes another."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp", "--hold", "2ms", *SHORT_RING)
    flow = Sequence(wire.peer, wire.host, wire.HOST4)
    for episode in range(1, 5):
        attack = lab.start([ATTACK, wire.wire, wire.host.mac(wire.nic), wire.HOST4, str(FLOWS),
                            str(MORE_THAN_ONE_WORKER_CAN)], ns=wire.peer, name="attack")
        wait_until(lambda e=episode: daemon.total()["overloads"] >= e, 5, "slots are left to the kernel")
        passed = daemon.status()["steer"]["pass_overload"]
        wait_until(lambda p=passed: daemon.status()["steer"]["pass_overload"] > p + 1000, 5, "the kernel has them")
        attack.signal(signal.SIGTERM)
        attack.wait(10)
        wait_until(lambda: daemon.total()["overload_slots"] == 0, 40, "all is with the daemon again")
    flow.finish()
    assert flow.doubled() == 0 and not flow.overtaken(), f"{flow.doubled()} doubled, overtaken: {flow.overtaken()[:5]}"
    daemon.stop()


@pytest.mark.parametrize("timeout", ["5000000", "0"])
def test_kernel_that_holds(lab, timeout):
    """Where the kernel's GRO may hold packets for longer than a slot is silent before it comes back
    (gro_flush_timeout), nothing is left to it, and that is said."""
    wire = Wire(lab)
    lab.run(wire.host.argv(["sh", "-c", f"echo {timeout} > /sys/class/net/{wire.nic}/gro_flush_timeout"], mounts=True))
    daemon = Daemon(lab, wire.host, wire.nic, *SHORT_RING)
    attack = lab.start([ATTACK, wire.wire, wire.host.mac(wire.nic), wire.HOST4, str(FLOWS),
                        str(MORE_THAN_ONE_WORKER_CAN)], ns=wire.peer, name="attack")
    if timeout == "0":
        wait_until(lambda: daemon.total()["overload_slots"], 3, "slots are left to the kernel")
        assert "gro_flush_timeout" not in daemon.process.stderr(), daemon.process.stderr()
    else:
        expect_one_line(daemon, "leaves nothing to the kernel")
        wait_until(lambda: daemon.total()["kernel"]["rx_ring_full"] + daemon.total()["kernel"]["fill_ring_empty"], 5,
                   "it is too much")
        assert daemon.status()["steer"]["pass_overload"] == 0, "the kernel got some all the same"
        assert daemon.total()["overloads"] == 0, "it has begun"
    attack.signal(signal.SIGTERM)
    attack.wait(10)
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
    for turn in range(12):  # on a busy machine the senders may be too slow to be a burden
        sender = lab.start([PACED, "send", wire.HOST4, "5300", "200", "100000000", "500", "1500"], ns=wire.peer,
                           name="send")
        sender.wait(30, None)
        if turn >= 2 and daemon.status()["steer"]["pass_overload"]:
            break
    stream.finish()
    status = daemon.status()
    assert status["steer"]["pass_overload"], f"the slot was never with the kernel: {status['steer']}"
    assert status["total"]["frames_missing"] == 0, "frames are missing"
    daemon.stop()
