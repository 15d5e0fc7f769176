/* SPDX-License-Identifier: MIT */
/*
 * test/run/unit.c - which cases share a process, and in which order they run
 *
 * Cases of one file that need fixtures of scope T_MODULE or T_SESSION form a
 * unit, in the order of the source.  One process has one loop, so cases that
 * want different clocks, drivers or stacks are in different units; and those
 * that need no loop, or end their process, are alone.
 *
 * Invariant: every selected case is in exactly one unit.
 */
#include "test/run/unit.h"

#include <stdlib.h>
#include <string.h>

#include "test/host.h"

static bool has_wide_fixture(const struct bl__test_case *test_case) {
    for (size_t i = 0; i < test_case->fixture_count; i++) {
        bl_test_scope scope = test_case->fixtures[i]->options.scope;
        if (scope == BL_TEST_SCOPE_MODULE) return true;
        if (scope == BL_TEST_SCOPE_SESSION) return true;
    }
    return false;
}

static bool has_session_fixture(const struct bl__test_case *test_case) {
    for (size_t i = 0; i < test_case->fixture_count; i++) {
        if (test_case->fixtures[i]->options.scope == BL_TEST_SCOPE_SESSION) {
            return true;
        }
    }
    return false;
}

static bool is_sharing(const struct bl__test_case *test_case,
                       enum bl__isolation isolation) {
    const bl_test_options *options = &test_case->test->options;
    if (isolation == BL__ISOLATE_TEST) return false;
    if (test_case->error != NULL || test_case->skip != NULL) return false;
    if (options->no_loop || options->may_leak || options->signal != 0) {
        return false;
    }
    return isolation == BL__ISOLATE_MODULE || has_wide_fixture(test_case);
}

/* Whether both can live in one loop. */
static bool has_same_loop(const bl_test_options *a, const bl_test_options *b) {
    return a->clock == b->clock && a->driver == b->driver &&
           a->stack_bytes == b->stack_bytes;
}

static bool is_together(const struct bl__test_case *a,
                        const struct bl__test_case *b) {
    return strcmp(a->test->file, b->test->file) == 0 &&
           has_same_loop(&a->test->options, &b->test->options);
}

static void find_skip(struct bl__test_case *test_case) {
    const bl_test_options *options = &test_case->test->options;
    test_case->skip = options->skip;
    if (test_case->skip == NULL && options->skip_if != NULL) {
        test_case->skip = options->skip_if();
    }
}

/* Collects the cases from `first` on that belong into the unit of `first`. */
static void fill(struct bl__unit *unit, const struct bl__test_case **cases,
                 size_t first, size_t count, enum bl__isolation isolation) {
    const struct bl__test_case *one = cases[first];
    unit->is_shared = is_sharing(one, isolation);
    unit->cases = bl__host_alloc((count - first) * sizeof unit->cases[0]);
    for (size_t i = first; i < count; i++) {
        const struct bl__test_case *other = cases[i];
        if (i > first) {
            if (!unit->is_shared) break;
            if (other == NULL || !is_sharing(other, isolation)) continue;
            if (!is_together(one, other)) continue;
        }
        unit->cases[unit->count++] = other;
        if (unit->is_shared && has_session_fixture(other)) {
            unit->has_session = true;
        }
        cases[i] = NULL;
    }
}

void bl__units_make(struct bl__units *units, struct bl__test_cases *cases,
                    const size_t *selected, size_t count,
                    enum bl__isolation isolation) {
    const struct bl__test_case **left = bl__host_alloc(count * sizeof left[0]);
    for (size_t i = 0; i < count; i++) {
        find_skip(&cases->items[selected[i]]);
        left[i] = &cases->items[selected[i]];
    }
    units->items = bl__host_alloc(count * sizeof units->items[0]);
    units->count = 0;
    units->taken_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (left[i] == NULL) continue;
        fill(&units->items[units->count++], left, i, count, isolation);
    }
    free(left);
}

struct bl__unit *bl__units_take(struct bl__units *units,
                                const struct bl__unit *like) {
    while (units->taken_count < units->count &&
           units->items[units->taken_count].is_taken) {
        units->taken_count++;
    }
    for (size_t i = units->taken_count; i < units->count; i++) {
        struct bl__unit *unit = &units->items[i];
        if (unit->is_taken) continue;
        if (like != NULL && (!unit->has_session ||
                             !has_same_loop(&unit->cases[0]->test->options,
                                            &like->cases[0]->test->options))) {
            continue;
        }
        unit->is_taken = true;
        return unit;
    }
    return NULL;
}
