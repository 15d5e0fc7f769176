/* SPDX-License-Identifier: MIT */
/*
 * belay/test.h - tests whose bodies are tasks, and fixtures that are tasks
 *
 * A test file includes this header, says TEST(name) { ... } and is linked with
 * belay-test, which brings main.  Each body runs as a task on a fresh loop in
 * a process of its own, by a virtual clock: an hour of sleep takes no time,
 * and a test in which nothing can happen any more fails at once.  What a test
 * leaves behind (tasks, timers, descriptors, memory, processes) fails it.
 *
 *     TEST(event_arrives_in_time) {
 *         BL_GROUP_SCOPED(group);
 *         REQUIRE_OK(bl_spawn(&group, announcer, &ready));
 *         CHECK_OK(bl_wait_for(bl_event_wait(&ready), BL_SEC(60)));
 *     }
 *
 * The long names below all have a short one at the end of this header, which
 * BL_TEST_NO_SHORT_NAMES leaves out.  GNU C11, for gcc and clang; not for C++.
 */
#ifndef BELAY_TEST_H
#define BELAY_TEST_H

#include <belay.h>

BL_BEGIN_DECLS

/* How a test, or a part of it, went so far. */
typedef enum bl_test_outcome {
    BL_TEST_PASSED,
    BL_TEST_FAILED,  /* a check failed */
    BL_TEST_TIMEOUT, /* it ran out of time, or nothing could wake a task */
    BL_TEST_SKIPPED,
    BL_TEST_BROKEN /* set-up or tear-down failed, or something leaked */
} bl_test_outcome;

/* Which clock the loop of a test lives by. */
typedef enum bl_test_clock {
    BL_TEST_CLOCK_VIRTUAL = 0, /* jumps to the next timer when idle */
    BL_TEST_CLOCK_MANUAL,      /* moves by bl_test_advance alone */
    BL_TEST_CLOCK_REAL
} bl_test_clock;

/* How long a fixture lives. */
typedef enum bl_test_scope {
    BL_TEST_SCOPE_TEST = 0,
    BL_TEST_SCOPE_MODULE,  /* one source file */
    BL_TEST_SCOPE_SESSION, /* one worker process */
    BL_TEST_SCOPE_RUN
} bl_test_scope;

/* What a sweep injects, at each place in turn. */
enum {
    BL_TEST_SWEEP_CANCEL = 1, /* cancels the task that is at a checkpoint */
    BL_TEST_SWEEP_OOM = 2     /* fails an allocation of the library */
};

/*
 * What TEST can be told, as `.field = value`.  Zero means default.
 */
typedef struct bl_test_options {
    size_t size; /* set by the macro */
    /* Of the loop's clock, for the body: then the test is cancelled, its
     * fixtures are torn down.  Default: a day of virtual time, 20 seconds of
     * real time. */
    bl_ns timeout;
    bl_ns watchdog;   /* of real time: then its process is killed; 30 s */
    const char *tags; /* words, for -k */
    const char *skip; /* why it is not run */
    /* Asked before the test runs; returns why it cannot, or NULL. */
    const char *(*skip_if)(void);
    const char *xfail;  /* why it is known to fail; passing is then a failure */
    int signal;         /* its process must die by this signal */
    const char *output; /* its output must contain this text */
    bl_test_clock clock;
    unsigned schedules;    /* runs with shuffled orders, after the plain one */
    unsigned sweep;        /* BL_TEST_SWEEP_CANCEL | BL_TEST_SWEEP_OOM */
    bool no_loop;          /* the body is plain C: no loop, not a task */
    bool may_leak;         /* leaks are allowed, for example after misuse */
    bl_driver_kind driver; /* default: that of the command line */
    size_t stack_bytes;    /* of the loop's tasks */
} bl_test_options;

/*
 * What FIXTURE can be told, as `.field = value`.  Zero means default.
 */
typedef struct bl_fixture_options {
    size_t size; /* set by the macro */
    bl_test_scope scope;
    bool autouse;           /* every test of the file has it */
    bl_ns setup_timeout;    /* of the loop's clock; default 10 s */
    bl_ns teardown_timeout; /* of the loop's clock; default 10 s */
} bl_fixture_options;

/* ---- what the macros stand on; not used by hand ------------------------- */

struct bl__fixture_run;

