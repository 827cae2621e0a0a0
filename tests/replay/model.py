# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The rules of merging TCP, said once more in Python, for packets as packets.py describes them.

It knows descriptions, no bytes; what it says is compared with what the engine does. Rules by number.
"""

from packets_of import CWR, FIN, PSH, RST, SYN, URG

ENDING = SYN | RST | URG


class Held:
    def __init__(self, number, packet):
        self.numbers, self.first, self.last = [number], packet, packet
        self.length = packet.length  # of all payloads
        self.step = None  # R12: of the IPv4 ID, once it is known

    def l3_len(self):
        first = self.first
        header = 20 if first.version == 4 else 40
        return header + 20 + len(first.tcp_options) + self.length


class Model:
    """deliveries: (numbers, reason) in the order in which they go up."""

    def __init__(self, burst=64, max_packets=512, max_bytes=65535):
        self.burst, self.max_packets, self.max_bytes = burst, max_packets, max_bytes
        self.held = {}  # by flow, oldest first
        self.deliveries = []

    @staticmethod
    def flow(packet):
        return (packet.version, packet.udp, packet.flow, packet.vlan, packet.destination)

    def flush(self, flow, reason):
        held = self.held.pop(flow, None)
        if held:
            self.deliveries.append((held.numbers, reason))

    def alone(self, number, reason):
        self.deliveries.append(([number], reason))

    def flush_pair(self, packet, reason):
        """D2: all between these hosts, oldest first."""
        for flow in [f for f in self.held if f[0] == packet.version and f[4] == packet.destination]:
            self.flush(flow, reason)

    def offer(self, number, packet):
        flow = self.flow(packet)
        if packet.udp:
            return self.alone(number, "not_served")
        if packet.fragment:
            self.flush_pair(packet, "fragment")
            return self.alone(number, "fragment")
        if packet.ip_options:
            self.flush_pair(packet, "ip_options")
            return self.alone(number, "ip_options")
        if packet.spoil or packet.unfinished:  # R8
            self.flush_pair(packet, "checksum")
            return self.alone(number, "checksum")
        if packet.flags & ENDING:  # R9
            self.flush(flow, "flags")
            return self.alone(number, "flags")
        if packet.length == 0:  # R6
            self.flush(flow, "no_data")
            return self.alone(number, "no_data")
        held = self.held.get(flow)
        if held:
            reason = self.obstacle(held, packet)
            if reason is None:
                return self.append(flow, held, number, packet)
            self.flush(flow, reason)
        if packet.flags & (PSH | FIN):  # R17: a first one is not held
            return self.alone(number, "push_fin")
        self.held[flow] = Held(number, packet)

    def obstacle(self, held, packet):
        first = held.first
        if any(getattr(first, name) != getattr(packet, name)
               for name in ("tos", "ttl", "df", "ack", "window", "tcp_options")):  # R11, R13
            return "header"
        if (first.flags ^ packet.flags) & ~(PSH | FIN) or packet.flags & CWR:
            return "header"
        if packet.seq % 2**32 != (first.seq + held.length) % 2**32:  # R14
            return "out_of_sequence"
        if packet.version == 4:  # R12
            step = (packet.ip_id - held.last.ip_id) % 65536
            if held.step is None and not (step == 1 or (step == 0 and packet.df)):
                return "header"
            if held.step is not None and step != held.step:
                return "header"
        if packet.length > first.length:  # R15
            return "larger"
        if held.l3_len() + packet.length > self.max_bytes:  # R16
            return "bytes"
        return None

    def append(self, flow, held, number, packet):
        held.step = (packet.ip_id - held.last.ip_id) % 65536
        held.numbers.append(number)
        held.last = packet
        held.length += packet.length
        if packet.flags & (PSH | FIN):
            self.flush(flow, "push_fin")
        elif packet.length < held.first.length:
            self.flush(flow, "short")
        elif len(held.numbers) == self.max_packets:
            self.flush(flow, "count")

    def run(self, packets):
        for number, packet in enumerate(packets):
            self.offer(number, packet)
            if (number + 1) % self.burst == 0:
                self.end()
        self.end()
        return self.deliveries

    def end(self):
        for flow in list(self.held):
            self.flush(flow, "burst_end")
