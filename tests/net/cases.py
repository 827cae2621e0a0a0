# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Raw frames through a daemon in port mode on a silent wire, many cases at once: what comes out of the TAP of each.

Port mode, so that every frame takes our path; held across bursts (--hold), so that the outcome does not depend on how
frames fall into bursts.
"""

import time

from capture import Capture, open_socket, send
from daemon import add_up
from described import case_of
from lab import wait_until
from wire import port_mode

# Long enough for a case to be sent within it on a machine that does something else too.
HOLD_US = 1_000_000


def carry(lab, cases, *options):
    """cases: a list of frames each, which the peer sends. Returns the captured packets of each case, and the status
    of the daemon once nothing is held any more."""
    wire, tap, daemon = port_mode(lab, "--hold", str(HOLD_US), *options)
    seen = [[] for _ in cases]
    sent, before = sum(map(len, cases)), daemon.total()["rx_packets"]

    def see(packet):
        number = case_of(packet.frame)
        if number is not None and number < len(seen):
            seen[number].append(packet)

    def all_up():
        total = daemon.total()
        return total["rx_packets"] - before >= sent and total["rx_held_packets"] == 0

    with Capture(wire.host, tap, see):
        sock = open_socket(wire.peer, wire.wire, receive=False)
        took = max(send_all(sock, frames) for frames in cases)
        sock.close()
        wait_until(all_up, 15, lambda: f"all {sent} frames went up: {daemon.total()}")
    if took >= HOLD_US / 1e6:
        lab.busy.append(f"sending a few frames took {took:.2f} s")
    assert took < HOLD_US / 1e6, f"sending a case took {took:.2f} s, longer than it was held"
    status = daemon.status()
    assert not add_up(status["total"]), f"counters do not add up: {add_up(status['total'])}"
    assert status["total"]["rx_cut_again"] == 0, f"the TAP refused {status['total']['rx_cut_again']} superpackets"
    return seen, status


def send_all(sock, frames):
    """Returns the seconds that it took."""
    begin = time.monotonic()
    for frame in frames:
        send(sock, frame)
    return time.monotonic() - begin
