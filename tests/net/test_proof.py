# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What the kernel says it can do is believed only once a packet has proved it. Kernels that promise and
do not keep it are simulated by a build of the daemon that breaks on command (user/fault.h)."""

import errno
import os
import socket

from daemon import COMMAND, EXIT_NOT_SUPPORTED, Daemon
from faulty import ALWAYS, FAULTY, fault, faults, wait_counter
from lab import BUILD, ROOT, wait_until
from obstacles import without
from streams import servers, transfer
from wire import Wire


def broken(lab, wire, *options, **counts):
    # faults are counted: no other test packet but that of each way of binding
    return Daemon(lab, wire.host, wire.nic, "--tx-checksum", "software", *options, program=FAULTY,
                  wrapper=faults(**counts))


def xsk(daemon):
    return daemon.status()["queues"][0]["xsk"]


def in_force(daemon):
    found = [t for t in xsk(daemon)["tried"] if t["outcome"].startswith("in force")]
    assert len(found) == 1, f"tried: {xsk(daemon)['tried']}"
    return found[0]


def not_proved(daemon):
    return [t for t in xsk(daemon)["tried"] if t["outcome"].startswith("not proved: ")]


def expect_works(lab, wire, daemon, data):
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=16 << 20).finish()
    total = daemon.total()
    assert total["rx_superpackets"] and total["tx_superpackets"], f"no superpackets: {total}"


def test_proved(lab):
    """Every mode is proved with a packet, which is nobody's traffic."""
    wire = Wire(lab, queues=2, host_addresses=False)
    wire.host.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    wire.host.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    for options in ([], ["--transmit", "slices"], ["--xdp-mode", "generic"], ["--mode", "port"]):
        daemon = Daemon(lab, wire.host, wire.nic, *options)
        for queue in daemon.status()["queues"]:
            assert queue["xsk"]["proved"] is True and queue["xsk"]["unproved"] is None, f"{options}: {queue['xsk']}"
            sent = {n: queue[n] for n in ("tx_ordinary", "tx_superpackets", "tx_bytes", "tx_descriptors",
                                          "slots_used", "buffers_used", "slots_missing",
                                          "buffers_missing", "frames_missing")}
            assert not any(sent.values()), f"{options}: after the proof: {sent}"
        daemon.stop()


