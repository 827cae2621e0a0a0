# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A NIC with two queues: a zero-copy socket on each."""

import pytest

from real_wire import RealWire, start
from streams import expect_clean, servers
from wire import storm

pytestmark = [pytest.mark.machine("two queues"), pytest.mark.more]


def test_inline(lab, data):
    """Inline, in zero copy, on two queues: both carry traffic, both ways."""
    wire = RealWire(lab, queues=2)
    daemon = start(lab, wire, queues=2)
    servers(lab, wire, data)
    for ns, address in ((wire.host, wire.PEER4), (wire.peer, wire.HOST6)):
        storm(lab, ns, address, data, 24, 8, 200_000, 400_000, 120)
    for queue in daemon.status()["queues"]:
        for counter in ("rx_superpackets", "tx_superpackets"):
            assert queue[counter] > 0, f"queue {queue['queue']}: {counter} is 0"
    expect_clean(daemon, [wire.host, wire.peer])
    daemon.stop()
