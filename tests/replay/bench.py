# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The command under test, on generated captures; no root, no network.

What must hold for every capture written and every JSON line (each packet once, in order, numbers that agree) is
checked by Bench.merge() and Bench.cut() themselves.
"""

import json
import os
import subprocess
from dataclasses import dataclass

from capture_files import Record, read_pcapng, write_pcap
from lab import BUILD

COMMAND = os.path.join(BUILD, "superpacket")
DEADLINE = 60
BASE_NS = 1_700_000_000_000_000_000


@dataclass
class Run:
    code: int
    out: bytes
    err: str


@dataclass
class Line:
    """A line of JSON and the packet that it is about."""
    fields: dict
    record: Record

    def __getattr__(self, name):
        return self.fields[name]


class Bench:
    def __init__(self, directory):
        self.directory = directory

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def replay(self, *arguments, stdin=b"", environment=None):
        process = subprocess.run([COMMAND, "replay", *map(str, arguments)], input=stdin,
                                 capture_output=True, timeout=DEADLINE,
                                 env={**os.environ, "LC_ALL": "C", **(environment or {})})
        return Run(process.returncode, process.stdout, process.stderr.decode())

    def replay_well(self, *arguments, **keywords):
        run = self.replay(*arguments, **keywords)
        assert not run.code and not run.err, f"{arguments} ended with {run.code}: {run.err}"
        return run

    def capture(self, packets, name="in.pcap", step_ns=1000):
        """A capture of packets that are described, or bytes, or records."""
        return self.write(name, write_pcap(records_of(packets, step_ns)))

    def lines(self):
        """What was written, each packet with its JSON line."""
        records = read_pcapng(self.read("out.pcapng"))
        fields = [json.loads(line) for line in self.read("lines.json").decode().splitlines()]
        assert len(fields) == len(records), "lines of JSON for the packets written"
        assert [f["out"] for f in fields] == list(range(len(fields))), "numbers of the packets written"
        return [Line(f, record) for f, record in zip(fields, records)]

    def merge(self, packets, *options, step_ns=1000):
        """Merges; returns the lines after checking what must always hold."""
        records = records_of(packets, step_ns)
        path = self.capture(records)
        self.replay_well("merge", path, "-w", self.path("out.pcapng"), "--json",
                         self.path("lines.json"), *options)
        lines = self.lines()
        check_conservation(records, lines)
        return lines

    def cut(self, packets, mss):
        """Cuts; returns the lines after checking that each packet is there, in order."""
        records = records_of(packets, 1000)
        path = self.capture(records)
        self.replay_well("cut", path, "--mss", mss, "-w", self.path("out.pcapng"), "--json",
                         self.path("lines.json"))
        lines = self.lines()
        want = []
        for number, record in enumerate(records):
            own = [line for line in lines if getattr(line, "in") == [number]]
            assert [line.segment for line in own] == list(range(len(own))), "segments"
            assert {line.segs for line in own} == {len(own)}, "segs of packet %d" % number
            assert {line.record.time_ns for line in own} == {record.time_ns}, "time"
            want += own
        assert [line.out for line in lines] == [line.out for line in want], "order"
        return lines


def records_of(packets, step_ns):
    records = []
    for number, packet in enumerate(packets):
        if not isinstance(packet, Record):
            data = packet if isinstance(packet, bytes) else packet.captured()
            packet = Record(data, BASE_NS + number * step_ns)
        records.append(packet)
    return records


def check_conservation(records, lines):
    inputs = [number for line in lines for number in getattr(line, "in")]
    assert sorted(inputs) == list(range(len(records))), "packets, each once"
    times = [line.record.time_ns for line in lines]
    assert times == sorted(times), "times of delivery"
    for line in lines:
        numbers = getattr(line, "in")
        assert numbers == sorted(numbers), "order within a superpacket"
        assert line.segs == len(numbers), "segs"
        if line.segs > 1:
            comment = f"superpacket: {line.segs} packets, gso_size {line.gso_size}, flushed: {line.flush}"
            assert line.record.comment == comment
            continue
        assert (line.gso_type, line.gso_size, line.record.comment) == ("none", 0, ""), "a packet alone"
        source = records[numbers[0]]
        assert (line.record.data, line.record.original_len) == (source.data, source.original_len), (
            "bytes of a packet alone")
