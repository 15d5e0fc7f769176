# SPDX-License-Identifier: MIT
"""tests/api/amalgamation.py - the two files, compiled by themselves and run

A leg of its own in tools/run_tests, which is why its name has no test_.
"""

import os
import unittest

from places import C_COMPILERS, ROOT, SMOKE, has_uring, run

import amalgamate
import closing

OUT = os.path.join(ROOT, "build", "amalgamation")
FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-I", OUT]


class Amalgamation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert amalgamate.main(["--out", OUT]) == 0

    def passes(self, command):
        status, said = run(command)
        self.assertEqual(status, 0, said)
        return said

    def build_and_run(self, compiler, flags, libraries, program):
        library = os.path.join(OUT, "belay.o")
        made = os.path.join(OUT, "program")
        self.passes([compiler, *FLAGS, *flags, "-c", OUT + "/belay.c", "-o",
                     library])
        self.passes([compiler, *FLAGS, program, library, "-o", made,
                     "-pthread", *libraries])
        return self.passes([made])

    def test_epoll_alone(self):
        for compiler in C_COMPILERS:
            with self.subTest(compiler=compiler):
                said = self.build_and_run(compiler, [], [], SMOKE)
                self.assertIn("2 children, well", said)

    @unittest.skipUnless(has_uring(), "liburing is not installed")
    def test_with_uring(self):
        for compiler in C_COMPILERS:
            with self.subTest(compiler=compiler):
                said = self.build_and_run(compiler, ["-DBELAY_HAVE_URING=1"],
                                          ["-luring"], SMOKE)
                self.assertIn("2 children, well", said)

    def test_hello(self):
        hello = os.path.join(ROOT, "examples", "hello.c")
        if not os.path.exists(hello):
            self.skipTest("there is no examples/hello.c")
        self.build_and_run("cc", [], [], hello)


if __name__ == "__main__":
    closing.main()
