# SPDX-License-Identifier: MIT
"""tests/api/test_install.py - the installed package, found and used

Installs the release build into a folder, moves the folder, and builds a small
program against what is there: by find_package and by pkg-config, with the
shared library and with the static one.
"""

import json
import os
import re
import shutil
import tempfile
import unittest

from places import BUILD, ROOT, SMOKE, has_cares, has_uring, run

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

DNS_PROJECT = """cmake_minimum_required(VERSION 3.21)
project(user C)
find_package(belay 0.1 REQUIRED)
foreach(kind dns dns_shared)
  add_executable(user_${kind} names.c)
  target_link_libraries(user_${kind} PRIVATE belay::${kind})
endforeach()
"""

DNS_PROGRAM = """#include <stdio.h>

#include <belay.h>
#include <belay/dns.h>

static int look_up(void *arg) {
    bl_dns *dns;
    bl_addr address;
    int rc = bl_dns_open(NULL, &dns);
    if (rc < 0) return rc;
    rc = bl_dns_resolve(dns, "localhost:80", &address, 1);
    bl_dns_close(dns);
    (void)arg;
    return rc;
}

int main(void) {
    printf("%d address\\n", bl_run(look_up, NULL));
    return 0;
}
"""

# A program of tests, as a user has one: found by CTest file by file, and again
# test by test.
CTEST_PROJECT = """cmake_minimum_required(VERSION 3.21)
project(tests C)
find_package(belay 0.1 REQUIRED)
include(CTest)
add_executable(all_tests test_one.c test_two.c)
target_link_libraries(all_tests PRIVATE belay::test)
belay_discover_tests(all_tests PROPERTIES TIMEOUT 60)
"""

CTEST_SOURCES = {
    "test_one.c": """#include <belay/test.h>
PARAM(int, number, 1, 2);
TEST(passes, (number), .tags = "quick net") { CHECK_GT(number, 0); }
TEST(fails, .tags = "slow") { CHECK_EQ(1, 2); }
""",
    "test_two.c": """#include <belay/test.h>
TEST(is_skipped, .skip = "never") { }
TEST(is_hidden, .tags = ".hidden") { }
""",
}

PER_TEST = """
add_executable(each test_one.c)
target_link_libraries(each PRIVATE belay::test)
belay_discover_tests(each PER_TEST TEST_PREFIX each/ EXTRA_ARGS -j 1)
"""


TLS_PROJECT = """cmake_minimum_required(VERSION 3.21)
project(user C)
find_package(belay 0.1 REQUIRED)
foreach(kind tls tls_static tls_shared)
  add_executable(user_${kind} user.c)
  target_link_libraries(user_${kind} PRIVATE belay::${kind})
endforeach()
"""

TLS_USER = """#include <stdio.h>

#include <belay.h>
#include <belay/tls.h>

static int body(void *arg) {
    bl_tls_context *context;
    bl_stream *stream;
    int rc = bl_tls_context_new(NULL, &context);
    (void)arg;
    if (rc < 0) return rc;
    rc = bl_tls_connect(context, NULL, "localhost", NULL, &stream);
    bl_tls_context_unref(context);
    return rc;
}

int main(void) {
    puts(bl_error_name(bl_run(body, NULL)));
    return 0;
}
"""


HTTP_PROJECT = TLS_PROJECT.replace("tls", "http")

