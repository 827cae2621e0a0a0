# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What Linux GRO makes of a burst of packets, and what ours does.

The kernel's verdicts come from a veth with GRO. Alone, its NAPI would run once for every frame that
is sent and never have two to merge. So its polls are put on a timer (napi_defer_hard_irqs,
gro_flush_timeout): the frames of a burst wait in the ring until the next tick and are then offered
to GRO in one go. That this was so is not assumed but seen, for every burst: it stands between two
packets of a flow of its own, which must come out as one superpacket. Where they do not, a tick
fell into the burst, which is then sent again.
"""

import json
import os
import struct
from dataclasses import dataclass

from capture import NEEDS_CSUM
from described import GENEVE_PORT, INNER_B, MAC_B, VNI, VXLAN_PORT, stream, with_outer_checksum
from into_kernel import IntoKernel
from lab import BUILD, Failed
from packets import checksum

SUPERPACKET = os.path.join(BUILD, "superpacket")
TICK_NS = 5_000_000  # longer than a jiffy of 250 Hz: nothing is held beyond the second tick
POLLS = 1_000_000    # on the timer before interrupts would come back: more than an hour
NAPI_BUDGET = 64     # packets of one poll; behind them the kernel flushes
ATTEMPTS = 50        # at a burst that no tick falls into
GSO_UDP, GSO_ECN = 5, 0x80
GSO_TYPES = {1: "tcpv4", 4: "tcpv6", GSO_UDP: "udp"}
MARKS = stream(2, host=250, sport=9, length=8)  # the flow around each burst
LONGEST_BURST = NAPI_BUDGET - len(MARKS)


@dataclass(frozen=True)
class Output:
    """One delivery: the packets in it by their numbers, and what it is."""
    packets: tuple
    gso_type: str
    gso_size: int
    frame: bytes

    def __str__(self):
        kind = f" {self.gso_type} of {self.gso_size}" if len(self.packets) > 1 else ""
        return f"{list(self.packets)}{kind}"


class KernelGro(IntoKernel):
    """kind: of the tunnels that it has to look into, as Outer names them."""

    def __init__(self, lab, kind):
        super().__init__(lab)
        self.receiver.run("ethtool", "-K", "in", "gro", "on", "rx-udp-gro-forwarding", "on")
        self.tunnels = self._tunnels(kind)
        self._poll_on_a_timer()

    def _tunnels(self, kind):
        """Into a tunnel over UDP the kernel looks only where one of its own ends; into the others always.
        Returns whether it can."""
        ns = self.receiver
        ns.ip("link", "set", "dev", "in", "address", MAC_B.hex(":"))
        ports = {"vxlan": VXLAN_PORT, "geneve": GENEVE_PORT}
        if kind not in ports:
            return True
        end = "local" if kind == "vxlan" else "remote"
        for version, address in ((4, "192.0.2.2"), (6, "2001:db8:ffff::2")):
            added = ns.ip("link", "add", "name", f"tunnel{version}", "address", INNER_B.hex(":"),
                          "type", kind, "id", str(VNI + version), "dstport", str(ports[kind]),
                          end, address, check=False)
            if added.returncode != 0:
                return False
            ns.up(f"tunnel{version}")
        return True

    def _poll_on_a_timer(self):
        for key, value in (("napi_defer_hard_irqs", POLLS), ("gro_flush_timeout", TICK_NS)):
            self.lab.run(self.receiver.argv(["sh", "-c", f"echo {value} > /sys/class/net/in/{key}"],
                                            mounts=True))

    def outcome(self, sequence):
        """The deliveries, in their order."""
        assert len(sequence) <= LONGEST_BURST, f"{len(sequence)} packets do not fit into one poll"
        for _ in range(ATTEMPTS):
            outputs, whole = self._burst(sequence)
            if whole:
                return outputs
        raise Failed(f"no burst of {len(sequence)} packets in one poll, {ATTEMPTS} times")

    def _burst(self, sequence):
        frames = [packet.frame(number) for number, packet in enumerate(sequence)]
        begin, end = (mark.frame(number) for number, mark in enumerate(MARKS))
        for frame in (begin, *frames, end):
            self.write(frame)
        waiting, outputs = dict(enumerate(frames)), []
        marks_left, whole = len(MARKS), False
        while waiting or marks_left:
            got = self.receive(lambda: f"packets {sorted(waiting)}")
            if is_mark(got.frame):
                whole = got.gso_type != 0
                marks_left -= 2 if whole else 1
                continue
            output = recognise(got, sequence, waiting)
            for number in output.packets:
                del waiting[number]
            outputs.append(output)
        return outputs, whole


def is_mark(frame):
    return frame[12:14] == b"\x08\x00" and frame[29] == MARKS[0].host


def recognise(got, sequence, waiting):
    """Which of the waiting packets a captured one is made of: every payload begins with its number."""
    if got.gso_type == 0:
        for number, frame in waiting.items():
            if frame == got.frame:
                return Output((number,), "none", 0, frame)
        raise Failed(f"a packet that nobody has sent: {got.frame[:80].hex()}")
    assert got.flags & NEEDS_CSUM, "a superpacket has no unfinished checksum"
    at = got.csum_start + (8 if got.gso_type == GSO_UDP else (got.frame[got.csum_start + 12] >> 4) * 4)
    numbers = []
    while at < len(got.frame):
        number = got.frame[at]
        assert number in waiting, f"payload of a packet that was not sent at byte {at}"
        payload = sequence[number].payload(number)
        assert got.frame[at:at + len(payload)] == payload, f"the payload of packet {number} has changed"
        numbers.append(number)
        at += len(payload)
    kind = GSO_TYPES[got.gso_type & ~GSO_ECN]
    return Output(tuple(numbers), kind, got.gso_size, finished(got, sequence[numbers[0]].outer))


def finished(got, outer):
    """The frame with the checksums that the kernel has left to whoever goes on with it (D7)."""
    frame, field = bytearray(got.frame), got.csum_start + got.csum_offset
    total = checksum(got.frame[got.csum_start:])
    struct.pack_into("!H", frame, field, total or (0xFFFF if got.gso_type == GSO_UDP else 0))
    if outer:
        at = 14 + outer.ip_length
        frame[at:] = with_outer_checksum(outer, bytes(frame[at:]))
    return bytes(frame)


# ---- ours ----


def our_outcomes(lab, sequences, merge):
    """The deliveries of every sequence. One run of the command takes all sequences of a length, each
    as a burst of its own."""
    outcomes = [None] * len(sequences)
    for length in sorted({len(sequence) for sequence in sequences}):
        indexes = [i for i, sequence in enumerate(sequences) if len(sequence) == length]
        outputs = replay(lab, [sequences[i] for i in indexes], length, merge)
        for at, index in enumerate(indexes):
            outcomes[index] = [
                Output(tuple(n - at * length for n in line["in"]), line["gso_type"],
                       line["gso_size"] if line["gso_type"] != "none" else 0, frame)
                for line, frame in outputs if line["in"][0] // length == at]
    return outcomes


def replay(lab, sequences, burst, merge):
    """Each line of the report with the packet that it is about."""
    packets, lines = run_replay(lab, "merge", [packet.frame(number) for sequence in sequences
                                               for number, packet in enumerate(sequence)],
                                "--burst", str(burst), "--merge", merge)
    return list(zip(lines, packets))


def run_replay(lab, what, frames, *options):
    """The packets that the command writes, and the lines of its report."""
    source, result, report = (os.path.join(lab.tmp, name) for name in ("in.pcap", "out.pcapng", "out.json"))
    write_pcap(source, frames)
    lab.run([SUPERPACKET, "replay", what, source, "-w", result, "--json", report, *options], seconds=60)
    packets = read_pcapng(result)
    with open(report) as file:
        lines = [json.loads(line) for line in file]
    assert len(lines) == len(packets), f"replay reports {len(lines)} packets and writes {len(packets)}"
    return packets, lines


def write_pcap(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<IIII", 1, number, len(frame), len(frame)) + frame)


def read_pcapng(path):
    """The frames of a little-endian pcapng file."""
    with open(path, "rb") as file:
        data = file.read()
    at, frames = 0, []
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length >= 12 and at + length <= len(data), f"{path}: bad block at byte {at}"
        if kind == 6:
            captured = struct.unpack_from("<I", data, at + 20)[0]
            frames.append(data[at + 28:at + 28 + captured])
        at += length
    return frames
