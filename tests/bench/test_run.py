# SPDX-License-Identifier: MIT
"""tests/bench/test_run.py - the judge of the benchmarks, judged

Scripts that print made-up numbers stand in for the programs that measure.
"""

import contextlib
import glob
import io
import json
import os
import stat
import sys
import tempfile
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "bench"), os.path.join(ROOT, "tests/tidy")]

import closing  # noqa: E402
import run  # noqa: E402
import targets  # noqa: E402

# A program with two metrics: a.steady_ns is always 5, a.rising_ns counts its
# calls in a file.  What it is asked goes to the end of a journal.
FAKE = """#!{python}
import os, sys
place, name = {place!r}, {name!r}
if sys.argv[1:] == ["--list"]:
    print("a.steady_ns", "a.rising_ns", sep="\\n")
    sys.exit(0)
with open(os.path.join(place, "journal"), "a") as file:
    print(name, *sys.argv[1:], file=file)
with open(os.path.join(place, "journal")) as file:
    calls = sum(line.startswith(name + " a.rising_ns") for line in file)
value = 5 if sys.argv[1] == "a.steady_ns" else calls * 10
print(sys.argv[1], name, value, "ns", sep="\\t")
"""


class Parsing(unittest.TestCase):
    def test_lines(self):
        output = "a.b_ns\tbelay\t7.25\tns\na.b_ns\tbelay\t9\tns\n"
        self.assertEqual(run.parse(output, "a.b_ns"),
                         ("belay", [7.25, 9.0], "ns"))

    def test_nonsense(self):
        for output in ("", "hello\n", "a.b_ns\tbelay\t7.25\n",
                       "a.c_ns\tbelay\t7.25\tns\n",
                       "a.b_ns\tbelay\tfast\tns\n",
                       "a.b_ns\tbelay\t1\tns\na.b_ns\tgo\t1\tns\n",
                       "a.b_ns\tbelay\t1\tns\na.b_ns\tbelay\t1\tus\n"):
            with self.subTest(output=output):
                with self.assertRaises(run.Broken):
                    run.parse(output, "a.b_ns")

    def test_arguments(self):
        self.assertEqual(run.parse_arguments([]).reps, 7)
        self.assertEqual(run.parse_arguments(["--quick"]).reps, 1)
        with contextlib.redirect_stderr(io.StringIO()):
            with self.assertRaises(SystemExit):
                run.parse_arguments(["--reps", "0"])


class Numbers(unittest.TestCase):
    def result(self, *values):
        return run.Result("a.b_ns", "belay", "ns", list(values))

    def test_median(self):
        self.assertEqual(self.result(9, 1, 2).median, 2)
        self.assertEqual(self.result(4, 2).median, 3)
        self.assertEqual(self.result(9, 1, 2).line(), "a.b_ns\tbelay\t2\tns")

    def test_spread(self):
        self.assertEqual(self.result(2, 1, 3).spread(), 1)
        self.assertEqual(self.result(5).spread(), 0)
        self.assertEqual(self.result(0, 0).spread(), 0)

    def test_digits(self):
        for value, text in ((7.246, "7.25"), (0.5, "0.50"), (12.34, "12.3"),
                            (8, "8"), (1234.5, "1234"),
                            (1000000, "1000000")):
            self.assertEqual(run.number(value), text)


class Targets(unittest.TestCase):
    def test_both_directions(self):
        for metric, value, reached in (("core.switch_ns", 8, True),
                                       ("core.switch_ns", 8.01, False),
                                       ("core.tasks_alive", 1_000_000, True),
                                       ("core.tasks_alive", 999_999, False),
                                       ("core.unheard_of", 1, None)):
            with self.subTest(metric=metric, value=value):
                self.assertIs(targets.is_reached(metric, value), reached)

    def test_names_are_measured(self):
        """A target for a metric that nobody measures would never be missed."""
        paths = [os.path.join(ROOT, "bench", "peers", "net_load.h")]
        for name in os.listdir(os.path.join(ROOT, "bench")):
            if name.endswith(".c"):
                paths.append(os.path.join(ROOT, "bench", name))
        text = ""
        for path in paths:
            with open(path, encoding="utf-8") as file:
                text += file.read()
        for metric in targets.TARGETS:
            self.assertIn(f'"{metric.removesuffix("_ratio")}"', text)


