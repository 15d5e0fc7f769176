# SPDX-License-Identifier: MIT
"""tests/tidy/test_tidy.py - each rule of tools/tidy.py, kept and broken

A case writes a few files into an empty tree and looks which rules complain.
"""

import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tools"), HERE]

import closing  # noqa: E402
import tidy  # noqa: E402

SPDX = "/* SPDX-License-Identifier: MIT */\n"


def source(path, text=""):
    """A file that keeps the rules about openings, then `text`."""
    said = path.split("/", 1)[1] if path.startswith(("src/", "include/")) \
        else path
    return SPDX + f"/*\n * {said} - an idea\n */\n" + text


def header(path, text):
    guard = "BELAY_X_H"
    return source(path, f"#ifndef {guard}\n#define {guard}\n\n{text}\n#endif\n")


class Case(unittest.TestCase):
    def findings(self, files):
        """The findings about a tree made of `files`, path to text."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                place = os.path.join(root, path)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, "w", encoding="utf-8") as file:
                    file.write(text.replace("@ROOT@", root))
            return tidy.check(root)

    def breaks(self, rule, files, line=None):
        found = [f for f in self.findings(files) if f.rule == rule]
        self.assertTrue(found, f"{rule} did not complain")
        if line is not None:
            self.assertEqual(found[0].line, line)
        return found

    def keeps(self, rule, files):
        found = [str(f) for f in self.findings(files) if f.rule == rule]
        self.assertEqual(found, [])

    def one(self, path, text):
        return {path: source(path, text)}


class Layers(Case):
    def test_downward(self):
        for path, name in (("src/task/a.c", '"loop/b.h"'),
                           ("src/task/a.c", '"sys/b.h"'),
                           ("src/io/a.c", '"sys/b.h"'),
                           ("src/sync/a.c", '"base/list.h"'),
                           ("src/sync/a.c", "<belay/park.h>"),
                           ("src/svc/a.c", "<belay/http.h>"),
                           ("src/inspect/a.c", '"task/task.h"'),
                           ("src/test/a.c", '"sys/driver.h"'),
                           ("src/task/a.c", "<sys/mman.h>"),
                           ("src/loop/a.c", "<belay/loop.h>")):
            with self.subTest(path=path, name=name):
                self.keeps("layers", self.one(path, f"#include {name}\n"))

    def test_upward(self):
        for path, name in (("src/base/a.c", '"sys/b.h"'),
                           ("src/loop/a.c", '"task/b.h"'),
                           ("src/sync/a.c", '"task/task.h"'),
                           ("src/net/a.c", '"sys/driver.h"'),
                           ("src/test/a.c", '"sys/stack.h"'),
                           ("src/inspect/a.c", '"sys/stack.h"'),
                           ("src/loop/a.c", "<belay/group.h>"),
                           ("src/task/a.c", "<belay.h>"),
                           ("src/io/a.c", "<belay/net.h>")):
            with self.subTest(path=path, name=name):
                self.breaks("layers", self.one(path, f"#include {name}\n"), 5)

    def test_layer_is_written(self):
        self.breaks("layers", self.one("src/task/a.c", '#include "b.h"\n'))

    def test_unknown_layer(self):
        self.breaks("layers", self.one("src/magic/a.c", ""))

    def test_include_in_a_comment(self):
        self.keeps("layers", self.one("src/base/a.c",
                                      '/*\n#include "svc/b.h"\n*/\n'))


class PublicIncludes(Case):
    def test_kept(self):
        self.keeps("public-includes", self.one(
            "include/belay/queue.h", "#include <belay/base.h>\n"))
        self.keeps("public-includes", self.one(
            "include/belay/test/part.h", "#include <belay/queue.h>\n"))

    def test_broken(self):
        self.breaks("public-includes", self.one(
            "include/belay/queue.h", '#include "sync/queue.h"\n'), 5)
        self.breaks("public-includes", self.one(
            "include/belay/task.h", "#include <belay/queue.h>\n"), 5)
        self.breaks("public-includes", self.one(
            "include/belay/task/part.h", "#include <belay/queue.h>\n"), 5)
        self.breaks("public-includes", self.one(
            "include/belay/task.h", "#include <belay/queue/part.h>\n"), 5)


class UserIncludes(Case):
    def test_kept(self):
        self.keeps("user-includes", {
            **self.one("examples/demo/main.c", '#include "table.h"\n'),
            **self.one("examples/demo/table.h", "")})

    def test_broken(self):
        self.breaks("user-includes", self.one(
            "examples/a.c", '#include "task/task.h"\n'), 5)


class Cycles(Case):
    def test_kept(self):
        self.keeps("cycles", {
            **self.one("src/task/a.h", '#include "task/b.h"\n'),
            **self.one("src/task/b.h", '#include "task/c.h"\n'),
            **self.one("src/task/c.h", "")})

    def test_broken(self):
        found = self.breaks("cycles", {
            **self.one("src/task/a.h", '#include "task/b.h"\n'),
            **self.one("src/task/b.h", '#include "task/a.h"\n')})
        self.assertEqual(len(found), 1)


class Folders(Case):
    def test_kept(self):
        self.keeps("folders", self.one("src/task/a.c", ""))

    def test_broken(self):
        self.breaks("folders", self.one("src/util/a.c", ""))
        self.breaks("folders", self.one("src/task/common.h", ""))


class Sizes(Case):
    @staticmethod
    def function(lines, head="static int f(void)"):
        return head + " {\n" + "    ;\n" * (lines - 2) + "}\n"

    def test_file(self):
        text = source("src/base/a.c")
        pad = "\n" * (1000 - text.count("\n"))
        self.keeps("file-size", {"src/base/a.c": text + pad})
        self.breaks("file-size", {"src/base/a.c": text + pad + "\n"})

    def test_function(self):
        self.keeps("function-size", self.one("src/base/a.c",
                                             self.function(60)))
        self.breaks("function-size", self.one("src/base/a.c",
                                              self.function(61)), 5)

    def test_test_body(self):
        self.breaks("function-size", self.one(
            "tests/base/test_a.c", self.function(61, "BL_TEST(long_one)")))

    def test_long_tables_are_not_functions(self):
        table = "static const int t[] = {\n" + "    1,\n" * 99 + "};\n"
        self.keeps("function-size", self.one("src/base/a.c", table))

    def test_signature_on_several_lines(self):
        text = "\nint bl__f(int a,\n          int b) {\n" + "    ;\n" * 58 + \
            "}\n"
        self.breaks("function-size", self.one("src/base/a.c", text), 6)

    def test_alternatives_count_once(self):
        text = ("static int f(void)\n{\n#if X\n    if (1) {\n#else\n"
                "    if (2) {\n#endif\n    }\n}\n") + self.function(10)
        self.keeps("function-size", self.one("src/base/a.c", text))

    def test_nesting(self):
        deep = ("static void f(void) {\n    for (;;) {\n        if (a) {\n"
                "            while (b) {\n%s            }\n        }\n"
                "    }\n}\n")
        self.keeps("nesting", self.one("src/base/a.c", deep % ""))
        self.keeps("nesting", self.one(
            "src/base/a.c", deep % "struct x y = { 0 };\n"))
        self.breaks("nesting", self.one("src/base/a.c",
                                        deep % "if (c) {\n}\n"), 5)

    def test_columns(self):
        self.keeps("columns", self.one("src/base/a.c", "/*" + "x" * 78))
        self.breaks("columns", self.one("src/base/a.c", "/*" + "x" * 79), 5)


class Names(Case):
    def test_public_kept(self):
        self.keeps("public-names", {"include/belay/x.h": header(
            "include/belay/x.h",
            "typedef struct bl_x {\n    int _a;\n} bl_x;\n"
            "enum { BL_ONE = 1, BL_TWO };\n"
            "#define BL_THREE 3\n"
            "typedef int bl_fn(void *arg);\n")})

    def test_public_broken(self):
        for text in ("#define MAX(a, b) a\n", "struct x {\n    int a;\n};\n",
                     "enum { ONE = 1 };\n", "typedef int number;\n",
                     "BL_API\nint run(void);\n"):
            with self.subTest(text=text):
                self.breaks("public-names", {"include/belay/x.h": header(
                    "include/belay/x.h", text)})

    def test_short_names(self):
        self.keeps("public-names", {"include/belay/test.h": header(
            "include/belay/test.h", "#define CHECK(x) x\n")})

    def test_suffix(self):
        self.keeps("no-suffix", self.one("src/base/a.c",
                                         "static uint32_t a;\n"))
        self.breaks("no-suffix", self.one("src/base/a.c",
                                          "typedef int bl_x_t;\n"), 5)
        self.breaks("no-suffix", self.one("src/base/a.c",
                                          "struct x_t {\n};\n"), 5)

    def test_external(self):
        self.keeps("external-names", self.one(
            "src/base/a.c", "int bl__f(void) {\n}\nstatic int g(void) {\n}\n"
            "_Static_assert(sizeof((struct x){ 0 }.y) == 4, \"y\");\n"))
        self.breaks("external-names", self.one(
            "src/base/a.c", "int f(void) {\n}\n"), 5)


GOOD = """/*
 * Does a thing.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  it is NULL
 */
