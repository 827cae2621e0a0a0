# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Manual pages: clean, complete, and with the options that the programs have."""

import glob
import re

from installed import PREFIX, declared, run
from lab import BUILD, ROOT


def pages():
    found = sorted(glob.glob(f"{ROOT}/tools/man/*.[1-8]"))
    assert len(found) >= 6, f"manual pages are {found}"
    return found


def test_manual_pages_are_clean():
    """mandoc and man find nothing wrong with the manual pages."""
    for page in pages():
        said = run("mandoc", "-Tlint", "-Wstyle", page, check=False).stdout
        # it knows the pages that are installed, not those beside this one
        said = [line for line in said.splitlines() if "referenced manual not found" not in line]
        assert not said, "\n".join(said)
        done = run("man", "--warnings=w", "-E", "UTF-8", "-l", page, env={"MANWIDTH": "80"}, check=False)
        assert done.returncode == 0 and not done.stderr, f"man: {done.stderr}"


def test_every_public_function_has_a_page(tree):
    """Every public function has a page."""
    functions, inline = declared()
    manpath = f"{tree.root}{PREFIX}/share/man"
    for function in sorted(functions | inline):
        shown = run("man", "-M", manpath, "3", function, env={"MANWIDTH": "80", "MAN_KEEP_FORMATTING": ""}).stdout
        head, _, rest = shown.partition("SYNOPSIS")
        assert re.search(rf"\b{function}\b", head), f"{function} is not in the NAME of its page"
        synopsis, _, rest = rest.partition("DESCRIPTION")
        assert re.search(rf"\b{function}\(", synopsis), f"{function} has no synopsis"
        assert len(re.findall(rf"\b{function}\(\)", rest)) > 0, f"{function} is not described"


def options_of_help(*argv):
    """Those that begin a line of its list: -v, --verbose; and the exit codes it names."""
    text = run(*argv).stdout
    options = {option for line in re.findall(r"^ {2,6}(-.*)$", text, re.M)
               for option in re.findall(r"(?:^|, )(--?[a-zA-Z][a-z-]*)", line.split("  ")[0])}
    codes = re.search(r"^Exit codes:((?:.|\n)*)\Z", text, re.M)[1]
    return options, set(re.findall(r"\b(\d) ", codes))


def options_of_page(page):
    """Those that an entry of its lists is about, and its exit codes."""
    with open(f"{ROOT}/tools/man/{page}") as file:
        text = file.read()
    options = {"-" + option for line in re.findall(r"^\.It (Fl .*)$", text, re.M)
               for option in re.findall(r"Fl (\S+)", line)}
    return options, set(re.findall(r"^\.It (\d)$", text.split(".Sh EXIT STATUS")[1], re.M))


def test_manual_pages_and_help_have_the_same_options_and_exit_codes():
    """The manual pages and --help have the same options and exit codes."""
    for page, argv in (("superpacketd.8", [f"{BUILD}/superpacketd", "--help"]),
                       ("superpacket.1", [f"{BUILD}/superpacket", "--help"]),
                       ("superpacket-replay.1", [f"{BUILD}/superpacket", "replay", "--help"])):
        helped, paged = options_of_help(*argv), options_of_page(page)
        assert len(helped[0]) >= 6 and "--help" in helped[0] and "-h" in helped[0], f"{argv}: {helped}"
        for what, in_help, in_page in zip(("options", "exit codes"), helped, paged):
            assert in_help == in_page, f"{what} in help or {page} only: {sorted(in_help ^ in_page)}"


def test_every_reason_is_explained():
    """Every reason of a delivery is explained in the manual pages."""
    names = set()
    for path in glob.glob(f"{ROOT}/user/engine/gro*.c"):
        with open(path) as file:
            names |= set(re.findall(r'^\t\[GRO_\w+\] = "(\w+)"', file.read(), re.M))
    assert len(names) >= 17, f"reasons are {sorted(names)}"
    with open(f"{ROOT}/tools/man/sp_gro.3") as file:
        explained = set(re.findall(r"\w+", " ".join(re.findall(r"^\.It Li (.*)$", file.read(), re.M))))
    assert names == explained, f"in engine or page only: {sorted(names ^ explained)}"
    with open(f"{ROOT}/tools/man/superpacket.1") as file:
        reasons = file.read().split(".Sh REASONS")[1].split(".Sh")[0]
    told = set(re.findall(r"\w+", " ".join(re.findall(r"^\.It Li (.*)$", reasons, re.M))))
    assert names == told, f"in engine or superpacket.1 only: {sorted(names ^ told)}"