class Ratios(unittest.TestCase):
    METRIC = "net.accept"  # has a target for its ratio

    def ratios(self, ours, floor, metric=METRIC):
        unit = "ns_cpu_per_connection"
        return run.ratios([run.Result(metric, run.OURS, unit, ours),
                           run.Result(metric, run.FLOOR, unit, floor)])

    def test_rounds_are_compared(self):
        """The machine was slow in the second round, for both."""
        found = self.ratios([90.0, 900.0, 95.0], [100.0, 1000.0, 100.0])
        self.assertEqual([result.line() for result in found],
                         ["net.accept_ratio\tbelay\t0.90\tof_raw-epoll"])

    def test_peers_are_compared_in_the_same_way(self):
        unit = "ns_cpu_per_connection"
        found = run.ratios([
            run.Result(self.METRIC, "libuv", unit, [120.0, 1100.0]),
            run.Result(self.METRIC, run.OURS, unit, [90.0, 900.0]),
            run.Result(self.METRIC, run.FLOOR, unit, [100.0, 1000.0])])
        self.assertEqual([result.line() for result in found],
                         ["net.accept_ratio\tlibuv\t1.15\tof_raw-epoll",
                          "net.accept_ratio\tbelay\t0.90\tof_raw-epoll"])

    def test_a_round_that_is_missing(self):
        found = self.ratios([50.0, 60.0], [100.0])
        self.assertEqual(found[0].values, [0.5])

    def test_nothing_to_compare(self):
        self.assertEqual(self.ratios([5.0], [0.0]), [])
        self.assertEqual(self.ratios([5.0], [5.0], "net.unheard_of"), [])
        self.assertEqual(run.ratios([run.Result(
            self.METRIC, run.OURS, "ns", [5.0])]), [])


class Table(unittest.TestCase):
    RESULTS = (
        run.Result("core.switch_ns", "belay", "ns", [7.0, 7.5, 8.0]),
        run.Result("core.switch_ns", "go", "ns", [75.0]),
        run.Result("core.queue_roundtrip_ns", "belay", "ns", [50.0]),
        run.Result("core.queue_roundtrip_ns", "go", "ns", [40.0]),
        run.Result("core.timer_arm_fire_ns", "go", "ns", [900.0]),
    )

    def rows(self, **kind):
        return [line.split() for line in
                run.table(self.RESULTS, **kind).split("\n")]

    def test_rows(self):
        self.assertEqual(self.rows(), [
            ["belay", "spread", "target", "go"],
            ["core.switch_ns", "7.50", "13%", "<=", "8", "ok", "75",
             "(10x)"],
            ["core.queue_roundtrip_ns", "50", "0%", "<=", "40", "MISS", "40",
             "(0.80x)"],
            ["core.timer_arm_fire_ns", "-", "900"]])

    def test_quick_is_not_judged(self):
        text = run.table(self.RESULTS, quick=True)
        self.assertNotIn("MISS", text)
        self.assertNotIn("ok", text)


