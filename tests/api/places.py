# SPDX-License-Identifier: MIT
"""tests/api/places.py - where the tests of the whole look for things"""

import concurrent.futures
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INCLUDE = os.path.join(ROOT, "include")
SMOKE = os.path.join(HERE, "smoke.c")
# The release build, unless somebody says where another one is.
BUILD = os.environ.get("BELAY_BUILD", os.path.join(ROOT, "build", "release"))

sys.path[:0] = [os.path.join(ROOT, "tools"),
                os.path.join(ROOT, "tests", "tidy")]

C_COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
CXX_COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]


def run(command, **more):
    """Runs a command.  Returns (exit status, everything it said)."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, check=False,
                          stdin=subprocess.DEVNULL, timeout=300, **more)
    return done.returncode, done.stdout


def side_by_side(function, items):
    """The results of function(*item) for each item, in their order."""
    jobs = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda item: function(*item), items))


def has_cares():
    return shutil.which("pkg-config") and \
        run(["pkg-config", "--exists", "libcares"])[0] == 0


def has_uring():
    return shutil.which("pkg-config") and \
        run(["pkg-config", "--exists", "liburing"])[0] == 0
