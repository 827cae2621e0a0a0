#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Turns what "make --dry-run V=1" prints into a compilation database.

A file that is compiled several times (with faults on command, for instance) is listed as it is compiled first.
"""
import json
import os
import re
import shlex
import sys

commands = {}
for line in sys.stdin.read().replace("\\\n", " ").splitlines():
    try:
        words = shlex.split(line)
    except ValueError:  # a line of shell, and no compilation
        continue
    sources = [word for word in words if word.endswith(".c")]
    if "-MMD" in words and len(sources) == 1:
        # Without the linker's options, about which clang would warn.
        commands.setdefault(sources[0], [word for word in words if not re.match("-shared$|-[lL]|-Wl,", word)])
json.dump([{"directory": os.getcwd(), "file": file, "arguments": words} for file, words in sorted(commands.items())],
          sys.stdout, indent="\t")
print()
