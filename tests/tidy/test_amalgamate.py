# SPDX-License-Identifier: MIT
"""tests/tidy/test_amalgamate.py - two files out of many, and what cannot be

Works on a small library of its own; the real one is put together, compiled
and run by tests/api/amalgamation.py.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tools"), HERE]

import amalgamate  # noqa: E402
import closing  # noqa: E402

LIBRARY = {
    "include/belay.h": "#include <belay/base.h>\n",
    "include/belay/base.h": """/* SPDX-License-Identifier: MIT */
#ifndef BELAY_BASE_H
#define BELAY_BASE_H
#include <stddef.h>
#define BL_VERSION "9.9.9"
int bl_one(void);
int bl_two(void);
int bl_ctx(void);
#ifndef BL_NO_SITES
#    define bl_one() (1000 + bl_one())
#endif
#endif
""",
    "include/belay/task.h": """#ifndef BELAY_TASK_H
#define BELAY_TASK_H
#include <stddef.h>
#include <belay/base.h>
#endif
""",
    "include/belay/test.h": "int bl_not_core(void);\n",
    "src/base/inner.h": """#ifndef BELAY_BASE_INNER_H
#define BELAY_BASE_INNER_H
static inline int bl__inner(void) { return 40; }
#endif
""",
    "src/base/one.c": """#define BL_NO_SITES
#include <belay/base.h>

#include "base/inner.h"

#define NUMBER 1
static int number(void) { return NUMBER; }
int bl_one(void) { return bl__inner() + number(); }
""",
    "src/base/two.c": """#include <belay/base.h>

#include "base/inner.h"

#define NUMBER 2
static const struct pair { int a, b; } pairs[2] = { { 1, 2 }, { 3, 4 } };
int bl_two(void) { return bl__inner() + NUMBER + pairs[0].a - 1; }
""",
    "src/sys/ctx_x86_64.c": "static int cpu;\n"
                            "int bl_ctx(void) { return cpu + 1; }\n",
    "src/sys/ctx_aarch64.c": "static int cpu;\n"
                             "int bl_ctx(void) { return cpu + 2; }\n",
    "src/sys/ctx_generic.c": "static int cpu;\n"
                             "int bl_ctx(void) { return cpu + 3; }\n",
    "src/sys/driver_uring.c": "#include <no_such_liburing.h>\n",
}

PROGRAM = """#include "belay.h"
#include <stdio.h>
#undef bl_one
int main(void) {
    printf("%d %d %d %s", bl_one(), bl_two(), bl_ctx() > 0, BL_VERSION);
    return 0;
}
"""


class Amalgamate(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        self.out = os.path.join(self.root, "out")

    def write(self, files):
        for path, text in files.items():
            place = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as file:
                file.write(text)

    def make(self, files):
        """Runs the tool over `files`.  Returns its status and words."""
        self.write(files)
        said = io.StringIO()
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            status = amalgamate.main(["--root", self.root, "--out", self.out])
        return status, said.getvalue()

    def made(self, name):
        with open(os.path.join(self.out, name), encoding="utf-8") as file:
            return file.read()

    def test_compiles_and_runs(self):
        self.assertEqual(self.make(LIBRARY)[0], 0)
        self.write({"out/main.c": PROGRAM})
        subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
                        "belay.c", "main.c", "-o", "main"], cwd=self.out,
                       check=True)
        said = subprocess.run([os.path.join(self.out, "main")], check=True,
                              capture_output=True, text=True).stdout
        self.assertEqual(said, "41 42 1 9.9.9")

    def test_each_file_once(self):
        self.make(LIBRARY)
        both = self.made("belay.h") + self.made("belay.c")
        self.assertEqual(both.count("static inline int bl__inner"), 1)
        self.assertEqual(both.count("#include <stddef.h>"), 1)
        self.assertEqual(self.made("belay.c").count("#include <belay/"), 0)
        self.assertEqual(both.count("SPDX-License-Identifier"), 2)

    def test_core_only(self):
        self.make(LIBRARY)
        self.assertNotIn("bl_not_core", self.made("belay.h"))

    def test_same_every_time(self):
        self.make(LIBRARY)
        first = self.made("belay.c")
        self.make(LIBRARY)
        self.assertEqual(first, self.made("belay.c"))

    def test_collisions(self):
        for text in ("static int number(void) { return 3; }\n",
                     "static int number;\n",
                     "static struct x *number[4];\n",
                     "struct number { int a; };\n",
                     "enum { zero, number };\n",
                     "typedef int number;\n",
                     "static __thread int number = 3;\n",
                     "static _Atomic(int) number;\n",
                     "enum { zero = Z((1), 2), number };\n",
                     "static int number(void);\n"):
            with self.subTest(text=text):
                status, said = self.make({**LIBRARY, "src/task/x.c": text})
                self.assertEqual(status, 1)
                self.assertIn("src/task/x.c:1: number is also in "
                              "src/base/one.c:7", said)

    def test_no_collision(self):
        for text in ("#define number 3\n", "extern int number;\n",
                     "enum { zero = Z(1, number) };\n",
                     "static int f(void) {\n    int number = 3;\n"
                     "    return number;\n}\n",
                     "static_assert(sizeof(number), \"x\");\n"):
            with self.subTest(text=text):
                status, said = self.make({**LIBRARY, "src/task/x.c": text})
                self.assertEqual((status, said), (0, ""))


if __name__ == "__main__":
    closing.main()
