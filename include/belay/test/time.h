/* SPDX-License-Identifier: MIT */
/*
 * belay/test/time.h - time and events in tests: never sleep and hope
 *
 * A test waits for what it means: until all others wait, until a condition
 * holds, until the clock stands there, until the code under test has come to a
 * point.  Nothing here polls by the real clock.
 */
#ifndef BELAY_TEST_TIME_H
#define BELAY_TEST_TIME_H

#include <belay/scope.h>
#include <belay/test/check.h>
#include <belay/test/parts.h>

BL_BEGIN_DECLS

BL_API
void bl__test_settle(void);
BL_API
void bl__test_advance(bl_ns duration);

/* A condition that is looked at whenever something may have changed. */
struct bl__test_watch {
    const struct bl__test_place *place;
    bl_ns began;
    bl_ns ends;
    bl_ns limit;
    uint64_t looks;
    bool is_over;
};
BL_API
struct bl__test_watch bl__test_watch_begin(const struct bl__test_place *place,
                                           bl_ns limit);
BL_API
bool bl__test_watch_next(struct bl__test_watch *watch);
BL_API
bool bl__test_watch_end(struct bl__test_watch *watch, bool wanted, bool seen);

BL_API
bool bl__test_watch_end_equal(struct bl__test_watch *watch,
                              struct bl__test_value left,
                              struct bl__test_value right);
BL_API
bool bl__test_are_equal(struct bl__test_value left,
                        struct bl__test_value right);

BL_API
bool bl__test_wait_probe(const struct bl__test_place *place, const char *name,
                         uint64_t count, bl_ns limit);
BL_API
bool bl__test_wait_log(const struct bl__test_place *place, const char *text,
                       bl_ns limit);

/* A block that is timed, bounded, counted or put in order. */
struct bl__test_block {
    const struct bl__test_place *place;
    int64_t number; /* the duration or the place in the order */
    bl_ns began;
    uint64_t count;
    uint64_t task_id;
    struct bl__test_block *outer;
    bl_scope scope;
    int step;
};
BL_API
bool bl__test_within_next(struct bl__test_block *block,
                          const struct bl__test_place *place, bl_ns limit);
BL_API
void bl__test_within_leave(struct bl__test_block *block);
BL_API
bool bl__test_takes_next(struct bl__test_block *block,
                         const struct bl__test_place *place, bl_ns duration);
BL_API
bool bl__test_seq_next(struct bl__test_block *block,
                       const struct bl__test_place *place, int64_t number);
BL_API
void bl__test_seq_leave(struct bl__test_block *block);
BL_API
bool bl__test_points_next(struct bl__test_block *block,
                          const struct bl__test_place *place, bool wanted);
BL_API
void bl__test_points_leave(struct bl__test_block *block);

/* ---- functions ---------------------------------------------------------- */

/*
 * Returns how often the probe `name` has been passed in this test; see
 * <belay/probe.h>.
 */
BL_API
uint64_t bl_test_probe_count(const char *name);

/*
 * Returns the tasks of the test and of its fixtures, one per line, each
 * indented below its parent, with what it waits for.
 *
 * There are no numbers, addresses or lines in it, so it can be kept:
 * CHECK_SNAPSHOT, CHECK_CONTAINS.  Valid until the next call.
 */
BL_API
const char *bl_test_task_tree(void);

BL_END_DECLS

#if defined(__GNUC__) && !defined(__cplusplus)

/*
 * bl_test_settle() waits until every other task is blocked and, by a virtual
 * clock, time would have to move.
 */
#    define bl_test_settle() (bl__at(BL__SITE("t_settle()")), bl__test_settle())

/*
 * bl_test_advance(duration) lets time pass, stopping at each timer that is
 * due on the way, and settles.  By a manual clock this moves it.
 */
