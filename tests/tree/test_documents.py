# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The Markdown files of the tree name files and functions that exist."""
import fnmatch
import re
from pathlib import Path

import pytest

from tracked import TREE, tracked

PATH = re.compile(r"(?<![\w/.-])(?:bpf|include|tests|tools|user)/[\w./*-]*\w")
FILE = re.compile(r"`([\w.*-]+\.(?:c|h|cc|py|map|mk))`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
FUNCTION = re.compile(r"(?<!\w)([a-z]+_[a-z0-9_]+)\(\)")


def documents():
    return [path for path in tracked() if path.endswith(".md")]


def exists(path):
    return any(fnmatch.fnmatch(found, path) or found.startswith(path.rstrip("/") + "/") for found in tracked())


@pytest.mark.parametrize("document", documents())
def test_files_exist(document):
    text = tracked()[document]
    names = {Path(path).name for path in tracked()}
    linked = [str((TREE / document).parent.joinpath(link).resolve().relative_to(TREE)) for link in LINK.findall(text)]
    missing = [path for path in PATH.findall(text) + linked if not exists(path)]
    missing += [name for name in FILE.findall(text) if not fnmatch.filter(names, name)]
    assert not missing, f"{document} names files that do not exist: {sorted(set(missing))}"


def test_functions_of_the_tour_exist():
    code = "\n".join(text for path, text in tracked().items() if path.endswith((".c", ".h")))
    missing = [name for name in FUNCTION.findall(tracked()["README.md"]) if not re.search(rf"\b{name}\(", code)]
    assert not missing, f"README.md names functions that do not exist: {missing}"


CODE_PATH = re.compile(r"(?<![\w/.<$()-])(?:bpf|include|tests|tools|user)/[\w./-]*\w\.(?:c|h|py|mk|sh|md|map)(?![\w*])")


def test_files_named_in_code_exist():
    missing = [f"{path}: {name}" for path, text in tracked().items() if not path.endswith(".md")
               for name in CODE_PATH.findall(text) if "NAME" not in name and name not in tracked()]
    assert not missing, f"files that do not exist are named: {missing}"
