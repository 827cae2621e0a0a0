# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What is merged, and what is said of it: against the model, then option by option."""

import json
import struct
import subprocess

from bench import BASE_NS, COMMAND
from capture_files import Record, write_pcap
from described import ACK, PSH, URG
from flows import checksums_right, in_tunnel, kinds_of_tunnels, packet_of, run_of
from packets import checksum
from superpackets import unfinished

TIMESTAMPS = b"\x01\x01\x08\x0a" + bytes(8)


def changed(at, **fields):
    """A run of six packets of which one has another field."""
    packets = run_of(6)
    packets[at] = packets[at].but(**fields)
    return packets


def reasons():
    """A sentence, the packets, and what becomes of them: how many, and why it ended there."""
    first, later = run_of(3), {"ip_id": 4}
    return [
        ("R17 PSH ends it", changed(4, flags=ACK | PSH), [(5, "push_fin"), (1, "burst_end")]),
        ("R18 a short segment ends it", first + run_of(2, seq=4000, length=100, **later),
         [(4, "short"), (1, "burst_end")]),
        ("R15 a larger one begins anew", run_of(3, length=500) + run_of(3, seq=2500, **later),
         [(3, "larger"), (3, "burst_end")]),
        ("R14 a gap", first + run_of(3, seq=5000, **later), [(3, "out_of_sequence"), (3, "burst_end")]),
        ("R6 a pure ACK", first + [packet_of(seq=4000, length=0, **later)], [(3, "no_data"), (1, "no_data")]),
        ("R9 URG", changed(3, flags=ACK | URG), [(3, "flags"), (1, "flags"), (2, "burst_end")]),
        ("R11 TTL", changed(3, ttl=63), [(3, "header"), (1, "header"), (2, "burst_end")]),
        ("R8 a wrong checksum", changed(3, l4_wrong=True), [(3, "checksum"), (1, "checksum"), (2, "burst_end")]),
        ("R20 UDP that was not asked for", run_of(2, udp=True), [(1, "not_served")] * 2),
        ("D2 a fragment", changed(3, offset=16), [(3, "fragment"), (1, "fragment"), (2, "burst_end")]),
        ("D2 IPv4 options", changed(3, ip_options=b"\1" * 4), [(3, "ip_options"), (1, "ip_options"), (2, "burst_end")]),
        ("R16 64 KB", run_of(50, length=1448), [(45, "bytes"), (5, "burst_end")]),
        ("D6 two flows in turn", [p for pair in zip(run_of(3), run_of(3, sport=1)) for p in pair],
         [(3, "burst_end")] * 2),
    ]


def verdicts(lines):
    return [(getattr(line, "in"), line.flush) for line in lines]


def test_reasons(bench):
    """Each packet is said to have gone up in which superpacket, and why that ended."""
    for sentence, packets, want in reasons():
        lines = bench.merge(packets)
        assert [(line.segs, line.flush) for line in lines] == want, sentence


def test_limits(bench):
    """The options --burst, --max-packets and --max-bytes end superpackets where they say."""
    for option, limit, want in (("burst", 1, [1] * 50), ("burst", 7, [7] * 7 + [1]), ("burst", 50, [50]),
                                ("max-packets", 2, [2] * 25), ("max-packets", 49, [49, 1]),
                                ("max-bytes", 1000, [1] * 50), ("max-bytes", 2040, [2] * 25),
                                ("max-bytes", 2039, [1] * 50), ("max-bytes", 20000, [19, 19, 12])):
        lines = bench.merge(run_of(50), f"--{option}", limit)
        assert [line.segs for line in lines] == want, f"--{option} {limit}"


def test_bytes_and_checksums(bench):
    """A superpacket in the capture is one packet with all bytes and right checksums."""
    for version in (4, 6):
        packets = run_of(9, version=version, options=TIMESTAMPS)
        packets[8] = packets[8].but(flags=ACK | PSH)
        line, = bench.merge(packets)
        # described as one packet, it is exactly this
        whole = packets[0].but(length=9000, flags=ACK | PSH)
        assert line.record.data == whole.captured(), "the superpacket"
        assert checksums_right(line.record.data), "checksums, as scapy has them"


def test_merge_list(bench):
    """Only what --merge names is merged; none merges nothing."""
    packets = run_of(4) + run_of(4, udp=True, sport=1)
    assert [line.segs for line in bench.merge(packets, "--merge", "none")] == [1] * 8, "none"
    assert [line.segs for line in bench.merge(packets, "--merge", "tcp")] == [1] * 4 + [4], "tcp"
    for merged in ("udp", "tcp,udp", "udp,tcp,vxlan,geneve,gre,ipip"):
        lines = bench.merge(packets, "--merge", merged)
        udp = [line for line in lines if line.gso_type == "udp"]
        assert [(line.segs, line.gso_size) for line in udp] == [(4, 1000)], merged
        assert checksums_right(udp[0].record.data), "checksum of " + merged
        assert any(line.gso_type == "tcpv4" for line in lines) == ("tcp" in merged), "TCP with " + merged


