# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the kernel says it can do is believed only once a packet has proved it. Kernels that promise and
do not keep it are simulated by a build of the daemon that breaks on command (user/fault.h)."""

from daemon import COMMAND, EXIT_NOT_SUPPORTED, Daemon
from harness import test
from lab import expect, wait_until
from test_bulk import servers, transfer
from test_pressure import ALWAYS, FAULTY, fault, wait_counter
from wire import Wire


def faults(**counts):
    """The wrapper of a daemon whose faults begin with its start."""
    return ["env", "SUPERPACKET_FAULTS=" + ",".join(f"{name} {n}" for name, n in counts.items())]


def broken(lab, wire, *options, **counts):
    return Daemon(lab, wire.host, wire.nic, *options, program=FAULTY, wrapper=faults(**counts))


def xsk(daemon):
    return daemon.status()["queues"][0]["xsk"]


def in_force(daemon):
    found = [t for t in xsk(daemon)["tried"] if t["outcome"].startswith("in force")]
    expect(len(found) == 1, f"tried: {xsk(daemon)['tried']}")
    return found[0]


def not_proved(daemon):
    return [t for t in xsk(daemon)["tried"] if t["outcome"].startswith("not proved: ")]


def expect_works(lab, wire, daemon, data):
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=16 << 20).finish()
    total = daemon.total()
    expect(total["rx_superpackets"] and total["tx_superpackets"], f"no superpackets: {total}")


@test("every mode is proved with a packet, which is nobody's traffic", seconds=120)
def proved(lab):
    wire = Wire(lab, queues=2, host_addresses=False)
    wire.host.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    wire.host.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    for options in ([], ["--transmit", "slices"], ["--xdp-mode", "generic"], ["--mode", "port"]):
        daemon = Daemon(lab, wire.host, wire.nic, *options)
        for queue in daemon.status()["queues"]:
            expect(queue["xsk"]["proved"] is True and queue["xsk"]["unproved"] is None,
                   f"{options}: {queue['xsk']}")
            sent = {n: queue[n] for n in ("tx_ordinary", "tx_superpackets", "tx_bytes", "tx_descriptors",
                                          "slots_used", "buffers_used", "slots_missing",
                                          "buffers_missing", "frames_missing")}
            expect(not any(sent.values()), f"{options}: after the proof: {sent}")
        daemon.stop()


@test("a mode that does not send is not had: the next one is, and both are said", seconds=120)
def next_one(lab, data):
    wire = Wire(lab)
    servers(lab, wire, data)
    # both layouts of the first one, a descriptor each
    daemon = broken(lab, wire, completion=2)
    expect(not in_force(daemon)["multibuffer"], f"in force: {in_force(daemon)}")
    lost = not_proved(daemon)
    expect(len(lost) == 1 and lost[0]["multibuffer"] and "was not sent" in lost[0]["outcome"], f"{lost}")
    expect("a test frame was not sent" in xsk(daemon)["why"], f"why: {xsk(daemon)['why']}")
    said = [line for line in daemon.process.stderr().splitlines() if "not sent" in line]
    expect(len(said) == 1 and wire.nic in said[0], f"said: {said}")
    expect_works(lab, wire, daemon, data)

    # a socket made anew keeps to what was proved
    tried = xsk(daemon)["tried"]
    stream = transfer(lab, wire, data, "out", 4)
    stream.wait_received(stream.length // 16)
    fault(daemon, "completion", 1)
    wait_counter(daemon, "rebuilds", 1, 5)
    expect(xsk(daemon)["tried"] == tried, f"before {tried}, now {xsk(daemon)['tried']}")
    expect(xsk(daemon)["proved"], "it was proved at start")
    stream.finish()
    daemon.stop()


@test("unaligned chunks that do not send: aligned ones are used", seconds=60)
def next_layout(lab, data):
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken(lab, wire, completion=1)
    expect(in_force(daemon)["multibuffer"] and not xsk(daemon)["unaligned"], f"{xsk(daemon)}")
    expect(xsk(daemon)["proved"], f"{xsk(daemon)}")
    expect_works(lab, wire, daemon, data)
    daemon.stop()


@test("a mode that was asked for and does not send: exit code 6, and nothing stays behind", seconds=60)
def pinned(lab):
    wire = Wire(lab)
    for options in (["--transmit", "slices"], ["--xdp-mode", "native"], []):
        for name in ("completion", "wake"):
            links = wire.host.links()
            done = wire.host.run(*faults(**{name: ALWAYS}), FAULTY, "--interface", wire.nic, *options,
                                 check=False)
            expect(done.returncode == EXIT_NOT_SUPPORTED,
                   f"{options} {name}: {done.returncode}: {done.stderr}")
            expect("a test frame was not sent" in done.stderr, f"{options} {name}: {done.stderr}")
            expect(wire.host.links() == links, f"left behind: {wire.host.links() - links}")


@test("without a carrier nothing can be proved: it starts all the same and says so", seconds=60)
def no_carrier(lab):
    wire = Wire(lab)
    wire.peer.ip("link", "set", "dev", wire.wire, "down")
    wait_until(lambda: "LOWER_UP" not in wire.host.ip_json("link", "show", "dev", wire.nic)[0]["flags"],
               5, "no carrier")
    daemon = Daemon(lab, wire.host, wire.nic)
    expect(xsk(daemon)["proved"] is False and xsk(daemon)["unproved"] == "no carrier", f"{xsk(daemon)}")
    text = wire.host.run(COMMAND, "status", wire.nic).stdout
    expect("unproved: no carrier" in " ".join(text.split()), text)
    daemon.stop()
