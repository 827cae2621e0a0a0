# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The daemon under test: starting it, asking it, ending it, and what it must not leave behind."""

import json
import os
import re
import signal

from lab import BUILD, Failed, wait_until
import starved

DAEMON = os.path.join(BUILD, "superpacketd")
COMMAND = os.path.join(BUILD, "superpacket")
STEER_OBJECT = os.path.join(BUILD, "steer.bpf.o")

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_NOT_RUNNING = 0, 1, 2, 3
EXIT_DEGRADED, EXIT_NO_PERMISSION, EXIT_NOT_SUPPORTED = 4, 5, 6


class Daemon:
    """superpacketd on an interface of a namespace; ready when the constructor returns."""

    def __init__(self, lab, ns, interface, *options, mounts=False, program=DAEMON, wrapper=()):
        self.lab = lab
        self.ns = ns
        self.interface = interface
        argv = [*wrapper, program, "--interface", interface, *options]
        lab.cleanup(self._end)
        self.process = lab.start(argv, ns=ns, name="superpacketd", mounts=mounts)
        self.starvation = starved.Starvation(self.process.pid)
        lab.watched.append(self.starvation)
        wait_until(lambda: "ready" in self.process.stderr() or not self.process.running(), 20,
                   lambda: f"superpacketd is ready; it said: {self.process.tail()}")
        assert self.process.running(), (
            f"superpacketd has ended with {self.process.popen.returncode} at its start: {self.process.tail()}")

    @property
    def pid(self):
        return self.process.pid

    def status(self):
        """Its entry in `superpacket status -j`."""
        done = self.ns.run(COMMAND, "status", "-j", check=False)
        try:
            entries = json.loads(done.stdout)
        except ValueError:
            raise Failed(f"superpacket status -j ended with {done.returncode} and no JSON: "
                         f"{(done.stdout + done.stderr)[-300:]!r}") from None
        for entry in entries:
            if entry.get("pid") == self.pid:
                return entry
        raise Failed(f"superpacket status -j does not name pid {self.pid}: {done.stdout[:300]!r}")

    def total(self):
        return self.status()["total"]

    def own_drops(self):
        """{"tx_too_long": 3}: packets that it has dropped. In an emulated machine some are always stale."""
        excused = ("rx_stale", "tx_stale") if starved.emulated else ()
        return {name: cnt for name, cnt in self.total()["drops"].items() if cnt and name not in excused}

    def tap(self):
        return self.status()["tap"]

    def bpf_objects(self):
        """{("link", 12), ("prog", 34), ("map", 56)} that it holds now."""
        found = set()
        directory = f"/proc/{self.pid}/fdinfo"
        for fd in os.listdir(directory):
            try:
                with open(os.path.join(directory, fd)) as file:
                    found |= {(kind, int(number)) for kind, number in
                              re.findall(r"^(link|prog|map)_id:\s*(\d+)", file.read(), re.M)}
            except FileNotFoundError:
                continue
        return found

    def stop(self, signum=signal.SIGTERM, seconds=15):
        self.process.signal(signum)
        self.process.wait(seconds, EXIT_OK)
        said = self.process.stderr()
        assert "was refused, as superpacketd does not need it" not in said, self.process.tail()
        assert "waits for the lock of all interfaces" not in said, self.process.tail()  # user/base/fault.h

    def _end(self):
        """Whatever the test did: the process ends, and its socket's file goes, which after a
        kill -9 the next one that asks takes away."""
        self.process.kill()
        self.starvation.end()
        self.lab.run([COMMAND, "-q"], check=False)

    def kill(self):
        self.process.signal(signal.SIGKILL)
        self.process.wait(10, -signal.SIGKILL)


def bpf_object_exists(lab, kind, number):
    return lab.run(["bpftool", kind, "show", "id", str(number)], check=False).returncode == 0


def wait_until_freed(lab, objects, seconds=10):
    """The kernel frees BPF objects a little after their last reference is gone."""
    assert objects, "the daemon held no BPF objects that could be watched"
    left = set(objects)

    def all_freed():
        left.difference_update([o for o in left if not bpf_object_exists(lab, *o)])
        return not left

    wait_until(all_freed, seconds, lambda: f"BPF objects are gone; still there: {sorted(left)}")


class HostState:
    """What of a namespace the daemon might change, to compare before and after."""

    # counters and clocks; everything else has to come out the same
    VOLATILE = {"stats", "stats64", "valid_life_time", "preferred_life_time"}

    def __init__(self, ns):
        self.ns = ns
        self.before = self._read()

    def _read(self):
        ns = self.ns
        state = {}
        for link in ns.ip_json("address"):
            name = link["ifname"]
            state.update(self._flat(link, f"link {name}"))
            state.update(self._flat(ns.features(name), f"ethtool -k {name}"))
            for hook in ("ingress", "egress"):
                state[f"tc filter {name} {hook}"] = ns.run(
                    "tc", "filter", "show", "dev", name, hook, check=False).stdout
            for family in ("ipv4", "ipv6"):
                directory = f"/proc/sys/net/{family}/conf/{name}"
                state[directory] = ns.run(
                    "sh", "-c", f"cd {directory} && grep -s . * || :").stdout
        state["routes"] = ns.ip("route").stdout + ns.ip("-6", "route").stdout
        state["rules"] = ns.ip("rule").stdout
        state["tc qdisc"] = ns.run("tc", "qdisc", "show").stdout
        state["bpftool net"] = ns.run("bpftool", "net", check=False).stdout
        return state

    def _flat(self, value, path):
        """{"path.to.leaf": value} without what changes by itself."""
        if not isinstance(value, (dict, list)):
            return {path: value}
        leaves = {}
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in self.VOLATILE:
                leaves.update(self._flat(part, f"{path}.{key}"))
        return leaves

    def differences(self):
        after = self._read()
        return [f"{key}: before {self.before.get(key)!r}, now {after.get(key)!r}"
                for key in sorted(self.before.keys() | after.keys())
                if self.before.get(key) != after.get(key)]

    def wait_restored(self, seconds=5):
        wait_until(lambda: not self.differences(), seconds,
                   lambda: "the host is as it was; " + "; ".join(self.differences()[:4]))


def add_up(counters):
    """What does not add up in the counters of a queue or of the total, as a list of sentences."""
    drops = counters["drops"]
    rx_drops = sum(n for name, n in drops.items() if name.startswith("rx_"))
    tx_drops = sum(n for name, n in drops.items() if name.startswith("tx_"))
    wrong = []

    def equal(left_text, left, right_text, right):
        if left != right:
            wrong.append(f"{left_text} = {left}, but {right_text} = {right}")

    assert set(drops) == {n for n in drops if n.startswith(("rx_", "tx_"))}, (
        f"drops are neither rx_ nor tx_: {sorted(drops)}")
    equal("rx_packets", counters["rx_packets"], "delivered + held + dropped",
          counters["rx_delivered_packets"] + counters["rx_held_packets"] + rx_drops)
    equal("tap_packets", counters["tap_packets"], "superpackets + ordinary + dropped",
          counters["tx_superpackets"] + counters["tx_ordinary"] + tx_drops)
    return wrong


def per_superpacket(before, after):
    """Segments per superpacket between two totals: (in, out), 0 where there was none."""

    def ratio(direction):
        superpackets = after[f"{direction}_superpackets"] - before[f"{direction}_superpackets"]
        segments = after[f"{direction}_segments"] - before[f"{direction}_segments"]
        return segments / superpackets if superpackets else 0.0

    return ratio("rx"), ratio("tx")
