/* SPDX-License-Identifier: MIT */
/*
 * belay/test/parts.h - what the macros of the other test headers are made of
 *
 * Nothing here is used by hand.  Lists of fixtures are taken apart by the
 * preprocessor: the macros count the names in a list, and put one piece of text
 * for each.  A *place* is where in the source something is checked.
 */
#ifndef BELAY_TEST_PARTS_H
#define BELAY_TEST_PARTS_H

#include <belay/base.h>

BL_BEGIN_DECLS

/* How bad it is if a check fails. */
enum bl__test_severity {
    BL__TEST_CHECK,   /* it is recorded */
    BL__TEST_REQUIRE, /* and the task ends */
    BL__TEST_ALWAYS   /* it is recorded, in an injected run as well */
};

enum bl__test_relation {
    BL__TEST_EQ,
    BL__TEST_NE,
    BL__TEST_LT,
    BL__TEST_LE,
    BL__TEST_GT,
    BL__TEST_GE
};

/* One place in the source where something is checked. */
struct bl__test_place {
    const char *macro;
    const char *file;
    const char *left; /* the arguments as written; NULL if there is none */
    const char *right;
    int line;
    enum bl__test_severity severity;
    enum bl__test_relation relation;
};

BL_END_DECLS

#if defined(__GNUC__) && !defined(__cplusplus)

#    define BL__TEST_PASTE_(a, b)      a##b
#    define BL__TEST_PASTE(a, b)       BL__TEST_PASTE_(a, b)
#    define BL__TEST_SECOND(a, b, ...) b
#    define BL__TEST_SECOND_OF(...)    BL__TEST_SECOND(__VA_ARGS__)

/* 1 if `x` begins with a parenthesis, else 0. */
#    define BL__TEST_PROBE(...) ~, 1
#    define BL__TEST_IS_LIST(x) BL__TEST_SECOND_OF(BL__TEST_PROBE x, 0, ~)

/* 1 if `x`, a name or nothing, is nothing. */
#    define BL__TEST_NAME_           ~, 1
#    define BL__TEST_IS_NONE(x, ...) BL__TEST_SECOND_OF(BL__TEST_NAME_##x, 0, ~)

#    define BL__TEST_COUNT_OF(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, \
                              count, ...)                                     \
        count
#    define BL__TEST_COUNT_(...)                                               \
        BL__TEST_COUNT_OF(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, \
                          5, 4, 3, 2, 1, ~)
#    define BL__TEST_COUNT_0(...) BL__TEST_COUNT_(__VA_ARGS__)
#    define BL__TEST_COUNT_1(...) 0
#    define BL__TEST_COUNT(...)                                           \
        BL__TEST_PASTE(BL__TEST_COUNT_, BL__TEST_IS_NONE(__VA_ARGS__, ~)) \
        (__VA_ARGS__)

/* m(k, x) for each x of a list; k counts down to 1 for the last. */
#    define BL__TEST_MAP(m, list) BL__TEST_MAP_(m, BL__TEST_UNPACK list)
#    define BL__TEST_UNPACK(...)  __VA_ARGS__
#    define BL__TEST_MAP_(m, ...)                                  \
        BL__TEST_PASTE(BL__TEST_MAP_, BL__TEST_COUNT(__VA_ARGS__)) \
        (m, __VA_ARGS__, ~)
#    define BL__TEST_MAP_0(m, ...)
#    define BL__TEST_MAP_1(m, x, ...)  m(1, x)
#    define BL__TEST_MAP_2(m, x, ...)  m(2, x) BL__TEST_MAP_1(m, __VA_ARGS__)
#    define BL__TEST_MAP_3(m, x, ...)  m(3, x) BL__TEST_MAP_2(m, __VA_ARGS__)
#    define BL__TEST_MAP_4(m, x, ...)  m(4, x) BL__TEST_MAP_3(m, __VA_ARGS__)
#    define BL__TEST_MAP_5(m, x, ...)  m(5, x) BL__TEST_MAP_4(m, __VA_ARGS__)
#    define BL__TEST_MAP_6(m, x, ...)  m(6, x) BL__TEST_MAP_5(m, __VA_ARGS__)
#    define BL__TEST_MAP_7(m, x, ...)  m(7, x) BL__TEST_MAP_6(m, __VA_ARGS__)
#    define BL__TEST_MAP_8(m, x, ...)  m(8, x) BL__TEST_MAP_7(m, __VA_ARGS__)
#    define BL__TEST_MAP_9(m, x, ...)  m(9, x) BL__TEST_MAP_8(m, __VA_ARGS__)
#    define BL__TEST_MAP_10(m, x, ...) m(10, x) BL__TEST_MAP_9(m, __VA_ARGS__)
#    define BL__TEST_MAP_11(m, x, ...) m(11, x) BL__TEST_MAP_10(m, __VA_ARGS__)
#    define BL__TEST_MAP_12(m, x, ...) m(12, x) BL__TEST_MAP_11(m, __VA_ARGS__)
#    define BL__TEST_MAP_13(m, x, ...) m(13, x) BL__TEST_MAP_12(m, __VA_ARGS__)
#    define BL__TEST_MAP_14(m, x, ...) m(14, x) BL__TEST_MAP_13(m, __VA_ARGS__)
#    define BL__TEST_MAP_15(m, x, ...) m(15, x) BL__TEST_MAP_14(m, __VA_ARGS__)
#    define BL__TEST_MAP_16(m, x, ...) m(16, x) BL__TEST_MAP_15(m, __VA_ARGS__)

/* What one name in the list of fixtures becomes. */
#    define BL__TEST_AS_PARAMETER(k, x) , BL__UNUSED x##__fixture x
#    define BL__TEST_AS_VALUE(k, x)     , *(const x##__fixture *)bl__values[-k]
#    define BL__TEST_AS_NEED(k, x)      , &x##__fixture_def

/* A pointer to the place of this line, which lives as long as the program. */
#    define BL__TEST_PLACE(macro, left, right, severity, relation)         \
        __extension__({                                                    \
            static const struct bl__test_place bl__here = {                \
                macro, __FILE__, left, right, __LINE__, severity, relation \
            };                                                             \
            &bl__here;                                                     \
        })
#    define BL__TEST_HERE(macro, left, right, severity) \
        BL__TEST_PLACE(macro, left, right, severity, BL__TEST_EQ)

#endif

#endif
