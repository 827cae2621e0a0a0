# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A test of what is installed is given tree: all of it, in a directory of its own."""

import pytest

from installed import Tree


@pytest.fixture(scope="session")
def tree():
    with Tree() as made:
        yield made
