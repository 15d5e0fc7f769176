#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/cli/test_fetch.py - `belay fetch` as a whole, from servers that are not ours

    tests/cli/test_fetch.py

A server of Python's standard library that knows ranges and versions, and some
that misbehave; Python's own file server; nginx where it is installed.
"""

import contextlib
import hashlib
import http.server
import os
import pty
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "tidy"))

import closing  # noqa: E402

PROGRAM = os.environ.get("BELAY_PROGRAM") or \
    os.path.join(ROOT, "build", "release", "cli", "belay")
HELP = subprocess.run([PROGRAM, "help", "fetch"], capture_output=True,
                      text=True, timeout=30)
DATA = bytes(i * 7 % 251 for i in range(300000))


def environment():
    """Without the proxies of whoever runs this."""
    return {name: value for name, value in os.environ.items()
            if not name.lower().endswith("_proxy")}


class Files(http.server.BaseHTTPRequestHandler):
    """Serves DATA, with ranges, and keeps in mind what was asked."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        state = self.server.state
        with state.lock:
            state.asked.append((self.path, dict(self.headers)))
            state.active += 1
            state.active_max = max(state.active_max, state.active)
            number = len(state.asked)
        try:
            self.answer(state, number)
        finally:
            with state.lock:
                state.active -= 1

    def answer(self, state, number):
        data = state.data
        tag = state.tag
        start = 0
        if number <= state.busy:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path.startswith("/none"):
            self.send_error(404)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted and self.headers.get("If-Range") == tag:
            start = int(wanted.group(1))
        if start > 0 and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        said = start + state.lie
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range",
                             f"bytes {said}-{len(data) - 1}/{len(data)}")
        if tag:
            self.send_header("ETag", tag)
        if not state.is_endless:
            self.send_header("Content-Length", str(len(data) - start))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        end = len(data)
        if number <= state.cuts:
            end = start + (len(data) - start) // 2
        with contextlib.suppress(OSError):
            self.send(state, data[start:end])
        if end < len(data) or state.is_endless:
            self.close_connection = True

    def send(self, state, data):
        step = 1000 if state.pause else len(data)
        for at in range(0, len(data), step or 1):
            self.wfile.write(data[at:at + step])
            self.wfile.flush()
            time.sleep(state.pause)


class State:
    def __init__(self, **settings):
        self.lock = threading.Lock()
        self.asked = []
        self.active = self.active_max = 0
        self.data = DATA
        self.tag = '"one"'
        self.busy = 0    # so many answers are 503
        self.cuts = 0    # so many are cut in the middle
        self.lie = 0     # a range begins elsewhere than it says
        self.pause = 0   # after each thousand bytes
        self.is_endless = False
        for name, value in settings.items():
            setattr(self, name, value)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class FetchCase(unittest.TestCase):
    def setUp(self):
        if HELP.returncode != 0:
            self.skipTest("this program was built without `fetch`")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def serve(self, handler=Files, context=None, **settings):
        server = Server(("127.0.0.1", 0), handler)
        if context:
            server.socket = context.wrap_socket(server.socket,
                                                server_side=True)
        server.state = State(**settings)
        server.handle_error = lambda request, peer: None
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()

        def stop():
            server.shutdown()
            server.server_close()
            thread.join()
        self.addCleanup(stop)
        self.state = server.state
        return f"http://127.0.0.1:{server.server_address[1]}"

    def fetch(self, *arguments, **variables):
        return subprocess.run([PROGRAM, "fetch", *arguments],
                              capture_output=True, text=True, timeout=60,
                              cwd=self.folder,
                              env={**environment(), **variables})

    def start(self, *arguments, **options):
        return subprocess.Popen([PROGRAM, "fetch", *arguments],
                                cwd=self.folder, env=environment(), **options)

    def names(self):
        return sorted(os.listdir(self.folder))

    def content(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def put(self, name, content):
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)

    def ranges(self):
        return [headers.get("Range") for _, headers in self.state.asked]

    def wait_for_part(self, name):
        """Until something has come of it."""
        path = os.path.join(self.folder, name)
        for _ in range(3000):
            with contextlib.suppress(OSError):
                if os.path.getsize(path) > 0:
                    return
            time.sleep(0.01)
        self.fail(f"nothing came into {name}")


