# SPDX-License-Identifier: MIT
"""tests/tidy/test_apidoc.py - comments in, pages out

Looks at what tools/ctext.py reads, at the pages made of a header that has one
of everything, and at whether roff accepts the pages of the real headers.
"""

import html.parser
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from io import StringIO

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tools"), HERE]

import apidoc  # noqa: E402
import closing  # noqa: E402
import ctext  # noqa: E402

BASE = '#define BL_VERSION "1.2.3"\n'

PART = """/* SPDX-License-Identifier: MIT */
/*
 * belay/thing/part.h - a part of a thing
 */
#ifndef BELAY_THING_PART_H
#define BELAY_THING_PART_H

/*
 * Does a part of what `bl_thing_wait` does.
 */
BL_API
void bl_thing_part(void);

#endif
"""

HEADER = r"""/* SPDX-License-Identifier: MIT */
/*
 * belay/thing.h - things & what becomes of them
 *
 * A thing is a thing.
 */
#ifndef BELAY_THING_H
#define BELAY_THING_H

BL_BEGIN_DECLS

/* A thing.  Not moved. */
typedef struct bl_thing {
    int _count;
    void (*_fn)(void *);
} bl_thing;

/* What a thing can be told. */
typedef struct bl_thing_options {
    size_t size; /* sizeof(bl_thing_options) */
    int depth;   /* how deep */
} bl_thing_options;

enum { BL_THING_ONE = 1 };

/*
 * Waits for `thing` & its friends; it is a *kept promise*.  Nothing else.
 *
 * First paragraph with `code_x` and a \ in it.
 * .begins with a dot, 'and a quote
 *
 *     kept   as
 *       it is
 *
 * - one point
 * - another point
 *
 * Returns the number of `thing`s.
 *
 * Errors:
 *   BL_ECANCELED  a scope was cancelled,
 *                 and nothing happened
 *   BL_EINVAL     thing is NULL
 *
 * Any other code is bl_thing_stop's.
 *
 * Example:
 *   int rc = bl_thing_wait(&thing);
 *   if (rc < 0) return rc;
 */
BL_MAY_WAIT BL__PRINTF(2, 3)
int bl_thing_wait(bl_thing *thing,
                  const char *format, ...);

/*
 * Stops it.
 */
BL_API
void bl_thing_stop(bl_thing *thing);

/* Not for users. */
BL_API
void bl__thing_inner(void);

/*
 * BL_THING(name) { ... } runs the block with a thing.
 */
#define BL_THING(name) \
    for (;;)

#ifndef BL_NO_SITES
#    define bl_thing_wait(...) BL__AT("x", bl_thing_wait(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
"""


