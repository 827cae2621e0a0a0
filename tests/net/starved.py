# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Has this machine kept a daemon from running? On one that is busy with others (or is stopped itself, as virtual ones
are) a thread may wait for a CPU longer than the daemon's heartbeat lasts. The kernel then goes on with its flows, as it
should, and what the daemon still had of them is dropped as stale: no fault of the daemon's. Whether it was so
is seen, not assumed."""

import contextlib
import os
import threading
import time

PERIOD = 0.02
# The heartbeat is believed for 100 ms and shown every 20 ms (steer_abi.h, daemon.h).
LONG = 0.075
# An emulated machine is starved as a whole, one processor now and then, and does not see all of it.
emulated = False


class Starvation:
    """Looks on, in a thread, until end(). `longest`: the longest wait of one of its threads for a CPU in seconds, or
    of ours, should that be longer; two short ones may be taken for one."""

    def __init__(self, pid):
        self.pid = pid
        self.longest = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _waits(self):
        """{thread: seconds that it has waited so far}; a wait is in it once it is over."""
        waits = {}
        # threads end; kernels without CONFIG_SCHED_INFO do not say
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in os.listdir(f"/proc/{self.pid}/task"):
                with open(f"/proc/{self.pid}/task/{thread}/schedstat") as file:
                    waits[thread] = int(file.read().split()[1]) / 1e9
        return waits

    def _look(self):
        before, looked = self._waits(), time.monotonic()
        while not self._ending.wait(PERIOD):
            now, waits = time.monotonic(), self._waits()
            own = now - looked - PERIOD
            self.longest = max([self.longest, own] + [wait - before.get(thread, 0) for thread, wait in waits.items()])
            before, looked = waits, now

    def happened(self):
        return emulated or self.longest > LONG

    def end(self):
        self._ending.set()
        self._thread.join(10)