class Downloads(FetchCase):
    def test_a_file_gets_the_name_at_the_end_of_its_url(self):
        url = self.serve()
        done = self.fetch(url + "/x/data.bin?y=/z")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.names(), ["data.bin"])
        self.assertEqual(self.content("data.bin"), DATA)
        self.assertRegex(done.stdout, r"^\./data\.bin: 300 kB in ")
        self.assertEqual(done.stderr, "")

    def test_several_go_at_once_but_not_more_than_were_asked_for(self):
        url = self.serve(pause=0.002)
        os.mkdir(os.path.join(self.folder, "d"))
        done = self.fetch("-j", "2", "-d", "d",
                          *[f"{url}/{i}" for i in range(5)])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder + "/d")),
                         ["0", "1", "2", "3", "4"])
        self.assertEqual(self.state.active_max, 2)

    def test_one_failure_does_not_stop_the_others(self):
        url = self.serve()
        done = self.fetch("-q", url + "/a", url + "/none", url + "/b")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.names(), ["a", "b"])
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr, f"belay fetch: {url}/none: the server "
                                      "answers 404 Not Found\n")

    def test_a_file_that_is_there_is_replaced_when_the_new_one_is_whole(self):
        url = self.serve(cuts=9)
        self.put("f", b"old")
        done = self.fetch("-r", "0", "-o", "f", url + "/")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.content("f"), b"old")
        self.assertEqual(self.names(), ["f"])
        self.state.cuts = 0
        self.assertEqual(self.fetch("-o", "f", url + "/").returncode, 0)
        self.assertEqual(self.content("f"), DATA)

    def test_an_empty_file(self):
        url = self.serve(data=b"")
        self.assertEqual(self.fetch("-o", "f", url + "/").returncode, 0)
        self.assertEqual(self.content("f"), b"")

    def test_fields_go_along(self):
        url = self.serve()
        self.fetch("-H", "X-One:  1", "-H", "Cookie: a=b", url + "/f")
        headers = self.state.asked[0][1]
        self.assertEqual(headers["X-One"], "1")
        self.assertEqual(headers["Cookie"], "a=b")

    def test_a_long_file_is_refused(self):
        url = self.serve()
        done = self.fetch("--max", "100K", url + "/f")
        self.assertEqual(done.returncode, 1)
        self.assertIn("longer than --max", done.stderr)
        self.state.is_endless = True
        done = self.fetch("--max", "100K", url + "/f")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.names(), [])

    def test_a_sum_is_checked(self):
        if "--sha256" not in HELP.stdout:
            self.skipTest("this program was built without OpenSSL")
        url = self.serve()
        good = hashlib.sha256(DATA).hexdigest()
        bad = hashlib.sha256(b"").hexdigest()
        self.assertEqual(self.fetch("--sha256", good, url + "/f").returncode,
                         0)
        done = self.fetch("-c", "--sha256", bad, url + "/g")
        self.assertEqual(done.returncode, 1)
        self.assertIn("another SHA-256", done.stderr)
        self.assertEqual(self.names(), ["f"])

    def test_nobody_there(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}/f"
        done = self.fetch("-r", "0", url)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody listens there", done.stderr)
        self.assertEqual(self.names(), [])

    def test_a_directory_that_is_not_there_is_made(self):
        url = self.serve()
        for folder in ("new", "new/er//est/", "new"):
            with self.subTest(folder):
                done = self.fetch("-d", folder, url + "/f")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.content(folder + "/f"), DATA)

    def test_a_directory_that_cannot_be_made(self):
        url = self.serve()
        self.put("file", b"kept")
        for folder, named in (("file", "file/f.part"), ("file/d", "file/d")):
            with self.subTest(folder):
                done = self.fetch("-d", folder, url + "/f")
                self.assertEqual(done.returncode, 1)
                self.assertIn(named + ": not a directory", done.stderr)
        self.assertEqual(self.content("file"), b"kept")

    def test_time_is_limited(self):
        url = self.serve(pause=0.1)
        begin = time.monotonic()
        done = self.fetch("-t", "300ms", url + "/f")
        self.assertEqual(done.returncode, 1)
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual(self.names(), [])


class Again(FetchCase):
    def test_a_cut_file_is_gone_on_with(self):
        url = self.serve(cuts=2)
        done = self.fetch(url + "/f")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.content("f"), DATA)
        self.assertEqual(self.ranges(),
                         [None, "bytes=150000-", "bytes=225000-"])

    def test_without_a_version_it_begins_anew(self):
        url = self.serve(cuts=1, tag=None)
        self.assertEqual(self.fetch(url + "/f").returncode, 0)
        self.assertEqual(self.content("f"), DATA)
        self.assertEqual(self.ranges(), [None, None])

    def test_a_busy_server_is_asked_again(self):
        url = self.serve(busy=1)
        self.assertEqual(self.fetch(url + "/f").returncode, 0)
        self.assertEqual(len(self.state.asked), 2)

    def test_tries_have_an_end(self):
        url = self.serve(busy=99)
        done = self.fetch("-r", "1", url + "/f")
        self.assertEqual(done.returncode, 1)
        self.assertIn("503", done.stderr)
        self.assertEqual(len(self.state.asked), 2)

    def test_what_will_not_pass_is_not_tried_again(self):
        url = self.serve()
        self.assertEqual(self.fetch(url + "/none").returncode, 1)
        self.assertEqual(len(self.state.asked), 1)

    def test_a_part_that_is_not_the_missing_one_is_refused(self):
        url = self.serve(cuts=1, lie=1)
        done = self.fetch(url + "/f")
        self.assertEqual(done.returncode, 1)
        self.assertIn("another part", done.stderr)
        self.assertEqual(self.names(), [])


