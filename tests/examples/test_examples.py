#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/examples/test_examples.py - every example runs and says what it should

    tests/examples/test_examples.py [--update] [DIRECTORY]

DIRECTORY holds the built examples, build/release/examples unless given (or
BELAY_EXAMPLES).  What an example prints is compared with
examples/expected/NAME.txt, and what it says on stderr with NAME.err, line
numbers, addresses, folders and times set aside.  Examples without such a file
have a test of their own below.  --update writes those files anew: read the
difference.
"""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "tidy"))

import closing  # noqa: E402

SOURCES = os.path.join(ROOT, "examples")
EXPECTED = os.path.join(SOURCES, "expected")
PROGRAMS = os.environ.get("BELAY_EXAMPLES") or \
    os.path.join(ROOT, "build", "release", "examples")
SECONDS_MAX = 60  # of one program; generous, for sanitizers on a busy machine

# What differs from run to run, and what it becomes.
VARIABLE = (
    (re.compile(r"(?:[^\s\"(]*/)?(\w+\.[ch]):\d+"), r"\1:N"),
    (re.compile(r"0x[0-9a-f]+"), "0xN"),
    (re.compile(r"\breplay: \S*/"), "replay: ./"),
    (re.compile(r"\btime: \d+\.\d+ s\b"), "time: N s"),
    (re.compile(r" +\d+\.\d+ ms\b"), " N ms"),
)

# Programs that are made of a folder, the options they are run with here, and
# the status they end with.  Those of the tests of examples/testing are run one
# by one, so that they are reported in order.
FOLDERS = {
    "testing": (["-v", "-j1"], 0),
    "testing_bugs": (["-j1"], 1),
}

# Programs that are built only where a library beyond the core is.
OPTIONAL = {"http_get": "belay-http", "http_health": "belay-http",
            "http_server": "belay-http", "http_workers": "belay-http",
            "lookup": "belay-dns", "tls_echo": "belay-tls"}


def program(name):
    return os.path.join(PROGRAMS, name)


def run(command, **options):
    """Runs a program to its end.  Returns (status, stdout, stderr)."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=SECONDS_MAX,
                          **options)
    return done.returncode, done.stdout, done.stderr


def constant(text):
    """The text without what differs from run to run."""
    for pattern, replacement in VARIABLE:
        text = pattern.sub(replacement, text)
    return text


def expected(name):
    """What is stored under that name; nothing if there is no such file."""
    path = os.path.join(EXPECTED, name)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def update():
    """Stores what the examples print today."""
    for name in names(EXPECTED, ".txt"):
        options, _ = FOLDERS.get(name, ([], 0))
        _, *texts = run([program(name), *options])
        for text, ending in zip(texts, (".txt", ".err")):
            if text or expected(name + ending):
                with open(os.path.join(EXPECTED, name + ending), "w",
                          encoding="utf-8") as file:
                    file.write(constant(text))


def names(directory, ending):
    return sorted(name[:-len(ending)] for name in os.listdir(directory)
                  if name.endswith(ending))


class Printed(unittest.TestCase):
    """Examples whose whole output is known."""

    maxDiff = None

    def check(self, name):
        if name in OPTIONAL and not os.path.exists(program(name)):
            self.skipTest(f"{name} needs {OPTIONAL[name]}")
        options, right_status = FOLDERS.get(name, ([], 0))
        status, output, errors = run([program(name), *options])
        self.assertEqual(constant(output), expected(name + ".txt"))
        self.assertEqual(constant(errors), expected(name + ".err"))
        self.assertEqual(status, right_status)


def add_printed():
    for name in names(EXPECTED, ".txt"):
        def test(self, name=name):
            self.check(name)
        setattr(Printed, "test_" + name, test)


