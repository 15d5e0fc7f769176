#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/cli/test_blast.py - `belay blast` as a whole, on servers that are not ours

    tests/cli/test_blast.py

Servers of Python's standard library, some of which misbehave.  Times are not
judged here, but for what has to be long: tests/cli/test_blast_load.c does
that, in virtual time.
"""

import contextlib
import fcntl
import http.server
import json
import os
import pty
import re
import select
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "tidy"))

import closing  # noqa: E402

PROGRAM = os.environ.get("BELAY_PROGRAM") or \
    os.path.join(ROOT, "build", "release", "cli", "belay")
HELP = subprocess.run([PROGRAM, "help", "blast"], capture_output=True,
                      text=True, timeout=30).stdout


def blast(*arguments, **options):
    return subprocess.run([PROGRAM, "blast", *arguments], capture_output=True,
                          text=True, timeout=60, **options)


def measured(*arguments):
    """Runs it and returns its exit status and the report, as JSON."""
    done = blast("--json", "-", *arguments)
    return done.returncode, json.loads(done.stdout)


# ---- servers ----------------------------------------------------------------


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class LocalServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def serving(handler, kind=Server, address=("127.0.0.1", 0), context=None):
    with kind(address, handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket,
                                                server_side=True)
        server.handle_error = lambda request, peer: None
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address
        finally:
            server.shutdown()
            thread.join()


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


def counting(semaphore):
    """An echo that releases a semaphore for each answer."""
    class Counting(socketserver.BaseRequestHandler):
        def handle(self):
            while data := self.request.recv(65536):
                self.request.sendall(data)
                semaphore.release()
    return Counting


class Half(socketserver.BaseRequestHandler):
    """Begins an answer, and goes."""

    def handle(self):
        if self.request.recv(65536):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")


class Mute(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(65536):
            pass


class Deaf(socketserver.BaseRequestHandler):
    """Reads nothing until the peer goes."""

    def handle(self):
        poll = select.poll()
        poll.register(self.request, select.POLLRDHUP)
        poll.poll(30000)


class Slow(socketserver.BaseRequestHandler):
    """A byte at a time, over a tenth of a second."""

    def handle(self):
        while data := self.request.recv(65536):
            for byte in data:
                self.request.sendall(bytes([byte]))
                time.sleep(0.1 / len(data))


class Nonsense(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(65536)
        self.request.sendall(b"220 mail.example.org ESMTP\r\n")


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = []

    def log_message(self, *arguments):
        pass

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        Web.seen.append((self.command, self.path, self.headers, body))
        if self.path.startswith("/chunks"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(3):
                self.wfile.write(b"5\r\nhello\r\n")
            self.wfile.write(b"0\r\n\r\n")
        elif self.path.startswith("/status/"):
            status = int(self.path.split("/")[2])
            self.reply(status, b"" if status == 204 else b"so")
        elif self.path.startswith("/more"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nso"
                             b"and more")
        elif self.path.startswith("/to-the-end"):
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"x" * 100000)
            self.close_connection = True
        elif self.path.startswith("/continue"):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.reply(200, b"after all")
        else:
            self.reply(200, b"hello")

    def reply(self, status, body):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_HEAD = answer


def url_of(address, scheme="tcp", path=""):
    return f"{scheme}://{address[0]}:{address[1]}{path}"


FEW = ("-N", "40", "-c", "4", "-r", "400")


class Bytes(unittest.TestCase):
    def test_echo(self):
        with serving(Echo) as address:
            status, report = measured(*FEW, url_of(address))
        self.assertEqual(status, 0)
        self.assertEqual(report["requests"]["answered"], 40)
        self.assertEqual(report["requests"]["failed"], 0)
        self.assertEqual(report["requests"]["due"], 40)
        self.assertEqual(report["bytes_sent"], 40 * 64)
        self.assertEqual(report["bytes_received"], 40 * 64)
        self.assertEqual(report["connections_opened"]["all"], 4)
        self.assertEqual(report["loop"], "open")
        self.assertEqual(sum(row[2] for row in report["latency_buckets_ns"]),
                         40)
        self.assertLessEqual(report["latency_ns"]["p50"],
                             report["latency_ns"]["max"])

    def test_local_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            with serving(Echo, LocalServer, path):
                status, report = measured(*FEW, "unix:" + path)
                self.assertEqual(status, 0)
                self.assertEqual(report["requests"]["answered"], 40)
                status, report = measured(*FEW, "--connect", "unix:" + path,
                                          "tcp://elsewhere.invalid:1")
                self.assertEqual(status, 0)

    def test_large_bodies(self):
        with serving(Echo) as address:
            status, report = measured("-r", "0", "-N", "4", "-c", "2", "-s",
                                      "3M", url_of(address))
        self.assertEqual(status, 0)
        self.assertEqual(report["bytes_received"], 4 * 3 * 1024 * 1024)
        self.assertEqual(report["loop"], "closed")

    def test_until(self):
        with serving(Echo) as address:
            status, report = measured(*FEW, "-b", r"PING\r\n", "-u", r"\r\n",
                                      url_of(address))
        self.assertEqual(status, 0)
        self.assertEqual(report["bytes_received"], 40 * 6)

    def test_workers_share_the_load(self):
        with serving(Echo) as address:
            status, report = measured("-w", "3", "-N", "50", "-c", "5", "-r",
                                      "500", url_of(address))
        self.assertEqual(status, 0)
        self.assertEqual(report["requests"]["answered"], 50)
        self.assertEqual(report["connections_opened"]["all"], 5)

    def test_addresses_to_come_from_take_turns(self):
        peers = set()

        class Look(Echo):
            def handle(self):
                peers.add(self.client_address[0])
                super().handle()

        with serving(Look) as address:
            status, _ = measured(*FEW, "--from", "127.0.0.2", "--from",
                                 "127.0.0.3", url_of(address))
        self.assertEqual(status, 0)
        self.assertEqual(peers, {"127.0.0.2", "127.0.0.3"})

    def test_slow_answers_take_their_time(self):
        with serving(Slow) as address:
            status, report = measured("-N", "4", "-c", "4", "-r", "100",
                                      url_of(address))
        self.assertEqual(status, 0)
        self.assertGreater(report["latency_ns"]["min"], 90e6)


class Failures(unittest.TestCase):
    def errors(self, report):
        return {(error["phase"], error.get("code")): error["count"]
                for error in report["errors"]}

    def closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            return server.getsockname()

    def test_nobody_there(self):
        done = blast("-d", "1", url_of(self.closed_port()))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        self.assertIn("cannot connect to tcp://", done.stderr)

    def test_nobody_there_for_several_workers(self):
        done = blast("-d", "1", "-w", "2", url_of(self.closed_port()))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot connect to tcp://", done.stderr)

    def test_nobody_there_for_each_request(self):
        status, report = measured(*FEW, "-n", url_of(self.closed_port()))
        self.assertEqual(status, 1)
        self.assertEqual(self.errors(report),
                         {("connect", "BL_ECONNREFUSED"): 40})

    def test_unknown_name(self):
        done = blast("-d", "1", "tcp://no-such-host.invalid:1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot look up", done.stderr)

    def test_closed_in_the_middle(self):
        with serving(Half) as address:
            status, report = measured("-N", "10", "-x", "-s", "1000", "-c",
                                      "2", url_of(address))
        self.assertEqual(status, 1)
        self.assertEqual(report["requests"]["failed"], 10)
        self.assertLessEqual({key[0] for key in self.errors(report)},
                             {"closed", "receive"})

    def test_other_bytes_than_were_sent(self):
        with serving(Half) as address:
            status, report = measured("-N", "10", "-c", "2", url_of(address))
        self.assertEqual(status, 1)
        self.assertIn(("mismatch", "BL_EPROTO"), self.errors(report))

    def test_no_answer(self):
        with serving(Mute) as address:
            status, report = measured("-N", "4", "-c", "2", "-t", "200ms",
                                      url_of(address))
        self.assertEqual(status, 1)
        self.assertEqual(self.errors(report),
                         {("receive", "BL_ETIMEDOUT"): 4})
        self.assertEqual(report["latency_ns"]["count"], 4)
        self.assertGreaterEqual(report["latency_ns"]["min"], 200e6)

    def test_a_body_that_nobody_reads(self):
        with serving(Deaf) as address:
            status, report = measured("-N", "2", "-c", "2", "-t", "300ms",
                                      "-s", "64M", url_of(address))
        self.assertEqual(status, 1)
        self.assertEqual(self.errors(report), {("send", "BL_ETIMEDOUT"): 2})

    def test_failures_may_be_allowed(self):
        with serving(Half) as address:
            done = blast("-N", "4", "-c", "2", "--fail-above", "100",
                         url_of(address))
        self.assertEqual(done.returncode, 0)
        self.assertIn("4 failed", done.stdout)

    def test_server_that_goes_away(self):
        """It ends under load: the run goes on, and tells."""
        child = subprocess.Popen([sys.executable, "-c", """
