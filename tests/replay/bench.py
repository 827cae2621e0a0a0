# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a test is, how it is run, and the command under test.

    @test("a superpacket ends at PSH")
    def push(bench): ...

A test gets a Bench with an empty directory, passes by returning, and fails by any exception: `expect`
makes readable ones. What must hold for every capture written and every JSON line (each packet
once, in order, numbers that agree) is checked by Bench.merge() and Bench.cut() themselves.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
from dataclasses import dataclass

from capture_files import Record, read_pcapng, write_pcap

BUILD = os.environ.get("SUPERPACKET_BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                            "..", "..", "build")
COMMAND = os.path.join(BUILD, "superpacket")
DEADLINE = 60
BASE_NS = 1_700_000_000_000_000_000

TESTS = []


class Test:
    def __init__(self, function, sentence, seconds):
        self.function, self.sentence, self.seconds = function, sentence, seconds
        self.module = function.__module__.removeprefix("test_")
        self.name = f"{self.module}/{function.__name__}"


def test(sentence, seconds=DEADLINE):
    def register(function):
        TESTS.append(Test(function, sentence, seconds))
        return function

    return register


class Failed(Exception):
    pass


def expect(got, want, what):
    if got != want:
        raise Failed(f"{what}: got {got!r}, want {want!r}")


def expect_in(part, text, what):
    if part not in text:
        raise Failed(f"{what}: no {part!r} in {text!r}")


@dataclass
class Result:
    test: Test
    reason: str
    seconds: float

    def show(self):
        print(f"{'FAIL' if self.reason else 'PASS'}  {self.test.name}: {self.test.sentence} "
              f"({self.seconds:.1f} s)", flush=True)
        for line in self.reason.splitlines():
            print(f"      {line}", flush=True)

    def tap(self, number):
        line = f"{'not ok' if self.reason else 'ok'} {number} - replay/{self.test.name}\n"
        return line + "".join(f"# {part}\n" for part in self.reason.splitlines())


def out_of_time(*_):
    raise Failed("the deadline of the test has passed")


def run_one(one):
    begin, reason = time.monotonic(), ""
    directory = tempfile.mkdtemp(prefix="spreplay-")
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(one.seconds)
    try:
        one.function(Bench(directory))
    except Exception:
        reason = traceback.format_exc()[-3000:]
    finally:
        signal.alarm(0)
        shutil.rmtree(directory)
    return Result(one, reason, time.monotonic() - begin)


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
        if run.code or run.err:
            raise Failed(f"{arguments} ended with {run.code}: {run.err}")
        return run

    def capture(self, packets, name="in.pcap", step_ns=1000):
        """A capture of packets that are described, or bytes, or records."""
        return self.write(name, write_pcap(records_of(packets, step_ns)))

    def lines(self):
        """What was written, each packet with its JSON line."""
        records = read_pcapng(self.read("out.pcapng"))
        fields = [json.loads(line) for line in self.read("lines.json").decode().splitlines()]
        expect(len(fields), len(records), "lines of JSON for the packets written")
        expect([f["out"] for f in fields], list(range(len(fields))), "numbers of the packets written")
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
            expect([line.segment for line in own], list(range(len(own))), "segments")
            expect({line.segs for line in own}, {len(own)}, "segs of packet %d" % number)
            expect({line.record.time_ns for line in own}, {record.time_ns}, "time")
            want += own
        expect([line.out for line in lines], [line.out for line in want], "order")
        return lines


def records_of(packets, step_ns):
    records = []
    for number, packet in enumerate(packets):
        if not isinstance(packet, Record):
            data = packet if isinstance(packet, bytes) else packet.bytes()
            packet = Record(data, BASE_NS + number * step_ns)
        records.append(packet)
    return records


def check_conservation(records, lines):
    inputs = [number for line in lines for number in getattr(line, "in")]
    expect(sorted(inputs), list(range(len(records))), "packets, each once")
    times = [line.record.time_ns for line in lines]
    expect(times, sorted(times), "times of delivery")
    for line in lines:
        numbers = getattr(line, "in")
        expect(numbers, sorted(numbers), "order within a superpacket")
        expect(line.segs, len(numbers), "segs")
        if line.segs > 1:
            expect(line.record.comment, f"superpacket: {line.segs} packets, gso_size {line.gso_size}, "
                   f"flushed: {line.flush}", "the comment")
            continue
        expect((line.gso_type, line.gso_size, line.record.comment), ("none", 0, ""), "a packet alone")
        source = records[numbers[0]]
        expect((line.record.data, line.record.original_len), (source.data, source.original_len),
               "bytes of a packet alone")
