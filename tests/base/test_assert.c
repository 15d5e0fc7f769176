/* SPDX-License-Identifier: MIT */
/*
 * tests/base/test_assert.c - the report that ends a process
 */
#include <belay/test.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "support/host.h"

static int asserts(void *arg) {
    int *number = arg;
    BL__ASSERT(*number == 1);
    return 0;
}

TEST(a_true_assertion_costs_nothing, .no_loop = true) {
    int number = 1;
    CHECK_EQ(asserts(&number), 0);
}

TEST(a_false_assertion_says_which_and_where, .no_loop = true) {
    int number = 2;
    capture_stderr();
    int status = in_child(asserts, &number);
    const char *text = captured_stderr();
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
    CHECK_CONTAINS(text, "belay: assertion failed: *number == 1");
    CHECK_CONTAINS(text, "in asserts() at ");
    CHECK_CONTAINS(text, "test_assert.c:");
}

static int misuses_at_length(void *arg) {
    static char text[10000];
    memset(text, 'x', sizeof text - 1);
    (void)arg;
    BL__MISUSE("much: %s", text);
}

TEST(a_long_report_is_cut_but_names_its_place, .no_loop = true) {
    capture_stderr();
    int status = in_child(misuses_at_length, NULL);
    const char *text = captured_stderr();
    CHECK_EQ(WTERMSIG(status), SIGABRT);
    CHECK_CONTAINS(text, "belay: much: xxx");
    CHECK_CONTAINS(text, "in misuses_at_length() at ");
    CHECK_LT(strlen(text), 4096);
}

static void says_more(void) {
    static const char text[] = "hook: more\n";
    BL_IGNORE(write(STDERR_FILENO, text, sizeof text - 1) < 0);
}

static void panics_again(void) {
    BL__MISUSE("while a report is made");
}

static int panics_with_hooks(void *arg) {
    (void)arg;
    bl__panic_add_hook(says_more);
    bl__panic_add_hook(panics_again);
    BL__MISUSE("first");
}

TEST(hooks_add_to_the_report_and_a_panic_in_them_ends_it, .no_loop = true) {
    capture_stderr();
    int status = in_child(panics_with_hooks, NULL);
    const char *text = captured_stderr();
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
    CHECK_CONTAINS(text, "belay: first");
    CHECK_CONTAINS(text, "hook: more");
    CHECK(strstr(text, "while a report is made") == NULL);
}
