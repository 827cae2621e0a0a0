# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Looks whether packets overtake each other, while the daemon and the kernel take turns in carrying them."""

import json
import os

from lab import BUILD, wait_until

ORDER = os.path.join(BUILD, "tests", "order")
PORT = "5300"
FLOWS = "4"


class Numbered:
    """Numbered datagrams both ways between two hosts, and who has overtaken whom."""

    def __init__(self, lab, wire, seconds, seed, family=4):
        ends = ((wire.host, wire.host_address(family)), (wire.peer, wire.peer_address(family)))
        self.receivers = [self._receiver(lab, ns, address) for ns, address in ends]
        self.senders = [lab.start([ORDER, "send", address, PORT, FLOWS, str(seconds), str(seed + i)], ns=ns,
                                  name="order-send")
                        for i, (ns, address) in enumerate(((wire.peer, ends[0][1]), (wire.host, ends[1][1])))]
        self.seconds = seconds

    @staticmethod
    def _receiver(lab, ns, address):
        receiver = lab.start([ORDER, "receive", address, PORT], ns=ns, name="order-receive")
        wait_until(lambda: "receiving" in receiver.stderr(), 5, lambda: f"the receiver is there: {receiver.tail()}")
        return receiver

    def finish(self):
        """[in, out], each {"datagrams": ..., "overtaken": ..., "sent": ...}."""
        for sender in self.senders:
            sender.wait(self.seconds + 10)
        found = []
        for receiver, sender in zip(self.receivers, self.senders):
            receiver.signal(15)
            receiver.wait(5)
            found.append(json.loads(receiver.stdout()) | json.loads(sender.stdout()))
        return found


def expect_order(found, most=0):
    for direction, seen in zip(("in", "out"), found):
        assert seen["overtaken"] <= most, f"{direction}: {seen['overtaken']} of {seen['datagrams']}: {seen['first']}"
        assert seen["datagrams"] > seen["sent"] / 2, f"{direction}: hardly anything arrived: {seen}"
