# SPDX-License-Identifier: MIT
"""tests/api/test_symbols.py - the library shows what the headers declare

Compares the public headers, cmake/belay.map, and the symbols of the libraries
that were built.
"""

import os
import re
import shutil
import tempfile
import unittest

from places import BUILD, INCLUDE, ROOT, run

import amalgamate
import closing
import ctext

MAP = os.path.join(ROOT, "cmake", "belay.map")


def core_items():
    """What the headers of the core declare for the linker."""
    folder = os.path.join(INCLUDE, "belay")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".h") and name[:-2] not in amalgamate.BEYOND:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for item in ctext.items(file.read()):
                    if item.kind in ("function", "data"):
                        yield item


def declared():
    return {item.name for item in core_items()}


def exported(path):
    """The symbols a shared library offers."""
    _, said = run(["nm", "-D", "--defined-only", path])
    names = {line.split()[-1].split("@")[0] for line in said.splitlines()
             if " A " not in line}
    return {name for name in names if not name.startswith("_")}


def mapped():
    """The names the version script lists one by one."""
    with open(MAP, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    return set(re.findall(r"^\s*(\w+);", text, re.M))


class Symbols(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.library = os.path.join(BUILD, "libbelay.so")
        cls.archive = os.path.join(BUILD, "libbelay.a")
        for path in (cls.library, cls.archive):
            assert os.path.exists(path), f"{path} is not built"

    def test_map_lists_what_macros_reach(self):
        inner = {name for name in declared() if name.startswith("bl__")}
        self.assertEqual(mapped(), inner)

    def test_everything_declared_is_there(self):
        self.assertEqual(declared() - exported(self.library), set())

    def test_nothing_else_is_there(self):
        self.assertEqual(exported(self.library) - declared(), set())

    def test_tls_shows_what_its_header_declares(self):
        library = os.path.join(BUILD, "libbelay-tls.so")
        if not os.path.exists(library):
            self.skipTest("belay-tls is not built: there is no OpenSSL 3")
        header = os.path.join(INCLUDE, "belay", "tls.h")
        with open(header, encoding="utf-8") as file:
            names = {item.name for item in ctext.items(file.read())
                     if item.kind in ("function", "data")}
        self.assertEqual(exported(library), names)

    def test_archive_keeps_to_its_prefix(self):
        _, said = run(["nm", "-g", "--defined-only", self.archive])
        names = {line.split()[-1] for line in said.splitlines()
                 if re.match(r"[0-9a-f]+ [A-Z] ", line)}
        # The compiler's own, for unwinding through cleanup handlers.
        names = {name for name in names if not name.startswith("DW.ref.")}
        self.assertTrue(names)
        self.assertEqual({name for name in names
                          if not name.startswith("bl_")}, set())


def functions_of(*headers):
    """The functions that some public headers declare."""
    names = set()
    for header in headers:
        with open(header, encoding="utf-8") as file:
            names |= {item.name for item in ctext.items(file.read())
                      if item.kind == "function"}
    return names


class SideLibraries(unittest.TestCase):
    """A library beside the core shows its headers, and nothing else."""

    def library(self, name, lacking):
        path = os.path.join(BUILD, f"libbelay-{name}.so")
        if not os.path.exists(path):
            self.skipTest(f"belay-{name} is not built: {lacking} is missing")
        return path

    def test_dns(self):
        library = self.library("dns", "c-ares")
        header = os.path.join(INCLUDE, "belay", "dns.h")
        self.assertEqual(exported(library), functions_of(header))

    def test_http(self):
        library = self.library("http", "a parser")
        folder = os.path.join(INCLUDE, "belay", "http")
        headers = [os.path.join(folder, name) for name in os.listdir(folder)]
        headers.append(os.path.join(INCLUDE, "belay", "health.h"))
        self.assertEqual(exported(library), functions_of(*headers))


PROBE = """
#define SHOWN __attribute__((visibility("default")))
SHOWN int bl_public(void) { return 1; }
SHOWN int bl_2nd(void) { return 1; }
SHOWN int bl__inner(void) { return 1; }
SHOWN int stranger(void) { return 1; }
SHOWN int %s;
"""


class Wildcards(unittest.TestCase):
    """The script itself, on a library made to test it."""

    def links(self, *flags):
        listed = min(mapped())
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "probe.c")
            library = os.path.join(folder, "probe.so")
            with open(source, "w", encoding="utf-8") as file:
                file.write(PROBE % listed)
            status, said = run(["cc", "-shared", "-fPIC", *flags, source,
                                f"-Wl,--version-script={MAP}", "-o", library])
            self.assertEqual(status, 0, said)
            self.assertEqual(exported(library),
                             {"bl_public", "bl_2nd", listed})

    def test_bfd(self):
        self.links("-fuse-ld=bfd")

    @unittest.skipUnless(shutil.which("ld.gold"), "gold is not installed")
    def test_gold(self):
        self.links("-fuse-ld=gold", "-Wl,--undefined-version")

    @unittest.skipUnless(shutil.which("ld.lld"), "lld is not installed")
    def test_lld(self):
        self.links("-fuse-ld=lld", "-Wl,--undefined-version")


if __name__ == "__main__":
    closing.main()
