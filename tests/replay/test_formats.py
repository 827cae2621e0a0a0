# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every kind of capture file is read, whole and to the nanosecond, and pipes are."""

import json

from bench import BASE_NS
from capture_files import BIG, LITTLE, Record, read_pcapng, write_pcap, write_pcapng
from flows import packet_of


def some():
    return [Record(packet_of(sport=i, length=100 + i).captured(), BASE_NS + i * 1_234_567, comment="hello")
            for i in range(20)]


def test_kinds(bench):
    """Pcap and pcapng, both byte orders, micro- and nanoseconds."""
    for writer in (write_pcap, write_pcapng):
        for order in (BIG, LITTLE):
            for nanoseconds in (True, False):
                records = some()
                path = bench.write("in", writer(records, order, nanoseconds))
                bench.replay_well("merge", path, "-w", bench.path("out"), "--burst", 1)
                written = read_pcapng(bench.read("out"))
                what = f"{writer.__name__} {order} nanoseconds={nanoseconds}"
                unit = 1 if nanoseconds else 1000
                assert [r.data for r in written] == [r.data for r in records], what
                assert [r.time_ns for r in written] == [r.time_ns // unit * unit for r in records], what


def test_again(bench):
    """A capture written is read again, by itself and by scapy."""
    import logging

    logging.getLogger("scapy").setLevel(logging.ERROR)  # it expects comments to end with a newline
    from scapy.utils import PcapNgReader

    packets = [packet_of(seq=1000 + i * 1000, ip_id=i + 1).captured() for i in range(30)]
    bench.merge(packets)
    path = bench.path("out.pcapng")
    with PcapNgReader(path) as reader:
        assert [bytes(p) for p in reader] == [r.data for r in read_pcapng(bench.read("out.pcapng"))], "scapy"
    run = bench.replay_well("roundtrip", path, "-j")
    assert json.loads(run.out)["packets"] == 1, "packets"


def test_pipes(bench):
    """A file named - is stdin or stdout; the report then goes to stderr."""
    records = some()
    for writer in (write_pcap, write_pcapng):
        run = bench.replay("merge", "-", "-w", "-", stdin=writer(records), environment={"NO_COLOR": "1"})
        assert run.code == 0, "exit code"
        assert sorted(r.data for r in read_pcapng(run.out)) == sorted(r.data for r in records), "packets"
        assert "20 packets" in run.err, "the report"
    path = bench.capture(records)
    run = bench.replay("cut", path, "--mss", 50, "-w", bench.path("out"), "--json", "-", "-q")
    assert run.err == "", "quiet"
    assert len([json.loads(line) for line in run.out.splitlines()]) == len(read_pcapng(bench.read("out"))), "lines"


def test_empty(bench):
    """Captures without a packet are captures."""
    for writer in (write_pcap, write_pcapng):
        path = bench.write("in", writer([]))
        for arguments in (("merge", path, "-w", bench.path("out")),
                          ("cut", path, "--mss", 9, "-w", bench.path("out")), ("roundtrip", path)):
            run = bench.replay_well(*arguments)
            assert "0 packets" in run.out.decode(), "the report"
        assert read_pcapng(bench.read("out")) == [], "packets"


def test_odd_times(bench):
    """Times before 1970 and beyond reason are clamped, not believed."""
    records = [Record(packet_of(sport=i).captured(), time) for i, time in
               enumerate((0, 5, 2**64 - 1, 2**63, 7))]
    path = bench.write("in", write_pcapng(records))
    bench.replay_well("merge", path, "-w", bench.path("out"), "--hold", 3600000000)
    times = [r.time_ns for r in read_pcapng(bench.read("out"))]
    assert (len(times), times) == (5, sorted(times)), "times of delivery"
