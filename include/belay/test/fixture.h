/* SPDX-License-Identifier: MIT */
/*
 * belay/test/fixture.h - fixtures, which are tasks, and parameters
 *
 * Set-up and tear-down of a fixture are one function on one stack, parked in
 * YIELD while the test runs.  The names of fixtures that a test or another
 * fixture asks for are typed parameters of it: a misspelt one does not
 * compile, and since a name must be declared before it is used, there are no
 * circles.
 */
#ifndef BELAY_TEST_FIXTURE_H
#define BELAY_TEST_FIXTURE_H

#include <belay/test/declare.h>

BL_BEGIN_DECLS

/*
 * How long a fixture lives.  It may only need others that live at least as
 * long.
 *
 * Tests of a file that need a MODULE or SESSION fixture run in one process and
 * one loop, in the order of the source; so time has gone on when the second of
 * them begins.  Where one of them crashes, hangs or leaks, the others go on in
 * a new process, with the fixtures set up again.  Those with a clock, a driver
 * or a stack size of their own have a process beside.  Shuffled and injected
 * runs always have a process, and fixtures, for themselves.
 *
 * A RUN fixture stands in a process of its own, by the real clock.  Tests get
 * a copy of its value, which must be plain data: a port, a path, a process id.
 * It can need no PARAM.
 */
typedef enum bl_test_scope {
    BL_TEST_SCOPE_TEST = 0,
    BL_TEST_SCOPE_MODULE,  /* the tests of one source file */
    BL_TEST_SCOPE_SESSION, /* those of a worker process, which has many files */
    BL_TEST_SCOPE_RUN      /* all */
} bl_test_scope;

/*
 * What FIXTURE can be told, as `.field = value`.  Zero means default.
 */
typedef struct bl_fixture_options {
    size_t size; /* set by the macro */
    bl_test_scope scope;
    bool autouse;           /* every test of the file has it */
    bl_ns setup_timeout;    /* of the loop's clock; default: as for a test */
    bl_ns teardown_timeout; /* of the loop's clock; default: as for a test */
} bl_fixture_options;

/* ---- what FIXTURE stands on; not used by hand --------------------------- */

struct bl__fixture_run;

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

BL_API
void bl__fixture_register(struct bl__fixture *fixture);
BL_API
bl_test_outcome bl__fixture_yield(struct bl__fixture_run *run);

BL_END_DECLS

#if defined(__GNUC__) && !defined(__cplusplus)

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
        BL__FIXTURE_CHECK(fixture)                                           \
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

/* Values are parameters: they lie on the stack of each task that has them. */
#    define BL__FIXTURE_CHECK(fixture)                              \
        _Static_assert(sizeof(fixture##__fixture) <= 4096,          \
                       "the value of a fixture is copied onto the " \
                       "stacks of tests: make it a pointer");

/*
 * PARAM(type, name, value, ...);
 *
 * A fixture with several values: whatever depends on it runs once for each.
 */
#    define BL_PARAM(type, param, ...)                                         \
        typedef type param##__fixture;                                         \
        BL__FIXTURE_CHECK(param)                                               \
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

#endif

#endif
