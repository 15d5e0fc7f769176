/* SPDX-License-Identifier: MIT */
/*
 * bench/test_run.c - what it costs to run tests that do nothing
 *
 * test.empty_ms    per test, of 100, one after the other: a process, a loop,
 *                  the search for leaks
 * test.thousand_s  1,000 tests, two at a time, from the start of the program
 *                  to its end
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trial.h"

/* Which of the program's tests are so many. */
static const char *pattern_of(uint64_t count) {
    return count == 10 ? "e0_0_?" : count == 100 ? "e0_*" : "e*";
}

/* Runs `count` tests in `workers`.  Returns the nanoseconds, or -errno. */
static double run_tests(uint64_t count, const char *workers) {
    char *args[] = { SUBJECT, "-q", (char *)workers, (char *)pattern_of(count),
                     NULL };
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null",
                                     O_WRONLY, 0);
    double start = measure_now_ns();
    int rc = posix_spawn(&pid, SUBJECT, &files, NULL, args, environ);
    posix_spawn_file_actions_destroy(&files);
    if (rc != 0) return -rc;
    if (waitpid(pid, &status, 0) < 0) return -errno;
    if (status != 0) return -ECHILD; /* a test has failed */
    return measure_now_ns() - start;
}

static double run_in_line(uint64_t count) {
    double cost = run_tests(count, "-j1");
    return cost < 0 ? cost : cost / 1e6;
}

static double run_in_pairs(uint64_t count) {
    double cost = run_tests(count, "-j2");
    return cost < 0 ? cost : cost / 1e9;
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "test.empty_ms", "ms", MEASURE_EACH, run_in_line, 100, 10 },
        { "test.thousand_s", "s", MEASURE_TOTAL, run_in_pairs, 1000, 100 },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
