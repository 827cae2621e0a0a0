# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""`superpacket status`: what it shows, that it adds up, its exit codes."""

import json
import os
import signal
import socket

from daemon import COMMAND, EXIT_FAILED, EXIT_NOT_RUNNING, EXIT_OK, EXIT_USAGE, Daemon, add_up
from lab import wait_until
from streams import servers, transfer
from wire import Wire

DIRECTORY = "/run/superpacket"
QUEUE_NUMBERS = """
    rx_packets rx_bytes rx_superpackets rx_segments rx_delivered_packets rx_delivered_bytes
    rx_held_packets rx_cut_again rx_checksum_errors tap_packets tap_bytes tx_superpackets
    tx_segments tx_ordinary tx_bytes tx_descriptors tx_wakeups tx_pauses polls
    frames_total frames_free frames_kernel frames_held slots_total slots_used
    buffers_total buffers_used""".split()
REASONS = """
    count bytes age burst_end out_of_sequence no_data flags push_fin short larger header
    checksum fragment ip_options table_full reconfigure shutdown""".split()


def expect_numbers(counters, where):
    for name in QUEUE_NUMBERS:
        assert isinstance(counters.get(name), int), f"{where}: {name} is {counters.get(name)!r}"
    for group in ("flushes", "singles"):
        missing = set(REASONS) - set(counters[group])
        assert not missing, f"{where}: {group} lacks {missing}"
    for group in ("flushes", "singles", "drops"):
        assert all(isinstance(n, int) for n in counters[group].values()), f"{where}: {group}"


def expect_tried(xsk):
    """Every way of binding has an outcome; one is in force, and it is the one that xsk names."""
    in_force = [t for t in xsk["tried"] if t["outcome"].startswith("in force: ")]
    assert len(in_force) == 1, f"not one is in force: {xsk['tried']}"
    assert (in_force[0]["mode"], in_force[0]["transmit"]) == (xsk["mode"], xsk["transmit"]), f"{xsk}"
    for other in xsk["tried"]:
        outcome = other["outcome"]
        assert other in in_force or outcome.startswith(("not tried: ", "refused: ")), f"{other}"
    zero_copy = [t for t in xsk["tried"] if t["mode"] == "native-with-zerocopy"]
    assert all("has no zero copy" in t["outcome"] for t in zero_copy), f"veth has none: {zero_copy}"
    assert "its driver has no zero copy" in xsk["why"], f"why: {xsk['why']!r}"


def expect_device(device):
    """What veth says of itself; null is for kernels that do not know the question."""
    assert device["driver"] == "veth" and device["kind"] == "veth", f"device: {device}"
    if device["xdp_features"] is not None:
        assert {"basic", "redirect", "rx-sg"} <= set(device["xdp_features"]), f"{device}"
        assert "xsk-zerocopy" not in device["xdp_features"], f"{device}"
    assert device["xdp_zc_max_segs"] is None, f"without zero copy there is none: {device}"
    assert isinstance(device["features"]["generic-receive-offload"], bool), f"{device['features']}"


def expect_schema(status, wire, daemon):
    for key, value in {"interface": wire.nic, "pid": daemon.pid, "mode": "inline"}.items():
        assert status[key] == value, f"{key} is {status[key]!r} instead of {value!r}"
    assert status["tap"] in wire.host.links(), f"there is no TAP {status['tap']!r}"
    assert status["xdp"]["mode"] and status["xdp"]["why"], f"xdp: {status['xdp']}"
    expect_device(status["device"])
    assert len(status["queues"]) == 1, f"{len(status['queues'])} queues"
    for queue in status["queues"]:
        for key in ("mode", "why", "transmit"):
            assert queue["xsk"][key], f"xsk.{key} is empty: {queue['xsk']}"
        expect_tried(queue["xsk"])
        expect_numbers(queue, f"queue {queue['queue']}")
    expect_numbers(status["total"], "total")


def expect_sums(status):
    """Queues add up to the total, packets to what became of them."""
    total = status["total"]
    for part in [*status["queues"], total]:
        wrong = add_up(part)
        assert not wrong, f"counters do not add up: {wrong}"
    for name in QUEUE_NUMBERS:
        in_queues = sum(q[name] for q in status["queues"])
        assert in_queues == total[name], f"{name}: queues {in_queues}, total {total[name]}"
    # the engine counts what it hands over, though some of it were stale by then (starved.py)
    stale = total["drops"]["rx_stale"]
    surplus = sum(total["flushes"].values()) - total["rx_superpackets"] - total["rx_cut_again"]
    assert 0 <= surplus <= stale / 2, (
        f"{sum(total['flushes'].values())} flushes, but {total['rx_superpackets']} superpackets, {stale} stale")
    alone = total["rx_delivered_packets"] - total["rx_segments"]
    assert 0 <= sum(total["singles"].values()) - alone <= stale, (
        f"{sum(total['singles'].values())} singles by reason, but {alone} packets went up alone, {stale} stale")


