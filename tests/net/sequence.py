# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A flow of numbered datagrams, one each millisecond: which of it are lost, when they were sent, and what
has been overtaken. TCP would hide both."""

import socket
import struct
import threading
import time

from udp import BUFFER, SO_RCVBUFFORCE, family

NUMBER = struct.Struct("!Q")
PAUSE = 0.001
LENGTH = 200
SILENCE = 1.0  # then nothing more comes


class Sequence:
    """Begins to send at once; finish() ends it and counts."""

    def __init__(self, source, target, address):
        with target.entered():
            self._in = socket.socket(family(address), socket.SOCK_DGRAM)
        self._in.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self._in.bind((address, 0))
        self._in.settimeout(SILENCE)
        with source.entered():
            self._out = socket.socket(family(address), socket.SOCK_DGRAM)
        self._out.connect(self._in.getsockname()[:2])
        self._ending = threading.Event()
        self.arrivals = []  # numbers
        self.sendings = []  # time of each number
        self._threads = [threading.Thread(target=self._send, daemon=True),
                         threading.Thread(target=self._receive, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        while not self._ending.wait(PAUSE):
            number = len(self.sendings)
            self.sendings.append(time.monotonic())
            self._out.send(NUMBER.pack(number).ljust(LENGTH, b"."))

    def _receive(self):
        while True:
            try:
                data = self._in.recv(65536)
            except TimeoutError:
                if self._ending.is_set():
                    return
                continue
            self.arrivals.append(NUMBER.unpack_from(data)[0])

    def finish(self):
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._in.close()
        self._out.close()

    def overtaken(self):
        """(number, when it was sent) of those that arrived behind later ones, or twice."""
        wrong, last = [], -1
        for number in self.arrivals:
            if number <= last:
                wrong.append((number, self.sendings[number]))
            last = max(last, number)
        return wrong

    def doubled(self):
        return len(self.arrivals) - len(set(self.arrivals))

    def sent(self):
        return len(self.sendings)

    def arrived_since(self, moment):
        """Of those sent later than this, how many have arrived."""
        return sum(self.sendings[number] > moment for number in self.arrivals[-1000:])

    def lost_outside(self, outages):
        """Of those that were not sent in one of these periods: seconds after the last period's begin, of each that is
        lost."""
        begins = [begin for begin, _ in outages]
        lost = (self.sendings[number] for number in set(range(self.sent())) - set(self.arrivals))
        return sorted(when - max([b for b in begins if b < when], default=when) for when in lost
                      if not any(begin <= when <= end for begin, end in outages))
