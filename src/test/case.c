/* SPDX-License-Identifier: MIT */
/*
 * test/case.c - what there is to run: tests, fixtures, and their combinations
 *
 * Tests and fixtures register themselves before main, in no particular order;
 * they are sorted by file and line.  What a test needs is flattened into a
 * list, dependencies first.  Fixtures can only need what was declared above
 * them, so there are no cycles.  Each PARAM in the list multiplies the cases.
 */
#include "test/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/text.h"

enum {
    FIXTURES_MAX = 64,
    LABEL_BYTES = 256
};

static struct bl__test *first_test;
static struct bl__fixture *first_fixture;
static struct bl__fixture **last_fixture = &first_fixture;

void bl__test_register(struct bl__test *test) {
    test->next = first_test;
    first_test = test;
}

void bl__fixture_register(struct bl__fixture *fixture) {
    *last_fixture = fixture;
    last_fixture = &fixture->next;
}

const struct bl__fixture *bl__cases_fixtures(void) {
    return first_fixture;
}

/* ---- what a test needs -------------------------------------------------- */

struct plan {
    struct bl__fixture *fixtures[FIXTURES_MAX];
    size_t count;
    const char *error;
};

static bool plan_has(const struct plan *plan, const struct bl__fixture *one) {
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->fixtures[i] == one) return true;
    }
    return false;
}

static void plan_add(struct plan *plan, struct bl__fixture *fixture) {
    if (plan_has(plan, fixture)) return;
    for (size_t i = 1; i <= fixture->need_count; i++) {
        plan_add(plan, fixture->needs[i]);
    }
    if (plan->count == FIXTURES_MAX) {
        plan->error = "it needs more than 64 fixtures";
        return;
    }
    plan->fixtures[plan->count++] = fixture;
}

static const char *scope_name(bl_test_scope scope) {
    static const char *const names[] = { "T_TEST", "T_MODULE", "T_SESSION",
                                         "T_RUN" };
    return (unsigned)scope <= BL_TEST_SCOPE_RUN ? names[scope] : "?";
}

/* A fixture may only need what lives at least as long. */
static const char *scope_problem(const struct bl__fixture *fixture) {
    if ((unsigned)fixture->options.scope > BL_TEST_SCOPE_RUN) {
        return bl__host_format(
            "fixture '%s' at %s:%d has an unknown .scope", fixture->name,
            bl__test_short_path(fixture->file), fixture->line);
    }
    for (size_t i = 1; i <= fixture->need_count; i++) {
        const struct bl__fixture *need = fixture->needs[i];
        if (need->body == NULL) {
            if (fixture->options.scope != BL_TEST_SCOPE_RUN) continue;
            return bl__host_format(
                "fixture '%s' (T_RUN, at %s:%d) needs PARAM '%s': there is one "
                "T_RUN fixture for all tests, so it cannot vary",
                fixture->name, bl__test_short_path(fixture->file),
                fixture->line, need->name);
        }
        if (need->options.scope >= fixture->options.scope) continue;
        return bl__host_format(
            "fixture '%s' (%s, at %s:%d) needs '%s' (%s, at %s:%d), which does "
            "not live as long",
            fixture->name, scope_name(fixture->options.scope),
            bl__test_short_path(fixture->file), fixture->line, need->name,
            scope_name(need->options.scope), bl__test_short_path(need->file),
            need->line);
    }
    return NULL;
}

/* Why a plan cannot be carried out, or NULL. */
static const char *plan_problem(const struct plan *plan,
                                const struct bl__test *test) {
    if (plan->error != NULL) return plan->error;
    for (size_t i = 0; i < plan->count; i++) {
        const struct bl__fixture *fixture = plan->fixtures[i];
        const char *problem = scope_problem(fixture);
        if (problem != NULL) return problem;
        if (fixture->body == NULL && fixture->value_count == 0) {
            return bl__host_format(
                "PARAM '%s' at %s:%d has no values", fixture->name,
                bl__test_short_path(fixture->file), fixture->line);
        }
        if (fixture->body != NULL && test->options.no_loop &&
            fixture->options.scope != BL_TEST_SCOPE_RUN) {
            return bl__host_format("fixture '%s' is a task, and a test with "
                                   ".no_loop has none",
                                   fixture->name);
        }
    }
    return NULL;
}

