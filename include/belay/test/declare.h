/* SPDX-License-Identifier: MIT */
/*
 * belay/test/declare.h - declaring tests, and running them
 *
 * TEST registers a test when the program starts; `bl_test_main`, which
 * belay-test brings as main, runs all that are registered, sorted by file and
 * line.
 */
#ifndef BELAY_TEST_DECLARE_H
#define BELAY_TEST_DECLARE_H

#include <belay/loop.h>
#include <belay/test/parts.h>

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
    /* Moves by bl_test_advance alone; by itself while fixtures are set up and
     * torn down, since there is no body then to move it. */
    BL_TEST_CLOCK_MANUAL,
    BL_TEST_CLOCK_REAL
} bl_test_clock;

/* What a sweep injects, at each place in turn. */
enum {
    BL_TEST_SWEEP_CANCEL = 1, /* cancels the task that is at a checkpoint */
    BL_TEST_SWEEP_OOM = 2,    /* fails an allocation of the library */
    BL_TEST_SWEEP_IO = 4      /* fails or shortens an input or output */
};

/*
 * What TEST can be told, as `.field = value`.  Zero means default.
 */
typedef struct bl_test_options {
    size_t size; /* set by the macro */
    /* Of the loop's clock, for the body: then the test is cancelled, its
     * fixtures are torn down.  Default: ten years of virtual time or two
     * million sleeps of one task, 20 seconds of real time. */
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
    unsigned sweep;        /* BL_TEST_SWEEP_CANCEL | BL_TEST_SWEEP_OOM... */
    bool short_io;         /* in other orders, reads and writes move less */
    bool no_loop;          /* the body is plain C: no loop, not a task */
    bool may_leak;         /* leaks are allowed, for example after misuse */
    bl_driver_kind driver; /* default: that of the command line */
    size_t stack_bytes;    /* of the loop's tasks */
    size_t max_len;        /* of the inputs of FUZZ; default 4096 */
    unsigned inputs;       /* of FUZZ that are made in each run; 100 */
    const char *corpus;    /* a folder of inputs of FUZZ, beside the source */
} bl_test_options;

/* ---- what TEST stands on; not used by hand ------------------------------ */

struct bl__fixture;

typedef void bl__test_thunk(const void *const *values);

struct bl__test {
    const char *name;
    const char *file;
    int line;
    bl__test_thunk *body;
    struct bl__fixture *const *needs;
    size_t need_count;
    bool is_fuzz; /* FUZZ: its body takes an input */
    bl_test_options options;
    struct bl__test *next;
};

BL_API
void bl__test_register(struct bl__test *test);

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
 * Returns whether this run injects a cancellation, a failing allocation, or a
 * failing input or output.
 *
 * In such a run failing checks of the body are no failure; BL_CHECK_ALWAYS
 * counts all the same.
 */
BL_API
bool bl_test_is_injected(void);

BL_END_DECLS

#if defined(__GNUC__) && !defined(__cplusplus)

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
        BL__TEST_REGISTER(test, list, false, __VA_ARGS__)                      \
        static void test##__body(BL__UNUSED const void *bl__none BL__TEST_MAP( \
            BL__TEST_AS_PARAMETER, list))

#    define BL__TEST_REGISTER(test, list, fuzz, ...)                      \
        static struct bl__fixture *const test##__needs[] = {              \
            NULL BL__TEST_MAP(BL__TEST_AS_NEED, list)                     \
        };                                                                \
        static struct bl__test test##__test = {                           \
            .name = #test,                                                \
            .file = __FILE__,                                             \
            .line = __LINE__,                                             \
            .body = test##__thunk,                                        \
            .needs = test##__needs,                                       \
            .need_count =                                                 \
                sizeof(test##__needs) / sizeof(test##__needs[0]) - 1,     \
            .is_fuzz = fuzz,                                              \
            .options = { .size = sizeof(bl_test_options), __VA_ARGS__ },  \
        };                                                                \
        __attribute__((constructor)) static void test##__register(void) { \
            bl__test_register(&test##__test);                             \
        }

#elif defined(__cplusplus)

/* Says so, rather than what the compiler makes of the C inside. */
#    define BL__TEST_NEEDS_C(name) \
        static_assert(false, name " needs GNU C: write the test in a C file")
#    define BL_TEST(...)    BL__TEST_NEEDS_C("TEST");
#    define BL_FIXTURE(...) BL__TEST_NEEDS_C("FIXTURE");
#    define BL_PARAM(...)   BL__TEST_NEEDS_C("PARAM")

#endif

#endif