typedef void bl__test_thunk(const void *const *values);
typedef void bl__fixture_thunk(struct bl__fixture_run *run, void *slot,
                               const void *const *values);

/* How the values of a PARAM are shown in the names of tests. */
enum bl__param_kind {
    BL__PARAM_OTHER, /* by name and position */
    BL__PARAM_SIGNED,
    BL__PARAM_UNSIGNED,
    BL__PARAM_BOOL,
    BL__PARAM_FLOAT,
    BL__PARAM_DOUBLE,
    BL__PARAM_TEXT
};

struct bl__fixture {
    const char *name;
    const char *file;
    int line;
    size_t value_bytes;
    bl__fixture_thunk *body;          /* NULL for a PARAM */
    struct bl__fixture *const *needs; /* [0] is NULL; the rest in order */
    size_t need_count;
    const void *values; /* of a PARAM */
    size_t value_count;
    enum bl__param_kind kind;
    bl_fixture_options options;
    struct bl__fixture *next; /* in the registry */
};

struct bl__test {
    const char *name;
    const char *file;
    int line;
    bl__test_thunk *body;
    struct bl__fixture *const *needs;
    size_t need_count;
    bl_test_options options;
    struct bl__test *next;
};

BL_API
void bl__test_register(struct bl__test *test);
BL_API
void bl__fixture_register(struct bl__fixture *fixture);
BL_API
bl_test_outcome bl__fixture_yield(struct bl__fixture_run *run);

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
 * Runs the tests that the command line `argv` selects.
 *
 * belay-test has a main that does just this; a program with a main of its own
 * calls it there, before it starts a thread.
 *
 * Returns the exit status: 0 all passed, 1 some failed, 2 interrupted, 3 the
 * runner failed, 4 the command line is wrong, 5 there was no test to run.
 */
BL_API
int bl_test_main(int argc, char **argv);

/*
 * Returns whether this run injects a cancellation or a failing allocation.
 *
 * In such a run failing checks of the body are no failure; BL_CHECK_ALWAYS
 * counts all the same.
 */
BL_API
bool bl_test_is_injected(void);

BL_END_DECLS

#if defined(__GNUC__) && !defined(__cplusplus)

/* ---- telling apart the forms of TEST and FIXTURE ------------------------ */

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

/* ---- tests -------------------------------------------------------------- */

/*
 * TEST(name) { ... }
 * TEST(name, .timeout = BL_SEC(5), .tags = "net slow") { ... }
 * TEST(name, (server, client), .schedules = 200) { ... }
 *
 * Declares and registers a test.  The names in parentheses are fixtures: they
 * are set up in order, and each is a parameter of the body with the type and
 * the value that the fixture yielded.
 */
#    define BL_TEST(...)                                                    \
        BL__TEST_PASTE(BL__TEST_FORM_, BL__TEST_IS_LIST(BL__TEST_SECOND_OF( \
                                           __VA_ARGS__, ~, ~)))             \
        (__VA_ARGS__, )
#    define BL__TEST_FORM_0(name, ...)       BL__TEST(name, (), __VA_ARGS__)
#    define BL__TEST_FORM_1(name, list, ...) BL__TEST(name, list, __VA_ARGS__)

/* `bl__values` points past the end, since the places are counted from there. */
#    define BL__TEST(test, list, ...)                                          \
        static void test##__body(BL__UNUSED const void *bl__none BL__TEST_MAP( \
            BL__TEST_AS_PARAMETER, list));                                     \
        static void test##__thunk(BL__UNUSED const void *const *bl__values) {  \
            test##__body(NULL BL__TEST_MAP(BL__TEST_AS_VALUE, list));          \
        }                                                                      \
        static struct bl__fixture *const test##__needs[] = {                   \
            NULL BL__TEST_MAP(BL__TEST_AS_NEED, list)                          \
        };                                                                     \
        static struct bl__test test##__test = {                                \
            .name = #test,                                                     \
            .file = __FILE__,                                                  \
            .line = __LINE__,                                                  \
            .body = test##__thunk,                                             \
            .needs = test##__needs,                                            \
            .need_count =                                                      \
                sizeof(test##__needs) / sizeof(test##__needs[0]) - 1,          \
            .options = { .size = sizeof(bl_test_options), __VA_ARGS__ },       \
        };                                                                     \
        __attribute__((constructor)) static void test##__register(void) {      \
            bl__test_register(&test##__test);                                  \
        }                                                                      \
        static void test##__body(BL__UNUSED const void *bl__none BL__TEST_MAP( \
            BL__TEST_AS_PARAMETER, list))

