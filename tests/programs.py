# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Test programs, given to pytest by their paths:

    unit_NAME, bpf_NAME, nic_NAME    Criterion: each test that the program lists is an item
    prop_NAME                        the property test: an item, as it says itself what it has done
    fuzz_NAME                        libFuzzer: an item, --fuzz-seconds from the committed corpus on

A program runs once, for all of its items. A test that it lists and does not report (it crashed, or hung) has failed.
"""

import ctypes
import glob
import os
import re
import signal
import subprocess
import tempfile

import pytest

from lab import BUILD

# Seconds; they only end what hangs: ten times what a quiet machine with two cores needs, and more.
CRITERION_DEADLINE, PROPERTY_DEADLINE, FUZZ_DEADLINE = 600, 1200, 300
CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fuzz", "corpus")
PR_SET_PDEATHSIG = 1


def pytest_collect_file(file_path, parent):
    kind = KINDS.get(file_path.name.partition("_")[0])
    if kind and not file_path.suffix and os.access(file_path, os.X_OK):
        return kind.from_parent(parent, path=file_path)
    return None


def run(argv, deadline):
    """Output and exit code; what is not done in time, or with us, is killed with all of its children."""
    def end_with_parent():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace", start_new_session=True, preexec_fn=end_with_parent)
    try:
        output, _ = process.communicate(timeout=deadline)
        return output, process.returncode
    except subprocess.TimeoutExpired:
        kill(process)
        return process.communicate()[0] + f"\nnot done after {deadline} s", None
    finally:
        kill(process)


def kill(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def ended(code):
    if code is None:
        return "was killed"
    return f"ended with {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"


class Failure(Exception):
    """The text is all that is to be shown."""


class Program(pytest.File):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        if self.path.parent != self.config.rootpath / BUILD / "tests":  # of another compiler, of sanitizers
            self.add_marker("more")

    def collect(self):
        return [self.item.from_parent(self, name=name) for name in self.names()]

    def names(self):
        return [self.path.name]


class ProgramItem(pytest.Item):
    def repr_failure(self, excinfo):
        return str(excinfo.value) if isinstance(excinfo.value, Failure) else super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, self.name


class CriterionItem(ProgramItem):
    def runtest(self):
        verdict, text = self.parent.verdict(self.name)
        if verdict == "skip":
            pytest.skip(f"{self.parent.name}: {text}")
        if verdict != "ok":
            raise Failure(text)


class Criterion(Program):
    item = CriterionItem

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.options, self.report = [], None
        if not self.path.name.startswith("unit_"):
            self.add_marker("alone")
            self.options = ["--jobs=1"]

    def names(self):
        done = subprocess.run([self.path, "--list"], capture_output=True, text=True, timeout=60)
        suite, names = None, []
        for line in done.stdout.splitlines():
            head, test = re.match(r"(\w+): \d+ tests?$", line), re.match(r"[├└]── (\w+)", line)
            suite = head[1] if head else suite
            names += [f"{suite}::{test[1]}"] if test else []
        if done.returncode or not names:
            raise self.CollectError(f"{self.path} --list {ended(done.returncode)} and names no test: {done.stderr}")
        return names

    def verdict(self, name):
        """("ok" or "not ok" or "skip", what was said of it)"""
        if self.report is None:
            self.report = self.run()
        verdicts, output, code = self.report
        verdict, text = verdicts.get(name, ("not reported", ""))
        if verdict == "ok" and code != 0 and all(v in ("ok", "skip") for v, _ in verdicts.values()):
            verdict = "not ok"  # a crash behind the last test, say
        if verdict in ("ok", "skip"):
            return verdict, text
        return verdict, f"{name}: {verdict}; {self.path.name} {ended(code)}\n{text}\n{output[-6000:]}"

    def run(self):
        with tempfile.TemporaryDirectory(prefix=f"sptest{os.getpid()}-") as directory:
            tap = os.path.join(directory, "tap")
            output, code = run([self.path, f"--tap={tap}", "--color=never", *self.options], CRITERION_DEADLINE)
            try:
                with open(tap, errors="replace") as file:
                    return read_tap(file.read()), output, code
            except FileNotFoundError:
                return {}, output, code


def read_tap(text):
    """{"suite::test": (verdict, the lines that follow it)}"""
    verdicts = {}
    for block in re.split(r"^(?=ok|not ok)", text, flags=re.M)[1:]:
        verdict, name, rest = re.match(r"(not ok|ok)(?: \d+)?(?: - (\S+))?(.*)", block, re.S).groups()
        skip = re.search(r"# SKIP\s*(.*)", rest, re.I)
        verdicts[name] = ("skip", skip[1] or "no reason given") if skip else (verdict, rest.strip())
    return verdicts


class PropertyItem(ProgramItem):
    def runtest(self):
        output, code = run([self.path], PROPERTY_DEADLINE)
        self.add_report_section("call", "said", output)
        if code != 0:
            raise Failure(f"{self.path} {ended(code)}")


class Property(Program):
    item = PropertyItem


class FuzzItem(ProgramItem):
    """What is found on the way that reaches new code is kept in BUILD/corpus for the next time; nothing is added to
    what is committed. A crash prints the file that causes it and the command that repeats it."""

    def runtest(self):
        seconds = self.config.getoption("fuzz_seconds")
        name, build = self.name.removeprefix("fuzz_"), self.path.parent.parent
        found, given, artifacts = f"{build}/corpus/{name}", os.path.join(CORPUS, name), f"{build}/{name}-"
        os.makedirs(found, exist_ok=True)
        if not os.listdir(given):
            raise Failure(f"no corpus is committed in {given}")
        before = set(glob.glob(artifacts + "*"))
        # The limits are for inputs that hang or eat memory, hence far beyond what is usual.
        output, code = run([self.path, f"-max_total_time={seconds}", f"-artifact_prefix={artifacts}", "-timeout=20",
                            "-rss_limit_mb=2048", "-max_len=5000", "-print_final_stats=1", found, given],
                           seconds + FUZZ_DEADLINE)
        runs = re.search(r"number_of_executed_units:\s*(\d+)", output)
        if code == 0 and runs and int(runs[1]) > 0:
            return
        repeat = "".join(f"\nthe input: {path}\nto repeat it: {self.path} {path}"
                         for path in sorted(set(glob.glob(artifacts + "*")) - before))
        raise Failure(f"{self.path} {ended(code)}:\n" + "\n".join(output.splitlines()[-60:]) + repeat)


class Fuzz(Program):
    item = FuzzItem


KINDS = {"unit": Criterion, "bpf": Criterion, "nic": Criterion, "prop": Property, "fuzz": Fuzz}
