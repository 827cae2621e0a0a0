# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The kernel as oracle, of which the guest has a newer one: the tests of tests/net that compare with it, but for the
random ones, which would take too long here."""

import pytest

from test_oracle_cut import test_cut_tcp, test_cut_tunnels, test_cut_udp  # noqa: F401
from test_oracle_merge import test_merge_geneve, test_merge_gre, test_merge_ipip, test_merge_rules  # noqa: F401

pytestmark = [pytest.mark.machine("one queue"), pytest.mark.more]
