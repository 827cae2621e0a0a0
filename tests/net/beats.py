# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Whether the heartbeat goes on while packets arrive, as the XDP program has counted."""

from bpfmaps import Map
from lab import wait_until

SHARE_MAX = 0.1  # of the packets that may find no heartbeat, on a busy machine; 1 of 2 do while one waits for an answer


def expect_heard(what, missed, heard):
    assert missed < SHARE_MAX * (missed + heard), f"{what}: {missed} packets found no heartbeat, {heard} did"


class Beats:
    """Of what arrives, how much has found no heartbeat."""

    def __init__(self, lab, daemon):
        names = list(daemon.status()["steer"])
        self._counters = Map(lab, daemon, "steer_counters")
        self._missed, self._heard = names.index("pass_no_heartbeat"), names.index("redirected")
        self._before = self._read()

    def _read(self):
        """Without the daemon, which may take its time."""
        return self._counters.sum(self._missed), self._counters.sum(self._heard)

    def expect(self, what, meanwhile=lambda: None, packets=1000):
        """From the last time on, until so many have come."""
        def enough():
            meanwhile()
            return sum(self._read()) - sum(self._before) > packets

        wait_until(enough, 20, "packets arrive")
        now = self._read()
        expect_heard(what, *(after - before for after, before in zip(now, self._before)))
        self._before = now
