# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A flow of numbered datagrams, one each millisecond: what is lost of it, and for how long, and what
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
        self.arrivals = []  # (time, number)
        self.sent = 0
        self._threads = [threading.Thread(target=self._send, daemon=True),
                         threading.Thread(target=self._receive, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _send(self):
        while not self._ending.wait(PAUSE):
            self._out.send(NUMBER.pack(self.sent).ljust(LENGTH, b"."))
            self.sent += 1

    def _receive(self):
        while True:
            try:
                data = self._in.recv(65536)
            except TimeoutError:
                if self._ending.is_set():
                    return
                continue
            self.arrivals.append((time.monotonic(), NUMBER.unpack_from(data)[0]))

    def finish(self):
        self._ending.set()
        for thread in self._threads:
            thread.join(10)
        self._in.close()
        self._out.close()

    def overtaken(self):
        """Pairs of numbers that arrived in the wrong order, or twice."""
        numbers = [number for _, number in self.arrivals]
        return [pair for pair in zip(numbers, numbers[1:]) if pair[0] >= pair[1]]

    def lost(self):
        return self.sent - len({number for _, number in self.arrivals})

    def silence_after(self, moment):
        """Seconds from this moment until the first datagram that arrived later."""
        later = [when for when, _ in self.arrivals if when > moment]
        return later[0] - moment if later else float("inf")
