# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Drills: what can happen to a host, many times, with the daemon and with the kernel alone on the same namespaces.

    make drills                  about 20 minutes on 2 idle cores; ends with a table, written to build/drills
    make drills SCALE=0.02       the short form, which is a part of make test-more
    make drills D=sigstop        those whose id matches

A drill fails when a connection is lost, a byte is wrong, or something is left behind. Figures of time are compared
with the kernel's in the table, and do not fail: they are facts about a quiet machine only.
"""

import pytest

import lab as namespaces
from drill import Drill


@pytest.fixture
def drill(support, request):
    with namespaces.Lab() as lab:
        yield Drill(lab, request.node, request.config.getoption("scale"))
