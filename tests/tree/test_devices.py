# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The table of devices in superpacketd(8) says what user/daemon/devices.c does."""
import re

from tracked import tracked

CODE = tracked()["user/daemon/devices.c"]
PAGE = tracked()["tools/man/superpacketd.8"]
VERDICTS = {"SERVED": "served", "NAME_PORT": "its port", "NAME_PARENT": "its parent",
            "NAME_CARRIER": "the NIC that carries it", "NAME_NIC": "a NIC"}


def of_the_code():
    constants = dict(re.findall(r'^#define (\w+) "(.*)"$', CODE, re.M))
    rows = re.findall(r'^\t\{ (?:"(\w+)"|(\w+)), (\w+), "', CODE, re.M)
    return [(kind or constants[name], VERDICTS[verdict]) for kind, name, verdict in rows]


def of_the_page():
    section = re.search(r"^\.Sh DEVICES\n(.*?)^\.Sh ", PAGE, re.M | re.S)[1]
    for kinds, verdict in re.findall(r"^\.It Li (.+?) Ta (.+?) Ta", section, re.M):
        for kind in kinds.split(" , "):
            yield kind, verdict


def test_the_manual_has_the_table():
    code, page = of_the_code(), list(of_the_page())
    assert len(code) > 20 and len(set(code)) == len(code)
    assert sorted(page) == sorted(code)
