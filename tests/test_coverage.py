# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""How much of the engine its tests reach; `make coverage MISSING=1` says what they do not."""

import os
import subprocess

import pytest

from lab import BUILD, ROOT


@pytest.mark.more
def test_coverage():
    """The unit and property tests reach 95 % of the engine's lines and 90 % of its branches."""
    done = subprocess.run([os.path.join(ROOT, "tests", "coverage"), os.path.join(BUILD, "coverage")],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
