#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/load/test_load.py - servers under load: none lost, nothing grows

    tests/load/test_load.py          a short round, as `make test` has it
    tests/load/test_load.py --full   the round that counts, some minutes

The servers are programs of this tree, in a process of their own; the load is
`belay blast`.  Two things are shown of each:

  idle    as many connections as there are descriptors for, up to 20,000, stay
          open, while 50 others are busy for a minute.  Nothing is lost, and
          each idle connection still answers, twice.
  churn   1,000,000 connections are opened, used once and closed.  Neither
          side has more memory or descriptors afterwards.

What was measured is printed as `metric<TAB>belay<TAB>value<TAB>unit`, as
bench/run.py does.
"""

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "tidy"))

import closing  # noqa: E402

BUILD = os.environ.get("BELAY_BUILD") or os.path.join(ROOT, "build", "release")
PROGRAM = os.path.join(BUILD, "cli", "belay")

FULL = "--full" in sys.argv
IDLE = 20_000 if FULL else 1_000  # connections, or as many as can be
BUSY_S = 60 if FULL else 2
MORE_S = 10 if FULL else 2  # the idle ones are held for so much longer
BUSY_RATE = 2_000 if FULL else 500
CHURN = 1_000_000 if FULL else 10_000
OWN_MAX = 30  # descriptors of a server without connections
SPARE = 100  # descriptors of a process besides its connections

# What may come on top, whatever the number of connections: a page here and
# there of an allocator, or of a histogram that sees a rare value.
GROWTH_MAX_KB = 1024

# A server: its program and arguments, where {} stands for its address, and
# what is asked of it.
SERVERS = {
    "tcp": (["examples/echo_server", "{}"], "tcp://{}"),
    "http": (["tests/load/http_server", "{}"], "http://{}/"),
}


def say(metric, value, unit):
    text = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    print(f"load.{metric}\tbelay\t{text}\t{unit}", flush=True)


def raise_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return "127.0.0.1:%d" % server.getsockname()[1]


class Process:
    """A child, and what the system says about it."""

    def __init__(self, command, **options):
        self.child = subprocess.Popen(command, preexec_fn=raise_limit,
                                      text=True, **options)

    def memory_kb(self):
        """Resident memory, with the page tables that it takes."""
        sizes = {}
        with open(f"/proc/{self.child.pid}/status", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(":")
                sizes[name] = value.split()
        return sum(int(sizes[name][0]) for name in ("VmRSS", "VmPTE")
                   if name in sizes)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))

    def await_descriptors(self, is_right, seconds=120):
        """Waits until the number of descriptors is right; returns it."""
        deadline = time.monotonic() + seconds
        while True:
            count = self.descriptors()
            if is_right(count) or time.monotonic() > deadline:
                return count
            if self.child.poll() is not None:
                raise AssertionError("it has ended")
            time.sleep(0.02)

    def end(self):
        self.child.terminate()
        self.child.wait(timeout=30)


class Blast(Process):
    """The generator.  Its report goes to a file, which is never full.

    It has several addresses: where more than half of the ports of one are in
    use, the kernel needs long to find another.
    """

    def __init__(self, *arguments):
        for last in range(1, 5):
            arguments = ("--from", f"127.0.0.{last}", *arguments)
        self.file = tempfile.NamedTemporaryFile()
        super().__init__([PROGRAM, "blast", "-q", "--json", self.file.name,
                          *arguments], stdout=subprocess.DEVNULL)

    def report(self, seconds=900):
        self.child.wait(timeout=seconds)
        with self.file as file:
            report = json.load(file)
        report["status"] = self.child.returncode
        return report


@contextlib.contextmanager
def serving(name):
    command, url = SERVERS[name]
    address = free_address()
    path = os.path.join(BUILD, command[0])
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest(f"{command[0]} is not built")
    server = Process([path, *(part.format(address) for part in command[1:])],
                     stdout=subprocess.PIPE)
    try:
        server.child.stdout.readline()  # it says where it listens
        yield server, url.format(address)
    finally:
        server.end()
        server.child.stdout.close()


class Load(unittest.TestCase):
    def answered_all(self, report):
        self.assertEqual(report["errors"], [])
        requests = report["requests"]
        self.assertEqual(requests["failed"], 0)
        self.assertEqual(requests["unsent"], 0)
        self.assertEqual(requests["answered"], requests["sent"])
        self.assertEqual(report["status"], 0)

    def idle(self, name):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(IDLE, hard - SPARE - 50)
        seconds = BUSY_S + MORE_S
        with serving(name) as (server, url):
            # Once a few are gone, what a server keeps is there.
            self.answered_all(Blast("-N", "500", "-c", "50", url).report())
            base = server.await_descriptors(lambda n: n < OWN_MAX)
            before = server.memory_kb()

            holder = Blast("-c", str(count), "-d", f"{seconds}s", "-r",
                           str(2 * count // seconds + 1), url)
            opened = server.await_descriptors(lambda n: n >= base + count)
            self.assertEqual(opened - base, count)
            per_server = (server.memory_kb() - before) / count
            per_client = holder.memory_kb() / count

            busy = Blast("-c", "50", "-r", str(BUSY_RATE), "-d",
                         f"{BUSY_S}s", url).report()
            held = holder.report()
            left = server.await_descriptors(lambda n: n <= base)

        say(f"idle_{name}.connections", count, "connections")
        say(f"idle_{name}.server_memory", per_server * 1024,
            "bytes_per_connection")
        say(f"idle_{name}.client_memory", per_client * 1024,
            "bytes_per_connection")
        say(f"idle_{name}.traffic", busy["requests"]["answered"], "requests")
        say(f"idle_{name}.traffic_p99", busy["latency_ns"]["p99"] / 1000, "us")
        lost = held["connections_opened"]["all"] - count
        say(f"idle_{name}.lost", lost, "connections")

        self.answered_all(busy)
        self.answered_all(held)
        self.assertGreaterEqual(held["requests"]["answered"], 2 * count)
        self.assertEqual(lost, 0)
        self.assertEqual(held["connections_opened"]["after_idle_close"], 0)
        self.assertEqual(left, base)

    def churn(self, name):
        with serving(name) as (server, url):
            few = Blast("-n", "-r", "0", "-N", str(CHURN // 10), "-c", "50",
                        url)
            self.answered_all(few.report())
            base = server.await_descriptors(lambda n: n < OWN_MAX)
            before = server.memory_kb()

            many = Blast("-n", "-r", "0", "-N", str(CHURN), "-c", "50", url)
            sizes = []
            while many.child.poll() is None:
                with contextlib.suppress(OSError, ValueError):
                    sizes.append(many.memory_kb())
                time.sleep(0.05)
            report = many.report()
            left = server.await_descriptors(lambda n: n <= base)
            growth = server.memory_kb() - before

        sizes = [size for size in sizes if size > 0]
        quarter = sizes[len(sizes) // 4]
        client_growth = max(sizes[len(sizes) // 2:]) - quarter
        say(f"churn_{name}.connections", report["connections_opened"]["all"],
            "connections")
        say(f"churn_{name}.rate", report["rate"], "connections_per_s")
        say(f"churn_{name}.server_growth", growth, "kB")
        say(f"churn_{name}.client_growth", client_growth, "kB")
        say(f"churn_{name}.server_descriptors_left", left - base,
            "descriptors")

        self.answered_all(report)
        self.assertEqual(report["connections_opened"]["all"], CHURN)
        self.assertEqual(left, base)
        self.assertLessEqual(growth, GROWTH_MAX_KB)
        self.assertLessEqual(client_growth, GROWTH_MAX_KB)


def add_tests():
    for server in SERVERS:
        for what in ("idle", "churn"):
            def test(self, what=what, server=server):
                getattr(self, what)(server)
            setattr(Load, f"test_{what}_{server}", test)


add_tests()

if __name__ == "__main__":
    if FULL:
        sys.argv.remove("--full")
    closing.main()
