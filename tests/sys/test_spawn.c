/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_spawn.c - by which of the two ways a child comes to its
 * program
 *
 * What children can be given is tested in tests/proc/; here it is that both
 * ways are gone, each in the builds that are meant to.
 */
#include <belay/test.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/raw.h"
#include "sys/spawn.h"

static _Alignas(16) char stack[BL__SPAWN_STACK_BYTES];

static struct bl__spawn_plan plan_of(char *const *argv) {
    static char *const none[] = { NULL };
    return (struct bl__spawn_plan){
        .paths = argv, .argv = argv, .envp = none, .terminal = -1
    };
}

TEST(memory_is_shared_exactly_where_system_calls_are_bare, .tags = "native") {
    CHECK_EQ(bl__spawn_is_shared(), bl__raw_is_bare);
#if defined(BELAY_CTX_GENERIC)
    CHECK(!bl__spawn_is_shared());
#endif
}

TEST(a_child_becomes_its_program) {
    char *argv[] = { (char[]){ "/bin/true" }, NULL };
    struct bl__spawn_plan plan = plan_of(argv);
    struct bl__spawned spawned;
    struct bl__spawn_failure failure;
    int status = -1;
    REQUIRE_OK(bl__spawn(&plan, stack, &spawned, &failure));
    CHECK_EQ(failure.step, BL__SPAWN_NONE);
    CHECK_EQ(waitpid(spawned.pid, &status, 0), spawned.pid);
    CHECK_EQ(status, 0);
    close(spawned.pidfd);
}

/* Where memory is not shared, that comes through the pipe of the fork. */
TEST(a_child_says_which_step_failed) {
    char *argv[] = { (char[]){ "/nowhere/at/all" }, NULL };
    struct bl__spawn_plan plan = plan_of(argv);
    struct bl__spawned spawned;
    struct bl__spawn_failure failure;
    CHECK_ERR(bl__spawn(&plan, stack, &spawned, &failure), -ENOENT);
    CHECK_EQ(failure.step, BL__SPAWN_EXEC);
    CHECK_EQ(failure.error, ENOENT);
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1); /* there is no child */
}
