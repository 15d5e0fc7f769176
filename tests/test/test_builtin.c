/* SPDX-License-Identifier: MIT */
/*
 * test/test_builtin.c - the fixtures that every test may have
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/kids.h"
#include "test/subrun.h"

#define BUILTINS SPECIMEN("builtins")

/* ---- t_port -------------------------------------------------------------- */

static int accept_and_greet(void *arg) {
    const bl_test_port *port = arg;
    int fd = bl_fd_accept(port->fd, NULL, NULL);
    if (fd < 0) return fd;
    bl_ssize count = bl_fd_write(fd, "hello", 5);
    BL_IGNORE(bl_fd_close(fd));
    return count < 0 ? (int)count : 0;
}

TEST(a_port_can_be_connected_to, (t_port)) {
    char greeting[6] = "";
    BL_GROUP_SCOPED(group);
    CHECK_NE(bl_addr_port(&t_port.address), 0);
    REQUIRE_OK(bl_spawn(&group, accept_and_greet, &t_port));
    bl_stream *stream = t_connect(&t_port);
    WITHIN(SEC(1)) {
        CHECK_OK(bl_stream_read_exactly(stream, greeting, 5, NULL));
    }
    CHECK_STR(greeting, "hello");
    CHECK_OK(bl_stream_close(stream));
    CHECK_OK(bl_group_exit(&group, 0));
}

FIXTURE(bl_addr, other_port, (t_port)) {
    YIELD(t_port.address);
}

TEST(a_port_is_shared_by_the_fixtures_of_a_test, (other_port, t_port)) {
    CHECK_EQ(bl_addr_port(&other_port), bl_addr_port(&t_port.address));
}

TEST(the_listener_may_be_closed_by_the_test, (t_port)) {
    close(t_port.fd);
    int fd = dup(0); /* has the number now, and must stay open */
    CHECK_EQ(fd, t_port.fd);
    CHECK_OK(close(fd));
}

TEST(a_port_where_nobody_listens_ends_the_test, .no_loop = true) {
    struct subrun run = subrun_run(BUILTINS, "cannot_connect", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output, "t_connect(&t_port): BL_ECONNREFUSED");
    CHECK_EQ(subrun_count(&run, "it went on"), 0);
    subrun_done(&run);
}

/* ---- t_log --------------------------------------------------------------- */

TEST(a_log_has_what_is_printed, (t_log)) {
    CHECK_STR(t_log_text(t_log), "");
    printf("one\n");
    fprintf(stderr, "two, and one\n");
    BL_IGNORE(write(STDOUT_FILENO, "three\n", 6) < 0);
    CHECK_STR(t_log_text(t_log), "one\ntwo, and one\nthree\n");
    CHECK_EQ(t_log_count(t_log, "one"), 2);
    CHECK_EQ(t_log_count(t_log, "four"), 0);
    t_log_clear(t_log);
    CHECK_EQ(t_log_count(t_log, "one"), 0);
    printf("four");
    CHECK_STR(t_log_text(t_log), "four");
}

FIXTURE(int, talkative) {
    printf("setting up\n");
    YIELD(0);
}

TEST(a_log_begins_where_it_is_set_up, (talkative, t_log)) {
    CHECK_STR(t_log_text(t_log), "");
    t_wait_log("setting up\n", 0); /* this is about the whole test */
}

TEST(without_captured_output_logs_are_skipped, .no_loop = true) {
    struct subrun run =
        subrun_run("/bin/sh", "-c", BUILTINS " -s '*_its_log' | cat", NULL);
    CHECK_STR(subrun_last_line(&run), "0 passed, 0 failed, 2 skipped");
    subrun_done(&run);
}

/* ---- t_env --------------------------------------------------------------- */

