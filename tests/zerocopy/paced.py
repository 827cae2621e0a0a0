# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A TCP stream that goes no further than a test reads it, so that what the test does happens in the
midst of it, however fast the machine is. The server is that of tests/net/traffic.py."""

import contextlib
import hashlib
import socket
import time

from lab import Failed
from traffic import REQUEST
from wire import PORT

# What the receiver's kernel may hold of it; the sender has no more under way than that.
WINDOW = 256 << 10
LOOK = 0.02  # seconds without a byte before whatever is waited for is looked at again


class Paced:
    """mss: of the packets, length: of the stream; None: what the wire takes, all of the data."""

    def __init__(self, ns, address, data, mss=None, length=None):
        self.data, self.length = data, length or data.length
        self.received, self.digest = 0, hashlib.sha256()
        with ns.entered():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        if mss:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        self.sock.settimeout(60)
        self.sock.connect((address, PORT))
        self.sock.sendall(REQUEST.pack(0, self.length))
        self.silent_since = self.last_byte = 0.0

    def _receive(self, length, seconds):
        self.sock.settimeout(max(0.001, seconds))
        part = self.sock.recv(min(length, 64 << 10))
        assert part, f"a stream ended after {self.received} of {self.length} bytes"
        self.last_byte = time.monotonic()
        self.digest.update(part)
        self.received += len(part)
        return len(part)

    def read(self, length, seconds=60):
        """So much more."""
        end = time.monotonic() + seconds
        while length:
            try:
                length -= self._receive(length, end - time.monotonic())
            except TimeoutError:
                raise Failed(f"a stream stands still after {self.received} bytes") from None

    def read_until(self, done):
        """Returns whether done() came before the end of the stream. silent_since is when the longest silence
        meanwhile began."""
        last, longest = time.monotonic(), 0.0
        while not done():
            if self.received == self.length:
                return False
            with contextlib.suppress(TimeoutError):
                self._receive(self.length - self.received, LOOK)
            now = time.monotonic()
            if now - last > longest:
                self.silent_since, longest = last, now - last
            last = max(last, self.last_byte)
        return True

    def read_to_end(self, seconds=60):
        """And every byte is right."""
        self.read(self.length - self.received, seconds)
        self.sock.close()
        assert self.digest.hexdigest() == self.data.sha256(self.length), "SHA-256 differs"
