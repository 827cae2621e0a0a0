# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Damaged and foreign captures: a sentence with the offset, and what was read until then is kept."""

import fcntl
import os
import signal
import struct
import subprocess
import termios
import time

from bench import BASE_NS, COMMAND, DEADLINE
from capture_files import BIG, Record, read_pcapng, write_pcap, write_pcapng
from flows import packet_of


def some(cnt=4):
    return [Record(packet_of(sport=i, length=20).captured(), BASE_NS + i) for i in range(cnt)]


def merge_damaged(bench, data, kept, offset, what):
    path = bench.write("in", data)
    run = bench.replay("merge", path, "-w", bench.path("out"), "--json", bench.path("lines"))
    assert run.code == 1, f"{what}: exit code"
    assert f"in: damaged at byte {offset}, behind {kept} packets" in run.err, what
    assert len(read_pcapng(bench.read("out"))) == kept, f"{what}: packets kept"
    assert bench.read("lines").count(b"\n") == kept, f"{what}: lines kept"
    assert run.err.count("\n") == 1, f"{what}: one line"
    return path


def test_cut_off(bench):
    """A capture cut off at every byte of its last records."""
    for writer in (write_pcap, write_pcapng):
        sizes = [len(writer(some(cnt))) for cnt in range(5)]
        data = writer(some(4))
        for size in range(sizes[2] + 1, sizes[4]):
            if size == sizes[3]:
                continue
            kept = 2 if size < sizes[3] else 3
            merge_damaged(bench, data[:size], kept, sizes[kept], f"{writer.__name__} {size} bytes")


def test_verbs(bench):
    """The other verbs stop there too."""
    path = bench.write("in", write_pcap(some(4))[:-1])
    for arguments in (("cut", path, "--mss", 10, "-w", bench.path("out")), ("roundtrip", path)):
        run = bench.replay(*arguments)
        assert run.code == 1, "exit code"
        assert "behind 3 packets" in run.err, str(arguments)
        assert "3 packets" in run.out.decode(), str(arguments)
    assert len(read_pcapng(bench.read("out"))) == 6, "segments kept"


def test_pipes(bench):
    """The offset is told of what comes through a pipe, too, also beyond its buffer."""
    for writer in (write_pcap, write_pcapng):
        for cnt in (4, 20000):
            data, good = writer(some(cnt)), len(writer(some(cnt - 1)))
            run = bench.replay("roundtrip", "-", stdin=data[:-1])
            assert run.code == 1, "exit code"
            assert f"-: damaged at byte {good}, behind {cnt - 1} packets" in run.err, writer.__name__
    run = bench.replay("roundtrip", "-", stdin=b"not a capture at all")
    assert "at byte 4" in run.err, "what is no capture"


def test_lengths(bench):
    """Lengths beyond reason."""
    for length in (262145, 0x7FFFFFFF, 0xFFFFFFFF):
        data = bytearray(write_pcap(some(4)))
        at = len(write_pcap(some(2)))
        data[at + 8:at + 12] = struct.pack("<I", length)
        merge_damaged(bench, bytes(data), 2, at, f"captured length {length}")
    for order, form in ((BIG, ">I"), ("<", "<I")):
        for length in (0, 4, 11, 13, 0x7FFFFFFC, 0xFFFFFFFC):
            data = bytearray(write_pcapng(some(4), order))
            at = len(write_pcapng(some(2), order))
            data[at + 4:at + 8] = struct.pack(form, length)
            merge_damaged(bench, bytes(data), 2, at, f"block length {length}")
        for length in (29 + len(some(1)[0].data), 10000, 0xFFFFFFFF):
            data = bytearray(write_pcapng(some(4), order))
            data[at + 20:at + 24] = struct.pack(form, length)
            merge_damaged(bench, bytes(data), 2, at, f"captured length {length} in a block")


