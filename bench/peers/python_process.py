#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/peers/python_process.py - subprocess of Python's library

Understands the command line of measure.h.  The counts are fixed: a program
costs a millisecond, whoever starts it.
"""

import subprocess
import sys
import time

CONTENDER = "python"
COUNT, COUNT_QUICK = 100, 3
LARGE_BYTES = 512 * 1024 * 1024


def spawn():
    subprocess.run(["/bin/true"], check=True)


def spawn_large():
    spawn()


def collect():
    done = subprocess.run(["/bin/echo", "hello"], check=True,
                          capture_output=True)
    assert done.stdout == b"hello\n"


METRICS = {"process.spawn_us": spawn, "process.spawn_large_us": spawn_large,
           "process.run_us": collect}


def main(arguments):
    if arguments == ["--list"]:
        print("\n".join(METRICS))
        return
    metric = arguments[0]
    count = COUNT_QUICK if "--quick" in arguments else COUNT
    once = METRICS[metric]
    ballast = b"\1" * LARGE_BYTES if once is spawn_large else b""
    once()
    start = time.perf_counter()
    for _ in range(count):
        once()
    value = (time.perf_counter() - start) / count * 1e6
    assert len(ballast) in (0, LARGE_BYTES)
    print(f"{metric}\t{CONTENDER}\t{value:.2f}\tus")


if __name__ == "__main__":
    main(sys.argv[1:])