import os, socketserver
class Echo(socketserver.BaseRequestHandler):
    answers = 0
    def handle(self):
        while data := self.request.recv(65536):
            Echo.answers += 1
            if Echo.answers == 60:
                os._exit(0)
            self.request.sendall(data)
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""], stdout=subprocess.PIPE, text=True)
        port = int(child.stdout.readline())
        status, report = measured("-d", "1500ms", "-r", "200", "-c", "3",
                                  f"tcp://127.0.0.1:{port}")
        child.wait()
        child.stdout.close()
        requests = report["requests"]
        self.assertEqual(status, 1)
        self.assertGreater(requests["answered"], 0)
        self.assertLess(requests["answered"], 60)
        self.assertEqual(requests["answered"] + requests["failed"],
                         requests["sent"])
        self.assertEqual(requests["sent"] + requests["unsent"], 300)
        self.assertIn(("connect", "BL_ECONNREFUSED"), self.errors(report))

    def test_too_many_connections_for_this_process(self):
        done = subprocess.run(
            ["bash", "-c", "ulimit -n 200; exec \"$@\"", "sh", PROGRAM,
             "blast", "-c", "500", "tcp://127.0.0.1:1"],
            capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2)
        self.assertIn("ulimit -n", done.stderr)


@unittest.skipIf("without HTTP" in HELP, "built without HTTP")
class Http(unittest.TestCase):
    def run_on_web(self, path, *arguments, status=0):
        Web.seen.clear()
        with serving(Web) as address:
            found, report = measured(*FEW, *arguments,
                                     url_of(address, "http", path))
        self.assertEqual(found, status, report["errors"])
        return report

    def test_get(self):
        report = self.run_on_web("/a?b=c#d")
        self.assertEqual(report["statuses"], {"200": 40})
        method, path, headers, body = Web.seen[0]
        self.assertEqual((method, path, body), ("GET", "/a?b=c", b""))
        self.assertRegex(headers["Host"], r"^127\.0\.0\.1:\d+$")
        self.assertRegex(headers["User-Agent"], r"^belay-blast/")
        self.assertEqual(report["connections_opened"]["all"], 4)

    def test_without_a_scheme_or_path(self):
        with serving(Web) as address:
            status, report = measured(*FEW, f"{address[0]}:{address[1]}")
        self.assertEqual(status, 0)
        self.assertEqual(report["statuses"], {"200": 40})

    def test_post(self):
        self.run_on_web("/", "-b", "body", "-H", "X-Mine: 1", "-H",
                        "user-agent: me")
        method, _, headers, body = Web.seen[0]
        self.assertEqual((method, body), ("POST", b"body"))
        self.assertEqual(headers["X-Mine"], "1")
        self.assertEqual(headers.get_all("User-Agent"), ["me"])

    def test_head_has_no_body(self):
        report = self.run_on_web("/", "-m", "HEAD")
        self.assertEqual(report["statuses"], {"200": 40})

    def test_chunks(self):
        self.run_on_web("/chunks")

    def test_an_answer_that_ends_with_the_connection(self):
        report = self.run_on_web("/to-the-end")
        self.assertEqual(report["connections_opened"]["all"], 40)
        self.assertEqual(report["connections_opened"]["after_idle_close"], 0)

    def test_an_announcement_is_not_the_answer(self):
        self.run_on_web("/continue")

    def test_new_connections(self):
        report = self.run_on_web("/", "-n")
        self.assertEqual(report["connections_opened"]["all"], 40)
        self.assertEqual(Web.seen[0][2]["Connection"], "close")

    def test_statuses_that_are_failures(self):
        report = self.run_on_web("/status/503", status=1)
        self.assertEqual(report["statuses"], {"503": 40})
        self.assertEqual(report["requests"]["failed"], 40)
        self.assertEqual(report["errors"][0]["status"], 503)
        self.assertEqual(report["latency_ns"]["count"], 0)

    def test_statuses_that_are_none(self):
        self.run_on_web("/status/302")
        self.run_on_web("/status/204")

    def test_closed_in_the_middle(self):
        with serving(Half) as address:
            status, report = measured("-N", "10", "-c", "2",
                                      url_of(address, "http"))
        self.assertEqual(status, 1)
        self.assertEqual([error["phase"] for error in report["errors"]],
                         ["closed"])

    def test_more_than_was_asked_for(self):
        report = self.run_on_web("/more", status=1)
        self.assertEqual([error["phase"] for error in report["errors"]],
                         ["malformed"])

    def test_no_http(self):
        with serving(Nonsense) as address:
            status, report = measured("-N", "10", "-c", "2",
                                      url_of(address, "http"))
        self.assertEqual(status, 1)
        self.assertEqual(report["errors"][0]["phase"], "malformed")


