/* SPDX-License-Identifier: MIT */
/*
 * test/run/list.c - telling what there is, instead of running it
 *
 * --list=json is for programs, such as CMake's belay_discover_tests; the object
 * is described in docs/guide/running-tests.md.
 */
#include "test/run/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/report/clean.h"
#include "test/text.h"

/* ---- tests --------------------------------------------------------------- */

static void list_names(const struct bl__test_cases *cases,
                       const struct bl__selection *selection) {
    for (size_t i = 0; i < selection->count; i++)
        printf("%s\n", cases->items[selection->numbers[i]].id);
}

static void put_words(const char *words) {
    bool is_first = true;
    char word[200];
    for (const char *at = words != NULL ? words : ""; *at != '\0';) {
        size_t length = strcspn(at, " ");
        if (length > 0) {
            snprintf(word, sizeof word, "%.*s", (int)length, at);
            if (!is_first) putchar(',');
            bl__put_json(stdout, word);
            is_first = false;
        }
        at += length;
        if (*at == ' ') at++;
    }
}

static void put_test(const struct bl__test_case *one) {
    const struct bl__test *test = one->test;
    printf("{\"id\":");
    bl__put_json(stdout, one->id);
    printf(",\"file\":");
    bl__put_json(stdout, one->file);
    printf(",\"test\":");
    bl__put_json(stdout, test->name);
    printf(",\"path\":");
    bl__put_json(stdout, test->file);
    printf(",\"line\":%d,\"tags\":[", test->line);
    put_words(test->options.tags);
    printf("],\"fixtures\":[");
    for (size_t i = 0; i < one->fixture_count; i++) {
        if (i > 0) putchar(',');
        bl__put_json(stdout, one->fixtures[i]->name);
    }
    printf("],\"skip\":");
    bl__put_json(stdout, test->options.skip);
    printf(",\"xfail\":");
    bl__put_json(stdout, test->options.xfail);
    printf("}");
}

static void list_json(const struct bl__test_settings *settings,
                      const struct bl__test_cases *cases,
                      const struct bl__selection *selection) {
    printf("{\"version\":1,\"program\":");
    bl__put_json(stdout, settings->program);
    printf(",\"tests\":[");
    for (size_t i = 0; i < selection->count; i++) {
        printf(i > 0 ? ",\n" : "\n");
        put_test(&cases->items[selection->numbers[i]]);
    }
    printf("\n]}\n");
}

/* ---- fixtures ------------------------------------------------------------ */

static const char *scope_name(bl_test_scope scope) {
    static const char *const names[] = { "test", "module", "session", "run" };
    return names[scope];
}

static void put_fixture(const struct bl__fixture *fixture) {
    printf("%-24s ", fixture->name);
    if (fixture->body == NULL) {
        printf("%-9s", "values");
    } else {
        printf("%-9s", scope_name(fixture->options.scope));
    }
    printf("%s:%d", bl__test_short_path(fixture->file), fixture->line);
    if (fixture->body == NULL) printf("  %zu of them", fixture->value_count);
    if (fixture->options.autouse) printf("  autouse");
    for (size_t i = 1; i <= fixture->need_count; i++) {
        printf("%s%s", i == 1 ? "  needs " : ", ", fixture->needs[i]->name);
    }
    printf("\n");
}

static int compare_fixtures(const void *left, const void *right) {
    const struct bl__fixture *a = *(const struct bl__fixture *const *)left;
    const struct bl__fixture *b = *(const struct bl__fixture *const *)right;
    int order = strcmp(a->file, b->file);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static void list_fixtures(void) {
    size_t count = 0;
    const struct bl__fixture *fixture;
    for (fixture = bl__cases_fixtures(); fixture; fixture = fixture->next)
        count++;
    const struct bl__fixture **sorted =
        bl__host_alloc(count * sizeof sorted[0]);
    count = 0;
    for (fixture = bl__cases_fixtures(); fixture; fixture = fixture->next)
        sorted[count++] = fixture;
    qsort(sorted, count, sizeof sorted[0], compare_fixtures);
    for (size_t i = 0; i < count; i++)
        put_fixture(sorted[i]);
    free(sorted);
}

/* ---- plans --------------------------------------------------------------- */

static void put_plan(const struct bl__test_case *one) {
    printf("%s\n", one->id);
    if (one->error != NULL) {
        printf("    cannot run: %s\n", one->error);
        return;
    }
    for (size_t i = 0; i < one->fixture_count; i++) {
        printf("    %s %s\n",
               one->values[i] != NULL ? "value    " : "set up   ",
               one->fixtures[i]->name);
    }
    printf("    run       %s\n", one->test->name);
    for (size_t i = one->fixture_count; i-- > 0;) {
        if (one->values[i] != NULL) continue;
        printf("    tear down %s\n", one->fixtures[i]->name);
    }
}

void bl__list(const struct bl__test_settings *settings,
              const struct bl__test_cases *cases,
              const struct bl__selection *selection) {
    switch (settings->listing) {
    case BL__LIST_NAMES: list_names(cases, selection); break;
    case BL__LIST_JSON: list_json(settings, cases, selection); break;
    case BL__LIST_FIXTURES: list_fixtures(); break;
    default:
        for (size_t i = 0; i < selection->count; i++)
            put_plan(&cases->items[selection->numbers[i]]);
    }
    fflush(stdout);
}
