# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Has this machine kept a daemon from running? On one that is busy with others (or is stopped itself, as virtual ones
are) a thread may wait for a CPU, or for the kernel, longer than the daemon's heartbeat lasts. The kernel then goes on
with its flows, as it should: some packets are dropped as stale, some are not merged, and what a test expects of them
does not hold. Whether it was so is seen, not assumed, and such a test is repeated (laboratory.py).
"""

import contextlib
import glob
import os
import threading
import time

PERIOD, PERIOD_EMULATED = 0.02, 0.1
# The heartbeat is believed for 100 ms and shown every 20 ms (steer_abi.h, heartbeat.h). One long wait within that time
# or several short ones make it lapse.
LIMIT, LONG = 0.1, 0.075
# An emulated machine is starved as a whole, one processor now and then, and does not see all of it.
emulated = False


def threads(pid):
    """{directory in /proc: (ns on a CPU, ns of waiting for one, how often it ran)} of the threads that live. Kernels
    without CONFIG_SCHED_INFO do not say."""
    found = {}
    for directory in glob.glob(f"/proc/{pid}/task/*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            with open(f"{directory}/schedstat") as file:
                found[directory] = tuple(map(int, file.read().split()))
    return found


class Starvation:
    """Looks on, in a thread, until end() or the end of the process. `longest` is the longest wait in seconds of one of
    its threads, for a CPU (what it has waited in the last LIMIT, together) or in the kernel for something that nobody
    can interrupt (a lock, a grace period of RCU), or of ours, should that be longer."""

    def __init__(self, pid):
        self.pid = pid
        self.longest = 0.0
        self.period = PERIOD_EMULATED if emulated else PERIOD
        self._seen = {}  # directory of a thread: (times it ran, since when it is so)
        self._waits = {}  # directory of a thread: [(when, seconds it had waited for a CPU)], from LIMIT ago
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        looked = time.monotonic()
        while os.path.exists(f"/proc/{self.pid}") and not self._ending.wait(self.period):
            now = time.monotonic()
            self.longest = max(self.longest, now - looked - self.period)
            looked = now
            for directory, (_, waited, runs) in threads(self.pid).items():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                    self._measure_thread(directory, waited, runs)

    def _measure_thread(self, directory, waited, runs):
        now = time.monotonic()
        with open(f"{directory}/stat") as file:
            state = file.read().rpartition(") ")[2][0]
        before = self._seen.get(directory, (None, now))
        # a wait for a CPU is counted once it is over; until then the thread has not run once more
        since = before[1] if state in "RD" and runs == before[0] else now
        self._seen[directory] = runs, since
        waits = self._waits.setdefault(directory, [])
        waits.append((now, waited / 1e9))
        while len(waits) > 2 and waits[1][0] <= now - LIMIT:
            waits.pop(0)
        self.longest = max(self.longest, waits[-1][1] - waits[0][1], now - since)

    def end(self):
        self._ending.set()
        self._thread.join(10)
