# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Tests in several processes take turns: some want to be alone."""

import fcntl
import os

from lab import BUILD


class Turns:
    """Who wants to be alone waits at the gate until the room is empty, and nobody else passes the gate meanwhile."""

    def __init__(self):
        os.makedirs(BUILD, exist_ok=True)
        self.gate, self.room = (open(os.path.join(BUILD, f".tests-{name}"), "w") for name in ("gate", "room"))

    def enter(self, alone=False):
        fcntl.flock(self.gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self.room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self.gate, fcntl.LOCK_UN)

    def leave(self):
        fcntl.flock(self.room, fcntl.LOCK_UN)
