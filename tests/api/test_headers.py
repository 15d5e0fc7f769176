# SPDX-License-Identifier: MIT
"""tests/api/test_headers.py - each public header, alone and pedantic

Every header is compiled by itself, twice over, as C99 and as C++11, by each
compiler on this machine, with warnings that a user may have turned on.
"""

import os
import tempfile
import unittest

from places import (C_COMPILERS, CXX_COMPILERS, INCLUDE, ROOT, SMOKE, run,
                    side_by_side)

import amalgamate
import closing

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef",
            "-Wconversion", "-Werror"]
C_WARNINGS = WARNINGS + ["-Wstrict-prototypes", "-Wmissing-prototypes",
                         "-Wc++-compat"]


def headers():
    found = []
    for directory, _, names in os.walk(INCLUDE):
        for name in names:
            if name.endswith(".h"):
                path = os.path.join(directory, name)
                found.append(os.path.relpath(path, INCLUDE))
    return sorted(found)


def compile_text(command, text, ending):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "user" + ending)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return run([*command, "-I", INCLUDE, "-c", path, "-o",
                    os.path.join(folder, "user.o")])


class Headers(unittest.TestCase):
    def compiles(self, command, text, ending):
        status, said = compile_text(command, text, ending)
        self.assertEqual(status, 0, said)

    def test_there_are_some(self):
        self.assertIn("belay.h", headers())

    def every_header(self, compilers, flags, ending):
        def compile_one(compiler, name):
            text = f"#include <{name}>\n#include <{name}>\n" \
                   "int user_variable;\n"
            return compile_text([compiler, *flags], text, ending)

        ways = [(compiler, name) for compiler in compilers
                for name in headers()]
        for way, (status, said) in zip(ways, side_by_side(compile_one, ways)):
            with self.subTest(compiler=way[0], header=way[1]):
                self.assertEqual(status, 0, said)

    def test_c99(self):
        self.every_header(C_COMPILERS, ["-std=c99", *C_WARNINGS], ".c")

    def test_c11_with_extensions(self):
        self.every_header(C_COMPILERS, ["-std=gnu11", *C_WARNINGS], ".c")

    @unittest.skipUnless(CXX_COMPILERS, "there is no C++ compiler")
    def test_cxx11(self):
        self.every_header(CXX_COMPILERS, ["-std=c++11", *WARNINGS], ".cc")

    def test_without_sites(self):
        self.every_header(C_COMPILERS, ["-std=c99", "-DBL_NO_SITES",
                                        *C_WARNINGS], ".c")

    def test_all_of_them_are_in_belay_h(self):
        with open(os.path.join(INCLUDE, "belay.h"), encoding="utf-8") as file:
            text = file.read()
        # Tests are written with <belay/test.h>, which no program includes.
        # What is a library of its own is included by itself.
        # So is what lies in a folder of its name.
        for name in headers():
            if name == "belay.h":
                continue
            stem = name.split("/")[1].removesuffix(".h")
            if stem not in amalgamate.BEYOND:
                self.assertIn(f"#include <{name}>", text)

    def test_sugar_is_clean(self):
        with open(SMOKE, encoding="utf-8") as file:
            text = file.read()
        for compiler in C_COMPILERS:
            for dialect in ("c99", "gnu99", "c11", "gnu11", "gnu17"):
                with self.subTest(compiler=compiler, dialect=dialect):
                    self.compiles([compiler, f"-std={dialect}", *C_WARNINGS],
                                  text, ".c")

    @unittest.skipUnless(CXX_COMPILERS, "there is no C++ compiler")
    def test_sugar_in_cxx(self):
        with open(SMOKE, encoding="utf-8") as file:
            text = file.read()
        for compiler in CXX_COMPILERS:
            with self.subTest(compiler=compiler):
                self.compiles([compiler, "-std=c++11", "-Wall", "-Werror"],
                              text, ".cc")

    def test_tests_are_clean(self):
        sources = [os.path.join(ROOT, "tests/docs/test_guide.c"),
                   *(os.path.join(ROOT, "examples/testing", name)
                     for name in ("test_echo.c", "test_pool.c",
                                  "test_retry.c"))]
        for compiler in C_COMPILERS:
            for dialect in ("gnu11", "gnu17", "gnu2x"):
                with self.subTest(compiler=compiler, dialect=dialect):
                    status, said = run([
                        compiler, f"-std={dialect}", *WARNINGS,
                        "-Wstrict-prototypes", "-Wmissing-prototypes",
                        "-D_GNU_SOURCE", "-I", INCLUDE, "-fsyntax-only",
                        *sources])
                    self.assertEqual(status, 0, said)

    def test_wrong_fixtures_do_not_compile(self):
        """Names of fixtures are types: what does not fit is an error."""
        port = "FIXTURE(int, port) { YIELD(1); }\n"
        wrong = {
            "a name nobody has": (
                port + "TEST(t, (prot)) { (void)prot; }",
                "unknown type name"),
            "another type": (
                port + "TEST(t, (port)) { const char *s = port; (void)s; }",
                "without a cast|incompatible integer to pointer"),
            "a value of another type": (
                'FIXTURE(int, port) { YIELD("eighty"); }\n'
                "TEST(t, (port)) { (void)port; }",
                "without a cast|incompatible pointer to integer"),
            "a circle": (
                "FIXTURE(int, a, (b)) { YIELD(b); }\n"
                "FIXTURE(int, b, (a)) { YIELD(a); }\n"
                "TEST(t, (a)) { (void)a; }",
                "unknown type name"),
            "the same name twice": (
                "TEST(t) {}\nTEST(t) {}", "redefinition"),
            "a value too large for a stack": (
                "struct big { char bytes[5000]; };\n"
                "FIXTURE(struct big, big) {\n"
                "    static struct big one;\n"
                "    YIELD(one);\n"
                "}\n"
                "TEST(t, (big)) { (void)big; }",
                "copied onto the stacks of tests"),
            "seventeen of them": (
                port + f"TEST(t, ({', '.join(['port'] * 17)})) {{}}",
                "expected"),
        }
        for compiler in C_COMPILERS:
            for what, (source, reason) in wrong.items():
                with self.subTest(compiler=compiler, what=what):
                    status, said = self.try_test(compiler, source)
                    self.assertNotEqual(status, 0)
                    self.assertRegex(said, reason)
            with self.subTest(compiler=compiler, what="what fits"):
                status, said = self.try_test(
                    compiler, port + "TEST(t, (port)) { (void)port; }")
                self.assertEqual(status, 0, said)

    def try_test(self, compiler, source):
        with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
            file.write(f"#include <belay/test.h>\n{source}\n")
            file.flush()
            return run([compiler, "-std=gnu11", "-I", INCLUDE,
                        "-fsyntax-only", file.name])

    @unittest.skipUnless(CXX_COMPILERS, "there is no C++ compiler")
    def test_tests_in_cxx(self):
        runner = "#include <belay/test.h>\n" \
                 "int main(int argc, char **argv) {\n" \
                 "    return bl_test_main(argc, argv);\n" \
                 "}\n"
        for compiler in CXX_COMPILERS:
            with self.subTest(compiler=compiler):
                self.compiles([compiler, "-std=c++11", *WARNINGS], runner,
                              ".cc")
                for name in ("TEST(t)", "FIXTURE(int, f)"):
                    self.refuses(compiler, name + " {}",
                                 name.split("(")[0] + " needs GNU C")
                self.refuses(compiler, "PARAM(int, p, 1);",
                             "PARAM needs GNU C")

    def refuses(self, compiler, line, reason):
        with tempfile.NamedTemporaryFile("w", suffix=".cc") as file:
            file.write(f"#include <belay/test.h>\n{line}\n")
            file.flush()
            status, said = run([compiler, "-std=c++11", "-I", INCLUDE,
                                "-fsyntax-only", file.name])
        self.assertNotEqual(status, 0)
        self.assertIn(reason, said)


if __name__ == "__main__":
    closing.main()
