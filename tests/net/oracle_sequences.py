# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Sequences of packets for both oracles: one for every rule, and random ones from a seed."""

import random
from dataclasses import dataclass, replace

from described import (ACK, CWR, DESTINATION, ECE, FIN, FRAGMENT, HOP_BY_HOP, INNER_A, PSH, ROUTING, RST, SYN, URG,
                       Outer, Packet, stream, timestamp)

# Linux GRO on a veth holds eight (MAX_GRO_SKBS, all in one bucket, as nothing has hashed the packets)
# and then flushes the oldest; one is that of the marks around each burst.
FLOWS = 7


@dataclass(frozen=True)
class Sequence:
    name: str
    packets: list


class Table:
    """Builds the sequences of the rules: a good stream in both families, one field changed."""

    def __init__(self):
        self.sequences = []

    def add(self, name, packets):
        self.sequences.append(Sequence(name, packets))

    def stream(self, name, versions=(4, 6), **fields):
        for version in versions:
            self.add(f"{name}, IPv{version}", stream(version=version, **fields))

    def change(self, name, versions=(4, 6), which=(2,), base=None, **fields):
        """Four good packets; `fields`, which may be functions of the packet, in the third."""
        for version in versions:
            packets = stream(version=version, **base or {})
            for number in which:
                old = packets[number]
                packets[number] = old.but(**{name: value(old) if callable(value) else value
                                             for name, value in fields.items()})
            self.add(f"{name}, IPv{version}", packets)


def good(table):
    for protocol in (False, True):
        word = "UDP" if protocol else "TCP"
        table.stream(f"{word}: four good packets", udp=protocol)
        table.stream(f"{word}: sixty packets of 1,440 bytes (R16)", udp=protocol, count=60, length=1440)
        table.stream(f"{word}: two bytes each", udp=protocol, lengths=[20] * 6)
        table.stream(f"{word}: R15 R18 a shorter one ends it", udp=protocol,
                     lengths=[1000, 1000, 999, 1000, 1000])
        table.stream(f"{word}: R15 R18 a longer one starts anew", udp=protocol, lengths=[500, 500, 501, 501])
        table.stream(f"{word}: R4 Ethernet padding", udp=protocol, lengths=[1, 1, 1, 1])
        table.change(f"{word}: R4 some bytes behind one", base={"udp": protocol}, pad=3)
        table.stream(f"{word}: jumbo frames", udp=protocol, count=12, length=8000)
        table.add(f"{word}: two flows in turn", [p for pair in zip(stream(udp=protocol),
                                                 stream(udp=protocol, sport=40001)) for p in pair])


def link(table):
    table.stream("R1 a VLAN tag", vlan=((0x8100, 5),))
    table.stream("R1 two VLAN tags", vlan=((0x88A8, 7), (0x8100, 5)))
    table.change("R10 another VLAN", base={"vlan": ((0x8100, 5),)}, vlan=((0x8100, 6),))
    table.change("R10 source MAC", source=INNER_A)
    table.change("R10 another port", sport=40001)
    table.change("R10 another address", host=2)


def ip(table):
    v4, v6 = {"versions": (4,)}, {"versions": (6,)}
    for udp in (False, True):
        base = {"base": {"udp": udp}}
        table.change(f"R2 IPv4 options, udp {udp}", ip_options=b"\x94\x04\0\0", **base, **v4)
        table.change(f"R3 wrong IPv4 checksum, udp {udp}", ip_wrong=True, **base, **v4)
        table.change(f"R5 reserved bit, udp {udp}", evil=True, **base, **v4)
        table.change(f"R5 first fragment, udp {udp}", mf=True, **base, **v4)
        table.change(f"R5 later fragment, udp {udp}", offset=185, **base, **v4)
        table.change(f"R5 fragment header, udp {udp}", extensions=((FRAGMENT, bytes(6)),), **base, **v6)
        table.change(f"R10 flow label, udp {udp}", label=5, **base, **v6)
        table.change(f"R11 TTL, udp {udp}", ttl=63, **base)
        table.change(f"R11 DSCP, udp {udp}", tos=0xB8, **base)
        table.change(f"R11 CE, udp {udp}", tos=3, **base)
        table.change(f"R11 DF, udp {udp}", df=False, **base, **v4)
        identifiers(table, udp, base, v4)
        extensions(table, udp, base, v6)


