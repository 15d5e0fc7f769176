#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/examples/test_service.py - examples/service as a service manager sees it

    tests/examples/test_service.py [DIRECTORY]

DIRECTORY holds the built examples, as for test_examples.py.  A stand-in for
systemd passes the socket, listens at a notify socket, and keeps descriptors;
clients count what they asked and what they were answered.
"""

import array
import os
import re
import shutil
import signal
import socket
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

SOURCES = os.path.join(ROOT, "examples", "service")
PROGRAMS = os.environ.get("BELAY_EXAMPLES") or \
    os.path.join(ROOT, "build", "release", "examples")
SECONDS_MAX = 60
CLIENTS = 16
RESTARTS = 20

# Puts the socket where LISTEN_FDS says it is, and becomes the program; the
# process that is named in LISTEN_PID has to be this one.
LAUNCHER = """
import os, sys
fd = int(sys.argv[1])
os.dup2(fd, 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1",
                  LISTEN_FDNAMES="web")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """What a service manager does for one service."""

    def __init__(self, folder):
        self.folder = folder
        self.door = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.address = self.door.getsockname()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.join(folder, "notify"))
        self.notify.settimeout(SECONDS_MAX)
        self.stored = {}
        self.process = None
        self.settings = os.path.join(folder, "shop.conf")
        self.configure()

    def configure(self, **changes):
        lines = {"listen": "127.0.0.1:0", "greeting": "hello",
                 "data": os.path.join(self.folder, "shop.data"),
                 "save_every_ms": "5", "crash_every": "7", **changes}
        with open(self.settings, "w", encoding="utf-8") as file:
            for name, value in lines.items():
                file.write(f"{name} = {value}\n")

    def start(self, door=True, **environment):
        command = [os.path.join(PROGRAMS, "service"), self.settings]
        passed = []
        if door:
            fd = (self.stored.get("web") or self.door).fileno()
            command = [sys.executable, "-c", LAUNCHER, str(fd), *command]
            passed = [fd]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, pass_fds=passed,
            env={**os.environ, "NOTIFY_SOCKET": os.path.join(
                self.folder, "notify"), **environment})

    def hear(self):
        data, control, _, _ = self.notify.recvmsg(4096, 256)
        text = data.decode()
        for level, kind, content in control:
            fds = array.array("i")
            fds.frombytes(content)
            name = re.search("FDNAME=(.*)", text)
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self.stored[name[1]] = socket.socket(fileno=fds[0])
        return text

    def hear_until(self, wanted):
        heard = [self.hear()]
        while not heard[-1].startswith(wanted):
            heard.append(self.hear())
        return heard

    def end(self):
        """Stops the service; the status, its stderr, and what it told us."""
        self.process.send_signal(signal.SIGTERM)
        heard = self.hear_until("STATUS=stopped")
        _, errors = self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode, errors, heard

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.notify.close()
        self.door.close()
        for kept in self.stored.values():
            kept.close()


