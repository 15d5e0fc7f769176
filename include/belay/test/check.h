/* SPDX-License-Identifier: MIT */
/*
 * belay/test/check.h - checks: CHECK records and goes on, REQUIRE ends the task
 *
 * Checks may stand in a test, in a fixture, and in every task that either has
 * started.  REQUIRE unwinds the stack of its task: cleanup attributes run, so
 * groups and scopes of the blocks above are left in order.
 */
#ifndef BELAY_TEST_CHECK_H
#define BELAY_TEST_CHECK_H

#include <belay/task.h>
#include <belay/test/parts.h>

BL_BEGIN_DECLS

/* A value of any scalar type. */
struct bl__test_value {
    enum {
        BL__TEST_IS_INT,
        BL__TEST_IS_UINT,
        BL__TEST_IS_FLOAT,
        BL__TEST_IS_POINTER,
        BL__TEST_IS_BOOL,
        BL__TEST_IS_CHAR
    } kind;
    int64_t i;  /* of an INT, a CHAR */
    uint64_t u; /* of a UINT, a BOOL */
    long double f;
    const volatile void *p;
};

BL_API
struct bl__test_value bl__test_of_int(int64_t i);
BL_API
struct bl__test_value bl__test_of_char(int64_t i);
BL_API
struct bl__test_value bl__test_of_uint(uint64_t u);
BL_API
struct bl__test_value bl__test_of_bool(uint64_t u);
BL_API
struct bl__test_value bl__test_of_float(long double f);
BL_API
struct bl__test_value bl__test_of_pointer(const volatile void *p);

BL_API
bool bl__test_check(const struct bl__test_place *place, bool is_true);
BL_API
bool bl__test_compare(const struct bl__test_place *place,
                      struct bl__test_value left, struct bl__test_value right);
BL_API
bool bl__test_near(const struct bl__test_place *place, long double left,
                   long double right, long double tolerance);
BL_API
bool bl__test_text(const struct bl__test_place *place, const char *left,
                   const char *right);
BL_API
bool bl__test_contains(const struct bl__test_place *place, const char *text,
                       const char *part);
BL_API
bool bl__test_memory(const struct bl__test_place *place, const void *left,
                     size_t left_bytes, const void *right, size_t right_bytes);
BL_API
bool bl__test_snapshot(const struct bl__test_place *place, const char *name,
                       const void *bytes, size_t count);
BL_API
bool bl__test_ok(const struct bl__test_place *place, int64_t rc);
BL_API
bool bl__test_code(const struct bl__test_place *place, int64_t rc,
                   int64_t code);
BL_API
void bl__test_fail(const struct bl__test_place *place, const char *format, ...)
    BL__PRINTF(2, 3) BL__NORETURN;
BL_API
void bl__test_skip(const struct bl__test_place *place, const char *format, ...)
    BL__PRINTF(2, 3) BL__NORETURN;

/* A line of context, for as long as its block is open. */
struct bl__test_info {
    struct bl__test_info *outer;
    const bl_task *task;
    char text[160];
};
BL_API
void bl__test_info_push(struct bl__test_info *info, const char *format, ...)
    BL__PRINTF(2, 3);
BL_API
void bl__test_info_pop(struct bl__test_info *info);

BL_END_DECLS

#if defined(__GNUC__) && !defined(__cplusplus)

/* Each yields whether it held.  What they compare is evaluated once. */

#    define BL__TEST_VALUE(x)                               \
        __extension__({                                     \
            __auto_type bl__value = (x);                    \
            _Generic(bl__value, _Bool                       \
                     : bl__test_of_bool, char               \
                     : bl__test_of_char, signed char        \
                     : bl__test_of_int, short               \
                     : bl__test_of_int, int                 \
                     : bl__test_of_int, long                \
                     : bl__test_of_int, long long           \
                     : bl__test_of_int, unsigned char       \
                     : bl__test_of_uint, unsigned short     \
                     : bl__test_of_uint, unsigned           \
                     : bl__test_of_uint, unsigned long      \
                     : bl__test_of_uint, unsigned long long \
                     : bl__test_of_uint, float              \
                     : bl__test_of_float, double            \
                     : bl__test_of_float, long double       \
                     : bl__test_of_float, default           \
                     : bl__test_of_pointer)(bl__value);     \
        })

#    define BL__TEST_COMPARE(macro, left, right, severity, relation, a, b) \
        bl__test_compare(                                                  \
            BL__TEST_PLACE(macro, left, right, severity, relation),        \
            BL__TEST_VALUE(a), BL__TEST_VALUE(b))

