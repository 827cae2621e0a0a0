# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""In the guest: runs the tests of some modules and reports each as soon as it is over."""

import importlib
import json
import os
import platform
import termios

import harness
import starved
from data import Data

# Every byte is random and checked; an emulated processor makes and sends few of them a second.
DATA_LENGTH = 4 << 20


class Report:
    """The line that the machine outside reads."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_NOCTTY)
        settings = termios.tcgetattr(self.fd)
        settings[1] &= ~termios.OPOST
        termios.tcsetattr(self.fd, termios.TCSANOW, settings)

    def say(self, **values):
        data = json.dumps(values).encode() + b"\n"
        while data:
            data = data[os.write(self.fd, data):]
        termios.tcdrain(self.fd)


def chosen(modules, without):
    """Not all that are there: those of tests/net come in with their helpers."""
    return [test for test in harness.TESTS
            if test.module in modules and test.name not in without]


def run(modules, without, path):
    report = Report(path)
    report.say(kernel=platform.release())
    starved.emulated = True
    for module in modules:
        importlib.import_module(f"test_{module}")
    with Data(DATA_LENGTH) as data:
        for test in chosen(modules, without):
            result = harness.run_one(test, lambda: data)
            result.show()
            report.say(name=test.name, verdict=result.verdict, reason=result.reason, seconds=result.seconds)