def identifiers(table, udp, base, v4):
    every = {"which": (0, 1, 2, 3), **base, **v4}
    table.change(f"R12 IDs fixed, DF set, udp {udp}", ip_id=7, **every)
    table.change(f"R12 IDs fixed, DF clear, udp {udp}", ip_id=7, df=False, **every)
    table.change(f"R12 IDs count, DF clear, udp {udp}", df=False, **every)
    table.change(f"R12 IDs wrap, udp {udp}", ip_id=lambda p: p.ip_id + 65434, **every)
    table.change(f"R12 an ID left out, udp {udp}", which=(2, 3), ip_id=lambda p: p.ip_id + 1, **base, **v4)
    table.change(f"R12 count, then fixed, udp {udp}", ip_id=101, **base, **v4)
    table.change(f"R12 fixed, then count, udp {udp}", which=(1, 2, 3), ip_id=lambda p: p.ip_id - 1,
                 **base, **v4)


def extensions(table, udp, base, v6):
    options = bytes((1, 4, 0, 0, 0, 0))
    for name, kind in (("hop-by-hop", HOP_BY_HOP), ("destination", DESTINATION), ("routing", ROUTING)):
        data = bytes((253, 0, 0, 0, 0, 0)) if kind == ROUTING else options
        extended = {"udp": udp, "extensions": ((kind, data),)}
        table.stream(f"R2 {name} options, udp {udp}", **v6, **extended)
        table.change(f"R2 {name} options differ, udp {udp}", base=extended,
                     extensions=((kind, data[:3] + b"\1" + data[4:]),), **v6)
    table.change(f"R2 destination options behind none, udp {udp}", extensions=((DESTINATION, options),),
                 **base, **v6)


def tcp(table):
    table.change("R6 no data", length=0)
    table.change("R8 wrong checksum", l4_wrong=True)
    table.change("R8 wrong checksum in the first", which=(0,), l4_wrong=True)
    for name, flag in (("SYN", SYN), ("RST", RST), ("URG", URG), ("FIN", FIN), ("PSH", PSH), ("ECE", ECE),
                       ("CWR", CWR)):
        table.change(f"R9 R13 R17 {name}", flags=ACK | flag)
        table.change(f"R9 R13 R17 {name} on the first", which=(0,), flags=ACK | flag)
        table.change(f"R9 R13 R17 {name} on all", which=(0, 1, 2, 3), flags=ACK | flag)
        table.change(f"R9 R13 R17 {name} on the last", which=(3,), flags=ACK | flag)
    table.change("R17 FIN and PSH on the last", which=(3,), flags=ACK | FIN | PSH)
    table.change("R13 no ACK flag", flags=0)
    table.change("R13 ACK number", ack=78)
    table.change("R13 window", window=502)
    table.change("R13 reserved bits", reserved=2)
    table.change("R13 AE", reserved=1)
    table.change("R13 urgent pointer without URG", urgent=1)
    stamped = {"options": timestamp(1)}
    table.stream("R13 timestamps", **stamped)
    table.change("R13 a new timestamp", base=stamped, options=timestamp(2))
    table.change("R13 a new timestamp from the third on", base=stamped, which=(2, 3), options=timestamp(2))
    table.change("R13 other options, same length", base=stamped, options=b"\1" * 12)
    table.change("R13 no options behind options", base=stamped, options=b"")
    table.change("R14 a gap", seq=lambda p: p.seq + 1)
    table.change("R14 a gap that stays", which=(2, 3), seq=lambda p: p.seq + 5)
    table.change("R14 an overlap", seq=lambda p: p.seq - 1)
    table.change("R14 a retransmission of the first", seq=lambda p: p.seq - 2000)
    table.stream("R14 sequence numbers wrap", seq=2**32 - 1500)
    for version in (4, 6):
        packets = stream(5, version=version)
        table.add(f"R14 the third before the second, IPv{version}", [packets[i] for i in (0, 2, 1, 3, 4)])
        table.add(f"R14 a duplicate, IPv{version}", [packets[i] for i in (0, 1, 1, 2, 3)])
        table.add(f"R14 one lost, IPv{version}", [packets[i] for i in (0, 1, 3, 4)])
        table.add(f"R14 all reversed, IPv{version}", packets[::-1])


