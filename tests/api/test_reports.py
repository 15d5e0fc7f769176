# SPDX-License-Identifier: MIT
"""tests/api/test_reports.py - the reports of test programs, read by others

Runs the specimens of the release build and reads what they write with parsers
that are not ours: xml.etree, json, YAML where it is installed, and a small one
for TAP, written from its specification.  Runs that are killed are read, too.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from places import BUILD

import closing

try:
    import yaml
except ImportError:
    yaml = None

SPECIMENS = os.path.join(BUILD, "tests", "specimens")
CLOSING = re.compile(r"\d+ passed, \d+ failed(, \d+ skipped)?$")
KNOWN = "TO" "DO"  # the directive for failures that are known
POINT = re.compile(r"(ok|not ok) (\d+) - ((?:[^#\\]|\\.)*?)"
                   rf"(?: # ({KNOWN}|SKIP) (.*))?$")


def environment():
    return {name: value for name, value in os.environ.items()
            if not name.startswith("BELAY_TEST_")}


def specimen(name, *options):
    """Runs a specimen.  Returns (exit status, what it said)."""
    done = subprocess.run(
        [os.path.join(SPECIMENS, name), *options], check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120,
        env=environment(), errors="strict", encoding="utf-8")
    return done.returncode, done.stdout


class TapError(Exception):
    """Raised by read_tap for what is not TAP."""


def unescape(text):
    return re.sub(r"\\(.)", r"\1", text)


def read_diagnostics(lines):
    """Takes a YAML block off the front of `lines`."""
    block = []
    while lines and lines[0] != "  ...":
        if not lines[0].startswith("  ") and lines[0]:
            raise TapError("outside of the block: " + lines[0])
        block.append(lines.pop(0)[2:])
    if not lines:
        raise TapError("the block does not end")
    lines.pop(0)
    text = "\n".join(block)
    return yaml.safe_load(text) if yaml else {"text": text}


def read_tap(text, is_complete=True):
    """Returns ([point], [comment]); a point is a dictionary."""
    lines = text.split("\n")
    if lines.pop(0) != "TAP version 14" or lines.pop() != "":
        raise TapError("its first or last line")
    points, comments, plan = [], [], None
    while lines:
        line = lines.pop(0)
        point = POINT.match(line)
        if point and plan is None:
            points.append({
                "ok": point[1] == "ok", "id": unescape(point[3]),
                "directive": point[4], "reason": unescape(point[5] or "")})
            if int(point[2]) != len(points):
                raise TapError("out of order: " + line)
        elif line == "  ---" and points:
            points[-1]["more"] = read_diagnostics(lines)
        elif line.startswith("1..") and plan is None:
            plan = int(line[3:])
        elif line.startswith("# "):
            comments.append(line[2:])
        else:
            raise TapError("neither point, block, plan nor comment: " + line)
    if is_complete and plan != len(points):
        raise TapError(f"a plan of {plan} for {len(points)} points")
    return points, comments


class Reports(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as file:
            return file.read()

    def all_of(self, name, *options):
        """Runs a specimen with all reports.  Returns what they say."""
        status, said = specimen(name, "--report-dir", self.folder, *options)
        root = xml.etree.ElementTree.fromstring(self.read(name + ".xml"))
        events = [json.loads(line)
                  for line in self.read(name + ".jsonl").splitlines()]
        points, comments = read_tap(self.read(name + ".tap"))
        return status, said, root, events, points, comments

    def test_they_agree(self):
        for name in ("catalog", "outcomes", "printing", "skipped", "crowd"):
            with self.subTest(name):
                _, said, root, events, points, comments = self.all_of(
                    name, "-j4")
                tests = [one for one in events if one["event"] == "test"]
                ids = [one["id"] for one in tests]
                self.assertEqual([one["id"] for one in points], ids)
                cases = [suite.get("name") + "::" + case.get("name")
                         for suite in root for case in suite]
                self.assertEqual(cases, ids)
                self.assertEqual(events[0]["tests"], len(ids))
                end = events[-1]
                self.assertEqual(end["event"], "end")
                self.assertEqual(
                    end["passed"] + end["failed"] + end["skipped"], len(ids))
                last = said.splitlines()[-1]
                self.assertTrue(last.startswith(
                    f"{end['passed']} passed, {end['failed']} failed"))
                self.assertEqual(comments, [last])

    def test_one_closing_line(self):
        """Whatever tests print, and whatever a reader takes for a line."""
        for name in ("printing", "outcomes", "catalog", "crowd"):
            for options in (["-j8"], ["-v"], ["-q"], ["--tap"],
                            ["--color=always"], ["--show-passed-output"]):
                with self.subTest(name, options=options):
                    _, said = specimen(name, *options)
                    lines = said.splitlines()
                    start = "# " if "--tap" in options else ""
                    found = [line for line in lines
                             if CLOSING.match(line.removeprefix("# "))]
                    self.assertEqual(found, lines[-1:])
                    self.assertTrue(lines[-1].startswith(start))

    def test_junit(self):
        _, _, root, _, _, _ = self.all_of("outcomes")
        self.assertEqual(root.tag, "testsuites")
        suite = root[0]
        self.assertEqual(
            {name: suite.get(name)
             for name in ("name", "tests", "failures", "errors", "skipped")},
            {"name": "outcomes.c", "tests": "11", "failures": "3",
             "errors": "3", "skipped": "2"})
        kinds = {case.get("name"): [child.tag for child in case]
                 for case in suite}
        self.assertEqual(kinds["passes"], [])
        self.assertEqual(kinds["fails"], ["failure", "system-out"])
        self.assertEqual(kinds["crashes"][0], "error")
        self.assertEqual(kinds["deadlocks"][0], "error")
        self.assertEqual(kinds["skips"], ["skipped"])
        self.assertEqual(kinds["fails_as_known"], [])
        self.assertEqual(kinds["passes_unexpectedly"], ["failure"])
        case = next(case for case in suite if case.get("name") == "fails")
        self.assertEqual(case.get("classname"), "outcomes")
        self.assertGreater(int(case.get("line")), 1)
        self.assertIn("CHECK_EQ(1 + 1, 3)", case[0].get("message"))
        self.assertIn("1 + 1 = 2", case[0].text)
        self.assertEqual(case[1].text, "printed before it failed\n")

    def test_junit_has_a_suite_for_each_file(self):
        _, _, root, _, _, _ = self.all_of("catalog", "-j8")
        self.assertEqual(
            [(suite.get("name"), suite.get("tests"), suite.get("failures"))
             for suite in root],
            [("test_echo.c", "3", "0"), ("test_pool.c", "3", "1"),
             ("test_timers.c", "3", "0")])

    def test_what_was_printed(self):
        """Markup is data, and every byte is there in some form."""
        _, _, root, events, points, _ = self.all_of("printing")
        in_xml = {case.get("name"): case.findtext("system-out")
                  for case in root[0]}
        in_json = {one["id"].split("::")[1]: one["output"]
                   for one in events if one["event"] == "test"}
        self.assertEqual(in_xml, in_json)
        self.assertEqual(
            in_json["markup"],
            '</system-out></testcase>]]><testcase name="forged"/>&amp;\n')
        self.assertEqual(in_json["half_a_character"],
                         "caf\\xc3and an err\\xe2\\x82")
        self.assertEqual(in_json["control_characters"],
                         "\\x1b[2J\\x01\\x02\\x08\\x7f\\xff\\xfe end\n")
        self.assertEqual(in_json["no_newline"], "half a line")
        self.assertEqual(in_json["in_order"],
                         "first, out\nsecond, err\nthird, out\n")
        if yaml is None:
            return
        for point in points:
            if point["ok"]:
                continue
            output = in_json[point["id"].split("::")[1]]
            self.assertEqual(point["more"]["output"].rstrip("\n"),
                             (output or "").rstrip("\n"))

    def test_tap(self):
        _, said = specimen("catalog", "--tap", "-j4")
        points, comments = read_tap(said)
        self.assertEqual(comments, ["7 passed, 1 failed, 1 skipped"])
        by_id = {point["id"].split("::")[1]: point for point in points}
        self.assertTrue(by_id["echoes[1]"]["ok"])
        self.assertFalse(by_id["loses"]["ok"])
        self.assertEqual(by_id["loses"]["directive"], None)
        self.assertEqual(
            by_id["is_late"],
            {"ok": False, "id": "test_timers.c::is_late",
             "directive": KNOWN, "reason": '#12 "late"'})
        self.assertEqual(
            by_id["is_left_out"],
            {"ok": True, "id": "test_timers.c::is_left_out",
             "directive": "SKIP", "reason": "no clock # here"})
        if yaml is None:
            return
        more = by_id["loses"]["more"]
        self.assertEqual(more["outcome"], "FAILED")
        self.assertEqual(more["file"], "catalog/test_pool.c")
        self.assertIn("CHECK_EQ(1, 2)", more["message"])
        self.assertIn("CHECK_EQ(1, 2)", more["details"])

    def test_tap_of_an_unexpected_pass_has_no_excuse(self):
        _, said = specimen("outcomes", "--tap", "passes_unexpectedly")
        points, _ = read_tap(said)
        self.assertEqual((points[0]["ok"], points[0]["directive"]),
                         (False, None))

    def test_tap_of_nothing(self):
        status, said = specimen("nothing", "--tap")
        self.assertEqual(status, 5)
        self.assertEqual(read_tap(said), ([], ["0 passed, 0 failed"]))

    def test_json(self):
        _, _, _, events, _, _ = self.all_of("catalog")
        self.assertEqual(events[0]["version"], 1)
        self.assertEqual(events[0]["seed"], 1)
        by_id = {one["id"].split("::")[1]: one for one in events[1:-1]}
        self.assertEqual(
            {name: one["outcome"] for name, one in by_id.items()},
            {"echoes[1]": "passed", "echoes[7]": "passed", "closes": "passed",
             "lends": "passed", "loses": "failed", "keeps": "passed",
             "fires": "passed", "is_late": "xfailed",
             "is_left_out": "skipped"})
        self.assertEqual(by_id["closes"]["virtual_seconds"], 7)
        self.assertGreater(by_id["lends"]["runs"], 4)
        self.assertEqual(by_id["is_left_out"]["message"], "no clock # here")
        self.assertEqual(by_id["keeps"]["message"], None)

    def test_a_run_that_breaks_down(self):
        status, said = specimen(
            "internal", "--isolate=none", "--report-dir", self.folder,
            "passes", "breaks_*", "comes_*")
        self.assertEqual(status, 3)
        self.assertEqual(said.splitlines()[-1], "1 passed, 2 failed")
        points = self.read("internal.tap").splitlines()
        self.assertEqual(points[-2:], ["Bail out! the specimen breaks down",
                                       "# 1 passed, 2 failed"])
        root = xml.etree.ElementTree.fromstring(self.read("internal.xml"))
        self.assertEqual(root[0].get("errors"), "2")
        last = json.loads(self.read("internal.jsonl").splitlines()[-1])
        self.assertEqual(last["problem"], "the specimen breaks down")

    def stuck(self, number):
        """Starts a run that hangs, and ends it by a signal."""
        command = [os.path.join(SPECIMENS, "stuck"), "-v", "-j1",
                   "--watchdog=off", "--report-dir", self.folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL,
                              env=environment()) as program:
            for line in program.stdout:
                if "stuck.c::fails" in line:
                    break
            program.send_signal(number)
            program.stdout.read()
        return program.returncode

    def test_a_run_that_was_killed(self):
        self.assertEqual(self.stuck(signal.SIGKILL), -signal.SIGKILL)
        root = xml.etree.ElementTree.fromstring(self.read("stuck.xml"))
        self.assertEqual([case.get("name") for case in root[0]],
                         ["passes", "fails"])
        self.assertEqual((root[0].get("tests"), root[0].get("failures")),
                         ("2", "1"))
        events = [json.loads(line)
                  for line in self.read("stuck.jsonl").splitlines()]
        self.assertEqual([one["event"] for one in events],
                         ["begin", "test", "test"])
        points, _ = read_tap(self.read("stuck.tap"), is_complete=False)
        self.assertEqual([point["ok"] for point in points], [True, False])

    def test_a_run_that_was_interrupted(self):
        self.assertEqual(self.stuck(signal.SIGINT), 2)
        root = xml.etree.ElementTree.fromstring(self.read("stuck.xml"))
        self.assertEqual(root[0].get("errors"), "2")
        points, comments = read_tap(self.read("stuck.tap"))
        self.assertEqual(len(points), 4)
        self.assertEqual(comments, ["1 passed, 3 failed"])
        last = json.loads(self.read("stuck.jsonl").splitlines()[-2])
        self.assertEqual((last["id"], last["outcome"]),
                         ("stuck.c::comes_too_late", "stopped"))

    def test_junit_into_a_pipe(self):
        _, said = specimen("catalog", "-q", "--junit=/dev/stdout", "fires")
        document = said[said.index("<?xml"):said.index("</testsuites>") + 13]
        root = xml.etree.ElementTree.fromstring(document)
        self.assertEqual(root[0][0].get("name"), "fires")

    def test_list(self):
        _, said = specimen("catalog", "--list=json")
        tests = json.loads(said)["tests"]
        self.assertEqual(len(tests), 9)
        self.assertEqual(tests[0]["tags"], ["net", "slow"])


if __name__ == "__main__":
    closing.main()
