# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A crowd of TCP connections between two namespaces (fixtures/crowd.c): every byte of theirs is checked, and for each
period it is known how long which of them stood still.

    crowd = Crowd(lab, wire.host, wire.peer, [wire.PEER4, wire.PEER6])
    crowd.period()                  # what was before does not count
    daemon.kill()
    stalls = crowd.period().stalls
    crowd.finish()
"""

import json
import os
import signal
import time

from lab import BUILD, Failed, wait_until

CROWD = os.path.join(BUILD, "tests", "crowd")
PORT = 5002
MOVING = 120  # seconds; a connection whose retransmissions are all lost for 10 s waits for the next one as long again
FINISH = 180  # seconds for the end of all connections, which crowd.c itself limits to 150


def lost(sides):
    """Connections that broke, which one side may know sooner than the other."""
    return set(sides[0]["lost"]) | set(sides[1]["lost"])


class Period:
    """Of both sides, since the last one."""

    def __init__(self, sides, before):
        self.stalls = [gap / 1e6 for side in sides for gap in side["gaps_us"]]  # seconds, one a receiver
        self.standing = sum(side["standing"] for side in sides)  # for 200 ms, at its end
        self.silent = sum(side["silent"] for side in sides)
        delays = [side["delays_us"] for side in sides]
        # percentiles of the direction that is worse; by the schedule of the senders, in seconds
        self.delay_p50, self.delay_p99, self.delay_max = (max(d[i] for d in delays) / 1e6 for i in (1, 2, 3))
        self.received = [side["received"] - old["received"] for side, old in zip(sides, before)]  # [in, out]
        self.wrong = sum(side["wrong"] - old["wrong"] for side, old in zip(sides, before))
        self.lost = len(lost(sides) - lost(before))
        self.why = [side["why"] for side in sides if side["why"]]

    def extend(self, later):
        same = len(self.stalls) == len(later.stalls)
        self.stalls = list(map(max, self.stalls, later.stalls)) if same else self.stalls + later.stalls
        self.standing, self.silent, self.why = later.standing, later.silent, later.why
        self.received = [a + b for a, b in zip(self.received, later.received)]
        self.wrong += later.wrong
        self.lost += later.lost


class Crowd:
    """`count` connections on which `client` receives and as many on which it sends, `chunk` bytes each `period`; a
    period of 0: as much as they take."""

    def __init__(self, lab, client, server, addresses, count=200, chunk=2048, period="40ms", port=PORT):
        self.count = count
        self._said = {}
        self._server = lab.start([CROWD, "serve", str(port)], ns=server, name="crowd-serve")
        self._ready(self._server, 10)
        self._client = lab.start([CROWD, "connect", str(port), str(count), str(chunk), str(period), *addresses],
                                 ns=client, name="crowd-connect")
        self._ready(self._client, 60)
        none = {"received": 0, "wrong": 0, "lost": []}
        self._before = [none, none]
        wait_until(self._all_receive, 20, "all connections have received something")

    def _ready(self, process, seconds):
        wait_until(lambda: "ready" in process.stderr() or not process.running(), seconds,
                   lambda: f"{process.name} is ready; it said: {process.tail()}")
        if not process.running():
            raise Failed(f"{process.name} ended: {process.tail()}")

    def _all_receive(self):
        period = self.period()
        return len(period.stalls) == 2 * self.count and period.silent == 0

    def _lines(self, process):
        return process.stdout().rpartition("\n")[0].splitlines()

    def _ask(self, process):
        seen = len(self._lines(process))
        process.signal(signal.SIGUSR1)
        wait_until(lambda: len(self._lines(process)) > seen or not process.running(), 10,
                   lambda: f"{process.name} answers; it said: {process.tail()}")
        if not process.running():
            raise Failed(f"{process.name} ended: {process.tail()}")
        return json.loads(self._lines(process)[-1])

    def period(self):
        """What was since the last call."""
        sides = [self._ask(self._client), self._ask(self._server)]
        period = Period(sides, self._before)
        self._before = sides
        return period

    def period_until_all_move(self, seconds=MOVING):
        """What was since the last call, and until every connection receives again."""
        whole = self.period()
        deadline = time.monotonic() + seconds
        while whole.standing:
            if time.monotonic() > deadline:
                raise Failed(f"{whole.standing} connections have received nothing for {seconds} s; {whole.why}")
            time.sleep(0.05)
            whole.extend(self.period())
        return whole

    def finish(self):
        """Ends all connections. Returns how many of all were lost, how many bytes of all were wrong or missing, and a
        sentence about the first of them."""
        sides = []
        for process in (self._client, self._server):
            process.signal(signal.SIGTERM)
            process.wait(FINISH, strict=True)
            sides.append(json.loads(self._lines(process)[-1]))
        sent = {**sides[0]["sent"], **sides[1]["sent"]}
        got = {**sides[0]["got"], **sides[1]["got"]}
        short = {number: sent[number] - got.get(number, 0) for number in sent if sent[number] != got.get(number, 0)}
        broken = {str(number) for number in lost(sides)} | (set(sent) ^ set(got))
        # of one that broke, what was under way is lost as well
        wrong = sum(side["wrong"] for side in sides) + sum(abs(n) for number, n in short.items()
                                                           if number not in broken)
        why = [side["why"] for side in sides if side["why"]] + [f"connection {n}: {d} bytes short" for n, d in
                                                                short.items()]
        return len(broken), wrong, "; ".join(why[:3])
