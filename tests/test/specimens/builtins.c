/* SPDX-License-Identifier: MIT */
/*
 * specimens/builtins.c - tests with built-in fixtures that end badly
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <belay/test.h>

/* Leaves files, folders and a folder that cannot be read. */
static void fill(const char *folder) {
    char path[300];
    static const char *const folders[] = { "a", "a/b", "a/b/c" };
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, folders[i]);
        REQUIRE_OK(mkdir(path, 0700));
    }
    snprintf(path, sizeof path, "%s/a/b/file", folder);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0400);
    REQUIRE_OK(fd);
    close(fd);
    snprintf(path, sizeof path, "%s/a/link", folder);
    REQUIRE_OK(symlink("/", path));
    snprintf(path, sizeof path, "%s/a", folder);
    REQUIRE_OK(chmod(path, 0));
    printf("folder %s\n", folder);
}

TEST(fails, (t_tmpdir)) {
    fill(t_tmpdir);
    t_fail("on purpose");
}

TEST(is_killed, (t_tmpdir)) {
    fill(t_tmpdir);
    fflush(stdout);
    raise(SIGKILL);
}

TEST(hangs, (t_tmpdir), .watchdog = MS(50)) {
    fill(t_tmpdir);
    for (;;) {}
}

TEST(leaves_a_folder) {
    fill(t_folder());
    t_fail("on purpose");
}

TEST(reads_its_log, (t_log)) {
    printf("a line\n");
    CHECK_EQ(t_log_count(t_log, "a line"), 1);
}

TEST(waits_for_its_log) {
    printf("a line\n");
    t_wait_log("a line", SEC(1));
}

TEST(sets_a_bad_name, (t_env)) {
    t_env_set(t_env, "A=B", "c");
}

TEST(cannot_connect, (t_port)) {
    close(t_port.fd);
    t_connect(&t_port);
    printf("it went on\n");
}

TEST(prints_numbers, (t_rng)) {
    t_fail("%016llx", (unsigned long long)t_rng_next(t_rng));
}

TEST(prints_other_numbers, (t_rng)) {
    t_fail("%016llx", (unsigned long long)t_rng_next(t_rng));
}
