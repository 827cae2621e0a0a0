# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""user/engine/RULES.md and the citations of its rules agree: what is cited is defined, what is defined is cited in the
product and in a test, the files that a rule names exist and cite it, and every reason that the engine counts is there.

    python3 -m pytest tests/tree
"""
import re
from functools import cache
from pathlib import Path

import pytest

from tracked import TREE, tracked

RULES = "user/engine/RULES.md"
PRODUCT = ("bpf/", "include/", "tools/", "user/")

ROW = re.compile(r"^\| *([RDSV]\d+) *\|(.*)\|(.*)\|(.*)\|$", re.M)
REASON_ROW = re.compile(r"^\| *([a-z_]+) *\|[^|]*\|([^|]*)\|$", re.M)
REASON_NAME = re.compile(r"\[(GRO_[A-Z_]+)\] = \"([a-z_]+)\"")
CITATION = re.compile(r"(?<![\w.])([RDSV])(\d{1,2})(?:-\1?(\d{1,2}))?(?!\w)")
# In C only comments and strings cite; V4 may well be a constant.
C_WORDS = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)


def citations(path):
    """(rule, line) of each citation in a file, and whether it names the rule itself or a range around it."""
    text = tracked()[path]
    parts = C_WORDS.finditer(text) if path.endswith((".c", ".h", ".cc")) else [re.match(r".*", text, re.S)]
    for part in parts:
        for found in CITATION.finditer(part.group()):
            letter, first, last = found.group(1), int(found.group(2)), int(found.group(3) or found.group(2))
            line = text.count("\n", 0, part.start() + found.start()) + 1
            for number in range(first, last + 1):
                yield f"{letter}{number}", line, number in (first, last)


@cache
def cited():
    """For each rule the places "path:line" that cite it. This file and the rules' own are no places."""
    places = {}
    for path in tracked():
        if path not in (RULES, str(Path(__file__).resolve().relative_to(TREE))):
            for rule, line, _ in citations(path):
                places.setdefault(rule, []).append(f"{path}:{line}")
    return places


@cache
def defined():
    """For each rule the files that carry it out."""
    return {rule: [path.strip() for path in files.split(",")]
            for rule, _, files, _ in ROW.findall((TREE / RULES).read_text())}


def listing(lines):
    return "\n  " + "\n  ".join(lines)


def test_no_rule_is_defined_twice():
    rules = [row[0] for row in ROW.findall((TREE / RULES).read_text())]
    twice = sorted({rule for rule in rules if rules.count(rule) > 1})
    assert rules and not twice, f"{RULES} defines more than once: {twice}"


def test_what_is_cited_is_defined():
    unknown = [f"{rule} is cited in {', '.join(places[:5])}" for rule, places in sorted(cited().items())
               if rule not in defined()]
    assert not unknown, f"{RULES} does not define:{listing(unknown)}"


@pytest.mark.parametrize("where, prefixes", [("the product", PRODUCT), ("a test", ("tests/",))])
def test_what_is_defined_is_cited(where, prefixes):
    unused = [rule for rule in defined()
              if not any(place.startswith(prefixes) for place in cited().get(rule, []))]
    assert not unused, f"defined in {RULES}, but not cited in {where}: {unused}"


def test_the_files_of_a_rule_cite_it():
    wrong = []
    for rule, paths in defined().items():
        for path in paths:
            if path not in tracked():
                wrong.append(f"{rule}: {path} does not exist")
            elif not any(found == rule and exact for found, _, exact in citations(path)):
                elsewhere = sorted({place.split(":")[0] for place in cited().get(rule, [])
                                    if place.startswith("user/")})
                wrong.append(f"{rule}: {path} does not cite it; these do: {', '.join(elsewhere) or 'none'}")
    assert not wrong, f"the file column of {RULES} is wrong:{listing(wrong)}"


def test_every_reason_is_explained():
    names = {name for path, text in tracked().items() if path.startswith("user/engine/") and path.endswith(".c")
             for _, name in REASON_NAME.findall(text)}
    rows = dict(REASON_ROW.findall((TREE / RULES).read_text()))
    rows.pop("reason", None)
    assert names and names == set(rows), (
        f"reasons of the engine without a row in {RULES}: {sorted(names - set(rows))}; "
        f"rows without a reason of the engine: {sorted(set(rows) - names)}")
    unknown = {rule for rules in rows.values() for rule in re.findall(r"\w+", rules)} - set(defined())
    assert not unknown, f"the reasons of {RULES} name rules that it does not define: {sorted(unknown)}"