def zeros(table):
    for version in (4, 6):
        for udp in (False, True):
            packets = stream(version=version, udp=udp)
            packets[2] = packets[2].sums_to_zero(2)
            table.add(f"R8 a checksum of 0, udp {udp}, IPv{version}", packets)
        packets = stream(version=version)
        packets[2] = packets[2].but(zero_sum_as_ffff=True).sums_to_zero(2)
        table.add(f"R8 a checksum of 0 sent as 0xffff, IPv{version}", packets)


def udp(table):
    base = {"base": {"udp": True}}
    table.change("R7 no checksum", no_checksum=True, **base)
    table.change("R7 no checksum on all", which=(0, 1, 2, 3), no_checksum=True, **base)
    table.change("R7 UDP length too small", udp_short=3, **base)
    table.change("R7 no data", length=0, **base)
    table.change("R8 wrong UDP checksum", l4_wrong=True, **base)


def outer_change(**fields):
    return lambda p: replace(p.outer, **fields)


def tunnels(table, plain=Outer()):
    """Around the same streams; plain: the kind of tunnel, without a checksum."""
    csums = ("zero",) if plain.kind == "ipip" else ("zero", "right", "wrong")
    word = f"{plain.kind.upper()}{'' if plain.ethernet else ', IP'} in IPv{plain.version}"
    for csum in csums:
        outer = replace(plain, csum=csum)
        table.stream(f"R19 {word}, outer checksum {csum}", outer=outer)
        if plain.version == 4:
            table.stream(f"R19 {word}, outer checksum {csum}, DF outside", outer=replace(outer, df=True))
        table.stream(f"R18 R19 UDP in {word}, outer checksum {csum}", outer=outer, udp=True)
    base = {"base": {"outer": plain}}
    table.change(f"R11 outer TTL, {word}", outer=outer_change(ttl=63), **base)
    table.change(f"R11 outer TOS, {word}", outer=outer_change(tos=3), **base)
    if len(csums) > 1:
        tunnel_headers(table, plain, word)
        tunnel_checksums(table, plain, word)
    if plain.version == 4:
        outer_identifiers(table, base, word)
    table.change(f"R13 window, inside {word}", window=7, **base)
    table.change(f"R11 TTL, inside {word}", ttl=7, **base)
    table.change(f"R12 ID, inside {word}", ip_id=7, **base, versions=(4,))
    table.change(f"R14 a gap, inside {word}", seq=lambda p: p.seq + 1, **base)
    table.change(f"R8 wrong checksum, inside {word}", l4_wrong=True, **base)
    table.change(f"R5 a fragment, inside {word}", mf=True, **base, versions=(4,))


def tunnel_headers(table, plain, word):
    base = {"base": {"outer": plain}}
    table.change(f"R10 VNI or key, {word}", outer=outer_change(vni=43), **base)
    if plain.over_udp:
        table.change(f"R10 outer source port, {word}", outer=outer_change(sport=50001), **base)
    if plain.kind == "geneve":
        options = bytes.fromhex("0102030100000001")
        table.change(f"R10 options in one, {word}", outer=outer_change(options=options), **base)
        table.stream(f"R10 options, {word}", outer=replace(plain, options=options))
        table.change(f"R10 other options, {word}", outer=outer_change(options=options[:-1] + b"\2"),
                     base={"outer": replace(plain, options=options)})
    if plain.kind == "gre":
        table.change(f"R19 a sequence number in one, {word}", outer=outer_change(options=bytes(4)), **base)
        table.stream(f"R19 sequence numbers, {word}", outer=replace(plain, options=bytes(4)))
        table.change(f"R10 no key in one, {word}", outer=outer_change(vni=0), **base)
        for csum in ("zero", "right"):
            table.stream(f"R19 no key, {word}, checksum {csum}", outer=replace(plain, vni=0, csum=csum))
        # GRE sums of packets with right checksums differ only with their lengths
        table.stream(f"R18 R19 a shorter one, key and checksum, {word}", lengths=[1000, 1000, 600, 1000],
                     outer=replace(plain, csum="right"))


