# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the kernel says it can do is believed only once a packet has proved it. Kernels that promise and
do not keep it are simulated by a build of the daemon that breaks on command (user/fault.h)."""

import errno
import os
import socket

from daemon import COMMAND, EXIT_NOT_SUPPORTED, Daemon
from harness import test
from lab import BUILD, ROOT, expect, wait_until
from test_bulk import servers, transfer
from test_errors import without
from test_pressure import ALWAYS, FAULTY, fault, wait_counter
from wire import Wire


def faults(**counts):
    """The wrapper of a daemon whose faults begin with its start."""
    return ["env", "SUPERPACKET_FAULTS=" + ",".join(f"{name} {n}" for name, n in counts.items())]


def broken(lab, wire, *options, **counts):
    # faults are counted: no other test packet but that of each way of binding
    return Daemon(lab, wire.host, wire.nic, "--tx-checksum", "software", *options, program=FAULTY,
                  wrapper=faults(**counts))


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
    wait_counter(lab, daemon, "rebuilds", 1, 5)
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
    each = ("completion",)
    for options, names in ((["--transmit", "slices"], ("completion", "wake")), (["--xdp-mode", "native"], each),
                           ([], each)):
        for name in names:
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


@test("the carrier comes after the start: it is proved then, and the next way taken if it does not send", seconds=120)
def carrier_comes(lab, data):
    wire = Wire(lab)
    servers(lab, wire, data)
    # bind: and it cannot be opened anew at once
    for mode, completion, bind in (("inline", 0, 0), ("inline", 2, 0), ("port", 0, 0), ("port", 0, 1),
                                   ("inline", 0, 1)):
        wire.peer.ip("link", "set", "dev", wire.wire, "down")
        wait_until(lambda: "LOWER_UP" not in wire.host.ip_json("link", "show", "dev", wire.nic)[0]["flags"],
                   5, "no carrier")
        daemon = broken(lab, wire, "--mode", mode, completion=completion)
        expect(xsk(daemon)["unproved"] == "no carrier", f"{xsk(daemon)}")
        tap = daemon.tap()
        fault(daemon, "bind", bind)
        wire.peer.ip("link", "set", "dev", wire.wire, "up")
        wait_until(lambda d=daemon: d.status()["queues"] and xsk(d)["proved"], 15, "it is proved")
        expect(daemon.tap() == tap and daemon.status()["state"] == "ok", f"{daemon.status()['state']}")
        expect(in_force(daemon)["multibuffer"] == (not completion), f"in force: {in_force(daemon)}")
        if mode == "inline":
            wire.peer.wait_settled(wire.wire)
            expect_works(lab, wire, daemon, data)
        daemon.stop()


BROKEN_TAP = os.path.join(BUILD, "tests", "broken_tap.so")
TCPV4, TCPV6, UDP_L4, TUNNEL4 = 1, 4, 5, 0x20
OFFLOADS = {"tx-checksumming", "tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-tcp-ecn-segmentation"}
UDP_OFFLOADS = {"tx-udp-segmentation (IPv4)", "tx-udp-segmentation (IPv6)"}
TUNNELS = {"tx-udp_tnl-segmentation", "tx-udp_tnl-csum-segmentation"}


def broken_tap(lab, wire, *options, **how):
    settings = [f"BROKEN_TAP_{name.upper()}={value}" for name, value in how.items()]
    return Daemon(lab, wire.host, wire.nic, *options,
                  wrapper=["env", f"LD_PRELOAD={BROKEN_TAP}", *settings])


def warnings(daemon):
    return [line for line in daemon.process.stderr().splitlines() if "does not keep it" in line]


def expect_broken(daemon, **expected):
    """Of all that was proved, just these verdicts are not good."""
    status = daemon.status()
    wrong = {f"{name} {way}": verdict for name, proof in status["tap_proved"].items()
             for way, verdict in proof.items() if verdict not in ("proved", "believed", None)}
    names = {"tso4": "tx-tcp-segmentation", "tso6": "tx-tcp6-segmentation",
             "ecn": "tx-tcp-ecn-segmentation", "big": "big-tcp"}
    wanted = {f"{names[key.split('_')[0]]} {key.split('_')[1]}": value for key, value in expected.items()}
    expect(wrong == wanted, f"{wrong} instead of {wanted}")
    said = warnings(daemon)
    expect(len(said) == len({key.split("_")[0] for key in expected}), f"said: {said}")
    table = " ".join(daemon.ns.run(COMMAND, "status", daemon.interface).stdout.split())
    for key, verdict in expected.items():
        name, way = key.split("_")
        expect(f"TAP offload {names[name]}: in" in table and f"{way} {verdict}" in table, table)
    return status


@test("every offload of the TAP is proved with a packet each way, and nothing of it stays", seconds=60)
def offloads(lab):
    wire = Wire(lab)
    links = wire.host.links()
    for options, names in (([], OFFLOADS), (["--merge", "tcp,udp", "--max-bytes", "131072"],
                                            OFFLOADS | UDP_OFFLOADS | TUNNELS | {"big-tcp"})):
        daemon = Daemon(lab, wire.host, wire.nic, *options)
        status = daemon.status()
        expect(status["tap_unproved"] is None, f"unproved: {status['tap_unproved']}")
        proved = status["tap_proved"]
        without = set(names) - set(proved)
        expect(set(proved) <= names and without <= TUNNELS | UDP_OFFLOADS, f"{options}: {proved}")
        for name, proof in proved.items():
            out = None if name == "big-tcp" else "believed" if name in TUNNELS else "proved"
            expect(proof == {"in": "proved", "out": out}, f"{name}: {proof}")
        expect(not warnings(daemon), f"said: {warnings(daemon)}")
        daemon.stop()
        expect(wire.host.links() == links, f"left behind: {wire.host.links() - links}")


@test("superpackets that the TAP takes and loses: nothing is merged, and nothing lost", seconds=120)
def lost_in(lab, data):
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken_tap(lab, wire, loses=TCPV4)
    status = expect_broken(daemon, tso4_in="lost", ecn_in="lost")
    expect(status["merge"] == [], f"merging {status['merge']}")
    expect("tx-tcp-segmentation" in status["tap_offloads"], "the other way was proved")
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=16 << 20).finish()
    total = daemon.total()
    expect(not total["rx_superpackets"] and total["tx_superpackets"], f"superpackets: {total}")
    daemon.stop()


@test("superpackets that the TAP refuses: nothing is merged, nothing cut again", seconds=120)
def refused_in(lab, data):
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken_tap(lab, wire, refuses=TCPV6)
    expect_broken(daemon, tso6_in="refused")
    transfer(lab, wire, data, "in", 6, length=16 << 20).finish()
    total = daemon.total()
    expect(not total["rx_superpackets"] and not total["rx_cut_again"], f"superpackets: {total}")
    daemon.stop()


@test("superpackets that the kernel does not hand down whole: the offload is off", seconds=120)
def changed_out(lab, data):
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken_tap(lab, wire, cuts=TCPV6)
    status = expect_broken(daemon, tso6_out="changed")
    expect("tx-tcp6-segmentation" not in status["tap_offloads"], f"in force: {status['tap_offloads']}")
    expect(wire.host.features(daemon.tap())["tx-tcp6-segmentation"] == "off", "the TAP has it")
    expect(status["merge"] == ["tcp"], f"merging {status['merge']}")
    transfer(lab, wire, data, "in", 6, length=16 << 20).finish()
    expect(daemon.total()["rx_superpackets"], "the other way was proved")
    daemon.stop()


@test("BIG TCP that the TAP loses: superpackets of 64 KiB", seconds=120)
def lost_big(lab, data):
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken_tap(lab, wire, "--max-bytes", "131072", above=70000)
    status = expect_broken(daemon, big_in="lost")
    expect(status["conditions"]["max_bytes"] == 65535, f"{status['conditions']}")
    transfer(lab, wire, data, "in", 6, length=16 << 20).finish()
    total = daemon.total()
    expect(total["rx_superpackets"] and not total["rx_big_superpackets"], f"superpackets: {total}")
    daemon.stop()


@test("without a packet socket the kernel is believed, and that is said", seconds=60)
def unproved(lab):
    wire = Wire(lab)
    wrapper = without(wire, "socket", errno.EPERM, [0, "is", socket.AF_PACKET])
    daemon = Daemon(lab, wire.host, wire.nic, wrapper=wrapper)
    status = daemon.status()
    expect(status["tap_unproved"] == os.strerror(errno.EPERM), f"unproved: {status['tap_unproved']}")
    expect(status["tap_proved"] == {} and len(status["tap_offloads"]) == 4, f"{status['tap_proved']}")
    said = [line for line in daemon.process.stderr().splitlines() if "could not be proved" in line]
    expect(len(said) == 1, f"said: {said}")
    daemon.stop()


@test("as the service it may open the sockets that it needs, also in port mode", seconds=60)
def service(lab):
    wire = Wire(lab)
    with open(os.path.join(ROOT, "tools", "superpacketd@.service")) as file:
        allowed = next(line for line in file if line.startswith("RestrictAddressFamilies="))
    allowed = allowed.strip().split("=")[1].split()
    families = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17, "AF_XDP": 44}
    expect(set(allowed) <= set(families), f"allowed: {allowed}")
    wrapper = [word for name, number in families.items() if name not in allowed
               for word in without(wire, "socket", errno.EAFNOSUPPORT, [0, "is", number])]
    for mode in ("inline", "port"):
        daemon = Daemon(lab, wire.host, wire.nic, "--mode", mode, wrapper=wrapper)
        status = daemon.status()
        expect(status["tap_unproved"] is None and xsk(daemon)["proved"], f"{mode}: {status['tap_unproved']}")
        daemon.stop()
