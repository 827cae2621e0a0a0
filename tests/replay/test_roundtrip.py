# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The round trip as its users see it; that it finds differences is tested in tests/unit/test_replay.c."""

import json
import os
import pty
import random
import subprocess

from bench import COMMAND
from capture_files import Record
from described import ACK, PSH
from flows import packet_of


def mixture(seed, cnt):
    rng = random.Random(seed)
    next_of, out = {}, []
    for _ in range(cnt):
        flow = rng.randrange(8)
        last = next_of.setdefault(flow, packet_of(version=rng.choice((4, 6)), udp=flow > 5, sport=flow,
                                               length=rng.choice((10, 300)), pad=0))
        packet = last
        if rng.random() < 0.3:
            packet = last.but(**rng.choice([
                {"flags": ACK | PSH}, {"length": 5, "pad": 1}, {"length": 0, "pad": 6}, {"window": 9},
                {"l4_wrong": True}, {"seq": last.seq - 300}, {"mf": True}, {"ip_options": b"\1" * 4},
                {"length": 700}]))
        out.append(packet)
        next_of[flow] = last.but(seq=packet.seq + packet.length, ip_id=last.ip_id + 1)
    return out


def test_mixtures(bench):
    """Whatever comes, it comes back."""
    for seed in range(10):
        packets = mixture(seed, 500)
        records = [Record(p.captured(), 10**18 + i) for i, p in enumerate(packets)]
        for i in range(0, 500, 37):
            records[i] = Record(records[i].data[:50], records[i].time_ns, len(records[i].data))
        path = bench.capture(records)
        for options in ((), ("--burst", 1), ("--burst", 1000, "--merge", "tcp,udp,vxlan,geneve,gre,ipip"),
                        ("--merge", "none")):
            report = json.loads(bench.replay_well("roundtrip", path, "-j", *options).out)
            assert report["difference"] is None, f"seed {seed} {options}"
            assert report["packets"] == 500, "packets"
            assert report["merged_packets"] + report["alone"] == 500, "conservation"
            assert report["segments"] == report["merged_packets"], "segments"
            assert (report["merged_packets"] > 0) == ("none" not in options and options != ("--burst", 1)), str(options)


def test_report(bench):
    """The report is a table of 80 columns, plain when not on a terminal."""
    path = bench.capture(mixture(1, 500))
    text = bench.replay_well("roundtrip", path).out.decode()
    assert "\033" not in text, "escape sequences"
    # the first line has the name that was given
    assert max(map(len, text.splitlines()[1:])) <= 80, "columns"
    for part in ("500 packets", "superpackets", "byte for byte as it came; order kept", "push_fin", "out_of_sequence",
                 "####"):
        assert part in text, "the report"
    assert "table_full" not in text, "reasons that did not occur"
    assert "table_full" in bench.replay_well("roundtrip", path, "-v").out.decode(), "-v"
    assert bench.replay_well("roundtrip", path, "-q").out == b"", "-q"
    compact = bench.replay_well("roundtrip", path, "-j").out
    pretty = bench.replay_well("roundtrip", path, "-p").out
    assert (compact.count(b"\n"), pretty.count(b"\n") > 20) == (1, True), "lines of JSON"
    reasons = json.loads(compact)["reasons"]
    assert sum(r["alone"] for r in reasons.values()) == json.loads(compact)["alone"], "sum of reasons"


def on_terminal(arguments, environment):
    """stdout and stderr are a terminal; what came out."""
    parent, child = pty.openpty()
    process = subprocess.Popen([COMMAND, "replay", *arguments], stdin=subprocess.DEVNULL, stdout=child,
                               stderr=child, env={**os.environ, **environment})
    os.close(child)
    text = b""
    try:
        while part := os.read(parent, 65536):
            text += part
    except OSError:  # all ends are closed
        pass
    os.close(parent)
    assert process.wait(60) == 0, "exit code"
    return text.decode()


def test_colour(bench):
    """On a terminal there is colour, but not for NO_COLOR or a dumb one."""
    path = bench.capture(mixture(2, 300))
    assert "\033[32m" in on_terminal(["roundtrip", path], {"TERM": "xterm", "NO_COLOR": ""}), "colour"
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb", "NO_COLOR": ""}):
        assert "\033[32m" not in on_terminal(["roundtrip", path], environment), str(environment)
