# SPDX-License-Identifier: MIT
"""tests/api/test_install.py - the installed package, found and used

Installs the release build into a folder, moves the folder, and builds a small
program against what is there: by find_package and by pkg-config, with the
shared library and with the static one.
"""

import os
import shutil
import tempfile
import unittest

from places import BUILD, ROOT, SMOKE, has_uring, run

import closing

PROJECT = """cmake_minimum_required(VERSION 3.21)
project(user C)
find_package(belay 0.1 REQUIRED)
foreach(kind belay static shared)
  add_executable(user_${kind} smoke.c)
  target_link_libraries(user_${kind} PRIVATE belay::${kind})
endforeach()
foreach(kind test test_wrap_time)
  add_executable(user_${kind} tests.c)
  target_link_libraries(user_${kind} PRIVATE belay::${kind})
endforeach()
"""

TESTS = """#include <time.h>

#include <belay/test.h>

TEST(an_hour_passes) {
    CHECK_OK(bl_sleep(SEC(3600)));
}

TEST(the_clock_is_virtual) {
    CHECK_EQ(time(NULL), 946684800);
}
"""


def files_below(folder):
    return [os.path.join(directory, name)
            for directory, _, names in os.walk(folder) for name in names]


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        first = os.path.join(cls.folder, "first")
        status, said = run(["cmake", "--install", BUILD, "--prefix", first])
        assert status == 0, said
        # A package that knows where it was installed is found out by this.
        cls.prefix = os.path.join(cls.folder, "moved")
        os.rename(first, cls.prefix)
        cls.pc_folder = os.path.dirname(
            next(path for path in files_below(cls.prefix)
                 if path.endswith("belay.pc")))
        cls.libraries = os.path.dirname(cls.pc_folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def passes(self, command, **more):
        status, said = run(command, **more)
        self.assertEqual(status, 0, said)
        return said

    def pkg_config(self, *flags):
        env = {**os.environ, "PKG_CONFIG_PATH": self.pc_folder}
        return self.passes(["pkg-config", *flags, "belay"], env=env).split()

    def test_find_package(self):
        project = os.path.join(self.folder, "project")
        os.makedirs(project)
        shutil.copy(SMOKE, project)
        with open(os.path.join(project, "CMakeLists.txt"), "w",
                  encoding="utf-8") as file:
            file.write(PROJECT)
        with open(os.path.join(project, "tests.c"), "w",
                  encoding="utf-8") as file:
            file.write(TESTS)
        self.passes(["cmake", "-S", project, "-B", project + "/build",
                     "-DCMAKE_PREFIX_PATH=" + self.prefix])
        self.passes(["cmake", "--build", project + "/build"])
        for kind in ("belay", "static", "shared"):
            said = self.passes([f"{project}/build/user_{kind}"])
            self.assertIn("2 children, well", said)
        said = self.passes([f"{project}/build/user_test", "an_hour_passes"])
        self.assertIn("1 passed, 0 failed", said)
        said = self.passes([f"{project}/build/user_test_wrap_time"])
        self.assertIn("2 passed, 0 failed", said)

    def test_pkg_config_shared(self):
        program = os.path.join(self.folder, "shared")
        self.passes(["cc", SMOKE, "-o", program,
                     *self.pkg_config("--cflags", "--libs")])
        env = {**os.environ, "LD_LIBRARY_PATH": self.libraries}
        self.assertIn("2 children, well", self.passes([program], env=env))

    def test_pkg_config_static(self):
        program = os.path.join(self.folder, "static")
        archive = os.path.join(self.libraries, "libbelay.a")
        flags = [archive if flag == "-lbelay" else flag
                 for flag in self.pkg_config("--cflags", "--libs",
                                             "--static")]
        self.passes(["cc", SMOKE, "-o", program, *flags])
        self.assertIn("2 children, well", self.passes([program]))

    def test_private_requirements(self):
        private = self.pkg_config("--print-requires-private")
        self.assertEqual(private, ["liburing"] if has_uring() else [])

    def test_version(self):
        said = self.pkg_config("--modversion")[0]
        with open(os.path.join(ROOT, "include/belay/base.h"),
                  encoding="utf-8") as file:
            self.assertRegex(file.read(),
                             f'#define BL_VERSION +"{said}"')

    def test_no_path_of_the_build(self):
        for path in files_below(self.prefix):
            if path.endswith((".pc", ".cmake", ".h")):
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                self.assertNotIn(ROOT, text, path)
                self.assertNotIn(self.folder, text, path)

    def test_every_header(self):
        there = {os.path.relpath(path, os.path.join(self.prefix, "include"))
                 for path in files_below(os.path.join(self.prefix, "include"))}
        ours = {os.path.relpath(path, os.path.join(ROOT, "include"))
                for path in files_below(os.path.join(ROOT, "include"))}
        self.assertEqual(there, ours)


if __name__ == "__main__":
    closing.main()
