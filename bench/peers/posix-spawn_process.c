/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/posix-spawn_process.c - the floor: posix_spawn and waitpid
 *
 * It blocks, and looks after nothing but the program itself.
 */
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_load.h"

static double run_spawn(uint64_t count) {
    char name[] = "/bin/true";
    char *argv[] = { name, NULL };
    double start = measure_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        pid_t pid;
        int error = posix_spawn(&pid, name, NULL, NULL, argv, environ);
        if (error != 0) return -error;
        if (waitpid(pid, NULL, 0) != pid) return -errno;
    }
    return measure_now_ns() - start;
}

static double run_spawn_large(uint64_t count) {
    return process_run_large(run_spawn, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "process.spawn_us", "us", MEASURE_GROWN, run_spawn, 0, 0 },
        { "process.spawn_large_us", "us", MEASURE_GROWN, run_spawn_large, 0,
          0 },
    };
    return measure_main(argc, argv, "posix-spawn", metrics,
                        sizeof metrics / sizeof metrics[0]);
}