class Running(unittest.TestCase):
    """Whole runs, with programs that are made up."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name

    def fake(self, name, text=FAKE):
        path = os.path.join(self.place, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.format(python=sys.executable, place=self.place,
                                   name=name))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return run.Program(name, [path])

    def main(self, programs, *arguments, absent=None):
        """Returns the exit status and both outputs."""
        found = (programs, absent or {})
        out, err = io.StringIO(), io.StringIO()
        with mock.patch.object(run, "find_programs", return_value=found), \
                contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(err):
            status = run.main(list(arguments))
        return status, out.getvalue(), err.getvalue()

    def journal(self):
        with open(os.path.join(self.place, "journal"),
                  encoding="utf-8") as file:
            return file.read().splitlines()

    def test_they_take_turns(self):
        two = [self.fake("belay"), self.fake("peer")]
        status, out, _ = self.main(two, "--only", "a.rising", "--reps", "3")
        self.assertEqual(status, 0)
        self.assertEqual(self.journal(),
                         ["belay a.rising_ns 1", "peer a.rising_ns 1"] * 3)
        self.assertEqual(out, "a.rising_ns\tbelay\t20\tns\n"
                              "a.rising_ns\tpeer\t20\tns\n")

    def test_quick(self):
        self.main([self.fake("belay")], "--quick")
        self.assertEqual(self.journal(), ["belay a.steady_ns 1 --quick",
                                          "belay a.rising_ns 1 --quick"])

    def test_budget(self):
        self.main([self.fake("belay")], "--budget", "0", "--reps", "5",
                  "--only", "a.steady")
        self.assertEqual(self.journal(), ["belay a.steady_ns 1"])

    def test_json(self):
        path = os.path.join(self.place, "all.json")
        self.main([self.fake("belay")], "--only", "a.rising", "--reps", "2",
                  "--json", path, absent={"go": "there is none"})
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        self.assertEqual(document["absent"], {"go": "there is none"})
        self.assertEqual(document["results"], [
            {"metric": "a.rising_ns", "contender": "belay", "unit": "ns",
             "median": 15.0, "values": [10.0, 20.0], "reached": None}])

    def test_broken_peer_spares_the_others(self):
        broken = self.fake("peer", FAKE.replace(
            "value = 5", "sys.exit('it hurts')\nvalue = 5"))
        status, out, err = self.main([self.fake("belay"), broken],
                                     "--only", "a.steady", "--reps", "2")
        self.assertEqual(status, 1)
        self.assertEqual(out, "a.steady_ns\tbelay\t5\tns\n")
        self.assertIn("it hurts", err)

    def test_wrong_name(self):
        program = self.fake("belay")
        program.contender = "peer"
        status, out, _ = self.main([program], "--only", "a.steady")
        self.assertEqual((status, out), (1, ""))

    def test_absent_peer_is_said(self):
        status, _, err = self.main([self.fake("belay")], "--quick",
                                   absent={"go": "there is none"})
        self.assertEqual(status, 0)
        self.assertIn("go is left out: there is none", err)

    def test_no_such_metric(self):
        status, _, err = self.main([self.fake("belay")], "--only", "b.")
        self.assertEqual(status, 1)
        self.assertIn("'b.'", err)

    def test_ours_must_be_built(self):
        with contextlib.redirect_stderr(io.StringIO()) as err:
            status = run.main(["--build", self.place, "--quick"])
        self.assertEqual(status, 1)
        self.assertIn("is not built", err.getvalue())

    def ours(self, only, *names):
        """The names of the programs that are ours, if those are built."""
        os.makedirs(os.path.join(self.place, "bench"), exist_ok=True)
        for name in names:
            path, _ = run.built(self.place, name)
            with open(path, "w", encoding="utf-8"):
                os.chmod(path, 0o755)
        commands, _ = run.find_ours("belay", self.place, only)
        return {os.path.basename(command[0]) for command in commands}

    def test_only_those_in_question_must_be_built(self):
        core = [os.path.basename(source) for source in
                glob.glob(os.path.join(ROOT, "bench", "core_*.c"))]
        for only in ("core", "core.", "core.switch_ns", "c"):
            with self.subTest(only=only):
                self.assertIn("core_switch", self.ours(only, *core))
        for only in ("", "process", "process.spawn_us", "p", "net.echo_64"):
            with self.subTest(only=only):
                with self.assertRaises(run.Broken):
                    self.ours(only)

    def test_what_needs_another_library_may_be_missing(self):
        self.assertIn("net_echo", self.ours("net.", "net_echo.c"))


if __name__ == "__main__":
    closing.main()
