# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Hostile frames on the wire, and hostile virtio headers, against builds with AddressSanitizer and UBSan."""

import os
import re
import signal
import subprocess
import time

import pytest

from crowd import Crowd
from daemon import Daemon, add_up
from drill import DRILL, carrying
from lab import BUILD, wait_until
from wire import Wire

pytestmark = DRILL

ASAN = os.path.join(BUILD, "asan", "superpacketd")
FUZZ = os.path.join(BUILD, "fuzz", "tests")
HOSTILE = os.path.join(BUILD, "tests", "hostile")
CORPUS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fuzz", "corpus")
MILLION = 1000000
FUZZED = {"gso": ("hostile virtio headers", MILLION), "parse": ("hostile packets, parsed", MILLION),
          "gro": ("hostile streams, merged", MILLION // 10)}  # each of which has many packets
RATE = 40000    # frames a second: what a daemon with sanitizers takes in
ALL = "tcp,udp,vxlan,geneve,gre,ipip"
# Connections beside the attack: few, since a daemon with sanitizers is slow.
FEW = {"count": 5, "chunk": 1024, "period": "50ms"}


def sanitized(drill, wire, *options):
    if not os.path.exists(ASAN):
        pytest.skip(f"{ASAN} is not built: make drills")
    return Daemon(drill.lab, wire.host, wire.nic, "--merge", ALL, "--hold", "200us", *options, program=ASAN)


def attack(drill, wire, daemon, mac, count):
    """Sends until so many frames have reached the daemon; how many were sent."""
    begin, sent, part, seed = daemon.total()["rx_packets"], 0, max(count // 10, 1000), 0
    deadline = time.monotonic() + 60 + 20 * count / RATE
    while daemon.total()["rx_packets"] - begin < count:
        assert time.monotonic() < deadline, f"only {daemon.total()['rx_packets'] - begin} of {sent} frames came"
        seed += 1
        wire.peer.run(HOSTILE, wire.wire, mac, wire.HOST4, wire.HOST6, str(part), str(RATE), str(seed), seconds=60)
        sent += part
        assert daemon.process.running(), f"the daemon ended with {daemon.process.popen.returncode}: {report(daemon)}"
        drill.say(f"{daemon.total()['rx_packets'] - begin} of {count} frames have reached the daemon, {sent} were sent")
    return sent


def report(daemon):
    said = daemon.process.stderr()
    found = re.search(r"(ERROR: \w+Sanitizer|runtime error)", said)
    return said[max(0, found.start() - 200):][:3000] if found else said[-1000:]


def expect_sound(daemon):
    """Frames and packets add up, and it carries on."""
    total = daemon.total()
    wait_until(lambda: not add_up(daemon.total()), 5, lambda: f"counters add up: {add_up(daemon.total())}")
    missing = {name: total[name] for name in ("frames_missing", "slots_missing", "buffers_missing") if total[name]}
    assert not missing, f"missing: {missing}"
    carrying(daemon)


def expect_good_end(daemon):
    daemon.process.signal(signal.SIGTERM)
    daemon.process.wait(60, None)
    said, code = daemon.process.stderr(), daemon.process.popen.returncode
    assert code == 0 and "Sanitizer" not in said and "runtime error" not in said, f"ended with {code}: {report(daemon)}"


@pytest.mark.parametrize("mode", ["inline", "port"])
def test_frames(drill, mode):
    """Hostile frames: no report of a sanitizer, every frame accounted for, no connection beside them lost."""
    lab = drill.lab
    wire, count = Wire(lab, host_addresses=mode == "inline"), drill.count(MILLION)
    tap = lab.unique("tap")
    daemon = sanitized(drill, wire, *(("--mode", "port", "--tap", tap) if mode == "port" else ()))
    if mode == "port":
        wire.address_host(wire.host, tap)
    crowd = Crowd(lab, wire.host, wire.peer, [wire.PEER4, wire.PEER6], **FEW)
    before = daemon.total()
    sent = attack(drill, wire, daemon, wire.host.mac(wire.nic), count)
    after = daemon.total()
    merged, errors = (after[name] - before[name] for name in ("rx_superpackets", "rx_checksum_errors"))
    expect_sound(daemon)
    lost, wrong, why = crowd.finish()
    expect_good_end(daemon)
    drill.row(f"hostile frames, {mode}, ASan and UBSan", count, f"{lost} of {2 * crowd.count}", wrong, measured="sent",
              ours=str(sent), note=f"{merged} superpackets, {errors} checksum errors, 0 faults")
    assert lost == 0 and wrong == 0, f"{lost} connections lost, {wrong} bytes wrong: {why}"


@pytest.mark.parametrize("target", FUZZED)
def test_fuzzed(drill, target):
    """Hostile virtio headers, packets and streams, as libFuzzer finds them; no kernel can send these to a daemon."""
    name, whole = FUZZED[target]
    program, count = os.path.join(FUZZ, f"fuzz_{target}"), drill.count(whole)
    if not os.path.exists(program):
        pytest.skip(f"{program} is not built: make drills")
    found = os.path.join(drill.lab.tmp, "corpus")
    os.mkdir(found)
    process = drill.lab.start([program, f"-runs={count}", f"-artifact_prefix={BUILD}/fuzz/{target}-", "-timeout=20",
                               "-rss_limit_mb=2048", "-max_len=5000", "-print_final_stats=1", found,
                               os.path.join(CORPUS, target)], name=f"fuzz-{target}")
    try:
        process.popen.wait(1800)
    except subprocess.TimeoutExpired:
        process.kill()
    assert process.popen.returncode == 0, f"{program} ended with {process.popen.returncode}: {process.stderr()[-3000:]}"
    runs = int(re.search(r"number_of_executed_units:\s*(\d+)", process.stderr())[1])
    drill.row(f"{name}, ASan and UBSan", runs, note="0 faults")
