/* SPDX-License-Identifier: MIT */
/*
 * test/child/check.c - the checks: does it hold, and if not, what was there
 *
 * Numbers are compared as numbers, whatever their types: a negative one is
 * less than any unsigned one, and an integer equals a floating-point number
 * only if they are the same number.
 */
#include <belay/test.h>

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "test/child/difference.h"
#include "test/child/unwind.h"
#include "test/child/watch.h"
#include "test/record.h"

enum {
    SUMMARY_BYTES = 400,
    DETAILS_BYTES = 2000
};

/* ---- the end of a check -------------------------------------------------- */

/* Records the failure; returns false, or does not return. */
static bool fail(const struct bl__test_place *place, const char *summary,
                 const char *details) {
    bl__record_failure(place, summary, details);
    if (place->severity == BL__TEST_REQUIRE) bl__unwind_failed();
    return false;
}

bool bl__test_check(const struct bl__test_place *place, bool is_true) {
    char summary[SUMMARY_BYTES];
    if (is_true) return true;
    snprintf(summary, sizeof summary, "%s(%s)", place->macro, place->left);
    return fail(place, summary, "");
}

void bl__test_fail(const struct bl__test_place *place, const char *format,
                   ...) {
    char summary[SUMMARY_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(summary, sizeof summary, format, args);
    va_end(args);
    fail(place, summary, "");
    bl__unwind_failed();
}

void bl__test_skip(const struct bl__test_place *place, const char *format,
                   ...) {
    struct bl__test_record *record = bl__test_record;
    va_list args;
    (void)place;
    va_start(args, format);
    vsnprintf(record->skip_reason, sizeof record->skip_reason, format, args);
    va_end(args);
    bl__record_outcome(BL_TEST_SKIPPED);
    bl__unwind_failed();
}

/* ---- values -------------------------------------------------------------- */

struct bl__test_value bl__test_of_int(int64_t i) {
    return (struct bl__test_value){ .kind = BL__TEST_IS_INT, .i = i };
}

struct bl__test_value bl__test_of_char(int64_t i) {
    return (struct bl__test_value){ .kind = BL__TEST_IS_CHAR, .i = i };
}

struct bl__test_value bl__test_of_uint(uint64_t u) {
    return (struct bl__test_value){ .kind = BL__TEST_IS_UINT, .u = u };
}

struct bl__test_value bl__test_of_bool(uint64_t u) {
    return (struct bl__test_value){ .kind = BL__TEST_IS_BOOL, .u = u };
}

struct bl__test_value bl__test_of_float(long double f) {
    return (struct bl__test_value){ .kind = BL__TEST_IS_FLOAT, .f = f };
}

struct bl__test_value bl__test_of_pointer(const volatile void *p) {
    return (struct bl__test_value){ .kind = BL__TEST_IS_POINTER, .p = p };
}

/* Any value but a floating-point one, as sign and magnitude. */
struct integer {
    bool is_negative;
    uint64_t magnitude;
};

static struct integer integer_of(const struct bl__test_value *value) {
    if (value->kind == BL__TEST_IS_POINTER) {
        return (struct integer){ .magnitude = (uintptr_t)value->p };
    }
    if (value->kind == BL__TEST_IS_UINT || value->kind == BL__TEST_IS_BOOL) {
        return (struct integer){ .magnitude = value->u };
    }
    if (value->i >= 0)
        return (struct integer){ .magnitude = (uint64_t)value->i };
    return (struct integer){ true, -(uint64_t)value->i };
}

static long double float_of(const struct bl__test_value *value) {
    if (value->kind == BL__TEST_IS_FLOAT) return value->f;
    struct integer integer = integer_of(value);
    long double magnitude = (long double)integer.magnitude;
    return integer.is_negative ? -magnitude : magnitude;
}

/* -1, 0, 1, or 2 if they cannot be ordered. */
static int order_of(const struct bl__test_value *left,
                    const struct bl__test_value *right) {
    if (left->kind == BL__TEST_IS_FLOAT || right->kind == BL__TEST_IS_FLOAT) {
        long double a = float_of(left);
        long double b = float_of(right);
        if (isnan(a) || isnan(b)) return 2;
        return (a > b) - (a < b);
    }
    struct integer a = integer_of(left);
    struct integer b = integer_of(right);
    if (a.is_negative != b.is_negative) return a.is_negative ? -1 : 1;
    int order = (a.magnitude > b.magnitude) - (a.magnitude < b.magnitude);
    return a.is_negative ? -order : order;
}

static bool holds(enum bl__test_relation relation, int order) {
    if (order == 2) return relation == BL__TEST_NE;
    switch (relation) {
    case BL__TEST_EQ: return order == 0;
    case BL__TEST_NE: return order != 0;
    case BL__TEST_LT: return order < 0;
    case BL__TEST_LE: return order <= 0;
    case BL__TEST_GT: return order > 0;
    case BL__TEST_GE: break;
    }
    return order >= 0;
}

bool bl__test_are_equal(struct bl__test_value left,
                        struct bl__test_value right) {
    return order_of(&left, &right) == 0;
}

void bl__test_add_value(struct bl__text *text,
                        const struct bl__test_value *value) {
    switch (value->kind) {
    case BL__TEST_IS_INT: bl__text_add(text, "%" PRId64, value->i); return;
    case BL__TEST_IS_UINT: bl__text_add(text, "%" PRIu64, value->u); return;
    case BL__TEST_IS_FLOAT: bl__text_add(text, "%.17Lg", value->f); return;
    case BL__TEST_IS_BOOL:
        bl__text_add(text, "%s", value->u ? "true" : "false");
        return;
    case BL__TEST_IS_CHAR:
        bl__text_add(text, "%" PRId64, value->i);
        if (value->i >= ' ' && value->i < 0x7f) {
            bl__text_add(text, " '%c'", (int)value->i);
        }
        return;
    case BL__TEST_IS_POINTER: break;
    }
    if (value->p == NULL) {
        bl__text_add(text, "NULL");
    } else {
        bl__text_add(text, "%p", (const void *)(uintptr_t)value->p);
    }
}

/* Whether what is written is a literal, which shows its value itself. */
static bool is_literal(const char *written) {
    if (written[0] == '"') return written[strlen(written) - 1] == '"';
    if (written[0] == '-') written++;
    if (written[0] >= '0' && written[0] <= '9') {
        return strpbrk(written, "+-*/% (") == NULL;
    }
    return strcmp(written, "false") == 0 || strcmp(written, "true") == 0;
}

/* A line "text = value", unless the text is the value already. */
static void add_line(struct bl__text *text, const char *written,
                     const struct bl__test_value *value) {
    char buffer[80];
    if (is_literal(written)) return;
    struct bl__text shown = bl__text_in(buffer, sizeof buffer);
    bl__test_add_value(&shown, value);
    if (strcmp(written, shown.data) == 0) return;
    bl__text_add(text, "%s = %s\n", written, shown.data);
}

/* `true` and `false` are numbers in C; beside a bool they are words. */
static void suit(struct bl__test_value *value,
                 const struct bl__test_value *other) {
    bool is_truth =
        value->kind == BL__TEST_IS_INT && (value->i == 0 || value->i == 1);
    if (other->kind != BL__TEST_IS_BOOL || !is_truth) return;
    *value = bl__test_of_bool((uint64_t)value->i);
}

static const char *sign_of(enum bl__test_relation relation) {
    static const char *const signs[] = { "vs",        "is",       "is not <",
                                         "is not <=", "is not >", "is not >=" };
    return signs[relation];
}

bool bl__test_compare(const struct bl__test_place *place,
                      struct bl__test_value left, struct bl__test_value right) {
    char summary_text[SUMMARY_BYTES];
    char details_text[DETAILS_BYTES];
    if (holds(place->relation, order_of(&left, &right))) return true;

    suit(&left, &right);
    suit(&right, &left);
    struct bl__text summary = bl__text_in(summary_text, sizeof summary_text);
    bl__text_add(&summary, "%s(%s, %s): ", place->macro, place->left,
                 place->right);
    bl__test_add_value(&summary, &left);
    bl__text_add(&summary, " %s ", sign_of(place->relation));
    bl__test_add_value(&summary, &right);
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    add_line(&details, place->left, &left);
    add_line(&details, place->right, &right);
    return fail(place, summary.data, details.data);
}

bool bl__test_near(const struct bl__test_place *place, long double left,
                   long double right, long double tolerance) {
    char summary[SUMMARY_BYTES];
    long double distance = left > right ? left - right : right - left;
    if (distance <= tolerance) return true;
    if (left == right) return true; /* both infinite */
    snprintf(summary, sizeof summary,
             "%s(%s, %s): %.12Lg vs %.12Lg: %.3Lg apart, %.3Lg allowed",
             place->macro, place->left, place->right, left, right, distance,
             tolerance);
    return fail(place, summary, "");
}

/* ---- text and memory ----------------------------------------------------- */

static void add_string(struct bl__text *text, const char *written,
                       const char *string, size_t at) {
    if (is_literal(written)) return;
    bl__difference_add_string(text, written, string, at);
}

bool bl__test_text(const struct bl__test_place *place, const char *left,
                   const char *right) {
    char summary[SUMMARY_BYTES];
    char details_text[DETAILS_BYTES];
    size_t at = 0;
    if (left == right) return true;
    snprintf(summary, sizeof summary, "%s(%s, %s): they differ", place->macro,
             place->left, place->right);
    if (left != NULL && right != NULL) {
        if (strcmp(left, right) == 0) return true;
        at = bl__difference_find(left, strlen(left), right, strlen(right));
        snprintf(summary, sizeof summary, "%s(%s, %s): differ at byte %zu",
                 place->macro, place->left, place->right, at);
    }
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    add_string(&details, place->left, left, at);
    add_string(&details, place->right, right, at);
    return fail(place, summary, details.data);
}

bool bl__test_contains(const struct bl__test_place *place, const char *text,
                       const char *part) {
    char summary[SUMMARY_BYTES];
    char details_text[DETAILS_BYTES];
    if (text != NULL && part != NULL && strstr(text, part) != NULL) return true;

    snprintf(summary, sizeof summary, "%s(%s, %s): it is not there",
             place->macro, place->left, place->right);
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    add_string(&details, place->right, part, 0);
    bl__text_add(&details, "%s = ", place->left);
    bl__text_add_quoted(&details, text, DETAILS_BYTES / 2);
    return fail(place, summary, details.data);
}

bool bl__test_memory(const struct bl__test_place *place, const void *left,
                     size_t left_bytes, const void *right, size_t right_bytes) {
    char summary[SUMMARY_BYTES];
    char details_text[DETAILS_BYTES];
    size_t left_there = left != NULL ? left_bytes : 0;
    size_t right_there = right != NULL ? right_bytes : 0;
    size_t at = bl__difference_find(left, left_there, right, right_there);
    if (at == left_bytes && at == right_bytes) return true;

    snprintf(
        summary, sizeof summary,
        "%s(%s, %s): differ at byte %zu (%zu and %zu bytes%s)", place->macro,
        place->left, place->right, at, left_bytes, right_bytes,
        left_there != left_bytes || right_there != right_bytes ? ", at NULL"
                                                               : "");
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    bl__difference_add_dump(&details, place->left, left, left_there, at);
    bl__difference_add_dump(&details, place->right, right, right_there, at);
    return fail(place, summary, details.data);
}

/* ---- codes --------------------------------------------------------------- */

static void add_code(struct bl__text *text, int64_t rc) {
    if (rc >= 0 || rc < INT_MIN) {
        bl__text_add(text, "%" PRId64, rc);
        return;
    }
    bl__text_add(text, "%s (%" PRId64 "): %s", bl_error_name((int)rc), rc,
                 bl_strerror((int)rc));
}

/* The error object, where it belongs to the code. */
static void add_error(struct bl__text *text, int64_t rc) {
    char tree[DETAILS_BYTES];
    if (rc >= 0 || rc < INT_MIN) return;
    const bl_error *error = bl_error_current((int)rc);
    if (error == NULL) return;
    bl_error_format(error, tree, sizeof tree);
    bl__text_add_tree(text, tree);
}

bool bl__test_ok(const struct bl__test_place *place, int64_t rc) {
    char summary_text[SUMMARY_BYTES];
    char details_text[DETAILS_BYTES];
    if (rc >= 0) return true;
    struct bl__text summary = bl__text_in(summary_text, sizeof summary_text);
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    bl__text_add(&summary, "%s(%s): ", place->macro, place->left);
    add_code(&summary, rc);
    add_error(&details, rc);
    return fail(place, summary.data, details.data);
}

/* The code that was expected, unless it is written there by its name. */
static void add_wanted(struct bl__text *text, const char *written,
                       int64_t code) {
    bool is_named = code < 0 && code >= INT_MIN &&
                    strcmp(written, bl_error_name((int)code)) == 0;
    bl__text_add(text, ", not ");
    if (is_named) {
        bl__text_add(text, "%s", written);
    } else {
        add_code(text, code);
    }
}

bool bl__test_code(const struct bl__test_place *place, int64_t rc,
                   int64_t code) {
    char summary_text[SUMMARY_BYTES];
    char details_text[DETAILS_BYTES];
    if (rc == code) return true;
    struct bl__text summary = bl__text_in(summary_text, sizeof summary_text);
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    bl__text_add(&summary, "%s(%s, %s): ", place->macro, place->left,
                 place->right);
    add_code(&summary, rc);
    add_wanted(&summary, place->right, code);
    add_error(&details, rc);
    return fail(place, summary.data, details.data);
}
