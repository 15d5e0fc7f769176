/* SPDX-License-Identifier: MIT */
/*
 * test/run/select.c - the cases of this run, in order
 *
 * The order is that of the sources.  --ff moves files with a failure to the
 * front, and in each file the cases that failed; the cases of a file stay
 * together, since they may share fixtures.
 *
 * A pattern without wildcards is a name, and one that names nothing is likely
 * a slip: it is an error, not an empty run.
 */
#include "test/run/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/match.h"
#include "test/run/last.h"
#include "test/suggest.h"

/* ---- names of nothing ---------------------------------------------------- */

static void complain(const struct bl__test_cases *cases, const char *pattern) {
    bool has_file = strstr(pattern, "::") != NULL;
    struct bl__suggestion suggestion = bl__suggest(pattern);
    for (size_t i = 0; i < cases->count; i++) {
        const struct bl__test_case *one = &cases->items[i];
        bl__suggest_try(&suggestion, has_file ? one->id : one->test->name);
        if (has_file) continue;
        bl__suggest_try(&suggestion, one->name);
        bl__suggest_try(&suggestion, one->file);
    }
    fprintf(stderr, "belay-test: no test is called '%s'; ", pattern);
    if (suggestion.best != NULL) {
        fprintf(stderr, "did you mean '%s'?\n", suggestion.best);
    } else {
        fprintf(stderr, "try --list\n");
    }
}

static bool names_something(const struct bl__test_cases *cases,
                            const char *pattern) {
    if (strpbrk(pattern, "*?") != NULL) return true;
    for (size_t i = 0; i < cases->count; i++) {
        if (bl__match_pattern(pattern, &cases->items[i])) return true;
    }
    complain(cases, pattern);
    return false;
}

const struct bl__test_case *bl__select_one(const struct bl__test_cases *cases,
                                           const char *pattern) {
    const struct bl__test_case *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < cases->count; i++) {
        const struct bl__test_case *one = &cases->items[i];
        if (!bl__match_pattern(pattern, one)) continue;
        found = one;
        count++;
        if (strcmp(one->id, pattern) == 0) return one;
    }
    if (count == 1) return found;
    if (count == 0) {
        complain(cases, pattern);
        return NULL;
    }
    fprintf(stderr, "belay-test: '%s' names %zu tests, one is needed:\n",
            pattern, count);
    for (size_t i = 0; i < cases->count; i++) {
        if (!bl__match_pattern(pattern, &cases->items[i])) continue;
        fprintf(stderr, "    %s\n", cases->items[i].id);
    }
    return NULL;
}

/* ---- what failed last time ----------------------------------------------- */

static void keep_failed(const struct bl__test_cases *cases,
                        const struct bl__last_failed *last,
                        struct bl__selection *selection) {
    size_t kept = 0;
    for (size_t i = 0; i < selection->count; i++) {
        size_t number = selection->numbers[i];
        if (!bl__last_has(last, cases->items[number].id)) continue;
        selection->numbers[kept++] = number;
    }
    if (kept > 0) {
        selection->count = kept;
        return;
    }
    fprintf(stderr, "belay-test: none of these failed last time; all run\n");
}

/* What decides about the place of a case under --ff. */
struct rank {
    size_t number;
    size_t file_at; /* of the first case of its file */
    bool has_failed;
    bool file_has_failed;
};

static int compare_ranks(const void *left, const void *right) {
    const struct rank *a = left;
    const struct rank *b = right;
    if (a->file_has_failed != b->file_has_failed) {
        return a->file_has_failed ? -1 : 1;
    }
    if (a->file_at != b->file_at) return a->file_at < b->file_at ? -1 : 1;
    if (a->has_failed != b->has_failed) return a->has_failed ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static void failed_first(const struct bl__test_cases *cases,
                         const struct bl__last_failed *last,
                         struct bl__selection *selection) {
    struct rank *ranks = bl__host_alloc(selection->count * sizeof ranks[0]);
    size_t first = 0;
    for (size_t i = 0; i < selection->count; i++) {
        const struct bl__test_case *one = &cases->items[selection->numbers[i]];
        const char *file = one->test->file;
        size_t before = ranks[first].number;
        if (strcmp(cases->items[before].test->file, file) != 0) first = i;
        ranks[i].number = selection->numbers[i];
        ranks[i].file_at = first;
        ranks[i].has_failed = bl__last_has(last, one->id);
        if (ranks[i].has_failed) ranks[first].file_has_failed = true;
    }
    for (size_t i = 0; i < selection->count; i++) {
        ranks[i].file_has_failed = ranks[ranks[i].file_at].file_has_failed;
    }
    qsort(ranks, selection->count, sizeof ranks[0], compare_ranks);
    for (size_t i = 0; i < selection->count; i++)
        selection->numbers[i] = ranks[i].number;
    free(ranks);
}

/* ---- all of it ----------------------------------------------------------- */

bool bl__select(const struct bl__test_settings *settings,
                const struct bl__test_cases *cases,
                struct bl__selection *selection) {
    struct bl__last_failed last;
    for (size_t i = 0; i < settings->pattern_count; i++) {
        if (!names_something(cases, settings->patterns[i])) return false;
    }
    selection->count = 0;
    selection->numbers =
        bl__host_alloc(cases->count * sizeof selection->numbers[0]);
    for (size_t i = 0; i < cases->count; i++) {
        if (!bl__match(settings, &cases->items[i])) continue;
        selection->numbers[selection->count++] = i;
    }
    if (settings->last == BL__LAST_IGNORED || selection->count == 0) {
        return true;
    }
    bl__last_load(&last);
    if (settings->last == BL__LAST_ONLY) {
        keep_failed(cases, &last, selection);
    } else {
        failed_first(cases, &last, selection);
    }
    bl__last_free(&last);
    return true;
}
