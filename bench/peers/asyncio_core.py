#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/peers/asyncio_core.py - the library whose manners we have, in Python

Understands the same command line as the programs in C (measure.h), does the
same work the same number of times, and prints the same lines.  Most of what it
costs is the interpreter; it is here because its patterns are ours.
"""

import asyncio
import sys
import time

CONTENDER = "asyncio"
BATCH_NS = 50e6
BATCH_QUICK_NS = 1e6
WARM_UP_ROUNDS = 100
BLOCKED_CHILDREN = 1000
OUTSTANDING = 100_000
SLEEP_ROUNDS = 4

GROWN = "grown"  # the count grows until a batch is long enough
FIXED = "fixed"  # the count is given; rounds are added up instead
EACH = "each"    # one round per process; the result is shared out
TOTAL = "total"  # one round per process; the result stands for itself


def memory_bytes():
    """What the process occupies, page tables included."""
    with open("/proc/self/status", encoding="ascii") as file:
        return sum(int(line.split()[1]) * 1024 for line in file
                   if line.startswith(("VmRSS:", "VmPTE:")))


def sleep_seconds(index, turn):
    """10 to 100 ms, in the same disorder for every contender."""
    return (10000 + (index * 7919 + turn * 104729) % 90000) / 1e6


async def return_at_once():
    pass


async def run_switch(count):
    async def take_turns():
        for _ in range(count // 2):
            await asyncio.sleep(0)

    start = time.monotonic_ns()
    async with asyncio.TaskGroup() as pair:
        pair.create_task(take_turns())
        pair.create_task(take_turns())
    return time.monotonic_ns() - start


async def spawn_and_join(count):
    for _ in range(count):
        await asyncio.create_task(return_at_once())


async def run_spawn(count):
    await spawn_and_join(WARM_UP_ROUNDS)
    start = time.monotonic_ns()
    await spawn_and_join(count)
    return time.monotonic_ns() - start


async def spawn_block_join(children):
    gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(children):
            group.create_task(gate.wait())
        await asyncio.sleep(0)
        gate.set()


async def run_block(count):
    await spawn_block_join(BLOCKED_CHILDREN)
    start = time.monotonic_ns()
    for _ in range(0, count, BLOCKED_CHILDREN):
        await spawn_block_join(BLOCKED_CHILDREN)
    return time.monotonic_ns() - start


async def run_queue(count):
    there = asyncio.Queue(1)
    back = asyncio.Queue(1)

    async def serve_balls():
        for i in range(count):
            await there.put(i)
            if await back.get() != i + 1:
                raise RuntimeError("another ball came back")

    async def return_balls():
        for _ in range(count):
            await back.put(await there.get() + 1)

    start = time.monotonic_ns()
    async with asyncio.TaskGroup() as players:
        players.create_task(serve_balls())
        players.create_task(return_balls())
    return time.monotonic_ns() - start


async def run_cancel(count):
    never = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(never.wait()) for _ in range(count)]
        await asyncio.sleep(0)
        start = time.monotonic_ns()
        for task in tasks:
            task.cancel()
    return time.monotonic_ns() - start


async def run_arm_cancel(count):
    loop = asyncio.get_running_loop()

    def do_nothing():
        pass

    others = [loop.call_later(3600 + sleep_seconds(i, 0), do_nothing)
              for i in range(OUTSTANDING)]
    start = time.monotonic_ns()
    for i in range(count):
        loop.call_later(3600 + sleep_seconds(i, 1), do_nothing).cancel()
        # What is cancelled stays in the heap until the loop sweeps it out.
        if i % 1000 == 0:
            await asyncio.sleep(0)
    took = time.monotonic_ns() - start
    for other in others:
        other.cancel()
    return took


async def arm_fire(count):
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    left = count

    def count_down():
        nonlocal left
        left -= 1
        if left == 0:
            over.set_result(None)

    now = loop.time()
    for i in range(count):
        loop.call_at(now + i * 7919 % 1_000_000 / 1e9, count_down)
    await over


async def run_arm_fire(count):
    await arm_fire(count)
    start = time.monotonic_ns()
    await arm_fire(count)
    return time.monotonic_ns() - start


async def run_sleep(count):
    begin = asyncio.Event()
    over = asyncio.Event()
    asleep = count // SLEEP_ROUNDS
    took = 0

    async def sleep_some_times(index):
        nonlocal asleep, took
        await begin.wait()
        for turn in range(SLEEP_ROUNDS):
            await asyncio.sleep(sleep_seconds(index, turn))
        asleep -= 1
        if asleep == 0:
            took = time.process_time_ns() - start
            over.set()
        await over.wait()

    async with asyncio.TaskGroup() as group:
        for i in range(asleep):
            group.create_task(sleep_some_times(i))
        await asyncio.sleep(0)
        start = time.process_time_ns()
        begin.set()
    return took


async def run_memory(count):
    never = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        before = memory_bytes()
        for _ in range(count):
            group.create_task(never.wait())
        await asyncio.sleep(0)
        after = memory_bytes()
        never.set()
    return after - before


async def run_alive(count):
    asleep = 0

    async def sleep_long():
        nonlocal asleep
        asleep += 1
        await asyncio.sleep(3600)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(sleep_long()) for _ in range(count)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
    return asleep


async def run_to_thread(count):
    def job():
        pass

    await asyncio.to_thread(job)
    start = time.monotonic_ns()
    for _ in range(count):
        await asyncio.to_thread(job)
    return time.monotonic_ns() - start


def run_loop(count):
    start = time.monotonic_ns()
    for _ in range(count):
        asyncio.run(return_at_once())
    return time.monotonic_ns() - start


# Name, unit, kind, function, count, count for --quick.
METRICS = (
    ("core.switch_ns", "ns", GROWN, run_switch, 0, 0),
    ("core.spawn_join_ns", "ns", GROWN, run_spawn, 0, 0),
    ("core.spawn_block_join_1000_ns", "ns", FIXED, run_block,
     10 * BLOCKED_CHILDREN, BLOCKED_CHILDREN),
    ("core.queue_roundtrip_ns", "ns", GROWN, run_queue, 0, 0),
    ("core.cancel_ns", "ns", FIXED, run_cancel, 100_000, 1000),
    ("core.timer_arm_cancel_ns", "ns", GROWN, run_arm_cancel, 0, 0),
    ("core.timer_arm_fire_ns", "ns", FIXED, run_arm_fire, OUTSTANDING, 1000),
    ("core.sleep_100000_ns", "ns", FIXED, run_sleep, 100_000 * SLEEP_ROUNDS,
     1000 * SLEEP_ROUNDS),
    ("core.idle_task_bytes_100000", "B", EACH, run_memory, 100_000, 2000),
    ("core.idle_task_bytes_1000000", "B", EACH, run_memory, 1_000_000, 5000),
    ("core.tasks_alive", "tasks", TOTAL, run_alive, 1_000_000, 5000),
    ("core.to_thread_us", "us", GROWN, run_to_thread, 0, 0),
    ("core.loop_us", "us", GROWN, run_loop, 0, 0),
)


def run(function, count):
    """One batch, in a loop of its own unless loops are what is measured."""
    if asyncio.iscoroutinefunction(function):
        return asyncio.run(function(count))
    return function(count)


def measure(kind, function, count, batch_ns):
    """Measures once.  Returns the result and the count that was enough."""
    if kind == GROWN:
        while True:
            took = run(function, count)
            if took >= batch_ns:
                return took / count, count
            factor = min(max(1.2 * batch_ns / (took + 1), 1.5), 100)
            count = int(count * factor) + 1
    if kind == FIXED:
        took = done = 0
        while took < batch_ns:
            took += run(function, count)
            done += count
        return took / done, count
    return run(function, count) / (count if kind == EACH else 1), count


def main(arguments):
    if arguments == ["--list"]:
        for metric in METRICS:
            print(metric[0])
        return 0
    quick = arguments[-1:] == ["--quick"]
    if quick:
        arguments = arguments[:-1]
    for name, unit, kind, function, count, count_quick in METRICS:
        if arguments[:1] != [name]:
            continue
        reps = int(arguments[1]) if len(arguments) > 1 else 1
        count = 10 if kind == GROWN else count_quick if quick else count
        for _ in range(1 if kind in (EACH, TOTAL) else reps):
            value, count = measure(kind, function, count,
                                   BATCH_QUICK_NS if quick else BATCH_NS)
            value = value / 1000 if unit == "us" else value
            print(f"{name}\t{CONTENDER}\t{value:.2f}\t{unit}", flush=True)
        return 0
    print("usage: --list | METRIC [REPS] [--quick]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