def test_hold(bench):
    """A packet held across bursts goes at its deadline, before whatever comes later."""
    def record(packet, us):
        return Record(packet.captured(), BASE_NS + us * 1000)

    first, second, third, fourth = run_of(4)
    other = packet_of(sport=1)
    records = [record(first, 0), record(second, 60), record(other, 99), record(third, 100),
               record(fourth, 150)]
    lines = bench.merge(records, "--burst", 1, "--hold", 100)
    assert verdicts(lines) == [([0, 1], "age"), ([2], "age"), ([3, 4], "age")], "deliveries"
    assert [(line.record.time_ns - BASE_NS) // 1000 for line in lines] == [100, 199, 200], (
        "times of delivery: deadlines")
    records[3] = record(third, 99)
    lines = bench.merge(records, "--burst", 1, "--hold", 100)
    assert verdicts(lines) == [([0, 1, 3], "age"), ([2], "age"), ([4], "age")], "one that came just before the deadline"


def test_time_steps_back(bench):
    """Time that steps back stands still, and is reported."""
    packets = run_of(3)
    records = [Record(p.captured(), BASE_NS + us * 1000) for p, us in zip(packets, (100, 50, 99))]
    lines = bench.merge(records, "--burst", 1)
    assert {line.record.time_ns for line in lines} == {BASE_NS + 100_000}, "times"
    run = bench.replay_well("merge", bench.path("in.pcap"), "-w", bench.path("out.pcapng"))
    assert "2 with a time before" in run.out.decode(), "the report"


def test_snapped(bench):
    """A packet that a snap length has cut off passes as it is, in order, and is counted."""
    packets = run_of(6)
    records = [Record(p.captured(), BASE_NS + i) for i, p in enumerate(packets)]
    whole = records[2].data
    for captured in (len(whole) - 1, 200, 60, 54, 40, 20, 14, 5, 1, 0):
        records[2] = Record(whole[:captured], BASE_NS + 2, len(whole))
        lines = bench.merge(records)
        alone = [line for line in lines if getattr(line, "in") == [2]]
        assert len(alone) == 1, f"delivered alone with {captured} bytes captured"
        if captured >= 34:  # the addresses are known: D1 holds
            assert [getattr(line, "in") for line in lines] == [[0, 1], [2], [3, 4, 5]], f"{captured} bytes"
    # only its padding was cut off
    padded = run_of(6, length=2, pad=4)
    records = [Record(p.captured(), BASE_NS + i) for i, p in enumerate(padded)]
    records[2] = Record(records[2].data[:-3], BASE_NS + 2, len(records[2].data))
    lines = bench.merge(records)
    assert [getattr(line, "in") for line in lines] == [[0, 1], [2], [3, 4, 5]], "padding cut off"
    run = bench.replay_well("merge", bench.path("in.pcap"), "-w", bench.path("out.pcapng"))
    assert "1 cut off by a snap length" in run.out.decode(), "the report"


def test_checksums_reported(bench):
    """Wrong and unfinished checksums are reported."""
    packets = run_of(5)
    packets[1] = packets[1].but(l4_wrong=True)
    packets[3] = unfinished(packets[3], None)[0]
    bench.capture(packets)
    run = bench.replay_well("merge", bench.path("in.pcap"), "-w", bench.path("out.pcapng"))
    assert "2 with wrong or unfinished checksums" in run.out.decode(), "the report"
    assert "ethtool -K IF tx off" in run.out.decode(), "the way out"


def test_unserved(bench):
    """Who has to ask for more than TCP is told so."""
    for udp, served, told in ((6, ("tcp",), True), (6, ("tcp,udp",), False), (5, ("tcp",), False)):
        path = bench.capture([packet_of(udp=i < udp, ip_id=i) for i in range(10)])
        run = bench.replay_well("merge", path, "-w", bench.path("out"), "--merge", *served)
        assert ("not served: other protocols" in run.out.decode()) == told, f"{udp} of UDP, --merge {served[0]}"


def test_sizes(bench):
    """Captured superpackets, jumbo frames and tiny packets pass through the pool."""
    packets = [packet_of(length=length, seq=5, sport=flow) for flow, length in
               enumerate((0, 1, 1400, 1900, 2000, 4000, 9000, 64000))]
    lines = bench.merge(packets + [b"", b"\x00", b"\xff" * 13, b"\x02" * 12 + b"\x08\x06" + b"arp" * 9])
    assert [line.segs for line in lines] == [1] * 12, "nothing merged"
    large = run_of(7, length=9000)
    assert [line.segs for line in bench.merge(large)] == [7], "jumbo frames"