/* CHECK(condition) */
#    define BL_CHECK(...)                                               \
        bl__test_check(                                                 \
            BL__TEST_HERE("CHECK", #__VA_ARGS__, NULL, BL__TEST_CHECK), \
            (__VA_ARGS__) ? true : false)
#    define BL_REQUIRE(...)                                                 \
        bl__test_check(                                                     \
            BL__TEST_HERE("REQUIRE", #__VA_ARGS__, NULL, BL__TEST_REQUIRE), \
            (__VA_ARGS__) ? true : false)

/* CHECK_ALWAYS(condition): counts in an injected run too. */
#    define BL_CHECK_ALWAYS(...)                                         \
        bl__test_check(BL__TEST_HERE("CHECK_ALWAYS", #__VA_ARGS__, NULL, \
                                     BL__TEST_ALWAYS),                   \
                       (__VA_ARGS__) ? true : false)

/*
 * CHECK_EQ(a, b), and NE, LT, LE, GT, GE: any two scalars, compared as the
 * numbers they are, so that -1 is less than 1u.  Pointers by address.
 */
#    define BL_CHECK_EQ(a, b) \
        BL__TEST_COMPARE("CHECK_EQ", #a, #b, BL__TEST_CHECK, BL__TEST_EQ, a, b)
#    define BL_CHECK_NE(a, b) \
        BL__TEST_COMPARE("CHECK_NE", #a, #b, BL__TEST_CHECK, BL__TEST_NE, a, b)
#    define BL_CHECK_LT(a, b) \
        BL__TEST_COMPARE("CHECK_LT", #a, #b, BL__TEST_CHECK, BL__TEST_LT, a, b)
#    define BL_CHECK_LE(a, b) \
        BL__TEST_COMPARE("CHECK_LE", #a, #b, BL__TEST_CHECK, BL__TEST_LE, a, b)
#    define BL_CHECK_GT(a, b) \
        BL__TEST_COMPARE("CHECK_GT", #a, #b, BL__TEST_CHECK, BL__TEST_GT, a, b)
#    define BL_CHECK_GE(a, b) \
        BL__TEST_COMPARE("CHECK_GE", #a, #b, BL__TEST_CHECK, BL__TEST_GE, a, b)
#    define BL_REQUIRE_EQ(a, b)                                               \
        BL__TEST_COMPARE("REQUIRE_EQ", #a, #b, BL__TEST_REQUIRE, BL__TEST_EQ, \
                         a, b)
#    define BL_REQUIRE_NE(a, b)                                               \
        BL__TEST_COMPARE("REQUIRE_NE", #a, #b, BL__TEST_REQUIRE, BL__TEST_NE, \
                         a, b)
#    define BL_REQUIRE_LT(a, b)                                               \
        BL__TEST_COMPARE("REQUIRE_LT", #a, #b, BL__TEST_REQUIRE, BL__TEST_LT, \
                         a, b)
#    define BL_REQUIRE_LE(a, b)                                               \
        BL__TEST_COMPARE("REQUIRE_LE", #a, #b, BL__TEST_REQUIRE, BL__TEST_LE, \
                         a, b)
#    define BL_REQUIRE_GT(a, b)                                               \
        BL__TEST_COMPARE("REQUIRE_GT", #a, #b, BL__TEST_REQUIRE, BL__TEST_GT, \
                         a, b)
#    define BL_REQUIRE_GE(a, b)                                               \
        BL__TEST_COMPARE("REQUIRE_GE", #a, #b, BL__TEST_REQUIRE, BL__TEST_GE, \
                         a, b)

/* CHECK_NEAR(a, b, tolerance): |a - b| <= tolerance, and neither is a NaN. */
#    define BL_CHECK_NEAR(a, b, tolerance)                                 \
        bl__test_near(BL__TEST_HERE("CHECK_NEAR", #a, #b, BL__TEST_CHECK), \
                      (long double)(a), (long double)(b),                  \
                      (long double)(tolerance))
#    define BL_REQUIRE_NEAR(a, b, tolerance)                                   \
        bl__test_near(BL__TEST_HERE("REQUIRE_NEAR", #a, #b, BL__TEST_REQUIRE), \
                      (long double)(a), (long double)(b),                      \
                      (long double)(tolerance))

/* CHECK_STR(a, b): the same text; NULL equals NULL alone. */
#    define BL_CHECK_STR(a, b)                                                 \
        bl__test_text(BL__TEST_HERE("CHECK_STR", #a, #b, BL__TEST_CHECK), (a), \
                      (b))
#    define BL_REQUIRE_STR(a, b)                                              \
        bl__test_text(BL__TEST_HERE("REQUIRE_STR", #a, #b, BL__TEST_REQUIRE), \
                      (a), (b))

/* CHECK_CONTAINS(text, part): `part` is somewhere in `text`. */
#    define BL_CHECK_CONTAINS(text, part)                                  \
        bl__test_contains(                                                 \
            BL__TEST_HERE("CHECK_CONTAINS", #text, #part, BL__TEST_CHECK), \
            (text), (part))
#    define BL_REQUIRE_CONTAINS(text, part)                                    \
        bl__test_contains(                                                     \
            BL__TEST_HERE("REQUIRE_CONTAINS", #text, #part, BL__TEST_REQUIRE), \
            (text), (part))

/* CHECK_MEM(a, a_bytes, b, b_bytes): the same bytes, and as many. */
#    define BL_CHECK_MEM(a, a_bytes, b, b_bytes)                            \
        bl__test_memory(BL__TEST_HERE("CHECK_MEM", #a, #b, BL__TEST_CHECK), \
                        (a), (a_bytes), (b), (b_bytes))
#    define BL_REQUIRE_MEM(a, a_bytes, b, b_bytes)                       \
        bl__test_memory(                                                 \
            BL__TEST_HERE("REQUIRE_MEM", #a, #b, BL__TEST_REQUIRE), (a), \
            (a_bytes), (b), (b_bytes))

/*
 * CHECK_SNAPSHOT(name, bytes, count): the same bytes as are kept in the file
 * `snapshots/NAME`, beside the source of the test.
 *
 * With --update-snapshots the file is written in place of a comparison; so
 * one looks at its difference, and puts it under version control.  `name` may
 * be made at run time, for example of a parameter.
 * Where the source is, is what the compiler was told (__FILE__).
 */
#    define BL_CHECK_SNAPSHOT(name, bytes, count)                         \
        bl__test_snapshot(                                                \
            BL__TEST_HERE("CHECK_SNAPSHOT", #name, NULL, BL__TEST_CHECK), \
            (name), (bytes), (count))
#    define BL_REQUIRE_SNAPSHOT(name, bytes, count)                           \
        bl__test_snapshot(                                                    \
            BL__TEST_HERE("REQUIRE_SNAPSHOT", #name, NULL, BL__TEST_REQUIRE), \
            (name), (bytes), (count))

/* CHECK_OK(rc): not negative.  Shows the code's name and the error tree. */
#    define BL_CHECK_OK(rc) \
        bl__test_ok(BL__TEST_HERE("CHECK_OK", #rc, NULL, BL__TEST_CHECK), (rc))
#    define BL_REQUIRE_OK(rc)                                                 \
        bl__test_ok(BL__TEST_HERE("REQUIRE_OK", #rc, NULL, BL__TEST_REQUIRE), \
                    (rc))

/* CHECK_ERR(rc, code): exactly this code. */
#    define BL_CHECK_ERR(rc, code)                                            \
        bl__test_code(BL__TEST_HERE("CHECK_ERR", #rc, #code, BL__TEST_CHECK), \
                      (rc), (code))
#    define BL_REQUIRE_ERR(rc, code)                                          \
        bl__test_code(                                                        \
            BL__TEST_HERE("REQUIRE_ERR", #rc, #code, BL__TEST_REQUIRE), (rc), \
            (code))

/* bl_test_fail(format, ...) fails the test and ends the task, as REQUIRE. */
#    define bl_test_fail(...)                                              \
        bl__test_fail(                                                     \
            BL__TEST_HERE("t_fail", #__VA_ARGS__, NULL, BL__TEST_REQUIRE), \
            __VA_ARGS__)

/* bl_test_skip(format, ...) ends the test, which then counts as skipped. */
#    define bl_test_skip(...)                                              \
        bl__test_skip(                                                     \
            BL__TEST_HERE("t_skip", #__VA_ARGS__, NULL, BL__TEST_REQUIRE), \
            __VA_ARGS__)

/*
 * BL_TEST_INFO(format, ...); is a line of context, shown with every failure
 * of this task until the block ends.
 */
#    define BL_TEST_INFO(...)                               \
        struct bl__test_info BL__CLEANUP(bl__test_info_pop) \
            BL__TEST_PASTE(bl__info_, __LINE__) = { 0 };    \
        bl__test_info_push(&BL__TEST_PASTE(bl__info_, __LINE__), __VA_ARGS__)

#endif

#endif