FIXTURE(int, environment_is_put_back) {
    setenv("KEPT", "as it was", 1);
    setenv("REMOVED", "", 1);
    unsetenv("ADDED");
    YIELD(0);
    CHECK_STR(getenv("KEPT"), "as it was");
    CHECK_STR(getenv("REMOVED"), "");
    CHECK_STR(getenv("ADDED"), NULL);
    CHECK_STR(getenv("ADDED_BY_HAND"), NULL);
}

TEST(the_environment_is_put_back, (environment_is_put_back, t_env)) {
    t_env_set(t_env, "KEPT", "changed");
    t_env_set(t_env, "REMOVED", NULL);
    t_env_set(t_env, "ADDED", "x");
    setenv("ADDED_BY_HAND", "x", 1);
    CHECK_STR(getenv("KEPT"), "changed");
    CHECK_STR(getenv("REMOVED"), NULL);
    CHECK_STR(getenv("ADDED"), "x");
}

TEST(an_empty_environment_is_put_back, (environment_is_put_back, t_env)) {
    clearenv();
    setenv("ADDED", "x", 1);
    CHECK_STR(getenv("KEPT"), NULL);
    (void)t_env;
}

TEST(a_bad_name_fails, .no_loop = true) {
    struct subrun run = subrun_run(BUILTINS, "sets_a_bad_name", NULL);
    CHECK_CONTAINS(run.output, "'A=B' cannot be in the environment\n");
    subrun_done(&run);
}

/* ---- t_rng --------------------------------------------------------------- */

TEST(numbers_below_a_bound_are_spread, (t_rng)) {
    int counts[7] = { 0 };
    for (int i = 0; i < 7000; i++)
        counts[t_rng_below(t_rng, 7)]++;
    for (int i = 0; i < 7; i++) {
        CHECK_GT(counts[i], 800);
        CHECK_LT(counts[i], 1200);
    }
    CHECK_EQ(t_rng_below(t_rng, 0), 0);
    CHECK_EQ(t_rng_below(t_rng, 1), 0);
    for (int i = 0; i < 100; i++)
        CHECK_LT(t_rng_below(t_rng, UINT64_MAX), UINT64_MAX);
}

TEST(bytes_are_filled, (t_rng)) {
    unsigned char bytes[1000] = { 0 };
    int zeros = 0;
    t_rng_fill(t_rng, bytes, 999);
    for (int i = 0; i < 999; i++)
        zeros += bytes[i] == 0;
    CHECK_LT(zeros, 20);
    CHECK_EQ(bytes[999], 0);
}

/* The number that a specimen prints, in `number`. */
static void number_of(const char *test, const char *seed, char number[17]) {
    struct subrun run = subrun_run(BUILTINS, test, "--seed", seed, NULL);
    const char *line = strstr(run.output, "in task 'test' #");
    REQUIRE_NE(line, NULL);
    line = strchr(line, '\n');
    REQUIRE_NE(line, NULL);
    memcpy(number, line + 5, 16);
    number[16] = '\0';
    CHECK_EQ(strspn(number, "0123456789abcdef"), 16);
    subrun_done(&run);
}

TEST(numbers_follow_from_the_seed_and_the_test, .no_loop = true) {
    char one[17];
    char again[17];
    char other_seed[17];
    char other_test[17];
    number_of("prints_numbers", "5", one);
    number_of("prints_numbers", "5", again);
    number_of("prints_numbers", "6", other_seed);
    number_of("prints_other_numbers", "5", other_test);
    CHECK_STR(one, again);
    CHECK(strcmp(one, other_seed) != 0);
    CHECK(strcmp(one, other_test) != 0);
}

/* ---- t_clock ------------------------------------------------------------- */

TEST(a_clock_tells_both_times, (t_clock)) {
    CHECK_EQ(t_elapsed(t_clock), 0);
    CHECK_OK(bl_sleep(1000 * HOUR));
    CHECK_EQ(t_elapsed(t_clock), 1000 * HOUR);
    CHECK_GE(t_elapsed_real(t_clock), 0);
    CHECK_LT(t_elapsed_real(t_clock), HOUR);
}