def test_foreign(bench):
    """What is no capture is refused, and nothing is overwritten."""
    out = bench.write("out", b"precious")
    for data in (b"", b"\n", b"\xd4", b"\xd4\xc3\xb2", b"\xd4\xc3\xb2\xa1" + bytes(10), b"not a capture at all" * 9,
                 b"\x1f\x8b\x08" + bytes(50), b"\n\r\r\n" + bytes(30), write_pcapng([])[:20]):
        path = bench.write("in", data)
        run = bench.replay("merge", path, "-w", out)
        assert (run.code, run.out) == (1, b""), f"exit code for {data[:8]}"
        assert "no capture (pcap or pcapng)" in run.err, str(data[:8])
        assert "at byte " in run.err, str(data[:8])
        assert ("it is empty" in run.err) == (not data), f"the reason for {data[:8]}"
        assert ("zcat" in run.err) == (data[:2] == b"\x1f\x8b"), f"a way out for {data[:8]}"
        assert bench.read("out") == b"precious", "OUT"


def test_link_types(bench):
    """A link type other than Ethernet is refused by name."""
    for writer in (write_pcap, write_pcapng):
        for number, name in ((113, "Linux cooked v1"), (101, "Raw IP"), (0, "BSD loopback")):
            path = bench.write("in", writer(some(), link_type=number))
            run = bench.replay("roundtrip", path)
            assert run.code == 1, "exit code"
            assert name in run.err, "the name"
            assert "only captures of Ethernet" in run.err, "the sentence"
            assert "tcpdump -i" in run.err, "the way out"


def test_unusable(bench):
    """Files that cannot be read or written are named."""
    path = bench.capture(some())
    os.mkdir(bench.path("directory"))
    for arguments, name in (
            (("roundtrip", bench.path("missing")), "missing: No such file or directory"),
            (("roundtrip", bench.path("directory")), "directory: Is a directory"),
            (("merge", path, "-w", bench.path("missing/out")), "missing/out: No such file or directory"),
            (("merge", path, "-w", bench.path("directory")), "directory: Is a directory"),
            (("merge", path, "-w", bench.path("out"), "--json", bench.path("missing/json")), "missing/json: No such"),
            (("merge", path, "-w", "/dev/full"), "/dev/full: No space left on device"),
            (("cut", path, "--mss", 10, "-w", bench.path("out"), "--json", "/dev/full"), "/dev/full: No space left")):
        run = bench.replay(*arguments)
        assert run.code == 1, f"exit code of {arguments}"
        assert name in run.err, str(arguments)
        assert run.err.count("\n") == 1, f"one line for {arguments}"


def test_full(bench):
    """A long capture to a full disk ends at once."""
    path = bench.capture([packet_of(sport=i) for i in range(2000)])
    run = bench.replay("merge", path, "-w", "/dev/full")
    assert run.code == 1, "exit code"
    assert run.err.count("No space left") == 1, "said once"


def test_same_file(bench):
    """The capture that is read is not overwritten, whatever its name."""
    path = bench.capture(some())
    before = bench.read("in.pcap")
    os.symlink("in.pcap", bench.path("link"))
    os.link(path, bench.path("hard"))
    for name in ("in.pcap", "link", "hard", "./in.pcap"):
        for arguments in (("-w", bench.path(name)), ("-w", bench.path("out"), "--json", bench.path(name))):
            run = bench.replay("merge", path, *arguments)
            assert run.code == 2, "exit code"
            assert "cannot be read and overwritten" in run.err, name
    run = bench.replay("merge", path, "-w", bench.path("out"), "--json", bench.path("out"))
    assert run.code == 2, "exit code"
    assert "cannot be both" in run.err, "OUT and FILE"
    run = bench.replay("merge", path, "-w", "-", "--json", "-")
    assert run.code == 2, "both on stdout"
    assert bench.read("in.pcap") == before, "the capture"


def waits_for_more(process):
    """It has read all, and sleeps."""
    unread, = struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)))
    with open(f"/proc/{process.pid}/stat") as file:
        return not unread and file.read().rsplit(")", 1)[1].split()[0] == "S"


def test_interrupted(bench):
    """Ctrl-C ends it; what was read until then is kept."""
    process = subprocess.Popen([COMMAND, "replay", "merge", "-", "-w", bench.path("out")], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(write_pcap(some(100)))
    process.stdin.flush()
    end = time.monotonic() + DEADLINE
    while not waits_for_more(process):
        assert time.monotonic() < end, "it reads"
    process.send_signal(signal.SIGINT)
    assert process.wait(DEADLINE) == 1, "exit code"
    with process.stdin, process.stdout, process.stderr:
        assert "-: interrupted" in process.stderr.read().decode(), "the sentence"
    assert len(read_pcapng(bench.read("out"))) == 100, "packets kept"