def test_json_adds_up(lab, data):
    """Status -j has every counter, and they add up while traffic flows and afterwards."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    expect_schema(daemon.status(), wire, daemon)
    servers(lab, wire, data)
    for direction in ("in", "out"):
        stream = transfer(lab, wire, data, direction, 4)
        while stream.process.running():
            status = daemon.status()
            for queue in status["queues"]:
                wrong = add_up(queue)
                assert not wrong, f"in the middle of it counters do not add up: {wrong}"
        stream.finish()
    # the last ACKs may still be under way
    wait_until(lambda: daemon.total()["slots_used"] == 0 and daemon.total()["rx_held_packets"] == 0,
               5, lambda: f"all slots are back and nothing is held: {daemon.total()}")
    status = daemon.status()
    expect_schema(status, wire, daemon)
    expect_sums(status)
    assert not daemon.own_drops(), f"drops: {daemon.own_drops()}"
    total = status["total"]
    assert total["rx_bytes"] > data.length and total["tx_bytes"] > data.length, (
        f"fewer bytes than were transferred: {total['rx_bytes']} in, {total['tx_bytes']} out; "
        f"what the kernel carried: {status['steer']}")


def test_text(lab):
    """Status for people names interface, mode and superpackets and fits 80 columns."""
    wire = Wire(lab)
    ports = ",".join(str(port) for port in range(50001, 50017))
    Daemon(lab, wire.host, wire.nic, "--merge", "tcp,udp,vxlan,geneve,gre,ipip", "--hold", "100", "--idle", "20",
           "--max-packets", "44", "--max-flows", "128,all", "--min-payload", "64", "--pass-ports", ports,
           "--adaptive", "on")
    done = wire.host.run(COMMAND, "status")
    said = " ".join(done.stdout.split())
    for words in (wire.nic, "inline", "native", "tcp, udp, vxlan, geneve, gre, ipip, held for up to 100 us",
                  "44 packets, 65535 bytes, 128 flows (then all are flushed), 20 us without a packet",
                  "payloads below 64 bytes; ports 50001, 50002,", "50016; flows whose merging keeps failing"):
        assert words in said, f"{words!r} is not in: {done.stdout}"
    too_long = [line for line in done.stdout.splitlines() if len(line) > 80]
    assert not too_long, f"longer than 80 columns: {too_long[:2]}"


def test_worth(lab, data):
    """Status says in a sentence what merging was worth, as its counters have it."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    said = " ".join(wire.host.run(COMMAND, "status", wire.nic).stdout.split())
    for way in ("in", "out"):
        assert f"way {way} nothing has come yet" in said, said
    servers(lab, wire, data)
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=32 << 20).finish()

    def agree():
        """The last ACKs may come between the two questions."""
        total = daemon.total()
        table = wire.host.run(COMMAND, "status", wire.nic).stdout
        merged, packets = total["rx_segments"], total["rx_delivered_packets"]
        ups = packets - merged + total["rx_superpackets"]
        cut, downs = total["tx_segments"], total["tx_superpackets"] + total["tx_ordinary"]
        out = cut + total["tx_ordinary"]
        sentences = (f"way in {packets} packets went up as {ups}, {packets / ups:.1f} in one; "
                     f"{merged * 100 // packets} % of them were merged",
                     f"way out {out} packets came down as {downs}, {out / downs:.1f} in one; "
                     f"{cut * 100 // out} % of them were cut here",
                     f"bytes {total['rx_bytes'] / 1e6:.1f} MB {total['tx_bytes'] / 1e6:.1f} MB")
        seen.append((sentences, table))
        return all(sentence in " ".join(table.split()) for sentence in sentences)

    seen = []
    wait_until(agree, 10, lambda: f"{seen[-1][0]} are in: {seen[-1][1]}")
    total = daemon.total()
    assert total["rx_segments"] * 2 > total["rx_delivered_packets"], f"little was merged: {total}"
    daemon.stop()

    # where little is merged, it says why
    daemon = Daemon(lab, wire.host, wire.nic, "--merge", "none")
    transfer(lab, wire, data, "in", 4, length=32 << 20).finish()
    said = " ".join(wire.host.run(COMMAND, "status", wire.nic).stdout.split())
    assert "0 % of them were merged (most went alone due to not_served)" in said, said


def test_not_running(lab):
    """Status without a daemon: exit code 3 and a sentence."""
    done = lab.run([COMMAND, "status"], check=False)
    assert done.returncode == EXIT_NOT_RUNNING, f"exit code {done.returncode}: {done.stderr}"
    assert done.stderr.strip(), "nothing was said on stderr"