def test_pool(bench):
    """More than the pool holds is flushed, and nothing is lost. Each packet is a flow of its own and waits for the end
    of the burst: 300 MB, of which 256 MB are had."""
    packet = bytearray(packet_of(length=60000).captured())
    records = []
    for flow in range(5000):
        records.append(Record(bytes(packet), BASE_NS))
        port, = struct.unpack("!H", packet[34:36])
        value, = struct.unpack("!H", packet[50:52])
        packet[34:36] = struct.pack("!H", port + 1)
        packet[50:52] = struct.pack("!H", (value - 1) % 0xFFFF)
    path = bench.capture(records)
    run = bench.replay_well("merge", path, "-w", "/dev/null", "--burst", 65536, "-j", "--json",
                            bench.path("lines.json"))
    report = json.loads(run.out)
    assert (report["packets"], report["written_packets"], report["checksum_errors"]) == (5000, 5000, 0), "packets"
    assert report["pool_full"] > 0, "the pool was full"
    lines = [json.loads(line) for line in bench.read("lines.json").splitlines()]
    assert sorted(line["in"][0] for line in lines) == list(range(5000)), "each once"


def test_big_tcp(bench):
    """BIG TCP: superpackets beyond 64 KB for IPv6, with --max-bytes."""
    packets = run_of(100, version=6, length=1428) + run_of(60, length=1448, sport=1)
    lines = bench.merge(packets, "--burst", 1000, "--max-bytes", 200000)
    big = [line for line in lines if line.gso_type == "tcpv6"]
    assert [line.segs for line in big] == [100], "one superpacket"
    data = big[0].record.data
    assert len(data) == 14 + 40 + 8 + 20 + 100 * 1428, "length, with a jumbo payload option"
    assert data[14 + 4:14 + 7] + data[54:58] == b"\0\0\0" + b"\x06\0\xc2\x04", "length 0 and the option (RFC 2675)"
    segment = data[62:]
    pseudo = data[22:54] + struct.pack("!II", len(segment), 6)
    assert checksum(pseudo + segment) == 0, "the TCP checksum"
    assert max(line.segs for line in lines if line.gso_type == "tcpv4") == 45, "IPv4 stays below"
    line, = bench.merge(run_of(350, version=6, length=1428), "--burst", 10**9, "--max-bytes", 524280)
    assert (len(line.record.data), line.record.original_len) == (262144, 14 + 40 + 8 + 20 + 350 * 1428), (
        "beyond what readers take it is cut off")


def test_tunnels(bench):
    """Tunnels that are named are merged within, all checksums finished."""
    for kind, outer, with_checksum in kinds_of_tunnels():
        for inner in (4, 6):
            what = f"{kind} {inner} in {outer}, outer checksum {with_checksum}"
            packets = in_tunnel(run_of(6, version=inner), kind, outer, with_checksum)
            assert [line.segs for line in bench.merge(packets)] == [1] * 6, what + ", not asked for"
            line, = bench.merge(packets, "--merge", f"tcp,{kind}")
            assert (line.gso_type, line.gso_size) == (f"tcpv{inner}", 1000), what
            assert line.record.data == packets[0].but(length=6000).captured(), what
            run = bench.replay_well("roundtrip", bench.path("in.pcap"), "--merge", f"tcp,{kind}", "-j")
            assert json.loads(run.out)["segments"] == 6, what + ", and back"


def test_adaptive(bench):
    """Without --adaptive verdicts depend on the rules alone; with it, what never gains is left alone."""
    packets = [packet_of(seq=1000 + i * 5000, ip_id=i, length=100) for i in range(3000)]
    lines = bench.merge(packets)
    assert {line.flush for line in lines} == {"out_of_sequence", "burst_end"}, "by the rules alone"
    lines = bench.merge(packets, "--adaptive")
    assert {line.flush for line in lines} - {"burst_end"} == {"out_of_sequence", "left_alone"}, "--adaptive"
    alone = sum(line.flush == "left_alone" for line in lines)
    assert alone > 2500, f"nearly all are left alone, {alone} of 3000"


# A small process of its own: what is forked counts the memory of the process above it.
PEAK = """
import os, resource, sys
status = os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def test_memory(bench):
    """Captures of any size: the memory does not grow."""
    peaks = []
    for copies in (1, 20):
        block = write_pcap([Record(packet_of().captured(), BASE_NS)] * 4000)
        path = bench.write("in.pcap", block + block[24:] * (copies - 1))
        done = subprocess.run(["/usr/bin/python3", "-SEc", PEAK, COMMAND, "replay", "merge", path, "-w",
                               bench.path("out.pcapng"), "-q"], capture_output=True, text=True)
        assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr}"
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 4096, f"20 times the packets in less than 4 MB more, {peaks} kB"
