#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/peers/orphans.py - who is alive when the supervisor has been stopped

    orphans.py CONTENDER [SUPERVISE] --list
    orphans.py CONTENDER [SUPERVISE] METRIC [REPS] [--quick]

Has a supervisor run one program, waits until that is up, stops the supervisor
with SIGTERM, or as its manual says, waits for its end and a second more, and
counts the processes of the program that are still there.  All of them have a
variable in their environment by which they are found, wherever they went; they
are killed afterwards.  Where a tool has a time after which it kills, it is 3 s.

The contender `belay` is bench/subject/supervise.c, whose path is SUPERVISE.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

KILL_SECONDS = 3
UP_SECONDS = 10    # for the program to be up
STOP_SECONDS = 10  # for the supervisor to end
VARIABLE = "BELAY_ORPHAN_OF"

# Each script makes the file $UP when it is up.
SCENARIOS = {
    # The leader obeys, a child in its group does not.
    "leader_exits": "(trap '' TERM; exec sleep 1000) &\n"
                    "trap 'exit 0' TERM\n: > $UP\nwait\n",
    # A grandchild has gone to a session of its own.
    "own_session": "setsid sleep 1000 &\n: > $UP\nexec sleep 1000\n",
    "ignores_term": "trap '' TERM\n: > $UP\nwhile :; do sleep 1; done\n",
    # Whoever restarts it without end leaves more each time.
    "exits_at_once": "setsid sleep 1000 &\n: > $UP\nexit 1\n",
}
METRICS = [f"orphans.{name}" for name in SCENARIOS]


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


# ---- the supervisors: each returns its command and how it is stopped --------


def terminate(process):
    process.send_signal(signal.SIGTERM)


def belay(folder, script, supervise):
    return [supervise, "sh", script], terminate


def foreman(folder, script, _):
    write(f"{folder}/Procfile", f"program: sh {script}\n")
    return ["foreman", "start", "-t", str(KILL_SECONDS),
            "-f", f"{folder}/Procfile"], terminate


def supervisor(folder, script, _, more=""):
    write(f"{folder}/supervisord.conf",
          f"[supervisord]\nnodaemon=true\nlogfile={folder}/log\n"
          f"pidfile={folder}/pid\n[program:program]\ncommand=sh {script}\n"
          f"stopwaitsecs={KILL_SECONDS}\n{more}")
    return ["supervisord", "-n", "-c", f"{folder}/supervisord.conf"], terminate


def supervisor_group(folder, script, _):
    return supervisor(folder, script, _,
                      "stopasgroup=true\nkillasgroup=true\n")


def runit(folder, script, _):
    write(f"{folder}/services/program/run", f"#!/bin/sh\nexec sh {script}\n",
          0o755)
    return ["runsvdir", "-P", f"{folder}/services"], \
        lambda process: process.send_signal(signal.SIGHUP)


def s6(folder, script, _):
    service = f"{folder}/services/program"
    write(f"{service}/run", f"#!/bin/sh\nexec sh {script}\n", 0o755)
    write(f"{service}/timeout-kill", f"{KILL_SECONDS * 1000}\n")
    return ["s6-svscan", f"{folder}/services"], \
        lambda process: subprocess.run(
            ["s6-svscanctl", "-t", f"{folder}/services"], check=False)


CONTENDERS = {"belay": (belay, None), "foreman": (foreman, "foreman"),
              "supervisor": (supervisor, "supervisord"),
              "supervisor-group": (supervisor_group, "supervisord"),
              "runit": (runit, "runsvdir"), "s6": (s6, "s6-svscan")}


# ---- looking ----------------------------------------------------------------


def marked(mark):
    """The processes whose environment has the mark."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark in file.read().split(b"\0"):
                    found.append(int(pid))
        except OSError:
            pass  # it has ended, or is somebody else's
    return found


def is_of_program(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return False
    name = os.path.basename(words[0])
    return name == b"sleep" or \
        name == b"sh" and any(word.endswith(b"/script") for word in words)


def kill_all(mark):
    for _ in range(100):
        left = [pid for pid in marked(mark) if pid != os.getpid()]
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def wait_until(condition, seconds):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.02)
    return False


def count_orphans(contender, scenario, supervise, folder, pause):
    name = f"{VARIABLE}={uuid.uuid4()}"
    up = f"{folder}/up"
    script = f"{folder}/script"
    write(script, SCENARIOS[scenario])
    command, stop = CONTENDERS[contender][0](folder, script, supervise)
    environment = {**os.environ, VARIABLE: name.split("=")[1], "UP": up}
    supervisor_process = subprocess.Popen(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    try:
        if not wait_until(lambda: os.path.exists(up), UP_SECONDS):
            sys.exit(f"{contender} did not start the program")
        time.sleep(pause)  # so that it knows that the program is up
        if supervisor_process.poll() is None:
            stop(supervisor_process)
        wait_until(lambda: supervisor_process.poll() is not None,
                   STOP_SECONDS)
        time.sleep(pause)
        return sum(map(is_of_program, marked(name.encode())))
    finally:
        supervisor_process.kill()
        supervisor_process.wait()
        kill_all(name.encode())


def main(arguments):
    quick = "--quick" in arguments
    words = [word for word in arguments if word != "--quick"]
    contender = words.pop(0)
    supervise = os.path.abspath(words.pop(0)) if contender == "belay" else None
    tool = CONTENDERS[contender][1]
    if words == ["--list"]:
        if tool is None or shutil.which(tool):
            # To see that it works, the one that waits for nothing is enough.
            print("\n".join(METRICS))
        return
    metric = words[0]
    scenario = metric.split(".", 1)[1]
    if quick and scenario != "own_session":
        scenario = "own_session"
    with tempfile.TemporaryDirectory(prefix="orphans-") as folder:
        count = count_orphans(contender, scenario, supervise, folder,
                              0.2 if quick else 1)
    print(f"{metric}\t{contender}\t{count}\tprocesses")


if __name__ == "__main__":
    main(sys.argv[1:])
