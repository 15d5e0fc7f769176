# SPDX-License-Identifier: MIT
"""bench/targets.py - the numbers Belay wants to reach

They were set on one machine (2-core x86-64 VM, Linux 6.18, gcc 12.2) and are
goals there, not promises elsewhere: missing one is news, never a failure.
What is compared is the median that bench/run.py measures for `belay`.
"""

AT_MOST = "<="
AT_LEAST = ">="

TARGETS = {
    "core.switch_ns": (AT_MOST, 8),
    "core.spawn_join_ns": (AT_MOST, 30),
    "core.spawn_block_join_1000_ns": (AT_MOST, 80),
    "core.queue_roundtrip_ns": (AT_MOST, 40),
    "core.cancel_ns": (AT_MOST, 400),
    "core.sleep_100000_ns": (AT_MOST, 350),
    "core.idle_task_bytes_100000": (AT_MOST, 4400),
    "core.idle_task_bytes_1000000": (AT_MOST, 4400),
    "core.tasks_alive": (AT_LEAST, 1_000_000),
    "core.loop_us": (AT_MOST, 40),
    "core.workers_speedup": (AT_LEAST, 1.9),
    "test.empty_ms": (AT_MOST, 1),
    "test.thousand_s": (AT_MOST, 1),
    # Beside an epoll loop by hand, in the same round.
    "net.echo_64_c50_d1_ratio": (AT_MOST, 1.00),
    "net.echo_64_c1000_d1_ratio": (AT_MOST, 1.03),
    "net.echo_4096_c50_d1_ratio": (AT_MOST, 1.03),
    "net.echo_4096_c1000_d1_ratio": (AT_MOST, 1.03),
    "net.echo_65536_c50_d1_ratio": (AT_MOST, 1.05),
    "net.echo_65536_c1000_d1_ratio": (AT_MOST, 1.15),
    "net.echo_64_c50_d16_ratio": (AT_MOST, 1.05),
    "net.accept_ratio": (AT_MOST, 0.95),
    # Beside our own loop when it never spins: requests per second.
    "net.echo_64_c1_d1_rate_ratio": (AT_LEAST, 3.5),
    # Beside nginx, which sends a file of 13 bytes.
    "net.http_c64_d1_ratio": (AT_MOST, 0.60),
}

# Whom the ratio of a metric is to, if not to raw-epoll.
BESIDE = {"net.http_c64_d1": "nginx",
          "net.echo_64_c1_d1_rate": "belay-no-spin"}


def is_reached(metric, value):
    """Whether `value` is good enough, or None where there is no target."""
    if metric not in TARGETS:
        return None
    relation, bound = TARGETS[metric]
    return value <= bound if relation == AT_MOST else value >= bound
