# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""How Linux cuts a superpacket, and how ours does.

What is written to the TAP with a virtio header stays a superpacket until the kernel has to send it on
a veth that can neither cut nor sum: then its own software does both.
"""

from capture import NEEDS_CSUM
from into_kernel import HEADER, PROBE, IntoKernel
from oracle import run_replay
from superpackets import outer_l4, request, unfinished


class KernelGso(IntoKernel):
    def cut(self, superpacket):
        """The segments on the wire."""
        frame, l3, l4 = unfinished(superpacket.packet)
        offsets = (outer_l4(superpacket.packet), l3) if superpacket.packet.outer else (0, 0)
        self.write(frame, HEADER.pack(*request(superpacket, frame, l4), 0, 0, 0, 0, *offsets))
        self.write(PROBE)  # behind the last segment
        segments = []
        while True:
            packet = self.receive(lambda: f"{superpacket.name}, behind segment {len(segments)}")
            if packet.frame == PROBE:
                return segments
            assert packet.gso_type == 0 and not packet.flags & NEEDS_CSUM, (
                f"{superpacket.name}: the kernel has left work to the device")
            segments.append(packet.frame)


# ---- ours ----


def our_segments(lab, superpackets, finished):
    """The segments of each. One run of the command takes all superpackets of a segment size. They come
    with finished checksums, as a receiver captures them, or with unfinished ones, as their sender does;
    those that are not cut always finished: the command leaves them as they are."""
    def frame(superpacket):
        whole = finished or len(superpacket.lengths) == 1
        return superpacket.packet.whole(0) if whole else unfinished(superpacket.packet)[0]

    segments = [[] for _ in superpackets]
    for mss in sorted({superpacket.mss for superpacket in superpackets}):
        numbers = [n for n, superpacket in enumerate(superpackets) if superpacket.mss == mss]
        frames, lines = run_replay(lab, "cut", [frame(superpackets[n]) for n in numbers],
                                   "--mss", str(mss))
        for line, segment in zip(lines, frames):
            segments[numbers[line["in"][0]]].append(segment)
    return segments