def tunnel_checksums(table, plain, word):
    for udp in (False, True):
        table.change(f"R19 outer checksum in one only, udp {udp}, {word}", outer=outer_change(csum="right"),
                     base={"outer": plain, "udp": udp})
    for version in (4, 6):
        packets = stream(version=version, outer=plain)
        table.add(f"D1 R19 outer checksum in one only, PSH behind it, IPv{version}, {word}", packets[:2] + [
            packets[2].but(outer=replace(packets[2].outer, csum="right")), packets[3].but(flags=ACK | PSH)])
    table.change(f"R19 outer checksum wrong, {word}", outer=outer_change(csum="wrong"),
                 base={"outer": replace(plain, csum="right")})


def outer_identifiers(table, base, word):
    table.change(f"R11 outer DF, {word}", outer=outer_change(df=True), **base)
    table.change(f"R12 outer ID stands still, {word}", outer=outer_change(ip_id=2), **base)
    every = {"which": (0, 1, 2, 3), **base}
    table.change(f"R12 outer IDs fixed, DF clear, {word}", outer=outer_change(ip_id=7), **every)
    table.change(f"R12 outer IDs fixed, DF set, {word}", outer=outer_change(ip_id=7, df=True), **every)
    table.change(f"R12 outer IDs at random, DF set, {word}",
                 outer=lambda p: replace(p.outer, ip_id=p.outer.ip_id * 77, df=True), **every)


def order(table):
    """D1, D2: what is not merged stands behind what is held, of its own flow and of another."""
    for name, fields in (("a fragment", {"mf": True}), ("the reserved bit", {"evil": True}),
                         ("options", {"ip_options": b"\x94\x04\0\0"}),
                         ("a wrong IP checksum", {"ip_wrong": True}),
                         ("a wrong TCP checksum", {"l4_wrong": True})):
        packets = stream(4)
        table.add(f"D1 D2 {name} behind the last", packets[:3] + [packets[3].but(**fields)])
        table.add(f"D2 {name} of another port", packets[:2] + [packets[2].but(sport=40001, **fields)]
                  + packets[2:])


def rules():
    """Every rule by itself."""
    table = Table()
    for add in (good, link, ip, tcp, zeros, udp, tunnels, order):
        add(table)
    tunnels(table, Outer(version=6))
    return table.sequences


def tunnel_rules(kind):
    """Every rule of a tunnel by itself."""
    table = Table()
    for version, ethernet in {"geneve": ((4, True), (6, True), (4, False)), "ipip": ((4, False), (6, False)),
                              "gre": ((4, False), (6, False), (4, True))}[kind]:
        tunnels(table, Outer(kind, ethernet, version))
    return table.sequences


# ---- at random ----


class Flow:
    """A good sender, which may be told to go wrong once or for good."""

    def __init__(self, rng, number):
        udp, length = rng.random() < 0.3, rng.choice((1, 5, 40, 400, 1000, 1400))
        self.rng = rng
        self.packet = Packet(
            version=rng.choice((4, 6)), udp=udp, sport=40000 + number, length=length,
            host=rng.choice((1, 2)), seq=rng.choice((1, 2**32 - 2000, rng.randrange(2**32))),
            ip_id=rng.choice((0, 65533, 500)), df=rng.random() < 0.7,
            options=b"" if udp or rng.random() < 0.5 else timestamp(1),
            outer=Outer(sport=50000 + number, csum=rng.choice(("zero", "right")),
                        version=rng.choice((4, 4, 6))) if rng.random() < 0.2 else None)
        if not self.packet.outer and rng.random() < 0.1:  # the kernel's tunnel ends outside of all VLANs
            self.packet = self.packet.but(vlan=((0x8100, rng.choice((1, 2))),))
        if self.packet.version == 6 and rng.random() < 0.1:
            self.packet = self.packet.but(extensions=((DESTINATION, bytes((1, 4, 0, 0, 0, 0))),))
        self.fixed_id = rng.random() < 0.2
        self.sent = []

    def next(self):
        rng = self.rng
        if rng.random() < 0.15:
            self.packet = once(rng, self.packet, ALWAYS)
        packet = self.packet
        if rng.random() < 0.12:
            packet = once(rng, packet, ONCE)
        if self.sent and rng.random() < 0.04:
            return rng.choice(self.sent)
        self.sent.append(packet)
        outer = packet.outer and replace(self.packet.outer, ip_id=self.packet.outer.ip_id + 1)
        self.packet = self.packet.but(seq=(self.packet.seq + packet.length) % 2**32, outer=outer,
                                      ip_id=(self.packet.ip_id + (not self.fixed_id)) % 2**16)
        return packet


