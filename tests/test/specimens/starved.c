/* SPDX-License-Identifier: MIT */
/*
 * specimens/starved.c - a system that refuses what the runner needs
 *
 * The runner calls these instead of the C library's.  STARVED names the call
 * that fails the first time it is made.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <belay/test.h>

/* Whether `call` has to fail now. */
static bool fails(const char *call) {
    static bool has_failed;
    const char *wanted = getenv("STARVED");
    if (wanted == NULL || strcmp(wanted, call) != 0 || has_failed) return false;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

pid_t fork(void) {
    if (fails("fork")) return -1;
    return _Fork();
}

int memfd_create(const char *name, unsigned flags) {
    if (fails("memfd_create")) return -1;
    return (int)syscall(SYS_memfd_create, name, flags);
}

TEST(comes_first, .no_loop = true) {
}
TEST(comes_second, .no_loop = true) {
}