/* What lives longer is set up earlier; dependencies stay in order. */
static void plan_sort(struct plan *plan) {
    struct plan sorted = { .count = 0 };
    for (int scope = BL_TEST_SCOPE_RUN; scope >= 0; scope--) {
        for (size_t i = 0; i < plan->count; i++) {
            struct bl__fixture *fixture = plan->fixtures[i];
            int own = fixture->body == NULL ? BL_TEST_SCOPE_RUN
                                            : (int)fixture->options.scope;
            if (own == scope) sorted.fixtures[sorted.count++] = fixture;
        }
    }
    memcpy(plan->fixtures, sorted.fixtures,
           plan->count * sizeof plan->fixtures[0]);
}

bool bl__fixture_needs(const struct bl__fixture *fixture,
                       const struct bl__fixture *other) {
    for (size_t i = 1; i <= fixture->need_count; i++) {
        if (fixture->needs[i] == other) return true;
        if (bl__fixture_needs(fixture->needs[i], other)) return true;
    }
    return false;
}

static void plan_make(struct plan *plan, const struct bl__test *test) {
    plan->count = 0;
    plan->error = NULL;
    for (struct bl__fixture *fixture = first_fixture; fixture != NULL;
         fixture = fixture->next) {
        if (!fixture->options.autouse) continue;
        if (strcmp(fixture->file, test->file) == 0) plan_add(plan, fixture);
    }
    for (size_t i = 1; i <= test->need_count; i++) {
        plan_add(plan, test->needs[i]);
    }
    plan->error = plan_problem(plan, test);
    if (plan->error == NULL) plan_sort(plan);
}

size_t bl__case_find(const struct bl__test_case *test_case,
                     const struct bl__fixture *needed) {
    for (size_t i = 0; i < test_case->fixture_count; i++) {
        if (test_case->fixtures[i] == needed) return i;
    }
    bl__host_die("a fixture is missing from its plan");
}

/* ---- names -------------------------------------------------------------- */

static int64_t read_signed(const void *value, size_t bytes) {
    union {
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
    } number = { .i64 = 0 };
    memcpy(&number, value, bytes);
    if (bytes == 1) return number.i8;
    if (bytes == 2) return number.i16;
    if (bytes == 4) return number.i32;
    return number.i64;
}

static uint64_t read_unsigned(const void *value, size_t bytes) {
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
    } number = { .u64 = 0 };
    memcpy(&number, value, bytes);
    if (bytes == 1) return number.u8;
    if (bytes == 2) return number.u16;
    if (bytes == 4) return number.u32;
    return number.u64;
}

/* Text becomes part of a name, so what could confuse a pattern goes. */
static void add_word(struct bl__text *label, const char *word) {
    if (word == NULL) word = "NULL";
    for (; *word != '\0'; word++) {
        bool is_plain =
            *word > ' ' && *word < 0x7f && !strchr("[]@*?'\"", *word);
        bl__text_add(label, "%c", is_plain ? *word : '_');
    }
}

static void add_label(struct bl__text *label, const struct bl__fixture *param,
                      size_t index) {
    const char *value =
        (const char *)param->values + index * param->value_bytes;
    float f;
    double d;
    switch (param->kind) {
    case BL__PARAM_SIGNED:
        bl__text_add(label, "%lld",
                     (long long)read_signed(value, param->value_bytes));
        return;
    case BL__PARAM_UNSIGNED:
        bl__text_add(
            label, "%llu",
            (unsigned long long)read_unsigned(value, param->value_bytes));
        return;
    case BL__PARAM_BOOL:
        bl__text_add(label, "%s", *(const bool *)value ? "true" : "false");
        return;
    case BL__PARAM_FLOAT:
        memcpy(&f, value, sizeof f);
        bl__text_add(label, "%g", (double)f);
        return;
    case BL__PARAM_DOUBLE:
        memcpy(&d, value, sizeof d);
        bl__text_add(label, "%g", d);
        return;
    case BL__PARAM_TEXT:
        add_word(label, *(const char *const *)(const void *)value);
        return;
    case BL__PARAM_OTHER: break;
    }
    bl__text_add(label, "%s%zu", param->name, index);
}