@unittest.skipIf("without TLS" in HELP, "built without TLS")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.pem = os.path.join(cls.folder.name, "pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", cls.pem,
             "-out", cls.pem + ".crt"],
            check=True, capture_output=True)
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(cls.pem + ".crt", cls.pem)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_https(self):
        with serving(Web, context=self.context) as address:
            status, report = measured(*FEW, "--roots", self.pem + ".crt",
                                      url_of(address, "https", "/"))
        self.assertEqual(status, 0, report["errors"])
        self.assertEqual(report["statuses"], {"200": 40})

    def test_bytes(self):
        with serving(Echo, context=self.context) as address:
            status, report = measured(*FEW, "-k", url_of(address, "tls"))
        self.assertEqual(status, 0, report["errors"])

    def test_whoever_it_is_has_to_be_believed(self):
        with serving(Web, context=self.context) as address:
            done = blast("-d", "1", url_of(address, "https", "/"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("signed by itself", done.stderr)


class Telling(unittest.TestCase):
    def test_report(self):
        with serving(Echo) as address:
            done = blast(*FEW, url_of(address))
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "")
        self.assertIn("40 sent, 40 answered, 0 failed", done.stdout)
        for share in ("p50", "p90", "p99", "p99.9", "p99.99", "max"):
            self.assertRegex(done.stdout, rf"(?m)^  {share} +\d")
        self.assertRegex(done.stdout, r"(?m)^ +[\d.]+ [um]?s \|#")
        self.assertIn("late by p50", done.stdout)
        for line in done.stdout.split("\n"):
            self.assertLessEqual(len(line), 80, line)

    def test_json_goes_to_a_file_beside_the_report(self):
        with tempfile.TemporaryDirectory() as folder, \
                serving(Echo) as address:
            path = os.path.join(folder, "report.json")
            done = blast(*FEW, "--json", path, url_of(address))
            self.assertIn("40 answered", done.stdout)
            valid = subprocess.run([sys.executable, "-m", "json.tool", path],
                                   capture_output=True)
            self.assertEqual(valid.returncode, 0)
            done = blast(*FEW, "--json", os.path.join(folder, "no", "file"),
                         url_of(address))
            self.assertEqual(done.returncode, 1)
            self.assertIn("cannot write", done.stderr)

    def start(self, *arguments, **options):
        return subprocess.Popen([PROGRAM, "blast", *arguments], **options)

    def test_an_interrupt_prints_the_report_so_far(self):
        for signum in (signal.SIGINT, signal.SIGTERM):
            for workers in ("1", "2"):
                enough = threading.Semaphore(0)
                with serving(counting(enough)) as address:
                    child = self.start(
                        "-d", "600", "-r", "200", "-w", workers, "--json", "-",
                        url_of(address), stdout=subprocess.PIPE, text=True)
                    for _ in range(40):
                        enough.acquire(timeout=30)
                    child.send_signal(signum)
                    report = json.loads(child.communicate(timeout=30)[0])
                requests = report["requests"]
                self.assertEqual(child.returncode, 130)
                self.assertTrue(report["interrupted"])
                self.assertGreater(requests["answered"], 30)
                self.assertLess(requests["answered"], 50000)
                self.assertEqual(requests["failed"], 0)
                self.assertEqual(
                    requests["sent"],
                    requests["answered"] + requests["interrupted"])

    def read_all(self, descriptor):
        text = b""
        with contextlib.suppress(OSError):
            while part := os.read(descriptor, 65536):
                text += part
        return text.decode()

    def test_progress_and_blocks_on_a_terminal(self):
        master, slave = pty.openpty()
        size = struct.pack("HHHH", 40, 100, 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        with serving(Echo) as address:
            child = self.start("-d", "700ms", "-r", "100", url_of(address),
                               stdout=slave, stderr=slave, env=environment)
            os.close(slave)
            text = self.read_all(master)
            os.close(master)
            child.wait(timeout=30)
        self.assertEqual(child.returncode, 0)
        self.assertRegex(text, r"\r\x1b\[K\d+/1 s  \d+ sent  \d+ ok  0 failed "
                               r" \d+ in flight  \d+/s  lag \d")
        self.assertIn("\u2588", text)
        # The line is taken away before the report begins.
        self.assertRegex(text, r"\r\x1b\[Ktcp://")
        rows = re.findall(r"(?m)^.*\|.*%", text)
        self.assertTrue(rows)
        for row in rows:
            self.assertEqual(len(row), 99, row)  # one stays free

    def test_quiet_has_no_progress(self):
        master, slave = pty.openpty()
        with serving(Echo) as address:
            child = self.start("-q", "-d", "300ms", url_of(address),
                               stdout=slave, stderr=slave)
            os.close(slave)
            text = self.read_all(master)
            os.close(master)
            child.wait(timeout=30)
        self.assertEqual(child.returncode, 0)
        self.assertNotIn("\x1b", text)


if __name__ == "__main__":
    closing.main()