/* ---- fixtures ----------------------------------------------------------- */

/*
 * FIXTURE(type, name) { ... YIELD(value); ... }
 * FIXTURE(type, name, (other), .scope = T_MODULE) { ... }
 *
 * Declares and registers a fixture: a task that makes something, hands it to
 * the test with YIELD, and unmakes it when YIELD returns.  Groups, scopes and
 * cleanup attributes may span the YIELD.
 */
#    define BL_FIXTURE(type, ...)                                              \
        BL__FIXTURE_TYPE(type, __VA_ARGS__, ~)                                 \
        BL__TEST_PASTE(BL__FIXTURE_FORM_, BL__TEST_IS_LIST(BL__TEST_SECOND_OF( \
                                              __VA_ARGS__, ~, ~)))             \
        (static, __VA_ARGS__, )

/*
 * FIXTURE_DECL(type, name); in a header and FIXTURE_DEF(name, ...) { ... } in
 * one source share a fixture between files.
 */
#    define BL_FIXTURE_DECL(type, name) \
        typedef type name##__fixture;   \
        extern struct bl__fixture name##__fixture_def
#    define BL_FIXTURE_DEF(...)                                                \
        BL__TEST_PASTE(BL__FIXTURE_FORM_, BL__TEST_IS_LIST(BL__TEST_SECOND_OF( \
                                              __VA_ARGS__, ~, ~)))             \
        (, __VA_ARGS__, )

/*
 * YIELD(value) hands `value` to the test and waits until it is over.
 *
 * It always returns, whatever became of the test, and says how it went so
 * far.  What follows is shielded from the test's cancellation.
 */
#    define BL_YIELD(...) \
        (*bl__slot = (__VA_ARGS__), bl__fixture_yield(bl__run))

#    define BL__FIXTURE_TYPE(type, name, ...) typedef type name##__fixture;
#    define BL__FIXTURE_FORM_0(link, name, ...) \
        BL__FIXTURE(link, name, (), __VA_ARGS__)
#    define BL__FIXTURE_FORM_1(link, name, list, ...) \
        BL__FIXTURE(link, name, list, __VA_ARGS__)
#    define BL__FIXTURE(link, fixture, list, ...)                            \
        static void fixture##__setup(                                        \
            BL__UNUSED struct bl__fixture_run *bl__run,                      \
            BL__UNUSED fixture##__fixture *bl__slot BL__TEST_MAP(            \
                BL__TEST_AS_PARAMETER, list));                               \
        static void fixture##__thunk(                                        \
            struct bl__fixture_run *bl__run, void *bl__slot,                 \
            BL__UNUSED const void *const *bl__values) {                      \
            fixture##__setup(bl__run,                                        \
                             (fixture##__fixture *)bl__slot BL__TEST_MAP(    \
                                 BL__TEST_AS_VALUE, list));                  \
        }                                                                    \
        static struct bl__fixture *const fixture##__needs[] = {              \
            NULL BL__TEST_MAP(BL__TEST_AS_NEED, list)                        \
        };                                                                   \
        link struct bl__fixture fixture##__fixture_def = {                   \
            .name = #fixture,                                                \
            .file = __FILE__,                                                \
            .line = __LINE__,                                                \
            .value_bytes = sizeof(fixture##__fixture),                       \
            .body = fixture##__thunk,                                        \
            .needs = fixture##__needs,                                       \
            .need_count =                                                    \
                sizeof(fixture##__needs) / sizeof(fixture##__needs[0]) - 1,  \
            .options = { .size = sizeof(bl_fixture_options), __VA_ARGS__ },  \
        };                                                                   \
        __attribute__((constructor)) static void fixture##__register(void) { \
            bl__fixture_register(&fixture##__fixture_def);                   \
        }                                                                    \
        static void fixture##__setup(                                        \
            BL__UNUSED struct bl__fixture_run *bl__run,                      \
            BL__UNUSED fixture##__fixture *bl__slot BL__TEST_MAP(            \
                BL__TEST_AS_PARAMETER, list))

/*
 * PARAM(type, name, value, ...);
 *
 * A fixture with several values: whatever depends on it runs once for each.
 */
