# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The manual page of superpacket(1) names counters and fields that user/daemon/status_fields.c describes."""
import re

from tracked import tracked

PAGE = tracked()["tools/man/superpacket.1"]
DESCRIPTION = tracked()["user/daemon/status_fields.c"]
ROW = re.compile(r'^\t\{ "([\w.]+)", (?:STATUS_\w+|COUNT|GAUGE), ', re.M)
LABEL = re.compile(r'^\t\{ "([^"]+)",\s+\.(?:text|of) = ', re.M)
TAP = re.compile(r'\[STATUS_(?:TAP|NIC)_\w+\] = "(\w+)"')
REASON = re.compile(r'^\t\[GRO_\w+\] = "(\w+)"', re.M)


def fields():
    """Names in JSON, of objects on the way to them, and without these: drops.rx_stale, drops, rx_stale."""
    names = set()
    for name in ROW.findall(DESCRIPTION):
        parts = name.split(".")
        names |= {name, *parts}
    return names | set(TAP.findall(DESCRIPTION))


def reasons():
    files = (text for path, text in tracked().items() if path.startswith("user/engine/"))
    return set(REASON.findall(next(text for text in files if "gro_reason_names[GRO_REASON_CNT] =" in text)))


def section(title):
    return re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh )", PAGE, re.M | re.S).group(1)


def items(text):
    """["way in", "way out"], "conditions" of: .It Li way in , way out Pq conditions"""
    for line in re.findall(r"^\.It Li (.*)$", text, re.M):
        for part in line.split(" , "):
            label, _, name = part.removeprefix("Li ").partition(" Pq ")
            yield label, name


def test_rows_are_found():
    assert len(fields()) > 100 and len(reasons()) == 20


def test_reasons_are_explained():
    explained = {label for label, _ in items(section("REASONS"))}
    assert explained == reasons()


def test_names_exist():
    shown = re.sub(r"^\.Bd -literal.*?^\.Ed", "", section("STATUS") + section("STALLS AND LOSSES"), flags=re.M | re.S)
    wrong = {name for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", shown)} - fields() - reasons()
    wrong |= {name for _, name in items(shown) if name} - fields()
    assert not wrong, f"superpacket.1 names what status does not have: {sorted(wrong)}"


def test_labels_exist():
    """Lines that are described. Those of the table and of sentences are computed (tools/command/table.c)."""
    code = tracked()["tools/command/table.c"]
    labels = {*LABEL.findall(DESCRIPTION), *re.findall(r'"([\w ]+)"', code), "queue", "ok", "degraded", "waiting"}
    wrong = {label for label, _ in items(section("STATUS"))} - labels
    assert not wrong, f"superpacket.1 names lines that status does not show: {sorted(wrong)}"
