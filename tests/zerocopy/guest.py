# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""In the guest: pytest runs the tests that are asked for, and what it reports goes out, line by line."""

import json
import os
import platform
import termios

import pytest

import laboratory
import starved

ROOT = "/superpacket"
# Every byte is random and checked; an emulated processor makes and sends few of them a second.
DATA_LENGTH = 4 << 20
# Each plugin that is imported takes its time in an emulated machine.
WITHOUT = ("cacheprovider", "doctest", "faulthandler", "junitxml", "logging", "nose", "pastebin", "stepwise",
           "unittest", "unraisableexception", "threadexception", "warnings", "legacypath")


class Reporter:
    """Writes to the line that the machine outside reads."""

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

    def pytest_configure(self, config):
        self.config = config

    def pytest_runtest_logreport(self, report):
        self.say(nodeid=report.nodeid,
                 report=self.config.hook.pytest_report_to_serializable(config=self.config, report=report))


def run(tests, path):
    reporter = Reporter(path)
    reporter.say(kernel=platform.release())
    starved.emulated = True
    laboratory.DATA_LENGTH = DATA_LENGTH
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # asserts are not rewritten: that, too, takes its time
    options = ["--assert=plain", "--noconftest", "-p", "pytest_timeout", "-q"]
    options += [part for name in WITHOUT for part in ("-p", f"no:{name}")]
    pytest.main([*options, *tests], plugins=[reporter, laboratory])
