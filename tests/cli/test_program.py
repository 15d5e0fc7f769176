#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/cli/test_program.py - the words that stand before a command of `belay`

    tests/cli/test_program.py

Runs build/release/cli/belay, or the program that BELAY_PROGRAM names.
"""

import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "tidy"))

import closing  # noqa: E402

PROGRAM = os.environ.get("BELAY_PROGRAM") or \
    os.path.join(ROOT, "build", "release", "cli", "belay")


def belay(*arguments, stdout=subprocess.PIPE):
    return subprocess.run([PROGRAM, *arguments], stdout=stdout,
                          stderr=subprocess.PIPE, text=True, timeout=30)


def names_of_commands():
    """Those of the table, but for what this program was built without."""
    with open(os.path.join(ROOT, "cli", "commands.c"),
              encoding="utf-8") as file:
        names = re.findall(r"&(\w+)_command\b", file.read())
    if not re.search(r"(?m)^  fetch ", belay("help").stdout):
        names.remove("fetch")
    return names


class Words(unittest.TestCase):
    def test_version(self):
        for word in ("--version", "-V"):
            done = belay(word)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, r"\Abelay \d+\.\d+\.\d+\n\Z")
            self.assertEqual(done.stderr, "")

    def test_help_lists_every_command(self):
        for word in ("--help", "-h", "help"):
            done = belay(word)
            self.assertEqual(done.returncode, 0)
            for name in names_of_commands():
                self.assertRegex(done.stdout, rf"(?m)^  {name} +\S")

    def test_help_of_each_command_is_its_usage(self):
        for name in names_of_commands():
            done = belay("help", name)
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"usage: belay {name}", done.stdout)
            self.assertIn("Examples:", done.stdout)
            self.assertEqual(belay(name, "--help").stdout, done.stdout)
            for line in done.stdout.split("\n"):
                self.assertLessEqual(len(line), 80, line)

    def test_an_unknown_option_is_named(self):
        for name in names_of_commands():
            for words, said in ((("-qzk", "x"), "what is '-z'?"),
                                (("--quiet", "-zq", "x"), "what is '-z'?"),
                                (("--roots=r", "-z", "x"), "what is '-z'?"),
                                (("--zebra=1", "x"), "what is '--zebra=1'?"),
                                (("--quiet=1", "x"),
                                 "--quiet takes no value"),
                                (("--roots",), "--roots needs a value"),
                                (("-H", "a b: c", "x"),
                                 "--header cannot be 'a b: c'")):
                with self.subTest(name=name, words=words):
                    done = belay(name, *words)
                    self.assertEqual(done.returncode, 2)
                    self.assertEqual(done.stdout, "")
                    self.assertEqual(done.stderr,
                                     f"belay {name}: {said}\n"
                                     f"Try 'belay help {name}'.\n")

    def test_help_tells_every_option(self):
        for name in names_of_commands():
            path = os.path.join(ROOT, "cli", f"{name}_options.c")
            with open(path, encoding="utf-8") as file:
                options = re.findall(r'\{ "([\w-]+)", \w+_argument', file.read())
            self.assertGreater(len(options), 5)
            text = belay("help", name).stdout
            if "without TLS" in text:
                options = set(options) - {"insecure", "roots", "sha256"}
            for option in options:
                self.assertRegex(text, rf"--{option}\b")

    def test_help_of_two_commands_is_refused(self):
        done = belay("help", "a", "b")
        self.assertEqual(done.returncode, 2)
        self.assertIn("one command", done.stderr)

    def test_nothing_is_a_question(self):
        done = belay()
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        self.assertIn("usage: belay", done.stderr)

    def test_an_unknown_command_names_the_nearest(self):
        done = belay("hepl")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        self.assertIn("there is no command 'hepl'", done.stderr)
        self.assertIn("Did you mean 'help'?", done.stderr)
        self.assertNotIn("Did you mean", belay("qqqqqqq").stderr)
        self.assertEqual(belay("help", "hepl").returncode, 2)

    def test_a_full_disk_is_noticed(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = belay("--version", stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)


if __name__ == "__main__":
    closing.main()