BL_MAY_FAIL
int bl_thing(int x);
"""


class Promises(Case):
    def header(self, text):
        return {"include/belay/x.h": header("include/belay/x.h", text)}

    def test_marker(self):
        self.keeps("effect-marker", self.header(GOOD))
        self.keeps("effect-marker", self.header(
            "BL_API BL__PRINTF(1, 2)\nvoid bl_say(const char *f, ...);\n"))
        self.breaks("effect-marker", self.header("int bl_thing(int x);\n"))
        self.breaks("effect-marker", self.header(
            "BL_API int bl_thing(int x);\n"))

    def test_a_macro_of_the_same_name(self):
        self.keeps("effect-marker", self.header(
            GOOD + "#define bl_thing(x) \\\n    (bl_at(x), bl_thing(x))\n"))

    def test_reference(self):
        self.keeps("reference", self.header(GOOD))
        self.keeps("reference", self.header("BL_API\nint bl__inner(void);\n"))
        self.breaks("reference", self.header("BL_API\nint bl_thing(void);\n"))
        self.breaks("reference", self.header(
            "/* no sentence */\nBL_API\nint bl_thing(void);\n"))
        self.breaks("reference", self.header(
            "/*\n * Does it.\n *\n * @x: tag\n */\nBL_API\n"
            "int bl_thing(void);\n"))
        self.breaks("reference", self.header(
            "/* Too far away. */\n\nBL_API\nint bl_thing(void);\n"))

    def test_errors(self):
        good = self.header(GOOD)
        self.breaks("errors-tested", good)
        test = source("tests/base/test_x.c", "bl_thing(0) == BL_EINVAL\n")
        self.keeps("errors-tested", {**good, "tests/base/test_x.c": test})
        # Named, but nowhere near the function: a warning.
        apart = source("tests/base/test_x.c", "BL_EINVAL\n")
        found = self.breaks("errors-tested",
                            {**good, "tests/base/test_x.c": apart})
        self.assertTrue(found[0].warning)


class Text(Case):
    def test_licence(self):
        self.keeps("licence", self.one("src/base/a.c", ""))
        self.breaks("licence", {"src/base/a.c": "int x;\n"})
        self.breaks("licence", {"tools/a.py": "import os\n"})

    def test_opening(self):
        self.keeps("opening", self.one("src/base/a.c", ""))
        self.breaks("opening", {"src/base/a.c": SPDX + "int x;\n"})
        self.breaks("opening", {
            "src/base/a.c": SPDX + "/*\n * base/b.c - copied\n */\n"})
        self.breaks("opening", {
            "src/base/a.c": SPDX + "/*\n * a.c - no folder\n */\n"})

    def test_notes(self):
        word = "TO" "DO"
        self.keeps("notes", self.one("src/base/a.c", f"/* {word} #12: x */\n"))
        self.breaks("notes", self.one("src/base/a.c", f"/* {word}: x */\n"), 5)

    def test_platform(self):
        text = "#ifdef __x86_64__\n#endif\n"
        self.keeps("platform", self.one("src/sys/a.c", text))
        self.keeps("platform", self.one("src/base/a.c",
                                        "#if BELAY_HARD\n#endif\n"))
        self.keeps("platform", self.one("src/base/a.c",
                                        "#if defined(__GNUC__)\n#endif\n"))
        self.breaks("platform", self.one("src/base/a.c", text), 5)
        self.breaks("platform", self.one(
            "include/belay/x.h", "#if defined(__linux__)\n#endif\n"), 5)

    def test_places(self):
        self.keeps("places", self.one("src/base/a.c", '"/dev/null"\n'))
        self.breaks("places", self.one("src/base/a.c", '"/ho' 'me/me/x"\n'), 5)
        self.breaks("places", self.one("src/base/a.c", '"@ROOT@/x"\n'), 5)

    def test_changes(self):
        self.keeps("changes", {"changes/new-queue.feature.md": "It is new.\n"})
        self.breaks("changes", {"changes/New.md": "It is new.\n"})
        self.breaks("changes", {"changes/new.thing.md": "It is new.\n"})

    def test_mirror(self):
        test = self.one("tests/base/test_a.c", "")
        self.keeps("mirror", {**test, **self.one("src/base/a.c", "")})
        self.keeps("mirror", {**self.one("tests/base/test_a_part.c", ""),
                              **self.one("src/base/a.c", "")})
        self.keeps("mirror", {**test,
                              **self.one("include/belay/base/a.h", "")})
        self.assertTrue(self.breaks("mirror", test)[0].warning)


class EveryRule(unittest.TestCase):
    def test_has_a_case(self):
        with open(os.path.abspath(__file__), encoding="utf-8") as file:
            text = file.read()
        for rule in tidy.RULES:
            name = rule.__name__[len("rule_"):].replace("_", "-")
            for verb in ("keeps", "breaks"):
                self.assertRegex(text, rf'self\.{verb}\(\s*"{name}"',
                                 f"no case {verb} {name}")


if __name__ == "__main__":
    closing.main()