def test_next_one(lab, data):
    """A mode that does not send is not had: the next one is, and both are said."""
    wire = Wire(lab)
    servers(lab, wire, data)
    # both layouts of the first one, a descriptor each
    daemon = broken(lab, wire, completion=2)
    assert not in_force(daemon)["multibuffer"], f"in force: {in_force(daemon)}"
    lost = not_proved(daemon)
    assert len(lost) == 1 and lost[0]["multibuffer"] and "was not sent" in lost[0]["outcome"], f"{lost}"
    assert "a test frame was not sent" in xsk(daemon)["why"], f"why: {xsk(daemon)['why']}"
    said = [line for line in daemon.process.stderr().splitlines() if "not sent" in line]
    assert len(said) == 1 and wire.nic in said[0], f"said: {said}"
    expect_works(lab, wire, daemon, data)

    # a socket made anew keeps to what was proved
    tried = xsk(daemon)["tried"]
    stream = transfer(lab, wire, data, "out", 4)
    stream.wait_received(stream.length // 16)
    fault(daemon, "completion", 1)
    wait_counter(lab, daemon, "rebuilds", 1, 5)
    assert xsk(daemon)["tried"] == tried, f"before {tried}, now {xsk(daemon)['tried']}"
    assert xsk(daemon)["proved"], "it was proved at start"
    stream.finish()
    daemon.stop()


def test_next_layout(lab, data):
    """Unaligned chunks that do not send: aligned ones are used."""
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken(lab, wire, completion=1)
    assert in_force(daemon)["multibuffer"] and not xsk(daemon)["unaligned"], f"{xsk(daemon)}"
    assert xsk(daemon)["proved"], f"{xsk(daemon)}"
    expect_works(lab, wire, daemon, data)
    daemon.stop()


def test_pinned(lab):
    """A mode that was asked for and does not send: exit code 6, and nothing stays behind."""
    wire = Wire(lab)
    each = ("completion",)
    for options, names in ((["--transmit", "slices"], ("completion", "wake")), (["--xdp-mode", "native"], each),
                           ([], each)):
        for name in names:
            links = wire.host.links()
            done = wire.host.run(*faults(**{name: ALWAYS}), FAULTY, "--interface", wire.nic, *options,
                                 check=False)
            assert done.returncode == EXIT_NOT_SUPPORTED, f"{options} {name}: {done.returncode}: {done.stderr}"
            assert "a test frame was not sent" in done.stderr, f"{options} {name}: {done.stderr}"
            assert wire.host.links() == links, f"left behind: {wire.host.links() - links}"


def test_no_carrier(lab):
    """Without a carrier nothing can be proved: it starts all the same and says so."""
    wire = Wire(lab)
    wire.peer.ip("link", "set", "dev", wire.wire, "down")
    wait_until(lambda: "LOWER_UP" not in wire.host.ip_json("link", "show", "dev", wire.nic)[0]["flags"],
               5, "no carrier")
    daemon = Daemon(lab, wire.host, wire.nic)
    assert xsk(daemon)["proved"] is False and xsk(daemon)["unproved"] == "no carrier", f"{xsk(daemon)}"
    text = wire.host.run(COMMAND, "status", wire.nic).stdout
    assert "unproved: no carrier" in " ".join(text.split()), text
    daemon.stop()


def test_carrier_comes(lab, data):
    """The carrier comes after the start: it is proved then, and the next way taken if it does not send."""
    wire = Wire(lab)
    servers(lab, wire, data)
    # bind: and it cannot be opened anew at once
    for mode, completion, bind in (("inline", 0, 0), ("inline", 2, 0), ("port", 0, 0), ("port", 0, 1),
                                   ("inline", 0, 1)):
        wire.peer.ip("link", "set", "dev", wire.wire, "down")
        wait_until(lambda: "LOWER_UP" not in wire.host.ip_json("link", "show", "dev", wire.nic)[0]["flags"],
                   5, "no carrier")
        daemon = broken(lab, wire, "--mode", mode, completion=completion)
        assert xsk(daemon)["unproved"] == "no carrier", f"{xsk(daemon)}"
        tap = daemon.tap()
        fault(daemon, "bind", bind)
        wire.peer.ip("link", "set", "dev", wire.wire, "up")
        wait_until(lambda d=daemon: d.status()["queues"] and xsk(d)["proved"], 15, "it is proved")
        assert daemon.tap() == tap and daemon.status()["state"] == "ok", f"{daemon.status()['state']}"
        assert in_force(daemon)["multibuffer"] == (not completion), f"in force: {in_force(daemon)}"
        if mode == "inline":
            wire.peer.wait_settled(wire.wire)
            expect_works(lab, wire, daemon, data)
        daemon.stop()
        if mode == "port":
            wire.host.ip("link", "del", tap)  # it outlives its daemon


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
    return [line for line in daemon.process.stderr().splitlines() if "but a test packet failed" in line]


def expect_broken(daemon, **expected):
    """Of all that was proved, just these verdicts are not good."""
    status = daemon.status()
    wrong = {f"{name} {way}": verdict for name, proof in status["tap_proved"].items()
             for way, verdict in proof.items() if verdict not in ("proved", "believed", None)}
    names = {"tso4": "tx-tcp-segmentation", "tso6": "tx-tcp6-segmentation",
             "ecn": "tx-tcp-ecn-segmentation", "big": "big-tcp"}
    wanted = {f"{names[key.split('_')[0]]} {key.split('_')[1]}": value for key, value in expected.items()}
    assert wrong == wanted, f"{wrong} instead of {wanted}"
    said = warnings(daemon)
    assert len(said) == len({key.split("_")[0] for key in expected}), f"said: {said}"
    table = " ".join(daemon.ns.run(COMMAND, "status", daemon.interface).stdout.split())
    for key, verdict in expected.items():
        name, way = key.split("_")
        assert f"TAP offload {names[name]}: in" in table and f"{way} {verdict}" in table, table
    return status


def test_offloads(lab):
    """Every offload of the TAP is proved with a packet each way, and nothing of it stays."""
    wire = Wire(lab)
    links = wire.host.links()
    for options, names in (([], OFFLOADS), (["--merge", "tcp,udp", "--max-bytes", "131072"],
                                            OFFLOADS | UDP_OFFLOADS | TUNNELS | {"big-tcp"})):
        daemon = Daemon(lab, wire.host, wire.nic, *options)
        status = daemon.status()
        assert status["tap_unproved"] is None, f"unproved: {status['tap_unproved']}"
        proved = status["tap_proved"]
        without = set(names) - set(proved)
        assert set(proved) <= names and without <= TUNNELS | UDP_OFFLOADS, f"{options}: {proved}"
        for name, proof in proved.items():
            out = None if name == "big-tcp" else "believed" if name in TUNNELS else "proved"
            assert proof == {"in": "proved", "out": out}, f"{name}: {proof}"
        assert not warnings(daemon), f"said: {warnings(daemon)}"
        daemon.stop()
        assert wire.host.links() == links, f"left behind: {wire.host.links() - links}"


def test_lost_in(lab, data):
    """Superpackets that the TAP takes and loses: nothing is merged, and nothing lost."""
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken_tap(lab, wire, loses=TCPV4)
    status = expect_broken(daemon, tso4_in="lost", ecn_in="lost")
    assert status["merge"] == [], f"merging {status['merge']}"
    assert "tx-tcp-segmentation" in status["tap_offloads"], "the other way was proved"
    for direction in ("in", "out"):
        transfer(lab, wire, data, direction, 4, length=16 << 20).finish()
    total = daemon.total()
    assert not total["rx_superpackets"] and total["tx_superpackets"], f"superpackets: {total}"
    daemon.stop()


def test_refused_in(lab, data):
    """Superpackets that the TAP refuses: nothing is merged, nothing cut again."""
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken_tap(lab, wire, refuses=TCPV6)
    expect_broken(daemon, tso6_in="refused")
    transfer(lab, wire, data, "in", 6, length=16 << 20).finish()
    total = daemon.total()
    assert not total["rx_superpackets"] and not total["rx_cut_again"], f"superpackets: {total}"
    daemon.stop()


def test_changed_out(lab, data):
    """Superpackets that the kernel does not hand down whole: the offload is off."""
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken_tap(lab, wire, cuts=TCPV6)
    status = expect_broken(daemon, tso6_out="changed")
    assert "tx-tcp6-segmentation" not in status["tap_offloads"], f"in force: {status['tap_offloads']}"
    assert wire.host.features(daemon.tap())["tx-tcp6-segmentation"] == "off", "the TAP has it"
    assert status["merge"] == ["tcp"], f"merging {status['merge']}"
    transfer(lab, wire, data, "in", 6, length=16 << 20).finish()
    assert daemon.total()["rx_superpackets"], "the other way was proved"
    daemon.stop()


def test_lost_big(lab, data):
    """BIG TCP that the TAP loses: superpackets of 64 KiB."""
    wire = Wire(lab)
    servers(lab, wire, data)
    daemon = broken_tap(lab, wire, "--max-bytes", "131072", above=70000)
    status = expect_broken(daemon, big_in="lost")
    assert status["conditions"]["max_bytes"] == 65535, f"{status['conditions']}"
    transfer(lab, wire, data, "in", 6, length=16 << 20).finish()
    total = daemon.total()
    assert total["rx_superpackets"] and not total["rx_big_superpackets"], f"superpackets: {total}"
    daemon.stop()


def test_unproved(lab):
    """Without a packet socket the kernel is believed, and that is said."""
    wire = Wire(lab)
    wrapper = without(wire, "socket", errno.EPERM, [0, "is", socket.AF_PACKET])
    daemon = Daemon(lab, wire.host, wire.nic, wrapper=wrapper)
    status = daemon.status()
    assert status["tap_unproved"] == os.strerror(errno.EPERM), f"unproved: {status['tap_unproved']}"
    assert status["tap_proved"] == {} and len(status["tap_offloads"]) == 4, f"{status['tap_proved']}"
    said = [line for line in daemon.process.stderr().splitlines() if "could not be tested" in line]
    assert len(said) == 1, f"said: {said}"
    daemon.stop()


def test_service(lab):
    """As the service it may open the sockets that it needs, also in port mode."""
    wire = Wire(lab)
    with open(os.path.join(ROOT, "tools", "superpacketd@.service")) as file:
        allowed = next(line for line in file if line.startswith("RestrictAddressFamilies="))
    allowed = allowed.strip().split("=")[1].split()
    families = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17, "AF_XDP": 44}
    assert set(allowed) <= set(families), f"allowed: {allowed}"
    wrapper = [word for name, number in families.items() if name not in allowed
               for word in without(wire, "socket", errno.EAFNOSUPPORT, [0, "is", number])]
    for mode in ("inline", "port"):
        daemon = Daemon(lab, wire.host, wire.nic, "--mode", mode, wrapper=wrapper)
        status = daemon.status()
        assert status["tap_unproved"] is None and xsk(daemon)["proved"], f"{mode}: {status['tap_unproved']}"
        daemon.stop()
