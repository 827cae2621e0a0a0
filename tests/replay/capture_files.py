# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Capture files, written and read without the code under test and without libpcap.

A Record is a packet of a capture. write_pcap() and write_pcapng() return the bytes of a file in
either byte order; read_pcapng() reads what superpacket has written, comments too, and insists on every
length being right.
"""

import struct
from dataclasses import dataclass

ETHERNET = 1
BIG, LITTLE = ">", "<"


@dataclass
class Record:
    data: bytes
    time_ns: int = 0
    original_len: int = 0  # 0: nothing was cut off
    comment: str = ""

    def __post_init__(self):
        self.original_len = self.original_len or len(self.data)


def write_pcap(records, order=LITTLE, nanoseconds=True, link_type=ETHERNET, snap_len=262144):
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap_len, link_type)]
    unit = 1 if nanoseconds else 1000
    for record in records:
        seconds, rest = divmod(record.time_ns, 10**9)
        out.append(struct.pack(order + "IIII", seconds, rest // unit, len(record.data), record.original_len))
        out.append(record.data)
    return b"".join(out)


def block(order, kind, body):
    length = 12 + len(body)
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def padded(data):
    return data + bytes(-len(data) % 4)


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + padded(value)


def write_pcapng(records, order=LITTLE, nanoseconds=True, link_type=ETHERNET, snap_len=262144):
    """With blocks and options that a reader has to skip."""
    out = [block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))]
    options = option(order, 2, b"eth0")
    if nanoseconds:
        options += option(order, 9, b"\x09")
    options += option(order, 0, b"")
    out.append(block(order, 1, struct.pack(order + "HHI", link_type, 0, snap_len) + options))
    for number, record in enumerate(records):
        if number == 1:  # an unknown block, to be skipped
            out.append(block(order, 0x40000BAD, bytes(12)))
        time = record.time_ns if nanoseconds else record.time_ns // 1000
        body = struct.pack(order + "IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(record.data),
                           record.original_len)
        body += padded(record.data)
        if record.comment:
            body += option(order, 1, record.comment.encode()) + option(order, 0, b"")
        out.append(block(order, 6, body))
    return b"".join(out)


def read_options(body):
    options = {}
    while body:
        code, length = struct.unpack("<HH", body[:4])
        if code == 0:
            assert length == 0 and len(body) == 4, "bytes behind the end of options"
            return options
        options[code] = body[4:4 + length]
        assert not any(body[4 + length:4 + length + -length % 4]), "padding is not zero"
        body = body[4 + length + -length % 4:]
    return options


def read_pcapng(data):
    """The packets of a file with one section, one interface, nanoseconds."""
    records, kinds = [], []
    data = memoryview(data)
    while data:
        kind, length = struct.unpack("<II", data[:8])
        assert length % 4 == 0 and 12 <= length <= len(data), f"block length {length}"
        assert struct.unpack("<I", data[length - 4:length])[0] == length, "lengths of a block differ"
        body, data = bytes(data[8:length - 4]), data[length:]
        kinds.append(kind)
        if kind == 0x0A0D0D0A:
            assert struct.unpack("<IHH", body[:8]) == (0x1A2B3C4D, 1, 0)
            assert read_options(body[16:])[4].startswith(b"superpacket ")
        elif kind == 1:
            assert struct.unpack("<HHI", body[:8]) == (ETHERNET, 0, 262144)
            assert read_options(body[8:])[9] == b"\x09", "not in nanoseconds"
        elif kind == 6:
            number, high, low, captured, original = struct.unpack("<IIIII", body[:20])
            assert number == 0
            options = read_options(body[20 + captured + -captured % 4:])
            records.append(Record(body[20:20 + captured], high << 32 | low, original,
                                  options.get(1, b"").decode()))
        else:
            raise AssertionError(f"a block of type {kind}")
    assert kinds[:2] == [0x0A0D0D0A, 1], "does not begin with a section and an interface"
    return records
