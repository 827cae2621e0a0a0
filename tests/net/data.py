# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The file that is transferred: random bytes, made once a run, and its SHA-256."""

import hashlib
import os
import shutil
import tempfile

from lab import Failed, temporary_directories, temporary_prefix

CHUNK = 1 << 20


class Data:
    """A file of random bytes in a directory of its own, or in memory where no disk has room (no repetition that
    could hide a byte in the wrong place)."""

    def __init__(self, length, progress=lambda done: None):
        self.length = length
        self.directory = self.memory = None
        place = roomy_directory(length)
        if place:
            self.directory = tempfile.mkdtemp(prefix=temporary_prefix(), dir=place)
            os.chmod(self.directory, 0o755)
            self.path = os.path.join(self.directory, "data")
        else:
            self.memory = os.memfd_create("data")
            self.path = f"/proc/{os.getpid()}/fd/{self.memory}"
        self._digests = {}
        try:
            self._write(progress)
        except BaseException:
            self.close()
            raise

    def _write(self, progress):
        digest = hashlib.sha256()
        with open(self.path, "wb") as file:
            for done in range(0, self.length, CHUNK):
                block = os.urandom(min(CHUNK, self.length - done))
                digest.update(block)
                file.write(block)
                progress(done)
        self._digests[self.length] = digest.hexdigest()

    def sha256(self, length=None):
        """Of the first `length` bytes."""
        length = length or self.length
        if length not in self._digests:
            digest = hashlib.sha256()
            with open(self.path, "rb") as file:
                for done in range(0, length, CHUNK):
                    digest.update(file.read(min(CHUNK, length - done)))
            self._digests[length] = digest.hexdigest()
        return self._digests[length]

    def close(self):
        if self.directory:
            shutil.rmtree(self.directory, ignore_errors=True)
        if self.memory is not None:
            os.close(self.memory)
            self.memory = None

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()


def roomy_directory(length):
    """The first usual place for temporary files with room for the file and some more; None: it fits into memory."""
    places = temporary_directories()
    for place in places:
        if shutil.disk_usage(place).free > length + (64 << 20):
            return place
    if available_memory() > 4 * length:
        return None
    raise Failed(f"no room for {length >> 20} MiB of test data in {', '.join(places)}; "
                 "set TMPDIR to a directory with room")


def available_memory():
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return 0
