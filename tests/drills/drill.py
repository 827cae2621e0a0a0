# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What drills share: how often, who carries, what leaks, and the verdict."""

import collections
import os
import re
import sys
import time

import pytest

from crowd import Crowd
from daemon import add_up
from figures import NONE, STALL, milliseconds, row
from lab import Failed, wait_until

# A drill that hangs ends after this; the longest takes 5 minutes on a quiet machine.
LIMIT = 3600
DRILL = [pytest.mark.more, pytest.mark.alone, pytest.mark.timeout(LIMIT)]
CONNECTIONS, FEWEST = 200, 20  # each way
TURNS = 2
SETTLE = 1.0       # seconds
RSS_GROWTH = 1024  # KiB; a page or two for each of a hundred events would be more


def pause(seconds):
    """A period that is measured, not a wait for something."""
    time.sleep(seconds)


class Phase:
    """What a crowd has seen while one carried: the daemon, or the kernel alone."""

    def __init__(self):
        self.stalls, self.lost, self.wrong, self.why = [], 0, 0, []

    def add(self, period):
        self.stalls += period.stalls
        self.add_only_losses(period)

    def add_only_losses(self, period):
        self.lost += period.lost
        self.wrong += period.wrong
        self.why = self.why or period.why


class Drill:
    def __init__(self, lab, item, scale):
        self.lab, self.item, self.scale = lab, item, scale
        self.rows = []
        self.begin = time.monotonic()

    def count(self, whole):
        return max(1, round(whole * self.scale))

    def seconds(self, whole):
        """Of a measurement, which is no figure if it is too short."""
        return max(2.0, whole * min(1.0, self.scale))

    def crowd(self, client, server, addresses, **options):
        """200 connections each way; fewer in the short form, which runs on machines that do other things as well."""
        return Crowd(self.lab, client, server, addresses, count=max(FEWEST, min(CONNECTIONS, self.count(CONNECTIONS))),
                     **options)

    def say(self, text):
        print(f"{time.monotonic() - self.begin:6.0f} s  {self.item.name}: {text}", file=sys.stderr, flush=True)

    def row(self, *arguments, **keywords):
        self.rows.append(row(*arguments, **keywords))
        self.item.user_properties.append(("figures", self.rows[-1]))

    def follow(self, crowd, phase, count, event, what):
        """`count` events; what the crowd sees from the first on is added to the phase."""
        pause(SETTLE)  # what stood still before does not count
        phase.add_only_losses(crowd.period())
        for number in range(count):
            event(number)
            period = crowd.period_until_all_move()
            phase.add(period)
            if number % 10 == 9 or number == count - 1 or period.lost or period.wrong:
                self.say(f"{what}: {number + 1} of {count}, {phase.lost} lost, {phase.wrong} wrong, stall "
                         f"{milliseconds(phase.stalls)} ms")

    def in_turns(self, crowd, count, kernel_event, begin, event, end, what):
        """Events with the daemon, which begin() starts and end() stops, and half as many of the kernel alone, in
        turns. Returns both phases."""
        ours, kernel = Phase(), Phase()
        for turn in range(TURNS):
            part = count // TURNS + (turn < count % TURNS)
            if not part:
                continue
            self.follow(crowd, kernel, (part + 1) // 2, kernel_event, "kernel")
            begin()
            self.follow(crowd, ours, part, event, what)
            end()
        return ours, kernel

    def verdict(self, name, count, crowd, ours, kernel=None, note="", goal=""):
        """Ends the crowd, notes the row, and judges: no connection of ours lost, no byte wrong."""
        lost, wrong, why = crowd.finish()
        kernel_lost = kernel.lost if kernel else 0
        kernel_wrong = kernel.wrong if kernel else 0
        lost, wrong = max(ours.lost, lost - kernel_lost), max(ours.wrong, wrong - kernel_wrong)
        if kernel_lost:
            note = f"the kernel alone lost {kernel_lost}; {note}"
        self.row(name, count, f"{lost} of {2 * crowd.count}", wrong, STALL, milliseconds(ours.stalls),
                 milliseconds(kernel.stalls) if kernel else NONE, goal, note.strip("; "))
        assert lost == 0, f"{name}: {lost} connections of {2 * crowd.count} were lost: {ours.why or why}"
        assert wrong == 0, f"{name}: {wrong} bytes were wrong: {ours.why or why}"


def status(daemon):
    """None: it does not answer now, on a machine that does not let it run."""
    try:
        return daemon.status()
    except Failed:
        return None


def carrying(daemon):
    """Waits until the daemon carries both ways: else a drill shows nothing."""
    seen = []

    def moved():
        now = status(daemon)
        if now:
            seen.append([now["total"][name] for name in ("rx_packets", "tap_packets")])
        return len(seen) > 1 and all(after > before for before, after in zip(seen[0], seen[-1]))

    wait_until(moved, 10, lambda: f"the daemon carries both ways: {seen[:1]}, {seen[-1:]}; {daemon.process.tail()}")


def serving(daemon):
    """It is well, and carries."""
    def well():
        now = status(daemon)
        return now and now["state"] == "ok"

    wait_until(well, 10, lambda: f"the daemon is ok; it is {daemon.status()['state']}: {daemon.status()['state_why']}")
    carrying(daemon)


class Footprint:
    """What a daemon has of the machine. Taken before and after many events of one that lives on."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.before = self._take()

    def _take(self):
        directory = f"/proc/{self.daemon.pid}"
        with open(f"{directory}/status") as file:
            status = dict(re.findall(r"^(\w+):\s*(\d+)", file.read(), re.M))
        descriptors = collections.Counter()
        for fd in os.listdir(f"{directory}/fd"):
            try:
                descriptors[re.sub(r"\[?\d+\]?$", "", os.readlink(f"{directory}/fd/{fd}"))] += 1
            except FileNotFoundError:
                continue
        return {"rss": int(status["VmRSS"]), "threads": int(status["Threads"]), "descriptors": dict(descriptors)}

    def leaks(self):
        """Sentences about what has grown, or does not add up."""
        now, found = self._take(), []
        if now["rss"] > self.before["rss"] + RSS_GROWTH:
            found.append(f"memory grew from {self.before['rss']} to {now['rss']} KiB")
        for name in ("threads", "descriptors"):
            if now[name] != self.before[name]:
                found.append(f"{name} were {self.before[name]}, are {now[name]}")
        total = self.daemon.total()
        found += add_up(total)
        found += [f"{total[name]} {name}" for name in ("frames_missing", "slots_missing", "buffers_missing")
                  if total.get(name)]
        return found

    def grown(self):
        """Of the memory, for the note."""
        return f"memory {self._take()['rss'] - self.before['rss']:+d} KiB"

    def wait_clean(self, seconds=5):
        wait_until(lambda: not self.leaks(), seconds, lambda: "nothing leaks: " + "; ".join(self.leaks()))
