/* SPDX-License-Identifier: MIT */
/*
 * base/test_probe.c - probes: compiled in, compiled out, told to a hook
 */
#define BELAY_PROBES 1

#include <belay/probe.h>
#include <belay/test.h>

#include <string.h>

static char said[100];

static void append(const char *name) {
    strcat(strcat(said, name), " ");
}

TEST(a_probe_tells_the_hook, .no_loop = true) {
    bl_probe_fn *before = bl_probe_set_hook(append);
    BL_PROBE("one");
    BL_PROBE("two");
    CHECK_STR(said, "one two ");
    CHECK(bl_probe_set_hook(NULL) == append);
    BL_PROBE("nobody hears it");
    CHECK_STR(said, "one two ");
    CHECK(bl_probe_set_hook(before) == NULL);
}

/* The name of a probe that is compiled out is not even evaluated. */
#undef BL_PROBE
#undef BELAY_PROBE_H
#undef BELAY_PROBES
#include <belay/probe.h>

TEST(a_probe_that_is_compiled_out_is_nothing, .no_loop = true) {
    int count = 0;
    bl_probe_fn *before = bl_probe_set_hook(append);
    BL_PROBE((count++, "three"));
    CHECK_EQ(count, 0);
    CHECK_STR(said, "");
    bl_probe_set_hook(before);
}