#    define bl_test_advance(duration)                  \
        (bl__at(BL__SITE("t_advance(" #duration ")")), \
         bl__test_advance(duration))

/* `text` and `until` are the condition and the limit as they are written. */
#    define BL__TEST_WATCH(macro, condition, text, severity, limit, until, \
                           wanted)                                         \
        __extension__({                                                    \
            struct bl__test_watch bl__watch = bl__test_watch_begin(        \
                BL__TEST_HERE(macro, text, until, severity), (limit));     \
            bool bl__seen;                                                 \
            do                                                             \
                bl__seen = (condition) ? true : false;                     \
            while (!bl__seen && bl__test_watch_next(&bl__watch));          \
            bl__test_watch_end(&bl__watch, (wanted), bl__seen);            \
        })

/*
 * REQUIRE_EVENTUALLY(condition, limit): the condition comes true before
 * `limit` has passed.  Looked at whenever the other tasks have settled, and
 * after each step of the clock; nothing is polled.
 */
#    define BL_CHECK_EVENTUALLY(condition, limit)                 \
        BL__TEST_WATCH("CHECK_EVENTUALLY", condition, #condition, \
                       BL__TEST_CHECK, limit, #limit, true)
#    define BL_REQUIRE_EVENTUALLY(condition, limit)                 \
        BL__TEST_WATCH("REQUIRE_EVENTUALLY", condition, #condition, \
                       BL__TEST_REQUIRE, limit, #limit, true)

/*
 * REQUIRE_EVENTUALLY_EQ(a, b, limit): two scalars become equal; if they do
 * not, shows the last values.
 */
#    define BL__TEST_WATCH_EQUAL(macro, a, b, text, severity, limit, until) \
        __extension__({                                                     \
            struct bl__test_watch bl__watch = bl__test_watch_begin(         \
                BL__TEST_HERE(macro, text, until, severity), (limit));      \
            struct bl__test_value bl__left;                                 \
            struct bl__test_value bl__right;                                \
            do {                                                            \
                bl__left = BL__TEST_VALUE(a);                               \
                bl__right = BL__TEST_VALUE(b);                              \
            } while (!bl__test_are_equal(bl__left, bl__right) &&            \
                     bl__test_watch_next(&bl__watch));                      \
            bl__test_watch_end_equal(&bl__watch, bl__left, bl__right);      \
        })
#    define BL_CHECK_EVENTUALLY_EQ(a, b, limit)                       \
        BL__TEST_WATCH_EQUAL("CHECK_EVENTUALLY_EQ", a, b, #a ", " #b, \
                             BL__TEST_CHECK, limit, #limit)
#    define BL_REQUIRE_EVENTUALLY_EQ(a, b, limit)                       \
        BL__TEST_WATCH_EQUAL("REQUIRE_EVENTUALLY_EQ", a, b, #a ", " #b, \
                             BL__TEST_REQUIRE, limit, #limit)

/* CHECK_NEVER(condition, duration): it stays false all the while. */
#    define BL_CHECK_NEVER(condition, duration)                              \
        BL__TEST_WATCH("CHECK_NEVER", condition, #condition, BL__TEST_CHECK, \
                       duration, #duration, false)
#    define BL_REQUIRE_NEVER(condition, duration)              \
        BL__TEST_WATCH("REQUIRE_NEVER", condition, #condition, \
                       BL__TEST_REQUIRE, duration, #duration, false)

/*
 * bl_test_wait_probe(name, count, limit) waits until BL_PROBE(name) has been
 * passed `count` times in this test; if `limit` passes first, ends the task
 * and shows which probes were passed.
 */
#    define bl_test_wait_probe(name, count, limit)                           \
        bl__test_wait_probe(BL__TEST_HERE("t_wait_probe", #name ", " #count, \
                                          #limit, BL__TEST_REQUIRE),         \
                            (name), (count), (limit))

/*
 * bl_test_wait_log(text, limit) waits until the test has written `text` to its
 * stdout or stderr; if `limit` passes first, ends the task and shows the last
 * lines.  Where output is not captured, the test is skipped.
 */
#    define bl_test_wait_log(text, limit)                                 \
        bl__test_wait_log(                                                \
            BL__TEST_HERE("t_wait_log", #text, #limit, BL__TEST_REQUIRE), \
            (text), (limit))

#    define BL__TEST_BLOCK(leave, id) \
        struct bl__test_block BL__CLEANUP(leave) id = { 0 }

/*
 * WITHIN(limit) { ... } cancels the block when the limit passes, and then
 * fails.
 */
#    define BL_WITHIN(limit) \
        BL__TEST_WITHIN(limit, #limit, BL__TEST_PASTE(bl__within_, __LINE__))
#    define BL__TEST_WITHIN(limit, text, id)                                  \
        for (BL__TEST_BLOCK(bl__test_within_leave, id); bl__test_within_next( \
                 &id, BL__TEST_HERE("WITHIN", text, NULL, BL__TEST_CHECK),    \
                 (limit));)

/* TAKES(duration) statement: by a virtual clock exactly, else at least. */
#    define BL_TAKES(duration)              \
        BL__TEST_TAKES(duration, #duration, \
                       BL__TEST_PASTE(bl__takes_, __LINE__))
#    define BL__TEST_TAKES(duration, text, id)                            \
        for (struct bl__test_block id = { 0 }; bl__test_takes_next(       \
                 &id, BL__TEST_HERE("TAKES", text, NULL, BL__TEST_CHECK), \
                 (duration));)

/*
 * SEQ(n) { ... } waits until SEQ(0) to SEQ(n - 1) have been left, in whatever
 * tasks they are, then runs the block.
 */
#    define BL_SEQ(number) \
        BL__TEST_SEQ(number, #number, BL__TEST_PASTE(bl__seq_, __LINE__))
#    define BL__TEST_SEQ(n, text, id)                                   \
        for (BL__TEST_BLOCK(bl__test_seq_leave, id); bl__test_seq_next( \
                 &id, BL__TEST_HERE("SEQ", text, NULL, BL__TEST_CHECK), (n));)

/* CHECK_CHECKPOINTS { ... }: the block passes a checkpoint; NO: it does not. */
#    define BL_CHECK_CHECKPOINTS                   \
        BL__TEST_POINTS("CHECK_CHECKPOINTS", true, \
                        BL__TEST_PASTE(bl__points_, __LINE__))
#    define BL_CHECK_NO_CHECKPOINTS                    \
        BL__TEST_POINTS("CHECK_NO_CHECKPOINTS", false, \
                        BL__TEST_PASTE(bl__points_, __LINE__))
#    define BL__TEST_POINTS(macro, wanted, id)                                \
        for (BL__TEST_BLOCK(bl__test_points_leave, id); bl__test_points_next( \
                 &id, BL__TEST_HERE(macro, NULL, NULL, BL__TEST_CHECK),       \
                 (wanted));)

#endif

#endif