def once(rng, packet, changes):
    return packet.but(**rng.choice(changes)(rng, packet))


# One packet is another one.
ONCE = [
    lambda rng, p: {"flags": p.flags | rng.choice((FIN, SYN, RST, PSH, PSH, PSH, URG, ECE, CWR))},
    lambda rng, p: {"length": rng.choice((0, 1, p.length, max(p.length - 1, 0), p.length + 1))},
    lambda rng, p: {"seq": (p.seq + rng.choice((-1000, -1, 1, p.length))) % 2**32},
    lambda rng, p: {"ip_id": (p.ip_id + rng.choice((-1, 1, 5))) % 2**16},
    lambda rng, p: {"window": p.window + 1},
    lambda rng, p: {"urgent": 3},
    lambda rng, p: {"ttl": p.ttl - 1},
    lambda rng, p: {"tos": rng.choice((1, 3, 0xB8))},
    lambda rng, p: {"df": not p.df} if p.version == 4 else {},
    lambda rng, p: {"pad": rng.choice((1, 4))} if not p.outer else {},
    lambda rng, p: {"l4_wrong": True},
    lambda rng, p: {"ip_wrong": True} if p.version == 4 else {},
    lambda rng, p: {"mf": True} if p.version == 4 else {},
    lambda rng, p: {"offset": 100} if p.version == 4 else {},
    lambda rng, p: {"evil": True} if p.version == 4 else {},
    lambda rng, p: {"ip_options": bytes((0x94, 4, 0, 0))} if p.version == 4 else {},
    lambda rng, p: {"no_checksum": True} if p.udp else {},
    lambda rng, p: {"udp_short": 1} if p.udp else {},
    lambda rng, p: {"label": 9} if p.version == 6 else {},
    lambda rng, p: {"reserved": rng.choice((1, 2, 8))},
    lambda rng, p: {"source": INNER_A},
    lambda rng, p: {"outer": replace(p.outer, **rng.choice((
        {"ttl": 63}, {"tos": 3}, {"vni": 43}, {"csum": "wrong"}, {"csum": "zero"}, {"df": not p.outer.df},
        {"ip_id": p.outer.ip_id + 5})))} if p.outer else {},
]

# From here on the flow is another one.
ALWAYS = [
    lambda rng, p: {"ack": p.ack + 1},
    lambda rng, p: {"window": p.window + 1},
    lambda rng, p: {"options": timestamp(rng.randrange(2**32))} if p.options else {},
    lambda rng, p: {"ttl": p.ttl - 1},
    lambda rng, p: {"length": rng.choice((1, 40, 400, 1000))},
    lambda rng, p: {"seq": (p.seq + rng.choice((1, 500))) % 2**32},
    lambda rng, p: {"ip_id": (p.ip_id + rng.choice((1, 100))) % 2**16},
    lambda rng, p: {"label": rng.randrange(4)} if p.version == 6 else {},
    lambda rng, p: {},
]


def at_random(seed, count):
    """Up to six flows in turn, disturbed."""
    sequences = []
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        flows = [Flow(rng, n) for n in range(rng.choice((1, 1, 2, 3, 6)))]
        packets = [rng.choice(flows).next() for _ in range(rng.randint(2, 40))]
        for _ in range(rng.choice((0, 0, 1, 3))):
            at = rng.randrange(len(packets))
            packets.insert(max(0, at - rng.randint(1, 3)), packets.pop(at))
        sequences.append(Sequence(f"seed {seed} number {number}", few_flows(packets)))
    return sequences


def few_flows(packets):
    """The packets up to the first that is one flow too many. A changed label makes another flow; to Linux
    a tunnel checksum that is left out does so, too."""
    seen = set()
    for number, packet in enumerate(packets):
        seen.add((packet.flow, packet.outer and packet.outer.csum == "zero"))
        if len(seen) > FLOWS:
            return packets[:number]
    return packets
