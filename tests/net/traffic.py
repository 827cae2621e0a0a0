#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""TCP traffic whose every byte is checked: a server of one file's bytes and clients that ask
for parts of it.

    traffic.py serve FILE PORT
    traffic.py fetch ADDRESS PORT FILE LENGTH              one connection, bytes 0 .. LENGTH
    traffic.py storm ADDRESS PORT FILE CONNECTIONS AT_ONCE LENGTH_MIN LENGTH_MAX [SEED]

The data flows from the server to the client. A request is two 64-bit numbers, offset and length.
`fetch` hashes while it receives: it prints `bytes N` now and then, and last one JSON line with
the SHA-256. `storm` opens many connections and compares every answer with the file.
"""

import concurrent.futures
import hashlib
import json
import mmap
import random
import socket
import socketserver
import struct
import sys
import time

REQUEST = struct.Struct("!QQ")
CHUNK = 1 << 20
PROGRESS = 4 << 20
STALL = 60  # seconds without a byte: something is broken for good


def receive_exactly(sock, length):
    data = bytearray()
    while len(data) < length:
        part = sock.recv(length - len(data))
        if not part:
            break
        data += part
    return bytes(data)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(STALL)
        request = receive_exactly(self.request, REQUEST.size)
        if len(request) < REQUEST.size:
            return
        offset, length = REQUEST.unpack(request)
        with open(self.server.path, "rb") as file:
            # socket.sendfile() copes with partial sends and time limits
            self.request.sendfile(file, offset, length)


class Server(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    request_queue_size = 1024
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def server_bind(self):
        # one socket for IPv4 and IPv6
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request, client_address):
        print(f"{client_address[0]}: {sys.exc_info()[1]}", file=sys.stderr, flush=True)


def serve(path, port):
    with Server(("::", int(port)), Handler) as server:
        server.path = path
        print("serving", file=sys.stderr, flush=True)
        server.serve_forever()


def connect(address, port, offset, length):
    sock = socket.create_connection((address, int(port)), STALL)
    sock.sendall(REQUEST.pack(offset, length))
    return sock


def fetch(address, port, _path, length):
    """One long transfer."""
    length = int(length)
    begin = time.monotonic()
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK))
    received, reported = 0, 0
    with connect(address, port, 0, length) as sock:
        while True:
            got = sock.recv_into(buffer)
            if got == 0:
                break
            digest.update(buffer[:got])
            received += got
            if received - reported >= PROGRESS:
                reported = received
                print("bytes", received, flush=True)
    seconds = time.monotonic() - begin
    print(json.dumps({"bytes": received, "seconds": seconds, "sha256": digest.hexdigest()}),
          flush=True)
    return received == length


def storm(address, port, path, connections, at_once, shortest, longest, seed="1"):
    """Many connections, `at_once` of them at a time."""
    pick = random.Random(int(seed))
    begin = time.monotonic()
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    requests = []
    for _ in range(int(connections)):
        length = pick.randint(int(shortest), int(longest))
        requests.append((pick.randrange(len(data) - length), length))

    def one(request):
        offset, length = request
        try:
            with connect(address, port, offset, length) as sock:
                position = offset
                while True:
                    part = sock.recv(CHUNK)
                    if not part:
                        break
                    if part != data[position:position + len(part)]:
                        return f"wrong bytes at {position}"
                    position += len(part)
        except OSError as error:
            return str(error)
        return None if position == offset + length else f"{position - offset} of {length} bytes"

    with concurrent.futures.ThreadPoolExecutor(int(at_once)) as pool:
        wrong = [why for why in pool.map(one, requests) if why]
    print(json.dumps({"connections": len(requests), "bytes": sum(r[1] for r in requests),
                      "seconds": time.monotonic() - begin, "failed": len(wrong),
                      "why": wrong[:5]}), flush=True)
    return not wrong


def main():
    verbs = {"serve": serve, "fetch": fetch, "storm": storm}
    if len(sys.argv) < 4 or sys.argv[1] not in verbs:
        sys.exit(__doc__)
    sys.exit(0 if verbs[sys.argv[1]](*sys.argv[2:]) in (None, True) else 1)


if __name__ == "__main__":
    main()
