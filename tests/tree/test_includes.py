# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Dependencies point one way: every #include of the product is read, and one that points back up fails.

    user/daemon -> datapath -> frontend, nic, engine -> base     the three in the middle do not know each other
    user/library -> engine, and the public headers that it implements
    bpf -> include/*_abi.h
    tools/: each a program of its own, on the public headers or on the floors that it needs

Inside a folder, too, two files (each a .c with its .h) may not need each other, except a file and its own parts:
gso_head.c is a part of gso.c and may need gso.h.
"""
import re
from collections import defaultdict
from functools import cache
from os.path import dirname, normpath, splitext

from tracked import tracked

PUBLIC = "include/superpacket"
STEER_ABI = "include/steer_abi.h"  # the maps that the BPF programs and the daemon share
STEER_SLOTS = "include/steer_slots.h"  # of these maps, the parts of a queue's traffic
CHOOSE_ABI = "include/choose_abi.h"  # the same, of the program in the TAP
ENGINE_BASE = {"user/base/bytes.h", "user/base/vnet_header.h"}

# What the files of a folder may include, besides those of the folder itself: folders, and single files.
MAY_INCLUDE = {
    "include": set(),
    PUBLIC: set(),
    "bpf": {STEER_ABI, STEER_SLOTS, CHOOSE_ABI},
    "user/base": set(),
    "user/engine": ENGINE_BASE,
    "user/library": {"user/engine", PUBLIC},
    "user/nic": {"user/base", STEER_ABI, STEER_SLOTS, CHOOSE_ABI},
    "user/frontend": {"user/base", CHOOSE_ABI},
    "user/datapath": {"user/base", "user/engine", "user/nic", "user/frontend"},
    "user/daemon": {"user/base", "user/engine", "user/nic", "user/frontend", "user/datapath", STEER_ABI,
                    CHOOSE_ABI},
    # The command finds daemons, shows the fields of their status and cleans up after a dead one. Replay is one of its
    # verbs, and reports errors as all of them do.
    "tools/command": {"user/base", "user/daemon/status_fields.h", "user/nic/netdev_tap.h", "user/nic/restore.h",
                      "user/nic/steer_leftovers.h", "tools/replay/replay.h"},
    "tools/replay": {"user/base", "user/engine/parse.h", "user/engine/checksum.h", "tools/command/say.h", PUBLIC},
    "tools/bench": {"user/base", "user/engine", "user/nic/uapi_compat.h"},
    "tools/examples": {PUBLIC},
}

# Without system calls, clocks and allocation: the engine includes nothing that declares them, and errno.h and
# sys/uio.h only for error numbers and struct iovec.
ENGINE_SYSTEM = re.compile(r"(errno|immintrin|limits|std(bool|def|int)|string|sys/uio|linux/(if_ether|in6?|types))\.h")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)
GENERATED = re.compile(r"\w+\.skel\.h")  # the BPF programs, as the build makes them for the daemon


@cache
def sources():
    return {path: text for path, text in tracked().items()
            if path.endswith((".c", ".h")) and path.startswith(("bpf/", "include/", "tools/", "user/"))}


def included(path):
    """For each include (what is written, the file of the tree that it means or None)."""
    for quoted, angled in INCLUDE.findall(sources()[path]):
        folders = ([dirname(path)] if quoted else []) + ["include", "user", "tools"]
        found = [name for name in (normpath(f"{folder}/{quoted or angled}") for folder in folders) if name in sources()]
        assert found or angled or GENERATED.fullmatch(quoted), f"{path} includes {quoted}, which is not in the tree"
        yield quoted or angled, found[0] if found else None


@cache
def arrows():
    return [(path, target) for path in sorted(sources()) for _, target in included(path) if target]


def circles(pairs):
    """The groups of names that reach each other."""
    below = defaultdict(set)
    for a, b in pairs:
        if a != b:
            below[a].add(b)

    def reach(start):
        seen, ahead = set(), [start]
        while ahead:
            new = below.get(ahead.pop(), set()) - seen
            seen |= new
            ahead += new
        return seen

    reached = {name: reach(name) for name in below}
    return {tuple(sorted(b for b in reached[a] if a in reached.get(b, ()))) for a in reached if a in reached[a]}


def test_every_folder_has_its_floor():
    assert {dirname(path) for path in sources()} == set(MAY_INCLUDE), "a new folder says above what it may include"


def test_includes_point_downwards():
    wrong = [f"{path} includes {target}" for path, target in arrows()
             if dirname(path) != dirname(target)
             and not {target, dirname(target)} & MAY_INCLUDE.get(dirname(path), set())]
    assert not wrong, "includes that point upwards:\n  " + "\n  ".join(wrong)


def test_the_engine_includes_no_system_calls():
    wrong = [f"{path} includes <{written}>" for path in sources() if path.startswith("user/engine/")
             for written, target in included(path) if not target and not ENGINE_SYSTEM.fullmatch(written)]
    assert not wrong, "\n  ".join(wrong)


def test_no_headers_need_each_other():
    found = circles((a, b) for a, b in arrows() if a.endswith(".h"))
    assert not found, "headers that need each other:\n  " + "\n  ".join(" and ".join(names) for names in found)


def test_no_files_need_each_other():
    found = circles((splitext(a)[0], splitext(b)[0]) for a, b in arrows())
    wrong = [names for names in found if not all(name.startswith(names[0] + "_") for name in names[1:])]
    assert not wrong, "files that need each other:\n  " + "\n  ".join(" and ".join(names) for names in wrong)