class Continued(FetchCase):
    def test_a_run_goes_on_where_the_last_was_stopped(self):
        url = self.serve(cuts=1)
        self.assertEqual(self.fetch("-c", "-r", "0", url + "/f").returncode, 1)
        self.assertEqual(self.names(), ["f.part", "f.part.tag"])
        self.assertEqual(self.fetch("-c", url + "/f").returncode, 0)
        self.assertEqual(self.names(), ["f"])
        self.assertEqual(self.content("f"), DATA)
        self.assertEqual(self.ranges(), [None, "bytes=150000-"])

    def test_what_has_changed_is_taken_from_its_beginning(self):
        url = self.serve(cuts=1)
        self.fetch("-c", "-r", "0", url + "/f")
        self.state.tag = '"two"'
        self.state.data = DATA[::-1]
        self.assertEqual(self.fetch("-c", url + "/f").returncode, 0)
        self.assertEqual(self.content("f"), DATA[::-1])

    def test_a_part_of_which_nothing_is_known_is_not_trusted(self):
        url = self.serve()
        self.put("f.part", b"rubbish")
        self.assertEqual(self.fetch("-c", url + "/f").returncode, 0)
        self.assertEqual(self.content("f"), DATA)
        self.assertEqual(self.ranges(), [None])

    def test_a_part_that_is_the_whole(self):
        url = self.serve()
        self.put("f.part", DATA)
        self.put("f.part.tag", b'"one"')
        done = self.fetch("-c", url + "/f")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.names(), ["f"])

    def test_a_part_that_is_longer_than_the_whole(self):
        url = self.serve()
        self.put("f.part", DATA + b"more")
        self.put("f.part.tag", b'"one"')
        done = self.fetch("-c", url + "/f")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.content("f"), DATA)

    def test_a_file_that_is_there_is_left(self):
        url = self.serve()
        self.put("f", b"old")
        done = self.fetch("-c", url + "/f")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "./f: was there, 3 B\n")
        self.assertEqual(self.state.asked, [])

    def test_two_runs_do_not_write_one_file(self):
        url = self.serve(pause=0.05)
        first = self.start("-c", url + "/f")
        self.wait_for_part("f.part")
        done = self.fetch("-c", url + "/f")
        self.assertEqual(done.returncode, 1)
        self.assertIn("somebody else", done.stderr)
        first.send_signal(signal.SIGINT)
        self.assertEqual(first.wait(timeout=30), 130)


class Interrupted(FetchCase):
    def interrupt(self, *options):
        url = self.serve(pause=0.05)
        child = self.start(*options, url + "/a", url + "/b", url + "/c",
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.wait_for_part("a.part")
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=30)
        self.assertEqual(child.returncode, 130)
        self.assertEqual(output, b"")
        self.assertEqual(errors, b"")

    def test_nothing_is_left(self):
        self.interrupt()
        self.assertEqual(self.names(), [])

    def test_what_has_come_is_kept_if_asked_for(self):
        self.interrupt("-c", "-j", "1")
        self.assertEqual(self.names(), ["a.part", "a.part.tag"])


class Screen(FetchCase):
    def test_bars_on_a_terminal(self):
        url = self.serve(pause=0.002)
        master, slave = pty.openpty()
        child = self.start(url + "/a", url + "/none", stdout=slave,
                           stderr=slave)
        os.close(slave)
        text = b""
        with contextlib.suppress(OSError):
            while piece := os.read(master, 65536):
                text += piece
        os.close(master)
        self.assertEqual(child.wait(timeout=30), 1)
        text = text.decode()
        self.assertRegex(text, r"a {23}  .* +\d+%  +\d.* kB +\d.*/s")
        self.assertIn("\x1b[J", text)
        self.assertRegex(text, r"\./a: 300 kB in .*s")

    def test_quiet(self):
        url = self.serve()
        master, slave = pty.openpty()
        child = self.start("-q", url + "/a", stdout=slave, stderr=slave)
        os.close(slave)
        self.assertEqual(child.wait(timeout=30), 0)
        text = b""
        with contextlib.suppress(OSError):
            while piece := os.read(master, 65536):
                text += piece
        os.close(master)
        self.assertEqual(text, b"")


