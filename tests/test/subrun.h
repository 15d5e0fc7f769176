/* SPDX-License-Identifier: MIT */
/*
 * test/subrun.h - running a test program as a user would, and reading it
 *
 * What a runner does with tests that fail, hang or crash is tested on whole
 * programs that contain such tests: the specimens.  They are built beside the
 * tests, from tests/test/specimens, and are not run by CTest.
 *
 *     TEST(a_crash_is_reported, .no_loop = true) {
 *         struct subrun run = subrun_run(SPECIMEN("outcomes"), "-k", "crash",
 *                                        NULL);
 *         CHECK_EQ(run.status, 1);
 *         CHECK_CONTAINS(run.output, "killed by SIGSEGV");
 *         CHECK_STR(subrun_last_line(&run), "0 passed, 1 failed");
 *         subrun_done(&run);
 *     }
 */
#ifndef TEST_SUBRUN_H
#define TEST_SUBRUN_H

#include <sys/types.h>

#include <belay/test.h>

/* The path of a specimen, by its name. */
#define SPECIMEN(name) SPECIMENS "/" name

struct subrun {
    int status;   /* the exit status, or the negated signal that ended it */
    char *output; /* what it wrote to stdout and stderr, in order */
    char *errors; /* what it wrote to stderr; NULL unless taken apart */
    pid_t pid;    /* 0: it has ended */
    int output_fd;
    int errors_fd;
};

/*
 * Runs `program` with the arguments up to NULL, and waits for its end, which
 * must come within 20 seconds.  Variables BELAY_TEST_* of this process are not
 * passed on; see subrun_env.
 */
struct subrun subrun_run(const char *program, ...) __attribute__((sentinel));

/* The same, with stderr in `errors` and only stdout in `output`. */
struct subrun subrun_run_apart(const char *program, ...)
    __attribute__((sentinel));

/* Starts it only; then comes subrun_wait. */
struct subrun subrun_start(const char *program, ...) __attribute__((sentinel));

/* Waits until a program that was started has printed `text`. */
void subrun_wait_for(struct subrun *run, const char *text);

/* Sends a signal to the program, not to its children. */
void subrun_signal(const struct subrun *run, int number);

/* Waits for the end of a program that was started. */
void subrun_wait(struct subrun *run);

/* Sets `assignment`, "NAME=value", for programs that are started later. */
void subrun_env(const char *assignment);

/* Returns the last line of the output, without its newline. */
const char *subrun_last_line(const struct subrun *run);

/* Returns how often `text` is in the output. */
int subrun_count(const struct subrun *run, const char *text);

/* Copies the token that the output gives for --replay. */
void subrun_token(const struct subrun *run, char *token, size_t bytes);

/* Frees the texts. */
void subrun_done(struct subrun *run);

#endif
