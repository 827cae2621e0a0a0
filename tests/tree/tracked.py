# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The files of the source tree."""
import subprocess
from functools import cache
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]


@cache
def tracked():
    """Text files under version control, by their path in the tree."""
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=TREE, capture_output=True,
                            text=True)
    if listed.returncode:
        pytest.skip(f"git cannot list the files of {TREE}: {listed.stderr.strip()}")
    paths = [path for path in listed.stdout.split("\0") if path and not path.startswith("tests/fuzz/corpus/")]
    return {path: (TREE / path).read_text(errors="replace") for path in paths if (TREE / path).is_file()}
