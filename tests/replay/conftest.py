# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A test of `superpacket replay` is given a bench: the command, and an empty directory."""

import tempfile

import pytest

pytest.register_assert_rewrite("bench")

from bench import Bench  # noqa: E402
from lab import temporary_prefix  # noqa: E402


@pytest.fixture
def bench():
    with tempfile.TemporaryDirectory(prefix=temporary_prefix()) as directory:
        yield Bench(directory)