HTTP_USER = """#include <stdio.h>

#include <belay.h>
#include <belay/http.h>

static int handler(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    return bl_http_reply_text(exchange, 200, "hello");
}

static int body(void *arg) {
    (void)arg;
    return bl_http_serve(NULL, handler, NULL);
}

int main(void) {
    puts(bl_error_name(bl_run(body, NULL)));
    return 0;
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

    def pkg_config(self, *flags, package="belay"):
        env = {**os.environ, "PKG_CONFIG_PATH": self.pc_folder}
        return self.passes(["pkg-config", *flags, package], env=env).split()

    def write_tests(self, name, more=""):
        """Makes a project with tests.  Returns its folder."""
        project = os.path.join(self.folder, name)
        os.makedirs(project)
        for file_name, text in {**CTEST_SOURCES,
                                "CMakeLists.txt": CTEST_PROJECT + more}.items():
            with open(os.path.join(project, file_name), "w",
                      encoding="utf-8") as file:
                file.write(text)
        return project

    def ctest(self, project):
        """What ctest finds and says: {name: (status, labels)}."""
        build = project + "/build"
        _, shown = run(["ctest", "--test-dir", build,
                        "--show-only=json-v1"])
        labels = {}
        for test in json.loads(shown)["tests"]:
            properties = {entry["name"]: entry["value"]
                          for entry in test.get("properties", [])}
            labels[test["name"]] = properties.get("LABELS", [])
        _, said = run(["ctest", "--test-dir", build])
        found = re.findall(r"Test +#\d+: (\S+) \.+ *\**(\w+)", said)
        return {name: (status, sorted(labels[name]))
                for name, status in found}

    def test_ctest_per_file(self):
        project = self.write_tests("per_file")
        self.passes(["cmake", "-S", project, "-B", project + "/build",
                     "-DCMAKE_PREFIX_PATH=" + self.prefix])
        self.assertIn("all_tests_NOT_BUILT", self.ctest(project))
        self.passes(["cmake", "--build", project + "/build"])
        self.assertEqual(self.ctest(project), {
            "test_one.c": ("Failed", ["net", "quick", "slow"]),
            "test_two.c": ("Skipped", []),
        })

    def test_ctest_follows_the_program(self):
        project = self.write_tests("follows")
        self.passes(["cmake", "-S", project, "-B", project + "/build",
                     "-DCMAKE_PREFIX_PATH=" + self.prefix])
        self.passes(["cmake", "--build", project + "/build"])
        self.assertEqual(len(self.ctest(project)), 2)
        answer = project + "/build/all_tests-belay-tests.cmake"
        asked = os.stat(answer).st_mtime_ns
        self.assertEqual(len(self.ctest(project)), 2)
        self.assertEqual(os.stat(answer).st_mtime_ns, asked)
        with open(project + "/test_two.c", "w", encoding="utf-8") as file:
            file.write(CTEST_SOURCES["test_one.c"].replace("fails", "new"))
        os.remove(project + "/build/all_tests")
        self.passes(["cmake", "--build", project + "/build"])
        self.assertEqual(self.ctest(project)["test_two.c"][0], "Failed")

    def test_ctest_per_test(self):
        project = self.write_tests("per_test", PER_TEST)
        self.passes(["cmake", "-S", project, "-B", project + "/build",
                     "-DCMAKE_PREFIX_PATH=" + self.prefix])
        self.passes(["cmake", "--build", project + "/build"])
        found = self.ctest(project)
        self.assertEqual(
            {name: one for name, one in found.items() if "each/" in name}, {
                "each/test_one.c::passes[1]": ("Passed", ["net", "quick"]),
                "each/test_one.c::passes[2]": ("Passed", ["net", "quick"]),
                "each/test_one.c::fails": ("Failed", ["slow"]),
            })

    def test_pkg_config_test(self):
        project = self.write_tests("by_pkg_config")
        program = project + "/all_tests"
        env = {**os.environ, "PKG_CONFIG_PATH": self.pc_folder,
               "LD_LIBRARY_PATH": self.libraries}
        flags = self.passes(["pkg-config", "--cflags", "--libs",
                             "belay-test"], env=env).split()
        self.passes(["cc", project + "/test_one.c", "-o", program, *flags])
        status, said = run([program, "passes"], env=env)
        self.assertEqual(status, 0, said)
        self.assertTrue(said.endswith("2 passed, 0 failed\n"), said)

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

    def check_side_library(self, name, project_text, user, hidden):
        """A library beside the core, found in both ways, linked in three.

        The program says BL_EINVAL; pkg-config does not name `hidden`.
        """
        project = os.path.join(self.folder, name)
        os.makedirs(project)
        for file_name, text in (("CMakeLists.txt", project_text),
                                ("user.c", user)):
            with open(os.path.join(project, file_name), "w",
                      encoding="utf-8") as file:
                file.write(text)
        self.passes(["cmake", "-S", project, "-B", project + "/build",
                     "-DCMAKE_PREFIX_PATH=" + self.prefix])
        self.passes(["cmake", "--build", project + "/build"])
        for kind in (name, name + "_static", name + "_shared"):
            self.assertEqual(self.passes([f"{project}/build/user_{kind}"]),
                             "BL_EINVAL\n")
        env = {**os.environ, "PKG_CONFIG_PATH": self.pc_folder,
               "LD_LIBRARY_PATH": self.libraries}
        flags = self.passes(["pkg-config", "--cflags", "--libs",
                             "belay-" + name], env=env).split()
        self.assertNotIn(hidden, flags)
        program = project + "/user"
        self.passes(["cc", project + "/user.c", "-o", program, *flags])
        self.assertEqual(self.passes([program], env=env), "BL_EINVAL\n")

    def test_tls(self):
        if not os.path.exists(os.path.join(BUILD, "libbelay-tls.a")):
            self.skipTest("belay-tls is not built: there is no OpenSSL 3")
        self.check_side_library("tls", TLS_PROJECT, TLS_USER, "-lssl")

    def test_http(self):
        if not os.path.exists(os.path.join(BUILD, "libbelay-http.a")):
            self.skipTest("belay-http is not built: there is no parser")
        self.check_side_library("http", HTTP_PROJECT, HTTP_USER,
                                "-lhttp_parser")

    def write_names(self, name):
        """Makes a program that looks a name up.  Returns its folder."""
        project = os.path.join(self.folder, name)
        os.makedirs(project)
        for file_name, text in {"names.c": DNS_PROGRAM,
                                "CMakeLists.txt": DNS_PROJECT}.items():
            with open(os.path.join(project, file_name), "w",
                      encoding="utf-8") as file:
                file.write(text)
        return project

    @unittest.skipUnless(has_cares(), "c-ares is not installed")
    def test_find_dns(self):
        project = self.write_names("find_dns")
        self.passes(["cmake", "-S", project, "-B", project + "/build",
                     "-DCMAKE_PREFIX_PATH=" + self.prefix])
        self.passes(["cmake", "--build", project + "/build"])
        for kind in ("dns", "dns_shared"):
            said = self.passes([f"{project}/build/user_{kind}"])
            self.assertEqual(said, "1 address\n")

    @unittest.skipUnless(has_cares(), "c-ares is not installed")
    def test_pkg_config_dns(self):
        project = self.write_names("pkg_config_dns")
        program = project + "/names"
        flags = self.pkg_config("--cflags", "--libs", package="belay-dns")
        self.assertNotIn("-lcares", flags)
        env = {**os.environ, "LD_LIBRARY_PATH": self.libraries}
        self.passes(["cc", project + "/names.c", "-o", program, *flags])
        self.assertEqual(self.passes([program], env=env), "1 address\n")
        archives = {f"-l{name}": os.path.join(self.libraries, f"lib{name}.a")
                    for name in ("belay", "belay-dns")}
        flags = [archives.get(flag, flag) for flag in self.pkg_config(
            "--cflags", "--libs", "--static", package="belay-dns")]
        self.passes(["cc", project + "/names.c", "-o", program, *flags])
        self.assertEqual(self.passes([program]), "1 address\n")

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
