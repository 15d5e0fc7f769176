# SPDX-License-Identifier: MIT
"""tests/tidy/test_run_tests.py - the driver of all tests, tested

A driver that overlooks a crash is worse than none.  The programs here are
lines of shell that pass, fail, crash, hang and keep silent.
"""

import importlib.machinery
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tools"), HERE]

import closing  # noqa: E402


def load_driver():
    """tools/run_tests is a command, so its name has no ending to import."""
    path = os.path.join(ROOT, "tools", "run_tests")
    loader = importlib.machinery.SourceFileLoader("run_tests", path)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("run_tests", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


driver = load_driver()


class Judge(unittest.TestCase):
    def judged(self, script, timeout=20):
        counts, reason = driver.judge(*driver.run(["sh", "-c", script],
                                                  timeout))
        return str(counts), reason

    def test_passing(self):
        self.assertEqual(self.judged("echo '3 passed, 0 failed'"),
                         ("3 passed, 0 failed", None))
        self.assertEqual(self.judged("echo '3 passed, 0 failed, 1 skipped'"),
                         ("3 passed, 0 failed, 1 skipped", None))

    def test_all_skipped(self):
        self.assertEqual(self.judged("echo '0 passed, 0 failed, 2 skipped'"),
                         ("0 passed, 0 failed, 2 skipped", None))

    def test_ignored_signals_are_not_inherited(self):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        self.assertEqual(self.judged("kill -INT $$; echo '1 passed, 0 failed'"),
                         ("0 passed, 1 failed",
                          "killed by SIGINT, no closing line"))

    def test_failing(self):
        self.assertEqual(self.judged("echo '3 passed, 2 failed'; exit 1"),
                         ("3 passed, 2 failed", "exit status 1"))

    def test_failing_with_a_lying_status(self):
        self.assertEqual(self.judged("echo '3 passed, 2 failed'")[0],
                         "3 passed, 2 failed")

    def test_status_with_a_lying_line(self):
        self.assertEqual(self.judged("echo '3 passed, 0 failed'; exit 9"),
                         ("3 passed, 1 failed", "exit status 9"))

    def test_crash(self):
        self.assertEqual(self.judged("kill -SEGV $$"),
                         ("0 passed, 1 failed",
                          "killed by SIGSEGV, no closing line"))

    def test_silence(self):
        self.assertEqual(self.judged("true")[0], "0 passed, 1 failed")

    def test_nothing_ran(self):
        self.assertEqual(self.judged("echo '0 passed, 0 failed'"),
                         ("0 passed, 1 failed", "ran no test"))

    def test_hang(self):
        self.assertEqual(self.judged("sleep 60 & sleep 60", 0.2),
                         ("0 passed, 1 failed", "timed out"))

    def test_words_behind_the_closing_line(self):
        self.assertEqual(self.judged("echo '3 passed, 0 failed'; echo leak"),
                         ("3 passed, 0 failed", None))

    def test_a_line_that_only_looks_like_it(self):
        self.assertEqual(self.judged("echo 'so: 3 passed, 0 failed'")[0],
                         "0 passed, 1 failed")


class Programs(unittest.TestCase):
    def run_all(self, scripts):
        runner = driver.Runner(driver.parse([]))
        programs = [(f"program-{number}", ["sh", "-c", script], [])
                    for number, script in enumerate(scripts)]
        said = StringIO()
        with redirect_stdout(said):
            counts = runner.run_programs(programs, "leg", env={"X": "word"})
        return str(counts), said.getvalue()

    def test_sum(self):
        counts, said = self.run_all(["echo '3 passed, 0 failed'",
                                     "echo secret; echo '4 passed, 0 failed'",
                                     "echo loud $X; exit 3"])
        self.assertEqual(counts, "7 passed, 1 failed")
        self.assertNotIn("secret", said)
        self.assertIn("loud word", said)
        self.assertIn("program-2 (leg): exit status 3", said)

    def test_not_built(self):
        runner = driver.Runner(driver.parse([]))
        with redirect_stdout(StringIO()):
            counts = runner.run_programs([("x", None, [])], "leg")
        self.assertEqual(str(counts), "0 passed, 1 failed")


class Repeat(unittest.TestCase):
    """Made-up programs that note each run: what `make soak` does."""

    def repeat(self, script, times, is_hard=False):
        runner = driver.Runner(driver.parse(["-j1"]))
        with tempfile.NamedTemporaryFile() as notes:
            command = ["sh", "-c", script, "x", notes.name]
            runner.build = lambda _preset: "nowhere"
            runner.tests_of = lambda _directory: [("program", command, [])]
            said = StringIO()
            with redirect_stdout(said), mock.patch.object(
                    driver, "uring_refusal", lambda: None):
                status = driver.run_repeat(runner, times, is_hard)
            return (status, said.getvalue(),
                    notes.read().decode().split("\n")[:-1])

    def test_every_run_has_its_seed_and_both_drivers(self):
        status, said, notes = self.repeat(
            "echo $BELAY_DRIVER $BELAY_TEST_ARGS >>$1;"
            "echo '2 passed, 0 failed'", 2)
        self.assertEqual(status, 0)
        self.assertEqual(notes, ["epoll --seed 1", "uring --seed 1",
                                 "epoll --seed 2", "uring --seed 2"])
        self.assertEqual(said.split("\n")[-2], "8 passed, 0 failed")

    def test_hard_mode_has_seeds_of_its_own(self):
        status, said, notes = self.repeat(
            "echo $BELAY_DRIVER $BELAY_HARD_SEED $BELAY_TEST_ARGS $* >>$1;"
            "test $BELAY_HARD_SEED = 1 || exit 1;"
            "echo '2 passed, 0 failed'", 5, is_hard=True)
        self.assertEqual(status, 1)
        self.assertEqual([note.split("/")[0].strip() for note in notes],
                         ["epoll 1", "uring 1", "epoll 2"])
        self.assertTrue(notes[0].endswith(" -k not huge"), notes)
        self.assertIn("BELAY_DRIVER=epoll BELAY_HARD_SEED=2", said)

    def test_only_two_legs_are_repeated(self):
        with redirect_stderr(StringIO()), self.assertRaises(SystemExit):
            driver.parse(["--repeat", "2", "asan"])
        self.assertEqual(driver.parse(["--repeat", "2", "hard"]).legs, ["hard"])

    def test_the_first_failure_is_the_last_run(self):
        status, said, notes = self.repeat(
            "echo x >>$1; test $(wc -l <$1) -lt 3 || exit 1;"
            "echo '2 passed, 0 failed'", 5)
        self.assertEqual(status, 1)
        self.assertEqual(len(notes), 3)
        self.assertIn("program (run 2 of 5, epoll): exit status 1", said)
        self.assertIn("BELAY_DRIVER=epoll BELAY_TEST_ARGS='--seed 2'", said)
        self.assertEqual(said.split("\n")[-2], "4 passed, 1 failed")


class WholeRun(unittest.TestCase):
    def finish(self, legs):
        """Runs made-up legs.  Returns the status and the last line."""
        def leg(outcome):
            def function(_runner):
                if isinstance(outcome, Exception):
                    raise outcome
                return driver.Counts(*outcome)
            function.__doc__ = "made up"
            return function

        kept = driver.LEGS
        driver.LEGS = {f"leg{number}": leg(outcome)
                       for number, outcome in enumerate(legs)}
        said = StringIO()
        try:
            with redirect_stdout(said):
                status = driver.main([])
        finally:
            driver.LEGS = kept
        return status, said.getvalue().rstrip("\n").split("\n")[-1]

    def test_verdict(self):
        self.assertEqual(self.finish([(2, 0, 0), (3, 0, 0)]),
                         (0, "5 passed, 0 failed"))
        self.assertEqual(self.finish([(2, 0, 0), (3, 1, 0)]),
                         (1, "5 passed, 1 failed"))

    def test_skipped_leg(self):
        self.assertEqual(self.finish([(2, 0, 0), driver.Skip("no tool")]),
                         (0, "2 passed, 0 failed, 1 skipped"))

    def test_broken_build(self):
        self.assertEqual(self.finish([driver.BuildFailed("x"), (2, 0, 0)]),
                         (1, "2 passed, 1 failed"))

    def test_list(self):
        done = subprocess.run([sys.executable, ROOT + "/tools/run_tests",
                               "--list"], capture_output=True, text=True,
                              check=True)
        self.assertEqual([line.split()[0]
                          for line in done.stdout.splitlines()],
                         list(driver.LEGS))


if __name__ == "__main__":
    closing.main()
