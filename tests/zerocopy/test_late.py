# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A device that reads its transmit ring long after it was told to: what is reused before its completion
leaves with the wrong content. Segments are compared byte for byte with those of a model; TCP
alone would send again and hide it.

The same comparison has to find the fault in a daemon that is told to make it (early-reuse, user/base/fault.h):
otherwise it would prove nothing. Where a completion comes that fits none of its books, that daemon aborts before.
"""

import random
import signal

import pytest

from capture import Capture, open_socket, send
from daemon import Daemon
from described import Packet
from faulty import ALWAYS, FAULTY, fault
from lab import Failed, wait_until
from packets import cut, describe
from real_wire import RealWire, start, zero_copy
from streams import servers, transfer
from superpackets import Superpacket, request, unfinished

pytestmark = pytest.mark.machine("late")

SUPERPACKETS = 24
PAYLOAD = 16_000
SIZE = 1_448
PORT = 40_000


def superpackets():
    """IPv4 and TCP, with payload at random."""
    pick = random.Random(4)
    for number in range(SUPERPACKETS):
        packet = Packet(sport=PORT + number, ip_id=number << 8, length=PAYLOAD, data=pick.randbytes(PAYLOAD))
        yield Superpacket(f"superpacket {number}", packet, SIZE)


def send_all(ns, tap, made):
    """Back to back, so that the device has read nothing of the first when the last is cut."""
    socket = open_socket(ns, tap, receive=False)
    for superpacket in made:
        frame, _, l4 = unfinished(superpacket.packet)
        send(socket, frame, *request(superpacket, frame, l4))
    socket.close()


def wrong_segments(lab, early_reuse=False):
    """What of all that was sent through a daemon, in port mode, has not come as the model says:
    sentences, none when all is right; and how much that was."""
    wire = RealWire(lab, host_addresses=False, silent=True)
    wire.peer.ethtool_off(wire.wire, "gro")  # segments are to be seen as they come
    wire.peer.ip("link", "set", "dev", wire.wire, "promisc", "on")  # and are for nobody
    tap = lab.unique("tap")
    daemon = Daemon(lab, wire.host, wire.nic, "--mode", "port", "--tap", tap, program=FAULTY)
    if early_reuse:
        fault(daemon, "early-reuse", ALWAYS)
    zero_copy(daemon)
    made = list(superpackets())
    expected = [segment for superpacket in made for segment in cut(superpacket.packet.whole(0), SIZE)]
    seen = []

    def aborted():
        return early_reuse and daemon.process.popen.poll() == -signal.SIGABRT

    def over():
        """What is lost never comes: the end is when all descriptors are completed."""
        try:
            total = daemon.total()
        except Failed:
            return aborted()
        return total["tx_segments"] == len(expected) and total["slots_used"] == 0 and len(seen) >= len(expected)

    with Capture(wire.peer, wire.wire, lambda packet: seen.append(packet.frame)):
        send_all(wire.host, tap, made)
        wait_until(over, 60, lambda: f"{len(expected)} segments have come; {len(seen)} have")
    if not aborted():
        daemon.stop()
    return compare(expected, seen), len(expected)


def compare(expected, seen):
    left = {}
    for frame in seen:
        left[frame] = left.get(frame, 0) + 1
    wrong = []
    for frame in expected:
        if left.get(frame):
            left[frame] -= 1
        else:
            wrong.append(f"missing: {describe(frame)}")
    return wrong + [f"not expected, {cnt} times: {describe(frame)}" for frame, cnt in left.items() if cnt]


def test_segments(lab):
    """A device that reads late: every segment leaves as it was cut."""
    wrong, cnt = wrong_segments(lab)
    assert not wrong, f"{len(wrong)} of {cnt}: " + "; ".join(wrong[:5])


def test_early_reuse(lab):
    """A daemon that reuses frames before their completion is found out by the same comparison."""
    wrong, cnt = wrong_segments(lab, early_reuse=True)
    assert wrong, f"{cnt} segments of a daemon that is broken on purpose have come as if it were not"
    print(f"      {len(wrong)} differences in {cnt} segments, as was to be: {wrong[0]}", flush=True)


@pytest.mark.more
def test_stream(lab, data):
    """A device that reads late: TCP out, every byte compared."""
    wire = RealWire(lab)
    daemon = start(lab, wire)
    servers(lab, wire, data)
    transfer(lab, wire, data, "out", 4, length=1 << 20).finish(60)
    errors = wire.peer.snmp()["TcpInCsumErrors"]
    assert errors == 0, f"the peer saw {errors} TCP checksum errors"
    daemon.stop()