class Reading(unittest.TestCase):
    def setUp(self):
        self.items = {item.name: item for item in ctext.items(HEADER)
                      if item.kind != "macro" or item.name == "BL_THING"}

    def test_items(self):
        kinds = {name: item.kind for name, item in self.items.items()}
        self.assertEqual(kinds["bl_thing"], "type")
        self.assertEqual(kinds["bl_thing_wait"], "function")
        self.assertEqual(kinds["BL_THING"], "macro")
        self.assertEqual(self.items["bl_thing_wait"].marker, "BL_MAY_WAIT")
        self.assertTrue(self.items["bl_thing_wait"].marker_alone)

    def test_shapes_of_declarations(self):
        for text, kind, name in (
                ("typedef int bl_fn(void *arg);", "type", "bl_fn"),
                ("typedef bool (*bl_p)(int);", "type", "bl_p"),
                ("typedef struct bl_x bl_x;", "type", "bl_x"),
                ("struct bl_x;", "type", "bl_x"),
                ("typedef enum bl_m {\n    BL_A\n} bl_m;", "type", "bl_m"),
                ("enum {\n    BL_A\n};", "constants", ""),
                ("extern __thread int bl_v\n    "
                 "__attribute__((tls_model(\"x\")));", "data", "bl_v"),
                ("static inline int bl_i(int a) {\n    return a;\n}",
                 "inline", "bl_i"),
                ("BL_FIXTURE_DECL(int, t_x);", "prose", ""),
                ("BL_API\nvoid (*bl_f(int a))(void);", "function", "bl_f"),
                ("BL_API\nint bl_g(int (*fn)(void *), void *arg);",
                 "function", "bl_g")):
            with self.subTest(text=text):
                item = ctext.items(text)[0]
                self.assertEqual((item.kind, item.name), (kind, name))

    def test_contract(self):
        told = ctext.contract(self.items["bl_thing_wait"].comment)
        self.assertEqual(told.summary, "Waits for `thing` & its friends; it "
                                       "is a *kept promise*.")
        self.assertEqual(told.errors[0][1],
                         "a scope was cancelled, and nothing happened")
        self.assertEqual([code for code, _ in told.errors],
                         ["BL_ECANCELED", "BL_EINVAL"])
        self.assertEqual(told.returns, ["Returns the number of `thing`s."])
        self.assertEqual(told.example[1], "if (rc < 0) return rc;")

    def test_blank(self):
        self.assertEqual(ctext.blank('a /* "x" */ "b/*" \'"\' c'),
                         'a           "   " \' \' c')


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp()
        folder = os.path.join(cls.root, "include", "belay")
        os.makedirs(os.path.join(folder, "thing"))
        for name, text in (("base.h", BASE), ("thing.h", HEADER),
                           ("thing/part.h", PART)):
            with open(os.path.join(folder, name), "w",
                      encoding="utf-8") as file:
                file.write(text)
        with redirect_stdout(StringIO()):
            apidoc.main(["--root", cls.root, "--out", cls.root + "/out"])

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def made(self, path):
        with open(os.path.join(self.root, "out", path),
                  encoding="utf-8") as file:
            return file.read()

    def test_which_pages(self):
        self.assertEqual(sorted(os.listdir(self.root + "/out/man/man3")),
                         ["BL_THING.3", "belay.3", "belay_base.3",
                          "belay_thing.3", "belay_thing_part.3", "bl_thing.3",
                          "bl_thing_options.3", "bl_thing_part.3",
                          "bl_thing_stop.3", "bl_thing_wait.3"])
        self.assertEqual(sorted(os.listdir(self.root + "/out/html")),
                         ["base.html", "index.html", "style.css",
                          "thing-part.html", "thing.html"])
        self.assertIn("#include <belay/thing/part.h>",
                      self.made("man/man3/bl_thing_part.3"))

    def test_manual(self):
        page = self.made("man/man3/bl_thing_wait.3")
        for line in (".TH BL_THING_WAIT 3", "int bl_thing_wait(bl_thing *",
                     ".SH RETURN VALUE", ".B BL_ECANCELED",
                     "#include <belay/thing.h>", ".SH EXAMPLES",
                     ".BR bl_thing_stop (3)", "a \\e in it", "BL_MAY_WAIT"):
            self.assertIn(line, page)
        self.assertNotIn("BL__PRINTF", page)
        name = self.made("man/man3/BL_THING.3").split("\n")[3]
        self.assertEqual(name, "BL_THING \\- runs the block with a thing")

    def test_pages_of_headers_and_types(self):
        page = self.made("man/man3/belay_thing.3")
        for line in ("belay_thing \\- things & what becomes of them",
                     "A thing is a thing.", "    int depth;   /* how deep */",
                     "every field belongs to the library", "BL_THING_ONE",
                     ".BR bl_thing_wait (3)", ".BR belay (3)"):
            self.assertIn(line, page)
        self.assertIn(".BR belay_thing_part (3)\na part of a thing",
                      self.made("man/man3/belay.3"))
        self.assertEqual(self.made("man/man3/bl_thing_options.3"), page)
        self.assertIn(".BR belay_thing (3)",
                      self.made("man/man3/bl_thing_wait.3"))

    def test_html(self):
        page = self.made("html/thing.html")
        self.assertIn("things &amp; what becomes of them", page)
        self.assertIn('<span class="effect wait"', page)
        self.assertIn('<a href="thing.html#bl_thing_stop">', page)
        self.assertIn("<em>kept promise</em>", page)
        self.assertIn("<li>another point</li>", page)
        self.assertIn("kept   as\n  it is", page)
        self.assertNotIn("bl__thing_inner", page)
        self.assertNotIn("BL__AT", page)

    def test_private_fields_are_hidden(self):
        page = self.made("html/thing.html")
        self.assertNotIn("_count", page)
        self.assertIn("every field belongs to the library", page)
        self.assertIn("how deep", page)

    def test_links_lead_somewhere(self):
        pages = {name: self.made("html/" + name)
                 for name in os.listdir(self.root + "/out/html")}
        check_links(self, pages)

    def test_html_is_balanced(self):
        for name in ("index.html", "thing.html"):
            Balance(self, name).feed(self.made("html/" + name))


def check_links(case, pages):
    for name, page in pages.items():
        for target in re.findall(r'href="([^"]*)"', page):
            file, _, place = target.partition("#")
            case.assertIn(file or name, pages, f"{name}: {target}")
            if place:
                case.assertIn(f'id="{place}"', pages[file or name],
                              f"{name}: {target}")


class Balance(html.parser.HTMLParser):
    """Fails the case if tags do not nest."""

    def __init__(self, case, name):
        super().__init__()
        self.case = case
        self.name = name
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.case.assertEqual(self.open.pop(), tag, self.name)


class RealHeaders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.out = tempfile.mkdtemp()
        with redirect_stdout(StringIO()):
            apidoc.main(["--out", cls.out])
        folder = os.path.join(cls.out, "man", "man3")
        cls.pages = sorted(os.path.join(folder, name)
                           for name in os.listdir(folder))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.out)

    def test_links_lead_somewhere(self):
        pages = {}
        for name in os.listdir(self.out + "/html"):
            with open(os.path.join(self.out, "html", name),
                      encoding="utf-8") as file:
                pages[name] = file.read()
        check_links(self, pages)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_groff(self):
        done = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8", *self.pages],
            capture_output=True, encoding="utf-8", check=False)
        self.assertEqual(done.stderr, "")

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc(self):
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *self.pages],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    closing.main()
