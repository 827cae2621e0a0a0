# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The command line: what is refused, and how."""

import json

from flows import packet_of, run_of


def test_help_text(bench):
    """Help says it all, within 80 columns."""
    for arguments in (("-h",), ("merge", "--help"), ("roundtrip", "nothing", "-h")):
        run = bench.replay_well(*arguments)
        text = run.out.decode()
        for word in ("merge", "cut", "roundtrip", "--json", "--merge", "--burst", "--hold", "--max-bytes",
                     "--max-packets", "--adaptive", "--mss", "--version", "Exit codes"):
            assert word in text, "help"
        assert max(map(len, text.splitlines())) <= 80, "columns"


def test_refused(bench):
    """What makes no sense is refused with 2 and a sentence on stderr."""
    path = bench.capture([packet_of()])
    out = bench.path("out")
    for arguments, part in (
            ((), "verb"), (("mrege", path), "unknown verb 'mrege'"), (("merge",), "capture to read"),
            (("merge", path), "--write is missing"), (("cut", path, "-w", out), "--mss is missing"),
            (("roundtrip", path, "extra"), "unexpected argument 'extra'"),
            (("roundtrip", path, "-w", out), "--write is not for this verb"),
            (("roundtrip", path, "--hold", 1), "--hold is not for this verb"),
            (("cut", path, "-w", out, "--mss", 1, "--burst", 1), "--burst is not for this verb"),
            (("merge", path, "-w", out, "--mss", 1), "--mss is not for this verb"),
            (("merge", path, "-w"), "'-w' wants a value"),
            (("merge", path, "--nonsense"), "unknown option '--nonsense'"),
            (("merge", path, "-w", out, "--burst", 0), "--burst 0: must be a number from 1 to 1000000000"),
            (("merge", path, "-w", out, "--burst", "1x"), "--burst 1x"),
            (("merge", path, "-w", out, "--burst", "-1"), "--burst -1"),
            (("merge", path, "-w", out, "--burst", 10**30), "--burst"),
            (("merge", path, "-w", out, "--hold", 3600000001), "--hold"),
            (("merge", path, "-w", out, "--hold", "2h"),
             "--hold 2h: must be a time from 0 to 3600s, in us (plain numbers, too), ms or s"),
            (("merge", path, "-w", out, "--max-bytes", "1M"), "--max-bytes 1M: must be bytes from 1 to 524280"),
            (("merge", path, "-w", out, "--max-bytes", "64ms"), "--max-bytes 64ms"),
            (("cut", path, "-w", out, "--mss", "1K", "--mss", "1448"), "--mss: given twice, as '1K' and as '1448'"),
            (("merge", path, "-w", out, "-w", path), "--write: given twice"),
            (("merge", path, "-w", out, "--max-packets", 1), "--max-packets 1: must be a number from 2 to 512"),
            (("merge", path, "-w", out, "--max-packets", 513), "--max-packets"),
            (("merge", path, "-w", out, "--max-bytes", 0), "--max-bytes"),
            (("merge", path, "-w", out, "--max-bytes", 524281), "--max-bytes"),
            (("cut", path, "-w", out, "--mss", 0), "--mss 0"),
            (("cut", path, "-w", out, "--mss", 65535), "--mss 65535"),
            (("merge", path, "-w", out, "--merge", "sctp"), "--merge sctp: must be none, or any of"),
            (("merge", path, "-w", out, "--merge", "tcp,"), "--merge tcp,"),
            (("merge", path, "-w", out, "--merge", ""), "--merge"),
            (("merge", path, "-w", out, "--merge", "tcp,none"), "--merge tcp,none")):
        run = bench.replay(*arguments)
        assert (run.code, run.out) == (2, b""), f"exit code and stdout of {arguments}"
        assert part in run.err, str(arguments)
        run = bench.replay("-j", *arguments)
        assert json.loads(run.err)["exit"] == 2, f"JSON error of {arguments}"
        run = bench.replay("-q", *arguments)
        if run.err or run.code != 2:
            assert (run.code, run.err) == (2, ""), f"quiet {arguments}"


def test_units(bench):
    """Sizes and times may have units; the same option twice is no error when it says the same."""
    path = bench.capture(run_of(40, length=100))
    for plain, unit in ((("--burst", 1, "--hold", 2000), ("--burst", 1, "--hold", "2ms", "--hold", "2ms")),
                        (("--max-bytes", 1024), ("--max-bytes", "1K"))):
        lines = []
        for options in (plain, unit):
            bench.replay_well("merge", path, "-w", bench.path("out"), "--json", bench.path("lines"),
                              *options)
            with open(bench.path("lines")) as file:
                lines.append(file.read())
        assert lines[1] == lines[0], f"{unit} instead of {plain}"
        assert len(lines[0].splitlines()) < 40, "something was merged"


def test_version(bench):
    """The version is the command's, wherever it is asked for."""
    assert bench.replay_well("-V").out == bench.replay_well("merge", "--version").out, "versions"
    assert "superpacket " in bench.replay_well("-V").out.decode(), "the name"


def test_order(bench):
    """Options may stand anywhere, before the verb too."""
    path = bench.capture([packet_of()])
    run = bench.replay_well("-j", "--burst=1", "roundtrip", path)
    assert json.loads(run.out)["packets"] == 1, "packets"


def test_listed(bench):
    """The help of `superpacket` lists replay."""
    import subprocess

    from bench import COMMAND

    text = subprocess.run([COMMAND, "-h"], capture_output=True, text=True).stdout
    assert "replay" in text, "help"
    assert max(map(len, text.splitlines())) <= 80, "columns"
    run = subprocess.run([COMMAND, "no-such-verb"], capture_output=True, text=True)
    assert run.returncode == 2, "exit code"
    assert "replay" in run.stderr, "unknown command"
    path = bench.capture([packet_of()])
    run = subprocess.run([COMMAND, "-q", "replay", "roundtrip", path], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, ""), "an option before replay"
