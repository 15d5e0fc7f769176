/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_status.c - how a program has ended, in words
 */
#include <belay/test.h>

#include <signal.h>
#include <string.h>

struct case_of_status {
    bl_process_status status;
    bool is_ok;
    const char *text;
};

PARAM(struct case_of_status, sample, { { .code = 0 }, true, "exited with 0" },
      { { .code = 3 }, false, "exited with 3" },
      { { .signal = SIGTERM }, false, "killed by SIGTERM" },
      { { .signal = SIGSEGV, .has_core = true },
        false,
        "killed by SIGSEGV (core dumped)" },
      { { .is_unknown = true }, false, "ended, nobody knows how" });

TEST(an_end_is_put_into_words, (sample)) {
    char text[100];
    char cut[7];
    CHECK_EQ(bl_process_status_is_ok(&sample.status), sample.is_ok);
    bl_process_status_format(&sample.status, text, sizeof text);
    CHECK_STR(text, sample.text);
    bl_process_status_format(&sample.status, cut, sizeof cut);
    CHECK_EQ(strlen(cut), sizeof cut - 1);
}