/* ---- combinations ------------------------------------------------------- */

static struct bl__test_case *cases_grow(struct bl__test_cases *cases) {
    if (cases->count == cases->capacity) {
        cases->capacity = cases->capacity > 0 ? cases->capacity * 2 : 64;
        cases->items = bl__host_resize(
            cases->items, cases->capacity * sizeof cases->items[0]);
    }
    return &cases->items[cases->count++];
}

/* `turn` counts the combinations; the last PARAM changes fastest. */
static void add_case(struct bl__test_cases *cases, const struct bl__test *test,
                     const struct plan *plan, size_t turn) {
    struct bl__test_case *made = cases_grow(cases);
    size_t indices[FIXTURES_MAX] = { 0 };
    char label_text[LABEL_BYTES];
    struct bl__text label = bl__text_in(label_text, sizeof label_text);

    *made = (struct bl__test_case){
        .test = test,
        .file = bl__test_base_name(test->file),
        .fixture_count = plan->count,
        .error = plan->error,
    };
    made->fixtures = bl__host_alloc(plan->count * sizeof made->fixtures[0]);
    made->values = bl__host_alloc(plan->count * sizeof made->values[0]);
    for (size_t i = plan->count; i-- > 0;) {
        const struct bl__fixture *fixture = plan->fixtures[i];
        made->fixtures[i] = plan->fixtures[i];
        if (fixture->body != NULL || fixture->value_count == 0) continue;
        indices[i] = turn % fixture->value_count;
        turn /= fixture->value_count;
        made->values[i] =
            (const char *)fixture->values + indices[i] * fixture->value_bytes;
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (made->values[i] == NULL) continue;
        if (label.length > 0) bl__text_add(&label, "-");
        add_label(&label, plan->fixtures[i], indices[i]);
    }
    made->name = label.length > 0
                     ? bl__host_format("%s[%s]", test->name, label.data)
                     : bl__host_format("%s", test->name);
    made->id = bl__host_format("%s::%s", made->file, made->name);
}

static void add_cases(struct bl__test_cases *cases,
                      const struct bl__test *test) {
    struct plan plan;
    plan_make(&plan, test);
    size_t count = 1;
    for (size_t i = 0; i < plan.count; i++) {
        if (plan.fixtures[i]->body != NULL) continue;
        if (plan.fixtures[i]->value_count == 0) continue;
        count *= plan.fixtures[i]->value_count;
    }
    if (plan.error != NULL) count = 1;
    for (size_t turn = 0; turn < count; turn++) {
        add_case(cases, test, &plan, turn);
    }
}

static int compare_tests(const void *left, const void *right) {
    const struct bl__test *a = *(struct bl__test *const *)left;
    const struct bl__test *b = *(struct bl__test *const *)right;
    int order =
        strcmp(bl__test_base_name(a->file), bl__test_base_name(b->file));
    if (order == 0) order = strcmp(a->file, b->file);
    if (order == 0) order = (a->line > b->line) - (a->line < b->line);
    return order;
}

void bl__cases_make(struct bl__test_cases *cases) {
    size_t count = 0;
    for (struct bl__test *test = first_test; test; test = test->next)
        count++;
    struct bl__test **sorted = bl__host_alloc(count * sizeof *sorted);
    size_t at = 0;
    for (struct bl__test *test = first_test; test; test = test->next) {
        sorted[at++] = test;
    }
    qsort(sorted, count, sizeof *sorted, compare_tests);

    *cases = (struct bl__test_cases){ .function_count = count };
    const char *file = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(sorted[i]->file, file) != 0) cases->file_count++;
        file = sorted[i]->file;
        add_cases(cases, sorted[i]);
    }
    free(sorted);
}
