#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/run.py - measures Belay and its peers side by side

    bench/run.py                          everything
    bench/run.py --only core              the metrics whose names begin so
    bench/run.py --contender belay        ours alone (may be repeated)
    bench/run.py --quick                  does it all still work?

Standard output has one line per metric and contender:

    metric<TAB>contender<TAB>median<TAB>unit

Progress, the spread of each median, and a table beside the targets of
targets.py go to standard error.

Every program here understands `--list` and `METRIC REPS [--quick]`
(peers/measure.h).  For each metric the contenders take turns (A B C A B C ...),
so that a machine that slows down slows all of them, and what is compared is
medians of one run.  Each runs on one CPU, except where another thread is what
is measured.  A contender whose repetitions have taken --budget seconds gets no
more of them.

Where targets.py has a target for METRIC_ratio, lines with that name follow: for
each contender the median of its cost divided by that of raw-epoll (or of whom
targets.BESIDE names) in the same round.

Peers that are not on this machine are left out, and it is said.  The exit
status is 1 if a benchmark is broken; a missed target is not.
"""

import argparse
import glob
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

import targets

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
OURS = "belay"
FLOOR = "raw-epoll"
NET_EXEC = "net_exec.c"  # runs the servers that are not written in C

# The program of each supervisor that takes part in orphans.*.
SUPERVISORS = {"foreman": "foreman", "supervisor": "supervisord",
               "supervisor-group": "supervisord", "runit": "runsvdir",
               "s6": "s6-svscan"}

# These need a library besides: an HTTP parser, OpenSSL.
OPTIONAL = {"net_http.c", "net_tls.c"}

# Metrics about other threads or processes: these may use all CPUs.
UNPINNED = {"process.thousand_s", "core.to_thread_us", "core.channel_roundtrip_us",
            "core.workers_speedup", "test.thousand_s"}
# These hold the server and the client to a CPU each by themselves.
PINS_ITSELF = "net."

SECONDS_MAX = 300  # for one program, once


class Broken(Exception):
    """A benchmark that does not do what it should."""


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- one program ------------------------------------------------------------


def run(command, cpus=None):
    """Runs a command on some CPUs.  Returns its standard output."""
    def pin():
        os.sched_setaffinity(0, cpus)

    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace",
            timeout=SECONDS_MAX, preexec_fn=pin if cpus else None)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Broken(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)}: status {done.returncode}: "
                     f"{done.stderr.strip() or 'it said nothing'}")
    return done.stdout


def parse(output, metric):
    """Reads `metric<TAB>contender<TAB>value<TAB>unit` lines.

    Returns (contender, values, unit); all lines speak of one of each.
    """
    contenders, units, values = set(), set(), []
    for line in output.splitlines():
        fields = line.split("\t")
        if len(fields) != 4 or fields[0] != metric:
            raise Broken(f"{metric}: cannot read {line!r}")
        try:
            values.append(float(fields[2]))
        except ValueError as error:
            raise Broken(f"{metric}: no number in {line!r}") from error
        contenders.add(fields[1])
        units.add(fields[3])
    if len(contenders) != 1 or len(units) != 1:
        raise Broken(f"{metric}: {len(contenders)} contenders and "
                     f"{len(units)} units in one output")
    return contenders.pop(), values, units.pop()


class Program:
    """Something that measures for one contender."""

    def __init__(self, contender, command):
        self.contender = contender
        self.command = command
        self.metrics = run([*command, "--list"]).split()

    def measure(self, metric, quick, cpus):
        """One repetition.  Returns (value, unit)."""
        command = [*self.command, metric, "1"] + ["--quick"] * quick
        contender, values, unit = parse(run(command, cpus), metric)
        if contender != self.contender or len(values) != 1:
            raise Broken(f"{' '.join(command)}: speaks of {contender}, "
                         f"{len(values)} times")
        return values[0], unit


# ---- who takes part ---------------------------------------------------------


def find_programs(build, wanted, only):
    """Returns the programs of the `wanted` contenders (none: of all), and
    why some contenders do not take part.  Of ours those must be there that
    may have metrics which begin with `only`."""
    programs, absent = [], {}
    finders = [(OURS, lambda name, build: find_ours(name, build, only))]
    finders += [("belay-no-spin", find_no_spin)]
    finders += [(name, find_c_peer) for name in c_peers()]
    finders += [("go", find_go), ("asyncio", find_asyncio),
                ("uvloop", find_uvloop), ("nginx", find_nginx),
                ("python", find_python)]
    finders += [(name, find_supervisor) for name in SUPERVISORS]
    for name, find in finders:
        if wanted and name not in wanted:
            continue
        commands, reason = find(name, build)
        programs += [Program(name, command) for command in commands]
        if reason:
            absent[name] = reason
    return programs, absent


def built(build, source):
    """Where the build puts the program of a source, and whether it did."""
    stem = os.path.splitext(os.path.basename(source))[0]
    path = os.path.join(build, "bench", stem)
    return path, os.access(path, os.X_OK)


def is_needed(source, only):
    """Whether a program of ours must be there: the metrics of TOPIC.c and
    TOPIC_*.c begin with "TOPIC."."""
    name = os.path.basename(source)
    topic = os.path.splitext(name)[0].split("_")[0] + "."
    is_asked = topic.startswith(only) or only.startswith(topic)
    return is_asked and name not in OPTIONAL


def find_ours(_, build, only):
    commands = []
    for source in sorted(glob.glob(os.path.join(HERE, "*.c"))):
        path, is_there = built(build, source)
        if not is_there and not is_needed(source, only):
            continue
        if not is_there:
            raise Broken(f"{path} is not built; `make bench` does that")
        commands.append([path])
    supervise = os.path.join(build, "bench", "subject", "supervise")
    script = os.path.join(HERE, "peers", "orphans.py")
    commands.append([sys.executable, script, OURS, supervise])
    return commands, None


def find_no_spin(_, build):
    """Our own server, on a loop that blocks at once when it has to wait."""
    path, is_there = built(build, "net_echo.c")
    return [[path, "--no-spin"]] if is_there else [], None


def c_peers():
    """Contenders in peers/<contender>_<topic>.c."""
    names = {os.path.basename(source) for source in
             glob.glob(os.path.join(HERE, "peers", "*.c"))}
    return sorted({name.split("_")[0] for name in names - {NET_EXEC}})


def find_c_peer(name, build):
    sources = sorted(glob.glob(os.path.join(HERE, "peers", name + "_*.c")))
    paths = [built(build, source) for source in sources]
    commands = [[path] for path, is_there in paths if is_there]
    if len(commands) < len(paths):
        return commands, "not built: are its headers installed?"
    return commands, None


def served(name, build, command, *how):
    """A server in another language, measured by peers/net_exec.c."""
    path, is_there = built(build, NET_EXEC)
    return [[path, *how, name, *command, "--"]] if is_there else []


def find_python(_, build):
    script = os.path.join(HERE, "peers", "python_process.py")
    return [[sys.executable, script]], None


def find_supervisor(name, build):
    """What is left behind when it is stopped: peers/orphans.py."""
    if shutil.which(SUPERVISORS[name]) is None:
        return [], f"there is no `{SUPERVISORS[name]}` on the path"
    script = os.path.join(HERE, "peers", "orphans.py")
    return [[sys.executable, script, name]], None


def find_nginx(_, build):
    if shutil.which("nginx") is None:
        return [], "there is no `nginx` on the path"
    script = os.path.join(HERE, "peers", "nginx_http.py")
    return served("nginx", build, [sys.executable, script], "--http"), None


def build_go(build, folder, name):
    """Builds a program of Go's, if it is older than its source.

    Returns (its path, None), or (None, why not)."""
    source = os.path.join(HERE, "peers", folder, "main.go")
    path = os.path.join(build, "bench", name)
    if not os.path.exists(path) or \
            os.path.getmtime(path) < os.path.getmtime(source):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # The standard library is enough: nothing is to be downloaded.
        offline = {**os.environ, "GOPROXY": "off", "GOTOOLCHAIN": "local",
                   "GO111MODULE": "off", "GOFLAGS": "", "CGO_ENABLED": "0"}
        done = subprocess.run(["go", "build", "-o", path, source],
                              env=offline, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None, f"go build failed: {done.stderr.strip()}"
    return path, None


def find_go(_, build):
    if shutil.which("go") is None:
        return [], "there is no `go` on the path"
    core, reason = build_go(build, "go", "go_core")
    if reason:
        return [], reason
    net, reason = build_go(build, "go_net", "go_net")
    if reason:
        return [[core]], reason
    return [[core], *served("go", build, [net])], None


def find_asyncio(_, build):
    if sys.version_info < (3, 11):
        return [], "asyncio.TaskGroup came with Python 3.11"
    core = os.path.join(HERE, "peers", "asyncio_core.py")
    net = os.path.join(HERE, "peers", "asyncio_net.py")
    return [[sys.executable, core],
            *served("asyncio", build, [sys.executable, net])], None


def find_uvloop(_, build):
    """It may be installed for the system's Python, and not for ours."""
    net = os.path.join(HERE, "peers", "asyncio_net.py")
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run([python, "-c", "import uvloop"], check=True,
                           stdin=subprocess.DEVNULL, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return served("uvloop", build, [python, net, "uvloop"]), None
    return [], "there is no Python that has it"


# ---- measuring --------------------------------------------------------------


class Result:
    """What one contender reached in one metric."""

    def __init__(self, metric, contender, unit, values):
        self.metric = metric
        self.contender = contender
        self.unit = unit
        self.values = values
        self.median = statistics.median(values)

    def line(self):
        return "\t".join((self.metric, self.contender, number(self.median),
                          self.unit))

    def spread(self):
        """How far the repetitions lie apart, as a share of the median."""
        if self.median == 0:
            return 0.0
        return (max(self.values) - min(self.values)) / self.median


def number(value):
    """As many digits as mean something."""
    if value >= 1000 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def measure(metric, programs, options, cpus):
    """Lets the contenders take turns.  Returns a Result for each that ran, and
    what was broken."""
    values = {program: [] for program in programs}
    spent = dict.fromkeys(programs, 0.0)
    units, broken = {}, []
    if metric in UNPINNED or metric.startswith(PINS_ITSELF):
        cpus = None
    for _ in range(options.reps):
        for program in programs:
            if program not in values or \
                    values[program] and spent[program] >= options.budget:
                continue
            started = time.monotonic()
            try:
                value, units[program] = program.measure(
                    metric, options.quick, cpus)
                values[program].append(value)
            except Broken as error:
                broken.append(str(error))
                del values[program]
            spent[program] += time.monotonic() - started
    return [Result(metric, program.contender, units[program], measured)
            for program, measured in values.items()], broken


def ratios(results):
    """Everybody beside the floor, or whom targets.py names in its place, where
    a target says so: the median of the ratios of the same round, which a
    machine that drifts does not move."""
    by_metric = {}
    for result in results:
        by_metric.setdefault(result.metric, {})[result.contender] = result
    found = []
    for metric, row in by_metric.items():
        beside_whom = targets.BESIDE.get(metric, FLOOR)
        floor = row.pop(beside_whom, None)
        name = metric + "_ratio"
        if floor is None or name not in targets.TARGETS:
            continue
        for contender, result in row.items():
            values = [a / b for a, b in zip(result.values, floor.values)
                      if b > 0]
            if values:
                found.append(Result(name, contender, f"of_{beside_whom}",
                                    values))
    return found


def metrics_of(programs, only):
    """The metrics that are wanted, each with the programs that take part.

    Those with a target come first, in the order of targets.py.
    """
    metrics = {metric: [] for metric in targets.TARGETS}
    for program in programs:
        for metric in program.metrics:
            if metric.startswith(only):
                metrics.setdefault(metric, []).append(program)
    return {metric: parts for metric, parts in metrics.items() if parts}


# ---- showing ----------------------------------------------------------------


def verdict(metric, value):
    """The target and how it went, as two columns."""
    reached = targets.is_reached(metric, value)
    if reached is None:
        return "", ""
    relation, bound = targets.TARGETS[metric]
    return f"{relation} {bound:,}", "ok" if reached else "MISS"


def table(results, quick=False):
    """Ours beside the targets, then the peers and their ratio to ours.

    With counts that are smaller than the targets', nothing is judged.
    """
    by_metric = {}
    for result in results:
        by_metric.setdefault(result.metric, {})[result.contender] = result
    peers = list(dict.fromkeys(r.contender for r in results
                               if r.contender != OURS))
    rows = [["", OURS, "spread", "target", "", *peers]]
    for metric, row in by_metric.items():
        ours = row.get(OURS)
        cells = [metric, "-", "", "", ""]
        if ours:
            judged = ("", "") if quick else verdict(metric, ours.median)
            cells = [metric, number(ours.median), f"{ours.spread():.0%}",
                     *judged]
        rows.append(cells + [beside(row.get(peer), ours) for peer in peers])

    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in
                  zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def beside(peer, ours):
    """A peer's median, and how many times ours it is."""
    if peer is None:
        return ""
    if ours is None or ours.median == 0:
        return number(peer.median)
    ratio = peer.median / ours.median
    digits = 0 if ratio >= 10 else 1 if ratio >= 2 else 2
    return f"{number(peer.median)} ({ratio:.{digits}f}x)"


def machine():
    """What the numbers depend on, for whoever reads them later."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"system": f"{platform.system()} {platform.release()}",
            "cpu": model or platform.machine(),
            "cpus": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[0],
            "driver": os.environ.get("BELAY_DRIVER", "")}


def write_json(path, options, results, absent, broken):
    """Everything that was measured, repetition by repetition."""
    document = {
        "quick": options.quick,
        "machine": machine(),
        "absent": absent,
        "broken": broken,
        "results": [{"metric": r.metric, "contender": r.contender,
                     "unit": r.unit, "median": r.median, "values": r.values,
                     "reached": targets.is_reached(r.metric, r.median)
                     if r.contender == OURS and not options.quick else None}
                    for r in results],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=2)
        file.write("\n")


# ---- the command line -------------------------------------------------------


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", maxsplit=1)[0].split(" - ")[1])
    parser.add_argument("--only", metavar="PREFIX", default="",
                        help="metrics whose names begin with PREFIX")
    parser.add_argument("--contender", metavar="NAME", action="append",
                        help="who takes part (may be repeated); default: all")
    parser.add_argument("--reps", type=int, default=7, metavar="N",
                        help="repetitions of each (default 7)")
    parser.add_argument("--budget", type=float, default=10, metavar="SECONDS",
                        help="for one contender in one metric (default 10)")
    parser.add_argument("--quick", action="store_true",
                        help="once each, with small counts: a smoke test")
    parser.add_argument("--json", metavar="FILE",
                        help="write every repetition to FILE")
    parser.add_argument("--build", metavar="DIR",
                        default=os.path.join(ROOT, "build", "release"),
                        help="where the programs were built")
    options = parser.parse_args(arguments)
    if options.reps < 1:
        parser.error("--reps is at least 1")
    if options.quick:
        options.reps = 1
    return options


def main(arguments):
    options = parse_arguments(arguments)
    try:
        programs, absent = find_programs(options.build, options.contender,
                                         options.only)
    except Broken as error:
        say(f"bench/run.py: {error}")
        return 1
    for name, reason in absent.items():
        say(f"{name} is left out: {reason}")

    metrics = metrics_of(programs, options.only)
    if not metrics:
        say(f"bench/run.py: no metric begins with {options.only!r}")
        return 1
    cpus = {max(os.sched_getaffinity(0))}
    results, broken = [], []
    for metric, contenders in metrics.items():
        found, wrong = measure(metric, contenders, options, cpus)
        for result in found:
            print(result.line(), flush=True)
            say(f"   {result.metric} {result.contender}: "
                f"{number(min(result.values))} to "
                f"{number(max(result.values))} {result.unit} in "
                f"{len(result.values)}")
        for result in ratios(found):
            print(result.line(), flush=True)
            found.append(result)
        results += found
        broken += wrong

    say("\n" + table(results, options.quick))
    if options.quick:
        say("--quick: counts are small; these numbers mean nothing")
    for reason in broken:
        say(f"BROKEN {reason}")
    if options.json:
        write_json(options.json, options, results, absent, broken)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