class Clients:
    """Threads that ask, each over a connection for one request."""

    def __init__(self, address):
        self.address = address
        self.is_over = False
        self.answered = 0
        self.failures = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.ask_on, daemon=True)
                        for _ in range(CLIENTS)]

    def ask(self, line):
        with socket.create_connection(self.address,
                                      timeout=SECONDS_MAX) as stream:
            stream.sendall(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                more = stream.recv(100)
                if not more:
                    raise ConnectionError(f"closed after {answer!r}")
                answer += more
            return answer.decode().strip()

    def ask_on(self):
        while not self.is_over:
            try:
                int(self.ask("ADD visitor"))
                with self.lock:
                    self.answered += 1
            except (OSError, ValueError) as error:
                with self.lock:
                    self.failures.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.is_over = True
        for thread in self.threads:
            thread.join(SECONDS_MAX)

    def wait_for_more(self, count=200):
        """Until so many more were answered: there is load, and it is served."""
        goal = self.answered + count
        deadline = time.monotonic() + SECONDS_MAX
        while self.answered < goal and time.monotonic() < deadline:
            time.sleep(0.001)


class Service(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.manager = Manager(folder.name)
        self.addCleanup(self.manager.close)

    def test_the_manager_hears_each_step_in_order(self):
        manager = self.manager
        manager.configure(save_every_ms="3600000")
        manager.start()
        self.assertEqual(manager.hear(), "STATUS=starting, 0/3 services ready")
        self.assertEqual(manager.hear(), "STATUS=starting, 1/3 services ready")
        heard = manager.hear_until("READY=1")
        self.assertRegex(heard[-1], r"^READY=1\nSTATUS=running, [23]/3 ")
        clients = Clients(manager.address)
        self.assertEqual(clients.ask("HELLO"), "hello")

        manager.configure(greeting="good evening", listen="127.0.0.1:9",
                          save_every_ms="3600000")
        manager.process.send_signal(signal.SIGHUP)
        heard = manager.hear_until("RELOADING=1")
        self.assertRegex(heard[-1], r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.assertEqual(manager.hear(),
                         "READY=1\nSTATUS=reloaded, generation 1; needs a "
                         "restart: web: listen")
        self.assertEqual(clients.ask("HELLO"), "good evening")

        manager.configure(greeting="good night", colour="red")
        manager.process.send_signal(signal.SIGHUP)
        manager.hear_until("RELOADING=1")
        self.assertRegex(manager.hear(),
                         r"^READY=1\nSTATUS=reload rejected: .*shop.conf, "
                         r"line \d: what is \"colour = red\"\?$")
        self.assertEqual(clients.ask("HELLO"), "good evening")

        status, errors, heard = manager.end()
        self.assertEqual(status, 0, errors)
        self.assertEqual(heard[0],
                         "STOPPING=1\nSTATUS=stopping, 3/3 services ready")
        self.assertTrue(any("EXTEND_TIMEOUT_USEC=" in line for line in heard))
        self.assertEqual(heard[-1], "STATUS=stopped, 0/3 services ready")

    def test_restarts_and_a_reload_under_load_lose_no_request(self):
        manager = self.manager
        manager.start()
        manager.hear_until("READY=1")
        with Clients(manager.address) as clients:
            for number in range(RESTARTS):
                clients.wait_for_more()
                if number == RESTARTS // 2:
                    manager.configure(greeting="good evening")
                    manager.process.send_signal(signal.SIGHUP)
                    manager.hear_until("READY=1\nSTATUS=reloaded")
                    clients.wait_for_more()
                status, errors, _ = manager.end()
                self.assertEqual(status, 0, errors)
                self.assertIn("cut 0", errors)
                manager.start()
                manager.hear_until("READY=1")
            clients.wait_for_more()
        self.assertEqual(clients.failures, [])
        # What was acknowledged was also kept.
        self.assertEqual(int(clients.ask("GET visitor")), clients.answered)
        status, errors, _ = manager.end()
        self.assertEqual(status, 0, errors)
        print(f"{RESTARTS} restarts, 1 reload: {clients.answered} answered, "
              f"{len(clients.failures)} failed ... ", end="")

    def test_a_stored_socket_outlives_the_process(self):
        manager = self.manager
        manager.start(door=False)
        manager.hear_until("READY=1")
        door = manager.stored["web"]
        clients = Clients(door.getsockname())
        self.assertEqual(clients.ask("ADD x"), "1")
        self.assertEqual(manager.end()[0], 0)
        waiting = socket.create_connection(door.getsockname())
        waiting.sendall(b"ADD x\n")  # nobody is there, and it is not lost
        manager.start()
        self.assertEqual(waiting.recv(10), b"2\n")
        waiting.close()
        self.assertEqual(manager.end()[0], 0)

    def test_the_worker_crashes_and_nobody_notices(self):
        manager = self.manager
        manager.start()
        manager.hear_until("READY=1")
        clients = Clients(manager.address)
        for line in manager.process.stderr:
            if "saver  begins again" in line:
                break
        for number in range(1, 50):
            self.assertEqual(clients.ask("ADD x"), str(number))
        status, errors, _ = manager.end()
        self.assertEqual(status, 0, errors)

    def test_the_watchdog_is_fed(self):
        manager = self.manager
        manager.start(WATCHDOG_USEC="100000")
        for _ in range(3):
            manager.hear_until("WATCHDOG=1")
        self.assertEqual(manager.end()[0], 0)

    def test_bad_settings_are_named(self):
        manager = self.manager
        manager.configure(save_every_ms="soon")
        manager.start()
        _, errors = manager.process.communicate(timeout=SECONDS_MAX)
        self.assertEqual(manager.process.returncode, 1)
        self.assertRegex(errors, r'line \d: what is "save_every_ms = soon"')


class Unit(unittest.TestCase):
    """The files for systemd and for containers."""

    def text(self, name):
        with open(os.path.join(SOURCES, name), encoding="utf-8") as file:
            return file.read()

    def test_it_needs_no_later_systemd_than_252(self):
        text = self.text("belay-service.service")
        settings = re.findall(r"^(\w+)=(.*)$", text, re.M)
        self.assertIn(("Type", "notify"), settings)
        self.assertIn(("ExecReload", "/bin/kill -HUP $MAINPID"), settings)
        names = {name for name, _ in settings}
        self.assertFalse(names & {"RestartSteps", "RestartMaxDelaySec"})

    def test_systemd_accepts_the_units(self):
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            self.skipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as folder:
            for name in ("belay-service.service", "belay-service.socket"):
                text = self.text(name).replace(
                    "/usr/local/bin/belay-service",
                    os.path.join(PROGRAMS, "service"))
                with open(os.path.join(folder, name), "w",
                          encoding="utf-8") as file:
                    file.write(text)
            done = subprocess.run(
                [analyze, "verify", "--man=no",
                 os.path.join(folder, "belay-service.service"),
                 os.path.join(folder, "belay-service.socket")],
                capture_output=True, text=True, timeout=SECONDS_MAX,
                check=False)
        ours = [line for line in (done.stdout + done.stderr).splitlines()
                if "belay-service" in line]
        self.assertEqual(ours, [])

    def test_the_container_starts_the_program_itself(self):
        text = self.text("Containerfile")
        # A shell in between would swallow SIGTERM.
        self.assertIn('ENTRYPOINT ["/usr/local/bin/belay-service", ', text)
        self.assertIn("STOPSIGNAL SIGTERM", text)


class Image:
    """A folder with what the Containerfile puts into an image, and no more."""

    # What the shared libraries of debian:12-slim come from, of those we know.
    BASE = ("libc6", "libgcc-s1")

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(SOURCES, "Containerfile"),
                  encoding="utf-8") as file:
            self.text = file.read().replace("\\\n", " ")
        for line in re.findall(r"^COPY (.*)", self.text, re.M):
            source, target = line.split()
            built = "build/release/examples/"
            self.copy(os.path.join(PROGRAMS, source[len(built):])
                      if source.startswith(built)
                      else os.path.join(ROOT, source), target)
        self.entry = re.findall(r'"([^"]+)"', re.search(
            r"^ENTRYPOINT (.*)", self.text, re.M)[1])
        self.user = re.search(r"^USER (.*)", self.text, re.M)[1]
        self.home = re.search(r"^WORKDIR (.*)", self.text, re.M)[1]
        os.makedirs(self.folder + self.home)
        shutil.chown(self.folder + self.home, self.user)
        os.makedirs(self.folder + "/proc")
        self.lacking = [path for path in self.libraries()
                        if not self.copy_library(path)]

    def copy(self, source, target):
        os.makedirs(os.path.dirname(self.folder + target), exist_ok=True)
        shutil.copy(source, self.folder + target)

    def libraries(self):
        """The files that the program asks the dynamic linker for."""
        done = subprocess.run(["ldd", self.folder + self.entry[0]],
                              capture_output=True, text=True, check=True)
        return re.findall(r"(/\S+) \(0x", done.stdout)

    def copy_library(self, path):
        """Whether some package of the image has it; then it is there."""
        added = re.search(r"apt-get install \S+ \S+ ([^&]*)", self.text)[1]
        listed = subprocess.run(
            ["dpkg", "-L", *self.BASE, *added.split()],
            capture_output=True, text=True, check=False).stdout.split()
        names = {os.path.basename(name) for name in listed}
        self.copy(path, path)
        return os.path.basename(path) in names


class Container(unittest.TestCase):
    """The program as process 1, in the root directory of its image."""

    def setUp(self):
        if os.geteuid() != 0 or shutil.which("unshare") is None or \
                shutil.which("dpkg") is None:
            self.skipTest("this needs root, unshare and dpkg")
        if subprocess.run(["unshare", "--pid", "--mount", "--fork", "true"],
                          capture_output=True, check=False).returncode != 0:
            self.skipTest("this system makes no namespaces")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.image = Image(folder.name)
        self.process = None

    def start(self):
        image = self.image
        with socket.create_server(("127.0.0.1", 0)) as door:
            self.address = door.getsockname()
        settings = image.folder + image.entry[1]
        with open(settings, encoding="utf-8") as file:
            text = file.read()
        text = re.sub("(?m)^listen = .*",
                      f"listen = 127.0.0.1:{self.address[1]}", text)
        # chroot begins in /, and a container in its WORKDIR.
        text = re.sub("(?m)^data = ", f"data = {image.home}/", text)
        with open(settings, "w", encoding="utf-8") as file:
            file.write(text)
        self.process = subprocess.Popen(
            ["unshare", "--pid", "--mount", "--fork", "--kill-child",
             f"--mount-proc={image.folder}/proc",
             "chroot", f"--userspec={image.user}", image.folder,
             *image.entry],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.process.kill)
        said = ""
        for line in self.process.stderr:
            said += line
            if "is ready after" in line:
                return
        self.fail("it never was ready: " + said)

    def process_1(self):
        """Its number, seen from here."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="utf-8") as file:
            return int(file.read().split()[0])

    def test_the_image_has_what_the_program_needs(self):
        self.assertEqual(self.image.lacking, [])

    def test_as_process_1_it_serves_and_stops_when_told_to(self):
        self.start()
        with open(f"/proc/{self.process_1()}/status",
                  encoding="utf-8") as file:
            inside = re.search(r"NSpid:.*\s(\d+)$", file.read(), re.M)[1]
        self.assertEqual(inside, "1")
        self.assertEqual(Clients(self.address).ask("ADD x"), "1")
        os.kill(self.process_1(), signal.SIGTERM)
        _, errors = self.process.communicate(timeout=SECONDS_MAX)
        self.assertEqual(self.process.returncode, 0, errors)
        self.assertIn("stopped in", errors)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        PROGRAMS = os.path.abspath(sys.argv.pop(1))
    closing.main()