class Ways(FetchCase):
    def test_through_a_proxy(self):
        url = self.serve()
        done = self.fetch("http://far.invalid/f", http_proxy=url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.state.asked[0][0], "http://far.invalid/f")
        self.assertEqual(self.state.asked[0][1]["Host"], "far.invalid")
        done = self.fetch(url + "/g", http_proxy="http://127.0.0.1:1",
                          no_proxy="127.0.0.0/8")
        self.assertEqual(done.returncode, 0, done.stderr)

    @unittest.skipIf("without TLS" in HELP.stdout, "built without TLS")
    @unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
    def test_tls(self):
        cert, key = self.folder + "/cert.pem", self.folder + "/key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
             "-subj", "/CN=localhost", "-addext",
             "subjectAltName=IP:127.0.0.1", "-out", cert, "-keyout", key],
            check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        url = self.serve(context=context).replace("http:", "https:")
        done = self.fetch(url + "/f")
        self.assertEqual(done.returncode, 1)
        self.assertIn("belay fetch: " + url, done.stderr)
        self.assertEqual(self.state.asked, [])
        for trust in (["-k"], ["--roots", cert]):
            done = self.fetch(*trust, "-o", "f", url + "/")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.content("f"), DATA)


class OtherServers(FetchCase):
    def test_the_file_server_of_python(self):
        os.mkdir(self.folder + "/from")
        self.put("from/f", DATA)
        handler = http.server.SimpleHTTPRequestHandler

        class Here(handler):
            def __init__(here, *arguments):
                super().__init__(*arguments, directory=self.folder + "/from")

            def log_message(here, *arguments):
                pass
        url = self.serve(Here)
        done = self.fetch(url + "/f", url + "/")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.content("f"), DATA)
        self.assertIn(b"<html", self.content("index.html"))

    def nginx(self):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        if not os.path.exists(program):
            self.skipTest("nginx is not installed")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        os.mkdir(self.folder + "/from")
        self.put("nginx.conf", f"""
            daemon off; master_process off; pid {self.folder}/pid;
            error_log {self.folder}/log;
            events {{}}
            http {{
                access_log off; client_body_temp_path {self.folder}/t1;
                proxy_temp_path {self.folder}/t2;
                fastcgi_temp_path {self.folder}/t3;
                uwsgi_temp_path {self.folder}/t4;
                scgi_temp_path {self.folder}/t5;
                server {{ listen 127.0.0.1:{port};
                          root {self.folder}/from;
                          location /moved {{ return 302 /f; }} }}
            }}""".encode())
        child = subprocess.Popen([program, "-c", self.folder + "/nginx.conf"],
                                 stderr=subprocess.DEVNULL)

        def stop():
            child.terminate()
            child.wait()
        self.addCleanup(stop)
        for _ in range(1000):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            time.sleep(0.01)
        return f"http://127.0.0.1:{port}"

    def test_nginx(self):
        url = self.nginx()
        self.put("from/f", DATA)
        os.chmod(self.folder, 0o755)
        done = self.fetch(url + "/f", url + "/moved")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.content("f"), DATA)
        self.assertEqual(self.content("moved"), DATA)

    def test_nginx_goes_on_behind_a_part(self):
        url = self.nginx()
        self.put("from/g", DATA)
        os.chmod(self.folder, 0o755)
        self.assertEqual(self.fetch("-c", url + "/g").returncode, 0)
        answer = subprocess.run(["curl", "-sI", url + "/g"],
                                capture_output=True, text=True)
        if answer.returncode != 0:
            self.skipTest("curl is not installed")
        tag = re.search(r"(?im)^ETag: (.*?)\r?$", answer.stdout).group(1)
        os.remove(self.folder + "/g")
        self.put("g.part", DATA[:1234])
        self.put("g.part.tag", tag.encode())
        self.assertEqual(self.fetch("-c", url + "/g").returncode, 0)
        self.assertEqual(self.content("g"), DATA)


class CommandLine(FetchCase):
    def test_what_is_not_understood(self):
        for arguments in ([], ["-z", "http://a/"], ["--jobs"],
                          ["-j", "0", "http://a/"], ["-j", "x", "http://a/"],
                          ["-o", "x", "http://a/", "http://b/"],
                          ["-o", "x", "-d", "y", "http://a/"],
                          ["-H", "no colon", "http://a/"],
                          ["-H", "A: b\r\nC: d", "http://a/"],
                          ["--sha256", "abc", "http://a/"],
                          ["--sha256", " 1" * 32, "http://a/"],
                          ["ftp://a/"], ["http://a b/"], ["a/x"],
                          ["http://a/x", "http://b/x"], ["http://a/..%2fx"],
                          ["http://a/.hidden"], ["http://a/" + "x" * 300]):
            with self.subTest(arguments):
                done = self.fetch(*arguments)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("belay help fetch", done.stderr)

    def test_help(self):
        self.assertEqual(self.fetch("--help").stdout, HELP.stdout)
        self.assertTrue(all(len(line) < 80
                            for line in HELP.stdout.splitlines()))


if __name__ == "__main__":
    closing.main()
