# SPDX-License-Identifier: MIT
"""tests/api/amalgamation.py - the two files, compiled by themselves and run

A leg of its own in tools/run_tests, which is why its name has no test_.
"""

import os
import unittest

from places import C_COMPILERS, ROOT, SMOKE, has_uring, run, side_by_side

import amalgamate
import closing

OUT = os.path.join(ROOT, "build", "amalgamation")
FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-I", OUT]


WAYS = {"epoll": ([], []),
        "uring": (["-DBELAY_HAVE_URING=1"], ["-luring"])}


def library(compiler, way):
    return os.path.join(OUT, f"belay-{compiler}-{way}.o")


def compile_library(compiler, way):
    return run([compiler, *FLAGS, *WAYS[way][0], "-c", OUT + "/belay.c", "-o",
                library(compiler, way)])


class Amalgamation(unittest.TestCase):
    """Each way is compiled once: it takes ten seconds."""

    @classmethod
    def setUpClass(cls):
        assert amalgamate.main(["--out", OUT]) == 0
        ways = [(compiler, way) for way in WAYS for compiler in C_COMPILERS
                if way != "uring" or has_uring()]
        cls.compiled = dict(zip(ways, side_by_side(compile_library, ways)))

    def passes(self, status, said):
        self.assertEqual(status, 0, said)
        return said

    def link_and_run(self, compiler, way, program):
        self.passes(*self.compiled[compiler, way])
        made = os.path.join(OUT, "program")
        self.passes(*run([compiler, *FLAGS, program, library(compiler, way),
                          "-o", made, "-pthread", *WAYS[way][1]]))
        return self.passes(*run([made]))

    def test_epoll_alone(self):
        for compiler in C_COMPILERS:
            with self.subTest(compiler=compiler):
                said = self.link_and_run(compiler, "epoll", SMOKE)
                self.assertIn("2 children, well", said)

    @unittest.skipUnless(has_uring(), "liburing is not installed")
    def test_with_uring(self):
        for compiler in C_COMPILERS:
            with self.subTest(compiler=compiler):
                said = self.link_and_run(compiler, "uring", SMOKE)
                self.assertIn("2 children, well", said)

    def test_hello(self):
        hello = os.path.join(ROOT, "examples", "hello.c")
        if not os.path.exists(hello):
            self.skipTest("there is no examples/hello.c")
        self.link_and_run(C_COMPILERS[0], "epoll", hello)


if __name__ == "__main__":
    closing.main()
