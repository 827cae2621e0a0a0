# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a test is and how it is run.

    @test("a transfer survives kill -9", seconds=60)
    def kill_9(lab, data): ...

A test gets a fresh Lab and the shared data file. It passes by returning; `Failed` and `Skip`
carry the reason. Each has a deadline; nothing it made outlives it.
"""

import inspect
import signal
import sys
import time
import traceback

from lab import PATIENCE, Failed, Interrupted, Lab, Skip

TESTS = []
DATA_LENGTH = 192 << 20


class Test:
    def __init__(self, function, sentence, seconds):
        self.function = function
        self.sentence = sentence
        self.seconds = seconds
        self.module = function.__module__.removeprefix("test_")
        self.name = f"{self.module}/{function.__name__}"


def test(sentence, seconds=60):
    def register(function):
        TESTS.append(Test(function, sentence, seconds))
        return function

    return register


class Result:
    def __init__(self, test, verdict, reason, seconds):
        self.test, self.verdict, self.reason, self.seconds = test, verdict, reason, seconds

    def show(self):
        line = f"{self.verdict}  {self.test.name}: {self.test.sentence} ({self.seconds:.1f} s)"
        if self.reason:
            line += "\n" + "\n".join("      " + part for part in self.reason.splitlines())
        print(line, flush=True)

    def tap(self, number):
        """A line of the Test Anything Protocol, the reason as comments behind it."""
        line = "not ok" if self.verdict == "FAIL" else "ok"
        line += f" {number} - {self.test.name}"
        reason = self.reason or ""
        if self.verdict == "SKIP":
            return f"{line} # SKIP {' '.join(reason.split())}\n"
        return line + "\n" + "".join(f"# {part}\n" for part in reason.splitlines())


def out_of_time(*_):
    raise Failed("the deadline of the test has passed")


def process_report(lab):
    """The last words of the processes of a failed test."""
    report = ""
    for process in lab.processes[-8:]:
        state = "runs" if process.running() else f"ended with {process.popen.returncode}"
        report += f"\n[{process.name} {state}] {process.stderr().strip()[-1500:]}"
    return report


def run_one(test, data):
    begin = time.monotonic()
    verdict, reason = "PASS", ""
    signal.signal(signal.SIGALRM, out_of_time)
    with Lab() as lab:
        signal.alarm(test.seconds * PATIENCE)
        try:
            wanted = inspect.signature(test.function).parameters
            test.function(lab, data()) if "data" in wanted else test.function(lab)
        except Skip as skip:
            verdict, reason = "SKIP", str(skip)
        except Failed as failure:
            where = traceback.extract_tb(sys.exc_info()[2])
            place = next((f for f in where if "/test_" in f.filename), where[-1])
            verdict = "FAIL"
            reason = f"{failure}  [line {place.lineno}: {place.line}]{process_report(lab)}"
        except Interrupted:
            raise
        except Exception:
            verdict, reason = "FAIL", traceback.format_exc() + process_report(lab)
        finally:
            signal.alarm(0)
    return Result(test, verdict, reason, time.monotonic() - begin)
