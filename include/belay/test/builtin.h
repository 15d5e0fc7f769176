/* SPDX-License-Identifier: MIT */
/*
 * belay/test/builtin.h - fixtures that many tests need
 *
 * They are used like a file's own: `TEST(name, (t_tmpdir, t_rng)) { ... }`, and
 * other fixtures may depend on them.  The value of each is the parameter of the
 * same name.
 *
 *     t_tmpdir   const char *        an empty folder; it goes with the test
 *     t_port     bl_test_port        a socket that listens on loopback
 *     t_log      bl_test_log *       what is printed from here on
 *     t_env      bl_test_env *       the environment, put back afterwards
 *     t_rng      bl_test_rng *       random numbers, the same in every run
 *     t_clock    bl_test_stopwatch   how long it has been, by either clock
 */
#ifndef BELAY_TEST_BUILTIN_H
#define BELAY_TEST_BUILTIN_H

#include <belay/net.h>
#include <belay/test/fixture.h>
#include <belay/test/parts.h>

BL_BEGIN_DECLS

/* ---- t_tmpdir ------------------------------------------------------------ */

/*
 * Makes an empty folder for the rest of this process: for fixtures that live
 * longer than a test, and so cannot need t_tmpdir.  The runner removes it, with
 * all that is in it, when the process has ended.
 *
 * Returns its path, which stays valid.  Fails the test by REQUIRE if there can
 * be no folder.
 */
BL_API
const char *bl_test_folder(void);

/* ---- t_port -------------------------------------------------------------- */

/*
 * A TCP socket that listens at a free port of 127.0.0.1.
 *
 * It is bound, not guessed: nobody else can take the port meanwhile.  The code
 * under test accepts from `fd`, which does not block, and may close it.
 */
typedef struct bl_test_port {
    int fd;
    bl_addr address;
} bl_test_port;

/* bl_test_connect stands on it. */
BL_API
bl_stream *bl__test_connect(const struct bl__test_place *place,
                            const bl_test_port *port);

/* ---- t_log --------------------------------------------------------------- */

/* What this process writes to stdout and stderr. */
typedef struct bl_test_log bl_test_log;

/*
 * Returns what was printed since the log was set up or cleared.  Valid until
 * the next call for this log.
 */
BL_API
const char *bl_test_log_text(bl_test_log *log);

/*
 * Returns how many of these lines contain `text`.
 */
BL_API
size_t bl_test_log_count(bl_test_log *log, const char *text);

/*
 * Forgets what was printed so far.
 */
BL_API
void bl_test_log_clear(bl_test_log *log);

/* ---- t_env --------------------------------------------------------------- */

/* Whatever changes the environment, it is as before when the test is over. */
typedef struct bl_test_env bl_test_env;

/*
 * Sets a variable of the environment; NULL as the value removes it.  Fails the
 * test by REQUIRE if `name` cannot be one.
 */
BL_API
void bl_test_env_set(bl_test_env *env, const char *name, const char *value);

/* ---- t_rng --------------------------------------------------------------- */

/*
 * Random numbers that follow from --seed and the name of the test alone: other
 * tests, schedules and sweeps do not change them.
 */
typedef struct bl_test_rng {
    uint64_t _state;
} bl_test_rng;

/*
 * Returns the next number, of 64 random bits.
 */
BL_API
uint64_t bl_test_rng_next(bl_test_rng *rng);

/*
 * Returns a number from 0 to `count` - 1, each as likely; 0 if `count` is 0.
 */
BL_API
uint64_t bl_test_rng_below(bl_test_rng *rng, uint64_t count);

/*
 * Fills `buffer` with random bytes.
 */
BL_API
void bl_test_rng_fill(bl_test_rng *rng, void *buffer, size_t bytes);

/* ---- t_clock ------------------------------------------------------------- */

/* Two moments: when the test began, by the clock of its loop and by real time.
 * The loop of a worker that runs several tests does not begin at 0. */
typedef struct bl_test_stopwatch {
    bl_ns began;
    bl_ns began_real;
} bl_test_stopwatch;

/*
 * Returns how long it has been since the stopwatch was started, by the clock
 * of the running loop.
 */
BL_API
bl_ns bl_test_elapsed(bl_test_stopwatch stopwatch);

/*
 * Returns the same in real time.
 */
BL_API
bl_ns bl_test_elapsed_real(bl_test_stopwatch stopwatch);

BL_END_DECLS

#if defined(__GNUC__) && !defined(__cplusplus)

BL_FIXTURE_DECL(const char *, t_tmpdir);
BL_FIXTURE_DECL(bl_test_port, t_port);
BL_FIXTURE_DECL(bl_test_log *, t_log);
BL_FIXTURE_DECL(bl_test_env *, t_env);
BL_FIXTURE_DECL(bl_test_rng *, t_rng);
BL_FIXTURE_DECL(bl_test_stopwatch, t_clock);

/*
 * bl_test_connect(port) connects to a bl_test_port, and gives the stream.  If
 * that fails, it ends the task as REQUIRE does.
 */
#    define bl_test_connect(port) \
        bl__test_connect(         \
            BL__TEST_HERE("t_connect", #port, NULL, BL__TEST_REQUIRE), (port))

#endif

#endif