def test_default_directory(lab):
    """Without $RUNTIME_DIRECTORY all meet in /run/superpacket."""
    wire = Wire(lab)
    plain = ["env", "-u", "RUNTIME_DIRECTORY"]
    daemon = Daemon(lab, wire.host, wire.nic, wrapper=plain)
    entries = json.loads(wire.host.run(*plain, COMMAND, "status", "-j", wire.nic, check=False).stdout)
    assert [entry["pid"] for entry in entries] == [daemon.pid], f"found: {entries}"
    sockets = [name for name in os.listdir(DIRECTORY) if name.startswith(f"{wire.nic}@")]
    assert len(sockets) == 1, f"in {DIRECTORY}: {sockets}"
    daemon.stop()
    assert not os.path.exists(os.path.join(DIRECTORY, sockets[0])), "its socket is left"


def test_two_daemons(lab):
    """Status of two daemons on one machine names both."""
    first, second = Wire(lab), lab.namespace("other")
    lab.veth(second, lab.unique("oth"), second, lab.unique("end"))
    daemons = [Daemon(lab, first.host, first.nic), Daemon(lab, second, lab.unique("oth"))]
    for daemon in daemons:
        assert daemon.status()["interface"] == daemon.interface, "wrong interface"
    # others may run on this machine, and be degraded
    entries = json.loads(first.host.run(COMMAND, "status", "-j", check=False).stdout)
    pids = {entry["pid"] for entry in entries}
    assert {d.pid for d in daemons} <= pids, f"pids {pids}"


def test_usage(lab):
    """`superpacket` with a bad verb or option ends with exit code 2."""
    for argv in (["frobnicate"], ["status", "--frobnicate"]):
        done = lab.run([COMMAND, *argv], check=False)
        assert done.returncode == EXIT_USAGE, f"{argv}: exit code {done.returncode}"
        assert done.stderr.strip(), f"{argv}: nothing was said on stderr"


def test_other_names(lab):
    """Status by the TAP's name, and by the NIC's new name after a renaming."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)

    def pids(name):
        return [entry["pid"] for entry in
                json.loads(wire.host.run(COMMAND, "status", name, "-j", check=False).stdout)]

    assert pids(daemon.tap()) == [daemon.pid], "not found by its TAP"
    renamed = lab.unique("new")
    wire.host.ip("link", "property", "add", "dev", wire.nic, "altname", renamed)
    assert pids(renamed) == [daemon.pid], "not found by its interface's index"
    done = wire.host.run(COMMAND, "status", "nosuch0", check=False)
    assert done.returncode == EXIT_NOT_RUNNING, f"nosuch0: exit code {done.returncode}"


def test_forgotten_verb(lab):
    """`superpacket IF`, without the verb, ends with exit code 2 and says what was meant."""
    wire = Wire(lab)
    done = wire.host.run(COMMAND, wire.nic, check=False)
    assert done.returncode == EXIT_USAGE, f"exit code {done.returncode}"
    assert f"did you mean 'superpacket status {wire.nic}'?" in done.stderr, done.stderr


def test_hanging(lab):
    """Status of a daemon that hangs: exit code 1, its pid and the way out."""
    wire = Wire(lab)
    daemon = Daemon(lab, wire.host, wire.nic)
    daemon.process.signal(signal.SIGSTOP)
    done = wire.host.run(COMMAND, "status", wire.nic, check=False)
    daemon.process.signal(signal.SIGCONT)
    assert done.returncode == EXIT_FAILED, f"exit code {done.returncode}: {done.stderr}"
    for word in (f"pid {daemon.pid}", f"kill -9 {daemon.pid}", "systemctl restart"):
        assert word in done.stderr, f"{word!r} is not in: {done.stderr}"
    assert len(done.stderr.splitlines()) == 1, f"more than a line: {done.stderr}"


class FakeDaemon:
    """A listener at a daemon's place, in a directory of its own, and a command that asks it."""

    def __init__(self, lab):
        self.path = os.path.join(lab.tmp, "fake0@1.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(60)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.command = lab.start(["env", f"RUNTIME_DIRECTORY={lab.tmp}", COMMAND, "status",
                                  "fake0", "-j"])

    def accept(self):
        return self.listener.accept()[0]


def test_dies_while_asked(lab):
    """A daemon that dies while it is asked: exit code 3, the sentence, no socket left."""
    fake = FakeDaemon(lab)
    asking = fake.accept()
    fake.listener.close()
    asking.close()
    fake.command.wait(10, EXIT_NOT_RUNNING)
    assert "no superpacketd is running on fake0" in fake.command.stderr(), fake.command.stderr()
    assert not os.path.exists(fake.path), "its socket is still there"


def test_turned_away(lab):
    """A daemon that turns a client away is asked again."""
    fake = FakeDaemon(lab)
    fake.accept().close()
    asking = fake.accept()
    asking.recv(100)
    asking.sendall(b'{"interface": "fake0", "state": "ok"}')
    asking.close()
    fake.listener.close()
    fake.command.wait(10, EXIT_OK)