class Complete(unittest.TestCase):
    def test_every_example_is_tested(self):
        with open(os.path.abspath(__file__), encoding="utf-8") as file:
            text = file.read()
        for name in names(SOURCES, ".c"):
            self.assertTrue(name in names(EXPECTED, ".txt") or
                            f'program("{name}")' in text,
                            f"examples/{name}.c has no test")

    def test_expected_output_has_its_example(self):
        for name in names(EXPECTED, ".txt"):
            self.assertIn(name, [*names(SOURCES, ".c"), *FOLDERS])


class Child:
    """A program in the background, whose first line has been read."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self):
        _, errors = self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode, errors


class Echo(unittest.TestCase):
    def start(self, *options):
        child = Child(program("echo_server"), "127.0.0.1:0", *options)
        self.assertRegex(child.first_line, r"^listening on 127\.0\.0\.1:\d+$")
        return child, child.first_line.split()[-1]

    def test_client_and_server(self):
        child, address = self.start("--once")
        with child:
            status, output, errors = run(
                [program("echo_client"), address, "good morning"])
            self.assertEqual((status, output), (0, "good morning\n"), errors)
            self.assertEqual(child.end(), (0, ""))

    def test_server_stops_by_itself(self):
        child, _ = self.start("--for", "20")
        with child:
            self.assertEqual(child.end(), (0, ""))

    def test_server_stops_on_interrupt(self):
        child, address = self.start()
        host, port = address.split(":")
        with child, socket.create_connection((host, int(port))):
            child.process.send_signal(signal.SIGINT)
            self.assertEqual(child.end(), (0, ""))

    def test_client_without_a_server(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # bound, but not listening
            address = "127.0.0.1:%d" % nobody.getsockname()[1]
            status, output, errors = run([program("echo_client"), address])
        self.assertEqual((status, output), (1, ""))
        self.assertIn(address, errors)

    def test_wrong_option(self):
        status, _, errors = run([program("echo_server"), "--forever"])
        self.assertEqual(status, 2)
        self.assertIn("usage", errors)


@unittest.skipUnless(os.path.exists(program("http_workers")),
                     "http_workers needs belay-http")
class Workers(unittest.TestCase):
    def test_both_drain_on_interrupt(self):
        with Child(program("http_workers"), "127.0.0.1:0") as child:
            host, port = child.first_line.split()[-1].split(":")
            with socket.create_connection((host, int(port))) as kept:
                kept.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                self.assertIn(b"200 OK", kept.recv(4096))
                child.process.send_signal(signal.SIGINT)
                while kept.recv(4096):
                    pass  # the rest of the answer, if it came in parts
                self.assertEqual(child.end(), (0, ""))


class Peer:
    """A server that treats each connection as `behave` says."""

    def __init__(self, behave):
        self.behave = behave
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.open = []
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        # shutdown wakes the accept below; close alone would not.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()
        for connection in self.open:
            connection.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(connection)
            self.behave(connection)


def fall_silent(connection):
    pass


def close_at_once(connection):
    connection.close()


def talk_nonsense(connection):
    connection.sendall(b"220 mail.example ready\x1b[2J\r\n")


class Demo(unittest.TestCase):
    def demo(self, *options, **settings):
        return run([program("demo"), *options], **settings)

    def test_small_run(self):
        status, output, errors = self.demo("--clients", "200")
        self.assertEqual((status, errors), (0, ""), output)
        for row in (r"clients run +200 +200\n",
                    r"requests answered to the crowd +800 +800\n",
                    r"timed out as planned +10 +10\n",
                    r"lost +0 +0\n",
                    r"cut +0 +0\n",
                    r"tasks left +0 +0\n",
                    r"descriptors left +0 +0\n"):
            self.assertRegex(output, row)
        self.assertIn("it was made to fail", output)
        self.assertTrue(output.endswith("  PASSED\n"), output)

    def test_one_client(self):
        status, output, errors = self.demo("--clients", "1")
        self.assertEqual((status, errors), (0, ""), output)

    def test_few_descriptors(self):
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        status, output, errors = self.demo("--clients", "400",
                                           preexec_fn=lower)
        self.assertEqual((status, errors), (0, ""), output)
        self.assertRegex(output, r"256 descriptors: \d+ connect at once")
        self.assertRegex(output, r"clients run +400 +400\n")

    def test_too_few_descriptors(self):
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        status, _, errors = self.demo(preexec_fn=lower)
        self.assertEqual(status, 1)
        self.assertIn("32 descriptors are too few", errors)

    def test_interrupted(self):
        with Child(program("demo"), "--requests", "100000") as child:
            child.process.send_signal(signal.SIGINT)
            status, _ = child.end()
        self.assertEqual(status, 1)

    def test_help(self):
        status, output, _ = self.demo("--help")
        self.assertEqual(status, 0)
        self.assertIn("--target HOST:PORT", output)

    def test_wrong_options(self):
        for options in (["--clients", "0"], ["--clients", "many"],
                        ["--timeout", "-1"], ["--colour"], ["fast"]):
            status, output, errors = self.demo(*options)
            self.assertEqual((status, output), (2, ""), options)
            self.assertIn(options[-1], errors)

    # -- a server that is not ours

    def target(self, address, *options):
        return self.demo("--target", address, "--timeout", "300", *options)

    def refused(self, status, output, errors, sentence):
        self.assertEqual((status, output), (1, ""), errors)
        self.assertIn(sentence, errors)

    def test_target(self):
        with Child(program("echo_server"), "127.0.0.1:0") as child:
            status, output, errors = self.demo(
                "--target", child.first_line.split()[-1], "--clients", "20",
                "--requests", "5", "--timeout", "20000")
            self.assertEqual((status, errors), (0, ""), output)
            self.assertRegex(output, r"answered +100 requests")
            self.assertTrue(output.endswith("  PASSED\n"), output)

    def test_target_nobody(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % nobody.getsockname()[1]
            self.refused(*self.target(address), "nobody listens there")

    def test_target_out_of_reach(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            # Its line is full, so the kernel drops whatever else knocks.
            place = server.getsockname()
            waiting = [socket.socket() for _ in range(4)]
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(place)
            self.refused(*self.target("127.0.0.1:%d" % place[1]),
                         "cannot be reached within 300 ms")
            for client in waiting:
                client.close()

    def test_target_silent(self):
        with Peer(fall_silent) as peer:
            self.refused(*self.target(peer.address),
                         "does not answer within 300 ms")

    def test_target_closes(self):
        with Peer(close_at_once) as peer:
            self.refused(*self.target(peer.address), "closes the connection")

    def test_target_garbage(self):
        with Peer(talk_nonsense) as peer:
            result = self.target(peer.address)
        self.refused(*result, "is not an echo server")
        self.assertIn("220 mail.example", result[2])
        self.assertNotIn("\x1b", result[2])

    def test_target_no_address(self):
        for address in ("nowhere", "127.0.0.1", "127.0.0.1:x"):
            status, _, errors = self.target(address)
            self.assertEqual(status, 1, address)
            self.assertIn("demo: " + address, errors)

    def test_target_gives_up_halfway(self):
        lines = []

        def echo_twice(connection):
            with connection:
                for _ in range(2 if not lines else 1):
                    connection.sendall(connection.recv(200))
                lines.append(1)
        with Peer(echo_twice) as peer:
            status, output, _ = self.target(peer.address, "--clients", "1",
                                            "--requests", "3")
        self.assertEqual(status, 1, output)
        self.assertRegex(output, r"clients +0 timed out, 0 refused, 1 cut off")
        self.assertIn("FAILED: not all were answered", output)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    is_update = "--update" in arguments
    if is_update:
        arguments.remove("--update")
    if arguments:
        PROGRAMS = os.path.abspath(arguments[0])
    if is_update:
        update()
    add_printed()
    closing.main()