#    define BL_PARAM(type, param, ...)                                         \
        typedef type param##__fixture;                                         \
        static const param##__fixture param##__values[] = { __VA_ARGS__ };     \
        static struct bl__fixture param##__fixture_def;                        \
        __attribute__((constructor)) static void param##__register(void) {     \
            bl__fixture_register(&param##__fixture_def);                       \
        }                                                                      \
        static struct bl__fixture param##__fixture_def = {                     \
            .name = #param,                                                    \
            .file = __FILE__,                                                  \
            .line = __LINE__,                                                  \
            .value_bytes = sizeof(param##__fixture),                           \
            .values = param##__values,                                         \
            .value_count = sizeof(param##__values) / sizeof(param##__fixture), \
            .kind = BL__TEST_PARAM_KIND(param##__values[0]),                   \
        }

#    define BL__TEST_PARAM_KIND(x) \
        _Generic((x), _Bool                                                    \
                 : BL__PARAM_BOOL, char                                        \
                 : BL__PARAM_SIGNED, signed char                               \
                 : BL__PARAM_SIGNED, short                                     \
                 : BL__PARAM_SIGNED, int                                       \
                 : BL__PARAM_SIGNED, long                                      \
                 : BL__PARAM_SIGNED, long long                                 \
                 : BL__PARAM_SIGNED, unsigned char                             \
                 : BL__PARAM_UNSIGNED, unsigned short                          \
                 : BL__PARAM_UNSIGNED, unsigned                                \
                 : BL__PARAM_UNSIGNED, unsigned long                           \
                 : BL__PARAM_UNSIGNED, unsigned long long                      \
                 : BL__PARAM_UNSIGNED, float                                   \
                 : BL__PARAM_FLOAT, double                                     \
                 : BL__PARAM_DOUBLE, char *                                    \
                 : BL__PARAM_TEXT, const char *                                \
                 : BL__PARAM_TEXT, default                                     \
                 : BL__PARAM_OTHER)

/* ---- checks: CHECK records and goes on, REQUIRE ends the task ----------- */

/* Each yields whether it held.  What they compare is evaluated once. */

#    define BL__TEST_PLACE(macro, left, right, severity, relation)         \
        __extension__({                                                    \
            static const struct bl__test_place bl__here = {                \
                macro, __FILE__, left, right, __LINE__, severity, relation \
            };                                                             \
            &bl__here;                                                     \
        })
#    define BL__TEST_HERE(macro, left, right, severity) \
        BL__TEST_PLACE(macro, left, right, severity, BL__TEST_EQ)

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

/* ---- time and events: never sleep and hope ------------------------------ */

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

/*
 * REQUIRE_EVENTUALLY(condition, limit): the condition comes true before
 * `limit` has passed.  Looked at whenever the other tasks have settled, and
 * after each step of the clock; nothing is polled.
 */
#    define BL__TEST_WATCH(macro, condition, text, severity, limit, wanted) \
        __extension__({                                                     \
            struct bl__test_watch bl__watch = bl__test_watch_begin(         \
                BL__TEST_HERE(macro, text, #limit, severity), (limit));     \
            bool bl__seen;                                                  \
            do                                                              \
                bl__seen = (condition) ? true : false;                      \
            while (!bl__seen && bl__test_watch_next(&bl__watch));           \
            bl__test_watch_end(&bl__watch, (wanted), bl__seen);             \
        })
#    define BL_CHECK_EVENTUALLY(condition, limit)                 \
        BL__TEST_WATCH("CHECK_EVENTUALLY", condition, #condition, \
                       BL__TEST_CHECK, limit, true)
#    define BL_REQUIRE_EVENTUALLY(condition, limit)                 \
        BL__TEST_WATCH("REQUIRE_EVENTUALLY", condition, #condition, \
                       BL__TEST_REQUIRE, limit, true)

/* CHECK_NEVER(condition, duration): it stays false all the while. */
#    define BL_CHECK_NEVER(condition, duration)                              \
        BL__TEST_NEVER("CHECK_NEVER", condition, #condition, BL__TEST_CHECK, \
                       duration)
#    define BL_REQUIRE_NEVER(condition, duration)              \
        BL__TEST_NEVER("REQUIRE_NEVER", condition, #condition, \
                       BL__TEST_REQUIRE, duration)
#    define BL__TEST_NEVER(macro, condition, text, severity, duration) \
        BL__TEST_WATCH(macro, condition, text, severity, duration, false)

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

/* ---- short names -------------------------------------------------------- */

#    ifndef BL_TEST_NO_SHORT_NAMES
#        define TEST         BL_TEST
#        define FIXTURE      BL_FIXTURE
#        define FIXTURE_DECL BL_FIXTURE_DECL
#        define FIXTURE_DEF  BL_FIXTURE_DEF
#        define PARAM        BL_PARAM
#        define YIELD        BL_YIELD

#        define CHECK                BL_CHECK
#        define CHECK_ALWAYS         BL_CHECK_ALWAYS
#        define CHECK_EQ             BL_CHECK_EQ
#        define CHECK_NE             BL_CHECK_NE
#        define CHECK_LT             BL_CHECK_LT
#        define CHECK_LE             BL_CHECK_LE
#        define CHECK_GT             BL_CHECK_GT
#        define CHECK_GE             BL_CHECK_GE
#        define CHECK_NEAR           BL_CHECK_NEAR
#        define CHECK_STR            BL_CHECK_STR
#        define CHECK_CONTAINS       BL_CHECK_CONTAINS
#        define CHECK_MEM            BL_CHECK_MEM
#        define CHECK_OK             BL_CHECK_OK
#        define CHECK_ERR            BL_CHECK_ERR
#        define CHECK_EVENTUALLY     BL_CHECK_EVENTUALLY
#        define CHECK_NEVER          BL_CHECK_NEVER
#        define CHECK_CHECKPOINTS    BL_CHECK_CHECKPOINTS
#        define CHECK_NO_CHECKPOINTS BL_CHECK_NO_CHECKPOINTS

#        define REQUIRE            BL_REQUIRE
#        define REQUIRE_EQ         BL_REQUIRE_EQ
#        define REQUIRE_NE         BL_REQUIRE_NE
#        define REQUIRE_LT         BL_REQUIRE_LT
#        define REQUIRE_LE         BL_REQUIRE_LE
#        define REQUIRE_GT         BL_REQUIRE_GT
#        define REQUIRE_GE         BL_REQUIRE_GE
#        define REQUIRE_NEAR       BL_REQUIRE_NEAR
#        define REQUIRE_STR        BL_REQUIRE_STR
#        define REQUIRE_CONTAINS   BL_REQUIRE_CONTAINS
#        define REQUIRE_MEM        BL_REQUIRE_MEM
#        define REQUIRE_OK         BL_REQUIRE_OK
#        define REQUIRE_ERR        BL_REQUIRE_ERR
#        define REQUIRE_EVENTUALLY BL_REQUIRE_EVENTUALLY
#        define REQUIRE_NEVER      BL_REQUIRE_NEVER

#        define WITHIN     BL_WITHIN
#        define TAKES      BL_TAKES
#        define SEQ        BL_SEQ
#        define T_INFO     BL_TEST_INFO
#        define t_fail     bl_test_fail
#        define t_skip     bl_test_skip
#        define t_settle   bl_test_settle
#        define t_advance  bl_test_advance
#        define t_injected bl_test_is_injected

#        define SEC BL_SEC
#        define MS  BL_MS
#        define US  BL_US

#        define T_PASSED        BL_TEST_PASSED
#        define T_FAILED        BL_TEST_FAILED
#        define T_TIMEOUT       BL_TEST_TIMEOUT
#        define T_SKIPPED       BL_TEST_SKIPPED
#        define T_BROKEN        BL_TEST_BROKEN
#        define T_CLOCK_VIRTUAL BL_TEST_CLOCK_VIRTUAL
#        define T_CLOCK_MANUAL  BL_TEST_CLOCK_MANUAL
#        define T_CLOCK_REAL    BL_TEST_CLOCK_REAL
#        define T_TEST          BL_TEST_SCOPE_TEST
#        define T_MODULE        BL_TEST_SCOPE_MODULE
#        define T_SESSION       BL_TEST_SCOPE_SESSION
#        define T_RUN           BL_TEST_SCOPE_RUN
#        define T_CANCEL        BL_TEST_SWEEP_CANCEL
#        define T_OOM           BL_TEST_SWEEP_OOM
#    endif
#endif

#endif
