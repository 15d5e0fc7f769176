# SPDX-License-Identifier: MIT
"""tests/tidy/test_vm.py - the virtual machine, up to where it starts

What cannot be made says why, and has a status of its own, by which
tools/run_tests tells a leg that was skipped from one that failed.  The machines
here are lines of shell.
"""

import os
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tools"), HERE]

import closing  # noqa: E402
import vm  # noqa: E402


class Case(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.patch(vm, "PLACE", self.place)

    def patch(self, what, name, value):
        patched = mock.patch.object(what, name, value)
        patched.start()
        self.addCleanup(patched.stop)

    def said(self, *arguments):
        """The status of the command line, and what it has said."""
        output = StringIO()
        with redirect_stdout(output):
            status = vm.main(list(arguments))
        return status, output.getvalue()

    def lack(self, *names):
        """Has all programs but these."""
        self.patch(vm.shutil, "which",
                   lambda name: None if name in names else "/bin/" + name)


class Missing(Case):
    """Each thing that may not be there."""

    def test_programs(self):
        for name in vm.PROGRAMS:
            with self.subTest(name):
                self.lack(name)
                status, text = self.said("true")
                self.assertEqual(status, 125)
                self.assertEqual(
                    text, f"vm: {name} is not installed (apt-get install "
                    "qemu-system-x86 busybox-static kmod cpio)\n")

    def test_a_kernel_that_may_not_be_fetched(self):
        self.lack()
        with mock.patch.dict(os.environ, {"BELAY_NO_INSTALL": "1"}):
            self.assertEqual(self.said("true"), (
                125, "vm: no kernel, and BELAY_NO_INSTALL is set\n"))

    def test_whoever_fetches_it(self):
        self.lack("apt-get")
        self.assertEqual(self.said("true"), (
            125, "vm: no apt-get, to fetch a kernel with\n"))

    def test_a_package(self):
        self.lack()
        self.patch(vm, "call", lambda *command, **options: "")
        self.assertEqual(self.said("true"), (
            125, "vm: apt-cache knows no linux-image-amd64\n"))

    def test_a_download(self):
        self.lack()

        def call(*command, **options):
            if command[0] == "apt-cache":
                return "  Depends: linux-image-1-amd64\n"
            return vm_call("sh", "-c", "echo no network; exit 100")
        vm_call = vm.call
        self.patch(vm, "call", call)
        self.assertEqual(self.said("true"), (125, "vm: sh: no network\n"))

    def test_nothing_is_fetched_twice(self):
        os.mkdir(os.path.join(self.place, "boot"))
        with open(os.path.join(self.place, "boot", "vmlinuz-1-amd64"), "w",
                  encoding="utf-8"):
            pass
        self.patch(vm, "call", None)
        self.assertEqual(vm.kernel(), "1-amd64")


class Arguments(Case):
    """What reaches the machine."""

    def made(self, *arguments):
        """The command inside, the modules, and the options."""
        made = []

        def make_initrd(directory, version, command, late):
            made.extend([command, late])
            return "initrd"

        def boot(version, initrd, options):
            made.append(options)
            return 7
        self.lack()
        self.patch(vm, "kernel", lambda: "1-amd64")
        self.patch(vm, "make_initrd", make_initrd)
        self.patch(vm, "boot", boot)
        self.assertEqual(self.said(*arguments), (7, ""))
        return made

    def test_a_command_runs_where_it_was_given(self):
        inside, modules, options = self.made("echo", "two words", "$x")
        self.assertEqual(inside, f"cd {os.getcwd()}; echo 'two words' '$x'")
        self.assertEqual(modules, [])
        self.assertEqual((options.memory, options.processors), ("1G", 2))

    def test_options_end_before_those_of_the_command(self):
        inside, modules, options = self.made(
            "--module", "tls", "--module", "veth", "--memory", "2G",
            "--processors", "4", "--", "ls", "--memory")
        self.assertEqual(inside, f"cd {os.getcwd()}; ls --memory")
        self.assertEqual(modules, ["tls", "veth"])
        self.assertEqual((options.memory, options.processors), ("2G", 4))

    def test_without_a_command_it_is_not_used_well(self):
        output = StringIO()
        with redirect_stderr(output), self.assertRaises(SystemExit) as ended:
            vm.main(["--memory", "2G"])
        self.assertEqual(ended.exception.code, 2)
        self.assertIn("command", output.getvalue())


class Booting(Case):
    """What comes out of it."""

    def booted(self, script):
        path = os.path.join(self.place, "qemu-system-x86_64")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        self.patch(vm, "need_tools", lambda: None)
        self.patch(vm, "kernel", lambda: "1-amd64")
        self.patch(vm, "make_initrd", lambda *arguments: "initrd")
        with mock.patch.dict(os.environ, {
                "PATH": self.place + ":" + os.environ["PATH"]}):
            return self.said("true")

    def test_the_command_s_status_is_ours(self):
        self.assertEqual(self.booted(r"printf 'hello\r\nvm: status 3\r\n'"),
                         (3, "hello\n"))

    def test_what_only_looks_like_a_status_is_shown(self):
        self.assertEqual(
            self.booted(r"printf 'its vm: status 3\nvm: status 0\n'"),
            (0, "its vm: status 3\n"))

    def test_a_machine_that_stops_early_has_not_run_it(self):
        self.assertEqual(self.booted("echo panic; exit 1"), (
            125, "panic\nvm: the machine stopped before the command had "
            "ended\n"))


if __name__ == "__main__":
    closing.main()
